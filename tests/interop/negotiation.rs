//! What handshakes with `openssl s_client` and `s_server` negotiate, and what follows them.

use std::fs;
use std::io::Write;

use tlsmith::{ClientAuth, Connection, Context, KeyType, Version};

use crate::openssl::{VERSIONS, s_client_at, s_server_of, s_server_with_output};
use crate::peers::*;
use support::*;

fn shake(connection: &Connection, _: &mut Peer, _: &ProcessOutput) {
    connection.handshake().unwrap();
}

fn write_line(peer: &mut Peer, words: &str) {
    let stdin = peer.0.stdin.as_mut().unwrap();
    stdin.write_all(words.as_bytes()).unwrap();
}

#[track_caller]
fn assert_prints(words: &str, part: &str) {
    // OpenSSL writes the names of algorithms now one way, now another.
    let found = words.to_lowercase().contains(&part.to_lowercase());
    assert!(found, "no '{part}' in {words}");
}

// Names and keys.

#[test]
fn server_selects_the_identity_for_the_name_of_s_client() {
    let kinds = [
        (
            "a.example",
            KeyType::EcdsaP256,
            "Peer signature type: ECDSA",
        ),
        ("b.example", KeyType::Rsa2048, "Peer signature type: RSA"),
        ("c.example", KeyType::Ed448, "Peer signature type: Ed448"),
    ];
    let server = Context::new();
    for (name, kind, _) in kinds {
        server
            .use_identity(&issue(&[name], &with_key(kind)))
            .unwrap();
    }
    server.require_known_name().unwrap();
    let files = Files::of(localhost());
    for (_, flag) in VERSIONS {
        for (name, _, signature) in kinds {
            let arguments = ["-servername", name, "-verify_hostname", name, flag];
            let (words, ()) = s_client_at(&server, &files, &arguments, shake);
            assert_prints(&words, &format!("subject=CN = {name}"));
            assert_prints(&words, signature);
            assert_prints(&words, "Verification: OK");
        }
    }
}

#[test]
fn server_selects_the_key_that_s_client_can_verify() {
    let server = Context::new();
    for kind in [KeyType::Ed448, KeyType::EcdsaP256, KeyType::Rsa2048] {
        let identity = issue(&["localhost"], &with_key(kind));
        server.use_identity(&identity).unwrap();
    }
    let files = Files::of(localhost());
    for (_, flag) in VERSIONS {
        for (schemes, signature) in [
            ("ecdsa_secp256r1_sha256", "Peer signature type: ECDSA"),
            ("rsa_pss_rsae_sha256", "Peer signature type: RSA-PSS"),
            ("ed448", "Peer signature type: Ed448"),
            ("rsa_pss_rsae_sha256:ed448", "Peer signature type: Ed448"),
        ] {
            let arguments = ["-servername", "localhost", "-sigalgs", schemes, flag];
            let (words, ()) = s_client_at(&server, &files, &arguments, shake);
            assert_prints(&words, signature);
        }
    }
}

#[test]
fn s_client_receives_the_ca_names_and_is_identified() {
    let user = issue(&["alice@example.org"], &Default::default());
    let files = Files::of(&user);
    for (version, flag) in VERSIONS {
        let server = only(server_context(localhost()), version);
        server.add_root(ca().certificate()).unwrap();
        server.set_client_auth(ClientAuth::Optional).unwrap();
        for with_cert in [true, false] {
            let cert = ["-cert", "cert.pem", "-key", "key.pem"];
            let arguments = [&[flag][..], if with_cert { &cert } else { &[] }].concat();
            let (words, subject) = s_client_at(&server, &files, &arguments, |ours, _, _| {
                ours.handshake().unwrap();
                ours.verified_chain()
                    .first()
                    .map(|one| one.subject().to_owned())
            });
            assert_prints(
                &words,
                "Acceptable client certificate CA names\nCN = tlsmith CA\n",
            );
            let expected = with_cert.then_some("CN=alice@example.org");
            assert_eq!(subject.as_deref(), expected);
        }
    }
}

// What is agreed on.

