//! PBES2 (RFC 8018, section 6.2) with keys that are wiped.  The pkcs5 crate parses and
//! encodes the parameters; keys that it derived would stay in memory.

use std::num::NonZeroU32;

use aes::{Aes128Dec, Aes192Dec, Aes256Dec, Aes256Enc};
use aws_lc_rs::{aead, pbkdf2};
use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockModeEncrypt, KeyIvInit};
use des::TdesEde3;
use hmac::{Hmac, KeyInit, Mac};
use pkcs5::pbes2::{EncryptionScheme, Kdf, Parameters, Pbkdf2Params, Pbkdf2Prf, ScryptParams};
use sha2::Sha224;
use zeroize::{Zeroize, Zeroizing};

use super::pbe::{DecryptError, decrypt_cbc};

/// Encrypts with AES-256-CBC.
pub(super) fn encrypt(
    parameters: &Parameters,
    password: &[u8],
    plain: &[u8],
) -> Result<Vec<u8>, DecryptError> {
    let EncryptionScheme::Aes256Cbc { iv } = parameters.encryption else {
        return Err(DecryptError::Unsupported);
    };
    let key = derive(parameters, password)?;
    let cipher = cbc::Encryptor::<Aes256Enc>::new_from_slices(&key, &iv);
    let cipher = cipher.map_err(|_| DecryptError::Malformed)?;
    Ok(cipher.encrypt_padded_vec::<Pkcs7>(plain))
}

/// Decrypts.  The caller has deducted the key derivation from the budget.
pub(super) fn decrypt(
    parameters: &Parameters,
    password: &[u8],
    data: &[u8],
) -> Result<Zeroizing<Vec<u8>>, DecryptError> {
    let key = derive(parameters, password)?;
    // Decrypted in place, so that only one copy must be wiped.
    let mut plain = Zeroizing::new(data.to_vec());
    match parameters.encryption {
        EncryptionScheme::Aes128Cbc { iv } => decrypt_cbc::<Aes128Dec>(&key, &iv, &mut plain)?,
        EncryptionScheme::Aes192Cbc { iv } => decrypt_cbc::<Aes192Dec>(&key, &iv, &mut plain)?,
        EncryptionScheme::Aes256Cbc { iv } => decrypt_cbc::<Aes256Dec>(&key, &iv, &mut plain)?,
        EncryptionScheme::DesEde3Cbc { iv } => decrypt_cbc::<TdesEde3>(&key, &iv, &mut plain)?,
        EncryptionScheme::Aes128Gcm { nonce } => {
            decrypt_gcm(&aead::AES_128_GCM, &key, nonce, &mut plain)?;
        }
        EncryptionScheme::Aes256Gcm { nonce } => {
            decrypt_gcm(&aead::AES_256_GCM, &key, nonce, &mut plain)?;
        }
        _ => return Err(DecryptError::Unsupported),
    }
    Ok(plain)
}

/// Decrypts in place with GCM, and removes the tag.
fn decrypt_gcm(
    algorithm: &'static aead::Algorithm,
    key: &[u8],
    nonce: [u8; aead::NONCE_LEN],
    data: &mut Vec<u8>,
) -> Result<(), DecryptError> {
    let key = aead::UnboundKey::new(algorithm, key).map_err(|_| DecryptError::Malformed)?;
    let nonce = aead::Nonce::assume_unique_for_key(nonce);
    let plain = aead::LessSafeKey::new(key).open_in_place(nonce, aead::Aad::empty(), data);
    let length = plain.map_err(|_| DecryptError::WrongPassword)?.len();
    data.truncate(length);
    Ok(())
}

/// Derives the key from a password and the parameters.
fn derive(parameters: &Parameters, password: &[u8]) -> Result<Zeroizing<Vec<u8>>, DecryptError> {
    let kdf = &parameters.kdf;
    let length = parameters.encryption.key_size();
    if kdf
        .key_length()
        .is_some_and(|stated| usize::from(stated) != length)
    {
        return Err(DecryptError::Unsupported);
    }
    let mut key = Zeroizing::new(vec![0; length]);
    match kdf {
        Kdf::Pbkdf2(parameters) => derive_pbkdf2(parameters, password, &mut key)?,
        Kdf::Scrypt(parameters) => derive_scrypt(parameters, password, &mut key)?,
        _ => return Err(DecryptError::Unsupported),
    }
    Ok(key)
}

/// Derives a key with PBKDF2 (RFC 8018, section 5.2).
fn derive_pbkdf2(
    parameters: &Pbkdf2Params,
    password: &[u8],
    key: &mut [u8],
) -> Result<(), DecryptError> {
    let iterations = NonZeroU32::new(parameters.iteration_count).ok_or(DecryptError::Malformed)?;
    let salt = parameters.salt.as_ref();
    let algorithm = match parameters.prf {
        Pbkdf2Prf::HmacWithSha1 => pbkdf2::PBKDF2_HMAC_SHA1,
        Pbkdf2Prf::HmacWithSha224 => return derive_with_sha224(iterations, salt, password, key),
        Pbkdf2Prf::HmacWithSha256 => pbkdf2::PBKDF2_HMAC_SHA256,
        Pbkdf2Prf::HmacWithSha384 => pbkdf2::PBKDF2_HMAC_SHA384,
        Pbkdf2Prf::HmacWithSha512 => pbkdf2::PBKDF2_HMAC_SHA512,
        _ => return Err(DecryptError::Unsupported),
    };
    pbkdf2::derive(algorithm, iterations, salt, password, key);
    Ok(())
}

/// Derives a key with PBKDF2 and SHA-224, which aws-lc-rs lacks.
fn derive_with_sha224(
    iterations: NonZeroU32,
    salt: &[u8],
    password: &[u8],
    key: &mut [u8],
) -> Result<(), DecryptError> {
    const BLOCK: usize = 28;
    let keyed = <Hmac<Sha224> as KeyInit>::new_from_slice(password);
    let keyed = keyed.map_err(|_| DecryptError::Malformed)?;
    for (part, number) in key.chunks_mut(BLOCK).zip(1_u32..) {
        let first = keyed.clone().chain_update(salt);
        let first = first.chain_update(number.to_be_bytes());
        let mut block = first.finalize().into_bytes();
        let mut sum = block;
        for _ in 1..iterations.get() {
            block = keyed.clone().chain_update(block).finalize().into_bytes();
            for (sum, byte) in sum.iter_mut().zip(&block) {
                *sum ^= byte;
            }
        }
        part.copy_from_slice(&sum[..part.len()]);
        sum.as_mut_slice().zeroize();
        block.as_mut_slice().zeroize();
    }
    Ok(())
}

fn derive_scrypt(
    parameters: &ScryptParams,
    password: &[u8],
    key: &mut [u8],
) -> Result<(), DecryptError> {
    let costs = parameters
        .try_into()
        .map_err(|_| DecryptError::Unsupported)?;
    let derived = pkcs5::scrypt::scrypt(password, parameters.salt.as_ref(), &costs, key);
    derived.map_err(|_| DecryptError::Unsupported)
}
