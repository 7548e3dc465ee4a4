//! Transports that are not sockets: memory, pipes, and another connection.

use std::io::{PipeReader, PipeWriter, pipe};
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::thread;

use tlsmith::{
    Connection, Context, MemoryTransport, PipeTransport, Result, Status, Timeout, Transport,
    Version, WaitMode,
};

use support::*;

/// 20 MB that are the same nowhere.
fn volume() -> Vec<u8> {
    (0..20_000_000_u32)
        .map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect()
}

/// Moves much both ways at once, and then ends it in order.
fn move_much(client: &Connection, server: &Connection) {
    let data = volume();
    thread::scope(|scope| {
        for side in [client, server] {
            let data = &data;
            scope.spawn(move || {
                assert_eq!(side.write(data).unwrap(), data.len());
                side.shutdown().unwrap();
            });
            scope.spawn(move || assert!(read_all(side).unwrap() == *data));
        }
    });
}

// Memory.

fn memory_pair(client: &Context, server: &Context) -> [Connection; 2] {
    let client = Connection::client(client, Some("localhost"), MemoryTransport);
    let server = Connection::server(server, MemoryTransport);
    [client.unwrap(), server.unwrap()]
}

/// Moves what waits from one side to the other: how much.
fn ferry(from: &Connection, to: &Connection) -> usize {
    let mut buffer = vec![0; 100_000];
    let mut moved = 0;
    loop {
        match from.drain(&mut buffer).unwrap() {
            0 => return moved,
            count => to.feed(&buffer[..count]).unwrap(),
        }
        moved += 1;
    }
}

fn shake_in_memory([client, server]: &[Connection; 2]) {
    while client.is_handshaking() || server.is_handshaking() {
        for side in [client, server] {
            if let Err(error) = side.handshake() {
                assert_eq!(error.status(), Status::WantRead, "{error}");
            }
        }
        let moved = ferry(client, server) + ferry(server, client);
        let done = !client.is_handshaking() && !server.is_handshaking();
        assert!(moved > 0 || done, "nobody gets further");
    }
}

#[test]
fn memory_transport_leaves_every_byte_to_the_program() {
    let data = volume();
    for version in BOTH_VERSIONS {
        let client = only(client_context(), version);
        let sides = memory_pair(&client, &server_context(localhost()));
        shake_in_memory(&sides);
        let [client, server] = &sides;
        assert_eq!(client.agreed().unwrap().version, version);
        let mut sent = [0, 0];
        let mut got = [Vec::new(), Vec::new()];
        let mut buffer = vec![0; 50_000];
        let mut stalls = 0;
        while got.iter().any(|got| got.len() < data.len()) {
            for (index, side) in [client, server].into_iter().enumerate() {
                while sent[index] < data.len() {
                    match side.write(&data[sent[index]..]) {
                        Ok(count) => sent[index] += count,
                        Err(error) => {
                            assert_eq!(error.status(), Status::WantWrite, "{error}");
                            stalls += 1;
                            break;
                        }
                    }
                }
                let _ = side.flush();
                loop {
                    match side.read(&mut buffer) {
                        Ok(count) => got[index].extend_from_slice(&buffer[..count]),
                        Err(error) => {
                            assert_eq!(error.status(), Status::WantRead, "{error}");
                            break;
                        }
                    }
                }
            }
            ferry(client, server);
            ferry(server, client);
        }
        assert!(got[0] == data && got[1] == data);
        // Output that is not drained does not grow without limit.
        assert!(stalls > 20, "{stalls}");
        client.shutdown().unwrap();
        ferry(client, server);
        assert_eq!(server.read(&mut buffer).unwrap(), 0);
    }
}

#[test]
fn memory_transport_never_blocks_and_ends() {
    let sides = memory_pair(&client_context(), &server_context(localhost()));
    let [client, server] = &sides;
    for timeout in [Timeout::Descriptor, Timeout::Never, TEST_TIMEOUT] {
        client.set_timeout(timeout);
        assert_fails(client.handshake(), Status::WantRead, "");
    }
    assert!(client.undrained().unwrap() > 0);
    shake_in_memory(&sides);
    server.write(b"half").unwrap();
    ferry(server, client);
    client.feed(b"").unwrap();
    assert_fails(client.feed(b"more"), Status::State, "fed already");
    assert_fails(client.feed(b""), Status::State, "fed already");
    let mut buffer = [0; 100];
    assert_eq!(client.read(&mut buffer).unwrap(), 4);
    assert_fails(client.read(&mut buffer), Status::Truncated, "close_notify");
    // The other direction is as it was.
    client.write(b"still here").unwrap();
    ferry(client, server);
    assert_eq!(server.read(&mut buffer).unwrap(), 10);
}

