//! GnuTLS, as client and server.

use std::io::Write;
use std::process::{Command, Stdio};

use tlsmith::{CertOptions, ClientAuth, Status, Version};

use crate::peers::*;
use support::*;

const PRIORITIES: [(Version, &str); 2] = [
    (Version::Tls12, "NORMAL:-VERS-ALL:+VERS-TLS1.2"),
    (Version::Tls13, "NORMAL:-VERS-ALL:+VERS-TLS1.3"),
];

fn gnutls_cli(files: &Files, port: u16, arguments: &[&str]) -> (Peer, ProcessOutput) {
    let mut command = Command::new("gnutls-cli");
    command
        .current_dir(files.folder())
        .args(["--x509cafile", "ca.pem", "--port", &port.to_string()])
        .args(arguments)
        .arg("localhost");
    let mut peer = start_piped(&mut command);
    let words = ProcessOutput::of(&mut peer);
    (peer, words)
}

fn gnutls_serv(files: &Files, arguments: &[&str]) -> (Peer, u16) {
    let port = free_port();
    let mut command = Command::new("gnutls-serv");
    command
        .current_dir(files.folder())
        .args(["--x509certfile", "cert.pem", "--x509keyfile", "key.pem"])
        .args(["--echo", "--port", &port.to_string()])
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    let mut peer = start(&mut command);
    await_listener(&mut peer, port);
    (peer, port)
}

#[test]
fn gnutls_cli_exchanges_data_with_server() {
    let user = issue(&["alice@example.org"], &CertOptions::default());
    let files = Files::of(&user);
    let server = server_context(localhost());
    server.add_root(ca().certificate()).unwrap();
    server.set_client_auth(ClientAuth::Required).unwrap();
    for (version, priority) in PRIORITIES {
        let (listener, port) = listen();
        let cert = ["--x509certfile", "cert.pem", "--x509keyfile", "key.pem"];
        let arguments = [&cert[..], &["--priority", priority]].concat();
        let (mut peer, words) = gnutls_cli(&files, port, &arguments);
        let connection = accept(&server, &listener);
        connection.handshake().unwrap();
        assert_eq!(connection.agreed().unwrap().version, version);
        assert_eq!(connection.peer_chain()[0].subject(), "CN=alice@example.org");
        peer.0
            .stdin
            .as_mut()
            .unwrap()
            .write_all(b"hello\n")
            .unwrap();
        expect_data(&connection, b"hello\n");
        connection.write(b"answer\n").unwrap();
        words.until("answer");
        connection.shutdown().unwrap();
        peer.0.wait().unwrap();
        let words = words.until_end();
        assert!(
            words.contains("Status: The certificate is trusted"),
            "{words}"
        );
    }
}

#[test]
fn gnutls_cli_resumes_with_our_servers() {
    let files = Files::of(localhost());
    for (version, priority) in PRIORITIES {
        // One server gives the ticket, another one with the same key takes it.
        let servers = [(); 2].map(|()| {
            let server = server_context(localhost());
            server
                .add_ticket_key(b"an example of a key for tickets.")
                .unwrap();
            server
        });
        let (listener, port) = listen();
        let arguments = ["--resume", "--waitresumption", "--priority", priority];
        let (mut peer, words) = gnutls_cli(&files, port, &arguments);
        for (server, resumed) in servers.iter().zip([false, true]) {
            let connection = accept(server, &listener);
            connection.handshake().unwrap();
            let agreed = connection.agreed().unwrap();
            assert_eq!((agreed.version, agreed.resumed), (version, resumed));
            if resumed {
                connection.write(b"welcome back\n").unwrap();
                words.until("welcome back");
                connection.shutdown().unwrap();
            } else {
                assert_eq!(connection.read(&mut [0; 1]).unwrap(), 0);
            }
        }
        peer.0.wait().unwrap();
        let words = words.until_end();
        assert!(words.contains("*** This is a resumed session"), "{words}");
    }
}

#[test]
fn tlsmith_resumes_with_gnutls_serv() {
    let files = Files::of(localhost());
    for (version, priority) in PRIORITIES {
        let (_peer, port) = gnutls_serv(&files, &["--priority", priority]);
        let client = client_context();
        for resumed in [false, true, true] {
            let connection = connect(&client, port, "localhost").unwrap();
            let agreed = connection.agreed().unwrap();
            assert_eq!((agreed.version, agreed.resumed), (version, resumed));
            connection.write(b"echo this\n").unwrap();
            expect_data(&connection, b"echo this\n");
            connection.shutdown().unwrap();
        }
    }
}

#[test]
fn tlsmith_and_gnutls_update_keys() {
    let files = Files::of(localhost());
    let (_peer, port) = gnutls_serv(&files, &["--priority", PRIORITIES[1].1]);
    let connection = connect(&client_context(), port, "localhost").unwrap();
    for round in 0..5 {
        connection.refresh_keys().unwrap();
        let line = format!("round {round}\n");
        connection.write(line.as_bytes()).unwrap();
        expect_data(&connection, line.as_bytes());
    }
}

#[test]
fn tls_exporter_needs_the_extended_master_secret_in_tls_1_2() {
    const LABEL: &str = "EXPORTER-Channel-Binding";
    let files = Files::of(localhost());
    for (priority, is_bound) in [
        ("NORMAL:-VERS-ALL:+VERS-TLS1.2", true),
        ("NORMAL:-VERS-ALL:+VERS-TLS1.2:%NO_SESSION_HASH", false),
    ] {
        let (_peer, port) = gnutls_serv(&files, &["--priority", priority]);
        let client = client_context();
        // A resumed session has the master secret of the one that it continues.
        for resumed in [false, true] {
            let connection = connect(&client, port, "localhost").unwrap();
            assert_eq!(connection.agreed().unwrap().resumed, resumed, "{priority}");
            let outcome = connection.export(LABEL, Some(b""), &mut [0; 32]);
            match is_bound {
                true => outcome.unwrap(),
                false => assert_fails(outcome, Status::Unsupported, "extended master secret"),
            }
            connection
                .export("EXPORTER-other", None, &mut [0; 32])
                .unwrap();
            connection.write(b"echo\n").unwrap();
            expect_data(&connection, b"echo\n");
            connection.shutdown().unwrap();
        }
    }
}
