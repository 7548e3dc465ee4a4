//! Reading plaintext.

use super::Connection;
use crate::connection::engine::Read;
use crate::connection::io::Work;
use crate::connection::transport::WaitMode;
use crate::{Error, Result, Status};

impl Connection {
    /// Reads up to `buffer.len()` bytes, and returns how many, at least one.  Returns 0 only
    /// after the peer's close_notify.  Waits for the first byte, but for no more.
    ///
    /// Fails with [`Status::Truncated`] if the transport ends without close_notify, unless the
    /// context allows that.
    pub fn read(&self, buffer: &mut [u8]) -> Result<usize> {
        let _call = self.enter()?;
        self.read_within(buffer, self.wait_mode())
    }

    pub(super) fn read_within(&self, buffer: &mut [u8], wait: WaitMode) -> Result<usize> {
        check_room(buffer)?;
        self.complete_handshake(wait)?;
        if self.io.is_memory() {
            let read = self.io.engine().read(buffer);
            return self.conclude_read(read);
        }
        let _turn = self.reading.turn("reads from")?;
        self.io.check_failure()?;
        let mut read = self.io.read_buffered(buffer);
        let mut work = Work::begin(&self.io);
        while matches!(read, Ok(Read::Blocked)) {
            work.check(&self.io, wait)?;
            read = self.io.receive_and_read(buffer, wait)?;
        }
        self.conclude_read(read)
    }

    fn conclude_read(&self, read: Result<Read>) -> Result<usize> {
        self.report_sessions();
        match read {
            Ok(Read::Plaintext(count)) => Ok(count),
            Ok(Read::Closed) => Ok(0),
            Ok(Read::Blocked) => Err(Status::WantRead.into()),
            Err(error) if error.status() == Status::Truncated => match self.allows_truncation() {
                true => Ok(0),
                false => Err(error),
            },
            Err(error) => Err(self.io.fail(error)),
        }
    }

    /// Returns how many bytes can be read without receiving more; 0 only if there are none.
    /// May decrypt records that were received, and never waits.
    pub fn pending(&self) -> usize {
        // Decrypting may find a ticket, which runs callbacks.
        match self.enter() {
            Ok(_call) => self.pending_here(),
            Err(_) => 0,
        }
    }

    pub(super) fn pending_here(&self) -> usize {
        match self.is_handshaking() {
            true => 0,
            false => self.io.engine().pending(),
        }
    }

    /// Whether the peer's close_notify was received.
    pub fn peer_closed(&self) -> bool {
        self.enter_engine()
            .is_some_and(|engine| engine.is_peer_closed())
    }

    /// Takes the bytes that were received after the peer's close_notify.  They are not TLS; the
    /// application protocol defines them.
    pub fn leftover(&self) -> Vec<u8> {
        let engine = self.enter_engine();
        engine.map_or_else(Vec::new, |mut engine| engine.leftover())
    }
}

pub(super) fn check_room(buffer: &[u8]) -> Result<()> {
    if !buffer.is_empty() {
        return Ok(());
    }
    let sentence = "reading needs room for at least 1 byte: 0 bytes would look like the end";
    Err(Error::argument(sentence))
}
