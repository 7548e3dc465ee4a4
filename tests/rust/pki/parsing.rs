//! Certificates of every quality, parsed and described.

use super::*;

/// A certificate made by OpenSSL with these lines in its extensions.
fn openssl_certificate(extensions: &str, arguments: &[&str]) -> Certificate {
    let folder = TempDir::new().unwrap();
    let config = format!(
        "[req]\ndistinguished_name=name\nx509_extensions=ext\nprompt=no\n[name]\nCN=test\n\
         [ext]\n{extensions}\n"
    );
    let config = write(&folder, "config", config);
    let key = folder.path().join("key");
    let fixed = [
        "req",
        "-x509",
        "-newkey",
        "ed25519",
        "-noenc",
        "-config",
        text(&config),
        "-keyout",
        text(&key),
    ];
    let pem = openssl_outputs(&[&fixed, arguments].concat());
    Certificate::from_pem(&pem).unwrap()
}

#[test]
fn certificate_text_describes_every_known_extension() {
    let certificate = openssl_certificate(
        "basicConstraints=critical,CA:true,pathlen:300\n\
         keyUsage=critical,digitalSignature,nonRepudiation,keyAgreement,decipherOnly\n\
         extendedKeyUsage=serverAuth,anyExtendedKeyUsage,1.2.3.4\n\
         subjectKeyIdentifier=hash\n\
         authorityKeyIdentifier=keyid,issuer:always\n\
         subjectAltName=DNS:a.example,IP:::1,email:a@b.example,URI:http://x/,dirName:dir,\
         otherName:1.2.3;UTF8:hello,RID:1.2.3.4\n\
         issuerAltName=DNS:issuer.example\n\
         nameConstraints=permitted;DNS:.a.example,permitted;IP:10.0.0.0/255.0.0.0,excluded;email:b\n\
         crlDistributionPoints=URI:http://crl.example/1,URI:http://crl.example/2\n\
         authorityInfoAccess=OCSP;URI:http://ocsp.example,caIssuers;URI:http://ca.example\n\
         subjectInfoAccess=1.3.6.1.5.5.7.48.5;URI:http://repo.example\n\
         certificatePolicies=1.2.3.5,@policy\n\
         policyMappings=1.2.3.5:1.2.3.6\n\
         policyConstraints=requireExplicitPolicy:3,inhibitPolicyMapping:1\n\
         inhibitAnyPolicy=2\n\
         tlsfeature=status_request\n\
         noCheck=ignored\n\
         nsComment=Hello\n\
         1.2.3.99=critical,DER:0102ff\n\
         [dir]\nO=Example\n[policy]\npolicyIdentifier=1.2.3.7\nCPS.1=http://cps.example",
        &[],
    );
    for line in [
        "Version:             3",
        "Basic constraints (critical): a CA with at most 300 CAs below it",
        "Key usage (critical): digitalSignature, nonRepudiation, keyAgreement, decipherOnly",
        "Extended key usage: serverAuth, anyExtendedKeyUsage, 1.2.3.4",
        "Alternative names: DNS a.example, IP ::1, e-mail a@b.example, URI http://x/, \
         directory O=Example, other name 06022a03a0070c0568656c6c6f, identifier 1.2.3.4",
        "Alternative names of the issuer: DNS issuer.example",
        "Name constraints: permits .a.example, 10.0.0.0/8; excludes @b",
        "CRL distribution: URI http://crl.example/1, URI http://crl.example/2",
        "Authority information: OCSP http://ocsp.example, CA issuers http://ca.example",
        "Subject information: CA repository http://repo.example",
        "Certificate policies: 1.2.3.5, 1.2.3.7 (http://cps.example)",
        "Policy mappings: 1.2.3.5 is 1.2.3.6",
        "Policy constraints: explicit policy after 3, no mapping after 1",
        "Inhibit any policy: after 2 certificates",
        "TLS features: must staple (5)",
        "OCSP no check: yes",
        "Comment: Hello",
        "1.2.3.99 (critical): 0102ff",
        "Public key:",
        "Signature:",
    ] {
        let page = certificate.text();
        assert!(
            page.lines().any(|found| found == line),
            "no '{line}' in\n{page}"
        );
    }
    assert_eq!(certificate.path_len(), Some(300));
    assert_eq!(
        certificate.names(),
        ["a.example", "::1", "a@b.example", "http://x/"]
    );
    let page = certificate.text();
    assert!(
        page.contains(": directory CN=test, serial number "),
        "{page}"
    );
}

#[test]
fn parser_reads_an_extended_validation_certificate() {
    let folder = TempDir::new().unwrap();
    let subject = "/jurisdictionC=US/jurisdictionST=Delaware/businessCategory=Private Organization\
                   /serialNumber=3014267/C=US/ST=California/L=San Francisco/O=Example, Inc.\
                   /CN=example.com";
    let key = folder.path().join("key");
    let pem = openssl_prints(&[
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-noenc",
        "-keyout",
        text(&key),
        "-subj",
        subject,
        "-addext",
        "certificatePolicies=2.23.140.1.1",
        "-set_serial",
        "0x0cafe",
    ]);
    let certificate = Certificate::from_pem(pem.as_bytes()).unwrap();
    let expected = [
        r"CN=example.com,O=Example\, Inc.,L=San Francisco,ST=California,C=US",
        "serialNumber=3014267,businessCategory=Private Organization",
        "jurisdictionST=Delaware,jurisdictionC=US",
    ];
    assert_eq!(certificate.subject(), expected.join(","));
    assert_eq!(certificate.serial(), "cafe");
    assert!(
        certificate
            .text()
            .contains("Certificate policies: 2.23.140.1.1")
    );
}

