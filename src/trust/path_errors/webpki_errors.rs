//! A sentence for every webpki error, without naming the certificate.

use webpki::Error as PathError;

/// Describes why a certificate or a path is rejected, without naming the certificate.
#[allow(deprecated)] // webpki no longer returns the deprecated variants, but may.
pub(in crate::trust) fn describe(error: &PathError) -> String {
    use PathError as E;
    let why = match error {
        E::BadDer => "it is not valid DER (X.690)",
        E::BadDerTime => "a time in it is not one that RFC 5280, section 4.1.2.5, allows",
        E::TrailingData(_) => "it has trailing bytes, or more than the 65,535 that are supported",
        E::CaUsedAsEndEntity => "it is a CA certificate, which cannot authenticate a peer",
        E::EndEntityUsedAsCa => "it issued another certificate and is not a CA",
        E::CertDistrusted => "it is distrusted",
        E::CertExpired { .. } => "it is expired",
        E::CertNotValidYet { .. } => "it is not valid yet",
        E::CertNotValidForName(_) => "it is for another name",
        E::CertRevoked => "it is revoked",
        E::CrlExpired { .. } => "the CRL that covers it has expired",
        E::EmptyEkuExtension => "its extended key usage is empty, so it permits no use",
        E::RequiredEkuNotFound | E::RequiredEkuNotFoundContext(_) => {
            "its extended key usage does not permit this use"
        }
        E::ExtensionValueInvalid => "an extension occurs twice, or does not parse",
        E::InvalidCertValidity => "its notAfter is before its notBefore",
        E::InvalidCrlNumber => "the number of its CRL is not valid",
        E::InvalidNetworkMaskConstraint => {
            "a name constraint on addresses has a mask that is not a prefix"
        }
        E::InvalidSerialNumber => "its serial number is not valid",
        E::InvalidCrlSignatureForPublicKey => "the CRL that covers it is not signed by its issuer",
        E::InvalidSignatureForPublicKey => "its signature does not verify",
        E::IssuerNotCrlSigner => "its issuer may not sign CRLs",
        E::MalformedDnsIdentifier => "a DNS name in it is not valid",
        E::MalformedExtensions => "its extensions do not parse",
        E::MalformedNameConstraint => "its name constraints do not parse",
        E::MaximumNameConstraintComparisonsExceeded => {
            "its names would have to be compared with too many name constraints"
        }
        E::MaximumPathBuildCallsExceeded | E::MaximumSignatureChecksExceeded => {
            "the certificates sent with it form too many paths"
        }
        E::MaximumPathDepthExceeded => "it is more than 6 CAs away from every root",
        E::NameConstraintViolation => "it violates a name constraint of a CA above it",
        E::PathLenConstraintViolated => "it exceeds the path length of a CA above it",
        E::SignatureAlgorithmMismatch => "its two signature algorithms differ",
        E::UnknownIssuer => "its issuer is not known",
        E::UnknownRevocationStatus => "no CRL covers it",
        E::UnsupportedCertVersion => {
            "it is not of version 3, so it has no alternative names and no key usage: have it \
             reissued"
        }
        E::UnsupportedCriticalExtension => "it has a critical extension that is not supported",
        E::UnsupportedNameType => "names of that kind are not supported",
        E::UnsupportedSignatureAlgorithm | E::UnsupportedSignatureAlgorithmContext(_) => {
            "it is signed with an algorithm that is not supported"
        }
        E::UnsupportedSignatureAlgorithmForPublicKey
        | E::UnsupportedSignatureAlgorithmForPublicKeyContext(_) => {
            "the key of its issuer does not fit its signature, or is not supported"
        }
        E::UnsupportedCrlVersion
        | E::UnsupportedDeltaCrl
        | E::UnsupportedIndirectCrl
        | E::UnsupportedCrlIssuingDistributionPoint
        | E::UnsupportedRevocationReason
        | E::UnsupportedRevocationReasonsPartitioning
        | E::UnsupportedCrlSignatureAlgorithm
        | E::UnsupportedCrlSignatureAlgorithmContext(_)
        | E::UnsupportedCrlSignatureAlgorithmForPublicKey
        | E::UnsupportedCrlSignatureAlgorithmForPublicKeyContext(_) => {
            return format!(
                "the CRL that covers it cannot be used: {}",
                describe_crl(error)
            );
        }
        _ => UNKNOWN,
    };
    why.to_owned()
}

/// For variants added in later versions of webpki.
pub(super) const UNKNOWN: &str = "it violates RFC 5280 in a way unknown to this version";

/// Describes why a CRL cannot be used.
#[allow(deprecated)] // webpki no longer returns the deprecated variants, but may.
pub(in crate::trust) fn describe_crl(error: &PathError) -> String {
    use PathError as E;
    let why = match error {
        E::BadDer | E::BadDerTime | E::TrailingData(_) => "it is not valid DER (X.690)",
        E::UnsupportedCrlVersion => {
            "it is of version 1, and RFC 5280, section 5.1.2.1, asks for version 2: have its CA \
             reissue it"
        }
        E::InvalidCrlNumber => "its number is not valid (RFC 5280, section 5.2.3)",
        E::InvalidSerialNumber => "a serial number in it is not valid",
        E::MalformedExtensions | E::ExtensionValueInvalid => "its extensions do not parse",
        E::UnsupportedCriticalExtension => "it has a critical extension that is not supported",
        E::UnsupportedDeltaCrl => "it is a delta CRL, and complete ones are needed",
        E::UnsupportedIndirectCrl => {
            "it covers certificates of several CAs, and CRLs of one CA are needed"
        }
        E::UnsupportedCrlIssuingDistributionPoint => {
            "its issuing distribution point is of an unsupported kind"
        }
        E::UnsupportedRevocationReason => "a reason in it is not one of RFC 5280, section 5.3.1",
        E::UnsupportedRevocationReasonsPartitioning => {
            "it covers only some revocation reasons, and CRLs for all are needed"
        }
        E::UnsupportedCrlSignatureAlgorithm | E::UnsupportedCrlSignatureAlgorithmContext(_) => {
            "it is signed with an algorithm that is not supported"
        }
        E::UnsupportedCrlSignatureAlgorithmForPublicKey
        | E::UnsupportedCrlSignatureAlgorithmForPublicKeyContext(_) => {
            "the key of its issuer does not fit its signature, or is not supported"
        }
        _ => UNKNOWN,
    };
    why.to_owned()
}
