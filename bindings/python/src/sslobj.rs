//! What `ssl.SSLSocket` and `ssl.SSLObject` of the standard library drive in
//! place of OpenSSL: see `tlsmith.ssl`.

use std::os::fd::RawFd;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyTuple, PyWeakrefMethods, PyWeakrefReference};
use tlsmith::{Choose, Connection, Error, Hello, Result, SocketTransport, Status};

use crate::borrowed::{Bios, RecordByRecord, SocketFd};
use crate::config::Context;
use crate::errors::to_python;
use crate::hooks::Hook;
use crate::peer::{Open, Peer, Raised};
use crate::socket::timeout;

/// TLS over a socket or a pair of memory BIOs that Python owns, with the rules
/// of OpenSSL: no byte is read beyond the record that is needed, and a write that
/// did not get through whole is to be made again.
#[pyclass(frozen, subclass, extends = Peer, module = "tlsmith._tlsmith", weakref)]
pub(crate) struct SslObject {
    socket: Option<Borrowed>,
    hello: Arc<OnceLock<Hello>>,
    hook: Option<Hook>,
    /// How many bytes of a write are sealed that the caller does not know of,
    /// because the socket has not taken the records yet.
    owed: Mutex<usize>,
}

/// A socket of Python's.
struct Borrowed {
    /// Weak: it is the socket that keeps this object.
    socket: Py<PyWeakrefReference>,
    fd: SocketFd,
}

fn peer<'a>(this: &'a Bound<'_, SslObject>) -> &'a Peer {
    this.as_super().get()
}

#[pymethods]
impl SslObject {
    /// `carrier` is a socket, or a pair of memory BIOs.  `on_hello`, of a server,
    /// is called with what tlsmith.ClientHello has, and gives a Context, None
    /// for `context`, or the number of an alert.
    #[new]
    #[pyo3(signature = (context, carrier, is_server, server_name, on_hello))]
    fn new(
        py: Python<'_>,
        context: Py<Context>,
        carrier: &Bound<'_, PyAny>,
        is_server: bool,
        server_name: Option<&str>,
        on_hello: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<PyClassInitializer<Self>> {
        let raised = Raised::default();
        let hello = Arc::<OnceLock<Hello>>::default();
        let hook = on_hello.map(Hook::new);
        let side = Side {
            context: &context.get().core,
            server_name,
            choose: is_server.then(|| remembering(hello.clone(), hook.clone())),
        };
        let fail = |error| to_python(py, &error, server_name);
        let (connection, socket) = match carrier.cast::<PyTuple>() {
            Ok(pair) => {
                let (incoming, outgoing) = pair.extract()?;
                let bios = Bios {
                    incoming,
                    outgoing,
                    raised: raised.clone(),
                };
                (
                    side.over(py, RecordByRecord::new(bios)).map_err(fail)?,
                    None,
                )
            }
            Err(_) => {
                let fd = SocketFd::new(descriptor(py, carrier)?);
                let transport = SocketTransport::connected_later(fd.clone());
                let transport = transport.with_interrupt(raised.interrupt());
                let connection = side
                    .over(py, RecordByRecord::new(transport))
                    .map_err(fail)?;
                let socket = PyWeakrefReference::new(carrier)?.unbind();
                (connection, Some(Borrowed { socket, fd }))
            }
        };
        let open = Open::new(connection, raised, None);
        let this = Self {
            socket,
            hello,
            hook,
            owed: Mutex::new(0),
        };
        Ok(PyClassInitializer::from(Peer::new(open, context)).add_subclass(this))
    }

    fn handshake(this: &Bound<'_, Self>) -> PyResult<()> {
        let open = Self::ready(this)?;
        open.run(this.py(), Connection::handshake)
    }

    /// Read up to `length` bytes, or into a buffer as many at most: the bytes, or
    /// how many.
    #[pyo3(signature = (length, buffer = None))]
    fn receive<'py>(
        this: &Bound<'py, Self>,
        length: isize,
        buffer: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = this.py();
        let open = Self::ready(this)?;
        // As in the standard library: what is not a length stands for the whole
        // buffer.
        let limit = usize::try_from(length).unwrap_or(0);
        match buffer {
            Some(buffer) => Ok(open
                .read_into(py, buffer, limit)?
                .into_pyobject(py)?
                .into_any()),
            None if limit == 0 => Ok(PyBytes::new(py, b"").into_any()),
            None => Ok(open.read(py, limit)?.into_any()),
        }
    }

