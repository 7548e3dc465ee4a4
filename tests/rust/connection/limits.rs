//! Limits on what a hostile peer can make a connection do or hold.

use std::collections::VecDeque;
use std::io::Write;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tlsmith::{Connection, Context, MemoryTransport, Status, Timeout, Transport, WaitMode};

use support::*;

/// A record of application data without anything in it.
const EMPTY: [u8; 5] = [23, 3, 3, 0, 0];

/// A time limit that is over before the peer's first byte is looked at.
const OVER: Timeout = Timeout::After(Duration::from_nanos(1));

/// A peer that sends without end, and accepts all that it is sent.
#[derive(Clone, Default)]
struct Endless {
    /// What it sends first, and then again and again.
    first: Arc<Mutex<VecDeque<u8>>>,
    again: Arc<Mutex<Vec<u8>>>,
    /// How much it sends at once.
    piece: usize,
    given: Arc<Mutex<usize>>,
    taken: Arc<Mutex<Vec<u8>>>,
}

impl Endless {
    fn new(first: &[u8], again: &[u8], piece: usize) -> Self {
        let this = Self {
            piece,
            ..Self::default()
        };
        this.first.lock().unwrap().extend(first);
        this.again.lock().unwrap().extend(again);
        this
    }

    fn given(&self) -> usize {
        *self.given.lock().unwrap()
    }
}

impl Transport for Endless {
    fn receive(&self, buffer: &mut [u8], patience: WaitMode) -> tlsmith::Result<usize> {
        let mut first = self.first.lock().unwrap();
        let room = buffer.len().min(self.piece);
        if first.len() < room {
            let again = self.again.lock().unwrap();
            while !again.is_empty() && first.len() < room {
                first.extend(&*again);
            }
        }
        let count = room.min(first.len());
        if count == 0 {
            return Err(match patience {
                WaitMode::Never => Status::WantRead.into(),
                _ => Status::Timeout.into(),
            });
        }
        for (to, from) in buffer.iter_mut().zip(first.drain(..count)) {
            *to = from;
        }
        *self.given.lock().unwrap() += count;
        Ok(count)
    }

    fn send(&self, data: &[u8], _wait: WaitMode) -> tlsmith::Result<usize> {
        self.taken.lock().unwrap().extend_from_slice(data);
        Ok(data.len())
    }
}

fn early_server(most: u32) -> Context {
    server_with(|server| server.set_early_data(most).unwrap())
}

/// A client in memory that resumes a session, with what it has sent: a ClientHello and
/// early data, in records of `piece` bytes.
fn early_client(first: &Context, piece: usize, records: usize) -> (Connection, Vec<u8>) {
    let context = client_context();
    context.set_early_data(1).unwrap();
    connected_pair(&context, first, "localhost");
    let client = Connection::client(&context, Some("localhost"), MemoryTransport).unwrap();
    let mut sent = Vec::new();
    for _ in 0..records {
        assert_eq!(client.write_early(&vec![b'x'; piece]).unwrap(), piece);
        move_to(&client, &mut sent);
    }
    (client, sent)
}

fn move_to(connection: &Connection, sent: &mut Vec<u8>) {
    let mut buffer = [0; 65_536];
    while let count @ 1.. = connection.drain(&mut buffer).unwrap() {
        sent.extend_from_slice(&buffer[..count]);
    }
}

/// The alert that ends the handshake of a client which the server sent this.
fn alert(client: &Connection, flight: &[u8]) -> Option<u8> {
    client.feed(flight).unwrap();
    match client.handshake() {
        Err(error) => error.alert(),
        Ok(()) => client.read(&mut [0; 1]).unwrap_err().alert(),
    }
}

#[test]
fn server_rejects_endless_empty_records_after_rejected_early_data() {
    let other = server_context(localhost());
    let (client, mut sent) = early_client(&early_server(1_000), 10, 1);
    let transport = Endless::new(&sent, &EMPTY, 65_536);
    let server = Connection::server(&other, transport.clone()).unwrap();
    server.set_timeout(Timeout::Never);
    assert_fails(server.handshake(), Status::Protocol, "too much early data");
    assert!(transport.given() < 200_000, "{} bytes", transport.given());
    assert_eq!(alert(&client, &transport.taken.lock().unwrap()), Some(10));

    let server = Connection::server(&other, MemoryTransport).unwrap();
    sent.extend(EMPTY.repeat(10_000));
    server.feed(&sent).unwrap();
    assert_fails(server.handshake(), Status::Protocol, "too much early data");
}

