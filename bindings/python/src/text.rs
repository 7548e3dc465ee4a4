//! Quoting untrusted text in errors: the core's rules, for Python code.

use std::path::PathBuf;

use pyo3::prelude::*;
use pyo3::types::PyString;
use tlsmith::text;

/// Return the text on one line, with invisible characters escaped.
#[pyfunction]
pub(crate) fn one_line(text: &Bound<'_, PyString>) -> String {
    text::one_line(&text.to_string_lossy()).into_owned()
}

/// Quote a text for an error; only its length if it may contain a private key.
#[pyfunction]
pub(crate) fn quoted(text: &Bound<'_, PyString>) -> String {
    text::quoted(&text.to_string_lossy())
}

/// Quote a path for an error; None if it may be a private key.
#[pyfunction]
pub(crate) fn quoted_path(path: PathBuf) -> Option<String> {
    text::quoted_path(&path)
}

/// Return whether the text may contain a private key.
#[pyfunction]
pub(crate) fn may_be_secret(text: &Bound<'_, PyString>) -> bool {
    text::may_be_secret(&text.to_string_lossy())
}
