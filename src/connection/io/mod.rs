//! Moves bytes between the engine and the carrier of a connection.
//!
//! The engine is locked only while it processes bytes, never over a system call, and as seldom
//! as possible: received records are opened under the lock under which the engine gets them,
//! and sealed records leave it under the lock under which they were sealed.

mod direction;
mod handshake_timeout;
mod memory;
mod receive;
mod send;
mod work;

use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use rustix::io::Errno;

use super::engine::Engine;
use super::transport::{Carrier, WaitMode};
use crate::{Error, Origin, Result, Status};
pub(crate) use direction::{Direction, busy};
pub(crate) use handshake_timeout::HandshakeTimeout;
use receive::Receiver;
pub(crate) use send::Outbox;
use send::Sender;
pub(crate) use work::Work;

/// The engine, the carrier, and the bytes between them.
pub(crate) struct Io {
    origin: Origin,
    engine: Mutex<Engine>,
    carrier: Carrier,
    receiver: Receiver,
    sender: Sender,
    /// The fatal error that every later call returns.
    failure: OnceLock<Error>,
}

impl Io {
    pub(crate) fn new(engine: Engine, carrier: Carrier) -> Self {
        let engine = match carrier {
            Carrier::Transport(_) => engine,
            Carrier::Memory => engine.in_memory(),
        };
        Self {
            origin: Origin::here(),
            engine: Mutex::new(engine),
            carrier,
            receiver: Receiver::default(),
            sender: Sender::default(),
            failure: OnceLock::new(),
        }
    }

    pub(crate) fn engine(&self) -> MutexGuard<'_, Engine> {
        lock(&self.engine)
    }

    /// Whether a call in this mode returns instead of waiting.
    pub(crate) fn is_nonblocking(&self, wait: WaitMode) -> bool {
        match &self.carrier {
            Carrier::Transport(transport) => transport.is_nonblocking(wait),
            Carrier::Memory => matches!(wait, WaitMode::Never),
        }
    }

    pub(crate) fn is_memory(&self) -> bool {
        matches!(self.carrier, Carrier::Memory)
    }

    /// Fails in a process that was forked from the one that made the connection.
    #[inline]
    pub(crate) fn check_process(&self) -> Result<()> {
        self.origin.check()
    }

    pub(crate) fn failure(&self) -> Option<&Error> {
        self.failure.get()
    }

    pub(crate) fn check_failure(&self) -> Result<()> {
        self.failure
            .get()
            .map_or(Ok(()), |error| Err(error.clone()))
    }

    /// Keeps a fatal error, and sends the peer the alert for it if there is one.
    pub(crate) fn fail(&self, error: Error) -> Error {
        self.send_replies();
        self.failure.get_or_init(|| error).clone()
    }
}

/// Whether the transport itself failed, so that repeating the call cannot succeed.
pub(crate) fn is_fatal(error: &Error) -> bool {
    error.status() == Status::Io && error.os_error().is_some()
}

/// Whether the transport failed because the peer has closed or reset it.
pub(crate) fn is_closed_by_peer(error: &Error) -> bool {
    let closed = [Errno::PIPE, Errno::CONNRESET].map(Errno::raw_os_error);
    error
        .os_error()
        .is_some_and(|errno| closed.contains(&errno))
}

/// Locks, also after a thread panicked with the lock: no value behind these locks can be left
/// half changed, and rustls, which can panic, keeps its own state.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
