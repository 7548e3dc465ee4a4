//! What the engine knows: tickets, what was negotiated, who the peer is, how far it is.

use std::sync::Arc;

use super::agreed::Agreed;
use super::{Engine, Tls, not_now};
use crate::base::limits::LEFTOVER;
use crate::base::observations::Observations;
use crate::context::Ticket;
use crate::{Error, Result};

impl Engine {
    /// The lifetime of each of the last tickets that came, in seconds.
    pub(crate) fn tickets(&self) -> Vec<u32> {
        self.tickets.iter().map(|one| one.lifetime()).collect()
    }

    /// The last tickets that came.
    pub(crate) fn last_tickets(&self) -> Vec<Arc<Ticket>> {
        self.tickets.iter().cloned().collect()
    }

    /// Takes the oldest ticket that nobody took yet.
    pub(crate) fn take_new_ticket(&mut self) -> Option<Arc<Ticket>> {
        self.new_tickets = self.new_tickets.checked_sub(1)?;
        let index = self.tickets.len().checked_sub(1 + self.new_tickets)?;
        self.tickets.get(index).cloned()
    }

    /// Why the connection failed, if it did.
    pub(crate) fn failure(&self) -> Option<&Error> {
        self.failure.as_ref()
    }

    /// Processes the received records, and returns whether more are of no use: because
    /// plaintext waits, the connection failed, or the peer sends no more.
    pub(crate) fn needs_no_input(&mut self) -> bool {
        self.pending() > 0 || self.failure.is_some() || self.peer_closed || self.transport_ended
    }

    /// Processes the received records, and returns whether more could give something to read
    /// or, after the peer's close_notify, are left over.
    pub(crate) fn has_use_for_more(&mut self) -> bool {
        self.pending() == 0
            && self.failure.is_none()
            && !self.transport_ended
            && !(self.peer_closed && self.incoming.len() >= LEFTOVER)
    }

    /// Whether the peer sends nothing more.
    pub(crate) fn is_at_end(&self) -> bool {
        self.peer_closed || self.transport_ended
    }

    pub(crate) fn is_peer_closed(&self) -> bool {
        self.peer_closed
    }

    /// Takes the bytes after the peer's close_notify; none before that.
    pub(crate) fn leftover(&mut self) -> Vec<u8> {
        if !self.peer_closed {
            return Vec::new();
        }
        let seen = std::mem::take(&mut self.incoming);
        [seen.filled(), &self.unseen()].concat()
    }

    /// What was negotiated, and the observations of our callbacks.  Called once, when the
    /// handshake is complete.
    pub(crate) fn agreed(&mut self) -> Result<(Agreed, Observations)> {
        let observations = self
            .observations
            .take()
            .map_or_else(Observations::default, |observations| *observations);
        let state = self.state().ok_or_else(not_now)?;
        let agreed = Agreed::of(state, &observations)?;
        self.concluded = true;
        Ok((agreed, observations))
    }

    /// The peer's certificates, leaf first, as it sent them.
    pub(crate) fn peer_certificates(&self) -> Vec<Vec<u8>> {
        let chain = match &self.tls {
            Tls::Open(_, certificates) => Some(&certificates[..]),
            _ => self.state().and_then(|state| state.peer_certificates()),
        };
        let chain = chain.unwrap_or_default();
        chain.iter().map(|der| der.to_vec()).collect()
    }
}
