//! The strict profile of RFC 5280, as OpenSSL's X509_V_FLAG_X509_STRICT requires it: what
//! certificates must have although path validation could do without.

use der::Decode;
use der::asn1::AnyRef;

use super::path_validation::Path;
use super::verify_error::{VerifyError, subject_of};
use crate::Status;
use crate::pki::{CertificateRef, extension_oid as oid};

/// Checks every certificate of a path.
pub(super) fn check(path: &Path<'_, '_>) -> Result<(), VerifyError> {
    for certificate in path.certificates() {
        let is_anchor = path
            .anchor
            .is_some_and(|anchor| std::ptr::eq(anchor, certificate));
        if let Some(rule) = broken(certificate, is_anchor).map_err(|_| {
            VerifyError::malformed(certificate, "one of its extensions does not parse")
        })? {
            let subject = subject_of(certificate);
            let sentence = format!(
                "certificate of '{subject}' violates RFC 5280, which strict verification requires: \
                 {rule}"
            );
            return Err(VerifyError::new(Status::CertificateMalformed, sentence));
        }
    }
    Ok(())
}

/// Returns the first rule that a certificate violates.
fn broken(certificate: &CertificateRef<'_>, is_anchor: bool) -> der::Result<Option<&'static str>> {
    let has = |oid: &[u8]| certificate.extension(oid).is_some();
    let is_critical = |oid: &[u8]| certificate.extension(oid).is_some_and(|one| one.critical);
    let constraints = certificate.basic_constraints()?;
    let is_ca = constraints.is_some_and(|(is_ca, _)| is_ca);
    let path_len = constraints.and_then(|(_, path_len)| path_len);
    let signs_certificates = has(oid::KEY_USAGE) && certificate.allows_key_usage("keyCertSign")?;
    let signs_crls = has(oid::KEY_USAGE) && certificate.allows_key_usage("cRLSign")?;
    let names = certificate.alternative_names()?;
    let subject_is_empty = is_empty(certificate.subject);
    let is_v3 = certificate.version == 3;
    let rules = [
        (
            path_len.is_some() && !is_ca,
            "it has a path length without being a CA (section 4.2.1.9)",
        ),
        (
            path_len.is_some() && !signs_certificates,
            "it has a path length and no key usage with keyCertSign (section 4.2.1.9)",
        ),
        (
            is_ca && !is_critical(oid::BASIC_CONSTRAINTS),
            "it is a CA whose basic constraints are not critical (section 4.2.1.9)",
        ),
        (
            is_ca && is_v3 && !has(oid::KEY_USAGE),
            "it is a CA without key usage (section 4.2.1.3)",
        ),
        (
            !is_ca && signs_certificates,
            "its key usage has keyCertSign and it is no CA (section 4.2.1.3)",
        ),
        (
            is_empty(certificate.issuer),
            "its issuer is empty (section 4.1.2.4)",
        ),
        (
            subject_is_empty && (is_ca || signs_crls || names.is_none()),
            "its subject is empty (section 4.1.2.6)",
        ),
        (
            subject_is_empty && names.is_some() && !is_critical(oid::SUBJECT_ALT_NAME),
            "its subject is empty and its subjectAltName is not critical (section 4.2.1.6)",
        ),
        (
            names.is_some_and(|names| names.is_empty()),
            "its subjectAltName is empty (section 4.2.1.6)",
        ),
        (
            certificate.algorithms[0] != certificate.algorithms[1],
            "its two signature algorithms differ (section 4.1.1.2)",
        ),
        (
            is_critical(oid::AUTHORITY_KEY_ID),
            "its authority key identifier is critical (section 4.2.1.1)",
        ),
        (
            is_critical(oid::SUBJECT_KEY_ID),
            "its subject key identifier is critical (section 4.2.1.2)",
        ),
        (
            is_v3 && !has(oid::AUTHORITY_KEY_ID) && !(is_anchor && certificate.is_self_issued()),
            "it has no authority key identifier (section 4.2.1.1)",
        ),
        (
            is_ca && is_v3 && !has(oid::SUBJECT_KEY_ID),
            "it is a CA without subject key identifier (section 4.2.1.2)",
        ),
        (
            !is_v3 && !certificate.extensions.is_empty(),
            "it has extensions and is not of version 3 (section 4.1.2.1)",
        ),
    ];
    let mut rules = rules.into_iter();
    Ok(rules.find(|(breaks, _)| *breaks).map(|(_, rule)| rule))
}

/// Returns whether a name has no RDN.
fn is_empty(name: &[u8]) -> bool {
    AnyRef::from_der(name).is_ok_and(|name| name.value().is_empty())
}
