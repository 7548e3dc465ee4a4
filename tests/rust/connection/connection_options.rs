//! Settings of one connection.

use std::os::unix::net::UnixStream;

use support::*;
use tlsmith::{
    CertOptions, ClientAuth, Connection, ConnectionOptions, Context, Identity, Session, Status,
};

use crate::encrypted_client_hello::ech_list;

fn connected_pair_with(
    client: &Context,
    ours: &ConnectionOptions,
    server: &Context,
    theirs: &ConnectionOptions,
) -> (Connection, Connection) {
    let (client, server) = pair_with(client, ours, server, theirs);
    let (shaken, answered) = run_handshake(&client, &server);
    shaken.unwrap();
    answered.unwrap();
    // The tickets come with it.
    server.write(b"!").unwrap();
    client.read(&mut [0; 1]).unwrap();
    (client, server)
}

#[test]
fn options_override_settings_of_the_context() {
    let other = issue(&["localhost", "other"], &CertOptions::default());
    for version in BOTH_VERSIONS {
        let client = only(client_context(), version);
        client.set_alpn(&["h3"]).unwrap();
        let server = server_context(localhost());
        server.set_alpn(&["h2"]).unwrap();
        let mut ours = ConnectionOptions::new();
        ours.set_alpn(&["imap", "pop3"]).unwrap();
        let mut theirs = ConnectionOptions::new();
        theirs.set_alpn(&["pop3"]).unwrap();
        theirs.set_identity(&other).unwrap();
        for _ in 0..2 {
            let (client, server) = connected_pair_with(&client, &ours, &server, &theirs);
            assert_eq!(client.agreed().unwrap().alpn.as_deref(), Some("pop3"));
            assert_eq!(server.agreed().unwrap().alpn.as_deref(), Some("pop3"));
            assert_eq!(client.peer_chain()[0].names(), ["localhost", "other"]);
        }
    }
}

#[test]
fn server_presents_the_identity_of_the_connection_options() {
    let bare = Context::new();
    let mut options = ConnectionOptions::new();
    options.set_identity(localhost()).unwrap();
    connected_pair_with(
        &client_context(),
        &ConnectionOptions::new(),
        &bare,
        &options,
    );
    let (_, far) = UnixStream::pair().unwrap();
    assert_fails(
        Connection::server(&bare, transport(far)),
        Status::State,
        "needs a certificate",
    );
}

#[test]
fn connection_rejects_session_of_another_context() {
    let session = Session::new(&client_context()).unwrap();
    let mut options = ConnectionOptions::new();
    options.set_session(&session);
    let (near, _) = UnixStream::pair().unwrap();
    let outcome = Connection::client_with(
        &client_context(),
        &options,
        Some("localhost"),
        transport(near),
    );
    assert_fails(outcome, Status::Argument, "from another context");
}

#[test]
fn session_is_resumed_only_under_the_name_it_was_verified_for() {
    let site = issue(&["localhost", "front.example"], &CertOptions::default());
    for version in BOTH_VERSIONS {
        let (client, server) = (only(client_context(), version), server_context(&site));
        let plain = ConnectionOptions::new();
        let mut fronted = ConnectionOptions::new();
        fronted.set_server_name(Some("front.example")).unwrap();
        let resumed = |options| {
            let (client, _) = connected_pair_with(&client, options, &server, &plain);
            client.agreed().unwrap().resumed
        };
        assert!(!resumed(&plain));
        assert!(!resumed(&fronted));
        assert!(resumed(&plain));
        assert!(resumed(&fronted));
        // A name that the certificate does not have is rejected under every session.
        let (near, far) = UnixStream::pair().unwrap();
        let ours =
            Connection::client_with(&client, &fronted, Some("other.example"), transport(near));
        let (ours, theirs) = (ours.unwrap(), Connection::server(&server, transport(far)));
        let (shaken, _) = run_handshake(&ours, &theirs.unwrap());
        assert_fails(shaken, Status::CertificateNameMismatch, "other.example");
    }
}

#[test]
fn client_verifies_the_public_name_even_if_it_requests_it() {
    let client = client_context();
    client.set_ech(Some(&ech_list("public.example"))).unwrap();
    let mut options = ConnectionOptions::new();
    options.set_server_name(Some("public.example")).unwrap();
    let connect = |names: &[&str]| {
        let server = server_context(&issue(names, &CertOptions::default()));
        let (one, other) = UnixStream::pair().unwrap();
        let name = Some("secret.example");
        let ours = Connection::client_with(&client, &options, name, transport(one)).unwrap();
        let theirs = Connection::server(&server, transport(other)).unwrap();
        ours.set_timeout(TEST_TIMEOUT);
        theirs.set_timeout(TEST_TIMEOUT);
        let error = run_handshake(&ours, &theirs).0.unwrap_err();
        (error, theirs.server_name().map(str::to_owned))
    };
    let (error, name) = connect(&["public.example"]);
    assert!(error.is_ech_rejection(), "{error}");
    assert_eq!(name.as_deref(), Some("public.example"));
    let (error, _) = connect(&["secret.example"]);
    assert!(!error.is_ech_rejection());
    assert!(
        error.to_string().contains("you asked for 'public.example'"),
        "{error}"
    );
}

#[test]
fn client_keeps_the_identities_it_used_last() {
    let client = client_context();
    let server = server_with(|server| {
        server.add_root(ca().certificate()).unwrap();
        server.set_client_auth(ClientAuth::Required).unwrap();
    });
    let users: Vec<_> = (0..18)
        .map(|number| {
            issue(
                &[&format!("user-{number}@example.org")],
                &CertOptions::default(),
            )
        })
        .collect();
    let resumes = |user: &Identity| {
        let mut options = ConnectionOptions::new();
        options.set_identity(user).unwrap();
        let (ours, theirs) = pair_with(&client, &options, &server, &ConnectionOptions::new());
        let (one, other) = run_handshake(&ours, &theirs);
        one.and(other).unwrap();
        transfer(&theirs, &ours, b"tickets");
        assert_eq!(theirs.peer_chain()[0].names(), user.certificate().names());
        ours.agreed().unwrap().resumed
    };
    let (first, others) = users.split_first().unwrap();
    for user in &users[..16] {
        assert!(!resumes(user));
    }
    assert!(resumes(first));
    // The one that was used least recently makes room for a new one.
    assert!(!resumes(&others[15]));
    assert!(resumes(first));
    assert!(!resumes(&others[0]));
    assert!(resumes(first));
    assert!(resumes(&others[15]));
    // A new one gets no session.
    assert!(!resumes(&others[16]));
}
