//! Keys that a verified peer may not have, and that signatures of handshakes can be
//! verified with all the same: for peers that are accepted unverified, or pinned.

use aws_lc_rs::signature::{ECDSA_P256K1_SHA256_ASN1, UnparsedPublicKey};
use const_oid::AssociatedOid;
use rsa::BoxedUint;
use rsa::signature::Verifier;
use rsa::{pkcs1v15, pss};
use rustls::{CertificateError, DigitallySignedStruct, Error, PeerMisbehaved, SignatureScheme};
use sha2::{Sha256, Sha384, Sha512};

use super::keys;
use crate::pki::{Outline, rsa_numbers};

/// The schemes of RSASSA-PSS keys (RFC 8446, section 4.2.3), for which rustls has no names.
pub(super) const RSASSA_PSS: [SignatureScheme; 3] = [
    SignatureScheme::Unknown(0x0809),
    SignatureScheme::Unknown(0x080a),
    SignatureScheme::Unknown(0x080b),
];

/// The sizes of RSA moduli, in bits.  A larger one would take a peer's word for how long
/// its verification takes.
const RSA_BITS: std::ops::RangeInclusive<usize> = 512..=16_384;

const RSA_ENCRYPTION: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
const ID_RSASSA_PSS: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0a];
const EC: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
/// The element of EC parameters that names secp256k1.
const SECP256K1: &[u8] = &[0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x0a];

enum Key<'a> {
    Rsa(rsa::PublicKey),
    /// Parameters that limit it are not looked at: what counts is who has the key.
    RsassaPss(rsa::PublicKey),
    /// The point.
    Secp256k1(&'a [u8]),
}

impl<'a> Key<'a> {
    /// `None` for every other kind, also for those that a verified peer may have.
    fn of(certificate: &Outline<'a>) -> Option<Self> {
        let key = certificate.public_key()?;
        match (key.algorithm, key.parameters) {
            (RSA_ENCRYPTION, _) => rsa_key(key.key).map(Self::Rsa),
            (ID_RSASSA_PSS, _) => rsa_key(key.key).map(Self::RsassaPss),
            (EC, Some(SECP256K1)) => Some(Self::Secp256k1(key.key)),
            _ => None,
        }
    }
}

fn rsa_key(der: &[u8]) -> Option<rsa::PublicKey> {
    let (modulus, exponent) = rsa_numbers(der)?;
    let number = BoxedUint::from_be_slice_vartime;
    rsa::PublicKey::new_with_size_limits(number(modulus), number(exponent), RSA_BITS).ok()
}

/// Whether only the functions here can verify with the key of a certificate.
pub(super) fn is_needed(certificate: &Outline<'_>) -> bool {
    !keys::is_supported(certificate)
}

/// Whether signatures of handshakes can be verified with the key of a certificate.
pub(super) fn is_usable(certificate: &Outline<'_>) -> bool {
    keys::is_supported(certificate) || Key::of(certificate).is_some()
}

/// Verifies the signature of a handshake (RFC 8446, section 4.4.3; RFC 5246, section 7.4.3).
pub(super) fn verify(
    message: &[u8],
    certificate: &Outline<'_>,
    signed: &DigitallySignedStruct,
    is_tls13: bool,
) -> Result<(), Error> {
    use SignatureScheme as S;
    let signature = signed.signature();
    let [sha256, sha384, sha512] = RSASSA_PSS;
    let is_valid = match (Key::of(certificate), signed.scheme) {
        (Some(Key::Rsa(key)), S::RSA_PSS_SHA256) => pss::<Sha256>(key, message, signature),
        (Some(Key::Rsa(key)), S::RSA_PSS_SHA384) => pss::<Sha384>(key, message, signature),
        (Some(Key::Rsa(key)), S::RSA_PSS_SHA512) => pss::<Sha512>(key, message, signature),
        (Some(Key::RsassaPss(key)), scheme) if scheme == sha256 => {
            pss::<Sha256>(key, message, signature)
        }
        (Some(Key::RsassaPss(key)), scheme) if scheme == sha384 => {
            pss::<Sha384>(key, message, signature)
        }
        (Some(Key::RsassaPss(key)), scheme) if scheme == sha512 => {
            pss::<Sha512>(key, message, signature)
        }
        // TLS 1.3 has done away with these (RFC 8446, section 4.2.3).
        (Some(Key::Rsa(key)), S::RSA_PKCS1_SHA256) if !is_tls13 => {
            pkcs1::<Sha256>(key, message, signature)
        }
        (Some(Key::Rsa(key)), S::RSA_PKCS1_SHA384) if !is_tls13 => {
            pkcs1::<Sha384>(key, message, signature)
        }
        (Some(Key::Rsa(key)), S::RSA_PKCS1_SHA512) if !is_tls13 => {
            pkcs1::<Sha512>(key, message, signature)
        }
        (Some(Key::Secp256k1(point)), S::ECDSA_NISTP256_SHA256) if !is_tls13 => {
            let key = UnparsedPublicKey::new(&ECDSA_P256K1_SHA256_ASN1, point);
            key.verify(message, signature).is_ok()
        }
        _ => return Err(PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme.into()),
    };
    match is_valid {
        true => Ok(()),
        false => Err(CertificateError::BadSignature.into()),
    }
}

fn pss<D: sha2::Digest + sha2::digest::FixedOutputReset>(
    key: rsa::PublicKey,
    message: &[u8],
    signature: &[u8],
) -> bool {
    let key = pss::VerifyingKey::<D>::new(key);
    let signature = pss::Signature::try_from(signature);
    signature.is_ok_and(|signature| key.verify(message, &signature).is_ok())
}

fn pkcs1<D: sha2::Digest + AssociatedOid>(
    key: rsa::PublicKey,
    message: &[u8],
    signature: &[u8],
) -> bool {
    let key = pkcs1v15::VerifyingKey::<D>::new(key);
    let signature = pkcs1v15::Signature::try_from(signature);
    signature.is_ok_and(|signature| key.verify(message, &signature).is_ok())
}
