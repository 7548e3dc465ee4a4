//! Connections over memory: the program itself moves the bytes.
//!
//! Nothing waits here, so that a call does all that it does under the lock of the
//! engine, which keeps the bytes of both directions.

use std::sync::MutexGuard;
use std::sync::atomic::Ordering;

use super::Connection;
use crate::connection::engine::Engine;
use crate::connection::io::add;
use crate::connection::transport::{Patience, Transport};
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

impl Connection {
    /// Over memory: hands over bytes from the peer, all of which are kept until they
    /// are read.  None is its end, after which nothing can follow.
    ///
    /// After a fatal error it returns that error and keeps nothing.  It fails with
    /// [`Status::State`] after the end, over anything else than memory, and where more
    /// than 64 KiB would wait behind the peer's close_notify: [`Self::leftover`] takes
    /// those, which makes room.
    pub fn feed(&self, bytes: &[u8]) -> Result<()> {
        let _call = self.enter()?;
        let mut engine = self.in_memory()?;
        self.check_failure()?;
        engine.feed(bytes)?;
        add(&self.received, bytes.len());
        Ok(())
    }

    /// Over memory: moves bytes for the peer to the front of `out`, as many as fit: how
    /// many, 0 when there are none.
    ///
    /// Fails with [`Status::State`] over anything else.
    pub fn drain(&self, out: &mut [u8]) -> Result<usize> {
        let _call = self.enter()?;
        let mut engine = self.in_memory()?;
        let count = engine.drain(out);
        add(&self.sent, count);
        Ok(count)
    }

    /// The same without a copy: shows the next bytes for the peer as they are, none when
    /// there are none.  Fewer than 65,536 are all that there were.  They are drained with
    /// this, whatever `show` does, which runs under a lock of the connection and may not
    /// call it.  They stay where they are until the next call of this.
    pub fn lend<T>(&self, show: impl FnOnce(&[u8]) -> T) -> Result<T> {
        let _call = self.enter()?;
        let mut engine = self.in_memory()?;
        let lent = engine.lend();
        add(&self.sent, lent.len());
        Ok(show(lent))
    }

    /// Over memory: how many bytes wait for the peer.
    ///
    /// Fails with [`Status::State`] over anything else.
    pub fn undrained(&self) -> Result<usize> {
        self.check_callable()?;
        Ok(self.in_memory()?.undrained())
    }

    fn in_memory(&self) -> Result<MutexGuard<'_, Engine>> {
        if self.is_memory {
            return Ok(self.engine());
        }
        let sentence = "this connection does not run over memory: nothing is fed to it or drained";
        Err(Error::state(sentence))
    }

    /// What [`Connection::write`] is here.
    pub(crate) fn write_memory(&self, data: &[u8]) -> Result<usize> {
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
    pub(crate) fn sealed(&self, engine: &mut Engine) -> u64 {
        self.sent.load(Ordering::Relaxed) + engine.undrained() as u64
    }
}
