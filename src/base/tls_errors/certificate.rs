//! Certificate and CRL errors that come from rustls.  Path validation has its own errors
//! (`trust::path_errors`).

use rustls::{CertRevocationListError, CertificateError};

/// Describes why a certificate is rejected.
#[allow(deprecated)] // Only rustls may return the deprecated variants.
pub(super) fn certificate(error: &CertificateError) -> &'static str {
    use CertificateError as E;
    match error {
        E::BadEncoding => "it does not parse (RFC 5280, section 4.1)",
        E::Expired | E::ExpiredContext { .. } => "it is expired",
        E::NotValidYet | E::NotValidYetContext { .. } => "it is not valid yet",
        E::Revoked => "it is revoked",
        E::UnhandledCriticalExtension => "it has a critical extension that is not supported",
        E::UnknownIssuer => "it does not chain to a trusted root",
        E::UnknownRevocationStatus => "no CRL covers it",
        E::ExpiredRevocationList | E::ExpiredRevocationListContext { .. } => {
            "the CRL that covers it has expired"
        }
        E::BadSignature => "a signature does not verify with its key or that of its issuer",
        E::UnsupportedSignatureAlgorithm | E::UnsupportedSignatureAlgorithmContext { .. } => {
            "a signature uses an algorithm that is not supported"
        }
        E::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
            "a signature uses an algorithm that does not fit the key"
        }
        E::NotValidForName | E::NotValidForNameContext { .. } => "it is for another name",
        E::InvalidPurpose | E::InvalidPurposeContext { .. } => {
            "its extended key usage excludes this use (RFC 5280, section 4.2.1.12)"
        }
        E::InvalidOcspResponse => "its OCSP response is not accepted",
        E::ApplicationVerificationFailure => "the application refused it",
        E::Other(_) => UNKNOWN_CERTIFICATE,
        _ => UNKNOWN_CERTIFICATE,
    }
}

/// Also for variants added in later versions of rustls.
pub(super) const UNKNOWN_CERTIFICATE: &str = "it cannot be verified";

/// Describes why a CRL cannot be used.
#[allow(deprecated)] // Only rustls may return the deprecated variant.
pub(super) fn crl(error: &CertRevocationListError) -> &'static str {
    use CertRevocationListError as E;
    match error {
        E::BadSignature => "its signature does not verify with the key of its issuer",
        E::UnsupportedSignatureAlgorithm | E::UnsupportedSignatureAlgorithmContext { .. } => {
            "its signature uses an algorithm that is not supported"
        }
        E::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
            "its signature uses an algorithm that does not fit the key of its issuer"
        }
        E::InvalidCrlNumber => "its number is not valid (RFC 5280, section 5.2.3)",
        E::InvalidRevokedCertSerialNumber => {
            "a serial number in it is not valid (RFC 5280, section 4.1.2.2)"
        }
        E::IssuerInvalidForCrl => {
            "its issuer may not sign CRLs: its key usage lacks cRLSign (RFC 5280, section 4.2.1.3)"
        }
        E::Other(_) => UNKNOWN_CRL,
        E::ParseError => "it does not parse (RFC 5280, section 5.1)",
        E::UnsupportedCrlVersion => "it is not of version 2 (RFC 5280, section 5.1.2.1)",
        E::UnsupportedCriticalExtension => "it has a critical extension that is not supported",
        E::UnsupportedDeltaCrl => "it is a delta CRL, and complete ones are needed",
        E::UnsupportedIndirectCrl => {
            "it covers certificates of several CAs, and CRLs of one CA are needed"
        }
        E::UnsupportedRevocationReason => {
            "a reason in it is not one of those in RFC 5280, section 5.3.1"
        }
        _ => UNKNOWN_CRL,
    }
}

/// Also for variants added in later versions of rustls.
pub(super) const UNKNOWN_CRL: &str = "it cannot be verified";

#[cfg(test)]
mod tests;
