//! Functions of the module: supported algorithms, random bytes and digests.

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyTuple};
use tlsmith::DigestAlgorithm;

use crate::buffer::Buffer;
use crate::errors::to_python;
use crate::values;

/// Return the IANA names of the supported cipher suites.
#[pyfunction]
pub(crate) fn cipher_names(py: Python<'_>) -> PyResult<Bound<'_, PyTuple>> {
    PyTuple::new(py, tlsmith::cipher_names())
}

/// Return the IANA names of the supported key exchange groups.
#[pyfunction]
pub(crate) fn group_names(py: Python<'_>) -> PyResult<Bound<'_, PyTuple>> {
    PyTuple::new(py, tlsmith::group_names())
}

/// Return the IANA names of the supported signature schemes for handshakes.
#[pyfunction]
pub(crate) fn scheme_names(py: Python<'_>) -> PyResult<Bound<'_, PyTuple>> {
    PyTuple::new(py, tlsmith::scheme_names())
}

/// Return `count` cryptographically secure random bytes.
#[pyfunction]
pub(crate) fn random_bytes(py: Python<'_>, count: isize) -> PyResult<Bound<'_, PyBytes>> {
    let count = values::count("count", count)?;
    PyBytes::new_with(py, count, |out| {
        let filled = py.detach(|| tlsmith::random(out));
        filled.map_err(|error| to_python(py, &error, None))
    })
}

/// Return the digest of `data`: "sha256", "sha384" or "sha512".
#[pyfunction]
pub(crate) fn digest<'py>(
    py: Python<'py>,
    algorithm: &Bound<'py, PyAny>,
    data: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyBytes>> {
    let algorithm = values::text("algorithm", algorithm)?.parse::<DigestAlgorithm>();
    let algorithm = algorithm.map_err(|error| to_python(py, &error, None))?;
    let data = Buffer::readable(data)?;
    let digest = py.detach(|| tlsmith::digest(algorithm, data.bytes()));
    Ok(PyBytes::new(py, &digest))
}
