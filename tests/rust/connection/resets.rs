//! Peers that close or reset the connection.

use std::io;
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};

use tlsmith::{
    ClientAuth, Connection, Error, SocketTransport, Status, Timeout, Transport, WaitMode,
};

use support::*;

#[test]
fn reset_is_an_io_error_with_its_errno() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (far, _) = listener.accept().unwrap();
    let client = Connection::client(
        &client_context(),
        Some("localhost"),
        SocketTransport::new(near).unwrap(),
    );
    let client = client.unwrap();
    let server = Connection::server(
        &server_context(localhost()),
        SocketTransport::new(far).unwrap(),
    );
    let server = server.unwrap();
    run_handshake(&client, &server).0.unwrap();
    // What the server has not read when it closes makes the kernel reset.
    client.write(b"unread").unwrap();
    drop(server);
    let error = loop {
        match client.read(&mut [0; 1]) {
            Ok(count) => assert_ne!(count, 0),
            Err(error) => break error,
        }
    };
    assert_eq!(error.os_error(), Some(104), "{error}");
}

/// A TLS 1.3 client that sends a request and closes before its server sends tickets.
#[test]
fn server_reads_the_request_of_a_client_that_does_not_wait_for_tickets() {
    let (near, far) = UnixStream::pair().unwrap();
    let transport = |socket| SocketTransport::new(socket).unwrap();
    let client = Connection::client(&client_context(), Some("localhost"), transport(near));
    let client = client.unwrap();
    let server = Connection::server(&server_context(localhost()), transport(far)).unwrap();
    client.set_timeout(Timeout::Never);
    server.set_timeout(Timeout::Never);
    while client.handshake().is_err() {
        assert!(server.handshake().unwrap_err().is_want());
    }
    client.write(b"request").unwrap();
    client.shutdown().unwrap();
    drop(client);

    server.handshake().unwrap();
    assert_eq!(read_all(&server).unwrap(), b"request");
    assert_eq!(server.write(b"answer").unwrap_err().os_error(), Some(32));
}

/// A socket whose sends fail with an errno, once there is one.
struct FailingSends {
    socket: SocketTransport<UnixStream>,
    errno: Arc<AtomicI32>,
}

impl Transport for FailingSends {
    fn receive(&self, buffer: &mut [u8], wait: WaitMode) -> tlsmith::Result<usize> {
        self.socket.receive(buffer, wait)
    }

    fn send(&self, data: &[u8], wait: WaitMode) -> tlsmith::Result<usize> {
        match self.errno.load(Ordering::Relaxed) {
            0 => self.socket.send(data, wait),
            errno => Err(Error::io(
                "cannot send",
                io::Error::from_raw_os_error(errno),
            )),
        }
    }
}

#[test]
fn only_a_client_that_has_closed_goes_without_tickets() {
    for (errno, is_closed) in [(32, true), (104, true), (5, false), (105, false)] {
        let (near, far) = UnixStream::pair().unwrap();
        let near = SocketTransport::new(near).unwrap();
        let client = Connection::client(&client_context(), Some("localhost"), near).unwrap();
        let failing = Arc::new(AtomicI32::new(0));
        let transport = FailingSends {
            socket: SocketTransport::new(far).unwrap(),
            errno: failing.clone(),
        };
        let server = Connection::server(&server_context(localhost()), transport).unwrap();
        client.set_timeout(Timeout::Never);
        server.set_timeout(Timeout::Never);
        while client.handshake().is_err() {
            assert!(server.handshake().unwrap_err().is_want());
        }
        failing.store(errno, Ordering::Relaxed);
        let outcome = server.handshake();
        assert_eq!(outcome.is_ok(), is_closed, "{errno}: {outcome:?}");
        if let Err(error) = outcome {
            assert_eq!(error.os_error(), Some(errno));
        }
        assert_eq!(server.write(b"more").unwrap_err().os_error(), Some(errno));
    }
}

/// A client that is done before its server rejects it and resets the connection,
/// with data of the client unread.
fn refused_and_reset() -> Connection {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (far, _) = listener.accept().unwrap();
    let near = SocketTransport::new(near).unwrap();
    let client = Connection::client(&client_context(), Some("localhost"), near).unwrap();
    let demanding = server_with(|server| {
        server.add_root(ca().certificate()).unwrap();
        server.set_client_auth(ClientAuth::Required).unwrap();
    });
    let server = Connection::server(&demanding, SocketTransport::new(far).unwrap()).unwrap();
    let (ours, theirs) = run_handshake(&client, &server);
    ours.unwrap();
    assert_eq!(theirs.unwrap_err().status(), Status::CertificateMissing);
    client.write(b"unread").unwrap();
    client
}

#[test]
fn reader_receives_the_alert_before_a_reset() {
    let error = refused_and_reset().read(&mut [0; 1]).unwrap_err();
    assert_eq!(error.alert(), Some(116), "{error:?}");
}

#[test]
fn writer_receives_the_alert_before_a_reset() {
    let client = refused_and_reset();
    let error = client.write(b"more").unwrap_err();
    assert_eq!(error.alert(), Some(116), "{error:?}");
    // And by who reads later.
    let error = client.read(&mut [0; 1]).unwrap_err();
    assert_eq!(error.alert(), Some(116), "{error:?}");
}
