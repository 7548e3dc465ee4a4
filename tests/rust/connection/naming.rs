//! The name that a client asks for, and what answers it.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, mpsc};

use tlsmith::{
    CertOptions, ClientAuth, Connection, Context, Error, HelloCallback, KeyType, MemoryTransport,
    Selection, Status, Version, self_signed,
};

use support::*;

#[test]
fn a_name_beyond_ascii_is_the_same_in_both_spellings() {
    let server = server_context(&issue(&["müller.example"], &CertOptions::default()));
    for name in ["müller.example", "xn--mller-kva.example", "MÜLLER.Example"] {
        let (client, server) = pair(&client_context(), &server, name);
        let (ours, theirs) = shake_hands(&client, &server);
        ours.unwrap();
        theirs.unwrap();
        assert_eq!(server.server_name(), Some("xn--mller-kva.example"));
    }
}

#[test]
fn a_server_chooses_its_certificate_by_name_and_by_key() {
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
        shake_hands(&client, &peer).0.unwrap();
        assert_eq!(client.peer_chain()[0].names()[0], got);
        assert_eq!(peer.server_name(), Some(asked));
    }
}

/// The kind of key in the certificate that a client of this version gets.
fn key_of_version(server: &Context, version: Version, asked: &str) -> String {
    let context = only(client_context(), version);
    context.insecure_no_name().unwrap();
    let (client, _) = meet(&context, server, asked);
    client.peer_chain()[0].key_type().to_owned()
}

#[test]
fn server_prefers_a_curve_that_a_tls_1_2_client_supports() {
    use Version::{Tls12, Tls13};
    let with = |names: &[&str], key| issue(names, &with_key(key));
    let p521 = with(&["a.site.example", "b.site.example"], KeyType::EcdsaP521);
    let p256 = with(&["a.site.example"], KeyType::EcdsaP256);
    let wildcard = with(&["*.site.example"], KeyType::EcdsaP384);
    // Our clients exchange no keys on P-521: they do not list it in supported_groups.
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
    let (client, _) = meet(&client_context(), &old, "a.site.example");
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
            let (client, _) = meet(&client, server, "localhost");
            assert_eq!(client.peer_chain()[0].key_type(), expected, "{groups:?}");
        }
    }
}

/// The name for which a client gets a certificate that asks for `asked`.
fn answered(server: &Context, asked: &str) -> String {
    let client = client_context();
    client.insecure_no_name().unwrap();
    let (client, _) = meet(&client, server, asked);
    client.peer_chain()[0].names()[0].clone()
}

#[test]
fn an_exact_name_comes_before_a_wildcard_in_any_order() {
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
            assert_eq!(answered(&server, asked), expected, "{asked}");
        }
    }
}