#[test]
fn memory_transport_returns_what_follows_close_notify() {
    let sides = memory_pair(&client_context(), &server_context(localhost()));
    shake_in_memory(&sides);
    let [client, server] = &sides;
    server.shutdown().unwrap();
    ferry(server, client);
    client.feed(b"not TLS").unwrap();
    assert_eq!(client.read(&mut [0; 9]).unwrap(), 0);
    assert_eq!(client.leftover(), b"not TLS");
    assert_eq!(client.leftover(), b"");
}

#[test]
fn memory_transport_lends_its_output() {
    let sides = memory_pair(&client_context(), &server_context(localhost()));
    shake_in_memory(&sides);
    let [client, server] = &sides;
    let data = &volume()[..1_000_000];
    let (mut sent, mut got) = (0, Vec::new());
    let mut buffer = vec![0; 30_000];
    while got.len() < data.len() {
        if sent < data.len() {
            sent += client.write(&data[sent..]).unwrap();
        }
        let waits = client.undrained().unwrap();
        let mut drained = 0;
        while client.undrained().unwrap() > 0 {
            let count = client.drain_borrowed(|bytes| {
                server.feed(bytes).unwrap();
                bytes.len()
            });
            drained += count.as_ref().unwrap();
            // A short one is the last.
            assert!(drained == waits || count.unwrap() >= 65_536);
        }
        assert_eq!(drained, waits);
        while let Ok(count) = server.read(&mut buffer) {
            got.extend_from_slice(&buffer[..count]);
        }
    }
    assert!(got == data);
}

#[test]
fn memory_transport_takes_input_of_any_size() {
    let data = &volume()[..100_000];
    for portion in [1, 4, 5, 6, 1_000, 16_384, 16_406, 65_537, 100_000] {
        let sides = memory_pair(&client_context(), &server_context(localhost()));
        shake_in_memory(&sides);
        let [client, server] = &sides;
        assert_eq!(client.write(data).unwrap(), data.len());
        let mut records = vec![0; client.undrained().unwrap()];
        client.drain(&mut records).unwrap();
        let mut got = vec![0; data.len()];
        let mut filled = 0;
        for (index, part) in records.chunks(portion).enumerate() {
            server.feed(part).unwrap();
            // Sometimes several portions wait.
            if index % 3 == 0 {
                filled += server.read(&mut got[filled..]).unwrap_or_default();
            }
        }
        while filled < got.len() {
            filled += server.read(&mut got[filled..]).unwrap();
        }
        assert!(got == data, "{portion}");
    }
}

#[test]
fn only_memory_transports_take_input_and_give_output() {
    let (client, _server) = piped_pair();
    let words = "does not run in memory";
    assert_fails(client.feed(b"x"), Status::State, words);
    assert_fails(client.drain(&mut [0; 9]), Status::State, words);
    assert_fails(client.drain_borrowed(<[u8]>::len), Status::State, words);
    assert_fails(client.undrained(), Status::State, words);
}

// Pipes.

type Pipes = PipeTransport<PipeReader, PipeWriter>;

fn pipes() -> [Pipes; 2] {
    let (from_server, to_client) = pipe().unwrap();
    let (from_client, to_server) = pipe().unwrap();
    [
        PipeTransport::new(from_server, to_server),
        PipeTransport::new(from_client, to_client),
    ]
}

fn piped_pair() -> (Connection, Connection) {
    let [near, far] = pipes();
    let client = Connection::client(&client_context(), Some("localhost"), near).unwrap();
    let server = Connection::server(&server_context(localhost()), far).unwrap();
    (client, server)
}

#[test]
fn pipes_transfer_much_both_ways_with_and_without_timeouts() {
    for timeout in [Timeout::Descriptor, TEST_TIMEOUT] {
        let (client, server) = piped_pair();
        client.set_timeout(timeout);
        server.set_timeout(timeout);
        let (ours, theirs) = run_handshake(&client, &server);
        ours.and(theirs).unwrap();
        move_much(&client, &server);
    }
}

