//! A hostile peer controlled by bytes, for the fuzzer and for some thousand random inputs.
//!
//! The first byte selects the cipher suite and the side.  Each byte after it is a command, which
//! takes its arguments from the bytes that follow.

use std::sync::OnceLock;

use rustls::crypto::aws_lc_rs::cipher_suite as suites;

use super::endpoint::{Endpoint, connect};
use super::peer::{Receiver, Sent, Terms};
use crate::connection::engine::{Engine, Read};
use crate::connection::records::{FATAL, HEADER, MESSAGE_HEADER};

/// The content types, and two that do not exist.
const KINDS: [u8; 6] = [20, 21, 22, 23, 24, 0];

fn terms() -> &'static [Terms] {
    static TERMS: OnceLock<Vec<Terms>> = OnceLock::new();
    TERMS.get_or_init(|| {
        let suites = [
            suites::TLS13_AES_128_GCM_SHA256,
            suites::TLS13_CHACHA20_POLY1305_SHA256,
            suites::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
            suites::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
        ];
        suites.into_iter().map(Terms::new).collect()
    })
}

/// Runs the commands, and panics if the receiver violates an invariant.
pub(crate) fn play(mut commands: &[u8]) {
    let Some(first) = byte(&mut commands) else {
        return;
    };
    let (all, is_client) = (terms(), first & 1 == 0);
    let terms = &all[usize::from(first / 2) % all.len()];
    let mut target = Target::new(terms, is_client);
    let mut peer = connect(terms, is_client, &mut target);
    let mut wire = Vec::new();
    while let Some(command) = byte(&mut commands) {
        let before = wire.len();
        match command % 12 {
            0 => wire.extend(several(&mut commands)),
            1 => wire.extend([KINDS[usize::from(command) % 6], 3, 3]),
            2 | 3 => {
                let kind = kind(&mut commands);
                let content = several(&mut commands);
                wire.extend(peer.seal(kind, content));
            }
            4 => {
                let kind = kind(&mut commands);
                let padding = usize::from(byte(&mut commands).unwrap_or(0)) * 70;
                let content = several(&mut commands);
                wire.extend(peer.seal_padded(kind, content, padding));
            }
            // A message, in one record or two.
            5 | 6 => {
                let kind = byte(&mut commands).unwrap_or(4);
                let body = several(&mut commands);
                let [_, length @ ..] = (body.len() as u32).to_be_bytes();
                let message = [&[kind], &length[..], body].concat();
                let cut = match command & 64 {
                    0 => message.len(),
                    _ => message.len().min(1 + usize::from(command % 7)),
                };
                wire.extend(peer.seal(22, &message[..cut]));
                if cut < message.len() {
                    wire.extend(peer.seal(22, &message[cut..]));
                }
            }
            7 if terms.is_tls13() => {
                wire.extend(peer.seal(22, &[24, 0, 0, 1, command & 1]));
                peer.update_keys();
            }
            // Long content: as much as there may be, and a little more or less.
            8 => {
                let less = usize::from(byte(&mut commands).unwrap_or(0));
                let content = vec![command; 16_384 + 64 - less];
                wire.extend(peer.seal(23, &content));
            }
            9 => target.write(several(&mut commands)),
            10 => match command & 64 {
                0 => target.refresh_keys(terms),
                _ => target.close(),
            },
            _ => {
                let most = usize::from(byte(&mut commands).unwrap_or(255)) * 80 + 1;
                let rest = wire.split_off(wire.len().min(most));
                target.receive(&wire);
                wire = rest;
            }
        }
        // A bit of what was added is another.
        if command == 0xff && wire.len() > before {
            let place = usize::from(byte(&mut commands).unwrap_or(0)) % (wire.len() - before);
            wire[before + place] ^= 1 << (place % 8);
        }
        check(peer.open(&target.take_records()), &mut target);
    }
    target.receive(&wire);
    target.engine().end_of_transport();
    target.read();
    check(peer.open(&target.take_records()), &mut target);
}

fn byte(commands: &mut &[u8]) -> Option<u8> {
    let (&first, rest) = commands.split_first()?;
    *commands = rest;
    Some(first)
}

fn kind(commands: &mut &[u8]) -> u8 {
    KINDS[usize::from(byte(commands).unwrap_or(0)) % KINDS.len()]
}

/// As many bytes as the first one counts.
fn several<'a>(commands: &mut &'a [u8]) -> &'a [u8] {
    let length = usize::from(byte(commands).unwrap_or(0));
    let (taken, rest) = commands.split_at(length.min(commands.len()));
    *commands = rest;
    taken
}

/// Nothing is sent after an alert that ends a direction.
fn check(sent: Vec<Sent>, target: &mut Target) {
    for one in sent {
        assert!(!target.has_sent_last, "{one:?} after the last alert");
        target.has_sent_last = matches!(one, Sent::Alert(FATAL, _) | Sent::Alert(_, 0));
    }
}

/// A receiver whose user reads all that comes.
pub(super) struct Target {
    endpoint: Endpoint,
    is_closed: bool,
    has_sent_last: bool,
    /// How much the next call reads.
    size: usize,
}

impl Target {
    pub(super) fn new(terms: &Terms, is_client: bool) -> Self {
        Self {
            endpoint: Endpoint::new(terms, is_client, None),
            is_closed: false,
            has_sent_last: false,
            size: 1,
        }
    }

    pub(super) fn engine(&mut self) -> &mut Engine {
        &mut self.endpoint.engine
    }

    fn read(&mut self) {
        loop {
            self.size = self.size * 5 % 17_389 + HEADER + MESSAGE_HEADER;
            let mut out = vec![0xa5; self.size];
            match self.endpoint.engine.read(&mut out) {
                Ok(Read::Plaintext(count)) => assert!(count > 0 && count <= out.len()),
                Ok(Read::Closed | Read::Blocked) => return,
                Err(error) => {
                    assert!(out.iter().all(|byte| matches!(byte, 0 | 0xa5)));
                    let again = self.endpoint.engine.read(&mut out).unwrap_err();
                    assert_eq!(again.status(), error.status());
                    return;
                }
            }
        }
    }

    fn may_write(&self) -> bool {
        let is_ready = self.endpoint.is_complete() && !self.is_closed;
        is_ready && self.endpoint.engine.failure().is_none()
    }

    fn write(&mut self, data: &[u8]) {
        if self.may_write() {
            assert_eq!(self.endpoint.engine.encrypt(data, 0).unwrap(), data.len());
        }
    }

    fn refresh_keys(&mut self, terms: &Terms) {
        if self.may_write() && terms.is_tls13() {
            self.endpoint.engine.refresh_keys().unwrap();
        }
    }

    fn close(&mut self) {
        // Where nothing was written it would stay with rustls, which is not what is judged
        // here, and asserts that no alert follows its close_notify.
        self.write(b"all");
        if self.may_write() {
            self.endpoint.engine.close_notify().unwrap();
            self.is_closed = true;
        }
    }
}

impl Receiver for Target {
    fn receive(&mut self, records: &[u8]) {
        self.endpoint.feed(records);
        if self.endpoint.is_complete() {
            self.read();
        }
    }

    fn take_records(&mut self) -> Vec<u8> {
        self.endpoint.take_records()
    }
}

#[cfg(test)]
#[test]
fn receiver_survives_hostile_records() {
    let mut rng = fastrand::Rng::with_seed(1);
    for _ in 0..2_000 {
        let mut commands = vec![0; rng.usize(..400)];
        rng.fill(&mut commands);
        play(&commands);
    }
}
