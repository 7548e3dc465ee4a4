//! Alerts and post-handshake messages.

use rustls::{AlertDescription, ContentType, Error, HandshakeType, InvalidMessage, PeerMisbehaved};

use super::{
    Buffer, FATAL, KeyUpdateReply, MESSAGE_HEADER, NOT_REQUESTED, Protection, REQUESTED,
    RecordEvent, Records, Schedule, WARNING, count_down, inappropriate,
};
use crate::base::limits::{Charge, MAX_MESSAGE};

impl Records {
    /// Handles a record that is not application data.
    pub(super) fn handle(
        &mut self,
        content_type: ContentType,
        content: &[u8],
        outgoing: &mut Buffer,
    ) -> Result<RecordEvent, Error> {
        match content_type {
            // None of these may be empty (RFC 8446, section 5.4).
            ContentType::Alert | ContentType::Handshake if content.is_empty() => {
                Err(inappropriate(content_type))
            }
            ContentType::Alert => self.handle_alert(content, outgoing),
            ContentType::Handshake => {
                self.handle_handshake(content, outgoing)?;
                Ok(RecordEvent::Message)
            }
            other => Err(inappropriate(other)),
        }
    }

    /// Handles an alert (RFC 8446, section 6; in TLS 1.2, RFC 5246, section 7.2).
    fn handle_alert(
        &mut self,
        content: &[u8],
        outgoing: &mut Buffer,
    ) -> Result<RecordEvent, Error> {
        let &[level, description] = content else {
            return Err(InvalidMessage::MessageTooShort.into());
        };
        let description = AlertDescription::from(description);
        let alert = match (level, description) {
            (WARNING | FATAL, AlertDescription::CloseNotify) => return Ok(RecordEvent::Closed),
            (WARNING, AlertDescription::UserCanceled) => None,
            (WARNING, _) if self.is_tls13() => Some(AlertDescription::DecodeError),
            (WARNING, _) => None,
            (FATAL, _) => return Err(Error::AlertReceived(description)),
            _ => Some(AlertDescription::IllegalParameter),
        };
        if let Some(alert) = alert {
            self.send_closing_alert(FATAL, alert, outgoing)?;
            return Err(Error::AlertReceived(description));
        }
        let too_many = PeerMisbehaved::TooManyWarningAlertsReceived;
        count_down(&mut self.warnings, too_many)?;
        self.charge_allowance(Charge::Other)?;
        Ok(RecordEvent::Message)
    }

    /// Handles the handshake messages of a record.  The first may continue from an earlier record,
    /// and the last in a later one.
    fn handle_handshake(&mut self, content: &[u8], outgoing: &mut Buffer) -> Result<(), Error> {
        let mut messages = std::mem::take(&mut self.message);
        messages.extend_from_slice(content);
        let mut rest = &messages[..];
        while let Some((header, behind)) = rest.split_first_chunk::<MESSAGE_HEADER>() {
            let [kind, length @ ..] = *header;
            let kind = HandshakeType::from(kind);
            self.check_message(kind)?;
            let length = u32::from_be_bytes([0, length[0], length[1], length[2]]) as usize;
            if length > MAX_MESSAGE {
                return Err(InvalidMessage::HandshakePayloadTooLarge.into());
            }
            let Some((body, behind)) = behind.split_at_checked(length) else {
                break;
            };
            self.handle_message(kind, body, behind.is_empty(), outgoing)?;
            rest = behind;
        }
        // A message in many records is not copied for each of them.
        match rest.len() {
            0 => {}
            length if length == messages.len() => self.message = messages,
            _ => self.message = rest.to_vec(),
        }
        Ok(())
    }

    /// Refuses messages that are not allowed after the handshake.
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

    fn handle_message(
        &mut self,
        kind: HandshakeType,
        body: &[u8],
        is_last: bool,
        outgoing: &mut Buffer,
    ) -> Result<(), Error> {
        match kind {
            HandshakeType::KeyUpdate => self.charge_allowance(Charge::KeyUpdate)?,
            HandshakeType::NewSessionTicket => self.charge_allowance(Charge::Other)?,
            _ => {}
        }
        match (kind, &mut self.schedule) {
            (HandshakeType::NewSessionTicket, Schedule::Client(kernel)) => {
                kernel.handle_new_session_ticket(body)
            }
            (HandshakeType::KeyUpdate, _) => self.handle_key_update(body, is_last),
            _ => self.refuse_renegotiation(kind, body, outgoing),
        }
    }

    /// Handles a KeyUpdate (RFC 8446, section 4.6.3).  Nothing may follow it in the same record,
    /// since the new keys have to protect what follows (section 5.1).
    fn handle_key_update(&mut self, body: &[u8], is_last: bool) -> Result<(), Error> {
        if !is_last {
            return Err(PeerMisbehaved::KeyEpochWithPendingFragment.into());
        }
        match body {
            [NOT_REQUESTED] => {}
            // Requests without application data of ours between them get one reply.
            [REQUESTED] if self.reply == KeyUpdateReply::Sent => {}
            [REQUESTED] => self.reply = KeyUpdateReply::Owed,
            [_] => return Err(InvalidMessage::InvalidKeyUpdate.into()),
            _ => return Err(InvalidMessage::TrailingData("KeyUpdate").into()),
        }
        let next = self.schedule.next_opening()?;
        self.opening = Protection::new(self.schedule.suite(), next)?;
        Ok(())
    }

    /// Refuses a renegotiation (RFC 5246, section 7.2.2; RFC 5746, section 4.5).
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
        count_down(&mut self.renegotiations, too_many)?;
        if self.is_closed {
            return Ok(());
        }
        let alert = [WARNING, u8::from(AlertDescription::NoRenegotiation)];
        self.put(ContentType::Alert, &alert, outgoing)
    }
}
