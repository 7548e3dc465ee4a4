//! Event-loop support: non-blocking progress, and the events to wait for.

use super::Connection;
use crate::connection::io::Work;
use crate::connection::transport::WaitMode;

/// The events to wait for before the next call can make progress.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Events {
    /// The transport is readable.
    pub read: bool,
    /// The transport is writable.
    pub write: bool,
}

impl Connection {
    /// Processes what the transport has at this moment: the handshake, then records up to the
    /// first with something to read, and sends what was not sent yet.
    ///
    /// Reading and writing do so too.  This is for programs that first look at
    /// [`Self::pending`], [`Self::events`] or the bytes for the peer.  It never waits, and
    /// takes at most 256 KiB that give nothing to read: call it again if the transport has
    /// more.  The next read or write reports failures.
    pub fn process(&self) {
        let Ok(_call) = self.enter() else {
            return;
        };
        if self.is_handshaking() {
            let pauses = self.io.engine().pauses_at_client_hello();
            let _ = match pauses {
                true => self.receive_hello_within(WaitMode::Never).map(drop),
                false => self.complete_handshake(WaitMode::Never),
            };
        }
        if let (false, Some(turn)) = (self.is_handshaking(), self.io.try_receive_turn()) {
            let mut work = Work::begin(&self.io);
            while self.io.engine().has_use_for_more()
                && self.io.receive_in_turn(&turn, WaitMode::Never).is_ok()
                && work.check(&self.io, WaitMode::Never).is_ok()
            {}
        }
        let failure = self.io.engine().failure().cloned();
        match failure {
            // Data that was received before the failure has to be read first.
            Some(error) if self.pending_here() == 0 => drop(self.io.fail(error)),
            _ => self.io.send_replies(),
        }
    }

    /// Returns the events to wait for before the next call can make progress.
    pub fn events(&self) -> Events {
        if self.check_callable().is_err() || self.io.failure().is_some() {
            return Events::default();
        }
        let mut engine = self.io.engine();
        Events {
            // While the program inspects a ClientHello, nothing after it is read.
            read: !engine.is_at_end() && !engine.is_paused_at_client_hello(),
            write: self.io.has_unsent() || engine.undrained() > 0,
        }
    }
}
