//! Certificate requests that are rejected: malformed, damaged, or with an unsupported key.

use super::*;
use crate::der_builder::tlv;
use crate::requests::{
    EXTENSION_REQUEST, ca, copying, extension_request, handmade, name, openssl_request, rsa_request,
};

#[test]
fn unsupported_request_is_not_reported_as_forged() {
    let folder = TempDir::new().unwrap();
    let key = folder.path().join("key.pem");
    let parameters = folder.path().join("dsa.pem");
    openssl_prints(&[
        "genpkey",
        "-genparam",
        "-algorithm",
        "DSA",
        "-pkeyopt",
        "dsa_paramgen_bits:1024",
        "-out",
        text(&parameters),
    ]);
    let dsa = format!("dsa:{}", text(&parameters));
    let ec = |curve| ["-newkey", "ec", "-pkeyopt", curve];
    let pss = |bits| ["-newkey", "rsa-pss", "-pkeyopt", bits];
    let kinds: [(&[&str], &str, &str); 9] = [
        (
            &["-newkey", "rsa:2048", "-sha1"],
            "rsa-2048",
            "sha1WithRSAEncryption",
        ),
        (
            &["-newkey", "rsa:1024"],
            "rsa-1024",
            "sha256WithRSAEncryption",
        ),
        (&pss("rsa_keygen_bits:1024"), "rsa-pss", "rsassa-pss"),
        (
            &[
                "-newkey",
                "rsa:1024",
                "-sigopt",
                "rsa_padding_mode:pss",
                "-sha384",
            ],
            "rsa-1024",
            "rsassa-pss",
        ),
        (
            &ec("ec_paramgen_curve:secp256k1"),
            "ecdsa-",
            "ecdsa-with-SHA256",
        ),
        (
            &ec("ec_paramgen_curve:P-224"),
            "ecdsa-",
            "ecdsa-with-SHA256",
        ),
        (
            &ec("ec_paramgen_curve:brainpoolP256r1"),
            "ecdsa-",
            "ecdsa-with-SHA256",
        ),
        (
            &[
                &ec("ec_paramgen_curve:P-256")[..],
                &["-pkeyopt", "ec_param_enc:explicit"],
            ]
            .concat(),
            "ecdsa",
            "ecdsa-with-SHA256",
        ),
        (&["-newkey", &dsa], "dsa", "dsa-with-sha256"),
    ];
    for (arguments, kind, algorithm) in kinds {
        let fixed = [
            "req",
            "-new",
            "-noenc",
            "-keyout",
            text(&key),
            "-subj",
            "/CN=x",
        ];
        let pem = openssl_prints(&[&fixed, arguments].concat());
        let (status, sentence) = status_of(Csr::from_pem(pem.as_bytes()));
        assert_eq!(status, Status::Unsupported, "{arguments:?}: {sentence}");
        for part in [kind, algorithm, "is not supported", "cannot be checked"] {
            assert!(sentence.contains(part), "no '{part}' in {sentence}");
        }
    }
    for bits in [2_040, 8_200, 8_448] {
        let (status, sentence) = status_of(Csr::from_der(rsa_request(bits)));
        assert_eq!(status, Status::Unsupported, "{bits}: {sentence}");
        assert!(sentence.contains(&format!("rsa-{bits}")), "{sentence}");
    }
    for bits in [2_048, 8_192] {
        let (status, sentence) = status_of(Csr::from_der(rsa_request(bits)));
        assert_eq!(status, Status::Parse, "{bits}: {sentence}");
        assert!(sentence.contains("own signature is wrong"), "{sentence}");
    }
    let csr = gen_csr(&names(&["a.example"]), &CertOptions::default()).unwrap();
    let mut forged = csr.der().to_vec();
    let at = forged
        .windows(9)
        .position(|bytes| bytes == b"a.example")
        .unwrap();
    forged[at] = b'b';
    let (status, sentence) = status_of(Csr::from_der(forged));
    assert_eq!(status, Status::Parse);
    assert!(sentence.contains("own signature is wrong"), "{sentence}");
}

#[test]
fn options_that_contradict_a_request_are_rejected() {
    let ca = ca();
    let csr = openssl_request(&[
        "-newkey",
        "ed25519",
        "-subj",
        "/CN=x",
        "-addext",
        "extendedKeyUsage=clientAuth",
        "-addext",
        "crlDistributionPoints=URI:http://a/",
    ]);
    let usage = Some(Usage {
        server: true,
        client: false,
    });
    let cases = [
        CertOptions { usage, ..copying() },
        CertOptions {
            crl_url: Some("http://b/".to_owned()),
            ..copying()
        },
        CertOptions {
            key_type: Some(KeyType::Ed25519),
            ..CertOptions::default()
        },
    ];
    for options in cases {
        let (status, sentence) = status_of(sign_csr(&ca, &csr, None, &options));
        assert_eq!(status, Status::Argument, "{sentence}");
        assert!(sentence.contains("omit"), "{sentence}");
    }
    let options = CertOptions {
        usage,
        ..CertOptions::default()
    };
    let site = sign_csr(&ca, &csr, None, &options).unwrap();
    assert_eq!(site.certificate().extended_key_usage(), ["serverAuth"]);

    let issuers = [
        CertOptions {
            lifetime: Some(Duration::from_secs(1)),
            ..CertOptions::default()
        },
        CertOptions {
            crl_url: Some("http://a/".to_owned()),
            ..CertOptions::default()
        },
        copying(),
    ];
    for options in issuers {
        let (status, sentence) = status_of(gen_csr(&names(&["a.example"]), &options));
        assert_eq!(status, Status::Argument, "{sentence}");
        assert!(sentence.contains("cannot ask for"), "{sentence}");
    }
    assert_eq!(
        status_of(gen_csr(&[], &CertOptions::default())).0,
        Status::Argument
    );
}

