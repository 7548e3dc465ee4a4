//! The record layer of a connection whose handshake is complete.
//!
//! rustls does the handshake and keeps the key schedule and the sessions; it hands over the traffic
//! secrets.  Records are sealed from the caller's memory and opened into the caller's memory,
//! without an allocation, several per system call.  rustls' own record layer allocates and copies
//! once for each record and direction; saving that is the purpose of this module.
//!
//! | received | what happens | RFC 8446 |
//! |---|---|---|
//! | application data | plaintext | 5.1 |
//! | NewSessionTicket, to a client | rustls keeps the session | 4.6.1 |
//! | KeyUpdate | the keys of this direction change; ours too, as soon as the transport takes our KeyUpdate, if the peer asks for it | 4.6.3 |
//! | close_notify | the end | 6.1 |
//! | another alert | the connection fails, but for `user_canceled` | 6.2 |
//! | HelloRequest or ClientHello, in TLS 1.2 | refused: `no_renegotiation`, once | RFC 5246, 7.2.2 |
//! | everything else | the connection fails with an alert | 6.2 |
//!
//! A refused record ends the connection, so no state outlives it.

mod buffer;
mod messages;
mod protection;
#[cfg(any(test, fuzzing))]
mod tests;

use std::sync::Arc;

use rustls::client::ClientConnectionData;
use rustls::kernel::KernelConnection;
use rustls::server::ServerConnectionData;
use rustls::{
    AlertDescription, ConnectionTrafficSecrets, ContentType, Error, ExtractedSecrets,
    HandshakeType, InvalidMessage, OtherError, PeerMisbehaved, ProtocolVersion,
    SupportedCipherSuite,
};

use crate::base::limits::{
    Allowance, CONTROL_RECORDS, CONTROL_RECORDS_PER_KIND, Charge, RENEGOTIATIONS, WARNING_ALERTS,
};
pub(crate) use buffer::{Buffer, Queue};
pub(crate) use protection::{HEADER, Header, TAG};
use protection::{Opened, Protection};
#[cfg(fuzzing)]
pub(crate) use tests::play;

/// Type and length of a handshake message (RFC 8446, section 4).
pub(crate) const MESSAGE_HEADER: usize = 4;

/// `warning` and `fatal` (RFC 8446, section 6).
const WARNING: u8 = 1;
const FATAL: u8 = 2;

/// `update_not_requested` and `update_requested` (RFC 8446, section 4.6.3).
const NOT_REQUESTED: u8 = 0;
const REQUESTED: u8 = 1;

/// Both directions of one connection.
pub(crate) struct Records {
    schedule: Schedule,
    opening: Protection,
    sealing: Protection,
    /// The most content in a record that we send, in bytes.
    fragment: usize,
    /// The start of a handshake message that is not complete.
    message: Vec<u8>,
    reply: KeyUpdateReply,
    /// Whether we sent close_notify or a fatal alert, which nothing may follow.
    is_closed: bool,
    allowance: Allowance,
    warnings: u8,
    renegotiations: u8,
}

/// Our KeyUpdate in reply to a request of the peer.
#[derive(Clone, Copy, PartialEq, Eq)]
enum KeyUpdateReply {
    /// The peer requested none.
    None,
    /// The peer requested one that was not sent yet.
    Owed,
    /// One was sent, and no application data since, so that more requests get no reply.
    Sent,
}

/// What rustls keeps of the connection: the key schedule and, on a client, what it needs to store
/// sessions.
pub(crate) enum Schedule {
    Client(KernelConnection<ClientConnectionData>),
    Server(KernelConnection<ServerConnectionData>),
}

/// What [`Records::open`] found.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum RecordEvent {
    /// No complete record.
    Nothing,
    /// This many bytes of plaintext, at the front of the caller's memory.
    Plaintext(usize),
    /// Plaintext opened in place at the front of the records: its length, and the number of bytes
    /// after it that belong to the same record.
    InPlace { plaintext: usize, trailing: usize },
    /// An alert or a message, which was handled.
    Message,
    /// The peer's close_notify.
    Closed,
}

