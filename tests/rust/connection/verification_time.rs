//! The time at which certificates are verified.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use support::*;
use tlsmith::{CertOptions, ClientAuth, Now, Status};

pub(crate) const DAY: i64 = 86_400;

#[test]
fn client_verifies_servers_at_the_time_of_its_clock() {
    let time = Arc::new(AtomicI64::new(0));
    let told = time.clone();
    let clock: Now = Arc::new(move || told.load(Ordering::SeqCst));
    let client = client_context();
    client.set_clock(clock).unwrap();
    client.set_resumption(0).unwrap();
    let server = server_context(localhost());
    for (at, expected) in [
        (now(), None),
        (now() + 400 * DAY, Some(Status::CertificateExpired)),
        (now() - 2 * DAY, Some(Status::CertificateNotYetValid)),
        (now() + 396 * DAY, None),
        (0, Some(Status::CertificateNotYetValid)),
        (i64::MIN, Some(Status::CertificateNotYetValid)),
        (i64::MAX, Some(Status::CertificateExpired)),
    ] {
        time.store(at, Ordering::SeqCst);
        assert_eq!(client_status(&client, &server), expected, "{at}");
    }
    time.store(now() + 400 * DAY, Ordering::SeqCst);
    let chain = localhost().chain();
    let error = client.verify(chain, None, None, None).unwrap_err();
    assert_eq!(error.status(), Status::CertificateExpired);
    client.verify(chain, None, None, Some(now())).unwrap();
}

#[test]
fn server_verifies_clients_at_the_time_of_its_clock() {
    let late: Now = Arc::new(|| now() + 400 * DAY);
    let server = server_with(|server| {
        server.add_root(ca().certificate()).unwrap();
        server.set_client_auth(ClientAuth::Required).unwrap();
        server.set_clock(late).unwrap();
    });
    let client = client_context();
    client
        .use_identity(&issue(&["alice@example.org"], &CertOptions::default()))
        .unwrap();
    let (client, server) = pair(&client, &server, "localhost");
    let (_, theirs) = run_handshake(&client, &server);
    assert_eq!(theirs.unwrap_err().status(), Status::CertificateExpired);
}
