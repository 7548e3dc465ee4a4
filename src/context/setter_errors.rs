//! Runs setters on a context that is not sealed.  The first one that fails poisons it.

use std::sync::MutexGuard;

use super::settings::Settings;
use super::{Context, lock};
#[cfg(doc)]
use crate::Status;
use crate::{Error, Result};

impl Context {
    /// Poisons the context with an error that a binding found before it called a setter.
    /// Returns the error that poisoned the context first.
    pub fn poison(&self, error: Error) -> Error {
        match self.unsealed() {
            Some(_settings) => lock(&self.inner.setup_failure).get_or_insert(error).clone(),
            None => self.inner.failure.get_or_init(|| error).clone(),
        }
    }

    /// Returns the error that poisoned the context.
    pub fn error(&self) -> Option<Error> {
        match self.unsealed() {
            Some(_settings) => lock(&self.inner.setup_failure).clone(),
            None => self.inner.failure.get().cloned(),
        }
    }

    /// Clears the error of failed setters, for programs that try optional settings.  A
    /// failed setter changed nothing.
    ///
    /// Fails with [`Status::State`] once the context is in use: its error then stays, as
    /// does that of a setter that is called too late.
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

    /// The settings, if the context is not sealed.
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
    let sentence = "the context is in use and can no longer be changed: create a new context \
                    for new connections";
    Error::state(sentence)
}
