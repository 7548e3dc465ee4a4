//! Resumption and early data with `openssl s_client` and `s_server`.

use std::fs;
use std::io::Write;

use tlsmith::{Connection, Context, EarlyData, Version};

use crate::openssl::{VERSIONS, s_client_at, s_server_of, s_server_with_output};
use crate::peers::*;
use support::*;

const KEY: [u8; 32] = *b"an example of a key for tickets.";
const OTHER_KEY: [u8; 32] = *b"another example of such a key...";

fn with_key(key: &[u8; 32]) -> Context {
    let server = server_context(localhost());
    server.add_ticket_key(key).unwrap();
    server
}

/// Whether `s_client` resumed: both sides must agree.
fn resumes(server: &Context, files: &Files, arguments: &[&str]) -> bool {
    let (words, ours) = s_client_at(server, files, arguments, |connection, _, words| {
        connection.handshake().unwrap();
        connection.write(b"a word\n").unwrap();
        words.until("a word");
        connection.agreed().unwrap().resumed
    });
    let (new, again) = (
        words.contains("\nNew, TLSv1"),
        words.contains("\nReused, TLSv1"),
    );
    assert!(new != again, "{words}");
    assert_eq!(again, ours, "{words}");
    again
}

#[test]
fn s_client_resumes_with_every_server_with_the_same_ticket_key() {
    let files = Files::of(localhost());
    for (_, flag) in VERSIONS {
        let keep = ["-sess_out", "session.pem", flag];
        let come_back = ["-sess_in", "session.pem", flag];
        assert!(!resumes(&with_key(&KEY), &files, &keep));
        assert!(resumes(&with_key(&KEY), &files, &come_back));
        assert!(!resumes(&with_key(&OTHER_KEY), &files, &come_back));

        let alone = server_context(localhost());
        assert!(!resumes(&alone, &files, &keep));
        assert!(resumes(&alone, &files, &come_back));
        assert!(!resumes(&server_context(localhost()), &files, &come_back));

        let (one, other) = (server_context(localhost()), server_context(localhost()));
        other.share_sessions(&one).unwrap();
        assert!(!resumes(&one, &files, &keep));
        assert!(resumes(&other, &files, &come_back));

        let off = server_context(localhost());
        off.set_resumption(0).unwrap();
        let _ = fs::remove_file(files.path("session.pem"));
        assert!(!resumes(&off, &files, &keep));
        if files.path("session.pem").exists() {
            assert!(!resumes(&off, &files, &come_back));
        }
    }
}

#[test]
fn s_client_resumes_without_tickets_in_tls_1_2() {
    let files = Files::of(localhost());
    let tickets_of_ours = server_context(localhost());
    let none_of_ours = server_context(localhost());
    none_of_ours.set_tickets(0).unwrap();
    let flags = ["-tls1_2", "-no_ticket"];
    for (server, flags) in [(&tickets_of_ours, &flags[..]), (&none_of_ours, &flags[..1])] {
        let keep = [&["-sess_out", "session.pem"], flags].concat();
        let come_back = [&["-sess_in", "session.pem"], flags].concat();
        assert!(!resumes(server, &files, &keep));
        assert!(resumes(server, &files, &come_back));
    }
}

#[test]
fn s_client_receives_the_configured_number_of_tickets() {
    let files = Files::of(localhost());
    for count in [0, 1, 3] {
        let server = server_context(localhost());
        server.set_tickets(count).unwrap();
        let (words, ()) = s_client_at(&server, &files, &["-tls1_3"], |ours, _, words| {
            ours.write(b"a word\n").unwrap();
            words.until("a word");
        });
        assert_eq!(
            words
                .matches("Post-Handshake New Session Ticket arrived")
                .count(),
            count
        );
    }
}

#[test]
fn tlsmith_resumes_with_s_server() {
    let files = Files::of(localhost());
    for more in [&[][..], &["-no_ticket"]] {
        for (version, flag) in VERSIONS {
            let arguments = [&["-rev", flag][..], more].concat();
            let (_peer, port) = s_server_of(&files, &arguments);
            let client = client_context();
            for resumed in [false, true, true] {
                let connection = connect(&client, port, "localhost").unwrap();
                let agreed = connection.agreed().unwrap();
                assert_eq!(agreed.version, version);
                assert_eq!(agreed.resumed, resumed, "{flag} {more:?}");
                connection.write(b"abc\n").unwrap();
                assert_eq!(connection.read(&mut [0; 4]).unwrap(), 4);
                if version == Version::Tls13 {
                    assert!(!connection.tickets().is_empty());
                    assert!(connection.tickets().iter().all(|seconds| *seconds == 7_200));
                }
                connection.shutdown().unwrap();
            }
        }
    }
}

