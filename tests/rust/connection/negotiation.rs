//! What a side allows: versions, cipher suites, groups, application protocols.

use std::os::unix::net::UnixStream;

use support::*;
use tlsmith::{Connection, Context, KeyType, Status, Version};

use crate::client_hello_callback::observed_hello;

#[test]
fn alpn_selects_the_first_common_protocol_or_fails() {
    let agree = |ours: &[&str], theirs: &[&str]| {
        let client = client_context();
        client.set_alpn(ours).unwrap();
        let server = server_context(localhost());
        server.set_alpn(theirs).unwrap();
        let (client, server) = pair(&client, &server, "localhost");
        let (ours, theirs) = run_handshake(&client, &server);
        (ours.map(|()| client.agreed().unwrap().alpn.clone()), theirs)
    };
    let (agreed, _) = agree(&["http/1.1", "h2"], &["h2", "http/1.1"]);
    assert_eq!(agreed.unwrap().as_deref(), Some("h2"));
    let (ours, theirs) = agree(&["spdy/3"], &["h2"]);
    assert_eq!(theirs.unwrap_err().status(), Status::NoCommon);
    assert_eq!(ours.unwrap_err().alert(), Some(120));
}

#[test]
fn both_sides_report_that_no_version_is_common() {
    let client = client_context();
    client.set_versions(Version::Tls13, Version::Tls13).unwrap();
    let server = server_context(localhost());
    server.set_versions(Version::Tls12, Version::Tls12).unwrap();
    let (client, server) = pair(&client, &server, "localhost");
    let (ours, theirs) = run_handshake(&client, &server);
    assert_fails(theirs, Status::NoCommon, "no version in common");
    assert_eq!(ours.unwrap_err().alert(), Some(70));
}

/// The names that an error offers.
fn choices(error: tlsmith::Error) -> Vec<String> {
    let sentence = error.to_string();
    let (_, list) = sentence.split_once("choose from ").expect(&sentence);
    list.split(", ").map(str::to_owned).collect()
}

fn ciphers() -> Vec<String> {
    choices(Context::new().set_ciphers(&["TLS_NULL"]).unwrap_err())
}

fn groups() -> Vec<String> {
    choices(Context::new().set_groups(&["secp112r1"]).unwrap_err())
}

#[test]
fn unknown_names_are_rejected_with_the_known_ones() {
    let mut known = ciphers();
    known.sort();
    let expected = [
        "TLS_AES_128_GCM_SHA256",
        "TLS_AES_256_GCM_SHA384",
        "TLS_CHACHA20_POLY1305_SHA256",
        "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
        "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
        "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
        "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
        "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
        "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
    ];
    assert_eq!(known, expected);
    let known = groups();
    for name in ["X25519MLKEM768", "x25519", "secp256r1", "secp384r1"] {
        assert!(known.iter().any(|one| one == name), "{name}: {known:?}");
    }
    for outcome in [
        Context::new().set_ciphers(&[]),
        Context::new().set_groups(&[]),
        Context::new().set_ciphers(&["TLS_AES_128_GCM_SHA256", "x\0\n"]),
        Context::new().set_groups(&["x25519", &"a".repeat(10_000)]),
    ] {
        let error = outcome.unwrap_err();
        assert_eq!(error.status(), Status::Argument);
        assert!(error.to_string().len() < 600, "{error}");
        assert!(!error.to_string().contains('\n'), "{error}");
        assert!(choices(error).len() >= 4);
    }
}

#[test]
fn every_cipher_suite_can_be_the_only_one_of_either_side() {
    for cipher in ciphers() {
        let kind = match cipher.contains("_RSA_") {
            true => KeyType::Rsa2048,
            false => KeyType::EcdsaP256,
        };
        let identity = issue(&["localhost"], &with_key(kind));
        for ours in [true, false] {
            let (client, server) = (client_context(), server_context(&identity));
            let side = if ours { &client } else { &server };
            side.set_ciphers(&[&cipher.to_lowercase()]).unwrap();
            let version = version_of(&cipher);
            side.set_versions(version, version).unwrap();
            let (client, server) = connected_pair(&client, &server, "localhost");
            for side in [&client, &server] {
                let agreed = side.agreed().unwrap();
                assert_eq!(agreed.cipher, cipher);
                assert_eq!(agreed.version, version, "{cipher}");
            }
        }
    }
}

