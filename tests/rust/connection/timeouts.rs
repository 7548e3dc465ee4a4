//! Timeouts: how long a call waits.

use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use tlsmith::{Connection, Events, Status, Timeout, tcp};

use support::*;

#[test]
fn read_that_timed_out_can_be_repeated() {
    let (near, far) = UnixStream::pair().unwrap();
    let client = Connection::client(&client_context(), Some("localhost"), transport(near)).unwrap();
    let server = Connection::server(&server_context(localhost()), transport(far)).unwrap();
    client.set_timeout(Timeout::After(Duration::from_millis(20)));
    assert_fails(client.handshake(), Status::Timeout, "20ms");
    client.set_timeout(TEST_TIMEOUT);
    run_handshake(&client, &server).0.unwrap();
    client.set_timeout(Timeout::After(Duration::from_millis(20)));
    assert_fails(client.read(&mut [0; 1]), Status::Timeout, "sent nothing");
    server.write(b"late").unwrap();
    client.set_timeout(TEST_TIMEOUT);
    assert_eq!(client.read(&mut [0; 9]).unwrap(), 4);
}

#[test]
fn timed_out_write_ends_writing() {
    let (client, server) = open_pair();
    client.set_timeout(Timeout::After(Duration::from_millis(20)));
    let error = client.write(&vec![0; 64 << 20]).unwrap_err();
    assert_eq!(error.status(), Status::Timeout, "{error}");
    assert_fails(client.write(b"x"), Status::State, "broken off");
    drop(server);
}

#[test]
fn timed_out_write_can_continue_where_it_stopped() {
    let (client, server) = open_pair();
    let data: Vec<u8> = (0..=250).cycle().take(4 << 20).collect();
    client.set_timeout(Timeout::After(Duration::from_millis(20)));
    let (taken, outcome) = client.write_counted(&data);
    assert_fails(outcome, Status::Timeout, "");
    assert!(taken > 0 && taken < data.len(), "{taken} bytes were taken");
    client.set_timeout(TEST_TIMEOUT);
    let received = thread::scope(|scope| {
        let reading = scope.spawn(|| {
            let (mut received, mut part) = (Vec::<u8>::new(), vec![0; 65_536]);
            while received.len() < data.len() {
                let count = server.read(&mut part).unwrap();
                received.extend_from_slice(&part[..count]);
            }
            received
        });
        let (rest, outcome) = client.write_counted(&data[taken..]);
        outcome.unwrap();
        assert_eq!(taken + rest, data.len());
        reading.join().unwrap()
    });
    assert!(received == data, "the bytes that arrived are others");
    assert!(!client.is_write_closed());
    client.shutdown().unwrap();
    assert!(client.is_write_closed());
    let (taken, outcome) = client.write_counted(b"hello");
    assert_eq!(taken, 0);
    assert_fails(outcome, Status::State, "close_notify was sent");
}

#[test]
fn nonblocking_connection_reports_what_it_wants() {
    for nonblocking in [true, false] {
        let (near, far) = UnixStream::pair().unwrap();
        for stream in [&near, &far] {
            stream.set_nonblocking(nonblocking).unwrap();
        }
        let client =
            Connection::client(&client_context(), Some("localhost"), transport(near)).unwrap();
        let server = Connection::server(&server_context(localhost()), transport(far)).unwrap();
        if !nonblocking {
            client.set_timeout(Timeout::Never);
            server.set_timeout(Timeout::Never);
        }
        assert_fails(client.read(&mut [0; 1]), Status::WantRead, "");
        assert_eq!(
            client.events(),
            Events {
                read: true,
                write: false
            }
        );
        while client.is_handshaking() || server.is_handshaking() {
            for side in [&client, &server] {
                if let Err(error) = side.handshake() {
                    assert!(error.is_want(), "{error}");
                }
            }
        }
        assert_fails(server.read(&mut [0; 1]), Status::WantRead, "");

        let data = vec![7; 1 << 20];
        let mut sent = 0;
        let stalled = loop {
            match client.write(&data) {
                Ok(count) => sent += count,
                Err(error) => break error,
            }
        };
        assert_eq!(stalled.status(), Status::WantWrite);
        assert!(client.events().write);
        let mut got = 0;
        let mut buffer = vec![0; 50_000];
        while got < sent {
            match server.read(&mut buffer) {
                Ok(count) => got += count,
                Err(error) => {
                    assert_eq!(error.status(), Status::WantRead);
                    if let Err(error) = client.flush() {
                        assert_eq!(error.status(), Status::WantWrite);
                    }
                }
            }
        }
        client.flush().unwrap();
        assert!(!client.events().write);
        assert_fails(server.read(&mut buffer), Status::WantRead, "");
    }
}

fn short() -> Timeout {
    Timeout::After(Duration::from_millis(50))
}

#[test]
fn timeout_covers_the_whole_call() {
    let (near, mut far) = UnixStream::pair().unwrap();
    let client = Connection::client(&client_context(), Some("localhost"), transport(near)).unwrap();
    client.set_timeout(short());
    let (stop, stopped) = mpsc::channel::<()>();
    thread::scope(|scope| {
        scope.spawn(move || {
            far.write_all(&[22, 3, 3, 0x40, 0]).unwrap();
            // A byte in a millisecond would be 16 seconds for the record.
            let pause = Duration::from_millis(1);
            while stopped.recv_timeout(pause) == Err(mpsc::RecvTimeoutError::Timeout) {
                let _ = far.write_all(&[0]);
            }
        });
        let start = Instant::now();
        assert_fails(client.handshake(), Status::Timeout, "50ms");
        assert!(start.elapsed() < Duration::from_secs(10));
        drop(stop);
    });
}

#[test]
fn server_waits_for_a_client_hello_for_its_timeout() {
    let strict = server_context(localhost());
    strict.require_known_name().unwrap();
    for context in [&server_context(localhost()), &strict] {
        let (_near, far) = UnixStream::pair().unwrap();
        let server = Connection::server(context, transport(far)).unwrap();
        server.set_timeout(short());
        assert_fails(
            server.handshake(),
            Status::Timeout,
            "sent nothing within 50ms",
        );
        assert_fails(server.read(&mut [0; 1]), Status::Timeout, "");
        assert_fails(server.read_early(&mut [0; 1]), Status::Timeout, "");
        assert_fails(server.write(b"x"), Status::Timeout, "");
        server.set_timeout(Timeout::Never);
        assert_fails(server.handshake(), Status::WantRead, "");
    }
}

/// A listener whose queue is full, so that it no longer answers, with
/// those that fill it.
fn silent_listener() -> (TcpListener, Vec<TcpStream>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    rustix::net::listen(&listener, 0).unwrap();
    let address = listener.local_addr().unwrap();
    let mut queue = Vec::new();
    while let Ok(client) = TcpStream::connect_timeout(&address, Duration::from_millis(200)) {
        queue.push(client);
        assert!(queue.len() < 10, "the queue does not fill");
    }
    (listener, queue)
}

#[test]
fn connect_times_out_with_the_address() {
    let (listener, _queue) = silent_listener();
    let port = listener.local_addr().unwrap().port().to_string();
    let start = Instant::now();
    for host in ["127.0.0.1", "localhost"] {
        let outcome = tcp::connect(host, &port, short(), None);
        assert_fails(outcome, Status::Timeout, "127.0.0.1");
    }
    assert!(start.elapsed() < Duration::from_secs(10));
    assert_fails(
        tcp::connect("127.0.0.1", &port, Timeout::Never, None),
        Status::Argument,
        "has to wait",
    );
}
