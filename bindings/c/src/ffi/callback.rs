//! Functions of C that Rust calls.  Those that get a handle are for any type of handle: the
//! handles are defined above this.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::io;

use tlsmith::{Error, Result};

use super::is_null;

/// A function of C with what it gets as its first argument.
#[derive(Clone, Copy)]
pub(crate) struct Callback<F> {
    function: F,
    userdata: *mut c_void,
}

// SAFETY: the pointer is only handed on.  The header asks for functions that may
// be called on any thread that drives a connection, and for one that several
// connections share on several threads at once; that holds for what they do with
// their userdata, too.
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
    /// A function that must be there.  `name` is its name in the header.
    pub(crate) fn new(function: Option<F>, userdata: *mut c_void, name: &str) -> Result<Self> {
        let function = function.ok_or_else(|| is_null(name))?;
        Ok(Self { function, userdata })
    }
}

// Every call below rests on the same: the pointer is to a function of this type,
// which the header asks not to unwind, and it gets its own userdata back.

impl Callback<ReadFn> {
    /// Fills the front of `buffer`: how much of it, 0 at the end.
    pub(crate) fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let (room, len) = (buffer.as_mut_ptr().cast(), buffer.len());
        // SAFETY: see above; there is room for that many bytes, and it is ours alone.
        let count = unsafe { (self.function)(self.userdata, room, len) };
        count_or_errno(count)
    }
}

impl Callback<WriteFn> {
    /// Has some of `data` taken: how much.
    pub(crate) fn write(&self, data: &[u8]) -> io::Result<usize> {
        // SAFETY: see above; there are as many bytes as it is told.
        let count = unsafe { (self.function)(self.userdata, data.as_ptr().cast(), data.len()) };
        count_or_errno(count)
    }
}

impl Callback<ClockFn> {
    /// The time in seconds of the Unix epoch.
    pub(crate) fn time(&self) -> i64 {
        // SAFETY: see above.
        unsafe { (self.function)(self.userdata) }
    }
}

impl<C> Callback<VerifyFn<C>> {
    /// What it answers about the peer of `conn`, which may be NULL.
    pub(crate) fn call(&self, conn: *const C, status: c_int) -> c_int {
        // SAFETY: see above; `conn` is NULL or a handle that is at work on this
        // thread, so that nobody may free it.
        unsafe { (self.function)(self.userdata, conn, status) }
    }
}

impl<C, H> Callback<HelloFn<C, H>> {
    /// What it answers about the ClientHello of `conn`.
    pub(crate) fn call(&self, conn: *const C, hello: &H) -> c_int {
        // SAFETY: see above; `conn` is a handle that is at work on this thread, so that
        // nobody may free it, and it keeps `hello`.  No function changes what is behind it
        // without a lock.
        unsafe { (self.function)(self.userdata, conn.cast_mut(), hello) }
    }
}

impl<C, S> Callback<SessionFn<C, S>> {
    /// Gives a session away that came on `conn`.
    pub(crate) fn call(&self, conn: *const C, session: *mut S) {
        // SAFETY: see above; `conn` is a handle that is at work on this thread, so that
        // nobody may free it, and `session` is a new handle, which is the function's.
        unsafe { (self.function)(self.userdata, conn, session) }
    }
}

impl Callback<StorePutFn> {
    /// Whether it keeps `value` under `key`.
    pub(crate) fn put(&self, key: &[u8], value: &[u8], seconds: u32) -> bool {
        let (key_at, value_at) = (key.as_ptr().cast(), value.as_ptr().cast());
        let call = self.function;
        // SAFETY: see above; there are as many bytes as it is told.
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
    /// Puts the value of `key` at the front of `room`: its length, if there is one.
    pub(crate) fn take(&self, key: &[u8], room: &mut [u8]) -> Option<usize> {
        let (key_at, room_at) = (key.as_ptr().cast(), room.as_mut_ptr().cast());
        let call = self.function;
        // SAFETY: see above; there are as many bytes, and as much room that is ours alone,
        // as it is told.
        let count = unsafe { call(self.userdata, key_at, key.len(), room_at, room.len()) };
        usize::try_from(count).ok().filter(|count| *count > 0)
    }
}

impl<C> Callback<KeylogFn<C>> {
    pub(crate) fn log(&self, conn: *const C, line: &CStr) {
        // SAFETY: see above; `conn` is NULL or a handle that is at work on this thread, so
        // that nobody may free it, and the string lives until it returns.
        unsafe { (self.function)(self.userdata, conn, line.as_ptr()) }
    }
}

impl Callback<SignFn> {
    /// Puts a signature at the front of `room`: how long it is.
    pub(crate) fn sign(&self, scheme: u16, message: &[u8], room: &mut [u8]) -> io::Result<usize> {
        // SAFETY: see above; there are as many bytes, and as much room that is
        // ours alone, as it is told.
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
    /// Puts a password at the front of `room`: how long it is.
    pub(crate) fn password(&self, room: &mut [u8]) -> io::Result<usize> {
        // SAFETY: see above; there is room for that many bytes, and it is ours alone.
        let count = unsafe { (self.function)(self.userdata, room.as_mut_ptr().cast(), room.len()) };
        count_or_errno(count)
    }
}

impl Callback<LogFn> {
    pub(crate) fn message(&self, level: c_int, message: &CStr) {
        // SAFETY: see above; the string lives until it returns.
        unsafe { (self.function)(self.userdata, level, message.as_ptr()) }
    }
}

/// A count, or what errno says.  A function that failed and left it at 0 gets the error that says
/// the least.
fn count_or_errno(count: isize) -> io::Result<usize> {
    usize::try_from(count).map_err(|_| {
        let error = io::Error::last_os_error();
        match error.raw_os_error() {
            Some(0) => rustix::io::Errno::IO.into(),
            _ => error,
        }
    })
}

/// A function of C answered with a count that cannot be.
pub(crate) fn invalid_count(sentence: String) -> Error {
    Error::io(sentence, rustix::io::Errno::IO.into())
}
