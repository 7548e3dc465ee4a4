//! Keys, certificates and issuing, checked by OpenSSL.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use support::*;
use tempfile::TempDir;
use tlsmith::{
    CertOptions, Certificate, Connection, Context, Crl, CrlOptions, Csr, Identity, KeyPurpose,
    KeyType, MemoryTransport, Password, Pkcs12Options, PrivateKey, RevocationReason, Revoked,
    Status, Usage, gen_ca, gen_crl, gen_csr, issue_cert, self_signed, sign_csr, split_names,
};

mod arbitrary;
mod bundles;
mod chapter;
mod copying;
mod differential;
mod display;
mod exact;
mod explaining;
mod extensions;
mod files;
mod issuing;
mod key_material;
mod keys;
mod kinds;
mod leniency;
mod odd;
mod parsing;
mod passwords;
mod pkcs12;
mod requests;
mod revocation;
mod scopes;
mod secrets;
mod subjects;
mod table;
mod untrusted;
mod verifying;

const DAY: u64 = 86_400;

/// The kinds of key that OpenSSL 3.0 knows, which is all but ML-DSA.
const OPENSSL_KINDS: [KeyType; 8] = [
    KeyType::EcdsaP256,
    KeyType::EcdsaP384,
    KeyType::EcdsaP521,
    KeyType::Ed25519,
    KeyType::Ed448,
    KeyType::Rsa2048,
    KeyType::Rsa3072,
    KeyType::Rsa4096,
];