fn version_of(cipher: &str) -> Version {
    match cipher.contains("_ECDHE_") {
        true => Version::Tls12,
        false => Version::Tls13,
    }
}

/// The cipher suites that a client offers after these calls of `set_ciphers`.
fn offered(lists: &[&[&str]]) -> Vec<String> {
    let client = client_context();
    for list in lists {
        client.set_ciphers(list).unwrap();
    }
    let hello = observed_hello(&client, |_| ());
    let names = hello.ciphers().into_iter();
    names.filter(|name| !name.ends_with("SCSV")).collect()
}

#[test]
fn cipher_list_keeps_versions_that_it_does_not_name() {
    let (new, old): (Vec<_>, Vec<_>) = tlsmith::cipher_names()
        .into_iter()
        .partition(|name| version_of(name) == Version::Tls13);
    let new_list = ["TLS_CHACHA20_POLY1305_SHA256", "TLS_AES_128_GCM_SHA256"];
    let old_list = ["TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"];
    let openssl = ["ECDHE-RSA-AES128-GCM-SHA256"];
    assert_eq!(offered(&[]), [&new[..], &old].concat());
    assert_eq!(offered(&[&new_list]), [&new_list[..], &old].concat());
    for list in [old_list, openssl] {
        assert_eq!(offered(&[&list]), [&new[..], &old_list].concat());
        let both = [&new_list[..], &old_list].concat();
        assert_eq!(offered(&[&new_list, &list]), both);
        assert_eq!(offered(&[&list, &new_list]), both);
        assert_eq!(offered(&[&[&list[..], &new_list].concat()]), both);
    }
    // The latest list of a version counts.
    let latest = offered(&[&new_list, &new_list[1..]]);
    assert_eq!(latest, [&new_list[1..], &old].concat());
}

#[test]
fn cipher_list_of_one_version_does_not_disable_the_other() {
    for version in BOTH_VERSIONS {
        for cipher in ciphers() {
            let client = client_context();
            if version_of(&cipher) == version {
                continue;
            }
            client.set_ciphers(&[&cipher]).unwrap();
            client.set_versions(version, version).unwrap();
            let (client, _) = connected_pair(&client, &server_context(localhost()), "localhost");
            assert_eq!(client.agreed().unwrap().version, version, "{cipher}");
        }
    }
}

#[test]
fn every_group_can_be_the_only_one_of_either_side() {
    for group in groups() {
        for ours in [true, false] {
            let (client, server) = (client_context(), server_context(localhost()));
            // So that the other side supports it, too.
            let (side, other) = if ours {
                (&client, &server)
            } else {
                (&server, &client)
            };
            side.set_groups(&[&group]).unwrap();
            let all = groups();
            let all: Vec<_> = all.iter().map(String::as_str).collect();
            other.set_groups(&all).unwrap();
            let (client, server) = connected_pair(&client, &server, "localhost");
            for side in [&client, &server] {
                assert_eq!(side.agreed().unwrap().group, Some(&*group));
            }
        }
    }
    // NIST's names for NIST's curves, and TLS 1.2.
    for (name, iana) in [
        ("P-256", "secp256r1"),
        ("p-384", "secp384r1"),
        ("P-521", "secp521r1"),
        ("X448", "x448"),
        ("X25519", "x25519"),
    ] {
        for version in BOTH_VERSIONS {
            let client = only(client_context(), version);
            client.set_groups(&[name]).unwrap();
            let server = server_with(|server| server.set_groups(&[iana]).unwrap());
            let (client, _) = connected_pair(&client, &server, "localhost");
            assert_eq!(client.agreed().unwrap().group, Some(iana));
        }
    }
}

