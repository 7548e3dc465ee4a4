//! Encrypted private keys: PKCS#8's EncryptedPrivateKeyInfo (RFC 5958, section 3), written
//! with PBES2 (RFC 8018, section 6.2).

use const_oid::ObjectIdentifier;
use zeroize::Zeroizing;

use super::kdf_budget::KdfBudget;
use super::password::Password;
use super::pbe::{DecryptError, EncodedPassword, Scheme};
use super::tlv::{Element, Elements, OBJECT_IDENTIFIER, OCTET_STRING, SEQUENCE, encode, only};
use crate::{Error, Result, Status};

/// The PBKDF2 iterations that OWASP recommends for SHA-256.
pub(super) const ITERATIONS: u32 = 600_000;

/// More iterations than anybody writes, yet done in seconds: a file must not keep its
/// reader busy for hours.
const MAX_ITERATIONS: u64 = 10_000_000;

/// The schemes of PKCS#5 before PBES2 (RFC 8018, section 6.1), with single DES and RC2.
/// OpenSSL 3 does not read them by default either.
const PBES1: [(ObjectIdentifier, &str); 6] = [
    (pbes1(1), "pbeWithMD2AndDES-CBC"),
    (pbes1(3), "pbeWithMD5AndDES-CBC"),
    (pbes1(4), "pbeWithMD2AndRC2-CBC"),
    (pbes1(6), "pbeWithMD5AndRC2-CBC"),
    (pbes1(10), "pbeWithSHA1AndDES-CBC"),
    (pbes1(11), "pbeWithSHA1AndRC2-CBC"),
];

const fn pbes1(number: u32) -> ObjectIdentifier {
    match ObjectIdentifier::new_unwrap("1.2.840.113549.1.5").push_arc(number) {
        Ok(oid) => oid,
        Err(_) => panic!("a short identifier has room for one more arc"),
    }
}

/// Decrypts a key.  Returns its PKCS#8.
pub(super) fn decrypt(der: &[u8], password: &Password<'_>) -> Result<Zeroizing<Vec<u8>>> {
    let parts = || {
        let mut document = Elements(only(der, SEQUENCE)?.content);
        let algorithm = document.take(SEQUENCE)?;
        let data = document.take(OCTET_STRING)?.content;
        document.end().map(|()| (algorithm, data))
    };
    let (algorithm, data) = parts().ok_or_else(malformed)?;
    let secret = EncodedPassword::new(require_password(password)?);
    let mut work = KdfBudget::new("the private key", MAX_ITERATIONS);
    let plain = secret.decrypt(algorithm, data, &mut work);
    let plain = plain.map_err(|why| match why {
        DecryptError::Malformed => malformed(),
        DecryptError::Unsupported => unsupported(algorithm),
        DecryptError::WrongPassword => wrong_password(),
        DecryptError::TooMuchWork(error) => error,
    })?;
    check_is_key(plain)
}

/// Returns the password of an encrypted key, or fails if there is none.
pub(super) fn require_password<'a>(password: &'a Password<'_>) -> Result<&'a [u8]> {
    password
        .get()?
        .ok_or_else(|| Error::argument("the private key is encrypted: give its password"))
}

/// Fails unless the plaintext can be a key.  A wrong password leaves valid padding in 1 of
/// 256 cases.
pub(super) fn check_is_key(plain: Zeroizing<Vec<u8>>) -> Result<Zeroizing<Vec<u8>>> {
    match only(&plain, SEQUENCE) {
        Some(_) => Ok(plain),
        None => Err(wrong_password()),
    }
}

/// Encrypts a PKCS#8 key with AES-256 and PBKDF2, which all versions of OpenSSL and Java
/// from the last ten years read.
pub(super) fn encrypt(pkcs8: &[u8], password: &[u8]) -> Result<Vec<u8>> {
    if password.is_empty() {
        return Err(Error::argument(
            "the password is empty: give one, or save the key unencrypted",
        ));
    }
    let scheme = Scheme::Aes256 {
        iterations: ITERATIONS,
    };
    let (algorithm, encrypted) = EncodedPassword::new(password).encrypt(&scheme, pkcs8)?;
    let document = [algorithm, encode(OCTET_STRING, &encrypted)].concat();
    Ok(encode(SEQUENCE, &document))
}

fn malformed() -> Error {
    Error::new(
        Status::Parse,
        "the encrypted private key does not parse: it is damaged, or another type of file",
    )
}

/// `algorithm` is an AlgorithmIdentifier.
fn unsupported(algorithm: Element<'_>) -> Error {
    let oid = Elements(algorithm.content).take(OBJECT_IDENTIFIER);
    // A longer one names no algorithm, and may be part of a key.
    let oid = oid.filter(|oid| oid.content.len() <= 16);
    let oid = oid.and_then(|oid| ObjectIdentifier::from_bytes(oid.content).ok());
    let what = match oid {
        Some(oid) => match PBES1.iter().find(|(pbes1, _)| *pbes1 == oid) {
            Some((_, name)) => (*name).to_owned(),
            None => oid.to_string(),
        },
        None => "an unknown one".to_owned(),
    };
    Error::new(
        Status::Unsupported,
        format!(
            "the private key is encrypted with an algorithm that is not supported ({what}): \
             convert it with 'openssl pkcs8 -topk8 -v2 aes-256-cbc'"
        ),
    )
}

pub(super) fn wrong_password() -> Error {
    Error::argument(
        "the password does not open the private key: it is wrong, or the file is damaged",
    )
}
