//! `curl` as the client of our server.

use std::process::Command;
use std::thread;

use tlsmith::{CertOptions, ClientAuth, Connection, Status, Version};

use crate::peers::*;
use support::*;

/// Reads a request to its empty line, and answers it.
fn answer(connection: &Connection, body: &str) -> tlsmith::Result<()> {
    let mut request = Vec::new();
    let mut buffer = [0; 4096];
    while !request.ends_with(b"\r\n\r\n") {
        let count = connection.read(&mut buffer)?;
        request.extend_from_slice(&buffer[..count]);
    }
    let head = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length:";
    let response = format!("{head} {}\r\n\r\n{body}", body.len());
    connection.write(response.as_bytes())?;
    connection.shutdown()
}

fn curl(files: &Files, port: u16, arguments: &[&str]) -> (bool, String) {
    let mut command = Command::new("curl");
    command
        .current_dir(files.folder())
        .args([
            "-sS",
            "--noproxy",
            "*",
            "--cacert",
            "ca.pem",
            "--max-time",
            "60",
        ])
        .args(arguments)
        .arg(format!("https://localhost:{port}/"));
    output(&mut command)
}

#[test]
fn curl_fetches_a_page_in_both_versions() {
    let files = Files::of(localhost());
    for (version, arguments) in [
        (Version::Tls12, ["--tls-max", "1.2"]),
        (Version::Tls13, ["--tlsv1.3", "--http1.1"]),
    ] {
        let (listener, port) = listen();
        thread::scope(|scope| {
            scope.spawn(|| {
                let connection = accept(&server_context(localhost()), &listener);
                answer(&connection, "a page\n").unwrap();
                assert_eq!(connection.agreed().unwrap().version, version);
                assert_eq!(connection.server_name(), Some("localhost"));
            });
            let (fine, said) = curl(&files, port, &arguments);
            assert!(fine, "{said}");
            assert_eq!(said, "a page\n");
        });
    }
}

#[test]
fn curl_rejects_a_certificate_for_another_name() {
    let files = Files::of(localhost());
    let (listener, port) = listen();
    let site = issue(&["other.example"], &CertOptions::default());
    thread::scope(|scope| {
        let server = scope.spawn(|| accept(&server_context(&site), &listener).handshake());
        let (fine, said) = curl(&files, port, &[]);
        assert!(!fine);
        assert!(
            said.contains("no alternative certificate subject name matches"),
            "{said}"
        );
        // Curl checks the name after the handshake, so we may be done by then.
        let _ = server.join().unwrap();
    });
}

#[test]
fn curl_obeys_a_policy_and_presents_its_certificate() {
    let user = issue(&["alice@example.org"], &CertOptions::default());
    let files = Files::of(&user);
    let server = || {
        let server = server_context(localhost());
        server.add_root(ca().certificate()).unwrap();
        server.set_client_auth(ClientAuth::Required).unwrap();
        server
    };
    let cert = ["--cert", "cert.pem", "--key", "key.pem"];
    for (policy, cipher) in [
        (
            [
                "--tls-max",
                "1.2",
                "--ciphers",
                "ECDHE-ECDSA-CHACHA20-POLY1305",
            ],
            "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
        ),
        (
            [
                "--tlsv1.3",
                "--http1.1",
                "--tls13-ciphers",
                "TLS_AES_128_GCM_SHA256",
            ],
            "TLS_AES_128_GCM_SHA256",
        ),
    ] {
        let (listener, port) = listen();
        thread::scope(|scope| {
            scope.spawn(|| {
                let connection = accept(&server(), &listener);
                answer(&connection, "for alice\n").unwrap();
                assert_eq!(connection.agreed().unwrap().cipher, cipher);
                let subject = connection.verified_chain()[0].subject();
                assert_eq!(subject, "CN=alice@example.org");
            });
            let (fine, said) = curl(&files, port, &[&cert[..], &policy].concat());
            assert!(fine, "{said}");
            assert_eq!(said, "for alice\n");
        });
        // And without its certificate.
        let (listener, port) = listen();
        thread::scope(|scope| {
            let outcome = scope.spawn(|| accept(&server(), &listener).handshake());
            let (fine, said) = curl(&files, port, &policy);
            assert!(!fine);
            // RFC 5246, section 7.4.6, has no alert of its own for it.
            let alert = match cipher.starts_with("TLS_ECDHE") {
                true => "handshake failure",
                false => "certificate required",
            };
            assert!(said.contains(alert), "{said}");
            assert_fails(outcome.join().unwrap(), Status::CertificateMissing, "");
        });
    }
}

#[test]
fn curl_receives_the_alert_for_no_common_version() {
    let files = Files::of(localhost());
    let (listener, port) = listen();
    thread::scope(|scope| {
        let server = only(server_context(localhost()), Version::Tls13);
        let outcome = scope.spawn(move || accept(&server, &listener).handshake());
        let (fine, said) = curl(&files, port, &["--tls-max", "1.2"]);
        assert!(!fine);
        assert!(said.contains("protocol version"), "{said}");
        assert_fails(outcome.join().unwrap(), Status::NoCommon, "version");
    });
}
