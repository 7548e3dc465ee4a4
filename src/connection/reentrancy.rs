//! Which connections a thread is in a call on.
//!
//! A call may run a callback, or the handler of a signal that interrupts it.  If these made a
//! call on the same connection, that would wait forever for locks that the outer call holds.
//! Such a call is refused instead.

use std::cell::{Cell, RefCell};

/// The connection whose call this thread is in.  Every call reads it.  It has no destructor,
/// so that reading it is one load.
struct Entered {
    /// The address of the connection; 0 for none.
    current: Cell<usize>,
    /// How many addresses are in [`OUTER`].
    outer: Cell<usize>,
    /// Whether a signal interrupted the call, and its handler runs.
    is_interrupted: Cell<bool>,
}

thread_local! {
    static ENTERED: Entered = const {
        Entered { current: Cell::new(0), outer: Cell::new(0), is_interrupted: Cell::new(false) }
    };
    /// The connections whose calls run a callback that is in a call on another connection.
    static OUTER: RefCell<Vec<usize>> = const { RefCell::new(Vec::new()) };
}

/// This thread is in a call on a connection for as long as this lives.
pub(crate) struct Call {
    before: usize,
    was_interrupted: bool,
}

impl Call {
    /// Begins a call on the connection at this address.
    pub(crate) fn on(address: usize) -> Self {
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

/// Runs the handler of a signal that interrupted a call.
pub(crate) fn interrupted<T>(handler: impl FnOnce() -> T) -> T {
    let before = ENTERED.with(|entered| entered.is_interrupted.replace(true));
    let outcome = handler();
    ENTERED.with(|entered| entered.is_interrupted.set(before));
    outcome
}

/// Whether this thread is in a call on the connection at this address, and so runs a callback
/// or the handler of a signal.
#[inline]
pub(crate) fn is_entered(address: usize) -> bool {
    ENTERED.with(|entered| {
        entered.current.get() == address || (entered.outer.get() > 0 && is_outer(address))
    })
}

/// Whether this thread runs the handler of a signal that interrupted its innermost call.
#[inline]
pub(crate) fn is_interrupted() -> bool {
    ENTERED.with(|entered| entered.is_interrupted.get())
}

#[cold]
fn is_outer(address: usize) -> bool {
    let is_outer = OUTER.try_with(|outer| outer.borrow().contains(&address));
    is_outer.unwrap_or(false)
}
