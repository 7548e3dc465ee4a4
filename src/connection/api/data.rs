//! What is read and written: plaintext, the end of each direction, and new keys.

use std::sync::atomic::Ordering;

use zeroize::Zeroizing;

use super::Connection;
use crate::connection::engine::Read;
use crate::connection::io::Work;
use crate::connection::transport::Patience;
use crate::context::Version;
use crate::{Error, Result, Status};

/// Up to how many bytes the parts of a write are copied together: what makes one
/// record.
const GATHERED: usize = 16_384;

impl Connection {
    /// Reads up to `buffer.len()` bytes, and waits for the first of them: how
    /// many, or 0 after the peer's close_notify and only then.
    ///
    /// Fails with [`Status::Truncated`] when the transport ends without
    /// close_notify, unless the context allows that.
    pub fn read(&self, buffer: &mut [u8]) -> Result<usize> {
        let _call = self.enter()?;
        self.read_within(buffer, self.patience())
    }

    pub(crate) fn read_within(&self, buffer: &mut [u8], patience: Patience) -> Result<usize> {
        check_room(buffer)?;
        self.complete_handshake(patience)?;
        if self.is_memory {
            let read = self.engine().read(buffer);
            return self.conclude_read(read);
        }
        let _turn = self.reading.turn("reads from")?;
        self.check_failure()?;
        let mut read = self.read_here(buffer);
        let mut work = Work::begin(self);
        while matches!(read, Ok(Read::Blocked)) {
            work.check(self, patience)?;
            read = self.read_more(buffer, patience)?;
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
            Err(error) => Err(self.fail(error)),
        }
    }

    /// Writes `data`.
    ///
    /// Where it may wait, it returns when all of `data` is with the transport:
    /// `data.len()`.  Where it may not, it returns how many bytes it took, at
    /// least one: these are not to be given again, and what the transport does
    /// not take at once is sent by later calls.  It fails with
    /// [`Status::WantWrite`] when it could take none.
    ///
    /// A server that read early data may answer it before the handshake is complete.
    ///
    /// When the time limit passes with `data` partly taken, writing is over:
    /// the caller could not know where to go on.
    pub fn write(&self, data: &[u8]) -> Result<usize> {
        let _call = self.enter()?;
        let patience = self.patience();
        if !self.answers_early() {
            self.complete_handshake(patience)?;
        }
        if self.is_memory {
            return self.write_memory(data);
        }
        let _turn = self.writing.turn("writes to")?;
        self.with_outbox(|outbox| self.write_to(outbox, data, patience))
    }

    /// Writes `data` like [`Self::write`], for a caller that keeps count: returns how many
    /// bytes were taken, and the error that kept the rest from being taken.
    ///
    /// Bytes that were taken are not to be given again, whatever the error.  After
    /// [`Status::Timeout`] or an interrupted wait the connection can still be written to,
    /// from the first byte that was not taken; [`Self::flush`] sends those that were.
    pub fn write_counted(&self, data: &[u8]) -> (usize, Result<()>) {
        if self.is_memory {
            let written = self.write(data);
            return (
                written.as_ref().map_or(0, |count| *count),
                written.map(drop),
            );
        }
        match self.enter() {
            Ok(_call) => self.write_counted_within(data, self.patience()),
            Err(error) => (0, Err(error)),
        }
    }

    fn write_counted_within(&self, data: &[u8], patience: Patience) -> (usize, Result<()>) {
        let ready = match self.answers_early() {
            true => Ok(()),
            false => self.complete_handshake(patience),
        };
        match ready.and_then(|()| self.writing.turn("writes to")) {
            Ok(_turn) => self.with_outbox(|outbox| self.write_part(outbox, data, patience)),
            Err(error) => (0, Err(error)),
        }
    }

