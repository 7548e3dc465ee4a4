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
use crate::raised::{self, Raised};

/// The most that one call gives as new bytes, whatever it is asked for.
pub(crate) const MAX_READ: usize = 65_536;

thread_local! {
    /// Where bytes are decrypted to before it is known how many there are.
    static SCRATCH: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };

    /// The connections that this thread is in a call on, by their addresses.
    static CONNECTIONS_IN_CALL: RefCell<Vec<usize>> = const { RefCell::new(Vec::new()) };
}

/// A connection that is not closed.
pub(crate) struct OpenConnection {
    pub(crate) connection: Connection,
    pub(crate) raised: Raised,
    /// Of a socket.
    pub(crate) fd: Option<Arc<OwnedFd>>,
    /// Whether the socket was closed while other threads are in a call on it.
    closed: AtomicBool,
    /// The context that a hook selected to answer the ClientHello: its own hooks are called
    /// from here.
    pub(crate) selected: Mutex<Option<Py<Context>>>,
    pub(crate) origin: Origin,
}

impl OpenConnection {
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
pub(crate) struct CallGuard {
    open: Arc<OpenConnection>,
    /// Whether this thread is in another call on it, which called back into Python.
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

    /// Whether this thread is in another call on it, so that waiting for that call would
    /// never end.
    pub(crate) fn is_nested(&self) -> bool {
        self.is_nested
    }
}

impl Drop for CallGuard {
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
