//! The rule that one call at a time uses a direction of a connection.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::{Error, Result};

/// One direction of a connection.
#[derive(Default)]
pub(crate) struct Direction(AtomicBool);

/// The right of a call to use a direction, until it is dropped.
pub(crate) struct Turn<'a>(&'a AtomicBool);

impl Direction {
    /// Takes the direction for this call, or fails if another thread has it.  `verb` is for
    /// the error message: what that thread does with the connection.
    pub(crate) fn turn(&self, verb: &str) -> Result<Turn<'_>> {
        match self.0.swap(true, Ordering::Acquire) {
            false => Ok(Turn(&self.0)),
            true => Err(busy(verb)),
        }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

/// The error of a call that another thread keeps from its direction.
pub(crate) fn busy(verb: &str) -> Error {
    Error::state(format!(
        "another thread {verb} this connection at this moment"
    ))
}
