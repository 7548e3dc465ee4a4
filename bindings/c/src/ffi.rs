//! The FFI boundary: converts raw pointers to references and results to codes, and catches panics.
//!
//! Every unsafe block relies on four rules, which the header asks callers to follow:
//!
//! * a handle is NULL or came from this library, and is not freed;
//! * a string is NULL or ends in NUL, and a buffer is NULL or has the given length;
//! * arguments do not change until the call returns;
//! * a callback is NULL or a function of its type.  Any thread may call it with its userdata.  It
//!   does not unwind and frees no handle in use.

mod callback;
mod fork;

use std::any::Any;
use std::cell::RefCell;
use std::ffi::{CStr, CString, OsStr, c_char, c_int, c_void};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Mutex, OnceLock, PoisonError};

use tlsmith::{Error, PerProcess, Result, Status};

pub(crate) use callback::{
    Callback, ClockFn, HelloFn, KeylogFn, LogFn, PasswordFn, ReadFn, SessionFn, SignFn, StorePutFn,
    StoreTakeFn, VerifyFn, WriteFn, invalid_count,
};
pub(crate) use fork::watch_forks;

// Strings that are returned to C.

/// The strings that a handle has returned.  They live as long as the handle.  Equal strings are
/// stored once, so that repeated calls do not use more memory.  A forked child stores its own
/// beside the inherited ones: a thread of its parent may have held the lock.
#[derive(Default)]
pub(crate) struct InternedStrings(PerProcess<Mutex<Vec<CString>>>);

impl InternedStrings {
    /// Returns a copy of `text`, converted by [`c_string`].
    pub(crate) fn intern(&self, text: &str) -> *const c_char {
        let strings = self.0.here().lock();
        let mut strings = strings.unwrap_or_else(PoisonError::into_inner);
        let known = strings
            .iter()
            .position(|known| known.as_bytes() == text.as_bytes());
        let index = known.unwrap_or_else(|| {
            strings.push(c_string(text));
            strings.len() - 1
        });
        // The bytes of a CString do not move when the list grows.
        strings[index].as_ptr()
    }
}

/// A value that is computed on first use.  A forked child that did not inherit it computes its own:
/// a thread of its parent may have been computing it.
pub(crate) struct LazyPerProcess<T>(PerProcess<OnceLock<T>>);

impl<T> LazyPerProcess<T> {
    /// Creates one in a static.
    pub(crate) const fn new() -> Self {
        Self(PerProcess::at_start(OnceLock::new()))
    }

    pub(crate) fn get_or_init(&self, make: impl FnOnce() -> T) -> &T {
        let made = self.0.find(OnceLock::get);
        made.unwrap_or_else(|| self.0.here().get_or_init(make))
    }
}

impl<T> Default for LazyPerProcess<T> {
    fn default() -> Self {
        Self(PerProcess::default())
    }
}

/// Returns a copy that ends in NUL.  An inner NUL, which would end the string for C, becomes the
/// replacement character.
pub(crate) fn c_string(text: &str) -> CString {
    CString::new(text.replace('\0', "\u{fffd}")).unwrap_or_default()
}

// The latest failure of each thread.

thread_local! {
    static LAST_ERROR: RefCell<LastError> = const { RefCell::new(LastError::None) };
}

/// Converted to a string on demand: most errors are WANT codes, whose text nobody reads.
enum LastError {
    None,
    New(Error),
    Rendered(c_int, CString),
}

/// Returns the text of the latest failure on this thread.
pub(crate) fn last_error() -> *const c_char {
    let sentence = LAST_ERROR.try_with(|last| {
        let mut last = last.borrow_mut();
        if let LastError::New(error) = &*last {
            *last = LastError::Rendered(error.status().code(), c_string(&error.to_string()));
        }
        match &*last {
            LastError::Rendered(_, sentence) => sentence.as_ptr(),
            _ => c"".as_ptr(),
        }
    });
    sentence.unwrap_or(c"".as_ptr())
}

/// Returns the code of the latest failure on this thread; 0 if there was none.
pub(crate) fn last_status() -> c_int {
    let code = LAST_ERROR.try_with(|last| match &*last.borrow() {
        LastError::None => 0,
        LastError::New(error) => error.status().code(),
        LastError::Rendered(code, _) => *code,
    });
    code.unwrap_or(0)
}

/// Records an error as the latest one of this thread.
pub(crate) fn set_last_error(error: &Error) {
    // A thread that is ending no longer has thread-local storage, and does not need it.
    let _ = LAST_ERROR.try_with(|last| last.replace(LastError::New(error.clone())));
}

