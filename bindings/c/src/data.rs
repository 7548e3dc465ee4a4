//! Connections: handshake, reads, writes and shutdown.

use std::ffi::{c_int, c_void};

use rustix::event::PollFlags;

use crate::call::on_open;
use crate::conn::tlsmith_conn;
use crate::ffi::{self, tlsmith_slice};

/// Complete the handshake.  tlsmith_read() and tlsmith_write() do so, too.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_handshake(conn: *mut tlsmith_conn) -> c_int {
    ffi::status(on_open(conn, |connection| connection.handshake()))
}

/// Read up to `len` bytes, at least 1.  Returns the count, or 0 after the peer's close_notify and
/// only then.  TLSMITH_ERR_TRUNCATED if TCP ends without it.
///
/// cbindgen:postfix=TLSMITH_FILLS(2, 3)
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_read(conn: *mut tlsmith_conn, buf: *mut c_void, len: usize) -> isize {
    ffi::count(on_open(conn, |connection| {
        connection.read(ffi::room(buf, len, "buf")?)
    }))
}

/// Write `len` bytes.  Returns the count: `len` on a blocking socket, or what a non-blocking one
/// accepted: do not pass these bytes again.  If a time limit expires after part of them, no more
/// can be written.
///
/// cbindgen:postfix=TLSMITH_READS(2, 3)
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_write(conn: *mut tlsmith_conn, data: *const c_void, len: usize) -> isize {
    ffi::count(on_open(conn, |connection| {
        connection.write(ffi::bytes(data, len, "data")?)
    }))
}

/// Write `count` slices in order, as tlsmith_write() does: small ones share records and system
/// calls.  The returned count of bytes may end inside a slice.
///
/// cbindgen:postfix=TLSMITH_READS(2, 3)
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_writev(
    conn: *mut tlsmith_conn,
    slices: *const tlsmith_slice,
    count: usize,
) -> isize {
    ffi::count(on_open(conn, |connection| {
        connection.write_vectored(&ffi::slices(slices, count, "slices")?)
    }))
}

/// Send the output that tlsmith_write() buffered.  Returns 0 once all is sent.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_flush(conn: *mut tlsmith_conn) -> c_int {
    ffi::status(on_open(conn, |connection| connection.flush()))
}

/// Send close_notify (RFC 8446, section 6.1).  Nothing can be written afterwards; reading
/// continues.  Does not wait for the peer's close_notify.  May be called again.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_shutdown(conn: *mut tlsmith_conn) -> c_int {
    ffi::status(on_open(conn, |connection| connection.shutdown()))
}

/// Update the sending keys, and request the same of the peer (RFC 8446, section 4.6.3).  Later
/// calls send what the socket does not accept at once.  TLSMITH_ERR_UNSUPPORTED in TLS 1.2.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_conn_key_update(conn: *mut tlsmith_conn) -> c_int {
    ffi::status(on_open(conn, |connection| {
        connection.refresh_keys()?;
        match connection.flush() {
            // A repeated call would update them again.
            Err(error) if error.is_want() => Ok(()),
            flushed => flushed,
        }
    }))
}

/// Return the events to poll() the socket for before the next call: 0, POLLIN, POLLOUT or both.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_conn_events(conn: *const tlsmith_conn) -> c_int {
    let events = on_open(conn, |connection| Ok(connection.events()));
    let mut flags = PollFlags::empty();
    if let Ok(events) = events {
        flags.set(PollFlags::IN, events.read);
        flags.set(PollFlags::OUT, events.write);
    }
    c_int::from(flags.bits())
}

/// Return how many bytes tlsmith_read() can return without the socket: 0 only if there are none.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_conn_pending(conn: *const tlsmith_conn) -> usize {
    on_open(conn, |connection| Ok(connection.pending())).unwrap_or(0)
}
