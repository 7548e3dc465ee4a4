//! The ClientHello callback: a server inspects one client and selects the context that
//! answers it.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, mpsc};

use support::*;
use tlsmith::{
    CertOptions, ClientAuth, ClientHello, Connection, Context, Error, HelloCallback,
    MemoryTransport, Selection, Status, Version,
};

/// A client and a server of `context` whose client `choose` looks at.
fn pair_with_callback(
    client: &Context,
    context: &Context,
    choose: HelloCallback,
) -> (Connection, Connection) {
    let (near, far) = UnixStream::pair().unwrap();
    let client = Connection::client(client, Some("localhost"), transport(near)).unwrap();
    let server = Connection::server_with_hello(context, choose, transport(far)).unwrap();
    client.set_timeout(TEST_TIMEOUT);
    server.set_timeout(TEST_TIMEOUT);
    (client, server)
}

#[test]
fn callback_of_one_connection_leaves_its_context_alone() {
    let other = server_context(&issue(&["localhost", "other"], &CertOptions::default()));
    let context = server_context(localhost());
    for version in BOTH_VERSIONS {
        for choice in [Some(other.clone()), None] {
            let expected = if choice.is_some() { 2 } else { 3 };
            let name = if version == Version::Tls12 {
                "1.2"
            } else {
                "1.3"
            };
            let choose: HelloCallback = Arc::new(move |hello| {
                assert_eq!(hello.server_name.as_deref(), Some("localhost"));
                assert_eq!(hello.versions(), [name]);
                Ok(choice
                    .clone()
                    .map_or_else(Selection::default, Selection::from))
            });
            let client = only(client_context(), version);
            let (client, server) = pair_with_callback(&client, &context, choose);
            let (ours, theirs) = run_handshake(&client, &server);
            ours.unwrap();
            theirs.unwrap();
            assert_eq!(client.peer_chain()[0].names().len(), expected);
        }
    }
    let (client, _) = connected_pair(&client_context(), &context, "localhost");
    assert_eq!(
        client.peer_chain()[0].names().len(),
        3,
        "others are not asked about"
    );
}

#[test]
fn server_uses_its_own_context_only_when_none_is_selected() {
    let chosen = server_context(localhost());
    let choose: HelloCallback = Arc::new(move |_| Ok(chosen.clone().into()));
    let (client, server) = pair_with_callback(&client_context(), &Context::new(), choose);
    let (ours, theirs) = run_handshake(&client, &server);
    ours.unwrap();
    theirs.unwrap();
    let nobody: HelloCallback = Arc::new(|_| Ok(Selection::default()));
    let (client, server) = pair_with_callback(&client_context(), &Context::new(), nobody);
    let (ours, theirs) = run_handshake(&client, &server);
    assert_fails(theirs, Status::State, "a server needs a certificate");
    assert_eq!(ours.unwrap_err().alert(), Some(80));
}

#[test]
fn client_receives_the_alert_of_the_callback() {
    for number in [40, 49, 112, 121] {
        let context = server_context(localhost());
        let choose: HelloCallback = Arc::new(move |_| {
            let sentence = format!("refused with {number}");
            Err(Error::from_alert(Status::NoCommon, number, sentence))
        });
        let by_context = server_context(localhost());
        by_context.set_hello_callback(choose.clone()).unwrap();
        for (client, server) in [
            pair_with_callback(&client_context(), &context, choose),
            pair(&client_context(), &by_context, "localhost"),
        ] {
            let (ours, theirs) = run_handshake(&client, &server);
            let theirs = theirs.unwrap_err();
            assert_eq!(theirs.status(), Status::NoCommon);
            assert_eq!(theirs.alert(), Some(number));
            assert_eq!(theirs.to_string(), format!("refused with {number}"));
            let ours = ours.unwrap_err();
            assert_eq!((ours.status(), ours.alert()), (Status::Alert, Some(number)));
            assert_eq!(
                server.handshake().unwrap_err().alert(),
                Some(number),
                "for ever"
            );
        }
    }
}

