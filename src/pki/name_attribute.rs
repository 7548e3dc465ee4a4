//! Attributes of distinguished names in existing documents (RFC 5280, section 4.1.2.4), of
//! every type and string type, valid or not.

use super::describe;
use super::oid::Oid;
use super::tlv::{Element, Elements, OBJECT_IDENTIFIER, SEQUENCE, encode};
use crate::base::text;

/// An AttributeTypeAndValue, with any value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NameAttribute {
    oid: Oid,
    tag: u8,
    content: Vec<u8>,
}

impl NameAttribute {
    /// Parses the attributes of an RDN; `None` if it has none, or is malformed.
    pub(super) fn all(part: Elements<'_>) -> Option<Vec<Self>> {
        let all: Vec<_> = part
            .all()?
            .into_iter()
            .map(Self::read)
            .collect::<Option<_>>()?;
        (!all.is_empty()).then_some(all)
    }

    fn read(element: Element<'_>) -> Option<Self> {
        let mut inner = (element.tag == SEQUENCE).then_some(Elements(element.content))?;
        let oid = inner.take(OBJECT_IDENTIFIER)?;
        let value = inner.any()?;
        inner.end()?;
        Some(Self {
            oid: Oid::from_bytes(oid.content),
            tag: value.tag,
            content: value.content.to_vec(),
        })
    }

    pub(super) fn oid(&self) -> &Oid {
        &self.oid
    }

    pub(super) fn to_der(&self) -> Vec<u8> {
        let oid = encode(OBJECT_IDENTIFIER, self.oid.as_bytes());
        let value = encode(self.tag, &self.content);
        encode(SEQUENCE, &[oid, value].concat())
    }

    /// Returns the value as text; `None` if it is not a string, or its character set is
    /// unknown.
    pub(super) fn text(&self) -> Option<String> {
        let bytes = &self.content[..];
        let latin1 = || bytes.iter().map(|&byte| char::from(byte)).collect();
        match self.tag {
            UTF8_STRING => String::from_utf8(bytes.to_vec()).ok(),
            BMP_STRING => {
                let (units, []) = bytes.as_chunks::<2>() else {
                    return None;
                };
                let units = units.iter().map(|unit| u16::from_be_bytes(*unit));
                char::decode_utf16(units).collect::<Result<_, _>>().ok()
            }
            UNIVERSAL_STRING => {
                let (units, []) = bytes.as_chunks::<4>() else {
                    return None;
                };
                let units = units.iter().map(|unit| u32::from_be_bytes(*unit));
                units.map(char::from_u32).collect()
            }
            // In practice a TeletexString holds Latin-1, not T.61.
            NUMERIC_STRING | PRINTABLE_STRING | TELETEX_STRING | IA5_STRING | VISIBLE_STRING => {
                Some(latin1())
            }
            // They have one of many character sets (ISO 2022), all of which include ASCII.
            VIDEOTEX_STRING | GRAPHIC_STRING | GENERAL_STRING if bytes.is_ascii() => Some(latin1()),
            _ => None,
        }
    }

    /// Returns the value in hex, as RFC 4514, section 2.4, writes values that are not text.
    pub(super) fn hex(&self) -> String {
        format!("#{}", describe::hex(&encode(self.tag, &self.content)))
    }
}

// The string types of ASN.1 (X.680, section 8.4).
const UTF8_STRING: u8 = 0x0c;
const NUMERIC_STRING: u8 = 0x12;
const PRINTABLE_STRING: u8 = 0x13;
const TELETEX_STRING: u8 = 0x14;
const VIDEOTEX_STRING: u8 = 0x15;
const IA5_STRING: u8 = 0x16;
const GRAPHIC_STRING: u8 = 0x19;
const VISIBLE_STRING: u8 = 0x1a;
const GENERAL_STRING: u8 = 0x1b;
const UNIVERSAL_STRING: u8 = 0x1c;
const BMP_STRING: u8 = 0x1e;

/// Escapes the special characters of RFC 4514, section 2.4.  Characters that cannot be
/// displayed safely become their UTF-8 bytes.
pub(super) fn escape(value: &str) -> String {
    let mut escaped = String::with_capacity(value.len());
    for (index, character) in value.char_indices() {
        let is_first = index == 0;
        match character {
            '"' | '+' | ',' | ';' | '<' | '>' | '\\' => escaped.extend(['\\', character]),
            '#' if is_first => escaped.push_str("\\#"),
            ' ' if is_first || index + 1 == value.len() => escaped.push_str("\\ "),
            _ if text::is_shown(character, is_first) => escaped.push(character),
            _ => push_hex(&mut escaped, character),
        }
    }
    escaped
}

/// Escapes the backslash, and characters that cannot be displayed safely, as their UTF-8
/// bytes.
pub(super) fn escape_value(value: &str) -> String {
    let mut escaped = String::with_capacity(value.len());
    for (index, character) in value.char_indices() {
        match character != '\\' && text::is_shown(character, index == 0) {
            true => escaped.push(character),
            false => push_hex(&mut escaped, character),
        }
    }
    escaped
}

fn push_hex(escaped: &mut String, character: char) {
    for byte in character.encode_utf8(&mut [0; 4]).bytes() {
        escaped.push_str(&format!("\\{byte:02x}"));
    }
}
