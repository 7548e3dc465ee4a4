//! What can be known of a connection: its report, keying material, the key log,
//! key updates, bytes and tickets.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
use std::sync::{Arc, Mutex};

use tlsmith::{ClientAuth, Connection, Context, EarlyData, Ech, Status, Version};

use support::*;

// The report.

#[test]
fn the_report_has_a_line_for_every_fact() {
    let client = client_context();
    client
        .use_identity(&issue(&["alice@example.org"], &for_both_sides()))
        .unwrap();
    client.set_alpn(&["h2"]).unwrap();
    let server = server_context(localhost());
    server.set_alpn(&["h2"]).unwrap();
    server.add_root(ca().certificate()).unwrap();
    server.set_client_auth(ClientAuth::Required).unwrap();
    let (ours, theirs) = meet(&client, &server, "localhost");
    let (received, sent) = ours.handshake_bytes().unwrap();
    let lines = [
        "Certificate 0:       CN=localhost".to_owned(),
        "                     issued by CN=tlsmith CA".to_owned(),
        "                     key ecdsa-p256 (256 bits), signed with ecdsa-with-SHA256".to_owned(),
        "Verified, depth 1:   CN=tlsmith CA".to_owned(),
        "Verified, depth 0:   CN=localhost".to_owned(),
        "Verification:        the chain leads to a trusted root".to_owned(),
        "Version:             TLS 1.3".to_owned(),
        format!("Cipher suite:        {}", ours.agreed().unwrap().cipher),
        "Key exchange group:  X25519MLKEM768".to_owned(),
        "Peer signed with:    ecdsa_secp256r1_sha256".to_owned(),
        "Server name:         localhost".to_owned(),
        "ALPN:                h2".to_owned(),
        "Session:             new".to_owned(),
        "Early data:          none".to_owned(),
        "Encrypted hello:     none".to_owned(),
        "OCSP response:       none".to_owned(),
        format!("Handshake:           {received} bytes received, {sent} sent"),
    ];
    let report = ours.report();
    for line in lines {
        assert!(
            report.lines().any(|one| one == line),
            "no '{line}' in {report}"
        );
    }
    assert!(
        report.contains("                     valid from "),
        "{report}"
    );
    assert!(report.contains("Tickets:             2 (for "), "{report}");
    let report = theirs.report();
    for line in [
        "Certificate 0:       CN=alice@example.org",
        "Verified, depth 0:   CN=alice@example.org",
        "Tickets:             none yet",
    ] {
        assert!(
            report.lines().any(|one| one == line),
            "no '{line}' in {report}"
        );
    }

    let (ours, theirs) = meet(&client, &server, "localhost");
    for line in [
        "Session:             resumed",
        "Peer signed with:    nothing in this handshake",
        "Verification:        nothing was verified in this handshake",
    ] {
        let report = ours.report();
        assert!(
            report.lines().any(|one| one == line),
            "no '{line}' in {report}"
        );
    }
    assert!(theirs.report().contains("Session:             resumed"));
}

#[test]
fn the_report_of_what_is_no_connection_says_why() {
    let (client, server) = pair(
        &client_context(),
        &server_context(localhost()),
        "other.example",
    );
    let line = "Not connected:       the handshake is not complete\n";
    assert_eq!(client.report(), line);
    let (ours, _) = shake_hands(&client, &server);
    let line = format!("Not connected:       {}\n", ours.unwrap_err());
    assert_eq!(client.report(), line);
    assert!(client.agreed().is_none() && client.handshake_bytes().is_none());
    assert_eq!(client.early_data(), EarlyData::None);
}

// Keying material.

fn export(side: &Connection, label: &str, context: Option<&[u8]>) -> Vec<u8> {
    let mut out = vec![0; 48];
    side.export(label, context, &mut out).unwrap();
    out
}

#[test]
fn both_sides_export_the_same_and_nothing_else_is_the_same() {
    for version in BOTH_VERSIONS {
        let (client, server) = (only(client_context(), version), server_context(localhost()));
        let mut seen = BTreeSet::new();
        let mut count = 0;
        for resumed in [false, true, true] {
            let (ours, theirs) = meet(&client, &server, "localhost");
            assert_eq!(ours.agreed().unwrap().resumed, resumed);
            for label in ["EXPORTER-one", "EXPORTER-two"] {
                for context in [
                    None,
                    Some(&b""[..]),
                    Some(b"a"),
                    Some(b"b"),
                    Some(&[0; 1_000]),
                ] {
                    let exported = export(&ours, label, context);
                    assert_eq!(exported, export(&theirs, label, context));
                    // In TLS 1.3 no context is an empty one (RFC 8446, section 7.5).
                    if context.is_none() && version == Version::Tls13 {
                        assert_eq!(exported, export(&ours, label, Some(b"")));
                        continue;
                    }
                    seen.insert(exported);
                    count += 1;
                }
            }
            // The keys of records change, these do not.
            if version == Version::Tls13 {
                let before = export(&ours, "x", None);
                ours.refresh_keys().unwrap();
                say(&ours, &theirs, b"new keys");
                assert_eq!(export(&ours, "x", None), before);
                assert_eq!(export(&theirs, "x", None), before);
            }
        }
        assert_eq!(seen.len(), count);
    }
}

