//! Connections between two ends of this library.

#[path = "../support/mod.rs"]
mod support;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use support::*;
use tlsmith::{
    CertOptions, ClientAuth, Connection, Context, Events, KeyType, Patience, SocketTransport,
    Status, Timeout, Transport, Version, gen_ca, self_signed, tcp,
};

// The handshake, and who is refused.

#[test]
fn both_sides_learn_what_was_agreed() {
    let (client, server) = open_pair();
    for side in [&client, &server] {
        let agreed = side.agreed().unwrap();
        assert_eq!(agreed.version, Version::Tls13);
        assert!(agreed.cipher.starts_with("TLS_AES_"), "{agreed:?}");
        assert_eq!(agreed.group.as_deref(), Some("X25519MLKEM768"));
        assert_eq!(agreed.alpn, None);
        assert!(!agreed.resumed);
        assert_eq!(side.server_name(), Some("localhost"));
    }
    let scheme = client.agreed().unwrap().signature_scheme.as_deref();
    assert_eq!(scheme, Some("ecdsa_secp256r1_sha256"));
    assert_eq!(client.peer_chain(), localhost().chain());
    let path: Vec<_> = client.verified_chain().iter().map(|c| c.sha256()).collect();
    let expected = [localhost().certificate(), ca().certificate()].map(|c| c.sha256());
    assert_eq!(path, expected);
    assert!(server.peer_chain().is_empty());
}

#[test]
fn every_key_type_authenticates_both_sides_wherever_the_protocol_allows_it() {
    for kind in KeyType::ALL {
        let options = CertOptions {
            key_type: Some(kind),
            usage: Some(tlsmith::Usage {
                server: true,
                client: true,
            }),
            ..CertOptions::default()
        };
        let identity = issue(&["localhost"], &options);
        let server = server_context(&identity);
        server.add_root(ca().certificate()).unwrap();
        server.set_client_auth(ClientAuth::Required).unwrap();
        for version in [Version::Tls12, Version::Tls13] {
            let client = client_context();
            client.set_versions(version, version).unwrap();
            client.use_identity(&identity).unwrap();
            let (client, server) = pair(&client, &server, "localhost");
            let (ours, theirs) = shake_hands(&client, &server);
            if kind.name().starts_with("ml-dsa") && version == Version::Tls12 {
                // Its signatures have no code points before TLS 1.3.
                assert_fails(theirs, Status::NoCommon, "in common");
                assert_eq!(ours.unwrap_err().alert(), Some(40));
                continue;
            }
            ours.unwrap();
            theirs.unwrap();
            for side in [&client, &server] {
                assert_eq!(side.agreed().unwrap().version, version);
                assert_eq!(side.peer_chain()[0].key_type(), kind.name());
                assert_eq!(side.verified_chain().len(), 2);
            }
        }
    }
}

#[test]
fn a_name_beyond_ascii_is_the_same_in_both_spellings() {
    let server = server_context(&issue(&["müller.example"], &CertOptions::default()));
    for name in ["müller.example", "xn--mller-kva.example", "MÜLLER.Example"] {
        let (client, server) = pair(&client_context(), &server, name);
        let (ours, theirs) = shake_hands(&client, &server);
        ours.unwrap();
        theirs.unwrap();
        assert_eq!(server.server_name(), Some("xn--mller-kva.example"));
    }
}

#[test]
fn a_server_of_an_unknown_ca_is_refused_by_name() {
    let other = gen_ca(&CertOptions {
        common_name: Some("Other CA".to_owned()),
        ..CertOptions::default()
    })
    .unwrap();
    let site = tlsmith::issue_cert(&other, &names(&["localhost"]), &CertOptions::default());
    let (client, server) = pair(
        &client_context(),
        &server_context(&site.unwrap()),
        "localhost",
    );
    let (ours, theirs) = shake_hands(&client, &server);
    assert_fails(ours, Status::CertificateUntrusted, "CN=Other CA");
    let theirs = theirs.unwrap_err();
    assert_eq!(theirs.alert(), Some(48), "{theirs}");
    assert!(client.peer_chain().is_empty());
    assert_fails(
        client.write(b"x"),
        Status::CertificateUntrusted,
        "CN=Other CA",
    );
}

