//! The class that sockets, sans-I/O connections and `tlsmith.ssl` extend: a connection of the
//! core, and what was negotiated on it.

use std::sync::{Arc, Mutex, PoisonError};

use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyTuple};
use tlsmith::{ChannelBinding, Connection, EarlyData, Ech, Error, MAX_EXPORTED, Result};

use crate::buffer::Buffer;
use crate::callbacks;
use crate::certificate_class::Certificate;
use crate::context::Context;
use crate::errors::{code, to_python};
use crate::open_connection::{CallGuard, OpenConnection};
use crate::options::Options;
use crate::session::Session;
use crate::values;

/// One side of a TLS connection, with information about the peer.
#[pyclass(frozen, subclass, module = "tlsmith._tlsmith")]
pub(crate) struct Peer {
    /// None after close().
    open: Mutex<Option<Arc<OpenConnection>>>,
    /// Kept alive for its callbacks.
    context: Py<Context>,
    /// The context that select() chose, kept alive likewise.
    selected: Mutex<Option<Py<Context>>>,
}

impl Peer {
    pub(crate) fn new(open: OpenConnection, context: Py<Context>) -> Self {
        Self {
            open: Mutex::new(Some(Arc::new(open))),
            context,
            selected: Mutex::default(),
        }
    }

    /// Returns the connection in any state.
    pub(crate) fn current(&self) -> Option<CallGuard> {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.clone().map(CallGuard::new)
    }

    /// Returns the connection if it can make progress.
    pub(crate) fn if_callable(&self) -> Option<CallGuard> {
        self.current()
            .filter(|open| open.connection.check_callable().is_ok())
    }

    /// Returns the connection for calls that a callback or signal handler may make during the
    /// handshake.
    pub(crate) fn inspect(&self) -> Result<CallGuard> {
        let open = self.in_any_process()?;
        open.origin.check()?;
        Ok(open)
    }

    /// Returns the connection for calls that a forked child may make too, without a lock.
    fn in_any_process(&self) -> Result<CallGuard> {
        let closed = || Error::state("the socket is closed");
        self.current().ok_or_else(closed)
    }

    /// Returns the connection for all other calls.
    pub(crate) fn enter(&self) -> Result<CallGuard> {
        let open = self.inspect()?;
        open.connection.check_callable()?;
        Ok(open)
    }

    pub(crate) fn open(&self, py: Python<'_>) -> PyResult<CallGuard> {
        self.enter().map_err(|error| to_python(py, &error, None))
    }

    /// Runs a call on the connection without the interpreter.
    pub(crate) fn run<T: Send>(
        &self,
        py: Python<'_>,
        call: impl FnOnce(&Connection) -> Result<T> + Send,
    ) -> PyResult<T> {
        self.open(py)?.run(py, call)
    }

    /// Replaces the connection.
    pub(crate) fn put(&self, new: OpenConnection) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        *open = Some(Arc::new(new));
    }

    /// Takes the connection out of the object.
    pub(crate) fn take(&self) -> Option<Arc<OpenConnection>> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.take()
    }
}

#[pymethods]
impl Peer {
    /// Complete the handshake.  Reading and writing do it too.
    fn do_handshake(&self, py: Python<'_>) -> PyResult<()> {
        self.run(py, |connection| connection.handshake())
    }

