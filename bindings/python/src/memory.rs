//! Connections without I/O: the program transfers the bytes.

use pyo3::exceptions::PyException;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use tlsmith::{Connection, MemoryTransport, Status};

use crate::buffer::Buffer;
use crate::context::Context;
use crate::errors::to_python;
use crate::open_connection::{MAX_READ, OpenConnection};
use crate::options::{self, Options};
use crate::peer::Peer;
use crate::pending::{self, PendingException};
use crate::values;

/// TLS in memory.
#[pyclass(frozen, subclass, extends = Peer, module = "tlsmith._tlsmith", name = "Connection", weakref)]
pub(crate) struct Memory {}

fn peer<'a>(this: &'a Bound<'_, Memory>) -> &'a Peer {
    this.as_super().get()
}

#[pymethods]
impl Memory {
    /// A client with a name, or a server.
    #[new]
    #[pyo3(signature = (context, is_server, server_name, options = None))]
    fn new(
        py: Python<'_>,
        context: Py<Context>,
        is_server: bool,
        server_name: Option<&str>,
        options: Option<&Bound<'_, Options>>,
    ) -> PyResult<PyClassInitializer<Self>> {
        let core = &context.get().core;
        let options = options::or_default(options);
        let connection = py.detach(|| match is_server {
            true => Connection::server_with(core, &options, MemoryTransport),
            false => Connection::client_with(core, &options, server_name, MemoryTransport),
        });
        let connection =
            pending::raise_or(connection.map_err(|error| to_python(py, &error, server_name)))?;
        let open = OpenConnection::new(connection, PendingException::default(), None);
        let peer = Peer::new(open, context);
        Ok(PyClassInitializer::from(peer).add_subclass(Self {}))
    }

    /// Process bytes from the peer; b"" means that the peer closed the connection.
    #[pyo3(signature = (data, /))]
    fn receive_data(this: &Bound<'_, Self>, data: &Bound<'_, PyAny>) -> PyResult<()> {
        let data = Buffer::readable(data)?;
        peer(this).run(this.py(), |connection| connection.feed(data.bytes()))?;
        Self::advance(this)
    }

