//! `openssl s_server` and `openssl s_client`.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use tlsmith::{CertOptions, ClientAuth, Connection, Context, Status, Version};

use crate::peers::*;
use support::*;

pub const VERSIONS: [(Version, &str); 2] =
    [(Version::Tls12, "-tls1_2"), (Version::Tls13, "-tls1_3")];

/// `openssl s_server` with the certificate of these files.
pub fn s_server_of(files: &Files, arguments: &[&str]) -> (Peer, u16) {
    let identity = ["-cert", "cert.pem", "-key", "key.pem"];
    s_server(files.folder(), &[&identity, arguments].concat())
}

/// `openssl s_server` whose output is not needed.
pub fn s_server(folder: &Path, arguments: &[&str]) -> (Peer, u16) {
    let (peer, port, _) = s_server_with_output(folder, arguments);
    (peer, port)
}

/// `openssl s_server`, with its input and output.  Its port is the
/// system's choice, which no other process can have taken before it.
pub fn s_server_with_output(folder: &Path, arguments: &[&str]) -> (Peer, u16, ProcessOutput) {
    let server = ["s_server", "-accept", "127.0.0.1:0"];
    let mut command = openssl_command(&[&server, arguments].concat());
    let mut peer = start_piped(command.current_dir(folder));
    let words = ProcessOutput::of(&mut peer);
    let address = words.after("ACCEPT ");
    let (_, port) = address.rsplit_once(':').expect(&address);
    (peer, port.parse().unwrap(), words)
}

/// One `openssl s_client` at a server of ours: all its output, and what
/// `act` gives.  It ends when we close.
pub fn s_client_at<T>(
    context: &Context,
    files: &Files,
    arguments: &[&str],
    act: impl FnOnce(&Connection, &mut Peer, &ProcessOutput) -> T,
) -> (String, T) {
    let (listener, port) = listen();
    let mut command = s_client_of(files, port, arguments);
    let mut client = start_piped(&mut command);
    let words = ProcessOutput::of(&mut client);
    let connection = accept(context, &listener);
    let outcome = act(&connection, &mut client, &words);
    let _ = connection.shutdown();
    drop(connection);
    client.0.wait().unwrap();
    // Its last output may still be in the pipe.
    client.0.stdin.take();
    (words.until_end(), outcome)
}

/// `openssl s_client` that trusts the CA of these files.
pub fn s_client_of(files: &Files, port: u16, arguments: &[&str]) -> Command {
    s_client(
        files.folder(),
        port,
        &[&["-CAfile", "ca.pem"], arguments].concat(),
    )
}

pub fn s_client(folder: &Path, port: u16, arguments: &[&str]) -> Command {
    let address = format!("127.0.0.1:{port}");
    let client = ["s_client", "-connect", &address, "-verify_return_error"];
    let mut command = openssl_command(&[&client, arguments].concat());
    command.current_dir(folder);
    command
}

#[test]
fn client_exchanges_data_with_s_server() {
    for (version, flag) in VERSIONS {
        for kind in FAST_KEY_TYPES {
            let options = CertOptions {
                key_type: Some(kind),
                ..CertOptions::default()
            };
            let files = Files::of(&issue(&["localhost", "127.0.0.1"], &options));
            let (_peer, port) = s_server_of(&files, &["-rev", flag]);
            for name in ["localhost", "127.0.0.1"] {
                let connection = connect(&client_context(), port, name).unwrap();
                assert_eq!(connection.agreed().unwrap().version, version);
                connection.write(b"hello\n").unwrap();
                let mut answer = Vec::new();
                let mut buffer = [0; 100];
                while answer.len() < 6 {
                    let count = connection.read(&mut buffer).unwrap();
                    answer.extend_from_slice(&buffer[..count]);
                }
                assert_eq!(answer, b"olleh\n");
                connection.shutdown().unwrap();
                assert_eq!(connection.read(&mut buffer).unwrap(), 0, "close_notify");
            }
        }
    }
}

