//! How text from outside is shown: the core's rules, for the sentences of Python.

use std::path::PathBuf;

use pyo3::prelude::*;
use pyo3::types::PyString;
use tlsmith::text;

/// The text on one line, with what is not shown as it is escaped.
#[pyfunction]
pub(crate) fn one_line(text: &Bound<'_, PyString>) -> String {
    text::one_line(&text.to_string_lossy()).into_owned()
}

/// The text as a sentence quotes it; where it may hold a key, its length alone.
#[pyfunction]
pub(crate) fn quoted(text: &Bound<'_, PyString>) -> String {
    text::quoted(&text.to_string_lossy())
}

/// The path as a sentence quotes it; None where it may be a key.
#[pyfunction]
pub(crate) fn quoted_path(path: PathBuf) -> Option<String> {
    text::quoted_path(&path)
}

/// Whether the text may be a key or hold one.
#[pyfunction]
pub(crate) fn may_be_secret(text: &Bound<'_, PyString>) -> bool {
    text::may_be_secret(&text.to_string_lossy())
}