/// The key shares of each ClientHello, by group number, and what was agreed on.
fn key_shares(client: &Context, server: &Context) -> (Vec<Vec<u16>>, String) {
    let (client, server, sent) = recorded_pair(client, server, "localhost");
    let (ours, theirs) = run_handshake(&client, &server);
    ours.unwrap();
    theirs.unwrap();
    let group = client.agreed().unwrap().group.unwrap();
    assert_eq!(server.agreed().unwrap().group, Some(group));
    let hellos = records(&sent.lock().unwrap(), 22);
    let hellos = hellos.iter().map(|hello| {
        let mut extensions = hello_extensions(hello).into_iter();
        let (_, shares) = extensions.find(|(number, _)| *number == 51).unwrap();
        let mut rest = &shares[2..];
        let mut groups = Vec::new();
        while let [a, b, c, d, later @ ..] = rest {
            groups.push(u16::from_be_bytes([*a, *b]));
            rest = &later[usize::from(u16::from_be_bytes([*c, *d]))..];
        }
        groups
    });
    let hellos: Vec<_> = hellos.collect();
    for side in [&client, &server] {
        assert_eq!(side.agreed().unwrap().hello_retried, hellos.len() == 2);
        assert_eq!(
            side.report().contains("HelloRetryRequest"),
            hellos.len() == 2
        );
    }
    (hellos, group.to_owned())
}

#[test]
fn first_group_is_post_quantum_and_others_cost_a_retry() {
    let server = server_context(localhost());
    let (hellos, group) = key_shares(&client_context(), &server);
    assert_eq!(group, "X25519MLKEM768");
    assert_eq!(hellos.len(), 1);
    assert_eq!(hellos[0][0], 0x11ec);

    let server = server_context(localhost());
    server.set_groups(&["secp384r1"]).unwrap();
    let client = client_context();
    let (hellos, group) = key_shares(&client, &server);
    assert_eq!(group, "secp384r1");
    assert_eq!(hellos.len(), 2, "{hellos:?}");
    assert_eq!(hellos[1], [24]);

    // The first in the list is the one that is tried.
    let client = client_context();
    client.set_groups(&["secp384r1", "X25519MLKEM768"]).unwrap();
    let (hellos, _) = key_shares(&client, &server);
    assert_eq!(hellos.len(), 1);
    assert_eq!(hellos[0], [24]);
}

#[test]
fn server_uses_its_own_cipher_order_on_request() {
    let tls13 = ["TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384"];
    let tls12 = [
        "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
        "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
    ];
    for [first, second] in [tls13, tls12] {
        for is_told in [false, true] {
            let client = only(client_context(), version_of(first));
            let server = server_context(localhost());
            client.set_ciphers(&[second, first]).unwrap();
            server.set_ciphers(&[first, second]).unwrap();
            if is_told {
                server.prefer_own_ciphers().unwrap();
            }
            let (client, _) = connected_pair(&client, &server, "localhost");
            let chosen = if is_told { first } else { second };
            assert_eq!(client.agreed().unwrap().cipher, chosen);
        }
    }
}

#[test]
fn handshake_error_names_what_the_policies_lack() {
    let tls13 = ["TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384"];
    let tls12 = [
        "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
        "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
    ];
    for [ours, theirs] in [tls13, tls12] {
        let client = only(client_context(), version_of(ours));
        let server = server_context(localhost());
        client.set_ciphers(&[ours]).unwrap();
        server.set_ciphers(&[theirs]).unwrap();
        let (client, server) = pair(&client, &server, "localhost");
        let (ours, theirs) = run_handshake(&client, &server);
        assert_fails(theirs, Status::NoCommon, "no cipher suite in common");
        assert_eq!(ours.unwrap_err().alert(), Some(40));
    }
    for version in BOTH_VERSIONS {
        let (client, server) = (only(client_context(), version), server_context(localhost()));
        client.set_groups(&["x25519"]).unwrap();
        server.set_groups(&["secp384r1"]).unwrap();
        let (client, server) = pair(&client, &server, "localhost");
        let (ours, theirs) = run_handshake(&client, &server);
        assert_fails(theirs, Status::NoCommon, "in common");
        assert_eq!(ours.unwrap_err().alert(), Some(40));
    }
    let client = only(client_context(), Version::Tls12);
    let (client, server) = pair(
        &client,
        &only(server_context(localhost()), Version::Tls13),
        "localhost",
    );
    let (ours, theirs) = run_handshake(&client, &server);
    assert_fails(theirs, Status::NoCommon, "no version in common");
    assert_eq!(ours.unwrap_err().alert(), Some(70));
}

