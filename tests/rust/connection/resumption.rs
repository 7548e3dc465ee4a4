//! Session resumption.

use std::os::unix::net::UnixStream;
use std::sync::Arc;

use tlsmith::{
    CertOptions, ClientAuth, Connection, ConnectionOptions, Context, CrlOptions, Error, Identity,
    Session, Status, Usage, VerifyCallback, Version, gen_ca, gen_crl,
};

use support::*;

#[test]
fn second_connection_of_a_context_resumes_the_session() {
    let (client, server) = (client_context(), server_context(localhost()));
    let resumed: Vec<_> = (0..2)
        .map(|_| {
            let (client, server) = pair(&client, &server, "localhost");
            run_handshake(&client, &server).0.unwrap();
            server.write(b"!").unwrap();
            client.read(&mut [0; 1]).unwrap();
            client.agreed().unwrap().resumed
        })
        .collect();
    assert_eq!(resumed, [false, true]);
}

fn resumes(client: &Context, server: &Context) -> bool {
    let (client, server) = connected_pair(client, server, "localhost");
    let resumed = client.agreed().unwrap().resumed;
    assert_eq!(server.agreed().unwrap().resumed, resumed);
    resumed
}

fn client_of(version: Version) -> Context {
    only(client_context(), version)
}

fn user() -> Identity {
    issue(&["alice@example.org"], &CertOptions::default())
}

const KEY: [u8; 32] = *b"an example of a key for tickets.";
const OTHER_KEY: [u8; 32] = *b"another example of such a key...";

#[test]
fn both_versions_resume_and_keep_the_peer_chains() {
    for version in BOTH_VERSIONS {
        let client = client_of(version);
        client.use_identity(&user()).unwrap();
        let server = server_with(|server| {
            server.add_root(ca().certificate()).unwrap();
            server.set_client_auth(ClientAuth::Required).unwrap();
        });
        assert!(!resumes(&client, &server));
        let (ours, theirs) = connected_pair(&client, &server, "localhost");
        assert!(ours.agreed().unwrap().resumed);
        assert_eq!(
            ours.agreed().unwrap().group.is_none(),
            version == Version::Tls12
        );
        assert_eq!(ours.agreed().unwrap().signature_scheme, None);
        assert_eq!(ours.peer_chain(), localhost().chain());
        assert_eq!(theirs.peer_chain()[0].subject(), "CN=alice@example.org");
        assert!(theirs.verified_chain().is_empty());
        assert_eq!(theirs.server_name(), Some("localhost"));
    }
}

#[test]
fn client_resumes_sessions_of_its_context_and_name_only() {
    let server = server_context(localhost());
    let client = client_context();
    assert!(!resumes(&client, &server));
    assert!(!resumes(&client_context(), &server));
    let (other, _) = connected_pair(&client, &server, "127.0.0.1");
    assert!(!other.agreed().unwrap().resumed);
    assert!(resumes(&client, &server));
}

#[test]
fn either_side_can_disable_resumption() {
    for version in BOTH_VERSIONS {
        for (clients, servers) in [(Some(0), None), (None, Some(0))] {
            let client = client_of(version);
            let server = server_context(localhost());
            if let Some(count) = clients {
                client.set_resumption(count).unwrap();
            }
            if let Some(count) = servers {
                server.set_resumption(count).unwrap();
            }
            for _ in 0..2 {
                assert!(!resumes(&client, &server));
            }
        }
    }
}

#[test]
fn server_sends_the_configured_number_of_tickets() {
    for count in [0, 1, 2, 16] {
        let server = server_with(|server| server.set_tickets(count).unwrap());
        let client = client_context();
        let (ours, _) = connected_pair(&client, &server, "localhost");
        assert_eq!(ours.tickets().len(), count);
        assert_eq!(resumes(&client, &server), count > 0);
    }
    let (ours, theirs) =
        connected_pair(&client_context(), &server_context(localhost()), "localhost");
    assert_eq!(ours.tickets().len(), 2);
    // Seven days are the most that is allowed (RFC 8446, section 4.6.1).
    assert!(
        ours.tickets()
            .iter()
            .all(|seconds| (1..=604_800).contains(seconds))
    );
    assert!(theirs.tickets().is_empty());
    assert_fails(
        server_context(localhost()).set_tickets(17),
        Status::Argument,
        "17",
    );

    let shared = server_with(|server| server.add_ticket_key(&KEY).unwrap());
    let (ours, _) = connected_pair(&client_context(), &shared, "localhost");
    assert_eq!(ours.tickets(), [7_200, 7_200]);
}

