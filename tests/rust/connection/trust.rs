//! What decides whether a peer is accepted.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tlsmith::{
    CertOptions, ClientAuth, Connection, Context, CrlOptions, Error, Identity, Result, Revoked,
    Status, VerifyCallback, gen_ca, gen_crl, self_signed,
};

use support::*;

#[test]
fn insecure_switches_do_what_they_say_and_no_more() {
    let site = issue(&["a.example"], &CertOptions::default());
    let server = server_context(&site);
    let stranger = server_context(&self_signed(&names(&["x"]), &CertOptions::default()).unwrap());

    let no_name = client_context();
    no_name.insecure_no_name().unwrap();
    let (client, peer) = pair(&no_name, &server, "b.example");
    shake_hands(&client, &peer).0.unwrap();
    let (client, peer) = pair(&no_name, &stranger, "b.example");
    assert_eq!(
        shake_hands(&client, &peer).0.unwrap_err().status(),
        Status::CertificateUnknownIssuer
    );

    let no_verify = Context::new();
    no_verify.insecure_no_verify().unwrap();
    let (client, peer) = pair(&no_verify, &stranger, "b.example");
    shake_hands(&client, &peer).0.unwrap();
    assert_eq!(client.peer_chain().len(), 1);
    assert!(client.verified_chain().is_empty());
}

#[test]
fn a_common_name_counts_only_where_it_is_allowed() {
    // What `openssl req` makes by default: a common name and nothing else.
    let folder = tempfile::TempDir::new().unwrap();
    let at = |name: &str| folder.path().join(name);
    let no_ca = "basicConstraints=critical,CA:FALSE";
    openssl_self_signed(folder.path(), "localhost", NEW_P256, &[no_ca]);
    let server = Context::new();
    server
        .use_cert(&at("localhost.pem"), Some(&at("localhost.key")))
        .unwrap();
    let trusting = || {
        let context = Context::new();
        context.add_roots(&at("localhost.pem")).unwrap();
        context
    };

    let (client, peer) = pair(&trusting(), &server, "localhost");
    assert_fails(
        shake_hands(&client, &peer).0,
        Status::CertificateNameMismatch,
        "subjectAltName",
    );
    let allowing = trusting();
    allowing.allow_common_name().unwrap();
    let (client, peer) = pair(&allowing, &server, "LOCALHOST");
    shake_hands(&client, &peer).0.unwrap();
    let (client, peer) = pair(&allowing, &server, "other.example");
    assert_eq!(
        shake_hands(&client, &peer).0.unwrap_err().status(),
        Status::CertificateNameMismatch
    );
}

#[test]
fn roots_come_from_a_folder_too() {
    let folder = tempfile::TempDir::new().unwrap();
    let context = Context::new();
    assert_fails(context.add_roots(folder.path()), Status::Parse, "no file");
    std::fs::write(folder.path().join("README"), "not a certificate").unwrap();
    std::fs::write(folder.path().join("ca.pem"), ca().cert_pem()).unwrap();
    let context = Context::new();
    context.add_roots(folder.path()).unwrap();
    let (client, server) = pair(&context, &server_context(localhost()), "localhost");
    shake_hands(&client, &server).0.unwrap();
}

#[test]
fn the_system_and_the_bundled_roots_do_not_trust_a_stranger() {
    let bundled = Context::new();
    bundled.add_bundled_roots().unwrap();
    for context in [Context::new(), bundled] {
        let (client, server) = pair(&context, &server_context(localhost()), "localhost");
        let outcome = shake_hands(&client, &server).0;
        assert_eq!(
            outcome.unwrap_err().status(),
            Status::CertificateUnknownIssuer
        );
    }
}

// Pins.

/// A client of `localhost` after some settings, and how it gets on with a server.
fn trusting(server: &Context, set: impl FnOnce(&Context)) -> Result<Connection> {
    let client = client_context();
    set(&client);
    let (client, server) = pair(&client, server, "localhost");
    shake_hands(&client, &server).0.map(|()| client)
}

fn with_colons(hex: &str) -> String {
    let pairs = hex
        .as_bytes()
        .chunks(2)
        .map(|pair| std::str::from_utf8(pair).unwrap());
    pairs.collect::<Vec<_>>().join(":").to_uppercase()
}

#[test]
fn a_pinned_key_has_to_be_in_the_path() {
    let server = server_context(localhost());
    let stranger = gen_ca(&CertOptions::default()).unwrap();
    let [leaf, root, other] =
        [localhost(), ca(), &stranger].map(|one| one.certificate().spki_sha256());
    let with_pins = |pins: &[&str]| {
        trusting(&server, |client| {
            for pin in pins {
                client.add_pin(pin).unwrap();
            }
        })
    };
    with_pins(&[leaf]).unwrap();
    with_pins(&[root]).unwrap();
    with_pins(&[other, leaf]).unwrap();
    with_pins(&[&with_colons(leaf)]).unwrap();
    let error = with_pins(&[other]).unwrap_err();
    assert_eq!(error.status(), Status::CertificatePinMismatch);
    assert!(error.to_string().contains(leaf), "{error}");
    // A pin takes nothing away.
    let outcome = trusting(&server_context(&stranger), |client| {
        client.add_pin(other).unwrap()
    });
    assert!(outcome.is_err());
}