#[test]
fn pipe_transport_waits_for_its_timeout() {
    let (client, server) = piped_pair();
    let (ours, theirs) = run_handshake(&client, &server);
    ours.and(theirs).unwrap();
    transfer(&server, &client, b"tickets");
    let short = Timeout::After(std::time::Duration::from_millis(20));
    client.set_timeout(short);
    assert_fails(client.read(&mut [0; 1]), Status::Timeout, "sent nothing");
    client.set_timeout(Timeout::Never);
    assert_fails(client.read(&mut [0; 1]), Status::WantRead, "");
    let error = loop {
        if let Err(error) = client.write(&[1; 100_000]) {
            break error;
        }
    };
    assert_eq!(error.status(), Status::WantWrite, "{error}");
    client.set_timeout(short);
    assert_fails(client.write(b"x"), Status::Timeout, "did not take");
}

#[test]
fn pipe_without_a_writer_is_truncation() {
    let (client, server) = piped_pair();
    let (ours, theirs) = run_handshake(&client, &server);
    ours.and(theirs).unwrap();
    server.write(b"half").unwrap();
    drop(server);
    let mut buffer = [0; 100];
    assert_eq!(client.read(&mut buffer).unwrap(), 4);
    assert_fails(client.read(&mut buffer), Status::Truncated, "close_notify");
}

/// Runs one of the tests below in a process of its own.
fn in_a_process(name: &str) -> (ExitStatus, String) {
    let out = child(name).output().unwrap();
    (
        out.status,
        String::from_utf8_lossy(&out.stdout).into_owned(),
    )
}

#[test]
fn pipe_without_a_reader_is_an_error_and_no_signal() {
    const SIGPIPE: i32 = 13;
    let (status, words) = in_a_process("transports::child_writes_to_a_closed_pipe");
    assert!(
        status.success() && words.contains("1 passed"),
        "{status}: {words}"
    );
    // The same without the library is the end of the process.
    let (status, words) = in_a_process("transports::child_is_ended_by_a_signal");
    assert_eq!(status.signal(), Some(SIGPIPE), "{words}");
}

/// As in a program that is not written in Rust.
fn let_sigpipe_kill() {
    use nix::sys::signal::{SigHandler, Signal, signal};
    // SAFETY: no handler is installed, so none can do what it may not.
    unsafe { signal(Signal::SIGPIPE, SigHandler::SigDfl) }.unwrap();
}

#[test]
fn child_writes_to_a_closed_pipe() {
    if !is_child() {
        return;
    }
    let_sigpipe_kill();
    for timeout in [Timeout::Descriptor, Timeout::Never, TEST_TIMEOUT] {
        let (client, server) = piped_pair();
        let (ours, theirs) = run_handshake(&client, &server);
        ours.and(theirs).unwrap();
        client.set_timeout(timeout);
        drop(server);
        for _ in 0..2 {
            let error = client.write(b"to nobody").unwrap_err();
            assert_eq!(error.status(), Status::Io, "{error}");
            assert_eq!(error.os_error(), Some(32), "{error}");
        }
    }
}

#[test]
fn child_is_ended_by_a_signal() {
    if !is_child() {
        return;
    }
    let_sigpipe_kill();
    let (reader, writer) = pipe().unwrap();
    drop(reader);
    let _ = rustix::io::write(&writer, b"to nobody");
    unreachable!("the signal came");
}

// A connection inside a connection.

/// Carries a connection through another one.
struct Tunnel(Connection);

impl Transport for Tunnel {
    fn receive(&self, buffer: &mut [u8], patience: WaitMode) -> Result<usize> {
        if matches!(patience, WaitMode::Never) && self.0.pending() == 0 {
            return Err(Status::WantRead.into());
        }
        self.0.read(buffer)
    }

    fn send(&self, data: &[u8], _wait: WaitMode) -> Result<usize> {
        self.0.write(data)
    }
}

#[test]
fn tls_inside_tls_transfers_much_for_another_name() {
    let secret = issue(&["secret.example"], &with_key(tlsmith::KeyType::EcdsaP384));
    for version in BOTH_VERSIONS {
        let (near, far) = open_pair();
        let client = only(client_context(), version);
        let name = Some("secret.example");
        let client = Connection::client(&client, name, Tunnel(near)).unwrap();
        let server = Connection::server(&server_context(&secret), Tunnel(far)).unwrap();
        let (ours, theirs) = run_handshake(&client, &server);
        ours.and(theirs).unwrap();
        assert_eq!(client.peer_chain(), secret.chain());
        assert_eq!(client.agreed().unwrap().version, version);
        assert_eq!(server.server_name(), Some("secret.example"));
        move_much(&client, &server);
    }
}

