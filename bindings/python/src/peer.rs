//! What sockets, sans-I/O connections and `tlsmith.ssl` have in common: a
//! connection of the core, and the facts about it.

use std::cell::RefCell;
use std::ops::Deref;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyTuple};
use tlsmith::{
    ChannelBinding, Connection, EarlyData, Ech, Error, MAX_EXPORTED, Origin, Result, Timeout,
};

use crate::buffer::Buffer;
use crate::certificate::Certificate;
use crate::context::Context;
use crate::errors::{code, to_python};
use crate::hooks;
use crate::options::Options;
use crate::raised::{self, Raised};
use crate::session::Session;
use crate::values;

/// The most that one call gives as new bytes, whatever it is asked for.
pub(crate) const MOST: usize = 65_536;

thread_local! {
    /// Where bytes are decrypted to before it is known how many there are.
    static SCRATCH: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };

    /// The connections that this thread is in a call on, by their addresses.
    static ENTERED: RefCell<Vec<usize>> = const { RefCell::new(Vec::new()) };
}

/// A connection that is not closed.
pub(crate) struct Open {
    pub(crate) connection: Connection,
    pub(crate) raised: Raised,
    /// Of a socket.
    pub(crate) fd: Option<Arc<OwnedFd>>,
    /// Whether the socket was closed while other threads are in a call on it.
    closed: AtomicBool,
    /// The context that a hook selected to answer the ClientHello: its own hooks are called
    /// from here.
    selected: Mutex<Option<Py<Context>>>,
    origin: Origin,
}

impl Open {
    pub(crate) fn new(connection: Connection, raised: Raised, fd: Option<Arc<OwnedFd>>) -> Self {
        Self {
            connection,
            raised,
            fd,
            closed: AtomicBool::new(false),
            selected: Mutex::default(),
            origin: Origin::here(),
        }
    }

    /// Whether this is the copy that a forked child has: no word to the peer, and nothing
    /// done to the socket of the parent.
    pub(crate) fn is_inherited(&self) -> bool {
        !self.origin.is_here()
    }

    /// Closes a socket, without waiting, and wakes the threads that wait in a call.
    pub(crate) fn close(self: Arc<Self>) {
        self.closed.store(true, Ordering::SeqCst);
        // In the middle of the handshake there is nothing to say, and whoever makes it
        // may hold what saying would take.
        let is_alone = Arc::strong_count(&self) == 1;
        if is_alone || !self.connection.is_handshaking() {
            // A peer that is gone or does not read cannot be told that we end, and one
            // that another thread is in the middle of writing to is not to be told that
            // this was all.
            self.connection.set_timeout(Timeout::Never);
            let _ = self.connection.shutdown();
        }
        if let Some(fd) = &self.fd {
            let _ = rustix::net::shutdown(fd.as_fd(), rustix::net::Shutdown::Both);
        }
    }

    /// Runs a call on the connection without the interpreter.
    pub(crate) fn run<T: Send>(
        &self,
        py: Python<'_>,
        call: impl FnOnce(&Connection) -> Result<T> + Send,
    ) -> PyResult<T> {
        let outcome = py.detach(|| call(&self.connection));
        raised::or(outcome.map_err(|error| self.raise(py, &error)))
    }

    /// Receives up to `size` bytes.
    pub(crate) fn read<'py>(&self, py: Python<'py>, size: usize) -> PyResult<Bound<'py, PyBytes>> {
        let outcome = self.try_read(py, size);
        raised::or(outcome.map_err(|error| self.raise(py, &error)))
    }

    /// The same with the core's error.
    pub(crate) fn try_read<'py>(
        &self,
        py: Python<'py>,
        size: usize,
    ) -> Result<Bound<'py, PyBytes>> {
        let size = size.min(MOST);
        let mut scratch = SCRATCH.take();
        if scratch.len() < size {
            scratch.resize(size, 0);
        }
        let outcome = py.detach(|| self.connection.read(&mut scratch[..size]));
        let bytes = outcome.map(|count| PyBytes::new(py, &scratch[..count]));
        SCRATCH.set(scratch);
        bytes
    }

    /// Receives into a buffer, at most `limit` bytes: 0 stands for as many as it
    /// holds.
    pub(crate) fn read_into(
        &self,
        py: Python<'_>,
        buffer: &Bound<'_, PyAny>,
        limit: usize,
    ) -> PyResult<usize> {
        let mut buffer = Buffer::writable(buffer)?;
        let room = match limit {
            0 => buffer.len(),
            limit => limit.min(buffer.len()),
        };
        if room == 0 {
            return Ok(0);
        }
        self.run(py, |connection| {
            connection.read(&mut buffer.bytes_mut()[..room])
        })
    }

    pub(crate) fn write(&self, py: Python<'_>, data: &Bound<'_, PyAny>) -> PyResult<usize> {
        let data = Buffer::readable(data)?;
        self.run(py, |connection| connection.write(data.bytes()))
    }

    /// The exception for an error: what Python code raised meanwhile comes first, and
    /// the peer is not to blame for what closing the socket did.
    pub(crate) fn raise(&self, py: Python<'_>, error: &Error) -> PyErr {
        if let Some(raised) = self.raised() {
            return raised;
        }
        if self.closed.load(Ordering::SeqCst) {
            let sentence = "the socket was closed in the middle of this call";
            return to_python(py, &Error::state(sentence), None);
        }
        to_python(py, error, self.connection.server_name())
    }

    /// What Python code raised meanwhile.
    pub(crate) fn raised(&self) -> Option<PyErr> {
        self.raised.take().or_else(raised::take)
    }
}