#[test]
fn a_pin_holds_also_where_nothing_else_is_verified() {
    let stranger = self_signed(&names(&["x.example"]), &CertOptions::default()).unwrap();
    let server = server_context(&stranger);
    let with_pin = |pin: &str| {
        trusting(&server, |client| {
            client.insecure_no_verify().unwrap();
            client.add_pin(pin).unwrap();
        })
    };
    with_pin(stranger.certificate().spki_sha256()).unwrap();
    let error = with_pin(localhost().certificate().spki_sha256()).unwrap_err();
    assert_eq!(error.status(), Status::CertificatePinMismatch, "{error}");

    // What a peer only sends along proves nothing.
    let padded = Identity::new(
        vec![stranger.certificate().clone(), ca().certificate().clone()],
        stranger.key().cloned(),
    );
    let outcome = trusting(&server_context(&padded.unwrap()), |client| {
        client.insecure_no_verify().unwrap();
        client.add_pin(ca().certificate().spki_sha256()).unwrap();
    });
    assert_eq!(
        outcome.unwrap_err().status(),
        Status::CertificatePinMismatch
    );
}

#[test]
fn a_peer_hears_that_its_key_is_not_pinned() {
    let client = client_context();
    client.add_pin(&"0".repeat(64)).unwrap();
    let (client, server) = pair(&client, &server_context(localhost()), "localhost");
    let (_, theirs) = shake_hands(&client, &server);
    assert_eq!(theirs.unwrap_err().alert(), Some(49));
}

#[test]
fn pins_that_are_none_are_refused() {
    for text in [
        "",
        "00",
        &"0".repeat(63),
        &"0".repeat(66),
        &"g".repeat(64),
        "sha256/AAAA",
    ] {
        let outcome = Context::new().add_pin(text);
        assert_fails(outcome, Status::Argument, "SHA-256");
        let outcome = Context::new().trust_certificate(text);
        assert_fails(outcome, Status::Argument, "SHA-256");
    }
}

#[test]
fn one_certificate_is_trusted_as_it_is_and_no_other() {
    let new = |options: &CertOptions| self_signed(&names(&["device.example"]), options).unwrap();
    let device = new(&CertOptions::default());
    let lookalike = new(&CertOptions::default());
    let client = || {
        let client = Context::new();
        let print = device.certificate().sha256();
        client.trust_certificate(&with_colons(print)).unwrap();
        client
    };
    let outcome = |identity: &Identity| {
        let (client, server) = pair(&client(), &server_context(identity), "localhost");
        shake_hands(&client, &server).0.map(|()| client)
    };
    let connection = outcome(&device).unwrap();
    assert_eq!(connection.verified_chain(), device.chain());
    for other in [&lookalike, localhost()] {
        let error = outcome(other).unwrap_err();
        assert_eq!(error.status(), Status::CertificateUnknownIssuer, "{error}");
    }

    let expired = new(&CertOptions {
        not_before: Some(1_600_000_000),
        lifetime: Some(std::time::Duration::from_secs(86_400)),
        ..CertOptions::default()
    });
    let old = Context::new();
    old.trust_certificate(expired.certificate().sha256())
        .unwrap();
    let (ours, theirs) = pair(&old, &server_context(&expired), "localhost");
    assert_fails(
        shake_hands(&ours, &theirs).0,
        Status::CertificateExpired,
        "2020-09-14",
    );

    // Another key under the same certificate is no use.
    let thief = Identity::new(device.chain().to_vec(), lookalike.key().cloned());
    assert_eq!(thief.unwrap_err().status(), Status::KeyMismatch);
}

#[test]
fn one_client_certificate_is_trusted_as_it_is() {
    let new = || self_signed(&names(&["alice@example.org"]), &CertOptions::default()).unwrap();
    let (alice, mallory) = (new(), new());
    let server = server_context(localhost());
    server
        .trust_certificate(alice.certificate().sha256())
        .unwrap();
    server.set_client_auth(ClientAuth::Required).unwrap();
    for (user, is_fine) in [(&alice, true), (&mallory, false)] {
        let client = client_context();
        client.use_identity(user).unwrap();
        let (client, server) = pair(&client, &server, "localhost");
        assert_eq!(shake_hands(&client, &server).1.is_ok(), is_fine);
    }
}

