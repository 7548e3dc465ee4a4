//! Requests: ours and those of OpenSSL, and what becomes of them.

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};

use super::*;

pub(super) fn ca() -> Identity {
    gen_ca(&CertOptions::default()).unwrap()
}

pub(super) fn copying() -> CertOptions {
    CertOptions {
        copy_extensions: true,
        ..CertOptions::default()
    }
}

/// A request that `openssl req` makes with these arguments.
pub(super) fn openssl_request(arguments: &[&str]) -> Csr {
    let folder = TempDir::new().unwrap();
    let key = folder.path().join("key.pem");
    let fixed = ["req", "-new", "-noenc", "-keyout", text(&key)];
    let pem = openssl_prints(&[&fixed, arguments].concat());
    Csr::from_pem(pem.as_bytes()).unwrap_or_else(|error| panic!("{arguments:?}: {error}"))
}

/// What stands in a document in DER, with its tag and length in front.
pub(super) fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = match content.len() {
        short @ 0..128 => vec![short as u8],
        long @ 128..256 => vec![0x81, long as u8],
        long => vec![0x82, (long >> 8) as u8, long as u8],
    };
    [&[tag][..], &length, content].concat()
}

/// A request with this subject and these attributes, signed as it should be.
pub(super) fn handmade(subject: &[u8], attributes: &[u8]) -> Vec<u8> {
    let key = Ed25519KeyPair::generate().unwrap();
    let algorithm = b"\x30\x05\x06\x03\x2b\x65\x70";
    let public = [&[0], key.public_key().as_ref()].concat();
    let spki = tlv(0x30, &[&algorithm[..], &tlv(3, &public)].concat());
    let content = [&b"\x02\x01\x00"[..], subject, &spki, attributes].concat();
    let content = tlv(0x30, &content);
    let signature = [&[0], key.sign(&content).as_ref()].concat();
    tlv(
        0x30,
        &[&content[..], algorithm, &tlv(3, &signature)].concat(),
    )
}

/// A request with an RSA key of so many bits, and a signature that is not its own.
/// OpenSSL takes half a minute to make the largest of these keys.
fn rsa_request(bits: usize) -> Vec<u8> {
    let modulus = [&[0][..], &vec![0xff; bits / 8]].concat();
    let key = tlv(0x30, &[tlv(2, &modulus), tlv(2, &[1, 0, 1])].concat());
    let rsa = b"\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00";
    let sha256 = b"\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b\x05\x00";
    let spki = [&rsa[..], &tlv(3, &[&[0][..], &key].concat())].concat();
    let content = [&b"\x02\x01\x00\x30\x00"[..], &tlv(0x30, &spki), b"\xa0\x00"].concat();
    let signature = tlv(3, &[&[0][..], &vec![1; bits / 8]].concat());
    tlv(
        0x30,
        &[&tlv(0x30, &content)[..], sha256, &signature].concat(),
    )
}

const EXTENSION_REQUEST: &[u8] = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x09\x0e";

pub(super) fn extension_request(extensions: &[&[u8]]) -> Vec<u8> {
    let list = tlv(0x30, &extensions.concat());
    tlv(0x30, &[EXTENSION_REQUEST, &tlv(0x31, &list)].concat())
}

pub(super) fn name(text: &str) -> Vec<u8> {
    let value = tlv(
        0x30,
        &[&b"\x06\x03\x55\x04\x03"[..], &tlv(12, text.as_bytes())].concat(),
    );
    tlv(0x30, &tlv(0x31, &value))
}

