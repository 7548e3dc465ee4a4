//! A certificate opened just far enough to validate a path.
//!
//! [`Certificate`](super::Certificate) holds what people ask for; this borrows what the
//! path rules need on every handshake, and costs one allocation.

use der::asn1::{AnyRef, BitStringRef};
use der::{Decode, Header, Reader, SliceReader, Tag, Tagged};

use super::certificate::{BasicConstraints, KEY_USAGES};
use super::moment;
use super::name::GeneralName;
use super::subject::Subject;

/// The parts of one X.509 certificate (RFC 5280, section 4.1), borrowed from its DER.
/// Names, keys and algorithms are whole DER elements.
pub(crate) struct Outline<'a> {
    pub(crate) der: &'a [u8],
    pub(crate) tbs: &'a [u8],
    /// 1, 2 or 3.
    pub(crate) version: u8,
    /// The signature algorithm inside the signed part, and the one beside the signature.
    pub(crate) algorithms: [&'a [u8]; 2],
    pub(crate) signature: &'a [u8],
    pub(crate) issuer: &'a [u8],
    pub(crate) subject: &'a [u8],
    /// Seconds since the Unix epoch.
    pub(crate) not_before: i64,
    pub(crate) not_after: i64,
    pub(crate) spki: &'a [u8],
    pub(crate) has_unique_ids: bool,
    pub(crate) extensions: Vec<Extension<'a>>,
    /// The signed part up to the end of the key: everything before the optional fields.
    pub(crate) fixed: &'a [u8],
}

/// One extension (RFC 5280, section 4.1.2.9).
#[derive(Clone, Copy)]
pub(crate) struct Extension<'a> {
    /// The content of its OBJECT IDENTIFIER.
    pub(crate) oid: &'a [u8],
    pub(crate) critical: bool,
    /// The content of its OCTET STRING.
    pub(crate) value: &'a [u8],
    /// The whole element.
    pub(crate) der: &'a [u8],
}

/// Identifiers of extensions: the content of their OBJECT IDENTIFIERs.
pub(crate) mod oid {
    macro_rules! id_ce {
        ($($name:ident = $arc:literal),+ $(,)?) => {
            $(pub(crate) const $name: &[u8] = &[0x55, 0x1d, $arc];)+
        };
    }
    id_ce! {
        SUBJECT_KEY_ID = 14,
        KEY_USAGE = 15,
        SUBJECT_ALT_NAME = 17,
        BASIC_CONSTRAINTS = 19,
        NAME_CONSTRAINTS = 30,
        CRL_DISTRIBUTION_POINTS = 31,
        CERTIFICATE_POLICIES = 32,
        POLICY_MAPPINGS = 33,
        AUTHORITY_KEY_ID = 35,
        POLICY_CONSTRAINTS = 36,
        EXTENDED_KEY_USAGE = 37,
        INHIBIT_ANY_POLICY = 54,
    }
}

/// A subject public key (RFC 5280, section 4.1.2.7).
pub(crate) struct PublicKey<'a> {
    /// The content of the algorithm's OBJECT IDENTIFIER.
    pub(crate) algorithm: &'a [u8],
    /// The whole element of the parameters.
    pub(crate) parameters: Option<&'a [u8]>,
    /// The content of the BIT STRING.
    pub(crate) key: &'a [u8],
}

