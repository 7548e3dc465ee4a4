//! Why a chain is refused: what is wrong, and the sentence that says so.

use std::sync::Arc;

use rustls::CertificateError;

use crate::pki::{Certificate, CertificateRef};
use crate::{Error, Status};

/// One reason to refuse a chain.
#[derive(Clone, Debug)]
pub(super) struct VerifyError {
    pub(super) status: Status,
    pub(super) sentence: String,
}

impl VerifyError {
    pub(super) fn new(status: Status, sentence: impl Into<String>) -> Self {
        Self {
            status,
            sentence: sentence.into(),
        }
    }

    /// A certificate, or one of its extensions, that does not follow the standard.
    pub(super) fn malformed(certificate: &CertificateRef<'_>, what: &str) -> Self {
        let subject = subject_of(certificate);
        let sentence = format!("certificate of '{subject}' is malformed: {what}");
        Self::new(Status::CertificateMalformed, sentence)
    }

    pub(super) fn into_error(self) -> Error {
        Error::new(self.status, self.sentence)
    }

    /// The error that makes rustls send the alert that fits.
    pub(super) fn alert(&self) -> rustls::Error {
        alert_for(self.status)
    }
}

/// The error that makes rustls send the alert that fits a refusal with this status (RFC 8446,
/// section 6.2), ours or an application's.
pub(super) fn alert_for(status: Status) -> rustls::Error {
    use CertificateError as E;
    use Status as S;
    let alert = match status {
        S::CertificateExpired => E::Expired,
        S::CertificateNotYetValid => E::NotValidYet,
        S::CertificateUnknownIssuer | S::CertificateNotACa => E::UnknownIssuer,
        S::CertificateNameMismatch => E::NotValidForName,
        S::CertificateRevoked => E::Revoked,
        S::CertificateOcsp => E::InvalidOcspResponse,
        S::CertificateBadSignature => E::BadSignature,
        S::CertificateWrongUsage => E::InvalidPurpose,
        S::CertificateMalformed => E::BadEncoding,
        // It makes a handshake_failure of all that is not about a certificate.
        S::NoCommon => return rustls::Error::General(status.phrase().to_owned()),
        S::Certificate
        | S::CertificateMissing
        | S::CertificateUnknownRevocation
        | S::CertificateNotAnEndEntity
        | S::CertificateConstraint
        | S::CertificatePathTooLong
        | S::CertificateWeakKey
        | S::CertificateUnsupportedKey
        | S::CertificateUnsupportedExtension => {
            E::Other(rustls::OtherError(Arc::new(Error::from(status))))
        }
        // An access_denied: a pin or the application refused.
        _ => E::ApplicationVerificationFailure,
    };
    alert.into()
}

/// The subject of a certificate, for a sentence.
pub(super) fn subject_of(certificate: &CertificateRef<'_>) -> String {
    match Certificate::from_der(certificate.der) {
        Ok(parsed) => parsed.subject().to_owned(),
        Err(_) => certificate
            .subject_name()
            .map(|name| name.to_string())
            .unwrap_or_else(|_| "a name that cannot be read".to_owned()),
    }
}
