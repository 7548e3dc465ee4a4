//! Maps webpki's path errors to errors that name the certificate and say what to do.

pub(super) mod revocation;
mod webpki_errors;
#[cfg(test)]
mod tests;

use webpki::Error as PathError;

pub(super) use webpki_errors::{describe, describe_crl};

use super::key_policy;
use super::name_constraints;
use super::path::PathFailure;
use super::path_validation::{self, Path, Requirements};
use super::policy::Rejection;
use super::purpose;
use super::roots::Roots;
use super::signature;
use super::verify_error::{VerifyError, subject_of};
use crate::Status;
use crate::pki::{self, Certificate, CertificateRef, extension_oid as oid};

/// The maximum number of certificates followed to explain a rejection.  A peer can send any
/// number.
const MAX_CHAIN_LENGTH: usize = 10;

/// The maximum number of same-name CAs tried against a signature to explain a rejection.
const MAX_SAME_NAME_CAS: usize = 10;

/// A chain that was rejected, and what it was verified against.
pub(super) struct VerifyContext<'q, 'a> {
    pub(super) leaf: &'q CertificateRef<'a>,
    pub(super) intermediates: &'q [CertificateRef<'a>],
    pub(super) requirements: Requirements,
    pub(super) roots: &'q Roots,
    /// The number of roots, and of certificates trusted by fingerprint.
    pub(super) trusted: usize,
}

impl<'q, 'a> VerifyContext<'q, 'a> {
    /// Returns the certificates as presented, the peer's own first.
    fn presented(&self) -> impl Iterator<Item = &'q CertificateRef<'a>> {
        std::iter::once(self.leaf).chain(self.intermediates)
    }

    /// Follows issuer names from the leaf to the last certificate that was presented.
    fn chain(&self) -> Vec<&'q CertificateRef<'a>> {
        let mut chain = vec![self.leaf];
        while chain.len() < MAX_CHAIN_LENGTH
            && let Some(issuer) = self.issuer_of_last(&chain)
        {
            chain.push(issuer);
        }
        chain
    }

    /// Returns the issuer of the last certificate of a chain, if it was presented.  Of
    /// several with that name, returns the one whose key signed.
    fn issuer_of_last(&self, chain: &[&'q CertificateRef<'a>]) -> Option<&'q CertificateRef<'a>> {
        let last = chain.last()?;
        let is_named = |one: &&CertificateRef<'_>| {
            one.subject == last.issuer && !chain.iter().any(|known| known.der == one.der)
        };
        let named = self.intermediates.iter().filter(is_named);
        let named: Vec<_> = named.take(MAX_SAME_NAME_CAS).collect();
        match named[..] {
            [] | [_] => named.first().copied(),
            [first, ..] => {
                let mut named = named.into_iter();
                let signed = named.find(|one| signature::is_issued_with(last, one.spki));
                signed.or(Some(first))
            }
        }
    }

    /// Returns the roots that may have issued the last certificate of the chain.
    fn roots(&self) -> Vec<CertificateRef<'_>> {
        let chain = self.chain();
        let Some(top) = chain.last() else {
            return Vec::new();
        };
        let roots = self.roots.with_subject(top.issuer);
        roots
            .filter_map(|der| CertificateRef::from_der(der).ok())
            .collect()
    }
}

/// Returns the possible issuers of a certificate of the chain: the next one, or the roots.
fn issuers<'s, 'q, 'a>(
    chain: &'s [&'q CertificateRef<'a>],
    roots: &'s [&'q CertificateRef<'a>],
    index: usize,
) -> &'s [&'q CertificateRef<'a>] {
    chain.get(index + 1..index + 2).unwrap_or(roots)
}

/// Returns the rejection of a chain.
pub(super) fn rejection(failure: PathFailure, context: &VerifyContext<'_, '_>) -> Rejection {
    match failure {
        PathFailure::Check(error) => error.into(),
        PathFailure::Webpki(error) => {
            let rejection = Rejection::from(from_webpki(&error, context));
            Rejection {
                reason: rejection.reason.with_source(error),
                ..rejection
            }
        }
    }
}