/// The ClientHello that a server sees after `change` has edited its bytes.
pub(crate) fn observed_hello(client: &Context, change: impl Fn(&mut Vec<u8>)) -> ClientHello {
    let client = Connection::client(client, Some("localhost"), MemoryTransport).unwrap();
    let told = Arc::<Mutex<Option<ClientHello>>>::default();
    let tell = told.clone();
    let choose: HelloCallback = Arc::new(move |hello| {
        *tell.lock().unwrap() = Some(hello.clone());
        Ok(Selection::default())
    });
    let context = server_context(localhost());
    let server = Connection::server_with_hello(&context, choose, MemoryTransport).unwrap();
    assert_eq!(client.handshake().unwrap_err().status(), Status::WantRead);
    let mut flight = vec![0; client.undrained().unwrap()];
    client.drain(&mut flight).unwrap();
    change(&mut flight);
    server.feed(&flight).unwrap();
    assert_eq!(server.handshake().unwrap_err().status(), Status::WantRead);
    let hello = told.lock().unwrap().take();
    hello.expect("the chooser is asked")
}

#[test]
fn client_hello_names_what_the_client_offers() {
    let client = only(client_context(), Version::Tls13);
    client
        .set_ciphers(&["TLS_CHACHA20_POLY1305_SHA256", "TLS_AES_128_GCM_SHA256"])
        .unwrap();
    client.set_groups(&["secp384r1", "x25519"]).unwrap();
    client.set_alpn(&["h2", "http/1.1"]).unwrap();
    let hello = observed_hello(&client, |_| ());
    let known: Vec<_> = hello
        .ciphers()
        .into_iter()
        .filter(|name| !name.ends_with("SCSV"))
        .collect();
    assert_eq!(
        known,
        ["TLS_CHACHA20_POLY1305_SHA256", "TLS_AES_128_GCM_SHA256"]
    );
    assert_eq!(hello.groups(), ["secp384r1", "x25519"]);
    assert_eq!(hello.alpn, [&b"h2"[..], b"http/1.1"]);
    let schemes = &hello.signature_schemes();
    for name in ["ecdsa_secp256r1_sha256", "rsa_pss_rsae_sha256", "ed25519"] {
        assert!(schemes.iter().any(|scheme| scheme == name), "{schemes:?}");
    }
}

/// Writes one number over another wherever it stands.
fn replace(flight: &mut [u8], from: u16, to: u16) {
    let from = from.to_be_bytes();
    let found: Vec<_> = (0..flight.len() - 1)
        .filter(|at| flight[*at..*at + 2] == from)
        .collect();
    assert!(!found.is_empty());
    for at in found {
        flight[at..at + 2].copy_from_slice(&to.to_be_bytes());
    }
}

#[test]
fn client_hello_numbers_what_has_no_name() {
    let client = client_context();
    client.set_versions(Version::Tls12, Version::Tls12).unwrap();
    client
        .set_ciphers(&[
            "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
            "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
        ])
        .unwrap();
    client.set_groups(&["x25519", "secp384r1"]).unwrap();
    // GREASE (RFC 8701, section 2), and groups that have a name in the registry.
    for (group, name) in [(0x5a5a, "0x5a5a"), (0x001e, "x448"), (0x0100, "ffdhe2048")] {
        let hello = observed_hello(&client, |flight| {
            let fields = flight.len();
            replace(&mut flight[43..fields], 0xc02c, 0x0a0a);
            // The list of groups, which holds these two and nothing else.
            let list = [0, 10, 0, 6, 0, 4, 0, 29, 0, 24];
            let at = flight.windows(list.len()).position(|bytes| bytes == list);
            let at = at.expect("the extension of groups");
            flight[at + 8..at + 10].copy_from_slice(&u16::to_be_bytes(group));
            let schemes = flight.windows(2).rposition(|bytes| bytes == [8, 7]);
            let schemes = schemes.expect("ed25519 is offered");
            flight[schemes..schemes + 2].copy_from_slice(&[0xfa, 0xfa]);
        });
        assert_eq!(hello.groups(), ["x25519", name]);
        assert!(
            hello.ciphers().contains(&"0x0a0a".to_owned()),
            "{:?}",
            hello.ciphers()
        );
        let schemes = &hello.signature_schemes();
        assert!(schemes.contains(&"0xfafa".to_owned()), "{schemes:?}");
    }
}

