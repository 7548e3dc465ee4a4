//! The time limit of a whole handshake, which a peer cannot extend by sending a little at a
//! time.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use super::Io;
use crate::connection::transport::{Deadline, SharedTimeout, Timeout, WaitMode};
use crate::{Error, Result, Status};

/// The time limit of the handshake, and when the handshake began.
#[derive(Default)]
pub(crate) struct HandshakeTimeout {
    limit: SharedTimeout,
    began: OnceLock<Instant>,
}

impl HandshakeTimeout {
    pub(crate) fn set(&self, limit: Option<Duration>) {
        let limit = limit.map_or(Timeout::Descriptor, Timeout::After);
        self.limit.set(limit);
    }

    /// Runs one step of the handshake, which may wait as `wait` says, but not longer than the
    /// handshake may.
    pub(crate) fn limit<T>(
        &self,
        io: &Io,
        wait: WaitMode,
        step: impl FnOnce(WaitMode) -> Result<T>,
    ) -> Result<T> {
        let Timeout::After(limit) = self.limit.get() else {
            return step(wait);
        };
        let began = *self.began.get_or_init(Instant::now);
        let Some(deadline) = Deadline::from(began, limit) else {
            return step(wait);
        };
        let earlier = match wait {
            WaitMode::Until(own) if own.at <= deadline.at => wait,
            WaitMode::Until(_) => WaitMode::Until(deadline),
            // A call that does not wait still does not wait.
            _ if io.is_nonblocking(wait) => wait,
            _ => WaitMode::Until(deadline),
        };
        step(earlier).map_err(|error| match error.status() {
            Status::WantRead | Status::WantWrite | Status::Timeout if deadline.has_passed() => {
                let sentence = format!("the peer did not complete the handshake within {limit:?}");
                Error::new(Status::Timeout, sentence)
            }
            _ => error,
        })
    }
}
