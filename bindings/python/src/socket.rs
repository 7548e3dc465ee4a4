//! Sockets: TLS over a descriptor of our own.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, IntoRawFd, OwnedFd, RawFd};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use pyo3::IntoPyObjectExt;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};
use tlsmith::{
    Connection, Error, Interrupt, Result, SocketTransport, Status, Timeout, Version, tcp,
};

use crate::buffer::Buffer;
use crate::cert::Certificate;
use crate::config::Context;
use crate::errors::to_python;

/// The most that one `recv` gives, whatever it is asked for.
const MOST: usize = 65_536;

thread_local! {
    /// Where `recv` decrypts to before it knows how long its result is.
    static SCRATCH: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// What a signal handler of Python raised while a call was waiting.
#[derive(Clone, Default)]
struct Signals(Arc<Mutex<Option<PyErr>>>);

impl Signals {
    /// Has the handlers run whenever a signal interrupts a wait.
    fn interrupt(&self) -> Interrupt {
        let this = self.clone();
        Arc::new(move || {
            let Err(raised) = Python::attach(|py| py.check_signals()) else {
                return Ok(());
            };
            this.0
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .replace(raised);
            Err(Error::new(Status::State, "interrupted by a signal"))
        })
    }

    fn take(&self) -> Option<PyErr> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// Seconds as Python's sockets have them: None waits, 0 does not.
fn timeout(seconds: Option<f64>) -> PyResult<Timeout> {
    match seconds {
        None => Ok(Timeout::Descriptor),
        Some(0.0) => Ok(Timeout::Never),
        Some(seconds) => Duration::try_from_secs_f64(seconds)
            .map(Timeout::After)
            .map_err(|_| PyValueError::new_err(format!("{seconds} seconds cannot be waited"))),
    }
}

/// A TLS connection over a socket of its own.
#[pyclass(frozen, module = "tlsmith", weakref)]
pub(crate) struct Socket {
    /// None once it is closed.
    open: Mutex<Option<Arc<Open>>>,
    seconds: Mutex<Option<f64>>,
}

struct Open {
    connection: Connection,
    fd: Arc<OwnedFd>,
    signals: Signals,
}

impl Socket {
    fn new(
        context: &Context,
        fd: OwnedFd,
        side: Side<'_>,
        seconds: Option<f64>,
        signals: Signals,
    ) -> Result<Self> {
        let fd = Arc::new(fd);
        let transport = SocketTransport::new(fd.clone())?.with_interrupt(signals.interrupt());
        let connection = match side {
            Side::Client(name) => Connection::client(&context.0, name, transport)?,
            Side::Server => Connection::server(&context.0, transport)?,
        };
        let open = Open {
            connection,
            fd,
            signals,
        };
        Ok(Self {
            open: Mutex::new(Some(Arc::new(open))),
            seconds: Mutex::new(seconds),
        })
    }

    fn open(&self, py: Python<'_>) -> PyResult<Arc<Open>> {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.clone().ok_or_else(|| {
            let error = Error::new(Status::State, "the socket is closed");
            to_python(py, &error, None)
        })
    }

    /// Runs a call on the connection without the interpreter.
    fn run<T: Send>(
        &self,
        py: Python<'_>,
        call: impl FnOnce(&Connection) -> Result<T> + Send,
    ) -> PyResult<T> {
        let open = self.open(py)?;
        py.detach(|| call(&open.connection))
            .map_err(|error| open.raise(py, &error))
    }

    /// Takes the connection away from the object.
    fn take(&self) -> Option<Arc<Open>> {
        self.open
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }
}

impl Open {
    fn raise(&self, py: Python<'_>, error: &Error) -> PyErr {
        let raised = self.signals.take();
        raised.unwrap_or_else(|| to_python(py, error, self.connection.server_name()))
    }
}

enum Side<'a> {
    Client(Option<&'a str>),
    Server,
}

#[pymethods]
impl Socket {
    /// Complete the handshake; reading and writing do it too.
    fn do_handshake(&self, py: Python<'_>) -> PyResult<()> {
        self.run(py, |connection| connection.handshake())
    }

