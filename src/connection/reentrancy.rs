//! Which connections a thread is in a call on.
//!
//! A call runs callbacks, and a signal that interrupts it runs a handler.  A call that
//! these make on the same connection would wait for what the call around it holds, for
//! ever: it is refused instead.

use std::cell::{Cell, RefCell};
use std::ops::{Deref, DerefMut};
use std::ptr;
use std::sync::MutexGuard;

use super::api::Connection;
use super::engine::Engine;
#[cfg(doc)]
use crate::Status;
use crate::{Error, Result};

/// What a thread is in a call on.  Every call looks here: it has no destructor, so that
/// looking is a load.
struct Entered {
    /// The address of the connection; 0 for none.
    current: Cell<usize>,
    /// How many are in [`OUTER`].
    outer: Cell<usize>,
    /// Whether a signal interrupted the wait of that call, and its handler runs.
    is_interrupted: Cell<bool>,
}

thread_local! {
    static ENTERED: Entered = const {
        Entered { current: Cell::new(0), outer: Cell::new(0), is_interrupted: Cell::new(false) }
    };
    /// The connections whose calls run a callback that is in a call on another one.
    static OUTER: RefCell<Vec<usize>> = const { RefCell::new(Vec::new()) };
}

/// The engine of a connection, in a call on that.
pub(crate) struct EnteredEngine<'a> {
    engine: MutexGuard<'a, Engine>,
    _call: Call,
}

impl Deref for EnteredEngine<'_> {
    type Target = Engine;

    fn deref(&self) -> &Engine {
        &self.engine
    }
}

impl DerefMut for EnteredEngine<'_> {
    fn deref_mut(&mut self) -> &mut Engine {
        &mut self.engine
    }
}

/// This thread is in a call on a connection for as long as this lives.
pub(crate) struct Call {
    before: usize,
    was_interrupted: bool,
}

impl Call {
    fn on(address: usize) -> Self {
        ENTERED.with(|entered| {
            let before = entered.current.replace(address);
            if before != 0 {
                entered.outer.update(|count| count + 1);
                // A thread that is ending runs no callback.
                let _ = OUTER.try_with(|outer| outer.borrow_mut().push(before));
            }
            Self {
                before,
                was_interrupted: entered.is_interrupted.replace(false),
            }
        })
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        ENTERED.with(|entered| {
            entered.current.set(self.before);
            entered.is_interrupted.set(self.was_interrupted);
            if self.before != 0 {
                entered.outer.update(|count| count - 1);
                let _ = OUTER.try_with(|outer| outer.borrow_mut().pop());
            }
        });
    }
}

/// Runs the handler of a signal that interrupted the wait of a call.
pub(crate) fn interrupted<T>(handler: impl FnOnce() -> T) -> T {
    let before = ENTERED.with(|entered| entered.is_interrupted.replace(true));
    let outcome = handler();
    ENTERED.with(|entered| entered.is_interrupted.set(before));
    outcome
}

impl Connection {
    /// Begins a call, see [`Self::check_callable`].  Every method that takes a lock begins
    /// with it: a thread of the parent may have held the lock at a fork.  What takes one for
    /// a moment, and runs no callback, may only check.
    #[inline]
    pub(crate) fn enter(&self) -> Result<Call> {
        self.check_callable()?;
        Ok(Call::on(self.address()))
    }

    /// The same with the engine; none where it fails.
    pub(crate) fn enter_engine(&self) -> Option<EnteredEngine<'_>> {
        let call = self.enter().ok()?;
        Some(EnteredEngine {
            engine: self.engine(),
            _call: call,
        })
    }

    /// Fails with [`Status::State`] where every call would: in a process that was forked
    /// from the one that made the connection, and in a callback of the connection, for the
    /// thread that runs it.  The handler of a signal counts as a callback only during the
    /// handshake: while the thread waits to read it may write, and the reverse.
    #[inline]
    pub fn check_callable(&self) -> Result<()> {
        self.check_process()?;
        match self.is_in_callback() {
            true => Err(in_callback()),
            false => Ok(()),
        }
    }

    /// Whether this thread is in a call on the connection, which runs a callback or the
    /// handler of a signal.
    pub fn is_entered(&self) -> bool {
        let address = self.address();
        ENTERED.with(|entered| {
            entered.current.get() == address || (entered.outer.get() > 0 && is_outer(address))
        })
    }

    #[inline]
    fn is_in_callback(&self) -> bool {
        self.is_entered()
            && (self.is_handshaking() || !ENTERED.with(|entered| entered.is_interrupted.get()))
    }

    /// A connection does not move during a call.
    fn address(&self) -> usize {
        ptr::from_ref(self).addr()
    }
}

#[cold]
fn is_outer(address: usize) -> bool {
    let is_outer = OUTER.try_with(|outer| outer.borrow().contains(&address));
    is_outer.unwrap_or(false)
}

#[cold]
fn in_callback() -> Error {
    let sentence = "a callback of this connection, or the handler of a signal in the middle of \
                    its handshake, may not make calls on it: they are allowed when the call \
                    that runs it has returned";
    Error::state(sentence)
}