#[test]
fn s_client_negotiates_protocols_suites_and_groups() {
    let files = Files::of(localhost());
    let server = || {
        let server = server_context(localhost());
        server.set_alpn(&["h2", "http/1.1"]).unwrap();
        server
    };
    let agreed = |server: &Context, arguments: &[&str]| {
        s_client_at(server, &files, arguments, |connection, _, _| {
            connection.handshake().unwrap();
            connection.agreed().unwrap().clone()
        })
    };
    let (words, ours) = agreed(&server(), &["-alpn", "http/1.1,h2"]);
    assert_prints(&words, "ALPN protocol: h2");
    assert_eq!(ours.alpn.as_deref(), Some("h2"));
    let (words, ours) = agreed(&server(), &["-alpn", "http/1.1"]);
    assert_prints(&words, "ALPN protocol: http/1.1");
    assert_eq!(ours.alpn.as_deref(), Some("http/1.1"));

    for suite in [
        "TLS_AES_128_GCM_SHA256",
        "TLS_AES_256_GCM_SHA384",
        "TLS_CHACHA20_POLY1305_SHA256",
    ] {
        let (words, ours) = agreed(&server(), &["-ciphersuites", suite]);
        assert_prints(&words, &format!("Cipher is {suite}"));
        assert_eq!(ours.cipher, suite);
        let strict = server();
        strict.set_ciphers(&[suite]).unwrap();
        let (words, _) = agreed(&strict, &[]);
        assert_prints(&words, &format!("Cipher is {suite}"));
    }
    for (suite, iana) in [
        (
            "ECDHE-ECDSA-AES128-GCM-SHA256",
            "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
        ),
        (
            "ECDHE-ECDSA-AES256-GCM-SHA384",
            "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
        ),
        (
            "ECDHE-ECDSA-CHACHA20-POLY1305",
            "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
        ),
    ] {
        let (words, ours) = agreed(&server(), &["-tls1_2", "-cipher", suite]);
        assert_prints(&words, &format!("Cipher is {suite}"));
        assert_eq!(ours.cipher, iana);
    }
    // In TLS 1.2 a group has to be there for the key of the certificate, too, unless
    // that is RSA.
    let rsa = server_context(&issue(&["localhost"], &with_key(KeyType::Rsa2048)));
    for (group, named, iana) in [
        ("P-256", "ECDH, prime256v1", "secp256r1"),
        ("P-384", "ECDH, secp384r1", "secp384r1"),
        ("X25519", "X25519", "x25519"),
    ] {
        for (_, flag) in VERSIONS {
            let (words, ours) = agreed(&rsa, &["-groups", group, flag]);
            assert_prints(&words, &format!("Server Temp Key: {named}"));
            assert_eq!(ours.group, Some(iana));
        }
    }
}

/// How often a message was sent, as `-msg` shows it.
fn count(words: &str, message: &str) -> usize {
    words.matches(&format!(", {message}\n")).count()
}

#[test]
fn either_side_retries_with_a_supported_group() {
    let files = Files::of(localhost());
    let server = server_context(localhost());
    server.set_groups(&["x25519"]).unwrap();
    let arguments = ["-groups", "P-384:X25519", "-tls1_3", "-msg"];
    let (words, ()) = s_client_at(&server, &files, &arguments, shake);
    assert_prints(&words, "Server Temp Key: X25519");
    assert_eq!(count(&words, "ClientHello"), 2, "{words}");

    let arguments = [
        "-cert", "cert.pem", "-key", "key.pem", "-groups", "P-384", "-msg",
    ];
    let (_peer, port, words) = s_server_with_output(files.folder(), &arguments);
    let connection = connect(&client_context(), port, "localhost").unwrap();
    assert_eq!(connection.agreed().unwrap().group, Some("secp384r1"));
    assert_eq!(count(&words.until("Finished"), "ClientHello"), 2);
}

#[test]
fn openssl_negotiates_secp521r1_and_x448_in_both_roles() {
    // In TLS 1.2 the curve of a certificate would have to be among the groups.
    let site = issue(&["localhost"], &with_key(KeyType::Ed25519));
    let files = Files::of(&site);
    for (version, flag) in VERSIONS {
        for (group, theirs) in [("secp521r1", "P-521"), ("x448", "X448")] {
            let (_peer, port) = s_server_of(&files, &["-rev", flag, "-groups", theirs]);
            let client = client_context();
            client.set_groups(&[group]).unwrap();
            let connection = connect(&client, port, "localhost").unwrap();
            let agreed = connection.agreed().unwrap();
            assert_eq!((agreed.version, agreed.group), (version, Some(group)));

            let server = server_context(&site);
            server.set_groups(&[group]).unwrap();
            let arguments = [flag, "-groups", theirs];
            let (_, outcome) = s_client_at(&server, &files, &arguments, |connection, _, _| {
                connection.handshake().unwrap();
                connection.agreed().unwrap().group
            });
            assert_eq!(outcome, Some(group));
        }
    }
}

