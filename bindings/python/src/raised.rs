//! What Python functions raised while the core called them.  The core does not know exceptions:
//! they wait here for the call that it was in, which raises them.

use std::cell::RefCell;

use pyo3::prelude::*;

thread_local! {
    /// For the call that this thread is in.
    static RAISED: RefCell<Option<PyErr>> = const { RefCell::new(None) };
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
