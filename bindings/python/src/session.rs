//! Sessions that `tlsmith.ssl` keeps.

use pyo3::prelude::*;
use pyo3::types::PyTuple;

use crate::config::Context;
use crate::errors::detached;

/// What clients of one context can resume connections to one server with.
#[pyclass(frozen, module = "tlsmith._tlsmith")]
pub(crate) struct Session {
    pub(crate) core: tlsmith::Session,
}

#[pymethods]
impl Session {
    #[new]
    fn new(py: Python<'_>, context: &Bound<'_, Context>) -> PyResult<Self> {
        let context = &context.get().core;
        let core = detached(py, || tlsmith::Session::new(context))?;
        Ok(Self { core })
    }

    /// For how many seconds each ticket in it is good, from when it came.
    #[getter]
    fn lifetimes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        PyTuple::new(py, self.core.lifetimes())
    }
}