#[test]
fn openssl_accepts_our_requests_of_every_kind() {
    let folder = TempDir::new().unwrap();
    for kind in OPENSSL_KINDS {
        let options = CertOptions {
            subject: Some("/DC=org/DC=example/OU=a/OU=b/CN=x".to_owned()),
            key_type: Some(kind),
            ..CertOptions::default()
        };
        let list = names(&[
            "a.example",
            "*.b.example",
            "192.0.2.1",
            "u@c.example",
            "https://x/",
        ]);
        let csr = gen_csr(&list, &options).unwrap();
        assert_eq!(csr.names(), list);
        assert_eq!(csr.subject(), "CN=x,OU=b,OU=a,DC=example,DC=org");
        assert_eq!(csr.key_type(), kind.name());
        assert_eq!(csr.key().unwrap().spki_der(), csr.spki_der());
        assert_eq!(csr.asks_to_be_ca(), Some(false));
        let (file, key) = (folder.path().join("csr.pem"), folder.path().join("key.pem"));
        csr.save(Some(&file), Some(&key), None).unwrap();
        let words = openssl(&["req", "-in", text(&file), "-noout", "-verify", "-text"]);
        let words = String::from_utf8_lossy(&[words.stdout, words.stderr].concat()).into_owned();
        for part in [
            "self-signature verify OK",
            "DC = org, DC = example, OU = a, OU = b, CN = x",
            "DNS:a.example, DNS:*.b.example, IP Address:192.0.2.1, email:u@c.example, \
             URI:https://x/",
            "TLS Web Server Authentication, TLS Web Client Authentication",
            "Digital Signature",
        ] {
            assert!(words.contains(part), "{kind}: no '{part}' in {words}");
        }
        let read = Csr::load(&file).unwrap();
        assert_eq!(read.der(), csr.der());
        assert!(read.key().is_none());
        assert!(read.text().contains("Alternative names: DNS a.example"));
        let mode = fs::metadata(&key).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600);
        let saved = fs::read(&key).unwrap();
        let saved = PrivateKey::from_pem(&saved).unwrap();
        assert_eq!(saved.spki_der(), csr.spki_der());
    }
}

#[test]
fn the_identity_of_our_own_request_has_its_key() {
    let csr = gen_csr(&names(&["a.example"]), &CertOptions::default()).unwrap();
    let site = sign_csr(&ca(), &csr, None, &CertOptions::default()).unwrap();
    assert_eq!(site.key().unwrap().spki_der(), csr.spki_der());
    let (status, sentence) = status_of(Csr::from_pem(csr.pem().as_bytes()).unwrap().save(
        None,
        Some(Path::new("x")),
        None,
    ));
    assert_eq!(status, Status::State);
    assert!(sentence.contains("no private key to save"), "{sentence}");
}

#[test]
fn requests_of_openssl_with_every_kind_of_key_and_its_default_digest_are_signed() {
    let ca = ca();
    let context = Context::new();
    context.add_root(ca.certificate()).unwrap();
    let kinds: [(&[&str], &str); 12] = [
        (&["-newkey", "rsa:2048"], "rsa-2048"),
        (&["-newkey", "rsa:3072", "-sha512"], "rsa-3072"),
        (
            &["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"],
            "ecdsa-p256",
        ),
        (
            &["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-384"],
            "ecdsa-p384",
        ),
        (
            &["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-521"],
            "ecdsa-p521",
        ),
        (&["-newkey", "ed25519"], "ed25519"),
        (&["-newkey", "ed448"], "ed448"),
        (&["-newkey", "rsa-pss"], "rsa-pss"),
        (&["-newkey", "rsa-pss", "-sha384"], "rsa-pss"),
        (
            &["-newkey", "rsa:2048", "-sigopt", "rsa_padding_mode:pss"],
            "rsa-2048",
        ),
        (
            &[
                "-newkey",
                "rsa:2048",
                "-sigopt",
                "rsa_padding_mode:pss",
                "-sigopt",
                "rsa_pss_saltlen:-1",
            ],
            "rsa-2048",
        ),
        (
            &[
                "-newkey",
                "rsa:2048",
                "-sha512",
                "-sigopt",
                "rsa_padding_mode:pss",
                "-sigopt",
                "rsa_pss_saltlen:10",
            ],
            "rsa-2048",
        ),
    ];
    for (arguments, kind) in kinds {
        let csr = openssl_request(&[arguments, &["-subj", "/CN=x"]].concat());
        assert_eq!(csr.key_type(), kind, "{arguments:?}");
        let site = sign_csr(&ca, &csr, Some(&names(&["a.example"])), &copying()).unwrap();
        assert_eq!(site.certificate().spki_der(), csr.spki_der());
        assert_openssl_accepts(&ca, &site, "sslserver");
        let outcome = context.verify(site.chain(), Some("a.example"), None, None);
        // No handshake of ours can be verified with such a key.
        let expected = (kind == "rsa-pss").then_some(Status::CertificateUnsupportedKey);
        let status = outcome.err().map(|error| error.status());
        assert_eq!(status, expected, "{arguments:?}");
    }
}

