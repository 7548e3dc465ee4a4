//! Reading PKCS#12 (RFC 7292, section 4), part by part, so that the cost of each is known
//! before it is decrypted.

use std::borrow::Cow;

use const_oid::ObjectIdentifier;
use zeroize::Zeroizing;

use super::super::ber;
use super::super::kdf_budget::KdfBudget;
use super::super::password::Password;
use super::super::pbe::{DecryptError, EncodedPassword};
use super::super::tlv::{
    Element, Elements, INTEGER, OBJECT_IDENTIFIER, OCTET_STRING, SEQUENCE, SET, context, only,
};
use super::mac;
use crate::{Error, Result, Status};

/// The hashing rounds that one file may demand.  Files written here take 1.8 million.  Four
/// million take a few seconds with the slowest hash.
const MAX_ROUNDS: u64 = 4_000_000;

pub(super) const DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.1");
const ENVELOPED_DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.3");
pub(super) const ENCRYPTED_DATA: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.6");
const SIGNED_DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.2");
const KEY_BAG: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.12.10.1.1");
pub(super) const ENCRYPTED_KEY_BAG: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.12.10.1.2");
pub(super) const CERTIFICATE_BAG: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.12.10.1.3");
pub(super) const X509_CERTIFICATE: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.22.1");

/// The tag of an OCTET STRING with an implicit `[0]` (RFC 5652, section 6.1).
pub(super) const ENCRYPTED_CONTENT: u8 = 0x80;

pub(super) const BMP_STRING: u8 = 0x1e;

pub(super) const FRIENDLY_NAME: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.20");

/// The keys (PKCS#8) and the certificates of a file.
#[derive(Default)]
pub(super) struct Content {
    pub(super) keys: Vec<Bag<Zeroizing<Vec<u8>>>>,
    pub(super) certificates: Vec<Bag<Vec<u8>>>,
}

/// A key or certificate, and its friendly name.
pub(super) struct Bag<T> {
    pub(super) value: T,
    pub(super) name: Option<String>,
}

/// Reads a file.  `requires_mac` rejects one without a MAC, which anybody may have changed.
pub(super) fn read(ber: &[u8], password: &Password<'_>, requires_mac: bool) -> Result<Content> {
    let mut work = KdfBudget::new("the PKCS#12 file", MAX_ROUNDS);
    let der = ber::to_der(ber).ok_or_else(malformed)?;
    let mut file = only(&der, SEQUENCE).map(|file| Elements(file.content));
    let file = file.as_mut().ok_or_else(malformed)?;
    match file.take(INTEGER).map(|version| version.content) {
        Some([3]) => {}
        _ => return Err(malformed()),
    }
    // Fails for another type of file before asking for a password.
    let password = EncodedPassword::new(password.get()?.unwrap_or_default());
    let mut authenticated = file.inside(SEQUENCE).ok_or_else(malformed)?;
    match object(&mut authenticated)? {
        DATA => {}
        SIGNED_DATA => {
            let sentence = "the PKCS#12 file is protected by a signature and not by a password, \
                            which is not supported: write it anew with a password";
            return Err(Error::new(Status::Unsupported, sentence));
        }
        _ => return Err(malformed()),
    }
    let safes = octets(&mut authenticated)?;
    match file.inside(SEQUENCE) {
        Some(mac) => mac::verify(&password, mac, safes, &mut work)?,
        None if !requires_mac => {}
        None => {
            let sentence = "the PKCS#12 file has no MAC, so that anybody can have changed it: \
                            write it anew with one, or allow files without";
            return Err(Error::new(Status::Parse, sentence));
        }
    }
    let mut content = Content::default();
    let safes = ber::to_der(safes).ok_or_else(malformed)?;
    for safe in sequence(&safes)? {
        let mut safe = Elements(safe.content);
        match object(&mut safe)? {
            DATA => content.add_bags(octets(&mut safe)?, &password, &mut work)?,
            ENCRYPTED_DATA => {
                let plain = decrypt_safe(safe, &password, &mut work)?;
                content.add_bags(&plain, &password, &mut work)?;
            }
            ENVELOPED_DATA => {
                let sentence = "a part of the PKCS#12 file is encrypted for the holder of a key \
                                and not with a password, which is not supported";
                return Err(Error::new(Status::Unsupported, sentence));
            }
            _ => return Err(malformed()),
        }
    }
    Ok(content)
}

/// Decrypts EncryptedData (RFC 5652, section 8).
fn decrypt_safe(
    mut safe: Elements<'_>,
    password: &EncodedPassword<'_>,
    work: &mut KdfBudget,
) -> Result<Zeroizing<Vec<u8>>> {
    let mut parts = || {
        let mut data = safe.inside(context(0))?.inside(SEQUENCE)?;
        data.take(INTEGER)?;
        let mut encrypted = data.inside(SEQUENCE)?;
        encrypted.take(OBJECT_IDENTIFIER)?;
        let algorithm = encrypted.take(SEQUENCE)?;
        if let Some(content) = encrypted.take(ENCRYPTED_CONTENT) {
            return Some((algorithm, Cow::Borrowed(content.content)));
        }
        // In BER the implicit OCTET STRING may be constructed, which only its place
        // reveals.
        let list = encrypted.inside(context(0))?.all()?;
        let mut pieces = Vec::new();
        for piece in list {
            pieces.extend_from_slice((piece.tag == OCTET_STRING).then_some(piece.content)?);
        }
        Some((algorithm, Cow::Owned(pieces)))
    };
    let (algorithm, ciphertext) = parts().ok_or_else(malformed)?;
    password
        .decrypt(algorithm, &ciphertext, work)
        .map_err(decrypt_error)
}

