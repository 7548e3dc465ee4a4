//! What a peer has to satisfy, and the check of its certificate chain.  Path
//! building is webpki's; which roots, which name and which usage is said here.

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest;
use rustls::SignatureScheme;
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use webpki::{EndEntityCert, KeyUsage};

use super::explain;
use super::revocation::Crls;
use super::roots::Roots;
use crate::notes::Notes;
use crate::pki::Certificate;
use crate::provider::provider;
use crate::{CertificateProblem, Error, Result, Status};

/// How the name that was asked for is compared with the certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NameCheck {
    /// With its alternative names, as RFC 9525 says.
    AlternativeNames,
    /// With its one common name where it has no alternative names at all.
    OrCommonName,
    /// Not at all.  Insecure.
    Nothing,
}

/// Whose certificate it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// A server's: its certificate is for serverAuth (RFC 5280, section 4.2.1.12).
    Server,
    /// A client's: its certificate is for clientAuth.
    Client,
}

impl Role {
    fn key_usage(self) -> KeyUsage {
        match self {
            Self::Server => KeyUsage::server_auth(),
            Self::Client => KeyUsage::client_auth(),
        }
    }
}

/// What a chain must satisfy.
pub(crate) struct Policy {
    /// Where trust starts; `None` accepts every chain.  Insecure.
    pub(crate) roots: Option<Arc<Roots>>,
    pub(crate) crls: Arc<Crls>,
    pub(crate) name: NameCheck,
    /// Certificates that are accepted as they are, by the SHA-256 of their DER.
    pub(crate) pinned: Vec<[u8; 32]>,
    /// Certificates that are accepted for their own names, whoever issued them,
    /// likewise.
    pub(crate) end_entities: Vec<[u8; 32]>,
    /// Keys of which one must be in the path, by the SHA-256 of their
    /// SubjectPublicKeyInfo.  None: any.
    pub(crate) pins: Vec<[u8; 32]>,
    /// How a peer may sign the handshake, best first; `None`: in every way that the
    /// provider verifies.
    pub(crate) schemes: Option<Vec<SignatureScheme>>,
    /// Has the last word.
    pub(crate) judge: Option<Judge>,
}

/// Looks at a peer after it was verified, and can refuse it.  What it returns
/// for one that was refused already does not count.
///
/// The peer hears an alert that fits the status (RFC 8446, section 6.2): for
/// [`Status::CertificateRevoked`] certificate_revoked, for
/// [`Status::CertificateTime`] certificate_expired, for
/// [`Status::CertificateUntrusted`] unknown_ca, for [`Status::CertificateName`]
/// bad_certificate, for [`Status::CertificateOcsp`] bad_certificate_status_response,
/// for [`Status::Certificate`] certificate_unknown, for [`Status::NoCommon`]
/// handshake_failure, and for all others access_denied.
pub type Judge = Arc<dyn Fn(&Verdict<'_>) -> Result<()> + Send + Sync>;

/// How the verification of a peer ended.
pub struct Verdict<'a> {
    /// The peer's certificates as it sent them, its own first.
    pub chain: &'a [Certificate],
    /// The OCSP response that a server stapled (DER, RFC 6960), which nobody has
    /// verified.
    pub ocsp: Option<&'a [u8]>,
    /// The path that was accepted, or why none was.
    pub outcome: Result<&'a [Certificate], &'a Error>,
}

/// Why a chain is not accepted: as rustls says it to the peer, and as a user
/// hears it.
pub(super) struct Refusal {
    pub(super) alert: rustls::Error,
    pub(super) reason: Error,
}

impl Policy {
    /// Checks a chain, leaf first, for a name, and gives the path that is
    /// accepted, up to the root where it is known: nothing where nothing is
    /// verified.
    pub(crate) fn verify(
        &self,
        chain: &[Certificate],
        name: Option<&ServerName<'_>>,
        role: Role,
        now: UnixTime,
    ) -> Result<Vec<Certificate>> {
        let ders = chain.iter().map(|one| CertificateDer::from(one.der()));
        let ders: Vec<_> = ders.collect();
        let Some((leaf, intermediates)) = ders.split_first() else {
            return Err(Error::new(Status::Argument, "the chain is empty"));
        };
        let path = self
            .check(leaf, intermediates, name, role, now, None)
            .map_err(|refusal| refusal.reason)?;
        parse_all(&path)
    }