// Results.

/// Runs the body of a call.  Converts a panic to an error, and records errors for [`last_error`].
pub(crate) fn guard<T>(body: impl FnOnce() -> Result<T>) -> Result<T> {
    let outcome = catch_unwind(AssertUnwindSafe(body)).unwrap_or_else(|panic| {
        Err(Error::new(
            Status::Internal,
            format!(
                "a bug in tlsmith, please report it: {}",
                panic_message(&*panic)
            ),
        ))
    });
    outcome.inspect_err(set_last_error)
}

fn panic_message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("a panic without a message")
}

/// Returns 0, or the code of the failure.
pub(crate) fn status(outcome: Result<()>) -> c_int {
    outcome.map_or_else(|error| error.status().code(), |()| 0)
}

/// Returns a count, or the code of the failure.
pub(crate) fn count(outcome: Result<usize>) -> isize {
    match outcome {
        // No buffer is longer than isize::MAX.
        Ok(count) => count.cast_signed(),
        Err(error) => error.status().code() as isize,
    }
}

/// Returns a string of a handle; "" for NULL, and after a panic.
pub(crate) fn string<T>(
    pointer: *const T,
    find: impl FnOnce(&T) -> *const c_char,
) -> *const c_char {
    let empty = c"".as_ptr();
    let Some(value) = borrow(pointer) else {
        return empty;
    };
    guard(|| Ok(find(value))).unwrap_or(empty)
}

/// Returns a value of a handle; `none` if it is unknown, for NULL, and after a panic.
pub(crate) fn value_or<T, V>(pointer: *const T, none: V, find: impl FnOnce(&T) -> Option<V>) -> V {
    let found = guard(|| Ok(borrow(pointer).and_then(find)));
    found.ok().flatten().unwrap_or(none)
}

/// Returns a pointer that a handle owns, or NULL.
pub(crate) fn borrowed_ptr<T>(find: impl FnOnce() -> Option<*const T>) -> *const T {
    let found = guard(|| Ok(find()));
    found.ok().flatten().unwrap_or(std::ptr::null())
}

/// Returns a new handle, or NULL.
pub(crate) fn handle<T>(outcome: Result<T>) -> *mut T {
    match outcome {
        Ok(value) => Box::into_raw(Box::new(value)),
        Err(_) => std::ptr::null_mut(),
    }
}

/// Frees a handle that [`handle`] created.  Does nothing for NULL.
pub(crate) fn free<T>(pointer: *mut T) {
    if pointer.is_null() {
        return;
    }
    // SAFETY: it came from `handle`, hence from a Box.  The caller gives it up: nothing uses it any
    // more and nothing frees it again.
    let value = unsafe { Box::from_raw(pointer) };
    // Nothing can report a panic of a destructor.
    let _ = guard(|| {
        drop(value);
        Ok(())
    });
}

// Arguments.

/// Borrows the value behind a pointer; `None` for NULL.  The library never creates a `&mut` to it,
/// so several threads may hold this reference.
pub(crate) fn borrow<'a, T>(pointer: *const T) -> Option<&'a T> {
    // SAFETY: it is NULL or points to a live value of this type, to which there
    // are only shared references.
    unsafe { pointer.as_ref() }
}

/// Borrows the value behind a required pointer.  `name` is its name in the header.
pub(crate) fn need<'a, T>(pointer: *const T, name: &str) -> Result<&'a T> {
    borrow(pointer).ok_or_else(|| is_null(name))
}

/// Borrows an optional string.
pub(crate) fn text<'a>(pointer: *const c_char, name: &str) -> Result<Option<&'a str>> {
    c_str(pointer)
        .map(|text| {
            text.to_str().map_err(|error| {
                // Does not repeat any of it: binary data may be a key.
                let at = error.valid_up_to();
                Error::argument(format!("{name} is not UTF-8: byte {at} is invalid"))
            })
        })
        .transpose()
}

/// Borrows a required string.
pub(crate) fn need_text<'a>(pointer: *const c_char, name: &str) -> Result<&'a str> {
    text(pointer, name)?.ok_or_else(|| is_null(name))
}

/// Splits a required string at its commas.
pub(crate) fn need_list<'a>(pointer: *const c_char, name: &str) -> Result<Vec<&'a str>> {
    let list = need_text(pointer, name)?;
    Ok(list.split(',').map(str::trim).collect())
}

