//! The structure of a certificate (RFC 5280, section 4.1), with its fields as byte ranges.
//!
//! Only the structure must be valid.  Fields are decoded on demand, and displayed as bytes
//! if they do not decode.  So everything that path building accepts can be inspected; a
//! test over many mutations checks that.

use std::collections::HashSet;
use std::ops::Range;

use der::asn1::OctetString;

use super::asn1::Extension;
use super::certificate::{
    ALTERNATIVE_NAMES, BASIC_CONSTRAINTS, CRL_DISTRIBUTION, EXTENDED_KEY_USAGE, KEY_USAGE,
    NAME_CONSTRAINTS,
};
use super::oid::Oid;
use super::tlv::{
    BIT_STRING, BOOLEAN, Elements, INTEGER, OBJECT_IDENTIFIER, OCTET_STRING, SEQUENCE, context,
    only, place,
};

/// The fields, as ranges in the DER.  Those that are a SEQUENCE or a BIT STRING include tag
/// and length.
pub(super) struct RawCertificate {
    /// The version number minus 1.
    pub(super) version: u32,
    /// The TBSCertificate.
    pub(super) content: Range<usize>,
    /// The content octets of the INTEGER.
    pub(super) serial: Range<usize>,
    /// The signature algorithm in the TBSCertificate, which must equal the outer one.
    pub(super) signed_algorithm: Range<usize>,
    pub(super) issuer: Range<usize>,
    pub(super) validity: Range<usize>,
    pub(super) subject: Range<usize>,
    pub(super) spki: Range<usize>,
    /// The content of the BIT STRINGs that version 2 added.
    pub(super) issuer_id: Option<Range<usize>>,
    pub(super) subject_id: Option<Range<usize>>,
    pub(super) extensions: Vec<Extension>,
    pub(super) algorithm: Range<usize>,
    /// The content of the BIT STRING.
    pub(super) signature: Range<usize>,
}

impl RawCertificate {
    /// Parses the structure.  Fails with the field that is missing or malformed.
    pub(super) fn of(der: &[u8]) -> Result<Self, String> {
        let missing = |what: &str| format!("{what} is missing or damaged");
        let whole = only(der, SEQUENCE)
            .ok_or_else(|| format!("it is not one whole SEQUENCE of {} bytes", der.len()))?;
        let mut outer = Elements(whole.content);
        let content = outer.take(SEQUENCE).ok_or_else(|| missing("its content"))?;
        let algorithm = outer.take(SEQUENCE);
        let algorithm = algorithm.ok_or_else(|| missing("its signature algorithm"))?;
        let signature = outer.take(BIT_STRING);
        let signature = signature.ok_or_else(|| missing("its signature"))?;
        outer.end().ok_or("more follows its signature")?;

        let mut inner = Elements(content.content);
        let version = match inner.inside(context(0)) {
            Some(number) => version(number).ok_or_else(|| missing("its version"))?,
            None => 0,
        };
        let serial = inner.take(INTEGER);
        let serial = serial.ok_or_else(|| missing("its serial number"))?;
        let mut sequence = |what| inner.take(SEQUENCE).ok_or_else(|| missing(what));
        let signed_algorithm = sequence("the signature algorithm in its content")?;
        let issuer = sequence("its issuer")?;
        let validity = sequence("its validity")?;
        let subject = sequence("its subject")?;
        let spki = sequence("its public key")?;
        let issuer_id = unique_id(&mut inner, 1);
        let subject_id = unique_id(&mut inner, 2);
        let extensions = match inner.inside(context(3)) {
            Some(list) => extensions(list)?,
            None => Vec::new(),
        };
        inner.end().ok_or("more follows its fields")?;
        Ok(Self {
            version,
            content: place(content.whole, der),
            serial: place(serial.content, der),
            signed_algorithm: place(signed_algorithm.whole, der),
            issuer: place(issuer.whole, der),
            validity: place(validity.whole, der),
            subject: place(subject.whole, der),
            spki: place(spki.whole, der),
            issuer_id: issuer_id.map(|id| place(id, der)),
            subject_id: subject_id.map(|id| place(id, der)),
            extensions,
            algorithm: place(algorithm.whole, der),
            signature: place(signature.content, der),
        })
    }

    /// Returns the value of the first extension with this identifier.
    pub(super) fn extension(&self, oid: &const_oid::ObjectIdentifier) -> Option<&[u8]> {
        let mut all = self.extensions.iter();
        let found = all.find(|extension| extension.oid == *oid)?;
        Some(found.value.as_bytes())
    }
}

fn version(mut number: Elements<'_>) -> Option<u32> {
    let digits = number.take(INTEGER)?.content;
    number.end()?;
    match digits {
        [digit @ 0..0x80] => Some(u32::from(*digit)),
        _ => None,
    }
}

/// Parses a BIT STRING with an implicit tag: primitive, or constructed in BER.
fn unique_id<'a>(inner: &mut Elements<'a>, number: u8) -> Option<&'a [u8]> {
    let element = inner.take(context(number) & !0x20);
    let element = element.or_else(|| inner.take(context(number)))?;
    Some(element.content)
}

/// Parses the extensions.  An empty list violates RFC 5280, but is common.
fn extensions(mut tagged: Elements<'_>) -> Result<Vec<Extension>, String> {
    let damaged = || "the list of its extensions is damaged".to_owned();
    let list = tagged.inside(SEQUENCE).ok_or_else(damaged)?;
    tagged.end().ok_or_else(damaged)?;
    let all = list.all().ok_or_else(damaged)?;
    let one = |(index, element): (usize, super::tlv::Element<'_>)| {
        let extension = (element.tag == SEQUENCE)
            .then(|| extension(Elements(element.content)))
            .flatten();
        extension.ok_or_else(|| format!("its extension {} is damaged", index + 1))
    };
    let all: Vec<_> = all
        .into_iter()
        .enumerate()
        .map(one)
        .collect::<Result<_, _>>()?;
    let twice = duplicates(&all).find(|extension| affects_use(&extension.oid));
    match twice {
        None => Ok(all),
        Some(Extension { oid, .. }) => Err(format!("it has the extension {oid} twice")),
    }
}

fn extension(mut inner: Elements<'_>) -> Option<Extension> {
    let oid = inner.take(OBJECT_IDENTIFIER)?;
    let critical = match inner.take(BOOLEAN).map(|flag| flag.content) {
        // DER omits the default value, but many certificates encode it.
        None | Some([0]) => false,
        Some([0xff]) => true,
        Some(_) => return None,
    };
    let value = inner.take(OCTET_STRING)?;
    inner.end()?;
    Some(Extension {
        oid: Oid::from_bytes(oid.content),
        critical,
        value: OctetString::new(value.content).ok()?,
    })
}

/// Iterates over the extensions whose identifier occurred before.
pub(super) fn duplicates(extensions: &[Extension]) -> impl Iterator<Item = &Extension> {
    let mut seen = HashSet::new();
    extensions
        .iter()
        .filter(move |extension| !seen.insert(&extension.oid))
}

/// Returns whether an extension decides what a certificate may be used for.  Of two,
/// different readers would use different ones.  Such a certificate is rejected, as by
/// webpki.
fn affects_use(oid: &Oid) -> bool {
    [
        KEY_USAGE,
        ALTERNATIVE_NAMES,
        BASIC_CONSTRAINTS,
        NAME_CONSTRAINTS,
        CRL_DISTRIBUTION,
        EXTENDED_KEY_USAGE,
    ]
    .iter()
    .any(|decisive| oid == decisive)
}
