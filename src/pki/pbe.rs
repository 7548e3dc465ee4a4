//! Password-based encryption: PBES2 (RFC 8018, section 6.2), and the schemes of PKCS#12
//! (RFC 7292, appendix C), which PKCS#8 keys may use too.

use std::cell::OnceCell;

use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockCipherDecrypt, BlockModeDecrypt, BlockModeEncrypt, KeyInit, KeyIvInit};
use const_oid::ObjectIdentifier;
use der::{Decode, Encode};
use des::{TdesEde2, TdesEde3};
use pkcs5::EncryptionScheme;
use pkcs5::pbes2::Parameters;
use rc2::Rc2;
use sha1::Sha1;
use sha2::digest::Digest;
use sha2::digest::common::BlockSizeUser;
use zeroize::{Zeroize, Zeroizing};

use super::kdf_budget::KdfBudget;
use super::pbes2;
use super::tlv::{Element, Elements, INTEGER, OBJECT_IDENTIFIER, OCTET_STRING, SEQUENCE, encode};
use crate::{Error, Result, Status};

const PBES2: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.5.13");
const SHA_AND_3DES: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.12.1.3");
const SHA_AND_2DES: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.12.1.4");
const SHA_AND_RC2_128: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.12.1.5");
const SHA_AND_RC2_40: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.12.1.6");

/// The purpose of a derived key (RFC 7292, appendix B.3).
const FOR_ENCRYPTION: u8 = 1;
const FOR_IV: u8 = 2;
pub(super) const FOR_MAC: u8 = 3;

/// Why encryption or decryption failed.  Callers turn it into an error that names the file.
pub(super) enum DecryptError {
    Malformed,
    Unsupported,
    WrongPassword,
    TooMuchWork(Error),
}

/// An encryption scheme.
pub(super) enum Scheme {
    /// PBES2 with AES-256-CBC and PBKDF2 with SHA-256.
    Aes256 {
        /// The PBKDF2 iterations.
        iterations: u32,
    },
    /// Triple DES with three keys, derived with SHA-1 (RFC 7292, appendix C).
    TripleDes {
        /// The hash iterations.
        iterations: u32,
    },
}

/// A password in both encodings in use.
pub(super) struct EncodedPassword<'a> {
    bytes: &'a [u8],
    utf16: OnceCell<Zeroizing<Vec<u8>>>,
}

impl<'a> EncodedPassword<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        let utf16 = OnceCell::new();
        Self { bytes, utf16 }
    }

    /// Returns the password bytes.
    pub(super) const fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Returns the password in UTF-16 with its terminator (RFC 7292, appendix B.1).  Bytes
    /// that are not UTF-8 are taken as Latin-1, as in OpenSSL.
    pub(super) fn utf16(&self) -> &[u8] {
        self.utf16.get_or_init(|| {
            let mut utf16 = Zeroizing::new(Vec::with_capacity(2 * self.bytes.len() + 2));
            match std::str::from_utf8(self.bytes) {
                Ok(text) => utf16.extend(text.encode_utf16().flat_map(u16::to_be_bytes)),
                Err(_) => utf16.extend(self.bytes.iter().flat_map(|byte| [0, *byte])),
            }
            utf16.extend([0, 0]);
            utf16
        })
    }

    /// Encrypts.  Returns the AlgorithmIdentifier and the ciphertext.
    pub(super) fn encrypt(&self, scheme: &Scheme, plain: &[u8]) -> Result<(Vec<u8>, Vec<u8>)> {
        match *scheme {
            Scheme::Aes256 { iterations } => {
                let (salt, iv) = (random::<16>()?, random::<16>()?);
                let parameters =
                    Parameters::generate_pbkdf2_sha256_aes256cbc(iterations, &salt, iv)
                        .map_err(|error| not_encrypted(&error))?;
                let ciphertext = pbes2::encrypt(&parameters, self.bytes, plain);
                let ciphertext =
                    ciphertext.map_err(|_| not_encrypted(&"its parameters are invalid"))?;
                let algorithm = EncryptionScheme::Pbes2(parameters).to_der();
                Ok((
                    algorithm.map_err(|error| not_encrypted(&error))?,
                    ciphertext,
                ))
            }
            Scheme::TripleDes { iterations } => {
                let salt = random::<16>()?;
                let derive = |what, length| {
                    derive::<Sha1>(what, self.utf16(), &salt, iterations.into(), length)
                };
                let (key, iv) = (derive(FOR_ENCRYPTION, 24), derive(FOR_IV, 8));
                let cipher = cbc::Encryptor::<TdesEde3>::new_from_slices(&key, &iv)
                    .map_err(|error| not_encrypted(&error))?;
                let ciphertext = cipher.encrypt_padded_vec::<Pkcs7>(plain);
                let parameters = [encode(OCTET_STRING, &salt), integer(iterations)].concat();
                let scheme = encode(OBJECT_IDENTIFIER, SHA_AND_3DES.as_bytes());
                let algorithm = [scheme, encode(SEQUENCE, &parameters)].concat();
                Ok((encode(SEQUENCE, &algorithm), ciphertext))
            }
        }
    }

    /// Decrypts with the scheme of an AlgorithmIdentifier.
    pub(super) fn decrypt(
        &self,
        algorithm: Element<'_>,
        data: &[u8],
        work: &mut KdfBudget,
    ) -> Result<Zeroizing<Vec<u8>>, DecryptError> {
        let mut parts = Elements(algorithm.content);
        let scheme = parts
            .take(OBJECT_IDENTIFIER)
            .ok_or(DecryptError::Malformed)?;
        match ObjectIdentifier::from_bytes(scheme.content).map_err(|_| DecryptError::Malformed)? {
            PBES2 => self.decrypt_pbes2(algorithm, data, work),
            SHA_AND_3DES => self.decrypt_pkcs12::<TdesEde3>(parts, data, 24, work),
            SHA_AND_2DES => self.decrypt_pkcs12::<TdesEde2>(parts, data, 16, work),
            SHA_AND_RC2_128 => self.decrypt_pkcs12::<Rc2>(parts, data, 16, work),
            SHA_AND_RC2_40 => self.decrypt_pkcs12::<Rc2>(parts, data, 5, work),
            _ => Err(DecryptError::Unsupported),
        }
    }

    fn decrypt_pbes2(
        &self,
        algorithm: Element<'_>,
        data: &[u8],
        work: &mut KdfBudget,
    ) -> Result<Zeroizing<Vec<u8>>, DecryptError> {
        let scheme = EncryptionScheme::from_der(algorithm.whole);
        let Ok(EncryptionScheme::Pbes2(parameters)) = scheme else {
            return Err(DecryptError::Unsupported);
        };
        work.spend_kdf(&parameters.kdf)
            .map_err(DecryptError::TooMuchWork)?;
        pbes2::decrypt(&parameters, self.bytes, data)
    }

    /// Decrypts with a scheme of PKCS#12 (RFC 7292, appendix C) and a key of `key_length`
    /// bytes.
    fn decrypt_pkcs12<C: KeyInit + BlockCipherDecrypt>(
        &self,
        mut parameters: Elements<'_>,
        data: &[u8],
        key_length: usize,
        work: &mut KdfBudget,
    ) -> Result<Zeroizing<Vec<u8>>, DecryptError>
    where
        cbc::Decryptor<C>: KeyIvInit + BlockModeDecrypt,
    {
        let mut read = || {
            let mut parameters = parameters.inside(SEQUENCE)?;
            let salt = parameters.take(OCTET_STRING)?.content;
            Some((salt, iterations(&mut parameters)?))
        };
        let (salt, iterations) = read().ok_or(DecryptError::Malformed)?;
        // There is one block per 20 bytes of key, and one for the IV.  An iteration hashes
        // once per block; one of PBKDF2 hashes twice (HMAC).
        let blocks = key_length.div_ceil(20) as u64 + 1;
        work.spend(iterations.saturating_mul(blocks).div_ceil(2))
            .map_err(DecryptError::TooMuchWork)?;
        let derive = |what, length| derive::<Sha1>(what, self.utf16(), salt, iterations, length);
        let (key, iv) = (derive(FOR_ENCRYPTION, key_length), derive(FOR_IV, 8));
        let mut plain = Zeroizing::new(data.to_vec());
        decrypt_cbc::<C>(&key, &iv, &mut plain)?;
        Ok(plain)
    }
}

