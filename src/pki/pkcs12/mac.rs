//! The MAC that protects the integrity of a PKCS#12 file (RFC 7292, section 4).  Its key is
//! derived from the password with the KDF of PKCS#12, or with PBMAC1 (RFC 9579).

use std::num::NonZeroU32;

use aws_lc_rs::pbkdf2;
use const_oid::ObjectIdentifier;
use const_oid::db::rfc5912::{ID_SHA_1, ID_SHA_224, ID_SHA_256, ID_SHA_384, ID_SHA_512};
use der::Decode;
use hmac::{Hmac, KeyInit, Mac};
use pkcs5::pbes2::{Pbkdf2Params, Pbkdf2Prf};
use sha1::Sha1;
use sha2::digest::Digest;
use sha2::{Sha224, Sha256, Sha384, Sha512, Sha512_224, Sha512_256};
use zeroize::Zeroizing;

use super::super::kdf_budget::KdfBudget;
use super::super::pbe::{EncodedPassword, FOR_MAC, derive, integer, iterations, random};
use super::super::tlv::{Elements, NULL, OBJECT_IDENTIFIER, OCTET_STRING, SEQUENCE, encode};
use super::read::{malformed, object, unsupported, wrong_password};
use crate::Result;

const SHA_512_224: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.5");
const SHA_512_256: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.6");
const PBMAC1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.5.14");
const PBKDF2: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.5.12");
const HMAC_SHA_256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.2.9");
const HMAC_SHA_384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.2.10");
const HMAC_SHA_512: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.2.11");

/// The key lengths for PBMAC1, in bytes: the minimum of RFC 9579, section 5, up to one
/// block of SHA-512, which nobody exceeds.
const PBMAC1_KEY: std::ops::RangeInclusive<usize> = 20..=128;

/// The hash function of a new MAC.
#[derive(Clone, Copy)]
pub(super) enum Hash {
    Sha1,
    Sha256,
}

/// Creates MacData for `data` (RFC 7292, section 4), with this many iterations for the key.
pub(super) fn create(
    hash: Hash,
    iterations: u32,
    password: &EncodedPassword<'_>,
    data: &[u8],
) -> Result<Vec<u8>> {
    let salt = random::<16>()?;
    macro_rules! create {
        ($digest:ty) => {{
            let length = <$digest as Digest>::output_size();
            let key =
                derive::<$digest>(FOR_MAC, password.utf16(), &salt, iterations.into(), length);
            let mac = <Hmac<$digest> as KeyInit>::new_from_slice(&key);
            let mac = mac.map_err(|_| unsupported())?.chain_update(data);
            mac.finalize().into_bytes().to_vec()
        }};
    }
    let (kind, mac) = match hash {
        Hash::Sha1 => (ID_SHA_1, create!(Sha1)),
        Hash::Sha256 => (ID_SHA_256, create!(Sha256)),
    };
    let kind = [
        encode(OBJECT_IDENTIFIER, kind.as_bytes()),
        encode(NULL, &[]),
    ]
    .concat();
    let digest = [encode(SEQUENCE, &kind), encode(OCTET_STRING, &mac)].concat();
    let parts = [
        encode(SEQUENCE, &digest),
        encode(OCTET_STRING, &salt),
        integer(iterations),
    ];
    Ok(encode(SEQUENCE, &parts.concat()))
}

