//! Calls on a connection, and the re-entrancy guards for callbacks.  Callbacks of the core do not
//! receive C handles, so each thread records its current connection.

use std::cell::Cell;
use std::ptr;
use std::thread::LocalKey;

use tlsmith::{Connection, Result, Status};

use crate::conn::tlsmith_conn;
use crate::ffi;

thread_local! {
    /// The connection that this thread is in a call on, or NULL.
    static CURRENT: Cell<*const tlsmith_conn> = const { Cell::new(ptr::null()) };
    /// The connection whose verify callback this thread runs.
    static IN_VERIFY_CALLBACK: Cell<*const tlsmith_conn> = const { Cell::new(ptr::null()) };
    /// The connection whose hello callback this thread runs.
    static IN_HELLO_CALLBACK: Cell<*const tlsmith_conn> = const { Cell::new(ptr::null()) };
}

/// Marks a connection as the thread's current one, until dropped.
pub(crate) struct CurrentConn {
    previous: *const tlsmith_conn,
}

impl CurrentConn {
    #[inline]
    pub(crate) fn enter(conn: *const tlsmith_conn) -> Self {
        let previous = CURRENT.replace(conn);
        Self { previous }
    }

    /// Marks that the thread is in a call without a connection.
    pub(crate) fn none() -> Self {
        Self::enter(ptr::null())
    }
}

impl Drop for CurrentConn {
    fn drop(&mut self) {
        CURRENT.set(self.previous);
    }
}

/// The connection that this thread is in a call on, or NULL.
pub(crate) fn current() -> *const tlsmith_conn {
    CURRENT.get()
}

/// Runs the verify callback of `conn`, which may read the peer's certificates.
pub(crate) fn run_verify_callback<T>(conn: *const tlsmith_conn, callback: impl FnOnce() -> T) -> T {
    with_marker(&IN_VERIFY_CALLBACK, conn, callback)
}

/// Whether this thread runs the verify callback of `conn`.
pub(crate) fn is_in_verify_callback(conn: *const tlsmith_conn) -> bool {
    IN_VERIFY_CALLBACK.get() == conn
}

/// Runs the hello callback of `conn`, which may select what answers the client.
pub(crate) fn run_hello_callback<T>(conn: *const tlsmith_conn, callback: impl FnOnce() -> T) -> T {
    with_marker(&IN_HELLO_CALLBACK, conn, callback)
}

fn with_marker<T>(
    marker: &'static LocalKey<Cell<*const tlsmith_conn>>,
    conn: *const tlsmith_conn,
    callback: impl FnOnce() -> T,
) -> T {
    let previous = marker.replace(conn);
    let answer = callback();
    marker.set(previous);
    answer
}

/// Whether this thread runs the hello callback of `conn`.
pub(crate) fn is_in_hello_callback(conn: *const tlsmith_conn) -> bool {
    !conn.is_null() && IN_HELLO_CALLBACK.get() == conn
}

/// Runs a call that configures a connection, in the process that created it.
pub(crate) fn on<T>(
    conn: *const tlsmith_conn,
    call: impl FnOnce(&tlsmith_conn) -> Result<T>,
) -> Result<T> {
    run(conn, |conn| {
        conn.origin.check()?;
        if let Some(open) = conn.open.get() {
            open.connection.check_callable()?;
        }
        call(conn)
    })
}

/// Runs a call on a connection, and records its error in the connection.
fn run<T>(conn: *const tlsmith_conn, call: impl FnOnce(&tlsmith_conn) -> Result<T>) -> Result<T> {
    let Some(conn) = ffi::borrow(conn) else {
        return ffi::guard(|| Err(ffi::is_null("conn")));
    };
    let outcome = ffi::guard(|| {
        if let Some(error) = conn.broken.get() {
            return Err(error.clone());
        }
        let _current = CurrentConn::enter(conn);
        call(conn)
    });
    outcome.inspect_err(|error| {
        if error.status() == Status::Internal {
            conn.broken.get_or_init(|| error.clone());
        }
        conn.set_error(error);
    })
}

/// Runs a call on a connection that is connected, likewise.
pub(crate) fn on_open<T>(
    conn: *const tlsmith_conn,
    call: impl FnOnce(&Connection) -> Result<T>,
) -> Result<T> {
    run(conn, |conn| call(conn.need_connection()?))
}
