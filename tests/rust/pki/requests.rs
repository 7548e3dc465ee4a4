//! Certificate requests: ours and those of OpenSSL, and their certificates.

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};

use super::*;
use crate::der_builder::tlv;

pub(crate) fn ca() -> Identity {
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
pub(crate) fn rsa_request(bits: usize) -> Vec<u8> {
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

pub(crate) const EXTENSION_REQUEST: &[u8] = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x09\x0e";

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
fn openssl_accepts_our_requests_with_every_key_type() {
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
fn identity_of_our_own_request_has_its_key() {
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
fn ca_signs_openssl_requests_with_every_key_type() {
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
fn request_to_be_a_ca_needs_the_option() {
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
fn name_constraints_of_the_ca_bind_requests() {
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
