//! The queues of a connection over memory: bytes that were fed, and bytes to be drained.
//!
//! Most calls do not need them: fed bytes go straight to the buffer where records are opened,
//! and drained bytes come from the buffer where records are sealed.  The queues hold what
//! those buffers have no room for.

use super::Engine;
use super::failure;
use crate::base::limits::{LEFTOVER, UNDRAINED};
use crate::connection::records::{Buffer, Queue};
use crate::connection::records::{HEADER, begun_length};
use crate::{Error, Result};

#[derive(Default)]
pub(super) struct MemoryQueues {
    /// Bytes from the peer, behind those in the engine's buffer.
    input: Queue,
    /// Bytes for the peer, before those in the engine's buffer.
    output: Queue,
    /// What [`Engine::drain_borrowed`] returned last.  Nothing else changes it: C has its address.
    borrowed: Buffer,
    /// Whether the peer's end was fed.
    ended: bool,
}

impl Engine {
    /// The same for a connection over memory.
    pub(crate) fn over_memory(self) -> Self {
        let memory = Some(Box::default());
        Self { memory, ..self }
    }

    /// Keeps bytes from the peer, or, without any, its end.  Nothing is kept that nobody
    /// will read: after a fatal error, or too much after the peer's close_notify.
    pub(crate) fn feed(&mut self, bytes: &[u8]) -> Result<()> {
        self.check_failure()?;
        let memory = self.memory.get_or_insert_default();
        if memory.ended {
            let sentence = "the end of the peer's bytes was fed already: nothing can follow it";
            return Err(Error::state(sentence));
        }
        let kept = self.incoming.len() + memory.input.len();
        if self.peer_closed && !bytes.is_empty() && kept + bytes.len() > LEFTOVER {
            return Err(failure::too_much_leftover());
        }
        memory.ended = bytes.is_empty();
        let seen = match memory.input.len() {
            0 => self.incoming.append_within(bytes),
            _ => 0,
        };
        if seen < bytes.len() {
            memory.input.append(&bytes[seen..]);
        }
        Ok(())
    }

    /// Has a look at more of what was fed: whether there was something new.
    pub(super) fn take_fed(&mut self) -> bool {
        let Some(memory) = &mut self.memory else {
            return false;
        };
        if memory.input.len() == 0 {
            return memory.ended && !std::mem::replace(&mut self.transport_ended, true);
        }
        // What follows close_notify is for who asks for it.
        if self.peer_closed {
            return false;
        }
        if self.incoming.is_empty() {
            self.incoming = memory.input.pop().unwrap_or_default();
            return true;
        }
        // No more than the record lacks: what follows can then be taken without a copy.
        let begun = &self.incoming.filled()[self.given.max(self.checked)..];
        let wanted = match begun_length(begun) {
            Some(length) => length.saturating_sub(begun.len()).max(1),
            None => HEADER - begun.len(),
        };
        let room = self.incoming.spare(wanted);
        let count = memory.input.drain_into(&mut room[..wanted]);
        self.incoming.commit(count);
        true
    }

    /// Moves bytes for the peer to the front of `out`, as many as fit.
    pub(crate) fn drain(&mut self, out: &mut [u8]) -> usize {
        self.answer_key_update();
        let memory = self.memory.as_mut();
        let mut count = memory.map_or(0, |memory| memory.output.drain_into(out));
        if count < out.len() && self.has_sealed() {
            count += self.outgoing.drain_into(&mut out[count..]);
        }
        count
    }

    /// The next bytes for the peer, which are drained with this.
    pub(crate) fn drain_borrowed(&mut self) -> &[u8] {
        let queued = self.memory.as_mut().and_then(|memory| memory.output.pop());
        let next = queued.unwrap_or_else(|| self.take_outgoing());
        let memory = self.memory.get_or_insert_default();
        memory.borrowed = next;
        memory.borrowed.filled()
    }

    /// How many bytes wait for the peer here.
    pub(crate) fn undrained(&mut self) -> usize {
        self.answer_key_update();
        let queued = self.memory.as_ref();
        let sealed = match self.has_sealed() {
            true => self.outgoing.len(),
            false => 0,
        };
        queued.map_or(0, |memory| memory.output.len()) + sealed
    }

    /// Seals the front of `data`: how much of it was taken, none when as much waits to
    /// be drained as may.
    pub(crate) fn encrypt_to_drain(&mut self, data: &[u8]) -> Result<usize> {
        let mut taken = 0;
        loop {
            taken += self.encrypt(&data[taken..], 0)?;
            if taken == data.len() {
                return Ok(taken);
            }
            let memory = self.memory.get_or_insert_default();
            if memory.output.len() >= UNDRAINED {
                return Ok(taken);
            }
            memory.output.push(std::mem::take(&mut self.outgoing));
        }
    }

    /// Forgets what was fed and not looked at.
    pub(super) fn forget_fed(&mut self) {
        if let Some(memory) = &mut self.memory {
            memory.input = Queue::default();
        }
    }

    /// Takes what was fed and not looked at.
    pub(super) fn unseen(&mut self) -> Vec<u8> {
        let mut unseen = Vec::new();
        let queue = self.memory.as_mut().map(|memory| &mut memory.input);
        if let Some(queue) = queue {
            unseen.resize(queue.len(), 0);
            queue.drain_into(&mut unseen);
        }
        unseen
    }
}
