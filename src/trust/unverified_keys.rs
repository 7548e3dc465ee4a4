//! Handshake signatures of keys that a verified peer may not have, such as short RSA keys
//! or secp256k1.  Needed for peers that are accepted unverified, and for certificates
//! trusted by fingerprint.

use std::sync::Arc;

use aws_lc_rs::signature::{ECDSA_P256K1_SHA256_ASN1, UnparsedPublicKey};
use const_oid::db::rfc5912::{ID_EC_PUBLIC_KEY, SECP_256_R_1, SECP_384_R_1, SECP_521_R_1};
use const_oid::{AssociatedOid, ObjectIdentifier};
use der::asn1::{AnyRef, BitStringRef, UintRef};
use der::{Decode, Encode, SliceReader};
use rsa::BoxedUint;
use rsa::signature::Verifier;
use rsa::{pkcs1v15, pss};
use rustls::client::danger::HandshakeSignatureValid;
use rustls::{CertificateError, DigitallySignedStruct, Error, OtherError, SignatureScheme};
use sha2::{Sha256, Sha384, Sha512};
use spki::{AlgorithmIdentifier, SubjectPublicKeyInfo};

use super::{handshake_signature, key_policy};
use crate::pki::{CertificateRef, rsa_numbers};

/// The signature schemes of RSASSA-PSS keys (RFC 8446, section 4.2.3). rustls has no names
/// for them.
pub(super) const RSASSA_PSS: [SignatureScheme; 3] = [
    SignatureScheme::Unknown(0x0809),
    SignatureScheme::Unknown(0x080a),
    SignatureScheme::Unknown(0x080b),
];

/// The supported sizes of RSA moduli, in bits.  With larger ones, a peer could make
/// verification arbitrarily slow.
const RSA_BITS: std::ops::RangeInclusive<usize> = 512..=16_384;

/// The longest RSA signature, in bytes.
const MAX_SIGNATURE_BYTES: usize = *RSA_BITS.end() / 8;

const RSA_ENCRYPTION: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
const ID_RSASSA_PSS: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0a];
const EC: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
/// The OBJECT IDENTIFIER element of secp256k1 in EC parameters.
const SECP256K1: &[u8] = &[0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x0a];

const ALL_ONES: u32 = u32::MAX;

enum Key<'a> {
    Rsa(rsa::PublicKey),
    /// Parameters that restrict the key are ignored: only possession of the key matters.
    RsassaPss(rsa::PublicKey),
    /// The public point.
    Secp256k1(&'a [u8]),
    /// A SubjectPublicKeyInfo with a named curve in place of explicit parameters.
    Named(Vec<u8>),
}

impl<'a> Key<'a> {
    /// Returns `None` for other keys, including those that a verified peer may have.
    fn of(certificate: &CertificateRef<'a>) -> Option<Self> {
        let key = certificate.public_key()?;
        match (key.algorithm, key.parameters) {
            (RSA_ENCRYPTION, _) => rsa_key(key.key).map(Self::Rsa),
            (ID_RSASSA_PSS, _) => rsa_key(key.key).map(Self::RsassaPss),
            (EC, Some(SECP256K1)) => Some(Self::Secp256k1(key.key)),
            (EC, Some(parameters)) => {
                let curve = curve_of_explicit_parameters(parameters)?;
                named_curve_spki(curve, key.key).ok().map(Self::Named)
            }
            _ => None,
        }
    }
}

fn rsa_key(der: &[u8]) -> Option<rsa::PublicKey> {
    let (modulus, exponent) = rsa_numbers(der)?;
    let number = BoxedUint::from_be_slice_vartime;
    rsa::PublicKey::new_with_size_limits(number(modulus), number(exponent), RSA_BITS).ok()
}

