//! Errors of revocation checking: a CRL lists a certificate of the chain, or no CRL covers
//! it.

use rustls_pki_types::UnixTime;

use super::issuer_of;
use crate::Status;
use crate::pki::{self, CertificateRef, Crl, CrlScope, Revoked, extension_oid as oid};
use crate::trust::verify_error::{VerifyError, subject_of};

/// A CRL lists the certificate.
pub(in crate::trust) fn revoked(culprit: &CertificateRef<'_>, entry: &Revoked) -> VerifyError {
    let when = entry.time.map(pki::format_utc);
    let when = when.map(|time| format!(" since {time}"));
    let why = entry.reason.map(|reason| format!(" ({reason})"));
    let sentence = format!(
        "certificate of '{}' is revoked by '{}'{}{}",
        subject_of(culprit),
        issuer_of(culprit),
        when.unwrap_or_default(),
        why.unwrap_or_default()
    );
    VerifyError::new(Status::CertificateRevoked, sentence)
}

fn unknown(sentence: String) -> VerifyError {
    VerifyError::new(Status::CertificateUnknownRevocation, sentence)
}

/// There is no CRL with the issuer's name.
pub(in crate::trust) fn missing(certificate: &CertificateRef<'_>) -> VerifyError {
    unknown(format!(
        "no CRL covers the certificate of '{}': add the CRL of '{}'",
        subject_of(certificate),
        issuer_of(certificate)
    ))
}

/// The issuer's CRL covers other certificates.
pub(in crate::trust) fn wrong_scope(
    certificate: &CertificateRef<'_>,
    scope: &CrlScope,
) -> VerifyError {
    let (subject, issuer) = (subject_of(certificate), issuer_of(certificate));
    let is_for = if scope.covers_kind_of(certificate) {
        let points = match certificate.extension(oid::CRL_DISTRIBUTION_POINTS) {
            Some(_) => pki::describe_points(certificate).unwrap_or_else(|| {
                "no distribution point of its own CA for all reasons".to_owned()
            }),
            None => "no distribution point".to_owned(),
        };
        format!(
            "the distribution point {}, and the certificate names {points} \
             (cRLDistributionPoints)",
            scope.describe_names()
        )
    } else if scope.only_ca_certs {
        "certificates of CAs alone".to_owned()
    } else {
        "certificates of others than CAs alone".to_owned()
    };
    unknown(format!(
        "no CRL covers the certificate of '{subject}': the one of '{issuer}' is \
         for {is_for}, add the one that covers this certificate (RFC 5280, section 6.3.3)"
    ))
}

/// Every CRL of the issuer has a thisUpdate in the future.
pub(in crate::trust) fn not_yet_issued(certificate: &CertificateRef<'_>, crl: &Crl) -> VerifyError {
    unknown(format!(
        "no CRL covers the certificate of '{}': the one of '{}' is from the \
         future ({}), check the clocks of both sides",
        subject_of(certificate),
        issuer_of(certificate),
        pki::format_utc(crl.this_update())
    ))
}

/// The CRL's nextUpdate, in seconds since the epoch, has passed.
pub(in crate::trust) fn expired(
    certificate: &CertificateRef<'_>,
    end: i64,
    now: UnixTime,
) -> VerifyError {
    let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
    unknown(format!(
        "no current CRL covers the certificate of '{}': the nextUpdate of the one at hand was {} \
         ({} ago), get a newer one",
        subject_of(certificate),
        pki::format_utc(end),
        pki::format_duration(now.saturating_sub(end)),
    ))
}

/// Another CA has the issuer's name, or the CRL is forged.
pub(in crate::trust) fn wrong_key(certificate: &CertificateRef<'_>) -> VerifyError {
    unknown(format!(
        "no CRL for the certificate of '{}' is signed with the key of its issuer '{}': another CA \
         has the same name, or the CRL is forged",
        subject_of(certificate),
        issuer_of(certificate)
    ))
}

/// A CA signed a CRL although its key usage does not allow that.
pub(in crate::trust) fn issuer_lacks_crl_sign(
    issuer: &CertificateRef<'_>,
    is_anchor: bool,
) -> VerifyError {
    let kind = if is_anchor { "root" } else { "CA" };
    unknown(format!(
        "the {kind} '{}' may not sign CRLs: its key usage does not include cRLSign, so its CRL \
         says nothing",
        subject_of(issuer)
    ))
}
