//! Handshakes, and the servers that a client rejects.

use std::time::Duration;

use tlsmith::{CertOptions, ClientAuth, Context, KeyType, Status, Version, gen_ca, self_signed};

use support::*;

#[test]
fn both_sides_report_the_negotiated_parameters() {
    let (client, server) = open_pair();
    for side in [&client, &server] {
        let agreed = side.agreed().unwrap();
        assert_eq!(agreed.version, Version::Tls13);
        assert!(agreed.cipher.starts_with("TLS_AES_"), "{agreed:?}");
        assert_eq!(agreed.group, Some("X25519MLKEM768"));
        assert_eq!(agreed.alpn, None);
        assert!(!agreed.resumed);
        assert_eq!(side.server_name(), Some("localhost"));
    }
    let scheme = client.agreed().unwrap().signature_scheme.as_deref();
    assert_eq!(scheme, Some("ecdsa_secp256r1_sha256"));
    assert_eq!(client.peer_chain(), localhost().chain());
    let path: Vec<_> = client.verified_chain().iter().map(|c| c.sha256()).collect();
    let expected = [localhost().certificate(), ca().certificate()].map(|c| c.sha256());
    assert_eq!(path, expected);
    assert!(server.peer_chain().is_empty());
}

#[test]
fn every_key_type_authenticates_both_sides() {
    for kind in KeyType::ALL {
        let options = CertOptions {
            key_type: Some(kind),
            usage: Some(tlsmith::Usage {
                server: true,
                client: true,
            }),
            ..CertOptions::default()
        };
        let identity = issue(&["localhost"], &options);
        let server = server_context(&identity);
        server.add_root(ca().certificate()).unwrap();
        server.set_client_auth(ClientAuth::Required).unwrap();
        for version in [Version::Tls12, Version::Tls13] {
            let client = client_context();
            client.set_versions(version, version).unwrap();
            client.use_identity(&identity).unwrap();
            let (client, server) = pair(&client, &server, "localhost");
            let (ours, theirs) = run_handshake(&client, &server);
            if kind.name().starts_with("ml-dsa") && version == Version::Tls12 {
                // Its signatures have no code points before TLS 1.3.
                assert_fails(theirs, Status::NoCommon, "in common");
                assert_eq!(ours.unwrap_err().alert(), Some(40));
                continue;
            }
            ours.unwrap();
            theirs.unwrap();
            for side in [&client, &server] {
                assert_eq!(side.agreed().unwrap().version, version);
                assert_eq!(side.peer_chain()[0].key_type(), kind.name());
                assert_eq!(side.verified_chain().len(), 2);
            }
        }
    }
}

#[test]
fn client_rejects_unknown_ca_and_names_it() {
    let other = ca_named("Other CA");
    let site = tlsmith::issue_cert(&other, &names(&["localhost"]), &CertOptions::default());
    let (client, server) = pair(
        &client_context(),
        &server_context(&site.unwrap()),
        "localhost",
    );
    let (ours, theirs) = run_handshake(&client, &server);
    assert_fails(ours, Status::CertificateUnknownIssuer, "CN=Other CA");
    let theirs = theirs.unwrap_err();
    assert_eq!(theirs.alert(), Some(48), "{theirs}");
    assert_eq!(client.peer_chain()[0].issuer(), "CN=Other CA");
    assert!(client.verified_chain().is_empty());
    assert_fails(
        client.write(b"x"),
        Status::CertificateUnknownIssuer,
        "CN=Other CA",
    );
}

#[test]
fn client_rejects_wrong_server_name_and_gives_both_names() {
    let site = issue(&["a.example"], &CertOptions::default());
    let (client, server) = pair(&client_context(), &server_context(&site), "b.example");
    let (ours, theirs) = run_handshake(&client, &server);
    let sentence = "certificate is for 'a.example', but you asked for 'b.example'";
    assert_fails(ours, Status::CertificateNameMismatch, sentence);
    assert_eq!(theirs.unwrap_err().alert(), Some(42));
}

#[test]
fn client_checks_an_address_like_a_name() {
    let server = server_context(localhost());
    let (client, peer) = pair(&client_context(), &server, "127.0.0.1");
    let (outcome, _) = run_handshake(&client, &peer);
    outcome.unwrap();
    let (client, peer) = pair(&client_context(), &server, "127.0.0.2");
    let (outcome, _) = run_handshake(&client, &peer);
    assert_fails(outcome, Status::CertificateNameMismatch, "127.0.0.2");
}

#[test]
fn client_rejects_expired_certificate_and_names_the_date() {
    let day = Duration::from_secs(86_400);
    let ca = gen_ca(&CertOptions {
        not_before: Some(1_500_000_000),
        lifetime: Some(10_000 * day),
        ..CertOptions::default()
    })
    .unwrap();
    let context = Context::new();
    context.add_root(ca.certificate()).unwrap();
    let (expired, too_early) = (Status::CertificateExpired, Status::CertificateNotYetValid);
    for (start, status, part, alert) in [
        (1_600_000_000, expired, "expired on 2020-09-14", 45),
        (2_000_000_000, too_early, "not valid before 2033-05-18", 45),
    ] {
        let options = CertOptions {
            not_before: Some(start),
            lifetime: Some(day),
            ..CertOptions::default()
        };
        let site = tlsmith::issue_cert(&ca, &names(&["localhost"]), &options).unwrap();
        let (client, server) = pair(&context, &server_context(&site), "localhost");
        let (ours, theirs) = run_handshake(&client, &server);
        assert_fails(ours, status, part);
        assert_eq!(theirs.unwrap_err().alert(), Some(alert));
    }
}

#[test]
fn client_rejects_self_signed_server_until_it_is_a_root() {
    let site = self_signed(&names(&["localhost"]), &CertOptions::default()).unwrap();
    let server = server_context(&site);
    let (client, peer) = pair(&client_context(), &server, "localhost");
    let (outcome, _) = run_handshake(&client, &peer);
    assert_fails(outcome, Status::CertificateUnknownIssuer, "self-signed");

    let context = Context::new();
    context.add_root(site.certificate()).unwrap();
    let (client, peer) = pair(&context, &server, "localhost");
    run_handshake(&client, &peer).0.unwrap();
}

#[test]
fn client_rejects_ca_certificate_as_server() {
    let (client, server) = pair(&client_context(), &server_context(ca()), "localhost");
    let (outcome, _) = run_handshake(&client, &server);
    assert_fails(outcome, Status::CertificateNotAnEndEntity, "CA certificate");
}

#[test]
fn client_rejects_client_certificate_as_server() {
    let user = issue(&["alice@example.org"], &CertOptions::default());
    let (client, server) = pair(&client_context(), &server_context(&user), "localhost");
    let (outcome, _) = run_handshake(&client, &server);
    assert_fails(
        outcome,
        Status::CertificateWrongUsage,
        "clientAuth, not for serverAuth",
    );
}