/// Recognizes the curve of explicit EC parameters (RFC 3279, section 2.3.5) by its prime.
/// The other parameters are not compared: verification uses the named curve, so a signature
/// over a different curve fails.
fn curve_of_explicit_parameters(parameters: &[u8]) -> Option<ObjectIdentifier> {
    let parameters = AnyRef::from_der(parameters).ok()?;
    let mut parameters = SliceReader::new(parameters.value()).ok()?;
    UintRef::decode(&mut parameters).ok()?;
    let field = AnyRef::decode(&mut parameters).ok()?;
    let mut field = SliceReader::new(field.value()).ok()?;
    AnyRef::decode(&mut field).ok()?;
    let prime = UintRef::decode(&mut field).ok()?;
    // FIPS 186-4, appendix D.1.2, in 32-bit words.
    const P256: [u32; 8] = [ALL_ONES, 1, 0, 0, 0, ALL_ONES, ALL_ONES, ALL_ONES];
    const P384: [u32; 12] = [
        ALL_ONES,
        ALL_ONES,
        ALL_ONES,
        ALL_ONES,
        ALL_ONES,
        ALL_ONES,
        ALL_ONES,
        ALL_ONES - 1,
        ALL_ONES,
        0,
        0,
        ALL_ONES,
    ];
    const P521: [u32; 17] = {
        let mut words = [ALL_ONES; 17];
        words[0] = 0x01ff;
        words
    };
    let is = |words: &[u32]| {
        let bytes: Vec<_> = words.iter().flat_map(|word| word.to_be_bytes()).collect();
        let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
        prime.as_bytes() == &bytes[zeros..]
    };
    let curves = [
        (is(&P256), SECP_256_R_1),
        (is(&P384), SECP_384_R_1),
        (is(&P521), SECP_521_R_1),
    ];
    curves
        .into_iter()
        .find_map(|(is_it, name)| is_it.then_some(name))
}

fn named_curve_spki(curve: ObjectIdentifier, point: &[u8]) -> der::Result<Vec<u8>> {
    let info = SubjectPublicKeyInfo {
        algorithm: AlgorithmIdentifier {
            oid: ID_EC_PUBLIC_KEY,
            parameters: Some(curve),
        },
        subject_public_key: BitStringRef::from_bytes(point)?,
    };
    info.to_der()
}

/// Returns whether only this module can verify signatures with the certificate's key.
pub(super) fn handles_key(certificate: &CertificateRef<'_>) -> bool {
    !key_policy::is_supported(certificate)
}

/// Returns whether handshake signatures can be verified with the certificate's key.
pub(super) fn is_usable(certificate: &CertificateRef<'_>) -> bool {
    key_policy::is_supported(certificate) || Key::of(certificate).is_some()
}

/// Verifies a handshake signature (RFC 8446, section 4.4.3; RFC 5246, section 7.4.3).
pub(super) fn verify(
    message: &[u8],
    certificate: &CertificateRef<'_>,
    signed: &DigitallySignedStruct,
    is_tls13: bool,
) -> Result<HandshakeSignatureValid, Error> {
    use SignatureScheme as S;
    let signature = signed.signature();
    let [sha256, sha384, sha512] = RSASSA_PSS;
    let is_valid = match (Key::of(certificate), signed.scheme) {
        (Some(Key::Named(spki)), _) => {
            return handshake_signature::verify(message, &spki, signed, is_tls13);
        }
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
        // TLS 1.3 does not allow these (RFC 8446, section 4.2.3).
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
        (_, scheme) => {
            let reason = key_policy::unverifiable_scheme(certificate, scheme.into()).into_error();
            return Err(Error::Other(OtherError(Arc::new(reason))));
        }
    };
    match is_valid {
        true => Ok(HandshakeSignatureValid::assertion()),
        false => Err(CertificateError::BadSignature.into()),
    }
}

fn pss<D: sha2::Digest + sha2::digest::FixedOutputReset>(
    key: rsa::PublicKey,
    message: &[u8],
    signature: &[u8],
) -> bool {
    let key = pss::VerifyingKey::<D>::new(key);
    let signature = pss::Signature::from_bytes_with_max_len(signature, MAX_SIGNATURE_BYTES);
    signature.is_ok_and(|signature| key.verify(message, &signature).is_ok())
}

fn pkcs1<D: sha2::Digest + AssociatedOid>(
    key: rsa::PublicKey,
    message: &[u8],
    signature: &[u8],
) -> bool {
    let key = pkcs1v15::VerifyingKey::<D>::new(key);
    let signature = pkcs1v15::Signature::from_bytes_with_max_len(signature, MAX_SIGNATURE_BYTES);
    signature.is_ok_and(|signature| key.verify(message, &signature).is_ok())
}
