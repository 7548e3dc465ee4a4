//! Handshake signatures, which prove that a peer has the private key of its certificate.
//!
//! Only the public key is used. rustls' own functions parse the certificate with webpki,
//! which rejects some certificates that `insecure` contexts and pins accept.

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::verify_tls13_signature_with_raw_key;
use rustls::{CertificateError, DigitallySignedStruct, Error, PeerMisbehaved, SignatureScheme};
use rustls_pki_types::SubjectPublicKeyInfoDer;
use webpki::RawPublicKeyEntity;

use crate::base::provider::provider;

/// Verifies a handshake signature with a SubjectPublicKeyInfo.
pub(super) fn verify(
    message: &[u8],
    spki: &[u8],
    signed: &DigitallySignedStruct,
    is_tls13: bool,
) -> Result<HandshakeSignatureValid, Error> {
    let spki = SubjectPublicKeyInfoDer::from(spki);
    match is_tls13 {
        true => verify_tls13(message, &spki, signed),
        false => verify_tls12(message, &spki, signed),
    }
}

/// Verifies a TLS 1.3 handshake signature (RFC 8446, section 4.4.3).
fn verify_tls13(
    message: &[u8],
    spki: &SubjectPublicKeyInfoDer<'_>,
    signed: &DigitallySignedStruct,
) -> Result<HandshakeSignatureValid, Error> {
    let algorithms = &provider().signature_verification_algorithms;
    verify_tls13_signature_with_raw_key(message, spki, signed, algorithms)
}

/// Verifies a TLS 1.2 handshake signature (RFC 5246, section 7.4.3).
fn verify_tls12(
    message: &[u8],
    spki: &SubjectPublicKeyInfoDer<'_>,
    signed: &DigitallySignedStruct,
) -> Result<HandshakeSignatureValid, Error> {
    const TLS13_ONLY: [SignatureScheme; 3] = [
        SignatureScheme::ML_DSA_44,
        SignatureScheme::ML_DSA_65,
        SignatureScheme::ML_DSA_87,
    ];
    let mapping = provider().signature_verification_algorithms.mapping;
    let known = mapping.iter().find(|(scheme, _)| *scheme == signed.scheme);
    let Some((_, algorithms)) = known.filter(|_| !TLS13_ONLY.contains(&signed.scheme)) else {
        return Err(PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme.into());
    };
    let key = RawPublicKeyEntity::try_from(spki).map_err(|_| CertificateError::BadEncoding)?;
    let mut outcomes = algorithms
        .iter()
        .map(|algorithm| key.verify_signature(*algorithm, message, signed.signature()));
    match outcomes.any(|outcome| outcome.is_ok()) {
        true => Ok(HandshakeSignatureValid::assertion()),
        false => Err(CertificateError::BadSignature.into()),
    }
}
