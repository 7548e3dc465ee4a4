//! What is known of a connection when its handshake is complete.

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock};

use rustls::SupportedCipherSuite;
use rustls::sign::CertifiedKey;

use super::Connection;
use super::report::{self, Agreed};
use crate::base::observations::ExporterSecret;
use crate::connection::engine::{EarlyData, Engine};
use crate::connection::negotiated::exporter;
use crate::context::Tls12Session;
use crate::pki::Certificate;
use crate::{Error, Result, Status};

/// What a handshake came to.
pub(crate) struct Outcome {
    agreed: Agreed,
    server_name: Option<String>,
    /// Parsed when somebody asks: rustls keeps the bytes.
    peer: OnceLock<Vec<Certificate>>,
    path: Vec<Passed>,
    /// Why the peer is not verified, if it presented a certificate.
    unverified: Option<Error>,
    /// Whether it was accepted though its verification failed.
    pub(crate) is_unverified: bool,
    verified: OnceLock<Vec<Certificate>>,
    ocsp: Option<Vec<u8>>,
    exporter: Option<ExporterSecret>,
    /// On a server, the identity that was selected for the client.
    selected: Option<Arc<CertifiedKey>>,
    suite: Option<SupportedCipherSuite>,
    early_data: EarlyData,
    certificate_requested: bool,
    pub(crate) tls12_session: Option<Arc<Tls12Session>>,
    /// Whether the callback of the context got that.
    pub(crate) is_reported: AtomicBool,
    /// Received and sent.
    bytes: (u64, u64),
}

/// A certificate of a path that was accepted.
enum Passed {
    /// One that the peer showed, by its index: rustls keeps the bytes.
    Shown(usize),
    /// A root of the context.
    Root(Arc<[u8]>),
}

/// What became of an encrypted ClientHello (RFC 9849).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ech {
    /// None was sent.
    None,
    /// One without meaning was sent, so that others are not conspicuous.
    Grease,
    /// The server took it.
    Accepted,
    /// The server did not take it, so the connection was given up.
    Rejected,
}

impl Outcome {
    pub(crate) fn of(engine: &mut Engine, bytes: (u64, u64)) -> Result<Self> {
        let (agreed, observations) = engine.agreed()?;
        let shown = engine.peer_certificates();
        let passed = |der: Arc<[u8]>| match shown.iter().position(|one| one[..] == der[..]) {
            Some(index) => Passed::Shown(index),
            None => Passed::Root(der),
        };
        let path = observations.path.into_iter().map(passed).collect();
        Ok(Self {
            agreed,
            server_name: observations.server_name,
            peer: OnceLock::new(),
            path,
            unverified: observations.unverified,
            is_unverified: observations.carried.is_unverified,
            verified: OnceLock::new(),
            ocsp: observations.ocsp,
            exporter: observations.exporter,
            selected: observations.selected,
            suite: engine.cipher_suite(),
            early_data: engine.early_data(),
            certificate_requested: observations.certificate_requested,
            tls12_session: observations
                .tls12_session
                .and_then(|one| one.downcast().ok()),
            is_reported: AtomicBool::new(false),
            bytes,
        })
    }
}

impl Outcome {
    /// Logs that a peer was accepted whose verification failed.
    pub(crate) fn log(&self) {
        if let Some(reason) = self.unverified.as_ref().filter(|_| self.is_unverified) {
            log::warn!(
                target: "tlsmith",
                "accepted a client that is not verified (insecure_allow_unverified_clients): \
                 {reason}"
            );
        }
    }
}

impl Connection {
    /// What the two sides agreed on; `None` before the handshake is complete.
    pub fn agreed(&self) -> Option<&Agreed> {
        self.outcome.get().map(|outcome| &outcome.agreed)
    }

    /// The name of the server: the one that was asked for or, on a server, the
    /// one that the client asked for.
    pub fn server_name(&self) -> Option<&str> {
        let learnt = self.outcome.get().and_then(|o| o.server_name.as_deref());
        self.asked_name.as_deref().or(learnt)
    }

    /// The peer's certificates as it sent them, its own first.  Empty before
    /// the handshake is complete, and where it sent none.  Those of a peer that was refused
    /// are here, too: nobody has verified them.  So are those of a peer that was accepted
    /// unverified: [`Self::verify_error`] tells.  With checks switched
    /// off, it ends before the first certificate that does not parse.
    pub fn peer_chain(&self) -> &[Certificate] {
        if self.check_callable().is_err() {
            return &[];
        }
        let Some(outcome) = self.outcome.get() else {
            return match self.failure.get() {
                Some(failure) => self.refused.get_or_init(|| failure.chain()),
                None => &[],
            };
        };
        let chain = || parse(self.engine().peer_certificates());
        outcome.peer.get_or_init(chain)
    }

    /// The certificate of the server, on either side.
    pub(crate) fn server_certificate(&self) -> Result<Certificate> {
        self.check_callable()?;
        let Some(outcome) = self.outcome.get() else {
            let sentence = "the server's certificate is known when the handshake is complete";
            return Err(Error::state(sentence));
        };
        let certificate = match &outcome.selected {
            Some(own) => own.cert.first().map(|der| Certificate::from_der(&der[..])),
            None => self.peer_chain().first().cloned().map(Ok),
        };
        let none = || Error::state("the server has no certificate");
        certificate.ok_or_else(none)?
    }

