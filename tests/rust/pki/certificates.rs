//! Certificates: the fields of those that are issued, and of those that others issued.

use super::*;

#[test]
fn certificate_has_the_requested_fields() {
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
fn email_address_makes_a_client_certificate() {
    let ca = gen_ca(&CertOptions::default()).unwrap();
    let user = issue_cert(&ca, &names(&["alice@example.org"]), &CertOptions::default()).unwrap();
    assert_eq!(user.certificate().extended_key_usage(), ["clientAuth"]);
    assert_openssl_accepts(&ca, &user, "sslclient");
}

#[test]
fn invalid_names_are_rejected() {
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
fn invalid_options_are_rejected() {
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
fn parser_reads_and_prints_every_system_root() {
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
fn parser_reads_a_public_certificate_like_openssl() {
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
