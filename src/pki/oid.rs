//! Object identifiers of any length (X.690, section 8.19).
//!
//! `const-oid` holds 39 bytes and arcs of 32 bits, enough for all well-known identifiers.
//! Certificates may contain longer ones: UUIDs as arcs (X.667), and vendors' arcs without a
//! limit.

use std::fmt;

use const_oid::ObjectIdentifier;
use der::{DecodeValue, EncodeValue, FixedTag, Header, Length, Reader, Tag, Writer};

use super::describe::hex;

/// The content octets of an OBJECT IDENTIFIER, valid or not.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Oid(Box<[u8]>);

impl Oid {
    pub(super) fn from_bytes(content: &[u8]) -> Self {
        Self(content.into())
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl From<ObjectIdentifier> for Oid {
    fn from(oid: ObjectIdentifier) -> Self {
        Self::from_bytes(oid.as_bytes())
    }
}

impl PartialEq<ObjectIdentifier> for Oid {
    fn eq(&self, other: &ObjectIdentifier) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl fmt::Display for Oid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&dotted(self.as_bytes()))
    }
}

impl FixedTag for Oid {
    const TAG: Tag = Tag::ObjectIdentifier;
}

impl<'a> DecodeValue<'a> for Oid {
    type Error = der::Error;

    fn decode_value<R: Reader<'a>>(reader: &mut R, header: Header) -> der::Result<Self> {
        reader
            .read_vec(header.length())
            .map(|content| Self(content.into()))
    }
}

impl EncodeValue for Oid {
    fn value_len(&self) -> der::Result<Length> {
        Length::try_from(self.0.len())
    }

    fn encode_value(&self, writer: &mut impl Writer) -> der::Result<()> {
        writer.write(&self.0)
    }
}

/// Formats an object identifier with dots; `#` and hex if it is malformed.
pub(crate) fn dotted(content: &[u8]) -> String {
    decode(content).unwrap_or_else(|| format!("#{}", hex(content)))
}

/// The maximum length of an arc in bytes.  Nobody uses longer ones, and converting one to
/// decimal takes quadratic time.
const MAX_ARC_BYTES: usize = 64;

fn decode(content: &[u8]) -> Option<String> {
    let (last, _) = content.split_last()?;
    if last & 0x80 != 0 {
        return None;
    }
    let mut text = String::new();
    let arcs = content.split_inclusive(|byte| byte & 0x80 == 0);
    for (index, arc) in arcs.enumerate() {
        // A leading 0x80 is not the minimal encoding.
        if arc.len() > MAX_ARC_BYTES || arc[0] == 0x80 {
            return None;
        }
        let number = Number::from_arc(arc);
        match index {
            // The first two arcs share one number (X.690, section 8.19.4).
            0 => text.push_str(&number.first_two()),
            _ => {
                text.push('.');
                text.push_str(&number.to_string());
            }
        }
    }
    Some(text)
}

/// A number of any size, as groups of nine decimal digits, least significant first.
struct Number(Vec<u32>);

impl Number {
    const GROUP: u64 = 1_000_000_000;

    fn from_arc(arc: &[u8]) -> Self {
        let mut groups = vec![0];
        for byte in arc {
            let mut carry = u64::from(byte & 0x7f);
            for group in &mut groups {
                let value = u64::from(*group) * 128 + carry;
                *group = low(value % Self::GROUP);
                carry = value / Self::GROUP;
            }
            if carry > 0 {
                groups.push(low(carry));
            }
        }
        Self(groups)
    }

    fn first_two(mut self) -> String {
        let (first, less) = match self.0[..] {
            [small] if small < 40 => (0, 0),
            [small] if small < 80 => (1, 40),
            _ => (2, 80),
        };
        let mut borrowed = less;
        for group in &mut self.0 {
            let (left, is_below) = group.overflowing_sub(borrowed);
            *group = if is_below {
                low(u64::from(*group) + Self::GROUP - u64::from(borrowed))
            } else {
                left
            };
            borrowed = u32::from(is_below);
        }
        while self.0.len() > 1 && self.0.last() == Some(&0) {
            self.0.pop();
        }
        format!("{first}.{self}")
    }
}

/// Converts a value known to be below 2^32.
fn low(value: u64) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut groups = self.0.iter().rev();
        write!(f, "{}", groups.next().unwrap_or(&0))?;
        groups.try_for_each(|group| write!(f, "{group:09}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dotted_formats_identifiers_of_any_length() {
        for known in [
            "2.5.4.3",
            "1.2.840.113549.1.1.1",
            "0.9.2342.19200300.100.1.25",
        ] {
            let oid = ObjectIdentifier::new_unwrap(known);
            let ours = Oid::from(oid);
            assert_eq!(ours.to_string(), known);
            assert!(ours == oid);
        }
        // A UUID (X.667): the largest 128-bit number.
        let mut uuid = vec![0x69, 0x83];
        uuid.extend([0xff; 17]);
        uuid.push(0x7f);
        assert_eq!(
            dotted(&uuid),
            "2.25.340282366920938463463374607431768211455"
        );
        // 2^70 - 80 after the first arc.
        let mut long = vec![0x81];
        long.extend([0x80; 9]);
        long.push(0);
        assert_eq!(dotted(&long), "2.1180591620717411303344");
        assert_eq!(dotted(&[0x88, 0x37, 1]), "2.999.1");
        assert_eq!(dotted(&[0x27]), "0.39");
        assert_eq!(dotted(&[0x4f]), "1.39");
        assert_eq!(dotted(&[0x50]), "2.0");
    }

    #[test]
    fn dotted_formats_malformed_identifiers_in_hex() {
        for (content, text) in [
            (&[][..], "#"),
            (&[0x2a, 0x83], "#2a83"),
            (&[0x2a, 0x80, 0x01], "#2a8001"),
        ] {
            assert_eq!(dotted(content), text);
        }
        let mut endless = vec![0xff; 60_000];
        endless.push(0x7f);
        assert!(dotted(&endless).starts_with("#ff"));
    }
}
