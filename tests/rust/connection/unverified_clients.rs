//! Clients that a server accepts although their certificates fail verification.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use support::*;
use tlsmith::{
    CertOptions, ClientAuth, Connection, Context, CrlOptions, Error, ExternalSigner, Identity,
    MemoryTransport, Result, Revoked, Status, Timeout, VerifyCallback, gen_ca, gen_crl, issue_cert,
    self_signed,
};

pub(crate) const KEY: [u8; 32] = *b"an example of a key for tickets.";

pub(crate) fn user() -> Identity {
    issue(&["alice@example.org"], &CertOptions::default())
}

fn ca_called(name: &str, options: CertOptions) -> Identity {
    let common_name = Some(name.to_owned());
    gen_ca(&CertOptions {
        common_name,
        ..options
    })
    .unwrap()
}

/// A client identity of a CA that no server here knows.
pub(crate) fn stranger() -> &'static Identity {
    static STRANGER: OnceLock<Identity> = OnceLock::new();
    STRANGER.get_or_init(|| {
        let ca = ca_called("Elsewhere CA", CertOptions::default());
        issue_cert(
            &ca,
            &names(&["mallory@example.org"]),
            &CertOptions::default(),
        )
        .unwrap()
    })
}

/// A server that accepts unverified clients, after more settings.
pub(crate) fn lenient_server(set: impl FnOnce(&Context)) -> Context {
    server_with(|server| {
        server.add_root(ca().certificate()).unwrap();
        server.insecure_allow_unverified_clients().unwrap();
        set(server);
    })
}

pub(crate) fn client_with(identity: &Identity) -> Context {
    let client = client_context();
    client.use_identity(identity).unwrap();
    client
}

#[track_caller]
pub(crate) fn assert_verified(connection: &Connection) {
    assert_eq!(connection.verify_status(), None);
    assert!(connection.verify_error().is_none());
}

#[track_caller]
pub(crate) fn assert_unverified(server: &Connection, status: Status, part: &str) -> Error {
    let error = server.verify_error().unwrap();
    assert_eq!(server.verify_status(), Some(error.status()));
    assert_eq!(error.status(), status, "{error}");
    assert!(error.to_string().contains(part), "{error}");
    assert!(server.verified_chain().is_empty());
    error
}

fn seconds_from_now(seconds: i64) -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(since.as_secs()).unwrap() + seconds
}

/// What issues identities for any time.
fn old_ca() -> &'static Identity {
    static CA: OnceLock<Identity> = OnceLock::new();
    CA.get_or_init(|| ca_called("Old CA", from(-1_000_000, 10_000_000)))
}

/// Valid from then on, for so many seconds.
fn from(seconds: i64, lifetime: u64) -> CertOptions {
    CertOptions {
        not_before: Some(seconds_from_now(seconds)),
        lifetime: Some(Duration::from_secs(lifetime)),
        ..CertOptions::default()
    }
}

type Setting = Box<dyn Fn(&Context)>;

/// Identities that fail, each with the setting that makes it fail and the reason.
fn failing() -> Vec<(Identity, Setting, Status)> {
    let trust =
        || -> Setting { Box::new(|server| server.add_root(old_ca().certificate()).unwrap()) };
    let nothing = || -> Setting { Box::new(|_| {}) };
    let alice = names(&["alice@example.org"]);
    let expired = issue_cert(old_ca(), &alice, &from(-10_000, 100)).unwrap();
    let early = issue_cert(old_ca(), &alice, &from(100_000, 100)).unwrap();
    let revoked = user();
    let list = [Revoked {
        serial: revoked.certificate().serial().to_owned(),
        time: None,
        reason: None,
    }];
    let crl = gen_crl(ca(), &list, &CrlOptions::default()).unwrap();
    let no_crl_of = ca_called("Another CA", CertOptions::default());
    let other_crl = gen_crl(&no_crl_of, &[], &CrlOptions::default()).unwrap();
    let intermediate = issue_cert(
        ca(),
        &[],
        &CertOptions {
            ca: true,
            ..CertOptions::default()
        },
    )
    .unwrap();
    let below = issue_cert(
        &intermediate,
        &names(&["alice@example.org"]),
        &CertOptions::default(),
    )
    .unwrap();
    let alone = self_signed(&names(&["bob@example.org"]), &CertOptions::default()).unwrap();
    vec![
        (
            stranger().clone(),
            nothing(),
            Status::CertificateUnknownIssuer,
        ),
        (alone, nothing(), Status::CertificateUnknownIssuer),
        (expired, trust(), Status::CertificateExpired),
        (early, trust(), Status::CertificateNotYetValid),
        (
            localhost().clone(),
            nothing(),
            Status::CertificateWrongUsage,
        ),
        (
            revoked,
            Box::new(move |server| server.add_crl(&crl).unwrap()),
            Status::CertificateRevoked,
        ),
        (
            user(),
            Box::new(move |server| server.add_crl(&other_crl).unwrap()),
            Status::CertificateUnknownRevocation,
        ),
        (
            below,
            Box::new(|server| server.set_max_depth(0).unwrap()),
            Status::CertificatePathTooLong,
        ),
        (
            user(),
            Box::new(|server| server.set_min_security(192).unwrap()),
            Status::CertificateWeakKey,
        ),
        (
            user(),
            Box::new(|server| {
                server
                    .add_pin(stranger().certificate().spki_sha256())
                    .unwrap()
            }),
            Status::CertificatePinMismatch,
        ),
    ]
}

