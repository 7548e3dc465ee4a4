//! Time limits against a peer that keeps a call going: in the handshake, and at the end.

use std::io::Write;
use std::os::unix::net::UnixStream;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use tlsmith::{Connection, Status, Timeout};

use support::*;

const LIMIT: Duration = Duration::from_millis(60);

/// A server whose client sends a byte every millisecond, which is never a whole record.
fn against_slow_sender(timeout: Timeout, is_nonblocking: bool, check: impl FnOnce(&Connection)) {
    let (near, mut far) = UnixStream::pair().unwrap();
    near.set_nonblocking(is_nonblocking).unwrap();
    let server = Connection::server(&server_context(localhost()), transport(near)).unwrap();
    server.set_timeout(timeout);
    server.set_handshake_timeout(Some(LIMIT));
    let (stop, stopped) = mpsc::channel::<()>();
    thread::scope(|scope| {
        scope.spawn(move || {
            far.write_all(&[22, 3, 1, 0x40, 0, 1, 0, 0x3f, 0xfc])
                .unwrap();
            let pause = Duration::from_millis(1);
            while stopped.recv_timeout(pause) == Err(mpsc::RecvTimeoutError::Timeout) {
                let _ = far.write_all(&[0]);
            }
        });
        check(&server);
        drop(stop);
    });
}

#[test]
fn handshake_ends_at_its_deadline_in_one_call() {
    for timeout in [Timeout::Descriptor, TEST_TIMEOUT] {
        against_slow_sender(timeout, false, |server| {
            let start = Instant::now();
            let part = "did not complete the handshake within 60ms";
            assert_fails(server.handshake(), Status::Timeout, part);
            assert!(start.elapsed() < Duration::from_secs(10));
            // It has passed for every later call too.
            assert_fails(server.read(&mut [0; 1]), Status::Timeout, part);
            assert_fails(server.write(b"x"), Status::Timeout, part);
            assert_fails(server.read_early(&mut [0; 1]), Status::Timeout, part);
        });
    }
}

#[test]
fn handshake_ends_at_its_deadline_over_many_calls() {
    let short = Timeout::After(Duration::from_millis(5));
    for (timeout, is_nonblocking) in [
        (short, false),
        (Timeout::Never, false),
        (Timeout::Descriptor, true),
    ] {
        against_slow_sender(timeout, is_nonblocking, |server| {
            let start = Instant::now();
            let error = loop {
                let error = server.handshake().unwrap_err();
                if error.to_string().contains("did not complete") {
                    break error;
                }
                assert!(error.is_want() || error.status() == Status::Timeout);
                assert!(start.elapsed() < Duration::from_secs(10), "{error}");
            };
            assert_eq!(error.status(), Status::Timeout);
            assert!(start.elapsed() >= LIMIT);
        });
    }
}

#[test]
fn shorter_timeout_of_the_call_applies_first() {
    let (near, _far) = UnixStream::pair().unwrap();
    let server = Connection::server(&server_context(localhost()), transport(near)).unwrap();
    server.set_timeout(Timeout::After(LIMIT));
    server.set_handshake_timeout(Some(Duration::from_secs(60)));
    assert_fails(
        server.handshake(),
        Status::Timeout,
        "sent nothing within 60ms",
    );
}

#[test]
fn handshake_deadline_ends_with_the_handshake() {
    let (client, server) = pair(&client_context(), &server_context(localhost()), "localhost");
    server.set_handshake_timeout(Some(Duration::from_secs(60)));
    let (ours, theirs) = run_handshake(&client, &server);
    ours.unwrap();
    theirs.unwrap();
    server.set_handshake_timeout(Some(Duration::from_nanos(1)));
    transfer(&client, &server, b"later");
}

// The end.

/// Has the server send without end, while `check` ends the client.
fn against_fast_sender(check: impl FnOnce(&Connection)) {
    let (client, server) = open_pair();
    thread::scope(|scope| {
        scope.spawn(|| while server.write(&[0; 65_536]).is_ok() {});
        check(&client);
        drop(client);
    });
}

#[test]
fn shutdown_ends_at_its_deadline_whatever_the_peer_sends() {
    against_fast_sender(|client| {
        let start = Instant::now();
        assert_fails(
            client.finish(Timeout::After(LIMIT)),
            Status::Timeout,
            "within 60ms",
        );
        assert!(start.elapsed() < Duration::from_secs(10));
    });
}

#[test]
fn nonblocking_shutdown_reads_a_bounded_amount() {
    against_fast_sender(|client| {
        let start = Instant::now();
        assert_fails(client.finish(Timeout::Never), Status::WantRead, "");
        assert!(start.elapsed() < Duration::from_secs(10));
    });
}

#[test]
fn shutdown_returns_what_followed_close_notify() {
    let (near, far) = UnixStream::pair().unwrap();
    let mut plain = far.try_clone().unwrap();
    let client = Connection::client(&client_context(), Some("localhost"), transport(near)).unwrap();
    let server = Connection::server(&server_context(localhost()), transport(far)).unwrap();
    client.set_timeout(TEST_TIMEOUT);
    server.set_timeout(TEST_TIMEOUT);
    run_handshake(&client, &server).0.unwrap();
    server.write(b"lost").unwrap();
    server.shutdown().unwrap();
    plain.write_all(b"plain").unwrap();
    assert_eq!(client.finish(TEST_TIMEOUT).unwrap(), b"plain");
}
