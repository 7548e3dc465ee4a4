//! Why a chain was refused: a sentence for the user, an alert for the peer.

use std::sync::Arc;

use rustls::CertificateError;
use rustls_pki_types::{ServerName, UnixTime};
use webpki::Error as PathError;

use super::policy::Role;
use super::revocation::Crls;
use crate::pki::{self, Certificate};
use crate::{CertificateProblem as Problem, Error, Status};

/// What was to be verified.
pub(super) struct Question<'a> {
    /// Leaf first.
    pub(super) chain: &'a [Certificate],
    pub(super) name: Option<&'a ServerName<'a>>,
    pub(super) role: Role,
    /// How many are trusted.
    pub(super) roots: usize,
    pub(super) crls: &'a Crls,
}

/// The refusal of a chain, as a user needs to hear it.
pub(super) fn refusal(error: &PathError, question: &Question<'_>) -> Error {
    let Question {
        chain, name, roots, ..
    } = *question;
    let Some(leaf) = chain.first() else {
        return Error::certificate(
            Status::Certificate,
            Problem::Malformed,
            format!("the peer's certificate does not parse: {error}"),
        );
    };
    let (status, problem, sentence) = match error {
        PathError::UnknownIssuer => (
            Status::CertificateUntrusted,
            Problem::UnknownIssuer,
            unknown_issuer(chain, roots),
        ),
        PathError::CertNotValidForName(_) => (
            Status::CertificateName,
            Problem::NameMismatch,
            wrong_name(leaf, name),
        ),
        PathError::CertExpired { time, not_after } => (
            Status::CertificateTime,
            Problem::Expired,
            expired(chain, *time, *not_after),
        ),
        PathError::CertNotValidYet { time, not_before } => (
            Status::CertificateTime,
            Problem::NotValidYet,
            not_valid_yet(chain, *time, *not_before),
        ),
        PathError::CaUsedAsEndEntity => (
            Status::Certificate,
            Problem::NotAnEndEntity,
            format!(
                "certificate of '{}' is a CA certificate, which cannot stand for a peer: \
                 issue a certificate for the peer from it",
                leaf.subject()
            ),
        ),
        PathError::EndEntityUsedAsCa => (
            Status::CertificateUntrusted,
            Problem::NotAnEndEntity,
            format!(
                "certificate of '{}' was issued by '{}', which is not a CA",
                leaf.subject(),
                leaf.issuer()
            ),
        ),
        PathError::RequiredEkuNotFoundContext(_) => (
            Status::Certificate,
            Problem::WrongUsage,
            wrong_usage(leaf, question.role),
        ),
        PathError::NameConstraintViolation | PathError::PathLenConstraintViolated => (
            Status::Certificate,
            Problem::Constraint,
            format!(
                "certificate of '{}' breaks a constraint of the CA that issued it: {error}",
                leaf.subject()
            ),
        ),
        PathError::InvalidSignatureForPublicKey
        | PathError::UnsupportedSignatureAlgorithmForPublicKeyContext(_) => (
            Status::CertificateUntrusted,
            Problem::BadSignature,
            bad_signature(chain),
        ),
        PathError::UnsupportedSignatureAlgorithmContext(_) => (
            Status::Certificate,
            Problem::BadSignature,
            unsupported_signature(chain),
        ),
        PathError::CertRevoked => (
            Status::CertificateRevoked,
            Problem::Revoked,
            revoked(question),
        ),
        PathError::UnknownRevocationStatus => (
            Status::CertificateRevoked,
            Problem::UnknownRevocation,
            unknown_revocation(question),
        ),
        PathError::CrlExpired { time, next_update } => (
            Status::CertificateRevoked,
            Problem::UnknownRevocation,
            format!(
                "no CRL that is new enough says whether the certificate of '{}' is revoked: \
                 the one at hand was to be replaced by {} ({} ago), get its successor",
                leaf.subject(),
                moment(*next_update),
                span(time.as_secs().saturating_sub(next_update.as_secs())),
            ),
        ),
        PathError::InvalidCrlSignatureForPublicKey | PathError::IssuerNotCrlSigner => (
            Status::CertificateRevoked,
            Problem::UnknownRevocation,
            format!(
                "the CRL for the certificate of '{}' is not signed by an authority that may: \
                 another CA has the same name, or the CRL is forged ({error})",
                leaf.subject()
            ),
        ),
        _ => (
            Status::Certificate,
            Problem::Other,
            format!("certificate of '{}' is rejected: {error}", leaf.subject()),
        ),
    };
    Error::certificate(status, problem, sentence).with_source(error.clone())
}

