//! Certificates in PKCS#7 (RFC 2315), now CMS (RFC 5652): the .p7b and .p7c bundles of
//! Windows and Java, which are SignedData without signers.
//!
//! A bundle only puts certificates in a file.  Being in one makes nothing trusted or
//! verified, and any signature on it is ignored.

use super::ber;
use super::document_type::DocumentType;
use super::pem;
use super::tlv::{Elements, INTEGER, OBJECT_IDENTIFIER, SEQUENCE, SET, context, only};
use crate::{Error, Result, Status};

/// The identifier of SignedData, 1.2.840.113549.1.7.2.
const SIGNED_DATA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x02];

/// The maximum number of certificates in a bundle; the biggest root stores have a few
/// hundred.
const MAX_CERTIFICATES: usize = 1_000;

/// Returns the certificates in a bundle, each in DER, in order: at least one.
pub(super) fn certificates(bundle: &[u8]) -> Result<Vec<Vec<u8>>> {
    let der = ber::to_der(bundle).ok_or_else(malformed)?;
    let mut content = Elements(only(&der, SEQUENCE).ok_or_else(malformed)?.content);
    let kind = content.take(OBJECT_IDENTIFIER).ok_or_else(malformed)?;
    if kind.content != SIGNED_DATA {
        let sentence = "the PKCS#7 bundle holds something other than certificates, such as an \
                        encrypted message";
        return Err(Error::new(Status::Unsupported, sentence));
    }
    let mut list = || {
        let mut signed = content.inside(context(0))?.inside(SEQUENCE)?;
        signed.take(INTEGER)?;
        signed.take(SET)?;
        signed.take(SEQUENCE)?;
        match signed.inside(context(0)) {
            Some(list) => list.all(),
            None => Some(Vec::new()),
        }
    };
    let list = list().ok_or_else(malformed)?;
    // The others are attribute certificates and obsolete certificate formats.
    let certificates = list.into_iter().filter(|one| one.tag == SEQUENCE);
    let certificates: Vec<_> = certificates.map(|one| one.whole.to_vec()).collect();
    match certificates.len() {
        1..=MAX_CERTIFICATES => Ok(certificates),
        0 => Err(Error::new(
            Status::Parse,
            "the PKCS#7 bundle holds no certificate",
        )),
        count => {
            let sentence = format!(
                "the PKCS#7 bundle has {count} certificates, and at most {MAX_CERTIFICATES} are \
                 allowed"
            );
            Err(Error::new(Status::Parse, sentence))
        }
    }
}

/// Returns whether this is a bundle, DER or BER.
pub(super) fn is_bundle(content: &[u8]) -> bool {
    DocumentType::of_der(content) == Some(DocumentType::Pkcs7)
}

/// Returns whether a file, PEM or DER, holds a bundle.
pub(super) fn is_in(content: &[u8]) -> bool {
    match pem::is_der(content) {
        true => is_bundle(content),
        false => pem::sections(content)
            .map_while(Result::ok)
            .any(|section| section.kind() == Some(DocumentType::Pkcs7)),
    }
}

fn malformed() -> Error {
    let sentence = "the PKCS#7 bundle does not parse: it is damaged, or another type of file";
    Error::new(Status::Parse, sentence)
}
