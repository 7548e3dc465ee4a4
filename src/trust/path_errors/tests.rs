//! Every error of webpki, in source order.  `crate::base::tls_errors::tests` says what to
//! do when webpki is upgraded.

use std::time::Duration;

use rustls_pki_types::{ServerName, UnixTime};
use webpki::{
    DerTypeId, Error as E, InvalidNameContext, KeyUsage, RequiredEkuNotFoundContext,
    UnsupportedSignatureAlgorithmContext, UnsupportedSignatureAlgorithmForPublicKeyContext,
};

use super::webpki_errors::UNKNOWN;
use super::{describe, describe_crl};
use crate::base::tls_errors::tests::assert_sentences;

#[test]
#[allow(deprecated)] // Deprecated variants too.
fn describe_covers_every_webpki_path_error() {
    let time = UnixTime::since_unix_epoch(Duration::ZERO);
    let algorithm = UnsupportedSignatureAlgorithmContext {
        signature_algorithm_id: vec![],
        supported_algorithms: vec![],
    };
    let key = UnsupportedSignatureAlgorithmForPublicKeyContext {
        signature_algorithm_id: vec![],
        public_key_algorithm_id: vec![],
    };
    let all = [
        E::BadDer,
        E::BadDerTime,
        E::CaUsedAsEndEntity,
        E::CertDistrusted,
        E::CertExpired {
            time,
            not_after: time,
        },
        E::CertNotValidForName(InvalidNameContext {
            expected: ServerName::try_from("a.example").unwrap(),
            presented: vec![],
        }),
        E::CertNotValidYet {
            time,
            not_before: time,
        },
        E::CertRevoked,
        E::CrlExpired {
            time,
            next_update: time,
        },
        E::EmptyEkuExtension,
        E::EndEntityUsedAsCa,
        E::ExtensionValueInvalid,
        E::InvalidCertValidity,
        E::InvalidCrlNumber,
        E::InvalidNetworkMaskConstraint,
        E::InvalidSerialNumber,
        E::InvalidCrlSignatureForPublicKey,
        E::InvalidSignatureForPublicKey,
        E::IssuerNotCrlSigner,
        E::MalformedDnsIdentifier,
        E::MalformedExtensions,
        E::MalformedNameConstraint,
        E::MaximumNameConstraintComparisonsExceeded,
        E::MaximumPathBuildCallsExceeded,
        E::MaximumPathDepthExceeded,
        E::MaximumSignatureChecksExceeded,
        E::NameConstraintViolation,
        E::PathLenConstraintViolated,
        E::RequiredEkuNotFound,
        E::RequiredEkuNotFoundContext(RequiredEkuNotFoundContext {
            required: KeyUsage::server_auth(),
            present: vec![],
        }),
        E::SignatureAlgorithmMismatch,
        E::TrailingData(DerTypeId::CertificateExtensions),
        E::UnknownIssuer,
        E::UnknownRevocationStatus,
        E::UnsupportedCertVersion,
        E::UnsupportedCriticalExtension,
        E::UnsupportedCrlIssuingDistributionPoint,
        E::UnsupportedCrlVersion,
        E::UnsupportedDeltaCrl,
        E::UnsupportedIndirectCrl,
        E::UnsupportedNameType,
        E::UnsupportedRevocationReason,
        E::UnsupportedRevocationReasonsPartitioning,
        E::UnsupportedCrlSignatureAlgorithm,
        E::UnsupportedCrlSignatureAlgorithmContext(algorithm.clone()),
        E::UnsupportedSignatureAlgorithm,
        E::UnsupportedSignatureAlgorithmContext(algorithm.clone()),
        E::UnsupportedCrlSignatureAlgorithmForPublicKey,
        E::UnsupportedCrlSignatureAlgorithmForPublicKeyContext(key.clone()),
        E::UnsupportedSignatureAlgorithmForPublicKey,
        E::UnsupportedSignatureAlgorithmForPublicKeyContext(key.clone()),
    ];
    for (sentence, error) in assert_sentences(&all, describe, UNKNOWN).iter().zip(&all) {
        // The subject of the sentence is a certificate.
        let is_crl = format!("{error:?}").contains("Crl");
        assert!(!is_crl || sentence.contains("CRL"), "{error:?}: {sentence}");
    }
}

/// The errors that parsing a CRL or verifying its signature can return.
#[test]
#[allow(deprecated)] // Deprecated variants too.
fn describe_crl_covers_every_webpki_crl_error() {
    let all = [
        E::BadDer,
        E::BadDerTime,
        E::TrailingData(DerTypeId::CertificateExtensions),
        E::UnsupportedCrlVersion,
        E::InvalidCrlNumber,
        E::InvalidSerialNumber,
        E::MalformedExtensions,
        E::ExtensionValueInvalid,
        E::UnsupportedCriticalExtension,
        E::UnsupportedDeltaCrl,
        E::UnsupportedIndirectCrl,
        E::UnsupportedCrlIssuingDistributionPoint,
        E::UnsupportedRevocationReason,
        E::UnsupportedRevocationReasonsPartitioning,
        E::UnsupportedCrlSignatureAlgorithm,
        E::UnsupportedCrlSignatureAlgorithmForPublicKey,
    ];
    assert_sentences(&all, describe_crl, UNKNOWN);
}