#[test]
fn exporting_has_its_limits() {
    let (client, server) = pair(&client_context(), &server_context(localhost()), "localhost");
    assert_fails(
        client.export("x", None, &mut [0; 32]),
        Status::State,
        "complete",
    );
    let (ours, theirs) = shake_hands(&client, &server);
    ours.and(theirs).unwrap();
    for (label, length) in [("x", 0), (&*"a".repeat(250), 32), ("x", 8_161)] {
        let outcome = client.export(label, None, &mut vec![0; length]);
        assert_fails(outcome, Status::Argument, "");
    }
    let outcome = client.export("x", Some(&[0; 65_536]), &mut [0; 32]);
    assert_fails(outcome, Status::Argument, "65535");
    for (label, length) in [("", 16), ("x", 1), (&*"a".repeat(249), 8_160)] {
        let mut one = vec![0; length];
        let mut other = vec![0; length];
        client.export(label, Some(&[7; 65_535]), &mut one).unwrap();
        server
            .export(label, Some(&[7; 65_535]), &mut other)
            .unwrap();
        assert_eq!(one, other);
    }
}

// The key log.

type Lines = Arc<Mutex<BTreeSet<String>>>;

fn logging(context: Context) -> (Context, Lines) {
    let lines = Lines::default();
    let log = lines.clone();
    let keep = move |line: &str| {
        assert!(log.lock().unwrap().insert(line.to_owned()), "twice: {line}");
    };
    context.set_keylog_callback(Arc::new(keep)).unwrap();
    (context, lines)
}

#[test]
fn both_sides_log_the_same_secrets_in_the_format_of_nss() {
    for (version, labels) in [
        (Version::Tls12, &["CLIENT_RANDOM"][..]),
        (
            Version::Tls13,
            &[
                "CLIENT_HANDSHAKE_TRAFFIC_SECRET",
                "CLIENT_TRAFFIC_SECRET_0",
                "EXPORTER_SECRET",
                "SERVER_HANDSHAKE_TRAFFIC_SECRET",
                "SERVER_TRAFFIC_SECRET_0",
            ],
        ),
    ] {
        let (client, ours) = logging(only(client_context(), version));
        let (server, theirs) = logging(server_context(localhost()));
        meet(&client, &server, "localhost");
        let ours = ours.lock().unwrap();
        assert_eq!(*ours, *theirs.lock().unwrap());
        let found: Vec<_> = ours
            .iter()
            .map(|line| line.split(' ').next().unwrap())
            .collect();
        assert_eq!(found, labels);
        for line in &*ours {
            let parts: Vec<_> = line.split(' ').collect();
            assert_eq!(parts.len(), 3, "{line}");
            assert_eq!(parts[1].len(), 64, "{line}");
            assert!([64, 96].contains(&parts[2].len()), "{line}");
            let is_hex = |part: &&str| part.bytes().all(|b| b.is_ascii_hexdigit());
            assert!(parts[1..].iter().all(is_hex), "{line}");
        }
    }
}

#[test]
fn a_key_log_file_is_private_and_grows() {
    let folder = tempfile::TempDir::new().unwrap();
    let path = folder.path().join("keys");
    for count in 1..=2 {
        let client = client_context();
        client.set_keylog(Some(&path)).unwrap();
        meet(&client, &server_context(localhost()), "localhost");
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text.lines().count(), 5 * count);
        assert!(text.ends_with('\n'));
    }
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let nowhere = folder.path().join("none/keys");
    let outcome = client_context().set_keylog(Some(&nowhere));
    assert_fails(outcome, Status::File, "none/keys");
}

#[test]
fn sslkeylogfile_counts_only_where_it_is_asked_for() {
    let folder = tempfile::TempDir::new().unwrap();
    let path = folder.path().join("keys");
    for (asks, lines) in [("", 0), ("yes", 5)] {
        let out = child("facts::child_that_may_log_its_keys")
            .env("SSLKEYLOGFILE", &path)
            .env("TLSMITH_TEST_ASKS", asks)
            .output()
            .unwrap();
        let words = String::from_utf8_lossy(&out.stdout);
        assert!(
            out.status.success() && words.contains("1 passed"),
            "{words}"
        );
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(text.lines().count(), lines, "{text}");
    }
}

