//! Which interpreter of the process may load the extension.

use pyo3::exceptions::PyImportError;
use pyo3::{PyResult, ffi};

/// The interpreter that a process begins with; the others count on from it.
const MAIN: i64 = 0;

/// Fails in a sub-interpreter.
///
/// The classes of the extension exist once for the process, as do the exceptions that it
/// raises.  In another interpreter `except tlsmith.Error` would not catch them, and they
/// would outlive the interpreter that they came from.
pub(crate) fn check() -> PyResult<()> {
    // SAFETY: Python calls this while it imports the extension, so that this thread has
    // an interpreter, which outlives the call.
    let current = unsafe { ffi::PyInterpreterState_GetID(ffi::PyInterpreterState_Get()) };
    if current == MAIN {
        return Ok(());
    }
    // As CPython has it for interpreters that it does not let get this far.
    Err(PyImportError::new_err(
        "module tlsmith._tlsmith does not support loading in subinterpreters",
    ))
}
