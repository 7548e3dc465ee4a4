//! Closing: close_notify in both directions (RFC 8446, section 6.1).

use zeroize::Zeroizing;

use super::Connection;
use crate::Result;
#[cfg(doc)]
use crate::Status;
use crate::connection::io::Work;
use crate::connection::transport::{Timeout, WaitMode};

impl Connection {
    /// Sends close_notify (RFC 8446, section 6.1).  Nothing can be written after it; reading
    /// continues.  Does not wait for the peer's close_notify.  Calling it again only sends what
    /// the transport did not take.
    ///
    /// Before the handshake is complete, it sends nothing and only closes the connection for
    /// writing.  A server that read early data completes the handshake first.
    pub fn shutdown(&self) -> Result<()> {
        let _call = self.enter()?;
        self.shutdown_within(self.wait_mode())
    }

    pub(super) fn shutdown_within(&self, wait: WaitMode) -> Result<()> {
        self.io.check_failure()?;
        if self.may_answer_early_data() {
            self.complete_handshake(wait)?;
        }
        let _turn = self.writing.turn("writes to")?;
        self.io.with_outbox(|outbox| {
            outbox.check_failure()?;
            if self.io.close_write() && !self.is_handshaking() {
                let sealed = self.io.engine().close_notify();
                sealed.map_err(|error| self.io.fail(error))?;
            }
            self.io.send_all(outbox, wait)
        })
    }

    /// Whether [`Self::shutdown`] was called, so that nothing can be written.
    pub fn is_write_closed(&self) -> bool {
        self.io.is_write_closed()
    }

    /// Sends close_notify, waits for the peer's (RFC 8446, section 6.1), and returns the bytes
    /// that follow it.  Discards the data that the peer sends before it.
    ///
    /// `timeout` limits the call as a whole, so that a peer cannot prolong it by sending without
    /// end.  Then it fails with [`Status::Timeout`], and can be repeated.
    pub fn finish(&self, timeout: Timeout) -> Result<Vec<u8>> {
        let _call = self.enter()?;
        let wait = timeout.start();
        self.shutdown_within(wait)?;
        let mut lost = Zeroizing::new(vec![0; 16_384]);
        let mut work = Work::begin(&self.io);
        while self.read_within(&mut lost, wait)? > 0 {
            // Process everything that was received first: no event announces it again.
            if self.pending_here() == 0 && !self.io.engine().is_peer_closed() {
                work.check(&self.io, wait)?;
            }
        }
        Ok(self.io.engine().leftover())
    }
}
