//! What a client offers, and rustls does not tell.

use std::borrow::Cow;

/// Types of a record, of a message and of an extension (RFC 8446, sections 5.1, 4
/// and 4.2).
const HANDSHAKE: usize = 22;
const CLIENT_HELLO: usize = 1;
const SUPPORTED_VERSIONS: usize = 43;

/// A cipher suite that is none: the client tries again with an older version than it
/// has, because something went wrong with that (RFC 7507).
const TLS_FALLBACK_SCSV: [u8; 2] = [0x56, 0x00];

/// The versions that a client offers, by their numbers, best first, from the records
/// that begin with its ClientHello; none where they are not those of one.
pub(super) fn versions(records: &[u8]) -> Vec<u16> {
    let message = first_message(Bytes(records));
    message
        .and_then(|message| read(&message).map(|offer| offer.versions))
        .unwrap_or_default()
}

/// Whether the client in these records fell back to an older version than `newest`, by
/// its number, which somebody in between may have brought it to (RFC 7507, section 3).
pub(crate) fn is_fallback(records: &[u8], newest: u16) -> bool {
    let message = first_message(Bytes(records));
    let offer = message.as_deref().and_then(read);
    offer.is_some_and(|offer| {
        let is_older = |version: &u16| *version < newest || version >> 8 != newest >> 8;
        offer.is_fallback && offer.versions.iter().all(is_older)
    })
}

/// What is read of a ClientHello.
struct Offer {
    versions: Vec<u16>,
    is_fallback: bool,
}

/// The first handshake message, which several records may share (RFC 8446, section
/// 5.1).
fn first_message(mut records: Bytes<'_>) -> Option<Cow<'_, [u8]>> {
    let mut joined = Cow::Borrowed(&[][..]);
    loop {
        let is_handshake = records.number(1)? == HANDSHAKE;
        records.take(2)?;
        let content = records.prefixed(2).filter(|_| is_handshake)?;
        match joined.is_empty() {
            true => joined = Cow::Borrowed(content),
            false => joined.to_mut().extend_from_slice(content),
        }
        if Bytes(&joined).whole_message().is_some() {
            return Some(joined);
        }
    }
}

/// Reads a ClientHello (RFC 8446, sections 4.1.2 and 4.2.1).  Its versions are those of
/// the extension or, of clients that have never heard of it, the highest.
fn read(message: &[u8]) -> Option<Offer> {
    let mut message = Bytes(message);
    if message.number(1)? != CLIENT_HELLO {
        return None;
    }
    let mut hello = Bytes(message.prefixed(3)?);
    let legacy_version = hello.number(2)?;
    let _random = hello.take(32)?;
    let _session_id = hello.prefixed(1)?;
    let cipher_suites = hello.prefixed(2)?;
    let is_fallback = cipher_suites
        .chunks_exact(2)
        .any(|suite| suite == TLS_FALLBACK_SCSV);
    let _compression_methods = hello.prefixed(1)?;
    let mut extensions = Bytes(hello.prefixed(2).unwrap_or_default());
    while let Some(kind) = extensions.number(2) {
        let content = extensions.prefixed(2)?;
        if kind == SUPPORTED_VERSIONS {
            let listed = Bytes(content).prefixed(1)?.chunks_exact(2);
            return Some(Offer {
                versions: listed
                    .map(|two| u16::from_be_bytes([two[0], two[1]]))
                    .collect(),
                is_fallback,
            });
        }
    }
    Some(Offer {
        versions: vec![u16::try_from(legacy_version).ok()?],
        is_fallback,
    })
}

/// Bytes that are read from the front.
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    /// A number of so many bytes.
    fn number(&mut self, bytes: usize) -> Option<usize> {
        let taken = self.take(bytes)?;
        Some(
            taken
                .iter()
                .fold(0, |number, byte| number << 8 | usize::from(*byte)),
        )
    }

    /// What follows its own length, which has so many bytes.
    fn prefixed(&mut self, bytes: usize) -> Option<&'a [u8]> {
        let length = self.number(bytes)?;
        self.take(length)
    }

    /// A handshake message with its header, where it is here to its end.
    fn whole_message(&self) -> Option<&'a [u8]> {
        let length = Bytes(self.0.get(1..)?).number(3)?;
        self.0.get(..4 + length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The records of a ClientHello with these extensions, each of so many bytes.
    fn hello(extensions: &[u8], record: usize) -> Vec<u8> {
        let mut body = vec![3, 3];
        body.extend([7; 32]);
        body.extend([0, 0, 2, 0x13, 1, 1, 0]);
        body.extend(u16::try_from(extensions.len()).unwrap().to_be_bytes());
        body.extend(extensions);
        let mut message = vec![1, 0];
        message.extend(u16::try_from(body.len()).unwrap().to_be_bytes());
        message.extend(body);
        let parts = message.chunks(record);
        let sealed = parts.flat_map(|part| [&[22, 3, 1, 0, part.len() as u8], part].concat());
        sealed.collect()
    }

    const VERSIONS: [u8; 11] = [0, 43, 0, 7, 6, 0x5a, 0x5a, 3, 4, 3, 3];

    #[test]
    fn versions_are_read_in_their_order_however_the_message_is_cut() {
        let other = [0, 23, 0, 0];
        for record in [1, 5, 100, 200] {
            let records = hello(&[&other[..], &VERSIONS].concat(), record);
            assert_eq!(versions(&records), [0x5a5a, 0x304, 0x303]);
        }
    }

    #[test]
    fn who_lists_none_offers_what_it_says_in_front() {
        assert_eq!(versions(&hello(&[0, 23, 0, 0], 200)), [0x303]);
        assert_eq!(versions(&hello(&[], 200)), [0x303]);
    }

    #[test]
    fn nonsense_offers_nothing_and_does_no_harm() {
        let whole = hello(&VERSIONS, 200);
        for end in 0..whole.len() {
            assert!(
                versions(&whole[..end]).is_empty(),
                "cut off after {end} bytes"
            );
            let mut wrong = whole.clone();
            wrong[end] ^= 0xff;
            let _ = versions(&wrong);
        }
        assert!(versions(&[21, 3, 3, 0, 2, 2, 40]).is_empty());
        assert!(versions(&[22, 3, 1, 0, 4, 2, 0, 0, 0]).is_empty());
    }
}
