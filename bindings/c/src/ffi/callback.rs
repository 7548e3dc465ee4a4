//! C callbacks that Rust calls.  Their types are generic over the handles, which are defined in the
//! modules above.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::io;

use tlsmith::{Error, Result};

use super::is_null;

/// A C function and its userdata.
#[derive(Clone, Copy)]
pub(crate) struct Callback<F> {
    function: F,
    userdata: *mut c_void,
}

// SAFETY: the pointer is only passed on.  The header requires that any thread may call the
// function, several at once if connections share it.  That includes its use of the userdata.
unsafe impl<F: Send> Send for Callback<F> {}
// SAFETY: as above.
unsafe impl<F: Sync> Sync for Callback<F> {}

/// cbindgen:ignore
pub(crate) type ReadFn = unsafe extern "C" fn(*mut c_void, *mut c_void, usize) -> isize;
/// cbindgen:ignore
pub(crate) type WriteFn = unsafe extern "C" fn(*mut c_void, *const c_void, usize) -> isize;
/// cbindgen:ignore
pub(crate) type ClockFn = unsafe extern "C" fn(*mut c_void) -> i64;
/// cbindgen:ignore
pub(crate) type VerifyFn<C> = unsafe extern "C" fn(*mut c_void, *const C, c_int) -> c_int;
/// cbindgen:ignore
pub(crate) type HelloFn<C, H> = unsafe extern "C" fn(*mut c_void, *mut C, *const H) -> c_int;
/// cbindgen:ignore
pub(crate) type KeylogFn<C> = unsafe extern "C" fn(*mut c_void, *const C, *const c_char);
/// cbindgen:ignore
pub(crate) type SessionFn<C, S> = unsafe extern "C" fn(*mut c_void, *const C, *mut S);
/// cbindgen:ignore
pub(crate) type StorePutFn =
    unsafe extern "C" fn(*mut c_void, *const c_void, usize, *const c_void, usize, u32) -> c_int;
/// cbindgen:ignore
pub(crate) type StoreTakeFn =
    unsafe extern "C" fn(*mut c_void, *const c_void, usize, *mut c_void, usize) -> isize;
/// cbindgen:ignore
pub(crate) type SignFn =
    unsafe extern "C" fn(*mut c_void, u16, *const c_void, usize, *mut c_void, usize) -> isize;
/// cbindgen:ignore
pub(crate) type PasswordFn = unsafe extern "C" fn(*mut c_void, *mut c_char, usize) -> isize;
/// cbindgen:ignore
pub(crate) type LogFn = unsafe extern "C" fn(*mut c_void, c_int, *const c_char);

impl<F> Callback<F> {
    /// Takes a required function.  `name` is its name in the header.
    pub(crate) fn new(function: Option<F>, userdata: *mut c_void, name: &str) -> Result<Self> {
        let function = function.ok_or_else(|| is_null(name))?;
        Ok(Self { function, userdata })
    }
}

// Every call below relies on the same facts: the function has this type, the header asks it not to
// unwind, and it receives its own userdata.

impl Callback<ReadFn> {
    /// Reads into the start of `buffer`.  Returns the count, 0 at the end.
    pub(crate) fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let (room, len) = (buffer.as_mut_ptr().cast(), buffer.len());
        // SAFETY: see above; the buffer has this length and nothing else uses it.
        let count = unsafe { (self.function)(self.userdata, room, len) };
        count_or_errno(count)
    }
}

impl Callback<WriteFn> {
    /// Writes some of `data`.  Returns the count.
    pub(crate) fn write(&self, data: &[u8]) -> io::Result<usize> {
        // SAFETY: see above; the data has this length.
        let count = unsafe { (self.function)(self.userdata, data.as_ptr().cast(), data.len()) };
        count_or_errno(count)
    }
}

impl Callback<ClockFn> {
    /// Returns the time in seconds since the Unix epoch.
    pub(crate) fn time(&self) -> i64 {
        // SAFETY: see above.
        unsafe { (self.function)(self.userdata) }
    }
}

impl<C> Callback<VerifyFn<C>> {
    /// Calls it for the peer of `conn`, which may be NULL.  Returns its result.
    pub(crate) fn call(&self, conn: *const C, status: c_int) -> c_int {
        // SAFETY: see above; `conn` is NULL or the handle of a call in progress on this
        // thread, so it cannot be freed.
        unsafe { (self.function)(self.userdata, conn, status) }
    }
}