fn unknown_issuer(chain: &[Certificate], roots: usize) -> String {
    let leaf = &chain[0];
    if leaf.subject() == leaf.issuer() {
        return format!(
            "certificate of '{}' is self-signed and not one of the trusted roots ({roots} in all)",
            leaf.subject()
        );
    }
    // The last certificate of the chain names the CA that is missing.
    let top = chain.last().unwrap_or(leaf);
    let missing = if top.subject() == top.issuer() {
        top.subject()
    } else {
        top.issuer()
    };
    format!(
        "certificate of '{}' leads to '{missing}', which is not one of the trusted roots ({roots} in all): \
         add that CA's certificate to the roots if you trust it, \
         or have the peer send its intermediate certificates",
        leaf.subject()
    )
}

fn bad_signature(chain: &[Certificate]) -> String {
    let is_weak = |one: &&Certificate| one.key_type().starts_with("rsa") && one.key_bits() < 2048;
    let issued = |issuer: &Certificate| chain.iter().find(|one| one.issuer() == issuer.subject());
    let weak = chain.iter().filter(is_weak);
    if let Some((weak, issued)) = weak.filter_map(|one| Some((one, issued(one)?))).next() {
        return format!(
            "certificate of '{}' is signed by '{}' with a key of RSA with {} bits, which is too \
             weak to prove anything: 2048 are the least",
            issued.subject(),
            weak.subject(),
            weak.key_bits()
        );
    }
    format!(
        "certificate of '{}' says that '{}' issued it, but the trusted CA of that name \
         did not sign it: another CA has the same name, or it is forged",
        chain[0].subject(),
        chain[0].issuer()
    )
}

fn unsupported_signature(chain: &[Certificate]) -> String {
    let is_old = |one: &&Certificate| {
        let algorithm = one.signature_type().to_ascii_lowercase();
        algorithm.contains("sha1") || algorithm.contains("md5")
    };
    let culprit = chain.iter().find(is_old).unwrap_or(&chain[0]);
    format!(
        "certificate of '{}' is signed with {}, which is not accepted: have it issued again with \
         SHA-256 or better",
        culprit.subject(),
        culprit.signature_type()
    )
}

fn wrong_name(leaf: &Certificate, name: Option<&ServerName<'_>>) -> String {
    let asked = name.map(|name| name.to_str()).unwrap_or_default();
    if leaf.names().is_empty() {
        return format!(
            "certificate of '{}' names no host at all (it has no subjectAltName), \
             you asked for '{asked}': issue it again for that name, \
             or allow the common name to stand in",
            leaf.subject()
        );
    }
    let names: Vec<_> = leaf
        .names()
        .iter()
        .map(|name| format!("'{name}'"))
        .collect();
    format!(
        "certificate is for {}, you asked for '{asked}'",
        names.join(", ")
    )
}

fn expired(chain: &[Certificate], now: UnixTime, not_after: UnixTime) -> String {
    let end = not_after.as_secs();
    let culprit = chain
        .iter()
        .find(|c| u64::try_from(c.not_after()) == Ok(end));
    format!(
        "certificate of '{}' expired on {} ({} ago): it has to be renewed",
        culprit.unwrap_or(&chain[0]).subject(),
        moment(not_after),
        span(now.as_secs().saturating_sub(end)),
    )
}

fn not_valid_yet(chain: &[Certificate], now: UnixTime, not_before: UnixTime) -> String {
    let start = not_before.as_secs();
    let culprit = chain
        .iter()
        .find(|c| u64::try_from(c.not_before()) == Ok(start));
    format!(
        "certificate of '{}' is not valid before {} (in {}): check the clocks of both sides",
        culprit.unwrap_or(&chain[0]).subject(),
        moment(not_before),
        span(start.saturating_sub(now.as_secs())),
    )
}