/// Maps an error of webpki to one that names the certificate at fault.
fn from_webpki(error: &PathError, context: &VerifyContext<'_, '_>) -> VerifyError {
    let leaf = context.leaf;
    let now = i64::try_from(context.requirements.now.as_secs()).unwrap_or(i64::MAX);
    match error {
        PathError::UnknownIssuer => unknown_issuer(context),
        PathError::CertExpired { not_after, .. } => {
            let end = i64::try_from(not_after.as_secs()).ok();
            let culprit = context.presented().find(|one| Some(one.not_after) == end);
            path_validation::expired(culprit.unwrap_or(leaf), now)
        }
        PathError::CertNotValidYet { not_before, .. } => {
            let start = i64::try_from(not_before.as_secs()).ok();
            let culprit = context
                .presented()
                .find(|one| Some(one.not_before) == start);
            path_validation::not_valid_yet(culprit.unwrap_or(leaf), now)
        }
        PathError::CaUsedAsEndEntity => VerifyError::new(
            Status::CertificateNotAnEndEntity,
            format!(
                "certificate of '{}' is a CA certificate, which cannot authenticate a peer: issue \
                 a certificate for the peer from it, or trust this one directly",
                subject_of(leaf)
            ),
        ),
        PathError::EndEntityUsedAsCa => not_a_ca(context),
        PathError::RequiredEkuNotFoundContext(_) | PathError::EmptyEkuExtension => {
            let purpose_error = |one| purpose::check(one, context.requirements.purpose).err();
            let found = context.chain().into_iter().find_map(purpose_error);
            found.unwrap_or_else(|| rejected(leaf, &describe(error)))
        }
        PathError::NameConstraintViolation => name_constraint(context),
        PathError::PathLenConstraintViolated => path_len(context),
        PathError::InvalidSignatureForPublicKey
        | PathError::UnsupportedSignatureAlgorithmForPublicKeyContext(_) => bad_signature(context),
        PathError::UnsupportedSignatureAlgorithmContext(_) => unsupported_signature(context),
        PathError::SignatureAlgorithmMismatch => {
            let differ = |one: &&CertificateRef<'_>| one.algorithms[0] != one.algorithms[1];
            let culprit = context.presented().find(differ).unwrap_or(leaf);
            VerifyError::malformed(culprit, "its two signature algorithms differ")
        }
        PathError::UnsupportedCriticalExtension => unsupported_extension(context),
        PathError::UnsupportedCertVersion => {
            let is_old = |one: &&CertificateRef<'_>| one.version < 3;
            let culprit = context.presented().find(is_old).unwrap_or(leaf);
            rejected(culprit, &describe(error))
        }
        PathError::InvalidCertValidity => {
            let is_reverse = |one: &&CertificateRef<'_>| one.not_before > one.not_after;
            let culprit = context.presented().find(is_reverse).unwrap_or(leaf);
            VerifyError::malformed(culprit, &describe(error))
        }
        PathError::MaximumPathDepthExceeded => VerifyError::new(
            Status::CertificatePathTooLong,
            format!(
                "certificate of '{}' is more than 6 CAs away from every root: longer paths are \
                 not searched",
                subject_of(leaf)
            ),
        ),
        PathError::BadDer
        | PathError::BadDerTime
        | PathError::TrailingData(_)
        | PathError::MalformedExtensions
        | PathError::ExtensionValueInvalid
        | PathError::InvalidSerialNumber
        | PathError::MalformedDnsIdentifier
        | PathError::MalformedNameConstraint
        | PathError::InvalidNetworkMaskConstraint => malformed(error, context),
        other => rejected(leaf, &describe(other)),
    }
}

fn rejected(certificate: &CertificateRef<'_>, why: &str) -> VerifyError {
    let sentence = format!(
        "certificate of '{}' is rejected: {why}",
        subject_of(certificate)
    );
    VerifyError::new(Status::Certificate, sentence)
}

/// Returns the issuer of a certificate for an error; empty if it does not parse.
pub(super) fn issuer_of(certificate: &CertificateRef<'_>) -> String {
    let parsed = Certificate::from_der(certificate.der);
    parsed.map_or_else(|_| String::new(), |parsed| parsed.issuer().to_owned())
}

