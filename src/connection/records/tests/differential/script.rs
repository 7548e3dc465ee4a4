//! Random scripts of what a peer does, and what the receiver does in between.  The same seed gives
//! the same script.

mod faults;
mod outcome;
mod charged;

use rustls::{AlertDescription, HandshakeType};

use super::differences::Fault;
use super::receivers::{Compared, End};
use crate::base::limits::RECORD_PLAINTEXT;
use crate::base::limits::{RENEGOTIATIONS, WARNING_ALERTS};
use crate::connection::records::tests::peer::{Peer, Sent, Terms};
use crate::connection::records::{FATAL, WARNING};
use charged::Charged;
pub(super) use outcome::Outcome;

const DATA: u8 = 23;
const HANDSHAKE: u8 = 22;
const ALERT: u8 = 21;
const CHANGE_CIPHER_SPEC: u8 = 20;

/// What rustls allows of a kind: empty records in a row, and KeyUpdates without
/// application data between them, be it empty.
const EMPTY_RECORDS: u8 = 32;
const KEY_UPDATES: u8 = 32;

/// The first kind of step that a receiver has to fail at.
const FIRST_FAULT: u8 = 13;

pub(super) struct Script<'a> {
    rng: fastrand::Rng,
    terms: &'a Terms,
    /// Whether the receiver is the client.
    is_client: bool,
    peer: Peer,
    receiver: &'a mut dyn Compared,
    /// Records that are not delivered yet.
    wire: Vec<u8>,
    sent: Vec<Sent>,
    steps: Vec<String>,
    fault: Option<Fault>,
    /// Whether the peer has done what ends the script.
    is_over: bool,
    /// Whether the last flight of the handshake is delivered.
    has_delivered: bool,
    /// Whether the receiver sent close_notify.
    is_closed: bool,
    /// What the receiver has put up with since there was application data.
    charged: Charged,
    /// KeyUpdates that the receiver requested and that have not come.
    requested: u8,
    /// The same as rustls counts it.
    empty: u8,
    key_updates: u8,
    warnings: u8,
    renegotiations: u8,
}

impl<'a> Script<'a> {
    pub(super) fn new(
        terms: &'a Terms,
        is_client: bool,
        rng: fastrand::Rng,
        receiver: &'a mut dyn Compared,
    ) -> Self {
        let peer = Peer::connect(terms, !is_client, receiver);
        Self {
            rng,
            terms,
            is_client,
            wire: peer.flight.clone(),
            peer,
            receiver,
            sent: Vec::new(),
            steps: Vec::new(),
            fault: None,
            is_over: false,
            has_delivered: false,
            is_closed: false,
            // Its server's last flight has tickets.
            charged: Charged {
                together: match terms.is_tls13() && is_client {
                    true => terms.server.send_tls13_tickets as u8,
                    false => 0,
                },
                ..Charged::default()
            },
            requested: 0,
            empty: 0,
            key_updates: 0,
            warnings: 0,
            renegotiations: 0,
        }
    }

    pub(super) fn play(mut self) -> Outcome {
        for _ in 0..self.rng.u8(1..=12) {
            self.step();
            if self.is_over || self.rng.u8(..3) > 0 {
                self.deliver();
            }
            if self.is_over {
                break;
            }
        }
        self.deliver();
        if self.rng.bool() && self.fault.is_none() {
            self.note("the transport ends");
            self.receiver.end_of_transport();
        }
        self.open();
        Outcome {
            plaintext: self.receiver.plaintext().to_vec(),
            sent: self.sent,
            end: self.receiver.end(),
            fault: self.fault,
            steps: self.steps,
        }
    }

    fn note(&mut self, step: impl Into<String>) {
        self.steps.push(step.into());
    }

    fn step(&mut self) {
        // A receiver that sent close_notify and then a fatal alert is nothing that rustls
        // is built for.
        let kinds = if self.is_closed { 9 } else { 20 };
        let kind = self.rng.u8(..kinds);
        if self.is_closed && !self.charged.has_room_for(8) {
            self.put(DATA, b"which allows more");
            self.charged = Charged::default();
            (self.empty, self.key_updates) = (0, 0);
        }
        // While rustls has the connection, its judgement is ours.
        if kind >= FIRST_FAULT && !self.has_delivered {
            self.deliver();
        }
        match kind {
            0..=2 => {
                for _ in 0..self.rng.u8(1..=4) {
                    self.data();
                }
            }
            3 | 4 => self.messages(),
            5 => self.warnings(),
            6 => self.writes(),
            7 => self.writes(),
            8 => match self.rng.u8(..4) {
                0 => self.close_notify(),
                1 => self.truncation(),
                _ => self.data(),
            },
            9 => self.empties(),
            10 => self.renegotiation(),
            11 => self.storm(),
            12 => self.receiver_closes(),
            13 => self.fatal_alert(),
            14 => self.wrong_alert(),
            15 => self.wrong_message(),
            16 => self.wrong_length(),
            17 => self.wrong_order(),
            18 => self.corruption(),
            _ => self.fault(),
        }
    }

