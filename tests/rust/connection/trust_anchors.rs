//! Trust anchors: roots, the system's roots, and certificates that are trusted themselves.

use std::time::Duration;

use support::*;
use tlsmith::{
    CertOptions, ClientAuth, Context, Identity, Status, gen_ca, issue_cert, self_signed,
};

use crate::pinned_keys::with_colons;
use crate::revocation::path;
use crate::verification_time::DAY;

#[test]
fn context_without_system_roots_trusts_only_its_own() {
    let client = Context::new();
    client.ignore_system_roots().unwrap();
    let error = client_error(&client, &server_context(localhost())).unwrap();
    assert_eq!(error.status(), Status::CertificateUnknownIssuer);
    let client = client_context();
    client.ignore_system_roots().unwrap();
    assert!(client_error(&client, &server_context(localhost())).is_none());
    let client = Context::new();
    client.ignore_system_roots().unwrap();
    client.add_root(ca().certificate()).unwrap();
    assert!(client_error(&client, &server_context(localhost())).is_none());
}

#[test]
fn end_entity_trust_anchor_keeps_its_names_and_validity() {
    let path = path();
    let client = Context::new();
    client.trust_end_entity(path.site.certificate()).unwrap();
    assert!(client_error(&client, &server_context(&path.site)).is_none());
    let sibling = issue_cert(
        &path.middle,
        &names(&["localhost"]),
        &CertOptions::default(),
    );
    let error = client_error(&client, &server_context(&sibling.unwrap())).unwrap();
    assert_eq!(error.status(), Status::CertificateUnknownIssuer);
    let (near, far) = pair(&client, &server_context(&path.site), "other.example");
    let error = run_handshake(&near, &far).0.unwrap_err();
    assert_eq!(error.status(), Status::CertificateNameMismatch);
    let old = CertOptions {
        not_before: Some(now() - 5 * DAY),
        lifetime: Some(Duration::from_secs(DAY.unsigned_abs())),
        ..CertOptions::default()
    };
    let ca = CertOptions {
        not_before: Some(now() - 9 * DAY),
        ..CertOptions::default()
    };
    let old = issue_cert(&gen_ca(&ca).unwrap(), &names(&["localhost"]), &old).unwrap();
    let client = Context::new();
    client.trust_end_entity(old.certificate()).unwrap();
    let got = client_status(&client, &server_context(&old));
    assert_eq!(got, Some(Status::CertificateExpired));
}

#[test]
fn trusted_certificate_file_holds_one_and_root_file_any_number() {
    let new = || self_signed(&names(&["localhost"]), &CertOptions::default()).unwrap();
    let devices = [new(), new()];
    let folder = tempfile::TempDir::new().unwrap();
    let text = devices.each_ref().map(Identity::cert_pem).concat();
    let (one, both) = (
        folder.path().join("one.pem"),
        folder.path().join("both.pem"),
    );
    std::fs::write(&one, devices[0].cert_pem()).unwrap();
    std::fs::write(&both, text).unwrap();
    let context = Context::new();
    let refused = context.trust_certificate(both.to_str().unwrap());
    assert_fails(refused, Status::Parse, "contains 2 certificates, and each");
    let accepts = |context: &Context, device: &Identity| {
        let (client, server) = pair(context, &server_context(device), "localhost");
        run_handshake(&client, &server).0.is_ok()
    };
    let context = Context::new();
    context.trust_certificate(one.to_str().unwrap()).unwrap();
    assert_eq!(
        devices.each_ref().map(|one| accepts(&context, one)),
        [true, false]
    );
    let context = Context::new();
    context.add_roots(&both).unwrap();
    assert_eq!(
        devices.each_ref().map(|one| accepts(&context, one)),
        [true, true]
    );
}

#[test]
fn context_loads_roots_from_a_folder() {
    let folder = tempfile::TempDir::new().unwrap();
    let context = Context::new();
    assert_fails(context.add_roots(folder.path()), Status::Parse, "no file");
    std::fs::write(folder.path().join("README"), "not a certificate").unwrap();
    std::fs::write(folder.path().join("ca.pem"), ca().cert_pem()).unwrap();
    let context = Context::new();
    context.add_roots(folder.path()).unwrap();
    let (client, server) = pair(&context, &server_context(localhost()), "localhost");
    run_handshake(&client, &server).0.unwrap();
}

#[test]
fn system_and_bundled_roots_do_not_trust_an_unknown_ca() {
    let bundled = Context::new();
    bundled.add_bundled_roots().unwrap();
    for context in [Context::new(), bundled] {
        let (client, server) = pair(&context, &server_context(localhost()), "localhost");
        let outcome = run_handshake(&client, &server).0;
        assert_eq!(
            outcome.unwrap_err().status(),
            Status::CertificateUnknownIssuer
        );
    }
}

#[test]
fn client_trusts_one_certificate_itself_and_no_other() {
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
        run_handshake(&client, &server).0.map(|()| client)
    };
    let connection = outcome(&device).unwrap();
    assert_eq!(connection.verified_chain(), device.chain());
    for other in [&lookalike, localhost()] {
        let error = outcome(other).unwrap_err();
        assert_eq!(error.status(), Status::CertificateUnknownIssuer, "{error}");
    }

    let expired = new(&CertOptions {
        not_before: Some(1_600_000_000),
        lifetime: Some(Duration::from_secs(86_400)),
        ..CertOptions::default()
    });
    let old = Context::new();
    old.trust_certificate(expired.certificate().sha256())
        .unwrap();
    let (ours, theirs) = pair(&old, &server_context(&expired), "localhost");
    assert_fails(
        run_handshake(&ours, &theirs).0,
        Status::CertificateExpired,
        "2020-09-14",
    );

    // Another key under the same certificate is no use.
    let thief = Identity::new(device.chain().to_vec(), lookalike.key().cloned());
    assert_eq!(thief.unwrap_err().status(), Status::KeyMismatch);
}

#[test]
fn server_trusts_one_client_certificate_itself() {
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
        assert_eq!(run_handshake(&client, &server).1.is_ok(), is_fine);
    }
}
