//! Violations of the protocol.

use rustls::{AlertDescription, HandshakeType};

use super::super::differences::{DIFFERENCES, Fault};
use super::{
    ALERT, CHANGE_CIPHER_SPEC, DATA, EMPTY_RECORDS, HANDSHAKE, KEY_UPDATES, Script, message,
};
use crate::base::limits::RECORD_PLAINTEXT;
use crate::base::limits::WARNING_ALERTS;
use crate::connection::records::{FATAL, HEADER, WARNING};

/// What both judge alike.
impl Script<'_> {
    pub(super) fn fatal_alert(&mut self) {
        let description = self.rng.u8(1..);
        self.note(format!("fatal alert: {description}"));
        self.put(ALERT, &[FATAL, description]);
        self.put(DATA, b"nobody reads this");
        self.is_over = true;
    }

    pub(super) fn truncation(&mut self) {
        self.put(DATA, b"which is cut");
        self.note("a record is cut");
        let cut = self.rng.usize(1..HEADER + 16);
        self.wire.truncate(self.wire.len() - cut);
        self.deliver();
        self.receiver.end_of_transport();
        self.is_over = true;
    }

    pub(super) fn wrong_alert(&mut self) {
        let content = match self.rng.u8(..3) {
            0 => self.bytes(1),
            1 => self.bytes(3),
            _ if self.terms.is_tls13() && self.warnings < WARNING_ALERTS && self.rng.bool() => {
                vec![WARNING, AlertDescription::NoRenegotiation.into()]
            }
            _ => vec![self.rng.u8(3..), self.rng.u8(..)],
        };
        self.note(format!("wrong alert: {content:?}"));
        self.put(ALERT, &content);
        self.is_over = true;
    }

    pub(super) fn wrong_message(&mut self) {
        let random = self.rng.usize(..200);
        let random = self.bytes(random);
        // A KeyUpdate must not be one too many as well.
        let what = if self.may_charge() { 6 } else { 2 };
        let (mut messages, what) = match (self.rng.u8(..what), self.terms.is_tls13()) {
            (0, _) => (message(HandshakeType::Finished, &random), "Finished"),
            (1, _) => (message(HandshakeType::from(99), &random), "unknown"),
            (2, true) => {
                let value = self.rng.u8(2..);
                (message(HandshakeType::KeyUpdate, &[value]), "KeyUpdate")
            }
            (3, true) => {
                let content = &random[..random.len().min(2)];
                let content = if content.len() == 1 { &[] } else { content };
                (message(HandshakeType::KeyUpdate, content), "KeyUpdate")
            }
            (4, true) => (message(HandshakeType::HelloRequest, &[]), "HelloRequest"),
            (_, true) => {
                let ticket = self.ticket();
                let cut = match self.is_client {
                    true => self.rng.usize(..ticket.len()),
                    false => ticket.len(),
                };
                let ticket = message(HandshakeType::NewSessionTicket, &ticket[..cut]);
                (ticket, "NewSessionTicket")
            }
            (_, false) => (message(HandshakeType::KeyUpdate, &[0]), "KeyUpdate"),
        };
        self.note(format!("wrong message: {what}"));
        if self.rng.u8(..4) == 0 && self.terms.is_tls13() {
            // Nothing follows a KeyUpdate in its record.
            self.note("behind a KeyUpdate");
            let update = message(HandshakeType::KeyUpdate, &[0]);
            messages = [update, messages].concat();
            self.put(HANDSHAKE, &messages);
        } else {
            self.put_messages(&messages);
        }
        self.is_over = true;
    }

    /// A record with more content than there may be, or no room for its tag.
    pub(super) fn wrong_length(&mut self) {
        self.note("wrong length");
        if self.rng.bool() {
            let most = if self.terms.is_tls13() {
                255 - 16
            } else {
                2_000
            };
            let length = RECORD_PLAINTEXT + self.rng.usize(1..=most);
            let content = self.bytes(length);
            let record = self.peer.seal(DATA, &content);
            self.wire.extend(record);
        } else {
            let length = self.rng.u8(1..24);
            self.wire.extend([DATA, 3, 3, 0, length]);
            let bytes = self.bytes(length.into());
            self.wire.extend(bytes);
        }
        self.is_over = true;
    }

    /// Records that come twice, not at all, or in another order.
    pub(super) fn wrong_order(&mut self) {
        let (first, second) = (self.content(), self.content());
        let first = self.sealed(DATA, &first);
        let second = self.sealed(DATA, &second);
        let records = match self.rng.u8(..3) {
            0 => [second, first],
            1 => [first.clone(), first],
            _ => [second.clone(), second],
        };
        self.note("wrong order");
        self.wire.extend(records.concat());
        self.is_over = true;
    }

    /// One bit of a record is another.
    pub(super) fn corruption(&mut self) {
        // Some are still accepted, and must not be one too many then.
        let (kind, content) = match self.rng.u8(..3) {
            0 if self.warnings < WARNING_ALERTS && self.may_charge() => {
                (ALERT, vec![WARNING, AlertDescription::UserCanceled.into()])
            }
            1 if self.may_charge() => (HANDSHAKE, message(HandshakeType::KeyUpdate, &[0])),
            _ => {
                let length = self.rng.usize(1..=RECORD_PLAINTEXT);
                (DATA, self.bytes(length))
            }
        };
        let mut record = self.sealed(kind, &content);
        let place = match self.rng.u8(..4) {
            0 => self.rng.usize(..HEADER),
            1 => self.rng.usize(HEADER..HEADER + 16),
            2 => self.rng.usize(record.len() - 16..record.len()),
            _ => self.rng.usize(..record.len()),
        };
        let bit = 1 << self.rng.u8(..8);
        self.note(format!("byte {place} of {} differs in {bit}", record.len()));
        record[place] ^= bit;
        let fault = self.fault_of_header(&record, place);
        self.wire.extend(record);
        match fault {
            Some(fault) => self.fault_is(fault),
            None => {
                // For a record that seems to be longer than it is.
                let content = self.content();
                self.put(DATA, &content);
                self.is_over = true;
            }
        }
    }

    /// Whether the receiver still takes some records without application data.
    fn may_charge(&self) -> bool {
        self.key_updates < KEY_UPDATES && self.charged.has_room_for(5)
    }

    fn fault_of_header(&self, record: &[u8], place: usize) -> Option<Fault> {
        let is_tls13 = self.terms.is_tls13();
        let length = usize::from(u16::from_be_bytes([record[3], record[4]]));
        match (place, record[0]) {
            (0, ALERT | HANDSHAKE) if is_tls13 => Some(Fault::OuterTypeOfAnother),
            (0, ALERT | HANDSHAKE | DATA) => None,
            (0, CHANGE_CIPHER_SPEC) => Some(Fault::ChangeCipherSpec),
            (0, _) => Some(Fault::OuterTypeUnknown),
            (1, _) if is_tls13 => Some(Fault::VersionIgnored),
            (1, _) => Some(Fault::VersionAuthenticated),
            (3 | 4, ALERT | HANDSHAKE) if length == 0 => Some(Fault::EmptyRecord),
            (3 | 4, _) if length == RECORD_PLAINTEXT + 2048 && !is_tls13 => {
                Some(Fault::LongestRecord)
            }
            (3 | 4, _) if length >= RECORD_PLAINTEXT + 2048 => Some(Fault::LongerRecord),
            (3 | 4, _) if is_tls13 && length > RECORD_PLAINTEXT + 256 => Some(Fault::LongRecord),
            _ => None,
        }
    }
}