#[test]
fn a_server_of_another_name_is_refused_with_both_names() {
    let site = issue(&["a.example"], &CertOptions::default());
    let (client, server) = pair(&client_context(), &server_context(&site), "b.example");
    let (ours, theirs) = shake_hands(&client, &server);
    let sentence = "certificate is for 'a.example', you asked for 'b.example'";
    assert_fails(ours, Status::CertificateName, sentence);
    assert_eq!(theirs.unwrap_err().alert(), Some(42));
}

#[test]
fn an_address_is_checked_like_a_name() {
    let server = server_context(localhost());
    let (client, peer) = pair(&client_context(), &server, "127.0.0.1");
    let (outcome, _) = shake_hands(&client, &peer);
    outcome.unwrap();
    let (client, peer) = pair(&client_context(), &server, "127.0.0.2");
    let (outcome, _) = shake_hands(&client, &peer);
    assert_fails(outcome, Status::CertificateName, "127.0.0.2");
}

#[test]
fn a_certificate_out_of_its_time_is_refused_with_the_date() {
    let day = Duration::from_secs(86_400);
    let ca = gen_ca(&CertOptions {
        not_before: Some(1_500_000_000),
        lifetime: Some(10_000 * day),
        ..CertOptions::default()
    })
    .unwrap();
    let context = Context::new();
    context.add_root(ca.certificate()).unwrap();
    for (start, part, alert) in [
        (1_600_000_000, "expired on 2020-09-14", 45),
        (2_000_000_000, "not valid before 2033-05-18", 45),
    ] {
        let options = CertOptions {
            not_before: Some(start),
            lifetime: Some(day),
            ..CertOptions::default()
        };
        let site = tlsmith::issue_cert(&ca, &names(&["localhost"]), &options).unwrap();
        let (client, server) = pair(&context, &server_context(&site), "localhost");
        let (ours, theirs) = shake_hands(&client, &server);
        assert_fails(ours, Status::CertificateTime, part);
        assert_eq!(theirs.unwrap_err().alert(), Some(alert));
    }
}

#[test]
fn a_self_signed_server_is_refused_until_it_is_a_root() {
    let site = self_signed(&names(&["localhost"]), &CertOptions::default()).unwrap();
    let server = server_context(&site);
    let (client, peer) = pair(&client_context(), &server, "localhost");
    let (outcome, _) = shake_hands(&client, &peer);
    assert_fails(outcome, Status::CertificateUntrusted, "self-signed");

    let context = Context::new();
    context.add_root(site.certificate()).unwrap();
    let (client, peer) = pair(&context, &server, "localhost");
    shake_hands(&client, &peer).0.unwrap();
}

#[test]
fn a_ca_certificate_cannot_stand_for_a_server() {
    let (client, server) = pair(&client_context(), &server_context(ca()), "localhost");
    let (outcome, _) = shake_hands(&client, &server);
    assert_fails(outcome, Status::Certificate, "CA certificate");
}

#[test]
fn a_client_certificate_cannot_stand_for_a_server() {
    let user = issue(&["alice@example.org"], &CertOptions::default());
    let (client, server) = pair(&client_context(), &server_context(&user), "localhost");
    let (outcome, _) = shake_hands(&client, &server);
    assert_fails(
        outcome,
        Status::Certificate,
        "clientAuth, not for serverAuth",
    );
}

#[test]
fn insecure_switches_do_what_they_say_and_no_more() {
    let site = issue(&["a.example"], &CertOptions::default());
    let server = server_context(&site);
    let stranger = server_context(&self_signed(&names(&["x"]), &CertOptions::default()).unwrap());

    let no_name = client_context();
    no_name.insecure_no_name().unwrap();
    let (client, peer) = pair(&no_name, &server, "b.example");
    shake_hands(&client, &peer).0.unwrap();
    let (client, peer) = pair(&no_name, &stranger, "b.example");
    assert_eq!(
        shake_hands(&client, &peer).0.unwrap_err().status(),
        Status::CertificateUntrusted
    );

    let no_verify = Context::new();
    no_verify.insecure_no_verify().unwrap();
    let (client, peer) = pair(&no_verify, &stranger, "b.example");
    shake_hands(&client, &peer).0.unwrap();
    assert_eq!(client.peer_chain().len(), 1);
    assert!(client.verified_chain().is_empty());
}

