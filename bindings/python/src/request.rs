//! Certificate signing requests.

use std::path::PathBuf;

use pyo3::prelude::*;
use pyo3::types::PyTuple;

use crate::certificates::{Identity, typed_names};
use crate::errors::detached;
use crate::issue::Options;
use crate::key::Key;
use crate::values::Password;

/// A certificate signing request.  `tlsmith.CSR` wraps it.
#[pyclass(frozen, name = "CSR", module = "tlsmith._tlsmith")]
pub(crate) struct Csr(pub(crate) tlsmith::Csr);

#[pymethods]
impl Csr {
    #[new]
    fn new(py: Python<'_>, names: Vec<String>, options: Options) -> PyResult<Self> {
        detached(py, || tlsmith::gen_csr(&names, &options.into_core()?)).map(Self)
    }

    #[staticmethod]
    fn from_pem(py: Python<'_>, pem: &[u8]) -> PyResult<Self> {
        detached(py, || tlsmith::Csr::from_pem(pem)).map(Self)
    }

    #[staticmethod]
    fn from_der(py: Python<'_>, der: &[u8]) -> PyResult<Self> {
        detached(py, || tlsmith::Csr::from_der(der)).map(Self)
    }

    #[getter]
    fn subject(&self) -> &str {
        self.0.subject()
    }

    #[getter]
    fn names<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        PyTuple::new(py, self.0.names())
    }

    #[getter]
    fn alternative_names<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        typed_names(py, self.0.alternative_names())
    }

    #[getter]
    fn other_names<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        PyTuple::new(py, self.0.other_names())
    }

    #[getter]
    fn key(&self) -> Option<Key> {
        self.0.key().cloned().map(Key)
    }

    #[getter]
    fn key_type(&self) -> String {
        self.0.key_type()
    }

    #[getter]
    fn pem(&self) -> &[u8] {
        self.0.pem().as_bytes()
    }

    #[getter]
    fn der(&self) -> &[u8] {
        self.0.der()
    }

    fn text(&self) -> &str {
        self.0.text()
    }

    fn save(
        &self,
        py: Python<'_>,
        csr_file: PathBuf,
        key_file: Option<PathBuf>,
        password: Option<Password>,
    ) -> PyResult<()> {
        let password = password.map(|one| one.bytes(py)).transpose()?;
        let password = password.as_ref().map(|bytes| bytes.as_slice());
        detached(py, || {
            self.0.save(Some(&csr_file), key_file.as_deref(), password)
        })
    }
}

#[pyfunction]
pub(crate) fn sign(
    py: Python<'_>,
    ca: &Identity,
    csr: &Csr,
    names: Option<Vec<String>>,
    options: Options,
) -> PyResult<Identity> {
    let (ca, csr) = (&ca.0, &csr.0);
    detached(py, || {
        tlsmith::sign_csr(ca, csr, names.as_deref(), &options.into_core()?)
    })
    .map(Identity)
}