#[test]
fn child_that_may_log_its_keys() {
    if !is_child() {
        return;
    }
    let client = client_context();
    if std::env::var("TLSMITH_TEST_ASKS").unwrap() == "yes" {
        client.set_keylog(None).unwrap();
    }
    meet(&client, &server_context(localhost()), "localhost");
}

#[test]
fn without_the_variable_there_is_no_file_to_log_to() {
    if std::env::var_os("SSLKEYLOGFILE").is_none() {
        let outcome = Context::new().set_keylog(None);
        assert_fails(outcome, Status::Argument, "SSLKEYLOGFILE");
    }
}

// Key updates.

#[test]
fn keys_change_again_and_again_while_data_flows() {
    let (client, server, sent) =
        recorded_pair(&client_context(), &server_context(localhost()), "localhost");
    let (ours, theirs) = shake_hands(&client, &server);
    ours.and(theirs).unwrap();
    for round in 0..20_u8 {
        let words = vec![round; 1 + usize::from(round) * 2_000];
        for (one, other) in [(&client, &server), (&server, &client)] {
            one.refresh_keys().unwrap();
            say(one, other, &words);
            say(other, one, &words);
            // Two in a row.
            one.refresh_keys().unwrap();
            one.refresh_keys().unwrap();
            say(one, other, &words);
        }
    }
    // What the server asked for last is answered with the data that is written next.
    say(&client, &server, b"an answer");
    // A key update is a record of its own, and goes out when it is told to.
    let count = || records(&sent.lock().unwrap(), 23).len();
    let before = count();
    client.refresh_keys().unwrap();
    client.flush().unwrap();
    assert_eq!(count(), before + 1);
    // The server is asked for the same, and answers at the latest with its data.
    say(&server, &client, b"old keys, perhaps");
    say(&client, &server, b"new ones");
    say(&server, &client, b"new ones, too");
}

#[test]
fn tls_1_2_has_no_key_updates() {
    let client = only(client_context(), Version::Tls12);
    let (client, server) = meet(&client, &server_context(localhost()), "localhost");
    assert_fails(client.refresh_keys(), Status::Unsupported, "TLS 1.3 alone");
    say(&client, &server, b"and it does no harm");
}

// Bytes.

#[test]
fn the_bytes_of_a_handshake_are_what_went_over_the_wire() {
    for version in BOTH_VERSIONS {
        let (client, server) = (only(client_context(), version), server_context(localhost()));
        let count = || {
            let (client, server, sent) = recorded_pair(&client, &server, "localhost");
            assert_eq!(client.handshake_bytes(), None);
            let (ours, theirs) = shake_hands(&client, &server);
            ours.and(theirs).unwrap();
            let (received, sent_by_us) = client.handshake_bytes().unwrap();
            let (received_by_them, sent_by_them) = server.handshake_bytes().unwrap();
            assert_eq!(sent_by_us, sent.lock().unwrap().len() as u64);
            assert_eq!(sent_by_us, received_by_them);
            // Tickets of TLS 1.3 come after the client is done.
            match version {
                Version::Tls12 => assert_eq!(received, sent_by_them),
                Version::Tls13 => assert!(received < sent_by_them),
            }
            say(&server, &client, b"tickets");
            assert_eq!(client.handshake_bytes(), Some((received, sent_by_us)));
            received
        };
        let (full, resumed) = (count(), count());
        assert!(resumed + 400 < full, "{resumed} instead of {full}");
    }
}

// Encrypted hellos, and certificates that are compressed.

#[test]
fn grease_looks_like_an_encrypted_hello_and_changes_nothing() {
    const ECH: u16 = 0xfe0d;
    let client = client_context();
    client.set_ech(None).unwrap();
    let (ours, theirs, sent) = recorded_pair(&client, &server_context(localhost()), "localhost");
    assert_eq!(ours.ech(), Ech::Grease);
    let (one, other) = shake_hands(&ours, &theirs);
    one.and(other).unwrap();
    say(&theirs, &ours, b"fine");
    let hellos = records(&sent.lock().unwrap(), 22);
    assert!(
        hello_extensions(&hellos[0])
            .iter()
            .any(|(number, _)| *number == ECH)
    );
    assert_eq!(ours.ech(), Ech::Grease);
    assert!(ours.report().contains("Encrypted hello:     GREASE"));
    assert_eq!(theirs.server_name(), Some("localhost"));

    // Such a client speaks TLS 1.3 alone.
    let old = only(server_context(localhost()), Version::Tls12);
    let (ours, theirs) = pair(&client, &old, "localhost");
    assert_fails(shake_hands(&ours, &theirs).1, Status::NoCommon, "version");

    let (ours, theirs, sent) =
        recorded_pair(&client_context(), &server_context(localhost()), "localhost");
    shake_hands(&ours, &theirs).0.unwrap();
    assert_eq!(ours.ech(), Ech::None);
    let hellos = records(&sent.lock().unwrap(), 22);
    assert!(
        hello_extensions(&hellos[0])
            .iter()
            .all(|(number, _)| *number != ECH)
    );
}