#[test]
fn parser_reads_unusual_certificates() {
    let folder = TempDir::new().unwrap();
    let key = folder.path().join("key");
    let make = |arguments: &[&str]| {
        let fixed = ["req", "-x509", "-noenc", "-keyout", text(&key)];
        let pem = openssl_prints(&[&fixed, arguments].concat());
        Certificate::from_pem(pem.as_bytes()).unwrap()
    };
    let pss = make(&["-newkey", "rsa-pss", "-subj", "/CN=x"]);
    assert_eq!(pss.key_type(), "rsa-pss");
    assert_eq!(pss.key_bits(), 2048);
    assert_eq!(pss.signature_type(), "rsassa-pss");

    let curve = "ec_paramgen_curve:brainpoolP384r1";
    let brainpool = make(&["-newkey", "ec", "-pkeyopt", curve, "-subj", "/CN=x"]);
    assert_eq!(brainpool.key_type(), "ecdsa-1.3.36.3.3.2.8.1.1.11");
    assert_eq!(brainpool.key_bits(), 0);

    let weak = make(&["-newkey", "rsa:1024", "-md5", "-subj", "/"]);
    assert_eq!(weak.key_type(), "rsa-1024");
    assert_eq!(weak.signature_type(), "md5WithRSAEncryption");
    assert_eq!((weak.subject(), weak.issuer()), ("", ""));

    for (kind, bits) in [
        (KeyType::EcdsaP256, 256),
        (KeyType::EcdsaP384, 384),
        (KeyType::EcdsaP521, 521),
        (KeyType::Ed25519, 256),
        (KeyType::Ed448, 456),
        (KeyType::Rsa3072, 3072),
        (KeyType::MlDsa44, 1312 * 8),
    ] {
        let options = CertOptions {
            key_type: Some(kind),
            ..CertOptions::default()
        };
        let id = self_signed(&names(&["a.example"]), &options).unwrap();
        assert_eq!(id.certificate().key_bits(), bits, "{kind}");
    }

    // Version 1, of a request that asks for nothing.
    let pem = openssl_prints(&[
        "req",
        "-newkey",
        "ed25519",
        "-noenc",
        "-keyout",
        text(&key),
        "-subj",
        "/CN=x",
    ]);
    let csr = write(&folder, "csr", pem);
    let pem = openssl_prints(&["x509", "-req", "-in", text(&csr), "-signkey", text(&key)]);
    let old = Certificate::from_pem(pem.as_bytes()).unwrap();
    assert!(
        old.text().contains("Version:             1\n"),
        "{}",
        old.text()
    );
    assert!(!old.is_ca() && old.crl_urls().is_empty() && old.sct_count() == 0);
}

#[test]
fn serial_numbers_are_shown_in_full() {
    for (given, shown) in [
        ("0", "00"),
        ("128", "80"),
        ("255", "ff"),
        ("4096", "1000"),
        ("-1", "-01"),
    ] {
        let certificate = openssl_certificate("", &["-set_serial", given]);
        assert_eq!(certificate.serial(), shown);
    }
}

#[test]
fn certificate_without_extensions_has_no_limits_and_no_names() {
    let certificate = openssl_certificate("", &[]);
    assert!(!certificate.is_ca() && !certificate.has_alternative_names());
    assert!(certificate.names().is_empty() && certificate.key_usage().is_empty());
    assert_eq!(certificate.key_type(), "ed25519");
    assert_eq!(certificate.signature_type(), "ed25519");
}

#[test]
fn deceptive_names_are_escaped() {
    let id = self_signed(&names(&["goodxevil.example"]), &CertOptions::default()).unwrap();
    for (byte, shown) in [
        (0, r"good\00evil.example"),
        (b',', r"good\2cevil.example"),
        (b'\\', r"good\5cevil.example"),
        (b'\n', r"good\0aevil.example"),
        (0xe4, r"good\e4evil.example"),
    ] {
        let mut der = id.certificate().der().to_vec();
        let all: Vec<_> = (0..der.len())
            .filter(|&at| der[at..].starts_with(b"goodx"))
            .collect();
        // The subject and the issuer come first, the alternative name last.
        der[all[2] + 4] = byte;
        let certificate = Certificate::from_der(der).unwrap();
        assert_eq!(certificate.names(), [shown]);
        assert!(certificate.text().contains(shown));
    }
}

#[test]
fn certificate_is_one_complete_document() {
    let id = self_signed(&names(&["a.example"]), &CertOptions::default()).unwrap();
    let mut longer = id.certificate().der().to_vec();
    longer.push(0);
    let (status, sentence) = status_of(Certificate::from_der(longer));
    assert_eq!(status, Status::Parse);
    assert!(sentence.contains("does not parse"), "{sentence}");
    assert_eq!(status_of(Certificate::from_der([])).0, Status::Parse);
    assert_eq!(
        status_of(Certificate::from_der([0x30; 100_000])).0,
        Status::Parse
    );
}
