//! Connections: what was agreed, and who the peer is.

use std::ffi::{c_char, c_int};
use std::ptr;

use tlsmith::Agreed;

use crate::cert::{self, tlsmith_cert};
use crate::conn::tlsmith_conn;
use crate::edge;

fn agreed<'a>(conn: *const tlsmith_conn) -> Option<&'a Agreed> {
    edge::borrow(conn)?.connection()?.agreed()
}

/// A string of a connection; "" for what is not known.
fn text(
    conn: *const tlsmith_conn,
    find: impl FnOnce(&tlsmith_conn) -> Option<&str>,
) -> *const c_char {
    edge::string(conn, |conn| conn.texts.keep(find(conn).unwrap_or_default()))
}

/// 0x0303 for TLS 1.2, 0x0304 for TLS 1.3; 0 before the handshake is complete.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_conn_version(conn: *const tlsmith_conn) -> c_int {
    agreed(conn).map_or(0, |agreed| c_int::from(agreed.version.wire()))
}

/// The cipher suite by its IANA name, such as "TLS_AES_128_GCM_SHA256", or "".
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_conn_cipher(conn: *const tlsmith_conn) -> *const c_char {
    text(conn, |conn| Some(&conn.connection()?.agreed()?.cipher))
}

/// The key exchange group, such as "X25519MLKEM768", or "".
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_conn_group(conn: *const tlsmith_conn) -> *const c_char {
    text(conn, |conn| conn.connection()?.agreed()?.group.as_deref())
}

/// The protocol that ALPN chose, or "".
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_conn_alpn(conn: *const tlsmith_conn) -> *const c_char {
    text(conn, |conn| conn.connection()?.agreed()?.alpn.as_deref())
}

/// The scheme that the peer signed the handshake with, such as
/// "ecdsa_secp256r1_sha256", or "" where it did not.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_conn_signature(conn: *const tlsmith_conn) -> *const c_char {
    text(conn, |conn| {
        let agreed = conn.connection()?.agreed()?;
        agreed.signature_scheme.as_deref()
    })
}

/// The server name: the one asked for, or on a server the client's SNI, or "".
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_conn_server_name(conn: *const tlsmith_conn) -> *const c_char {
    text(conn, |conn| conn.connection()?.server_name())
}

/// Whether an earlier session was resumed.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_conn_resumed(conn: *const tlsmith_conn) -> bool {
    agreed(conn).is_some_and(|agreed| agreed.resumed)
}

/// The errno of the latest failed call, where a system call failed, or 0.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_errno(conn: *const tlsmith_conn) -> c_int {
    edge::borrow(conn)
        .and_then(|conn| conn.error()?.os_error())
        .unwrap_or(0)
}

/// The number of the alert that the peer sent (RFC 8446, section 6), where that
/// made the latest call fail, or -1.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_alert(conn: *const tlsmith_conn) -> c_int {
    edge::borrow(conn)
        .and_then(|conn| conn.error()?.alert())
        .map_or(-1, c_int::from)
}

/// Certificate `index` that the peer showed, 0 being its own; NULL past the end.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_peer_cert(
    conn: *const tlsmith_conn,
    index: usize,
) -> *const tlsmith_cert {
    edge::lend(|| {
        let conn = edge::borrow(conn)?;
        let connection = conn.connection().filter(|open| !open.is_handshaking())?;
        let list = || cert::list(connection.peer_chain());
        conn.peer.get_or_init(list).get(index).map(ptr::from_ref)
    })
}

/// Certificate `index` of the path that was accepted, up to the root; NULL past
/// its end, or where nothing was verified.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_peer_verified(
    conn: *const tlsmith_conn,
    index: usize,
) -> *const tlsmith_cert {
    edge::lend(|| {
        let conn = edge::borrow(conn)?;
        let connection = conn.connection().filter(|open| !open.is_handshaking())?;
        let list = || cert::list(connection.verified_chain());
        conn.verified
            .get_or_init(list)
            .get(index)
            .map(ptr::from_ref)
    })
}
