//! The verification policy of a context, and the verification of a peer's chain against it.

use std::sync::Arc;

use aws_lc_rs::digest;
use rustls::SignatureScheme;
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

use super::path::{PathBuilder, PathFailure, VerifiedChain};
use super::path_validation::{self, Requirements};
use super::purpose::KeyPurpose;
use super::revocation::Crls;
use super::roots::Roots;
use super::verify_error::{VerifyError, alert_for};
use super::{key_policy, path_errors, peer_name};
use crate::base::observations::Observations;
use crate::pki::{Certificate, CertificateRef};
use crate::{Error, Result, Status};

/// How a certificate is matched against the expected name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NameCheck {
    /// By its alternative names (RFC 9525).
    AlternativeNames,
    /// By its alternative names or, if it has none, by its only common name.
    OrCommonName,
    /// The name is not checked.  Insecure.
    Nothing,
}

/// The requirements that a peer's chain must meet.
pub(crate) struct Policy {
    /// The trust anchors; `None` accepts every chain.  Insecure.
    pub(crate) roots: Option<Arc<Roots>>,
    pub(crate) crls: Arc<Crls>,
    pub(crate) name: NameCheck,
    /// SHA-256 fingerprints (over the DER) of certificates that are accepted within their
    /// validity period, whatever they say.  Issuer, names, usage, extensions, strength and
    /// CRLs are not checked.  Pinned keys and the callback still apply.
    pub(crate) trusted_certificates: Vec<[u8; 32]>,
    /// SHA-256 fingerprints of end-entity certificates that are trusted directly.
    pub(crate) end_entities: Vec<[u8; 32]>,
    /// The maximum number of CAs between a peer and its root; `None` for no limit beyond
    /// that of path building.
    pub(crate) max_depth: Option<u32>,
    /// The minimum security of every key and signature, in bits.
    pub(crate) security: u16,
    /// Whether certificates must follow the profile of RFC 5280 strictly.
    pub(crate) strict: bool,
    /// SHA-256 hashes of SubjectPublicKeyInfos, one of which must be in the verified
    /// chain.  Empty: no pinning.
    pub(crate) pins: Vec<[u8; 32]>,
    /// The signature schemes that a peer may sign the handshake with, preferred first;
    /// `None`: all that the provider can verify.
    pub(crate) schemes: Option<Vec<SignatureScheme>>,
    /// Whether a peer that fails verification is accepted and marked as unverified, if it
    /// proves possession of its private key.  Insecure.
    pub(crate) allows_unverified: bool,
    /// Called after all other checks; can reject the peer.
    pub(crate) verify_callback: Option<VerifyCallback>,
}

/// Called for each peer after verification; can reject it.  A peer that failed verification
/// stays rejected, whatever this returns.  If unverified clients are accepted
/// ([`insecure_allow_unverified_clients`](crate::Context::insecure_allow_unverified_clients)),
/// this can still reject them.
///
/// The status of its error decides which alert is sent (RFC 8446, section 6.2).
/// For example, [`Status::CertificateExpired`] sends certificate_expired, and
/// [`Status::NoCommon`] sends handshake_failure.  A certificate status without an alert of its
/// own sends certificate_unknown.  [`Status::CertificateRefused`], [`Status::CertificatePinMismatch`] and every status that
/// is not about certificates send access_denied.
pub type VerifyCallback = Arc<dyn Fn(&VerificationResult<'_>) -> Result<()> + Send + Sync>;

/// The result of verifying a peer.
pub struct VerificationResult<'a> {
    /// The certificates as the peer presented them, its own first.
    pub chain: &'a [Certificate],
    /// The stapled OCSP response of a server (DER, RFC 6960).  It is not verified.
    pub ocsp: Option<&'a [u8]>,
    /// The verified chain, or why there is none.
    pub outcome: Result<&'a [Certificate], &'a Error>,
}

/// The name that a peer must have.
#[derive(Clone, Copy)]
pub(crate) enum PeerName<'a> {
    /// A DNS name or an address.
    Host(&'a ServerName<'a>),
    /// An e-mail address.
    Mailbox(&'a str),
}

/// Why a chain is rejected: the rustls error that decides the alert, and the error for the
/// caller.
pub(super) struct Rejection {
    pub(super) alert: rustls::Error,
    pub(super) reason: Error,
}

