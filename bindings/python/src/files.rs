//! Writing several files, all or none.

use std::path::{Path, PathBuf};

use pyo3::prelude::*;
use tlsmith::Access;
use zeroize::Zeroizing;

use crate::errors::detached;

/// Write files, all or none: path, content, and whether only the owner may read it, of each.
#[pyfunction]
pub(crate) fn save_files(py: Python<'_>, files: Vec<(PathBuf, Vec<u8>, bool)>) -> PyResult<()> {
    let files: Vec<_> = files
        .into_iter()
        .map(|(path, content, is_secret)| (path, Zeroizing::new(content), is_secret))
        .collect();
    let borrowed: Vec<(&Path, &[u8], Access)> = files
        .iter()
        .map(|(path, content, is_secret)| {
            let access = match is_secret {
                true => Access::Owner,
                false => Access::Everybody,
            };
            (path.as_path(), content.as_slice(), access)
        })
        .collect();
    detached(py, || tlsmith::save_files(&borrowed))
}
