//! Contexts: settings that fail, and contexts in use.

use std::os::unix::net::UnixStream;
use std::path::Path;

use support::*;
use tlsmith::{
    CertOptions, Connection, Context, Crl, CrlOptions, Error, MemoryTransport, Result, Status,
    Version, gen_ca, issue_cert,
};

#[test]
fn failed_setter_fails_connections_of_its_context() {
    let context = Context::new();
    let missing = Path::new("/nonexistent/roots.pem");
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
fn context_in_use_cannot_be_changed() {
    let context = client_context();
    let (near, _far) = UnixStream::pair().unwrap();
    Connection::client(&context, Some("localhost"), transport(near)).unwrap();
    assert_fails(
        context.set_alpn(&["h2"]),
        Status::State,
        "create a new context",
    );
}

#[test]
fn server_context_needs_an_identity() {
    let (near, _far) = UnixStream::pair().unwrap();
    let outcome = Connection::server(&Context::new(), transport(near));
    assert_fails(outcome, Status::State, "certificate");
}

#[test]
fn client_rejects_invalid_server_names() {
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

/// A setter that fails, for whatever reason there is.
type Failing = fn(&Context) -> Result<()>;

#[test]
fn failed_setter_changes_nothing_and_its_error_can_be_cleared() {
    let failing: [(&str, Failing); 24] = [
        ("add_roots", |c| c.add_roots(Path::new("missing.pem"))),
        ("add_roots_bytes", |c| c.add_roots_bytes(b"noise")),
        ("add_crls", |c| c.add_crls(Path::new("missing.crl"))),
        ("add_crls_bytes", |c| c.add_crls_bytes(b"noise")),
        ("use_cert", |c| c.use_cert(Path::new("missing.pem"), None)),
        ("set_alpn", |c| c.set_alpn(&["h3", ""])),
        ("set_versions", |c| {
            c.set_versions(Version::Tls13, Version::Tls12)
        }),
        ("set_ciphers", |c| {
            c.set_ciphers(&["TLS_AES_256_GCM_SHA384", "RC4-MD5"])
        }),
        ("set_ciphers of nothing", |c| c.set_ciphers(&[])),
        ("set_groups", |c| c.set_groups(&["secp384r1", "curve9"])),
        ("set_max_fragment", |c| c.set_max_fragment(1)),
        ("set_verify_schemes", |c| {
            c.set_verify_schemes(&["ed25519", "x"])
        }),
        ("set_signing_schemes", |c| c.set_signing_schemes(&["x"])),
        ("signing schemes of another key", |c| {
            c.set_signing_schemes(&["ed25519"])
        }),
        ("trust_certificate", |c| c.trust_certificate("missing.pem")),
        ("trust_certificate in hex", |c| c.trust_certificate("00")),
        ("set_min_security", |c| c.set_min_security(113)),
        ("add_pin", |c| c.add_pin("00")),
        ("set_ocsp", |c| c.set_ocsp(b"")),
        ("set_ech", |c| c.set_ech(Some(b"noise"))),
        ("set_resumption", |c| c.set_resumption(usize::MAX)),
        ("set_tickets", |c| c.set_tickets(17)),
        ("add_ticket_key", |c| c.add_ticket_key(b"short")),
        ("set_keylog", |c| {
            c.set_keylog(Some(Path::new("/nonexistent/file")))
        }),
    ];
    let both = || (client_context(), server_context(localhost()));
    let (client, server) = both();
    let (plain, _) = connected_pair(&client, &server, "localhost");
    let (client, server) = both();
    for (name, set) in failing {
        for context in [&client, &server] {
            let error = set(context).expect_err(name);
            assert_eq!(context.error().unwrap().to_string(), error.to_string());
            context.clear_error().unwrap();
            assert!(context.error().is_none(), "{name}");
        }
    }
    let (client, server) = connected_pair(&client, &server, "localhost");
    let (agreed, expected) = (client.agreed().unwrap(), plain.agreed().unwrap());
    assert_eq!(agreed.cipher, expected.cipher);
    assert_eq!(agreed.group, expected.group);
    assert_eq!(agreed.version, expected.version);
    assert_eq!(agreed.signature_scheme, expected.signature_scheme);
    assert_eq!(agreed.alpn, None);
    assert!(!server.agreed().unwrap().resumed);
}

/// The content of the first DER element, and what follows it.
fn split(der: &[u8]) -> (&[u8], &[u8]) {
    let (start, length) = match der[1] {
        0x81 => (3, usize::from(der[2])),
        0x82 => (4, usize::from(u16::from_be_bytes([der[2], der[3]]))),
        short => (2, usize::from(short)),
    };
    der[start..].split_at(length)
}

fn sequence(content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len()).unwrap().to_be_bytes();
    match length {
        [0, short @ 0..0x80] => [&[0x30, short], content].concat(),
        [0, byte] => [&[0x30, 0x81, byte], content].concat(),
        two => [&[0x30, 0x82], &two[..], content].concat(),
    }
}

#[test]
fn context_adds_all_crls_of_a_file_or_none() {
    let crl = tlsmith::gen_crl(ca(), &[], &CrlOptions::default()).unwrap();
    let (content, _) = split(crl.der());
    let (listed, signature) = split(content);
    // UTCTime: thisUpdate, and nextUpdate, without which a CRL cannot be used.
    let times: Vec<_> = (0..listed.len())
        .filter(|&at| listed[at..].starts_with(&[0x17, 13]))
        .collect();
    let rest = &listed[times[1] + 15..];
    let listed = sequence(&[&listed[..times[1]], rest].concat());
    let endless = Crl::from_der(sequence(&[&listed, signature].concat())).unwrap();
    assert_eq!(endless.next_update(), None);

    let context = client_context();
    let outcome = context.add_crls_bytes([crl.pem(), endless.pem()].concat().as_bytes());
    assert_fails(outcome, Status::Unsupported, "nextUpdate");
    context.clear_error().unwrap();
    // With the CRL of one CA, chains of another one would be rejected.
    let other = gen_ca(&CertOptions::default()).unwrap();
    let names = ["localhost".to_owned()];
    let site = issue_cert(&other, &names, &CertOptions::default()).unwrap();
    context.add_root(other.certificate()).unwrap();
    connected_pair(&context, &server_context(&site), "localhost");
}

#[test]
fn sharing_sessions_of_a_context_in_use_changes_no_other_context() {
    let used = server_context(localhost());
    connected_pair(&client_context(), &used, "localhost");
    let other = server_context(localhost());
    // A server that shares its sessions has no use for ticket keys.
    let key: Vec<u8> = (0..32).collect();
    other.add_ticket_key(&key).unwrap();
    let outcome = used.share_sessions(&other);
    assert_fails(outcome, Status::State, "in use");
    connected_pair(&client_context(), &other, "localhost");
}

#[test]
fn error_of_a_context_in_use_cannot_be_cleared() {
    let refused = |error: Option<Error>| error.unwrap().to_string();
    // The connection that fails for it seals the context, too.
    let context = client_context();
    context.set_tickets(17).unwrap_err();
    let client = |context: &Context| {
        Connection::client(context, Some("localhost"), MemoryTransport).map(drop)
    };
    assert_fails(client(&context), Status::Argument, "17 tickets");
    assert_fails(context.clear_error(), Status::State, "in use");
    assert_fails(context.set_tickets(1), Status::State, "in use");
    assert!(refused(context.error()).contains("17 tickets"));
    assert_fails(client(&context), Status::Argument, "17 tickets");
    // So does the error of a setter that comes too late.
    let context = client_context();
    client(&context).unwrap();
    assert_fails(context.set_tickets(1), Status::State, "in use");
    assert_fails(context.clear_error(), Status::State, "in use");
    assert_fails(client(&context), Status::State, "in use");
}
