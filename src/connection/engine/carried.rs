//! What a connection over memory keeps: bytes that were fed, and bytes to be drained.
//!
//! Most calls need nothing of this: what is fed goes straight to where records are
//! opened, and what is drained comes from where they were sealed.  The queues have what
//! finds no room there.

use super::super::buffer::{Buffer, Queue};
use super::super::failure;
use super::super::limits::{LEFTOVER, UNDRAINED};
use super::super::record::{HEADER, begun_length};
use super::Engine;
use crate::{Error, Result, Status};

#[derive(Default)]
pub(super) struct Carried {
    /// Bytes from the peer, behind those that the engine has seen.
    from_peer: Queue,
    /// Bytes for the peer, before those that were sealed last.
    for_peer: Queue,
    /// What [`Engine::lend`] showed last.  Nothing else touches it: C knows its address.
    lent: Buffer,
    /// Whether the peer's end was fed.
    ended: bool,
}

impl Engine {
    /// The same for a connection over memory.
    pub(crate) fn over_memory(self) -> Self {
        let carried = Some(Box::default());
        Self { carried, ..self }
    }

    /// Keeps bytes from the peer, or, without any, its end.  Nothing is kept that nobody
    /// will read: after a fatal error, or too much after the peer's close_notify.
    pub(crate) fn feed(&mut self, bytes: &[u8]) -> Result<()> {
        self.check_failure()?;
        let carried = self.carried.get_or_insert_default();
        if carried.ended {
            let sentence = "the end of the peer's bytes was fed already: nothing can follow it";
            return Err(Error::new(Status::State, sentence));
        }
        let kept = self.incoming.len() + carried.from_peer.len();
        if self.peer_closed && !bytes.is_empty() && kept + bytes.len() > LEFTOVER {
            return Err(failure::too_much_leftover());
        }
        carried.ended = bytes.is_empty();
        let seen = match carried.from_peer.len() {
            0 => self.incoming.append_within(bytes),
            _ => 0,
        };
        if seen < bytes.len() {
            carried.from_peer.append(&bytes[seen..]);
        }
        Ok(())
    }

    /// Has a look at more of what was fed: whether there was something new.
    pub(super) fn take_fed(&mut self) -> bool {
        let Some(carried) = &mut self.carried else {
            return false;
        };
        if carried.from_peer.len() == 0 {
            return carried.ended && !std::mem::replace(&mut self.transport_ended, true);
        }
        // What follows close_notify is for who asks for it.
        if self.peer_closed {
            return false;
        }
        if self.incoming.is_empty() {
            self.incoming = carried.from_peer.pop().unwrap_or_default();
            return true;
        }
        // No more than the record lacks: what follows can then be taken without a copy.
        let begun = &self.incoming.filled()[self.shown.max(self.checked)..];
        let wanted = match begun_length(begun) {
            Some(length) => length.saturating_sub(begun.len()).max(1),
            None => HEADER - begun.len(),
        };
        let room = self.incoming.spare(wanted);
        let count = carried.from_peer.drain_into(&mut room[..wanted]);
        self.incoming.commit(count);
        true
    }

    /// Moves bytes for the peer to the front of `out`, as many as fit.
    pub(crate) fn drain(&mut self, out: &mut [u8]) -> usize {
        self.answer_key_update();
        let carried = self.carried.as_mut();
        let mut count = carried.map_or(0, |carried| carried.for_peer.drain_into(out));
        if count < out.len() && self.has_sealed() {
            count += self.outgoing.drain_into(&mut out[count..]);
        }
        count
    }

    /// The next bytes for the peer, which are drained with this.
    pub(crate) fn lend(&mut self) -> &[u8] {
        let queued = self
            .carried
            .as_mut()
            .and_then(|carried| carried.for_peer.pop());
        let next = queued.unwrap_or_else(|| self.take_outgoing());
        let carried = self.carried.get_or_insert_default();
        carried.lent = next;
        carried.lent.filled()
    }

    /// How many bytes wait for the peer here.
    pub(crate) fn undrained(&mut self) -> usize {
        self.answer_key_update();
        let queued = self.carried.as_ref();
        let sealed = match self.has_sealed() {
            true => self.outgoing.len(),
            false => 0,
        };
        queued.map_or(0, |carried| carried.for_peer.len()) + sealed
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
            let carried = self.carried.get_or_insert_default();
            if carried.for_peer.len() >= UNDRAINED {
                return Ok(taken);
            }
            carried.for_peer.push(std::mem::take(&mut self.outgoing));
        }
    }

    /// Forgets what was fed and not looked at.
    pub(super) fn forget_fed(&mut self) {
        if let Some(carried) = &mut self.carried {
            carried.from_peer = Queue::default();
        }
    }

    /// Takes what was fed and not looked at.
    pub(super) fn unseen(&mut self) -> Vec<u8> {
        let mut unseen = Vec::new();
        let queue = self.carried.as_mut().map(|carried| &mut carried.from_peer);
        if let Some(queue) = queue {
            unseen.resize(queue.len(), 0);
            queue.drain_into(&mut unseen);
        }
        unseen
    }
}