    pub(super) fn check(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: Option<&ServerName<'_>>,
        role: Role,
        now: UnixTime,
        ocsp: Option<&[u8]>,
    ) -> Result<Vec<Arc<[u8]>>, Refusal> {
        let path = self.check_trust(leaf, intermediates, name, role, now);
        let path = path.and_then(|path| self.check_pins(leaf, path));
        let path = self.ask_judge(leaf, intermediates, ocsp, path);
        path.map_err(|refusal| Refusal {
            reason: refusal.reason.with_chain(chain_of(leaf, intermediates)),
            ..refusal
        })
    }

    /// Checks what certificates say.
    fn check_trust(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: Option<&ServerName<'_>>,
        role: Role,
        now: UnixTime,
    ) -> Result<Vec<Arc<[u8]>>, Refusal> {
        let Some(roots) = &self.roots else {
            return Ok(Vec::new());
        };
        let hash = sha256(leaf);
        let alone = || check_time(leaf, now).map(|()| vec![Arc::from(&**leaf)]);
        let path = if self.pinned.contains(&hash) {
            alone()
        } else {
            let path = match self.end_entities.contains(&hash) {
                true => alone(),
                false => self.find_path(roots, leaf, intermediates, role, now),
            };
            match (path, name) {
                (Ok(path), Some(name)) => self.check_name(leaf, name).map(|()| path),
                (path, _) => path,
            }
        };
        path.map_err(|error| {
            let question = explain::Question {
                chain: &chain_of(leaf, intermediates),
                name,
                role,
                roots: roots.all_anchors().count() + self.pinned.len(),
                crls: &self.crls,
            };
            let reason = explain::refusal(&error, &question);
            let alert = explain::for_alert(error).into();
            Refusal { alert, reason }
        })
    }

    /// Checks that one of the keys that are demanded is in the path.  Where
    /// nothing was verified, only the peer's own key is proved to be there.
    fn check_pins(
        &self,
        leaf: &CertificateDer<'_>,
        path: Vec<Arc<[u8]>>,
    ) -> Result<Vec<Arc<[u8]>>, Refusal> {
        if self.pins.is_empty() {
            return Ok(path);
        }
        let shown = match path.is_empty() {
            true => parse_all(std::slice::from_ref(leaf)),
            false => parse_all(&path),
        };
        let shown = shown.unwrap_or_default();
        let is_pinned = |one: &Certificate| self.pins.contains(&sha256(one.spki_der()));
        if shown.iter().any(is_pinned) {
            return Ok(path);
        }
        let keys: Vec<_> = shown.iter().map(Certificate::spki_sha256).collect();
        let subject = shown.first().map(Certificate::subject).unwrap_or_default();
        let reason = Error::certificate(
            Status::CertificateRefused,
            CertificateProblem::Pin,
            format!(
                "the certificate of '{subject}' is valid, but none of the {} pinned keys is in its \
                 path, which has the keys {}",
                self.pins.len(),
                keys.join(", ")
            ),
        );
        let alert = explain::for_judgement(reason.status());
        Err(Refusal { alert, reason })
    }

    fn ask_judge(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        ocsp: Option<&[u8]>,
        path: Result<Vec<Arc<[u8]>>, Refusal>,
    ) -> Result<Vec<Arc<[u8]>>, Refusal> {
        let Some(judge) = &self.judge else {
            return path;
        };
        let chain = chain_of(leaf, intermediates);
        let accepted = path
            .as_ref()
            .map(|path| parse_all(path).unwrap_or_default());
        let outcome = match &accepted {
            Ok(path) => Ok(&path[..]),
            Err(refusal) => Err(&refusal.reason),
        };
        let verdict = Verdict {
            chain: &chain,
            ocsp,
            outcome,
        };
        let judged = Notes::aside(|| judge(&verdict));
        let path = path?;
        judged.map(|()| path).map_err(|reason| Refusal {
            alert: explain::for_judgement(reason.status()),
            reason,
        })
    }

    /// A path to one of the roots, or to one of more where these do not do.
    fn find_path(
        &self,
        roots: &Roots,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        role: Role,
        now: UnixTime,
    ) -> Result<Vec<Arc<[u8]>>, webpki::Error> {
        let build = |roots| self.build_path(roots, leaf, intermediates, role, now);
        build(roots).or_else(|error| roots.more().and_then(|more| build(more).ok()).ok_or(error))
    }

    fn build_path(
        &self,
        roots: &Roots,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        role: Role,
        now: UnixTime,
    ) -> Result<Vec<Arc<[u8]>>, webpki::Error> {
        let algorithms = provider().signature_verification_algorithms.all;
        let parsed = EndEntityCert::try_from(leaf)?;
        let path = self.crls.with_options(|revocation| {
            let (anchors, usage) = (roots.anchors(), role.key_usage());
            parsed.verify_for_usage(
                algorithms,
                anchors,
                intermediates,
                now,
                usage,
                revocation,
                None,
            )
        })?;
        if self.crls.are_missing() {
            return Err(webpki::Error::UnknownRevocationStatus);
        }
        let mut certificates = vec![Arc::from(&**leaf)];
        let intermediates = path.intermediate_certificates();
        certificates.extend(intermediates.map(|one| Arc::from(&*one.der())));
        certificates.extend(roots.certificate_of(path.anchor()).cloned());
        Ok(certificates)
    }

