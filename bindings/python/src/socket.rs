//! TLS over a descriptor that the extension owns.

use std::os::fd::{AsRawFd, IntoRawFd, OwnedFd, RawFd};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use rustix::net::Shutdown;
use tlsmith::{Connection, Error, SocketTransport, Status, Timeout, tcp};

use crate::buffer::{self, Buffer};
use crate::context::Context;
use crate::errors::to_python;
use crate::open_connection::{MAX_READ, OpenConnection};
use crate::options::{self, Options};
use crate::peer::Peer;
use crate::pending::{self, PendingException};
use crate::values;

/// The time limit of [`Socket::finish`] for a socket without one.
const FINISH_TIMEOUT: Duration = Duration::from_secs(30);

/// Converts a timeout of Python's sockets, in seconds: None blocks, 0 does not.
pub(crate) fn timeout(seconds: Option<f64>) -> PyResult<Timeout> {
    match seconds {
        None => Ok(Timeout::Descriptor),
        Some(0.0) => Ok(Timeout::Never),
        Some(seconds) => Duration::try_from_secs_f64(seconds)
            .map(Timeout::After)
            .map_err(|_| {
                let sentence = "a timeout must be a number of seconds from 0, or None for no limit";
                PyValueError::new_err(format!("{sentence}: {seconds:?}"))
            }),
    }
}

/// Connect to a host by TCP, and return the descriptor, which the caller owns.
#[pyfunction]
pub(crate) fn dial(
    py: Python<'_>,
    host: &str,
    port: &str,
    seconds: Option<f64>,
) -> PyResult<RawFd> {
    let limit = timeout(seconds)?;
    let raised = PendingException::default();
    let connected = py.detach(|| tcp::connect(host, port, limit, Some(&raised.interrupt())));
    connected.map(IntoRawFd::into_raw_fd).map_err(|error| {
        let raised = raised.take();
        raised.unwrap_or_else(|| to_python(py, &error, Some(host)))
    })
}

/// TLS over a descriptor.
#[pyclass(frozen, subclass, extends = Peer, module = "tlsmith._tlsmith", name = "Socket", weakref)]
pub(crate) struct Socket {
    seconds: Mutex<Option<f64>>,
}

fn peer<'a>(this: &'a Bound<'_, Socket>) -> &'a Peer {
    this.as_super().get()
}

#[pymethods]
impl Socket {
    /// Take over a descriptor from `socket.detach()`, as a client with a name or as a server.
    /// The handshake may take `handshake_seconds`, and begins with the bytes `received` from
    /// the descriptor already.
    #[new]
    #[pyo3(signature = (context, fd, is_server, server_name, seconds, handshake_seconds = None, received = None, options = None))]
    #[expect(clippy::too_many_arguments, reason = "Python gives them by name")]
    fn new(
        py: Python<'_>,
        context: Py<Context>,
        fd: RawFd,
        is_server: bool,
        server_name: Option<&str>,
        seconds: Option<f64>,
        handshake_seconds: Option<f64>,
        received: Option<&Bound<'_, PyAny>>,
        options: Option<&Bound<'_, Options>>,
    ) -> PyResult<PyClassInitializer<Self>> {
        let received = received.map(Buffer::readable).transpose()?;
        let received = received.as_ref().map_or(&[][..], Buffer::bytes);
        let fd = Arc::new(buffer::own(fd)?);
        let raised = PendingException::default();
        let core = &context.get().core;
        let options = options::or_default(options);
        let connection = py.detach(|| {
            let transport = SocketTransport::new(fd.clone())?
                .with_interrupt(raised.interrupt())
                .with_received(received);
            match is_server {
                true => Connection::server_with(core, &options, transport),
                false => Connection::client_with(core, &options, server_name, transport),
            }
        });
        let connection =
            pending::raise_or(connection.map_err(|error| to_python(py, &error, server_name)))?;
        connection.set_timeout(timeout(seconds)?);
        if let Timeout::After(limit) = timeout(handshake_seconds)? {
            connection.set_handshake_timeout(Some(limit));
        }
        let open = OpenConnection::new(connection, raised, Some(fd));
        let socket = Self {
            seconds: Mutex::new(seconds),
        };
        Ok(PyClassInitializer::from(Peer::new(open, context)).add_subclass(socket))
    }