impl Content {
    /// Adds the keys and certificates in SafeContents.
    fn add_bags(
        &mut self,
        bags: &[u8],
        password: &EncodedPassword<'_>,
        work: &mut KdfBudget,
    ) -> Result<()> {
        let bags = ber::to_der(bags).ok_or_else(malformed)?;
        for bag in sequence(&bags)? {
            let mut bag = Elements(bag.content);
            let kind = object(&mut bag)?;
            let mut value = bag.inside(context(0)).ok_or_else(malformed)?;
            let name = bag.inside(SET).and_then(friendly_name);
            match kind {
                KEY_BAG => {
                    let key = value.take(SEQUENCE).ok_or_else(malformed)?;
                    let value = Zeroizing::new(key.whole.to_vec());
                    self.keys.push(Bag { value, name });
                }
                ENCRYPTED_KEY_BAG => {
                    let mut parts = value.inside(SEQUENCE).ok_or_else(malformed)?;
                    let algorithm = parts.take(SEQUENCE).ok_or_else(malformed)?;
                    let ciphertext = parts.take(OCTET_STRING).ok_or_else(malformed)?;
                    let key = password.decrypt(algorithm, ciphertext.content, work);
                    let value = key.map_err(decrypt_error)?;
                    // In a file without a MAC, a wrong password may leave valid padding.
                    only(&value, SEQUENCE).ok_or_else(wrong_password)?;
                    self.keys.push(Bag { value, name });
                }
                CERTIFICATE_BAG => {
                    let mut parts = value.inside(SEQUENCE).ok_or_else(malformed)?;
                    if object(&mut parts)? != X509_CERTIFICATE {
                        let sentence = "the PKCS#12 file has a certificate that is not X.509, \
                                        which is not supported";
                        return Err(Error::new(Status::Unsupported, sentence));
                    }
                    let value = octets(&mut parts)?.to_vec();
                    self.certificates.push(Bag { value, name });
                }
                // CRLs and other bags are not part of an identity.
                _ => {}
            }
        }
        Ok(())
    }
}

/// Returns the friendly name in the attributes of a bag (RFC 2985, section 5.5.1): a
/// BMPString.
fn friendly_name(attributes: Elements<'_>) -> Option<String> {
    let name = attributes.all()?.into_iter().find_map(|attribute| {
        let mut parts = Elements(attribute.content);
        (object(&mut parts).ok()? == FRIENDLY_NAME).then_some(())?;
        parts.inside(SET)?.take(BMP_STRING)
    })?;
    let units = name.content.chunks_exact(2);
    let units = units.map(|unit| u16::from_be_bytes([unit[0], unit[1]]));
    Some(
        char::decode_utf16(units)
            .map(|c| c.unwrap_or('\u{fffd}'))
            .collect(),
    )
}

/// Parses `der` as one SEQUENCE.  Returns its elements.
fn sequence(der: &[u8]) -> Result<Vec<Element<'_>>> {
    let whole = only(der, SEQUENCE);
    let elements = whole.and_then(|whole| Elements(whole.content).all());
    elements
        .filter(|all| all.iter().all(|one| one.tag == SEQUENCE))
        .ok_or_else(malformed)
}

/// Returns the content of an OCTET STRING in `[0]`.
fn octets<'a>(elements: &mut Elements<'a>) -> Result<&'a [u8]> {
    let inside = elements.inside(context(0));
    let octets = inside.and_then(|mut inside| inside.take(OCTET_STRING));
    octets.map(|octets| octets.content).ok_or_else(malformed)
}

/// Parses the next element as an OBJECT IDENTIFIER.
pub(super) fn object(elements: &mut Elements<'_>) -> Result<ObjectIdentifier> {
    let object = elements.take(OBJECT_IDENTIFIER);
    let object = object.and_then(|object| ObjectIdentifier::from_bytes(object.content).ok());
    object.ok_or_else(malformed)
}

fn decrypt_error(why: DecryptError) -> Error {
    match why {
        DecryptError::Malformed => malformed(),
        DecryptError::Unsupported => unsupported(),
        DecryptError::WrongPassword => wrong_password(),
        DecryptError::TooMuchWork(error) => error,
    }
}

pub(super) fn malformed() -> Error {
    let sentence = "the PKCS#12 file does not parse: it is damaged, or another type of file";
    Error::new(Status::Parse, sentence)
}

pub(super) fn unsupported() -> Error {
    let sentence = "the PKCS#12 file is protected with an algorithm that is not supported: \
                    'openssl pkcs12 -in OLD -nodes | openssl pkcs12 -export -out NEW' writes it \
                    anew";
    Error::new(Status::Unsupported, sentence)
}

pub(super) fn wrong_password() -> Error {
    let sentence = "the password does not open the PKCS#12 file: it is wrong, or the file is \
                    damaged";
    Error::argument(sentence)
}