fn unknown_issuer(context: &VerifyContext<'_, '_>) -> VerifyError {
    let count = context.trusted;
    let leaf = subject_of(context.leaf);
    let top = context.chain().pop().unwrap_or(context.leaf);
    let sentence = if context.leaf.is_self_issued() {
        format!(
            "certificate of '{leaf}' is self-signed and not one of the trusted roots ({count} in \
             all)"
        )
    } else {
        // The issuer of the last certificate in the chain is the missing CA.
        format!(
            "certificate of '{leaf}' chains to '{}', which is not one of the trusted roots \
             ({count} in all): add that CA's certificate to the roots if you trust it, or have the \
             peer send its intermediate certificates",
            issuer_of(top)
        )
    };
    VerifyError::new(Status::CertificateUnknownIssuer, sentence)
}

fn not_a_ca(context: &VerifyContext<'_, '_>) -> VerifyError {
    let chain = context.chain();
    let is_ca = |one: &CertificateRef<'_>| matches!(one.basic_constraints(), Ok(Some((true, _))));
    let mut pairs = chain.windows(2);
    let culprit = pairs.find(|pair| !is_ca(pair[1]));
    let (below, above) = match culprit {
        Some(pair) => (pair[0], subject_of(pair[1])),
        None => (context.leaf, issuer_of(context.leaf)),
    };
    let sentence = format!(
        "certificate of '{}' was issued by '{above}', which is not a CA",
        subject_of(below)
    );
    VerifyError::new(Status::CertificateNotACa, sentence)
}

/// Finds the violated constraint again, because webpki does not report it.
fn name_constraint(context: &VerifyContext<'_, '_>) -> VerifyError {
    let chain = context.chain();
    let roots = context.roots();
    let anchors: Vec<_> = match roots.is_empty() {
        true => vec![None],
        false => roots.iter().map(Some).collect(),
    };
    let found = anchors.into_iter().find_map(|anchor| {
        let path = Path {
            leaf: context.leaf,
            issuers: chain[1..].to_vec(),
            anchor,
            anchor_constraints: None,
        };
        name_constraints::check(&path).err()
    });
    found.unwrap_or_else(|| VerifyError {
        status: Status::CertificateConstraint,
        ..rejected(context.leaf, &describe(&PathError::NameConstraintViolation))
    })
}

fn path_len(context: &VerifyContext<'_, '_>) -> VerifyError {
    let chain = context.chain();
    for (below, ca) in chain.iter().enumerate().skip(1) {
        if let Ok(Some((_, Some(limit)))) = ca.basic_constraints()
            && u32::try_from(below - 1).is_ok_and(|count| count > limit)
        {
            return path_validation::path_too_long(ca, limit, below - 1);
        }
    }
    VerifyError {
        status: Status::CertificatePathTooLong,
        ..rejected(
            context.leaf,
            &describe(&PathError::PathLenConstraintViolated),
        )
    }
}

fn bad_signature(context: &VerifyContext<'_, '_>) -> VerifyError {
    let roots = context.roots();
    let chain = context.chain();
    // An unsupported issuer key does not mean that the signature is forged.
    if let Some(error) = issuer_key_error(context) {
        return error;
    }
    let is_signed = |one: &CertificateRef<'_>, issuers: &[&CertificateRef<'_>]| {
        let mut keys = issuers.iter().map(|issuer| issuer.spki);
        keys.any(|key| signature::is_issued_with(one, key))
    };
    let roots: Vec<_> = roots.iter().collect();
    let mut indexes = 0..chain.len();
    let forged = indexes.find(|&index| !is_signed(chain[index], issuers(&chain, &roots, index)));
    let Some(forged) = forged else {
        // Every signature in this path is good. webpki ranks a bad signature in another
        // path higher.
        return path_len(context);
    };
    let issued = chain[forged];
    let sentence = format!(
        "certificate of '{}' names '{}' as its issuer, but the CA of that name in the chain or \
         among the roots did not sign it: another CA has the same name, or it is forged",
        subject_of(issued),
        issuer_of(issued)
    );
    VerifyError::new(Status::CertificateBadSignature, sentence)
}

/// Returns the error of the first issuer whose key is unsupported or too weak.
fn issuer_key_error(context: &VerifyContext<'_, '_>) -> Option<VerifyError> {
    let roots = context.roots();
    let chain = context.chain();
    let mut issuers = chain.iter().copied().skip(1).chain(&roots);
    issuers.find_map(key_policy::issuer_key_error)
}

