//! Early data (RFC 8446, section 2.3).

use std::io::Write;
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::thread;

use tlsmith::{
    ClientAuth, Connection, Context, EarlyData, MemoryTransport, SocketTransport, Status, Timeout,
    Version,
};

use support::*;

fn early_server(max: u32) -> Context {
    server_with(|server| server.set_early_data(max).unwrap())
}

fn early_client() -> Context {
    let client = client_context();
    client.set_early_data(1).unwrap();
    client
}

fn read_early(server: &Connection) -> tlsmith::Result<Vec<u8>> {
    let mut early = Vec::new();
    let mut buffer = [0; 1_000];
    loop {
        match server.read_early(&mut buffer)? {
            0 => return Ok(early),
            count => early.extend_from_slice(&buffer[..count]),
        }
    }
}

/// Sends data early: how much of it was taken, and what the server got early.
fn send_early(client: &Connection, server: &Connection, data: &[u8]) -> (usize, Vec<u8>) {
    thread::scope(|scope| {
        let server = scope.spawn(|| read_early(server).unwrap());
        let taken = client.write_early(data).unwrap();
        client.handshake().unwrap();
        (taken, server.join().unwrap())
    })
}

#[test]
fn early_data_arrives_before_the_handshake_is_complete() {
    let (client, server) = (early_client(), early_server(1_000));
    let (ours, theirs) = pair(&client, &server, "localhost");
    let (taken, got) = send_early(&ours, &theirs, b"too early");
    assert_eq!((taken, got.len()), (0, 0));
    assert_eq!(ours.early_data(), EarlyData::None);
    transfer(&theirs, &ours, b"with the tickets");

    let (ours, theirs) = pair(&client, &server, "localhost");
    assert_eq!(ours.write_early(b"GET / ").unwrap(), 6);
    assert_eq!(ours.early_data(), EarlyData::Sent);
    let mut buffer = [0; 100];
    assert_eq!(theirs.read_early(&mut buffer).unwrap(), 6);
    assert!(theirs.is_handshaking() && ours.is_handshaking());
    assert_eq!(&buffer[..6], b"GET / ");
    let (taken, got) = send_early(&ours, &theirs, b"HTTP/1.1");
    assert_eq!((taken, &got[..]), (8, &b"HTTP/1.1"[..]));
    for side in [&ours, &theirs] {
        assert_eq!(side.early_data(), EarlyData::Accepted);
        assert!(side.agreed().unwrap().resumed);
        assert!(side.report().contains("Early data:          accepted"));
    }
    transfer(&ours, &theirs, b"and the rest");
    transfer(&theirs, &ours, b"answer");
    assert_fails(ours.write_early(b"late"), Status::State, "complete");
    assert_eq!(theirs.read_early(&mut buffer).unwrap(), 0);
}

#[test]
fn early_data_is_answered_before_the_handshake_is_complete() {
    let (client, server) = (early_client(), early_server(1_000));
    connected_pair(&client, &server, "localhost");
    let (ours, theirs) = pair(&client, &server, "localhost");
    assert_eq!(ours.write_early(b"ask").unwrap(), 3);
    let mut buffer = [0; 100];
    assert_eq!(theirs.read_early(&mut buffer).unwrap(), 3);
    // More than one record, with the client still silent.
    let answer = vec![b'a'; 40_000];
    assert_eq!(theirs.write(&answer).unwrap(), answer.len());
    assert!(theirs.is_handshaking());
    let mut got = vec![0; answer.len()];
    let mut have = 0;
    while have < got.len() {
        have += ours.read(&mut got[have..]).unwrap();
    }
    assert!(got == answer && theirs.is_handshaking());
    assert_eq!(ours.early_data(), EarlyData::Accepted);
    // The end of it waits for the end of the handshake, and the tickets come before.
    theirs.shutdown().unwrap();
    assert!(!theirs.is_handshaking());
    assert_eq!(ours.read(&mut buffer).unwrap(), 0);
    assert!(ours.leftover().is_empty() && !ours.tickets().is_empty());
    assert_eq!(ours.write(b"and the rest").unwrap(), 12);
    assert_eq!(theirs.read(&mut buffer).unwrap(), 12);
}

#[test]
fn handshake_fails_at_once_if_the_early_answer_could_not_be_sent() {
    let (client, server) = (early_client(), early_server(1_000));
    connected_pair(&client, &server, "localhost");
    let (near, far) = UnixStream::pair().unwrap();
    let reading = near.try_clone().unwrap();
    let near = SocketTransport::new(near).unwrap();
    let ours = Connection::client(&client, Some("localhost"), near).unwrap();
    let theirs = Connection::server(&server, SocketTransport::new(far).unwrap()).unwrap();
    theirs.set_timeout(TEST_TIMEOUT);
    assert_eq!(ours.write_early(b"ask").unwrap(), 3);
    assert_eq!(theirs.read_early(&mut [0; 100]).unwrap(), 3);
    // The client can still send, so that a server that goes on would wait for it.
    reading.shutdown(Shutdown::Read).unwrap();
    assert_eq!(theirs.write(b"answer").unwrap_err().os_error(), Some(32));
    assert_eq!(theirs.handshake().unwrap_err().os_error(), Some(32));
}