    /// Receive up to `size` bytes; b"" only after the peer's close_notify.
    #[pyo3(signature = (size = 65_536, /))]
    fn recv<'py>(&self, py: Python<'py>, size: usize) -> PyResult<Bound<'py, PyBytes>> {
        let open = self.open(py)?;
        let size = size.min(MOST);
        if size == 0 {
            return Ok(PyBytes::new(py, b""));
        }
        let mut scratch = SCRATCH.take();
        if scratch.len() < size {
            scratch.resize(size, 0);
        }
        let outcome = py.detach(|| open.connection.read(&mut scratch[..size]));
        let outcome = outcome
            .map(|count| PyBytes::new(py, &scratch[..count]))
            .map_err(|error| open.raise(py, &error));
        SCRATCH.set(scratch);
        outcome
    }

    /// Receive into a buffer, at most `nbytes` (0: as much as it holds): how
    /// many bytes, 0 only after the peer's close_notify or for no room at all.
    #[pyo3(signature = (buffer, nbytes = 0, /))]
    fn recv_into(
        &self,
        py: Python<'_>,
        buffer: &Bound<'_, PyAny>,
        nbytes: usize,
    ) -> PyResult<usize> {
        let mut buffer = Buffer::writable(buffer)?;
        let room = match nbytes {
            0 => buffer.len(),
            limit => limit.min(buffer.len()),
        };
        if room == 0 {
            self.open(py)?;
            return Ok(0);
        }
        self.run(py, |connection| {
            connection.read(&mut buffer.bytes_mut()[..room])
        })
    }

    /// Send bytes: how many were taken, which is all of them unless the socket
    /// does not block.
    #[pyo3(signature = (data, /))]
    fn send(&self, py: Python<'_>, data: &Bound<'_, PyAny>) -> PyResult<usize> {
        let data = Buffer::readable(data)?;
        self.run(py, |connection| connection.write(data.bytes()))
    }

    /// Send all bytes.
    #[pyo3(signature = (data, /))]
    fn sendall(&self, py: Python<'_>, data: &Bound<'_, PyAny>) -> PyResult<()> {
        let data = Buffer::readable(data)?;
        self.run(py, |connection| {
            let bytes = data.bytes();
            let taken = connection.write(bytes)?;
            if taken == bytes.len() {
                return Ok(());
            }
            Err(Error::new(
                Status::WantWrite,
                format!(
                    "the socket does not block and took {taken} of {} bytes: \
                     use send() on it",
                    bytes.len()
                ),
            ))
        })
    }

    /// How many bytes can be received without the network.
    fn pending(&self, py: Python<'_>) -> PyResult<usize> {
        self.run(py, |connection| Ok(connection.pending()))
    }

    /// Limit the waiting of each call, in seconds: None waits for ever, 0 never.
    #[pyo3(signature = (value, /))]
    fn settimeout(&self, py: Python<'_>, value: Option<f64>) -> PyResult<()> {
        let limit = timeout(value)?;
        self.open(py)?.connection.set_timeout(limit);
        *self.seconds.lock().unwrap_or_else(PoisonError::into_inner) = value;
        Ok(())
    }

    /// The limit that settimeout() set.
    fn gettimeout(&self) -> Option<f64> {
        *self.seconds.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// setblocking(True) is settimeout(None), setblocking(False) settimeout(0).
    #[pyo3(signature = (flag, /))]
    fn setblocking(&self, py: Python<'_>, flag: bool) -> PyResult<()> {
        self.settimeout(py, if flag { None } else { Some(0.0) })
    }

    /// The descriptor, or -1 once it is closed.
    fn fileno(&self) -> RawFd {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.as_ref().map_or(-1, |open| open.fd.as_raw_fd())
    }

    /// The address of the peer.
    fn getpeername<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let open = self.open(py)?;
        let address = tcp::peer_address(&open.fd);
        to_address(py, address.map_err(|error| open.raise(py, &error))?)
    }

    /// The address of this end.
    fn getsockname<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let open = self.open(py)?;
        let address = tcp::local_address(&open.fd);
        to_address(py, address.map_err(|error| open.raise(py, &error))?)
    }

    /// Say close_notify: nothing can be sent after it, receiving goes on.
    fn close_write(&self, py: Python<'_>) -> PyResult<()> {
        self.run(py, |connection| connection.shutdown())
    }

    /// Say close_notify and wait for the peer's: the plain socket, and the bytes
    /// that came after the peer's close_notify.  What the peer still sent before
    /// it is lost.  `timeout`, in seconds, limits each wait.
    #[pyo3(signature = (*, timeout = None))]
    fn unwrap<'py>(
        &self,
        py: Python<'py>,
        timeout: Option<f64>,
    ) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyBytes>)> {
        if timeout.is_some() {
            self.settimeout(py, timeout)?;
        }
        let leftover = self.run(py, |connection| {
            connection.shutdown()?;
            let mut lost = vec![0; 16_384];
            while connection.read(&mut lost)? > 0 {}
            Ok(connection.leftover())
        })?;
        let plain = PyDict::new(py);
        plain.set_item("fileno", self.detach(py)?)?;
        let class = py.import("socket")?.getattr("socket")?;
        Ok((class.call((), Some(&plain))?, PyBytes::new(py, &leftover)))
    }

    /// Close the socket, with a close_notify where one can be said at once.
    fn close(&self, py: Python<'_>) {
        let Some(open) = self.take() else { return };
        py.detach(|| {
            // Closing does not wait.  A peer that is gone or does not read
            // cannot be told that we end, and has no use for it.
            open.connection.set_timeout(Timeout::Never);
            let _ = open.connection.shutdown();
            // Another thread that waits on this socket must not wait for ever.
            let _ = rustix::net::shutdown(open.fd.as_fd(), rustix::net::Shutdown::Both);
            drop(open);
        });
    }

    /// Give the descriptor away, without a word to the peer, and close the rest.
    fn detach(&self, py: Python<'_>) -> PyResult<RawFd> {
        let open = self.open(py)?;
        let own = open.fd.try_clone().map_err(PyErr::from)?;
        drop(self.take());
        Ok(own.into_raw_fd())
    }

    /// Whether the peer has said close_notify.
    #[getter]
    fn closed_cleanly(&self, py: Python<'_>) -> PyResult<bool> {
        Ok(self.open(py)?.connection.peer_closed())
    }

    /// What was agreed; completes the handshake.
    #[getter]
    fn info<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.do_handshake(py)?;
        let open = self.open(py)?;
        let Some(agreed) = open.connection.agreed() else {
            let error = Error::new(Status::Internal, "the handshake left nothing");
            return Err(to_python(py, &error, None));
        };
        let version = match agreed.version {
            Version::Tls12 => "1.2",
            Version::Tls13 => "1.3",
        };
        py.import("tlsmith._config")?.getattr("Info")?.call1((
            version,
            agreed.cipher,
            agreed.group,
            agreed.alpn.as_deref(),
            open.connection.server_name(),
            agreed.resumed,
            agreed.signature_scheme.as_deref(),
        ))
    }

    /// The peer's certificate, or None.
    #[getter]
    fn peer(&self, py: Python<'_>) -> PyResult<Option<Certificate>> {
        let open = self.open(py)?;
        Ok(open
            .connection
            .peer_chain()
            .first()
            .cloned()
            .map(Certificate))
    }

    /// The certificates that the peer sent, its own first.
    #[getter]
    fn peer_chain<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, pyo3::types::PyTuple>> {
        let open = self.open(py)?;
        let chain = open.connection.peer_chain().iter().cloned();
        pyo3::types::PyTuple::new(py, chain.map(Certificate).collect::<Vec<_>>())
    }

    /// The path that was accepted, up to the root.
    #[getter]
    fn verified_chain<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, pyo3::types::PyTuple>> {
        let open = self.open(py)?;
        let chain = open.connection.verified_chain().iter().cloned();
        pyo3::types::PyTuple::new(py, chain.map(Certificate).collect::<Vec<_>>())
    }

    fn __enter__(this: Py<Self>) -> Py<Self> {
        this
    }

    #[pyo3(signature = (*_exception))]
    fn __exit__(&self, py: Python<'_>, _exception: &Bound<'_, pyo3::types::PyTuple>) {
        self.close(py);
    }

    fn __repr__(&self) -> String {
        match self.fileno() {
            -1 => "<tlsmith.Socket closed>".to_owned(),
            fd => format!("<tlsmith.Socket fd={fd}>"),
        }
    }
}