/// How verification of an accepted peer ended.
pub(super) enum VerificationStatus {
    /// Verified by this chain, up to the root if that is known.
    Verified(Vec<Arc<[u8]>>),
    /// Not verified: the policy accepts every peer.
    VerificationDisabled,
    /// Accepted although verification failed with this error.
    Unverified(Error),
}

/// The reason why a peer is unverified if the context verifies none.
pub(crate) fn verification_disabled() -> Error {
    let sentence = "the peer's certificate was not verified: this context accepts any \
                    (insecure_no_verify)";
    Error::new(Status::Certificate, sentence)
}

impl From<VerifyError> for Rejection {
    fn from(error: VerifyError) -> Self {
        Self {
            alert: error.alert(),
            reason: error.into_error(),
        }
    }
}

/// The certificates of a peer, and what they are verified for.
#[derive(Clone, Copy)]
pub(super) struct Peer<'a> {
    pub(super) leaf: &'a CertificateDer<'a>,
    pub(super) intermediates: &'a [CertificateDer<'a>],
    pub(super) name: Option<PeerName<'a>>,
    pub(super) purpose: KeyPurpose,
    pub(super) ocsp: Option<&'a [u8]>,
}

impl Peer<'_> {
    /// Returns the certificates as presented, up to the first that does not parse.
    pub(super) fn chain(&self) -> Vec<Certificate> {
        let all = std::iter::once(self.leaf).chain(self.intermediates);
        all.map_while(|der| Certificate::from_der(der.to_vec()).ok())
            .collect()
    }
}

impl Policy {
    /// Verifies a chain, leaf first, for a name.  Returns the verified chain, up to the
    /// root if that is known.  Returns an empty one if the policy verifies nothing.
    pub(crate) fn verify(
        &self,
        chain: &[Certificate],
        name: Option<PeerName<'_>>,
        purpose: KeyPurpose,
        now: UnixTime,
    ) -> Result<Vec<Certificate>> {
        let ders = chain.iter().map(|one| CertificateDer::from(one.der()));
        let ders: Vec<_> = ders.collect();
        let Some((leaf, intermediates)) = ders.split_first() else {
            return Err(Error::argument("the chain is empty"));
        };
        let peer = Peer {
            leaf,
            intermediates,
            name,
            purpose,
            ocsp: None,
        };
        match self
            .check(&peer, now)
            .map_err(|rejection| rejection.reason)?
        {
            VerificationStatus::Verified(path) => parse_all(&path),
            VerificationStatus::VerificationDisabled => Ok(Vec::new()),
            VerificationStatus::Unverified(reason) => Err(reason),
        }
    }

    pub(super) fn check(
        &self,
        peer: &Peer<'_>,
        now: UnixTime,
    ) -> Result<VerificationStatus, Rejection> {
        let path = self.check_trust(peer, now);
        let path = path.and_then(|path| self.check_pins(peer, path));
        let callback_result = self.call_verify_callback(peer, &path);
        let status = match path {
            Ok(_) if self.roots.is_none() && self.allows_unverified => {
                callback_result.map(|()| VerificationStatus::Unverified(verification_disabled()))
            }
            Ok(_) if self.roots.is_none() => {
                callback_result.map(|()| VerificationStatus::VerificationDisabled)
            }
            Ok(path) => callback_result.map(|()| VerificationStatus::Verified(path)),
            Err(rejection) if self.allows_unverified => check_usable(peer)
                .and(callback_result)
                .map(|()| VerificationStatus::Unverified(rejection.reason)),
            Err(rejection) => Err(rejection),
        };
        status.map_err(|rejection| Rejection {
            reason: rejection.reason.with_certificates(&peer.chain()),
            ..rejection
        })
    }

