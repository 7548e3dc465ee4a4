//! Every error of rustls about certificates and CRLs.

use std::sync::Arc;
use std::time::Duration;

use rustls::{CertRevocationListError, CertificateError, Error, ExtendedKeyPurpose, OtherError};
use rustls_pki_types::{ServerName, UnixTime};

use super::super::tests::{assert_sentence, assert_sentences};
use super::super::{UNKNOWN, describe};
use super::*;

#[test]
#[allow(deprecated)] // Deprecated variants too.
fn describe_covers_every_certificate_error() {
    use CertificateError as E;
    let time = UnixTime::since_unix_epoch(Duration::ZERO);
    let all = [
        E::BadEncoding,
        E::Expired,
        E::ExpiredContext {
            time,
            not_after: time,
        },
        E::NotValidYet,
        E::NotValidYetContext {
            time,
            not_before: time,
        },
        E::Revoked,
        E::UnhandledCriticalExtension,
        E::UnknownIssuer,
        E::UnknownRevocationStatus,
        E::ExpiredRevocationList,
        E::ExpiredRevocationListContext {
            time,
            next_update: time,
        },
        E::BadSignature,
        E::UnsupportedSignatureAlgorithm,
        E::UnsupportedSignatureAlgorithmContext {
            signature_algorithm_id: vec![],
            supported_algorithms: vec![],
        },
        E::UnsupportedSignatureAlgorithmForPublicKeyContext {
            signature_algorithm_id: vec![],
            public_key_algorithm_id: vec![],
        },
        E::NotValidForName,
        E::NotValidForNameContext {
            expected: ServerName::try_from("a.example").unwrap(),
            presented: vec![],
        },
        E::InvalidPurpose,
        E::InvalidPurposeContext {
            required: ExtendedKeyPurpose::ServerAuth,
            presented: vec![],
        },
        E::InvalidOcspResponse,
        E::ApplicationVerificationFailure,
    ];
    let explain = |one: &E| certificate(one).to_owned();
    assert_sentences(&all, explain, UNKNOWN_CERTIFICATE);
    let all = all.map(Error::from);
    assert_sentences(&all, describe, UNKNOWN);
    let other = E::Other(OtherError(Arc::new(std::fmt::Error)));
    assert_sentence(&describe(&other.into()), &"other");
}

#[test]
#[allow(deprecated)] // All variants, the old one too.
fn describe_covers_every_crl_error() {
    use CertRevocationListError as E;
    let all = [
        E::BadSignature,
        E::UnsupportedSignatureAlgorithm,
        E::UnsupportedSignatureAlgorithmContext {
            signature_algorithm_id: vec![],
            supported_algorithms: vec![],
        },
        E::UnsupportedSignatureAlgorithmForPublicKeyContext {
            signature_algorithm_id: vec![],
            public_key_algorithm_id: vec![],
        },
        E::InvalidCrlNumber,
        E::InvalidRevokedCertSerialNumber,
        E::IssuerInvalidForCrl,
        E::ParseError,
        E::UnsupportedCrlVersion,
        E::UnsupportedCriticalExtension,
        E::UnsupportedDeltaCrl,
        E::UnsupportedIndirectCrl,
        E::UnsupportedRevocationReason,
    ];
    let explain = |one: &E| crl(one).to_owned();
    assert_sentences(&all, explain, UNKNOWN_CRL);
    let other = E::Other(OtherError(Arc::new(std::fmt::Error)));
    assert_sentence(&describe(&other.into()), &"other");
}
