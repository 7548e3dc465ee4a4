//! Handshake observations: what callbacks learn inside rustls, and rustls does not return.
//! Examples are why a peer was rejected (rustls' own error only decides the alert), the
//! verified chain, and the signature scheme of the peer.
//!
//! The callbacks store it in a thread-local.  The connection takes it as soon as rustls
//! returns, on the same thread.  Callbacks per connection are not possible, because rustls
//! resumes sessions only between connections that share the same callbacks.

use std::any::Any;
use std::cell::RefCell;
use std::sync::Arc;

use rustls::SignatureScheme;
use rustls::sign::CertifiedKey;
use rustls_pki_types::ServerName;
use zeroize::Zeroizing;

use crate::Error;
use crate::base::fork;

/// What was observed since the last [`Observations::take`] on this thread.
#[derive(Default)]
pub(crate) struct Observations {
    /// Why the verifier rejected the peer's chain.
    pub(crate) rejection: Option<Error>,
    /// The verified chain, from the peer's certificate to the root, whose bytes the context
    /// owns.
    pub(crate) path: Vec<Arc<[u8]>>,
    /// Why an accepted peer is unverified.
    pub(crate) unverified: Option<Error>,
    /// The signature scheme of the peer's handshake signature.
    pub(crate) scheme: Option<SignatureScheme>,
    /// The server name that the client requested (SNI, RFC 6066, section 3).
    pub(crate) server_name: Option<String>,
    /// On a server, the identity selected for the client.
    pub(crate) selected: Option<Arc<CertifiedKey>>,
    /// The OCSP response stapled by the server.
    pub(crate) ocsp: Option<Vec<u8>>,
    /// The secret that keying material is exported from.
    pub(crate) exporter: Option<ExporterSecret>,
    /// The server random of a TLS 1.2 handshake.
    pub(crate) server_random: Vec<u8>,
    /// The tickets received.
    pub(crate) tickets: Vec<AnySession>,
    /// The number of session lookups in the program's store.
    pub(crate) lookups: u8,
    /// Whether the server requested a certificate.
    pub(crate) certificate_requested: bool,
    /// The TLS 1.2 session received.
    pub(crate) tls12_session: Option<AnySession>,
    /// The early data allowed by the session that a client offers, in bytes.
    pub(crate) max_early_data: u32,
    /// What later steps of the handshake need.
    pub(crate) carried: Carried,
}

/// A session of the client's session store, as a type of the context layer.
pub(crate) type AnySession = Arc<dyn Any + Send + Sync>;

/// What one step of a handshake passes to later steps.  rustls does not tell callbacks which
/// connection they run for.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Carried {
    pub(crate) authentication: Option<Authentication>,
    /// Whether the peer was accepted although verification failed.  Its session must not be
    /// resumed.
    pub(crate) is_unverified: bool,
    /// Whether TLS 1.2 uses the extended master secret (RFC 7627).
    pub(crate) extended_master_secret: Option<bool>,
    /// Whether a server negotiates TLS 1.2 with its client.
    pub(crate) is_tls12: bool,
    /// The server name that a client sends, as rustls has it, and the different name that
    /// the server's certificate must match.
    pub(crate) verified_name: Option<Arc<(ServerName<'static>, ServerName<'static>)>>,
}

/// When a peer was authenticated by its certificate, or when a session without client
/// authentication began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Authentication {
    /// Seconds since the Unix epoch.
    pub(crate) at: u64,
    /// When it ends at the latest: with the certificate.
    pub(crate) until: u64,
}

/// The secret for exporters (RFC 8446, section 7.5; RFC 5705).
pub(crate) struct ExporterSecret {
    pub(crate) secret: Zeroizing<Vec<u8>>,
    /// Whether it is bound to its handshake, which is always so in TLS 1.3 (RFC 7627).
    pub(crate) is_bound: bool,
    /// In TLS 1.2, the client random followed by the server random.
    pub(crate) randoms: Vec<u8>,
}

const RANDOM: usize = 32;

thread_local! {
    static OBSERVATIONS: RefCell<Observations> = RefCell::default();
}

impl Observations {
    /// Takes the observations, and leaves none.
    pub(crate) fn take() -> Self {
        OBSERVATIONS.take()
    }

    /// Calls the application from one of our callbacks.  It may use other connections
    /// meanwhile, whose observations must stay separate.
    pub(crate) fn suspend<T>(call: impl FnOnce() -> T) -> T {
        let own = Self::take();
        let outcome = fork::without_cryptography(call);
        OBSERVATIONS.set(own);
        outcome
    }

    /// Returns whether nothing was observed.
    pub(crate) fn is_empty(&self) -> bool {
        self.rejection.is_none()
            && self.path.is_empty()
            && self.unverified.is_none()
            && self.scheme.is_none()
            && self.server_name.is_none()
            && self.selected.is_none()
            && self.ocsp.is_none()
            && self.exporter.is_none()
            && self.tickets.is_empty()
            && self.tls12_session.is_none()
            && !self.certificate_requested
            && self.carried == Carried::default()
    }

