//! Converts BER to DER: indefinite lengths, constructed strings and non-minimal lengths
//! (X.690, section 8.1) are normalized for the parsers here.
//!
//! NSS (Firefox, Thunderbird) writes such PKCS#12 files, and some programs such PKCS#7
//! files.

use std::ops::Deref;

use zeroize::Zeroizing;

use super::tlv::{Elements, OCTET_STRING, encode_header, header_length};

/// The maximum nesting depth; real files have about ten levels.
const MAX_DEPTH: usize = 24;

const CONSTRUCTED: u8 = 0x20;

/// The tag of a constructed OCTET STRING.
const CONSTRUCTED_OCTET_STRING: u8 = OCTET_STRING | CONSTRUCTED;

const END_OF_CONTENTS: [u8; 2] = [0, 0];

/// The input if it is DER already, or a converted copy.  The copy is wiped on drop, since
/// it may hold keys.
pub(super) enum Der<'a> {
    Same(&'a [u8]),
    Converted(Zeroizing<Vec<u8>>),
}

impl Deref for Der<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Same(der) => der,
            Self::Converted(der) => der,
        }
    }
}

/// Converts the one element in `ber` to DER; `None` if it is not exactly one.  Constructed
/// strings are joined if their tag says OCTET STRING.
pub(super) fn to_der(ber: &[u8]) -> Option<Der<'_>> {
    let mut elements = Elements(ber);
    if elements.any().is_some() && elements.is_empty() && is_der(ber, MAX_DEPTH) {
        return Some(Der::Same(ber));
    }
    let mut lengths = Vec::new();
    let (whole, rest) = measure(ber, MAX_DEPTH, &mut lengths)?;
    if !rest.is_empty() {
        return None;
    }
    // Reserve the full size: growing would leave copies of what may be a key.
    let room = header_length(whole.length) + whole.length;
    let mut der = Zeroizing::new(Vec::with_capacity(room));
    write(ber, false, &mut lengths.into_iter(), &mut der)?;
    Some(Der::Converted(der))
}

/// Returns whether every length is definite and minimal, inside constructed elements too,
/// and no OCTET STRING is constructed.
fn is_der(bytes: &[u8], depth: usize) -> bool {
    let Some(elements) = Elements(bytes).all() else {
        return false;
    };
    elements.iter().all(|element| {
        let is_constructed = element.tag & CONSTRUCTED != 0;
        let is_in_pieces = element.tag == CONSTRUCTED_OCTET_STRING;
        !is_in_pieces && (!is_constructed || (depth > 0 && is_der(element.content, depth - 1)))
    })
}

/// The DER form of an element.
struct Measured {
    tag: u8,
    /// The length of its content.
    length: usize,
}

/// Measures the first element of `ber`.  Appends the length of each constructed element in
/// it to `lengths`, outer ones first.  Returns the element and the rest.
fn measure<'a>(
    ber: &'a [u8],
    depth: usize,
    lengths: &mut Vec<usize>,
) -> Option<(Measured, &'a [u8])> {
    let (tag, length, rest) = header(ber)?;
    if tag & CONSTRUCTED == 0 {
        let (content, rest) = rest.split_at_checked(length?)?;
        let length = content.len();
        return Some((Measured { tag, length }, rest));
    }
    let depth = depth.checked_sub(1)?;
    let is_in_pieces = tag == CONSTRUCTED_OCTET_STRING;
    let place = lengths.len();
    lengths.push(0);
    let mut sum = 0;
    let rest = contents(rest, length, |part| {
        let (one, rest) = measure(part, depth, lengths)?;
        sum += match is_in_pieces {
            true => (one.tag == OCTET_STRING).then_some(one.length)?,
            false => header_length(one.length) + one.length,
        };
        Some(rest)
    })?;
    lengths[place] = sum;
    let tag = if is_in_pieces { OCTET_STRING } else { tag };
    Some((Measured { tag, length: sum }, rest))
}

/// Appends the first element of `ber`, already measured, to `der`.  Omits the header of a
/// string segment.  Returns the rest.
fn write<'a>(
    ber: &'a [u8],
    is_piece: bool,
    lengths: &mut impl Iterator<Item = usize>,
    der: &mut Vec<u8>,
) -> Option<&'a [u8]> {
    let (tag, length, rest) = header(ber)?;
    if tag & CONSTRUCTED == 0 {
        let (content, rest) = rest.split_at_checked(length?)?;
        if !is_piece {
            encode_header(tag, content.len(), der);
        }
        der.extend_from_slice(content);
        return Some(rest);
    }
    let is_in_pieces = tag == CONSTRUCTED_OCTET_STRING;
    let measured = lengths.next()?;
    if !is_piece {
        let tag = if is_in_pieces { OCTET_STRING } else { tag };
        encode_header(tag, measured, der);
    }
    contents(rest, length, |part| write(part, is_in_pieces, lengths, der))
}