#[test]
fn end_of_the_outer_connection_truncates_the_inner_one() {
    let (near, far) = open_pair();
    let client = Connection::client(&client_context(), Some("localhost"), Tunnel(near)).unwrap();
    let server = Connection::server(&server_context(localhost()), Tunnel(far)).unwrap();
    let (ours, theirs) = run_handshake(&client, &server);
    ours.and(theirs).unwrap();
    server.write(b"half").unwrap();
    drop(server);
    let mut buffer = [0; 100];
    assert_eq!(client.read(&mut buffer).unwrap(), 4);
    assert_fails(client.read(&mut buffer), Status::Truncated, "close_notify");
}

#[test]
fn connection_returns_the_error_of_its_transport() {
    struct Broken;
    impl Transport for Broken {
        fn receive(&self, _: &mut [u8], _: WaitMode) -> Result<usize> {
            Err(tlsmith::Error::new(Status::Unsupported, "no radio here"))
        }
        fn send(&self, data: &[u8], _: WaitMode) -> Result<usize> {
            Ok(data.len())
        }
    }
    let context = only(client_context(), Version::Tls13);
    let client = Connection::client(&context, Some("localhost"), Broken).unwrap();
    assert_fails(client.handshake(), Status::Unsupported, "no radio here");
}

// Carrying on without reading.

#[test]
fn progress_reports_input_before_it_is_read() {
    let sides = memory_pair(&client_context(), &server_context(localhost()));
    let [client, server] = &sides;
    while client.is_handshaking() || server.is_handshaking() {
        client.process();
        ferry(client, server);
        server.process();
        ferry(server, client);
    }
    client.process();
    assert_eq!(client.tickets().len(), 2, "they came after the handshake");
    assert_eq!((client.pending(), client.events().read), (0, true));
    assert_eq!(server.write(b"hello").unwrap(), 5);
    ferry(server, client);
    assert_eq!(client.pending(), 5);
    server.shutdown().unwrap();
    ferry(server, client);
    client.feed(b"plain").unwrap();
    client.process();
    assert!(!client.peer_closed(), "what came before is read first");
    let mut buffer = [0; 10];
    assert_eq!(client.read(&mut buffer).unwrap(), 5);
    client.process();
    assert!(client.peer_closed() && !client.events().read);
    client.feed(b" text").unwrap();
    client.process();
    assert_eq!(client.leftover(), b"plain text");
    client.feed(&[]).unwrap();
    client.process();
    assert_eq!(client.read(&mut buffer).unwrap(), 0);
}

#[test]
fn error_in_progress_is_returned_by_the_next_call() {
    let sides = memory_pair(&client_context(), &server_context(localhost()));
    shake_in_memory(&sides);
    let [client, server] = &sides;
    server.write(b"good").unwrap();
    ferry(server, client);
    server.write(b"bad").unwrap();
    let mut record = vec![0; server.undrained().unwrap()];
    server.drain(&mut record).unwrap();
    *record.last_mut().unwrap() ^= 1;
    client.feed(&record).unwrap();
    client.process();
    assert_eq!(client.pending(), 4);
    let mut buffer = [0; 4];
    assert_eq!(client.read(&mut buffer).unwrap(), 4);
    client.process();
    assert!(
        !client.events().read && client.undrained().unwrap() > 0,
        "its alert is there"
    );
    assert_eq!(
        client.read(&mut buffer).unwrap_err().status(),
        Status::Protocol
    );
    ferry(client, server);
    server.process();
    assert_eq!(server.write(b"x").unwrap_err().alert(), Some(20));
}

#[test]
fn transport_end_ends_the_wait() {
    let sides = memory_pair(&client_context(), &server_context(localhost()));
    shake_in_memory(&sides);
    let [client, _] = &sides;
    client.process();
    assert!(client.events().read);
    client.feed(&[]).unwrap();
    client.process();
    assert!(!client.events().read);
    let error = client.read(&mut [0; 1]).unwrap_err();
    assert_eq!(error.status(), Status::Truncated);
}