    /// Writes the parts one after the other, as [`Self::write`] does with one:
    /// small ones share records and system calls, large ones are not copied.
    pub fn write_vectored(&self, parts: &[&[u8]]) -> Result<usize> {
        let mut gathered = Zeroizing::new(Vec::new());
        let mut taken = 0;
        let mut parts = parts.iter().filter(|part| !part.is_empty()).peekable();
        while let Some(part) = parts.next() {
            gathered.clear();
            let mut length = part.len();
            while let Some(more) = parts.next_if(|more| length + more.len() <= GATHERED) {
                if gathered.is_empty() {
                    gathered.reserve(GATHERED);
                    gathered.extend_from_slice(part);
                }
                gathered.extend_from_slice(more);
                length += more.len();
            }
            let next: &[u8] = if gathered.is_empty() { part } else { &gathered };
            match self.write(next) {
                Ok(count) if count == next.len() => taken += count,
                Ok(count) => return Ok(taken + count),
                Err(error) if taken > 0 && error.status() == Status::WantWrite => break,
                Err(error) => return Err(error),
            }
        }
        if taken == 0 {
            return self.write(&[]);
        }
        Ok(taken)
    }

    /// Changes the keys of what is sent, and asks the peer for the same (RFC
    /// 8446, section 4.6.3).  It goes out with what is written next, or with
    /// [`Self::flush`].  TLS 1.2 has no such thing.
    pub fn refresh_keys(&self) -> Result<()> {
        let _call = self.enter()?;
        self.complete_handshake(self.patience())?;
        let _turn = self.writing.turn("writes to")?;
        self.check_open()?;
        self.with_outbox(|outbox| outbox.check_failure())?;
        if self.agreed().map(|agreed| agreed.version) != Some(Version::Tls13) {
            let sentence = "keys change on request in TLS 1.3 alone, and this is TLS 1.2";
            return Err(Error::new(Status::Unsupported, sentence));
        }
        let refreshed = self.engine().refresh_keys();
        refreshed.map_err(|error| self.fail(error))
    }

    /// Sends what earlier calls took and the transport did not.
    pub fn flush(&self) -> Result<()> {
        let _call = self.enter()?;
        self.check_failure()?;
        let _turn = self.writing.turn("writes to")?;
        self.with_outbox(|outbox| {
            outbox.check_failure()?;
            self.send_all(outbox, self.patience())
        })
    }

    /// Says close_notify (RFC 8446, section 6.1): nothing can be written after
    /// it, reading goes on.  It does not wait for the peer's.  Calling it again
    /// only sends what is left to send.  Before the handshake is complete there
    /// is nothing to say, and the connection just cannot be written to; only a
    /// server that read early data completes it first.
    pub fn shutdown(&self) -> Result<()> {
        let _call = self.enter()?;
        self.shutdown_within(self.patience())
    }

    pub(crate) fn shutdown_within(&self, patience: Patience) -> Result<()> {
        self.check_failure()?;
        if self.answers_early() {
            self.complete_handshake(patience)?;
        }
        let _turn = self.writing.turn("writes to")?;
        self.with_outbox(|outbox| {
            outbox.check_failure()?;
            if !self.closed.swap(true, Ordering::AcqRel) && !self.is_handshaking() {
                let sealed = self.engine().close_notify();
                sealed.map_err(|error| self.fail(error))?;
            }
            self.send_all(outbox, patience)
        })
    }

    /// Whether close_notify was sent, or waits to be, so that nothing can be written.
    pub fn is_write_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// How many bytes can be read without the transport: 0 only if there are
    /// none.  May decrypt what has come, and never waits.
    pub fn pending(&self) -> usize {
        // What came may be decrypted, and a ticket in it runs callbacks.
        match self.enter() {
            Ok(_call) => self.pending_here(),
            Err(_) => 0,
        }
    }

    pub(crate) fn pending_here(&self) -> usize {
        match self.is_handshaking() {
            true => 0,
            false => self.engine().pending(),
        }
    }

    /// Whether the peer's close_notify has come.
    pub fn peer_closed(&self) -> bool {
        self.enter_engine()
            .is_some_and(|engine| engine.is_peer_closed())
    }

    /// Takes the bytes that came after the peer's close_notify.  They are not
    /// TLS: what they are is between the peers.
    pub fn leftover(&self) -> Vec<u8> {
        let engine = self.enter_engine();
        engine.map_or_else(Vec::new, |mut engine| engine.leftover())
    }
}

pub(crate) fn check_room(buffer: &[u8]) -> Result<()> {
    if !buffer.is_empty() {
        return Ok(());
    }
    let sentence = "reading needs room for at least 1 byte: 0 bytes would look like the end";
    Err(Error::argument(sentence))
}