impl<C, H> Callback<HelloFn<C, H>> {
    /// Calls it for the ClientHello of `conn`.  Returns its result.
    pub(crate) fn call(&self, conn: *const C, hello: &H) -> c_int {
        // SAFETY: see above; `conn` is the handle of a call in progress on this thread, so it
        // cannot be freed, and it owns `hello`.  Functions change it only under a lock.
        unsafe { (self.function)(self.userdata, conn.cast_mut(), hello) }
    }
}

impl<C, S> Callback<SessionFn<C, S>> {
    /// Passes a session of `conn` on.
    pub(crate) fn call(&self, conn: *const C, session: *mut S) {
        // SAFETY: see above; `conn` is the handle of a call in progress on this thread, so it
        // cannot be freed, and `session` is a new handle that the function owns.
        unsafe { (self.function)(self.userdata, conn, session) }
    }
}

impl Callback<StorePutFn> {
    /// Stores `value` under `key`.  Returns whether it is stored.
    pub(crate) fn put(&self, key: &[u8], value: &[u8], seconds: u32) -> bool {
        let (key_at, value_at) = (key.as_ptr().cast(), value.as_ptr().cast());
        let call = self.function;
        // SAFETY: see above; the data has this length.
        let status = unsafe {
            call(
                self.userdata,
                key_at,
                key.len(),
                value_at,
                value.len(),
                seconds,
            )
        };
        status == 0
    }
}

impl Callback<StoreTakeFn> {
    /// Takes the value of `key` into `room`.  Returns its length, if there is one.
    pub(crate) fn take(&self, key: &[u8], room: &mut [u8]) -> Option<usize> {
        let (key_at, room_at) = (key.as_ptr().cast(), room.as_mut_ptr().cast());
        let call = self.function;
        // SAFETY: see above; data and buffer have these lengths, and nothing else uses the buffer.
        let count = unsafe { call(self.userdata, key_at, key.len(), room_at, room.len()) };
        usize::try_from(count).ok().filter(|count| *count > 0)
    }
}

impl<C> Callback<KeylogFn<C>> {
    pub(crate) fn log(&self, conn: *const C, line: &CStr) {
        // SAFETY: see above; `conn` is NULL or the handle of a call in progress on this
        // thread, so it cannot be freed, and the string outlives the call.
        unsafe { (self.function)(self.userdata, conn, line.as_ptr()) }
    }
}

impl Callback<SignFn> {
    /// Signs into `room`.  Returns the length of the signature.
    pub(crate) fn sign(&self, scheme: u16, message: &[u8], room: &mut [u8]) -> io::Result<usize> {
        // SAFETY: see above; data and buffer have these lengths, and nothing else uses the buffer.
        let count = unsafe {
            (self.function)(
                self.userdata,
                scheme,
                message.as_ptr().cast(),
                message.len(),
                room.as_mut_ptr().cast(),
                room.len(),
            )
        };
        count_or_errno(count)
    }
}

impl Callback<PasswordFn> {
    /// Writes a password to `room`.  Returns its length.
    pub(crate) fn password(&self, room: &mut [u8]) -> io::Result<usize> {
        // SAFETY: see above; the buffer has this length and nothing else uses it.
        let count = unsafe { (self.function)(self.userdata, room.as_mut_ptr().cast(), room.len()) };
        count_or_errno(count)
    }
}

impl Callback<LogFn> {
    pub(crate) fn message(&self, level: c_int, message: &CStr) {
        // SAFETY: see above; the string outlives the call.
        unsafe { (self.function)(self.userdata, level, message.as_ptr()) }
    }
}

/// Returns a count, or the error in errno.  A function that left errno at 0 gets EIO.
fn count_or_errno(count: isize) -> io::Result<usize> {
    usize::try_from(count).map_err(|_| {
        let error = io::Error::last_os_error();
        match error.raw_os_error() {
            Some(0) => rustix::io::Errno::IO.into(),
            _ => error,
        }
    })
}

/// The error of a callback that returned an invalid count.
pub(crate) fn invalid_count(sentence: String) -> Error {
    Error::io(sentence, rustix::io::Errno::IO.into())
}