#[test]
fn a_common_name_counts_only_where_it_is_allowed() {
    // What `openssl req` makes by default: a common name and nothing else.
    let folder = tempfile::TempDir::new().unwrap();
    let at = |name: &str| folder.path().join(name);
    let out = std::process::Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
        ])
        .args(["-subj", "/CN=localhost", "-noenc", "-days", "2"])
        .args(["-addext", "basicConstraints=critical,CA:FALSE"])
        .arg("-keyout")
        .arg(at("key.pem"))
        .arg("-out")
        .arg(at("cert.pem"))
        .output()
        .expect("openssl is needed: apt-get install openssl");
    assert!(out.status.success(), "{out:?}");
    let server = Context::new();
    server
        .use_cert(&at("cert.pem"), Some(&at("key.pem")))
        .unwrap();
    let trusting = || {
        let context = Context::new();
        context.add_roots(&at("cert.pem")).unwrap();
        context
    };

    let (client, peer) = pair(&trusting(), &server, "localhost");
    assert_fails(
        shake_hands(&client, &peer).0,
        Status::CertificateName,
        "subjectAltName",
    );
    let allowing = trusting();
    allowing.allow_common_name().unwrap();
    let (client, peer) = pair(&allowing, &server, "LOCALHOST");
    shake_hands(&client, &peer).0.unwrap();
    let (client, peer) = pair(&allowing, &server, "other.example");
    assert_eq!(
        shake_hands(&client, &peer).0.unwrap_err().status(),
        Status::CertificateName
    );
}

#[test]
fn a_server_chooses_its_certificate_by_name_and_by_key() {
    let rsa = CertOptions {
        key_type: Some(KeyType::Rsa2048),
        ..CertOptions::default()
    };
    let server = Context::new();
    server.use_identity(localhost()).unwrap();
    server.use_identity(&issue(&["b.example"], &rsa)).unwrap();
    server
        .use_identity(&issue(&["*.wild.example"], &CertOptions::default()))
        .unwrap();
    for (asked, got) in [
        ("b.example", "b.example"),
        ("x.wild.example", "*.wild.example"),
        ("unknown.example", "localhost"),
    ] {
        let context = client_context();
        context.insecure_no_name().unwrap();
        let (client, peer) = pair(&context, &server, asked);
        shake_hands(&client, &peer).0.unwrap();
        assert_eq!(client.peer_chain()[0].names()[0], got);
        assert_eq!(peer.server_name(), Some(asked));
    }
}

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
        assert_eq!(ours.unwrap_err().status(), Status::Alert);

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
fn alpn_takes_the_first_protocol_in_common_or_fails() {
    let agree = |ours: &[&str], theirs: &[&str]| {
        let client = client_context();
        client.set_alpn(ours).unwrap();
        let server = server_context(localhost());
        server.set_alpn(theirs).unwrap();
        let (client, server) = pair(&client, &server, "localhost");
        let (ours, theirs) = shake_hands(&client, &server);
        (ours.map(|()| client.agreed().unwrap().alpn.clone()), theirs)
    };
    let (agreed, _) = agree(&["http/1.1", "h2"], &["h2", "http/1.1"]);
    assert_eq!(agreed.unwrap().as_deref(), Some("h2"));
    let (ours, theirs) = agree(&["spdy/3"], &["h2"]);
    assert_eq!(theirs.unwrap_err().status(), Status::NoCommon);
    assert_eq!(ours.unwrap_err().alert(), Some(120));
}

#[test]
fn peers_without_a_version_in_common_say_so() {
    let client = client_context();
    client.set_versions(Version::Tls13, Version::Tls13).unwrap();
    let server = server_context(localhost());
    server.set_versions(Version::Tls12, Version::Tls12).unwrap();
    let (client, server) = pair(&client, &server, "localhost");
    let (ours, theirs) = shake_hands(&client, &server);
    assert_fails(theirs, Status::NoCommon, "no version in common");
    assert_eq!(ours.unwrap_err().alert(), Some(70));
}

