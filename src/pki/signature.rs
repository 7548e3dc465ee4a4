//! Signatures on certificates, requests and CRLs: which algorithm a key signs with, and
//! verification.

use der::asn1::{Any, AnyRef};
use der::{Decode, Encode, Sequence, Tag};
use rsa::BoxedUint;
use rsa::pss::{Signature as PssSignature, VerifyingKey};
use rsa::signature::Verifier;
use rustls::SignatureScheme;
use rustls::sign::Signer;
use rustls_pki_types::{AlgorithmIdentifier, alg_id};
use sha2::{Sha256, Sha384, Sha512};
use spki::{
    AlgorithmIdentifierOwned, AlgorithmIdentifierRef, ObjectIdentifier, SubjectPublicKeyInfoRef,
};

use super::describe;
use super::key::PrivateKey;
use crate::base::provider::provider;
use crate::{Error, Result, Status};

/// The signature schemes in order of preference, with their AlgorithmIdentifiers in X.509.
const SCHEMES: &[(SignatureScheme, AlgorithmIdentifier)] = &[
    (SignatureScheme::ECDSA_NISTP256_SHA256, alg_id::ECDSA_SHA256),
    (SignatureScheme::ECDSA_NISTP384_SHA384, alg_id::ECDSA_SHA384),
    (SignatureScheme::ECDSA_NISTP521_SHA512, alg_id::ECDSA_SHA512),
    (SignatureScheme::ED25519, alg_id::ED25519),
    (SignatureScheme::ED448, alg_id::ED448),
    (SignatureScheme::RSA_PKCS1_SHA256, alg_id::RSA_PKCS1_SHA256),
    (SignatureScheme::ML_DSA_44, alg_id::ML_DSA_44),
    (SignatureScheme::ML_DSA_65, alg_id::ML_DSA_65),
    (SignatureScheme::ML_DSA_87, alg_id::ML_DSA_87),
    // Only keys that are generated to be rejected support it.
    #[cfg(feature = "testing")]
    (SignatureScheme::RSA_PKCS1_SHA1, RSA_PKCS1_SHA1),
];

/// sha1WithRSAEncryption (RFC 3279, section 2.2.1).
#[cfg(feature = "testing")]
const RSA_PKCS1_SHA1: AlgorithmIdentifier = AlgorithmIdentifier::from_slice(&[
    0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x05, 0x05, 0x00,
]);

/// Returns a signer for a key, and its algorithm.
pub(super) fn signer(key: &PrivateKey) -> Result<(Box<dyn Signer>, AlgorithmIdentifierOwned)> {
    for (scheme, algorithm) in SCHEMES {
        if let Some(signer) = key.signing_key().choose_scheme(&[*scheme]) {
            let content = Any::new(Tag::Sequence, algorithm.as_ref());
            let algorithm = content.and_then(|content| content.decode_as());
            let algorithm = algorithm.map_err(|error| {
                Error::new(
                    Status::Internal,
                    format!("an algorithm has no DER: {error}"),
                )
            })?;
            return Ok((signer, algorithm));
        }
    }
    let kind = key.key_type();
    let sentence = format!("a key of type {kind} cannot sign certificates here");
    Err(Error::new(Status::Unsupported, sentence))
}

/// Why a signature is rejected.
pub(super) enum Rejected {
    /// The key or the algorithm is not supported, so the signature was not checked.
    Unsupported,
    /// It is not a signature of this message by this key.
    Wrong,
}

/// Verifies a signature with the algorithms of TLS and path building, or any form of
/// RSA-PSS.
pub(super) fn verify(
    spki: &SubjectPublicKeyInfoRef<'_>,
    algorithm: &AlgorithmIdentifierRef<'_>,
    message: &[u8],
    signature: &[u8],
) -> Result<(), Rejected> {
    let key_algorithm = content(&spki.algorithm)?;
    let signature_algorithm = content(algorithm)?;
    let key = spki.subject_public_key.raw_bytes();
    let known = provider().signature_verification_algorithms.all;
    let mut fitting = known.iter().filter(|known| {
        known.public_key_alg_id().as_ref() == key_algorithm
            && known.signature_alg_id().as_ref() == signature_algorithm
    });
    if let Some(known) = fitting.next() {
        let outcome = known.verify_signature(key, message, signature);
        return outcome.map_err(|_| match is_usable(&spki.algorithm.oid, key) {
            true => Rejected::Wrong,
            false => Rejected::Unsupported,
        });
    }
    if algorithm.oid == RSA_PSS {
        return verify_pss(spki, algorithm, message, signature);
    }
    Err(Rejected::Unsupported)
}

/// Returns whether keys of this type sign with algorithms of this type.
pub(super) fn can_sign(key: &ObjectIdentifier, algorithm: &ObjectIdentifier) -> bool {
    let (key, algorithm) = (key.to_string(), algorithm.to_string());
    match key.as_str() {
        "1.2.840.10045.2.1" => algorithm.starts_with("1.2.840.10045.4."),
        "1.2.840.113549.1.1.1" => algorithm.starts_with("1.2.840.113549.1.1."),
        _ => key == algorithm,
    }
}

