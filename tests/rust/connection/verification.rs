//! Verification of a peer's certificate: alerts, common names, stapled OCSP responses, and
//! the insecure settings.

use std::sync::Arc;

use support::*;
use tlsmith::{CertOptions, Context, Error, Status, VerifyCallback, self_signed};

use crate::revocation::path;

#[test]
fn insecure_settings_disable_only_what_they_name() {
    let site = issue(&["a.example"], &CertOptions::default());
    let server = server_context(&site);
    let stranger = server_context(&self_signed(&names(&["x"]), &CertOptions::default()).unwrap());

    let no_name = client_context();
    no_name.insecure_no_name().unwrap();
    let (client, peer) = pair(&no_name, &server, "b.example");
    run_handshake(&client, &peer).0.unwrap();
    let (client, peer) = pair(&no_name, &stranger, "b.example");
    assert_eq!(
        run_handshake(&client, &peer).0.unwrap_err().status(),
        Status::CertificateUnknownIssuer
    );

    let no_verify = Context::new();
    no_verify.insecure_no_verify().unwrap();
    let (client, peer) = pair(&no_verify, &stranger, "b.example");
    run_handshake(&client, &peer).0.unwrap();
    assert_eq!(client.peer_chain().len(), 1);
    assert!(client.verified_chain().is_empty());
}

#[test]
fn common_name_counts_only_where_allowed() {
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
        run_handshake(&client, &peer).0,
        Status::CertificateNameMismatch,
        "subjectAltName",
    );
    let allowing = trusting();
    allowing.allow_common_name().unwrap();
    let (client, peer) = pair(&allowing, &server, "LOCALHOST");
    run_handshake(&client, &peer).0.unwrap();
    let (client, peer) = pair(&allowing, &server, "other.example");
    assert_eq!(
        run_handshake(&client, &peer).0.unwrap_err().status(),
        Status::CertificateNameMismatch
    );
}

#[test]
fn peer_receives_the_alert_for_the_verification_error() {
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
            let (one, other) = run_handshake(&ours, &theirs);
            assert_fails(one, status, "not this one");
            assert_eq!(other.unwrap_err().alert(), Some(alert));
        }
    }
}

// OCSP.

/// DER that is not a response: nothing here parses it.
pub(crate) const RESPONSE: &[u8] = &[0x30, 3, 10, 1, 6];

#[test]
fn server_staples_the_ocsp_response_of_its_identity() {
    let other = issue(&["other.example"], &CertOptions::default());
    let server = server_context(&other);
    server.use_identity(localhost()).unwrap();
    server.set_ocsp(RESPONSE).unwrap();
    for version in BOTH_VERSIONS {
        for (name, expected) in [("localhost", Some(RESPONSE)), ("other.example", None)] {
            let client = only(client_context(), version);
            let (client, server) = connected_pair(&client, &server, name);
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

#[test]
fn verification_error_has_the_rejected_chain() {
    let path = path();
    let server = server_context(&path.site);
    let error = client_error(&client_context(), &server).unwrap();
    assert_eq!(error.chain(), path.site.chain());
    assert_eq!(error.chain().len(), 2);
    let trusting = Context::new();
    trusting.add_root(path.root.certificate()).unwrap();
    let (near, far) = pair(&trusting, &server, "other.example");
    let (ours, theirs) = run_handshake(&near, &far);
    assert_eq!(ours.unwrap_err().chain(), path.site.chain());
    assert!(
        theirs.unwrap_err().chain().is_empty(),
        "an alert is about no certificate"
    );
    let error = near.read(&mut [0; 1]).unwrap_err();
    assert_eq!(error.chain(), path.site.chain(), "for ever");
    assert!(Error::state("x").chain().is_empty());
}