#[test]
fn server_without_early_data_waits_for_the_handshake_to_complete() {
    let asked = early_server(1_000);
    asked.add_root(ca().certificate()).unwrap();
    asked.set_client_auth(ClientAuth::Required).unwrap();
    for server in [early_server(1_000), asked] {
        let client = early_client();
        client
            .use_identity(&issue(&["localhost"], &for_both_sides()))
            .unwrap();
        let (ours, theirs) = pair(&client, &server, "localhost");
        for side in [&ours, &theirs] {
            side.set_timeout(Timeout::Never);
        }
        assert_fails(ours.handshake(), Status::WantRead, "");
        // The client does not answer what the server has sent by now.
        for _ in 0..2 {
            assert_fails(theirs.write(b"too early"), Status::WantRead, "");
        }
        ours.handshake().unwrap();
        assert_eq!(theirs.write(b"in time").unwrap(), 7);
        let mut buffer = [0; 100];
        assert_eq!(ours.read(&mut buffer).unwrap(), 7);
    }
}

#[test]
fn early_data_has_a_limit() {
    for (max, expected) in [
        (1, 0),
        (17, 0),
        (18, 1),
        (100, 100 - 17),
        (16_384, 16_384 - 17),
        (40_000, 40_000 - 3 * 17),
    ] {
        let (client, server) = (early_client(), early_server(max));
        connected_pair(&client, &server, "localhost");
        let (ours, theirs) = pair(&client, &server, "localhost");
        let data = vec![b'x'; 50_000];
        let (taken, got) = send_early(&ours, &theirs, &data);
        assert_eq!(taken, expected);
        assert!(got == data[..taken]);
        transfer(&ours, &theirs, &data[taken..]);
    }
}

#[test]
fn client_sends_no_early_data_unless_both_sides_enable_it() {
    let plain = client_context();
    for (client, server) in [
        (&early_client(), &server_context(localhost())),
        (&plain, &early_server(1_000)),
        (
            &only(client_context(), Version::Tls12),
            &early_server(1_000),
        ),
    ] {
        connected_pair(client, server, "localhost");
        let (ours, theirs) = pair(client, server, "localhost");
        let (taken, got) = send_early(&ours, &theirs, b"early");
        assert_eq!((taken, got.len()), (0, 0));
        assert!(ours.agreed().unwrap().resumed);
        assert_eq!(ours.early_data(), EarlyData::None);
    }
}

#[test]
fn rejected_early_data_is_reported_and_never_in_the_stream() {
    let changes: [fn(&Context); 3] = [
        |_| {},
        // It has to ask again with a HelloRetryRequest.
        |server| {
            server.set_early_data(1_000).unwrap();
            server.set_groups(&["secp384r1"]).unwrap();
        },
        // It does not support the protocol of the data.
        |server| server.set_resumption(0).unwrap(),
    ];
    for change in changes {
        let first = early_server(1_000);
        let second = server_with(|server| {
            server.share_sessions(&first).unwrap();
            change(server);
        });
        let client = early_client();
        connected_pair(&client, &first, "localhost");
        let (ours, theirs) = pair(&client, &second, "localhost");
        let (taken, got) = send_early(&ours, &theirs, b"lost words");
        assert_eq!((taken, got.len()), (10, 0));
        assert_eq!(ours.early_data(), EarlyData::Rejected);
        assert!(ours.report().contains("Early data:          rejected"));
        assert_ne!(theirs.early_data(), EarlyData::Accepted);
        transfer(&ours, &theirs, b"said again");
        transfer(&theirs, &ours, b"heard");
    }
}

#[test]
fn server_skips_rejected_early_data_in_many_records() {
    let first = early_server(16_000);
    let second = server_with(|server| server.share_sessions(&first).unwrap());
    let client = early_client();
    connected_pair(&client, &first, "localhost");
    let (ours, theirs) = pair(&client, &second, "localhost");
    for _ in 0..7 {
        assert_eq!(ours.write_early(&[b'x'; 1_000]).unwrap(), 1_000);
    }
    let (ours_done, theirs_done) = run_handshake(&ours, &theirs);
    ours_done.unwrap();
    theirs_done.unwrap();
    assert_eq!(ours.early_data(), EarlyData::Rejected);
    transfer(&ours, &theirs, b"said again");
    transfer(&theirs, &ours, b"heard");
}

