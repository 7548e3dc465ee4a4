//! Connections: early data (0-RTT).

use std::ffi::c_void;

use crate::call::on_open;
use crate::conn::tlsmith_conn;
use crate::ffi;

/// Write early data (0-RTT) on a client before the handshake.  Returns the count: less than `len`,
/// or 0, if the session allows no more.  A record counts 17 bytes more than its data against the
/// server's limit, since some servers count so.  Then call tlsmith_handshake(), and check with
/// tlsmith_conn_early_data() whether the server accepted it.  Early data can be replayed.
/// TLSMITH_ERR_STATE after the handshake.
///
/// cbindgen:postfix=TLSMITH_READS(2, 3)
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_write_early(
    conn: *mut tlsmith_conn,
    data: *const c_void,
    len: usize,
) -> isize {
    ffi::count(on_open(conn, |connection| {
        connection.write_early(ffi::bytes(data, len, "data")?)
    }))
}

/// Read early data that a server accepts.  Returns the count, or 0 at its end, when the handshake
/// is complete.  It can be a replay: do nothing for it that must not be done twice.  Once it has
/// returned data, tlsmith_write() sends before the handshake is complete.  Only the session's owner
/// can decrypt that output, but until then the client may be a replay.  tlsmith_shutdown() then
/// completes the handshake first.
///
/// cbindgen:postfix=TLSMITH_FILLS(2, 3)
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_read_early(
    conn: *mut tlsmith_conn,
    buf: *mut c_void,
    len: usize,
) -> isize {
    ffi::count(on_open(conn, |connection| {
        connection.read_early(ffi::room(buf, len, "buf")?)
    }))
}
