//! Path validation beyond webpki's.  Section numbers without a name are those of RFC 5280.
//!
//! webpki builds the path.  It checks signatures, validity, cA and path length below the
//! trust anchor, key purposes, and name constraints on DNS names and addresses.

use rustls_pki_types::UnixTime;

use super::name_constraints::{self, PathNameConstraints};
use super::verify_error::{VerifyError, subject_of};
use super::{certificate_policies, key_policy, purpose, x509_strict};
use crate::Status;
use crate::pki::{self, CertificateRef, extension_oid as oid};
use crate::trust::KeyPurpose;

/// A path that webpki found.
pub(super) struct Path<'p, 'a> {
    pub(super) leaf: &'p CertificateRef<'a>,
    /// The CAs between the leaf and the trust anchor, the leaf's issuer first.
    pub(super) issuers: Vec<&'p CertificateRef<'a>>,
    /// The certificate of the trust anchor; `None` if only its name and key are known.
    pub(super) anchor: Option<&'p CertificateRef<'a>>,
    /// The name constraints of a trust anchor without a certificate, in DER.
    pub(super) anchor_constraints: Option<&'p [u8]>,
}

impl<'p, 'a> Path<'p, 'a> {
    /// Returns the certificates from the leaf to the trust anchor.
    pub(super) fn certificates(&self) -> impl Iterator<Item = &'p CertificateRef<'a>> {
        std::iter::once(self.leaf)
            .chain(self.issuers.iter().copied())
            .chain(self.anchor)
    }
}

/// The requirements that a path must meet.
#[derive(Clone, Copy)]
pub(super) struct Requirements {
    pub(super) purpose: KeyPurpose,
    pub(super) now: UnixTime,
    /// The maximum number of CAs between leaf and trust anchor.
    pub(super) max_depth: Option<u32>,
    /// The minimum security of keys and signatures, in bits.
    pub(super) security: u16,
    /// Whether certificates must follow the profile of RFC 5280 strictly.
    pub(super) strict: bool,
}

/// The extensions that are processed, so they may be critical (4.2).
const PROCESSED_EXTENSIONS: [&[u8]; 10] = [
    oid::KEY_USAGE,
    oid::SUBJECT_ALT_NAME,
    oid::BASIC_CONSTRAINTS,
    oid::NAME_CONSTRAINTS,
    oid::CRL_DISTRIBUTION_POINTS,
    oid::CERTIFICATE_POLICIES,
    oid::POLICY_MAPPINGS,
    oid::POLICY_CONSTRAINTS,
    oid::EXTENDED_KEY_USAGE,
    oid::INHIBIT_ANY_POLICY,
];

/// Checks a path.  Returns the name constraints that apply to its end-entity certificate.
pub(super) fn check_path(
    path: &Path<'_, '_>,
    requirements: Requirements,
) -> Result<PathNameConstraints, VerifyError> {
    if let Some(anchor) = path.anchor {
        check_anchor(anchor, path, requirements)?;
    }
    for issuer in &path.issuers {
        check_unique_extensions(issuer)?;
        check_cert_sign(issuer)?;
    }
    check_depth(path, requirements)?;
    check_leaf(path.leaf, requirements.purpose)?;
    let path_constraints = name_constraints::check(path)?;
    certificate_policies::check(path)?;
    let certificates: Vec<_> = path.certificates().collect();
    key_policy::check_strength(&certificates, path.anchor.is_some(), requirements.security)?;
    if requirements.strict {
        x509_strict::check(path)?;
    }
    Ok(path_constraints)
}

/// Checks an end-entity certificate that is trusted directly, without a path.
pub(super) fn check_trusted_leaf(
    leaf: &CertificateRef<'_>,
    requirements: Requirements,
) -> Result<(), VerifyError> {
    check_validity(leaf, requirements.now)?;
    check_critical(leaf)?;
    purpose::check(leaf, requirements.purpose)?;
    check_leaf(leaf, requirements.purpose)?;
    key_policy::check_strength(&[leaf], false, requirements.security)
}