#[test]
fn s_client_exchanges_data_with_server() {
    let files = Files::of(localhost());
    for (version, flag) in VERSIONS {
        let (listener, port) = listen();
        let mut command = s_client_of(
            &files,
            port,
            &["-verify_hostname", "localhost", "-quiet", flag],
        );
        let mut client = start_piped(&mut command);
        let connection = accept(&server_context(localhost()), &listener);
        client
            .0
            .stdin
            .as_mut()
            .unwrap()
            .write_all(b"hello\n")
            .unwrap();
        let mut buffer = [0; 100];
        assert_eq!(connection.read(&mut buffer).unwrap(), 6);
        assert_eq!(connection.agreed().unwrap().version, version);
        connection.write(b"answer\n").unwrap();
        connection.shutdown().unwrap();
        // s_client ends on our close_notify, and answers with its own.
        assert_eq!(connection.read(&mut buffer).unwrap(), 0);
        let mut answer = String::new();
        std::io::Read::read_to_string(client.0.stdout.as_mut().unwrap(), &mut answer).unwrap();
        assert_eq!(answer, "answer\n");
    }
}

#[test]
fn s_client_rejects_our_server_and_tlsmith_names_its_alert() {
    let other = ca_named("Other CA");
    let stranger = tlsmith::issue_cert(&other, &names(&["localhost"]), &CertOptions::default());
    let stranger = stranger.unwrap();
    let files = Files::of(localhost());
    for (identity, name, words, alert) in [
        (localhost(), "other.example", "hostname mismatch", 42),
        (
            &stranger,
            "localhost",
            "unable to get local issuer certificate",
            48,
        ),
    ] {
        let (listener, port) = listen();
        thread::scope(|scope| {
            let server = scope.spawn(|| accept(&server_context(identity), &listener).handshake());
            let arguments = ["-verify_hostname", name];
            let (fine, said) = output(&mut s_client_of(&files, port, &arguments));
            assert!(!fine);
            assert!(said.contains(words), "{said}");
            // In TLS 1.3 the client's alert comes before its Finished would.
            let error = server.join().unwrap().unwrap_err();
            assert_eq!(error.status(), Status::Alert, "{error}");
            assert_eq!(error.alert(), Some(alert), "{error}");
        });
    }
}

#[test]
fn client_rejects_s_server_with_a_wrong_certificate() {
    let options = CertOptions {
        not_before: Some(1_600_000_000),
        lifetime: Some(Duration::from_secs(86_400)),
        ..CertOptions::default()
    };
    let old_ca = tlsmith::gen_ca(&CertOptions {
        not_before: Some(1_500_000_000),
        lifetime: Some(Duration::from_secs(9_000 * 86_400)),
        ..CertOptions::default()
    })
    .unwrap();
    let expired = tlsmith::issue_cert(&old_ca, &names(&["localhost"]), &options).unwrap();
    let trusting_old = Context::new();
    trusting_old.add_root(old_ca.certificate()).unwrap();

    let good = Files::of(localhost());
    let (_peer, port) = s_server_of(&good, &[]);
    let outcome = connect(&client_context(), port, "other.example");
    assert_fails(
        outcome,
        Status::CertificateNameMismatch,
        "'localhost', '127.0.0.1', '::1'",
    );
    let outcome = connect(&trusting_old, port, "localhost");
    assert_eq!(
        outcome.unwrap_err().status(),
        Status::CertificateBadSignature
    );

    let old = Files::of(&expired);
    let (_peer, port) = s_server_of(&old, &[]);
    let outcome = connect(&trusting_old, port, "localhost");
    assert_fails(outcome, Status::CertificateExpired, "expired on 2020-09-14");
}

#[test]
fn killed_s_server_leaves_a_truncated_stream() {
    let files = Files::of(localhost());
    let (mut peer, port) = s_server_of(&files, &[]);
    let connection = connect(&client_context(), port, "localhost").unwrap();
    peer.0.stdin.as_mut().unwrap().write_all(b"half\n").unwrap();
    let mut buffer = [0; 100];
    assert_eq!(connection.read(&mut buffer).unwrap(), 5);
    peer.0.kill().unwrap();
    peer.0.wait().unwrap();
    assert_fails(
        connection.read(&mut buffer),
        Status::Truncated,
        "close_notify",
    );
}