    /// Receive the ClientHello and pause: the fields of tlsmith.ClientHello.
    fn _receive_hello<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let hello = self.run(py, Connection::receive_hello)?;
        callbacks::hello_fields(py, &hello)
    }

    /// Choose the answer to the ClientHello.  None changes nothing.
    #[pyo3(signature = (context, options, /))]
    fn _select(
        &self,
        py: Python<'_>,
        context: Option<Py<Context>>,
        options: Option<Py<Options>>,
    ) -> PyResult<()> {
        let selection = callbacks::selection(context.as_ref(), options.as_ref());
        self.run(py, |connection| connection.select(selection))?;
        if context.is_some() {
            let mut selected = self.selected.lock().unwrap_or_else(PoisonError::into_inner);
            let former = std::mem::replace(&mut *selected, context);
            drop(selected);
            drop(former);
        }
        Ok(())
    }

    /// Reject the client with this alert.
    #[pyo3(signature = (alert, /))]
    fn _refuse(&self, py: Python<'_>, alert: u8) -> PyResult<()> {
        self.run(py, |connection| connection.refuse_hello(alert))
    }

    /// The negotiated parameters, as the fields of tlsmith.Info.  Raises Error, code "state",
    /// before the handshake is complete.
    fn facts<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let open = self.open(py)?;
        let (early_data, ech) = py.detach(|| {
            let connection = &open.connection;
            (early_data(connection), ech(connection))
        });
        let Some(agreed) = open.connection.agreed() else {
            let error = Error::state("the handshake is not complete: call do_handshake() first");
            return Err(to_python(py, &error, None));
        };
        let facts = (
            values::version_name(agreed.version),
            agreed.cipher,
            agreed.group,
            agreed.alpn.as_deref(),
            open.connection.server_name(),
            agreed.resumed,
            agreed.signature_scheme.as_deref(),
            early_data,
            ech,
        );
        facts.into_pyobject(py)
    }

    /// The peer's certificate, or None.
    #[getter]
    fn peer(&self, py: Python<'_>) -> PyResult<Option<Certificate>> {
        self.run(py, |connection| {
            Ok(connection.peer_chain().first().cloned().map(Certificate))
        })
    }

    /// The certificates that the peer sent, its own first.
    #[getter]
    fn peer_chain<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let chain = self.run(py, |connection| Ok(connection.peer_chain().to_vec()))?;
        PyTuple::new(py, chain.into_iter().map(Certificate).collect::<Vec<_>>())
    }

    /// The verified chain, up to the root; empty if none was built, as in a resumed session.
    #[getter]
    fn verified_chain<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let chain = self.run(py, |connection| Ok(connection.verified_chain().to_vec()))?;
        PyTuple::new(py, chain.into_iter().map(Certificate).collect::<Vec<_>>())
    }

    /// Why the peer is not verified, as a VerifyError; None if it is verified.
    #[getter]
    fn verify_error(&self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        let error = self.run(py, |connection| Ok(connection.verify_error()))?;
        let exception = |error: Error| to_python(py, &error, None).into_value(py).into_any();
        Ok(error.map(exception))
    }

    /// The code of verify_error; None if the peer is verified.
    #[getter]
    fn verify_status(&self, py: Python<'_>) -> PyResult<Option<String>> {
        let error = self.run(py, |connection| Ok(connection.verify_error()))?;
        Ok(error.map(|error| code(&error).1))
    }

    /// The OCSP response that the server stapled, in DER (RFC 6960), or None.
    /// It is not verified.
    #[getter]
    fn ocsp_response<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyBytes>>> {
        let open = self.open(py)?;
        let response = open.connection.ocsp_response();
        Ok(response.map(|der| PyBytes::new(py, der)))
    }

    /// Whether an earlier session was resumed; None before the handshake is
    /// complete.
    #[getter]
    fn resumed(&self, py: Python<'_>) -> PyResult<Option<bool>> {
        let open = self
            .inspect()
            .map_err(|error| to_python(py, &error, None))?;
        Ok(open.connection.agreed().map(|agreed| agreed.resumed))
    }

    /// Whether the server asked for another key share (HelloRetryRequest, RFC 8446, section
    /// 4.1.4); None before the handshake is complete.
    #[getter]
    fn hello_retried(&self, py: Python<'_>) -> PyResult<Option<bool>> {
        let open = self
            .inspect()
            .map_err(|error| to_python(py, &error, None))?;
        Ok(open.connection.agreed().map(|agreed| agreed.hello_retried))
    }

    /// Whether the server asked this client for a certificate (RFC 8446, section 4.3.2); None
    /// before the handshake is complete.  False on a server and in a resumed session.
    #[getter]
    fn certificate_requested(&self, py: Python<'_>) -> PyResult<Option<bool>> {
        let open = self
            .inspect()
            .map_err(|error| to_python(py, &error, None))?;
        let requested = open.connection.certificate_requested();
        Ok(open.connection.agreed().map(|_| requested))
    }

    /// The lifetimes of all TLS 1.3 tickets received so far, in seconds.
    #[getter]
    fn tickets<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let lifetimes = self.run(py, |connection| Ok(connection.tickets()))?;
        PyTuple::new(py, lifetimes)
    }

    /// A Session with all that was received for resumption so far, or None.
    fn _get_session(&self, py: Python<'_>) -> PyResult<Option<Session>> {
        let session = self.run(py, |connection| Ok(connection.session()))?;
        Ok(session.map(|core| Session::new(core, self.context.clone_ref(py))))
    }

    /// How many bytes the handshake took, received and sent; None before it is
    /// complete.
    #[getter]
    fn handshake_bytes(&self, py: Python<'_>) -> PyResult<Option<(u64, u64)>> {
        Ok(self.open(py)?.connection.handshake_bytes())
    }

    /// Whether the handshake is not complete yet.
    #[getter]
    fn handshaking(&self, py: Python<'_>) -> PyResult<bool> {
        let open = self
            .in_any_process()
            .map_err(|error| to_python(py, &error, None))?;
        Ok(open.connection.is_handshaking())
    }

    /// Whether the peer has sent close_notify.
    #[getter]
    fn peer_closed(&self, py: Python<'_>) -> PyResult<bool> {
        self.run(py, |connection| Ok(connection.peer_closed()))
    }

    /// A human-readable summary: the peer, how it was verified, and what was negotiated.
    fn report(&self, py: Python<'_>) -> PyResult<String> {
        self.run(py, |connection| Ok(connection.report()))
    }

    /// Export keying material, which both sides derive from the same label and context (RFC
    /// 8446, section 7.5; RFC 5705).  In TLS 1.2, None and b"" are different contexts.
    #[pyo3(signature = (label, length, context = None))]
    fn export<'py>(
        &self,
        py: Python<'py>,
        label: &Bound<'py, PyAny>,
        length: isize,
        context: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let label = values::text("label", label)?;
        let open = self.open(py)?;
        let context = context.map(Buffer::readable).transpose()?;
        let context = context.as_ref().map(Buffer::bytes);
        let length = values::count("length", length)?;
        if length > MAX_EXPORTED {
            let sentence = format!("{length} bytes cannot be exported: use 1 to {MAX_EXPORTED}");
            return Err(to_python(py, &Error::argument(sentence), None));
        }
        PyBytes::new_with(py, length, |out| {
            let exported = open.connection.export(label, context, out);
            exported.map_err(|error| open.raise(py, &error))
        })
    }

    /// Return the channel binding of this type: "tls-exporter" (RFC 9266) or
    /// "tls-server-end-point" (RFC 5929, section 4).
    fn channel_binding<'py>(
        &self,
        py: Python<'py>,
        kind: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let kind = values::text("kind", kind)?.parse::<ChannelBinding>();
        let kind = kind.map_err(|error| to_python(py, &error, None))?;
        let binding = self.run(py, |connection| connection.channel_binding(kind))?;
        Ok(PyBytes::new(py, &binding))
    }

    /// Update the sending keys, and request the same of the peer (KeyUpdate, RFC 8446, section
    /// 4.6.3).  Raises ConfigError in TLS 1.2.
    fn refresh_keys(&self, py: Python<'_>) -> PyResult<()> {
        self.run(py, |connection| {
            connection.refresh_keys()?;
            connection.flush()
        })
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.context)?;
        if let Ok(open) = self.open.try_lock()
            && let Some(open) = &*open
            && let Ok(selected) = open.selected.try_lock()
        {
            visit.call(&*selected)?;
        }
        // If the lock is held, the context is in use, so there is nothing to collect.
        match self.selected.try_lock() {
            Ok(selected) => visit.call(&*selected),
            Err(_) => Ok(()),
        }
    }
}

fn early_data(connection: &Connection) -> &'static str {
    match connection.early_data() {
        EarlyData::None => "none",
        EarlyData::Sent => "sent",
        EarlyData::Accepted => "accepted",
        EarlyData::Rejected => "rejected",
    }
}

fn ech(connection: &Connection) -> &'static str {
    match connection.ech() {
        Ech::None => "none",
        Ech::Grease => "grease",
        Ech::Accepted => "accepted",
        Ech::Rejected => "rejected",
    }
}
