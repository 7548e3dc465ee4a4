//! Pinned public keys: one of them must be in the verified chain.

use support::*;
use tlsmith::{CertOptions, Connection, Context, Identity, Result, Status, gen_ca, self_signed};

/// A client of `localhost` after some settings, and how it gets on with a server.
pub(crate) fn trusting(server: &Context, set: impl FnOnce(&Context)) -> Result<Connection> {
    let client = client_context();
    set(&client);
    let (client, server) = pair(&client, server, "localhost");
    run_handshake(&client, &server).0.map(|()| client)
}

pub(crate) fn with_colons(hex: &str) -> String {
    let pairs = hex
        .as_bytes()
        .chunks(2)
        .map(|pair| std::str::from_utf8(pair).unwrap());
    pairs.collect::<Vec<_>>().join(":").to_uppercase()
}

#[test]
fn pinned_key_must_be_in_the_verified_chain() {
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
fn pinned_key_is_required_even_without_verification() {
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
fn peer_receives_an_alert_if_its_key_is_not_pinned() {
    let client = client_context();
    client.add_pin(&"0".repeat(64)).unwrap();
    let (client, server) = pair(&client, &server_context(localhost()), "localhost");
    let (_, theirs) = run_handshake(&client, &server);
    assert_eq!(theirs.unwrap_err().alert(), Some(49));
}

#[test]
fn setter_rejects_invalid_pins() {
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