    /// Receive up to `size` bytes; b"" only after the peer's close_notify.
    #[pyo3(signature = (size = 65_536, /))]
    fn recv<'py>(this: &Bound<'py, Self>, size: isize) -> PyResult<Bound<'py, PyBytes>> {
        let py = this.py();
        let open = peer(this).open(py)?;
        match values::count("size", size)? {
            0 => Ok(PyBytes::new(py, b"")),
            size => open.read(py, size),
        }
    }

    /// Receive into a buffer, at most `nbytes` (0: as many as fit), and return how many bytes; 0
    /// only after the peer's close_notify or for an empty buffer.
    #[pyo3(signature = (buffer, nbytes = 0, /))]
    fn recv_into(
        this: &Bound<'_, Self>,
        buffer: &Bound<'_, PyAny>,
        nbytes: isize,
    ) -> PyResult<usize> {
        let nbytes = values::count("nbytes", nbytes)?;
        peer(this)
            .open(this.py())?
            .read_into(this.py(), buffer, nbytes)
    }

    /// Send bytes, and return how many were sent: all, unless the socket is non-blocking.
    #[pyo3(signature = (data, /))]
    fn send(this: &Bound<'_, Self>, data: &Bound<'_, PyAny>) -> PyResult<usize> {
        peer(this).open(this.py())?.write(this.py(), data)
    }

    /// Send all bytes.
    #[pyo3(signature = (data, /))]
    fn sendall(this: &Bound<'_, Self>, data: &Bound<'_, PyAny>) -> PyResult<()> {
        let data = Buffer::readable(data)?;
        peer(this).run(this.py(), |connection| {
            let bytes = data.bytes();
            let taken = connection.write(bytes)?;
            if taken == bytes.len() {
                return Ok(());
            }
            Err(Error::new(
                Status::WantWrite,
                format!(
                    "the socket is non-blocking and accepted {taken} of {} bytes: \
                     use send() instead of sendall()",
                    bytes.len()
                ),
            ))
        })
    }

    /// Send buffers, small ones in one record, and return how many bytes were sent: all, unless
    /// the socket is non-blocking.
    #[pyo3(signature = (buffers, /))]
    fn sendmsg(this: &Bound<'_, Self>, buffers: &Bound<'_, PyAny>) -> PyResult<usize> {
        let buffers = buffers.try_iter()?;
        let buffers: Vec<_> = buffers
            .map(|buffer| Buffer::readable(&buffer?))
            .collect::<PyResult<_>>()?;
        peer(this).run(this.py(), |connection| {
            let parts: Vec<_> = buffers.iter().map(Buffer::bytes).collect();
            connection.write_vectored(&parts)
        })
    }

    /// Send pending output of earlier calls on a non-blocking socket.
    fn flush(this: &Bound<'_, Self>) -> PyResult<()> {
        peer(this).run(this.py(), Connection::flush)
    }

    /// Receive early data (0-RTT) of a client, up to `size` bytes; b"" at its
    /// end, when the handshake is complete.  An attacker may have replayed it.
    #[pyo3(signature = (size = 65_536, /))]
    fn recv_early<'py>(this: &Bound<'py, Self>, size: isize) -> PyResult<Bound<'py, PyBytes>> {
        let py = this.py();
        let size = values::count("size", size)?;
        let mut early = vec![0; size.clamp(1, MAX_READ)];
        let count = peer(this).run(py, |connection| connection.read_early(&mut early))?;
        Ok(PyBytes::new(py, &early[..count]))
    }

    /// Send the start of `data`, as much as the session allows, as early data (0-RTT) before
    /// the handshake, and return how many bytes were sent; 0 if no session allows any.
    #[pyo3(signature = (data, /))]
    fn send_early(this: &Bound<'_, Self>, data: &Bound<'_, PyAny>) -> PyResult<usize> {
        let data = Buffer::readable(data)?;
        peer(this).run(this.py(), |connection| connection.write_early(data.bytes()))
    }

    /// How many bytes can be received without the network.
    fn pending(this: &Bound<'_, Self>) -> PyResult<usize> {
        peer(this).run(this.py(), |connection| Ok(connection.pending()))
    }

    /// Whether the connection waits for the socket to become readable, and writable.
    fn events(this: &Bound<'_, Self>) -> PyResult<(bool, bool)> {
        peer(this).run(this.py(), |connection| {
            let events = connection.events();
            Ok((events.read, events.write))
        })
    }

    /// Set the timeout of each call, in seconds: None for no limit, 0 for non-blocking.
    #[pyo3(signature = (value, /))]
    fn settimeout(this: &Bound<'_, Self>, value: Option<f64>) -> PyResult<()> {
        let limit = timeout(value)?;
        let open = peer(this).open(this.py())?;
        open.connection.set_timeout(limit);
        let seconds = &this.get().seconds;
        *seconds.lock().unwrap_or_else(PoisonError::into_inner) = value;
        Ok(())
    }

    /// The timeout that settimeout() set.
    fn gettimeout(&self) -> Option<f64> {
        *self.seconds.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// setblocking(True) is settimeout(None), setblocking(False) settimeout(0).
    #[pyo3(signature = (flag, /))]
    fn setblocking(this: &Bound<'_, Self>, flag: &Bound<'_, PyAny>) -> PyResult<()> {
        Self::settimeout(this, if flag.is_truthy()? { None } else { Some(0.0) })
    }

    /// The descriptor, or -1 once it is closed.
    fn fileno(this: &Bound<'_, Self>) -> RawFd {
        let open = peer(this).current();
        open.and_then(|open| open.fd.as_ref().map(|fd| fd.as_raw_fd()))
            .unwrap_or(-1)
    }

    /// Send close_notify.  Receiving still works, sending does not.
    fn close_write(this: &Bound<'_, Self>) -> PyResult<()> {
        peer(this).run(this.py(), Connection::shutdown)
    }

    /// Shut one direction of the socket down, or both: socket.SHUT_RD, SHUT_WR or
    /// SHUT_RDWR.  close_notify is sent before the writing direction is shut down.  If it cannot
    /// be sent yet, nothing is shut down, and the call can be repeated.
    #[pyo3(signature = (how, /))]
    fn shutdown(this: &Bound<'_, Self>, how: i32) -> PyResult<()> {
        let (direction, is_writing) = match how {
            0 => (Shutdown::Read, false),
            1 => (Shutdown::Write, true),
            2 => (Shutdown::Both, true),
            _ => {
                let sentence = format!("how is {how}: use socket.SHUT_RD, SHUT_WR or SHUT_RDWR");
                let error = Error::argument(sentence);
                return Err(to_python(this.py(), &error, None));
            }
        };
        let open = peer(this).open(this.py())?;
        let Some(fd) = &open.fd else {
            return Err(PyTypeError::new_err("a socket has a descriptor"));
        };
        open.run(this.py(), |connection| {
            let closed = match is_writing {
                true => connection.shutdown(),
                false => Ok(()),
            };
            match closed {
                Err(error) if error.is_want() || error.status() == Status::Timeout => Err(error),
                closed => rustix::net::shutdown(fd, direction)
                    .map_err(|error| Error::io("cannot shut the socket down", error.into()))
                    .and(closed),
            }
        })
    }

    /// Send close_notify, wait for the peer's, and return the bytes received after it.  Unread
    /// data before it is lost.  The timeout of the socket, or 30 seconds without one, limits
    /// the whole call.
    fn finish<'py>(this: &Bound<'py, Self>) -> PyResult<Bound<'py, PyBytes>> {
        let limit = match timeout(this.get().gettimeout())? {
            Timeout::Descriptor => Timeout::After(FINISH_TIMEOUT),
            limit => limit,
        };
        let leftover = peer(this).run(this.py(), |connection| connection.finish(limit))?;
        Ok(PyBytes::new(this.py(), &leftover))
    }

    /// Close the socket, and send close_notify if that does not block.  Sends nothing in a forked
    /// child.
    fn close(this: &Bound<'_, Self>) {
        if let Some(open) = peer(this).take().filter(|open| !open.is_inherited()) {
            this.py().detach(|| open.close());
        }
    }

    /// Return the descriptor, which the caller then owns, and close the rest without sending
    /// close_notify.
    fn detach(this: &Bound<'_, Self>) -> PyResult<RawFd> {
        let open = peer(this).open(this.py())?;
        let Some(fd) = &open.fd else {
            return Err(PyTypeError::new_err("a socket has a descriptor"));
        };
        let own: OwnedFd = fd.try_clone()?;
        drop(peer(this).take());
        Ok(own.into_raw_fd())
    }
}
