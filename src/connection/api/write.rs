//! Writing plaintext, and key updates.

use zeroize::Zeroizing;

use super::Connection;
use crate::connection::transport::WaitMode;
use crate::context::Version;
use crate::{Error, Result, Status};

/// The size up to which [`Connection::write_vectored`] copies parts together, in bytes: one
/// record.
const GATHERED: usize = 16_384;

impl Connection {
    /// Writes `data`.
    ///
    /// If the call may wait, it returns `data.len()` when the transport has taken all of `data`.
    /// Otherwise it returns how many bytes it took, at least one; do not pass these again.
    /// Later calls send what the transport did not take at once.  It fails with
    /// [`Status::WantWrite`] if it can take none.
    ///
    /// A server that read early data may answer it before the handshake is complete.
    ///
    /// If the time limit passes with `data` partly taken, nothing more can be written, since
    /// the caller cannot know where to continue.  See [`Self::write_counted`].
    pub fn write(&self, data: &[u8]) -> Result<usize> {
        let _call = self.enter()?;
        let wait = self.wait_mode();
        if !self.may_answer_early_data() {
            self.complete_handshake(wait)?;
        }
        if self.io.is_memory() {
            return self.io.write_memory(data);
        }
        let _turn = self.writing.turn("writes to")?;
        self.io
            .with_outbox(|outbox| self.io.write(outbox, data, wait))
    }

    /// Writes `data` like [`Self::write`], and returns how many bytes were taken, and the error
    /// that kept the rest from being taken.
    ///
    /// Do not pass the bytes that were taken again, whatever the error.  After
    /// [`Status::Timeout`] or an interrupted wait, writing can continue from the first byte
    /// that was not taken; [`Self::flush`] sends those that were.
    pub fn write_counted(&self, data: &[u8]) -> (usize, Result<()>) {
        if self.io.is_memory() {
            let written = self.write(data);
            return (
                written.as_ref().map_or(0, |count| *count),
                written.map(drop),
            );
        }
        match self.enter() {
            Ok(_call) => self.write_counted_within(data, self.wait_mode()),
            Err(error) => (0, Err(error)),
        }
    }

    fn write_counted_within(&self, data: &[u8], wait: WaitMode) -> (usize, Result<()>) {
        let ready = match self.may_answer_early_data() {
            true => Ok(()),
            false => self.complete_handshake(wait),
        };
        match ready.and_then(|()| self.writing.turn("writes to")) {
            Ok(_turn) => self
                .io
                .with_outbox(|outbox| self.io.write_counted(outbox, data, wait)),
            Err(error) => (0, Err(error)),
        }
    }

    /// Writes the parts in order, like [`Self::write`].  Small parts share records and system
    /// calls; large ones are not copied.
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

    /// Changes the sending keys, and requests that the peer does the same (KeyUpdate, RFC 8446,
    /// section 4.6.3).  The next write or [`Self::flush`] sends the request.  TLS 1.2 has no
    /// KeyUpdate: there it fails with [`Status::Unsupported`].
    pub fn refresh_keys(&self) -> Result<()> {
        let _call = self.enter()?;
        self.complete_handshake(self.wait_mode())?;
        let _turn = self.writing.turn("writes to")?;
        self.io.check_write_open()?;
        self.io.with_outbox(|outbox| outbox.check_failure())?;
        if self.agreed().map(|agreed| agreed.version) != Some(Version::Tls13) {
            let sentence = "keys change on request in TLS 1.3 alone, and this is TLS 1.2";
            return Err(Error::new(Status::Unsupported, sentence));
        }
        let refreshed = self.io.engine().refresh_keys();
        refreshed.map_err(|error| self.io.fail(error))
    }

    /// Sends records that the transport did not take in earlier calls.
    pub fn flush(&self) -> Result<()> {
        let _call = self.enter()?;
        self.io.check_failure()?;
        let _turn = self.writing.turn("writes to")?;
        self.io.with_outbox(|outbox| {
            outbox.check_failure()?;
            self.io.send_all(outbox, self.wait_mode())
        })
    }
}