#[test]
fn server_without_tickets_stores_tls_1_2_sessions() {
    let server = server_with(|server| server.set_tickets(0).unwrap());
    let client = client_of(Version::Tls12);
    assert!(!resumes(&client, &server));
    assert!(resumes(&client, &server));
}

#[test]
fn client_without_tickets_resumes_only_tls_1_2_session_ids() {
    let client = client_of(Version::Tls12);
    client.set_tickets(0).unwrap();
    let server = server_context(localhost());
    let (ours, _) = connected_pair(&client, &server, "localhost");
    assert!(ours.tickets().is_empty());
    // It asks for no ticket, so the server keeps the session and sends its number.
    assert!(resumes(&client, &server));
    let restarted = server_with(|server| server.add_ticket_key(&KEY).unwrap());
    assert!(!resumes(&client, &restarted));
    assert!(!resumes(
        &client,
        &server_with(|server| server.add_ticket_key(&KEY).unwrap())
    ));
    // In TLS 1.3 there is nothing but tickets.
    let client = client_context();
    client.set_tickets(0).unwrap();
    assert!(!resumes(&client, &server));
    assert!(resumes(&client, &server));
}

#[test]
fn servers_with_a_common_ticket_key_resume_each_others_sessions() {
    for version in BOTH_VERSIONS {
        let with = |keys: &[[u8; 32]]| {
            server_with(|server| {
                for key in keys {
                    server.add_ticket_key(key).unwrap();
                }
            })
        };
        let client = client_of(version);
        assert!(!resumes(&client, &with(&[KEY])));
        // As after a restart: nothing but the key is the same.
        assert!(resumes(&client, &with(&[KEY])));
        // The key is rotated: the new one seals, the old one opens.
        assert!(resumes(&client, &with(&[OTHER_KEY, KEY])));
        if version == Version::Tls12 {
            // A resumed session of TLS 1.2 may keep its ticket.
            assert!(resumes(&client, &with(&[OTHER_KEY, KEY])));
        }
        let fresh = client_of(version);
        assert!(!resumes(&fresh, &with(&[OTHER_KEY, KEY])));
        assert!(resumes(&fresh, &with(&[OTHER_KEY])));

        let stranger = client_of(version);
        assert!(!resumes(&stranger, &with(&[KEY])));
        assert!(!resumes(&stranger, &with(&[OTHER_KEY])));
        assert!(!resumes(&stranger, &server_context(localhost())));
    }
}

#[test]
fn server_rejects_invalid_ticket_keys() {
    for key in [&KEY[..31], &[KEY, KEY].concat(), &[], &[0; 32]] {
        let server = server_context(localhost());
        assert_fails(server.add_ticket_key(key), Status::Argument, "a ticket key");
    }
}

#[test]
fn servers_that_share_sessions_resume_each_others() {
    for version in BOTH_VERSIONS {
        let first = server_context(localhost());
        let second = server_with(|server| server.share_sessions(&first).unwrap());
        let third = server_with(|server| server.share_sessions(&first).unwrap());
        let client = client_of(version);
        assert!(!resumes(&client, &first));
        assert!(resumes(&client, &second));
        assert!(resumes(&client, &third));
        assert!(resumes(&client, &first));
        assert!(!resumes(&client, &server_context(localhost())));
    }
    let alone = server_context(localhost());
    assert_fails(
        alone.share_sessions(&alone),
        Status::Argument,
        "with itself",
    );
    let used = server_context(localhost());
    connected_pair(&client_context(), &used, "localhost");
    let late = server_context(localhost());
    assert_fails(late.share_sessions(&used), Status::State, "in use");
}

/// Settings of a server that its clients have to satisfy.
type Demand = fn(&Context);

