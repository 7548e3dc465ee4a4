//! Transports that Python owns: the socket of an `SSLSocket`, or a pair of memory BIOs.  Both
//! are read one record at a time.

use std::os::fd::{AsFd, BorrowedFd, RawFd};
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Mutex, PoisonError};

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use tlsmith::{Error, Result, Status, Transport, WaitMode};

use crate::buffer;
use crate::pending::{PendingException, suspend};

/// The descriptor of a socket that Python owns.  Every call sets it again, since the socket may
/// have been closed.
#[derive(Clone)]
pub(crate) struct SocketFd(std::sync::Arc<AtomicI32>);

impl SocketFd {
    pub(crate) fn new(fd: RawFd) -> Self {
        Self(std::sync::Arc::new(AtomicI32::new(fd)))
    }

    pub(crate) fn set(&self, fd: RawFd) {
        self.0.store(fd, Ordering::Relaxed);
    }
}

impl AsFd for SocketFd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        buffer::borrow(self.0.load(Ordering::Relaxed))
    }
}

/// A pair of objects with the methods of `ssl.MemoryBIO`.
pub(crate) struct MemoryBios {
    pub(crate) incoming: Py<PyAny>,
    pub(crate) outgoing: Py<PyAny>,
    pub(crate) raised: PendingException,
}

impl MemoryBios {
    /// Returns the core's error for an exception of a BIO.
    fn failed(&self, raised: PyErr) -> Error {
        self.raised.keep(raised);
        Error::state("the memory BIO failed")
    }

    fn take(&self, py: Python<'_>, buffer: &mut [u8]) -> PyResult<Option<usize>> {
        let incoming = self.incoming.bind(py);
        let bytes = incoming.call_method1("read", (buffer.len(),))?;
        let bytes = bytes.cast::<PyBytes>()?.as_bytes();
        let Some(room) = buffer.get_mut(..bytes.len()) else {
            return Err(PyRuntimeError::new_err(
                "read() of the BIO returned more bytes than requested",
            ));
        };
        room.copy_from_slice(bytes);
        if bytes.is_empty() && !incoming.getattr("eof")?.is_truthy()? {
            return Ok(None);
        }
        Ok(Some(bytes.len()))
    }
}

impl Transport for MemoryBios {
    fn receive(&self, buffer: &mut [u8], _wait: WaitMode) -> Result<usize> {
        let taken = suspend(|| Python::attach(|py| self.take(py, buffer)));
        match taken.map_err(|raised| self.failed(raised))? {
            Some(count) => Ok(count),
            None => Err(Status::WantRead.into()),
        }
    }

    fn send(&self, data: &[u8], _wait: WaitMode) -> Result<usize> {
        let write = |py: Python<'_>| {
            let bytes = PyBytes::new(py, data);
            self.outgoing.bind(py).call_method1("write", (bytes,))?;
            Ok(data.len())
        };
        let written = suspend(|| Python::attach(write));
        written.map_err(|raised| self.failed(raised))
    }
}

const HEADER: usize = 5;

/// Reads from a transport only up to the end of a record.  Data after the peer's close_notify
/// stays in the socket, and so do records that a program waits for with `select`.
pub(crate) struct RecordByRecord<T> {
    transport: T,
    position: Mutex<Position>,
}

/// The position of the next byte in a record.
enum Position {
    /// In the header (RFC 8446, section 5.1), with the number of bytes received.
    Header([u8; HEADER], usize),
    /// In the fragment, with the number of bytes missing.
    Fragment(usize),
}

impl<T> RecordByRecord<T> {
    pub(crate) fn new(transport: T) -> Self {
        Self {
            transport,
            position: Mutex::new(Position::Header([0; HEADER], 0)),
        }
    }
}

impl Position {
    /// Returns how many more bytes belong to this record for certain.
    fn missing(&self) -> usize {
        match self {
            Self::Header(_, filled) => HEADER - filled,
            Self::Fragment(missing) => *missing,
        }
    }

    fn advance(&mut self, bytes: &[u8]) {
        let at_end = match self {
            Self::Header(header, filled) => {
                let end = *filled + bytes.len();
                header[*filled..end].copy_from_slice(bytes);
                *filled = end;
                if end < HEADER {
                    return;
                }
                let length = usize::from(u16::from_be_bytes([header[3], header[4]]));
                *self = Self::Fragment(length);
                length == 0
            }
            Self::Fragment(missing) => {
                *missing -= bytes.len();
                *missing == 0
            }
        };
        if at_end {
            *self = Self::Header([0; HEADER], 0);
        }
    }
}

impl<T: Transport> Transport for RecordByRecord<T> {
    fn receive(&self, buffer: &mut [u8], wait: WaitMode) -> Result<usize> {
        let mut position = self.position.lock().unwrap_or_else(PoisonError::into_inner);
        let room = position.missing().min(buffer.len());
        let count = self.transport.receive(&mut buffer[..room], wait)?;
        position.advance(&buffer[..count]);
        Ok(count)
    }

    fn send(&self, data: &[u8], wait: WaitMode) -> Result<usize> {
        self.transport.send(data, wait)
    }

    fn is_nonblocking(&self, wait: WaitMode) -> bool {
        self.transport.is_nonblocking(wait)
    }
}