fn write(folder: &TempDir, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
    let path = folder.path().join(name);
    fs::write(&path, content).unwrap();
    path
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// `openssl verify -x509_strict` of an identity against its root.
fn assert_openssl_accepts(root: &Identity, identity: &Identity, purpose: &str) {
    let folder = TempDir::new().unwrap();
    let root = write(&folder, "root.pem", root.cert_pem());
    let chain = write(&folder, "chain.pem", identity.cert_pem());
    let out = openssl(&[
        "verify",
        "-x509_strict",
        "-purpose",
        purpose,
        "-CAfile",
        text(&root),
        "-untrusted",
        text(&chain),
        text(&chain),
    ]);
    assert!(out.status.success(), "{out:?}");
}

fn status_of<T: std::fmt::Debug>(result: tlsmith::Result<T>) -> (Status, String) {
    let error = result.unwrap_err();
    (error.status(), error.to_string())
}

#[test]
fn a_certificate_has_the_fields_that_were_asked_for() {
    let ca = gen_ca(&CertOptions {
        subject: Some("/DC=org/DC=example/O=A, B/CN=Root CA".to_owned()),
        ..CertOptions::default()
    })
    .unwrap();
    let root = ca.certificate();
    assert_eq!(root.subject(), r"CN=Root CA,O=A\, B,DC=example,DC=org");
    assert_eq!(root.issuer(), root.subject());
    assert!(root.is_ca());
    assert_eq!(root.path_len(), None);
    assert_eq!(root.key_usage(), ["keyCertSign", "cRLSign"]);

    let options = CertOptions {
        not_before: Some(2_000_000_000),
        lifetime: Some(Duration::from_secs(5 * DAY)),
        usage: Some(Usage {
            server: true,
            client: true,
        }),
        crl_url: Some("http://crl.example/ca.crl".to_owned()),
        ..CertOptions::default()
    };
    let names = names(&[
        "A.example",
        "10.1.2.3",
        "user@example.com",
        "https://x.example/",
    ]);
    let site = issue_cert(&ca, &names, &options).unwrap();
    let leaf = site.certificate();
    assert_eq!(leaf.subject(), "CN=a.example");
    assert_eq!(leaf.issuer(), root.subject());
    assert_eq!(
        leaf.names(),
        [
            "a.example",
            "10.1.2.3",
            "user@example.com",
            "https://x.example/"
        ]
    );
    assert_eq!(leaf.not_before(), 2_000_000_000);
    assert_eq!(leaf.not_after(), 2_000_000_000 + 5 * DAY as i64);
    assert_eq!(leaf.extended_key_usage(), ["serverAuth", "clientAuth"]);
    assert_eq!(leaf.signature_type(), "ecdsa-with-SHA256");
    assert!(!leaf.is_ca());
    assert_eq!(leaf.serial().len(), 40);
    assert_eq!(site.chain().len(), 1, "the root is not part of the chain");
    for expected in ["http://crl.example/ca.crl", "a.example", "2033-05-18"] {
        assert!(leaf.text().contains(expected), "{}", leaf.text());
    }
}

#[test]
fn an_email_address_makes_a_client() {
    let ca = gen_ca(&CertOptions::default()).unwrap();
    let user = issue_cert(&ca, &names(&["alice@example.org"]), &CertOptions::default()).unwrap();
    assert_eq!(user.certificate().extended_key_usage(), ["clientAuth"]);
    assert_openssl_accepts(&ca, &user, "sslclient");
}

#[test]
fn an_intermediate_issues_with_a_chain_that_leads_to_the_root() {
    let root = gen_ca(&CertOptions::default()).unwrap();
    let options = CertOptions {
        ca: true,
        common_name: Some("Issuing CA".to_owned()),
        permitted_names: names(&["example.com", "10.0.0.0/8"]),
        ..CertOptions::default()
    };
    let middle = issue_cert(&root, &[], &options).unwrap();
    assert_eq!(middle.certificate().path_len(), Some(0));
    let site = issue_cert(
        &middle,
        &names(&["www.example.com", "10.9.9.9"]),
        &CertOptions::default(),
    );
    let site = site.unwrap();
    assert_eq!(site.chain().len(), 2);
    assert_openssl_accepts(&root, &site, "sslserver");

    for name in ["www.example.org", "11.0.0.1"] {
        let (status, sentence) = status_of(issue_cert(
            &middle,
            &names(&[name]),
            &CertOptions::default(),
        ));
        assert_eq!(status, Status::Issue);
        assert!(sentence.contains(name), "{sentence}");
    }
    let (status, sentence) = status_of(issue_cert(&middle, &[], &options));
    assert_eq!(status, Status::Issue);
    assert!(sentence.contains("path length is 0"), "{sentence}");
}

#[test]
fn an_authority_keeps_to_its_own_limits() {
    let leaf =
        |ca: &Identity, options: CertOptions| issue_cert(ca, &names(&["a.example"]), &options);
    let short = gen_ca(&CertOptions {
        lifetime: Some(Duration::from_secs(30 * DAY)),
        ..CertOptions::default()
    })
    .unwrap();
    let default = leaf(&short, CertOptions::default()).unwrap();
    assert_eq!(
        default.certificate().not_after(),
        short.certificate().not_after(),
        "without a lifetime of its own it ends with the CA"
    );
    let (status, sentence) = status_of(leaf(
        &short,
        CertOptions {
            lifetime: Some(Duration::from_secs(31 * DAY)),
            ..CertOptions::default()
        },
    ));
    assert_eq!(status, Status::Issue, "{sentence}");

    let site = leaf(&short, CertOptions::default()).unwrap();
    let (status, sentence) = status_of(leaf(&site, CertOptions::default()));
    assert_eq!(status, Status::Issue);
    assert!(sentence.contains("not a CA"), "{sentence}");

    let keyless = Identity::new(short.chain().to_vec(), None).unwrap();
    assert_eq!(
        status_of(leaf(&keyless, CertOptions::default())).0,
        Status::Issue
    );
}

#[test]
fn bad_names_are_refused_and_named() {
    let long_label = "a".repeat(64);
    let long_name = ["abcdefg"; 40].join(".");
    for name in [
        "",
        " ",
        "a b",
        "a..b",
        ".a",
        "a.*.b",
        "*",
        "*.*.a",
        "-a.example",
        "a\0b",
        "@example.com",
        "a@b@c",
        &long_label,
        &long_name,
    ] {
        let (status, sentence) = status_of(self_signed(&names(&[name]), &CertOptions::default()));
        assert_eq!(status, Status::Argument, "{name:?}: {sentence}");
    }
    assert_eq!(status_of(split_names("a,,b")).0, Status::Argument);
    assert_eq!(split_names("a, b ,::1").unwrap(), ["a", "b", "::1"]);
    assert_eq!(
        status_of(self_signed(&[], &CertOptions::default())).0,
        Status::Argument
    );
}

#[test]
fn bad_options_are_refused() {
    let ca = gen_ca(&CertOptions::default()).unwrap();
    let site = names(&["a.example"]);
    let cases = [
        CertOptions {
            subject: Some("nonsense".to_owned()),
            ..CertOptions::default()
        },
        CertOptions {
            subject: Some("CN=a".to_owned()),
            common_name: Some("b".to_owned()),
            ..CertOptions::default()
        },
        CertOptions {
            common_name: Some(String::new()),
            ..CertOptions::default()
        },
        CertOptions {
            path_len: Some(1),
            ..CertOptions::default()
        },
        CertOptions {
            permitted_names: names(&["example.com"]),
            ..CertOptions::default()
        },
        CertOptions {
            crl_url: Some("not a url".to_owned()),
            ..CertOptions::default()
        },
        CertOptions {
            usage: Some(Usage {
                server: false,
                client: false,
            }),
            ..CertOptions::default()
        },
        CertOptions {
            not_before: Some(i64::MAX),
            ..CertOptions::default()
        },
    ];
    for options in cases {
        let (status, sentence) = status_of(issue_cert(&ca, &site, &options));
        assert_eq!(status, Status::Argument, "{options:?}: {sentence}");
    }
    assert_eq!(status_of("dsa".parse::<KeyType>()).0, Status::Argument);
}

#[test]
fn keys_pass_between_openssl_and_us_in_every_form() {
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

#[test]
fn saving_keeps_keys_to_their_owner_and_replaces_whole_files() {
    let folder = TempDir::new().unwrap();
    let id = self_signed(&names(&["localhost"]), &CertOptions::default()).unwrap();
    let cert = folder.path().join("cert.pem");
    let key = write(&folder, "key.pem", "old");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    id.save(Some(&cert), Some(&key)).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&cert), mode(&key)), (0o644, 0o600));
    let back = Identity::load(&cert, Some(&key)).unwrap();
    assert_eq!(back.certificate(), id.certificate());

    let both = folder.path().join("both.pem");
    id.save(Some(&both), Some(&both)).unwrap();
    assert_eq!(mode(&both), 0o600);
    assert_eq!(
        Identity::load(&both, None).unwrap().cert_pem(),
        id.cert_pem()
    );

    let missing = folder.path().join("no/such/folder.pem");
    assert_eq!(status_of(id.save(None, Some(&missing))).0, Status::File);
    assert_eq!(
        status_of(id.save(None, Some(folder.path()))).0,
        Status::File
    );
    let left: Vec<_> = fs::read_dir(folder.path()).unwrap().collect();
    assert_eq!(left.len(), 3, "nothing half-written stays: {left:?}");
}

