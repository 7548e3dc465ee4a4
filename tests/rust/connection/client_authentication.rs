//! Client certificates: how a server requests them, and how a client selects one.

use std::os::unix::net::UnixStream;

use tlsmith::{
    CertOptions, ClientAuth, Connection, Context, Status, Version, issue_cert, self_signed,
};

use support::*;

#[test]
fn server_requests_client_certificates_as_configured() {
    let user = issue(&["alice@example.org"], &CertOptions::default());
    let stranger = self_signed(
        &names(&["mallory@example.org"]),
        &CertOptions {
            usage: Some(tlsmith::Usage {
                server: false,
                client: true,
            }),
            ..CertOptions::default()
        },
    );
    let stranger = stranger.unwrap();
    for version in [Version::Tls12, Version::Tls13] {
        let outcome = |mode, identity: Option<&tlsmith::Identity>| {
            let server = server_context(localhost());
            server.add_root(ca().certificate()).unwrap();
            server.set_client_auth(mode).unwrap();
            let client = client_context();
            client.set_versions(version, version).unwrap();
            if let Some(identity) = identity {
                client.use_identity(identity).unwrap();
            }
            let (client, server) = pair(&client, &server, "localhost");
            let (ours, theirs) = run_handshake(&client, &server);
            // In TLS 1.3 the client is done before the server has verified it.
            let ours = ours.and_then(|()| match &theirs {
                Ok(()) => Ok(0),
                Err(_) => client.read(&mut [0; 1]),
            });
            let subject = server.peer_chain().first().map(|c| c.subject().to_owned());
            (ours, theirs, subject)
        };
        let (ours, theirs, subject) = outcome(ClientAuth::Required, Some(&user));
        ours.unwrap();
        theirs.unwrap();
        assert_eq!(subject.as_deref(), Some("CN=alice@example.org"));

        let (ours, theirs, _) = outcome(ClientAuth::Required, None);
        assert_fails(theirs, Status::CertificateMissing, "no certificate");
        let ours = ours.unwrap_err();
        let (alert, name) = match version {
            Version::Tls12 => (40, "handshake_failure"),
            _ => (116, "certificate_required"),
        };
        assert_eq!((ours.status(), ours.alert()), (Status::Alert, Some(alert)));
        assert!(ours.to_string().contains(name), "{ours}");

        let (ours, theirs, _) = outcome(ClientAuth::Optional, None);
        ours.unwrap();
        theirs.unwrap();

        let (ours, theirs, _) = outcome(ClientAuth::Optional, Some(&stranger));
        assert_fails(theirs, Status::CertificateUnknownIssuer, "mallory");
        assert_eq!(ours.unwrap_err().alert(), Some(48));

        let (_, theirs, subject) = outcome(ClientAuth::None, Some(&user));
        theirs.unwrap();
        assert_eq!(subject, None);
    }
}

#[test]
fn requesting_client_certificates_needs_roots() {
    let server = server_context(localhost());
    server.set_client_auth(ClientAuth::Required).unwrap();
    let (near, _far) = UnixStream::pair().unwrap();
    assert_fails(
        Connection::server(&server, transport(near)),
        Status::State,
        "roots",
    );
}

#[test]
fn client_presents_matching_identity_only_to_servers_naming_its_ca() {
    let other = ca_named("other CA");
    // The chain counts, not only its leaf.
    let middle = issue_cert(
        &other,
        &[],
        &CertOptions {
            ca: true,
            ..CertOptions::default()
        },
    );
    let bob = issue_cert(
        &middle.unwrap(),
        &names(&["bob@example.org"]),
        &CertOptions::default(),
    );
    let alice = issue(&["alice@example.org"], &CertOptions::default());
    for version in BOTH_VERSIONS {
        for (trusted, expected) in [
            (vec![ca()], "CN=alice@example.org"),
            (vec![&other], "CN=bob@example.org"),
            (vec![ca(), &other], "CN=bob@example.org"),
        ] {
            let server = server_with(|server| {
                for root in trusted {
                    server.add_root(root.certificate()).unwrap();
                }
                server.set_client_auth(ClientAuth::Optional).unwrap();
            });
            let client = only(client_context(), version);
            client.use_identity(bob.as_ref().unwrap()).unwrap();
            client.match_issuer().unwrap();
            client.use_identity(&alice).unwrap();
            let (_client, server) = connected_pair(&client, &server, "localhost");
            assert_eq!(server.peer_chain()[0].subject(), expected);
        }
    }
    assert_fails(
        Context::new().match_issuer(),
        Status::State,
        "add an identity first",
    );
}
