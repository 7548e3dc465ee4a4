//! The object behind `ssl.SSLSocket` and `ssl.SSLObject` in `tlsmith.ssl`, in place of OpenSSL's.

use std::os::fd::RawFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, TryLockError};

use pyo3::IntoPyObjectExt;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyTuple, PyWeakrefMethods, PyWeakrefReference};
use tlsmith::{
    ClientHello, Connection, ConnectionOptions, Error, HelloCallback, Result, Selection,
    SocketTransport, Status, Transport,
};

use crate::buffer::Buffer;
use crate::callback::Callback;
use crate::context::Context;
use crate::errors::to_python;
use crate::open_connection::{CallGuard, OpenConnection};
use crate::peer::Peer;
use crate::pending::{self, PendingException};
use crate::session::Session;
use crate::socket::timeout;
use crate::transports::{MemoryBios, RecordByRecord, SocketFd};
use crate::write_retry::PendingWrite;

/// TLS over a socket or a pair of memory BIOs that Python owns, with OpenSSL's rules: no byte is
/// read beyond the current record, and an incomplete write must be repeated.
#[pyclass(frozen, subclass, extends = Peer, module = "tlsmith._tlsmith", weakref)]
pub(crate) struct SslObject {
    transport: PythonTransport,
    is_server: bool,
    hello: Arc<OnceLock<ClientHello>>,
    callback: Mutex<Option<Callback>>,
    /// Translates errors to the exceptions of the standard library.
    translate: Py<PyAny>,
    /// Whether the connection was used.
    begun: AtomicBool,
    /// The bytes that the next write must begin with.  Locked during a write: a second thread
    /// waits, as in the standard library.
    pending_write: Mutex<PendingWrite>,
    /// The first byte of data that [`Self::finish`] received instead of close_notify.
    unread_byte: Mutex<Option<u8>>,
}

/// The Python objects that transfer the records.
enum PythonTransport {
    Socket {
        /// Weak, since the socket owns this object.
        socket: Py<PyWeakrefReference>,
        fd: SocketFd,
    },
    Bios {
        incoming: Py<PyAny>,
        outgoing: Py<PyAny>,
    },
}

fn peer<'a>(this: &'a Bound<'_, SslObject>) -> &'a Peer {
    this.as_super().get()
}

