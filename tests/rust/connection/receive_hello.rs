//! Servers that pause at the ClientHello, and answer it later.

use std::sync::Arc;
use std::thread;

use support::*;
use tlsmith::{CertOptions, Connection, ConnectionOptions, Selection, Status, Timeout};

/// A client, and a server that may not wait.
fn pair_with_impatient_server() -> (Connection, Connection) {
    let options = ConnectionOptions::new();
    let server = server_context(localhost());
    let (client, server) = pair_with(&client_context(), &options, &server, &options);
    server.set_timeout(Timeout::Never);
    (client, server)
}

#[test]
fn server_pauses_at_the_client_hello_until_answered() {
    let other = server_context(&issue(&["localhost", "other"], &CertOptions::default()));
    for version in BOTH_VERSIONS {
        let client = only(client_context(), version);
        let options = ConnectionOptions::new();
        let (client, server) = pair_with(&client, &options, &server_context(localhost()), &options);
        thread::scope(|scope| {
            let ours = scope.spawn(|| client.handshake());
            let hello = server.receive_hello().unwrap();
            assert_eq!(hello.server_name.as_deref(), Some("localhost"));
            assert_eq!(server.receive_hello().unwrap(), hello);
            scope
                .spawn(|| server.select(other.clone().into()).unwrap())
                .join()
                .unwrap();
            server.handshake().unwrap();
            ours.join().unwrap().unwrap();
        });
        assert_eq!(client.peer_chain()[0].names(), ["localhost", "other"]);
        assert_fails(server.receive_hello(), Status::State, "answered already");
        assert_fails(
            server.select(Selection::default()),
            Status::State,
            "answered already",
        );
    }
}

#[test]
fn nonblocking_server_wants_the_rest_of_the_client_hello() {
    let (client, server) = pair_with_impatient_server();
    assert_eq!(
        server.receive_hello().unwrap_err().status(),
        Status::WantRead
    );
    assert_fails(client.receive_hello(), Status::State, "this is a client");
    let (shaken, _) = {
        client.set_timeout(Timeout::Never);
        (client.handshake(), ())
    };
    assert_eq!(shaken.unwrap_err().status(), Status::WantRead);
    server.receive_hello().unwrap();
    server.refuse_hello(112).unwrap();
    let error = client.handshake().unwrap_err();
    assert_eq!((error.status(), error.alert()), (Status::Alert, Some(112)));
    assert_fails(server.handshake(), Status::NoCommon, "refused the client");
}

#[test]
fn paused_server_calls_no_callback() {
    let server = server_context(localhost());
    server
        .set_hello_callback(Arc::new(|_| {
            panic!("the program inspects the ClientHello itself")
        }))
        .unwrap();
    let options = ConnectionOptions::new();
    let (client, server) = pair_with(&client_context(), &options, &server, &options);
    thread::scope(|scope| {
        let ours = scope.spawn(|| client.handshake());
        server.receive_hello().unwrap();
        server.handshake().unwrap();
        ours.join().unwrap().unwrap();
    });
}

#[test]
fn progress_does_not_continue_a_paused_server() {
    let (client, server) = pair_with_impatient_server();
    client.set_timeout(Timeout::Never);
    let pending = server.receive_hello().unwrap_err();
    assert_eq!(pending.status(), Status::WantRead);
    client.process();
    for _ in 0..2 {
        server.process();
        assert!(server.receive_hello().is_ok());
        server.select(Selection::default()).unwrap();
    }
    assert_eq!(server.handshake().unwrap_err().status(), Status::WantRead);
    client.handshake().unwrap();
    server.handshake().unwrap();
}

#[test]
fn selection_keeps_what_it_does_not_set() {
    let other = issue(&["localhost", "other"], &CertOptions::default());
    let client = client_context();
    client.set_alpn(&["imap", "h2"]).unwrap();
    let mut theirs = ConnectionOptions::new();
    theirs.set_alpn(&["imap"]).unwrap();
    let server = server_context(localhost());
    server.set_alpn(&["h2"]).unwrap();
    let (client, server) = pair_with(&client, &ConnectionOptions::new(), &server, &theirs);
    thread::scope(|scope| {
        let ours = scope.spawn(|| client.handshake());
        server.receive_hello().unwrap();
        let mut identity = ConnectionOptions::new();
        identity.set_identity(&other).unwrap();
        for options in [identity, ConnectionOptions::new()] {
            let selection = Selection {
                options: Some(options),
                ..Selection::default()
            };
            server.select(selection).unwrap();
        }
        server.handshake().unwrap();
        ours.join().unwrap().unwrap();
    });
    assert_eq!(client.peer_chain()[0].names(), ["localhost", "other"]);
    assert_eq!(client.agreed().unwrap().alpn.as_deref(), Some("imap"));
}

#[test]
fn server_cannot_reject_a_client_with_close_notify() {
    let options = ConnectionOptions::new();
    let (client, server) = pair_with(
        &client_context(),
        &options,
        &server_context(localhost()),
        &options,
    );
    thread::scope(|scope| {
        let ours = scope.spawn(|| client.handshake());
        server.receive_hello().unwrap();
        assert_fails(server.refuse_hello(0), Status::Argument, "close_notify");
        server.handshake().unwrap();
        ours.join().unwrap().unwrap();
    });
}