/// An open connection for the time of one call.
pub(crate) struct Turn {
    open: Arc<Open>,
    /// Whether this thread is in another call on it, which called back into Python.
    is_nested: bool,
}

impl Turn {
    fn new(open: Arc<Open>) -> Self {
        let address = Arc::as_ptr(&open).addr();
        let is_nested = ENTERED.with_borrow_mut(|entered| {
            let is_nested = entered.contains(&address);
            entered.push(address);
            is_nested
        });
        Self { open, is_nested }
    }

    /// Whether this thread is in another call on it, so that waiting for that call would
    /// never end.
    pub(crate) fn is_nested(&self) -> bool {
        self.is_nested
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let Some(context) = raised::selected() {
            let mut selected = self
                .open
                .selected
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            *selected = Some(context);
        }

        let address = Arc::as_ptr(&self.open).addr();
        ENTERED.with_borrow_mut(|entered| {
            if let Some(last) = entered.iter().rposition(|one| *one == address) {
                entered.remove(last);
            }
        });
    }
}

impl Deref for Turn {
    type Target = Open;

    fn deref(&self) -> &Open {
        &self.open
    }
}

/// One side of a TLS connection, and what is known about the other.
#[pyclass(frozen, subclass, module = "tlsmith._tlsmith")]
pub(crate) struct Peer {
    /// None once it is closed.
    open: Mutex<Option<Arc<Open>>>,
    /// Its callbacks are called from here.
    context: Py<Context>,
    /// Likewise, of the context that was selected to answer the ClientHello.
    selected: Mutex<Option<Py<Context>>>,
}

impl Peer {
    pub(crate) fn new(open: Open, context: Py<Context>) -> Self {
        Self {
            open: Mutex::new(Some(Arc::new(open))),
            context,
            selected: Mutex::default(),
        }
    }

    /// Whatever state it is in.
    pub(crate) fn current(&self) -> Option<Turn> {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.clone().map(Turn::new)
    }

    /// What can be carried on, if there is something.
    pub(crate) fn peek(&self) -> Option<Turn> {
        self.current()
            .filter(|open| open.connection.check_callable().is_ok())
    }

    /// For what a function or a signal handler may ask that is called in the middle of
    /// the handshake.
    pub(crate) fn look(&self) -> Result<Turn> {
        let open = self.glance()?;
        open.origin.check()?;
        Ok(open)
    }

    /// For what a forked child may ask, too: it takes no lock.
    fn glance(&self) -> Result<Turn> {
        let closed = || Error::state("the socket is closed");
        self.current().ok_or_else(closed)
    }

    /// For everything else.
    pub(crate) fn enter(&self) -> Result<Turn> {
        let open = self.look()?;
        open.connection.check_callable()?;
        Ok(open)
    }

    pub(crate) fn open(&self, py: Python<'_>) -> PyResult<Turn> {
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

    /// Has another connection in the place of the one here.
    pub(crate) fn put(&self, new: Open) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        *open = Some(Arc::new(new));
    }

    /// Takes the connection away from the object.
    pub(crate) fn take(&self) -> Option<Arc<Open>> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.take()
    }
}

#[pymethods]
impl Peer {
    /// Complete the handshake; reading and writing do it too.
    fn do_handshake(&self, py: Python<'_>) -> PyResult<()> {
        self.run(py, |connection| connection.handshake())
    }

