//! Certificates in connections with OpenSSL: Ed448, every key type, and CRLs.

use std::io::{Read, Write};
use std::path::Path;
use std::process::Stdio;

use tlsmith::{
    CertOptions, ClientAuth, Connection, Context, CrlOptions, Identity, KeyType, Revoked, Status,
    Version, gen_crl,
};

use crate::openssl::{VERSIONS, s_client, s_client_at, s_server};
use crate::peers::*;
use support::Ed448Chain;
use support::*;

fn exchange_hello(connection: &Connection) {
    connection.write(b"hello\n").unwrap();
    expect_data(connection, b"olleh\n");
}

/// Our server answers one `s_client`, which trusts the CA in a file of the folder. Returns
/// what it prints.
fn serve_s_client(context: &Context, folder: &Path, ca_file: &str, flag: &str) -> String {
    let (listener, port) = listen();
    let arguments = ["-CAfile", ca_file, "-verify_hostname", "localhost", flag];
    let mut command = s_client(folder, port, &arguments);
    let mut client = start_piped(&mut command);
    let connection = accept(context, &listener);
    client
        .0
        .stdin
        .as_mut()
        .unwrap()
        .write_all(b"hello\n")
        .unwrap();
    let mut buffer = [0; 100];
    let count = connection.read(&mut buffer).unwrap();
    assert_eq!(&buffer[..count], b"hello\n");
    connection.write(b"answer\n").unwrap();
    connection.shutdown().unwrap();
    let mut words = String::new();
    client
        .0
        .stdout
        .as_mut()
        .unwrap()
        .read_to_string(&mut words)
        .unwrap();
    words
}

#[test]
fn ed448_chains_of_both_programs_work_in_both_directions() {
    for (chain, is_ours) in [
        (Ed448Chain::by_openssl(), false),
        (Ed448Chain::by_tlsmith(), true),
    ] {
        for (version, flag) in VERSIONS {
            let server = Context::new();
            server.use_identity(&chain.server()).unwrap();
            let words = serve_s_client(&server, chain.folder(), "ca_cert.pem", flag);
            for part in [
                "Verification: OK",
                "Verified peername: localhost",
                "ed448",
                "answer",
            ] {
                assert!(
                    words.to_lowercase().contains(&part.to_lowercase()),
                    "{part}: {words}"
                );
            }

            let arguments = [
                "-cert",
                "server_cert.pem",
                "-key",
                "server_keypair.pem",
                "-rev",
                flag,
            ];
            let (_peer, port) = s_server(chain.folder(), &arguments);
            let context = chain.context();
            if !is_ours {
                // OpenSSL's has its name in the subject alone.
                context.allow_common_name().unwrap();
            }
            let connection = connect(&context, port, "localhost").unwrap();
            let agreed = connection.agreed().unwrap();
            assert_eq!(agreed.version, version);
            assert_eq!(agreed.signature_scheme.as_deref(), Some("ed448"));
            exchange_hello(&connection);
        }
    }
}

#[test]
fn server_selects_a_certificate_on_a_curve_of_s_client() {
    let files = Files::of(localhost());
    let server = || server_context(&issue(&["localhost"], &with_key(KeyType::EcdsaP521)));
    let with_both = || {
        let server = server();
        server.use_identity(localhost()).unwrap();
        server
    };
    for (server, version, groups, expected) in [
        (with_both(), "-tls1_2", "P-256", Some("p256r1_sha256")),
        (with_both(), "-tls1_2", "P-256:P-521", Some("p521r1_sha512")),
        (with_both(), "-tls1_3", "P-256", Some("p521r1_sha512")),
        // There is no other, and OpenSSL decides.
        (server(), "-tls1_2", "P-256", None),
    ] {
        let arguments = [version, "-groups", groups];
        let (words, outcome) = s_client_at(&server, &files, &arguments, |connection, _, _| {
            connection.handshake()
        });
        match (outcome, expected) {
            (Ok(()), Some(scheme)) => {
                let digest = scheme.rsplit('_').next().unwrap().to_uppercase();
                let part = format!("Peer signing digest: {digest}");
                assert!(words.contains(&part), "{arguments:?}: {words}");
            }
            (Err(_), None) => assert!(words.contains("wrong curve"), "{words}"),
            (outcome, _) => panic!("{arguments:?}: {outcome:?}, {words}"),
        }
    }
}

#[test]
fn s_client_accepts_our_server_with_every_key_type() {
    for (kind, signature) in [
        (KeyType::EcdsaP256, "Peer signature type: ECDSA"),
        (KeyType::EcdsaP384, "Peer signature type: ECDSA"),
        (KeyType::EcdsaP521, "Peer signature type: ECDSA"),
        (KeyType::Ed25519, "Peer signature type: Ed25519"),
        (KeyType::Ed448, "Peer signature type: Ed448"),
        (KeyType::Rsa2048, "Peer signature type: RSA"),
        (KeyType::Rsa3072, "Peer signature type: RSA"),
        (KeyType::Rsa4096, "Peer signature type: RSA"),
    ] {
        let options = CertOptions {
            key_type: Some(kind),
            ..CertOptions::default()
        };
        let site = issue(&["localhost"], &options);
        let files = Files::of(&site);
        for (_, flag) in VERSIONS {
            let words = serve_s_client(&server_context(&site), files.folder(), "ca.pem", flag);
            for part in ["Verification: OK", signature, "answer"] {
                assert!(
                    words.to_lowercase().contains(&part.to_lowercase()),
                    "{kind}: {words}"
                );
            }
        }
    }
}