#[test]
fn of_the_keys_for_one_name_the_client_gets_one_that_it_can_check() {
    let server = Context::new();
    for kind in [KeyType::Ed448, KeyType::EcdsaP256, KeyType::Rsa2048] {
        let identity = issue(&["localhost"], &with_key(kind));
        server.use_identity(&identity).unwrap();
    }
    let (old, new) = (Version::Tls12, Version::Tls13);
    for (version, cipher, expected) in [
        (old, "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "rsa-2048"),
        (old, "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "ed448"),
        // In TLS 1.3 suites say nothing about keys: the first one.
        (new, "TLS_AES_128_GCM_SHA256", "ed448"),
    ] {
        let client = only(client_context(), version);
        client.set_ciphers(&[cipher]).unwrap();
        let (client, _) = meet(&client, &server, "localhost");
        assert_eq!(client.peer_chain()[0].key_type(), expected);
        assert_eq!(client.agreed().unwrap().cipher, cipher);
    }
}

#[test]
fn a_name_is_worth_less_than_a_key_that_the_client_can_check() {
    let server = Context::new();
    let identity = issue(&["localhost"], &with_key(KeyType::EcdsaP256));
    server.use_identity(&identity).unwrap();
    let identity = issue(&["other.example"], &with_key(KeyType::Rsa2048));
    server.use_identity(&identity).unwrap();
    let client = only(client_context(), Version::Tls12);
    let rsa = ["TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"];
    client.set_ciphers(&rsa).unwrap();
    let (client, server) = pair(&client, &server, "localhost");
    let (outcome, _) = shake_hands(&client, &server);
    assert_fails(outcome, Status::CertificateNameMismatch, "'other.example'");
}

// Strict servers.

#[test]
fn a_strict_server_refuses_names_that_it_has_no_identity_for() {
    let strict = || {
        let server = server_context(localhost());
        let wildcard = issue(&["*.example.org"], &CertOptions::default());
        server.use_identity(&wildcard).unwrap();
        server.require_known_name().unwrap();
        server
    };
    let server = strict();
    assert_eq!(answered(&server, "localhost"), "localhost");
    assert_eq!(answered(&server, "a.example.org"), "*.example.org");
    // Addresses are not asked for (RFC 6066, section 3).
    assert_eq!(answered(&server, "127.0.0.1"), "localhost");
    for version in BOTH_VERSIONS {
        for name in ["example.org", "unknown.example", "a.b.example.org"] {
            let client = only(client_context(), version);
            let (client, server) = pair(&client, &server, name);
            let (ours, theirs) = shake_hands(&client, &server);
            assert_fails(theirs, Status::NoCommon, name);
            let ours = ours.unwrap_err();
            assert_eq!(ours.status(), Status::Alert, "{ours}");
            assert_eq!(ours.alert(), Some(112), "{ours}");
            assert!(ours.to_string().contains("unrecognized_name"), "{ours}");
            // It is over for good.
            assert_eq!(
                server.read(&mut [0; 1]).unwrap_err().status(),
                Status::NoCommon
            );
        }
    }
}

// Choosers.

#[test]
fn a_chooser_sees_what_the_client_says_and_chooses_who_answers() {
    let other = server_context(&issue(&["b.example"], &CertOptions::default()));
    other.set_alpn(&["h2"]).unwrap();
    let (seen, heard) = mpsc::channel();
    let server = server_context(localhost());
    let choose: HelloCallback = Arc::new(move |hello| {
        seen.send(hello.clone()).unwrap();
        let is_other = hello.server_name.as_deref() == Some("b.example");
        Ok(is_other.then(|| other.clone()).into())
    });
    server.set_hello_callback(choose).unwrap();
    for version in BOTH_VERSIONS {
        for (name, said, alpn, chosen) in [
            (
                "b.example",
                Some("b.example"),
                &["h2", "http/1.1"][..],
                Some("h2"),
            ),
            ("localhost", Some("localhost"), &["h2"], None),
            ("127.0.0.1", None, &[], None),
        ] {
            let client = only(client_context(), version);
            client.set_alpn(alpn).unwrap();
            let (client, server) = meet(&client, &server, name);
            let hello = heard.recv().unwrap();
            assert_eq!(hello.server_name.as_deref(), said);
            let offered = hello.alpn.iter().map(|name| str::from_utf8(name).unwrap());
            assert_eq!(offered.collect::<Vec<_>>(), alpn);
            assert_eq!(client.agreed().unwrap().alpn.as_deref(), chosen);
            assert_eq!(server.server_name(), said);
            assert!(heard.try_recv().is_err(), "it is asked once");
        }
    }
}

#[test]
fn sessions_are_resumed_by_the_context_that_a_chooser_chooses_and_by_no_other() {
    let user = issue(&["alice@example.org"], &CertOptions::default());
    let site = issue(&["open.example", "closed.example"], &CertOptions::default());
    let open = server_context(&site);
    let closed = server_context(&site);
    closed.add_root(ca().certificate()).unwrap();
    closed.set_client_auth(ClientAuth::Required).unwrap();
    let server = server_context(&site);
    let choose: HelloCallback = Arc::new(move |hello| match hello.server_name.as_deref() {
        Some("closed.example") => Ok(closed.clone().into()),
        _ => Ok(open.clone().into()),
    });
    server.set_hello_callback(choose).unwrap();
    for version in BOTH_VERSIONS {
        let client = only(client_context(), version);
        client.use_identity(&user).unwrap();
        for (name, resumed, is_known) in [
            ("open.example", false, false),
            ("closed.example", false, true),
            ("open.example", true, false),
            ("closed.example", true, true),
        ] {
            let (client, server) = meet(&client, &server, name);
            assert_eq!(client.agreed().unwrap().resumed, resumed, "{name}");
            assert_eq!(!server.peer_chain().is_empty(), is_known, "{name}");
        }
    }
}

#[test]
fn what_a_chooser_fails_with_is_the_error_and_the_client_hears_an_alert() {
    let refusing: HelloCallback = Arc::new(|hello| {
        let name = hello.server_name.clone().unwrap_or_default();
        Err(Error::argument(format!("nobody serves {name}")))
    });
    let unusable: HelloCallback = Arc::new(|_| Ok(Context::new().into()));
    let expectations = [
        (refusing, Status::Argument, "nobody serves localhost", 112),
        (unusable, Status::State, "a server needs a certificate", 80),
    ];
    for (choose, status, words, alert) in expectations {
        let server = server_context(localhost());
        server.set_hello_callback(choose).unwrap();
        let (client, server) = pair(&client_context(), &server, "localhost");
        let (ours, theirs) = shake_hands(&client, &server);
        assert_fails(theirs, status, words);
        assert_eq!(ours.unwrap_err().alert(), Some(alert));
    }
}

#[test]
fn a_hello_that_comes_byte_by_byte_is_heard_all_the_same() {
    let strict = server_context(localhost());
    strict.require_known_name().unwrap();
    let context = client_context();
    let client = Connection::client(&context, Some("localhost"), MemoryTransport).unwrap();
    let server = Connection::server(&strict, MemoryTransport).unwrap();
    let mut byte = [0; 1];
    while client.is_handshaking() || server.is_handshaking() {
        for connection in [&client, &server] {
            if let Err(error) = connection.handshake() {
                assert_eq!(error.status(), Status::WantRead, "{error}");
            }
        }
        if client.drain(&mut byte).unwrap() == 1 {
            server.feed(&byte).unwrap();
        } else if server.drain(&mut byte).unwrap() == 1 {
            client.feed(&byte).unwrap();
        }
    }
    assert_eq!(server.server_name(), Some("localhost"));
}

#[test]
fn what_is_no_hello_is_refused_before_anybody_chooses() {
    let choose: HelloCallback = Arc::new(|_| panic!("there is nothing to choose by"));
    let server = server_context(localhost());
    server.set_hello_callback(choose).unwrap();
    let alert = [21, 3, 3, 0, 2, 2, 10];
    for (words, expected) in [
        (&b"GET / HTTP/1.1\r\n\r\n"[..], &[][..]),
        (&[22, 3, 1, 0, 4, 2, 0, 0, 0], &alert),
    ] {
        let (mut near, far) = UnixStream::pair().unwrap();
        near.write_all(words).unwrap();
        let server = Connection::server(&server, transport(far)).unwrap();
        server.set_timeout(PATIENCE);
        let error = server.handshake().unwrap_err();
        assert_eq!(error.status(), Status::Protocol, "{error}");
        drop(server);
        let mut answer = Vec::new();
        near.read_to_end(&mut answer).unwrap();
        assert_eq!(answer, expected);
    }
}

/// Names that no certificate can have.
const UNSPEAKABLE: [&str; 5] = [
    "a b",
    "-.example",
    "host.example ",
    "fe80::1%",
    "192.0.2.1%1",
];

#[test]
fn names_that_no_certificate_can_have_are_allowed_where_none_is_checked() {
    let server = server_context(localhost());
    let no_name = client_context();
    no_name.insecure_no_name().unwrap();
    let no_verify = Context::new();
    no_verify.insecure_no_verify().unwrap();
    let pinned = Context::new();
    let print = localhost().certificate().sha256();
    pinned.trust_certificate(print).unwrap();
    for context in [no_name, no_verify, pinned] {
        for name in UNSPEAKABLE {
            let (client, peer) = meet(&context, &server, name);
            assert_eq!(client.server_name(), Some(name));
            assert_eq!(peer.server_name(), None, "no SNI for {name}");
        }
    }
}

#[test]
fn a_pin_accepts_a_name_that_no_certificate_can_have_and_a_root_does_not() {
    let pinned = client_context();
    let device = self_signed(&names(&["device.example"]), &CertOptions::default()).unwrap();
    let print = device.certificate().sha256();
    pinned.trust_certificate(print).unwrap();
    meet(&pinned, &server_context(&device), "a b");
    // What stands in for the name is an address like others, and nobody's.
    for site in [localhost(), &issue(&["100::"], &CertOptions::default())] {
        let (client, server) = pair(&pinned, &server_context(site), "a b");
        let outcome = shake_hands(&client, &server).0;
        assert_fails(
            outcome,
            Status::CertificateNameMismatch,
            "no certificate can have",
        );
    }
}

#[test]
fn the_zone_of_an_address_is_not_checked() {
    let site = issue(&["fe80::1"], &CertOptions::default());
    let server = server_context(&site);
    for zone in ["", "%eth0", "%1", "%a%b"] {
        let name = format!("fe80::1{zone}");
        let (client, peer) = meet(&client_context(), &server, &name);
        assert_eq!(client.server_name(), Some(&*name));
        assert_eq!(peer.server_name(), None);
        assert!(site.certificate().matches(&name).unwrap());
    }
    let (client, peer) = pair(&client_context(), &server, "fe80::2%eth0");
    let outcome = shake_hands(&client, &peer).0;
    assert_fails(outcome, Status::CertificateNameMismatch, "'fe80::2'");
    for name in ["fe80::1%", "192.0.2.1%1", "localhost%lo", "[fe80::1]%eth0"] {
        let refused = Connection::client(&client_context(), Some(name), MemoryTransport);
        assert_fails(refused.map(drop), Status::Argument, "is not a DNS name");
    }
}
