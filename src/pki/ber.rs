//! BER to DER: what other programs write with indefinite lengths, strings in pieces and
//! long lengths (X.690, section 8.1), in the form that the readers here take.
//!
//! NSS, and so Firefox and Thunderbird, writes PKCS#12 like that, and some programs
//! PKCS#7.

use std::ops::Deref;

use zeroize::Zeroizing;

use super::element::{Elements, OCTET_STRING, encode_to};

/// How many elements may stand inside each other: files have about ten.
const DEEPEST: usize = 24;

const CONSTRUCTED: u8 = 0x20;
const END_OF_CONTENTS: [u8; 2] = [0, 0];

/// What was DER already, or a copy, which is wiped when it is dropped: it may hold keys.
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

/// The one element that `ber` is, in DER; `None` where it is not one.  Strings in pieces
/// are joined if they are OCTET STRINGs by their tag.
pub(super) fn to_der(ber: &[u8]) -> Option<Der<'_>> {
    let mut elements = Elements(ber);
    if elements.any().is_some() && elements.is_empty() && is_der(ber, DEEPEST) {
        return Some(Der::Same(ber));
    }
    let mut der = Zeroizing::new(Vec::with_capacity(ber.len()));
    let rest = convert(ber, &mut der, DEEPEST)?;
    rest.is_empty().then_some(Der::Converted(der))
}

/// Whether every length is definite and the shortest, as far as constructed elements show
/// what is in them, and no OCTET STRING is in pieces.
fn is_der(bytes: &[u8], depth: usize) -> bool {
    let Some(elements) = Elements(bytes).all() else {
        return false;
    };
    elements.iter().all(|element| {
        let is_constructed = element.tag & CONSTRUCTED != 0;
        let is_in_pieces = element.tag == OCTET_STRING | CONSTRUCTED;
        !is_in_pieces && (!is_constructed || (depth > 0 && is_der(element.content, depth - 1)))
    })
}

/// Appends the first element of `ber` to `der`: what follows it.
fn convert<'a>(ber: &'a [u8], der: &mut Vec<u8>, depth: usize) -> Option<&'a [u8]> {
    let (tag, length, rest) = header(ber)?;
    if tag & CONSTRUCTED == 0 {
        let (content, rest) = rest.split_at_checked(length?)?;
        encode_to(tag, content, der);
        return Some(rest);
    }
    let depth = depth.checked_sub(1)?;
    // With room from the start: growing would leave copies of what may be a key.
    let mut content = Zeroizing::new(Vec::with_capacity(length.unwrap_or(rest.len())));
    let rest = contents(rest, length, |part| convert(part, &mut content, depth))?;
    match tag == OCTET_STRING | CONSTRUCTED {
        false => encode_to(tag, &content, der),
        true => {
            let mut pieces = Elements(&content);
            let mut joined = Zeroizing::new(Vec::with_capacity(content.len()));
            while !pieces.is_empty() {
                joined.extend_from_slice(pieces.take(OCTET_STRING)?.content);
            }
            encode_to(OCTET_STRING, &joined, der);
        }
    }
    Some(rest)
}

/// Goes through the elements of a constructed one, each of which `convert` takes from the
/// front: what follows its end.
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

/// The tag, the length where it is definite, and what follows them.
fn header(ber: &[u8]) -> Option<(u8, Option<usize>, &[u8])> {
    let (&tag, rest) = ber.split_first()?;
    let (&first, rest) = rest.split_first()?;
    // More bytes of the tag would follow.
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
    fn indefinite_lengths_and_pieces_become_der() {
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
    fn der_stays_as_it_is() {
        for der in [&[0x30, 0][..], &[4, 2, 0x24, 0x80], &[0xa0, 3, 2, 1, 5]] {
            assert!(matches!(to_der(der), Some(Der::Same(same)) if same == der));
        }
    }

    #[test]
    fn what_is_no_ber_is_refused() {
        let mut deep = vec![0x30; 2 * DEEPEST + 10];
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
