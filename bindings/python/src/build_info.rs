//! The versions of the extension and its dependencies.

use pyo3::prelude::*;
use pyo3::types::PyDict;

/// Return the versions of "tlsmith", "rustls", "aws-lc-rs" and "aws-lc-sys", and the "target"
/// of the build.
#[pyfunction]
pub(crate) fn build_info(py: Python<'_>) -> PyResult<Bound<'_, PyDict>> {
    let info = PyDict::new(py);
    info.set_item("tlsmith", env!("CARGO_PKG_VERSION"))?;
    info.set_item("rustls", env!("TLSMITH_RUSTLS"))?;
    info.set_item("aws-lc-rs", env!("TLSMITH_AWS_LC_RS"))?;
    info.set_item("aws-lc-sys", env!("TLSMITH_AWS_LC_SYS"))?;
    info.set_item("target", env!("TLSMITH_TARGET"))?;
    Ok(info)
}
