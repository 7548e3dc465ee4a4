//! The record layer of a connection whose handshake is complete.
//!
//! rustls makes the handshake and keeps what it knows: the key schedule, the sessions.
//! What it gives are secrets, and what is here makes records of bytes and bytes of
//! records: sealed from the caller's memory, opened into the caller's memory, without
//! an allocation, several to a system call.  rustls' own record layer allocates and
//! copies once for each record and direction; that is all that is gained here, and
//! what every line of this module has to be worth.
//!
//! | what comes | what becomes of it | RFC 8446 |
//! |---|---|---|
//! | application data | plaintext | 5.1 |
//! | NewSessionTicket, to a client | rustls keeps the session | 4.6.1 |
//! | KeyUpdate | the keys of this direction change; ours too, before we next seal something, if the peer asks for it | 4.6.3 |
//! | close_notify | the end | 6.1 |
//! | another alert | the connection fails, but for `user_canceled` | 6.2 |
//! | HelloRequest or ClientHello, in TLS 1.2 | refused: `no_renegotiation`, once | RFC 5246, 7.2.2 |
//! | everything else | the connection fails with an alert | 6.2 |
//!
//! A record that cannot be accepted ends the connection: no state outlives it.

mod protection;

use rustls::client::ClientConnectionData;
use rustls::kernel::KernelConnection;
use rustls::server::ServerConnectionData;
use rustls::{
    AlertDescription, ConnectionTrafficSecrets, ContentType, Error, ExtractedSecrets,
    HandshakeType, InvalidMessage, PeerMisbehaved, ProtocolVersion, SupportedCipherSuite,
};

use super::buffer::Buffer;
pub(super) use protection::HEADER;
use protection::{Header, Opened, Protection};

/// How many records without content may follow each other.
const EMPTY_RECORDS: u8 = 32;
/// How many warnings a peer may send.
const WARNINGS: u8 = 4;
/// How many key updates may come without application data between them.
const KEY_UPDATES: u8 = 32;
/// How often a peer may ask for a renegotiation, which it does not get.
const RENEGOTIATIONS: u8 = 1;

/// Type and length of a handshake message (RFC 8446, section 4).
const MESSAGE_HEADER: usize = 4;
/// The longest handshake message that is waited for.
const LONGEST_MESSAGE: usize = 0xffff;

/// `warning` and `fatal` (RFC 8446, section 6).
const WARNING: u8 = 1;
const FATAL: u8 = 2;

/// `update_not_requested` and `update_requested` (RFC 8446, section 4.6.3).
const NOT_REQUESTED: u8 = 0;
const REQUESTED: u8 = 1;

/// Both directions of one connection.
pub(super) struct Records {
    schedule: Schedule,
    opening: Protection,
    sealing: Protection,
    /// The most content that a record of ours gets.
    fragment: usize,
    /// The beginning of a handshake message whose end has not come.
    message: Vec<u8>,
    /// Whether the peer asked for a KeyUpdate that it has not got yet.
    owes_key_update: bool,
    /// Whether we said close_notify or a fatal alert, which nothing may follow.
    is_closed: bool,
    /// What is still put up with.
    empty_records: u8,
    warnings: u8,
    key_updates: u8,
    renegotiations: u8,
}

/// What rustls keeps of the connection: the key schedule, and on a client what it needs
/// to keep sessions.
pub(super) enum Schedule {
    Client(KernelConnection<ClientConnectionData>),
    Server(KernelConnection<ServerConnectionData>),
}

/// What [`Records::open`] came to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Came {
    /// No whole record is here.
    Nothing,
    /// So much plaintext, at the front of the caller's memory.
    Plaintext(usize),
    /// So much plaintext, at the front of the records, and so many bytes behind it that
    /// are used up.
    InPlace { plaintext: usize, spent: usize },
    /// Something that was dealt with.
    Message,
    /// The peer's close_notify.
    Closed,
}