fn unsupported_signature(context: &VerifyContext<'_, '_>) -> VerifyError {
    if let Some(error) = issuer_key_error(context) {
        return error;
    }
    let parsed = context.presented().filter_map(|one| {
        let parsed = Certificate::from_der(one.der).ok()?;
        let algorithm = parsed.signature_type().to_owned();
        Some((one, algorithm))
    });
    let parsed: Vec<_> = parsed.collect();
    let is_old = |algorithm: &str| {
        let algorithm = algorithm.to_ascii_lowercase();
        algorithm.contains("sha1") || algorithm.contains("md5") || algorithm.contains("sha-1")
    };
    let old = parsed.iter().find(|(_, algorithm)| is_old(algorithm));
    let unknown = || {
        let mut parsed = parsed.iter();
        parsed.find(|(one, _)| !signature::is_known(one.algorithms[1]))
    };
    let Some((culprit, algorithm)) = old.or_else(unknown).or(parsed.first()) else {
        return rejected(
            context.leaf,
            "it is signed with an algorithm that is not supported",
        );
    };
    let sentence = format!(
        "certificate of '{}' is signed with {algorithm}, which is not accepted: have it reissued \
         with SHA-256 or better",
        subject_of(culprit)
    );
    VerifyError::new(Status::CertificateBadSignature, sentence)
}

fn unsupported_extension(context: &VerifyContext<'_, '_>) -> VerifyError {
    let find = |one| Some((one, path_validation::first_unknown_critical(one)?));
    match context.chain().into_iter().find_map(find) {
        Some((culprit, oid)) => path_validation::unknown_critical(culprit, oid),
        None => rejected(
            context.leaf,
            &describe(&PathError::UnsupportedCriticalExtension),
        ),
    }
}

/// Finds the certificate that does not parse, because webpki does not report it.
fn malformed(error: &PathError, context: &VerifyContext<'_, '_>) -> VerifyError {
    const MAX_BYTES: usize = 65_535;
    let is_large = |one: &&CertificateRef<'_>| one.der.len() > MAX_BYTES;
    if let Some(large) = context.presented().find(is_large) {
        let sentence = format!(
            "certificate of '{}' has {} bytes, and at most {MAX_BYTES} are supported",
            subject_of(large),
            large.der.len()
        );
        return VerifyError::new(Status::Certificate, sentence);
    }
    let fails = |one: &&CertificateRef<'_>| {
        let der = rustls_pki_types::CertificateDer::from(one.der);
        webpki::EndEntityCert::try_from(&der).is_err() || broken_extension(one).is_some()
    };
    let culprit = context.chain().into_iter().find(fails);
    let culprit = culprit.unwrap_or(context.leaf);
    match broken_extension(culprit) {
        Some(what) => VerifyError::malformed(culprit, what),
        None => VerifyError::malformed(culprit, &describe(error)),
    }
}

/// Describes why a certificate cannot be a root.
pub(super) fn not_a_root(error: &PathError, der: &[u8]) -> String {
    let root = CertificateRef::from_der(der).ok();
    let what = root.as_ref().and_then(broken_extension);
    what.map_or_else(|| describe(error), str::to_owned)
}

/// Describes the first malformed extension among those that path validation processes.
fn broken_extension(one: &CertificateRef<'_>) -> Option<&'static str> {
    let constraints = one.extension(oid::NAME_CONSTRAINTS);
    let constraints = constraints.map(|one| pki::NameConstraints::from_der(one.value));
    let broken = [
        (
            constraints.is_some_and(|constraints| constraints.is_err()),
            "its name constraints do not parse",
        ),
        (
            one.alternative_names().is_err(),
            "its subjectAltName does not parse",
        ),
        (
            one.key_purposes().is_err(),
            "its extended key usage does not parse",
        ),
        (
            one.basic_constraints().is_err(),
            "its basic constraints do not parse",
        ),
        (
            one.allows_key_usage("keyCertSign").is_err(),
            "its key usage does not parse",
        ),
    ];
    let mut broken = broken.into_iter();
    broken.find_map(|(is_broken, what)| is_broken.then_some(what))
}
