//! What the engine knows about the connection.

use std::sync::Arc;

use rustls_pki_types::CertificateDer;

use super::agreed::Agreed;
use super::state::Phase;
use super::{Engine, not_now};
use crate::base::limits::AFTER_CLOSE_NOTIFY;
use crate::base::observations::Observations;
use crate::context::Ticket;
use crate::{Error, Result};

impl Engine {
    /// Returns the lifetimes of the last tickets that were received, in seconds.
    pub(crate) fn tickets(&self) -> Vec<u32> {
        self.tickets.iter().map(|one| one.lifetime()).collect()
    }

    /// Returns the last tickets that were received.
    pub(crate) fn last_tickets(&self) -> Vec<Arc<Ticket>> {
        self.tickets.iter().cloned().collect()
    }

    /// Takes the oldest ticket that was not taken yet.
    pub(crate) fn take_new_ticket(&mut self) -> Option<Arc<Ticket>> {
        self.tickets.take_new()
    }

    /// Returns why the connection failed, if it did.
    pub(crate) fn failure(&self) -> Option<&Error> {
        self.failure.as_ref()
    }

    /// Processes the received records, and returns whether more are useless: because plaintext
    /// waits, the connection failed, or the peer sends no more.
    pub(crate) fn needs_no_input(&mut self) -> bool {
        self.pending() > 0
            || self.failure.is_some()
            || self.peer_end.is_closed()
            || self.peer_end.transport_ended()
    }

    /// Processes the received records, and returns whether more could give something to read or,
    /// after the peer's close_notify, be left over.
    pub(crate) fn has_use_for_more(&mut self) -> bool {
        self.pending() == 0
            && self.failure.is_none()
            && !self.peer_end.transport_ended()
            && !(self.peer_end.is_closed() && self.input.len() >= AFTER_CLOSE_NOTIFY)
    }

    /// Whether the peer sends nothing more.
    pub(crate) fn is_at_end(&self) -> bool {
        self.peer_end.is_closed() || self.peer_end.transport_ended()
    }

    pub(crate) fn is_peer_closed(&self) -> bool {
        self.peer_end.is_closed()
    }

    /// Takes the bytes after the peer's close_notify; none before that.
    pub(crate) fn leftover(&mut self) -> Vec<u8> {
        if !self.peer_end.is_closed() {
            return Vec::new();
        }
        let buffered = self.input.take_all();
        [buffered.filled(), &self.take_queued_input()].concat()
    }

    /// Returns what was negotiated, and the observations of our callbacks.  Called once, when
    /// the handshake is complete.
    pub(crate) fn agreed(&mut self) -> Result<(Agreed, Observations)> {
        let observations = self
            .observations
            .take()
            .map_or_else(Observations::default, |observations| *observations);
        let state = self.state().ok_or_else(not_now)?;
        let agreed = Agreed::of(state, &observations)?;
        if self.phase == Phase::Handshaking {
            self.phase = Phase::Complete;
        }
        Ok((agreed, observations))
    }

    /// Returns the peer's certificates, leaf first, as it sent them, while rustls has the
    /// connection.
    pub(crate) fn peer_certificates(&self) -> &[CertificateDer<'static>] {
        let chain = self.state().and_then(|state| state.peer_certificates());
        chain.unwrap_or_default()
    }
}