    /// Verifies the certificates, apart from pinned keys and the callback.
    fn check_trust(&self, peer: &Peer<'_>, now: UnixTime) -> Result<Vec<Arc<[u8]>>, Rejection> {
        // A peer needs a readable certificate even if nothing else is verified: without one
        // it has no identity.
        let leaf = read(peer.leaf)?;
        let Some(roots) = &self.roots else {
            key_policy::check_unverified_leaf(&leaf)?;
            return Ok(Vec::new());
        };
        if self.is_trusted_certificate(peer.leaf) {
            path_validation::check_validity(&leaf, now)?;
            key_policy::check_unverified_leaf(&leaf)?;
            return Ok(vec![Arc::from(&**peer.leaf)]);
        }
        let requirements = Requirements {
            purpose: peer.purpose,
            now,
            max_depth: self.max_depth,
            security: self.security,
            strict: self.strict,
        };
        // A certificate that does not parse cannot be part of a path.
        let intermediates = peer.intermediates.iter();
        let intermediates = intermediates.filter_map(|der| CertificateRef::from_der(der).ok());
        let intermediates: Vec<_> = intermediates.collect();
        let builder = PathBuilder::new(&leaf, &intermediates, &self.crls, requirements);
        let found = self.find_path(roots, &builder, &leaf, requirements);
        let found = found.map_err(|failure| {
            let context = path_errors::VerifyContext {
                leaf: &leaf,
                intermediates: &intermediates,
                requirements,
                roots,
                trusted: roots.all_anchors().count() + self.trusted_certificates.len(),
            };
            path_errors::rejection(failure, &context)
        })?;
        if let Some(name) = peer.name {
            peer_name::check(
                self.name,
                name,
                &leaf,
                builder.leaf_der(),
                &found.path_constraints,
            )?;
        }
        Ok(found.certificates)
    }

    /// Returns whether a peer with this certificate may have any key that can verify
    /// handshakes, because it is unverified or trusted by fingerprint.
    pub(super) fn accepts_any_key(&self, leaf: &[u8]) -> bool {
        self.roots.is_none() || self.allows_unverified || self.is_trusted_certificate(leaf)
    }

    /// Returns whether any peer may have such a key.
    pub(super) fn may_accept_any_key(&self) -> bool {
        self.roots.is_none() || self.allows_unverified || !self.trusted_certificates.is_empty()
    }

    fn is_trusted_certificate(&self, leaf: &[u8]) -> bool {
        !self.trusted_certificates.is_empty() && self.trusted_certificates.contains(&sha256(leaf))
    }

    /// Builds a path to one of the roots.  Tries the roots in the system's directories if that
    /// fails.
    fn find_path(
        &self,
        roots: &Roots,
        builder: &PathBuilder<'_, '_>,
        leaf: &CertificateRef<'_>,
        requirements: Requirements,
    ) -> Result<VerifiedChain, PathFailure> {
        let is_known =
            |hashes: &[[u8; 32]]| !hashes.is_empty() && hashes.contains(&sha256(leaf.der));
        let attempt = |roots: &Roots| {
            if is_known(&self.end_entities) || roots.trusts_leaf(leaf) {
                roots.check_settings(leaf, requirements.purpose)?;
                path_validation::check_trusted_leaf(leaf, requirements)?;
                self.crls.check_trusted_leaf_revocation(leaf)?;
                return Ok(VerifiedChain::of_trusted_leaf(leaf));
            }
            builder.build(roots)
        };
        attempt(roots).or_else(|failure| {
            let more = roots.directory_roots().and_then(|more| attempt(more).ok());
            more.ok_or(failure)
        })
    }

    /// Checks that a pinned key is in the verified chain.  If nothing was verified, only
    /// the peer's own key counts, since only that one is proven.
    fn check_pins(
        &self,
        peer: &Peer<'_>,
        path: Vec<Arc<[u8]>>,
    ) -> Result<Vec<Arc<[u8]>>, Rejection> {
        if self.pins.is_empty() {
            return Ok(path);
        }
        let chain = match path.is_empty() {
            true => parse_all(std::slice::from_ref(peer.leaf)),
            false => parse_all(&path),
        };
        let chain = chain.unwrap_or_default();
        let is_pinned = |one: &Certificate| self.pins.contains(&sha256(one.spki_der()));
        if chain.iter().any(is_pinned) {
            return Ok(path);
        }
        let keys: Vec<_> = chain.iter().map(Certificate::spki_sha256).collect();
        let subject = chain.first().map(Certificate::subject).unwrap_or_default();
        let reason = Error::new(
            Status::CertificatePinMismatch,
            format!(
                "none of the {} pinned keys is in the chain of the certificate of '{subject}', \
                 which has the keys {}",
                self.pins.len(),
                keys.join(", ")
            ),
        );
        let alert = alert_for(reason.status());
        Err(Rejection { alert, reason })
    }

