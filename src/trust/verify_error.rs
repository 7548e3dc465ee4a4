//! The reason why a chain is rejected, as a status and a sentence, and the alert for it.

use std::sync::Arc;

use rustls::CertificateError;

use crate::pki::{Certificate, CertificateRef};
use crate::{Error, Status};

/// One reason to reject a chain.
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

    /// The error for a certificate, or one of its extensions, that violates the standard.
    pub(super) fn malformed(certificate: &CertificateRef<'_>, what: &str) -> Self {
        let subject = subject_of(certificate);
        let sentence = format!("certificate of '{subject}' is malformed: {what}");
        Self::new(Status::CertificateMalformed, sentence)
    }

    pub(super) fn into_error(self) -> Error {
        Error::new(self.status, self.sentence)
    }

    /// Returns the rustls error that sends the matching alert.
    pub(super) fn alert(&self) -> rustls::Error {
        alert_for(self.status)
    }
}

/// Returns the rustls error that sends the alert for this status (RFC 8446, section 6.2),
/// whether ours or the application's.
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
        // rustls sends handshake_failure for errors that are neither InvalidCertificate nor
        // PeerMisbehaved.
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
        // Sends access_denied: a pin did not match, or the application rejected the peer.
        _ => E::ApplicationVerificationFailure,
    };
    alert.into()
}

/// Returns the subject of a certificate for an error.
pub(super) fn subject_of(certificate: &CertificateRef<'_>) -> String {
    match Certificate::from_der(certificate.der) {
        Ok(parsed) => parsed.subject().to_owned(),
        Err(_) => certificate
            .subject_name()
            .map(|name| name.to_string())
            .unwrap_or_else(|_| "a name that cannot be read".to_owned()),
    }
}
