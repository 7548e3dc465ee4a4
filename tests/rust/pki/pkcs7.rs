//! PKCS#7 files of several certificates.

use super::*;
use crate::encrypted_keys::identity;
use crate::pkcs12::with_chain;

/// A PKCS#7 bundle of OpenSSL, PEM and DER.
fn openssl_pkcs7(folder: &TempDir, pem: &str) -> (Vec<u8>, Vec<u8>) {
    let file = write(folder, "all.pem", pem);
    let fixed = ["crl2pkcs7", "-nocrl", "-certfile", text(&file), "-outform"];
    let [pem, der] = ["PEM", "DER"].map(|form| {
        let out = openssl(&[&fixed[..], &[form]].concat());
        assert!(out.status.success(), "{out:?}");
        out.stdout
    });
    (pem, der)
}

/// The same with an indefinite length around everything.
fn indefinite(der: &[u8]) -> Vec<u8> {
    assert_eq!(der[..2], [0x30, 0x82]);
    [&[0x30, 0x80][..], &der[4..], &[0, 0]].concat()
}

#[test]
fn identity_loads_a_chain_from_pkcs7_in_any_order() {
    let folder = TempDir::new().unwrap();
    let (root, site) = with_chain();
    let [leaf, middle] = [0, 1].map(|index| site.chain()[index].pem());
    let key = site.key().unwrap().to_pem();
    for order in [
        [leaf, middle, root.cert_pem()],
        [root.cert_pem(), middle, leaf],
        [middle, leaf, root.cert_pem()],
    ] {
        let (pem, der) = openssl_pkcs7(&folder, &order.concat());
        let expected = [site.chain(), root.chain()].concat();
        let old_label = String::from_utf8(pem.clone()).unwrap();
        let old_label = old_label
            .replace(" PKCS7-", " PKCS #7 SIGNED DATA-")
            .into_bytes();
        for (name, content) in [
            ("b.p7b", &pem),
            ("old.p7b", &old_label),
            ("b.p7c", &der),
            ("ber.p7b", &indefinite(&der)),
        ] {
            let file = write(&folder, name, content);
            assert_eq!(Certificate::all_from_bytes(content).unwrap(), expected);
            assert_eq!(Identity::load_chain(&file).unwrap().chain(), expected);
            let key_file = write(&folder, "key.pem", key.as_bytes());
            let loaded = Identity::load(&file, Some(&key_file)).unwrap();
            assert_eq!(loaded.chain(), expected);
            let loaded = Identity::from_bytes(content, Some(key.as_bytes()), None).unwrap();
            assert_eq!(loaded.chain(), expected);
        }
    }
}

#[test]
fn key_decides_which_certificate_is_the_end_entity() {
    let folder = TempDir::new().unwrap();
    let (first, second) = (identity(KeyType::Ed25519), identity(KeyType::EcdsaP256));
    let both = [first.cert_pem(), second.cert_pem()].concat();
    let (pem, der) = openssl_pkcs7(&folder, &both);
    for content in [pem, der] {
        for id in [&first, &second] {
            let key = id.key().unwrap().to_pem();
            let loaded = Identity::from_bytes(&content, Some(key.as_bytes()), None).unwrap();
            assert_eq!(loaded.chain(), id.chain());
        }
        let other = identity(KeyType::Ed25519).key().unwrap().to_pem();
        let (status, _) = status_of(Identity::from_bytes(&content, Some(other.as_bytes()), None));
        assert_eq!(status, Status::KeyMismatch);
    }
}

#[test]
fn context_loads_roots_from_pkcs7() {
    let folder = TempDir::new().unwrap();
    let (root, site) = with_chain();
    let other = gen_ca(&CertOptions::default()).unwrap();
    let both = [other.cert_pem(), root.cert_pem()].concat();
    let (pem, der) = openssl_pkcs7(&folder, &both);
    for (name, content) in [("roots.p7b", &pem), ("roots.p7c", &der)] {
        let file = write(&folder, name, content);
        let context = Context::new();
        context.add_roots(&file).unwrap();
        context
            .verify(site.chain(), Some("localhost"), None, None)
            .unwrap();
        let context = Context::new();
        context.add_roots_bytes(content).unwrap();
        context
            .verify(site.chain(), Some("localhost"), None, None)
            .unwrap();
    }
}

#[test]
fn pkcs7_without_certificates_is_rejected_with_the_reason() {
    let folder = TempDir::new().unwrap();
    let id = identity(KeyType::Rsa2048);
    let cert = write(&folder, "cert.pem", id.cert_pem());
    let encrypt = [
        "cms",
        "-encrypt",
        "-aes128",
        "-outform",
        "DER",
        "-in",
        text(&cert),
        text(&cert),
    ];
    let out = openssl(&encrypt);
    assert!(out.status.success(), "{out:?}");
    let (status, sentence) = status_of(Certificate::all_from_bytes(&out.stdout));
    assert_eq!(status, Status::Unsupported, "{sentence}");
    assert!(sentence.contains("PKCS#7"), "{sentence}");
    let (_, der) = openssl_pkcs7(&folder, id.cert_pem());
    let empty = write(&folder, "empty.pem", "");
    let none = openssl(&[
        "crl2pkcs7",
        "-nocrl",
        "-certfile",
        text(&empty),
        "-outform",
        "DER",
    ]);
    for content in [&none.stdout, &der[..der.len() - 1].to_vec()] {
        let (status, _) = status_of(Certificate::all_from_bytes(content));
        assert_eq!(status, Status::Parse);
    }
    for index in 0..der.len().min(60) {
        for change in [1, 0x80, 0xff] {
            let mut damaged = der.clone();
            damaged[index] ^= change;
            let _ = Certificate::all_from_bytes(&damaged);
        }
    }
}