#[test]
fn server_skips_rejected_early_data_in_pieces_of_any_size() {
    let first = early_server(16_000);
    // What follows the early data is a certificate, in many records.
    let second = server_with(|server| {
        server.share_sessions(&first).unwrap();
        server.add_root(ca().certificate()).unwrap();
        server.set_client_auth(ClientAuth::Required).unwrap();
    });
    let names: Vec<_> = (0..100)
        .map(|n| format!("client-{n}.example.org"))
        .collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    let identity = issue(&names, &for_both_sides());
    for piece in [1, 700, 1_022, 5_000] {
        let client = early_client();
        client.use_identity(&identity).unwrap();
        client.set_max_fragment(512).unwrap();
        connected_pair(&client, &first, "localhost");
        let ours = Connection::client(&client, Some("localhost"), MemoryTransport).unwrap();
        let theirs = Connection::server(&second, MemoryTransport).unwrap();
        for _ in 0..15 {
            assert_eq!(ours.write_early(&[b'x'; 1_000]).unwrap(), 1_000);
        }
        let mut buffer = vec![0; 100_000];
        let early = ours.drain(&mut buffer).unwrap();
        for bytes in buffer[..early].chunks(piece) {
            theirs.feed(bytes).unwrap();
            assert_fails(theirs.handshake(), Status::WantRead, "");
        }
        let count = theirs.drain(&mut buffer).unwrap();
        ours.feed(&buffer[..count]).unwrap();
        ours.handshake().unwrap();
        assert_eq!(ours.early_data(), EarlyData::Rejected);
        let count = ours.drain(&mut buffer).unwrap();
        for bytes in buffer[..count].chunks(piece) {
            theirs.feed(bytes).unwrap();
            if let Err(error) = theirs.handshake() {
                assert_eq!(error.status(), Status::WantRead, "{error}");
            }
        }
        theirs.handshake().unwrap();
        assert_eq!(theirs.peer_chain(), identity.chain());
        ours.write(b"said again").unwrap();
        let count = ours.drain(&mut buffer).unwrap();
        theirs.feed(&buffer[..count]).unwrap();
        let count = theirs.read(&mut buffer).unwrap();
        assert_eq!(&buffer[..count], b"said again");
    }
}

#[test]
fn servers_that_share_sessions_accept_replayed_early_data_once() {
    let first = early_server(1_000);
    let second = early_server(1_000);
    second.share_sessions(&first).unwrap();
    for (order, expected) in [
        ([&first, &second], [true, false]),
        ([&second, &second], [true, false]),
    ] {
        let client = early_client();
        connected_pair(&client, &first, "localhost");
        let (near, _far) = UnixStream::pair().unwrap();
        let (recording, sent) = Recording::new(transport(near));
        let victim = Connection::client(&client, Some("localhost"), recording).unwrap();
        assert_eq!(victim.write_early(b"pay 100").unwrap(), 7);
        let recorded = sent.lock().unwrap().clone();
        let taken = order.map(|server| {
            let (mut near, far) = UnixStream::pair().unwrap();
            near.write_all(&recorded).unwrap();
            near.shutdown(Shutdown::Write).unwrap();
            let server = Connection::server(server, transport(far)).unwrap();
            server.set_timeout(TEST_TIMEOUT);
            let mut buffer = [0; 100];
            match server.read_early(&mut buffer) {
                Ok(count) => &buffer[..count] == b"pay 100",
                Err(error) => {
                    assert_eq!(error.status(), Status::Truncated, "{error}");
                    false
                }
            }
        });
        assert_eq!(taken, expected);
    }
}

/// Moves bytes between two connections in memory until their handshakes are complete.
#[track_caller]
fn complete_in_memory(client: &Connection, server: &Connection) {
    let mut buffer = vec![0; 1 << 20];
    while client.is_handshaking() || server.is_handshaking() {
        for (from, to) in [(client, server), (server, client)] {
            if let Err(error) = from.handshake() {
                assert!(error.is_want(), "{error}");
            }
            let count = from.drain(&mut buffer).unwrap();
            if count > 0 {
                to.feed(&buffer[..count]).unwrap();
            }
        }
    }
}

#[test]
fn server_accepts_or_rejects_early_data_up_to_the_limit() {
    for (limit, pieces) in [
        (18, &[1, 100][..]),
        (1_000, &[1, 18, 100, 1_000]),
        (17_000, &[400, 16_384, 20_000]),
        (40_000, &[5_000, 40_000]),
    ] {
        for (piece, fragment) in pieces
            .iter()
            .flat_map(|piece| [(*piece, 512), (*piece, 700), (*piece, 16_384)])
        {
            let first = early_server(limit);
            for (server, expected) in [
                (early_server(limit), EarlyData::Rejected),
                (first.clone(), EarlyData::Accepted),
            ] {
                let client = early_client();
                client.set_max_fragment(fragment).unwrap();
                connected_pair(&client, &first, "localhost");
                let ours = Connection::client(&client, Some("localhost"), MemoryTransport).unwrap();
                let theirs = Connection::server(&server, MemoryTransport).unwrap();
                let mut taken = 0;
                while let count @ 1.. = ours.write_early(&vec![b'e'; piece]).unwrap() {
                    taken += count;
                }
                let what = format!("{taken} of {limit} bytes, {piece} at once, in {fragment}");
                assert!(taken > 0, "{what}");
                complete_in_memory(&ours, &theirs);
                assert_eq!(ours.early_data(), expected, "{what}");
            }
        }
    }
}