/// Checks that the trust anchor's certificate may issue this path now (6.1.1 (d), 6.2).
fn check_anchor(
    anchor: &CertificateRef<'_>,
    path: &Path<'_, '_>,
    requirements: Requirements,
) -> Result<(), VerifyError> {
    check_unique_extensions(anchor)?;
    check_is_ca(anchor, path)?;
    check_cert_sign(anchor)?;
    check_validity(anchor, requirements.now)?;
    check_critical(anchor)?;
    purpose::check(anchor, requirements.purpose)?;
    check_path_len(anchor, path)
}

/// Checks that no extension occurs twice (4.2).
fn check_unique_extensions(certificate: &CertificateRef<'_>) -> Result<(), VerifyError> {
    if certificate.has_duplicate_extension() {
        let what = "an extension occurs twice (RFC 5280, section 4.2)";
        return Err(VerifyError::malformed(certificate, what));
    }
    Ok(())
}

/// Checks that the trust anchor is a CA: cA is TRUE (4.2.1.9), or it is a self-signed
/// certificate of version 1, which has no extensions.
fn check_is_ca(anchor: &CertificateRef<'_>, path: &Path<'_, '_>) -> Result<(), VerifyError> {
    let constraints = anchor
        .basic_constraints()
        .map_err(|_| VerifyError::malformed(anchor, "its basic constraints do not parse"))?;
    let is_ca = match constraints {
        Some((is_ca, _)) => is_ca,
        None => anchor.version == 1 && super::signature::is_self_signed(anchor),
    };
    if is_ca {
        return Ok(());
    }
    let below = path.issuers.last().copied().unwrap_or(path.leaf);
    let sentence = format!(
        "certificate of '{}' is issued by '{}', which is trusted only as an end-entity \
         certificate: it is not a CA (no cA in its basic constraints), so it cannot issue others",
        subject_of(below),
        subject_of(anchor)
    );
    Err(VerifyError::new(Status::CertificateNotACa, sentence))
}

/// Checks that the key usage of a CA, if present, allows signing certificates (4.2.1.3,
/// 6.1.4 (n)).
fn check_cert_sign(issuer: &CertificateRef<'_>) -> Result<(), VerifyError> {
    let allows = issuer.allows_key_usage("keyCertSign");
    if allows.map_err(|_| VerifyError::malformed(issuer, "its key usage does not parse"))? {
        return Ok(());
    }
    let sentence = format!(
        "the CA '{}' may not sign certificates: its key usage does not include keyCertSign",
        subject_of(issuer)
    );
    Err(VerifyError::new(Status::CertificateNotACa, sentence))
}

/// Checks that a certificate is valid now (4.1.2.5).
pub(super) fn check_validity(
    certificate: &CertificateRef<'_>,
    now: UnixTime,
) -> Result<(), VerifyError> {
    let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
    if now > certificate.not_after {
        return Err(expired(certificate, now));
    }
    if now < certificate.not_before {
        return Err(not_valid_yet(certificate, now));
    }
    Ok(())
}

pub(super) fn expired(certificate: &CertificateRef<'_>, now: i64) -> VerifyError {
    let sentence = format!(
        "certificate of '{}' expired on {} ({} ago): renew it",
        subject_of(certificate),
        pki::format_utc(certificate.not_after),
        pki::format_duration(now.saturating_sub(certificate.not_after)),
    );
    VerifyError::new(Status::CertificateExpired, sentence)
}

pub(super) fn not_valid_yet(certificate: &CertificateRef<'_>, now: i64) -> VerifyError {
    let sentence = format!(
        "certificate of '{}' is not valid before {} (in {}): check the clocks of both sides",
        subject_of(certificate),
        pki::format_utc(certificate.not_before),
        pki::format_duration(certificate.not_before.saturating_sub(now)),
    );
    VerifyError::new(Status::CertificateNotYetValid, sentence)
}

/// Checks that every critical extension is processed (4.2). webpki checks this below the
/// trust anchor.
fn check_critical(certificate: &CertificateRef<'_>) -> Result<(), VerifyError> {
    let mut extensions = certificate.extensions.iter();
    let unknown = extensions.find(|one| one.critical && !PROCESSED_EXTENSIONS.contains(&one.oid));
    unknown.map_or(Ok(()), |unknown| {
        Err(unknown_critical(certificate, unknown.oid))
    })
}