#[test]
fn files_may_be_der() {
    let folder = TempDir::new().unwrap();
    let ca = gen_ca(&CertOptions::default()).unwrap();
    let id = issue_cert(&ca, &names(&["localhost"]), &CertOptions::default()).unwrap();
    let key = id.key().unwrap();
    let cert = write(&folder, "cert.der", id.certificate().der());
    let root = write(&folder, "root.der", ca.certificate().der());
    let plain = write(&folder, "key.der", key.to_pkcs8_der());
    let loaded = Identity::load(&cert, Some(&plain)).unwrap();
    assert_eq!(loaded.chain(), id.chain());
    let encrypted = openssl(&[
        "pkcs8",
        "-topk8",
        "-in",
        text(&plain),
        "-inform",
        "DER",
        "-outform",
        "DER",
        "-passout",
        "pass:x",
    ]);
    let encrypted = write(&folder, "encrypted.der", encrypted.stdout);
    Identity::load_encrypted(&cert, Some(&encrypted), "x").unwrap();

    let csr = gen_csr(&names(&["a.example"]), &CertOptions::default()).unwrap();
    let file = write(&folder, "csr.der", csr.der());
    assert_eq!(Csr::load(&file).unwrap().der(), csr.der());
    let crl = gen_crl(&ca, &[], &CrlOptions::default()).unwrap();
    let file = write(&folder, "crl.der", crl.der());
    let context = Context::new();
    context.add_roots(&root).unwrap();
    context.add_crls(&file).unwrap();
    context
        .verify(id.chain(), Some("localhost"), None, None)
        .unwrap();
}

