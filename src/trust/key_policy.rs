//! The keys that a peer may have, and the minimum strength of keys and signatures in a
//! path.

use der::asn1::UintRef;
use der::{Decode, Reader, SliceReader};

use super::unverified_keys;
use super::verify_error::{VerifyError, subject_of};
use crate::Status;
use crate::pki::{Certificate, CertificateRef, PublicKey};

/// The minimum security of every key and signature, in bits (NIST SP 800-57, part 1, table
/// 2): RSA with 2048 bits, or a 224-bit curve.
pub(crate) const MIN_SECURITY_BITS: u16 = 112;

/// The supported sizes of RSA moduli, in bits.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
const EC: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
const ED25519: &[u8] = &[0x2b, 0x65, 0x70];
const ED448: &[u8] = &[0x2b, 0x65, 0x71];
/// The OID of ML-DSA without its last byte, which is 17 to 19 for ML-DSA-44, -65 and -87.
const ML_DSA: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x03];

/// The supported named curves, as EC parameters, with their security in bits.
const CURVES: [(&[u8], u16); 3] = [
    (
        &[0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07],
        128,
    ),
    (&[0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22], 192),
    (&[0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x23], 256),
];

/// The hash functions of certificate signatures.  They are recognized by the end of the
/// signature algorithm's OID for RSA and ECDSA, or of the hash's OID in RSASSA-PSS
/// parameters.
const HASHES: [(&[u8], u16); 9] = [
    (&[0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0b], 128),
    (&[0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0c], 192),
    (&[0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0d], 256),
    (&[0xce, 0x3d, 0x04, 0x03, 0x02], 128),
    (&[0xce, 0x3d, 0x04, 0x03, 0x03], 192),
    (&[0xce, 0x3d, 0x04, 0x03, 0x04], 256),
    (&[0x01, 0x65, 0x03, 0x04, 0x02, 0x01], 128),
    (&[0x01, 0x65, 0x03, 0x04, 0x02, 0x02], 192),
    (&[0x01, 0x65, 0x03, 0x04, 0x02, 0x03], 256),
];

/// Why a key cannot be used.
enum KeyProblem {
    /// Its size, or its security in bits if that is known, is below the minimum.
    Weak,
    Unsupported,
}

/// Checks that handshake signatures can be verified with the key of an end-entity
/// certificate.  An offline check thus predicts the result of a connection.
pub(super) fn check_leaf(leaf: &CertificateRef<'_>) -> Result<(), VerifyError> {
    match security(leaf) {
        Ok(_) => Ok(()),
        Err(reason) => Err(unusable(leaf, &reason)),
    }
}

/// Returns whether handshake and certificate signatures can be verified with this key.
pub(super) fn is_supported(certificate: &CertificateRef<'_>) -> bool {
    security(certificate).is_ok()
}

/// Checks that handshake signatures can be verified with the key of a peer that is accepted
/// without path validation.
pub(super) fn check_unverified_leaf(leaf: &CertificateRef<'_>) -> Result<(), VerifyError> {
    if unverified_keys::is_usable(leaf) {
        return Ok(());
    }
    let sentence = format!(
        "certificate of '{}' has a key of an unsupported type ({}), which cannot verify \
         handshakes, so it is not accepted even if unverified or trusted by fingerprint: \
         have it reissued for RSA, ECDSA on P-256, P-384 or P-521, Ed25519, Ed448 or ML-DSA",
        subject_of(leaf),
        describe_key(leaf)
    );
    Err(VerifyError::new(
        Status::CertificateUnsupportedKey,
        sentence,
    ))
}

/// The error for a handshake signature whose scheme does not fit the certificate's key.
pub(super) fn unverifiable_scheme(certificate: &CertificateRef<'_>, scheme: u16) -> VerifyError {
    let sentence = format!(
        "the peer signed the handshake with signature scheme {scheme:#06x}, which cannot be \
         verified with the key in the certificate of '{}' ({})",
        subject_of(certificate),
        describe_key(certificate)
    );
    VerifyError::new(Status::CertificateUnsupportedKey, sentence)
}