fn to_address(py: Python<'_>, address: SocketAddr) -> PyResult<Bound<'_, PyAny>> {
    let host = address.ip().to_string();
    match address {
        SocketAddr::V4(address) => (host, address.port()).into_bound_py_any(py),
        SocketAddr::V6(address) => {
            let (flow, scope) = (address.flowinfo(), address.scope_id());
            (host, address.port(), flow, scope).into_bound_py_any(py)
        }
    }
}

/// Connect by name and port, and shake hands.
#[pyfunction]
pub(crate) fn connect(
    py: Python<'_>,
    context: &Context,
    host: &str,
    port: &str,
    server_name: &str,
    seconds: Option<f64>,
) -> PyResult<Socket> {
    let limit = timeout(seconds)?;
    let signals = Signals::default();
    let outcome = py.detach(|| {
        let fd = tcp::connect(host, port, limit, Some(&signals.interrupt()))?;
        let side = Side::Client(Some(server_name));
        Socket::new(context, fd, side, seconds, signals.clone())
    });
    let socket = outcome.map_err(|error| {
        let raised = signals.take();
        raised.unwrap_or_else(|| to_python(py, &error, Some(server_name)))
    })?;
    socket.settimeout(py, seconds)?;
    socket.do_handshake(py)?;
    Ok(socket)
}

/// Take over a descriptor that `socket.detach()` gave, as a client with a name
/// or as a server.
#[pyfunction]
#[pyo3(signature = (context, fd, is_server, server_name, seconds))]
pub(crate) fn wrap(
    py: Python<'_>,
    context: &Context,
    fd: RawFd,
    is_server: bool,
    server_name: Option<&str>,
    seconds: Option<f64>,
) -> PyResult<Socket> {
    let fd = crate::buffer::own(fd)?;
    let side = match is_server {
        true => Side::Server,
        false => Side::Client(server_name),
    };
    let socket = Socket::new(context, fd, side, seconds, Signals::default())
        .map_err(|error| to_python(py, &error, server_name))?;
    socket.settimeout(py, seconds)?;
    Ok(socket)
}

/// A listening TCP socket.
#[pyclass(frozen, module = "tlsmith", weakref)]
pub(crate) struct Listener {
    fd: Mutex<Option<Arc<OwnedFd>>>,
    context: Py<Context>,
}

/// Listen on a host (None: every address) and a port ("0": any free one).
#[pyfunction]
pub(crate) fn listen(
    py: Python<'_>,
    context: Py<Context>,
    host: Option<&str>,
    port: &str,
) -> PyResult<Listener> {
    let fd = py.detach(|| tcp::listen(host, port));
    let fd = fd.map_err(|error| to_python(py, &error, None))?;
    Ok(Listener {
        fd: Mutex::new(Some(Arc::new(fd))),
        context,
    })
}

impl Listener {
    fn fd(&self, py: Python<'_>) -> PyResult<Arc<OwnedFd>> {
        let fd = self.fd.lock().unwrap_or_else(PoisonError::into_inner);
        fd.clone().ok_or_else(|| {
            let error = Error::new(Status::State, "the listener is closed");
            to_python(py, &error, None)
        })
    }
}

#[pymethods]
impl Listener {
    /// Accept one connection: its socket and the address of its peer.  The
    /// handshake waits for do_handshake() or the first recv or send.
    fn accept<'py>(&self, py: Python<'py>) -> PyResult<(Socket, Bound<'py, PyAny>)> {
        let listener = self.fd(py)?;
        let signals = Signals::default();
        let context = self.context.get();
        let accepted = py.detach(|| {
            let interrupt = signals.interrupt();
            let fd = tcp::accept(&listener, Timeout::Descriptor, Some(&interrupt))?;
            let address = tcp::peer_address(&fd)?;
            let socket = Socket::new(context, fd, Side::Server, None, signals.clone())?;
            Ok((socket, address))
        });
        let (socket, address) = accepted.map_err(|error: Error| {
            let raised = signals.take();
            raised.unwrap_or_else(|| to_python(py, &error, None))
        })?;
        Ok((socket, to_address(py, address)?))
    }

    /// The address that it listens on.
    #[getter]
    fn address<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let address = tcp::local_address(self.fd(py)?);
        to_address(py, address.map_err(|error| to_python(py, &error, None))?)
    }

    /// The descriptor, or -1 once it is closed.
    fn fileno(&self) -> RawFd {
        let fd = self.fd.lock().unwrap_or_else(PoisonError::into_inner);
        fd.as_ref().map_or(-1, |fd| fd.as_raw_fd())
    }

    /// Stop listening; a thread that waits in accept() fails.
    fn close(&self) {
        let fd = self
            .fd
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(fd) = fd {
            // For who waits; without one there is nothing to wake.
            let _ = rustix::net::shutdown(&fd, rustix::net::Shutdown::Both);
        }
    }

    fn __iter__(this: Py<Self>) -> Py<Self> {
        this
    }

    /// The next connection; iteration ends when the listener is closed.
    fn __next__(&self, py: Python<'_>) -> PyResult<Option<Socket>> {
        match self.accept(py) {
            Ok((socket, _)) => Ok(Some(socket)),
            Err(_) if self.fileno() == -1 => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn __enter__(this: Py<Self>) -> Py<Self> {
        this
    }

    #[pyo3(signature = (*_exception))]
    fn __exit__(&self, _exception: &Bound<'_, pyo3::types::PyTuple>) {
        self.close();
    }
}