/// Which certificate of the chain it is, as far as the CRLs tell without their
/// signatures being looked at again.
fn revoked(question: &Question<'_>) -> String {
    let entry = |certificate: &Certificate| question.crls.find(certificate);
    let found = question
        .chain
        .iter()
        .find_map(|one| Some((one, entry(one)?)));
    let Some((culprit, entry)) = found else {
        return format!(
            "certificate of '{}' is revoked",
            question.chain[0].subject()
        );
    };
    let when = entry
        .time
        .map(|time| format!(" since {}", pki::moment(time)));
    let why = entry.reason.map(|reason| format!(" ({reason})"));
    format!(
        "certificate of '{}' is revoked by '{}'{}{}",
        culprit.subject(),
        culprit.issuer(),
        when.unwrap_or_default(),
        why.unwrap_or_default()
    )
}

fn unknown_revocation(question: &Question<'_>) -> String {
    let has_none = |one: &&Certificate| !question.crls.has_issuer(one.issuer());
    let culprit = question.chain.iter().find(has_none);
    let culprit = culprit.unwrap_or(&question.chain[0]);
    format!(
        "no CRL says whether the certificate of '{}' is revoked: add the CRL of '{}'",
        culprit.subject(),
        culprit.issuer()
    )
}

fn wrong_usage(leaf: &Certificate, role: Role) -> String {
    let needed = match role {
        Role::Server => "serverAuth",
        Role::Client => "clientAuth",
    };
    format!(
        "certificate of '{}' may be used for {}, not for {needed}",
        leaf.subject(),
        leaf.extended_key_usage().join(", "),
    )
}

fn moment(time: UnixTime) -> String {
    pki::moment(i64::try_from(time.as_secs()).unwrap_or(i64::MAX))
}

fn span(seconds: u64) -> String {
    let (count, unit) = match seconds {
        0..120 => (seconds, "seconds"),
        120..7_200 => (seconds / 60, "minutes"),
        7_200..172_800 => (seconds / 3_600, "hours"),
        _ => (seconds / 86_400, "days"),
    };
    format!("{count} {unit}")
}

/// The same refusal as rustls has to hear it, to send the right alert
/// (RFC 8446, section 6.2).
pub(crate) fn for_alert(error: PathError) -> CertificateError {
    match error {
        PathError::BadDer | PathError::BadDerTime | PathError::TrailingData(_) => {
            CertificateError::BadEncoding
        }
        PathError::CertExpired { .. } => CertificateError::Expired,
        PathError::CertNotValidYet { .. } => CertificateError::NotValidYet,
        PathError::UnknownIssuer => CertificateError::UnknownIssuer,
        PathError::CertNotValidForName(_) => CertificateError::NotValidForName,
        PathError::CertRevoked => CertificateError::Revoked,
        PathError::InvalidSignatureForPublicKey
        | PathError::UnsupportedSignatureAlgorithmContext(_)
        | PathError::UnsupportedSignatureAlgorithmForPublicKeyContext(_) => {
            CertificateError::BadSignature
        }
        PathError::RequiredEkuNotFoundContext(_) => CertificateError::InvalidPurpose,
        other => CertificateError::Other(rustls::OtherError(Arc::new(other))),
    }
}

/// What rustls has to hear where an application refuses with this status, to send
/// the alert that fits it.
pub(super) fn for_judgement(status: Status) -> rustls::Error {
    use CertificateError as E;
    let alert = match status {
        Status::CertificateRevoked => E::Revoked,
        Status::CertificateTime => E::Expired,
        Status::CertificateUntrusted => E::UnknownIssuer,
        Status::CertificateName => E::NotValidForName,
        Status::CertificateOcsp => E::InvalidOcspResponse,
        Status::Certificate => E::Other(rustls::OtherError(Arc::new(Error::from(status)))),
        // It makes a handshake_failure of all that is not about a certificate.
        Status::NoCommon => return rustls::Error::General(status.phrase().to_owned()),
        _ => E::ApplicationVerificationFailure,
    };
    alert.into()
}
