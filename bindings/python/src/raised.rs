//! What Python functions raised or selected while the core called them.  The core does not know
//! exceptions: they wait here for the call that it was in, which raises them.

use std::cell::RefCell;
use std::sync::{Arc, Mutex, PoisonError};

use pyo3::prelude::*;
use tlsmith::{Error, Interrupt};

use crate::context::Context;

thread_local! {
    /// For the call that this thread is in.
    static RAISED: RefCell<Option<PyErr>> = const { RefCell::new(None) };

    /// The context that a hook selected on this thread, for the connection that it answers.
    static SELECTED: RefCell<Option<Py<Context>>> = const { RefCell::new(None) };
}

/// Calls Python code, which may use connections of its own, in the middle of a call: theirs would
/// take what is kept on this thread for that one.
pub(crate) fn aside<T>(function: impl FnOnce() -> T) -> T {
    let (selected, raised) = (SELECTED.take(), take());
    let returned = function();
    SELECTED.set(selected);
    raised.into_iter().for_each(keep);
    returned
}

/// Keeps the context that answers a ClientHello.
pub(crate) fn select(context: Option<Py<Context>>) {
    SELECTED.set(context);
}

/// Takes the context that a hook selected on this thread: whoever has the connection keeps it,
/// since the connection calls its hooks.
pub(crate) fn selected() -> Option<Py<Context>> {
    SELECTED.take()
}

/// Keeps what was raised for the call that this thread is in.  Of several it is the first.
pub(crate) fn keep(error: PyErr) {
    let first = RAISED.take().unwrap_or(error);
    RAISED.set(Some(first));
}

/// Takes what was raised on this thread.
pub(crate) fn take() -> Option<PyErr> {
    RAISED.take()
}

/// The outcome of a call, unless something was raised in it.
pub(crate) fn or<T>(outcome: PyResult<T>) -> PyResult<T> {
    match take() {
        Some(raised) => Err(raised),
        None => outcome,
    }
}

/// What Python code raised while a call on one connection was in Rust: the handler of a signal
/// that interrupted a wait, or a memory BIO.
#[derive(Clone, Default)]
pub(crate) struct Raised(Arc<Mutex<Option<PyErr>>>);

impl Raised {
    /// Has the handlers run whenever a signal interrupts a wait.
    pub(crate) fn interrupt(&self) -> Interrupt {
        let this = self.clone();
        Arc::new(move || {
            let Err(raised) = aside(|| Python::attach(|py| py.check_signals())) else {
                return Ok(());
            };
            this.keep(raised);
            Err(Error::state("interrupted by a signal"))
        })
    }

    /// Keeps what was raised until the call is back in Python.
    pub(crate) fn keep(&self, raised: PyErr) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(raised);
    }

    pub(crate) fn take(&self) -> Option<PyErr> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}
