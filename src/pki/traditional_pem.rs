//! Private keys in OpenSSL's traditional PEM encryption, older than PKCS#8.  RFC 1421
//! headers name the cipher; the key is derived from the password with one round of MD5
//! (PEM_read_bio_PrivateKey(3), "PEM encryption format").
//!
//! Such keys are still in use, so they are read, but never written.

use aes::{Aes128, Aes192, Aes256};
use des::{TdesEde2, TdesEde3};
use md5::{Digest, Md5};
use zeroize::{Zeroize, Zeroizing};

use super::encrypted_key::{check_is_key, require_password, wrong_password};
use super::password::Password;
use super::pbe::{DecryptError, decrypt_cbc};
use super::pem::Section;
use super::quoted;
use crate::{Error, Result, Status};

/// The number of bytes of the IV that are also the salt.
const SALT: usize = 8;

/// Decrypts the key in an encrypted section.
pub(super) fn decrypt(
    section: &Section<'_>,
    password: &Password<'_>,
) -> Result<Zeroizing<Vec<u8>>> {
    let (cipher, iv) = dek_info(section)?;
    let mut data = section.decode()?;
    let (key_length, iv_length): (usize, usize) = match cipher {
        "AES-128-CBC" => (16, 16),
        "AES-192-CBC" => (24, 16),
        "AES-256-CBC" => (32, 16),
        "DES-EDE3-CBC" => (24, 8),
        "DES-EDE-CBC" => (16, 8),
        other => {
            let cipher = quoted(other);
            let sentence = format!(
                "the private key is encrypted with a cipher that is not supported, {cipher}: \
                 'openssl pkcs8 -topk8 -v2 aes-256-cbc -in KEY -out NEW' encrypts it with another \
                 one"
            );
            return Err(Error::new(Status::Unsupported, sentence));
        }
    };
    if iv.len() != iv_length {
        return Err(malformed());
    }
    let key = derive(require_password(password)?, &iv[..SALT], key_length);
    let outcome = match cipher {
        "AES-128-CBC" => decrypt_cbc::<Aes128>(&key, &iv, &mut data),
        "AES-192-CBC" => decrypt_cbc::<Aes192>(&key, &iv, &mut data),
        "AES-256-CBC" => decrypt_cbc::<Aes256>(&key, &iv, &mut data),
        "DES-EDE3-CBC" => decrypt_cbc::<TdesEde3>(&key, &iv, &mut data),
        _ => decrypt_cbc::<TdesEde2>(&key, &iv, &mut data),
    };
    match outcome {
        Ok(()) => check_is_key(data),
        Err(DecryptError::WrongPassword) => Err(wrong_password()),
        Err(_) => Err(malformed()),
    }
}

/// Parses the cipher and its IV (RFC 1421, section 4.6.1.3).
fn dek_info<'a>(section: &Section<'a>) -> Result<(&'a str, Vec<u8>)> {
    let info = section.header("DEK-Info").ok_or_else(malformed)?;
    let info = std::str::from_utf8(info).map_err(|_| malformed())?;
    let (cipher, iv) = info.split_once(',').ok_or_else(malformed)?;
    let iv = iv.trim();
    if !iv.is_ascii() || iv.len() % 2 == 1 {
        return Err(malformed());
    }
    let byte = |index: usize| u8::from_str_radix(&iv[2 * index..][..2], 16);
    let iv = (0..iv.len() / 2).map(byte).collect::<Result<_, _>>();
    Ok((cipher.trim(), iv.map_err(|_| malformed())?))
}

/// Derives a key as EVP_BytesToKey(3) does with MD5 and one round.
fn derive(password: &[u8], salt: &[u8], length: usize) -> Zeroizing<Vec<u8>> {
    let mut key = Zeroizing::new(Vec::with_capacity(length));
    let mut block = Zeroizing::new(Vec::with_capacity(16));
    while key.len() < length {
        let hash = Md5::new()
            .chain_update(&*block)
            .chain_update(password)
            .chain_update(salt);
        let mut hash = hash.finalize();
        block.clear();
        block.extend_from_slice(&hash);
        hash.as_mut_slice().zeroize();
        let missing = length - key.len();
        key.extend(block.iter().take(missing));
    }
    key
}

fn malformed() -> Error {
    let sentence = "the header DEK-Info of the encrypted private key is missing or damaged: it \
                    says the cipher and its IV";
    Error::new(Status::Parse, sentence)
}