#[test]
fn server_accepts_unverified_client_and_keeps_the_error() {
    for (identity, set, problem) in failing() {
        for version in BOTH_VERSIONS {
            let client = only(client_with(&identity), version);
            let strict = server_with(|server| {
                server.add_root(ca().certificate()).unwrap();
                server.set_client_auth(ClientAuth::Optional).unwrap();
                set(server);
            });
            let (ours, theirs) = pair(&client, &strict, "localhost");
            let refusal = run_handshake(&ours, &theirs).1.unwrap_err();
            assert_eq!(refusal.status(), problem, "{refusal}");

            let (_ours, theirs) = connected_pair(&client, &lenient_server(&set), "localhost");
            let error = assert_unverified(&theirs, refusal.status(), &refusal.to_string());
            assert_eq!(error.status(), problem);
            assert_eq!(error.chain(), identity.chain());
            assert_eq!(theirs.peer_chain(), identity.chain());
            assert!(theirs.agreed().unwrap().signature_scheme.is_some());
            let line = format!("Verification:        FAILED: {refusal}");
            let report = theirs.report();
            assert!(report.lines().any(|one| one == line), "{line} in {report}");
            assert!(!report.contains("Verified, depth"), "{report}");
        }
    }
}

#[test]
fn server_verifies_a_valid_client_where_verification_is_optional() {
    for version in BOTH_VERSIONS {
        let client = only(client_with(&user()), version);
        let server = lenient_server(|_| {});
        for is_resumed in [false, true] {
            let (ours, theirs) = connected_pair(&client, &server, "localhost");
            assert_eq!(theirs.agreed().unwrap().resumed, is_resumed);
            assert_verified(&ours);
            assert_verified(&theirs);
            assert_eq!(theirs.verified_chain().is_empty(), is_resumed);
            assert_eq!(theirs.peer_chain()[0].subject(), "CN=alice@example.org");
            assert!(!theirs.report().contains("FAILED"));
        }
    }
}

#[test]
fn server_accepts_client_without_certificate_as_unverified() {
    for version in BOTH_VERSIONS {
        let client = only(client_context(), version);
        let server = lenient_server(|_| {});
        for is_resumed in [false, true] {
            let (ours, theirs) = connected_pair(&client, &server, "localhost");
            assert_eq!(ours.certificate_requested(), !is_resumed);
            assert_eq!(theirs.agreed().unwrap().resumed, is_resumed);
            assert_unverified(&theirs, Status::CertificateMissing, "no certificate");
            assert!(theirs.peer_chain().is_empty());
        }
    }
}

#[test]
fn server_can_require_a_certificate_without_verifying_it() {
    for version in BOTH_VERSIONS {
        // In either order.
        let first = lenient_server(|server| {
            server.set_client_auth(ClientAuth::Required).unwrap();
        });
        let last = server_with(|server| {
            server.set_client_auth(ClientAuth::Required).unwrap();
            server.insecure_allow_unverified_clients().unwrap();
        });
        for server in [first, last] {
            let client = only(client_with(stranger()), version);
            let (_, theirs) = connected_pair(&client, &server, "localhost");
            assert_unverified(&theirs, Status::CertificateUnknownIssuer, "mallory");
            let client = only(client_context(), version);
            let (ours, theirs) = pair(&client, &server, "localhost");
            let outcome = run_handshake(&ours, &theirs).1;
            assert_fails(outcome, Status::CertificateMissing, "");
        }
    }
}

#[test]
fn server_without_roots_accepts_unverified_clients() {
    let server = server_with(|server| server.insecure_allow_unverified_clients().unwrap());
    for identity in [stranger(), &user()] {
        let (_, theirs) = connected_pair(&client_with(identity), &server, "localhost");
        assert_unverified(&theirs, Status::CertificateUnknownIssuer, "@example.org");
    }
}