/// Borrows an optional password, as bytes.
pub(crate) fn password<'a>(pointer: *const c_char) -> Option<&'a [u8]> {
    c_str(pointer).map(CStr::to_bytes)
}

/// Borrows a required password.  No error may contain it.
pub(crate) fn need_password<'a>(pointer: *const c_char) -> Result<&'a [u8]> {
    password(pointer).ok_or_else(|| is_null("password"))
}

/// The same as text: PKCS#12 encodes it as BMPString.
pub(crate) fn need_password_text<'a>(pointer: *const c_char) -> Result<&'a str> {
    std::str::from_utf8(need_password(pointer)?)
        .map_err(|_| Error::argument("password is not UTF-8, as PKCS#12 requires"))
}

/// Borrows an optional path, in the bytes of the file system.
pub(crate) fn path<'a>(pointer: *const c_char) -> Option<&'a Path> {
    c_str(pointer).map(|text| Path::new(OsStr::from_bytes(text.to_bytes())))
}

/// Borrows a required path.
pub(crate) fn need_path<'a>(pointer: *const c_char, name: &str) -> Result<&'a Path> {
    path(pointer).ok_or_else(|| is_null(name))
}

fn c_str<'a>(pointer: *const c_char) -> Option<&'a CStr> {
    if pointer.is_null() {
        return None;
    }
    // SAFETY: it is not NULL, ends in NUL, and does not change before the call returns.  Nothing
    // derived from it outlives the call.
    Some(unsafe { CStr::from_ptr(pointer) })
}

/// Borrows `len` bytes.  NULL is allowed if `len` is 0.
pub(crate) fn bytes<'a>(pointer: *const c_void, len: usize, name: &str) -> Result<&'a [u8]> {
    if len == 0 {
        return Ok(&[]);
    }
    check_bytes(pointer, len, name)?;
    // SAFETY: it is not NULL, there are `len` bytes, they fit into the address
    // space, and they do not change before the call returns.
    Ok(unsafe { std::slice::from_raw_parts(pointer.cast(), len) })
}

/// The same, but distinguishes NULL from empty: `None` for NULL.
pub(crate) fn some_bytes<'a>(
    pointer: *const c_void,
    len: usize,
    name: &str,
) -> Result<Option<&'a [u8]>> {
    match (pointer.is_null(), len) {
        (true, 0) => Ok(None),
        _ => bytes(pointer, len, name).map(Some),
    }
}

/// Borrows room for `len` bytes.  C may not have initialized it: the kernel or a copy overwrites
/// it, and nothing reads it before.
pub(crate) fn room<'a>(pointer: *mut c_void, len: usize, name: &str) -> Result<&'a mut [u8]> {
    if len == 0 {
        return Ok(&mut []);
    }
    check_bytes(pointer, len, name)?;
    // SAFETY: it is not NULL.  There is room for `len` bytes, which fits into the address space.
    // Nothing else uses it before the call returns.
    Ok(unsafe { std::slice::from_raw_parts_mut(pointer.cast(), len) })
}

fn check_bytes(pointer: *const c_void, len: usize, name: &str) -> Result<()> {
    if pointer.is_null() {
        return Err(is_null(name));
    }
    if isize::try_from(len).is_err() {
        return Err(Error::argument(format!(
            "{name} of {len} bytes exceeds the address space"
        )));
    }
    Ok(())
}

/// A range of bytes.  `data` may be NULL if `len` is 0.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct tlsmith_slice {
    /// the first byte
    pub data: *const c_void,
    /// the number of bytes
    pub len: usize,
}

/// Borrows an array of slices, whose total length fits in memory.
pub(crate) fn slices<'a>(
    pointer: *const tlsmith_slice,
    count: usize,
    name: &str,
) -> Result<Vec<&'a [u8]>> {
    let most = isize::MAX as usize;
    if count > most / size_of::<tlsmith_slice>() {
        let sentence = format!("{name} of {count} slices exceeds the address space");
        return Err(Error::argument(sentence));
    }
    if count == 0 {
        return Ok(Vec::new());
    }
    check_bytes(pointer.cast(), count, name)?;
    // SAFETY: it is not NULL, there are `count` slices, they fit into the address
    // space, and they do not change before the call returns.
    let given = unsafe { std::slice::from_raw_parts(pointer, count) };
    let total = given.iter().try_fold(0, |total: usize, slice| {
        total.checked_add(slice.len).filter(|total| *total <= most)
    });
    if total.is_none() {
        let sentence = format!("the total length of {name} exceeds the address space");
        return Err(Error::argument(sentence));
    }
    given
        .iter()
        .map(|slice| bytes(slice.data, slice.len, name))
        .collect()
}