/// An ECHConfigList (RFC 9849, section 4) for a server that is called in public
/// `name`.
pub(crate) fn ech_list(name: &str) -> Vec<u8> {
    let long = |bytes: &[u8]| [&(bytes.len() as u16).to_be_bytes()[..], bytes].concat();
    // DHKEM(X25519), HKDF-SHA256 and AES-128-GCM; a point with a known order
    // would be refused, so the base point's double serves as the key.
    let mut key = [0; 32];
    key[0] = 9;
    let contents = [
        &[1, 0, 0x20][..],
        &long(&key),
        &long(&[0, 1, 0, 1]),
        &[0, name.len() as u8],
        name.as_bytes(),
        &[0, 0],
    ]
    .concat();
    let config = [&[0xfe, 0x0d][..], &long(&contents)].concat();
    long(&config)
}

#[test]
fn a_server_that_cannot_decrypt_a_hello_is_given_up() {
    let site = issue(&["public.example", "secret.example"], &with_default());
    let client = client_context();
    client.set_ech(Some(&ech_list("public.example"))).unwrap();
    let (ours, theirs, sent) = recorded_pair(&client, &server_context(&site), "secret.example");
    let (one, other) = shake_hands(&ours, &theirs);
    let error = one.as_ref().unwrap_err();
    assert!(error.is_ech_rejection());
    assert_eq!(error.ech_retry_configs(), None);
    assert_fails(one, Status::NoCommon, "connect without ECH");
    // The server's handshake is over before it hears what the client makes of it.
    other.unwrap();
    let heard = theirs.read(&mut [0; 10]).unwrap_err();
    assert_eq!(heard.alert(), Some(121));
    assert_eq!(ours.ech(), Ech::Rejected);
    assert_eq!(ours.ech_retry_configs(), None);
    let sent = sent.lock().unwrap();
    let hello = String::from_utf8_lossy(&sent);
    assert!(hello.contains("public.example"));
    assert!(!hello.contains("secret.example"));
    for list in [&b""[..], b"\0\0", b"not a list", &ech_list("x")[..20]] {
        let outcome = client_context().set_ech(Some(list));
        assert_fails(outcome, Status::Parse, "ECHConfigList");
    }
}

/// Whoever cannot prove to have the public name may not switch ECH off.
#[test]
fn client_trusts_no_rejection_of_ech_from_a_server_of_another_name() {
    let site = issue(&["secret.example"], &with_default());
    let client = client_context();
    client.set_ech(Some(&ech_list("public.example"))).unwrap();
    let (ours, theirs) = pair(&client, &server_context(&site), "secret.example");
    let error = shake_hands(&ours, &theirs).0.unwrap_err();
    assert_eq!(error.status(), Status::CertificateNameMismatch);
    assert!(error.to_string().contains("'public.example'"), "{error}");
    assert!(!error.is_ech_rejection());
    assert_eq!(ours.ech(), Ech::None);
    assert_eq!(ours.ech_retry_configs(), None);
}

fn with_default() -> tlsmith::CertOptions {
    tlsmith::CertOptions::default()
}

#[test]
fn certificates_are_compressed_where_that_saves_much() {
    let many: Vec<_> = (0..200).map(|n| format!("site-{n}.example.org")).collect();
    let many: Vec<_> = many.iter().map(String::as_str).collect();
    let site = issue(&many, &with_default());
    let size = site.certificate().der().len() as u64;
    for version in BOTH_VERSIONS {
        let client = only(client_context(), version);
        let (client, _) = meet(&client, &server_context(&site), "site-7.example.org");
        assert_eq!(client.peer_chain(), site.chain());
        let (received, _) = client.handshake_bytes().unwrap();
        // TLS 1.2 cannot (RFC 8879, section 3).
        assert_eq!(
            received < size,
            version == Version::Tls13,
            "{received} for {size}"
        );
    }
}