impl Records {
    /// Continues where rustls' record layer stopped: between two records in each direction,
    /// and between two handshake messages.
    pub(crate) fn new(
        schedule: Schedule,
        secrets: ExtractedSecrets,
        fragment: usize,
        allowance: Allowance,
    ) -> Result<Self, Error> {
        let suite = schedule.suite();
        Ok(Self {
            opening: Protection::new(suite, secrets.rx)?,
            sealing: Protection::new(suite, secrets.tx)?,
            schedule,
            fragment,
            message: Vec::new(),
            reply: KeyUpdateReply::None,
            is_closed: false,
            allowance,
            warnings: WARNING_ALERTS,
            renegotiations: RENEGOTIATIONS,
        })
    }

    // Sealing.

    /// Seals `data` as application data.
    pub(crate) fn seal(&mut self, data: &[u8], outgoing: &mut Buffer) -> Result<(), Error> {
        for fragment in data.chunks(self.fragment) {
            self.answer_key_update(outgoing)?;
            if self.sealing.is_at_aead_limit() {
                self.renew_or_close(outgoing)?;
            }
            self.reply = KeyUpdateReply::None;
            self.put(ContentType::ApplicationData, fragment, outgoing)?;
        }
        Ok(())
    }

    /// Seals a close_notify alert (RFC 8446, section 6.1).
    pub(crate) fn close_notify(&mut self, outgoing: &mut Buffer) -> Result<(), Error> {
        self.send_closing_alert(WARNING, AlertDescription::CloseNotify, outgoing)
    }

    /// Changes the sending keys and requests the same of the peer (RFC 8446, section 4.6.3).
    pub(crate) fn refresh_keys(&mut self, outgoing: &mut Buffer) -> Result<(), Error> {
        self.answer_key_update(outgoing)?;
        self.update_keys(REQUESTED, outgoing)?;
        self.allowance.expect_key_update();
        Ok(())
    }

    /// Whether the peer requested a KeyUpdate that was not sent yet, and still can be.
    pub(crate) fn owes_key_update(&self) -> bool {
        self.reply == KeyUpdateReply::Owed && !self.is_closed
    }

    /// Seals the KeyUpdate that the peer requested, which precedes everything else.
    pub(crate) fn answer_key_update(&mut self, outgoing: &mut Buffer) -> Result<(), Error> {
        if self.reply != KeyUpdateReply::Owed {
            return Ok(());
        }
        self.reply = KeyUpdateReply::Sent;
        self.update_keys(NOT_REQUESTED, outgoing)
    }

    fn update_keys(&mut self, request: u8, outgoing: &mut Buffer) -> Result<(), Error> {
        let kind = u8::from(HandshakeType::KeyUpdate);
        self.put(ContentType::Handshake, &[kind, 0, 0, 1, request], outgoing)?;
        let next = self.schedule.next_sealing()?;
        self.sealing = Protection::new(self.schedule.suite(), next)?;
        Ok(())
    }

    /// Changes the key before it reaches its AEAD limit (RFC 8446, section 5.5).  TLS 1.2
    /// cannot, and closes the connection.
    fn renew_or_close(&mut self, outgoing: &mut Buffer) -> Result<(), Error> {
        if self.is_tls13() {
            return self.update_keys(NOT_REQUESTED, outgoing);
        }
        self.close_notify(outgoing)?;
        Err(Error::EncryptError)
    }

    /// Seals an alert that ends the sending direction, unless one did already.
    fn send_closing_alert(
        &mut self,
        level: u8,
        description: AlertDescription,
        outgoing: &mut Buffer,
    ) -> Result<(), Error> {
        if std::mem::replace(&mut self.is_closed, true) {
            return Ok(());
        }
        self.answer_key_update(outgoing)?;
        let alert = [level, u8::from(description)];
        self.put(ContentType::Alert, &alert, outgoing)
    }

