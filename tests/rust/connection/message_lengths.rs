//! Messages that would be longer than their length fields can express.

use tlsmith::{Context, Identity, KeyType, Status, gen_ca, self_signed};

use support::*;

/// A server that trusts so many more CAs of clients, each with a name of 80 bytes.
fn server_with_many_cas(count: usize, set: impl FnOnce(&Context)) -> Context {
    let key = ca().key().unwrap().clone();
    server_with(|server| {
        server.add_root(ca().certificate()).unwrap();
        for number in 0..count {
            let options = tlsmith::CertOptions {
                common_name: Some(format!("{number:064}")),
                key: Some(key.clone()),
                ..tlsmith::CertOptions::default()
            };
            server
                .add_root(gen_ca(&options).unwrap().certificate())
                .unwrap();
        }
        server
            .set_client_auth(tlsmith::ClientAuth::Required)
            .unwrap();
        set(server);
    })
}

/// A client that shows its certificate only to servers that name its CA.
fn client_that_matches(version: tlsmith::Version) -> Context {
    let client = only(client_context(), version);
    client
        .use_identity(&issue(&["a@example.org"], &for_both_sides()))
        .unwrap();
    client.match_issuer().unwrap();
    client
}

#[test]
fn server_with_too_many_cas_omits_certificate_authorities() {
    for version in [tlsmith::Version::Tls12, tlsmith::Version::Tls13] {
        let few = server_with_many_cas(3, |_| {});
        let (_, theirs) = connected_pair(&client_that_matches(version), &few, "localhost");
        assert_eq!(theirs.peer_chain().len(), 1);
        let client = only(client_context(), version);
        client
            .use_identity(&issue(&["a@example.org"], &for_both_sides()))
            .unwrap();
        let many = server_with_many_cas(1_000, |_| {});
        let (ours, theirs) = connected_pair(&client, &many, "localhost");
        assert_eq!(theirs.peer_chain().len(), 1);
        transfer(&ours, &theirs, b"hello");
    }
}

#[test]
fn server_omits_certificate_authorities_on_request() {
    for version in [tlsmith::Version::Tls12, tlsmith::Version::Tls13] {
        let server = server_with_many_cas(3, |server| {
            server.omit_certificate_authorities().unwrap();
        });
        let (ours, theirs) = pair(&client_that_matches(version), &server, "localhost");
        let (_, refused) = run_handshake(&ours, &theirs);
        assert_fails(refused, Status::CertificateMissing, "certificate");
    }
}

#[test]
fn setters_reject_values_too_long_for_their_message() {
    let id = self_signed(&names(&["localhost"]), &with_key(KeyType::EcdsaP256)).unwrap();
    let long = (1 << 24) / ca().certificate().der().len();
    let mut chain = id.chain().to_vec();
    chain.extend(std::iter::repeat_n(ca().certificate().clone(), long));
    let too_long = Identity::new(chain, id.key().cloned()).unwrap();
    assert_fails(
        Context::new().use_identity(&too_long),
        Status::Argument,
        "too large to send",
    );

    let context = server_context(&id);
    assert_fails(context.set_ocsp(&[0x30; 65_528]), Status::Argument, "65527");
    let context = server_context(&id);
    context.set_ocsp(&[0x30; 65_527]).unwrap();

    let protocols: Vec<_> = (0..200).map(|number| format!("{number:0200}")).collect();
    let protocols: Vec<_> = protocols.iter().map(String::as_str).collect();
    assert_fails(
        Context::new().set_alpn(&protocols),
        Status::Argument,
        "40200 bytes",
    );
    Context::new().set_alpn(&protocols[..160]).unwrap();
}