#[test]
fn s_server_obeys_our_policies() {
    let files = Files::of(localhost());
    for (_, flag) in VERSIONS {
        let (_peer, port) = s_server_of(&files, &["-rev", flag]);
        for cipher in [
            "TLS_CHACHA20_POLY1305_SHA256",
            "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
        ] {
            let is_new = !cipher.contains("_ECDHE_");
            let client = match is_new {
                true => only(client_context(), Version::Tls13),
                false => only(client_context(), Version::Tls12),
            };
            client.set_ciphers(&[cipher]).unwrap();
            client.set_groups(&["secp256r1"]).unwrap();
            match connect(&client, port, "localhost") {
                Ok(connection) => {
                    let agreed = connection.agreed().unwrap();
                    assert_eq!(agreed.cipher, cipher);
                    assert_eq!(agreed.group, Some("secp256r1"));
                    assert_eq!(is_new, flag == "-tls1_3");
                }
                Err(error) => {
                    assert_eq!(error.alert(), Some(70), "{error}");
                    assert_ne!(is_new, flag == "-tls1_3");
                }
            }
        }
    }
}

#[test]
fn signature_schemes_are_negotiated_with_openssl() {
    let identity = issue(&["localhost"], &with_key(KeyType::Rsa2048));
    let files = Files::of(&identity);
    for (_, flag) in VERSIONS {
        let server = server_context(&identity);
        let schemes = ["rsa_pss_rsae_sha384", "rsa_pss_rsae_sha256"];
        server.set_signing_schemes(&schemes).unwrap();
        let (words, ()) = s_client_at(&server, &files, &[flag], shake);
        assert_prints(&words, "Peer signing digest: SHA384");

        let (_peer, port) = s_server_of(&files, &["-rev", flag]);
        let client = client_context();
        client.set_verify_schemes(&schemes[1..]).unwrap();
        let connection = connect(&client, port, "localhost").unwrap();
        let signature = &connection.agreed().unwrap().signature_scheme;
        assert_eq!(signature.as_deref(), Some("rsa_pss_rsae_sha256"));
    }
}

// OCSP.

#[test]
fn ocsp_responses_are_stapled_in_both_directions() {
    let files = Files::of(localhost());
    ca().save(None, Some(&files.path("ca.key"))).unwrap();
    let serial = localhost()
        .certificate()
        .serial()
        .replace(':', "")
        .to_uppercase();
    let line = format!("V\t491231235959Z\t\t{serial}\tunknown\t/CN=localhost\n");
    fs::write(files.path("index.txt"), line).unwrap();
    let arguments = "ocsp -index index.txt -rsigner ca.pem -rkey ca.key -CA ca.pem \
                     -issuer ca.pem -cert cert.pem -ndays 1 -respout response.der";
    let arguments: Vec<_> = arguments.split(' ').collect();
    openssl_in(files.folder(), &arguments);
    let response = fs::read(files.path("response.der")).unwrap();

    for (version, flag) in VERSIONS {
        let server = server_context(localhost());
        server.set_ocsp(&response).unwrap();
        let (words, ()) = s_client_at(&server, &files, &["-status", flag], shake);
        assert_prints(&words, "OCSP Response Status: successful");
        assert_prints(&words, "Cert Status: good");
        let (words, ()) = s_client_at(
            &server_context(localhost()),
            &files,
            &["-status", flag],
            shake,
        );
        assert_prints(&words, "OCSP response: no response sent");

        let (_peer, port) = s_server_of(&files, &["-status_file", "response.der", "-rev", flag]);
        let connection = connect(&client_context(), port, "localhost").unwrap();
        assert_eq!(connection.agreed().unwrap().version, version);
        assert_eq!(connection.ocsp_response(), Some(&response[..]));
    }
}

// Keying material.

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect()
}