#[test]
fn server_can_ignore_unknown_protocols() {
    for version in BOTH_VERSIONS {
        for (offered, agreed) in [
            (&["spdy/3"][..], None),
            (&["spdy/3", "h2"], Some("h2")),
            (&[], None),
        ] {
            let server = server_with(|server| {
                server.set_alpn(&["http/1.1", "h2"]).unwrap();
                server.ignore_unknown_alpn().unwrap();
            });
            let client = only(client_context(), version);
            client.set_alpn(offered).unwrap();
            let (client, server) = connected_pair(&client, &server, "localhost");
            assert_eq!(client.agreed().unwrap().alpn.as_deref(), agreed);
            assert_eq!(server.agreed().unwrap().alpn.as_deref(), agreed);
        }
    }
}

#[test]
fn selected_context_decides_whether_truncation_is_eof() {
    let strict = server_context(localhost());
    let lax = server_with(|context| context.insecure_allow_truncation().unwrap());
    for (original, selected, allows) in [(&lax, &strict, false), (&strict, &lax, true)] {
        let choice = selected.clone();
        let (client, server) = pair_with_callback(
            &client_context(),
            original,
            Arc::new(move |_| Ok(choice.clone().into())),
        );
        assert_truncation(client, server, allows);
        // The same for a server that pauses at the ClientHello.
        let (client, server) = pair(&client_context(), original, "localhost");
        server.select(selected.clone().into()).unwrap();
        assert_truncation(client, server, allows);
    }
    // Without another one it is the context of the connection.
    for (original, allows) in [(&lax, true), (&strict, false)] {
        let keep: HelloCallback = Arc::new(|_| Ok(Selection::default()));
        let (client, server) = pair_with_callback(&client_context(), original, keep);
        assert_truncation(client, server, allows);
    }
}

/// Has the client hang up without close_notify, and the server read what it sent.
fn assert_truncation(client: Connection, server: Connection, is_allowed: bool) {
    let (ours, theirs) = run_handshake(&client, &server);
    ours.unwrap();
    theirs.unwrap();
    // What is not read would reset the connection: the tickets.
    transfer(&server, &client, b"hello");
    client.write(b"half").unwrap();
    drop(client);
    match is_allowed {
        true => assert_eq!(read_all(&server).unwrap(), b"half"),
        false => assert_fails(read_all(&server), Status::Truncated, "close_notify"),
    }
}

#[test]
fn callback_sees_the_client_hello_and_selects_the_context() {
    let other = server_context(&issue(&["b.example"], &CertOptions::default()));
    other.set_alpn(&["h2"]).unwrap();
    let (seen, heard) = mpsc::channel();
    let server = server_context(localhost());
    let choose: HelloCallback = Arc::new(move |hello| {
        seen.send(hello.clone()).unwrap();
        let is_other = hello.server_name.as_deref() == Some("b.example");
        Ok(is_other.then(|| other.clone()).into())
    });
    server.set_hello_callback(choose).unwrap();
    for version in BOTH_VERSIONS {
        for (name, said, alpn, chosen) in [
            (
                "b.example",
                Some("b.example"),
                &["h2", "http/1.1"][..],
                Some("h2"),
            ),
            ("localhost", Some("localhost"), &["h2"], None),
            ("127.0.0.1", None, &[], None),
        ] {
            let client = only(client_context(), version);
            client.set_alpn(alpn).unwrap();
            let (client, server) = connected_pair(&client, &server, name);
            let hello = heard.recv().unwrap();
            assert_eq!(hello.server_name.as_deref(), said);
            let offered = hello.alpn.iter().map(|name| str::from_utf8(name).unwrap());
            assert_eq!(offered.collect::<Vec<_>>(), alpn);
            assert_eq!(client.agreed().unwrap().alpn.as_deref(), chosen);
            assert_eq!(server.server_name(), said);
            assert!(heard.try_recv().is_err(), "it is asked once");
        }
    }
}