impl Records {
    /// Goes on where rustls' record layer ended: between two records in each direction,
    /// and not in the middle of a handshake message.
    pub(super) fn new(
        schedule: Schedule,
        secrets: ExtractedSecrets,
        fragment: usize,
    ) -> Result<Self, Error> {
        let suite = schedule.suite();
        Ok(Self {
            opening: Protection::new(suite, secrets.rx)?,
            sealing: Protection::new(suite, secrets.tx)?,
            schedule,
            fragment,
            message: Vec::new(),
            owes_key_update: false,
            is_closed: false,
            empty_records: EMPTY_RECORDS,
            warnings: WARNINGS,
            key_updates: KEY_UPDATES,
            renegotiations: RENEGOTIATIONS,
        })
    }

    // Sealing.

    /// Seals `data` as application data.
    pub(super) fn seal(&mut self, data: &[u8], outgoing: &mut Buffer) -> Result<(), Error> {
        for fragment in data.chunks(self.fragment) {
            self.answer_key_update(outgoing)?;
            if self.sealing.is_worn() {
                self.renew_or_close(outgoing)?;
            }
            self.put(ContentType::ApplicationData, fragment, outgoing)?;
        }
        Ok(())
    }

    /// Seals a close_notify alert (RFC 8446, section 6.1).
    pub(super) fn close_notify(&mut self, outgoing: &mut Buffer) -> Result<(), Error> {
        self.last_words(WARNING, AlertDescription::CloseNotify, outgoing)
    }

    /// Changes the keys of what is sealed from here on, and asks the peer for the same
    /// (RFC 8446, section 4.6.3).
    pub(super) fn refresh_keys(&mut self, outgoing: &mut Buffer) -> Result<(), Error> {
        self.answer_key_update(outgoing)?;
        self.update_keys(REQUESTED, outgoing)
    }

    /// The KeyUpdate that the peer asked for has to be there before anything else is.
    /// Several requests get one answer.
    fn answer_key_update(&mut self, outgoing: &mut Buffer) -> Result<(), Error> {
        if !std::mem::take(&mut self.owes_key_update) {
            return Ok(());
        }
        self.update_keys(NOT_REQUESTED, outgoing)
    }

    fn update_keys(&mut self, request: u8, outgoing: &mut Buffer) -> Result<(), Error> {
        let kind = u8::from(HandshakeType::KeyUpdate);
        self.put(ContentType::Handshake, &[kind, 0, 0, 1, request], outgoing)?;
        let next = self.schedule.next_sealing()?;
        self.sealing = Protection::new(self.schedule.suite(), next)?;
        Ok(())
    }

    /// The key has sealed nearly as much as it may (RFC 8446, section 5.5).  TLS 1.2
    /// cannot change it.
    fn renew_or_close(&mut self, outgoing: &mut Buffer) -> Result<(), Error> {
        if self.is_tls13() {
            return self.update_keys(NOT_REQUESTED, outgoing);
        }
        self.close_notify(outgoing)?;
        Err(Error::EncryptError)
    }

