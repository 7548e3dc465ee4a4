//! Signatures with the key of a certificate, whatever else the certificate says.

use der::Decode;
use der::asn1::AnyRef;
use rustls_pki_types::{CertificateDer, SubjectPublicKeyInfoDer};
use webpki::RawPublicKeyEntity;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::verify_tls13_signature_with_raw_key;
use rustls::{CertificateError, DigitallySignedStruct, PeerMisbehaved, SignatureScheme};

use crate::pki::Outline;
use crate::provider::provider;

/// Whether a certificate is signed with its own key.  Old algorithms, such as SHA-1, are
/// not verified: there the names have to do, as they do in OpenSSL.
pub(super) fn is_self_signed(certificate: &Outline<'_>) -> bool {
    certificate.is_self_issued()
        && (!is_known(certificate.algorithms[1]) || is_issued_with(certificate, certificate.spki))
}

/// Whether a certificate is signed with this key.
pub(super) fn is_issued_with(certificate: &Outline<'_>, spki: &[u8]) -> bool {
    is_signed_with(
        spki,
        certificate.algorithms[1],
        certificate.tbs,
        certificate.signature,
    )
}

/// Whether signatures by this algorithm identifier, in DER, can be verified.
pub(super) fn is_known(algorithm: &[u8]) -> bool {
    let content = AnyRef::from_der(algorithm).map(|algorithm| algorithm.value());
    let mut known = provider().signature_verification_algorithms.all.iter();
    content.is_ok_and(|content| known.any(|known| *known.signature_alg_id() == *content))
}

/// Whether `message` is signed with a key, by an algorithm identifier in DER.
pub(super) fn is_signed_with(
    spki: &[u8],
    algorithm: &[u8],
    message: &[u8],
    signature: &[u8],
) -> bool {
    let spki = SubjectPublicKeyInfoDer::from(spki);
    let (Ok(key), Ok(algorithm)) = (
        RawPublicKeyEntity::try_from(&spki),
        AnyRef::from_der(algorithm),
    ) else {
        return false;
    };
    let known = provider().signature_verification_algorithms.all.iter();
    let mut fitting = known.filter(|known| algorithm.value() == &*known.signature_alg_id());
    fitting.any(|known| key.verify_signature(*known, message, signature).is_ok())
}

// Handshakes are verified with the key alone: rustls' own functions parse the certificate
// as webpki does, and refuse there what `insecure` and pinned certificates may be.

/// Verifies the signature of a TLS 1.3 handshake (RFC 8446, section 4.4.3).
pub(super) fn verify_tls13(
    message: &[u8],
    certificate: &CertificateDer<'_>,
    signed: &DigitallySignedStruct,
) -> Result<HandshakeSignatureValid, rustls::Error> {
    let spki = spki_of(certificate)?;
    let algorithms = &provider().signature_verification_algorithms;
    verify_tls13_signature_with_raw_key(message, &spki, signed, algorithms)
}

/// Verifies the signature of a TLS 1.2 handshake (RFC 5246, section 7.4.3).
pub(super) fn verify_tls12(
    message: &[u8],
    certificate: &CertificateDer<'_>,
    signed: &DigitallySignedStruct,
) -> Result<HandshakeSignatureValid, rustls::Error> {
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
    let spki = spki_of(certificate)?;
    let key = RawPublicKeyEntity::try_from(&spki).map_err(|_| CertificateError::BadEncoding)?;
    let mut outcomes = algorithms
        .iter()
        .map(|algorithm| key.verify_signature(*algorithm, message, signed.signature()));
    match outcomes.any(|outcome| outcome.is_ok()) {
        true => Ok(HandshakeSignatureValid::assertion()),
        false => Err(CertificateError::BadSignature.into()),
    }
}

fn spki_of<'a>(
    certificate: &'a CertificateDer<'_>,
) -> Result<SubjectPublicKeyInfoDer<'a>, rustls::Error> {
    let outline = Outline::from_der(certificate).map_err(|_| CertificateError::BadEncoding)?;
    Ok(SubjectPublicKeyInfoDer::from(outline.spki))
}
