//! Distinguished names (RFC 5280, section 4.1.2.4): parsing and formatting.
//!
//! A name keeps every repeated attribute and multi-valued RDN, in order.  A parsed DER name
//! keeps each value exactly.  One made from text gets the string type that each attribute
//! requires.

use std::collections::BTreeSet;

use const_oid::ObjectIdentifier;
use der::asn1::{Any, SetOfVec};
use der::{Decode, Encode, Tag};
use x509_cert::attr::AttributeTypeAndValue;

use super::name_attribute::{NameAttribute, escape};
use super::quoted;
use super::tlv::{self, Elements, SEQUENCE, SET};
use crate::base::text;
use crate::{Error, Result, Status};

/// The RDNs of a name, most general first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DistinguishedName(Vec<Rdn>);

/// An RDN: usually one attribute, sometimes several.
type Rdn = Vec<NameAttribute>;

/// An RDN to be written, in DER order.
type EncodedRdn = SetOfVec<AttributeTypeAndValue>;

/// A known attribute type.
struct Attribute {
    oid: ObjectIdentifier,
    /// The label for output, followed by others that are accepted.
    labels: &'static [&'static str],
    string: Tag,
    /// The maximum number of characters (RFC 5280, appendix A.1).
    longest: usize,
}

const fn attribute(
    oid: &str,
    labels: &'static [&'static str],
    string: Tag,
    longest: usize,
) -> Attribute {
    let oid = ObjectIdentifier::new_unwrap(oid);
    Attribute {
        oid,
        labels,
        string,
        longest,
    }
}

/// ub-common-name (RFC 5280, appendix A.1), in characters.
pub(super) const UB_COMMON_NAME: usize = 64;

pub(super) const COMMON_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");
const EMAIL_ADDRESS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.1");
const COUNTRY: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.6");

const ATTRIBUTES: [Attribute; 23] = [
    attribute(
        "2.5.4.3",
        &["CN", "commonName"],
        Tag::Utf8String,
        UB_COMMON_NAME,
    ),
    attribute("2.5.4.10", &["O", "organizationName"], Tag::Utf8String, 64),
    attribute(
        "2.5.4.11",
        &["OU", "organizationalUnitName"],
        Tag::Utf8String,
        64,
    ),
    attribute("2.5.4.6", &["C", "countryName"], Tag::PrintableString, 2),
    attribute(
        "2.5.4.8",
        &["ST", "stateOrProvinceName", "S"],
        Tag::Utf8String,
        128,
    ),
    attribute("2.5.4.7", &["L", "localityName"], Tag::Utf8String, 128),
    attribute(
        "2.5.4.9",
        &["STREET", "streetAddress"],
        Tag::Utf8String,
        128,
    ),
    attribute(
        "0.9.2342.19200300.100.1.25",
        &["DC", "domainComponent"],
        Tag::Ia5String,
        63,
    ),
    attribute(
        "0.9.2342.19200300.100.1.1",
        &["UID", "userId"],
        Tag::Utf8String,
        256,
    ),
    attribute(
        "1.2.840.113549.1.9.1",
        &["emailAddress", "E"],
        Tag::Ia5String,
        255,
    ),
    attribute("2.5.4.5", &["serialNumber"], Tag::PrintableString, 64),
    attribute("2.5.4.4", &["SN", "surname"], Tag::Utf8String, 64),
    attribute("2.5.4.42", &["GN", "givenName"], Tag::Utf8String, 64),
    attribute("2.5.4.12", &["title"], Tag::Utf8String, 64),
    attribute("2.5.4.13", &["description"], Tag::Utf8String, 1024),
    attribute("2.5.4.15", &["businessCategory"], Tag::Utf8String, 128),
    attribute("2.5.4.17", &["postalCode"], Tag::Utf8String, 40),
    attribute("2.5.4.46", &["dnQualifier"], Tag::PrintableString, 64),
    attribute("2.5.4.65", &["pseudonym"], Tag::Utf8String, 128),
    // The place of incorporation, in EV certificates (CA/Browser Forum).
    attribute(
        "1.3.6.1.4.1.311.60.2.1.1",
        &["jurisdictionL"],
        Tag::Utf8String,
        128,
    ),
    attribute(
        "1.3.6.1.4.1.311.60.2.1.2",
        &["jurisdictionST"],
        Tag::Utf8String,
        128,
    ),
    attribute(
        "1.3.6.1.4.1.311.60.2.1.3",
        &["jurisdictionC"],
        Tag::PrintableString,
        2,
    ),
    attribute(
        "2.5.4.97",
        &["organizationIdentifier"],
        Tag::Utf8String,
        256,
    ),
];

