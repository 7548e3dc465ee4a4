//! Why a chain is refused: what is wrong, and the sentence that says so.

use std::sync::Arc;

use rustls::CertificateError;

use crate::pki::{Certificate, Outline};
use crate::{CertificateProblem as Problem, Error, Status};

/// One reason to refuse a chain.
#[derive(Clone, Debug)]
pub(super) struct Finding {
    pub(super) status: Status,
    pub(super) problem: Problem,
    pub(super) sentence: String,
}

impl Finding {
    /// With the status that goes with the problem.
    pub(super) fn new(problem: Problem, sentence: impl Into<String>) -> Self {
        let status = match problem {
            Problem::Expired | Problem::NotValidYet => Status::CertificateTime,
            Problem::UnknownIssuer | Problem::NotACa | Problem::BadSignature => {
                Status::CertificateUntrusted
            }
            Problem::NameMismatch => Status::CertificateName,
            Problem::Revoked | Problem::UnknownRevocation => Status::CertificateRevoked,
            Problem::Pin => Status::CertificateRefused,
            _ => Status::Certificate,
        };
        Self {
            status,
            problem,
            sentence: sentence.into(),
        }
    }

    /// A certificate, or one of its extensions, that does not follow the standard.
    pub(super) fn malformed(certificate: &Outline<'_>, what: &str) -> Self {
        let subject = subject_of(certificate);
        let sentence = format!("certificate of '{subject}' is malformed: {what}");
        Self::new(Problem::Malformed, sentence)
    }

    pub(super) fn into_error(self) -> Error {
        Error::certificate(self.status, self.problem, self.sentence)
    }

    /// The error that makes rustls send the alert that fits (RFC 8446, section 6.2).
    pub(super) fn alert(&self) -> CertificateError {
        match self.problem {
            Problem::Expired => CertificateError::Expired,
            Problem::NotValidYet => CertificateError::NotValidYet,
            Problem::UnknownIssuer | Problem::NotACa => CertificateError::UnknownIssuer,
            Problem::NameMismatch => CertificateError::NotValidForName,
            Problem::Revoked => CertificateError::Revoked,
            Problem::BadSignature => CertificateError::BadSignature,
            Problem::WrongUsage => CertificateError::InvalidPurpose,
            Problem::Malformed => CertificateError::BadEncoding,
            _ => {
                let reason = Error::from(self.status);
                CertificateError::Other(rustls::OtherError(Arc::new(reason)))
            }
        }
    }
}

/// The subject of a certificate, for a sentence.
pub(super) fn subject_of(certificate: &Outline<'_>) -> String {
    match Certificate::from_der(certificate.der) {
        Ok(parsed) => parsed.subject().to_owned(),
        Err(_) => certificate
            .subject_name()
            .map(|name| name.to_string())
            .unwrap_or_else(|_| "a name that cannot be read".to_owned()),
    }
}