#[test]
fn a_second_connection_of_a_context_resumes_the_session() {
    let (client, server) = (client_context(), server_context(localhost()));
    let resumed: Vec<_> = (0..2)
        .map(|_| {
            let (client, server) = pair(&client, &server, "localhost");
            shake_hands(&client, &server).0.unwrap();
            server.write(b"!").unwrap();
            client.read(&mut [0; 1]).unwrap();
            client.agreed().unwrap().resumed
        })
        .collect();
    assert_eq!(resumed, [false, true]);
}

// Contexts.

#[test]
fn a_failed_setter_poisons_the_context() {
    let context = Context::new();
    let missing = std::path::Path::new("/nonexistent/roots.pem");
    assert_fails(
        context.add_roots(missing),
        Status::File,
        "/nonexistent/roots.pem",
    );
    context.add_root(ca().certificate()).unwrap();
    let (near, _far) = UnixStream::pair().unwrap();
    let outcome = Connection::client(&context, Some("localhost"), transport(near));
    assert_fails(outcome, Status::File, "/nonexistent/roots.pem");
    assert!(context.error().is_some());
}

#[test]
fn a_context_in_use_cannot_be_changed() {
    let context = client_context();
    let (near, _far) = UnixStream::pair().unwrap();
    Connection::client(&context, Some("localhost"), transport(near)).unwrap();
    assert_fails(
        context.set_alpn(&["h2"]),
        Status::State,
        "make a new context",
    );
}

#[test]
fn a_server_without_an_identity_is_refused() {
    let (near, _far) = UnixStream::pair().unwrap();
    let outcome = Connection::server(&Context::new(), transport(near));
    assert_fails(outcome, Status::State, "certificate");
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

#[test]
fn bad_server_names_are_refused() {
    let context = client_context();
    for name in ["", "a b", "a\0b", &"a".repeat(10_000), "-.example"] {
        let (near, _far) = UnixStream::pair().unwrap();
        let outcome = Connection::client(&context, Some(name), transport(near));
        assert_fails(outcome, Status::Argument, "is not a DNS name");
    }
    let (near, _far) = UnixStream::pair().unwrap();
    let outcome = Connection::client(&context, None, transport(near));
    assert_fails(outcome, Status::Argument, "needs the name");
}

#[test]
fn roots_come_from_a_folder_too() {
    let folder = tempfile::TempDir::new().unwrap();
    let context = Context::new();
    assert_fails(context.add_roots(folder.path()), Status::Parse, "no file");
    std::fs::write(folder.path().join("README"), "not a certificate").unwrap();
    std::fs::write(folder.path().join("ca.pem"), ca().cert_pem()).unwrap();
    let context = Context::new();
    context.add_roots(folder.path()).unwrap();
    let (client, server) = pair(&context, &server_context(localhost()), "localhost");
    shake_hands(&client, &server).0.unwrap();
}

#[test]
fn the_system_and_the_bundled_roots_do_not_trust_a_stranger() {
    let bundled = Context::new();
    bundled.add_bundled_roots().unwrap();
    for context in [Context::new(), bundled] {
        let (client, server) = pair(&context, &server_context(localhost()), "localhost");
        let outcome = shake_hands(&client, &server).0;
        assert_eq!(outcome.unwrap_err().status(), Status::CertificateUntrusted);
    }
}

// Data and the three ends of a stream.

#[test]
fn bytes_arrive_in_order_in_any_portions() {
    let (client, server) = open_pair();
    let data: Vec<u8> = (0..3_000_000_u32)
        .map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect();
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut rest = &data[..];
            let mut size = 1;
            while !rest.is_empty() {
                let (now, later) = rest.split_at(size.min(rest.len()));
                assert_eq!(client.write(now).unwrap(), now.len());
                rest = later;
                size = size * 3 + 1;
            }
            client.shutdown().unwrap();
        });
        let mut got = Vec::new();
        let mut buffer = vec![0; 100_000];
        for size in [1, 7, 5_000, 20_000, 100_000].iter().cycle() {
            match server.read(&mut buffer[..*size]).unwrap() {
                0 => break,
                count => got.extend_from_slice(&buffer[..count]),
            }
        }
        assert!(got == data);
    });
}

