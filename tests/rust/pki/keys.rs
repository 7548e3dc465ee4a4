//! Private keys from every program.

use support::*;
use tempfile::TempDir;
use tlsmith::{
    CertOptions, Certificate, Identity, KeyType, PrivateKey, Status, gen_ca, issue_cert,
    self_signed,
};

use super::*;

fn openssl_key(arguments: &[&str]) -> Vec<u8> {
    openssl_outputs(&[&["genpkey"], arguments].concat())
}

#[test]
fn p521_key_of_openssl_issues_certificates() {
    let pem = openssl_key(&["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-521"]);
    let key = PrivateKey::from_pem(&pem).unwrap();
    assert_eq!(key.key_type(), "ecdsa-p521");
    let ca = gen_ca(&CertOptions {
        key: Some(key),
        ..CertOptions::default()
    })
    .unwrap();
    assert_eq!(ca.certificate().signature_type(), "ecdsa-with-SHA512");
    let site = issue_cert(&ca, &names(&["a.example"]), &CertOptions::default()).unwrap();
    assert_openssl_accepts(&ca, &site, "sslserver");
}

#[test]
fn key_reads_pkcs8_version_2_and_writes_version_1() {
    let key = PrivateKey::generate(KeyType::Ed25519).unwrap();
    let v1 = key.to_pkcs8_der();
    let (seed, public) = (&v1[v1.len() - 32..], &key.spki_der()[12..]);
    let mut v2 = b"\x30\x51\x02\x01\x01\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20".to_vec();
    v2.extend_from_slice(seed);
    v2.extend_from_slice(b"\x81\x21\x00");
    v2.extend_from_slice(public);
    let read = PrivateKey::from_der(&v2).unwrap();
    assert_eq!(read.to_pkcs8_der(), v1);
}

#[test]
fn unusable_keys_are_named() {
    for (arguments, status, part) in [
        (&["-algorithm", "X25519"][..], Status::Unsupported, "x25519"),
        (&["-algorithm", "X448"], Status::Unsupported, "x448"),
        (&["-algorithm", "RSA-PSS"], Status::Unsupported, "rsa-pss"),
        (
            &[
                "-algorithm",
                "EC",
                "-pkeyopt",
                "ec_paramgen_curve:secp256k1",
            ],
            Status::Unsupported,
            "1.3.132.0.10",
        ),
        (
            &["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:1024"],
            Status::Parse,
            "RSA with 2048",
        ),
    ] {
        let (found, sentence) = status_of(PrivateKey::from_pem(&openssl_key(arguments)));
        assert_eq!(found, status, "{sentence}");
        assert!(sentence.contains(part), "{sentence}");
    }
}

#[test]
fn pem_is_read_with_any_text_and_line_ends() {
    let id = self_signed(&names(&["localhost"]), &CertOptions::default()).unwrap();
    let plain = id.cert_pem();
    let body: String = plain
        .lines()
        .filter(|line| !line.starts_with('-'))
        .collect();
    let dresses = [
        plain.replace('\n', "\r\n"),
        format!("\u{feff}{plain}"),
        plain.trim_end().to_owned(),
        plain.replace('\n', "  \n"),
        plain.replace('\n', "\n\n"),
        format!("Subject: CN=localhost\n  some text\n{plain}more text"),
        format!("-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----"),
        format!("-----BEGIN CERTIFICATE-----\nFriendly: name\n\n{body}\n-----END CERTIFICATE-----"),
        plain.replace("CERTIFICATE", "X509 CERTIFICATE"),
        format!("{}{plain}", id.key().unwrap().to_pem().as_str()),
        format!("-----BEGIN X-----\n?!\n-----END X-----\n{plain}"),
        format!(
            "-----BEGIN ENCRYPTED PRIVATE KEY-----\n-----END ENCRYPTED PRIVATE KEY-----\n{plain}"
        ),
    ];
    for dress in dresses {
        let read = Certificate::from_pem(dress.as_bytes());
        let read = read.unwrap_or_else(|error| panic!("{error}: {dress:?}"));
        assert_eq!(&read, id.certificate());
    }
}

#[test]
fn parse_error_says_what_the_input_holds_instead() {
    let id = self_signed(&names(&["localhost"]), &CertOptions::default()).unwrap();
    let key = id.key().unwrap().to_pem();
    let cases: [(&[u8], &str); 6] = [
        (b"", "contains no certificate: it is empty"),
        (b"hello", "it is not PEM"),
        (id.certificate().der(), "DER"),
        (
            key.as_bytes(),
            "this is a private key; a certificate is needed",
        ),
        (b"-----BEGIN CERTIFICATE-----\nAAAA", "END line is missing"),
        (
            b"-----BEGIN CERTIFICATE-----\n??\n-----END CERTIFICATE-----",
            "not base64",
        ),
    ];
    for (text, part) in cases {
        let (status, sentence) = status_of(Certificate::from_pem(text));
        assert_eq!(status, Status::Parse);
        assert!(sentence.contains(part), "{sentence}");
    }
    let (_, sentence) = status_of(PrivateKey::from_pem(id.cert_pem().as_bytes()));
    assert!(
        sentence.contains("this is a certificate; a private key is needed"),
        "{sentence}"
    );
    let second_is_bad = format!(
        "{}-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----",
        id.cert_pem()
    );
    let (_, sentence) = status_of(Certificate::all_from_pem(second_is_bad.as_bytes()));
    assert!(sentence.starts_with("certificate 2: "), "{sentence}");
}

