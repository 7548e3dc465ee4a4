//! Which handle a thread is in a call on, for the callbacks of the core: they are told
//! nothing of the handles of C.

use std::cell::Cell;
use std::ptr;

use crate::conn::tlsmith_conn;

thread_local! {
    /// The connection that this thread is in a call on; NULL for none.
    static CURRENT: Cell<*const tlsmith_conn> = const { Cell::new(ptr::null()) };
    /// The connection whose peer a verify callback looks at.
    static JUDGED: Cell<*const tlsmith_conn> = const { Cell::new(ptr::null()) };
    /// The connection whose ClientHello a hello callback inspects.
    static INSPECTED: Cell<*const tlsmith_conn> = const { Cell::new(ptr::null()) };
}

/// This thread is in a call on a connection for as long as this lives.
pub(crate) struct Turn {
    before: *const tlsmith_conn,
}

impl Turn {
    #[inline]
    pub(crate) fn on(conn: *const tlsmith_conn) -> Self {
        let before = CURRENT.replace(conn);
        Self { before }
    }

    /// In a call on no connection.
    pub(crate) fn on_none() -> Self {
        Self::on(ptr::null())
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        CURRENT.set(self.before);
    }
}

/// The connection that this thread is in a call on, or NULL.
pub(crate) fn current() -> *const tlsmith_conn {
    CURRENT.get()
}

/// Runs a verify callback, which may look at the peer of `conn`.
pub(crate) fn judge<T>(conn: *const tlsmith_conn, callback: impl FnOnce() -> T) -> T {
    let before = JUDGED.replace(conn);
    let answer = callback();
    JUDGED.set(before);
    answer
}

/// Whether a verify callback on this thread looks at its peer.
pub(crate) fn is_judged(conn: *const tlsmith_conn) -> bool {
    JUDGED.get() == conn
}

/// Runs a hello callback, which may say what answers the client of `conn`.
pub(crate) fn inspect<T>(conn: *const tlsmith_conn, callback: impl FnOnce() -> T) -> T {
    let before = INSPECTED.replace(conn);
    let answer = callback();
    INSPECTED.set(before);
    answer
}

/// Whether a hello callback on this thread inspects its ClientHello.
pub(crate) fn is_inspected(conn: *const tlsmith_conn) -> bool {
    !conn.is_null() && INSPECTED.get() == conn
}
