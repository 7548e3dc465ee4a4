//! Parses the parts of a ClientHello that rustls does not expose.

use std::borrow::Cow;

use rustls::{AlertDescription, ContentType, HandshakeType};

use super::config_selector::Refusal;
use crate::base::limits::RECORD_PLAINTEXT;
use crate::{Error, Status};

/// Extension types (RFC 8446, section 4.2; RFC 6066, section 4; RFC 8449, section 4).
const MAX_FRAGMENT_LENGTH: usize = 1;
const RECORD_SIZE_LIMIT: usize = 28;
const SUPPORTED_VERSIONS: usize = 43;

/// A signaling cipher suite value: the client retries with an older version than its
/// newest, because that handshake failed (RFC 7507).
const TLS_FALLBACK_SCSV: [u8; 2] = [0x56, 0x00];

const TLS_1_3: u16 = 0x0304;

/// The smallest record_size_limit (RFC 8449, section 4).
const MIN_RECORD_SIZE_LIMIT: usize = 64;

/// The parsed parts of a ClientHello (RFC 8446, section 4.1.2), borrowed from the
/// message.
#[derive(Default)]
pub(crate) struct ParsedHello<'a> {
    legacy_version: u16,
    is_fallback: bool,
    // Contents of extensions.
    supported_versions: Option<&'a [u8]>,
    max_fragment_length: Option<&'a [u8]>,
    record_size_limit: Option<&'a [u8]>,
}

impl<'a> ParsedHello<'a> {
    /// Parses a message from [`first_message`].  An invalid ClientHello parses as empty:
    /// rustls refuses it.
    pub(crate) fn parse(message: &'a [u8]) -> Self {
        Self::try_parse(message).unwrap_or_default()
    }

    fn try_parse(message: &'a [u8]) -> Option<Self> {
        let mut message = Bytes(message);
        if HandshakeType::from(message.byte()?) != HandshakeType::ClientHello {
            return None;
        }
        let mut hello = Bytes(message.prefixed(3)?);
        let legacy_version = u16::try_from(hello.number(2)?).ok()?;
        let _random = hello.take(32)?;
        let _session_id = hello.prefixed(1)?;
        let mut cipher_suites = hello.prefixed(2)?.chunks_exact(2);
        let mut parsed = Self {
            legacy_version,
            is_fallback: cipher_suites.any(|suite| suite == TLS_FALLBACK_SCSV),
            ..Self::default()
        };
        let _compression_methods = hello.prefixed(1)?;
        let mut extensions = Bytes(hello.prefixed(2).unwrap_or_default());
        while let Some(kind) = extensions.number(2) {
            let content = extensions.prefixed(2)?;
            match kind {
                SUPPORTED_VERSIONS => {
                    parsed.supported_versions = Some(Bytes(content).prefixed(1)?);
                }
                MAX_FRAGMENT_LENGTH => parsed.max_fragment_length = Some(content),
                RECORD_SIZE_LIMIT => parsed.record_size_limit = Some(content),
                _ => {}
            }
        }
        Some(parsed)
    }

