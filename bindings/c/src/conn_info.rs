//! Connections: negotiated parameters, exporters, and the peer's certificates.

use std::ffi::{c_char, c_int, c_void};
use std::ptr;
use std::sync::OnceLock;

use tlsmith::{Agreed, ChannelBinding, Connection, EarlyData, Ech, Error};

use crate::call::{self, on, on_open};
use crate::cert::{self, tlsmith_cert};
use crate::conn::tlsmith_conn;
use crate::ffi;

/// Returns a negotiated parameter; `none` before the handshake is complete.
fn agreed<V>(conn: *const tlsmith_conn, none: V, find: impl FnOnce(&Agreed) -> V) -> V {
    ffi::value_or(conn, none, |conn| conn.connection()?.agreed().map(find))
}

/// Returns a string of a connection; "" if it is unknown.
fn text(
    conn: *const tlsmith_conn,
    find: impl FnOnce(&tlsmith_conn) -> Option<&str>,
) -> *const c_char {
    ffi::string(conn, |conn| conn.intern(find(conn).unwrap_or_default()))
}

/// Return TLSMITH_TLS1_2 or TLSMITH_TLS1_3; 0 before the handshake is complete.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_conn_version(conn: *const tlsmith_conn) -> c_int {
    agreed(conn, 0, |agreed| c_int::from(agreed.version.wire()))
}

/// Return the cipher suite by its IANA name, such as "TLS_AES_128_GCM_SHA256", or "".
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_conn_cipher(conn: *const tlsmith_conn) -> *const c_char {
    text(conn, |conn| Some(conn.connection()?.agreed()?.cipher))
}

/// Return the key exchange group, such as "X25519MLKEM768", or "".
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_conn_group(conn: *const tlsmith_conn) -> *const c_char {
    text(conn, |conn| conn.connection()?.agreed()?.group)
}

/// Return the negotiated ALPN protocol, or "".
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_conn_alpn(conn: *const tlsmith_conn) -> *const c_char {
    text(conn, |conn| conn.connection()?.agreed()?.alpn.as_deref())
}

/// Return the scheme of the peer's handshake signature, such as "ed25519"; "" if it did not sign.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_conn_signature(conn: *const tlsmith_conn) -> *const c_char {
    text(conn, |conn| {
        let agreed = conn.connection()?.agreed()?;
        agreed.signature_scheme.as_deref()
    })
}

/// Return the server name: on a client the one to verify, on a server the client's SNI, or "".
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_conn_server_name(conn: *const tlsmith_conn) -> *const c_char {
    text(conn, |conn| conn.connection()?.server_name())
}

/// Return whether an earlier session was resumed.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_conn_resumed(conn: *const tlsmith_conn) -> bool {
    agreed(conn, false, |agreed| agreed.resumed)
}

/// Return whether the server sent HelloRetryRequest (RFC 8446, section 4.1.4), which costs a round
/// trip.  The client had sent no key share for a group that the server accepts.  Always false for
/// resumed sessions.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_conn_hello_retried(conn: *const tlsmith_conn) -> bool {
    agreed(conn, false, |agreed| agreed.hello_retried)
}

/// Return how many TLS 1.3 tickets for resumption have arrived.  A server sends them after the
/// handshake, so a client that has not read has none.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_conn_tickets(conn: *const tlsmith_conn) -> c_int {
    let count = ffi::guard(|| {
        let connection = ffi::borrow(conn).and_then(tlsmith_conn::connection_outside_callback);
        Ok(connection.map_or(0, |connection| connection.tickets().len()))
    });
    count.map_or(0, |count| c_int::try_from(count).unwrap_or(c_int::MAX))
}

/// The outcome of early data (0-RTT).
#[repr(C)]
#[derive(Clone, Copy)]
pub enum tlsmith_early_data {
    /// none was sent
    TLSMITH_EARLY_DATA_NONE = 0,
    /// the server has not answered yet
    TLSMITH_EARLY_DATA_SENT = 1,
    /// the server accepted it
    TLSMITH_EARLY_DATA_ACCEPTED = 2,
    /// the server rejected it: write it again
    TLSMITH_EARLY_DATA_REJECTED = 3,
}

/// Return the outcome of early data.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_conn_early_data(conn: *const tlsmith_conn) -> tlsmith_early_data {
    let outcome = ffi::guard(|| {
        let connection = ffi::borrow(conn).and_then(tlsmith_conn::connection_outside_callback);
        Ok(connection.map(Connection::early_data))
    });
    match outcome.ok().flatten() {
        Some(EarlyData::Sent) => tlsmith_early_data::TLSMITH_EARLY_DATA_SENT,
        Some(EarlyData::Accepted) => tlsmith_early_data::TLSMITH_EARLY_DATA_ACCEPTED,
        Some(EarlyData::Rejected) => tlsmith_early_data::TLSMITH_EARLY_DATA_REJECTED,
        Some(EarlyData::None) | None => tlsmith_early_data::TLSMITH_EARLY_DATA_NONE,
    }
}

