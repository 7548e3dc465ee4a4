//! The decoded fields of a certificate.
//!
//! Decoding never fails.  A field that does not decode is kept as its bytes in hex, is
//! recorded as undecodable, and permits nothing.

use const_oid::ObjectIdentifier;
use der::asn1::OctetStringRef;
use der::{Decode, Sequence, Tag};

use super::certificate::{
    ALTERNATIVE_NAMES, BASIC_CONSTRAINTS, EXTENDED_KEY_USAGE, KEY_ID, KEY_USAGE, NAME_CONSTRAINTS,
};
use super::distinguished_name::DistinguishedName;
use super::general_name::GeneralName;
use super::name_constraints::NameConstraints;
use super::raw_certificate::RawCertificate;
use super::tlv::{BIT_STRING, Elements, SEQUENCE, only};
use super::{describe, x509_time};

pub(super) struct CertificateFields {
    /// `None` if it does not decode.
    pub(super) subject: Option<DistinguishedName>,
    pub(super) subject_text: String,
    pub(super) issuer_text: String,
    pub(super) not_before: i64,
    pub(super) not_after: i64,
    pub(super) names: Vec<String>,
    pub(super) serial: String,
    pub(super) constraints: BasicConstraints,
    pub(super) key_usage: Option<Vec<&'static str>>,
    pub(super) extended_key_usage: Vec<String>,
    pub(super) key_id: Option<Vec<u8>>,
    pub(super) key_type: String,
    pub(super) signature_type: String,
    /// The fields and extensions that do not decode, of those that decide what the
    /// certificate may be used for.
    pub(super) undecodable: Vec<&'static str>,
}

/// The basicConstraints extension (RFC 5280, section 4.2.1.9).
#[derive(Clone, Copy, Default, Sequence)]
pub(super) struct BasicConstraints {
    #[asn1(default = "Default::default")]
    pub(super) ca: bool,
    pub(super) path_len: Option<u32>,
}

impl CertificateFields {
    pub(super) fn of(der: &[u8], parts: &RawCertificate) -> Self {
        let mut reader = Reader {
            parts,
            undecodable: Vec::new(),
        };
        let (subject, subject_text) = reader.name("subject", &der[parts.subject.clone()]);
        let (_, issuer_text) = reader.name("issuer", &der[parts.issuer.clone()]);
        let validity = validity(&der[parts.validity.clone()]);
        let validity = reader.record("validity", validity);
        let (not_before, not_after) = validity.unwrap_or((x509_time::LAST, x509_time::FIRST));
        let spki = &der[parts.spki.clone()];
        reader.record("subjectPublicKeyInfo", describe::PublicKey::of(spki));
        let names = reader.extension(&ALTERNATIVE_NAMES, "subjectAltName", GeneralName::all);
        let names = names.flatten().into_iter().flatten();
        let constraints = reader.extension(
            &BASIC_CONSTRAINTS,
            "basicConstraints",
            BasicConstraints::from_der,
        );
        let key_usage = reader.extension(&KEY_USAGE, "keyUsage", key_usage);
        let purposes = reader.extension(&EXTENDED_KEY_USAGE, "extKeyUsage", describe::purposes);
        let in_hex = || {
            let der = parts.extension(&EXTENDED_KEY_USAGE).unwrap_or_default();
            vec![format!("#{}", describe::hex(der))]
        };
        reader.extension(
            &NAME_CONSTRAINTS,
            "nameConstraints",
            NameConstraints::from_der,
        );
        Self {
            subject,
            subject_text,
            issuer_text,
            not_before,
            not_after,
            names: names.filter_map(GeneralName::to_text).collect(),
            serial: describe::serial(&der[parts.serial.clone()]),
            constraints: constraints.flatten().unwrap_or_default(),
            key_usage: key_usage.map(Option::unwrap_or_default),
            extended_key_usage: purposes
                .map_or_else(Vec::new, |known| known.unwrap_or_else(in_hex)),
            key_id: parts.extension(&KEY_ID).and_then(key_id),
            key_type: describe::key_type(spki),
            signature_type: describe::algorithm_of(&der[parts.algorithm.clone()]),
            undecodable: reader.undecodable,
        }
    }
}

/// Decodes fields, and records those that do not decode.
struct Reader<'a> {
    parts: &'a RawCertificate,
    undecodable: Vec<&'static str>,
}

impl<'a> Reader<'a> {
    fn record<T>(&mut self, what: &'static str, decoded: Option<T>) -> Option<T> {
        if decoded.is_none() {
            self.undecodable.push(what);
        }
        decoded
    }

    fn name(&mut self, what: &'static str, der: &[u8]) -> (Option<DistinguishedName>, String) {
        let name = self.record(what, DistinguishedName::from_der(der).ok());
        let text = match &name {
            Some(name) => name.to_string(),
            None => format!("#{}", describe::hex(der)),
        };
        (name, text)
    }

    /// Decodes an extension: `None` if it is absent, `Some(None)` if it does not decode.
    fn extension<T>(
        &mut self,
        oid: &ObjectIdentifier,
        what: &'static str,
        decode: impl Fn(&'a [u8]) -> der::Result<T>,
    ) -> Option<Option<T>> {
        let der = self.parts.extension(oid)?;
        Some(self.record(what, decode(der).ok()))
    }
}

/// Decodes the times of a Validity (RFC 5280, section 4.1.2.5).
fn validity(der: &[u8]) -> Option<(i64, i64)> {
    let mut times = Elements(only(der, SEQUENCE)?.content);
    let mut next = || {
        times
            .any()
            .and_then(|time| x509_time::read(time.tag, time.content))
    };
    let both = (next()?, next()?);
    times.end().map(|()| both)
}

fn key_id(der: &[u8]) -> Option<Vec<u8>> {
    let id = <&OctetStringRef>::from_der(der).ok()?;
    Some(id.as_bytes().to_vec())
}

/// The key usages of RFC 5280, section 4.2.1.3, in bit order.
const KEY_USAGES: [&str; 9] = [
    "digitalSignature",
    "nonRepudiation",
    "keyEncipherment",
    "dataEncipherment",
    "keyAgreement",
    "keyCertSign",
    "cRLSign",
    "encipherOnly",
    "decipherOnly",
];

/// Returns the names of the bits that are set.  Unused bits may be set, as in BER; bits
/// without a name are skipped.
pub(super) fn key_usage(der: &[u8]) -> der::Result<Vec<&'static str>> {
    let bits = only(der, BIT_STRING).and_then(|bits| match bits.content {
        [unused @ 0..8, bits @ ..] if !bits.is_empty() || *unused == 0 => {
            Some((bits, bits.len() * 8 - usize::from(*unused)))
        }
        _ => None,
    });
    let (bits, count) = bits.ok_or_else(|| Tag::BitString.value_error())?;
    let is_set = |index: usize| index < count && bits[index / 8] & 0x80 >> (index % 8) != 0;
    let names = KEY_USAGES.iter().enumerate();
    Ok(names
        .filter(|(index, _)| is_set(*index))
        .map(|(_, name)| *name)
        .collect())
}