#[test]
fn malformed_requests_are_rejected_with_the_reason() {
    let san = tlv(
        0x30,
        &[
            &b"\x06\x03\x55\x1d\x11"[..],
            &tlv(4, &tlv(0x30, b"\x82\x01a")),
        ]
        .concat(),
    );
    let empty_san = tlv(
        0x30,
        &[&b"\x06\x03\x55\x1d\x11"[..], &tlv(4, &tlv(0x30, b""))].concat(),
    );
    let one = extension_request(&[&san]);
    let cases: [(Vec<u8>, Option<&str>); 7] = [
        (tlv(0xa0, &one), None),
        (Vec::new(), None),
        (
            tlv(0xa0, &extension_request(&[&san, &san])),
            Some("extension 2.5.29.17 twice"),
        ),
        (
            tlv(0xa0, &[&one[..], &one].concat()),
            Some("two lists of extensions"),
        ),
        (tlv(0xa1, &one), Some("not attributes")),
        (
            tlv(
                0xa0,
                &tlv(
                    0x30,
                    &[EXTENSION_REQUEST, &tlv(0x30, &tlv(0x30, &san))].concat(),
                ),
            ),
            Some("not in a SET"),
        ),
        (tlv(0xa0, b"\x02\x01\x00"), Some("its attributes")),
    ];
    for (attributes, problem) in cases {
        let read = Csr::from_der(handmade(&name("x"), &attributes));
        match (read, problem) {
            (Ok(csr), None) => assert_eq!(csr.subject(), "CN=x"),
            (Err(error), Some(part)) => {
                assert_eq!(error.status(), Status::Parse);
                assert!(error.to_string().contains(part), "{error}");
            }
            (read, _) => panic!("{problem:?}: {read:?}"),
        }
    }
    let nameless = handmade(b"\x30\x00", &tlv(0xa0, b""));
    let nameless = Csr::from_der(nameless).unwrap();
    let (status, sentence) = status_of(sign_csr(&ca(), &nameless, None, &CertOptions::default()));
    assert_eq!(status, Status::Argument);
    assert!(sentence.contains("give names"), "{sentence}");
    sign_csr(
        &ca(),
        &nameless,
        Some(&names(&["a.example"])),
        &CertOptions::default(),
    )
    .unwrap();

    let empty = handmade(&name("x"), &tlv(0xa0, &extension_request(&[&empty_san])));
    let empty = Csr::from_der(empty).unwrap();
    let (status, sentence) = status_of(sign_csr(&ca(), &empty, None, &CertOptions::default()));
    assert_eq!(status, Status::Issue);
    assert!(
        sentence.contains("list of alternative names is empty"),
        "{sentence}"
    );

    let csr = gen_csr(&names(&["a.example"]), &CertOptions::default()).unwrap();
    let (status, sentence) = status_of(Csr::from_pem(ca().cert_pem().as_bytes()));
    assert_eq!(status, Status::Parse);
    assert!(
        sentence.contains("this is a certificate; a certificate request is needed"),
        "{sentence}"
    );
    let new = csr
        .pem()
        .replace("CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST");
    assert_eq!(Csr::from_pem(new.as_bytes()).unwrap().der(), csr.der());
}

#[test]
fn damaged_requests_give_errors_or_results_but_no_panic() {
    let ca = ca();
    let csr = gen_csr(&names(&["a.example", "192.0.2.1"]), &CertOptions::default()).unwrap();
    let original = csr.der();
    for index in 0..original.len() {
        assert!(Csr::from_der(&original[..index]).is_err());
        for change in 1..=0xff {
            let mut damaged = original.to_vec();
            damaged[index] ^= change;
            assert!(
                Csr::from_der(damaged).is_err(),
                "its signature is over every byte of it"
            );
        }
    }
    // Damage that is signed: every byte of the attributes.
    let san = b"\x06\x03\x55\x1d\x11\x04\x0d\x30\x0b\x82\x09a.example".to_vec();
    let constraints = b"\x06\x03\x55\x1d\x13\x01\x01\xff\x04\x02\x30\x00".to_vec();
    let attributes = extension_request(&[&tlv(0x30, &san), &tlv(0x30, &constraints)]);
    let attributes = tlv(0xa0, &attributes);
    let mut accepted = 0;
    for index in 0..attributes.len() {
        for change in [0x01, 0x02, 0x20, 0x80, 0xff] {
            let mut damaged = attributes.clone();
            damaged[index] ^= change;
            let Ok(csr) = Csr::from_der(handmade(&name("x"), &damaged)) else {
                continue;
            };
            assert!(!csr.text().is_empty());
            if sign_csr(&ca, &csr, None, &copying()).is_ok() {
                accepted += 1;
            }
        }
    }
    assert!(accepted > 0, "some of it is only another name");
}