impl<'a> Outline<'a> {
    pub(crate) fn from_der(der: &'a [u8]) -> der::Result<Self> {
        let (tbs, outer_algorithm, signature) = signed_parts(der)?;
        let content = AnyRef::from_der(tbs)?;
        content.tag().assert_eq(Tag::Sequence)?;
        let content = content.value();
        let mut reader = SliceReader::new(content)?;
        let version = match reader.peek_byte() {
            Some(0xa0) => 1 + explicit::<u8>(reader.tlv_bytes()?)?,
            _ => 1,
        };
        AnyRef::decode(&mut reader)?.tag().assert_eq(Tag::Integer)?;
        let inner_algorithm = sequence(&mut reader)?;
        let issuer = sequence(&mut reader)?;
        let mut validity = open(sequence(&mut reader)?, Tag::Sequence)?;
        let not_before = moment::parse(&AnyRef::decode(&mut validity)?)?;
        let not_after = moment::parse(&AnyRef::decode(&mut validity)?)?;
        validity.finish()?;
        let subject = sequence(&mut reader)?;
        let spki = sequence(&mut reader)?;
        let fixed = &content[..usize::try_from(reader.position())?];

        let mut has_unique_ids = false;
        while matches!(reader.peek_byte(), Some(0x81 | 0x82 | 0xa1 | 0xa2)) {
            reader.tlv_bytes()?;
            has_unique_ids = true;
        }
        let extensions = match reader.peek_byte() {
            Some(0xa3) => Extension::all(reader.tlv_bytes()?)?,
            _ => Vec::new(),
        };
        reader.finish()?;
        Ok(Self {
            der,
            tbs,
            version,
            algorithms: [inner_algorithm, outer_algorithm],
            signature,
            issuer,
            subject,
            not_before,
            not_after,
            spki,
            has_unique_ids,
            extensions,
            fixed,
        })
    }

    pub(crate) fn extension(&self, oid: &[u8]) -> Option<&Extension<'a>> {
        self.extensions
            .iter()
            .find(|extension| extension.oid == oid)
    }

    /// Whether an extension occurs twice, which RFC 5280, section 4.2, forbids: one
    /// reader would obey the first and another one the second.
    pub(crate) fn has_repeated_extension(&self) -> bool {
        let mut seen = self.extensions.iter().enumerate();
        seen.any(|(index, one)| {
            self.extensions[..index]
                .iter()
                .any(|earlier| earlier.oid == one.oid)
        })
    }

    /// Whether subject and issuer are the same name (RFC 5280, section 3.2).
    pub(crate) fn is_self_issued(&self) -> bool {
        self.subject == self.issuer
    }

    /// The cA bit and the path length; `None` without the extension.
    pub(crate) fn basic_constraints(&self) -> der::Result<Option<(bool, Option<u32>)>> {
        let value = |extension: &Extension<'a>| BasicConstraints::from_der(extension.value);
        let constraints = self.extension(oid::BASIC_CONSTRAINTS).map(value);
        Ok(constraints.transpose()?.map(|one| (one.ca, one.path_len)))
    }

    /// Whether its key may be used for `usage`, such as `"keyCertSign"`: also where the
    /// certificate does not limit the usage of its key (RFC 5280, section 4.2.1.3).
    pub(crate) fn allows_key_usage(&self, usage: &str) -> der::Result<bool> {
        let Some(extension) = self.extension(oid::KEY_USAGE) else {
            return Ok(true);
        };
        let position = KEY_USAGES.iter().position(|known| *known == usage);
        let bits = BitStringRef::from_der(extension.value)?;
        let bytes = bits.raw_bytes();
        Ok(position.is_some_and(|position| {
            let byte = bytes.get(position / 8).copied().unwrap_or_default();
            byte & (0x80 >> (position % 8)) != 0
        }))
    }

    /// The key purposes, each the content of an OBJECT IDENTIFIER; `None` without the
    /// extension (RFC 5280, section 4.2.1.12).
    pub(crate) fn key_purposes(&self) -> der::Result<Option<Vec<&'a [u8]>>> {
        let Some(extension) = self.extension(oid::EXTENDED_KEY_USAGE) else {
            return Ok(None);
        };
        let mut reader = open(extension.value, Tag::Sequence)?;
        let mut purposes = Vec::new();
        while !reader.is_finished() {
            let purpose = AnyRef::decode(&mut reader)?;
            purpose.tag().assert_eq(Tag::ObjectIdentifier)?;
            purposes.push(purpose.value());
        }
        Ok(Some(purposes))
    }

    /// The subject alternative names; `None` without the extension.
    pub(crate) fn alternative_names(&self) -> der::Result<Option<Vec<GeneralName<'a>>>> {
        let names =
            |extension: &Extension<'a>| -> der::Result<_> { GeneralName::all(extension.value) };
        self.extension(oid::SUBJECT_ALT_NAME).map(names).transpose()
    }

    pub(crate) fn subject_name(&self) -> der::Result<Subject> {
        Subject::from_der(self.subject)
    }

    pub(crate) fn public_key(&self) -> der::Result<PublicKey<'a>> {
        PublicKey::from_der(self.spki)
    }
}