#[test]
fn server_resumes_no_session_under_another_client_policy() {
    fn optional(server: &Context) {
        server.add_root(ca().certificate()).unwrap();
        server.set_client_auth(ClientAuth::Optional).unwrap();
    }
    fn required(server: &Context) {
        server.add_root(ca().certificate()).unwrap();
        server.set_client_auth(ClientAuth::Required).unwrap();
    }
    fn other_roots(server: &Context) {
        let more = gen_ca(&CertOptions::default()).unwrap();
        server.add_root(more.certificate()).unwrap();
        required(server);
    }
    fn with_crl(server: &Context) {
        let crl = gen_crl(ca(), &[], &CrlOptions::default()).unwrap();
        server.add_crl(&crl).unwrap();
        required(server);
    }
    fn pinned(server: &Context) {
        server.add_pin(ca().certificate().spki_sha256()).unwrap();
        required(server);
    }
    fn judged(server: &Context) {
        server.set_verify_callback(Arc::new(|_| Ok(()))).unwrap();
        required(server);
    }
    fn anybody(server: &Context) {
        server.insecure_no_verify().unwrap();
        required(server);
    }
    let share_key: fn(&Context, &Context) = |one, other| {
        one.add_ticket_key(&KEY).unwrap();
        other.add_ticket_key(&KEY).unwrap();
    };
    let share_store: fn(&Context, &Context) = |one, other| other.share_sessions(one).unwrap();
    let demands: [(Demand, Demand); 9] = [
        (|_| {}, required),
        (|_| {}, optional),
        (optional, required),
        (required, other_roots),
        (required, with_crl),
        (required, pinned),
        (required, judged),
        (anybody, required),
        (anybody, pinned),
    ];
    for version in BOTH_VERSIONS {
        for share in [share_key, share_store] {
            for (index, (first, second)) in demands.into_iter().enumerate() {
                let (one, other) = (server_with(first), server_with(second));
                share(&one, &other);
                let client = client_of(version);
                client.use_identity(&user()).unwrap();
                assert!(!resumes(&client, &one));
                let (_, server) = connected_pair(&client, &other, "localhost");
                assert!(!server.agreed().unwrap().resumed, "{version:?} {index}");
                assert_eq!(server.verified_chain().len(), 2, "{version:?} {index}");
            }
            let (one, other) = (server_with(required), server_with(required));
            share(&one, &other);
            let client = client_of(version);
            client.use_identity(&user()).unwrap();
            assert!(!resumes(&client, &one));
            assert!(resumes(&client, &other));
        }
    }
}

#[test]
fn server_calls_its_own_verify_callback_on_resumption() {
    let judging = |verdict: bool| {
        server_with(|server| {
            server.add_root(ca().certificate()).unwrap();
            server.set_client_auth(ClientAuth::Required).unwrap();
            server.add_ticket_key(&KEY).unwrap();
            let judge: VerifyCallback = Arc::new(move |_| match verdict {
                true => Ok(()),
                false => Err(Error::new(Status::CertificateRefused, "not her")),
            });
            server.set_verify_callback(judge).unwrap();
        })
    };
    for version in BOTH_VERSIONS {
        let client = client_of(version);
        client.use_identity(&user()).unwrap();
        connected_pair(&client, &judging(true), "localhost");
        let (ours, theirs) = pair(&client, &judging(false), "localhost");
        let (_, outcome) = run_handshake(&ours, &theirs);
        assert_fails(outcome, Status::CertificateRefused, "not her");
    }
}

#[test]
fn limited_root_does_not_resume_sessions_of_the_unlimited_root() {
    // The authority again, with the same name and key, for hosts of one domain.
    let limited = gen_ca(&CertOptions {
        key: ca().key().cloned(),
        permitted_names: names(&[".example.com"]),
        ..CertOptions::default()
    });
    let limited = limited.unwrap();
    assert_eq!(
        limited.certificate().subject(),
        ca().certificate().subject()
    );
    let trusting = |root: &Identity| {
        server_with(|server| {
            server.add_root(root.certificate()).unwrap();
            server.set_client_auth(ClientAuth::Required).unwrap();
            server.add_ticket_key(&KEY).unwrap();
        })
    };
    let options = CertOptions {
        usage: Some(Usage {
            server: false,
            client: true,
        }),
        ..CertOptions::default()
    };
    for version in BOTH_VERSIONS {
        let client = client_of(version);
        client
            .use_identity(&issue(&["host.example.org"], &options))
            .unwrap();
        connected_pair(&client, &trusting(ca()), "localhost");
        let (ours, theirs) = pair(&client, &trusting(&limited), "localhost");
        let (_, outcome) = run_handshake(&ours, &theirs);
        let error = outcome.unwrap_err();
        assert_eq!(error.status(), Status::CertificateConstraint, "{error}");
    }
}