#[test]
fn both_directions_flow_at_once() {
    let (client, server) = open_pair();
    let data = vec![0x5a; 8 << 20];
    thread::scope(|scope| {
        for side in [&client, &server] {
            let data = &data;
            scope.spawn(move || {
                side.write(data).unwrap();
                side.shutdown().unwrap();
            });
            scope.spawn(move || assert!(read_all(side).unwrap() == *data));
        }
    });
}

#[test]
fn after_the_peers_close_notify_reading_ends_and_writing_goes_on() {
    for version in [Version::Tls12, Version::Tls13] {
        let context = client_context();
        context.set_versions(version, version).unwrap();
        let (client, server) = pair(&context, &server_context(localhost()), "localhost");
        shake_hands(&client, &server).0.unwrap();
        client.write(b"last words").unwrap();
        client.shutdown().unwrap();
        client.shutdown().unwrap();
        assert_fails(client.write(b"more"), Status::State, "close_notify");
        assert_eq!(read_all(&server).unwrap(), b"last words");
        assert!(server.peer_closed());
        assert_eq!(server.read(&mut [0; 9]).unwrap(), 0);
        server.write(b"answer").unwrap();
        server.shutdown().unwrap();
        assert_eq!(read_all(&client).unwrap(), b"answer");
    }
}

#[test]
fn a_transport_that_ends_without_close_notify_is_truncated() {
    let (client, server) = open_pair();
    server.write(b"half").unwrap();
    drop(server);
    let mut buffer = [0; 100];
    assert_eq!(client.read(&mut buffer).unwrap(), 4);
    for _ in 0..2 {
        assert_fails(client.read(&mut buffer), Status::Truncated, "close_notify");
    }
}

#[test]
fn truncation_is_an_end_where_it_is_allowed() {
    let context = client_context();
    context.insecure_allow_truncation().unwrap();
    let (client, server) = pair(&context, &server_context(localhost()), "localhost");
    shake_hands(&client, &server).0.unwrap();
    server.write(b"half").unwrap();
    drop(server);
    assert_eq!(read_all(&client).unwrap(), b"half");
}

#[test]
fn a_peer_that_hangs_up_in_the_handshake_is_truncated() {
    let (near, far) = UnixStream::pair().unwrap();
    let client = Connection::client(&client_context(), Some("localhost"), transport(near)).unwrap();
    drop(far);
    let error = client.handshake().unwrap_err();
    assert!(
        matches!(error.status(), Status::Truncated | Status::Io),
        "{error}"
    );
}

#[test]
fn a_peer_that_speaks_http_is_recognized() {
    let (near, mut far) = UnixStream::pair().unwrap();
    far.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").unwrap();
    let client = Connection::client(&client_context(), Some("localhost"), transport(near)).unwrap();
    assert_fails(
        client.handshake(),
        Status::Protocol,
        "HTTP/1.1 400 Bad Request",
    );
    let mut sent = Vec::new();
    drop(client);
    far.read_to_end(&mut sent).unwrap();
    assert_eq!(sent[0], 22, "a ClientHello was sent");
}

