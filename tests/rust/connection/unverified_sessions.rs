//! Sessions and early data of clients that a server accepts though they fail verification.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use support::*;
use tlsmith::{ClientAuth, Context, EarlyData, Session, SessionStore, Status};

use crate::unverified_clients::{
    KEY, assert_unverified, assert_verified, client_with, lenient_server, stranger, user,
};

/// A store that no session may come to.
struct Closed;

impl SessionStore for Closed {
    fn put(&self, _key: &[u8], _value: &[u8], _lifetime: Duration) -> bool {
        panic!("the session of an unverified client is stored");
    }

    fn take(&self, _key: &[u8]) -> Option<Vec<u8>> {
        None
    }
}

/// The ways in which a server has its sessions kept: tickets under its own keys, tickets
/// under shared keys, sessions that it keeps itself, and those in a store of the program.
const KEEPERS: [fn(&Context); 5] = [
    |_| {},
    |server| server.add_ticket_key(&KEY).unwrap(),
    |server| server.set_early_data(1_000).unwrap(),
    |server| server.set_tickets(0).unwrap(),
    |server| {
        server.add_ticket_key(&KEY).unwrap();
        server.set_session_store(Arc::new(Closed)).unwrap();
    },
];

#[test]
fn unverified_client_gets_no_session_to_resume() {
    for version in BOTH_VERSIONS {
        for keep in KEEPERS {
            let sessions = Arc::new(Mutex::new(Vec::<Session>::new()));
            let client = only(client_with(stranger()), version);
            let came = sessions.clone();
            client
                .set_session_callback(Arc::new(move |one| came.lock().unwrap().push(one)))
                .unwrap();
            let server = lenient_server(keep);
            for _ in 0..3 {
                let (ours, theirs) = connected_pair(&client, &server, "localhost");
                assert!(!ours.agreed().unwrap().resumed);
                assert!(ours.tickets().is_empty(), "{:?}", ours.tickets());
                assert_unverified(&theirs, Status::CertificateUnknownIssuer, "mallory");
            }
            // In TLS 1.2 the server chooses a session identifier before the client presents
            // its certificate.  It stands for nothing.
            let came = std::mem::take(&mut *sessions.lock().unwrap());
            for session in came {
                let mut options = tlsmith::ConnectionOptions::new();
                options.set_session(&session);
                let (ours, theirs) = pair_with(
                    &client,
                    &options,
                    &server,
                    &tlsmith::ConnectionOptions::new(),
                );
                let (one, other) = run_handshake(&ours, &theirs);
                one.unwrap();
                other.unwrap();
                assert!(!theirs.agreed().unwrap().resumed);
                assert_unverified(&theirs, Status::CertificateUnknownIssuer, "mallory");
            }
        }
    }
}

#[test]
fn session_does_not_pass_between_strict_and_lenient_servers() {
    let share_key: fn(&Context, &Context) = |one, other| {
        one.add_ticket_key(&KEY).unwrap();
        other.add_ticket_key(&KEY).unwrap();
    };
    let share_store: fn(&Context, &Context) = |one, other| other.share_sessions(one).unwrap();
    let strict = || {
        server_with(|server| {
            server.add_root(ca().certificate()).unwrap();
            server.set_client_auth(ClientAuth::Optional).unwrap();
        })
    };
    for version in BOTH_VERSIONS {
        for share in [share_key, share_store] {
            for (one, other) in [
                (strict(), lenient_server(|_| {})),
                (lenient_server(|_| {}), strict()),
            ] {
                share(&one, &other);
                let client = only(client_with(&user()), version);
                let (_, theirs) = connected_pair(&client, &one, "localhost");
                assert!(!theirs.agreed().unwrap().resumed);
                let (_, theirs) = connected_pair(&client, &other, "localhost");
                assert!(!theirs.agreed().unwrap().resumed);
                assert_verified(&theirs);
                assert_eq!(theirs.verified_chain().len(), 2);
            }
        }
    }
}

#[test]
fn server_rejects_early_data_of_an_unverified_client() {
    // Both keep the same sessions, but under other demands.
    let nobody = server_with(|server| {
        server.set_early_data(1_000).unwrap();
        server.set_tickets(1).unwrap();
    });
    let server = lenient_server(|server| server.set_early_data(1_000).unwrap());
    server.share_sessions(&nobody).unwrap();
    let client = client_with(stranger());
    client.set_early_data(1).unwrap();
    connected_pair(&client, &nobody, "localhost");
    let (ours, theirs) = pair(&client, &server, "localhost");
    assert_eq!(ours.write_early(b"GET / ").unwrap(), 6);
    let (one, other) = run_handshake(&ours, &theirs);
    one.unwrap();
    other.unwrap();
    assert_eq!(ours.early_data(), EarlyData::Rejected);
    assert_eq!(theirs.early_data(), EarlyData::None);
    assert_unverified(&theirs, Status::CertificateUnknownIssuer, "mallory");
    transfer(&theirs, &ours, b"no ticket");
    assert!(ours.tickets().is_empty());
    // There is no session to send more with.
    let (ours, theirs) = pair(&client, &server, "localhost");
    assert_eq!(ours.write_early(b"GET / ").unwrap(), 0);
    let (one, other) = run_handshake(&ours, &theirs);
    one.unwrap();
    other.unwrap();
    assert_eq!(ours.early_data(), EarlyData::None);
}