#[test]
fn resumed_session_obeys_the_current_policy() {
    let with_key = |set: fn(&Context)| {
        server_with(|server| {
            server.add_ticket_key(&KEY).unwrap();
            set(server);
        })
    };
    let first = with_key(|server| {
        let both = [
            "TLS_AES_256_GCM_SHA384",
            "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
        ];
        server.set_ciphers(&both).unwrap();
    });
    let changed = with_key(|server| {
        let both = [
            "TLS_CHACHA20_POLY1305_SHA256",
            "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
        ];
        server.set_ciphers(&both).unwrap();
    });
    for version in BOTH_VERSIONS {
        let client = client_of(version);
        connected_pair(&client, &first, "localhost");
        let (client, _) = connected_pair(&client, &changed, "localhost");
        assert!(client.agreed().unwrap().cipher.contains("CHACHA20"));
        assert!(!client.agreed().unwrap().resumed);
    }
    let client = client_context();
    let old = with_key(|server| server.set_versions(Version::Tls12, Version::Tls12).unwrap());
    connected_pair(&client, &old, "localhost");
    let new = with_key(|server| server.set_versions(Version::Tls13, Version::Tls13).unwrap());
    let (client, _) = connected_pair(&client, &new, "localhost");
    assert_eq!(client.agreed().unwrap().version, Version::Tls13);
    assert!(!client.agreed().unwrap().resumed);
}

#[test]
fn server_that_caches_its_sessions_rejects_ticket_keys() {
    type Setting = fn(&Context);
    let or_store = "the other setting, or set a session store";
    let or_unshare = "remove the ticket keys, or share no sessions";
    let early_data: Setting = |server| server.set_early_data(1_000).unwrap();
    let no_tickets: Setting = |server| server.set_tickets(0).unwrap();
    let sharing: Setting = |server| server.share_sessions(&Context::new()).unwrap();
    let kept = [
        (early_data, or_store),
        (no_tickets, or_store),
        (sharing, or_unshare),
    ];
    for (keep, advice) in kept {
        let server = server_with(|server| server.add_ticket_key(&KEY).unwrap());
        keep(&server);
        let (near, _far) = UnixStream::pair().unwrap();
        let outcome = Connection::server(&server, transport(near)).map(|_| ());
        assert_fails(outcome, Status::Argument, advice);
    }
}

#[test]
fn setter_rejects_more_sessions_than_memory_holds() {
    let refused = server_context(localhost()).set_resumption(usize::MAX);
    assert_fails(refused, Status::Argument, "1048576");
}

#[test]
fn server_context_in_use_keeps_its_sessions() {
    let running = server_context(localhost());
    connected_pair(&client_context(), &running, "localhost");
    let late = server_context(localhost());
    assert_fails(late.share_sessions(&running), Status::State, "in use");
    connected_pair(&client_context(), &running, "localhost");
    assert!(running.error().is_none());
}

/// Whether a connection in this session is resumed.
fn resumes_in(client: &Context, session: &Session, server: &Context, name: &str) -> bool {
    let (near, far) = UnixStream::pair().unwrap();
    let mut options = ConnectionOptions::new();
    options.set_session(session);
    let ours = Connection::client_with(client, &options, Some(name), transport(near)).unwrap();
    let theirs = Connection::server(server, transport(far)).unwrap();
    ours.set_timeout(TEST_TIMEOUT);
    theirs.set_timeout(TEST_TIMEOUT);
    let (shaken, answered) = run_handshake(&ours, &theirs);
    shaken.unwrap();
    answered.unwrap();
    theirs.write(b"!").unwrap();
    ours.read(&mut [0; 1]).unwrap();
    ours.agreed().unwrap().resumed
}

#[test]
fn session_of_the_application_is_separate_from_the_context_cache() {
    for version in BOTH_VERSIONS {
        let (client, server) = (client_of(version), server_context(localhost()));
        let session = Session::new(&client).unwrap();
        assert_eq!(session.lifetimes(), []);
        assert!(!resumes(&client, &server));
        assert!(!resumes_in(&client, &session, &server, "localhost"));
        let tickets = if version == Version::Tls13 { 2 } else { 1 };
        assert_eq!(session.lifetimes().len(), tickets);
        // More often than there were tickets.
        for _ in 0..4 {
            assert!(resumes_in(&client, &session, &server, "localhost"));
        }
        assert!(session.lifetimes().iter().all(|seconds| *seconds > 3_600));
        assert!(!resumes_in(
            &client,
            &Session::new(&client).unwrap(),
            &server,
            "localhost"
        ));
        assert!(
            !resumes_in(&client, &session, &server, "127.0.0.1"),
            "another server"
        );
        assert!(
            !resumes_in(&client, &session, &server, "localhost"),
            "which took its place"
        );
    }
}

#[test]
fn connection_reports_ticket_lifetimes_after_resumption() {
    let (client, server) = (client_of(Version::Tls13), server_context(localhost()));
    let (first, _server) = connected_pair(&client, &server, "localhost");
    for _ in 0..12 {
        assert!(resumes(&client, &server));
    }
    let lifetimes = first.tickets();
    assert_eq!(lifetimes.len(), 2);
    assert!(lifetimes.iter().all(|seconds| *seconds > 3_600));
}