    // The wire.

    /// Delivers what waits, in pieces.
    fn deliver(&mut self) {
        let wire = std::mem::take(&mut self.wire);
        // Drawn apart: the two need not fail at the same byte.
        let mut pieces = self.rng.fork();
        let mut rest = &wire[..];
        while !rest.is_empty() && self.receiver.end().is_none() {
            let most = [10, 100, 5_000, 100_000][pieces.usize(..4)];
            let length = pieces.usize(1..=most).min(rest.len());
            let (piece, behind) = rest.split_at(length);
            self.receiver.receive(piece);
            rest = behind;
        }
        self.has_delivered = true;
        self.open();
    }

    fn open(&mut self) {
        let records = self.receiver.take_records();
        self.sent.extend(self.peer.open(&records));
    }

    /// One record, with padding as it comes.
    fn put(&mut self, kind: u8, content: &[u8]) {
        let record = self.sealed(kind, content);
        self.wire.extend(record);
    }

    fn sealed(&mut self, kind: u8, content: &[u8]) -> Vec<u8> {
        let most = RECORD_PLAINTEXT.saturating_sub(content.len()).min(300);
        let padding = match self.rng.u8(..3) {
            0 => self.rng.usize(..=most),
            _ => 0,
        };
        self.peer.seal_padded(kind, content, padding)
    }

    fn bytes(&mut self, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        self.rng.fill(&mut bytes);
        bytes
    }

    /// Content of a length as it comes.
    fn content(&mut self) -> Vec<u8> {
        let length = match self.rng.u8(..8) {
            0 => 0,
            1 => 1,
            2 => RECORD_PLAINTEXT,
            3 => RECORD_PLAINTEXT - self.rng.usize(..300),
            4 | 5 => self.rng.usize(..100),
            _ => self.rng.usize(..=RECORD_PLAINTEXT),
        };
        self.bytes(length)
    }

    // What a peer may do.

    fn data(&mut self) {
        let content = self.content();
        self.note(format!("data: {}", content.len()));
        self.put(DATA, &content);
        match content.len() {
            0 => self.count_empty(),
            _ => (self.charged, self.empty) = (Charged::default(), 0),
        }
        self.key_updates = 0;
        self.check_empty();
    }

    fn count_empty(&mut self) {
        self.empty += 1;
        self.charged.empty += 1;
        self.charged.together += 1;
    }

    fn check_empty(&mut self) {
        match self.empty > EMPTY_RECORDS {
            true => self.fault_is(Fault::TooManyEmpty),
            false => self.check_charged(),
        }
    }

    fn check_charged(&mut self) {
        if !self.charged.has_room_for(0) {
            self.fault_is(Fault::TooManyTogether);
        }
    }

    fn fault_is(&mut self, fault: Fault) {
        self.note(format!("{fault:?}"));
        self.fault = Some(fault);
        self.is_over = true;
    }

    fn empties(&mut self) {
        let count = self.rng.u8(1..=EMPTY_RECORDS + 6);
        self.note(format!("empty: {count}"));
        for _ in 0..count {
            if !self.is_over {
                self.put(DATA, &[]);
                self.key_updates = 0;
                self.count_empty();
                self.check_empty();
            }
        }
    }

    /// Handshake messages in records that are cut anywhere.
    fn put_messages(&mut self, messages: &[u8]) {
        self.empty = 0;
        let mut rest = messages;
        while !rest.is_empty() {
            let length = match self.rng.u8(..3) {
                0 => self.rng.usize(1..=rest.len().min(6)),
                1 => self.rng.usize(1..=rest.len().min(RECORD_PLAINTEXT)),
                _ => rest.len().min(RECORD_PLAINTEXT),
            };
            let (fragment, behind) = rest.split_at(length);
            self.put(HANDSHAKE, fragment);
            rest = behind;
        }
    }

    /// Tickets and key updates; data where there are none.
    fn messages(&mut self) {
        if !self.terms.is_tls13() {
            return self.data();
        }
        let mut messages = Vec::new();
        let tickets = if self.is_client { self.rng.u8(..3) } else { 0 };
        for _ in 0..tickets {
            let ticket = self.ticket();
            messages.extend(message(HandshakeType::NewSessionTicket, &ticket));
        }
        let may_update = self.key_updates < KEY_UPDATES || !self.is_closed;
        let is_update = may_update && (messages.is_empty() || self.rng.bool());
        if is_update {
            let request = self.rng.u8(..2);
            messages.extend(message(HandshakeType::KeyUpdate, &[request]));
        }
        self.note(format!("{tickets} tickets, KeyUpdate: {is_update}"));
        self.put_messages(&messages);
        self.charged.together += tickets;
        match is_update {
            true => self.updated(),
            false => self.check_charged(),
        }
    }

