//! Ending a connection that is to leave its transport to something else.

use zeroize::Zeroizing;

use super::Connection;
use crate::Result;
#[cfg(doc)]
use crate::Status;
use crate::connection::io::Work;
use crate::connection::transport::Timeout;

impl Connection {
    /// Sends close_notify, waits for the peer's (RFC 8446, section 6.1), and returns the
    /// bytes that came after it.  What the peer still sends before it is lost.
    ///
    /// `timeout` limits the call as a whole, so that a peer cannot hold it by sending
    /// without end: it fails with [`Status::Timeout`], and can
    /// be made again.
    pub fn finish(&self, timeout: Timeout) -> Result<Vec<u8>> {
        let _call = self.enter()?;
        let patience = timeout.start();
        self.shutdown_within(patience)?;
        let mut lost = Zeroizing::new(vec![0; 16_384]);
        let mut work = Work::begin(self);
        while self.read_within(&mut lost, patience)? > 0 {
            // What is here already, the peer's close_notify above all, would wake nobody.
            if self.pending_here() == 0 && !self.engine().is_peer_closed() {
                work.check(self, patience)?;
            }
        }
        Ok(self.engine().leftover())
    }
}
