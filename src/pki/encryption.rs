//! Private keys under a password: PKCS#8's EncryptedPrivateKeyInfo (RFC 5958,
//! section 3) with PBES2 (RFC 8018, section 6.2).

use der::asn1::{AnyRef, OctetStringRef};
use der::{Decode, Encode};
use pkcs5::EncryptionScheme;
use pkcs5::pbes2::{AES_256_CBC_OID, Parameters};
use pkcs8::{EncryptedPrivateKeyInfo, EncryptedPrivateKeyInfoRef};
use zeroize::Zeroizing;

use super::work::Work;
use crate::{Error, Result, Status};

/// How often the password is hashed: what OWASP asks of PBKDF2 with SHA-256.
pub(super) const ITERATIONS: u32 = 600_000;

/// More than anybody writes, and little enough to be over in seconds: a file
/// must not be able to keep its reader busy for hours.
const MOST_ROUNDS: u64 = 10_000_000;

/// Whether a document is an encrypted key: that begins with the algorithm, and
/// every plain one with its version.
pub(super) fn is_encrypted(der: &[u8]) -> bool {
    AnyRef::from_der(der).is_ok_and(|whole| whole.value().first() == Some(&0x30))
}

/// The PKCS#8 document inside.
pub(super) fn decrypt(der: &[u8], password: Option<&str>) -> Result<Zeroizing<Vec<u8>>> {
    let Some(password) = password else {
        return Err(Error::new(
            Status::Argument,
            "the private key is encrypted: give its password",
        ));
    };
    let document = EncryptedPrivateKeyInfoRef::try_from(der).map_err(|error| {
        Error::new(
            Status::Parse,
            "the encrypted private key does not parse, or is not encrypted as PBES2 of PKCS#5 \
             ('openssl pkcs8 -topk8 -v2 aes-256-cbc' makes it so)",
        )
        .with_source(error)
    })?;
    let EncryptionScheme::Pbes2(parameters) = &document.encryption_algorithm else {
        return Err(unsupported(&document.encryption_algorithm));
    };
    Work::new("the private key", MOST_ROUNDS).spend_on(&parameters.kdf)?;
    // Decrypted in place, so that one copy has to be wiped.
    let mut plain = Zeroizing::new(document.encrypted_data.as_bytes().to_vec());
    let decrypted = parameters.decrypt_in_place(password, &mut plain);
    let length = match decrypted.map(<[u8]>::len) {
        Ok(length) => length,
        Err(pkcs5::Error::DecryptFailed) => return Err(wrong_password()),
        Err(_) => return Err(unsupported(&document.encryption_algorithm)),
    };
    plain.truncate(length);
    // A wrong password has one chance in 256 to leave a valid padding.
    match AnyRef::from_der(&plain) {
        Ok(_) => Ok(plain),
        Err(_) => Err(wrong_password()),
    }
}

/// Encrypts a PKCS#8 document with AES-256 and PBKDF2, as all versions of
/// OpenSSL and Java from the last ten years read it.
pub(super) fn encrypt(pkcs8: &[u8], password: &str) -> Result<Vec<u8>> {
    let failed = |error: &dyn std::fmt::Display| {
        Error::new(Status::Internal, format!("cannot encrypt the key: {error}"))
    };
    if password.is_empty() {
        return Err(Error::new(
            Status::Argument,
            "the password is empty: give one, or save the key without",
        ));
    }
    let (mut salt, mut iv) = ([0; 16], [0; 16]);
    for random in [&mut salt, &mut iv] {
        aws_lc_rs::rand::fill(random).map_err(|error| failed(&error))?;
    }
    let parameters = Parameters::generate_pbkdf2_sha256_aes256cbc(ITERATIONS, &salt, iv)
        .map_err(|error| failed(&error))?;
    let encrypted = parameters
        .encrypt(password, pkcs8)
        .map_err(|error| failed(&error))?;
    let document = EncryptedPrivateKeyInfo {
        encryption_algorithm: EncryptionScheme::Pbes2(parameters),
        encrypted_data: OctetStringRef::new(&encrypted).map_err(|error| failed(&error))?,
    };
    document.to_der().map_err(|error| failed(&error))
}

fn unsupported(scheme: &EncryptionScheme) -> Error {
    Error::new(
        Status::Unsupported,
        format!(
            "the private key is encrypted with an algorithm that is not supported ({}): \
             'openssl pkcs8 -topk8 -v2 aes-256-cbc' encrypts it with one that is ({AES_256_CBC_OID})",
            scheme.oid()
        ),
    )
}

fn wrong_password() -> Error {
    Error::new(
        Status::Argument,
        "the password does not open the private key: it is another one, or the file is damaged",
    )
}
