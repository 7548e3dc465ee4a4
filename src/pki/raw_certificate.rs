//! Where the parts of a certificate are (RFC 5280, 4.1).
//!
//! Only the structure has to be right: what a part holds is looked into by whoever
//! needs it, and shown as bytes where it does not decode.  So whatever path building
//! accepts can also be looked at, as a test over many mutations checks.

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

/// The parts, as places in the DER.  Those that are a SEQUENCE or a BIT STRING include
/// their tag and length.
pub(super) struct RawCertificate {
    /// One less than the version that people speak of.
    pub(super) version: u32,
    /// What is signed: the TBSCertificate.
    pub(super) content: Range<usize>,
    /// The content of the INTEGER alone.
    pub(super) serial: Range<usize>,
    /// The algorithm that the TBSCertificate names, which has to be the outer one.
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
    /// Fails with the part that is missing or damaged.
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

    /// What the first extension with this identifier holds.
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

/// A BIT STRING with an implicit tag: primitive, or constructed in BER.
fn unique_id<'a>(inner: &mut Elements<'a>, number: u8) -> Option<&'a [u8]> {
    let element = inner.take(context(number) & !0x20);
    let element = element.or_else(|| inner.take(context(number)))?;
    Some(element.content)
}

/// The extensions, perhaps none: an empty list is against RFC 5280, and common.
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
        // DER leaves the default out; many write it.
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

/// Every extension whose identifier stands before it already.
pub(super) fn duplicates(extensions: &[Extension]) -> impl Iterator<Item = &Extension> {
    let mut seen = HashSet::new();
    extensions
        .iter()
        .filter(move |extension| !seen.insert(&extension.oid))
}

/// Whether an extension says what a certificate may be used for.  Of two of them each
/// reader would believe another one, so such a certificate is refused, as by webpki.
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