impl<'a> Extension<'a> {
    /// Those of a certificate, from its field `[3]`.
    fn all(field: &'a [u8]) -> der::Result<Vec<Self>> {
        let mut list = open(AnyRef::from_der(field)?.value(), Tag::Sequence)?;
        let mut all = Vec::with_capacity(10);
        while !list.is_finished() {
            let der = list.tlv_bytes()?;
            let mut reader = open(der, Tag::Sequence)?;
            let oid = AnyRef::decode(&mut reader)?;
            oid.tag().assert_eq(Tag::ObjectIdentifier)?;
            let mut value = AnyRef::decode(&mut reader)?;
            let mut critical = false;
            if value.tag() == Tag::Boolean {
                critical = match value.value() {
                    [0xff] => true,
                    // DER leaves out the default, and some certificates do not.
                    [0x00] => false,
                    _ => return Err(Tag::Boolean.value_error().into()),
                };
                value = AnyRef::decode(&mut reader)?;
            }
            value.tag().assert_eq(Tag::OctetString)?;
            reader.finish()?;
            all.push(Self {
                oid: oid.value(),
                critical,
                value: value.value(),
                der,
            });
        }
        Ok(all)
    }
}

impl<'a> PublicKey<'a> {
    pub(crate) fn from_der(spki: &'a [u8]) -> der::Result<Self> {
        let mut outer = open(spki, Tag::Sequence)?;
        let mut algorithm = open(outer.tlv_bytes()?, Tag::Sequence)?;
        let key = BitStringRef::decode(&mut outer)?.raw_bytes();
        outer.finish()?;
        let oid = AnyRef::decode(&mut algorithm)?;
        oid.tag().assert_eq(Tag::ObjectIdentifier)?;
        let parameters = match algorithm.is_finished() {
            true => None,
            false => Some(algorithm.tlv_bytes()?),
        };
        Ok(Self {
            algorithm: oid.value(),
            parameters,
            key,
        })
    }
}

/// The parts of a certificate or a CRL: what is signed, the algorithm, and the signature.
pub(crate) fn signed_parts(der: &[u8]) -> der::Result<(&[u8], &[u8], &[u8])> {
    let mut outer = open(der, Tag::Sequence)?;
    let tbs = outer.tlv_bytes()?;
    let algorithm = sequence(&mut outer)?;
    let signature = BitStringRef::decode(&mut outer)?;
    outer.finish()?;
    // Octets alone are signatures: no algorithm leaves bits unused.
    let signature = signature
        .as_bytes()
        .ok_or_else(|| Tag::BitString.value_error())?;
    Ok((tbs, algorithm, signature))
}

/// Reads what an element with this tag holds.
fn open(der: &[u8], tag: Tag) -> der::Result<SliceReader<'_>> {
    let element = AnyRef::from_der(der)?;
    element.tag().assert_eq(tag)?;
    SliceReader::new(element.value())
}

/// The next element, which is a SEQUENCE.
fn sequence<'a>(reader: &mut SliceReader<'a>) -> der::Result<&'a [u8]> {
    let header = Header::peek(reader)?;
    header.tag().assert_eq(Tag::Sequence)?;
    reader.tlv_bytes()
}

/// What an element with an explicit tag holds.
fn explicit<'a, T: Decode<'a, Error = der::Error>>(der: &'a [u8]) -> der::Result<T> {
    T::from_der(AnyRef::from_der(der)?.value())
}

/// An object identifier in dots, from its content, however large its arcs are.
pub(crate) fn dotted(oid: &[u8]) -> String {
    let mut arcs = Vec::new();
    let mut arc: u128 = 0;
    for byte in oid {
        arc = arc
            .saturating_mul(128)
            .saturating_add(u128::from(byte & 0x7f));
        if byte & 0x80 == 0 {
            arcs.push(arc);
            arc = 0;
        }
    }
    if let Some(first) = arcs.first().copied() {
        let root = (first / 40).min(2);
        arcs[0] = first - 40 * root;
        arcs.insert(0, root);
    }
    let arcs: Vec<_> = arcs.iter().map(u128::to_string).collect();
    arcs.join(".")
}