#[test]
fn clients_authenticate_with_ed448() {
    let chain = Ed448Chain::by_tlsmith();
    let ca_key = chain.path("ca_keypair.pem");
    let ca = Identity::load(&chain.path("ca_cert.pem"), Some(&ca_key)).unwrap();
    let options = CertOptions {
        key_type: Some(KeyType::Ed448),
        ..CertOptions::default()
    };
    let user = tlsmith::issue_cert(&ca, &names(&["alice@example.org"]), &options).unwrap();
    let (cert, key) = (chain.path("user.pem"), chain.path("user.key"));
    user.save(Some(&cert), Some(&key)).unwrap();
    for (version, flag) in VERSIONS {
        let (_peer, port) = s_server(
            chain.folder(),
            &[
                "-cert",
                "server_cert.pem",
                "-key",
                "server_keypair.pem",
                "-rev",
                flag,
                "-Verify",
                "1",
                "-CAfile",
                "ca_cert.pem",
                "-verify_return_error",
            ],
        );
        let context = chain.context();
        context.use_identity(&user).unwrap();
        exchange_hello(&connect(&context, port, "localhost").unwrap());

        let server = Context::new();
        server.use_identity(&chain.server()).unwrap();
        server.add_root(ca.certificate()).unwrap();
        server.set_client_auth(ClientAuth::Required).unwrap();
        server.set_versions(version, version).unwrap();
        let (listener, port) = listen();
        let arguments = [
            "-CAfile",
            "ca_cert.pem",
            "-cert",
            "user.pem",
            "-key",
            "user.key",
            "-quiet",
        ];
        let mut command = s_client(chain.folder(), port, &arguments);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let _client = start(&mut command);
        let connection = accept(&server, &listener);
        connection.handshake().unwrap();
        assert_eq!(connection.peer_chain()[0], user.chain()[0]);
        let agreed = connection.agreed().unwrap();
        assert_eq!(agreed.signature_scheme.as_deref(), Some("ed448"));
    }
}

#[test]
fn client_rejects_revoked_certificate_of_s_server() {
    let folder = tempfile::TempDir::new().unwrap();
    let site = issue(&["localhost"], &CertOptions::default());
    let (cert, key) = (
        folder.path().join("cert.pem"),
        folder.path().join("key.pem"),
    );
    site.save(Some(&cert), Some(&key)).unwrap();
    let (_peer, port) = s_server(
        folder.path(),
        &["-cert", "cert.pem", "-key", "key.pem", "-rev"],
    );
    let with_crl = |list: &[Revoked], this_update| {
        let options = CrlOptions {
            this_update,
            ..CrlOptions::default()
        };
        let context = client_context();
        context
            .add_crl(&gen_crl(ca(), list, &options).unwrap())
            .unwrap();
        connect(&context, port, "localhost")
    };
    exchange_hello(&with_crl(&[], None).unwrap());
    let entry = site.certificate().serial().parse::<Revoked>().unwrap();
    let error = with_crl(&[entry], None).unwrap_err();
    assert_eq!(error.status(), Status::CertificateRevoked, "{error}");
    let error = with_crl(&[], Some(1_700_000_000)).unwrap_err();
    assert_eq!(
        error.status(),
        Status::CertificateUnknownRevocation,
        "{error}"
    );
}

#[test]
fn s_client_receives_the_alert_for_a_revoked_certificate() {
    let user = issue(&["alice@example.org"], &CertOptions::default());
    let files = Files::of(&user);
    let revoked = user.certificate().serial().parse::<Revoked>().unwrap();
    let crl = gen_crl(ca(), &[revoked], &CrlOptions::default()).unwrap();
    let server = server_context(localhost());
    server.add_root(ca().certificate()).unwrap();
    server.set_client_auth(ClientAuth::Required).unwrap();
    server.set_versions(Version::Tls13, Version::Tls13).unwrap();
    server.add_crl(&crl).unwrap();
    let (listener, port) = listen();
    let arguments = ["-CAfile", "ca.pem", "-cert", "cert.pem", "-key", "key.pem"];
    let mut command = s_client(files.folder(), port, &arguments);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    let mut client = start(&mut command);
    let error = accept(&server, &listener).handshake().unwrap_err();
    assert_eq!(error.status(), Status::CertificateRevoked, "{error}");
    let mut words = String::new();
    client
        .0
        .stderr
        .as_mut()
        .unwrap()
        .read_to_string(&mut words)
        .unwrap();
    assert!(words.contains("alert certificate revoked"), "{words}");
}