impl DistinguishedName {
    /// The empty name.
    pub(super) const EMPTY: Self = Self(Vec::new());

    /// Parses a name in the format of RFC 4514 (`CN=x,O=Example`) or of OpenSSL
    /// (`/O=Example/CN=x`).
    pub(super) fn parse(text: &str) -> Result<Self> {
        let refuse = |why: String| {
            // A part of a text that may be a key is just as secret.
            let why = match text::may_be_secret(text) {
                true => String::new(),
                false => format!(" ({why})"),
            };
            let text = quoted(text);
            Error::argument(format!(
                "{text} is not a subject{why}: write it like \
                     'CN=name,O=Example,C=DE' or '/C=DE/O=Example/CN=name'"
            ))
        };
        let parts = match text.strip_prefix('/') {
            Some(slashed) => split(slashed, '/'),
            None => split(text, ',').into_iter().rev().collect(),
        };
        let parts = parts.into_iter().map(parse_part).collect::<Result<_, _>>();
        parts.map_err(refuse).and_then(Self::new)
    }

    /// Creates a name that is a single common name.
    pub(super) fn common_name(text: &str) -> Result<Self> {
        let attribute = encode(&ATTRIBUTES[0], text).map_err(|why| {
            let text = quoted(text);
            let sentence = format!("{text} cannot be a common name: {why}");
            Error::argument(sentence)
        })?;
        Self::new(vec![SetOfVec::from_iter([attribute]).map_err(encoding)?])
    }

    fn new(parts: Vec<EncodedRdn>) -> Result<Self> {
        let der = parts.to_der().map_err(encoding)?;
        Self::from_der(&der).map_err(encoding)
    }

    /// Parses a name with attributes of any type and string type.  Fails if it is not an
    /// RDNSequence.
    pub(crate) fn from_der(der: &[u8]) -> der::Result<Self> {
        let parts = tlv::only(der, SEQUENCE).and_then(|name| {
            let parts = Elements(name.content).all()?.into_iter();
            let parts = parts.map(|part| match part.tag {
                SET => NameAttribute::all(Elements(part.content)),
                _ => None,
            });
            parts.collect()
        });
        parts
            .map(Self)
            .ok_or_else(|| Tag::Sequence.value_error().into())
    }

