//! Connections and contexts that threads share.

use std::os::unix::net::UnixStream;
use std::sync::mpsc;
use std::thread;

use tlsmith::{Connection, SocketTransport, Status, Transport, WaitMode};

use support::*;

/// A transport that signals when a call waits for it.
struct Announcing {
    inner: SocketTransport<UnixStream>,
    waits: mpsc::Sender<()>,
}

impl Transport for Announcing {
    fn receive(&self, buffer: &mut [u8], patience: WaitMode) -> tlsmith::Result<usize> {
        match self.inner.receive(buffer, WaitMode::Never) {
            Err(error) if error.is_want() => {
                let _ = self.waits.send(());
                self.inner.receive(buffer, patience)
            }
            outcome => outcome,
        }
    }

    fn send(&self, data: &[u8], patience: WaitMode) -> tlsmith::Result<usize> {
        self.inner.send(data, patience)
    }
}

#[test]
fn second_reader_fails_while_a_writer_continues() {
    let (near, far) = UnixStream::pair().unwrap();
    let (waits, waiting) = mpsc::channel();
    let inner = transport(near);
    let client = Connection::client(
        &client_context(),
        Some("localhost"),
        Announcing { inner, waits },
    )
    .unwrap();
    let server = Connection::server(&server_context(localhost()), transport(far)).unwrap();
    client.set_timeout(TEST_TIMEOUT);
    run_handshake(&client, &server).0.unwrap();
    while waiting.try_recv().is_ok() {}
    thread::scope(|scope| {
        let reader = scope.spawn(|| client.read(&mut [0; 10]));
        waiting.recv().unwrap();
        let refused = client.read(&mut [0; 1]);
        client.write(b"ping").unwrap();
        server.read(&mut [0; 10]).unwrap();
        server.write(b"pong!").unwrap();
        assert_eq!(reader.join().unwrap().unwrap(), 5);
        assert_fails(refused, Status::State, "another thread reads");
    });
}

#[test]
fn one_context_serves_many_threads() {
    let (client, server) = (client_context(), server_context(localhost()));
    thread::scope(|scope| {
        for number in 0..64_u8 {
            let (client, server) = (&client, &server);
            scope.spawn(move || {
                let (client, server) = pair(client, server, "localhost");
                run_handshake(&client, &server).0.unwrap();
                client.write(&[number; 10_000]).unwrap();
                client.shutdown().unwrap();
                assert!(read_all(&server).unwrap() == [number; 10_000]);
            });
        }
    });
}