    /// The versions that the client offers, best first: supported_versions (RFC 8446,
    /// section 4.2.1) or, without it, legacy_version.  Empty for an invalid ClientHello.
    pub(super) fn versions(&self) -> impl Iterator<Item = u16> + use<'a> {
        let listed = self.supported_versions.unwrap_or_default();
        let listed = listed.chunks_exact(2);
        let legacy = match self.supported_versions {
            None if self.legacy_version != 0 => Some(self.legacy_version),
            _ => None,
        };
        let numbers = listed.map(|two| u16::from_be_bytes([two[0], two[1]]));
        numbers.chain(legacy)
    }

    /// Whether a server whose newest version is `newest` negotiates TLS 1.3.
    pub(super) fn is_tls13(&self, newest: u16) -> bool {
        let is_listed = || self.versions().any(|version| version == TLS_1_3);
        newest >= TLS_1_3 && self.supported_versions.is_some() && is_listed()
    }

    /// Whether the client fell back to a version older than `newest`, perhaps because of
    /// a downgrade attack (RFC 7507, section 3).
    pub(super) fn is_fallback(&self, newest: u16) -> bool {
        let is_older = |version: u16| version < newest || version >> 8 != newest >> 8;
        self.is_fallback && self.versions().all(is_older)
    }

    /// The client's limit for the plaintext of a record, in bytes, at a server whose
    /// newest version is `newest`; `None` if it sets no limit.
    ///
    /// record_size_limit includes the content type byte of TLS 1.3 (RFC 8449, section 4),
    /// and overrides max_fragment_length (section 5).
    pub(super) fn fragment_limit(&self, newest: u16) -> Result<Option<usize>, Refusal> {
        if let Some(content) = self.record_size_limit {
            let &[high, low] = content else {
                return Err(wrong_length("record_size_limit", content, "RFC 8449"));
            };
            let limit = usize::from(u16::from_be_bytes([high, low]));
            if limit < MIN_RECORD_SIZE_LIMIT {
                let sentence = format!(
                    "the client's record_size_limit is {limit} bytes: \
                     {MIN_RECORD_SIZE_LIMIT} is the minimum (RFC 8449, section 4)"
                );
                return Err(Refusal::illegal_parameter(sentence));
            }
            let limit = limit - usize::from(self.is_tls13(newest));
            return Ok(Some(limit.min(RECORD_PLAINTEXT)));
        }
        let Some(content) = self.max_fragment_length else {
            return Ok(None);
        };
        match *content {
            [code @ 1..=4] => Ok(Some(256 << code)),
            [code] => Err(Refusal::illegal_parameter(format!(
                "the client's max_fragment_length is {code}: only 1 to 4 are valid (RFC 6066, \
                 section 4)"
            ))),
            _ => Err(wrong_length("max_fragment_length", content, "RFC 6066")),
        }
    }
}

fn wrong_length(extension: &str, content: &[u8], rfc: &str) -> Refusal {
    let length = content.len();
    let sentence = format!(
        "the client's {extension} extension has an invalid length of {length} bytes ({rfc}, \
         section 4)"
    );
    Refusal {
        error: Error::new(Status::Protocol, sentence),
        alert: AlertDescription::DecodeError.into(),
    }
}

/// Returns the first handshake message in these records, or `None` if it is incomplete.
/// The message may span records (RFC 8446, section 5.1), and alerts may precede it.
pub(crate) fn first_message(records: &[u8]) -> Option<Cow<'_, [u8]>> {
    let mut records = Bytes(records);
    let mut joined = Cow::Borrowed(&[][..]);
    loop {
        let content_type = ContentType::from(records.byte()?);
        records.take(2)?;
        let content = records.prefixed(2)?;
        match content_type {
            ContentType::Handshake if joined.is_empty() => joined = Cow::Borrowed(content),
            ContentType::Handshake => joined.to_mut().extend_from_slice(content),
            ContentType::Alert if joined.is_empty() => {}
            _ => return None,
        }
        if Bytes(&joined).whole_message().is_some() {
            return Some(joined);
        }
    }
}