    /// After a KeyUpdate of the peer.
    fn updated(&mut self) {
        self.peer.update_keys();
        self.key_updates += 1;
        match self.requested.checked_sub(1) {
            Some(rest) => self.requested = rest,
            None => {
                self.charged.key_updates += 1;
                self.charged.together += 1;
            }
        }
        match (self.key_updates > KEY_UPDATES, self.charged.has_room_for(0)) {
            (true, false) => self.fault_is(Fault::TooManyKeyUpdates),
            (true, true) => self.fault_is(Fault::RequestedKeyUpdates),
            (false, _) => self.check_charged(),
        }
    }

    /// NewSessionTicket, RFC 8446, section 4.6.1.
    fn ticket(&mut self) -> Vec<u8> {
        let nonce = self.rng.u8(..);
        let length = self.rng.u16(1..=2_000);
        let mut ticket = self.bytes(8);
        ticket.push(nonce);
        ticket.extend(self.bytes(nonce.into()));
        ticket.extend(length.to_be_bytes());
        ticket.extend(self.bytes(length.into()));
        match self.rng.bool() {
            true => ticket.extend([0, 8, 0, 42, 0, 4, 0, 0, 64, 0]),
            false => ticket.extend([0, 0]),
        }
        ticket
    }

    fn storm(&mut self) {
        if !self.terms.is_tls13() {
            return self.empties();
        }
        let count = self.rng.u8(1..=KEY_UPDATES + 6);
        self.note(format!("KeyUpdates: {count}"));
        for _ in 0..count {
            if !self.is_over {
                let request = self.rng.u8(..2);
                self.put_messages(&message(HandshakeType::KeyUpdate, &[request]));
                self.updated();
            }
        }
    }

    fn warnings(&mut self) {
        for _ in 0..self.rng.u8(1..=3) {
            let description = match self.terms.is_tls13() {
                true => u8::from(AlertDescription::UserCanceled),
                false => self.rng.u8(1..),
            };
            if self.is_over || (self.warnings == WARNING_ALERTS && self.is_closed) {
                return;
            }
            self.note(format!("warning: {description}"));
            self.put(ALERT, &[WARNING, description]);
            self.empty = 0;
            self.warnings += 1;
            self.charged.together += 1;
            match self.warnings > WARNING_ALERTS {
                true => self.fault_is(Fault::TooManyWarnings),
                false => self.check_charged(),
            }
        }
    }

    fn renegotiation(&mut self) {
        if self.terms.is_tls13() {
            return self.data();
        }
        self.note("a request for renegotiation");
        let request = self.request();
        self.put_messages(&request);
        self.renegotiations += 1;
        if self.renegotiations > RENEGOTIATIONS {
            self.fault_is(Fault::TooManyRenegotiations);
        }
    }

    /// HelloRequest, or ClientHello.
    fn request(&self) -> Vec<u8> {
        match self.is_client {
            true => message(HandshakeType::HelloRequest, &[]),
            false => self.peer.hello.clone(),
        }
    }

    fn close_notify(&mut self) {
        let level = self.rng.u8(WARNING..=FATAL);
        self.note(format!("close_notify at level {level}"));
        self.put(ALERT, &[level, 0]);
        for _ in 0..self.rng.u8(..3) {
            let content = self.content();
            self.put(DATA, &content);
        }
        self.deliver();
        self.writes();
        if !self.is_closed && self.rng.bool() {
            self.receiver_closes();
        }
        self.is_over = true;
    }

    // What the receiver does.

    fn writes(&mut self) {
        self.deliver();
        if self.is_closed || matches!(self.receiver.end(), Some(End::Failed(..))) {
            return;
        }
        for _ in 0..self.rng.u8(1..=3) {
            let data = match self.rng.u8(..4) {
                0 => self.rng.usize(1..=40_000),
                _ => self.rng.usize(1..=200),
            };
            self.note(format!("the receiver writes: {data}"));
            let data = self.bytes(data);
            self.receiver.write(&data);
            self.open();
            if self.terms.is_tls13() && self.rng.u8(..3) == 0 {
                self.note("the receiver refreshes its keys");
                self.receiver.refresh_keys();
                self.requested += 1;
            }
        }
    }

    fn receiver_closes(&mut self) {
        self.deliver();
        if !matches!(self.receiver.end(), Some(End::Failed(..))) {
            self.note("the receiver closes");
            self.receiver.close();
            self.is_closed = true;
        }
    }
}

/// A handshake message (RFC 8446, section 4).
fn message(kind: HandshakeType, body: &[u8]) -> Vec<u8> {
    let [_, length @ ..] = (body.len() as u32).to_be_bytes();
    [&[u8::from(kind)], &length[..], body].concat()
}
