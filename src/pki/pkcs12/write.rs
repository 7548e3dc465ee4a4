//! Writing PKCS#12 (RFC 7292, section 4): the certificates are encrypted together, the key
//! by itself, and a MAC covers both, all under one password.

use const_oid::ObjectIdentifier;

use super::super::pbe::{EncodedPassword, Scheme, integer};
use super::super::tlv::{OBJECT_IDENTIFIER, OCTET_STRING, SEQUENCE, SET, context, encode};
use super::mac::{self, Hash};
use super::read::{
    BMP_STRING, CERTIFICATE_BAG, DATA, ENCRYPTED_CONTENT, ENCRYPTED_DATA, ENCRYPTED_KEY_BAG,
    FRIENDLY_NAME, X509_CERTIFICATE,
};
use crate::Result;

/// The localKeyId attribute, which matches a key with its certificate (RFC 2985, section
/// 5.5.2).
const LOCAL_KEY_ID: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.21");

/// The protection of a file.
pub(super) struct Protection {
    pub(super) encryption: Scheme,
    pub(super) mac: Hash,
    pub(super) mac_iterations: u32,
}

/// The contents of a file.
pub(super) struct Store<'a> {
    /// The friendly name of the key and of its certificate; "" for none.
    pub(super) name: &'a str,
    /// The localKeyId of both.
    pub(super) id: &'a [u8],
    /// PKCS#8.
    pub(super) key: &'a [u8],
    /// DER, the key's certificate first.  Only that one has the friendly name, as in
    /// OpenSSL: the name is that of the identity, not of the CAs above it.
    pub(super) chain: Vec<&'a [u8]>,
}

/// Encodes a file.  The certificates are encrypted with their attributes.  The friendly
/// name and localKeyId of the key are not (RFC 7292, section 4.2.2): everybody with the
/// file can read them.
pub(super) fn write(
    store: &Store<'_>,
    password: &EncodedPassword<'_>,
    protection: &Protection,
) -> Result<Vec<u8>> {
    let certificates = store.certificate_bags();
    let (algorithm, ciphertext) = password.encrypt(&protection.encryption, &certificates)?;
    let content = [
        object(DATA),
        algorithm,
        encode(ENCRYPTED_CONTENT, &ciphertext),
    ];
    let encrypted = sequence(&[integer(0), sequence(&content)]);
    let certificates = sequence(&[object(ENCRYPTED_DATA), encode(context(0), &encrypted)]);

    let (algorithm, ciphertext) = password.encrypt(&protection.encryption, store.key)?;
    let key = sequence(&[algorithm, encode(OCTET_STRING, &ciphertext)]);
    let key = bag(ENCRYPTED_KEY_BAG, &key, store.attributes());
    let key = data(&sequence(&[key]));

    let safes = sequence(&[certificates, key]);
    let mac = mac::create(protection.mac, protection.mac_iterations, password, &safes)?;
    Ok(sequence(&[integer(3), data(&safes), mac]))
}

impl Store<'_> {
    /// Encodes SafeContents with one bag per certificate.
    fn certificate_bags(&self) -> Vec<u8> {
        let mut bags = Vec::with_capacity(self.chain.len());
        for (index, certificate) in self.chain.iter().enumerate() {
            let value = encode(context(0), &encode(OCTET_STRING, certificate));
            let value = sequence(&[object(X509_CERTIFICATE), value]);
            let attributes = match index {
                0 => self.attributes(),
                _ => Vec::new(),
            };
            bags.push(bag(CERTIFICATE_BAG, &value, attributes));
        }
        sequence(&bags)
    }

    /// Encodes the attributes of the key and of its certificate.
    fn attributes(&self) -> Vec<Vec<u8>> {
        let mut attributes = vec![attribute(LOCAL_KEY_ID, encode(OCTET_STRING, self.id))];
        if !self.name.is_empty() {
            let units = self.name.encode_utf16().flat_map(u16::to_be_bytes);
            let name = encode(BMP_STRING, &units.collect::<Vec<_>>());
            attributes.push(attribute(FRIENDLY_NAME, name));
        }
        attributes
    }
}

/// Encodes a SafeBag (RFC 7292, section 4.2).
fn bag(kind: ObjectIdentifier, value: &[u8], mut attributes: Vec<Vec<u8>>) -> Vec<u8> {
    let mut parts = vec![object(kind), encode(context(0), value)];
    if !attributes.is_empty() {
        // DER sorts the elements of a SET OF (X.690, section 11.6).
        attributes.sort();
        parts.push(encode(SET, &attributes.concat()));
    }
    sequence(&parts)
}

fn attribute(kind: ObjectIdentifier, value: Vec<u8>) -> Vec<u8> {
    sequence(&[object(kind), encode(SET, &value)])
}

/// Encodes a ContentInfo of plain data (RFC 2315, section 7).
fn data(content: &[u8]) -> Vec<u8> {
    let content = encode(context(0), &encode(OCTET_STRING, content));
    sequence(&[object(DATA), content])
}

fn sequence(parts: &[Vec<u8>]) -> Vec<u8> {
    encode(SEQUENCE, &parts.concat())
}

fn object(identifier: ObjectIdentifier) -> Vec<u8> {
    encode(OBJECT_IDENTIFIER, identifier.as_bytes())
}