/// `openssl s_server` that allows 1,000 bytes of early data, and skips no more.
fn early_s_server(files: &Files) -> (Peer, u16, ProcessOutput) {
    let limits = ["-max_early_data", "1000", "-recv_max_early_data", "1000"];
    let identity = ["-cert", "cert.pem", "-key", "key.pem", "-early_data"];
    s_server_with_output(files.folder(), &[&identity[..], &limits].concat())
}

/// A client with a session of that server.
fn client_with_early_data(peer: &mut Peer, port: u16) -> Context {
    let client = client_context();
    client.set_early_data(1).unwrap();
    let first = connect(&client, port, "localhost").unwrap();
    let stdin = peer.0.stdin.as_mut().unwrap();
    stdin.write_all(b"with tickets\n").unwrap();
    let mut buffer = [0; 100];
    assert_eq!(first.read(&mut buffer).unwrap(), 13);
    first.shutdown().unwrap();
    assert_eq!(first.read(&mut buffer).unwrap(), 0);
    client
}

/// A connection whose handshake has not begun.
fn begin(client: &Context, port: u16) -> Connection {
    let socket = tlsmith::tcp::connect("127.0.0.1", &port.to_string(), TEST_TIMEOUT, None).unwrap();
    let transport = tlsmith::SocketTransport::new(socket).unwrap();
    let connection = Connection::client(client, Some("localhost"), transport).unwrap();
    connection.set_timeout(TEST_TIMEOUT);
    connection
}

#[test]
fn s_server_can_reject_early_data_up_to_the_limit() {
    let files = Files::of(localhost());
    for piece in [1, 10, 100, 1_000] {
        let (mut first, port, _) = early_s_server(&files);
        let client = client_with_early_data(&mut first, port);
        // It has other ticket keys.
        let (_second, port, words) = early_s_server(&files);
        let connection = begin(&client, port);
        while connection.write_early(&vec![b'e'; piece]).unwrap() > 0 {}
        connection.handshake().unwrap();
        assert_eq!(connection.early_data(), EarlyData::Rejected);
        connection.write(b"all of it again\n").unwrap();
        let said = words.until("all of it again");
        assert!(said.contains("Early data was rejected"), "{said}");
    }
}

#[test]
fn s_server_receives_our_early_data_once() {
    let files = Files::of(localhost());
    let (mut peer, port, words) = early_s_server(&files);
    let client = client_with_early_data(&mut peer, port);
    let second = begin(&client, port);
    let data = vec![b'e'; 2_000];
    // With the content type and the tag of its record that is the limit.
    assert_eq!(second.write_early(&data).unwrap(), 1_000 - 17);
    second.handshake().unwrap();
    assert_eq!(second.early_data(), EarlyData::Accepted);
    second.write(b"and the rest\n").unwrap();
    let said = words.until("and the rest");
    assert!(said.contains("Early data received:"), "{said}");
    assert!(said.contains(&"e".repeat(1_000 - 17)), "{said}");
    assert!(said.contains("End of early data"), "{said}");
}

#[test]
fn server_accepts_early_data_of_s_client_once() {
    let files = Files::of(localhost());
    fs::write(files.path("early.txt"), "GET /early\n").unwrap();
    let server = server_context(localhost());
    server.set_early_data(1_000).unwrap();
    let keep = ["-sess_out", "session.pem", "-tls1_3"];
    assert!(!resumes(&server, &files, &keep));
    let come_back = [
        "-sess_in",
        "session.pem",
        "-early_data",
        "early.txt",
        "-tls1_3",
    ];
    for (early, words_of_it, what) in [
        (
            &b"GET /early\n"[..],
            "Early data was accepted",
            EarlyData::Accepted,
        ),
        // The session was used up, so this could be a replay.
        (b"", "Early data was rejected", EarlyData::None),
    ] {
        let (words, ()) = s_client_at(&server, &files, &come_back, |ours, _, words| {
            let mut got = Vec::new();
            let mut buffer = [0; 100];
            loop {
                match ours.read_early(&mut buffer).unwrap() {
                    0 => break,
                    count => got.extend_from_slice(&buffer[..count]),
                }
            }
            assert_eq!(got, early);
            assert_eq!(ours.early_data(), what);
            ours.write(b"a word\n").unwrap();
            words.until("a word");
        });
        assert!(words.contains(words_of_it), "{words}");
    }
}
