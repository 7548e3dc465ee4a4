//! Exported keying material (RFC 5705; RFC 8446, section 7.5).

use std::collections::BTreeSet;

use support::*;
use tlsmith::{Connection, Status, Version};

fn export(side: &Connection, label: &str, context: Option<&[u8]>) -> Vec<u8> {
    let mut out = vec![0; 48];
    side.export(label, context, &mut out).unwrap();
    out
}

#[test]
fn exported_keying_material_depends_on_every_input() {
    for version in BOTH_VERSIONS {
        let (client, server) = (only(client_context(), version), server_context(localhost()));
        let mut seen = BTreeSet::new();
        let mut count = 0;
        for resumed in [false, true, true] {
            let (ours, theirs) = connected_pair(&client, &server, "localhost");
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
                transfer(&ours, &theirs, b"new keys");
                assert_eq!(export(&ours, "x", None), before);
                assert_eq!(export(&theirs, "x", None), before);
            }
        }
        assert_eq!(seen.len(), count);
    }
}

#[test]
fn exporter_rejects_invalid_arguments() {
    let (client, server) = pair(&client_context(), &server_context(localhost()), "localhost");
    assert_fails(
        client.export("x", None, &mut [0; 32]),
        Status::State,
        "complete",
    );
    let (ours, theirs) = run_handshake(&client, &server);
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
