//! When a session can no longer be resumed.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tlsmith::{CertOptions, ClientAuth, Context, Status, Version};

use support::*;

const KEY: [u8; 32] = *b"an example of a key for tickets.";

/// A time that tests can move.
#[derive(Clone)]
struct Time(Arc<AtomicI64>);

impl Time {
    fn now() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        Self(Arc::new(AtomicI64::new(since.as_secs() as i64)))
    }

    fn pass(&self, seconds: i64) {
        self.0.fetch_add(seconds, Ordering::Relaxed);
    }

    fn clock(&self, context: &Context) {
        let time = self.0.clone();
        context
            .set_clock(Arc::new(move || time.load(Ordering::Relaxed)))
            .unwrap();
    }
}

/// The ways in which a server has its sessions kept: tickets under its own keys, tickets
/// under shared keys, and sessions that it keeps itself.
const KEEPERS: [fn(&Context); 3] = [
    |_| {},
    |server| server.add_ticket_key(&KEY).unwrap(),
    |server| server.set_early_data(1).unwrap(),
];

fn resumes(client: &Context, server: &Context) -> bool {
    let (client, _) = connected_pair(client, server, "localhost");
    client.agreed().unwrap().resumed
}

#[test]
fn session_expires_after_two_hours_even_if_resumed() {
    for version in BOTH_VERSIONS {
        for keep in KEEPERS {
            let time = Time::now();
            let client = only(client_context(), version);
            let server = server_with(|server| {
                time.clock(server);
                keep(server);
            });
            assert!(!resumes(&client, &server));
            time.pass(7_100);
            assert!(resumes(&client, &server));
            time.pass(200);
            assert!(!resumes(&client, &server), "{version:?}");
            assert!(resumes(&client, &server));
        }
    }
}

#[test]
fn session_expires_with_the_client_certificate() {
    for version in BOTH_VERSIONS {
        for keep in KEEPERS {
            let time = Time::now();
            let user = issue(
                &["alice@example.org"],
                &CertOptions {
                    not_before: Some(time.0.load(Ordering::Relaxed) - 60),
                    lifetime: Some(Duration::from_secs(660)),
                    ..CertOptions::default()
                },
            );
            let client = only(client_context(), version);
            client.use_identity(&user).unwrap();
            let server = server_with(|server| {
                time.clock(server);
                keep(server);
                server.add_root(ca().certificate()).unwrap();
                server.set_client_auth(ClientAuth::Required).unwrap();
            });
            assert!(!resumes(&client, &server));
            time.pass(500);
            assert!(resumes(&client, &server));
            time.pass(200);
            let (ours, theirs) = pair(&client, &server, "localhost");
            let (_, outcome) = run_handshake(&ours, &theirs);
            assert_fails(outcome, Status::CertificateExpired, "expired");
        }
    }
}

#[test]
fn server_rejects_ticket_from_the_future() {
    let time = Time::now();
    let server = |ahead: i64| {
        let time = time.clone();
        let time = Time(Arc::new(AtomicI64::new(
            time.0.load(Ordering::Relaxed) + ahead,
        )));
        server_with(|server| {
            time.clock(server);
            server.add_ticket_key(&KEY).unwrap();
        })
    };
    for version in [Version::Tls12, Version::Tls13] {
        let client = only(client_context(), version);
        assert!(!resumes(&client, &server(250)));
        // Clocks of servers that share tickets are allowed to differ a little.
        assert!(resumes(&client, &server(0)));
        assert!(!resumes(&client, &server(-3_600)));
    }
}