/// The outcome of a client's Encrypted ClientHello (RFC 9849).
#[repr(C)]
#[derive(Clone, Copy)]
pub enum tlsmith_ech {
    /// none was sent, or the server has not answered yet
    TLSMITH_ECH_NONE = 0,
    /// a GREASE extension was sent
    TLSMITH_ECH_GREASE = 1,
    /// the server accepted it
    TLSMITH_ECH_ACCEPTED = 2,
    /// the server rejected it, so the handshake failed
    TLSMITH_ECH_REJECTED = 3,
}

/// Return the outcome of Encrypted ClientHello.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_conn_ech(conn: *const tlsmith_conn) -> tlsmith_ech {
    let outcome = ffi::guard(|| {
        let connection = ffi::borrow(conn).and_then(tlsmith_conn::connection);
        Ok(connection.map(Connection::ech))
    });
    match outcome.ok().flatten() {
        Some(Ech::Grease) => tlsmith_ech::TLSMITH_ECH_GREASE,
        Some(Ech::Accepted) => tlsmith_ech::TLSMITH_ECH_ACCEPTED,
        Some(Ech::Rejected) => tlsmith_ech::TLSMITH_ECH_REJECTED,
        Some(Ech::None) | None => tlsmith_ech::TLSMITH_ECH_NONE,
    }
}

/// Return the ECHConfigList that the server sent when it rejected ECH, with its length in `len`,
/// which may be NULL.  Pass it to tlsmith_ctx_set_ech() of a new context and reconnect (RFC 9849,
/// section 6.1.6).
///
/// Returns NULL unless tlsmith_conn_ech() is TLSMITH_ECH_REJECTED.  If it is and this is NULL, the
/// server has disabled ECH: the next attempt must do without, which reveals the server's name.  The
/// server's certificate is verified for the public name of the rejected list, unless the context
/// verifies nothing.  The connection owns the bytes.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_conn_ech_retry_configs(
    conn: *const tlsmith_conn,
    len: *mut usize,
) -> *const u8 {
    let configs = || ffi::borrow(conn)?.connection()?.ech_retry_configs();
    ffi::borrowed_bytes(configs, len)
}

/// Store how many bytes the handshake received and sent.  Either may be NULL.  TLSMITH_ERR_STATE
/// before it is complete.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_conn_handshake_bytes(
    conn: *const tlsmith_conn,
    received: *mut u64,
    sent: *mut u64,
) -> c_int {
    ffi::status(on(conn, |conn| {
        let bytes = conn.need_connection()?.handshake_bytes().ok_or_else(|| {
            let sentence =
                "the handshake is not complete, so its bytes are not counted: complete it first";
            Error::state(sentence)
        })?;
        ffi::store(received, bytes.0);
        ffi::store(sent, bytes.1);
        Ok(())
    }))
}

/// Return a human-readable summary: the peer, its verification, the negotiated parameters.  The
/// string stays valid as long as the connection.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_conn_report(conn: *const tlsmith_conn) -> *const c_char {
    ffi::string(conn, |conn| {
        let page = conn.connection_outside_callback().map(Connection::report);
        conn.intern(&page.unwrap_or_default())
    })
}

/// Export `len` bytes, 1 to 8160, of keying material to `out`: both sides derive the same from the
/// same label and context (RFC 8446, section 7.5; RFC 5705).  A NULL `context` is the same as an
/// empty one in TLS 1.3, but not in TLS 1.2.  TLSMITH_ERR_STATE before the handshake is complete.
///
/// cbindgen:postfix=TLSMITH_READS(3, 4) TLSMITH_FILLS(5, 6)
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_conn_export(
    conn: *const tlsmith_conn,
    label: *const c_char,
    context: *const c_void,
    context_len: usize,
    out: *mut c_void,
    len: usize,
) -> c_int {
    ffi::status(on_open(conn, |connection| {
        let label = ffi::need_text(label, "label")?;
        let context = ffi::some_bytes(context, context_len, "context")?;
        connection.export(label, context, ffi::room(out, len, "out")?)
    }))
}

/// Write a channel binding, the same on both sides, to `out` and return its length, at most 64
/// bytes.  `type` is "tls-exporter" (RFC 9266) or "tls-server-end-point" (RFC 5929, section 4).
/// TLSMITH_ERR_STATE before the handshake is complete, _ARG if `len` is too small.
/// TLSMITH_ERR_UNSUPPORTED for tls-exporter in TLS 1.2 without extended master secret, and for
/// tls-server-end-point if the certificate is signed with Ed25519, Ed448 or ML-DSA.  It is
/// undefined for these: PostgreSQL on OpenSSL refuses it, too.
///
/// cbindgen:postfix=TLSMITH_FILLS(3, 4)
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_conn_channel_binding(
    conn: *const tlsmith_conn,
    r#type: *const c_char,
    out: *mut c_void,
    len: usize,
) -> isize {
    ffi::count(on_open(conn, |connection| {
        let kind: ChannelBinding = ffi::need_text(r#type, "type")?.parse()?;
        ffi::fill(out, len, &connection.channel_binding(kind)?)
    }))
}

/// Return the errno of the latest failed call; 0 if no system call failed.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_conn_errno(conn: *const tlsmith_conn) -> c_int {
    ffi::value_or(conn, 0, |conn| conn.error()?.os_error())
}

