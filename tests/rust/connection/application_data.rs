//! Application data, and the three ways in which a stream ends.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use tlsmith::{Connection, Status, Timeout, Version};

use support::*;

#[test]
fn bytes_arrive_in_order_in_any_portions() {
    let (client, server) = open_pair();
    let data: Vec<u8> = (0..3_000_000_u32)
        .map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect();
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut rest = &data[..];
            let mut size = 1;
            while !rest.is_empty() {
                let (now, later) = rest.split_at(size.min(rest.len()));
                assert_eq!(client.write(now).unwrap(), now.len());
                rest = later;
                size = size * 3 + 1;
            }
            client.shutdown().unwrap();
        });
        let mut got = Vec::new();
        let mut buffer = vec![0; 100_000];
        for size in [1, 7, 5_000, 20_000, 100_000].iter().cycle() {
            match server.read(&mut buffer[..*size]).unwrap() {
                0 => break,
                count => got.extend_from_slice(&buffer[..count]),
            }
        }
        assert!(got == data);
    });
}

#[test]
fn data_flows_in_both_directions_at_once() {
    let (client, server) = open_pair();
    let data = vec![0x5a; 8 << 20];
    thread::scope(|scope| {
        for side in [&client, &server] {
            let data = &data;
            scope.spawn(move || {
                side.write(data).unwrap();
                side.shutdown().unwrap();
            });
            scope.spawn(move || assert!(read_all(side).unwrap() == *data));
        }
    });
}

#[test]
fn writing_continues_after_the_close_notify_of_the_peer() {
    for version in [Version::Tls12, Version::Tls13] {
        let context = client_context();
        context.set_versions(version, version).unwrap();
        let (client, server) = pair(&context, &server_context(localhost()), "localhost");
        run_handshake(&client, &server).0.unwrap();
        client.write(b"last words").unwrap();
        client.shutdown().unwrap();
        client.shutdown().unwrap();
        assert_fails(client.write(b"more"), Status::State, "close_notify");
        assert_eq!(read_all(&server).unwrap(), b"last words");
        assert!(server.peer_closed());
        assert_eq!(server.read(&mut [0; 9]).unwrap(), 0);
        server.write(b"answer").unwrap();
        server.shutdown().unwrap();
        assert_eq!(read_all(&client).unwrap(), b"answer");
    }
}

#[test]
fn transport_end_without_close_notify_is_truncation() {
    let (client, server) = open_pair();
    server.write(b"half").unwrap();
    drop(server);
    let mut buffer = [0; 100];
    assert_eq!(client.read(&mut buffer).unwrap(), 4);
    for _ in 0..2 {
        assert_fails(client.read(&mut buffer), Status::Truncated, "close_notify");
    }
}

#[test]
fn truncation_is_eof_where_allowed() {
    let context = client_context();
    context.insecure_allow_truncation().unwrap();
    let (client, server) = pair(&context, &server_context(localhost()), "localhost");
    run_handshake(&client, &server).0.unwrap();
    server.write(b"half").unwrap();
    drop(server);
    assert_eq!(read_all(&client).unwrap(), b"half");
}

#[test]
fn transport_end_in_the_handshake_is_truncation() {
    let (near, far) = UnixStream::pair().unwrap();
    let client = Connection::client(&client_context(), Some("localhost"), transport(near)).unwrap();
    drop(far);
    let error = client.handshake().unwrap_err();
    assert!(
        matches!(error.status(), Status::Truncated | Status::Io),
        "{error}"
    );
}

#[test]
fn handshake_error_recognizes_http() {
    let (near, mut far) = UnixStream::pair().unwrap();
    far.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").unwrap();
    let client = Connection::client(&client_context(), Some("localhost"), transport(near)).unwrap();
    assert_fails(
        client.handshake(),
        Status::Protocol,
        "HTTP/1.1 400 Bad Request",
    );
    let mut sent = Vec::new();
    drop(client);
    far.read_to_end(&mut sent).unwrap();
    assert_eq!(sent[0], 22, "a ClientHello was sent");
}