    /// Calls the verify callback, if there is one, with the result of verification.
    fn call_verify_callback(
        &self,
        peer: &Peer<'_>,
        path: &Result<Vec<Arc<[u8]>>, Rejection>,
    ) -> Result<(), Rejection> {
        let Some(verify_callback) = &self.verify_callback else {
            return Ok(());
        };
        let chain = peer.chain();
        let accepted = path
            .as_ref()
            .map(|path| parse_all(path).unwrap_or_default());
        let outcome = match &accepted {
            Ok(path) => Ok(&path[..]),
            Err(rejection) => Err(&rejection.reason),
        };
        let result = VerificationResult {
            chain: &chain,
            ocsp: peer.ocsp,
            outcome,
        };
        Observations::suspend(|| verify_callback(&result)).map_err(|reason| {
            let reason = final_rejection(reason);
            Rejection {
                alert: alert_for(reason.status()),
                reason,
            }
        })
    }
}

/// Returns an error of the application with a final status: not one that asks to call
/// again, reports a time limit, or reports a bug.
fn final_rejection(reason: Error) -> Error {
    match reason.status() {
        Status::WantRead | Status::WantWrite | Status::Timeout | Status::Internal => {
            Error::new(Status::CertificateRefused, reason.to_string()).with_source(reason)
        }
        _ => reason,
    }
}

impl Policy {
    /// Returns a digest that differs for policies with different requirements.
    pub(crate) fn fingerprint(&self) -> [u8; 32] {
        let mut context = digest::Context::new(&digest::SHA256);
        let mut add = |bytes: &[u8]| {
            context.update(&(bytes.len() as u64).to_be_bytes());
            context.update(bytes);
        };
        add(&[
            u8::from(self.roots.is_some()),
            u8::from(
                self.roots
                    .as_ref()
                    .is_some_and(|roots| roots.has_directories()),
            ),
            self.name as u8,
            u8::from(self.verify_callback.is_some()),
            u8::from(self.crls.rules().leaf_only),
            u8::from(self.crls.rules().allow_unknown),
            u8::from(self.crls.rules().always),
            u8::from(self.strict),
            u8::from(self.allows_unverified),
        ]);
        add(&self.max_depth.map_or(-1, i64::from).to_be_bytes());
        add(&self.security.to_be_bytes());
        // Pinned certificates and trusted end-entity certificates are both hashes: the
        // counts keep the lists apart.
        add(&self.trusted_certificates.len().to_be_bytes());
        add(&self.end_entities.len().to_be_bytes());
        let anchors = self.roots.iter().flat_map(|roots| roots.anchors());
        for anchor in anchors {
            add(&anchor.subject);
            add(&anchor.subject_public_key_info);
            add(anchor.name_constraints.as_deref().unwrap_or_default());
        }
        let certificates = self.roots.iter().flat_map(|roots| roots.certificates());
        for certificate in certificates {
            add(certificate);
        }
        let settings = self.roots.iter().flat_map(|roots| roots.settings());
        for (certificate, settings) in settings {
            add(certificate);
            settings.for_each_part(&mut add);
        }
        for crl in self.crls.iter() {
            add(crl.der());
        }
        let hashes = self.trusted_certificates.iter().chain(&self.end_entities);
        for pin in hashes.chain(&self.pins) {
            add(pin);
        }
        for scheme in self.schemes.iter().flatten() {
            add(&u16::from(*scheme).to_be_bytes());
        }
        digest_bytes(context.finish())
    }
}

/// Parses a certificate both for path validation and for its users.
fn read<'a>(der: &'a CertificateDer<'_>) -> Result<CertificateRef<'a>, VerifyError> {
    let unreadable = |why: &str| {
        let sentence = format!("the peer sent a certificate that cannot be read: {why}");
        VerifyError::new(Status::CertificateMalformed, sentence)
    };
    Certificate::from_der(der.to_vec()).map_err(|error| unreadable(&error.to_string()))?;
    CertificateRef::from_der(der)
        .map_err(|_| unreadable("its version, a time or its key is malformed"))
}

/// Checks that an unverified peer can prove possession of its private key.
fn check_usable(peer: &Peer<'_>) -> Result<(), Rejection> {
    let leaf = read(peer.leaf)?;
    Ok(key_policy::check_unverified_leaf(&leaf)?)
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    digest_bytes(digest::digest(&digest::SHA256, bytes))
}

fn digest_bytes(digest: digest::Digest) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(digest.as_ref());
    bytes
}

fn parse_all(path: &[impl AsRef<[u8]>]) -> Result<Vec<Certificate>> {
    path.iter()
        .map(|der| Certificate::from_der(der.as_ref().to_vec()))
        .collect()
}
