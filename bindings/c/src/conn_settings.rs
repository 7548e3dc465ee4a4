//! Settings of a single connection, which override those of its context.

use std::ffi::{c_char, c_int, c_void};

use tlsmith::Result;

use crate::call::{self, on};
use crate::conn::{Settings, tlsmith_conn};
use crate::ctx::tlsmith_ctx;
use crate::ffi;
use crate::identity::tlsmith_identity;

/// Changes settings of a connection: before it is connected or, on a server, before its ClientHello
/// is answered.
pub(crate) fn configure(
    conn: *mut tlsmith_conn,
    change: impl FnOnce(&mut Settings) -> Result<()>,
) -> c_int {
    // A hello callback returns its selection when it ends.
    if call::is_in_hello_callback(conn) {
        return ffi::status(ffi::guard(|| ffi::need(conn, "conn")?.change(change)));
    }
    ffi::status(on(conn, |conn| {
        let Some(connection) = conn.connection() else {
            return conn.change(change);
        };
        connection.check_hello()?;
        let selection = conn.change(change).and_then(|()| conn.selection());
        match selection {
            Ok(selection) => connection.select(selection),
            Err(error) => {
                connection.select_failed(error.clone())?;
                Err(error)
            }
        }
    }))
}

/// Select the context of a server, in a hello callback or after tlsmith_accept_hello().
/// TLSMITH_ERR_STATE after the ClientHello is answered, and on a connected client.  `ctx` may be
/// freed afterwards.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_conn_set_ctx(conn: *mut tlsmith_conn, ctx: *mut tlsmith_ctx) -> c_int {
    configure(conn, |settings| {
        settings.context = ffi::need(ctx, "ctx")?.context.clone();
        Ok(())
    })
}

/// Offer these ALPN protocols (RFC 7301), best first, instead of the context's: "h2,http/1.1"; ""
/// for none.  Here and below: call it before connecting or, on a server, before the ClientHello is
/// answered (TLSMITH_ERR_STATE).
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_conn_set_alpn(
    conn: *mut tlsmith_conn,
    protocols: *const c_char,
) -> c_int {
    configure(conn, |settings| {
        let protocols = match ffi::need_text(protocols, "protocols")? {
            "" => Vec::new(),
            _ => ffi::need_list(protocols, "protocols")?,
        };
        settings.options.set_alpn(&protocols)
    })
}

/// Present this identity instead of the context's.  For resumption, a client context keeps the last
/// 16, keys included.  TLSMITH_ERR_STATE if it has no private key.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_conn_set_identity(
    conn: *mut tlsmith_conn,
    id: *const tlsmith_identity,
) -> c_int {
    configure(conn, |settings| {
        settings
            .options
            .set_identity(&ffi::need(id, "id")?.identity)
    })
}

/// Send this name as SNI (RFC 6066, section 3) instead of the name to verify; NULL sends no SNI.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_conn_set_server_name(
    conn: *mut tlsmith_conn,
    name: *const c_char,
) -> c_int {
    configure(conn, |settings| {
        settings.options.set_server_name(ffi::text(name, "name")?)
    })
}

/// Store a pointer for the connection's callbacks.  The library never dereferences it.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_conn_set_userdata(conn: *mut tlsmith_conn, userdata: *mut c_void) {
    if let Some(conn) = ffi::borrow(conn) {
        conn.set_userdata(userdata);
    }
}

/// Return the pointer of tlsmith_conn_set_userdata(), NULL by default.  Any callback may call it.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_conn_userdata(conn: *const tlsmith_conn) -> *mut c_void {
    ffi::borrow(conn).map_or(std::ptr::null_mut(), tlsmith_conn::userdata)
}
