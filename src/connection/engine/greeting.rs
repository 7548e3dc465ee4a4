//! What the records may be that bring the peer's first message, and that nothing
//! protects (RFC 8446, section 5).
//!
//! rustls answers some of these faults with another alert than the RFC asks for, and
//! some with none at all.

use rustls::{AlertDescription, ContentType, Error, HandshakeType, InvalidMessage, PeerMisbehaved};

use super::super::limits::LONGEST_MESSAGE;
use super::super::record::{HEADER, Header, MESSAGE_HEADER};
use super::super::steps::RECORD_PLAINTEXT;

/// How far the peer's first message has come.
pub(super) struct Greeting {
    /// Whether the peer is a client.
    is_client: bool,
    /// Its header, as far as it has come.
    header: [u8; MESSAGE_HEADER],
    /// How much of it has come, its header included.
    come: usize,
    is_over: bool,
}

/// What is wrong, and the alert that says so.
type Fault = (Error, AlertDescription);

impl Greeting {
    pub(super) fn of_client() -> Self {
        Self {
            is_client: true,
            header: [0; MESSAGE_HEADER],
            come: 0,
            is_over: false,
        }
    }

    pub(super) fn of_server() -> Self {
        Self {
            is_client: false,
            ..Self::of_client()
        }
    }

    /// Whether some of the message is here.
    pub(super) fn has_begun(&self) -> bool {
        self.come > 0
    }

    /// Whether the message is here to its end.
    pub(super) fn is_over(&self) -> bool {
        self.is_over
    }

    /// Looks at the first of these records, which has to be the next one: how long it
    /// is, if it is whole.  What is wrong already with its header needs no more of it.
    pub(super) fn check(&mut self, records: &[u8]) -> Result<Option<usize>, Fault> {
        let Some(header) = Header::of(records) else {
            return Ok(None);
        };
        self.check_header(header)?;
        let end = HEADER + header.length();
        let Some(content) = records.get(HEADER..end) else {
            return Ok(None);
        };
        match header.content_type() {
            ContentType::ChangeCipherSpec if content != [1] => {
                return Err(unexpected(InvalidMessage::InvalidCcs));
            }
            ContentType::Handshake => self.take(content)?,
            _ => {}
        }
        Ok(Some(end))
    }

    fn check_header(&self, header: Header) -> Result<(), Fault> {
        let content_type = header.content_type();
        match content_type {
            ContentType::Handshake | ContentType::Alert if header.length() == 0 => {
                Err(unexpected(InvalidMessage::InvalidEmptyPayload))
            }
            ContentType::Handshake => check_length(header),
            ContentType::ApplicationData | ContentType::Alert | ContentType::ChangeCipherSpec
                if self.come > 0 =>
            {
                Err(unexpected(
                    PeerMisbehaved::MessageInterleavedWithHandshakeMessage,
                ))
            }
            ContentType::Alert => check_length(header),
            // It means nothing before the first ClientHello is sent or received.
            ContentType::ChangeCipherSpec if !self.is_client => check_length(header),
            ContentType::ApplicationData | ContentType::ChangeCipherSpec => {
                Err(unexpected(Error::InappropriateMessage {
                    expect_types: vec![ContentType::Handshake],
                    got_type: content_type,
                }))
            }
            _ => Err(unexpected(InvalidMessage::InvalidContentType)),
        }
    }

    /// Follows the message through the content of one record.
    fn take(&mut self, content: &[u8]) -> Result<(), Fault> {
        let missing = &mut self.header[self.come.min(MESSAGE_HEADER)..];
        let count = missing.len().min(content.len());
        missing[..count].copy_from_slice(&content[..count]);
        self.come += content.len();
        let [kind, length @ ..] = self.header;
        let kind = HandshakeType::from(kind);
        if self.is_client && kind != HandshakeType::ClientHello {
            return Err(unexpected(Error::InappropriateHandshakeMessage {
                expect_types: vec![HandshakeType::ClientHello],
                got_type: kind,
            }));
        }
        if self.come < MESSAGE_HEADER {
            return Ok(());
        }
        let length = length
            .iter()
            .fold(0, |sum, &byte| sum << 8 | usize::from(byte));
        if length > LONGEST_MESSAGE {
            let error = InvalidMessage::HandshakePayloadTooLarge.into();
            return Err((error, AlertDescription::DecodeError));
        }
        self.is_over = self.come >= MESSAGE_HEADER + length;
        Ok(())
    }
}

fn check_length(header: Header) -> Result<(), Fault> {
    match header.length() > RECORD_PLAINTEXT {
        true => Err((
            Error::PeerSentOversizedRecord,
            AlertDescription::RecordOverflow,
        )),
        false => Ok(()),
    }
}

fn unexpected(error: impl Into<Error>) -> Fault {
    (error.into(), AlertDescription::UnexpectedMessage)
}

/// A record with a fatal alert (RFC 8446, section 6), before there are keys.
pub(in super::super) fn fatal_alert(number: u8) -> [u8; 7] {
    [21, 3, 3, 0, 2, 2, number]
}
