//! Which connection a thread is at work on.
//!
//! What the core calls back is told neither the connection that it works for,
//! nor may it make another call on that one, whose locks are held.  Both are
//! known here.

use std::cell::{Cell, RefCell};
use std::ptr;

use tlsmith::{Error, Result, Status};

use crate::conn::tlsmith_conn;

thread_local! {
    /// The connections that this thread is at work on: the latest calls for the
    /// ones before it, and NULL is a call on none.
    static DRIVEN: RefCell<Vec<*const tlsmith_conn>> = const { RefCell::new(Vec::new()) };
    /// The connection whose peer a verify callback looks at.
    static JUDGED: Cell<*const tlsmith_conn> = const { Cell::new(ptr::null()) };
}

/// This thread is at work on a connection for as long as this lives.
pub(crate) struct Turn(());

impl Turn {
    /// Refused where this thread is at work on it already.
    pub(crate) fn on(conn: *const tlsmith_conn) -> Result<Self> {
        if is_driven(conn) {
            let sentence = "a callback of this connection may not make calls on it: \
                            they are allowed when the call that runs it has returned";
            return Err(Error::new(Status::State, sentence));
        }
        Ok(Self::begin(conn))
    }

    /// At work on no connection.
    pub(crate) fn on_none() -> Self {
        Self::begin(ptr::null())
    }

    fn begin(conn: *const tlsmith_conn) -> Self {
        // A thread that is ending calls nobody back.
        let _ = DRIVEN.try_with(|driven| driven.borrow_mut().push(conn));
        Self(())
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let _ = DRIVEN.try_with(|driven| driven.borrow_mut().pop());
    }
}

/// Whether this thread is at work on it, in a callback now.
pub(crate) fn is_driven(conn: *const tlsmith_conn) -> bool {
    let driven = DRIVEN.try_with(|driven| driven.borrow().contains(&conn));
    driven.unwrap_or(false)
}

/// The connection that this thread is at work on, or NULL.
pub(crate) fn current() -> *const tlsmith_conn {
    let current = DRIVEN.try_with(|driven| driven.borrow().last().copied());
    current.ok().flatten().unwrap_or(ptr::null())
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
    JUDGED.try_with(Cell::get) == Ok(conn)
}
