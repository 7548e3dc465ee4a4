//! What a client can take from a connection to resume others with.

use std::sync::Arc;

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
        let tls12 = self.handshake.negotiated.get()?.tls12_session();
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
        Session::received(&self.setup.context, facts, tickets, tls12)
    }

    /// Hands the sessions that came to the callback of the context.
    pub(super) fn report_sessions(&self) {
        let Some(callback) = &self.setup.session_callback else {
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
        self.io.check_process().ok()?;
        self.io.engine().take_new_ticket()
    }

    /// The same for the session of TLS 1.2, when the handshake is complete.
    pub(super) fn report_tls12_session(&self) {
        let (Some(callback), Some(negotiated)) = (
            &self.setup.session_callback,
            self.handshake.negotiated.get(),
        ) else {
            return;
        };
        if negotiated.begin_report() {
            let session = self.session_of(&[], negotiated.tls12_session());
            session.into_iter().for_each(|one| callback(one));
        }
    }
}