#[test]
fn openssl_exports_the_same_keying_material() {
    const LABEL: &str = "EXPORTER-of-a-test";
    let files = Files::of(localhost());
    for (_, flag) in VERSIONS {
        for length in [16, 32, 100] {
            let export = |connection: &Connection| {
                let mut out = vec![0; length];
                connection.handshake().unwrap();
                connection.export(LABEL, None, &mut out).unwrap();
                hex(&out)
            };
            let size = length.to_string();
            let arguments = ["-keymatexport", LABEL, "-keymatexportlen", &size, flag];
            let server = server_context(localhost());
            let (words, ours) = s_client_at(&server, &files, &arguments, |connection, _, _| {
                export(connection)
            });
            assert_prints(&words, &format!("Keying material: {ours}\n"));

            let identity = ["-cert", "cert.pem", "-key", "key.pem"];
            let arguments = [&identity[..], &arguments].concat();
            let (_peer, port, words) = s_server_with_output(files.folder(), &arguments);
            let connection = connect(&client_context(), port, "localhost").unwrap();
            let ours = export(&connection);
            assert_eq!(words.after("Keying material: "), ours);
        }
    }
}

// Key updates.

#[test]
fn s_client_and_tlsmith_update_keys_on_either_request() {
    let files = Files::of(localhost());
    let server = server_context(localhost());
    let (words, ()) = s_client_at(
        &server,
        &files,
        &["-tls1_3", "-msg"],
        |ours, peer, words| {
            write_line(peer, "one\n");
            expect_data(ours, b"one\n");
            // It changes its keys, and then asks for ours, too.
            write_line(peer, "k\n");
            words.until_times("KEYUPDATE", 1);
            write_line(peer, "two\n");
            expect_data(ours, b"two\n");
            write_line(peer, "K\n");
            words.until_times("KEYUPDATE", 2);
            write_line(peer, "three\n");
            expect_data(ours, b"three\n");
            ours.write(b"under the new keys\n").unwrap();
            words.until("under the new keys");
            for round in 0..3 {
                ours.refresh_keys().unwrap();
                ours.write(format!("round {round}\n").as_bytes()).unwrap();
                words.until(&format!("round {round}\n"));
                write_line(peer, "answer\n");
                expect_data(ours, b"answer\n");
            }
        },
    );
    let updates = |direction: &str| {
        let lines = words.lines().filter(|line| line.contains("KeyUpdate"));
        lines.filter(|line| line.starts_with(direction)).count()
    };
    // Two of its own and three answers; one answer and three of ours.
    assert_eq!(updates(">>>"), 5, "{words}");
    assert_eq!(updates("<<<"), 4, "{words}");
}

#[test]
fn s_server_and_tlsmith_update_keys_on_either_request() {
    let files = Files::of(localhost());
    let arguments = ["-cert", "cert.pem", "-key", "key.pem", "-tls1_3", "-msg"];
    let (mut peer, port, words) = s_server_with_output(files.folder(), &arguments);
    let ours = connect(&client_context(), port, "localhost").unwrap();
    ours.write(b"hello from us\n").unwrap();
    words.until("hello from us");
    let updates = |direction: &str| {
        let said = words.until("");
        let lines = said.lines().filter(|line| line.contains("KeyUpdate"));
        lines.filter(|line| line.starts_with(direction)).count()
    };
    write_line(&mut peer, "k\n");
    words.until_times("KeyUpdate", 1);
    write_line(&mut peer, "one\n");
    expect_data(&ours, b"one\n");
    write_line(&mut peer, "K\n");
    words.until_times("KeyUpdate", 2);
    write_line(&mut peer, "two\n");
    expect_data(&ours, b"two\n");
    ours.write(b"under new keys\n").unwrap();
    words.until("under new keys");
    words.until_times("KeyUpdate", 3);
    assert_eq!(
        (updates(">>>"), updates("<<<")),
        (2, 1),
        "{}",
        words.until("")
    );
    ours.refresh_keys().unwrap();
    ours.write(b"and once more\n").unwrap();
    words.until("and once more");
    write_line(&mut peer, "three\n");
    expect_data(&ours, b"three\n");
    // Its output may come after its action.
    words.until_times("KeyUpdate", 5);
    assert_eq!(
        (updates(">>>"), updates("<<<")),
        (3, 2),
        "{}",
        words.until("")
    );
}

#[test]
fn tls_1_2_has_no_key_updates_with_openssl() {
    let files = Files::of(localhost());
    let (_peer, port) = s_server_of(&files, &["-rev", "-tls1_2"]);
    let ours = connect(&client_context(), port, "localhost").unwrap();
    assert_eq!(ours.agreed().unwrap().version, Version::Tls12);
    assert!(ours.refresh_keys().is_err());
    ours.write(b"abc\n").unwrap();
    expect_data(&ours, b"cba\n");
}
