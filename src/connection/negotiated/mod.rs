//! What is known about a connection when its handshake is complete.

mod exporter;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use rustls::SupportedCipherSuite;
use rustls::sign::CertifiedKey;

use super::engine::{Agreed, EarlyData, Engine};
use crate::base::observations::ExporterSecret;
use crate::context::{Context, PeerChain, Tls12Session};
use crate::pki::Certificate;
use crate::{Error, Result};
pub(crate) use exporter::CHANNEL_BINDING_LABEL;
pub use exporter::MAX as MAX_EXPORTED;

/// The result of a handshake.
pub(crate) struct Negotiated {
    pub(crate) agreed: Agreed,
    /// On a server, the name that the client requested.
    pub(crate) server_name: Option<String>,
    pub(crate) early_data: EarlyData,
    /// The OCSP response that the server stapled.
    pub(crate) ocsp_response: Option<Vec<u8>>,
    /// Whether the server requested a certificate.
    pub(crate) certificate_requested: bool,
    /// Why the peer is not verified, if it presented a certificate.
    pub(crate) unverified: Option<Error>,
    /// Whether the peer was accepted although its verification failed.
    pub(crate) is_accepted_unverified: bool,
    /// How many bytes the handshake took: received, and sent.
    pub(crate) bytes: (u64, u64),
    /// On a server, the identity that was selected for the client.
    selected: Option<Arc<CertifiedKey>>,
    suite: Option<SupportedCipherSuite>,
    exporter: Option<ExporterSecret>,
    verified_path: Vec<PathCertificate>,
    tls12_session: Option<Arc<Tls12Session>>,
    /// Whether the session callback got the TLS 1.2 session.
    is_reported: AtomicBool,
    presented: PeerChain,
    /// Parsed on demand.
    peer_chain: OnceLock<Vec<Certificate>>,
    verified_chain: OnceLock<Vec<Certificate>>,
}

/// A certificate of a verified path.
enum PathCertificate {
    /// One that the peer presented, by its index.
    Presented(usize),
    /// A trust anchor of the context.
    Anchor(Arc<[u8]>),
}

/// What became of an Encrypted ClientHello (RFC 9849).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ech {
    /// None was sent.
    None,
    /// The client sent GREASE ECH: an extension with random content, so that real ones do
    /// not stand out.
    Grease,
    /// The server accepted it.
    Accepted,
    /// The server rejected it, so the handshake failed.
    Rejected,
}

impl Negotiated {
    /// Takes the result of a complete handshake from the engine.  `bytes` are those that the
    /// handshake received and sent.
    pub(crate) fn of(engine: &mut Engine, context: &Context, bytes: (u64, u64)) -> Result<Self> {
        let (agreed, observations) = engine.agreed()?;
        let presented = context.share_peer_chain(engine.peer_certificates());
        let of_path = |der: Arc<[u8]>| match presented.iter().position(|one| one[..] == der[..]) {
            Some(index) => PathCertificate::Presented(index),
            None => PathCertificate::Anchor(der),
        };
        let verified_path = observations.path.into_iter().map(of_path).collect();
        Ok(Self {
            agreed,
            server_name: observations.server_name,
            early_data: engine.early_data(),
            ocsp_response: observations.ocsp,
            certificate_requested: observations.certificate_requested,
            unverified: observations.unverified,
            is_accepted_unverified: observations.carried.is_unverified,
            bytes,
            selected: observations.selected,
            suite: engine.cipher_suite(),
            exporter: observations.exporter,
            verified_path,
            tls12_session: observations
                .tls12_session
                .and_then(|one| one.downcast().ok()),
            is_reported: AtomicBool::new(false),
            presented,
            peer_chain: OnceLock::new(),
            verified_chain: OnceLock::new(),
        })
    }

    /// Logs that a peer was accepted whose verification failed.
    pub(crate) fn log(&self) {
        let reason = self.unverified.as_ref();
        if let Some(reason) = reason.filter(|_| self.is_accepted_unverified) {
            log::warn!(
                target: "tlsmith",
                "accepted a client that is not verified (insecure_allow_unverified_clients): \
                 {reason}"
            );
        }
    }

    /// Returns the chain that the peer presented, its own certificate first.
    pub(crate) fn peer_chain(&self) -> &[Certificate] {
        let presented = self.presented.iter();
        self.peer_chain
            .get_or_init(|| parse(presented.map(|der| der.to_vec())))
    }

    /// Returns the verified path, the peer's certificate first.
    pub(crate) fn verified_chain(&self) -> &[Certificate] {
        self.verified_chain.get_or_init(|| {
            parse(self.verified_path.iter().map(|one| match one {
                PathCertificate::Presented(index) => self.presented[*index].to_vec(),
                PathCertificate::Anchor(der) => der.to_vec(),
            }))
        })
    }

    /// Returns the certificate that a server presented; `None` on a client.
    pub(crate) fn own_certificate(&self) -> Option<Result<Certificate>> {
        let selected = self.selected.as_ref()?;
        let leaf = selected.cert.first();
        let none = || Err(Error::state("the server has no certificate"));
        Some(leaf.map_or_else(none, |der| Certificate::from_der(&der[..])))
    }

    /// Returns the TLS 1.2 session.
    pub(crate) fn tls12_session(&self) -> Option<&Tls12Session> {
        self.tls12_session.as_deref()
    }

    /// Returns whether the TLS 1.2 session is still to be reported, and marks it as reported.
    pub(crate) fn begin_report(&self) -> bool {
        !self.is_reported.swap(true, Ordering::AcqRel)
    }

    /// Exports keying material; fails if rustls reported no secret.
    pub(crate) fn export(
        &self,
        label: &str,
        context: Option<&[u8]>,
        out: &mut [u8],
    ) -> Option<Result<()>> {
        let (suite, secret) = (self.suite?, self.exporter.as_ref()?);
        Some(exporter::export(suite, secret, label, context, out))
    }
}

/// Parses a chain up to the first certificate that does not parse.
fn parse(chain: impl IntoIterator<Item = Vec<u8>>) -> Vec<Certificate> {
    let chain = chain.into_iter();
    chain
        .map_while(|der| Certificate::from_der(der).ok())
        .collect()
}