/// What the table has.
impl Script<'_> {
    pub(super) fn fault(&mut self) {
        let possible: Vec<Fault> = DIFFERENCES
            .iter()
            .map(|difference| difference.fault)
            .filter(|fault| fault.applies(self.terms, self.is_client))
            .collect();
        let fault = possible[self.rng.usize(..possible.len())];
        self.commit(fault);
    }

    /// Does it.
    fn commit(&mut self, fault: Fault) {
        let expected = match (self.terms.is_tls13(), self.is_client) {
            (true, true) => HandshakeType::NewSessionTicket,
            (true, false) => HandshakeType::KeyUpdate,
            (false, true) => HandshakeType::HelloRequest,
            (false, false) => HandshakeType::ClientHello,
        };
        let kind = u8::from(expected);
        match fault {
            Fault::OuterTypeOfAnother => {
                let mut record = self.peer.seal(DATA, b"in disguise");
                record[0] = self.rng.u8(ALERT..=HANDSHAKE);
                self.wire.extend(record);
            }
            Fault::OuterTypeUnknown if self.terms.is_tls13() => {
                self.wire.extend([self.rng.u8(25..), 3, 3, 0, 1, 0]);
            }
            Fault::OuterTypeUnknown => {
                let unknown = self.rng.u8(24..);
                self.put(unknown, b"of no kind");
            }
            Fault::ChangeCipherSpec => self.put(CHANGE_CIPHER_SPEC, &[1]),
            Fault::PlaintextAlert => self.wire.extend([ALERT, 3, 3, 0, 2, FATAL, 40]),
            Fault::VersionIgnored | Fault::VersionAuthenticated => {
                let mut record = self.peer.seal(DATA, b"of another version");
                record[1] = self.rng.u8(4..0xfe);
                self.wire.extend(record);
            }
            Fault::EmptyRecord => {
                let kind = self.rng.u8(ALERT..=HANDSHAKE);
                self.wire.extend([kind, 3, 3, 0, 0]);
            }
            Fault::LongRecord => {
                let length = self.rng.u16(16_384 + 257..16_384 + 2048).to_be_bytes();
                self.wire.extend([DATA, 3, 3, length[0], length[1]]);
            }
            Fault::LongerRecord => {
                let length = self.rng.u16(16_384 + 2049..).to_be_bytes();
                self.wire.extend([DATA, 3, 3, length[0], length[1]]);
            }
            Fault::LongestRecord => self.wire.extend([DATA, 3, 3, 0x48, 0]),
            Fault::NoContentType => {
                let zeros = self.rng.usize(..200);
                self.put(0, &vec![0; zeros]);
            }
            Fault::InnerTypeUnknown => {
                let unknown = self.rng.u8(24..);
                self.put(unknown, b"of no kind");
            }
            Fault::EmptyHandshake | Fault::EmptyAlert if self.empty == EMPTY_RECORDS => {
                return self.data();
            }
            Fault::EmptyHandshake => self.put(HANDSHAKE, &[]),
            Fault::EmptyAlert => self.put(ALERT, &[]),
            Fault::Interleaved => {
                let begun = [kind, 0, 0, 200, 1, 2, 3];
                let length = self.rng.usize(1..=begun.len());
                self.put(HANDSHAKE, &begun[..length]);
                match self.rng.bool() {
                    true => self.put(DATA, b"between"),
                    false => self.put(ALERT, &[WARNING, 0]),
                }
            }
            Fault::LongMessage => self.put(HANDSHAKE, &[kind, 1, 0, 0, 1, 2, 3]),
            Fault::MalformedUnexpected => {
                let hello = message(HandshakeType::ServerHello, &[3, 3, 0]);
                self.put_messages(&hello);
            }
            // The second one would be too many anyhow.
            Fault::MalformedHelloRequest
            | Fault::MalformedClientHello
            | Fault::RenegotiationAfterClose
                if self.renegotiations > 0 =>
            {
                return self.data();
            }
            Fault::MalformedHelloRequest => {
                let request = message(HandshakeType::HelloRequest, &[1]);
                self.put_messages(&request);
            }
            Fault::MalformedClientHello => {
                let hello = message(HandshakeType::ClientHello, &[3, 3, 0]);
                self.put_messages(&hello);
            }
            Fault::RenegotiationAfterClose => {
                // It would stay with rustls if it closed before there is data.
                self.put(DATA, b"for the hand-over");
                self.receiver_closes();
                let request = self.request();
                self.put_messages(&request);
            }
            Fault::RequestedKeyUpdates => {
                self.put(DATA, b"which allows more");
                self.deliver();
                self.receiver.refresh_keys();
                self.open();
                for _ in 0..=KEY_UPDATES {
                    self.put_messages(&message(HandshakeType::KeyUpdate, &[0]));
                    self.peer.update_keys();
                }
            }
            // These come of themselves: steps go too far.
            Fault::TooManyEmpty
            | Fault::TooManyKeyUpdates
            | Fault::TooManyWarnings
            | Fault::TooManyTogether
            | Fault::TooManyRenegotiations => return self.data(),
        }
        self.fault_is(fault);
    }
}
