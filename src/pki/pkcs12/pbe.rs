//! What a password does for PKCS#12: it decrypts, and it proves that nobody changed the
//! file (RFC 7292, section 5.1 and appendixes B and C).

use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockCipherDecrypt, BlockModeDecrypt, KeyInit, KeyIvInit};
use const_oid::ObjectIdentifier;
use const_oid::db::rfc5912::{ID_SHA_1, ID_SHA_224, ID_SHA_256, ID_SHA_384, ID_SHA_512};
use der::Decode;
use des::TdesEde3;
use hmac::{Hmac, Mac};
use pkcs5::EncryptionScheme;
use rc2::Rc2;
use sha1::Sha1;
use sha2::digest::Digest;
use sha2::digest::common::BlockSizeUser;
use sha2::{Sha224, Sha256, Sha384, Sha512, Sha512_224, Sha512_256};
use zeroize::Zeroizing;

use super::super::element::{Element, Elements, INTEGER, OCTET_STRING, SEQUENCE};
use super::super::work::Work;
use super::read::{malformed, object, unsupported, wrong_password};
use crate::Result;

const SHA_AND_3DES: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.12.1.3");
const SHA_AND_RC2_40: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.12.1.6");
const SHA_512_224: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.5");
const SHA_512_256: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.6");
const PBES2: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.5.13");

/// What a derived key is for (RFC 7292, appendix B.3).
const FOR_ENCRYPTION: u8 = 1;
const FOR_IV: u8 = 2;
const FOR_MAC: u8 = 3;

/// A password in both of the forms that PKCS#12 has.
pub(super) struct Password<'a> {
    text: &'a str,
    /// In UTF-16 with its end (appendix B.1).
    wide: Zeroizing<Vec<u8>>,
}

