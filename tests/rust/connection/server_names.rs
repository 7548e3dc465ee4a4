//! Server names: as a client asks for them (RFC 6066, section 3), and as it checks them.

use support::*;
use tlsmith::{CertOptions, Connection, Context, MemoryTransport, Status, self_signed};

use crate::certificate_selection::presented_name;

#[test]
fn client_accepts_non_ascii_names_in_both_spellings() {
    let server = server_context(&issue(&["müller.example"], &CertOptions::default()));
    for name in ["müller.example", "xn--mller-kva.example", "MÜLLER.Example"] {
        let (client, server) = pair(&client_context(), &server, name);
        let (ours, theirs) = run_handshake(&client, &server);
        ours.unwrap();
        theirs.unwrap();
        assert_eq!(server.server_name(), Some("xn--mller-kva.example"));
    }
}

#[test]
fn strict_server_rejects_names_without_an_identity() {
    let strict = || {
        let server = server_context(localhost());
        let wildcard = issue(&["*.example.org"], &CertOptions::default());
        server.use_identity(&wildcard).unwrap();
        server.require_known_name().unwrap();
        server
    };
    let server = strict();
    assert_eq!(presented_name(&server, "localhost"), "localhost");
    assert_eq!(presented_name(&server, "a.example.org"), "*.example.org");
    // Addresses are not asked for (RFC 6066, section 3).
    assert_eq!(presented_name(&server, "127.0.0.1"), "localhost");
    for version in BOTH_VERSIONS {
        for name in ["example.org", "unknown.example", "a.b.example.org"] {
            let client = only(client_context(), version);
            let (client, server) = pair(&client, &server, name);
            let (ours, theirs) = run_handshake(&client, &server);
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

/// Names that no certificate can have.
const UNSPEAKABLE: [&str; 5] = [
    "a b",
    "-.example",
    "host.example ",
    "fe80::1%",
    "192.0.2.1%1",
];

#[test]
fn unusable_names_are_allowed_where_no_name_is_checked() {
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
            let (client, peer) = connected_pair(&context, &server, name);
            assert_eq!(client.server_name(), Some(name));
            assert_eq!(peer.server_name(), None, "no SNI for {name}");
        }
    }
}

#[test]
fn trusted_certificate_accepts_unusable_names_and_a_root_does_not() {
    let pinned = client_context();
    let device = self_signed(&names(&["device.example"]), &CertOptions::default()).unwrap();
    let print = device.certificate().sha256();
    pinned.trust_certificate(print).unwrap();
    connected_pair(&pinned, &server_context(&device), "a b");
    // The placeholder for the name is an ordinary address that no host has.
    for site in [localhost(), &issue(&["100::"], &CertOptions::default())] {
        let (client, server) = pair(&pinned, &server_context(site), "a b");
        let outcome = run_handshake(&client, &server).0;
        assert_fails(
            outcome,
            Status::CertificateNameMismatch,
            "no certificate can have",
        );
    }
}

#[test]
fn client_ignores_the_zone_of_an_address() {
    let site = issue(&["fe80::1"], &CertOptions::default());
    let server = server_context(&site);
    for zone in ["", "%eth0", "%1", "%a%b"] {
        let name = format!("fe80::1{zone}");
        let (client, peer) = connected_pair(&client_context(), &server, &name);
        assert_eq!(client.server_name(), Some(&*name));
        assert_eq!(peer.server_name(), None);
        assert!(site.certificate().matches(&name).unwrap());
    }
    let (client, peer) = pair(&client_context(), &server, "fe80::2%eth0");
    let outcome = run_handshake(&client, &peer).0;
    assert_fails(outcome, Status::CertificateNameMismatch, "'fe80::2'");
    for name in ["fe80::1%", "192.0.2.1%1", "localhost%lo", "[fe80::1]%eth0"] {
        let refused = Connection::client(&client_context(), Some(name), MemoryTransport);
        assert_fails(refused.map(drop), Status::Argument, "is not a DNS name");
    }
}