/// Returns random bytes: a salt, or an IV.
pub(super) fn random<const LENGTH: usize>() -> Result<[u8; LENGTH]> {
    let mut random = [0; LENGTH];
    crate::base::provider::fill_random(&mut random).map_err(|error| not_encrypted(&error))?;
    Ok(random)
}

fn not_encrypted(why: &dyn std::fmt::Display) -> Error {
    let sentence = format!("cannot encrypt with the password: {why}");
    Error::new(Status::Internal, sentence)
}

/// Encodes an iteration count or a version.
pub(super) fn integer(number: u32) -> Vec<u8> {
    let bytes = number.to_be_bytes();
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count().min(3);
    match bytes[zeros] {
        // A leading zero, because the first bit would be the sign.
        0x80.. => encode(INTEGER, &[&[0], &bytes[zeros..]].concat()),
        _ => encode(INTEGER, &bytes[zeros..]),
    }
}

/// Decrypts in place with CBC, and removes the padding.
pub(super) fn decrypt_cbc<C: KeyInit + BlockCipherDecrypt>(
    key: &[u8],
    iv: &[u8],
    data: &mut Vec<u8>,
) -> Result<(), DecryptError>
where
    cbc::Decryptor<C>: KeyIvInit + BlockModeDecrypt,
{
    let cipher =
        cbc::Decryptor::<C>::new_from_slices(key, iv).map_err(|_| DecryptError::Malformed)?;
    let plain = cipher.decrypt_padded::<Pkcs7>(data);
    let length = plain.map_err(|_| DecryptError::WrongPassword)?.len();
    data.truncate(length);
    Ok(())
}

/// Reads an iteration count: an INTEGER above 0.
pub(super) fn iterations(elements: &mut Elements<'_>) -> Option<u64> {
    let digits = elements.take(INTEGER)?.content;
    let is_positive = digits.first().is_some_and(|first| *first < 0x80);
    let digits = digits.strip_prefix(&[0]).unwrap_or(digits);
    if !is_positive || digits.len() > 4 {
        // Too large to represent, so larger than every budget.
        return is_positive.then_some(u64::MAX);
    }
    let number = digits
        .iter()
        .fold(0, |number, digit| number << 8 | u64::from(*digit));
    (number > 0).then_some(number)
}

/// Derives a key from a password (RFC 7292, appendix B.2).
pub(super) fn derive<D: Digest + BlockSizeUser>(
    what: u8,
    password: &[u8],
    salt: &[u8],
    iterations: u64,
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
        for _ in 1..iterations {
            hash = D::digest(&hash);
        }
        let missing = length - derived.len();
        derived.extend(hash.iter().take(missing));
        // Adds the repeated hash and 1 to each block of the input.
        let added = Zeroizing::new(hash.iter().copied().cycle().take(block).collect::<Vec<_>>());
        hash.as_mut_slice().zeroize();
        if derived.len() == length {
            return derived;
        }
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
