//! A Python function that the core calls.  What the core asks it is in `hooks.rs`.

use std::sync::{Arc, Mutex, PoisonError};

use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;

/// A Python function of a context.  The collector of garbage sees it there, and
/// takes it away from both the context and the core with one stroke.
#[derive(Clone, Default)]
pub(crate) struct Hook(Arc<Mutex<Option<Py<PyAny>>>>);

impl Hook {
    pub(crate) fn new(function: &Bound<'_, PyAny>) -> Self {
        Self(Arc::new(Mutex::new(Some(function.clone().unbind()))))
    }

    pub(crate) fn get(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        let function = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        function.as_ref().map(|function| function.clone_ref(py))
    }

    pub(crate) fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        // Whoever holds the lock is not the collector: there is nothing to free.
        match self.0.try_lock() {
            Ok(function) => visit.call(&*function),
            Err(_) => Ok(()),
        }
    }

    pub(crate) fn clear(&self) {
        let function = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        drop(function);
    }
}