#[test]
fn rejected_early_data_can_come_in_many_small_records() {
    let (client, sent) = early_client(&early_server(1 << 20), 200, 4_800);
    let server = Connection::server(&early_server(1 << 20), MemoryTransport).unwrap();
    for piece in sent.chunks(30_000) {
        server.feed(piece).unwrap();
        assert_fails(server.handshake(), Status::WantRead, "");
    }
    let mut flight = Vec::new();
    move_to(&server, &mut flight);
    client.feed(&flight).unwrap();
    client.handshake().unwrap();
    flight.clear();
    move_to(&client, &mut flight);
    server.feed(&flight).unwrap();
    server.handshake().unwrap();
}

#[test]
fn nonblocking_handshake_returns_after_bounded_input_without_data() {
    let (_, sent) = early_client(&early_server(1_000), 10, 1);
    // It would skip as much as it accepts of other clients.
    let other = early_server(1 << 20);
    let record = [&[23, 3, 3, 4, 0][..], &[0; 1_024]].concat();
    let transport = Endless::new(&sent, &record, 65_536);
    let server = Connection::server(&other, transport.clone()).unwrap();
    server.set_timeout(Timeout::Never);
    for call in 1..4 {
        assert_fails(server.handshake(), Status::WantRead, "");
        let most = call * (256 * 1024 + 65_536);
        assert!(transport.given() <= most, "{} bytes", transport.given());
    }
    while let Err(error) = server.handshake() {
        if error.status() != Status::WantRead {
            assert_eq!(error.status(), Status::Protocol, "{error}");
            break;
        }
    }
    assert!(transport.given() < 2 << 20, "{} bytes", transport.given());
}

#[test]
fn handshake_takes_a_bounded_amount_of_input() {
    let first = early_server(1 << 20);
    // It resumes the sessions of the first one, and accepts less early data.
    let second = early_server(40_000);
    second.share_sessions(&first).unwrap();
    let (client, sent) = early_client(&first, 1, 40_000);
    let server = Connection::server(&second, MemoryTransport).unwrap();
    let mut early = vec![0; 65_536];
    let mut error = None;
    for piece in sent.chunks(30_000) {
        server.feed(piece).unwrap();
        match server.read_early(&mut early) {
            Ok(count) => assert!(count > 0),
            Err(other) if other.status() == Status::WantRead => {}
            Err(other) => {
                error = Some(other);
                break;
            }
        }
    }
    let error = error.expect("the server took all of it");
    assert_eq!(error.status(), Status::Protocol);
    assert!(error.to_string().contains("more than a handshake takes"));
    let mut flight = Vec::new();
    move_to(&server, &mut flight);
    assert_eq!(alert(&client, &flight), Some(10));
}

#[test]
fn handshake_ends_at_its_time_limit_while_the_peer_sends() {
    let client = Connection::client(&client_context(), Some("localhost"), MemoryTransport).unwrap();
    client.handshake().unwrap_err();
    let mut hello = Vec::new();
    move_to(&client, &mut hello);
    let server = server_context(localhost());
    let server = Connection::server(&server, Endless::new(&hello, &[], 1)).unwrap();
    server.set_timeout(OVER);
    assert_fails(server.handshake(), Status::Timeout, "kept sending");
    server.set_timeout(TEST_TIMEOUT);
    assert_fails(server.handshake(), Status::Timeout, "");
    assert!(server.is_handshaking());
}

/// A connection over [`Endless`] after a good handshake, and its peer.
fn open_endless(piece: usize) -> (Connection, Connection, Endless) {
    let transport = Endless::new(&[], &[], piece);
    let client =
        Connection::client(&client_context(), Some("localhost"), transport.clone()).unwrap();
    client.set_timeout(Timeout::Never);
    let server = Connection::server(&server_context(localhost()), MemoryTransport).unwrap();
    while client.is_handshaking() || server.is_handshaking() {
        let _ = client.handshake();
        let sent = std::mem::take(&mut *transport.taken.lock().unwrap());
        if !sent.is_empty() {
            server.feed(&sent).unwrap();
        }
        let _ = server.handshake();
        give(&server, &transport);
    }
    (client, server, transport)
}

