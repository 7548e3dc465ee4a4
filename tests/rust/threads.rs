//! Threads that share connections and contexts.

use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use tlsmith::{Connection, Status, Version};

use support::*;

/// How many bytes go each way.
const LENGTH: usize = 16 << 20;

/// What stands at a place of a stream that has a number.
fn pattern(stream: u8, at: usize) -> u8 {
    (at as u8).wrapping_mul(31).wrapping_add((at >> 8) as u8) ^ stream
}

/// Does what another thread may keep us from for a moment, which changes keys.
fn in_turn<T>(mut call: impl FnMut() -> tlsmith::Result<T>) -> T {
    loop {
        match call() {
            Err(error) if error.to_string().contains("another thread writes") => {
                thread::yield_now();
            }
            outcome => return outcome.unwrap(),
        }
    }
}

fn write_stream(connection: &Connection, stream: u8, length: usize) {
    // Of ever other sizes, so that records end everywhere.
    let mut sizes = [1, 100, 16_384, 70_000, 5, 40_001].into_iter().cycle();
    let mut at = 0;
    while at < length {
        let size = sizes.next().unwrap().min(length - at);
        let data: Vec<u8> = (at..at + size).map(|at| pattern(stream, at)).collect();
        assert_eq!(in_turn(|| connection.write(&data)), size);
        at += size;
    }
    in_turn(|| connection.shutdown());
}

fn read_stream(connection: &Connection, stream: u8, length: usize) {
    let mut buffer = vec![0; 50_000];
    let mut at = 0;
    loop {
        let count = connection.read(&mut buffer).unwrap();
        if count == 0 {
            break;
        }
        for (offset, byte) in buffer[..count].iter().enumerate() {
            assert_eq!(*byte, pattern(stream, at + offset));
        }
        at += count;
    }
    assert_eq!(at, length);
}

#[test]
fn one_thread_reads_while_another_writes_on_both_sides() {
    for version in [Version::Tls12, Version::Tls13] {
        let client = client_context();
        client.set_versions(version, version).unwrap();
        let (client, server) = pair(&client, &server_context(localhost()), "localhost");
        // Nobody shakes hands first: all four threads begin at once.
        thread::scope(|scope| {
            scope.spawn(|| write_stream(&client, 1, LENGTH));
            scope.spawn(|| read_stream(&client, 2, LENGTH));
            scope.spawn(|| write_stream(&server, 2, LENGTH));
            scope.spawn(|| read_stream(&server, 1, LENGTH));
        });
    }
}

#[test]
fn keys_change_while_data_flows_in_both_directions() {
    let (client, server) = open_pair();
    let refresh = |connection: &Connection| {
        let outcome = connection.refresh_keys();
        // A writer may be at work at this moment.
        assert!(outcome.is_ok() || outcome.unwrap_err().status() == Status::State);
    };
    thread::scope(|scope| {
        for (connection, out, back) in [(&client, 1, 2), (&server, 2, 1)] {
            scope.spawn(move || write_stream(connection, out, LENGTH));
            scope.spawn(move || read_stream(connection, back, LENGTH));
            // More than 32 of them without data between are an attack to rustls.
            scope.spawn(move || (0..12).for_each(|_| refresh(connection)));
        }
    });
}

#[test]
fn third_thread_on_a_direction_gets_an_error() {
    let (client, server) = open_pair();
    let refused = AtomicUsize::new(0);
    let reading = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                reading.fetch_add(1, Ordering::SeqCst);
                match client.read(&mut [0; 10]) {
                    Ok(count) => assert_eq!(count, 3),
                    Err(error) => {
                        assert_eq!(error.status(), Status::State, "{error}");
                        assert!(
                            error.to_string().contains("another thread reads"),
                            "{error}"
                        );
                        refused.fetch_add(1, Ordering::SeqCst);
                    }
                }
            });
        }
        // Three of them return at once, and the fourth with the data.
        while refused.load(Ordering::SeqCst) < 3 {
            thread::yield_now();
        }
        server.write(b"abc").unwrap();
    });
    assert_eq!(refused.load(Ordering::SeqCst), 3);
}

#[test]
fn sixty_four_threads_use_one_context() {
    let (client, server) = (client_context(), server_context(localhost()));
    let connect = || {
        let (near, far) = UnixStream::pair().unwrap();
        let client = Connection::client(&client, Some("localhost"), transport(near)).unwrap();
        let server = Connection::server(&server, transport(far)).unwrap();
        let (ours, theirs) = run_handshake(&client, &server);
        ours.unwrap();
        theirs.unwrap();
        client.write(b"hello").unwrap();
        let mut buffer = [0; 10];
        assert_eq!(server.read(&mut buffer).unwrap(), 5);
        let verified = context_verifies(&client);
        assert!(verified);
    };
    thread::scope(|scope| {
        for _ in 0..64 {
            scope.spawn(|| (0..5).for_each(|_| connect()));
        }
    });
}

/// Whether its context still verifies chains, from this thread.
fn context_verifies(connection: &Connection) -> bool {
    let context = client_context();
    let chain = connection.peer_chain();
    // A resumed session has the chain of the first one.
    chain.is_empty() || context.verify(chain, Some("localhost"), None, None).is_ok()
}
