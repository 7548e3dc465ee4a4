//! The handshake.

use std::sync::{Mutex, MutexGuard, OnceLock, TryLockError};
use std::time::Duration;

use super::Connection;
use crate::Result;
#[cfg(doc)]
use crate::Status;
use crate::connection::io::{
    HandshakeTimeout, Outbox, Work, busy, is_closed_by_peer, is_fatal, lock,
};
use crate::connection::negotiated::Negotiated;
use crate::connection::transport::WaitMode;
use crate::pki::Certificate;

/// The handshake of a connection, and its result.
#[derive(Default)]
pub(super) struct Handshake {
    /// Held by the call that continues the handshake.
    turn: Mutex<()>,
    timeout: HandshakeTimeout,
    /// Set when the handshake is complete.
    pub(super) negotiated: OnceLock<Negotiated>,
    /// The certificates of a peer that was refused, parsed on demand.
    pub(super) refused_chain: OnceLock<Vec<Certificate>>,
}

impl Handshake {
    /// Takes the right to continue the handshake; fails if another thread has it.
    pub(super) fn try_turn(&self) -> Result<MutexGuard<'_, ()>> {
        match self.turn.try_lock() {
            Ok(turn) => Ok(turn),
            Err(TryLockError::WouldBlock) => Err(busy("completes the handshake of")),
            // See `lock`.
            Err(TryLockError::Poisoned(turn)) => Ok(turn.into_inner()),
        }
    }
}

/// How far a call continues the handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Until {
    ClientHello,
    EarlyData,
    Complete,
}

/// What the engine sealed in one step of the handshake.
#[derive(Clone, Copy)]
enum Flight {
    Handshake,
    /// The tickets of TLS 1.3, which follow the handshake (RFC 8446, section 4.6.1).
    Tickets,
    Alert,
}

impl Connection {
    /// Completes the handshake; reading and writing also do.
    ///
    /// Blocks as long as the timeout allows.  Where it may not wait, it fails with
    /// [`Status::WantRead`] or [`Status::WantWrite`] before the handshake is complete.
    pub fn handshake(&self) -> Result<()> {
        let _call = self.enter()?;
        self.complete_handshake(self.wait_mode())
    }

    /// Limits the handshake as a whole, from its first call on, however many calls it
    /// takes and however long each of them may wait.  `None`, the default, is no limit.
    ///
    /// When the limit has passed and more is needed from the peer, every call that needs
    /// the handshake fails with [`Status::Timeout`].
    pub fn set_handshake_timeout(&self, limit: Option<Duration>) {
        self.handshake.timeout.set(limit);
    }

    /// Whether the handshake is not complete yet.
    pub fn is_handshaking(&self) -> bool {
        self.handshake.negotiated.get().is_none()
    }

    pub(super) fn complete_handshake(&self, wait: WaitMode) -> Result<()> {
        self.io.check_failure()?;
        let mut work = Work::begin(&self.io);
        if !self.is_handshaking() {
            return self.io.check_failure();
        }
        while self.is_handshaking() {
            self.advance(wait, Until::Complete, &mut work)?;
        }
        self.report_tls12_session();
        self.report_sessions();
        self.io.check_failure()
    }

    /// Continues the handshake by one flight.
    pub(super) fn advance(&self, wait: WaitMode, until: Until, work: &mut Work) -> Result<()> {
        let timeout = &self.handshake.timeout;
        timeout.limit(&self.io, wait, |wait| self.step(wait, until, work))
    }

    fn step(&self, wait: WaitMode, until: Until, work: &mut Work) -> Result<()> {
        self.io.check_failure()?;
        let _turn = lock(&self.handshake.turn);
        if !self.is_handshaking() {
            return Ok(());
        }
        let mut engine = self.io.engine();
        if until != Until::ClientHello {
            engine.resume_from_client_hello();
        }
        let complete = engine.handshake();
        let flight = match &complete {
            Err(_) => Flight::Alert,
            Ok(true) if engine.is_tls13_server() => Flight::Tickets,
            Ok(_) => Flight::Handshake,
        };
        let has_paused = until == Until::ClientHello && engine.client_hello().is_some();
        drop(engine);
        // A callback may have forked.
        self.io.check_process()?;
        self.io
            .with_outbox(|outbox| self.send_flight(outbox, flight, wait))?;
        match complete.map_err(|error| self.io.fail(error))? {
            true => self.conclude(),
            false if has_paused => Ok(()),
            // Early data is for the caller, before the handshake waits for more.
            false if until == Until::EarlyData && self.io.engine().early_len() > 0 => Ok(()),
            false => {
                // Everything that was received is processed, so that a call that may not
                // receive more misses nothing.
                work.check(&self.io, wait)?;
                self.io.receive(wait)
            }
        }
    }

    fn send_flight(&self, outbox: &mut Outbox, flight: Flight, wait: WaitMode) -> Result<()> {
        let sent = self.io.send_all(outbox, wait);
        match (sent, flight) {
            // The caller needs the engine's error, not a failure to send the alert for it.
            (_, Flight::Alert) => Ok(()),
            // What the client sent before it closed can still be read.  The next write
            // reports the failure.
            (Err(error), Flight::Tickets) if is_closed_by_peer(&error) => Ok(()),
            (Err(error), _) if is_fatal(&error) => Err(self.io.fail(self.io.alert_or(error))),
            (sent, _) => sent,
        }
    }

    /// Keeps what was negotiated.
    fn conclude(&self) -> Result<()> {
        let mut engine = self.io.engine();
        let bytes = (self.io.received(), self.io.sealed(&mut engine));
        let negotiated = Negotiated::of(&mut engine, &self.setup.context, bytes);
        drop(engine);
        let negotiated = negotiated.map_err(|error| self.io.fail(error))?;
        self.handshake.negotiated.get_or_init(|| negotiated).log();
        Ok(())
    }
}
