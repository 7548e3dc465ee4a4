//! What a client can take from a connection to resume others with.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::Connection;
use crate::context::{Session, SessionFacts, Ticket, Tls12Session};

impl Connection {
    /// What the server gave this client so far to resume with, apart from the sessions of
    /// the context: each ticket is used once, by whichever of them takes it first.
    ///
    /// `None` on a server, before the handshake is complete, and if there is nothing, or
    /// nothing any more.  In TLS 1.3, tickets come after the handshake: a client that has
    /// read nothing has none.
    pub fn session(&self) -> Option<Session> {
        let tickets = self.enter_engine()?.last_tickets();
        let tls12 = self.outcome.get()?.tls12_session.as_deref();
        self.session_of(&tickets, tls12)
    }

    fn session_of(&self, tickets: &[Arc<Ticket>], tls12: Option<&Tls12Session>) -> Option<Session> {
        let agreed = self.agreed()?;
        let facts = SessionFacts {
            version: agreed.version,
            cipher: agreed.cipher,
            alpn: agreed.alpn.clone(),
            server_name: self.server_name().map(str::to_owned),
        };
        Session::received(&self.start.0, facts, tickets, tls12)
    }

    /// Hands the sessions that came to the callback of the context.
    pub(crate) fn report_sessions(&self) {
        let Some(callback) = &self.session_callback else {
            return;
        };
        while let Some(ticket) = self.next_ticket() {
            self.session_of(&[ticket], None)
                .into_iter()
                .for_each(|one| callback(one));
        }
    }

    fn next_ticket(&self) -> Option<Arc<Ticket>> {
        // The callback may have forked.
        self.check_process().ok()?;
        self.engine().take_new_ticket()
    }

    /// The same for the session of TLS 1.2, when the handshake is complete.
    pub(crate) fn report_tls12_session(&self) {
        let (Some(callback), Some(outcome)) = (&self.session_callback, self.outcome.get()) else {
            return;
        };
        if !outcome.is_reported.swap(true, Ordering::AcqRel) {
            let session = self.session_of(&[], outcome.tls12_session.as_deref());
            session.into_iter().for_each(|one| callback(one));
        }
    }
}