/// Return the number of the peer's alert (RFC 8446, section 6) that failed the latest call, or -1.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_conn_alert(conn: *const tlsmith_conn) -> c_int {
    ffi::value_or(conn, -1, |conn| conn.error()?.alert().map(c_int::from))
}

/// Whether the peer was accepted, or this thread runs its verify callback.
fn knows_peer(conn: &tlsmith_conn, connection: &Connection) -> bool {
    !connection.is_handshaking() || call::is_in_verify_callback(conn)
}

/// Return certificate `index` that the peer presented, 0 being its own.  NULL past the end, before
/// the handshake is complete, and in callbacks other than a verify callback.  Includes those of a
/// peer that was refused, or accepted unverified: these prove nothing
/// (tlsmith_conn_verify_status()).
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_conn_peer_cert(
    conn: *const tlsmith_conn,
    index: usize,
) -> *const tlsmith_cert {
    ffi::borrowed_ptr(|| {
        let conn = ffi::borrow(conn)?;
        let connection = conn.connection()?;
        // Before the handshake is complete, there is only the chain of a refused peer.
        if !knows_peer(conn, connection) && connection.peer_chain().is_empty() {
            return None;
        }
        let list = || cert::list(connection.peer_chain());
        list_or_cached(&conn.peer, connection, list)?
            .get(index)
            .map(ptr::from_ref)
    })
}

/// Returns a list that is cached in the connection.  A callback may not compute it: it gets the
/// list from its verification, if there is one.
fn list_or_cached<'a, T>(
    slot: &'a OnceLock<T>,
    connection: &Connection,
    list: impl FnOnce() -> T,
) -> Option<&'a T> {
    match connection.is_entered() {
        true => slot.get(),
        false => Some(slot.get_or_init(list)),
    }
}

/// Return whether the server requested a client certificate (RFC 8446, section 4.3.2), even if
/// there was none to present.  False on a server, before the handshake is complete, and if resumed.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_conn_certificate_requested(conn: *const tlsmith_conn) -> bool {
    ffi::value_or(conn, false, |conn| {
        Some(conn.connection()?.certificate_requested())
    })
}

/// Return certificate `index` of the verified chain, root last; NULL past its end or without one.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_conn_verified_cert(
    conn: *const tlsmith_conn,
    index: usize,
) -> *const tlsmith_cert {
    ffi::borrowed_ptr(|| {
        let conn = ffi::borrow(conn)?;
        let connection = conn.connection().filter(|open| knows_peer(conn, open))?;
        let list = || cert::list(connection.verified_chain());
        list_or_cached(&conn.verified, connection, list)?
            .get(index)
            .map(ptr::from_ref)
    })
}

fn verify_error(conn: *const tlsmith_conn) -> Option<Error> {
    let found = ffi::guard(|| {
        let connection = ffi::need(conn, "conn")?.need_connection()?;
        Ok(connection.verify_error())
    });
    // A peer whose state is unavailable is not verified.
    found.unwrap_or_else(Some)
}

/// Return 0 only if the peer's certificate is verified, also in a resumed session.  Otherwise
/// return the code of tlsmith_conn_verify_error(): TLSMITH_ERR_CERT_MISSING without a certificate,
/// _CERT if the context verifies nothing, _STATE before the handshake is complete, or the
/// verification failure.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_conn_verify_status(conn: *const tlsmith_conn) -> c_int {
    verify_error(conn).map_or(0, |error| error.status().code())
}

/// Return why the peer is not verified; NULL if it is.  For clients that were accepted by
/// tlsmith_ctx_insecure_allow_unverified_clients(), this is their verification error.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_conn_verify_error(conn: *const tlsmith_conn) -> *const c_char {
    match (verify_error(conn), ffi::borrow(conn)) {
        (None, _) => ptr::null(),
        (Some(error), Some(conn)) => conn.intern(&error.to_string()),
        (Some(_), None) => c"conn is NULL".as_ptr(),
    }
}

/// Return the OCSP response that the server stapled (DER, RFC 6960), not verified, with its length
/// in `len`, which may be NULL.  NULL if there is none, and before the handshake is complete except
/// in a verify callback.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_conn_peer_ocsp(conn: *const tlsmith_conn, len: *mut usize) -> *const u8 {
    let response = || {
        let conn = ffi::borrow(conn)?;
        match call::is_in_verify_callback(conn) {
            true => conn.ocsp.get().map(Vec::as_slice),
            false => conn.connection()?.ocsp_response(),
        }
    };
    ffi::borrowed_bytes(response, len)
}
