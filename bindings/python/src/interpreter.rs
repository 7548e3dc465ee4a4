//! Rejects loading in a sub-interpreter.

use pyo3::exceptions::PyImportError;
use pyo3::{PyResult, ffi};

/// The ID of the main interpreter.
const MAIN: i64 = 0;

/// Fails in a sub-interpreter.
///
/// The classes and exceptions of the extension exist once per process.  In another interpreter
/// `except tlsmith.Error` would not catch them, and they would outlive their interpreter.
pub(crate) fn check() -> PyResult<()> {
    // SAFETY: Python calls this while it imports the extension, so that this thread has
    // an interpreter, which outlives the call.
    let current = unsafe { ffi::PyInterpreterState_GetID(ffi::PyInterpreterState_Get()) };
    if current == MAIN {
        return Ok(());
    }
    // CPython's own message for extensions that do not support sub-interpreters.
    Err(PyImportError::new_err(
        "module tlsmith._tlsmith does not support loading in subinterpreters",
    ))
}
