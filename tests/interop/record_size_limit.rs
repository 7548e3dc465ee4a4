//! GnuTLS and OpenSSL clients that limit the records they receive.

use std::process::Command;
use std::sync::Arc;

use tlsmith::{Connection, Context, Selection, SocketTransport, Version, tcp};

use crate::peers::*;
use support::*;

/// What our server writes: more than fits into any record, and an end to wait for.
fn data() -> Vec<u8> {
    let mut data = vec![b'x'; 40_000];
    data.extend(b"\nTHE END\n");
    data
}

/// Both kinds of server: one that answers every client alike, and one that looks at the
/// ClientHello first.
fn servers() -> [Context; 2] {
    let inspecting = server_context(localhost());
    inspecting
        .set_hello_callback(Arc::new(|_| Ok(Selection::default())))
        .unwrap();
    [server_context(localhost()), inspecting]
}

/// The length of the longest plaintext in the records that `server` sends to a client which
/// `command` starts for a port, and the same of its application data alone.
#[track_caller]
fn longest_plaintexts(
    server: &Context,
    version: Version,
    command: impl FnOnce(&Files, &str) -> Command,
) -> (usize, usize) {
    let files = Files::of(localhost());
    let (listener, port) = listen();
    let mut command = command(&files, &port.to_string());
    let mut peer = start_piped(command.current_dir(files.folder()));
    let words = ProcessOutput::of(&mut peer);
    let socket = tcp::accept(&listener, TEST_TIMEOUT, None).unwrap();
    let (recording, sent) = Recording::new(SocketTransport::new(socket).unwrap());
    let connection = Connection::server(server, recording).unwrap();
    connection.set_timeout(TEST_TIMEOUT);
    connection.handshake().unwrap();
    let agreed = connection.agreed().unwrap();
    assert_eq!(agreed.version, version);
    let handshake = sent.lock().unwrap().len();
    assert_eq!(connection.write(&data()).unwrap(), data().len());
    words.until("THE END");
    connection.shutdown().unwrap();

    // Beside its plaintext, a record has a tag, and the content type in TLS 1.3 or the
    // nonce of AES-GCM in TLS 1.2.
    let overhead = match (version, agreed.cipher.contains("GCM")) {
        (Version::Tls13, _) => 16 + 1,
        (Version::Tls12, true) => 16 + 8,
        (Version::Tls12, false) => 16,
    };
    let sent = sent.lock().unwrap();
    let longest = |bytes: &[u8], kind, overhead| {
        let lengths = records(bytes, kind).into_iter();
        lengths.map(|one| one.len() - overhead).max().unwrap_or(0)
    };
    let application_data = longest(&sent[handshake..], 23, overhead);
    let protected = longest(&sent, 23, overhead);
    (protected.max(longest(&sent, 22, 0)), application_data)
}

#[test]
fn records_for_gnutls_obey_its_record_size_limit() {
    for (version, name) in [(Version::Tls12, "TLS1.2"), (Version::Tls13, "TLS1.3")] {
        // Without the option it announces the longest records that there are.
        for option in [Some(512), Some(1_000), Some(4_096), None] {
            for server in servers() {
                let longest = longest_plaintexts(&server, version, |_, port| {
                    let mut command = Command::new("gnutls-cli");
                    command
                        .args(["--x509cafile", "ca.pem", "--port", port])
                        .args(["--priority", &format!("NORMAL:-VERS-ALL:+VERS-{name}")])
                        .args(option.map(|size| format!("--recordsize={size}")))
                        .arg("localhost");
                    command
                });
                let size = option.unwrap_or(16_384);
                assert_eq!(longest, (size, size), "{version:?}");
            }
        }
    }
}

#[test]
fn records_for_openssl_obey_its_max_fragment_length() {
    for (version, flag) in crate::openssl::VERSIONS {
        for length in [512, 1_024, 2_048, 4_096] {
            for server in servers() {
                let longest = longest_plaintexts(&server, version, |files, port| {
                    let length = length.to_string();
                    let arguments = [flag, "-maxfraglen", &length];
                    crate::openssl::s_client_of(files, port.parse().unwrap(), &arguments)
                });
                assert_eq!(longest, (length, length), "{version:?}");
            }
        }
    }
}
