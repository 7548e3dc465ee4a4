//! DER element by element: tags, lengths and values (X.690).
//!
//! The `der` crate's types check everything inside, so one malformed field that nobody
//! needs would reject a whole document.  Here only tags and lengths are parsed, by the same
//! rules as webpki: minimal definite lengths and low tag numbers.

use std::ops::Range;

pub(super) const BOOLEAN: u8 = 0x01;
pub(super) const INTEGER: u8 = 0x02;
pub(super) const BIT_STRING: u8 = 0x03;
pub(super) const OCTET_STRING: u8 = 0x04;
pub(super) const NULL: u8 = 0x05;
pub(super) const OBJECT_IDENTIFIER: u8 = 0x06;
pub(super) const SEQUENCE: u8 = 0x30;
pub(super) const SET: u8 = 0x31;

/// Returns the tag of a constructed element with this context-specific number.
pub(super) const fn context(number: u8) -> u8 {
    0xa0 | number
}

/// One element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Element<'a> {
    pub(super) tag: u8,
    pub(super) content: &'a [u8],
    /// The whole element, with tag and length.
    pub(super) whole: &'a [u8],
}

/// A sequence of elements.  An element that does not match is not consumed.
#[derive(Clone, Copy)]
pub(super) struct Elements<'a>(pub(super) &'a [u8]);

impl<'a> Elements<'a> {
    /// Returns the next element; `None` if there is no complete one.
    pub(super) fn any(&mut self) -> Option<Element<'a>> {
        let (element, rest) = split_first(self.0)?;
        self.0 = rest;
        Some(element)
    }

    /// Returns the next element if it has this tag.
    pub(super) fn take(&mut self, tag: u8) -> Option<Element<'a>> {
        match self.0.first() {
            Some(found) if *found == tag => self.any(),
            _ => None,
        }
    }

    /// Returns the elements inside the next one if it has this tag.
    pub(super) fn inside(&mut self, tag: u8) -> Option<Self> {
        self.take(tag).map(|element| Self(element.content))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns `Some` if no bytes are left.
    pub(super) fn end(&self) -> Option<()> {
        self.is_empty().then_some(())
    }

    /// Returns the remaining elements; `None` if they are not all complete.
    pub(super) fn all(mut self) -> Option<Vec<Element<'a>>> {
        let mut found = Vec::new();
        while !self.is_empty() {
            found.push(self.any()?);
        }
        Some(found)
    }
}

/// Returns the element if `der` is exactly one with this tag.
pub(super) fn only(der: &[u8], tag: u8) -> Option<Element<'_>> {
    let mut elements = Elements(der);
    let element = elements.take(tag)?;
    elements.end().map(|()| element)
}

fn split_first(der: &[u8]) -> Option<(Element<'_>, &[u8])> {
    let (&tag, rest) = der.split_first()?;
    // A multi-byte tag.
    if tag & 0x1f == 0x1f {
        return None;
    }
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81..=0x84 => {
            let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            let length = digits
                .iter()
                .fold(0, |length, &digit| length << 8 | usize::from(digit));
            let is_shortest = digits[0] != 0 && length >= 0x80;
            (is_shortest.then_some(length)?, rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    let whole = &der[..der.len() - rest.len()];
    Some((
        Element {
            tag,
            content,
            whole,
        },
        rest,
    ))
}

/// Encodes an element with this tag and content.
pub(super) fn encode(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut der = Vec::with_capacity(content.len() + 2 + size_of::<usize>());
    encode_to(tag, content, &mut der);
    der
}

/// Appends an element with this tag and content to `der`.
pub(super) fn encode_to(tag: u8, content: &[u8], der: &mut Vec<u8>) {
    encode_header(tag, content.len(), der);
    der.extend_from_slice(content);
}

/// Appends the tag and the length of an element with that much content to `der`.
pub(super) fn encode_header(tag: u8, length: usize, der: &mut Vec<u8>) {
    let bytes = length.to_be_bytes();
    let digits = &bytes[bytes.iter().take_while(|byte| **byte == 0).count()..];
    der.push(tag);
    if length >= 0x80 {
        der.push(0x80 | u8::try_from(digits.len()).unwrap_or(0x7f));
        der.extend_from_slice(digits);
    } else {
        der.extend(u8::try_from(length));
    }
}

/// Returns the length of the header of an element with this content length.
pub(super) const fn header_length(length: usize) -> usize {
    match length {
        0..0x80 => 2,
        _ => 2 + (usize::BITS - length.leading_zeros()).div_ceil(8) as usize,
    }
}

/// Returns the range of `part` in `document`.
pub(super) fn place(part: &[u8], document: &[u8]) -> Range<usize> {
    let start = part.as_ptr().addr().wrapping_sub(document.as_ptr().addr());
    start..start + part.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_round_trip() {
        for length in [0, 1, 127, 128, 255, 256, 65_535, 65_536, 70_000] {
            let content = vec![7; length];
            let der = encode(OCTET_STRING, &content);
            let element = only(&der, OCTET_STRING).unwrap();
            assert_eq!((element.content, element.whole), (&content[..], &der[..]));
            assert_eq!(header_length(length), der.len() - length);
            assert_eq!(place(element.content, &der), der.len() - length..der.len());
            assert_eq!(only(&der, SEQUENCE), None);
            assert_eq!(only(&[&der[..], &[0]].concat(), OCTET_STRING), None);
            assert_eq!(only(&der[..der.len() - 1], OCTET_STRING), None);
        }
    }

    #[test]
    fn any_rejects_non_minimal_lengths_and_long_tags() {
        for der in [
            &[4, 0x80, 0, 0][..],
            &[4, 0x81, 1, 0],
            &[4, 0x81, 0x7f],
            &[4, 0x82, 0, 1, 0],
            &[4, 0x85, 0, 0, 0, 0, 0],
            &[4, 0x84, 0xff, 0xff, 0xff, 0xff],
            &[4, 0xff],
            &[0x1f, 4, 0],
            &[4],
            &[],
        ] {
            assert_eq!(Elements(der).any(), None, "{der:x?}");
        }
    }
}