#[test]
fn damaged_records_fail_both_sides_for_good() {
    let (near, far) = UnixStream::pair().unwrap();
    let (near2, far2) = UnixStream::pair().unwrap();
    let client = Connection::client(&client_context(), Some("localhost"), transport(near)).unwrap();
    let server = Connection::server(&server_context(localhost()), transport(far2)).unwrap();
    let damage = AtomicUsize::new(0);
    let relay = |mut from: &UnixStream, mut to: &UnixStream, damages: bool| {
        let mut buffer = vec![0; 65_536];
        while let Ok(count @ 1..) = from.read(&mut buffer) {
            if damages {
                buffer[count - 1] ^= damage.load(Ordering::SeqCst) as u8;
            }
            if to.write_all(&buffer[..count]).is_err() {
                break;
            }
        }
    };
    thread::scope(|scope| {
        scope.spawn(|| relay(&far, &near2, true));
        scope.spawn(|| relay(&near2, &far, false));
        let (ours, theirs) = shake_hands(&client, &server);
        ours.unwrap();
        theirs.unwrap();
        client.write(b"good").unwrap();
        let mut buffer = [0; 10];
        assert_eq!(server.read(&mut buffer).unwrap(), 4);
        damage.store(1, Ordering::SeqCst);
        client.write(b"bad").unwrap();
        for _ in 0..2 {
            assert_fails(
                server.read(&mut buffer),
                Status::Protocol,
                "did not decrypt",
            );
        }
        assert_eq!(server.write(b"x").unwrap_err().status(), Status::Protocol);
        assert_eq!(client.read(&mut buffer).unwrap_err().alert(), Some(20));
        drop(client);
        drop(server);
        far.shutdown(std::net::Shutdown::Both).unwrap();
        near2.shutdown(std::net::Shutdown::Both).unwrap();
    });
}

#[test]
fn an_empty_read_is_refused_and_an_empty_write_does_nothing() {
    let (client, _server) = open_pair();
    assert_fails(client.read(&mut []), Status::Argument, "at least 1 byte");
    assert_eq!(client.write(&[]).unwrap(), 0);
}

// Waiting.

#[test]
fn a_silent_peer_times_out_and_can_be_waited_for_again() {
    let (near, far) = UnixStream::pair().unwrap();
    let client = Connection::client(&client_context(), Some("localhost"), transport(near)).unwrap();
    let server = Connection::server(&server_context(localhost()), transport(far)).unwrap();
    client.set_timeout(Timeout::After(Duration::from_millis(20)));
    assert_fails(client.handshake(), Status::Timeout, "20ms");
    client.set_timeout(PATIENCE);
    shake_hands(&client, &server).0.unwrap();
    client.set_timeout(Timeout::After(Duration::from_millis(20)));
    assert_fails(client.read(&mut [0; 1]), Status::Timeout, "sent nothing");
    server.write(b"late").unwrap();
    client.set_timeout(PATIENCE);
    assert_eq!(client.read(&mut [0; 9]).unwrap(), 4);
}

#[test]
fn a_peer_that_takes_nothing_times_out_and_ends_writing() {
    let (client, server) = open_pair();
    client.set_timeout(Timeout::After(Duration::from_millis(20)));
    let error = client.write(&vec![0; 64 << 20]).unwrap_err();
    assert_eq!(error.status(), Status::Timeout, "{error}");
    assert_fails(client.write(b"x"), Status::State, "broken off");
    drop(server);
}

#[test]
fn without_waiting_a_connection_says_what_it_wants() {
    for nonblocking in [true, false] {
        let (near, far) = UnixStream::pair().unwrap();
        for stream in [&near, &far] {
            stream.set_nonblocking(nonblocking).unwrap();
        }
        let client =
            Connection::client(&client_context(), Some("localhost"), transport(near)).unwrap();
        let server = Connection::server(&server_context(localhost()), transport(far)).unwrap();
        if !nonblocking {
            client.set_timeout(Timeout::Never);
            server.set_timeout(Timeout::Never);
        }
        assert_fails(client.read(&mut [0; 1]), Status::WantRead, "");
        assert_eq!(
            client.events(),
            Events {
                read: true,
                write: false
            }
        );
        while client.is_handshaking() || server.is_handshaking() {
            for side in [&client, &server] {
                if let Err(error) = side.handshake() {
                    assert!(error.is_want(), "{error}");
                }
            }
        }
        assert_fails(server.read(&mut [0; 1]), Status::WantRead, "");

        let data = vec![7; 1 << 20];
        let mut sent = 0;
        let stalled = loop {
            match client.write(&data) {
                Ok(count) => sent += count,
                Err(error) => break error,
            }
        };
        assert_eq!(stalled.status(), Status::WantWrite);
        assert!(client.events().write);
        let mut got = 0;
        let mut buffer = vec![0; 50_000];
        while got < sent {
            match server.read(&mut buffer) {
                Ok(count) => got += count,
                Err(error) => {
                    assert_eq!(error.status(), Status::WantRead);
                    if let Err(error) = client.flush() {
                        assert_eq!(error.status(), Status::WantWrite);
                    }
                }
            }
        }
        client.flush().unwrap();
        assert!(!client.events().write);
        assert_fails(server.read(&mut buffer), Status::WantRead, "");
    }
}

