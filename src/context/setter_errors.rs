//! Setting up a context: every setter runs here, and the first one that fails poisons it.

use std::sync::MutexGuard;

use super::settings::Settings;
use super::{Context, lock};
#[cfg(doc)]
use crate::Status;
use crate::{Error, Result};

impl Context {
    /// Poisons the context with an error that a binding found before it could
    /// call a setter, and gives the error back: the first one that poisoned it.
    pub fn poison(&self, error: Error) -> Error {
        match self.unsealed() {
            Some(_settings) => lock(&self.inner.setup_failure).get_or_insert(error).clone(),
            None => self.inner.failure.get_or_init(|| error).clone(),
        }
    }

    /// The error that poisoned the context.
    pub fn error(&self) -> Option<Error> {
        match self.unsealed() {
            Some(_settings) => lock(&self.inner.setup_failure).clone(),
            None => self.inner.failure.get().cloned(),
        }
    }

    /// Forgets the error of setters that failed, for programs that try a setting which
    /// they can do without.  Each of those settings is as it was before.
    ///
    /// Fails with [`Status::State`] once the context is in use.  From then on its error,
    /// and that of a setter which comes too late, stays.
    pub fn clear_error(&self) -> Result<()> {
        let _settings = self.unsealed().ok_or_else(in_use)?;
        lock(&self.inner.setup_failure).take();
        Ok(())
    }

    pub(super) fn set(&self, change: impl FnOnce(&mut Settings) -> Result<()>) -> Result<()> {
        let outcome = match self.unsealed() {
            Some(mut settings) => change(&mut settings),
            None => Err(in_use()),
        };
        outcome.inspect_err(|error| {
            self.poison(error.clone());
        })
    }

    /// The settings while they can be changed; none when the context is in use.
    pub(super) fn unsealed(&self) -> Option<MutexGuard<'_, Settings>> {
        let is_sealed = || self.inner.sealed.get().is_some();
        if is_sealed() {
            return None;
        }
        let settings = lock(&self.inner.settings);
        (!is_sealed()).then_some(settings)
    }
}

fn in_use() -> Error {
    let sentence = "the context is in use, so it cannot be changed any more: make a new \
                    context for new connections";
    Error::state(sentence)
}
