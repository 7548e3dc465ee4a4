//! The first records of a connection, which are not protected, at both kinds of server:
//! those that inspect the ClientHello to select a configuration, and those that do not.

use std::sync::Arc;

use tlsmith::{Connection, Context, MemoryTransport, Selection, Status, Version};

use support::*;

const UNEXPECTED_MESSAGE: u8 = 10;
const RECORD_OVERFLOW: u8 = 22;
const DECODE_ERROR: u8 = 50;
const INAPPROPRIATE_FALLBACK: u8 = 86;

/// What a server does with a client's bytes.
#[derive(Debug, PartialEq, Eq)]
enum Answer {
    Nothing,
    ServerHello,
    Alert(u8),
}

fn record(kind: u8, content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len()).unwrap().to_be_bytes();
    [&[kind, 3, 1], &length[..], content].concat()
}

/// A message in as few records as possible.
fn cut(message: &[u8]) -> Vec<u8> {
    fragmented(message, 16_384)
}

/// A message in records of at most `size` bytes.
pub fn fragmented(message: &[u8], size: usize) -> Vec<u8> {
    let records = message.chunks(size).map(|part| record(22, part));
    records.collect::<Vec<_>>().concat()
}

/// The ClientHello of a client of ours, without its record.
pub fn hello(version: Version) -> Vec<u8> {
    let context = only(client_context(), version);
    let client = Connection::client(&context, Some("localhost"), MemoryTransport).unwrap();
    let _ = client.handshake();
    let mut buffer = [0; 4_096];
    let count = client.drain(&mut buffer).unwrap();
    let [message] = &records(&buffer[..count], 22)[..] else {
        panic!("one record");
    };
    message.clone()
}

/// Where the cipher suites of a ClientHello begin, with their length.
fn suites_at(message: &[u8]) -> usize {
    let session_id = 4 + 2 + 32;
    session_id + 1 + usize::from(message[session_id])
}

/// A ClientHello with another body.
fn with_body(message: &[u8], body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len()).unwrap().to_be_bytes();
    [&message[..1], &length[1..], body].concat()
}

/// The same with an unknown extension of so many bytes.
fn padded(message: &[u8], count: u16) -> Vec<u8> {
    with_extension(message, 0x7a7a, &vec![0; count.into()])
}

/// The same with one more extension.
pub fn with_extension(message: &[u8], kind: u16, content: &[u8]) -> Vec<u8> {
    let suites = suites_at(message);
    let compression =
        suites + 2 + usize::from(u16::from_be_bytes([message[suites], message[suites + 1]]));
    let extensions = compression + 1 + usize::from(message[compression]);
    let known = &message[extensions + 2..];
    let length = u16::try_from(known.len() + 4 + content.len()).unwrap();
    let count = u16::try_from(content.len()).unwrap();
    let body = [
        &message[4..extensions],
        &length.to_be_bytes(),
        known,
        &kind.to_be_bytes(),
        &count.to_be_bytes(),
        content,
    ];
    with_body(message, &body.concat())
}

/// The same with TLS_FALLBACK_SCSV.
fn fallback(message: &[u8]) -> Vec<u8> {
    let at = suites_at(message);
    let length = u16::from_be_bytes([message[at], message[at + 1]]) + 2;
    let body = [
        &message[4..at],
        &length.to_be_bytes(),
        &[0x56, 0x00],
        &message[at + 2..],
    ];
    with_body(message, &body.concat())
}

pub fn inspecting(context: &Context) -> Context {
    context
        .set_hello_callback(Arc::new(|_| Ok(Selection::default())))
        .unwrap();
    context.clone()
}

/// Sends a server these bytes, so many at once.
fn ask(context: &Context, bytes: &[u8], piece: usize) -> Answer {
    match &flight(context, bytes, piece)[..] {
        [] => Answer::Nothing,
        &[21, 3, 3, 0, 2, 2, alert] => Answer::Alert(alert),
        [22, _, _, _, _, 2, ..] => Answer::ServerHello,
        other => panic!("{other:?}"),
    }
}

/// What a server sends to a client that sends these bytes, so many at once.
pub fn flight(context: &Context, bytes: &[u8], piece: usize) -> Vec<u8> {
    let server = Connection::server(context, MemoryTransport).unwrap();
    for part in bytes.chunks(piece) {
        server.feed(part).unwrap();
        if server.handshake().is_err_and(|error| !error.is_want()) {
            break;
        }
    }
    let mut flight = vec![0; 65_536];
    let count = server.drain(&mut flight).unwrap();
    flight.truncate(count);
    flight
}