    /// Return bytes for the peer, at most `limit`; -1: all.  b"" if there are none.
    #[pyo3(signature = (limit = -1, /))]
    fn data_to_send<'py>(this: &Bound<'py, Self>, limit: isize) -> PyResult<Bound<'py, PyBytes>> {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        Self::advance(this)?;
        let bytes = peer(this).run(this.py(), |connection| {
            let mut bytes = vec![0; limit.min(connection.undrained()?)];
            // Another thread may have taken some.
            let count = connection.drain(&mut bytes)?;
            bytes.truncate(count);
            Ok(bytes)
        })?;
        Ok(PyBytes::new(this.py(), &bytes))
    }

    /// Write bytes for the peer into a buffer, and return how many.
    #[pyo3(signature = (buffer, /))]
    fn data_to_send_into(this: &Bound<'_, Self>, buffer: &Bound<'_, PyAny>) -> PyResult<usize> {
        let mut buffer = Buffer::writable(buffer)?;
        Self::advance(this)?;
        peer(this).run(this.py(), |connection| connection.drain(buffer.bytes_mut()))
    }

    /// Read up to `size` bytes; -1: all available.  b"" only after the peer's close_notify.
    /// Raises WantRead if bytes from the peer are needed first.
    #[pyo3(signature = (size = -1, /))]
    fn read<'py>(this: &Bound<'py, Self>, size: isize) -> PyResult<Bound<'py, PyBytes>> {
        let py = this.py();
        let open = peer(this).open(py)?;
        match usize::try_from(size) {
            Ok(0) => Ok(PyBytes::new(py, b"")),
            Ok(size) => open.read(py, size),
            Err(_) => open.read(py, MAX_READ),
        }
    }

    /// Read into a buffer, and return how many bytes; 0 only after the peer's close_notify or
    /// for an empty buffer.
    #[pyo3(signature = (buffer, /))]
    fn read_into(this: &Bound<'_, Self>, buffer: &Bound<'_, PyAny>) -> PyResult<usize> {
        peer(this).open(this.py())?.read_into(this.py(), buffer, 0)
    }

    /// Write bytes, and return how many were accepted.  Raises WantRead while the handshake
    /// needs bytes from the peer, and WantWrite if too much output is pending.
    #[pyo3(signature = (data, /))]
    fn write(this: &Bound<'_, Self>, data: &Bound<'_, PyAny>) -> PyResult<usize> {
        peer(this).open(this.py())?.write(this.py(), data)
    }

    /// Read early data (0-RTT) of a client; b"" at its end, when the handshake
    /// is complete.  An attacker may have replayed it.
    #[pyo3(signature = (size = 65_536, /))]
    fn read_early<'py>(this: &Bound<'py, Self>, size: isize) -> PyResult<Bound<'py, PyBytes>> {
        let size = values::count("size", size)?;
        let mut early = vec![0; size.clamp(1, MAX_READ)];
        let count = peer(this).run(this.py(), |connection| connection.read_early(&mut early))?;
        Ok(PyBytes::new(this.py(), &early[..count]))
    }

    /// Write the start of `data`, as much as the session allows, as early data (0-RTT) before
    /// the handshake, and return how many bytes were written; 0 if no session allows any.
    #[pyo3(signature = (data, /))]
    fn write_early(this: &Bound<'_, Self>, data: &Bound<'_, PyAny>) -> PyResult<usize> {
        let data = Buffer::readable(data)?;
        peer(this).run(this.py(), |connection| connection.write_early(data.bytes()))
    }

    /// Send close_notify.  Reading still works, writing does not.  Sends nothing during the
    /// handshake.
    fn close(this: &Bound<'_, Self>) -> PyResult<()> {
        peer(this).run(this.py(), |connection| match connection.shutdown() {
            // It is queued behind the output that is already pending.
            Err(error) if error.status() == Status::WantWrite => Ok(()),
            result => result,
        })
    }

    /// Whether the next step needs bytes from the peer.
    #[getter]
    fn wants_read(this: &Bound<'_, Self>) -> PyResult<bool> {
        Self::advance(this)?;
        peer(this).run(this.py(), |connection| {
            Ok(connection.events().read && connection.pending() == 0)
        })
    }

    /// Whether data_to_send() has bytes for the peer.
    #[getter]
    fn wants_write(this: &Bound<'_, Self>) -> PyResult<bool> {
        Self::advance(this)?;
        peer(this).run(this.py(), |connection| Ok(connection.undrained()? > 0))
    }

    /// How many bytes can be read without more bytes from the peer.
    #[getter]
    fn readable(this: &Bound<'_, Self>) -> PyResult<usize> {
        Self::advance(this)?;
        peer(this).run(this.py(), |connection| Ok(connection.pending()))
    }

    /// The bytes received after the peer's close_notify.  Reading it removes them.
    #[getter]
    fn leftover<'py>(this: &Bound<'py, Self>) -> PyResult<Bound<'py, PyBytes>> {
        let bytes = peer(this).run(this.py(), |connection| Ok(connection.leftover()))?;
        Ok(PyBytes::new(this.py(), &bytes))
    }
}

impl Memory {
    /// Makes as much progress as possible.  Errors are reported by the next read or write, and
    /// their alerts are in the output.  Exceptions such as KeyboardInterrupt are raised at once.
    fn advance(this: &Bound<'_, Self>) -> PyResult<()> {
        let py = this.py();
        let Some(open) = peer(this).if_callable() else {
            return Ok(());
        };
        py.detach(|| open.connection.process());
        match pending::take_exception() {
            None => Ok(()),
            Some(error) if error.is_instance_of::<PyException>(py) => {
                open.raised.keep(error);
                Ok(())
            }
            Some(error) => Err(error),
        }
    }
}
