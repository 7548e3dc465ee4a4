//! Connections in memory: the program itself moves the bytes.

use super::Connection;
use crate::Result;
#[cfg(doc)]
use crate::Status;

impl Connection {
    /// Over memory: takes bytes from the peer, all of which are kept until they are read.  An
    /// empty slice is the end of the stream, after which nothing can follow.
    ///
    /// After a fatal error it returns that error and keeps nothing.  It fails with
    /// [`Status::State`] after the end, over a transport, and if more than 64 KiB would wait
    /// after the peer's close_notify: [`Self::leftover`] takes those.
    pub fn feed(&self, bytes: &[u8]) -> Result<()> {
        let _call = self.enter()?;
        self.io.feed(bytes)
    }

    /// Over memory: moves bytes for the peer to the front of `out`, and returns how many, 0 if
    /// there are none.
    ///
    /// Fails with [`Status::State`] over a transport.
    pub fn drain(&self, out: &mut [u8]) -> Result<usize> {
        let _call = self.enter()?;
        self.io.drain(out)
    }

    /// Over memory: passes the next bytes for the peer to `use_bytes` without a copy; none if
    /// there are none.  They count as drained.  Fewer than 65,536 bytes mean that nothing else
    /// is pending.
    ///
    /// `use_bytes` runs under a lock of the connection, and may not call it.  The bytes do not
    /// move or change until the next call of this method.  Fails with [`Status::State`] over a
    /// transport.
    pub fn drain_borrowed<T>(&self, use_bytes: impl FnOnce(&[u8]) -> T) -> Result<T> {
        let _call = self.enter()?;
        self.io.drain_borrowed(use_bytes)
    }

    /// Over memory: returns how many bytes for the peer are pending.
    ///
    /// Fails with [`Status::State`] over a transport.
    pub fn undrained(&self) -> Result<usize> {
        self.check_callable()?;
        self.io.undrained()
    }
}
