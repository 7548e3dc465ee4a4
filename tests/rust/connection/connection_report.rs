//! The report of a connection, and the bytes of its handshake.

use support::*;
use tlsmith::CertOptions;
use tlsmith::{ClientAuth, EarlyData, Version};

#[test]
fn report_has_a_line_for_every_property() {
    let client = client_context();
    client
        .use_identity(&issue(&["alice@example.org"], &for_both_sides()))
        .unwrap();
    client.set_alpn(&["h2"]).unwrap();
    let server = server_context(localhost());
    server.set_alpn(&["h2"]).unwrap();
    server.add_root(ca().certificate()).unwrap();
    server.set_client_auth(ClientAuth::Required).unwrap();
    let (ours, theirs) = connected_pair(&client, &server, "localhost");
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

    let (ours, theirs) = connected_pair(&client, &server, "localhost");
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
fn report_without_a_handshake_gives_the_reason() {
    let (client, server) = pair(
        &client_context(),
        &server_context(localhost()),
        "other.example",
    );
    let line = "Not connected:       the handshake is not complete\n";
    assert_eq!(client.report(), line);
    let (ours, _) = run_handshake(&client, &server);
    let line = format!("Not connected:       {}\n", ours.unwrap_err());
    assert_eq!(client.report(), line);
    assert!(client.agreed().is_none() && client.handshake_bytes().is_none());
    assert_eq!(client.early_data(), EarlyData::None);
}

#[test]
fn handshake_bytes_count_what_went_over_the_wire() {
    for version in BOTH_VERSIONS {
        let (client, server) = (only(client_context(), version), server_context(localhost()));
        let count = || {
            let (client, server, sent) = recorded_pair(&client, &server, "localhost");
            assert_eq!(client.handshake_bytes(), None);
            let (ours, theirs) = run_handshake(&client, &server);
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
            transfer(&server, &client, b"tickets");
            assert_eq!(client.handshake_bytes(), Some((received, sent_by_us)));
            received
        };
        let (full, resumed) = (count(), count());
        assert!(resumed + 400 < full, "{resumed} instead of {full}");
    }
}

#[test]
fn server_compresses_large_certificates() {
    let many: Vec<_> = (0..200).map(|n| format!("site-{n}.example.org")).collect();
    let many: Vec<_> = many.iter().map(String::as_str).collect();
    let site = issue(&many, &CertOptions::default());
    let size = site.certificate().der().len() as u64;
    for version in BOTH_VERSIONS {
        let client = only(client_context(), version);
        let (client, _) = connected_pair(&client, &server_context(&site), "site-7.example.org");
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