/// Verifies the MAC of `data`: `mac` is MacData.
pub(super) fn verify(
    password: &EncodedPassword<'_>,
    mut mac: Elements<'_>,
    data: &[u8],
    work: &mut KdfBudget,
) -> Result<()> {
    let mut digest = mac.inside(SEQUENCE).ok_or_else(malformed)?;
    let mut algorithm = digest.inside(SEQUENCE).ok_or_else(malformed)?;
    let kind = object(&mut algorithm)?;
    let expected = digest.take(OCTET_STRING).ok_or_else(malformed)?.content;
    if kind == PBMAC1 {
        // The salt and the iterations of MacData do not count (RFC 9579, section 5).
        return verify_pbmac1(password, algorithm, data, expected, work);
    }
    let salt = mac.take(OCTET_STRING).ok_or_else(malformed)?.content;
    let iterations = match mac.is_empty() {
        true => 1,
        false => iterations(&mut mac).ok_or_else(malformed)?,
    };
    macro_rules! verify {
        ($digest:ty) => {{
            work.spend(iterations)?;
            let length = <$digest as Digest>::output_size();
            let key = derive::<$digest>(FOR_MAC, password.utf16(), salt, iterations, length);
            check::<Hmac<$digest>>(&key, data, expected)
        }};
    }
    match kind {
        ID_SHA_1 => verify!(Sha1),
        ID_SHA_224 => verify!(Sha224),
        ID_SHA_256 => verify!(Sha256),
        ID_SHA_384 => verify!(Sha384),
        ID_SHA_512 => verify!(Sha512),
        SHA_512_224 => verify!(Sha512_224),
        SHA_512_256 => verify!(Sha512_256),
        _ => Err(unsupported()),
    }
}

/// Verifies a PBMAC1 (RFC 8018, section 7.1); `algorithm` has its parameters.
fn verify_pbmac1(
    password: &EncodedPassword<'_>,
    mut algorithm: Elements<'_>,
    data: &[u8],
    expected: &[u8],
    work: &mut KdfBudget,
) -> Result<()> {
    let mut parameters = algorithm.inside(SEQUENCE).ok_or_else(malformed)?;
    let mut derivation = parameters.inside(SEQUENCE).ok_or_else(malformed)?;
    let mut scheme = parameters.inside(SEQUENCE).ok_or_else(malformed)?;
    if object(&mut derivation)? != PBKDF2 {
        return Err(unsupported());
    }
    let derivation = derivation.take(SEQUENCE).ok_or_else(malformed)?;
    let derivation = Pbkdf2Params::from_der(derivation.whole).map_err(|_| unsupported())?;
    let length = derivation.key_length.map_or(0, usize::from);
    if !PBMAC1_KEY.contains(&length) {
        return Err(unsupported());
    }
    let prf = match derivation.prf {
        Pbkdf2Prf::HmacWithSha1 => pbkdf2::PBKDF2_HMAC_SHA1,
        Pbkdf2Prf::HmacWithSha256 => pbkdf2::PBKDF2_HMAC_SHA256,
        Pbkdf2Prf::HmacWithSha384 => pbkdf2::PBKDF2_HMAC_SHA384,
        Pbkdf2Prf::HmacWithSha512 => pbkdf2::PBKDF2_HMAC_SHA512,
        _ => return Err(unsupported()),
    };
    let iterations = NonZeroU32::new(derivation.iteration_count).ok_or_else(malformed)?;
    // Each block of the key, of at least 20 bytes, takes all of the iterations.
    let blocks = length.div_ceil(20) as u64;
    work.spend(u64::from(iterations.get()).saturating_mul(blocks))?;
    let mut key = Zeroizing::new(vec![0; length]);
    pbkdf2::derive(
        prf,
        iterations,
        derivation.salt.as_ref(),
        password.bytes(),
        &mut key,
    );
    match object(&mut scheme)? {
        HMAC_SHA_256 => check::<Hmac<Sha256>>(&key, data, expected),
        HMAC_SHA_384 => check::<Hmac<Sha384>>(&key, data, expected),
        HMAC_SHA_512 => check::<Hmac<Sha512>>(&key, data, expected),
        _ => Err(unsupported()),
    }
}

fn check<M: KeyInit + Mac>(key: &[u8], data: &[u8], expected: &[u8]) -> Result<()> {
    let mac = <M as KeyInit>::new_from_slice(key).map_err(|_| unsupported())?;
    let mac = mac.chain_update(data);
    mac.verify_slice(expected).map_err(|_| wrong_password())
}
