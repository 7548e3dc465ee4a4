//! The beginning of every call: checks who makes it.

use std::ops::{Deref, DerefMut};
use std::ptr;
use std::sync::MutexGuard;

use super::Connection;
#[cfg(doc)]
use crate::Status;
use crate::connection::engine::Engine;
use crate::connection::reentrancy::{self, Call};
use crate::{Error, Result};

/// The engine of a connection, in a call on that.
pub(super) struct EnteredEngine<'a> {
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

impl Connection {
    /// Begins a call, see [`Self::check_callable`].  Every method that takes a lock begins
    /// with it, since a thread of the parent may have held the lock at a fork.  A method that
    /// takes a lock only briefly, and runs no callback, may only check.
    #[inline]
    pub(super) fn enter(&self) -> Result<Call> {
        self.check_callable()?;
        Ok(Call::on(self.address()))
    }

    /// Begins a call and locks the engine; `None` if no call may be made.
    pub(super) fn enter_engine(&self) -> Option<EnteredEngine<'_>> {
        let call = self.enter().ok()?;
        Some(EnteredEngine {
            engine: self.io.engine(),
            _call: call,
        })
    }

    /// Fails with [`Status::State`] where every call would: in a process that was forked from
    /// the one that created the connection, and in a callback of the connection, for the
    /// thread that runs it.
    ///
    /// A signal handler counts as a callback only during the handshake: while the thread waits
    /// to read, the handler may write, and the reverse.
    #[inline]
    pub fn check_callable(&self) -> Result<()> {
        self.io.check_process()?;
        match self.is_in_callback() {
            true => Err(in_callback()),
            false => Ok(()),
        }
    }

    /// Whether this thread is in a call on the connection, and so runs a callback or a signal
    /// handler.
    pub fn is_entered(&self) -> bool {
        reentrancy::is_entered(self.address())
    }

    #[inline]
    fn is_in_callback(&self) -> bool {
        self.is_entered() && (self.is_handshaking() || !reentrancy::is_interrupted())
    }

    /// A connection does not move during a call.
    fn address(&self) -> usize {
        ptr::from_ref(self).addr()
    }
}

#[cold]
fn in_callback() -> Error {
    let sentence = "a callback of this connection, or the handler of a signal in the middle of \
                    its handshake, may not make calls on it: they are allowed when the call \
                    that runs it has returned";
    Error::state(sentence)
}
