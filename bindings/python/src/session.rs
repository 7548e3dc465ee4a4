//! Client sessions for resumption.

use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;

use crate::context::Context;
use crate::errors::detached;
use crate::values;

/// A client session for resumption, without another full handshake.
///
/// Socket.session returns it, and Client(on_session=) is called with each new one.
/// connect(session=), wrap(session=) and buffer(session=) of the same Client resume it.
/// Other Clients cannot, since they may verify less.  The server may refuse resumption: check
/// `info.resumed`.
///
/// Each TLS 1.3 ticket is used once (RFC 8446, appendix C.4), and the resumed connection adds
/// new tickets to the session.  A TLS 1.2 session can be used repeatedly.  Sessions contain
/// secrets: they cannot be pickled, and are empty in a forked child.  Any thread may use them.
#[pyclass(frozen, module = "tlsmith", weakref)]
pub(crate) struct Session {
    pub(crate) core: tlsmith::Session,
    /// For the garbage collector, which cannot look into the core: there the session refers to
    /// the context, whose callbacks may refer to the session.
    context: Py<Context>,
}

impl Session {
    /// `context` is that of the session.
    pub(crate) fn new(core: tlsmith::Session, context: Py<Context>) -> Self {
        Self { core, context }
    }
}

#[pymethods]
impl Session {
    /// Create an empty session for connections of this context.
    #[staticmethod]
    #[pyo3(signature = (context, /))]
    fn _empty(py: Python<'_>, context: Py<Context>) -> PyResult<Self> {
        let core = detached(py, || tlsmith::Session::new(&context.get().core))?;
        Ok(Self::new(core, context))
    }

    /// Return whether connections of this context can resume it.
    #[pyo3(signature = (context, /))]
    fn _is_of(&self, context: Option<&Bound<'_, Context>>) -> bool {
        context.is_some_and(|context| self.context.is(context))
    }

    /// The version of the connection that it came from, "1.2" or "1.3".
    #[getter]
    fn version(&self) -> Option<&'static str> {
        self.core.version().map(values::version_name)
    }

    /// The cipher suite of that connection, by its IANA name.
    #[getter]
    fn cipher(&self) -> Option<&'static str> {
        self.core.cipher()
    }

    /// The ALPN protocol of that connection, or None.  Early data needs the same one (RFC
    /// 8446, section 4.2.10).
    #[getter]
    fn alpn(&self) -> Option<&str> {
        self.core.alpn()
    }

    /// The name that the server's certificate was verified for, or None.
    #[getter]
    fn server_name(&self) -> Option<&str> {
        self.core.server_name()
    }

    /// The lifetime of its latest ticket, in seconds from its receipt (RFC 8446, section
    /// 4.6.1); 0 if all are used, or if the server keeps the session itself (TLS 1.2).
    #[getter]
    fn lifetime(&self, py: Python<'_>) -> PyResult<u32> {
        detached(py, || Ok(self.core.lifetime()))
    }

    /// How many bytes of early data (0-RTT) its latest ticket allows; 0 for none.
    #[getter]
    fn max_early_data(&self, py: Python<'_>) -> PyResult<u32> {
        detached(py, || Ok(self.core.max_early_data()))
    }

    fn __repr__(&self) -> String {
        match self.version() {
            Some(version) => format!("<tlsmith.Session TLS {version}>"),
            None => "<tlsmith.Session>".to_owned(),
        }
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.context)
    }
}
