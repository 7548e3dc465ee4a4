//! Signatures of certificates and CRLs with the key of a certificate, whatever else the
//! certificate says.

use der::Decode;
use der::asn1::AnyRef;
use rustls_pki_types::SubjectPublicKeyInfoDer;
use webpki::RawPublicKeyEntity;

use crate::base::provider::provider;
use crate::pki::CertificateRef;

/// Whether a certificate is signed with its own key.  Old algorithms, such as SHA-1, are
/// not verified: there the names have to do, as they do in OpenSSL.
pub(super) fn is_self_signed(certificate: &CertificateRef<'_>) -> bool {
    certificate.is_self_issued()
        && (!is_known(certificate.algorithms[1]) || is_issued_with(certificate, certificate.spki))
}

/// Whether a certificate is signed with this key.
pub(super) fn is_issued_with(certificate: &CertificateRef<'_>, spki: &[u8]) -> bool {
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