    fn put(
        &mut self,
        content_type: ContentType,
        content: &[u8],
        outgoing: &mut Buffer,
    ) -> Result<(), Error> {
        let room = outgoing.spare(content.len() + protection::OVERHEAD);
        let sealed = self.sealing.seal(content_type, content, room);
        outgoing.commit(*sealed.as_ref().unwrap_or(&0));
        sealed.map(drop)
    }

    // Opening.

    /// Opens the record at the front of `incoming`, into `out` if it fits.  An error ends the
    /// connection; the alert for it goes to `outgoing`.
    pub(crate) fn open(
        &mut self,
        incoming: &mut Buffer,
        out: &mut [u8],
        outgoing: &mut Buffer,
    ) -> Result<RecordEvent, Error> {
        let event = self.open_first(incoming, out, outgoing);
        if let Some(alert) = event.as_ref().err().and_then(alert_for) {
            // The caller needs the first error, not a failure to send the alert.
            let _ = self.send_closing_alert(FATAL, alert, outgoing);
        }
        event
    }

    fn open_first(
        &mut self,
        incoming: &mut Buffer,
        out: &mut [u8],
        outgoing: &mut Buffer,
    ) -> Result<RecordEvent, Error> {
        let Some(header) = Header::of(incoming.filled()) else {
            return Ok(RecordEvent::Nothing);
        };
        self.check(header)?;
        let end = HEADER + header.length();
        let Some(record) = incoming.filled_mut().get_mut(HEADER..end) else {
            return Ok(RecordEvent::Nothing);
        };
        let room = self.opening.room_for(header);
        let room = room.ok_or_else(|| Error::DecryptError)?;
        if room <= out.len() {
            let out = &mut out[..room];
            let event = self.open_into(header, record, out, outgoing);
            incoming.consume(end);
            let plaintext = match event {
                Ok(RecordEvent::Plaintext(length)) => length,
                _ => 0,
            };
            // The rest may hold padding or plaintext that is not for the caller.
            out[plaintext..].fill(0);
            return event;
        }
        let opened = self.opening.open_in_place(header, record)?;
        let offset = self.opening.offset();
        if self.is_application_data(opened)? {
            incoming.consume(offset);
            return Ok(RecordEvent::InPlace {
                plaintext: opened.length,
                trailing: end - offset - opened.length,
            });
        }
        let content = &record[offset - HEADER..][..opened.length];
        let event = self.handle(opened.content_type, content, outgoing);
        incoming.consume(end);
        event
    }

    /// Opens a record into `out`, which has room for it.
    fn open_into(
        &mut self,
        header: Header,
        record: &[u8],
        out: &mut [u8],
        outgoing: &mut Buffer,
    ) -> Result<RecordEvent, Error> {
        let opened = self.opening.open_into(header, record, out)?;
        match self.is_application_data(opened)? {
            true => Ok(RecordEvent::Plaintext(opened.length)),
            false => self.handle(opened.content_type, &out[..opened.length], outgoing),
        }
    }

    /// Refuses an illegal header before the rest of the record is received.  The outer type
    /// is application_data in TLS 1.3, and the type of the content in TLS 1.2; after the
    /// handshake neither has ChangeCipherSpec (RFC 8446, section 5; RFC 5246, section 7.1).
    fn check(&self, header: Header) -> Result<(), Error> {
        let content_type = header.content_type();
        match content_type {
            ContentType::ApplicationData => {}
            ContentType::Alert | ContentType::Handshake if !self.is_tls13() => {}
            _ => return Err(inappropriate(content_type)),
        }
        match header.length() > self.opening.longest() {
            true => Err(Error::PeerSentOversizedRecord),
            false => Ok(()),
        }
    }

    /// Returns whether this is application data.  No other record may interrupt a fragmented
    /// handshake message (RFC 8446, section 5.1).
    fn is_application_data(&mut self, opened: Opened) -> Result<bool, Error> {
        if opened.content_type != ContentType::Handshake && !self.message.is_empty() {
            return Err(PeerMisbehaved::MessageInterleavedWithHandshakeMessage.into());
        }
        if opened.content_type != ContentType::ApplicationData {
            return Ok(false);
        }
        match opened.length {
            0 => self.charge_allowance(Charge::EmptyRecord)?,
            _ => self.allowance.refill(),
        }
        Ok(true)
    }