// Judges.

#[test]
fn a_judge_sees_what_was_verified_and_can_refuse_it() {
    let seen = Arc::new(AtomicUsize::new(0));
    let count = seen.clone();
    let judging = move |verdict: Result<()>| {
        let count = count.clone();
        let judge: VerifyCallback = Arc::new(move |case| {
            assert_eq!(case.chain, localhost().chain());
            let path = case.outcome.as_ref().unwrap();
            assert_eq!(path.len(), 2);
            assert_eq!(path[1], *ca().certificate());
            count.fetch_add(1, Ordering::SeqCst);
            verdict.clone()
        });
        judge
    };
    let server = server_context(localhost());
    trusting(&server, |client| {
        client.set_verify_callback(judging(Ok(()))).unwrap()
    })
    .unwrap();
    assert_eq!(seen.load(Ordering::SeqCst), 1);
    let refusal = Error::new(Status::CertificateRefused, "not on a Sunday");
    let client = client_context();
    client.set_verify_callback(judging(Err(refusal))).unwrap();
    let (ours, theirs) = pair(&client, &server, "localhost");
    let (one, other) = shake_hands(&ours, &theirs);
    assert_fails(one, Status::CertificateRefused, "not on a Sunday");
    assert_eq!(other.unwrap_err().alert(), Some(49));
}

#[test]
fn the_peer_hears_an_alert_that_fits_the_refusal() {
    let alerts = [
        (Status::CertificateRevoked, 44),
        (Status::CertificateExpired, 45),
        (Status::CertificateUnknownIssuer, 48),
        (Status::CertificateNameMismatch, 42),
        (Status::CertificateOcsp, 113),
        (Status::CertificateNotYetValid, 45),
        (Status::CertificateNotACa, 48),
        (Status::CertificateMalformed, 42),
        (Status::CertificateWrongUsage, 43),
        (Status::CertificateBadSignature, 51),
        (Status::Certificate, 46),
        (Status::CertificateUnknownRevocation, 46),
        (Status::CertificateConstraint, 46),
        (Status::CertificatePathTooLong, 46),
        (Status::CertificateWeakKey, 46),
        (Status::CertificatePinMismatch, 49),
        (Status::CertificateMissing, 46),
        (Status::NoCommon, 40),
        (Status::CertificateRefused, 49),
        (Status::State, 49),
    ];
    let server = server_context(localhost());
    for (status, alert) in alerts {
        for version in BOTH_VERSIONS {
            let client = only(client_context(), version);
            let judge: VerifyCallback = Arc::new(move |_| Err(Error::new(status, "not this one")));
            client.set_verify_callback(judge).unwrap();
            let (ours, theirs) = pair(&client, &server, "localhost");
            let (one, other) = shake_hands(&ours, &theirs);
            assert_fails(one, status, "not this one");
            assert_eq!(other.unwrap_err().alert(), Some(alert));
        }
    }
}

#[test]
fn a_judge_sees_the_ocsp_response() {
    let server = server_context(localhost());
    server.set_ocsp(RESPONSE).unwrap();
    let judge: VerifyCallback = Arc::new(|case| match case.ocsp {
        Some(RESPONSE) => Ok(()),
        _ => Err(Error::new(Status::CertificateOcsp, "no response")),
    });
    for version in BOTH_VERSIONS {
        let client = only(client_context(), version);
        client.set_verify_callback(judge.clone()).unwrap();
        meet(&client, &server, "localhost");
        let (ours, theirs) = pair(&client, &server_context(localhost()), "localhost");
        let (one, other) = shake_hands(&ours, &theirs);
        assert_fails(one, Status::CertificateOcsp, "no response");
        assert_eq!(other.unwrap_err().alert(), Some(113));
    }
}

#[test]
fn a_judge_cannot_accept_what_failed() {
    let heard = Arc::new(Mutex::new(String::new()));
    let words = heard.clone();
    let server =
        server_context(&self_signed(&names(&["localhost"]), &CertOptions::default()).unwrap());
    let judge: VerifyCallback = Arc::new(move |case| {
        *words.lock().unwrap() = case.outcome.unwrap_err().to_string();
        Ok(())
    });
    let error = trusting(&server, |client| client.set_verify_callback(judge).unwrap()).unwrap_err();
    assert_eq!(error.status(), Status::CertificateUnknownIssuer);
    assert_eq!(*heard.lock().unwrap(), error.to_string());
}