#[test]
fn damaged_pem_gives_errors_or_results_but_no_panic() {
    let options = CertOptions {
        key_type: Some(KeyType::Ed25519),
        ..CertOptions::default()
    };
    let id = self_signed(&names(&["localhost"]), &options).unwrap();
    let both = format!("{}{}", id.key().unwrap().to_pem().as_str(), id.cert_pem());
    let both = both.as_bytes();
    for index in 0..both.len() {
        assert!(
            Identity::from_bytes(&both[..index], None, None).is_err() || index == both.len() - 1
        );
        for change in [0x01, 0x20, 0x80] {
            let mut damaged = both.to_vec();
            damaged[index] ^= change;
            if let Ok(id) = Identity::from_bytes(&damaged, None, None) {
                assert!(!id.certificate().text().is_empty());
            }
        }
    }
}

#[test]
fn mismatched_key_error_names_the_certificate_it_fits() {
    let ca = gen_ca(&CertOptions::default()).unwrap();
    let options = CertOptions {
        ca: true,
        key_type: Some(KeyType::EcdsaP384),
        ..CertOptions::default()
    };
    let middle = issue_cert(&ca, &[], &options).unwrap();
    let site = issue_cert(&middle, &names(&["a.example"]), &CertOptions::default()).unwrap();
    let wrong = Identity::new(site.chain().to_vec(), middle.key().cloned());
    let (status, sentence) = status_of(wrong);
    assert_eq!(status, Status::KeyMismatch);
    for part in [
        "ecdsa-p384",
        "ecdsa-p256",
        "CN=a.example",
        "certificate 2 of the chain",
    ] {
        assert!(sentence.contains(part), "{sentence}");
    }
}

#[test]
fn error_messages_stay_short_for_any_input() {
    let long = "x".repeat(100_000);
    let subject = CertOptions {
        subject: Some(long.clone()),
        ..CertOptions::default()
    };
    let permitted = CertOptions {
        permitted_names: vec![format!("?{long}")],
        ..CertOptions::default()
    };
    let url = CertOptions {
        crl_url: Some(long.clone()),
        ..CertOptions::default()
    };
    for sentence in [
        status_of(gen_ca(&subject)).1,
        status_of(gen_ca(&permitted)).1,
        status_of(gen_ca(&url)).1,
        status_of(self_signed(&names(&[&long]), &CertOptions::default())).1,
        status_of(long.parse::<KeyType>()).1,
    ] {
        assert!(sentence.len() < 400, "{sentence}");
        assert!(sentence.contains("xxx..."), "{sentence}");
    }
    // What stands between BEGIN and its dashes may be a key whose line ends are lost.
    let label = format!("-----BEGIN {long}-----");
    let (_, sentence) = status_of(Certificate::from_pem(label.as_bytes()));
    assert!(
        sentence.len() < 400 && !sentence.contains("xxx"),
        "{sentence}"
    );
    assert!(sentence.contains("line ends are lost"), "{sentence}");
}

#[test]
fn openssl_and_tlsmith_read_each_others_keys_in_every_form() {
    let folder = TempDir::new().unwrap();
    for kind in OPENSSL_KINDS {
        let key = PrivateKey::generate(kind).unwrap();
        assert_eq!(key.key_type(), kind.name());
        let ours = write(&folder, kind.name(), key.to_pem().as_bytes());
        // OpenSSL's traditional form is PKCS#1 for RSA and SEC1 for ECDSA;
        // Ed25519 has none.
        let forms = [&["-outform", "PEM"][..], &["-traditional"]];
        let has_traditional = kind.name().starts_with("ecdsa") || kind.name().starts_with("rsa");
        let forms = &forms[..if has_traditional { 2 } else { 1 }];
        for &form in forms {
            let out = openssl(&[&["pkey", "-in", text(&ours)], form].concat());
            assert!(out.status.success(), "{kind}: {out:?}");
            let back = PrivateKey::from_pem(&out.stdout).unwrap();
            assert_eq!(back.spki_der(), key.spki_der());
            let again = PrivateKey::from_pem(back.to_pem().as_bytes()).unwrap();
            assert_eq!(again.spki_der(), key.spki_der());
        }
    }
}
