//! Sessions that a client received, to resume in other connections.

use std::sync::Arc;

use super::Connection;
use crate::context::{Session, SessionFacts, Ticket, Tls12Session};

impl Connection {
    /// Returns the session that the server has given this client so far.  It is separate from the
    /// sessions of the context, but a ticket is used only once: by whichever takes it first.
    ///
    /// Returns `None` on a server, before the handshake is complete, and if there is no ticket
    /// left.  TLS 1.3 servers send tickets after the handshake, so a client that has read nothing
    /// has none.
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

    /// Calls the session callback of the context with the tickets that were received.
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

    /// Calls it with the TLS 1.2 session when the handshake is complete.
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
