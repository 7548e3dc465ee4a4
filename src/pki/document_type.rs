//! What a document is, of the kinds that people confuse: told by the label of its PEM, or by
//! how its DER is built, however damaged it is further inside.

use std::fmt;

use super::ber;
use super::tlv::{
    BIT_STRING, Elements, INTEGER, OBJECT_IDENTIFIER, OCTET_STRING, SEQUENCE, context, only,
};
use crate::{Error, Status};

/// A kind of document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DocumentType {
    Certificate,
    PrivateKey,
    EncryptedKey,
    PublicKey,
    Request,
    Crl,
    Pkcs12,
    Pkcs7,
}

/// With its article.
impl fmt::Display for DocumentType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let article = match self {
            Self::EncryptedKey => "an",
            _ => "a",
        };
        write!(f, "{article} {}", self.name())
    }
}

impl DocumentType {
    /// Its name, as it stands in sentences.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Certificate => "certificate",
            Self::PrivateKey => "private key",
            Self::EncryptedKey => "encrypted private key",
            Self::PublicKey => "public key",
            Self::Request => "certificate request",
            Self::Crl => "CRL",
            Self::Pkcs12 => "PKCS#12 file",
            Self::Pkcs7 => "PKCS#7 bundle",
        }
    }

    /// The kind that a PEM label names.
    pub(super) fn of_label(label: &str) -> Option<Self> {
        Some(match label {
            // The second is what OpenSSL wrote before 1998, and still reads; the third is
            // its own, with settings behind the certificate.
            "CERTIFICATE" | "X509 CERTIFICATE" | TRUSTED => Self::Certificate,
            "PRIVATE KEY" | "RSA PRIVATE KEY" | "EC PRIVATE KEY" => Self::PrivateKey,
            "ENCRYPTED PRIVATE KEY" => Self::EncryptedKey,
            "PUBLIC KEY" | "RSA PUBLIC KEY" => Self::PublicKey,
            // The second is what Microsoft's and old tools write.
            "CERTIFICATE REQUEST" | "NEW CERTIFICATE REQUEST" => Self::Request,
            "X509 CRL" => Self::Crl,
            "PKCS12" => Self::Pkcs12,
            // The second is of RFC 7468, section 9; the third is what some tools write.
            "PKCS7" | "CMS" | "PKCS #7 SIGNED DATA" => Self::Pkcs7,
            _ => return None,
        })
    }

    /// The kind that DER, or BER, is built like.
    pub(super) fn of_der(der: &[u8]) -> Option<Self> {
        Self::of_structure(der).or_else(|| Self::of_structure(&ber::to_der(der)?))
    }

    fn of_structure(der: &[u8]) -> Option<Self> {
        let inner = Elements(only(der, SEQUENCE)?.content);
        let mut parts = inner;
        let first = parts.any()?;
        match first.tag {
            OBJECT_IDENTIFIER => first.content.starts_with(PKCS7).then_some(Self::Pkcs7),
            INTEGER => Self::of_integer_first(first.content, parts),
            SEQUENCE => Self::of_sequence_first(Elements(first.content), parts),
            _ => None,
        }
    }

    /// What begins with a number: a version, or the modulus of RSA.
    fn of_integer_first(number: &[u8], mut parts: Elements<'_>) -> Option<Self> {
        let second = parts.any()?;
        match (number, second.tag) {
            ([3], SEQUENCE) => Some(Self::Pkcs12),
            // PKCS#8, PKCS#1 and SEC 1.
            ([0 | 1], SEQUENCE | INTEGER | OCTET_STRING) => Some(Self::PrivateKey),
            (_, INTEGER) if parts.is_empty() => Some(Self::PublicKey),
            _ => None,
        }
    }

    /// What begins with an algorithm, or with what is signed.
    fn of_sequence_first(mut first: Elements<'_>, mut rest: Elements<'_>) -> Option<Self> {
        match (first.any()?.tag, rest.any()?.tag) {
            (OBJECT_IDENTIFIER, OCTET_STRING) => Some(Self::EncryptedKey),
            (OBJECT_IDENTIFIER, BIT_STRING) => Some(Self::PublicKey),
            (tag, SEQUENCE) => {
                // After the version: two SEQUENCEs, and then what tells them apart.
                let has_version = tag == INTEGER;
                if tag == context(0) {
                    return Some(Self::Certificate);
                }
                if has_version {
                    first.take(SEQUENCE)?;
                }
                first.take(SEQUENCE)?;
                match first.any().map(|third| third.tag) {
                    None => Some(Self::Request),
                    Some(tag) if tag == context(0) => Some(Self::Request),
                    // The validity of version 1.
                    Some(SEQUENCE) => Some(Self::Certificate),
                    Some(UTC_TIME | GENERALIZED_TIME) => Some(Self::Crl),
                    Some(_) => None,
                }
            }
            _ => None,
        }
    }

    /// The error where something of this kind is, and one of the kind `require_password` ought to be.
    pub(super) fn mismatch(self, needed: Self) -> Error {
        Error::new(
            Status::Parse,
            format!("this is {self}; {needed} is needed{}", self.advice()),
        )
    }

    /// What can be done with it, where it is not what was needed.
    const fn advice(self) -> &'static str {
        match self {
            Self::Pkcs12 => {
                ": load it with its password as PKCS#12, or have 'openssl pkcs12 -nodes' turn \
                 it into PEM"
            }
            _ => "",
        }
    }
}

/// The label of certificates with settings of OpenSSL behind them.
pub(super) const TRUSTED: &str = "TRUSTED CERTIFICATE";

/// PKCS#7 has its own arc of identifiers: 1.2.840.113549.1.7.
const PKCS7: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07];

const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// Says what `der` is where that is another kind than the one that was needed, and else
/// why it does not parse.
pub(super) fn mismatch_or(der: &[u8], needed: DocumentType, why: Error) -> Error {
    match DocumentType::of_der(der) {
        Some(kind) if kind != needed => kind.mismatch(needed).with_source(why),
        _ => why,
    }
}