    /// Write bytes: how many, once all their records are with the socket.
    fn send(this: &Bound<'_, Self>, data: &Bound<'_, PyAny>) -> PyResult<usize> {
        let py = this.py();
        let open = Self::ready(this)?;
        let owed = &this.get().owed;
        let lock = || owed.lock().unwrap_or_else(PoisonError::into_inner);
        let mut taken = std::mem::take(&mut *lock());
        if taken == 0 {
            taken = open.write(py, data)?;
        }
        let flushed = open.run(py, |connection| match connection.events().write {
            true => connection.flush(),
            false => Ok(()),
        });
        flushed.inspect_err(|_| *lock() = taken).map(|()| taken)
    }

    /// Say close_notify and wait for the peer's.
    fn finish(this: &Bound<'_, Self>) -> PyResult<()> {
        let open = Self::ready(this)?;
        open.run(this.py(), |connection| {
            connection.shutdown()?;
            let mut unread = [0; 1];
            match connection.read(&mut unread)? {
                0 => Ok(()),
                _ => Err(Error::new(
                    Status::State,
                    "application data after close notify: read to the end before the shutdown",
                )),
            }
        })
    }

    /// How many bytes can be read without the network.
    fn pending(this: &Bound<'_, Self>) -> PyResult<usize> {
        peer(this).run(this.py(), |connection| Ok(connection.pending()))
    }

    /// The cipher suites that the client offered, by their IANA names; None on a
    /// client, and before a server has heard its client.
    #[getter]
    fn offered_ciphers<'py>(this: &Bound<'py, Self>) -> PyResult<Option<Bound<'py, PyTuple>>> {
        let hello = this.get().hello.get();
        hello
            .map(|hello| PyTuple::new(this.py(), &hello.ciphers))
            .transpose()
    }

    fn __traverse__(&self, visit: pyo3::gc::PyVisit<'_>) -> Result<(), pyo3::PyTraverseError> {
        self.hook.iter().try_for_each(|hook| hook.traverse(&visit))
    }

    fn __clear__(&self) {
        self.hook.iter().for_each(Hook::clear);
    }
}

impl SslObject {
    /// The connection, with the descriptor and the time limit that the socket has
    /// now.
    fn ready(this: &Bound<'_, Self>) -> PyResult<Arc<Open>> {
        let py = this.py();
        let open = peer(this).open(py)?;
        if let Some(Borrowed { socket, fd }) = &this.get().socket {
            let Some(socket) = socket.bind(py).upgrade() else {
                let error = Error::new(Status::State, "underlying socket connection gone");
                return Err(to_python(py, &error, None));
            };
            fd.set(descriptor(py, &socket)?);
            let seconds = socket.call_method0("gettimeout")?.extract()?;
            open.connection.set_timeout(timeout(seconds)?);
        }
        Ok(open)
    }
}

/// The descriptor of a socket that is open.
fn descriptor(py: Python<'_>, socket: &Bound<'_, PyAny>) -> PyResult<RawFd> {
    match socket.call_method0("fileno")?.extract()? {
        -1 => {
            let error = Error::new(Status::State, "underlying socket connection gone");
            Err(to_python(py, &error, None))
        }
        fd if fd < 0 => Err(PyTypeError::new_err("the socket has no descriptor")),
        fd => Ok(fd),
    }
}

/// Which side a connection is.
struct Side<'a> {
    context: &'a tlsmith::Context,
    server_name: Option<&'a str>,
    /// On a server.
    choose: Option<Choose>,
}

impl Side<'_> {
    fn over(
        self,
        py: Python<'_>,
        transport: impl tlsmith::Transport + 'static,
    ) -> Result<Connection> {
        py.detach(|| match self.choose {
            Some(choose) => Connection::server_choosing(self.context, choose, transport),
            None => Connection::client(self.context, self.server_name, transport),
        })
    }
}

/// Keeps what a client says, and asks the application who answers.
fn remembering(heard: Arc<OnceLock<Hello>>, hook: Option<Hook>) -> Choose {
    let ask = hook.map(|hook| hook.choose());
    Arc::new(move |hello: &Hello| {
        heard.get_or_init(|| hello.clone());
        ask.as_ref().map_or(Ok(None), |ask| ask(hello))
    })
}