/// Both kinds of server, with these versions.
fn both(oldest: Version, newest: Version) -> [Context; 2] {
    let with = || server_with(|server| server.set_versions(oldest, newest).unwrap());
    [with(), inspecting(&with())]
}

#[track_caller]
fn check(what: &str, bytes: &[u8], expected: Answer) {
    for (place, context) in both(Version::Tls12, Version::Tls13).iter().enumerate() {
        for piece in [usize::MAX, 4_096, 7] {
            let answer = ask(context, bytes, piece);
            assert_eq!(answer, expected, "{what}, server {place}, {piece} at once");
        }
    }
}

#[test]
fn server_accepts_client_hello_of_any_length() {
    let hello = hello(Version::Tls13);
    for more in [1_000, 17_500, 18_500, 30_000, 60_000] {
        let bytes = cut(&padded(&hello, more));
        check(&more.to_string(), &bytes, Answer::ServerHello);
    }
}

#[test]
fn server_rejects_other_first_records_with_the_right_alert() {
    let hello = hello(Version::Tls12);
    let (begun, rest) = hello.split_at(50);
    let begun = record(22, begun);
    let rest = record(22, rest);
    let ccs = record(20, &[1]);
    let heartbeat = record(24, &[1, 0, 3, 1, 2, 3]);
    let too_long = [&[1, 1, 0, 0][..], &[0; 100]].concat();
    let finished = [&[20, 0, 0, 12][..], &[0; 12]].concat();
    let cases: [(&str, Vec<u8>, u8); 16] = [
        ("Finished", record(22, &finished), UNEXPECTED_MESSAGE),
        ("an unknown record", heartbeat.clone(), UNEXPECTED_MESSAGE),
        ("data", record(23, b"data"), UNEXPECTED_MESSAGE),
        ("ChangeCipherSpec", ccs.clone(), UNEXPECTED_MESSAGE),
        ("a long CCS", record(20, &[1, 1]), UNEXPECTED_MESSAGE),
        ("an empty alert", record(21, &[]), UNEXPECTED_MESSAGE),
        ("an empty message", record(22, &[]), UNEXPECTED_MESSAGE),
        (
            "unknown inside",
            [&begun[..], &heartbeat].concat(),
            UNEXPECTED_MESSAGE,
        ),
        (
            "CCS inside",
            [&begun[..], &ccs, &rest].concat(),
            UNEXPECTED_MESSAGE,
        ),
        (
            "data inside",
            [&begun[..], &record(23, b"x")].concat(),
            UNEXPECTED_MESSAGE,
        ),
        (
            "an alert inside",
            [&begun[..], &record(21, &[1, 0])].concat(),
            UNEXPECTED_MESSAGE,
        ),
        (
            "a ClientHello of SSL 2",
            [&[0x80, 46, 1, 0, 2][..], &[0; 43]].concat(),
            UNEXPECTED_MESSAGE,
        ),
        (
            "an unknown version",
            vec![24, 9, 9, 0, 1, 1],
            UNEXPECTED_MESSAGE,
        ),
        ("64 KiB", record(22, &too_long), DECODE_ERROR),
        (
            "a long record",
            record(22, &padded(&hello, 17_000)),
            RECORD_OVERFLOW,
        ),
        (
            "the header of one",
            vec![22, 3, 1, 0x40, 1],
            RECORD_OVERFLOW,
        ),
    ];
    for (what, bytes, alert) in cases {
        check(what, &bytes, Answer::Alert(alert));
    }
}

/// The first bytes of other protocols, and of noise.
const NOT_TLS: [&[u8]; 7] = [
    b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"SSH-2.0-OpenSSH_9.9\r\n",
    b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n",
    b"HTTP/1.1 400 Bad Request\r\n\r\n",
    b"220 mail.example ESMTP\r\n",
    &[0; 20],
];

#[test]
fn server_sends_nothing_to_a_client_of_another_protocol() {
    for bytes in NOT_TLS {
        check(&String::from_utf8_lossy(bytes), bytes, Answer::Nothing);
        for context in both(Version::Tls12, Version::Tls13) {
            let server = Connection::server(&context, MemoryTransport).unwrap();
            server.feed(bytes).unwrap();
            let error = server.handshake().unwrap_err();
            assert_eq!(error.status(), Status::Protocol);
            assert!(error.to_string().contains("does not speak TLS"), "{error}");
            // Not even later.
            let _ = server.shutdown();
            assert_eq!(server.drain(&mut [0; 100]).unwrap(), 0);
        }
    }
}