#[pymethods]
impl SslObject {
    /// `transport` is a socket, or a pair of memory BIOs.  `on_hello`, for a server, is called
    /// with the fields of tlsmith.ClientHello, and returns a Context, None for `context`, or the
    /// number of an alert.  `translate` converts an exception of tlsmith to one of the standard
    /// library; "read" and "write" stand for a call that must be repeated.  `session`, for a
    /// client, belongs to the same context.
    #[new]
    #[pyo3(signature = (
        context, transport, is_server, server_name, on_hello, translate, session
    ))]
    #[expect(clippy::too_many_arguments, reason = "Python gives them by name")]
    fn new(
        py: Python<'_>,
        context: Py<Context>,
        transport: &Bound<'_, PyAny>,
        is_server: bool,
        server_name: Option<&str>,
        on_hello: Option<&Bound<'_, PyAny>>,
        translate: Py<PyAny>,
        session: Option<&Bound<'_, Session>>,
    ) -> PyResult<PyClassInitializer<Self>> {
        let hello = Arc::<OnceLock<ClientHello>>::default();
        let callback = on_hello.map(Callback::new);
        let on_hello = is_server.then(|| storing_hello(hello.clone(), callback.clone()));
        let side = Side::new(context.get(), on_hello, server_name, session);
        let transport = PythonTransport::of(transport)?;
        let open = transport.open(py, side)?;
        let this = Self {
            transport,
            is_server,
            hello,
            callback: Mutex::new(callback),
            translate,
            begun: AtomicBool::new(false),
            pending_write: Mutex::default(),
            unread_byte: Mutex::default(),
        };
        Ok(PyClassInitializer::from(Peer::new(open, context)).add_subclass(this))
    }

    /// Whether the connection was used.
    #[getter]
    fn begun(&self) -> bool {
        self.begun.load(Ordering::Relaxed)
    }

    /// Start again with another context, before the connection was used.  The caller keeps the
    /// context alive.  The other arguments are those of the constructor.
    fn begin_anew(
        this: &Bound<'_, Self>,
        context: &Bound<'_, Context>,
        server_name: Option<&str>,
        on_hello: Option<&Bound<'_, PyAny>>,
        session: Option<&Bound<'_, Session>>,
    ) -> PyResult<()> {
        let object = this.get();
        let callback = on_hello.map(Callback::new);
        let on_hello = object
            .is_server
            .then(|| storing_hello(object.hello.clone(), callback.clone()));
        let side = Side::new(context.get(), on_hello, server_name, session);
        let open = object.transport.open(this.py(), side)?;
        *object
            .callback
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = callback;
        peer(this).put(open);
        Ok(())
    }

    /// Complete the handshake.
    fn do_handshake(this: &Bound<'_, Self>) -> PyResult<()> {
        let open = Self::ready(this, "handshake")?;
        let done = this.py().detach(|| open.connection.handshake());
        pending::raise_or(done.map_err(|error| Self::failed(this, &open, &error, "handshake")))
    }

    /// Read up to `length` bytes: return the bytes, or their number for a buffer.  After the
    /// peer's close_notify, return b"" or 0, or raise the translation of "closed" if
    /// close_notify was also sent.  Raise an error if more than 1 MiB follows it in the memory
    /// BIO: event loops would add to it without a limit.
    #[pyo3(signature = (length, buffer = None, /))]
    fn read<'py>(
        this: &Bound<'py, Self>,
        length: isize,
        buffer: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = this.py();
        if length < 0 && buffer.is_none() {
            return Err(PyValueError::new_err("size should not be negative"));
        }
        let open = Self::ready(this, "read")?;
        // As in the standard library, 0 and negative lengths mean the whole buffer.
        let limit = usize::try_from(length).unwrap_or(0);
        let fail = |error: Error| Self::failed(this, &open, &error, "read");
        let (count, read) = match buffer {
            Some(buffer) => {
                let mut buffer = Buffer::writable(buffer)?;
                let room = match limit {
                    0 => buffer.len(),
                    limit => limit.min(buffer.len()),
                };
                let count = match &mut buffer.bytes_mut()[..room] {
                    [] => return Ok(0_usize.into_pyobject(py)?.into_any()),
                    room => match this.get().take_unread_byte() {
                        Some(byte) => {
                            room[0] = byte;
                            1
                        }
                        None => {
                            let read = py.detach(|| open.connection.read(room));
                            pending::raise_or(read.map_err(fail))?
                        }
                    },
                };
                (count, count.into_pyobject(py)?.into_any())
            }
            None if limit == 0 => return Ok(PyBytes::new(py, b"").into_any()),
            None => {
                let bytes = match this.get().take_unread_byte() {
                    Some(byte) => PyBytes::new(py, &[byte]),
                    None => pending::raise_or(open.try_read(py, limit).map_err(fail))?,
                };
                (bytes.as_bytes().len(), bytes.into_any())
            }
        };
        if count == 0 {
            this.get().transport.check_leftover(py)?.map_err(fail)?;
        }
        if count == 0 && open.connection.is_write_closed() {
            return Err(Self::translated(this, "closed", "read"));
        }
        Ok(read)
    }

    /// Write bytes, and return how many once all their records are sent.
    fn write(this: &Bound<'_, Self>, data: &Bound<'_, PyAny>) -> PyResult<usize> {
        let open = Self::ready(this, "write")?;
        let data = Buffer::readable(data)?;
        let object = this.get();
        let written = this.py().detach(|| {
            let mut pending_write = object.writer(&open)?;
            if open.connection.is_write_closed() {
                let sentence = "close_notify was sent: nothing can be written after it";
                return Err(Error::state(sentence));
            }
            pending_write.write(&open.connection, data.bytes())
        });
        pending::raise_or(written.map_err(|error| Self::failed(this, &open, &error, "write")))
    }

    /// Send close_notify and wait for the peer's.
    fn finish(this: &Bound<'_, Self>) -> PyResult<()> {
        let open = Self::ready(this, "shutdown")?;
        let object = this.get();
        let finished = this.py().detach(|| {
            open.connection.shutdown()?;
            if object.unread_byte().is_none() {
                let mut byte = [0; 1];
                if open.connection.read(&mut byte)? == 0 {
                    return Ok(());
                }
                // The next read returns it.
                *object.unread_byte() = Some(byte[0]);
            }
            let sentence =
                "application data after close notify: read to the end before the shutdown";
            Err(Error::state(sentence))
        });
        pending::raise_or(finished.map_err(|error| Self::failed(this, &open, &error, "shutdown")))
    }

    /// How many bytes can be read without the network.
    fn pending(this: &Bound<'_, Self>) -> PyResult<usize> {
        let py = this.py();
        let open = peer(this)
            .inspect()
            .map_err(|error| Self::translated(this, to_python(py, &error, None), "read"))?;
        let found = usize::from(this.get().unread_byte().is_some());
        let pending = py.detach(|| open.connection.pending());
        pending::raise_or(Ok(found + pending))
    }

    /// The cipher suites that the client offered, by their IANA names; None on a client, and
    /// before the ClientHello.
    #[getter]
    fn offered_ciphers<'py>(this: &Bound<'py, Self>) -> PyResult<Option<Bound<'py, PyTuple>>> {
        let hello = this.get().hello.get();
        hello
            .map(|hello| PyTuple::new(this.py(), hello.ciphers()))
            .transpose()
    }

    fn __traverse__(&self, visit: pyo3::gc::PyVisit<'_>) -> Result<(), pyo3::PyTraverseError> {
        // If the lock is held, the callback is in use, so there is nothing to collect.
        let callback = self.callback.try_lock();
        callback
            .iter()
            .flat_map(|callback| callback.iter())
            .try_for_each(|callback| callback.traverse(&visit))
    }

    fn __clear__(&self) {
        let callback = self.callback.lock().unwrap_or_else(PoisonError::into_inner);
        callback.iter().for_each(Callback::clear);
    }
}

