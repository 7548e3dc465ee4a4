//! What `ssl.SSLSocket` and `ssl.SSLObject` of the standard library drive in
//! place of OpenSSL: see `tlsmith.ssl`.

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

use crate::borrowed::{Bios, RecordByRecord, SocketFd};
use crate::buffer::Buffer;
use crate::context::Context;
use crate::errors::to_python;
use crate::hook::Hook;
use crate::open_connection::{CallGuard, OpenConnection};
use crate::peer::Peer;
use crate::raised::{self, Raised};
use crate::repeated::Unconfirmed;
use crate::session::Session;
use crate::socket::timeout;

/// TLS over a socket or a pair of memory BIOs that Python owns, with the rules
/// of OpenSSL: no byte is read beyond the record that is needed, and a write that
/// did not get through whole is to be made again.
#[pyclass(frozen, subclass, extends = Peer, module = "tlsmith._tlsmith", weakref)]
pub(crate) struct SslObject {
    carrier: Carrier,
    is_server: bool,
    hello: Arc<OnceLock<ClientHello>>,
    hook: Mutex<Option<Hook>>,
    /// To the exceptions of the standard library.
    translate: Py<PyAny>,
    /// Whether anything was done with the connection.
    begun: AtomicBool,
    /// What the next write has to begin with.  Held while a thread writes: a second one
    /// waits, as in the standard library.
    unconfirmed: Mutex<Unconfirmed>,
    /// The first byte of what the peer sent after our close_notify, which
    /// [`Self::finish`] came across.
    found: Mutex<Option<u8>>,
}

