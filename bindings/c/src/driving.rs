//! Which connection a thread is at work on.
//!
//! What the core calls back is told neither the connection that it works for,
//! nor may it make another call on that one, whose locks are held.  Both are
//! known here.

use std::cell::{Cell, RefCell};
use std::ptr;

use tlsmith::{Error, Result, Status};

use crate::conn::tlsmith_conn;

/// What a thread is at work on.
struct Driven {
    /// The connection; NULL is none.
    current: Cell<*const tlsmith_conn>,
    /// Those that wait meanwhile, since a callback of theirs works on others.
    waiting: RefCell<Vec<*const tlsmith_conn>>,
}

impl Driven {
    fn includes(&self, conn: *const tlsmith_conn) -> bool {
        self.current.get() == conn || self.waiting.borrow().contains(&conn)
    }

    fn begin(&self, conn: *const tlsmith_conn) -> Turn {
        let before = self.current.replace(conn);
        if !before.is_null() {
            self.waiting.borrow_mut().push(before);
        }
        Turn { before }
    }

    fn end(&self, turn: &Turn) {
        self.current.set(turn.before);
        if !turn.before.is_null() {
            self.waiting.borrow_mut().pop();
        }
    }
}

thread_local! {
    static DRIVEN: Driven = const {
        Driven { current: Cell::new(ptr::null()), waiting: RefCell::new(Vec::new()) }
    };
    /// The connection whose peer a verify callback looks at.
    static JUDGED: Cell<*const tlsmith_conn> = const { Cell::new(ptr::null()) };
}

/// This thread is at work on a connection for as long as this lives.
pub(crate) struct Turn {
    /// What it was at work on before.
    before: *const tlsmith_conn,
}

impl Turn {
    /// Refused where this thread is at work on it already.
    pub(crate) fn on(conn: *const tlsmith_conn) -> Result<Self> {
        let turn = DRIVEN.try_with(|driven| match driven.includes(conn) {
            true => None,
            false => Some(driven.begin(conn)),
        });
        // A thread that is ending calls nobody back.
        turn.unwrap_or_else(|_| Some(Self::before_nothing()))
            .ok_or_else(|| {
                let sentence = "a callback of this connection may not make calls on it: \
                                they are allowed when the call that runs it has returned";
                Error::new(Status::State, sentence)
            })
    }

    /// At work on no connection.
    pub(crate) fn on_none() -> Self {
        let turn = DRIVEN.try_with(|driven| driven.begin(ptr::null()));
        turn.unwrap_or_else(|_| Self::before_nothing())
    }

    /// For a thread that is ending.
    fn before_nothing() -> Self {
        let before = ptr::null();
        Self { before }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let _ = DRIVEN.try_with(|driven| driven.end(self));
    }
}

/// Whether this thread is at work on it, in a callback now.
pub(crate) fn is_driven(conn: *const tlsmith_conn) -> bool {
    let driven = DRIVEN.try_with(|driven| driven.includes(conn));
    driven.unwrap_or(false)
}

/// The connection that this thread is at work on, or NULL.
pub(crate) fn current() -> *const tlsmith_conn {
    let current = DRIVEN.try_with(|driven| driven.current.get());
    current.unwrap_or(ptr::null())
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