/// A reader over bytes.
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    /// Reads a big-endian number of this many bytes.
    fn number(&mut self, bytes: usize) -> Option<usize> {
        let taken = self.take(bytes)?;
        Some(
            taken
                .iter()
                .fold(0, |number, byte| number << 8 | usize::from(*byte)),
        )
    }

    /// Reads a vector whose length prefix has this many bytes.
    fn prefixed(&mut self, bytes: usize) -> Option<&'a [u8]> {
        let length = self.number(bytes)?;
        self.take(length)
    }

    /// Returns a handshake message with its header, if it is complete.
    fn whole_message(&self) -> Option<&'a [u8]> {
        let length = Bytes(self.0.get(1..)?).number(3)?;
        self.0.get(..4 + length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TLS_1_2: u16 = 0x0303;
    const NEWEST: u16 = TLS_1_3;

    /// A ClientHello with these extensions, in records of at most `record` bytes.
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

    fn versions(records: &[u8]) -> Vec<u16> {
        let message = first_message(records).unwrap_or_default();
        ParsedHello::parse(&message).versions().collect()
    }

    const VERSIONS: [u8; 11] = [0, 43, 0, 7, 6, 0x5a, 0x5a, 3, 4, 3, 3];

    #[test]
    fn parser_reads_versions_in_order_across_records() {
        let other = [0, 23, 0, 0];
        let alert = [21, 3, 1, 0, 2, 1, 90];
        for record in [1, 5, 100, 200] {
            let records = hello(&[&other[..], &VERSIONS].concat(), record);
            assert_eq!(versions(&records), [0x5a5a, 0x304, 0x303]);
            let records = [&alert[..], &records].concat();
            assert_eq!(versions(&records), [0x5a5a, 0x304, 0x303]);
        }
    }

    #[test]
    fn client_without_supported_versions_offers_its_legacy_version() {
        assert_eq!(versions(&hello(&[0, 23, 0, 0], 200)), [0x303]);
        assert_eq!(versions(&hello(&[], 200)), [0x303]);
    }

    #[test]
    fn parser_treats_malformed_messages_as_empty() {
        let whole = hello(
            &[&VERSIONS[..], &[0, 28, 0, 2, 0, 64, 0, 1, 0, 1, 4]].concat(),
            200,
        );
        for end in 0..whole.len() {
            assert!(
                versions(&whole[..end]).is_empty(),
                "cut off after {end} bytes"
            );
            let mut wrong = whole.clone();
            wrong[end] ^= 0xff;
            let message = first_message(&wrong).unwrap_or_default();
            let parsed = ParsedHello::parse(&message);
            let _ = (parsed.versions().count(), parsed.is_fallback(NEWEST));
            let _ = parsed.fragment_limit(NEWEST);
        }
        assert!(versions(&[21, 3, 3, 0, 2, 2, 40]).is_empty());
        assert!(versions(&[22, 3, 1, 0, 4, 2, 0, 0, 0]).is_empty());
    }

    /// The limit that these extensions set, or the alert that answers them.
    fn limit(extensions: &[&[u8]], newest: u16) -> Result<Option<usize>, u8> {
        let records = hello(&extensions.concat(), 200);
        let message = first_message(&records).unwrap();
        let limit = ParsedHello::parse(&message).fragment_limit(newest);
        limit.map_err(|refusal| refusal.alert)
    }

    #[test]
    fn record_size_limit_counts_the_content_type_of_tls_1_3() {
        let size = |limit: u16| {
            let [high, low] = limit.to_be_bytes();
            [0, 28, 0, 2, high, low]
        };
        for (announced, newest, expected) in [
            (64, TLS_1_3, 63),
            (64, TLS_1_2, 64),
            (1_000, TLS_1_3, 999),
            (16_385, TLS_1_3, 16_384),
            (16_385, TLS_1_2, 16_384),
            (u16::MAX, TLS_1_3, 16_384),
        ] {
            let found = limit(&[&VERSIONS, &size(announced)], newest);
            assert_eq!(found, Ok(Some(expected)), "{announced}");
            let found = limit(&[&size(announced), &VERSIONS], newest);
            assert_eq!(found, Ok(Some(expected)), "{announced}, first");
        }
        assert_eq!(limit(&[&size(64)], TLS_1_3), Ok(Some(64)), "TLS 1.2 client");
        assert_eq!(limit(&[&VERSIONS], TLS_1_3), Ok(None));
        for illegal in [0, 1, 63] {
            assert_eq!(limit(&[&size(illegal)], TLS_1_3), Err(47), "{illegal}");
        }
        for content in [
            &[0, 28, 0, 0][..],
            &[0, 28, 0, 1, 64],
            &[0, 28, 0, 3, 0, 64, 0],
        ] {
            assert_eq!(limit(&[content], TLS_1_3), Err(50), "{content:?}");
        }
    }

    #[test]
    fn record_size_limit_overrides_max_fragment_length() {
        for newest in [TLS_1_2, TLS_1_3] {
            for (code, expected) in [
                (1, Ok(Some(512))),
                (2, Ok(Some(1_024))),
                (3, Ok(Some(2_048))),
                (4, Ok(Some(4_096))),
                (0, Err(47)),
                (5, Err(47)),
                (255, Err(47)),
            ] {
                let extension = [0, 1, 0, 1, code];
                assert_eq!(limit(&[&VERSIONS, &extension], newest), expected, "{code}");
                let both = limit(&[&extension, &[0, 28, 0, 2, 4, 0]], newest);
                assert_eq!(both, Ok(Some(1_024)), "ignores {code}");
            }
        }
        for content in [&[0, 1, 0, 0][..], &[0, 1, 0, 2, 1, 1]] {
            assert_eq!(limit(&[content], TLS_1_3), Err(50), "{content:?}");
        }
    }
}
