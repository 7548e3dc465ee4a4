//! Connections: creation, time limits, TCP connections, and freeing.

use std::ffi::{c_char, c_int};
use std::os::fd::{AsRawFd, IntoRawFd};
use std::time::Duration;

use tlsmith::{Error, SocketTransport, Timeout, tcp};

use crate::call::on;
use crate::conn::tlsmith_conn;
use crate::ctx::tlsmith_ctx;
use crate::ffi::{self, BorrowedDescriptor};

/// Create a connection, not connected yet.  NULL if `ctx` is NULL.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_conn_new(ctx: *mut tlsmith_ctx) -> *mut tlsmith_conn {
    ffi::handle(ffi::guard(|| {
        ffi::watch_forks()?;
        Ok(tlsmith_conn::new(ffi::need(ctx, "ctx")?.context.clone()))
    }))
}

/// Free a connection and close the socket it owns, at once and without sending close_notify: call
/// tlsmith_shutdown() first.  No other call may be in progress.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_conn_free(conn: *mut tlsmith_conn) {
    ffi::free(conn);
}

/// Return why the latest failed call on this connection failed; "" if none did.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_conn_error(conn: *const tlsmith_conn) -> *const c_char {
    if conn.is_null() {
        return c"conn is NULL".as_ptr();
    }
    ffi::string(conn, |conn| {
        let error = conn.error().map(|error| error.to_string());
        conn.intern(&error.unwrap_or_default())
    })
}

/// Limit how long each later call waits, in milliseconds.  -1, the default, sets no limit on a
/// blocking socket.  0 never waits: calls return a WANT code.  TLSMITH_ERR_TIMEOUT once the limit
/// expires.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_conn_set_timeout(conn: *mut tlsmith_conn, ms: c_int) -> c_int {
    ffi::status(on(conn, |conn| {
        let timeout = match u64::try_from(ms) {
            Ok(0) => Timeout::Never,
            Ok(ms) => Timeout::After(Duration::from_millis(ms)),
            Err(_) if ms == -1 => Timeout::Descriptor,
            Err(_) => {
                return Err(Error::argument(format!(
                    "{ms} is not a time limit: pass -1, 0 or milliseconds"
                )));
            }
        };
        conn.settings().timeout = timeout;
        if let Some(connection) = conn.connection() {
            connection.set_timeout(timeout);
        }
        Ok(())
    }))
}

/// Limit the whole handshake, in milliseconds, over any number of calls and however slowly the peer
/// sends.  -1 sets no limit: the default, except after tlsmith_accept() (5000).  Once it expires,
/// every call that needs the handshake fails with TLSMITH_ERR_TIMEOUT.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_conn_set_handshake_timeout(conn: *mut tlsmith_conn, ms: c_int) -> c_int {
    ffi::status(on(conn, |conn| {
        let limit = match u64::try_from(ms) {
            Ok(1..) => Some(Duration::from_millis(ms.unsigned_abs().into())),
            Err(_) if ms == -1 => None,
            _ => {
                let sentence = format!(
                    "{ms} is not a time limit for a handshake: pass -1 or milliseconds above 0"
                );
                return Err(Error::argument(sentence));
            }
        };
        conn.settings().handshake_timeout = Some(limit);
        if let Some(connection) = conn.connection() {
            connection.set_handshake_timeout(limit);
        }
        Ok(())
    }))
}

/// Resolve `host`, a name or an address, connect to `port`, a number, and complete the handshake.
/// The certificate is verified for `host` without an IPv6 zone ("fe80::1%eth0").  The connection
/// owns the socket.  Blocks.  The time limit covers resolving and connecting together, and once
/// more the handshake; 0 is refused with TLSMITH_ERR_ARG.  With a limit, a separate thread resolves
/// the name; it ends when the system's resolver returns.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_connect(
    conn: *mut tlsmith_conn,
    host: *const c_char,
    port: *const c_char,
) -> c_int {
    ffi::status(on(conn, |conn| {
        let host = ffi::need_text(host, "host")?;
        let port = ffi::need_text(port, "port")?;
        conn.check_unused()?;
        // Seal before opening a socket, so that it is sealed even if that fails.
        conn.settings().context.seal()?;
        let timeout = conn.settings().timeout;
        let socket = tcp::connect(host, port, timeout, None)?;
        let fd = socket.as_raw_fd();
        let open = conn.client(Some(host), SocketTransport::new(socket)?)?;
        conn.start(open.over_socket(fd))?;
        conn.need_connection()?.handshake()
    }))
}

/// Listen on `host` (NULL: all addresses) and `port` ("0": any free one).  Returns a socket for the
/// caller to close, or a negative code, with the reason in tlsmith_last_error().  The backlog is
/// the system's maximum.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_listen(host: *const c_char, port: *const c_char) -> c_int {
    let listener = ffi::guard(|| {
        let host = ffi::text(host, "host")?;
        tcp::listen(host, ffi::need_text(port, "port")?)
    });
    match listener {
        Ok(socket) => socket.into_raw_fd(),
        Err(error) => error.status().code(),
    }
}

/// Accept one TCP connection, whose socket the connection owns.  tlsmith_handshake() or the first
/// read or write performs the handshake, so that no client can block the accept loop.  The handshake
/// may take 5 seconds: see tlsmith_conn_set_handshake_timeout().  Skips clients that disconnect
/// while queued.  If the process is out of descriptors or memory, retries every 100 ms until the
/// time limit.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_accept(conn: *mut tlsmith_conn, listen_fd: c_int) -> c_int {
    ffi::status(on(conn, |conn| {
        conn.check_unused()?;
        let listener = BorrowedDescriptor::new(listen_fd)?;
        let timeout = conn.settings().timeout;
        let socket = tcp::accept(listener, timeout, None)?;
        let fd = socket.as_raw_fd();
        let open = conn.server(SocketTransport::new(socket)?)?;
        let limit = Some(tcp::HANDSHAKE_TIMEOUT);
        open.connection.set_handshake_timeout(limit);
        conn.start(open.over_socket(fd))
    }))
}

/// Return the socket; -1 before connecting, and without a socket.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_conn_fd(conn: *const tlsmith_conn) -> c_int {
    ffi::borrow(conn)
        .and_then(|conn| conn.open.get())
        .map_or(-1, |open| open.fd)
}
