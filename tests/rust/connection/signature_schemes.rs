//! Signature schemes: which ones a side verifies, and which ones it signs with.

use tlsmith::{ClientAuth, Context, Identity, KeyType, Status, Version};

use support::*;

/// The schemes, each with the keys that can sign so.
fn schemes() -> Vec<(String, KeyType)> {
    let error = Context::new().set_verify_schemes(&["rsa_md5"]).unwrap_err();
    assert_eq!(error.status(), Status::Argument);
    let sentence = error.to_string();
    let (_, list) = sentence.split_once("choose from ").expect(&sentence);
    let key_of = |name: &str| match name {
        "ecdsa_secp256r1_sha256" => KeyType::EcdsaP256,
        "ecdsa_secp384r1_sha384" => KeyType::EcdsaP384,
        "ecdsa_secp521r1_sha512" => KeyType::EcdsaP521,
        "ed25519" => KeyType::Ed25519,
        "ed448" => KeyType::Ed448,
        "ml_dsa_44" => KeyType::MlDsa44,
        "ml_dsa_65" => KeyType::MlDsa65,
        "ml_dsa_87" => KeyType::MlDsa87,
        rsa if rsa.starts_with("rsa_") => KeyType::Rsa2048,
        other => panic!("what signs with {other}?"),
    };
    let list = list.split(", ");
    list.map(|name| (name.to_owned(), key_of(name))).collect()
}

fn with(key_type: KeyType) -> Identity {
    issue(&["localhost"], &with_key(key_type))
}

/// PKCS#1 ended with TLS 1.2, and ML-DSA began after it.
fn is_of(scheme: &str, version: Version) -> bool {
    match version {
        Version::Tls12 => !scheme.starts_with("ml_dsa"),
        Version::Tls13 => !scheme.contains("pkcs1"),
    }
}

#[test]
fn every_scheme_can_be_the_only_one_on_either_side() {
    let schemes = schemes();
    assert_eq!(schemes.len(), 14, "{schemes:?}");
    let rsa = with(KeyType::Rsa2048);
    for (scheme, key) in &schemes {
        let identity = match key {
            KeyType::Rsa2048 => rsa.clone(),
            other => with(*other),
        };
        for (version, verifies) in BOTH_VERSIONS
            .into_iter()
            .flat_map(|one| [(one, true), (one, false)])
        {
            let (client, server) = (client_context(), server_context(&identity));
            match verifies {
                true => client.set_verify_schemes(&[&scheme.to_uppercase()]),
                false => server.set_signing_schemes(&[scheme]),
            }
            .unwrap();
            let (client, server) = pair(&only(client, version), &server, "localhost");
            let (ours, theirs) = run_handshake(&client, &server);
            if !is_of(scheme, version) {
                assert_fails(theirs, Status::NoCommon, "");
                assert_eq!(ours.unwrap_err().alert(), Some(40), "{scheme}");
                continue;
            }
            ours.unwrap();
            theirs.unwrap();
            let agreed = client.agreed().unwrap();
            assert_eq!(agreed.signature_scheme.as_ref(), Some(scheme));
        }
    }
}

#[test]
fn key_signs_with_the_first_scheme_that_the_peer_accepts() {
    let server = server_context(&with(KeyType::Rsa2048));
    // The latest choice counts, and it is about this identity alone.
    server.set_signing_schemes(&["rsa_pkcs1_sha256"]).unwrap();
    let order = ["rsa_pss_rsae_sha256", "rsa_pss_rsae_sha512"];
    server.set_signing_schemes(&order).unwrap();
    server.use_identity(localhost()).unwrap();
    for (verified, expected) in [
        (None, order[0]),
        (
            Some(["rsa_pss_rsae_sha512", "rsa_pss_rsae_sha384"]),
            order[1],
        ),
        (
            Some(["ecdsa_secp256r1_sha256", "rsa_pss_rsae_sha384"]),
            "ecdsa_secp256r1_sha256",
        ),
    ] {
        let client = client_context();
        if let Some(verified) = verified {
            client.set_verify_schemes(&verified).unwrap();
        }
        let (client, _server) = connected_pair(&client, &server, "localhost");
        let agreed = client.agreed().unwrap();
        assert_eq!(agreed.signature_scheme.as_deref(), Some(expected));
    }
}

#[test]
fn both_sides_report_that_no_scheme_is_common() {
    for version in BOTH_VERSIONS {
        let server = server_context(&with(KeyType::Rsa2048));
        server
            .set_signing_schemes(&["rsa_pss_rsae_sha256"])
            .unwrap();
        let client = only(client_context(), version);
        client.set_verify_schemes(&["rsa_pss_rsae_sha384"]).unwrap();
        let (client, server) = pair(&client, &server, "localhost");
        let (ours, theirs) = run_handshake(&client, &server);
        assert_fails(theirs, Status::NoCommon, "");
        assert_eq!(ours.unwrap_err().alert(), Some(40));
    }
}

#[test]
fn client_presents_the_identity_that_the_server_can_verify() {
    for version in BOTH_VERSIONS {
        let server = server_with(|server| {
            server.add_root(ca().certificate()).unwrap();
            server.set_client_auth(ClientAuth::Required).unwrap();
            server.set_verify_schemes(&["rsa_pss_rsae_sha384"]).unwrap();
        });
        let client = only(client_context(), version);
        for key in [KeyType::EcdsaP256, KeyType::Rsa2048] {
            let mut options = for_both_sides();
            options.key_type = Some(key);
            client.use_identity(&issue(&["user"], &options)).unwrap();
        }
        let (_client, server) = connected_pair(&client, &server, "localhost");
        let agreed = server.agreed().unwrap();
        assert_eq!(
            agreed.signature_scheme.as_deref(),
            Some("rsa_pss_rsae_sha384")
        );
        assert_eq!(server.peer_chain()[0].key_type(), "rsa-2048");
    }
}

#[test]
fn setter_rejects_schemes_that_the_key_cannot_sign_with() {
    assert_fails(
        Context::new().set_signing_schemes(&["ed25519"]),
        Status::State,
        "add an identity first",
    );
    let context = server_context(&with(KeyType::Rsa2048));
    let error = context.set_signing_schemes(&["ed25519"]).unwrap_err();
    assert_eq!(error.status(), Status::Argument);
    assert!(error.to_string().contains("choose from rsa_p"), "{error}");
    for outcome in [
        server_context(localhost()).set_signing_schemes(&[]),
        server_context(localhost()).set_signing_schemes(&["SHA256"]),
        Context::new().set_verify_schemes(&[]),
        Context::new().set_verify_schemes(&["ed25519", "x\0\n"]),
    ] {
        assert_fails(outcome, Status::Argument, "choose from ");
    }
}
