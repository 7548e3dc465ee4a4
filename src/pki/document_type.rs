//! Detects the type of a document from its PEM label or its outer DER structure, even if it
//! is damaged further inside.  Used to select what to parse, and for errors about the wrong
//! file.

use std::fmt;

use super::ber;
use super::tlv::{
    BIT_STRING, Elements, INTEGER, OBJECT_IDENTIFIER, OCTET_STRING, SEQUENCE, context, only,
};
use crate::{Error, Status};

/// A type of document.
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

/// Formats the name with its article.
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
    /// Returns its name, as used in errors.
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

    /// Returns the type that a PEM label names.
    pub(super) fn of_label(label: &str) -> Option<Self> {
        Some(match label {
            // "X509 CERTIFICATE" is OpenSSL's label from before 1998, which it still
            // reads.  The third is OpenSSL's own, with trust settings after the
            // certificate.
            "CERTIFICATE" | "X509 CERTIFICATE" | TRUSTED => Self::Certificate,
            "PRIVATE KEY" | "RSA PRIVATE KEY" | "EC PRIVATE KEY" => Self::PrivateKey,
            "ENCRYPTED PRIVATE KEY" => Self::EncryptedKey,
            "PUBLIC KEY" | "RSA PUBLIC KEY" => Self::PublicKey,
            // The second is written by Microsoft's and old tools.
            "CERTIFICATE REQUEST" | "NEW CERTIFICATE REQUEST" => Self::Request,
            "X509 CRL" => Self::Crl,
            "PKCS12" => Self::Pkcs12,
            // "CMS" is from RFC 7468, section 9.  The third is written by some tools.
            "PKCS7" | "CMS" | "PKCS #7 SIGNED DATA" => Self::Pkcs7,
            _ => return None,
        })
    }

    /// Detects the type of a DER or BER structure.
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

    /// Detects the type if the first element is an INTEGER: a version or an RSA modulus.
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

    /// Detects the type if the first element is a SEQUENCE: an algorithm or the signed
    /// content.
    fn of_sequence_first(mut first: Elements<'_>, mut rest: Elements<'_>) -> Option<Self> {
        match (first.any()?.tag, rest.any()?.tag) {
            (OBJECT_IDENTIFIER, OCTET_STRING) => Some(Self::EncryptedKey),
            (OBJECT_IDENTIFIER, BIT_STRING) => Some(Self::PublicKey),
            (tag, SEQUENCE) => {
                // After the version come two SEQUENCEs, then the element that decides.
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
                    // The validity of a certificate of version 1.
                    Some(SEQUENCE) => Some(Self::Certificate),
                    Some(UTC_TIME | GENERALIZED_TIME) => Some(Self::Crl),
                    Some(_) => None,
                }
            }
            _ => None,
        }
    }

    /// Returns the error for a document of this type where `needed` is expected.
    pub(super) fn mismatch(self, needed: Self) -> Error {
        Error::new(
            Status::Parse,
            format!("this is {self}; {needed} is needed{}", self.advice()),
        )
    }

    /// Returns what to do with a document of this type if another type is needed.
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

/// The PEM label of certificates followed by OpenSSL trust settings.
pub(super) const TRUSTED: &str = "TRUSTED CERTIFICATE";

/// The arc of PKCS#7 identifiers, 1.2.840.113549.1.7.
const PKCS7: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07];

const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// Returns an error that names the type of `der` if it is not the one needed, else `why`.
pub(super) fn mismatch_or(der: &[u8], needed: DocumentType, why: Error) -> Error {
    match DocumentType::of_der(der) {
        Some(kind) if kind != needed => kind.mismatch(needed).with_source(why),
        _ => why,
    }
}