#[test]
fn bad_files_get_clear_errors() {
    let folder = TempDir::new().unwrap();
    let id = self_signed(&names(&["localhost"]), &CertOptions::default()).unwrap();
    let other = PrivateKey::generate(KeyType::Ed25519).unwrap();
    let cert = write(&folder, "cert.pem", id.cert_pem());
    let key = write(&folder, "other.key", other.to_pem().as_bytes());
    let empty = write(&folder, "empty.pem", "");
    let noise = write(&folder, "noise.pem", vec![0xa5; 1 << 20]);
    let damaged = write(
        &folder,
        "damaged.pem",
        &id.cert_pem()[..id.cert_pem().len() / 2],
    );
    let huge = folder.path().join("huge.pem");
    fs::File::create(&huge).unwrap().set_len(100 << 20).unwrap();
    let cases: [(&Path, &Path, Status, &str); 9] = [
        (&cert, &key, Status::KeyMismatch, "ed25519"),
        (&empty, &key, Status::Parse, "empty.pem"),
        (&noise, &key, Status::Parse, "noise.pem"),
        (&damaged, &key, Status::Parse, "damaged.pem"),
        (&huge, &key, Status::File, "16 MiB"),
        (Path::new("/dev/zero"), &key, Status::File, "16 MiB"),
        (folder.path(), &key, Status::File, "directory"),
        (
            &cert,
            Path::new("/nonexistent.key"),
            Status::File,
            "/nonexistent.key",
        ),
        (&cert, &cert, Status::Parse, "a private key is needed"),
    ];
    for (cert, key, expected, part) in cases {
        let (status, sentence) = status_of(Identity::load(cert, Some(key)));
        assert_eq!(status, expected, "{sentence}");
        assert!(sentence.contains(part), "{sentence}");
    }
}

#[test]
fn every_root_of_the_system_parses_and_prints() {
    let bundle = fs::read("/etc/ssl/certs/ca-certificates.crt")
        .expect("the system's roots are needed: apt-get install ca-certificates");
    let roots = Certificate::all_from_pem(&bundle).unwrap();
    assert!(roots.len() > 50);
    for root in roots {
        assert!(root.is_ca(), "{}", root.text());
        assert!(root.text().contains(root.subject()));
        assert_ne!(root.key_type(), "unknown");
        assert_eq!(Certificate::from_pem(root.pem().as_bytes()).unwrap(), root);
    }
}