/// What of Python's carries the records.
enum Carrier {
    Socket {
        /// Weak: it is the socket that keeps the object.
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
    /// `carrier` is a socket, or a pair of memory BIOs.  `on_hello`, of a server,
    /// is called with what tlsmith.ClientHello has, and gives a Context, None
    /// for `context`, or the number of an alert.  `translate` makes the exception
    /// of the standard library from ours, or from "read" or "write" where the
    /// call has to be made again.  `session`, of a client, is of the same context.
    #[new]
    #[pyo3(signature = (
        context, carrier, is_server, server_name, on_hello, translate, session
    ))]
    #[expect(clippy::too_many_arguments, reason = "Python gives them by name")]
    fn new(
        py: Python<'_>,
        context: Py<Context>,
        carrier: &Bound<'_, PyAny>,
        is_server: bool,
        server_name: Option<&str>,
        on_hello: Option<&Bound<'_, PyAny>>,
        translate: Py<PyAny>,
        session: Option<&Bound<'_, Session>>,
    ) -> PyResult<PyClassInitializer<Self>> {
        let hello = Arc::<OnceLock<ClientHello>>::default();
        let hook = on_hello.map(Hook::new);
        let choose = is_server.then(|| remembering(hello.clone(), hook.clone()));
        let side = Side::new(context.get(), choose, server_name, session);
        let carrier = Carrier::of(carrier)?;
        let open = carrier.open(py, side)?;
        let this = Self {
            carrier,
            is_server,
            hello,
            hook: Mutex::new(hook),
            translate,
            begun: AtomicBool::new(false),
            unconfirmed: Mutex::default(),
            found: Mutex::default(),
        };
        Ok(PyClassInitializer::from(Peer::new(open, context)).add_subclass(this))
    }

    /// Whether anything was done with the connection.
    #[getter]
    fn begun(&self) -> bool {
        self.begun.load(Ordering::Relaxed)
    }

    /// Start over with another context, before anything was done.  The caller keeps
    /// the context alive; the other arguments are those of the constructor.
    fn begin_anew(
        this: &Bound<'_, Self>,
        context: &Bound<'_, Context>,
        server_name: Option<&str>,
        on_hello: Option<&Bound<'_, PyAny>>,
        session: Option<&Bound<'_, Session>>,
    ) -> PyResult<()> {
        let object = this.get();
        let hook = on_hello.map(Hook::new);
        let choose = object
            .is_server
            .then(|| remembering(object.hello.clone(), hook.clone()));
        let side = Side::new(context.get(), choose, server_name, session);
        let open = object.carrier.open(this.py(), side)?;
        *object.hook.lock().unwrap_or_else(PoisonError::into_inner) = hook;
        peer(this).put(open);
        Ok(())
    }

    /// Complete the handshake.
    fn do_handshake(this: &Bound<'_, Self>) -> PyResult<()> {
        let open = Self::ready(this, "handshake")?;
        let done = this.py().detach(|| open.connection.handshake());
        raised::or(done.map_err(|error| Self::failed(this, &open, &error, "handshake")))
    }

    /// Read up to `length` bytes, or into a buffer as many at most: the bytes, or
    /// how many.  At the peer's close_notify b"" or 0; after our own, the translation of
    /// "closed" is raised instead.  So is an error where more than 1 MiB waits behind it
    /// in the memory BIO: event loops add to that what comes, for as long as we do not
    /// object.
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
        // As in the standard library: what is not a length stands for the whole
        // buffer.
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
                    room => match this.get().take_found() {
                        Some(byte) => {
                            room[0] = byte;
                            1
                        }
                        None => {
                            let read = py.detach(|| open.connection.read(room));
                            raised::or(read.map_err(fail))?
                        }
                    },
                };
                (count, count.into_pyobject(py)?.into_any())
            }
            None if limit == 0 => return Ok(PyBytes::new(py, b"").into_any()),
            None => {
                let bytes = match this.get().take_found() {
                    Some(byte) => PyBytes::new(py, &[byte]),
                    None => raised::or(open.try_read(py, limit).map_err(fail))?,
                };
                (bytes.as_bytes().len(), bytes.into_any())
            }
        };
        if count == 0 {
            this.get().carrier.check_leftover(py)?.map_err(fail)?;
        }
        if count == 0 && open.connection.is_write_closed() {
            return Err(Self::translated(this, "closed", "read"));
        }
        Ok(read)
    }

    /// Write bytes: how many, once all their records are with the socket.
    fn write(this: &Bound<'_, Self>, data: &Bound<'_, PyAny>) -> PyResult<usize> {
        let open = Self::ready(this, "write")?;
        let data = Buffer::readable(data)?;
        let object = this.get();
        let written = this.py().detach(|| {
            let mut unconfirmed = object.writer(&open)?;
            if open.connection.is_write_closed() {
                let sentence = "close_notify was sent: nothing can be written after it";
                return Err(Error::state(sentence));
            }
            unconfirmed.write(&open.connection, data.bytes())
        });
        raised::or(written.map_err(|error| Self::failed(this, &open, &error, "write")))
    }

    /// Send close_notify and wait for the peer's.
    fn finish(this: &Bound<'_, Self>) -> PyResult<()> {
        let open = Self::ready(this, "shutdown")?;
        let object = this.get();
        let finished = this.py().detach(|| {
            open.connection.shutdown()?;
            if object.found().is_none() {
                let mut byte = [0; 1];
                if open.connection.read(&mut byte)? == 0 {
                    return Ok(());
                }
                // It is for the next read.
                *object.found() = Some(byte[0]);
            }
            let sentence =
                "application data after close notify: read to the end before the shutdown";
            Err(Error::state(sentence))
        });
        raised::or(finished.map_err(|error| Self::failed(this, &open, &error, "shutdown")))
    }

    /// How many bytes can be read without the network.
    fn pending(this: &Bound<'_, Self>) -> PyResult<usize> {
        let py = this.py();
        let open = peer(this)
            .look()
            .map_err(|error| Self::translated(this, to_python(py, &error, None), "read"))?;
        let found = usize::from(this.get().found().is_some());
        let pending = py.detach(|| open.connection.pending());
        raised::or(Ok(found + pending))
    }

    /// The cipher suites that the client offered, by their IANA names; None on a
    /// client, and before a server has heard its client.
    #[getter]
    fn offered_ciphers<'py>(this: &Bound<'py, Self>) -> PyResult<Option<Bound<'py, PyTuple>>> {
        let hello = this.get().hello.get();
        hello
            .map(|hello| PyTuple::new(this.py(), hello.ciphers()))
            .transpose()
    }

    fn __traverse__(&self, visit: pyo3::gc::PyVisit<'_>) -> Result<(), pyo3::PyTraverseError> {
        // Whoever holds the lock is not the collector: there is nothing to free.
        let hook = self.hook.try_lock();
        hook.iter()
            .flat_map(|hook| hook.iter())
            .try_for_each(|hook| hook.traverse(&visit))
    }

    fn __clear__(&self) {
        let hook = self.hook.lock().unwrap_or_else(PoisonError::into_inner);
        hook.iter().for_each(Hook::clear);
    }
}