/// Iterates over the elements of a constructed one; `convert` consumes one from the front.
/// Returns what follows its end.
fn contents<'a>(
    mut rest: &'a [u8],
    length: Option<usize>,
    mut convert: impl FnMut(&'a [u8]) -> Option<&'a [u8]>,
) -> Option<&'a [u8]> {
    match length {
        Some(length) => {
            let (mut content, rest) = rest.split_at_checked(length)?;
            while !content.is_empty() {
                content = convert(content)?;
            }
            Some(rest)
        }
        None => loop {
            match rest.strip_prefix(&END_OF_CONTENTS) {
                Some(rest) => return Some(rest),
                None => rest = convert(rest)?,
            }
        },
    }
}

/// Parses the tag and the length, `None` if indefinite.  Returns them and the rest.
fn header(ber: &[u8]) -> Option<(u8, Option<usize>, &[u8])> {
    let (&tag, rest) = ber.split_first()?;
    let (&first, rest) = rest.split_first()?;
    // A multi-byte tag.
    if tag & 0x1f == 0x1f {
        return None;
    }
    match first {
        0..0x80 => Some((tag, Some(usize::from(first)), rest)),
        0x80 => (tag & CONSTRUCTED != 0).then_some((tag, None, rest)),
        _ => {
            let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            let zeros = digits.iter().take_while(|digit| **digit == 0).count();
            let digits = &digits[zeros..];
            let number = |number, digit: &u8| number << 8 | usize::from(*digit);
            let length = (digits.len() <= 4).then(|| digits.iter().fold(0, number))?;
            Some((tag, Some(length), rest))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn assert_der(ber: &[u8], der: &[u8]) {
        assert_eq!(to_der(ber).as_deref(), Some(der));
    }

    #[test]
    fn to_der_converts_indefinite_lengths_and_constructed_strings() {
        assert_der(&[0x30, 0x80, 2, 1, 5, 0, 0], &[0x30, 3, 2, 1, 5]);
        assert_der(&[0x30, 0x80, 0x30, 0x80, 0, 0, 0, 0], &[0x30, 2, 0x30, 0]);
        assert_der(&[0x24, 0x80, 4, 1, 7, 4, 2, 8, 9, 0, 0], &[4, 3, 7, 8, 9]);
        assert_der(&[0x24, 7, 4, 1, 7, 0x24, 2, 4, 0], &[4, 1, 7]);
        assert_der(&[0xa0, 0x82, 0, 2, 5, 0], &[0xa0, 2, 5, 0]);
        assert_der(&[4, 0x81, 1, 9], &[4, 1, 9]);
        let long = [&[0x24, 0x80, 4, 0x81, 0xc8][..], &[1; 200], &[0, 0]].concat();
        assert_der(&long, &[&[4, 0x81, 0xc8][..], &[1; 200]].concat());
    }

    #[test]
    fn to_der_borrows_der_unchanged() {
        for der in [&[0x30, 0][..], &[4, 2, 0x24, 0x80], &[0xa0, 3, 2, 1, 5]] {
            assert!(matches!(to_der(der), Some(Der::Same(same)) if same == der));
        }
    }

    #[test]
    fn to_der_takes_linear_time() {
        for ber in [
            &[0x30, 0x84, 0xff, 0xff, 0xff, 0xff][..],
            &[0x24, 0x80, 0x24, 0x84, 0xff, 0xff, 0xff, 0xff],
            &[4, 0x84, 0xff, 0xff, 0xff, 0xff],
        ] {
            assert!(to_der(ber).is_none(), "{ber:x?}");
        }
        // Quadratic work on this million elements would take many minutes.
        let empty = [0x30, 0x80, 0, 0].repeat(1 << 20);
        let ber = [&[0x30, 0x80][..], &empty, &[0, 0]].concat();
        let der = to_der(&ber).unwrap();
        assert_eq!(der.len(), header_length(2 << 20) + (2 << 20));
    }

    #[test]
    fn to_der_rejects_malformed_ber() {
        let mut deep = vec![0x30; 2 * MAX_DEPTH + 10];
        deep.iter_mut()
            .skip(1)
            .step_by(2)
            .for_each(|length| *length = 0x80);
        for ber in [
            &[][..],
            &[0x30],
            &[0x30, 0x80],
            &[0x30, 0x80, 0],
            &[0x30, 0x80, 2, 1, 5, 0],
            &[4, 0x80, 1, 0, 0],
            &[0x30, 0x80, 0, 0, 0],
            &[0x30, 4, 2, 3, 1],
            &[0x24, 0x80, 2, 1, 5, 0, 0],
            &[0x30, 0x85, 1, 0, 0, 0, 0],
            &[0x1f, 0x80, 0, 0],
            &[4, 0x88, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
            &deep,
        ] {
            assert!(to_der(ber).is_none(), "{ber:x?}");
        }
    }
}
