//! The key log, in the format of NSS (RFC 9850).

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
use std::sync::{Arc, Mutex};

use support::*;
use tlsmith::{Context, Status, Version};

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
fn both_sides_log_the_same_secrets_in_nss_format() {
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
        connected_pair(&client, &server, "localhost");
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
fn key_log_file_is_private_and_grows() {
    let folder = tempfile::TempDir::new().unwrap();
    let path = folder.path().join("keys");
    for count in 1..=2 {
        let client = client_context();
        client.set_keylog(Some(&path)).unwrap();
        connected_pair(&client, &server_context(localhost()), "localhost");
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
fn sslkeylogfile_is_used_only_on_request() {
    let folder = tempfile::TempDir::new().unwrap();
    let path = folder.path().join("keys");
    for (asks, lines) in [("", 0), ("yes", 5)] {
        let out = child("key_log::child_logs_its_keys_if_allowed")
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
fn child_logs_its_keys_if_allowed() {
    if !is_child() {
        return;
    }
    let client = client_context();
    if std::env::var("TLSMITH_TEST_ASKS").unwrap() == "yes" {
        client.set_keylog(None).unwrap();
    }
    connected_pair(&client, &server_context(localhost()), "localhost");
}

#[test]
fn key_log_from_environment_needs_the_variable() {
    if std::env::var_os("SSLKEYLOGFILE").is_none() {
        let outcome = Context::new().set_keylog(None);
        assert_fails(outcome, Status::Argument, "SSLKEYLOGFILE");
    }
}