    pub(super) fn to_der(&self) -> Result<Vec<u8>> {
        let part = |part: &Rdn| {
            let attributes: Vec<_> = part.iter().flat_map(NameAttribute::to_der).collect();
            tlv::encode(SET, &attributes)
        };
        let parts: Vec<_> = self.0.iter().flat_map(part).collect();
        Ok(tlv::encode(SEQUENCE, &parts))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns whether the name begins with all RDNs of `base`.  They are compared as in
    /// RFC 5280, section 7.1, ignoring string type, case and amount of white space.
    pub(crate) fn is_below(&self, base: &Self) -> bool {
        let (parts, base) = (self.attributes(), base.attributes());
        let mut pairs = parts.iter().zip(&base);
        base.len() <= parts.len() && pairs.all(|(part, base)| is_same_rdn(part, base))
    }

    /// Returns its RDNs in order, each with its attributes: the dotted object identifier,
    /// and the value as text, or in hex as in RFC 4514.
    pub(super) fn attributes(&self) -> Vec<Vec<(String, String)>> {
        let attribute = |one: &NameAttribute| {
            let value = one.text().unwrap_or_else(|| one.hex());
            (one.oid().to_string(), value)
        };
        let part = |part: &Rdn| part.iter().map(attribute).collect();
        self.0.iter().map(part).collect()
    }

    /// Returns every common name, in order.
    pub(crate) fn common_names(&self) -> Vec<String> {
        self.values(COMMON_NAME)
    }

    /// Returns the common name if there is exactly one, counting those that are not text.
    pub(crate) fn only_common_name(&self) -> Option<String> {
        let attributes = self.0.iter().flatten();
        let mut common_names = attributes.filter(|attribute| *attribute.oid() == COMMON_NAME);
        let only = common_names
            .next()
            .filter(|_| common_names.next().is_none());
        only.and_then(NameAttribute::text)
    }

    /// Returns every e-mail address, in order.
    pub(crate) fn email_addresses(&self) -> Vec<String> {
        self.values(EMAIL_ADDRESS)
    }

    fn values(&self, oid: ObjectIdentifier) -> Vec<String> {
        let attributes = self.0.iter().flatten();
        attributes
            .filter(|attribute| *attribute.oid() == oid)
            .filter_map(NameAttribute::text)
            .collect()
    }
}

impl std::fmt::Display for DistinguishedName {
    /// Formats as RFC 4514 does, and escapes misleading characters.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let part = |part: &Rdn| {
            part.iter()
                .map(format_attribute)
                .collect::<Vec<_>>()
                .join("+")
        };
        let parts: Vec<_> = self.0.iter().rev().map(part).collect();
        f.write_str(&parts.join(","))
    }
}

/// Returns whether two RDNs have the same attributes in any order.
fn is_same_rdn(left: &[(String, String)], right: &[(String, String)]) -> bool {
    let comparable = |part: &[(String, String)]| {
        let attributes = part.iter().map(|(oid, value)| {
            let words: Vec<_> = value.split_whitespace().map(str::to_lowercase).collect();
            (oid.clone(), words.join(" "))
        });
        attributes.collect::<BTreeSet<_>>()
    };
    comparable(left) == comparable(right)
}

fn encoding(error: der::Error) -> Error {
    Error::new(
        Status::Internal,
        format!("cannot encode a subject: {error}"),
    )
}

// Parsing.

/// Splits a text at every separator that is not escaped with a backslash.
fn split(text: &str, separator: char) -> Vec<&str> {
    let mut is_escaped = false;
    text.split(move |character| {
        let cut = character == separator && !is_escaped;
        is_escaped = character == '\\' && !is_escaped;
        cut
    })
    .collect()
}

fn parse_part(text: &str) -> Result<EncodedRdn, String> {
    let attributes = split(text, '+').into_iter().map(parse_attribute);
    let attributes = attributes.collect::<Result<Vec<_>, _>>()?;
    let repeated = || format!("{} has an attribute twice", quoted(text));
    let part = SetOfVec::try_from(attributes).map_err(|_| repeated())?;
    let is_set = part.as_slice().windows(2).all(|pair| pair[0] != pair[1]);
    if is_set { Ok(part) } else { Err(repeated()) }
}

