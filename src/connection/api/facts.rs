//! What is known about a connection: what was negotiated, and who the peer is.

use super::{Connection, report};
use crate::connection::engine::{Agreed, EarlyData};
use crate::connection::negotiated::Ech;
use crate::pki::Certificate;
use crate::{Error, Result, Status};

impl Connection {
    /// Returns what the two sides negotiated; `None` before the handshake is complete.
    pub fn agreed(&self) -> Option<&Agreed> {
        self.handshake.negotiated.get().map(|one| &one.agreed)
    }

    /// Returns the name of the server: on a client the one that it was created with, on a
    /// server the one that the client requested (SNI).
    pub fn server_name(&self) -> Option<&str> {
        let negotiated = self.handshake.negotiated.get();
        let requested = negotiated.and_then(|one| one.server_name.as_deref());
        self.setup.server_name.as_deref().or(requested)
    }

    /// Returns the certificates that the peer presented, its own first.  Empty before the
    /// handshake is complete, and if the peer presented none.
    ///
    /// Includes the certificates of a peer that was refused, and of one that was accepted
    /// unverified ([`Self::verify_error`]).  In a context that verifies nothing, the chain ends
    /// before the first certificate that does not parse.
    pub fn peer_chain(&self) -> &[Certificate] {
        if self.check_callable().is_err() {
            return &[];
        }
        let Some(negotiated) = self.handshake.negotiated.get() else {
            return match self.io.failure() {
                Some(failure) => self.handshake.refused_chain.get_or_init(|| failure.chain()),
                None => &[],
            };
        };
        negotiated.peer_chain()
    }

    /// Returns the certificate of the server, on either side.
    pub(super) fn server_certificate(&self) -> Result<Certificate> {
        self.check_callable()?;
        let Some(negotiated) = self.handshake.negotiated.get() else {
            let sentence = "the server's certificate is known when the handshake is complete";
            return Err(Error::state(sentence));
        };
        if let Some(own) = negotiated.own_certificate() {
            return own;
        }
        let none = || Error::state("the server has no certificate");
        self.peer_chain().first().cloned().ok_or_else(none)
    }

    /// Returns the verified chain, from the peer's certificate to the root.
    ///
    /// Empty if no chain was verified: before the handshake is complete, in a resumed session,
    /// in a context that verifies nothing, and for a peer that was accepted unverified.  The
    /// root is missing if only its key is known, as for the bundled roots.
    pub fn verified_chain(&self) -> &[Certificate] {
        let negotiated = self
            .handshake
            .negotiated
            .get()
            .filter(|_| self.check_callable().is_ok());
        negotiated.map_or(&[], |negotiated| negotiated.verified_chain())
    }

    /// Returns why the peer is not verified; `None` only if its certificate is verified as the
    /// context requires, in this handshake or in the one of the resumed session.
    ///
    /// If
    /// [`Context::insecure_allow_unverified_clients`](crate::Context::insecure_allow_unverified_clients)
    /// accepted the peer, this is the error of its verification, with its certificates
    /// ([`Error::chain`]).  A peer without a certificate gives [`Status::CertificateMissing`], a
    /// context that verifies nothing [`Status::Certificate`], an incomplete handshake
    /// [`Status::State`], and a failed handshake its error.
    pub fn verify_error(&self) -> Option<Error> {
        if let Err(error) = self.check_callable() {
            return Some(error);
        }
        let Some(negotiated) = self.handshake.negotiated.get() else {
            let incomplete = || {
                let sentence = "the peer is not verified: the handshake is not complete";
                Error::state(sentence)
            };
            return Some(self.io.failure().cloned().unwrap_or_else(incomplete));
        };
        let chain = self.peer_chain();
        if chain.is_empty() {
            let sentence = "the peer is not verified: it presented no certificate";
            return Some(Error::new(Status::CertificateMissing, sentence));
        }
        let reason = negotiated.unverified.clone()?;
        Some(reason.with_certificates(chain))
    }

    /// Returns the status of [`Self::verify_error`]; `None` if the peer is verified.
    pub fn verify_status(&self) -> Option<Status> {
        self.verify_error().map(|error| error.status())
    }

    /// Returns the OCSP response that the server stapled (DER, RFC 6960).  It is not verified.
    pub fn ocsp_response(&self) -> Option<&[u8]> {
        self.handshake.negotiated.get()?.ocsp_response.as_deref()
    }

    /// Whether the server requested a certificate from this client (RFC 8446, section 4.3.2),
    /// even if the client had none.  `false` on a server, before the handshake is complete, and
    /// in a resumed session.
    pub fn certificate_requested(&self) -> bool {
        self.handshake
            .negotiated
            .get()
            .is_some_and(|negotiated| negotiated.certificate_requested)
    }

    /// Returns how many bytes the handshake took: received, and sent.
    pub fn handshake_bytes(&self) -> Option<(u64, u64)> {
        self.handshake
            .negotiated
            .get()
            .map(|negotiated| negotiated.bytes)
    }

    /// Returns what became of early data.  A client knows when the handshake is complete.
    pub fn early_data(&self) -> EarlyData {
        match self.handshake.negotiated.get() {
            Some(negotiated) => negotiated.early_data,
            None => self
                .enter_engine()
                .map_or_else(EarlyData::default, |engine| engine.early_data()),
        }
    }

    /// Returns what became of an Encrypted ClientHello; [`Ech::None`] before the server has
    /// answered it.
    pub fn ech(&self) -> Ech {
        match self.ech {
            Some(false) => Ech::Grease,
            Some(true) if self.handshake.negotiated.get().is_some() => Ech::Accepted,
            Some(true) if self.io.failure().is_some_and(Error::is_ech_rejection) => Ech::Rejected,
            _ => Ech::None,
        }
    }

    /// Returns the ECHConfigList that the server sent when it rejected ECH, for one more
    /// attempt: [`Context::set_ech`](crate::Context::set_ech) takes it.
    ///
    /// Returns `None` unless [`Connection::ech`] is [`Ech::Rejected`].  If it is and there is no
    /// list, the server has disabled ECH, and the next attempt has to go without.
    ///
    /// The server's certificate was verified for the public name of the rejected list, unless
    /// the context verifies nothing (RFC 9849, section 6.1.6).  Use the list for one attempt
    /// only, since a server can recognize clients by it.
    pub fn ech_retry_configs(&self) -> Option<&[u8]> {
        self.io.failure()?.ech_retry_configs()
    }

    /// Returns the lifetimes in seconds of the TLS 1.3 session tickets that were received so
    /// far.
    pub fn tickets(&self) -> Vec<u32> {
        self.enter_engine()
            .map_or_else(Vec::new, |engine| engine.tickets())
    }

    /// Fills `out` with keying material that both sides derive from the same label and context
    /// (RFC 8446, section 7.5; RFC 5705).  In TLS 1.2, no context and an empty context give
    /// different keying material.
    pub fn export(&self, label: &str, context: Option<&[u8]>, out: &mut [u8]) -> Result<()> {
        self.check_callable()?;
        let negotiated = self.handshake.negotiated.get();
        let exported = negotiated.and_then(|one| one.export(label, context, out));
        exported.unwrap_or_else(|| {
            let sentence = "keying material can be exported when the handshake is complete";
            Err(Error::state(sentence))
        })
    }

    /// Returns a summary of the connection, for people: who the peer is, how it was verified,
    /// and what was negotiated.
    pub fn report(&self) -> String {
        report::report(self)
    }
}