/// Signs with no key at all, in a form that parses.
struct Forger;

impl ExternalSigner for Forger {
    fn sign(&self, _scheme: u16, _message: &[u8]) -> Result<Vec<u8>> {
        Ok(vec![0x30, 6, 2, 1, 1, 2, 1, 1])
    }
}

#[test]
fn server_rejects_client_without_its_private_key() {
    for version in BOTH_VERSIONS {
        for identity in [stranger(), &user()] {
            let forged = Identity::external(identity.chain().to_vec(), Arc::new(Forger)).unwrap();
            let client = only(client_with(&forged), version);
            for server in [
                lenient_server(|_| {}),
                lenient_server(|server| {
                    server.insecure_no_verify().unwrap();
                }),
            ] {
                let (ours, theirs) = pair(&client, &server, "localhost");
                let (_, outcome) = run_handshake(&ours, &theirs);
                let error = outcome.unwrap_err();
                assert_eq!(error.status(), Status::CertificateBadSignature, "{error}");
                assert!(theirs.agreed().is_none() && theirs.verified_chain().is_empty());
                assert_unverified(&theirs, error.status(), "did not sign");
            }
        }
    }
}

#[test]
fn verify_callback_can_reject_an_unverified_client() {
    let judge: VerifyCallback = Arc::new(|case| match case.outcome {
        Err(error) if error.status() == Status::CertificateWrongUsage => Ok(()),
        Err(_) => Err(Error::new(Status::CertificateRefused, "not this one")),
        Ok(_) => Ok(()),
    });
    let server = lenient_server(|server| server.set_verify_callback(judge).unwrap());
    let (_, theirs) = connected_pair(&client_with(localhost()), &server, "localhost");
    assert_unverified(&theirs, Status::CertificateWrongUsage, "serverAuth");
    let (_, theirs) = connected_pair(&client_with(&user()), &server, "localhost");
    assert_verified(&theirs);
    let (ours, theirs) = pair(&client_with(stranger()), &server, "localhost");
    let (one, other) = run_handshake(&ours, &theirs);
    assert_fails(other, Status::CertificateRefused, "not this one");
    let read = one.and_then(|()| ours.read(&mut [0; 1]).map(drop));
    assert_eq!(read.unwrap_err().alert(), Some(49));
}

#[test]
fn selected_context_decides_whether_clients_must_be_verified() {
    let strict = server_with(|server| {
        server.add_root(ca().certificate()).unwrap();
        server.set_client_auth(ClientAuth::Optional).unwrap();
    });
    let lenient = lenient_server(|_| {});
    for version in BOTH_VERSIONS {
        for (first, selected, is_accepted) in
            [(&strict, &lenient, true), (&lenient, &strict, false)]
        {
            let client = only(client_with(stranger()), version);
            let (ours, theirs) = pair(&client, first, "localhost");
            theirs.select(selected.clone().into()).unwrap();
            let (_, outcome) = run_handshake(&ours, &theirs);
            assert_eq!(outcome.is_ok(), is_accepted, "{outcome:?}");
            assert_unverified(&theirs, Status::CertificateUnknownIssuer, "mallory");
        }
    }
}

#[test]
fn context_without_verification_verifies_no_peer() {
    for version in BOTH_VERSIONS {
        let client = only(Context::new(), version);
        client.insecure_no_verify().unwrap();
        client.use_identity(stranger()).unwrap();
        let server = server_with(|server| {
            server.insecure_no_verify().unwrap();
            server.set_client_auth(ClientAuth::Required).unwrap();
        });
        for is_resumed in [false, true] {
            let (ours, theirs) = connected_pair(&client, &server, "localhost");
            assert_eq!(theirs.agreed().unwrap().resumed, is_resumed);
            for side in [&ours, &theirs] {
                assert_unverified(side, Status::Certificate, "insecure_no_verify");
            }
        }
    }
}

#[test]
fn no_peer_is_verified_before_the_handshake_is_complete() {
    let server = Connection::server(&lenient_server(|_| {}), MemoryTransport).unwrap();
    server.set_timeout(Timeout::Never);
    assert_unverified(&server, Status::State, "not complete");
    assert_fails(server.handshake(), Status::WantRead, "");
    assert_unverified(&server, Status::State, "not complete");
}

#[test]
fn setting_must_precede_the_first_connection() {
    let server = lenient_server(|_| {});
    connected_pair(&client_context(), &server, "localhost");
    assert_fails(
        server.insecure_allow_unverified_clients(),
        Status::State,
        "in use",
    );
}