#[test]
fn client_sends_no_alert_to_a_server_of_another_protocol() {
    for bytes in NOT_TLS {
        let context = client_context();
        let client = Connection::client(&context, Some("localhost"), MemoryTransport).unwrap();
        let _ = client.handshake();
        let mut sent = [0; 4_096];
        client.drain(&mut sent).unwrap();
        client.feed(bytes).unwrap();
        let error = client.handshake().unwrap_err();
        assert!(error.to_string().contains("does not speak TLS"), "{error}");
        assert_eq!(client.drain(&mut sent).unwrap(), 0);
    }
}

#[test]
fn handshake_error_quotes_plaintext_unless_it_may_be_secret() {
    let refusal = |bytes: &[u8]| {
        let context = client_context();
        let client = Connection::client(&context, Some("localhost"), MemoryTransport).unwrap();
        client.feed(bytes).unwrap();
        client.handshake().unwrap_err().to_string()
    };
    let shown = refusal(b"220 it's mail.example\r\n");
    assert!(
        shown.ends_with(r"it sent '220 it\'s mail.example'"),
        "{shown}"
    );
    for secret in [
        "8Fq3vXw9LpZ2rT6yKd1mNb5cHj7sGa4eUo0iQxWz",
        "token=9f86d081884c7d659a2feaa0c55ad015a3bf4f1b",
        "-----BEGIN PRIVATE KEY-----",
    ] {
        let hidden = refusal(format!("{secret}\r\n").as_bytes());
        assert!(hidden.contains("does not speak TLS"), "{hidden}");
        assert!(!hidden.contains(&secret[8..16]), "{hidden}");
    }
}

#[test]
fn server_does_not_answer_half_a_client_hello() {
    let bytes = cut(&hello(Version::Tls13));
    check("half", &bytes[..bytes.len() / 2], Answer::Nothing);
}

#[test]
fn server_rejects_fallback_below_its_newest_version() {
    use Version::{Tls12, Tls13};
    let cases = [
        (hello(Tls12), Tls13, Answer::Alert(INAPPROPRIATE_FALLBACK)),
        (hello(Tls12), Tls12, Answer::ServerHello),
        (hello(Tls13), Tls13, Answer::ServerHello),
    ];
    for (hello, newest, expected) in cases {
        for context in both(Tls12, newest) {
            assert_eq!(ask(&context, &cut(&fallback(&hello)), usize::MAX), expected);
            assert_eq!(ask(&context, &cut(&hello), usize::MAX), Answer::ServerHello);
        }
    }
}

#[test]
fn server_recognizes_fallback_in_a_fragmented_client_hello() {
    let hello = fallback(&hello(Version::Tls12));
    for size in [1, 30, 100] {
        let bytes = fragmented(&hello, size);
        check(
            &format!("records of {size} bytes"),
            &bytes,
            Answer::Alert(INAPPROPRIATE_FALLBACK),
        );
    }
}

#[test]
fn client_rejects_illegal_first_records() {
    let cases = [
        (record(24, b"x"), UNEXPECTED_MESSAGE),
        (record(23, b"x"), UNEXPECTED_MESSAGE),
        (record(20, &[2]), UNEXPECTED_MESSAGE),
        (record(22, &[]), UNEXPECTED_MESSAGE),
        (
            [record(22, &[2, 0, 0]), record(20, &[1])].concat(),
            UNEXPECTED_MESSAGE,
        ),
        (record(22, &[2, 1, 0, 0]), DECODE_ERROR),
        (vec![22, 3, 3, 0x40, 1], RECORD_OVERFLOW),
    ];
    for (bytes, alert) in cases {
        let context = client_context();
        let client = Connection::client(&context, Some("localhost"), MemoryTransport).unwrap();
        let _ = client.handshake();
        let mut sent = [0; 4_096];
        client.drain(&mut sent).unwrap();
        client.feed(&bytes).unwrap();
        assert!(client.handshake().is_err_and(|error| !error.is_want()));
        assert_eq!(client.drain(&mut sent).unwrap(), 7);
        assert_eq!(sent[..7], [21, 3, 3, 0, 2, 2, alert]);
    }
}