    /// Receive the ClientHello and pause there: the fields of tlsmith.ClientHello.
    fn _receive_hello<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let hello = self.run(py, Connection::receive_hello)?;
        hooks::hello_fields(py, &hello)
    }

    /// Say what answers the ClientHello: what is None stays as it is.
    #[pyo3(signature = (context, options, /))]
    fn _select(
        &self,
        py: Python<'_>,
        context: Option<Py<Context>>,
        options: Option<Py<Options>>,
    ) -> PyResult<()> {
        let selection = hooks::selection(context.as_ref(), options.as_ref());
        self.run(py, |connection| connection.select(selection))?;
        if context.is_some() {
            let mut selected = self.selected.lock().unwrap_or_else(PoisonError::into_inner);
            let former = std::mem::replace(&mut *selected, context);
            drop(selected);
            drop(former);
        }
        Ok(())
    }

    /// Refuse the client with this alert.
    #[pyo3(signature = (alert, /))]
    fn _refuse(&self, py: Python<'_>, alert: u8) -> PyResult<()> {
        self.run(py, |connection| connection.refuse_hello(alert))
    }

    /// What was agreed, as the fields of tlsmith.Info.  Raises Error, code
    /// "state", before the handshake is complete.
    fn facts<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let open = self.open(py)?;
        let (early_data, ech) = py.detach(|| {
            let connection = &open.connection;
            (early_data(connection), ech(connection))
        });
        let Some(agreed) = open.connection.agreed() else {
            let error = Error::state("the handshake is not complete");
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

    /// The path that was accepted, up to the root; empty where none was checked,
    /// as in a resumed session.
    #[getter]
    fn verified_chain<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let chain = self.run(py, |connection| Ok(connection.verified_chain().to_vec()))?;
        PyTuple::new(py, chain.into_iter().map(Certificate).collect::<Vec<_>>())
    }

    /// Why the peer is not verified, as the exception that would refuse it; None if it is.
    #[getter]
    fn verify_error(&self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        let error = self.run(py, |connection| Ok(connection.verify_error()))?;
        let exception = |error: Error| to_python(py, &error, None).into_value(py).into_any();
        Ok(error.map(exception))
    }

    /// The code of that; None if the peer is verified.
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
        let open = self.look().map_err(|error| to_python(py, &error, None))?;
        Ok(open.connection.agreed().map(|agreed| agreed.resumed))
    }

    /// Whether the server asked for another key share (HelloRetryRequest, RFC 8446, section
    /// 4.1.4); None before the handshake is complete.
    #[getter]
    fn hello_retried(&self, py: Python<'_>) -> PyResult<Option<bool>> {
        let open = self.look().map_err(|error| to_python(py, &error, None))?;
        Ok(open.connection.agreed().map(|agreed| agreed.hello_retried))
    }

    /// Whether the server asked this client for a certificate (RFC 8446, section 4.3.2); None
    /// before the handshake is complete.  False on a server and in a resumed session.
    #[getter]
    fn certificate_requested(&self, py: Python<'_>) -> PyResult<Option<bool>> {
        let open = self.look().map_err(|error| to_python(py, &error, None))?;
        let requested = open.connection.certificate_requested();
        Ok(open.connection.agreed().map(|_| requested))
    }

    /// For how many seconds each ticket of TLS 1.3 is good that came so far.
    #[getter]
    fn tickets<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let lifetimes = self.run(py, |connection| Ok(connection.tickets()))?;
        PyTuple::new(py, lifetimes)
    }

    /// What the server gave this client so far to resume with, or None.
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
        let open = self.glance().map_err(|error| to_python(py, &error, None))?;
        Ok(open.connection.is_handshaking())
    }

    /// Whether the peer has said close_notify.
    #[getter]
    fn peer_closed(&self, py: Python<'_>) -> PyResult<bool> {
        self.run(py, |connection| Ok(connection.peer_closed()))
    }

    /// A page about the connection, for people: who the peer is, how it was
    /// verified, what was agreed.
    fn report(&self, py: Python<'_>) -> PyResult<String> {
        self.run(py, |connection| Ok(connection.report()))
    }

    /// Keying material that both sides derive from the same label and context
    /// (RFC 8446, section 7.5; RFC 5705).  In TLS 1.2 no context is something
    /// else than an empty one.
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
            let sentence = format!("{length} bytes cannot be exported: 1 to {MAX_EXPORTED} can");
            return Err(to_python(py, &Error::argument(sentence), None));
        }
        PyBytes::new_with(py, length, |out| {
            let exported = open.connection.export(label, context, out);
            exported.map_err(|error| open.raise(py, &error))
        })
    }

    /// The channel binding of this type: "tls-exporter" (RFC 9266) or
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

    /// Change the keys of what is sent, and ask the peer for the same (RFC 8446,
    /// section 4.6.3).  TLS 1.2 has no such thing: ConfigError.
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
        // Whoever holds the lock is not the collector.
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