#[test]
fn selected_context_resumes_its_own_sessions_only() {
    let user = issue(&["alice@example.org"], &CertOptions::default());
    let site = issue(&["open.example", "closed.example"], &CertOptions::default());
    let open = server_context(&site);
    let closed = server_context(&site);
    closed.add_root(ca().certificate()).unwrap();
    closed.set_client_auth(ClientAuth::Required).unwrap();
    let server = server_context(&site);
    let choose: HelloCallback = Arc::new(move |hello| match hello.server_name.as_deref() {
        Some("closed.example") => Ok(closed.clone().into()),
        _ => Ok(open.clone().into()),
    });
    server.set_hello_callback(choose).unwrap();
    for version in BOTH_VERSIONS {
        let client = only(client_context(), version);
        client.use_identity(&user).unwrap();
        for (name, resumed, is_known) in [
            ("open.example", false, false),
            ("closed.example", false, true),
            ("open.example", true, false),
            ("closed.example", true, true),
        ] {
            let (client, server) = connected_pair(&client, &server, name);
            assert_eq!(client.agreed().unwrap().resumed, resumed, "{name}");
            assert_eq!(!server.peer_chain().is_empty(), is_known, "{name}");
        }
    }
}

#[test]
fn failing_callback_gives_its_error_and_sends_an_alert() {
    let refusing: HelloCallback = Arc::new(|hello| {
        let name = hello.server_name.clone().unwrap_or_default();
        Err(Error::argument(format!("nobody serves {name}")))
    });
    let unusable: HelloCallback = Arc::new(|_| Ok(Context::new().into()));
    let expectations = [
        (refusing, Status::Argument, "nobody serves localhost", 112),
        (unusable, Status::State, "a server needs a certificate", 80),
    ];
    for (choose, status, words, alert) in expectations {
        let server = server_context(localhost());
        server.set_hello_callback(choose).unwrap();
        let (client, server) = pair(&client_context(), &server, "localhost");
        let (ours, theirs) = run_handshake(&client, &server);
        assert_fails(theirs, status, words);
        assert_eq!(ours.unwrap_err().alert(), Some(alert));
    }
}

#[test]
fn callback_gets_a_client_hello_that_arrives_byte_by_byte() {
    let strict = server_context(localhost());
    strict.require_known_name().unwrap();
    let context = client_context();
    let client = Connection::client(&context, Some("localhost"), MemoryTransport).unwrap();
    let server = Connection::server(&strict, MemoryTransport).unwrap();
    let mut byte = [0; 1];
    while client.is_handshaking() || server.is_handshaking() {
        for connection in [&client, &server] {
            if let Err(error) = connection.handshake() {
                assert_eq!(error.status(), Status::WantRead, "{error}");
            }
        }
        if client.drain(&mut byte).unwrap() == 1 {
            server.feed(&byte).unwrap();
        } else if server.drain(&mut byte).unwrap() == 1 {
            client.feed(&byte).unwrap();
        }
    }
    assert_eq!(server.server_name(), Some("localhost"));
}

#[test]
fn server_rejects_other_messages_before_the_callback() {
    let choose: HelloCallback = Arc::new(|_| panic!("there is nothing to choose by"));
    let server = server_context(localhost());
    server.set_hello_callback(choose).unwrap();
    let alert = [21, 3, 3, 0, 2, 2, 10];
    for (words, expected) in [
        (&b"GET / HTTP/1.1\r\n\r\n"[..], &[][..]),
        (&[22, 3, 1, 0, 4, 2, 0, 0, 0], &alert),
    ] {
        let (mut near, far) = UnixStream::pair().unwrap();
        near.write_all(words).unwrap();
        let server = Connection::server(&server, transport(far)).unwrap();
        server.set_timeout(TEST_TIMEOUT);
        let error = server.handshake().unwrap_err();
        assert_eq!(error.status(), Status::Protocol, "{error}");
        drop(server);
        let mut answer = Vec::new();
        near.read_to_end(&mut answer).unwrap();
        assert_eq!(answer, expected);
    }
}
