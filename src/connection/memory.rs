//! Connections over memory: the program itself moves the bytes.
//!
//! Nothing waits here, so that a call does all that it does under the lock of the
//! engine, which keeps the bytes of both directions.

use std::sync::MutexGuard;
use std::sync::atomic::Ordering;

use super::buffer::Buffer;
use super::engine::Engine;
use super::pump::add;
use super::stream::Connection;
use super::transport::{Patience, Transport};
use crate::{Error, Result, Status};

/// Makes a connection run over memory: bytes from the peer go in by
/// [`Connection::feed`], and those for the peer come out by [`Connection::drain`].
///
/// Calls on such a connection never block: what is not there is
/// [`Status::WantRead`], and [`Status::WantWrite`] is too much that was not drained.
#[derive(Clone, Copy, Debug, Default)]
pub struct MemoryTransport;

impl Transport for MemoryTransport {
    fn receive(&self, _buffer: &mut [u8], _patience: Patience) -> Result<usize> {
        Err(Status::WantRead.into())
    }

    fn send(&self, _data: &[u8], _patience: Patience) -> Result<usize> {
        Err(Status::WantWrite.into())
    }

    fn is_memory(&self) -> bool {
        true
    }
}

/// Records for the peer, from [`Connection::drain_piece`]: never empty.
pub struct Piece(Buffer);

impl std::ops::Deref for Piece {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.0.filled()
    }
}

impl std::fmt::Debug for Piece {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Piece({} bytes)", self.len())
    }
}

impl Connection {
    /// Over memory: hands over bytes from the peer, all of which are kept until they
    /// are read.  None is its end, after which nothing can follow.
    ///
    /// Fails with [`Status::State`] after that, and over anything else than memory.
    pub fn feed(&self, bytes: &[u8]) -> Result<()> {
        let mut engine = self.in_memory()?;
        engine.feed(bytes)?;
        add(&self.received, bytes.len());
        Ok(())
    }

    /// Over memory: moves bytes for the peer to the front of `out`, as many as fit: how
    /// many, 0 when there are none.
    ///
    /// Fails with [`Status::State`] over anything else.
    pub fn drain(&self, out: &mut [u8]) -> Result<usize> {
        let mut engine = self.in_memory()?;
        let count = engine.drain(out);
        add(&self.sent, count);
        Ok(count)
    }

    /// The same without a copy: the next bytes for the peer as they are.  When they
    /// are fewer than 65,536, they are all that there were.
    pub fn drain_piece(&self) -> Result<Option<Piece>> {
        let mut engine = self.in_memory()?;
        let piece = engine.drain_piece();
        add(&self.sent, piece.as_ref().map_or(0, Buffer::len));
        Ok(piece.map(Piece))
    }

    /// Over memory: how many bytes wait for the peer.
    ///
    /// Fails with [`Status::State`] over anything else.
    pub fn undrained(&self) -> Result<usize> {
        Ok(self.in_memory()?.undrained())
    }

    fn in_memory(&self) -> Result<MutexGuard<'_, Engine>> {
        if self.is_memory {
            return Ok(self.engine());
        }
        let sentence = "this connection does not run over memory: nothing is fed to it or drained";
        Err(Error::new(Status::State, sentence))
    }

    /// What [`Connection::write`] is here.
    pub(super) fn write_memory(&self, data: &[u8]) -> Result<usize> {
        self.check_failure()?;
        let mut engine = self.engine();
        self.check_open()?;
        match engine.encrypt_to_drain(data) {
            Ok(0) if !data.is_empty() => Err(Status::WantWrite.into()),
            Ok(taken) => Ok(taken),
            Err(error) => {
                drop(engine);
                Err(self.fail(error))
            }
        }
    }

    /// Everything that was sealed so far: on the way, or to be drained.
    pub(super) fn sealed(&self, engine: &Engine) -> u64 {
        self.sent.load(Ordering::Relaxed) + engine.undrained() as u64
    }
}