#[test]
fn request_with_an_unsupported_key_or_algorithm_is_not_called_forged() {
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
fn a_request_to_be_a_ca_needs_the_option() {
    let root = ca();
    let csr = |lines: &[&str]| {
        let mut arguments = vec!["-newkey", "ed25519", "-subj", "/CN=Middle"];
        arguments.extend(lines.iter().flat_map(|line| ["-addext", line]));
        openssl_request(&arguments)
    };
    let ca_options = |copy_extensions| CertOptions {
        ca: true,
        copy_extensions,
        ..CertOptions::default()
    };
    let asks = csr(&["basicConstraints=critical,CA:TRUE"]);
    for options in [CertOptions::default(), copying()] {
        let (status, sentence) = status_of(sign_csr(&root, &asks, None, &options));
        assert_eq!(status, Status::Issue);
        assert!(sentence.contains("asks to be a CA"), "{sentence}");
    }
    let middle = sign_csr(&root, &asks, None, &ca_options(false)).unwrap();
    assert!(middle.certificate().is_ca());
    assert_eq!(middle.certificate().path_len(), Some(0));
    let middle = sign_csr(&root, &asks, None, &ca_options(true)).unwrap();
    assert_eq!(middle.certificate().path_len(), None, "as the request asks");
    assert_eq!(middle.certificate().key_usage(), ["keyCertSign", "cRLSign"]);

    let (status, sentence) = status_of(sign_csr(
        &root,
        &csr(&["basicConstraints=CA:FALSE"]),
        None,
        &ca_options(true),
    ));
    assert_eq!(status, Status::Argument);
    assert!(sentence.contains("asks not to be a CA"), "{sentence}");

    for (line, ca, part) in [
        ("basicConstraints=CA:TRUE", true, "not critical"),
        (
            "keyUsage=keyCertSign",
            false,
            "keyCertSign, which only CAs may have",
        ),
        ("keyUsage=digitalSignature", true, "lacks keyCertSign"),
    ] {
        let options = CertOptions { ca, ..copying() };
        let (status, sentence) = status_of(sign_csr(&root, &csr(&[line]), None, &options));
        assert_eq!(status, Status::Issue, "{line}: {sentence}");
        assert!(sentence.contains(part), "{line}: {sentence}");
    }
    let limited = CertOptions {
        path_len: Some(0),
        ..CertOptions::default()
    };
    let limited = gen_ca(&limited).unwrap();
    let (status, sentence) = status_of(sign_csr(&limited, &asks, None, &ca_options(false)));
    assert_eq!(status, Status::Issue);
    assert!(sentence.contains("path length is 0"), "{sentence}");
}

#[test]
fn the_constraints_of_the_ca_bind_requests_too() {
    let ca = CertOptions {
        permitted_names: names(&["good.example", "@good.example"]),
        excluded_names: names(&["10.0.0.0/8"]),
        ..CertOptions::default()
    };
    let ca = gen_ca(&ca).unwrap();
    for (line, is_good) in [
        ("subjectAltName=DNS:www.good.example", true),
        ("subjectAltName=DNS:www.good.example,DNS:bad.example", false),
        ("subjectAltName=IP:10.1.2.3", false),
        ("subjectAltName=email:u@good.example", true),
        ("subjectAltName=email:u@bad.example", false),
    ] {
        let csr = openssl_request(&["-newkey", "ed25519", "-subj", "/CN=A B", "-addext", line]);
        for options in [CertOptions::default(), copying()] {
            let signed = sign_csr(&ca, &csr, None, &options);
            assert_eq!(signed.is_ok(), is_good, "{line}: {signed:?}");
            if let Err(error) = signed {
                assert_eq!(error.status(), Status::Issue);
            }
        }
    }
    let csr = gen_csr(&names(&["bad.example"]), &CertOptions::default()).unwrap();
    let instead = names(&["good.example"]);
    let subject = CertOptions {
        subject: Some("O=Good".to_owned()),
        ..CertOptions::default()
    };
    let site = sign_csr(&ca, &csr, Some(&instead), &subject).unwrap();
    assert_eq!(site.certificate().names(), instead);
    assert_eq!(site.certificate().subject(), "O=Good");
}

#[test]
fn options_that_contradict_a_request_are_refused() {
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
fn malformed_requests_are_refused_with_the_reason() {
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