/// Returns the content octets of an AlgorithmIdentifier.
fn content(algorithm: &AlgorithmIdentifierRef<'_>) -> Result<Vec<u8>, Rejected> {
    let der = algorithm.to_der().map_err(|_| Rejected::Unsupported)?;
    let whole = AnyRef::from_der(&der).map_err(|_| Rejected::Unsupported)?;
    Ok(whole.value().to_vec())
}

const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const RSA_PSS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.10");
const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const MGF1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.8");

/// The first byte of an uncompressed point (SEC 1, section 2.3.3).
const UNCOMPRESSED: u8 = 4;

/// RSASSA-PSS-params (RFC 4055, section 3.1).
#[derive(Sequence)]
struct PssParameters<'a> {
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT", optional = "true")]
    hash: Option<AlgorithmIdentifierRef<'a>>,
    #[asn1(context_specific = "1", tag_mode = "EXPLICIT", optional = "true")]
    mask: Option<AlgorithmIdentifierRef<'a>>,
    #[asn1(context_specific = "2", tag_mode = "EXPLICIT", optional = "true")]
    salt_length: Option<u16>,
    #[asn1(context_specific = "3", tag_mode = "EXPLICIT", optional = "true")]
    trailer: Option<u8>,
}

/// Verifies RSA-PSS signatures that AWS-LC does not support.  TLS requires a salt as long
/// as the hash.  OpenSSL creates requests with the longest possible salt, and with keys
/// restricted to RSA-PSS.
fn verify_pss(
    spki: &SubjectPublicKeyInfoRef<'_>,
    algorithm: &AlgorithmIdentifierRef<'_>,
    message: &[u8],
    signature: &[u8],
) -> Result<(), Rejected> {
    let unsupported = |_| Rejected::Unsupported;
    if ![RSA, RSA_PSS].contains(&spki.algorithm.oid) {
        return Err(Rejected::Unsupported);
    }
    let parameters = algorithm.parameters.ok_or(Rejected::Unsupported)?;
    let parameters: PssParameters<'_> = parameters.decode_as().map_err(unsupported)?;
    let (Some(hash), Some(mask)) = (parameters.hash, parameters.mask) else {
        // The default hash is SHA-1.
        return Err(Rejected::Unsupported);
    };
    let mask_hash = mask.parameters.ok_or(Rejected::Unsupported)?;
    let mask_hash: AlgorithmIdentifierRef<'_> = mask_hash.decode_as().map_err(unsupported)?;
    if mask.oid != MGF1 || mask_hash.oid != hash.oid || parameters.trailer.unwrap_or(1) != 1 {
        return Err(Rejected::Unsupported);
    }
    let key = rsa_key(spki.subject_public_key.raw_bytes())?;
    let salt = usize::from(parameters.salt_length.unwrap_or(20));
    let signature = PssSignature::try_from(signature).map_err(|_| Rejected::Wrong)?;
    let outcome = match hash.oid.to_string().as_str() {
        "2.16.840.1.101.3.4.2.1" => {
            VerifyingKey::<Sha256>::new_with_salt_len(key, salt).verify(message, &signature)
        }
        "2.16.840.1.101.3.4.2.2" => {
            VerifyingKey::<Sha384>::new_with_salt_len(key, salt).verify(message, &signature)
        }
        "2.16.840.1.101.3.4.2.3" => {
            VerifyingKey::<Sha512>::new_with_salt_len(key, salt).verify(message, &signature)
        }
        _ => return Err(Rejected::Unsupported),
    };
    outcome.map_err(|_| Rejected::Wrong)
}

/// Returns whether AWS-LC supports this key.  It reports an unsupported key like a wrong
/// signature, which would make a valid document look forged.
fn is_usable(algorithm: &ObjectIdentifier, key: &[u8]) -> bool {
    match *algorithm {
        RSA => usable_rsa(key).is_some(),
        EC => key.first() == Some(&UNCOMPRESSED),
        _ => true,
    }
}

/// Returns the modulus and exponent of an RSA key of a supported size: 2048 to 8192 bits,
/// with an odd exponent from 3 to 2^33 - 1.
fn usable_rsa(der: &[u8]) -> Option<describe::RsaPublicKey<'_>> {
    let key = describe::RsaPublicKey::from_der(der).ok()?;
    let (modulus, exponent) = (key.modulus.as_bytes(), key.exponent.as_bytes());
    let is_odd = exponent.last().is_some_and(|last| last % 2 == 1);
    let has_size = (2048..=8192).contains(&describe::bits(modulus))
        && (2..=33).contains(&describe::bits(exponent));
    (is_odd && has_size).then_some(key)
}

/// Returns the modulus and exponent of an RSAPublicKey (RFC 8017, appendix A.1.1) of any
/// size.
pub(crate) fn rsa_numbers(der: &[u8]) -> Option<(&[u8], &[u8])> {
    let key = describe::RsaPublicKey::from_der(der).ok()?;
    Some((key.modulus.as_bytes(), key.exponent.as_bytes()))
}

fn rsa_key(der: &[u8]) -> Result<rsa::PublicKey, Rejected> {
    let key = usable_rsa(der).ok_or(Rejected::Unsupported)?;
    let number = BoxedUint::from_be_slice_vartime;
    rsa::PublicKey::new(
        number(key.modulus.as_bytes()),
        number(key.exponent.as_bytes()),
    )
    .map_err(|_| Rejected::Unsupported)
}