#[test]
fn client_certificates_are_verified_both_ways() {
    let user = issue(&["alice@example.org"], &CertOptions::default());
    let files = Files::of(localhost());
    user.save(Some(&files.path("user.pem")), Some(&files.path("user.key")))
        .unwrap();
    for (version, flag) in VERSIONS {
        let arguments = [
            "-Verify",
            "1",
            "-CAfile",
            "ca.pem",
            "-verify_return_error",
            "-rev",
            flag,
        ];
        let (_peer, port) = s_server_of(&files, &arguments);
        let context = client_context();
        context.use_identity(&user).unwrap();
        let connection = connect(&context, port, "localhost").unwrap();
        connection.write(b"abc\n").unwrap();
        assert_eq!(connection.read(&mut [0; 10]).unwrap(), 4);

        let server = server_context(localhost());
        server.add_root(ca().certificate()).unwrap();
        server.set_client_auth(ClientAuth::Required).unwrap();
        server.set_versions(version, version).unwrap();
        let (listener, port) = listen();
        let arguments = ["-cert", "user.pem", "-key", "user.key", "-quiet"];
        let mut command = s_client_of(&files, port, &arguments);
        command.stdin(Stdio::piped()).stderr(Stdio::null());
        let _client = start(&mut command);
        let connection = accept(&server, &listener);
        connection.handshake().unwrap();
        // s_client adds the CA that it knows to the chain.
        assert_eq!(connection.peer_chain()[0], user.chain()[0]);
    }
}

#[test]
fn server_accepts_s_client_of_an_unknown_ca_as_unverified() {
    let other = ca_named("Elsewhere CA");
    let mallory = names(&["mallory@example.org"]);
    let mallory = tlsmith::issue_cert(&other, &mallory, &CertOptions::default()).unwrap();
    let files = Files::of(localhost());
    mallory
        .save(Some(&files.path("user.pem")), Some(&files.path("user.key")))
        .unwrap();
    let server = server_context(localhost());
    server.add_root(ca().certificate()).unwrap();
    server.insecure_allow_unverified_clients().unwrap();
    for (_, flag) in VERSIONS {
        let session = files.path("session").display().to_string();
        let identity = ["-cert", "user.pem", "-key", "user.key", flag];
        let arguments = [&identity[..], &["-sess_out", &session]].concat();
        let (words, ()) = s_client_at(&server, &files, &arguments, |connection, _, _| {
            connection.handshake().unwrap();
            connection.write(b"hello\n").unwrap();
            let error = connection.verify_error().unwrap();
            assert_eq!(error.status(), Status::CertificateUnknownIssuer, "{error}");
            assert!(
                error.to_string().contains("CN=mallory@example.org"),
                "{error}"
            );
            assert_eq!(connection.peer_chain()[0], mallory.chain()[0]);
            assert!(connection.verified_chain().is_empty());
        });
        assert!(words.contains("Verify return code: 0 (ok)"), "{words}");
        assert!(!words.contains("TLS session ticket:"), "{words}");
        // What it saved in TLS 1.2, where the server had named a session before, is none.
        let arguments = [&identity[..], &["-sess_in", &session]].concat();
        if files.path("session").exists() {
            s_client_at(&server, &files, &arguments, |connection, _, _| {
                connection.handshake().unwrap();
                assert!(!connection.agreed().unwrap().resumed);
                assert_eq!(
                    connection.verify_status(),
                    Some(Status::CertificateUnknownIssuer)
                );
            });
            std::fs::remove_file(&session).unwrap();
        }
    }
    // Without a certificate it is accepted, too.
    s_client_at(&server, &files, &[], |connection, _, _| {
        connection.handshake().unwrap();
        assert_eq!(connection.verify_status(), Some(Status::CertificateMissing));
    });
}

#[test]
fn alpn_is_negotiated_with_openssl() {
    let files = Files::of(localhost());
    let (_peer, port) = s_server_of(&files, &["-alpn", "h2,http/1.1"]);
    let context = client_context();
    context.set_alpn(&["http/1.1"]).unwrap();
    let connection = connect(&context, port, "localhost").unwrap();
    assert_eq!(
        connection.agreed().unwrap().alpn.as_deref(),
        Some("http/1.1")
    );
}