#[test]
fn pending_counts_what_can_be_read_without_the_transport() {
    let (client, server) = open_pair();
    assert_eq!(client.pending(), 0);
    server.write(b"one").unwrap();
    server.write(b"two").unwrap();
    let mut buffer = [0; 1];
    client.read(&mut buffer).unwrap();
    let mut rest = Vec::new();
    while rest.len() < 5 {
        let waiting = client.pending();
        let mut buffer = vec![0; waiting.max(1)];
        let count = client.read(&mut buffer).unwrap();
        assert!(waiting == 0 || count >= waiting);
        rest.extend_from_slice(&buffer[..count]);
    }
    assert_eq!(rest, b"netwo");
    assert_eq!(client.pending(), 0);
}

/// A transport that says when somebody waits for it.
struct Announcing {
    inner: SocketTransport<UnixStream>,
    waits: mpsc::Sender<()>,
}

impl Transport for Announcing {
    fn receive(&self, buffer: &mut [u8], patience: Patience) -> tlsmith::Result<usize> {
        match self.inner.receive(buffer, Patience::Never) {
            Err(error) if error.is_want() => {
                let _ = self.waits.send(());
                self.inner.receive(buffer, patience)
            }
            outcome => outcome,
        }
    }

    fn send(&self, data: &[u8], patience: Patience) -> tlsmith::Result<usize> {
        self.inner.send(data, patience)
    }
}

#[test]
fn a_second_reader_is_told_so_while_a_writer_goes_on() {
    let (near, far) = UnixStream::pair().unwrap();
    let (waits, waiting) = mpsc::channel();
    let inner = transport(near);
    let client = Connection::client(
        &client_context(),
        Some("localhost"),
        Announcing { inner, waits },
    )
    .unwrap();
    let server = Connection::server(&server_context(localhost()), transport(far)).unwrap();
    client.set_timeout(PATIENCE);
    shake_hands(&client, &server).0.unwrap();
    while waiting.try_recv().is_ok() {}
    thread::scope(|scope| {
        let reader = scope.spawn(|| client.read(&mut [0; 10]));
        waiting.recv().unwrap();
        let refused = client.read(&mut [0; 1]);
        client.write(b"ping").unwrap();
        server.read(&mut [0; 10]).unwrap();
        server.write(b"pong!").unwrap();
        assert_eq!(reader.join().unwrap().unwrap(), 5);
        assert_fails(refused, Status::State, "another thread reads");
    });
}

#[test]
fn one_context_serves_many_threads() {
    let (client, server) = (client_context(), server_context(localhost()));
    thread::scope(|scope| {
        for number in 0..64_u8 {
            let (client, server) = (&client, &server);
            scope.spawn(move || {
                let (client, server) = pair(client, server, "localhost");
                shake_hands(&client, &server).0.unwrap();
                client.write(&[number; 10_000]).unwrap();
                client.shutdown().unwrap();
                assert!(read_all(&server).unwrap() == [number; 10_000]);
            });
        }
    });
}

// Sockets.

#[test]
fn tcp_connects_by_name_and_accepts() {
    let listener = tcp::listen(Some("127.0.0.1"), "0").unwrap();
    let address = tcp::local_address(&listener).unwrap();
    let server = server_context(localhost());
    thread::scope(|scope| {
        scope.spawn(|| {
            let socket = tcp::accept(&listener, PATIENCE, None).unwrap();
            let connection =
                Connection::server(&server, SocketTransport::new(socket).unwrap()).unwrap();
            assert_eq!(read_all(&connection).unwrap(), b"hello");
        });
        let socket = tcp::connect("localhost", &address.port().to_string(), PATIENCE, None);
        let socket = socket.unwrap();
        assert_eq!(tcp::peer_address(&socket).unwrap(), address);
        let transport = SocketTransport::new(socket).unwrap();
        let connection =
            Connection::client(&client_context(), Some("localhost"), transport).unwrap();
        connection.write(b"hello").unwrap();
        connection.shutdown().unwrap();
    });
}