/// Moves what a connection in memory has for the peer.
fn give(from: &Connection, to: &Endless) {
    let mut sent = Vec::new();
    move_to(from, &mut sent);
    to.first.lock().unwrap().extend(sent);
}

#[test]
fn read_ends_at_its_time_limit_while_the_peer_sends() {
    let (client, server, transport) = open_endless(100);
    server.write(&[7; 16_000]).unwrap();
    give(&server, &transport);
    client.set_timeout(OVER);
    assert_fails(client.read(&mut [0; 1]), Status::Timeout, "kept sending");
    client.set_timeout(TEST_TIMEOUT);
    assert_eq!(client.read(&mut [0; 16_000]).unwrap(), 16_000);
}

#[test]
fn write_ends_at_its_time_limit_while_the_peer_takes_it() {
    let (client, _server, transport) = open_endless(65_536);
    client.set_timeout(OVER);
    assert_eq!(client.write(&[7; 1_000]).unwrap(), 1_000);
    let data = vec![7; 10 << 20];
    assert_fails(client.write(&data), Status::Timeout, "not take all");
    assert!(transport.taken.lock().unwrap().len() < 1 << 20);
    assert_fails(client.write(b"x"), Status::State, "broken off");
}

#[test]
fn input_after_a_fatal_error_returns_it_and_is_not_kept() {
    let server = Connection::server(&server_context(localhost()), MemoryTransport).unwrap();
    server.feed(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    let error = server.handshake().unwrap_err();
    for _ in 0..2 {
        let again = server.feed(&[0; 1_000]).unwrap_err();
        assert_eq!(again.to_string(), error.to_string());
    }
    assert_eq!(
        server.feed(b"").unwrap_err().to_string(),
        error.to_string(),
        "nor its end"
    );
}

#[test]
fn input_after_close_notify_is_limited() {
    let context = client_context();
    let client = Connection::client(&context, Some("localhost"), MemoryTransport).unwrap();
    let server = Connection::server(&server_context(localhost()), MemoryTransport).unwrap();
    while client.is_handshaking() || server.is_handshaking() {
        for (from, to) in [(&client, &server), (&server, &client)] {
            let _ = from.handshake();
            let mut sent = Vec::new();
            move_to(from, &mut sent);
            if !sent.is_empty() {
                to.feed(&sent).unwrap();
            }
        }
    }
    server.shutdown().unwrap();
    let mut closing = Vec::new();
    move_to(&server, &mut closing);
    client.feed(&closing).unwrap();
    assert_eq!(client.read(&mut [0; 1]).unwrap(), 0);
    for byte in 0..64 {
        client.feed(&[byte; 1_024]).unwrap();
    }
    assert_fails(client.feed(b"x"), Status::State, "65536 bytes follow");
    let kept = client.leftover();
    assert_eq!(kept.len(), 65_536);
    assert_eq!((kept[0], kept[65_535]), (0, 63));
    client.feed(b"x").unwrap();
    assert_eq!(client.leftover(), b"x");
    client.feed(b"").unwrap();
}

#[test]
fn socket_is_read_to_the_limit_after_close_notify() {
    let (near, far) = UnixStream::pair().unwrap();
    let client = Connection::client(
        &client_context(),
        Some("localhost"),
        transport(near.try_clone().unwrap()),
    );
    let client = client.unwrap();
    let server = Connection::server(
        &server_context(localhost()),
        transport(far.try_clone().unwrap()),
    );
    let server = server.unwrap();
    client.set_timeout(TEST_TIMEOUT);
    server.set_timeout(TEST_TIMEOUT);
    run_handshake(&client, &server).0.unwrap();
    transfer(&server, &client, b"last");
    server.shutdown().unwrap();
    assert_eq!(client.read(&mut [0; 1]).unwrap(), 0);
    let mut far = &far;
    far.set_nonblocking(true).unwrap();
    let mut written = 0;
    for _ in 0..100 {
        while let Ok(count) = far.write(&[7; 10_000]) {
            written += count;
        }
        client.process();
    }
    let kept = client.leftover().len();
    assert!((65_536..200_000).contains(&kept), "{kept} bytes");
    assert!(written > kept);
}