impl SslObject {
    /// The right to write, which a thread waits for unless it would wait for itself.
    fn writer(&self, open: &CallGuard) -> Result<MutexGuard<'_, Unconfirmed>> {
        match self.unconfirmed.try_lock() {
            Ok(unconfirmed) => Ok(unconfirmed),
            Err(TryLockError::Poisoned(poisoned)) => Ok(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) if open.is_nested() => Err(Error::state(
                "the connection is in the middle of a write: what is called meanwhile, such \
                 as a signal handler, cannot write to it",
            )),
            Err(TryLockError::WouldBlock) => {
                let unconfirmed = self.unconfirmed.lock();
                Ok(unconfirmed.unwrap_or_else(PoisonError::into_inner))
            }
        }
    }

    fn found(&self) -> MutexGuard<'_, Option<u8>> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take_found(&self) -> Option<u8> {
        self.found().take()
    }

    /// The connection, with the descriptor and the time limit that the socket has
    /// now.
    fn ready(this: &Bound<'_, Self>, operation: &str) -> PyResult<CallGuard> {
        let py = this.py();
        let open = peer(this).enter();
        let open =
            open.map_err(|error| Self::translated(this, to_python(py, &error, None), operation))?;
        this.get().begun.store(true, Ordering::Relaxed);
        if let Carrier::Socket { socket, fd } = &this.get().carrier {
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

    /// The exception of the standard library for an error.
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

/// The descriptor of a socket; None where it is closed.
fn descriptor(socket: &Bound<'_, PyAny>) -> PyResult<Option<RawFd>> {
    let fileno = socket.call_method0(intern!(socket.py(), "fileno"))?;
    fileno.extract().map(|fd: RawFd| (fd >= 0).then_some(fd))
}

/// How many bytes may wait in a memory BIO behind the peer's close_notify.
const MOST_LEFTOVER: usize = 1 << 20;

impl Carrier {
    /// Fails where too much waits behind the peer's close_notify, which is not for us.
    fn check_leftover(&self, py: Python<'_>) -> PyResult<Result<()>> {
        let Self::Bios { incoming, .. } = self else {
            return Ok(Ok(()));
        };
        let waiting: usize = incoming.bind(py).getattr("pending")?.extract()?;
        if waiting <= MOST_LEFTOVER {
            return Ok(Ok(()));
        }
        let sentence = format!(
            "the peer sent {waiting} bytes after its close_notify: take them from the BIO, \
             or close the connection, {MOST_LEFTOVER} at most are expected there"
        );
        Ok(Err(Error::state(sentence)))
    }

    fn of(carrier: &Bound<'_, PyAny>) -> PyResult<Self> {
        if let Ok(pair) = carrier.cast::<PyTuple>() {
            let (incoming, outgoing) = pair.extract()?;
            return Ok(Self::Bios { incoming, outgoing });
        }
        let Some(fd) = descriptor(carrier)? else {
            return Err(PyTypeError::new_err("the socket is closed"));
        };
        Ok(Self::Socket {
            socket: PyWeakrefReference::new(carrier)?.unbind(),
            fd: SocketFd::new(fd),
        })
    }

    /// A connection over it that has not begun yet.
    fn open(&self, py: Python<'_>, side: Side<'_>) -> PyResult<OpenConnection> {
        let raised = Raised::default();
        let server_name = side.server_name();
        let connection = match self {
            Self::Socket { fd, .. } => {
                let transport = SocketTransport::connected_later(fd.clone());
                let transport = transport.with_interrupt(raised.interrupt());
                side.over(py, RecordByRecord::new(transport))
            }
            Self::Bios { incoming, outgoing } => {
                let bios = Bios {
                    incoming: incoming.clone_ref(py),
                    outgoing: outgoing.clone_ref(py),
                    raised: raised.clone(),
                };
                side.over(py, RecordByRecord::new(bios))
            }
        };
        let connection =
            raised::or(connection.map_err(|error| to_python(py, &error, server_name)))?;
        Ok(OpenConnection::new(connection, raised, None))
    }
}

/// Which side a connection is.
enum Side<'a> {
    Server(&'a tlsmith::Context, HelloCallback),
    Client(&'a tlsmith::Context, Option<&'a str>),
    Resuming(&'a tlsmith::Context, &'a tlsmith::Session, Option<&'a str>),
}

impl<'a> Side<'a> {
    /// A server that `choose` is of, or else a client.
    fn new(
        context: &'a Context,
        choose: Option<HelloCallback>,
        server_name: Option<&'a str>,
        session: Option<&'a Bound<'_, Session>>,
    ) -> Self {
        match (choose, session) {
            (Some(choose), _) => Self::Server(&context.core, choose),
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
            Self::Server(context, choose) => {
                Connection::server_with_hello(context, choose, transport)
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

/// Keeps what a client says, and asks the application who answers.
fn remembering(heard: Arc<OnceLock<ClientHello>>, hook: Option<Hook>) -> HelloCallback {
    let ask = hook.map(|hook| hook.hello());
    Arc::new(move |hello: &ClientHello| {
        heard.get_or_init(|| hello.clone());
        ask.as_ref()
            .map_or_else(|| Ok(Selection::default()), |ask| ask(hello))
    })
}
