//! The work budget of a call, so that a peer cannot keep it busy with input that gives no data.

use super::Io;
use crate::base::limits::CALL_INPUT;
use crate::connection::transport::{Interest, WaitMode};
use crate::{Result, Status};

/// The work budget of one call.
pub(crate) struct Work {
    /// How many bytes had been received when the call began, or last had data for its caller.
    start: u64,
    early_data: usize,
}

impl Work {
    pub(crate) fn begin(io: &Io) -> Self {
        Self {
            start: io.received(),
            early_data: 0,
        }
    }

    /// Fails if the call may not receive more after it processed some records.  Its deadline
    /// is checked here, since a transport checks it only while it has nothing to receive.
    pub(crate) fn check(&mut self, io: &Io, wait: WaitMode) -> Result<()> {
        let received = io.received();
        if received == self.start {
            return Ok(());
        }
        if let Some(error) = wait.timed_out(Interest::Readable) {
            return Err(error);
        }
        if received - self.start < CALL_INPUT || !io.is_nonblocking(wait) {
            return Ok(());
        }
        let early_data = io.engine().early_len();
        if early_data > std::mem::replace(&mut self.early_data, early_data) {
            self.start = received;
            return Ok(());
        }
        Err(Status::WantRead.into())
    }
}
