//! Verification of signatures on certificates and CRLs, with no other check of the
//! certificate that has the key.

use der::Decode;
use der::asn1::AnyRef;
use rustls_pki_types::SubjectPublicKeyInfoDer;
use webpki::RawPublicKeyEntity;

use crate::base::provider::provider;
use crate::pki::CertificateRef;

/// Returns whether a certificate is self-signed.  Legacy algorithms such as SHA-1 are not
/// verified: equal names suffice there, as in OpenSSL.
pub(super) fn is_self_signed(certificate: &CertificateRef<'_>) -> bool {
    certificate.is_self_issued()
        && (!is_known(certificate.algorithms[1]) || is_issued_with(certificate, certificate.spki))
}

/// Returns whether this key signed a certificate.
pub(super) fn is_issued_with(certificate: &CertificateRef<'_>, spki: &[u8]) -> bool {
    is_signed_with(
        spki,
        certificate.algorithms[1],
        certificate.tbs,
        certificate.signature,
    )
}

/// Returns whether signatures with this AlgorithmIdentifier (DER) can be verified.
pub(super) fn is_known(algorithm: &[u8]) -> bool {
    let content = AnyRef::from_der(algorithm).map(|algorithm| algorithm.value());
    let mut known = provider().signature_verification_algorithms.all.iter();
    content.is_ok_and(|content| known.any(|known| *known.signature_alg_id() == *content))
}

/// Returns whether a key signed `message` with this AlgorithmIdentifier (DER).
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