#[test]
fn a_certificate_of_the_wild_is_read_right() {
    let pem = fs::read("tests/data/example.org.pem").unwrap();
    let certificate = Certificate::from_pem(&pem).unwrap();
    assert_eq!(
        certificate.issuer(),
        "CN=DigiCert Global G2 TLS RSA SHA256 2020 CA1,O=DigiCert Inc,C=US"
    );
    assert_eq!(certificate.common_names(), ["www.example.org"]);
    assert_eq!(
        certificate.names(),
        [
            "www.example.org",
            "example.net",
            "example.edu",
            "example.com",
            "example.org",
            "www.example.com",
            "www.example.edu",
            "www.example.net"
        ]
    );
    assert_eq!(certificate.serial(), "075bcef30689c8addf13e51af4afe187");
    assert_eq!(certificate.not_before(), 1_706_572_800);
    assert_eq!(certificate.not_after(), 1_740_873_599);
    assert_eq!(certificate.key_type(), "rsa-2048");
    assert_eq!(certificate.signature_type(), "sha256WithRSAEncryption");
    assert_eq!(
        certificate.key_usage(),
        ["digitalSignature", "keyEncipherment"]
    );
    assert_eq!(
        certificate.extended_key_usage(),
        ["serverAuth", "clientAuth"]
    );
    assert_eq!(certificate.key_bits(), 2048);
    let crl = "digicert.com/DigiCertGlobalG2TLSRSASHA2562020CA1-1.crl";
    assert_eq!(
        certificate.crl_urls(),
        [format!("http://crl3.{crl}"), format!("http://crl4.{crl}")]
    );
    assert_eq!(certificate.ocsp_urls(), ["http://ocsp.digicert.com"]);
    assert_eq!(
        certificate.issuer_urls(),
        ["http://cacerts.digicert.com/DigiCertGlobalG2TLSRSASHA2562020CA1-1.crt"]
    );
    assert_eq!(certificate.sct_count(), 3);
    assert_eq!(certificate.path_len(), None);
    assert_eq!(certificate.name_constraints(), None);
    // As OpenSSL computes them.
    for (option, ours) in [
        ("-sha1", certificate.sha1()),
        ("-sha256", certificate.sha256().to_owned()),
    ] {
        let file = "tests/data/example.org.pem";
        let words = openssl_prints(&["x509", "-in", file, "-noout", "-fingerprint", option]);
        let theirs = words.trim().rsplit('=').next().unwrap().replace(':', "");
        assert_eq!(theirs.to_lowercase(), ours);
    }
    assert!(!certificate.is_ca());
    for expected in [
        "OCSP http://ocsp.digicert.com",
        "http://crl3.digicert.com/DigiCertGlobalG2TLSRSASHA2562020CA1-1.crl",
        "Signed certificate timestamps",
    ] {
        assert!(
            certificate.text().contains(expected),
            "{}",
            certificate.text()
        );
    }
}

#[test]
fn damaged_certificates_and_keys_give_errors_or_results_but_no_panic() {
    let id = self_signed(&names(&["localhost"]), &CertOptions::default()).unwrap();
    let cert = id.certificate().der().to_vec();
    let key = id.key().unwrap().to_pkcs8_der().to_vec();
    for original in [&cert, &key] {
        for index in 0..original.len() {
            for change in 1..=0xff_u8 {
                let mut damaged = original.clone();
                damaged[index] ^= change;
                let parsed = Certificate::from_der(damaged.clone());
                // Most parse, and pages take time.
                if let Ok(parsed) = parsed.as_ref()
                    && change.is_power_of_two()
                {
                    assert!(!parsed.text().is_empty());
                }
                let _ = PrivateKey::from_der(&damaged);
            }
            assert!(Certificate::from_der(&original[..index]).is_err());
            assert!(PrivateKey::from_der(&original[..index]).is_err());
        }
    }
}

#[test]
fn debug_output_shows_no_secret() {
    let id = self_signed(&names(&["localhost"]), &CertOptions::default()).unwrap();
    let shown = format!("{id:?}");
    let secret = id.key().unwrap().to_pem();
    assert!(shown.contains("PrivateKey(ecdsa-p256)"), "{shown}");
    for line in secret.lines() {
        assert!(!shown.contains(line));
    }
}