    /// Charges a record or message without application data.
    fn charge_allowance(&mut self, charge: Charge) -> Result<(), Error> {
        match self.allowance.charge(charge) {
            true => Ok(()),
            false => {
                let failure = Arc::new(too_many_without_data());
                Err(Error::Other(OtherError(failure)))
            }
        }
    }

    fn is_tls13(&self) -> bool {
        self.schedule.version() == ProtocolVersion::TLSv1_3
    }
}

impl Schedule {
    fn suite(&self) -> SupportedCipherSuite {
        match self {
            Self::Client(kernel) => kernel.negotiated_cipher_suite(),
            Self::Server(kernel) => kernel.negotiated_cipher_suite(),
        }
    }

    fn version(&self) -> ProtocolVersion {
        match self {
            Self::Client(kernel) => kernel.protocol_version(),
            Self::Server(kernel) => kernel.protocol_version(),
        }
    }

    fn next_sealing(&mut self) -> Result<(u64, ConnectionTrafficSecrets), Error> {
        match self {
            Self::Client(kernel) => kernel.update_tx_secret(),
            Self::Server(kernel) => kernel.update_tx_secret(),
        }
    }

    fn next_opening(&mut self) -> Result<(u64, ConnectionTrafficSecrets), Error> {
        match self {
            Self::Client(kernel) => kernel.update_rx_secret(),
            Self::Server(kernel) => kernel.update_rx_secret(),
        }
    }
}

/// Returns the length of the first record with its header; `None` while the header is incomplete.
pub(crate) fn begun_length(records: &[u8]) -> Option<usize> {
    Some(HEADER + Header::of(records)?.length())
}

/// Returns the length of the first record with its header; `None` while the record is incomplete.
pub(crate) fn record_length(records: &[u8]) -> Option<usize> {
    begun_length(records).filter(|length| records.len() >= *length)
}

/// The peer used up its allowance of records without application data.
pub(crate) fn too_many_without_data() -> crate::Error {
    crate::Error::new(
        crate::Status::Protocol,
        format!(
            "the peer sent too many records without application data between them: {CONTROL_RECORDS_PER_KIND} \
             key updates, {CONTROL_RECORDS_PER_KIND} empty records, and {CONTROL_RECORDS} of these, session tickets and \
             warning alerts together are allowed"
        ),
    )
}

/// Counts a message of a kind that is limited for the whole connection.
fn count_down(left: &mut u8, too_many: PeerMisbehaved) -> Result<(), Error> {
    *left = left.checked_sub(1).ok_or_else(|| Error::from(too_many))?;
    Ok(())
}

fn inappropriate(content_type: ContentType) -> Error {
    Error::InappropriateMessage {
        expect_types: vec![ContentType::ApplicationData],
        got_type: content_type,
    }
}

/// Returns the alert for an error (RFC 8446, section 6.2); `None` if one was sent already, or if
/// the error is an alert of the peer.
pub(crate) fn alert_for(error: &Error) -> Option<AlertDescription> {
    match error {
        Error::AlertReceived(_) => None,
        Error::DecryptError => Some(AlertDescription::BadRecordMac),
        Error::PeerSentOversizedRecord => Some(AlertDescription::RecordOverflow),
        Error::InvalidMessage(InvalidMessage::InvalidKeyUpdate) => {
            Some(AlertDescription::IllegalParameter)
        }
        Error::InvalidMessage(message) => Some((*message).into()),
        Error::PeerMisbehaved(_)
        | Error::InappropriateMessage { .. }
        | Error::InappropriateHandshakeMessage { .. }
        // The allowance is used up.
        | Error::Other(_) => Some(AlertDescription::UnexpectedMessage),
        _ => Some(AlertDescription::InternalError),
    }
}
