//! The time limit of a whole handshake, which a peer cannot stretch by sending a little at
//! a time.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use crate::connection::api::Connection;
use crate::connection::transport::{Patience, SharedTimeout, Timeout};
use crate::{Error, Result, Status};

/// The limit of the handshake, and when that began.
#[derive(Default)]
pub(crate) struct HandshakeTimeout {
    limit: SharedTimeout,
    began: OnceLock<Instant>,
}

impl Connection {
    /// Limits the handshake as a whole, from its first call on, however many calls it
    /// takes and however long each of them may wait.  `None`, the default, is no limit.
    ///
    /// When the limit has passed and more is needed from the peer, every call that needs
    /// the handshake fails with [`Status::Timeout`].
    pub fn set_handshake_timeout(&self, limit: Option<Duration>) {
        let limit = limit.map_or(Timeout::Descriptor, Timeout::After);
        self.handshake_timeout.limit.set(limit);
    }

    /// Runs one step of the handshake, which waits as `patience` says, but not longer
    /// than the handshake may.
    pub(crate) fn in_handshake_time<T>(
        &self,
        patience: Patience,
        step: impl FnOnce(Patience) -> Result<T>,
    ) -> Result<T> {
        let Timeout::After(limit) = self.handshake_timeout.limit.get() else {
            return step(patience);
        };
        let began = *self.handshake_timeout.began.get_or_init(Instant::now);
        let Some(deadline) = began.checked_add(limit) else {
            return step(patience);
        };
        let sooner = match patience {
            Patience::Until { deadline: own, .. } if own <= deadline => patience,
            Patience::Until { .. } => Patience::Until { deadline, limit },
            // What does not wait goes on not waiting.
            _ if self.transport.is_nonblocking(patience) => patience,
            _ => Patience::Until { deadline, limit },
        };
        step(sooner).map_err(|error| match error.status() {
            Status::WantRead | Status::WantWrite | Status::Timeout
                if Instant::now() >= deadline =>
            {
                let sentence = format!("the peer did not complete the handshake within {limit:?}");
                Error::new(Status::Timeout, sentence)
            }
            _ => error,
        })
    }
}