#[test]
fn a_judge_is_asked_once_for_a_session_that_is_resumed() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    let judge: VerifyCallback = Arc::new(move |case| {
        assert_eq!(case.chain[0].subject(), "CN=alice@example.org");
        count.fetch_add(1, Ordering::SeqCst);
        Ok(())
    });
    let server = server_context(localhost());
    server.add_root(ca().certificate()).unwrap();
    server.set_client_auth(ClientAuth::Optional).unwrap();
    server.set_verify_callback(judge).unwrap();
    let client = client_context();
    client
        .use_identity(&issue(&["alice@example.org"], &CertOptions::default()))
        .unwrap();
    for resumed in [false, true] {
        let (_, server) = meet(&client, &server, "localhost");
        assert_eq!(server.agreed().unwrap().resumed, resumed);
        assert_eq!(asked.load(Ordering::SeqCst), 1);
    }
    // One who shows none is not judged.
    meet(&client_context(), &server, "localhost");
    assert_eq!(asked.load(Ordering::SeqCst), 1);
}

#[test]
fn a_judge_may_connect_somewhere_itself() {
    let site = server_context(localhost());
    site.set_ocsp(RESPONSE).unwrap();
    for version in BOTH_VERSIONS {
        let judge: VerifyCallback = Arc::new(move |case| {
            let other = server_context(&issue(&["other.example"], &CertOptions::default()));
            let client = only(client_context(), version);
            let (client, _) = meet(&client, &other, "other.example");
            assert!(client.ocsp_response().is_none());
            assert_ne!(client.peer_chain(), case.chain);
            Ok(())
        });
        let client = only(client_context(), version);
        client.set_verify_callback(judge).unwrap();
        let (client, server) = meet(&client, &site, "localhost");
        assert_eq!(client.verified_chain().len(), 2);
        assert_eq!(client.verified_chain()[0], *localhost().certificate());
        assert_eq!(client.ocsp_response(), Some(RESPONSE));
        let mut keys = [[0; 16]; 2];
        client.export("x", None, &mut keys[0]).unwrap();
        server.export("x", None, &mut keys[1]).unwrap();
        assert_eq!(keys[0], keys[1]);
    }
}

// OCSP.

/// Not a response, but DER: nobody looks into it here.
const RESPONSE: &[u8] = &[0x30, 3, 10, 1, 6];

#[test]
fn an_ocsp_response_is_stapled_to_its_identity() {
    let other = issue(&["other.example"], &CertOptions::default());
    let server = server_context(&other);
    server.use_identity(localhost()).unwrap();
    server.set_ocsp(RESPONSE).unwrap();
    for version in BOTH_VERSIONS {
        for (name, expected) in [("localhost", Some(RESPONSE)), ("other.example", None)] {
            let client = only(client_context(), version);
            let (client, server) = meet(&client, &server, name);
            assert_eq!(client.ocsp_response(), expected);
            assert_eq!(server.ocsp_response(), None);
            let line = match expected {
                Some(_) => "OCSP response:       5 bytes, not verified",
                None => "OCSP response:       none",
            };
            assert!(client.report().contains(line), "{}", client.report());
        }
    }
    assert_fails(
        server_context(localhost()).set_ocsp(b"-----BEGIN OCSP RESPONSE-----"),
        Status::Parse,
        "OCSP",
    );
    assert_fails(
        server_context(localhost()).set_ocsp(b""),
        Status::Parse,
        "OCSP",
    );
    assert_fails(Context::new().set_ocsp(RESPONSE), Status::State, "identity");
}

// CRLs.

#[test]
fn a_revoked_peer_is_refused_and_hears_why_on_both_sides() {
    let user = issue(&["alice@example.org"], &CertOptions::default());
    let site = issue(&["localhost"], &CertOptions::default());
    let revoked = [&user, &site].map(|one| one.certificate().serial().parse::<Revoked>().unwrap());
    let crl = gen_crl(ca(), &revoked, &CrlOptions::default()).unwrap();
    for version in BOTH_VERSIONS {
        let client = only(client_context(), version);
        client.add_crls_bytes(crl.pem().as_bytes()).unwrap();
        let (ours, theirs) = pair(&client, &server_context(&site), "localhost");
        let (one, other) = shake_hands(&ours, &theirs);
        assert_fails(one, Status::CertificateRevoked, "CN=localhost");
        assert_eq!(other.unwrap_err().alert(), Some(44));
        // One that is not listed.
        meet(&client, &server_context(localhost()), "localhost");

        let client = only(client_context(), version);
        client.use_identity(&user).unwrap();
        let server = server_context(localhost());
        server.add_root(ca().certificate()).unwrap();
        server.set_client_auth(ClientAuth::Optional).unwrap();
        server.add_crl(&crl).unwrap();
        let (ours, theirs) = pair(&client, &server, "localhost");
        let (one, other) = shake_hands(&ours, &theirs);
        assert_fails(other, Status::CertificateRevoked, "alice@example.org");
        let one = one.and_then(|()| ours.read(&mut [0; 1]).map(drop));
        assert_eq!(one.unwrap_err().alert(), Some(44));
    }
}
