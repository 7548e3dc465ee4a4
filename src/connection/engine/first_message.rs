//! Checks the unprotected records that carry the peer's first handshake message (RFC 8446,
//! section 5).
//!
//! For some violations, rustls sends another alert than the RFC requires, or none.

use rustls::{AlertDescription, ContentType, Error, HandshakeType, InvalidMessage, PeerMisbehaved};

use crate::base::limits::MAX_MESSAGE;
use crate::base::limits::RECORD_PLAINTEXT;
use crate::connection::records::{HEADER, Header, MESSAGE_HEADER};

/// The peer's first handshake message, while it is received.
pub(super) struct FirstMessage {
    /// Whether the peer is a client.
    is_client: bool,
    /// Its header, as far as it was received.
    header: [u8; MESSAGE_HEADER],
    /// How many bytes of it were received, with its header.
    received: usize,
    is_complete: bool,
}

/// A violation, and the alert for it.
///
/// Input that is not TLS at all gets no alert, as in OpenSSL and Go: a client of another protocol,
/// such as plain HTTP, would take the alert for an answer.
type Fault = (Error, Option<AlertDescription>);

impl FirstMessage {
    pub(super) fn of_client() -> Self {
        Self {
            is_client: true,
            header: [0; MESSAGE_HEADER],
            received: 0,
            is_complete: false,
        }
    }

    pub(super) fn of_server() -> Self {
        Self {
            is_client: false,
            ..Self::of_client()
        }
    }

    /// Whether some of the message was received.
    pub(super) fn has_begun(&self) -> bool {
        self.received > 0
    }

    /// Whether all of the message was received.
    pub(super) fn is_complete(&self) -> bool {
        self.is_complete
    }

    /// Checks the first of these records, which must be the next one, and returns its
    /// length if it is complete.  A record with an illegal header is refused before the
    /// rest of it is received.
    pub(super) fn check(&mut self, records: &[u8]) -> Result<Option<usize>, Fault> {
        let Some(header) = Header::of(records) else {
            return Ok(None);
        };
        if self.received == 0 && !header.may_be_tls() {
            return Err((InvalidMessage::InvalidContentType.into(), None));
        }
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
                if self.received > 0 =>
            {
                Err(unexpected(
                    PeerMisbehaved::MessageInterleavedWithHandshakeMessage,
                ))
            }
            ContentType::Alert => check_length(header),
            // It is ignored only after the first ClientHello (RFC 8446, section 5).
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

    /// Takes the part of the message that one record contains.
    fn take(&mut self, content: &[u8]) -> Result<(), Fault> {
        let missing = &mut self.header[self.received.min(MESSAGE_HEADER)..];
        let count = missing.len().min(content.len());
        missing[..count].copy_from_slice(&content[..count]);
        self.received += content.len();
        let [kind, length @ ..] = self.header;
        let kind = HandshakeType::from(kind);
        if self.is_client && kind != HandshakeType::ClientHello {
            return Err(unexpected(Error::InappropriateHandshakeMessage {
                expect_types: vec![HandshakeType::ClientHello],
                got_type: kind,
            }));
        }
        if self.received < MESSAGE_HEADER {
            return Ok(());
        }
        let length = length
            .iter()
            .fold(0, |sum, &byte| sum << 8 | usize::from(byte));
        if length > MAX_MESSAGE {
            let error = InvalidMessage::HandshakePayloadTooLarge.into();
            return Err((error, Some(AlertDescription::DecodeError)));
        }
        self.is_complete = self.received >= MESSAGE_HEADER + length;
        Ok(())
    }
}

fn check_length(header: Header) -> Result<(), Fault> {
    match header.length() > RECORD_PLAINTEXT {
        true => Err((
            Error::PeerSentOversizedRecord,
            Some(AlertDescription::RecordOverflow),
        )),
        false => Ok(()),
    }
}

fn unexpected(error: impl Into<Error>) -> Fault {
    (error.into(), Some(AlertDescription::UnexpectedMessage))
}

/// A record with a fatal alert (RFC 8446, section 6), before there are keys.
pub(crate) fn fatal_alert(number: u8) -> [u8; 7] {
    [21, 3, 3, 0, 2, 2, number]
}
