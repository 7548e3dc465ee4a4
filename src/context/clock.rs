//! The clock for certificate validity and session lifetimes.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use rustls::time_provider::TimeProvider;
use rustls_pki_types::UnixTime;

use crate::base::observations::Observations;

/// Returns the time in seconds since the Unix epoch.  Earlier times count as 0.
pub type Now = Arc<dyn Fn() -> i64 + Send + Sync>;

/// A clock that replaces the system's.
#[derive(Clone)]
pub(crate) struct Clock(pub(crate) Now);

impl Clock {
    pub(crate) fn now(&self) -> UnixTime {
        let seconds = u64::try_from(Observations::suspend(|| (self.0)())).unwrap_or_default();
        UnixTime::since_unix_epoch(Duration::from_secs(seconds))
    }
}

impl TimeProvider for Clock {
    fn current_time(&self) -> Option<UnixTime> {
        Some(self.now())
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Clock").finish_non_exhaustive()
    }
}