/// Copies a result to `out` and returns its length.  Fails if `len` is too small.
pub(crate) fn fill(out: *mut c_void, len: usize, result: &[u8]) -> Result<usize> {
    let needed = result.len();
    if len < needed {
        let sentence = format!("out has room for {len} bytes, but {needed} are needed");
        return Err(Error::argument(sentence));
    }
    room(out, needed, "out")?.copy_from_slice(result);
    Ok(needed)
}

/// Returns bytes that a handle owns and stores their length; NULL and 0 if there are none.
pub(crate) fn borrowed_bytes<'a>(
    find: impl FnOnce() -> Option<&'a [u8]>,
    len: *mut usize,
) -> *const u8 {
    let bytes = guard(|| Ok(find())).ok().flatten();
    let bytes = bytes.filter(|bytes| !bytes.is_empty());
    store(len, bytes.map_or(0, <[u8]>::len));
    bytes.map_or(std::ptr::null(), <[u8]>::as_ptr)
}

/// Fails if reserved fields of an options struct are set.
pub(crate) fn check_reserved(reserved: &[*const c_void], name: &str) -> Result<()> {
    match reserved.iter().all(|field| field.is_null()) {
        true => Ok(()),
        false => Err(Error::new(
            Status::Unsupported,
            format!("reserved fields of {name} are not zero: initialize it with its _INIT macro"),
        )),
    }
}

/// Stores a result through a pointer, unless it is NULL.
pub(crate) fn store<T>(pointer: *mut T, value: T) {
    if pointer.is_null() {
        return;
    }
    // SAFETY: it is not NULL and points to room for a value of this type.
    unsafe { pointer.write(value) };
}

/// Reads a structure that starts with its size in the caller's version of the header.  Fields that
/// only this version has become zero.  Fields that only the caller's has must be zero.
///
/// # Safety
///
/// `T` must start with its size and consist of integers and pointers only: then any bytes are a
/// valid value, zeros included.
pub(crate) unsafe fn sized<T: Copy>(pointer: *const T, name: &str) -> Result<Option<T>> {
    if pointer.is_null() {
        return Ok(None);
    }
    // SAFETY: every version of the structure starts with its size.
    let theirs = unsafe { pointer.cast::<usize>().read() };
    let ours = size_of::<T>();
    // A size is a multiple of the alignment.  Another one would cut a pointer in two.
    let is_possible = (size_of::<usize>()..=4096).contains(&theirs);
    if !is_possible || !theirs.is_multiple_of(align_of::<T>()) {
        return Err(Error::argument(format!(
            "the size of {name} is {theirs}: initialize it with its _INIT macro"
        )));
    }
    // SAFETY: the caller states that the structure has this many bytes.
    let given = unsafe { std::slice::from_raw_parts(pointer.cast::<u8>(), theirs) };
    if given[ours.min(theirs)..].iter().any(|byte| *byte != 0) {
        return Err(Error::new(
            Status::Unsupported,
            format!("{name} sets a field that this version of the library does not support"),
        ));
    }
    let mut value = std::mem::MaybeUninit::<T>::zeroed();
    // SAFETY: copies at most the size of `T`, and the two do not overlap.  By the condition on `T`
    // any bytes are a valid value.
    unsafe {
        std::ptr::copy_nonoverlapping(
            pointer.cast::<u8>(),
            value.as_mut_ptr().cast::<u8>(),
            ours.min(theirs),
        );
        Ok(Some(value.assume_init()))
    }
}

pub(crate) fn is_null(name: &str) -> Error {
    Error::argument(format!("{name} is NULL"))
}

/// A descriptor of the caller, who keeps it open while it is used here.
pub(crate) struct BorrowedDescriptor(c_int);

impl BorrowedDescriptor {
    pub(crate) fn new(fd: c_int) -> Result<Self> {
        if fd < 0 {
            return Err(Error::argument(format!(
                "{fd} is not a descriptor: pass 0 or more"
            )));
        }
        Ok(Self(fd))
    }
}

impl AsFd for BorrowedDescriptor {
    fn as_fd(&self) -> BorrowedFd<'_> {
        // SAFETY: it is not -1.  The header asks the caller to keep it open.  If it is closed,
        // system calls fail with EBADF.
        unsafe { BorrowedFd::borrow_raw(self.0) }
    }
}