/// The error for an unsupported critical extension.
pub(super) fn unknown_critical(certificate: &CertificateRef<'_>, oid: &[u8]) -> VerifyError {
    let sentence = format!(
        "certificate of '{}' has a critical extension that is not supported ({}): programs must \
         reject certificates with unknown critical extensions",
        subject_of(certificate),
        pki::dotted(oid)
    );
    VerifyError::new(Status::CertificateUnsupportedExtension, sentence)
}

/// Returns the first critical extension of a certificate that is not processed.
pub(super) fn first_unknown_critical<'a>(certificate: &CertificateRef<'a>) -> Option<&'a [u8]> {
    let mut extensions = certificate.extensions.iter();
    extensions
        .find(|one| one.critical && !PROCESSED_EXTENSIONS.contains(&one.oid))
        .map(|one| one.oid)
}

/// Checks the trust anchor's path length.  Self-issued CAs do not count (4.2.1.9, 6.1.4
/// (l)).
fn check_path_len(anchor: &CertificateRef<'_>, path: &Path<'_, '_>) -> Result<(), VerifyError> {
    let Ok(Some((_, Some(limit)))) = anchor.basic_constraints() else {
        return Ok(());
    };
    let count = path.issuers.iter().filter(|one| !one.is_self_issued());
    let count = count.count();
    if u32::try_from(count).is_ok_and(|count| count <= limit) {
        return Ok(());
    }
    Err(path_too_long(anchor, limit, count))
}

pub(super) fn path_too_long(ca: &CertificateRef<'_>, limit: u32, count: usize) -> VerifyError {
    let sentence = format!(
        "the CA '{}' allows {} below it (path length), and the path has {count}",
        subject_of(ca),
        format_ca_count(limit)
    );
    VerifyError::new(Status::CertificatePathTooLong, sentence)
}

/// Formats a number of CAs for an error.
fn format_ca_count(count: u32) -> String {
    match count {
        1 => "1 CA".to_owned(),
        _ => format!("{count} CAs"),
    }
}

fn check_depth(path: &Path<'_, '_>, requirements: Requirements) -> Result<(), VerifyError> {
    let count = path.issuers.len();
    match requirements.max_depth {
        Some(limit) if !u32::try_from(count).is_ok_and(|count| count <= limit) => {
            let sentence = format!(
                "certificate of '{}' is {} away from its root, more than the limit of {limit}",
                subject_of(path.leaf),
                format_ca_count(u32::try_from(count).unwrap_or(u32::MAX))
            );
            Err(VerifyError::new(Status::CertificatePathTooLong, sentence))
        }
        _ => Ok(()),
    }
}

/// Checks the end-entity certificate.  It must have no duplicate extension, allow the
/// purpose, and have a key that can verify handshakes.  For TLS its key usage, if present,
/// must include digitalSignature (RFC 8446, section 4.4.2.2; RFC 5246, section 7.4.2).
/// Unless it is a CA, it must have no name constraints (RFC 5280, section 4.2.1.10).
fn check_leaf(leaf: &CertificateRef<'_>, purpose: KeyPurpose) -> Result<(), VerifyError> {
    check_unique_extensions(leaf)?;
    purpose::check_leaf(leaf, purpose)?;
    let is_ca = matches!(leaf.basic_constraints(), Ok(Some((true, _))));
    if !is_ca && leaf.extension(oid::NAME_CONSTRAINTS).is_some() {
        let what = "it has name constraints without being a CA (RFC 5280, section 4.2.1.10)";
        return Err(VerifyError::malformed(leaf, what));
    }
    key_policy::check_leaf(leaf)?;
    let signs = leaf
        .allows_key_usage("digitalSignature")
        .map_err(|_| VerifyError::malformed(leaf, "its key usage does not parse"))?;
    if signs || !purpose.is_tls() {
        return Ok(());
    }
    let subject = subject_of(leaf);
    Err(match is_ca {
        true => VerifyError::new(
            Status::CertificateNotAnEndEntity,
            format!(
                "certificate of '{subject}' is a CA certificate whose key usage does not include \
                 digitalSignature, so it cannot authenticate a peer: issue a certificate for the \
                 peer from it"
            ),
        ),
        false => VerifyError::new(
            Status::CertificateWrongUsage,
            format!(
                "certificate of '{subject}' may not sign handshakes: its key usage does not \
                 include digitalSignature"
            ),
        ),
    })
}