    /// Adds the observations of a later step.
    pub(crate) fn merge(&mut self, later: Self) {
        self.rejection = later.rejection.or(self.rejection.take());
        self.unverified = later.unverified.or(self.unverified.take());
        self.scheme = later.scheme.or(self.scheme);
        self.server_name = later.server_name.or(self.server_name.take());
        self.selected = later.selected.or(self.selected.take());
        self.ocsp = later.ocsp.or(self.ocsp.take());
        self.exporter = later.exporter.or(self.exporter.take());
        self.tickets.extend(later.tickets);
        self.certificate_requested |= later.certificate_requested;
        self.tls12_session = later.tls12_session.or(self.tls12_session.take());
        let carried = &mut self.carried;
        carried.authentication = later.carried.authentication.or(carried.authentication);
        carried.extended_master_secret = later
            .carried
            .extended_master_secret
            .or(carried.extended_master_secret);
        carried.is_unverified |= later.carried.is_unverified;
        carried.is_tls12 |= later.carried.is_tls12;
        carried.verified_name = later.carried.verified_name.or(carried.verified_name.take());
        if !later.path.is_empty() {
            self.path = later.path;
        }
    }

    /// Passes what earlier steps observed to this one.
    pub(crate) fn carry(carried: Carried) {
        OBSERVATIONS.with_borrow_mut(|observations| observations.carried = carried);
    }

    pub(crate) fn authenticated(authentication: Authentication) {
        OBSERVATIONS.with_borrow_mut(|observations| {
            observations.carried.authentication = Some(authentication)
        });
    }

    pub(crate) fn authentication() -> Option<Authentication> {
        OBSERVATIONS.with_borrow(|observations| observations.carried.authentication)
    }

    pub(crate) fn set_extended_master_secret(is_extended: bool) {
        OBSERVATIONS.with_borrow_mut(|observations| {
            observations.carried.extended_master_secret = Some(is_extended);
        });
    }

    pub(crate) fn extended_master_secret() -> Option<bool> {
        OBSERVATIONS.with_borrow(|observations| observations.carried.extended_master_secret)
    }

    pub(crate) fn is_tls12() -> bool {
        OBSERVATIONS.with_borrow(|observations| observations.carried.is_tls12)
    }

    /// Returns the name that the certificate must match in place of `name`, which rustls asks
    /// to verify.  The public name of an ECHConfigList is not replaced: its spelling differs
    /// from that of the requested name.
    pub(crate) fn verified_name(name: &ServerName<'_>) -> Option<ServerName<'static>> {
        OBSERVATIONS.with_borrow(|observations| {
            match observations.carried.verified_name.as_deref() {
                Some((requested, verified)) if requested.to_str() == name.to_str() => {
                    Some(verified.clone())
                }
                _ => None,
            }
        })
    }

    pub(crate) fn rejection(error: Error) {
        OBSERVATIONS.with_borrow_mut(|observations| observations.rejection = Some(error));
    }

    pub(crate) fn path(path: Vec<Arc<[u8]>>) {
        OBSERVATIONS.with_borrow_mut(|observations| observations.path = path);
    }

    /// Records that a context without verification accepted the peer.
    pub(crate) fn verification_disabled(reason: Error) {
        OBSERVATIONS.with_borrow_mut(|observations| observations.unverified = Some(reason));
    }

    /// Records that the peer was accepted although verification failed.
    pub(crate) fn unverified(reason: Error) {
        OBSERVATIONS.with_borrow_mut(|observations| {
            observations.unverified = Some(reason);
            observations.carried.is_unverified = true;
        });
    }

    pub(crate) fn is_unverified() -> bool {
        OBSERVATIONS.with_borrow(|observations| observations.carried.is_unverified)
    }

    pub(crate) fn scheme(scheme: SignatureScheme) {
        OBSERVATIONS.with_borrow_mut(|observations| observations.scheme = Some(scheme));
    }

    pub(crate) fn ocsp(response: &[u8]) {
        OBSERVATIONS.with_borrow_mut(|observations| observations.ocsp = Some(response.to_vec()));
    }

    pub(crate) fn max_early_data(bytes: u32) {
        OBSERVATIONS.with_borrow_mut(|observations| observations.max_early_data = bytes);
    }

    pub(crate) fn ticket(ticket: AnySession) {
        OBSERVATIONS.with_borrow_mut(|observations| observations.tickets.push(ticket));
    }

    /// Counts one more session lookup in this step.
    pub(crate) fn count_lookup() -> u8 {
        OBSERVATIONS.with_borrow_mut(|observations| {
            observations.lookups = observations.lookups.saturating_add(1);
            observations.lookups
        })
    }

    pub(crate) fn certificate_requested() {
        OBSERVATIONS.with_borrow_mut(|observations| observations.certificate_requested = true);
    }

    pub(crate) fn tls12_session(session: AnySession) {
        OBSERVATIONS.with_borrow_mut(|observations| observations.tls12_session = Some(session));
    }

    pub(crate) fn server_random(random: &[u8]) {
        OBSERVATIONS.with_borrow_mut(|observations| {
            observations.server_random = random.to_vec();
            if let Some(exporter) = &mut observations.exporter {
                exporter.randoms.truncate(RANDOM);
                exporter.randoms.extend_from_slice(random);
            }
        });
    }

    pub(crate) fn exporter_secret(secret: &[u8], client_random: &[u8]) {
        OBSERVATIONS.with_borrow_mut(|observations| {
            let server_random = std::mem::take(&mut observations.server_random);
            observations.exporter = Some(ExporterSecret {
                secret: Zeroizing::new(secret.to_vec()),
                is_bound: client_random.is_empty()
                    || observations.carried.extended_master_secret == Some(true),
                randoms: [client_random, &server_random].concat(),
            });
        });
    }

    pub(crate) fn selected(identity: &Arc<CertifiedKey>) {
        OBSERVATIONS.with_borrow_mut(|observations| observations.selected = Some(identity.clone()));
    }

    pub(crate) fn server_name(name: Option<&str>) {
        OBSERVATIONS
            .with_borrow_mut(|observations| observations.server_name = name.map(str::to_owned));
    }
}