#[test]
fn damaged_records_fail_both_sides_permanently() {
    let (near, far) = UnixStream::pair().unwrap();
    let (near2, far2) = UnixStream::pair().unwrap();
    let client = Connection::client(&client_context(), Some("localhost"), transport(near)).unwrap();
    let server = Connection::server(&server_context(localhost()), transport(far2)).unwrap();
    let damage = AtomicUsize::new(0);
    let relay = |mut from: &UnixStream, mut to: &UnixStream, damages: bool| {
        let mut buffer = vec![0; 65_536];
        while let Ok(count @ 1..) = from.read(&mut buffer) {
            if damages {
                buffer[count - 1] ^= damage.load(Ordering::SeqCst) as u8;
            }
            if to.write_all(&buffer[..count]).is_err() {
                break;
            }
        }
    };
    thread::scope(|scope| {
        scope.spawn(|| relay(&far, &near2, true));
        scope.spawn(|| relay(&near2, &far, false));
        let (ours, theirs) = run_handshake(&client, &server);
        ours.unwrap();
        theirs.unwrap();
        client.write(b"good").unwrap();
        let mut buffer = [0; 10];
        assert_eq!(server.read(&mut buffer).unwrap(), 4);
        damage.store(1, Ordering::SeqCst);
        client.write(b"bad").unwrap();
        for _ in 0..2 {
            assert_fails(
                server.read(&mut buffer),
                Status::Protocol,
                "did not decrypt",
            );
        }
        assert_eq!(server.write(b"x").unwrap_err().status(), Status::Protocol);
        assert_eq!(client.read(&mut buffer).unwrap_err().alert(), Some(20));
        drop(client);
        drop(server);
        far.shutdown(std::net::Shutdown::Both).unwrap();
        near2.shutdown(std::net::Shutdown::Both).unwrap();
    });
}

#[test]
fn empty_read_fails_and_empty_write_does_nothing() {
    let (client, _server) = open_pair();
    assert_fails(client.read(&mut []), Status::Argument, "at least 1 byte");
    assert_eq!(client.write(&[]).unwrap(), 0);
}

#[test]
fn pending_counts_what_can_be_read_without_the_transport() {
    let (client, server) = open_pair();
    assert_eq!(client.pending(), 0);
    server.write(b"one").unwrap();
    server.write(b"two").unwrap();
    let mut buffer = [0; 1];
    client.read(&mut buffer).unwrap();
    let mut rest = Vec::new();
    while rest.len() < 5 {
        let waiting = client.pending();
        let mut buffer = vec![0; waiting.max(1)];
        let count = client.read(&mut buffer).unwrap();
        assert!(waiting == 0 || count >= waiting);
        rest.extend_from_slice(&buffer[..count]);
    }
    assert_eq!(rest, b"netwo");
    assert_eq!(client.pending(), 0);
}

#[test]
fn vectored_write_sends_small_and_large_parts_in_order() {
    let (client, server) = open_pair();
    let lengths = [0, 1, 16_000, 300, 0, 16_384, 16_385, 100_000, 5, 16_379, 1];
    let part = |(index, length): (usize, &usize)| vec![index as u8; *length];
    let parts: Vec<Vec<u8>> = lengths.iter().enumerate().map(part).collect();
    let slices: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
    let expected = parts.concat();
    thread::scope(|scope| {
        scope.spawn(|| {
            assert_eq!(client.write_vectored(&slices).unwrap(), expected.len());
            assert_eq!(client.write_vectored(&[]).unwrap(), 0);
            client.shutdown().unwrap();
        });
        assert!(read_all(&server).unwrap() == expected);
    });
}

#[test]
fn vectored_write_takes_the_parts_that_fit() {
    let (client, server) = open_pair();
    client.set_timeout(Timeout::Never);
    let large = vec![7; 1 << 20];
    let (mut taken, mut refused) = (0, false);
    while !refused {
        match client.write_vectored(&[b"small", &large, b"small"]) {
            Ok(count) => taken += count,
            Err(error) => {
                assert_eq!(error.status(), Status::WantWrite, "{error}");
                refused = true;
            }
        }
    }
    thread::scope(|scope| {
        scope.spawn(|| {
            client.set_timeout(TEST_TIMEOUT);
            client.flush().unwrap();
            client.shutdown().unwrap();
        });
        assert_eq!(read_all(&server).unwrap().len(), taken);
    });
}
