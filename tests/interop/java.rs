//! Java's keytool: its requests, and how it reads our PKCS#12.

use std::path::Path;
use std::process::Command;

use tempfile::TempDir;
use tlsmith::{CertOptions, Csr, Identity, KeyType, sign_csr};

use crate::peers::output;
use support::*;

/// The output of keytool, which must succeed.
fn keytool(folder: &Path, arguments: &[&str]) -> String {
    let mut command = Command::new("keytool");
    command
        .current_dir(folder)
        // Without the machine's settings, and in English.
        .args(["-J-Duser.language=en", "-J-XX:TieredStopAtLevel=1"])
        .args(arguments);
    let (fine, words) = output(&mut command);
    assert!(fine, "{arguments:?}: {words}");
    words
}

const STORE: [&str; 6] = [
    "-keystore",
    "store.p12",
    "-storetype",
    "PKCS12",
    "-storepass",
    "secret-of-java",
];

#[test]
fn keytool_reads_our_pkcs12() {
    for kind in [KeyType::EcdsaP256, KeyType::Rsa2048] {
        let options = CertOptions {
            key_type: Some(kind),
            ..CertOptions::default()
        };
        let id = issue(&["localhost"], &options);
        let folder = TempDir::new().unwrap();
        let file = folder.path().join("store.p12");
        let colons = |hex: &str| {
            let pairs: Vec<_> = (0..hex.len())
                .step_by(2)
                .map(|at| &hex[at..at + 2])
                .collect();
            pairs.join(":").to_uppercase()
        };
        for save in [Identity::save_pkcs12, Identity::save_pkcs12_legacy] {
            save(&id, &file, Some("our-site"), "secret-of-java").unwrap();
            let words = keytool(folder.path(), &[&["-list", "-v"], &STORE[..]].concat());
            for part in [
                "Alias name: our-site",
                "Entry type: PrivateKeyEntry",
                "Certificate chain length: 1",
                "Owner: CN=localhost",
                &colons(id.certificate().sha256()),
            ] {
                assert!(words.contains(part), "no '{part}' in {words}");
            }
        }
    }
}

#[test]
fn tlsmith_reads_keystores_and_signs_requests_of_keytool() {
    let kinds: [(&[&str], &str); 4] = [
        (&["-keyalg", "RSA", "-keysize", "2048"], "rsa-2048"),
        (&["-keyalg", "EC", "-groupname", "secp384r1"], "ecdsa-p384"),
        (&["-keyalg", "Ed25519"], "ed25519"),
        (&["-keyalg", "Ed448"], "ed448"),
    ];
    for (arguments, kind) in kinds {
        let folder = TempDir::new().unwrap();
        let make = [
            "-genkeypair",
            "-alias",
            "site",
            "-dname",
            "CN=x, OU=b, OU=a, O=Example, C=DE",
        ];
        keytool(folder.path(), &[&make, arguments, &STORE].concat());
        let ask = [
            "-certreq",
            "-alias",
            "site",
            "-file",
            "site.csr",
            "-ext",
            "SAN=dns:a.example,ip:192.0.2.1",
            "-ext",
            "EKU=serverAuth",
        ];
        keytool(folder.path(), &[&ask[..], &STORE].concat());
        let csr = Csr::load(&folder.path().join("site.csr")).unwrap();
        assert_eq!(csr.key_type(), kind);
        assert_eq!(csr.subject(), "CN=x,OU=b,OU=a,O=Example,C=DE");
        assert_eq!(csr.names(), ["a.example", "192.0.2.1"]);

        let store = folder.path().join("store.p12");
        let kept = Identity::load_pkcs12(&store, "secret-of-java").unwrap();
        assert_eq!(kept.key().unwrap().spki_der(), csr.spki_der());

        let options = CertOptions {
            copy_extensions: true,
            ..CertOptions::default()
        };
        let site = sign_csr(ca(), &csr, None, &options).unwrap();
        let reply = format!("{}{}", site.cert_pem(), ca().cert_pem());
        std::fs::write(folder.path().join("reply.pem"), reply).unwrap();
        let import = [
            "-importcert",
            "-noprompt",
            "-alias",
            "site",
            "-file",
            "reply.pem",
        ];
        let words = keytool(folder.path(), &[&import[..], &STORE].concat());
        assert!(words.contains("reply was installed"), "{words}");
        let back = Identity::load_pkcs12(&store, "secret-of-java").unwrap();
        assert_eq!(back.chain(), [site.chain(), ca().chain()].concat());
    }
}
