//! Access to memory and descriptors of Python objects, without a copy.

use std::ffi::c_int;
use std::mem::MaybeUninit;
use std::os::fd::{BorrowedFd, FromRawFd, OwnedFd, RawFd};

use pyo3::exceptions::{PyBufferError, PyValueError};
use pyo3::ffi;
use pyo3::prelude::*;

/// Takes over a descriptor that the caller released with `socket.detach()`.
pub(crate) fn own(fd: RawFd) -> PyResult<OwnedFd> {
    if fd < 0 {
        return Err(PyValueError::new_err(format!(
            "{fd} is not a file descriptor"
        )));
    }
    // SAFETY: it is not -1.  The caller is Python code of this package, and got it from
    // `detach()`, after which nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Borrows a descriptor that a Python object owns.
///
/// A program may close a socket while another thread is in a call on it.  As in the standard
/// library, that call may then use another file with the same number.  Memory safety is not
/// affected.
pub(crate) fn borrow<'a>(fd: RawFd) -> BorrowedFd<'a> {
    // SAFETY: it is not -1: `ssl_object` reads it from the socket before each call, and
    // returns an error for a closed socket.
    unsafe { BorrowedFd::borrow_raw(fd) }
}

/// A contiguous buffer of a Python object, which can neither free nor resize it during its
/// lifetime.
pub(crate) struct Buffer {
    view: Box<ffi::Py_buffer>,
}

// SAFETY: a Py_buffer is a description of memory that the exporter keeps in
// place until it is released, whichever thread looks at it.  Releasing it needs
// the interpreter, and `drop` attaches to it.
unsafe impl Send for Buffer {}
// SAFETY: as above; nothing in the description changes while it is shared.
unsafe impl Sync for Buffer {}

impl Buffer {
    /// Gets the bytes of `object` for reading, for any contiguous exporter and item type.
    pub(crate) fn readable(object: &Bound<'_, PyAny>) -> PyResult<Self> {
        Self::get(object, ffi::PyBUF_SIMPLE)
    }

    /// Gets the bytes of `object` for writing.
    pub(crate) fn writable(object: &Bound<'_, PyAny>) -> PyResult<Self> {
        Self::get(object, ffi::PyBUF_SIMPLE | ffi::PyBUF_WRITABLE)
    }

    fn get(object: &Bound<'_, PyAny>, flags: c_int) -> PyResult<Self> {
        let mut view = Box::new(MaybeUninit::<ffi::Py_buffer>::zeroed());
        // SAFETY: we hold the interpreter (`object` proves it), `object` is a
        // live object, and `view` has room for a Py_buffer.
        let result = unsafe { ffi::PyObject_GetBuffer(object.as_ptr(), view.as_mut_ptr(), flags) };
        if result != 0 {
            return Err(PyErr::take(object.py())
                .unwrap_or_else(|| PyBufferError::new_err("the object provided no buffer")));
        }
        // SAFETY: the call succeeded, so the view is filled.  It stays in its
        // box: exporters may keep pointers into it.
        let view = unsafe { Box::from_raw(Box::into_raw(view).cast::<ffi::Py_buffer>()) };
        Ok(Self { view })
    }

    pub(crate) fn len(&self) -> usize {
        self.view.len.unsigned_abs()
    }

    /// The bytes for reading.
    ///
    /// Python code in another thread may change them at the same time, a data race in Rust's
    /// terms.  CPython's own modules have the same race when they release the lock around
    /// `send`.  The bytes are only encrypted: such a program gets a record with a mix of old
    /// and new bytes.  It never gets other memory, since the length cannot change.
    pub(crate) fn bytes(&self) -> &[u8] {
        if self.view.buf.is_null() || self.view.len <= 0 {
            return &[];
        }
        // SAFETY: PyBUF_SIMPLE means `len` contiguous bytes at `buf`, which the
        // exporter keeps there while the view is held; for races see above.
        unsafe { std::slice::from_raw_parts(self.view.buf.cast(), self.len()) }
    }

    /// The bytes for writing.  The view was requested as writable, and `&mut` makes this the
    /// only slice of it; for races see [`Self::bytes`].
    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        if self.view.buf.is_null() || self.view.len <= 0 || self.view.readonly != 0 {
            return &mut [];
        }
        // SAFETY: as for `bytes`, and the exporter said that it is not read-only.
        unsafe { std::slice::from_raw_parts_mut(self.view.buf.cast(), self.len()) }
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        Python::attach(|_| {
            // SAFETY: the interpreter is held, and the view was filled by
            // PyObject_GetBuffer and is released here, once.
            unsafe { ffi::PyBuffer_Release(&raw mut *self.view) }
        });
    }
}
