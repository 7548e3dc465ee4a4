//! Certificates of clients.

use std::os::unix::net::UnixStream;

use tlsmith::{CertOptions, ClientAuth, Connection, Status, Version, self_signed};

use crate::support::*;

#[test]
fn client_certificates_are_asked_for_as_the_server_says() {
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
            let (ours, theirs) = shake_hands(&client, &server);
            // In TLS 1.3 the client is done before the server has judged it.
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
        assert_eq!((ours.status(), ours.alert()), (Status::Alert, Some(116)));
        assert!(ours.to_string().contains("certificate_required"), "{ours}");

        let (ours, theirs, _) = outcome(ClientAuth::Optional, None);
        ours.unwrap();
        theirs.unwrap();

        let (ours, theirs, _) = outcome(ClientAuth::Optional, Some(&stranger));
        assert_fails(theirs, Status::CertificateUntrusted, "mallory");
        assert_eq!(ours.unwrap_err().alert(), Some(48));

        let (_, theirs, subject) = outcome(ClientAuth::None, Some(&user));
        theirs.unwrap();
        assert_eq!(subject, None);
    }
}

#[test]
fn asking_for_client_certificates_needs_roots_for_them() {
    let server = server_context(localhost());
    server.set_client_auth(ClientAuth::Required).unwrap();
    let (near, _far) = UnixStream::pair().unwrap();
    assert_fails(
        Connection::server(&server, transport(near)),
        Status::State,
        "roots",
    );
}
