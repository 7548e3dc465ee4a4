//! For who drives connections from a loop: carrying them on, and what to wait for.

use std::sync::atomic::Ordering;

use super::{Connection, Events};
use crate::connection::io::Work;
use crate::connection::transport::Patience;

impl Connection {
    /// Carries the connection on with what the transport has at this moment: the
    /// handshake, then records up to the first that has something to read, and
    /// what was not sent yet.  Reading and writing do it too; this is for who
    /// looks at [`Self::pending`], [`Self::events`] or the alert for the peer
    /// before.  It never waits, and takes no more than 256 KiB that give nothing to
    /// read: where the transport still has some, call it again.  What goes wrong is for the next call to report.
    pub fn carry_on(&self) {
        let Ok(_call) = self.enter() else {
            return;
        };
        if self.is_handshaking() {
            let pauses = self.engine().pauses_at_hello();
            let _ = match pauses {
                true => self.receive_hello_within(Patience::Never).map(drop),
                false => self.complete_handshake(Patience::Never),
            };
        }
        if let (false, Ok(turn)) = (self.is_handshaking(), self.receiving.try_lock()) {
            let mut work = Work::begin(self);
            while self.engine().has_use_for_more()
                && self.receive_in_turn(&turn, Patience::Never).is_ok()
                && work.check(self, Patience::Never).is_ok()
            {}
        }
        let failure = self.engine().failure().cloned();
        match failure {
            // What came before it has to be read first.
            Some(error) if self.pending_here() == 0 => drop(self.fail(error)),
            _ => self.send_replies(),
        }
    }

    /// What to wait for before the next call can get further.
    pub fn events(&self) -> Events {
        if self.check_callable().is_err() || self.failure.get().is_some() {
            return Events::default();
        }
        let mut engine = self.engine();
        Events {
            // What comes behind a ClientHello that the program inspects has to wait.
            read: !engine.is_at_end() && !engine.has_paused(),
            write: self.unsent.load(Ordering::Acquire) || engine.undrained() > 0,
        }
    }
}
