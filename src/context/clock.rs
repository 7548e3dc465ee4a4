//! The time at which certificates have to be valid.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use rustls::time_provider::TimeProvider;
use rustls_pki_types::UnixTime;

use crate::base::observations::Observations;

/// Tells the time, in seconds of the Unix epoch.  A time before it counts as its
/// beginning.
pub type Now = Arc<dyn Fn() -> i64 + Send + Sync>;

/// A clock in place of the system's.
#[derive(Clone)]
pub(crate) struct Clock(pub(crate) Now);

impl Clock {
    pub(crate) fn tell(&self) -> UnixTime {
        let seconds = u64::try_from(Observations::suspend(|| (self.0)())).unwrap_or_default();
        UnixTime::since_unix_epoch(Duration::from_secs(seconds))
    }
}

impl TimeProvider for Clock {
    fn current_time(&self) -> Option<UnixTime> {
        Some(self.tell())
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Clock").finish_non_exhaustive()
    }
}