impl<'a> Password<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        let units = text.encode_utf16().chain([0]);
        let mut wide = Zeroizing::new(Vec::with_capacity(2 * text.len() + 2));
        wide.extend(units.flat_map(u16::to_be_bytes));
        Self { text, wide }
    }

    /// Decrypts what an AlgorithmIdentifier says how to.
    pub(super) fn decrypt(
        &self,
        algorithm: Element<'_>,
        data: &[u8],
        work: &mut Work,
    ) -> Result<Zeroizing<Vec<u8>>> {
        let mut parts = Elements(algorithm.content);
        match object(&mut parts)? {
            PBES2 => {
                let scheme = EncryptionScheme::from_der(algorithm.whole);
                let Ok(EncryptionScheme::Pbes2(parameters)) = scheme else {
                    return Err(unsupported());
                };
                work.spend_on(&parameters.kdf)?;
                let mut plain = Zeroizing::new(data.to_vec());
                let length = match parameters.decrypt_in_place(self.text, &mut plain) {
                    Ok(decrypted) => decrypted.len(),
                    Err(pkcs5::Error::DecryptFailed) => return Err(wrong_password()),
                    Err(_) => return Err(unsupported()),
                };
                plain.truncate(length);
                Ok(plain)
            }
            SHA_AND_3DES => self.decrypt_old::<TdesEde3>(parts, data, 24, work),
            SHA_AND_RC2_40 => self.decrypt_old::<Rc2>(parts, data, 5, work),
            _ => Err(unsupported()),
        }
    }

    /// In the ways of old (appendix C), with a key of so many bytes.
    fn decrypt_old<C: KeyInit + BlockCipherDecrypt>(
        &self,
        mut parameters: Elements<'_>,
        data: &[u8],
        key_length: usize,
        work: &mut Work,
    ) -> Result<Zeroizing<Vec<u8>>>
    where
        cbc::Decryptor<C>: KeyIvInit + BlockModeDecrypt,
    {
        let mut parameters = parameters.inside(SEQUENCE).ok_or_else(malformed)?;
        let salt = parameters.take(OCTET_STRING).ok_or_else(malformed)?.content;
        let rounds = rounds(&mut parameters).ok_or_else(malformed)?;
        work.spend(rounds)?;
        let derive = |what, length| derive::<Sha1>(what, &self.wide, salt, rounds, length);
        let (key, iv) = (derive(FOR_ENCRYPTION, key_length), derive(FOR_IV, 8));
        let cipher = cbc::Decryptor::<C>::new_from_slices(&key, &iv).map_err(|_| unsupported())?;
        let plain = cipher.decrypt_padded_vec::<Pkcs7>(data);
        plain.map(Zeroizing::new).map_err(|_| wrong_password())
    }

    /// Checks that the holder of the password wrote `data` (section 4): `mac` is MacData.
    pub(super) fn verify(&self, mut mac: Elements<'_>, data: &[u8], work: &mut Work) -> Result<()> {
        let mut digest = mac.inside(SEQUENCE).ok_or_else(malformed)?;
        let algorithm = object(&mut digest.inside(SEQUENCE).ok_or_else(malformed)?)?;
        let expected = digest.take(OCTET_STRING).ok_or_else(malformed)?.content;
        let salt = mac.take(OCTET_STRING).ok_or_else(malformed)?.content;
        let rounds = match mac.is_empty() {
            true => 1,
            false => rounds(&mut mac).ok_or_else(malformed)?,
        };
        macro_rules! verify {
            ($digest:ty) => {{
                work.spend(rounds)?;
                let length = <$digest as Digest>::output_size();
                let key = derive::<$digest>(FOR_MAC, &self.wide, salt, rounds, length);
                let mac = <Hmac<$digest> as KeyInit>::new_from_slice(&key);
                let mac = mac.map_err(|_| unsupported())?.chain_update(data);
                mac.verify_slice(expected).map_err(|_| wrong_password())
            }};
        }
        match algorithm {
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
}

/// A count of rounds: an INTEGER above 0.
fn rounds(elements: &mut Elements<'_>) -> Option<u64> {
    let digits = elements.take(INTEGER)?.content;
    let is_positive = digits.first().is_some_and(|first| *first < 0x80);
    let digits = digits.strip_prefix(&[0]).unwrap_or(digits);
    if !is_positive || digits.len() > 4 {
        // As a number that no file can spend.
        return is_positive.then_some(u64::MAX);
    }
    let number = digits
        .iter()
        .fold(0, |number, digit| number << 8 | u64::from(*digit));
    (number > 0).then_some(number)
}

/// Derives a key from a password (RFC 7292, appendix B.2).
fn derive<D: Digest + BlockSizeUser>(
    what: u8,
    password: &[u8],
    salt: &[u8],
    rounds: u64,
    length: usize,
) -> Zeroizing<Vec<u8>> {
    let block = D::block_size();
    let filled = |bytes: &[u8]| bytes.len().div_ceil(block) * block;
    let mut input = Zeroizing::new(Vec::with_capacity(filled(salt) + filled(password)));
    for bytes in [salt, password] {
        input.extend(bytes.iter().cycle().take(filled(bytes)));
    }
    let diversifier = vec![what; block];
    let mut derived = Zeroizing::new(Vec::with_capacity(length));
    loop {
        let first = D::new().chain_update(&diversifier).chain_update(&*input);
        let mut hash = first.finalize();
        for _ in 1..rounds {
            hash = D::digest(&hash);
        }
        let missing = length - derived.len();
        derived.extend(hash.iter().take(missing));
        if derived.len() == length {
            return derived;
        }
        // Each block of the input becomes its sum with the repeated hash and 1.
        let added = Zeroizing::new(hash.iter().copied().cycle().take(block).collect::<Vec<_>>());
        for part in input.chunks_exact_mut(block) {
            let mut carry = 1;
            for (digit, other) in part.iter_mut().zip(&*added).rev() {
                let sum = u16::from(*digit) + u16::from(*other) + carry;
                let [high, low] = sum.to_be_bytes();
                (*digit, carry) = (low, u16::from(high));
            }
        }
    }
}