/// Checks that every key of a path, and every signature below the trust anchor, has at
/// least this security in bits.  `path` begins with the end-entity certificate and ends
/// with the trust anchor if that is a certificate.
pub(super) fn check_strength(
    path: &[&CertificateRef<'_>],
    has_anchor: bool,
    least: u16,
) -> Result<(), VerifyError> {
    if least <= MIN_SECURITY_BITS {
        return Ok(());
    }
    for (index, certificate) in path.iter().enumerate() {
        let is_anchor = has_anchor && index + 1 == path.len();
        let key = security(certificate).unwrap_or_default();
        // Nobody verifies the signature of a trust anchor, so its strength does not matter.
        let signature = match is_anchor {
            true => u16::MAX,
            false => signature_security(certificate),
        };
        if key.min(signature) < least {
            let subject = subject_of(certificate);
            let (what, bits) = match key < least {
                true => ("key", key),
                false => ("signature", signature),
            };
            let sentence = format!(
                "certificate of '{subject}' has a {what} with {bits} bits of security, and at \
                 least {least} are required"
            );
            return Err(VerifyError::new(Status::CertificateWeakKey, sentence));
        }
    }
    Ok(())
}

/// Returns the error of an issuer's key, if the key is why a signature could not be
/// verified.
pub(super) fn issuer_key_error(issuer: &CertificateRef<'_>) -> Option<VerifyError> {
    security(issuer)
        .err()
        .map(|reason| unusable(issuer, &reason))
}

fn unusable(certificate: &CertificateRef<'_>, reason: &KeyProblem) -> VerifyError {
    let subject = subject_of(certificate);
    let key = describe_key(certificate);
    match reason {
        KeyProblem::Weak => VerifyError::new(
            Status::CertificateWeakKey,
            format!(
                "certificate of '{subject}' has a key that is too weak ({key}): RSA needs at \
                 least 2048 bits, ECDSA a curve of 256; have it reissued for a stronger key"
            ),
        ),
        KeyProblem::Unsupported if key == "rsa-pss" => VerifyError::new(
            Status::CertificateUnsupportedKey,
            format!(
                "certificate of '{subject}' has a key of an unsupported type \
                 (rsa-pss, RSASSA-PSS of RFC 4055): have it reissued for a key of type rsa \
                 (rsaEncryption), which signs with RSA-PSS in TLS too"
            ),
        ),
        KeyProblem::Unsupported => VerifyError::new(
            Status::CertificateUnsupportedKey,
            format!(
                "certificate of '{subject}' has a key of an unsupported type \
                 ({key}): have it reissued for RSA (2048 to 8192 bits), ECDSA on P-256, P-384 \
                 or P-521, Ed25519, Ed448 or ML-DSA"
            ),
        ),
    }
}

/// Describes the type and size of a key for an error.
fn describe_key(certificate: &CertificateRef<'_>) -> String {
    let Ok(parsed) = Certificate::from_der(certificate.der) else {
        return "an unknown algorithm".to_owned();
    };
    let name = match parsed.key_type() {
        "ecdsa" => "ECDSA on a curve with explicit parameters",
        "ecdsa-1.2.840.10045.3.1.1" => "ECDSA on P-192",
        "ecdsa-1.3.132.0.33" => "ECDSA on P-224",
        "ecdsa-1.3.132.0.10" => "ECDSA on secp256k1",
        "ecdsa-1.3.36.3.3.2.8.1.1.7" => "ECDSA on brainpoolP256r1",
        "ecdsa-1.3.36.3.3.2.8.1.1.11" => "ECDSA on brainpoolP384r1",
        "ecdsa-1.3.36.3.3.2.8.1.1.13" => "ECDSA on brainpoolP512r1",
        other => other,
    };
    name.to_owned()
}

/// Returns the security of a key in bits.
fn security(certificate: &CertificateRef<'_>) -> Result<u16, KeyProblem> {
    let key = certificate.public_key().ok_or(KeyProblem::Unsupported)?;
    match (key.algorithm, key.parameters) {
        (RSA, _) => match rsa_bits(&key) {
            Some(bits) if RSA_BITS.contains(&bits) => Ok(rsa_security(bits)),
            Some(bits) if bits < *RSA_BITS.start() => Err(KeyProblem::Weak),
            _ => Err(KeyProblem::Unsupported),
        },
        (EC, Some(parameters)) => {
            let mut curves = CURVES.iter();
            let known = curves.find(|(curve, _)| *curve == parameters);
            match known {
                Some((_, bits)) => Ok(*bits),
                None if is_small_curve(parameters) => Err(KeyProblem::Weak),
                None => Err(KeyProblem::Unsupported),
            }
        }
        (ED25519, _) => Ok(128),
        (ED448, _) => Ok(224),
        (algorithm, _) => match algorithm.strip_prefix(ML_DSA) {
            Some([17]) => Ok(128),
            Some([18]) => Ok(192),
            Some([19]) => Ok(256),
            _ => Err(KeyProblem::Unsupported),
        },
    }
}

/// Returns whether these are the parameters of P-192 or P-224.
fn is_small_curve(parameters: &[u8]) -> bool {
    const P192: &[u8] = &[0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x01];
    const P224: &[u8] = &[0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x21];
    parameters == P192 || parameters == P224
}

fn rsa_bits(key: &PublicKey<'_>) -> Option<usize> {
    let mut reader = SliceReader::new(key.key).ok()?;
    let modulus = reader
        .sequence(|fields| {
            let modulus = UintRef::decode(fields)?;
            UintRef::decode(fields)?;
            Ok::<_, der::Error>(modulus)
        })
        .ok()?;
    let bytes = modulus.as_bytes();
    let unused = bytes.first()?.leading_zeros();
    (bytes.len() * 8).checked_sub(usize::try_from(unused).ok()?)
}

/// Returns the security of an RSA key in bits (NIST SP 800-57, part 1, table 2).
fn rsa_security(bits: usize) -> u16 {
    match bits {
        ..2048 => 80,
        2048..3072 => 112,
        3072..7680 => 128,
        _ => 192,
    }
}

fn signature_security(certificate: &CertificateRef<'_>) -> u16 {
    let algorithm = certificate.algorithms[1];
    let mut hashes = HASHES.iter();
    let contains = |part: &[u8]| algorithm.windows(part.len()).any(|window| window == part);
    let hash = hashes.find(|(part, _)| contains(part));
    // EdDSA and ML-DSA are as strong as the issuer's key, which is in the path too.
    hash.map_or(u16::MAX, |(_, bits)| *bits)
}