impl SslObject {
    /// Locks the state of writes.  Fails if this thread holds the lock, since waiting would
    /// deadlock.
    fn writer(&self, open: &CallGuard) -> Result<MutexGuard<'_, PendingWrite>> {
        match self.pending_write.try_lock() {
            Ok(pending_write) => Ok(pending_write),
            Err(TryLockError::Poisoned(poisoned)) => Ok(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) if open.is_nested() => Err(Error::state(
                "a write is in progress on this connection: code that interrupts it, such as a \
                 signal handler, cannot write to it",
            )),
            Err(TryLockError::WouldBlock) => {
                let pending_write = self.pending_write.lock();
                Ok(pending_write.unwrap_or_else(PoisonError::into_inner))
            }
        }
    }

    fn unread_byte(&self) -> MutexGuard<'_, Option<u8>> {
        self.unread_byte
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn take_unread_byte(&self) -> Option<u8> {
        self.unread_byte().take()
    }

    /// Returns the connection, with the current descriptor and timeout of the socket.
    fn ready(this: &Bound<'_, Self>, operation: &str) -> PyResult<CallGuard> {
        let py = this.py();
        let open = peer(this).enter();
        let open =
            open.map_err(|error| Self::translated(this, to_python(py, &error, None), operation))?;
        this.get().begun.store(true, Ordering::Relaxed);
        if let PythonTransport::Socket { socket, fd } = &this.get().transport {
            let socket = socket.bind(py).upgrade();
            let number = socket.as_ref().map(descriptor).transpose()?.flatten();
            let (Some(socket), Some(number)) = (socket, number) else {
                let error = Error::state("underlying socket connection gone");
                return Err(Self::failed(this, &open, &error, operation));
            };
            fd.set(number);
            let seconds = socket.call_method0(intern!(py, "gettimeout"))?.extract()?;
            open.connection.set_timeout(timeout(seconds)?);
        }
        Ok(open)
    }

    /// Returns the exception of the standard library for an error.
    fn failed(
        this: &Bound<'_, Self>,
        open: &OpenConnection,
        error: &Error,
        operation: &str,
    ) -> PyErr {
        let py = this.py();
        if let Some(raised) = open.raised() {
            return raised;
        }
        match error.status() {
            Status::WantRead => Self::translated(this, "read", operation),
            Status::WantWrite => Self::translated(this, "write", operation),
            _ => Self::translated(this, open.raise(py, error), operation),
        }
    }

    fn translated<'py>(
        this: &Bound<'py, Self>,
        ours: impl IntoPyObject<'py>,
        operation: &str,
    ) -> PyErr {
        let py = this.py();
        let ours = ours.into_bound_py_any(py);
        let translate = this.get().translate.bind(py);
        match ours.and_then(|ours| translate.call1((ours, operation))) {
            Ok(translated) => PyErr::from_value(translated),
            Err(failure) => failure,
        }
    }
}

/// Returns the descriptor of a socket; None if it is closed.
fn descriptor(socket: &Bound<'_, PyAny>) -> PyResult<Option<RawFd>> {
    let fileno = socket.call_method0(intern!(socket.py(), "fileno"))?;
    fileno.extract().map(|fd: RawFd| (fd >= 0).then_some(fd))
}