    fn check_name(
        &self,
        leaf: &CertificateDer<'_>,
        name: &ServerName<'_>,
    ) -> Result<(), webpki::Error> {
        let outcome = EndEntityCert::try_from(leaf)?.verify_is_valid_for_subject_name(name);
        match self.name {
            NameCheck::Nothing => Ok(()),
            NameCheck::AlternativeNames => outcome,
            NameCheck::OrCommonName => outcome.or_else(|error| {
                if has_sole_common_name(leaf, &name.to_str()) {
                    return Ok(());
                }
                Err(error)
            }),
        }
    }
}

impl Policy {
    /// Tells policies apart that demand different things.
    pub(crate) fn fingerprint(&self) -> [u8; 32] {
        let mut context = digest::Context::new(&digest::SHA256);
        let mut add = |bytes: &[u8]| {
            context.update(&(bytes.len() as u64).to_be_bytes());
            context.update(bytes);
        };
        add(&[
            u8::from(self.roots.is_some()),
            u8::from(self.roots.as_ref().is_some_and(|roots| roots.may_be_more())),
            self.name as u8,
            u8::from(self.judge.is_some()),
            u8::from(self.crls.rules().leaf_only),
            u8::from(self.crls.rules().allow_unknown),
            u8::from(self.crls.rules().always),
        ]);
        // Certificates that are trusted as they are, and pins, are no less different
        // for being hashes both.
        add(&self.pinned.len().to_be_bytes());
        add(&self.end_entities.len().to_be_bytes());
        let anchors = self.roots.iter().flat_map(|roots| roots.anchors());
        for anchor in anchors {
            add(&anchor.subject);
            add(&anchor.subject_public_key_info);
            add(anchor.name_constraints.as_deref().unwrap_or_default());
        }
        for crl in self.crls.iter() {
            add(crl.der());
        }
        let hashes = self.pinned.iter().chain(&self.end_entities);
        for pin in hashes.chain(&self.pins) {
            add(pin);
        }
        for scheme in self.schemes.iter().flatten() {
            add(&u16::from(*scheme).to_be_bytes());
        }
        digest_bytes(context.finish())
    }
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    digest_bytes(digest::digest(&digest::SHA256, bytes))
}

fn digest_bytes(digest: digest::Digest) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(digest.as_ref());
    bytes
}

/// The certificates as they were sent, up to the first that does not parse.
fn chain_of(leaf: &CertificateDer<'_>, others: &[CertificateDer<'_>]) -> Vec<Certificate> {
    let all = std::iter::once(leaf).chain(others);
    all.map_while(|der| Certificate::from_der(der.to_vec()).ok())
        .collect()
}

fn parse_all(path: &[impl AsRef<[u8]>]) -> Result<Vec<Certificate>> {
    path.iter()
        .map(|der| Certificate::from_der(der.as_ref().to_vec()))
        .collect()
}

/// Whether a certificate that is accepted as it is, is valid at this time.
fn check_time(leaf: &CertificateDer<'_>, now: UnixTime) -> Result<(), webpki::Error> {
    let certificate = Certificate::from_der(leaf.to_vec()).map_err(|_| webpki::Error::BadDer)?;
    let time = |seconds: i64| {
        let seconds = u64::try_from(seconds).unwrap_or_default();
        UnixTime::since_unix_epoch(Duration::from_secs(seconds))
    };
    let (not_before, not_after) = (
        time(certificate.not_before()),
        time(certificate.not_after()),
    );
    if now < not_before {
        return Err(webpki::Error::CertNotValidYet {
            time: now,
            not_before,
        });
    }
    if now > not_after {
        return Err(webpki::Error::CertExpired {
            time: now,
            not_after,
        });
    }
    Ok(())
}

/// Whether a certificate has no alternative names, not even an empty list of
/// them, and `name` is its only common name.
fn has_sole_common_name(leaf: &CertificateDer<'_>, name: &str) -> bool {
    let Ok(certificate) = Certificate::from_der(leaf.to_vec()) else {
        return false;
    };
    let common_names = certificate.common_names();
    !certificate.has_alternative_names()
        && common_names.len() == 1
        && common_names[0].eq_ignore_ascii_case(name)
}