    /// Seals an alert that nothing follows.
    fn last_words(
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

    /// Opens the record at the front of `incoming`, into `out` where that holds it.  A
    /// fault ends the connection; the alert that tells the peer goes to `outgoing`.
    pub(super) fn open(
        &mut self,
        incoming: &mut Buffer,
        out: &mut [u8],
        outgoing: &mut Buffer,
    ) -> Result<Came, Error> {
        let came = self.open_first(incoming, out, outgoing);
        if let Some(alert) = came.as_ref().err().and_then(alert_for) {
            // What went wrong is what the caller has to hear, not that the peer was not
            // told.
            let _ = self.last_words(FATAL, alert, outgoing);
        }
        came
    }

    fn open_first(
        &mut self,
        incoming: &mut Buffer,
        out: &mut [u8],
        outgoing: &mut Buffer,
    ) -> Result<Came, Error> {
        let Some(header) = Header::of(incoming.filled()) else {
            return Ok(Came::Nothing);
        };
        self.check(header)?;
        let end = HEADER + header.length();
        let Some(record) = incoming.filled_mut().get_mut(HEADER..end) else {
            return Ok(Came::Nothing);
        };
        let room = self.opening.room_for(header).ok_or(Error::DecryptError)?;
        if room <= out.len() {
            let out = &mut out[..room];
            let opened = self.opening.open_into(header, record, out)?;
            incoming.consume(end);
            if self.is_application_data(opened)? {
                return Ok(Came::Plaintext(opened.length));
            }
            let came = self.take(opened.content_type, &out[..opened.length], outgoing);
            // It was not meant for the caller.
            out.fill(0);
            return came;
        }
        let opened = self.opening.open_in_place(header, record)?;
        let offset = self.opening.offset();
        if self.is_application_data(opened)? {
            incoming.consume(offset);
            return Ok(Came::InPlace {
                plaintext: opened.length,
                spent: end - offset - opened.length,
            });
        }
        let content = &record[offset - HEADER..][..opened.length];
        let came = self.take(opened.content_type, content, outgoing);
        incoming.consume(end);
        came
    }

    /// What no record may be, before it is even here.  In TLS 1.3 only application data
    /// shows outside, in TLS 1.2 what is inside; ChangeCipherSpec has had its time in
    /// both (RFC 8446, section 5; RFC 5246, section 7.1).
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

    /// Whether this is application data, and may be here.  Nothing comes between the
    /// records of one handshake message (RFC 8446, section 5.1).
    fn is_application_data(&mut self, opened: Opened) -> Result<bool, Error> {
        if opened.content_type != ContentType::Handshake && !self.message.is_empty() {
            return Err(PeerMisbehaved::MessageInterleavedWithHandshakeMessage.into());
        }
        if opened.length > 0 {
            self.empty_records = EMPTY_RECORDS;
        } else if opened.content_type == ContentType::ApplicationData {
            let too_many = PeerMisbehaved::TooManyEmptyFragments;
            spend(&mut self.empty_records, too_many)?;
        }
        if opened.content_type != ContentType::ApplicationData {
            return Ok(false);
        }
        self.key_updates = KEY_UPDATES;
        Ok(true)
    }

    /// Deals with what is not for the caller.
    fn take(
        &mut self,
        content_type: ContentType,
        content: &[u8],
        outgoing: &mut Buffer,
    ) -> Result<Came, Error> {
        match content_type {
            ContentType::Alert => self.take_alert(content, outgoing),
            // RFC 8446, section 5.1: none is without content.
            ContentType::Handshake if !content.is_empty() => {
                self.take_handshake(content, outgoing)?;
                Ok(Came::Message)
            }
            other => Err(inappropriate(other)),
        }
    }

    /// RFC 8446, section 6, and for TLS 1.2, RFC 5246, section 7.2.
    fn take_alert(&mut self, content: &[u8], outgoing: &mut Buffer) -> Result<Came, Error> {
        let &[level, description] = content else {
            return Err(InvalidMessage::MessageTooShort.into());
        };
        let description = AlertDescription::from(description);
        let complaint = match (level, description) {
            (WARNING | FATAL, AlertDescription::CloseNotify) => return Ok(Came::Closed),
            (WARNING, AlertDescription::UserCanceled) => None,
            (WARNING, _) if self.is_tls13() => Some(AlertDescription::DecodeError),
            (WARNING, _) => None,
            (FATAL, _) => return Err(Error::AlertReceived(description)),
            _ => Some(AlertDescription::IllegalParameter),
        };
        if let Some(complaint) = complaint {
            self.last_words(FATAL, complaint, outgoing)?;
            return Err(Error::AlertReceived(description));
        }
        let too_many = PeerMisbehaved::TooManyWarningAlertsReceived;
        spend(&mut self.warnings, too_many)?;
        Ok(Came::Message)
    }

    /// Takes the handshake messages of a record, the first of which may have begun in an
    /// earlier one, and the last of which may end in a later one.
    fn take_handshake(&mut self, content: &[u8], outgoing: &mut Buffer) -> Result<(), Error> {
        let mut messages = std::mem::take(&mut self.message);
        messages.extend_from_slice(content);
        let mut rest = &messages[..];
        while let Some((header, behind)) = rest.split_first_chunk::<MESSAGE_HEADER>() {
            let [kind, length @ ..] = *header;
            let kind = HandshakeType::from(kind);
            self.check_message(kind)?;
            let length = u32::from_be_bytes([0, length[0], length[1], length[2]]) as usize;
            if length > LONGEST_MESSAGE {
                return Err(InvalidMessage::HandshakePayloadTooLarge.into());
            }
            let Some((body, behind)) = behind.split_at_checked(length) else {
                break;
            };
            self.take_message(kind, body, behind.is_empty(), outgoing)?;
            rest = behind;
        }
        self.message = rest.to_vec();
        Ok(())
    }

    /// What may come when the handshake is complete.
    fn check_message(&self, kind: HandshakeType) -> Result<(), Error> {
        let expected: &[HandshakeType] = match (&self.schedule, self.is_tls13()) {
            (Schedule::Client(_), true) => {
                &[HandshakeType::NewSessionTicket, HandshakeType::KeyUpdate]
            }
            (Schedule::Server(_), true) => &[HandshakeType::KeyUpdate],
            (Schedule::Client(_), false) => &[HandshakeType::HelloRequest],
            (Schedule::Server(_), false) => &[HandshakeType::ClientHello],
        };
        match expected.contains(&kind) {
            true => Ok(()),
            false => Err(Error::InappropriateHandshakeMessage {
                expect_types: expected.to_vec(),
                got_type: kind,
            }),
        }
    }

    fn take_message(
        &mut self,
        kind: HandshakeType,
        body: &[u8],
        is_last: bool,
        outgoing: &mut Buffer,
    ) -> Result<(), Error> {
        match (kind, &mut self.schedule) {
            (HandshakeType::NewSessionTicket, Schedule::Client(kernel)) => {
                kernel.handle_new_session_ticket(body)
            }
            (HandshakeType::KeyUpdate, _) => self.take_key_update(body, is_last),
            _ => self.refuse_renegotiation(kind, body, outgoing),
        }
    }

    /// RFC 8446, section 4.6.3.  What follows in the same record would be read with
    /// other keys than it was sealed with (section 5.1).
    fn take_key_update(&mut self, body: &[u8], is_last: bool) -> Result<(), Error> {
        if !is_last {
            return Err(PeerMisbehaved::KeyEpochWithPendingFragment.into());
        }
        let too_many = PeerMisbehaved::TooManyKeyUpdateRequests;
        spend(&mut self.key_updates, too_many)?;
        match body {
            [NOT_REQUESTED] => {}
            [REQUESTED] => self.owes_key_update = true,
            [_] => return Err(InvalidMessage::InvalidKeyUpdate.into()),
            _ => return Err(InvalidMessage::TrailingData("KeyUpdate").into()),
        }
        let next = self.schedule.next_opening()?;
        self.opening = Protection::new(self.schedule.suite(), next)?;
        Ok(())
    }

    /// RFC 5246, section 7.2.2, and RFC 5746, section 4.5.
    fn refuse_renegotiation(
        &mut self,
        kind: HandshakeType,
        body: &[u8],
        outgoing: &mut Buffer,
    ) -> Result<(), Error> {
        if kind == HandshakeType::HelloRequest && !body.is_empty() {
            return Err(InvalidMessage::TrailingData("HelloRequest").into());
        }
        let too_many = PeerMisbehaved::TooManyRenegotiationRequests;
        spend(&mut self.renegotiations, too_many)?;
        if self.is_closed {
            return Ok(());
        }
        let alert = [WARNING, u8::from(AlertDescription::NoRenegotiation)];
        self.put(ContentType::Alert, &alert, outgoing)
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

/// How long the first record is, with its header; `None` while it is not whole.
pub(super) fn record_length(records: &[u8]) -> Option<usize> {
    let length = HEADER + Header::of(records)?.length();
    (records.len() >= length).then_some(length)
}

/// Takes one of what is left of a peer's allowance.
fn spend(left: &mut u8, too_many: PeerMisbehaved) -> Result<(), Error> {
    *left = left.checked_sub(1).ok_or(Error::from(too_many))?;
    Ok(())
}

fn inappropriate(content_type: ContentType) -> Error {
    Error::InappropriateMessage {
        expect_types: vec![ContentType::ApplicationData],
        got_type: content_type,
    }
}

/// How the peer is told what it did wrong (RFC 8446, section 6.2); `None` where it was
/// told already, or told us.
fn alert_for(error: &Error) -> Option<AlertDescription> {
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
        | Error::InappropriateHandshakeMessage { .. } => Some(AlertDescription::UnexpectedMessage),
        _ => Some(AlertDescription::InternalError),
    }
}