/// How many bytes may follow the peer's close_notify in a memory BIO.
const MAX_LEFTOVER: usize = 1 << 20;

impl PythonTransport {
    /// Fails if too many bytes follow the peer's close_notify: they are not TLS.
    fn check_leftover(&self, py: Python<'_>) -> PyResult<Result<()>> {
        let Self::Bios { incoming, .. } = self else {
            return Ok(Ok(()));
        };
        let waiting: usize = incoming.bind(py).getattr("pending")?.extract()?;
        if waiting <= MAX_LEFTOVER {
            return Ok(Ok(()));
        }
        let sentence = format!(
            "the peer sent {waiting} bytes after its close_notify, and at most {MAX_LEFTOVER} are \
             allowed: read them from the BIO, or close the connection"
        );
        Ok(Err(Error::state(sentence)))
    }

    fn of(transport: &Bound<'_, PyAny>) -> PyResult<Self> {
        if let Ok(pair) = transport.cast::<PyTuple>() {
            let (incoming, outgoing) = pair.extract()?;
            return Ok(Self::Bios { incoming, outgoing });
        }
        let Some(fd) = descriptor(transport)? else {
            return Err(PyTypeError::new_err("the socket is closed"));
        };
        Ok(Self::Socket {
            socket: PyWeakrefReference::new(transport)?.unbind(),
            fd: SocketFd::new(fd),
        })
    }

    /// Creates a connection over it.
    fn open(&self, py: Python<'_>, side: Side<'_>) -> PyResult<OpenConnection> {
        let raised = PendingException::default();
        let server_name = side.server_name();
        let connection = match self {
            Self::Socket { fd, .. } => {
                let transport = SocketTransport::connected_later(fd.clone());
                let transport = transport.with_interrupt(raised.interrupt());
                side.over(py, RecordByRecord::new(transport))
            }
            Self::Bios { incoming, outgoing } => {
                let bios = MemoryBios {
                    incoming: incoming.clone_ref(py),
                    outgoing: outgoing.clone_ref(py),
                    raised: raised.clone(),
                };
                side.over(py, RecordByRecord::new(bios))
            }
        };
        let connection =
            pending::raise_or(connection.map_err(|error| to_python(py, &error, server_name)))?;
        Ok(OpenConnection::new(connection, raised, None))
    }
}

/// The side of a connection, with its settings.
enum Side<'a> {
    Server(&'a tlsmith::Context, HelloCallback),
    Client(&'a tlsmith::Context, Option<&'a str>),
    Resuming(&'a tlsmith::Context, &'a tlsmith::Session, Option<&'a str>),
}

impl<'a> Side<'a> {
    /// Returns a server if there is `on_hello`, else a client.
    fn new(
        context: &'a Context,
        on_hello: Option<HelloCallback>,
        server_name: Option<&'a str>,
        session: Option<&'a Bound<'_, Session>>,
    ) -> Self {
        match (on_hello, session) {
            (Some(on_hello), _) => Self::Server(&context.core, on_hello),
            (None, Some(session)) => {
                Self::Resuming(&context.core, &session.get().core, server_name)
            }
            (None, None) => Self::Client(&context.core, server_name),
        }
    }

    fn server_name(&self) -> Option<&'a str> {
        match self {
            Self::Server(..) => None,
            Self::Client(_, name) | Self::Resuming(.., name) => *name,
        }
    }

    fn over(self, py: Python<'_>, transport: impl Transport + 'static) -> Result<Connection> {
        py.detach(|| match self {
            Self::Server(context, on_hello) => {
                Connection::server_with_hello(context, on_hello, transport)
            }
            Self::Client(context, name) => Connection::client(context, name, transport),
            Self::Resuming(context, session, name) => {
                let mut options = ConnectionOptions::new();
                options.set_session(session);
                Connection::client_with(context, &options, name, transport)
            }
        })
    }
}

/// Returns a callback that stores the ClientHello, and calls the application's callback.
fn storing_hello(stored: Arc<OnceLock<ClientHello>>, callback: Option<Callback>) -> HelloCallback {
    let ask = callback.map(|callback| callback.hello());
    Arc::new(move |hello: &ClientHello| {
        stored.get_or_init(|| hello.clone());
        ask.as_ref()
            .map_or_else(|| Ok(Selection::default()), |ask| ask(hello))
    })
}
