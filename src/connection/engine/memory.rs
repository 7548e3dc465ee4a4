//! The queues of a connection in memory: bytes that were fed, and bytes to be drained.
//!
//! Most calls do not need them: fed bytes go straight to the buffer where records are opened,
//! and drained bytes come from the buffer where records are sealed.  The queues hold what does
//! not fit into those buffers.

use super::Engine;
use super::failure;
use crate::base::limits::{AFTER_CLOSE_NOTIFY, MEMORY_OUTPUT};
use crate::connection::records::{Buffer, Queue};
use crate::{Error, Result};

#[derive(Default)]
pub(super) struct MemoryQueues {
    /// Bytes from the peer, behind those in the engine's buffer.
    input: Queue,
    /// Bytes for the peer, before those in the engine's buffer.
    output: Queue,
    /// The bytes that [`Engine::drain_borrowed`] returned last.  Nothing else may change them,
    /// since C has their address.
    borrowed: Buffer,
    /// Whether the end of the peer's bytes was fed.
    ended: bool,
}

impl Engine {
    /// Turns this into the engine of a connection in memory.
    pub(crate) fn in_memory(self) -> Self {
        let memory = Some(Box::default());
        Self { memory, ..self }
    }

    /// Adds bytes from the peer; an empty slice is their end.  Refuses bytes that nobody will
    /// read: after a fatal error, and too many after the peer's close_notify.
    pub(crate) fn feed(&mut self, bytes: &[u8]) -> Result<()> {
        self.check_failure()?;
        let memory = self.memory.get_or_insert_default();
        if memory.ended {
            let sentence = "the end of the peer's bytes was fed already: nothing can follow it";
            return Err(Error::state(sentence));
        }
        let kept = self.input.len() + memory.input.len();
        if self.peer_end.is_closed() && !bytes.is_empty() && kept + bytes.len() > AFTER_CLOSE_NOTIFY
        {
            return Err(failure::too_much_leftover());
        }
        memory.ended = bytes.is_empty();
        let buffered = match memory.input.len() {
            0 => self.input.buffer_mut().append_within(bytes),
            _ => 0,
        };
        if buffered < bytes.len() {
            memory.input.append(&bytes[buffered..]);
        }
        Ok(())
    }

    /// Moves fed bytes from the queue to the buffer, and returns whether there is something new.
    pub(super) fn take_fed_bytes(&mut self) -> bool {
        let Some(memory) = &mut self.memory else {
            return false;
        };
        if memory.input.len() == 0 {
            return memory.ended && self.peer_end.end_transport();
        }
        // Bytes after close_notify are left over.
        if self.peer_end.is_closed() {
            return false;
        }
        if self.input.is_empty() {
            let next = memory.input.pop().unwrap_or_default();
            self.input.return_buffer(next);
            return true;
        }
        // No more than the record lacks, so that what follows can be taken without a copy.
        let missing = self.input.missing();
        let buffer = self.input.buffer_mut();
        let room = buffer.spare(missing);
        let count = memory.input.drain_into(&mut room[..missing]);
        buffer.commit(count);
        true
    }

    /// Moves bytes for the peer to the front of `out`, as many as fit, and returns how many.
    pub(crate) fn drain(&mut self, out: &mut [u8]) -> usize {
        self.answer_key_update();
        let memory = self.memory.as_mut();
        let mut count = memory.map_or(0, |memory| memory.output.drain_into(out));
        if count < out.len() && self.has_sealed() {
            count += self.outgoing.drain_into(&mut out[count..]);
        }
        count
    }

    /// Returns the next bytes for the peer, which count as drained.
    pub(crate) fn drain_borrowed(&mut self) -> &[u8] {
        let queued = self.memory.as_mut().and_then(|memory| memory.output.pop());
        let next = queued.unwrap_or_else(|| self.take_outgoing());
        let memory = self.memory.get_or_insert_default();
        memory.borrowed = next;
        memory.borrowed.filled()
    }

    /// Returns how many bytes for the peer wait here.
    pub(crate) fn undrained(&mut self) -> usize {
        self.answer_key_update();
        let queued = self.memory.as_ref();
        let sealed = match self.has_sealed() {
            true => self.outgoing.len(),
            false => 0,
        };
        queued.map_or(0, |memory| memory.output.len()) + sealed
    }

    /// Seals the front of `data`, and returns how much was taken: 0 if as many bytes wait to be
    /// drained as may.
    pub(crate) fn encrypt_to_drain(&mut self, data: &[u8]) -> Result<usize> {
        let mut taken = 0;
        loop {
            taken += self.encrypt(&data[taken..], 0)?;
            if taken == data.len() {
                return Ok(taken);
            }
            let memory = self.memory.get_or_insert_default();
            if memory.output.len() >= MEMORY_OUTPUT {
                return Ok(taken);
            }
            memory.output.push(std::mem::take(&mut self.outgoing));
        }
    }

    /// Discards fed bytes in the queue.
    pub(super) fn discard_queued_input(&mut self) {
        if let Some(memory) = &mut self.memory {
            memory.input = Queue::default();
        }
    }

    /// Takes the fed bytes in the queue.
    pub(super) fn take_queued_input(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let queue = self.memory.as_mut().map(|memory| &mut memory.input);
        if let Some(queue) = queue {
            bytes.resize(queue.len(), 0);
            queue.drain_into(&mut bytes);
        }
        bytes
    }
}
