//! The certificate that a server selects for a client: by name, and by key.

use std::sync::Arc;

use support::*;
use tlsmith::{CertOptions, Context, KeyType, Selection, Status, Version};

#[test]
fn server_selects_its_certificate_by_name_and_key() {
    let rsa = CertOptions {
        key_type: Some(KeyType::Rsa2048),
        ..CertOptions::default()
    };
    let server = Context::new();
    server.use_identity(localhost()).unwrap();
    server.use_identity(&issue(&["b.example"], &rsa)).unwrap();
    server
        .use_identity(&issue(&["*.wild.example"], &CertOptions::default()))
        .unwrap();
    for (asked, got) in [
        ("b.example", "b.example"),
        ("x.wild.example", "*.wild.example"),
        ("unknown.example", "localhost"),
    ] {
        let context = client_context();
        context.insecure_no_name().unwrap();
        let (client, peer) = pair(&context, &server, asked);
        run_handshake(&client, &peer).0.unwrap();
        assert_eq!(client.peer_chain()[0].names()[0], got);
        assert_eq!(peer.server_name(), Some(asked));
    }
}

/// A client that does not list secp521r1 in supported_groups.
fn client_without_p521() -> Context {
    let client = client_context();
    client.set_groups(&["x25519", "P-256", "P-384"]).unwrap();
    client
}

/// The type of key in the certificate that a client of this version without secp521r1 gets.
fn key_of_version(server: &Context, version: Version, asked: &str) -> String {
    let context = only(client_without_p521(), version);
    context.insecure_no_name().unwrap();
    let (client, _) = connected_pair(&context, server, asked);
    client.peer_chain()[0].key_type().to_owned()
}

#[test]
fn server_prefers_a_curve_that_a_tls_1_2_client_supports() {
    use Version::{Tls12, Tls13};
    let with = |names: &[&str], key| issue(names, &with_key(key));
    let p521 = with(&["a.site.example", "b.site.example"], KeyType::EcdsaP521);
    let p256 = with(&["a.site.example"], KeyType::EcdsaP256);
    let wildcard = with(&["*.site.example"], KeyType::EcdsaP384);
    let alone = server_context(&p521);
    assert_eq!(
        key_of_version(&alone, Tls12, "a.site.example"),
        "ecdsa-p521"
    );
    let server = server_context(&p521);
    server.use_identity(&p256).unwrap();
    for (asked, version, expected) in [
        ("a.site.example", Tls12, "ecdsa-p256"),
        // It is about key exchange alone in TLS 1.3.
        ("a.site.example", Tls13, "ecdsa-p521"),
        // The other certificate has another name.
        ("b.site.example", Tls12, "ecdsa-p521"),
        // None has the name.
        ("c.site.example", Tls12, "ecdsa-p256"),
        ("c.site.example", Tls13, "ecdsa-p521"),
        ("192.0.2.1", Tls12, "ecdsa-p256"),
    ] {
        let key = key_of_version(&server, version, asked);
        assert_eq!(key, expected, "{asked}, {version:?}");
    }
    let server = server_context(&p521);
    server.use_identity(&wildcard).unwrap();
    for (asked, version, expected) in [
        ("b.site.example", Tls12, "ecdsa-p384"),
        ("b.site.example", Tls13, "ecdsa-p521"),
    ] {
        let key = key_of_version(&server, version, asked);
        assert_eq!(key, expected, "{asked}, {version:?}");
    }
    let old = only(server_context(&p521), Tls12);
    old.use_identity(&p256).unwrap();
    // The client has TLS 1.3, and the server has not.
    let (client, _) = connected_pair(&client_without_p521(), &old, "a.site.example");
    assert_eq!(client.peer_chain()[0].key_type(), "ecdsa-p256");
}

#[test]
fn server_prefers_a_curve_among_the_groups_whichever_curve_it_is() {
    let first = issue(&["localhost"], &with_key(KeyType::EcdsaP256));
    let second = issue(&["localhost"], &with_key(KeyType::EcdsaP384));
    let servers = [(); 2].map(|()| server_context(&first));
    for server in &servers {
        server.use_identity(&second).unwrap();
    }
    servers[1]
        .set_hello_callback(Arc::new(|_| Ok(Selection::default())))
        .unwrap();
    for (groups, expected) in [
        (&["secp384r1"][..], "ecdsa-p384"),
        (&["x25519"], "ecdsa-p256"),
        (&["secp384r1", "secp256r1"], "ecdsa-p256"),
    ] {
        let client = only(client_context(), Version::Tls12);
        client.set_groups(groups).unwrap();
        for server in &servers {
            let (client, _) = connected_pair(&client, server, "localhost");
            assert_eq!(client.peer_chain()[0].key_type(), expected, "{groups:?}");
        }
    }
}

/// The name for which a client gets a certificate that asks for `asked`.
pub(crate) fn presented_name(server: &Context, asked: &str) -> String {
    let client = client_context();
    client.insecure_no_name().unwrap();
    let (client, _) = connected_pair(&client, server, asked);
    client.peer_chain()[0].names()[0].clone()
}

#[test]
fn server_prefers_an_exact_name_to_a_wildcard_in_any_order() {
    let identities = ["*.example.org", "www.example.org", "example.org"]
        .map(|name| issue(&[name], &CertOptions::default()));
    for turn in 0..identities.len() {
        let server = server_context(localhost());
        for index in 0..identities.len() {
            let identity = &identities[(index + turn) % identities.len()];
            server.use_identity(identity).unwrap();
        }
        for (asked, expected) in [
            ("www.example.org", "www.example.org"),
            ("WWW.Example.ORG", "www.example.org"),
            ("ftp.example.org", "*.example.org"),
            ("example.org", "example.org"),
            ("a.b.example.org", "localhost"),
            ("example.net", "localhost"),
            ("192.0.2.1", "localhost"),
        ] {
            assert_eq!(presented_name(&server, asked), expected, "{asked}");
        }
    }
}

#[test]
fn server_selects_a_key_that_the_client_can_verify() {
    let server = Context::new();
    for kind in [KeyType::Ed448, KeyType::EcdsaP256, KeyType::Rsa2048] {
        let identity = issue(&["localhost"], &with_key(kind));
        server.use_identity(&identity).unwrap();
    }
    let (old, new) = (Version::Tls12, Version::Tls13);
    for (version, cipher, expected) in [
        (old, "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "rsa-2048"),
        (old, "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "ed448"),
        // TLS 1.3 cipher suites do not depend on the key: the first one.
        (new, "TLS_AES_128_GCM_SHA256", "ed448"),
    ] {
        let client = only(client_context(), version);
        client.set_ciphers(&[cipher]).unwrap();
        let (client, _) = connected_pair(&client, &server, "localhost");
        assert_eq!(client.peer_chain()[0].key_type(), expected);
        assert_eq!(client.agreed().unwrap().cipher, cipher);
    }
}

#[test]
fn server_prefers_a_verifiable_key_to_a_matching_name() {
    let server = Context::new();
    let identity = issue(&["localhost"], &with_key(KeyType::EcdsaP256));
    server.use_identity(&identity).unwrap();
    let identity = issue(&["other.example"], &with_key(KeyType::Rsa2048));
    server.use_identity(&identity).unwrap();
    let client = only(client_context(), Version::Tls12);
    let rsa = ["TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"];
    client.set_ciphers(&rsa).unwrap();
    let (client, server) = pair(&client, &server, "localhost");
    let (outcome, _) = run_handshake(&client, &server);
    assert_fails(outcome, Status::CertificateNameMismatch, "'other.example'");
}