    /// The path that was accepted, from the peer's certificate to the root.
    /// Empty where none was checked: before the handshake, in a resumed
    /// session, with checks switched off, for a peer that was accepted unverified.  Without the root where only its key
    /// is known (the bundled roots).
    pub fn verified_chain(&self) -> &[Certificate] {
        let outcome = self.outcome.get().filter(|_| self.check_callable().is_ok());
        outcome.map_or(&[], |outcome| {
            let path = || {
                let shown = self.engine().peer_certificates();
                parse(outcome.path.iter().map(|one| match one {
                    Passed::Shown(index) => shown[*index].clone(),
                    Passed::Root(der) => der.to_vec(),
                }))
            };
            outcome.verified.get_or_init(path)
        })
    }

    /// Returns why the peer is not verified: what its verification failed with, where
    /// [`Context::insecure_allow_unverified_clients`](crate::Context::insecure_allow_unverified_clients)
    /// accepted it all the same, with its certificates ([`Error::chain`]).  `None` only for a
    /// peer whose certificate is verified, also in a resumed session, as its context demands.
    ///
    /// A peer without a certificate gives [`Status::CertificateMissing`], one of a context that
    /// verifies nothing [`Status::Certificate`], a connection whose handshake is not complete
    /// [`Status::State`], and one whose handshake failed that error.
    pub fn verify_error(&self) -> Option<Error> {
        if let Err(error) = self.check_callable() {
            return Some(error);
        }
        let Some(outcome) = self.outcome.get() else {
            let incomplete = || {
                let sentence = "the peer is not verified: the handshake is not complete";
                Error::state(sentence)
            };
            return Some(self.failure.get().cloned().unwrap_or_else(incomplete));
        };
        let chain = self.peer_chain();
        if chain.is_empty() {
            let sentence = "the peer is not verified: it presented no certificate";
            return Some(Error::new(Status::CertificateMissing, sentence));
        }
        let reason = outcome.unverified.clone()?;
        Some(reason.with_certificates(chain))
    }

    /// Returns the status of [`Self::verify_error`]; `None` if the peer is verified.
    pub fn verify_status(&self) -> Option<Status> {
        self.verify_error().map(|error| error.status())
    }

    /// The OCSP response that the server stapled (DER, RFC 6960).  It is not
    /// verified.
    pub fn ocsp_response(&self) -> Option<&[u8]> {
        self.outcome.get()?.ocsp.as_deref()
    }

    /// Whether the server asked this client for a certificate (RFC 8446, section 4.3.2),
    /// also if the client had none.  `false` on a server, before the handshake is complete,
    /// and in a resumed session, where nobody asks.
    pub fn certificate_requested(&self) -> bool {
        self.outcome
            .get()
            .is_some_and(|outcome| outcome.certificate_requested)
    }

    /// How many bytes the handshake took: received, and sent.
    pub fn handshake_bytes(&self) -> Option<(u64, u64)> {
        self.outcome.get().map(|outcome| outcome.bytes)
    }

    /// What became of early data.  A client knows it when the handshake is
    /// complete.
    pub fn early_data(&self) -> EarlyData {
        match self.outcome.get() {
            Some(outcome) => outcome.early_data,
            None => self
                .enter_engine()
                .map_or_else(EarlyData::default, |engine| engine.early_data()),
        }
    }

    /// What became of an encrypted ClientHello; [`Ech::None`] before the server
    /// has answered it.
    pub fn ech(&self) -> Ech {
        match self.ech {
            Some(false) => Ech::Grease,
            Some(true) if self.outcome.get().is_some() => Ech::Accepted,
            Some(true) if self.failure.get().is_some_and(Error::is_ech_rejection) => Ech::Rejected,
            _ => Ech::None,
        }
    }

    /// Returns the ECHConfigList that the server sent when it rejected ECH, for one more
    /// attempt: [`Context::set_ech`](crate::Context::set_ech) takes it.
    ///
    /// Returns `None` unless [`Connection::ech`] is [`Ech::Rejected`].  If it is and there
    /// is no list, the server has disabled ECH, and the next attempt has to do without.
    /// The server has proved by its certificate that it has the public name of the list
    /// that was rejected, unless the context verifies nothing (RFC 9849, section 6.1.6).
    /// Use the list for that attempt alone, since servers can recognize clients by it.
    pub fn ech_retry_configs(&self) -> Option<&[u8]> {
        self.failure.get()?.ech_retry_configs()
    }

    /// The tickets of TLS 1.3 that came so far: for how long each is good, in
    /// seconds.
    pub fn tickets(&self) -> Vec<u32> {
        self.enter_engine()
            .map_or_else(Vec::new, |engine| engine.tickets())
    }

    /// Fills `out` with keying material that both sides derive from the same
    /// label and context (RFC 8446, section 7.5; RFC 5705).  In TLS 1.2 no
    /// context is something else than an empty one.
    pub fn export(&self, label: &str, context: Option<&[u8]>, out: &mut [u8]) -> Result<()> {
        self.check_callable()?;
        let outcome = self.outcome.get();
        let known = outcome.and_then(|outcome| Some((outcome.suite?, outcome.exporter.as_ref()?)));
        let Some((suite, secret)) = known else {
            let sentence = "keying material can be exported when the handshake is complete";
            return Err(Error::state(sentence));
        };
        exporter::export(suite, secret, label, context, out)
    }

    /// A page about the connection, for people: who the peer is, how it was
    /// verified, and what was agreed.
    pub fn report(&self) -> String {
        report::page(self)
    }
}

fn parse(chain: impl IntoIterator<Item = Vec<u8>>) -> Vec<Certificate> {
    let chain = chain.into_iter();
    chain
        .map_while(|der| Certificate::from_der(der).ok())
        .collect()
}
