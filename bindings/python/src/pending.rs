//! Exceptions and selected contexts of Python callbacks.  The core cannot propagate exceptions:
//! they are stored here until the outer call returns to Python and raises them.

use std::cell::RefCell;
use std::sync::{Arc, Mutex, PoisonError};

use pyo3::prelude::*;
use tlsmith::{Error, Interrupt};

use crate::context::Context;

thread_local! {
    /// The exception for the outer call on this thread.
    static EXCEPTION: RefCell<Option<PyErr>> = const { RefCell::new(None) };

    /// The context that a ClientHello callback on this thread selected.
    static SELECTED: RefCell<Option<Py<Context>>> = const { RefCell::new(None) };
}

/// Calls Python code with the pending state of this thread set aside.  That code may use other
/// connections, whose calls would otherwise take the state.
pub(crate) fn suspend<T>(function: impl FnOnce() -> T) -> T {
    let (selected, exception) = (SELECTED.take(), take_exception());
    let returned = function();
    SELECTED.set(selected);
    exception.into_iter().for_each(set_exception);
    returned
}

/// Stores the context that a callback selected.
pub(crate) fn set_selected(context: Option<Py<Context>>) {
    SELECTED.set(context);
}

/// Takes the selected context.  The connection keeps it, since it calls its callbacks.
pub(crate) fn take_selected() -> Option<Py<Context>> {
    SELECTED.take()
}

/// Stores an exception for the outer call on this thread.  The first one is kept.
pub(crate) fn set_exception(error: PyErr) {
    let first = EXCEPTION.take().unwrap_or(error);
    EXCEPTION.set(Some(first));
}

/// Takes the exception of this thread.
pub(crate) fn take_exception() -> Option<PyErr> {
    EXCEPTION.take()
}

/// Returns the result of a call, or the pending exception if there is one.
pub(crate) fn raise_or<T>(result: PyResult<T>) -> PyResult<T> {
    match take_exception() {
        Some(exception) => Err(exception),
        None => result,
    }
}

/// The exception that a signal handler or a memory BIO raised during a call on one connection.
#[derive(Clone, Default)]
pub(crate) struct PendingException(Arc<Mutex<Option<PyErr>>>);

impl PendingException {
    /// Returns the callback that runs signal handlers when a signal interrupts a wait.
    pub(crate) fn interrupt(&self) -> Interrupt {
        let this = self.clone();
        Arc::new(move || {
            let Err(raised) = suspend(|| Python::attach(|py| py.check_signals())) else {
                return Ok(());
            };
            this.keep(raised);
            Err(Error::state("interrupted by a signal"))
        })
    }

    /// Stores an exception until the call returns to Python.
    pub(crate) fn keep(&self, raised: PyErr) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(raised);
    }

    pub(crate) fn take(&self) -> Option<PyErr> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}