#[test]
fn impossible_policies_are_rejected_at_once() {
    let context = client_context();
    let outcome = context.set_versions(Version::Tls13, Version::Tls12);
    assert_fails(outcome, Status::Argument, "swap them");

    for protocol in ["", &"a".repeat(256)] {
        let outcome = Context::new().set_alpn(&["h2", protocol]);
        assert_fails(outcome, Status::Argument, "1 to 255");
    }
}

#[test]
fn server_with_alpn_accepts_client_without_it() {
    for version in BOTH_VERSIONS {
        let server = server_context(localhost());
        server.set_alpn(&["h2"]).unwrap();
        let (client, server) =
            connected_pair(&only(client_context(), version), &server, "localhost");
        assert_eq!(client.agreed().unwrap().alpn, None);
        assert_eq!(server.agreed().unwrap().alpn, None);
    }
}

#[test]
fn connection_rejects_settings_that_no_enabled_version_has() {
    let only_1_2 = || only(client_context(), Version::Tls12);
    let refuse = |context: Context, part: &str| {
        let (near, _far) = UnixStream::pair().unwrap();
        let outcome = Connection::client(&context, Some("localhost"), transport(near)).map(|_| ());
        assert_fails(outcome, Status::Argument, part);
    };
    let context = only_1_2();
    context.set_groups(&["X25519MLKEM768"]).unwrap();
    refuse(context, "groups");
    let context = only_1_2();
    context.set_ech(None).unwrap();
    refuse(context, "ECH requires TLS 1.3");
}

/// How much the records hold that follow each other here, with what they need
/// themselves.
fn lengths(mut records: &[u8]) -> Vec<usize> {
    let mut lengths = Vec::new();
    while let [_, _, _, high, low, rest @ ..] = records {
        lengths.push(usize::from(u16::from_be_bytes([*high, *low])));
        records = &rest[lengths[lengths.len() - 1]..];
    }
    lengths
}

#[test]
fn records_obey_the_configured_maximum() {
    // Both versions need more than a record's plaintext, and less than this.
    const MORE: usize = 40;
    for limit in [512, 1_000, 16_384] {
        for version in BOTH_VERSIONS {
            let client = only(client_context(), version);
            client.set_max_fragment(limit).unwrap();
            client.set_alpn(&["x".repeat(200).as_str(); 4]).unwrap();
            client.set_early_data(1).unwrap();
            let server = server_with(|server| {
                server.set_max_fragment(limit).unwrap();
                server.set_early_data(50_000).unwrap();
            });
            connected_pair(&client, &server, "localhost");
            let (client, server, sent) = recorded_pair(&client, &server, "localhost");
            let data = vec![b'x'; 45_000];
            let early = client.write_early(&data).unwrap();
            assert_eq!(early == data.len(), version == Version::Tls13);
            let got = std::thread::scope(|scope| {
                let server = scope.spawn(|| {
                    let mut got = Vec::new();
                    let mut buffer = [0; 5_000];
                    loop {
                        match server.read_early(&mut buffer).unwrap() {
                            0 => return got,
                            count => got.extend_from_slice(&buffer[..count]),
                        }
                    }
                });
                client.handshake().unwrap();
                server.join().unwrap()
            });
            assert!(got == data[..early]);
            transfer(&client, &server, &data);
            let lengths = lengths(&sent.lock().unwrap());
            let longest = *lengths.iter().max().unwrap();
            assert!((limit..limit + MORE).contains(&longest), "{longest}");
            assert!(lengths.len() >= data.len() / limit);
        }
    }
    for limit in [0, 511, 16_385, usize::MAX] {
        let outcome = Context::new().set_max_fragment(limit);
        assert_fails(outcome, Status::Argument, "512 to 16384");
    }
}
