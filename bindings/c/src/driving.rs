//! Which connection a thread is at work on.
//!
//! What the core calls back is told neither the connection that it works for,
//! nor may it make another call on that one, whose locks are held.  Both are
//! known here.

use std::cell::{Cell, RefCell};
use std::ptr;

use tlsmith::{Error, Result, Status};

use crate::conn::tlsmith_conn;

/// What a thread is at work on.  Every call looks here: it has no destructor, so that looking is a
/// load.
struct Driven {
    /// The connection; NULL is none.
    current: Cell<*const tlsmith_conn>,
    /// How many are in [`WAITING`].
    waiting: Cell<usize>,
}

thread_local! {
    static DRIVEN: Driven =
        const { Driven { current: Cell::new(ptr::null()), waiting: Cell::new(0) } };
    /// The connections that wait meanwhile, since a callback of theirs works on others.
    static WAITING: RefCell<Vec<*const tlsmith_conn>> = const { RefCell::new(Vec::new()) };
    /// The connection whose peer a verify callback looks at.
    static JUDGED: Cell<*const tlsmith_conn> = const { Cell::new(ptr::null()) };
    /// The connection whose ClientHello a hello callback inspects.
    static INSPECTED: Cell<*const tlsmith_conn> = const { Cell::new(ptr::null()) };
}

impl Driven {
    fn includes(&self, conn: *const tlsmith_conn) -> bool {
        self.current.get() == conn || (self.waiting.get() > 0 && is_waiting(conn))
    }

    fn begin(&self, conn: *const tlsmith_conn) -> Turn {
        let before = self.current.replace(conn);
        if !before.is_null() {
            self.waiting.update(|count| count + 1);
            // A thread that is ending calls nobody back.
            let _ = WAITING.try_with(|waiting| waiting.borrow_mut().push(before));
        }
        Turn { before }
    }

    fn end(&self, before: *const tlsmith_conn) {
        self.current.set(before);
        if !before.is_null() {
            self.waiting.update(|count| count - 1);
            let _ = WAITING.try_with(|waiting| waiting.borrow_mut().pop());
        }
    }
}

#[cold]
fn is_waiting(conn: *const tlsmith_conn) -> bool {
    let waits = WAITING.try_with(|waiting| waiting.borrow().contains(&conn));
    waits.unwrap_or(false)
}

/// This thread is at work on a connection for as long as this lives.
pub(crate) struct Turn {
    /// What it was at work on before.
    before: *const tlsmith_conn,
}

impl Turn {
    /// Refused where this thread is at work on it already.
    #[inline]
    pub(crate) fn on(conn: *const tlsmith_conn) -> Result<Self> {
        DRIVEN.with(|driven| match driven.includes(conn) {
            true => Err(called_back()),
            false => Ok(driven.begin(conn)),
        })
    }

    /// At work on no connection.
    pub(crate) fn on_none() -> Self {
        DRIVEN.with(|driven| driven.begin(ptr::null()))
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        DRIVEN.with(|driven| driven.end(self.before));
    }
}

#[cold]
fn called_back() -> Error {
    let sentence = "a callback of this connection may not make calls on it: \
                    they are allowed when the call that runs it has returned";
    Error::new(Status::State, sentence)
}

/// Whether this thread is at work on it, in a callback now.
pub(crate) fn is_driven(conn: *const tlsmith_conn) -> bool {
    DRIVEN.with(|driven| driven.includes(conn))
}

/// The connection that this thread is at work on, or NULL.
pub(crate) fn current() -> *const tlsmith_conn {
    DRIVEN.with(|driven| driven.current.get())
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