fn parse_attribute(text: &str) -> Result<AttributeTypeAndValue, String> {
    let (label, value) = text
        .split_once('=')
        .ok_or_else(|| format!("{} has no '='", quoted(text)))?;
    let label = label.trim();
    let known = ATTRIBUTES.iter().find(|known| {
        let mut labels = known.labels.iter();
        labels.any(|known| known.eq_ignore_ascii_case(label)) || known.oid.to_string() == label
    });
    let other;
    let attribute = match (known, ObjectIdentifier::new(label)) {
        (Some(known), _) => known,
        (None, Ok(oid)) => {
            other = Attribute {
                oid,
                labels: &[],
                string: Tag::Utf8String,
                longest: 1024,
            };
            &other
        }
        (None, Err(_)) => return Err(format!("{} is not an attribute", quoted(label))),
    };
    match value.trim_start().strip_prefix('#') {
        Some(hex) => Ok(AttributeTypeAndValue {
            oid: attribute.oid,
            value: parse_hex(hex.trim_end())
                .and_then(|der| Any::from_der(&der).ok())
                .ok_or_else(|| format!("{} is not DER in hex", quoted(hex)))?,
        }),
        None => encode(attribute, &unescape(value)?),
    }
}

pub(super) fn parse_hex(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes().chunks(2);
    digits
        .map(|pair| {
            let pair = <[u8; 2]>::try_from(pair).ok()?;
            hex_byte(pair[0], pair[1])
        })
        .collect()
}

fn hex_byte(high: u8, low: u8) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    u8::try_from(digit(high)? * 16 + digit(low)?).ok()
}

/// Decodes the escapes of RFC 4514, section 2.4, and trims unescaped blanks.
fn unescape(text: &str) -> Result<String, String> {
    let mut bytes = Vec::with_capacity(text.len());
    // The end of the last character that is escaped or not blank.
    let mut end = 0;
    let mut rest = text.trim_start().as_bytes();
    while let [first, after @ ..] = rest {
        rest = match (first, after) {
            (b'\\', [high, low, after @ ..]) if hex_byte(*high, *low).is_some() => {
                bytes.extend(hex_byte(*high, *low));
                after
            }
            (b'\\', [special, after @ ..])
                if special.is_ascii_punctuation() || *special == b' ' =>
            {
                bytes.push(*special);
                after
            }
            (b'\\' | b'"', _) => {
                let text = quoted(text);
                return Err(format!("{text} has a '{}' too many", char::from(*first)));
            }
            (byte, after) => {
                bytes.push(*byte);
                if *byte == b' ' {
                    rest = after;
                    continue;
                }
                after
            }
        };
        end = bytes.len();
    }
    bytes.truncate(end);
    String::from_utf8(bytes).map_err(|_| format!("{} is not UTF-8", quoted(text)))
}

/// Encodes an attribute with its value in the required string type.
fn encode(attribute: &Attribute, text: &str) -> Result<AttributeTypeAndValue, String> {
    let length = text.chars().count();
    if length == 0 {
        return Err("a value is empty".to_owned());
    }
    if length > attribute.longest {
        return Err(format!(
            "it has {length} characters, and {} are allowed",
            attribute.longest
        ));
    }
    let is_printable = |byte: u8| byte.is_ascii_alphanumeric() || b" '()+,-./:=?".contains(&byte);
    let fits = match attribute.string {
        _ if text.chars().any(char::is_control) => false,
        _ if attribute.oid == COUNTRY => {
            length == 2 && text.bytes().all(|byte| byte.is_ascii_alphabetic())
        }
        Tag::PrintableString => text.bytes().all(is_printable),
        Tag::Ia5String => text.is_ascii(),
        _ => true,
    };
    if !fits {
        let label = attribute.labels.first().unwrap_or(&"this attribute");
        return Err(format!("{} is not a value for {label}", quoted(text)));
    }
    let value = Any::new(attribute.string, text.as_bytes()).map_err(|error| error.to_string())?;
    Ok(AttributeTypeAndValue {
        oid: attribute.oid,
        value,
    })
}

// Formatting.

fn format_attribute(attribute: &NameAttribute) -> String {
    let known = ATTRIBUTES
        .iter()
        .find(|known| *attribute.oid() == known.oid);
    match (known, attribute.text()) {
        (Some(known), Some(text)) => format!("{}={}", known.labels[0], escape(&text)),
        _ => format!("{}={}", attribute.oid(), attribute.hex()),
    }
}