#[test]
fn connecting_fails_with_the_address_and_the_reason() {
    let connect = |host: &str, port: &str| tcp::connect(host, port, PATIENCE, None);
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port().to_string();
    drop(free);
    let error = connect("127.0.0.1", &port).unwrap_err();
    assert_eq!(error.status(), Status::Io);
    assert_eq!(error.os_error(), Some(111), "{error}");
    assert!(error.to_string().contains(&port), "{error}");
    for port in ["http", "", "0", "65536", "-1", "+443", " 443"] {
        assert_fails(
            connect("127.0.0.1", port),
            Status::Argument,
            "is not a port",
        );
    }
    for host in ["", "a\0b", &"a".repeat(10_000)] {
        assert_fails(connect(host, "443"), Status::Argument, "is not a host name");
    }
    assert_fails(
        connect("name.invalid", "443"),
        Status::Resolve,
        "name.invalid",
    );
}

#[test]
fn a_listener_waits_as_it_is_told() {
    let listener = tcp::listen(None, "0").unwrap();
    assert_fails(
        tcp::accept(&listener, Timeout::Never, None),
        Status::WantRead,
        "",
    );
    let short = Timeout::After(Duration::from_millis(10));
    assert_fails(
        tcp::accept(&listener, short, None),
        Status::Timeout,
        "no client",
    );
    let taken = tcp::local_address(&listener).unwrap().port().to_string();
    assert_fails(tcp::listen(None, &taken), Status::Io, &taken);
}

#[test]
fn clients_that_give_up_while_they_wait_are_passed_over() {
    let listener = tcp::listen(Some("127.0.0.1"), "0").unwrap();
    let address = tcp::local_address(&listener).unwrap();
    for _ in 0..3 {
        let client = TcpStream::connect(address).unwrap();
        // Closing resets the connection instead of ending it.
        let at_once = Some(Duration::ZERO);
        rustix::net::sockopt::set_socket_linger(&client, at_once).unwrap();
    }
    let patient = TcpStream::connect(address).unwrap();
    let accepted = tcp::accept(&listener, PATIENCE, None).unwrap();
    let expected = patient.local_addr().unwrap();
    assert_eq!(tcp::peer_address(&accepted).unwrap(), expected);
}

#[test]
fn descriptors_that_are_no_connected_stream_are_refused() {
    let file = std::fs::File::open("/dev/null").unwrap();
    assert_fails(
        SocketTransport::new(file).map(drop),
        Status::Argument,
        "not a socket",
    );
    let file = tempfile::tempfile().unwrap();
    assert_fails(
        SocketTransport::new(file).map(drop),
        Status::Argument,
        "a file",
    );
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    assert_fails(
        SocketTransport::new(listener).map(drop),
        Status::Argument,
        "listening",
    );
    let folder = tempfile::TempDir::new().unwrap();
    let listener = UnixListener::bind(folder.path().join("socket")).unwrap();
    assert_fails(
        SocketTransport::new(listener).map(drop),
        Status::Argument,
        "listening",
    );
    let datagram = UdpSocket::bind("127.0.0.1:0").unwrap();
    assert_fails(
        SocketTransport::new(datagram).map(drop),
        Status::Argument,
        "datagram",
    );
}

#[test]
fn a_reset_is_an_io_error_with_its_errno() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (far, _) = listener.accept().unwrap();
    let client = Connection::client(
        &client_context(),
        Some("localhost"),
        SocketTransport::new(near).unwrap(),
    );
    let client = client.unwrap();
    let server = Connection::server(
        &server_context(localhost()),
        SocketTransport::new(far).unwrap(),
    );
    let server = server.unwrap();
    shake_hands(&client, &server).0.unwrap();
    // What the server has not read when it closes makes the kernel reset.
    client.write(b"unread").unwrap();
    drop(server);
    let error = loop {
        match client.read(&mut [0; 1]) {
            Ok(count) => assert_ne!(count, 0),
            Err(error) => break error,
        }
    };
    assert_eq!(error.os_error(), Some(104), "{error}");
}
