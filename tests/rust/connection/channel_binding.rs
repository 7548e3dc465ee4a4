//! Channel bindings (RFC 5929, RFC 9266).

use support::*;
use tlsmith::{
    ChannelBinding, Connection, Context, DigestAlgorithm, KeyType, MemoryTransport, Status,
    Version, digest,
};

#[test]
fn end_point_binding_is_the_digest_of_the_server_certificate() {
    for version in BOTH_VERSIONS {
        let identity = localhost();
        let client = only(client_context(), version);
        let (client, server) = connected_pair(&client, &server_context(identity), "localhost");
        let expected = digest(DigestAlgorithm::Sha256, identity.certificate().der());
        for side in [&client, &server] {
            let binding = side.channel_binding(ChannelBinding::TlsServerEndPoint);
            assert_eq!(binding.unwrap(), expected);
        }
        let exporter = client.channel_binding(ChannelBinding::TlsExporter).unwrap();
        let theirs = server.channel_binding(ChannelBinding::TlsExporter).unwrap();
        assert_eq!((exporter.len(), &exporter), (32, &theirs));
    }
}

#[test]
fn end_point_binding_uses_the_selected_certificate() {
    let rsa = issue(&["localhost"], &with_key(KeyType::Rsa2048));
    let server = Context::new();
    server.use_identity(localhost()).unwrap();
    server.use_identity(&rsa).unwrap();
    let client = only(client_context(), Version::Tls12);
    client
        .set_ciphers(&["ECDHE-RSA-AES128-GCM-SHA256"])
        .unwrap();
    let expected = digest(DigestAlgorithm::Sha256, rsa.certificate().der());
    for is_resumed in [false, true] {
        let (client, server) = connected_pair(&client, &server, "localhost");
        assert_eq!(client.agreed().unwrap().resumed, is_resumed);
        for side in [client, server] {
            let binding = side.channel_binding(ChannelBinding::TlsServerEndPoint);
            assert_eq!(binding.unwrap(), expected);
        }
    }
}

#[test]
fn channel_binding_needs_a_handshake_and_a_known_type() {
    let client = Connection::client(&client_context(), Some("localhost"), MemoryTransport);
    let client = client.unwrap();
    for (name, kind) in [
        ("tls-exporter", ChannelBinding::TlsExporter),
        ("tls-server-end-point", ChannelBinding::TlsServerEndPoint),
    ] {
        assert_eq!(name.parse::<ChannelBinding>().unwrap(), kind);
        let outcome = client.channel_binding(kind);
        assert_fails(outcome, Status::State, "handshake is complete");
    }
    for name in ["", "tls-unique", "TLS-EXPORTER", "tls-exporter\0"] {
        let outcome = name.parse::<ChannelBinding>();
        assert_fails(outcome, Status::Argument, "use tls-exporter or");
    }
}
