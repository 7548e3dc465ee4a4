//! Time limits of calls: what the program sets, and the deadline of one call.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::poll::Interest;
use crate::{Error, Status};

/// How long each call on a connection may wait.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Timeout {
    /// As long as the descriptor does: forever if it is blocking, not at all if it is
    /// non-blocking.
    #[default]
    Descriptor,
    /// Not at all: the call fails with [`Status::WantRead`] or [`Status::WantWrite`]
    /// instead, even if the descriptor is blocking.
    Never,
    /// For this long, even if the descriptor is non-blocking.  Then the call fails with
    /// [`Status::Timeout`].
    After(Duration),
}

/// How long one call that has begun may wait.
#[derive(Clone, Copy, Debug)]
pub enum WaitMode {
    /// As long as the descriptor does.
    Descriptor,
    /// Not at all.
    Never,
    /// Until a deadline.
    Until(Deadline),
}

/// The point in time at which a call gives up.
#[derive(Clone, Copy, Debug)]
pub struct Deadline {
    /// When the call gives up.
    pub at: Instant,
    /// The time limit that the program set, for error messages.
    pub limit: Duration,
}

impl Timeout {
    /// Starts the time limit of one call.
    pub fn start(self) -> WaitMode {
        match self {
            Self::Descriptor => WaitMode::Descriptor,
            Self::Never => WaitMode::Never,
            // A limit that no clock can reach is none.
            Self::After(limit) => {
                Deadline::after(limit).map_or(WaitMode::Descriptor, WaitMode::Until)
            }
        }
    }
}

impl WaitMode {
    /// Returns the error of a call whose deadline has passed although the transport never
    /// had it wait.
    pub(crate) fn timed_out(self, interest: Interest) -> Option<Error> {
        let Self::Until(deadline) = self else {
            return None;
        };
        deadline.has_passed().then(|| {
            let sentence = format!("{} within {:?}", interest.unfinished(), deadline.limit);
            Error::new(Status::Timeout, sentence)
        })
    }
}

impl Deadline {
    /// Returns the deadline of a time limit that starts now; `None` if it is beyond what the
    /// clock can represent.
    pub fn after(limit: Duration) -> Option<Self> {
        Self::from(Instant::now(), limit)
    }

    /// Returns the deadline of a time limit that started at `start`.
    pub(crate) fn from(start: Instant, limit: Duration) -> Option<Self> {
        let at = start.checked_add(limit)?;
        Some(Self { at, limit })
    }

    pub(crate) fn has_passed(self) -> bool {
        Instant::now() >= self.at
    }

    pub(crate) fn remaining(self) -> Duration {
        self.at.saturating_duration_since(Instant::now())
    }
}

/// A [`Timeout`] that threads share.
pub(crate) struct SharedTimeout(AtomicU64);

impl SharedTimeout {
    // No limit in nanoseconds has these values: it would be more than 500 years.
    const DESCRIPTOR: u64 = u64::MAX;
    const NEVER: u64 = u64::MAX - 1;

    pub(crate) fn set(&self, timeout: Timeout) {
        let value = match timeout {
            Timeout::Descriptor => Self::DESCRIPTOR,
            Timeout::Never => Self::NEVER,
            Timeout::After(limit) => u64::try_from(limit.as_nanos())
                .unwrap_or(u64::MAX)
                .min(Self::NEVER - 1),
        };
        self.0.store(value, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> Timeout {
        match self.0.load(Ordering::Relaxed) {
            Self::DESCRIPTOR => Timeout::Descriptor,
            Self::NEVER => Timeout::Never,
            nanoseconds => Timeout::After(Duration::from_nanos(nanoseconds)),
        }
    }
}

impl Default for SharedTimeout {
    fn default() -> Self {
        Self(AtomicU64::new(Self::DESCRIPTOR))
    }
}
