//! A connection of the core that is open, and the guard of a call on it.  Sockets, sans-I/O
//! connections and `tlsmith.ssl` share it; the Python class of the three is in `peer.rs`.

use std::cell::RefCell;
use std::ops::Deref;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use pyo3::prelude::*;
use pyo3::types::PyBytes;
use tlsmith::{Connection, Error, Origin, Result, Timeout};

use crate::buffer::Buffer;
use crate::context::Context;
use crate::errors::to_python;
use crate::pending::{self, PendingException};

/// The most bytes that one call returns in a new object.
pub(crate) const MAX_READ: usize = 65_536;

thread_local! {
    /// Decrypted bytes, before their number is known.
    static SCRATCH: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };

    /// The addresses of the connections on which this thread is in a call.
    static CONNECTIONS_IN_CALL: RefCell<Vec<usize>> = const { RefCell::new(Vec::new()) };
}

/// A connection until close().
pub(crate) struct OpenConnection {
    pub(crate) connection: Connection,
    pub(crate) raised: PendingException,
    /// None without a socket.
    pub(crate) fd: Option<Arc<OwnedFd>>,
    /// Whether the socket was closed, perhaps while other threads are in a call on it.
    closed: AtomicBool,
    /// The context that a callback selected for the ClientHello, kept alive for its callbacks.
    pub(crate) selected: Mutex<Option<Py<Context>>>,
    pub(crate) origin: Origin,
}

impl OpenConnection {
    pub(crate) fn new(
        connection: Connection,
        raised: PendingException,
        fd: Option<Arc<OwnedFd>>,
    ) -> Self {
        Self {
            connection,
            raised,
            fd,
            closed: AtomicBool::new(false),
            selected: Mutex::default(),
            origin: Origin::here(),
        }
    }

    /// Returns whether this is the copy in a forked child, which must send nothing, and must not
    /// shut down the parent's socket.
    pub(crate) fn is_inherited(&self) -> bool {
        !self.origin.is_here()
    }

    /// Closes a socket without waiting, and wakes threads that wait in a call on it.
    pub(crate) fn close(self: Arc<Self>) {
        self.closed.store(true, Ordering::SeqCst);
        // During the handshake no close_notify is sent, and the thread that runs it may hold
        // the lock that sending needs.
        let is_alone = Arc::strong_count(&self) == 1;
        if is_alone || !self.connection.is_handshaking() {
            // Errors are ignored: the peer may be gone or not reading.  If another thread is in
            // a write, no close_notify may be sent, since the data is incomplete.
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
        pending::raise_or(outcome.map_err(|error| self.raise(py, &error)))
    }

    /// Reads up to `size` bytes.
    pub(crate) fn read<'py>(&self, py: Python<'py>, size: usize) -> PyResult<Bound<'py, PyBytes>> {
        let outcome = self.try_read(py, size);
        pending::raise_or(outcome.map_err(|error| self.raise(py, &error)))
    }

    /// Reads up to `size` bytes, and returns the core's error.
    pub(crate) fn try_read<'py>(
        &self,
        py: Python<'py>,
        size: usize,
    ) -> Result<Bound<'py, PyBytes>> {
        let size = size.min(MAX_READ);
        let mut scratch = SCRATCH.take();
        if scratch.len() < size {
            scratch.resize(size, 0);
        }
        let outcome = py.detach(|| self.connection.read(&mut scratch[..size]));
        let bytes = outcome.map(|count| PyBytes::new(py, &scratch[..count]));
        SCRATCH.set(scratch);
        bytes
    }

    /// Reads into a buffer, at most `limit` bytes, or as many as fit for 0.
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

    /// Returns the exception for an error.  A pending exception of Python code comes first, and
    /// errors after close() do not blame the peer.
    pub(crate) fn raise(&self, py: Python<'_>, error: &Error) -> PyErr {
        if let Some(raised) = self.raised() {
            return raised;
        }
        if self.closed.load(Ordering::SeqCst) {
            let sentence = "the socket was closed during this call";
            return to_python(py, &Error::state(sentence), None);
        }
        to_python(py, error, self.connection.server_name())
    }

    /// Takes the exception that Python code raised during the call.
    pub(crate) fn raised(&self) -> Option<PyErr> {
        self.raised.take().or_else(pending::take_exception)
    }
}

/// The re-entrancy guard: an open connection for the duration of one call.
pub(crate) struct CallGuard {
    open: Arc<OpenConnection>,
    /// Whether this thread is already in a call on it, which called back into Python.
    is_nested: bool,
}

impl CallGuard {
    pub(crate) fn new(open: Arc<OpenConnection>) -> Self {
        let address = Arc::as_ptr(&open).addr();
        let is_nested = CONNECTIONS_IN_CALL.with_borrow_mut(|entered| {
            let is_nested = entered.contains(&address);
            entered.push(address);
            is_nested
        });
        Self { open, is_nested }
    }

    /// Returns whether this thread is already in a call on it: waiting for that call would
    /// deadlock.
    pub(crate) fn is_nested(&self) -> bool {
        self.is_nested
    }
}

impl Drop for CallGuard {
    fn drop(&mut self) {
        if let Some(context) = pending::take_selected() {
            let mut selected = self
                .open
                .selected
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            *selected = Some(context);
        }

        let address = Arc::as_ptr(&self.open).addr();
        CONNECTIONS_IN_CALL.with_borrow_mut(|entered| {
            if let Some(last) = entered.iter().rposition(|one| *one == address) {
                entered.remove(last);
            }
        });
    }
}

impl Deref for CallGuard {
    type Target = OpenConnection;

    fn deref(&self) -> &OpenConnection {
        &self.open
    }
}
