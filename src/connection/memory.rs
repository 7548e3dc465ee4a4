//! A transport that is memory: the program itself moves the bytes.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::buffer::{Buffer, Queue};
use super::transport::{Patience, Transport};
use crate::{Error, Result, Status};

/// How much may wait for [`MemoryTransport::drain`] before writing wants to
/// wait.
const UNDRAINED_LIMIT: usize = 256 * 1024;

/// Carries the bytes of a connection through memory.  Cloning gives another
/// reference: one goes to the connection, the other feeds and drains it.
///
/// It never blocks: what is not there is [`Status::WantRead`], and what has no
/// room [`Status::WantWrite`].
#[derive(Clone, Default)]
pub struct MemoryTransport(Arc<Mutex<Queues>>);

#[derive(Default)]
struct Queues {
    from_peer: Queue,
    for_peer: Queue,
    ended: bool,
}

impl MemoryTransport {
    /// A transport without any bytes.
    pub fn new() -> Self {
        Self::default()
    }

    /// Hands over bytes from the peer.  None is its end.
    pub fn feed(&self, bytes: &[u8]) -> Result<()> {
        let mut queues = self.queues();
        if queues.ended {
            let sentence = "the end of the peer's bytes was fed already: nothing can follow it";
            return Err(Error::new(Status::State, sentence));
        }
        match bytes {
            [] => queues.ended = true,
            bytes => queues.from_peer.append(bytes),
        }
        Ok(())
    }

    /// Takes bytes for the peer: how many, 0 when there are none.
    pub fn drain(&self, out: &mut [u8]) -> usize {
        self.queues().for_peer.drain_into(out)
    }

    /// How many bytes wait for the peer.
    pub fn undrained(&self) -> usize {
        self.queues().for_peer.len()
    }

    /// Receives without a copy where that can be: into a buffer with nothing in it.
    pub(super) fn receive_buffer(&self, buffer: &mut Buffer) -> Result<usize> {
        if !buffer.is_empty() {
            let received = self.receive(buffer.spare(1), Patience::Never);
            buffer.commit(*received.as_ref().unwrap_or(&0));
            return received;
        }
        let mut queues = self.queues();
        match queues.from_peer.pop() {
            Some(first) => *buffer = first,
            None if !queues.ended => return Err(Status::WantRead.into()),
            None => {}
        }
        Ok(buffer.len())
    }

    /// Sends a whole buffer without a copy: how many bytes, after which there are none
    /// in it.
    pub(super) fn send_buffer(&self, buffer: &mut Buffer) -> Result<usize> {
        let mut queues = self.queues();
        if queues.for_peer.len() >= UNDRAINED_LIMIT {
            return Err(Status::WantWrite.into());
        }
        let count = buffer.len();
        queues.for_peer.push(std::mem::take(buffer));
        Ok(count)
    }

    fn queues(&self) -> MutexGuard<'_, Queues> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Transport for MemoryTransport {
    fn receive(&self, buffer: &mut [u8], _patience: Patience) -> Result<usize> {
        let mut queues = self.queues();
        match queues.from_peer.drain_into(buffer) {
            0 if !queues.ended => Err(Status::WantRead.into()),
            count => Ok(count),
        }
    }

    fn as_memory(&self) -> Option<&MemoryTransport> {
        Some(self)
    }

    fn send(&self, data: &[u8], _patience: Patience) -> Result<usize> {
        let mut queues = self.queues();
        let room = UNDRAINED_LIMIT.saturating_sub(queues.for_peer.len());
        match room.min(data.len()) {
            0 => Err(Status::WantWrite.into()),
            count => {
                queues.for_peer.append(&data[..count]);
                Ok(count)
            }
        }
    }
}

impl std::fmt::Debug for MemoryTransport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MemoryTransport").finish_non_exhaustive()
    }
}
