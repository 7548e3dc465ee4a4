//! Files of another format than expected, and PEM as people join and save it.

use super::*;
use crate::encrypted_keys::identity;

/// One of each kind in every form, by the name that sentences have for it.
fn kinds(folder: &TempDir) -> Vec<(&'static str, Vec<u8>)> {
    let id = identity(KeyType::EcdsaP256);
    let ca = gen_ca(&CertOptions::default()).unwrap();
    let cert = write(folder, "cert.pem", id.cert_pem());
    let key = id.key().unwrap();
    let key_file = write(folder, "key.pem", key.to_pem().as_bytes());
    let csr = gen_csr(&names(&["a.example"]), &CertOptions::default()).unwrap();
    let crl = gen_crl(&ca, &[], &CrlOptions::default()).unwrap();
    let made = |arguments: &[&str]| {
        let out = openssl(arguments);
        assert!(out.status.success(), "{arguments:?}: {out:?}");
        out.stdout
    };
    let of_key = |arguments: &[&str]| made(&[arguments, &["-in", text(&key_file)]].concat());
    let bundle = ["crl2pkcs7", "-nocrl", "-certfile", text(&cert), "-outform"];
    vec![
        ("a certificate", id.cert_pem().into()),
        ("a certificate", id.certificate().der().into()),
        ("a private key", key.to_pem().as_bytes().into()),
        ("a private key", key.to_pkcs8_der().to_vec()),
        ("a private key", of_key(&["pkey", "-traditional"])),
        (
            "a private key",
            of_key(&["pkey", "-traditional", "-outform", "DER"]),
        ),
        (
            "an encrypted private key",
            key.to_encrypted_pem("x").unwrap().as_bytes().into(),
        ),
        (
            "an encrypted private key",
            of_key(&["pkcs8", "-topk8", "-passout", "pass:x", "-outform", "DER"]),
        ),
        ("a public key", key.public_pem().into()),
        ("a public key", key.spki_der().into()),
        ("a certificate request", csr.pem().into()),
        ("a certificate request", csr.der().into()),
        ("a CRL", crl.pem().into()),
        ("a CRL", crl.der().into()),
        ("a PKCS#12 file", id.to_pkcs12(None, "x").unwrap().to_vec()),
        ("a PKCS#7 bundle", made(&[&bundle[..], &["PEM"]].concat())),
        ("a PKCS#7 bundle", made(&[&bundle[..], &["DER"]].concat())),
    ]
}

#[test]
fn file_of_another_format_is_named() {
    let folder = TempDir::new().unwrap();
    for (kind, content) in kinds(&folder) {
        let file = write(&folder, "given", &content);
        let cert = folder.path().join("cert.pem");
        let context = Context::new();
        let outcomes = [
            ("a certificate", Identity::load_chain(&file).err()),
            (
                "a certificate",
                Identity::load(&file, Some(&folder.path().join("key.pem"))).err(),
            ),
            ("a certificate", Certificate::from_der(&content[..]).err()),
            ("a certificate", context.add_roots(&file).err()),
            ("a private key", Identity::load(&cert, Some(&file)).err()),
            (
                "a private key",
                PrivateKey::from_bytes(&content, Some("x")).err(),
            ),
            ("a certificate request", Csr::load(&file).err()),
            ("a CRL", Crl::load_all(&file).err()),
            ("a PKCS#12 file", Identity::load_pkcs12(&file, "x").err()),
        ];
        for (needed, error) in outcomes {
            let fits = kind == needed
                || (needed == "a private key" && kind == "an encrypted private key")
                || (needed == "a certificate" && kind == "a PKCS#7 bundle");
            let Some(error) = error else {
                assert!(fits, "{kind} in place of {needed}");
                continue;
            };
            let sentence = error.to_string();
            // PEM in place of DER is another fault.
            let is_pem = content.starts_with(b"-----");
            let takes_der = error.to_string().contains("SEQUENCE") && is_pem;
            let takes_pem = is_pem && needed == "a PKCS#12 file";
            if !(fits || takes_der || takes_pem) {
                let expected = format!("this is {kind}; {needed} is needed");
                assert!(sentence.contains(&expected), "{kind}, {needed}: {sentence}");
                assert_eq!(error.status(), Status::Parse, "{sentence}");
            }
        }
    }
}

#[test]
fn format_errors_name_the_file() {
    let folder = TempDir::new().unwrap();
    for (kind, content) in kinds(&folder) {
        let file = write(&folder, "given", &content);
        let cert = folder.path().join("cert.pem");
        let context = Context::new();
        let errors = [
            Identity::load_chain(&file).err(),
            Identity::load(&file, None).err(),
            Identity::load(&cert, Some(&file)).err(),
            Identity::load_pkcs12(&file, "wrong").err(),
            Csr::load(&file).err(),
            Crl::load_all(&file).err(),
            context.add_roots(&file).err(),
            Context::new().add_crls(&file).err(),
            Context::new().use_cert(&file, None).err(),
        ];
        for error in errors.into_iter().flatten() {
            let sentence = error.to_string();
            assert!(sentence.contains(text(&file)), "{kind}: {sentence}");
        }
    }
}

#[test]
fn pem_joined_without_a_newline_is_read() {
    let id = identity(KeyType::EcdsaP256);
    let other = identity(KeyType::Ed25519);
    let key = id.key().unwrap().to_pem();
    let joined = [id.cert_pem().trim_end(), other.cert_pem().trim_end(), &key].concat();
    assert!(joined.contains("-----END CERTIFICATE----------BEGIN CERTIFICATE-----"));
    for joined in [
        joined.clone(),
        joined.replace('\n', "\r\n"),
        joined.replace("----------BEGIN", "----- \t-----BEGIN"),
        [key.trim_end(), &joined].concat(),
    ] {
        let read = Identity::from_bytes(joined.as_bytes(), None, None).unwrap();
        assert_eq!(read.chain(), [id.chain(), other.chain()].concat());
        assert_eq!(read.key().unwrap().spki_der(), id.key().unwrap().spki_der());
    }
    // What follows END on its line has to be a BEGIN.
    let noise = id
        .cert_pem()
        .replace("-----END CERTIFICATE-----", "-----END CERTIFICATE-----x");
    let (_, sentence) = status_of(Certificate::from_pem(noise.as_bytes()));
    assert!(sentence.contains("END line is missing"), "{sentence}");
}

#[test]
fn utf16_files_are_reported_as_utf16() {
    let folder = TempDir::new().unwrap();
    let id = identity(KeyType::EcdsaP256);
    let units: Vec<u16> = ["\u{feff}", id.cert_pem()]
        .concat()
        .encode_utf16()
        .collect();
    let little: Vec<u8> = units.iter().flat_map(|unit| unit.to_le_bytes()).collect();
    let big: Vec<u8> = units.iter().flat_map(|unit| unit.to_be_bytes()).collect();
    for content in [little, big] {
        let file = write(&folder, "saved.pem", content);
        let errors = [
            Identity::load(&file, None).err(),
            Identity::load_chain(&file).err(),
            Csr::load(&file).err(),
            Crl::load_all(&file).err(),
            Context::new().add_roots(&file).err(),
        ];
        for error in errors {
            let sentence = error.unwrap().to_string();
            assert!(sentence.contains("UTF-16"), "{sentence}");
            assert!(sentence.contains("saved.pem"), "{sentence}");
        }
    }
}

/// A certificate with OpenSSL's settings behind it.
fn trusted(id: &Identity, settings: &[&str]) -> String {
    let folder = TempDir::new().unwrap();
    let cert = write(&folder, "cert.pem", id.cert_pem());
    let fixed = ["x509", "-in", text(&cert), "-trustout"];
    openssl_prints(&[&fixed, settings].concat())
}

#[test]
fn trusted_certificate_is_read_in_chains_and_as_a_root() {
    let ca = gen_ca(&CertOptions::default()).unwrap();
    let site = issue_cert(&ca, &names(&["localhost"]), &CertOptions::default()).unwrap();
    for settings in [
        &[][..],
        &["-setalias", "ours"],
        &["-addtrust", "serverAuth", "-setalias", "ours"],
        &["-addtrust", "anyExtendedKeyUsage"],
        &["-addreject", "emailProtection"],
    ] {
        let root = trusted(&ca, settings);
        assert!(root.contains("BEGIN TRUSTED CERTIFICATE"));
        let parsed = Certificate::from_pem(root.as_bytes()).unwrap();
        assert_eq!(&parsed, ca.certificate());
        let context = Context::new();
        context.add_roots_bytes(root.as_bytes()).unwrap();
        context
            .verify(site.chain(), Some("localhost"), None, None)
            .unwrap();
        let leaf = trusted(&site, settings);
        let key = site.key().unwrap().to_pem();
        let loaded = Identity::from_bytes(leaf.as_bytes(), Some(key.as_bytes()), None).unwrap();
        assert_eq!(loaded.chain(), site.chain());
    }
}

#[test]
fn trust_settings_limit_the_purposes_of_a_root() {
    let ca = gen_ca(&CertOptions::default()).unwrap();
    let site = issue_cert(&ca, &names(&["localhost"]), &CertOptions::default()).unwrap();
    let itself = identity(KeyType::EcdsaP256);
    let server = Some("serverAuth".parse().unwrap());
    for settings in [
        &["-addreject", "serverAuth"][..],
        &["-addreject", "anyExtendedKeyUsage"],
        &["-addtrust", "emailProtection"],
        &["-addtrust", "serverAuth", "-addreject", "serverAuth"],
    ] {
        for (root, chain) in [(&ca, site.chain()), (&itself, itself.chain())] {
            let context = Context::new();
            let root = trusted(root, settings);
            context.add_roots_bytes(root.as_bytes()).unwrap();
            let outcome = context.verify(chain, Some("localhost"), server, None);
            let error = outcome.unwrap_err();
            assert_eq!(error.status(), Status::CertificateWrongUsage);
            let sentence = error.to_string();
            assert!(
                sentence.contains("not trusted for serverAuth"),
                "{sentence}"
            );
        }
    }
    let context = Context::new();
    let root = trusted(&ca, &["-addtrust", "serverAuth"]);
    context.add_roots_bytes(root.as_bytes()).unwrap();
    let client = Some("clientAuth".parse().unwrap());
    assert!(context.verify(site.chain(), None, server, None).is_ok());
    assert!(context.verify(site.chain(), None, client, None).is_err());
}

#[test]
fn damaged_trust_settings_are_rejected() {
    use base64ct::{Base64, Encoding};
    let ca = gen_ca(&CertOptions::default()).unwrap();
    let der = ca.certificate().der();
    for behind in [
        &[0][..],
        &[0x30, 5, 1],
        &[0x30, 2, 0x30, 1],
        &[0x30, 4, 0x30, 2, 5, 0],
        &[2, 1, 1],
    ] {
        let base64 = Base64::encode_string(&[der, behind].concat());
        let text = format!(
            "-----BEGIN TRUSTED CERTIFICATE-----\n{base64}\n-----END TRUSTED CERTIFICATE-----"
        );
        let (status, sentence) = status_of(Certificate::from_pem(text.as_bytes()));
        assert_eq!(status, Status::Parse, "{sentence}");
        assert!(sentence.contains("trusted certificate"), "{sentence}");
    }
}

/// A self-signed certificate of OpenSSL with a key for RSASSA-PSS alone, and the key.
fn rsassa_pss(folder: &TempDir) -> (PathBuf, PathBuf) {
    let [cert, key] = ["pss.pem", "pss.key"].map(|name| folder.path().join(name));
    let made = openssl(&["genpkey", "-algorithm", "RSA-PSS", "-out", text(&key)]);
    assert!(made.status.success(), "{made:?}");
    let name = [
        "-subj",
        "/CN=localhost",
        "-addext",
        "subjectAltName=DNS:localhost",
    ];
    let fixed = ["req", "-x509", "-key", text(&key), "-out", text(&cert)];
    let made = openssl(&[&fixed[..], &name].concat());
    assert!(made.status.success(), "{made:?}");
    (cert, key)
}

#[test]
fn rsassa_pss_keys_are_rejected_with_the_reason() {
    let folder = TempDir::new().unwrap();
    let (cert, key) = rsassa_pss(&folder);
    let der = openssl(&["pkey", "-in", text(&key), "-outform", "DER"]).stdout;
    let chain = Identity::load_chain(&cert).unwrap();
    let context = Context::new();
    context.add_roots(&cert).unwrap();
    let verified = context.verify(chain.chain(), Some("localhost"), None, None);
    for error in [
        Identity::load(&cert, Some(&key)).unwrap_err(),
        PrivateKey::from_der(&der).unwrap_err(),
        verified.unwrap_err(),
    ] {
        let sentence = error.to_string();
        assert!(sentence.contains("rsa-pss"), "{sentence}");
        assert!(sentence.contains("supported"), "{sentence}");
        assert!(
            sentence.contains("key of type rsa (rsaEncryption)"),
            "{sentence}"
        );
        for foreign in ["Error", "InvalidSignature", "Unsupported", "{", "::"] {
            assert!(!sentence.contains(foreign), "{sentence}");
        }
    }
}

#[test]
fn request_with_an_rsassa_pss_key_gets_a_certificate() {
    let folder = TempDir::new().unwrap();
    let (_, key) = rsassa_pss(&folder);
    let fixed = ["req", "-new", "-key", text(&key), "-subj", "/CN=localhost"];
    let name = ["-addext", "subjectAltName=DNS:localhost"];
    let request = openssl_prints(&[&fixed[..], &name].concat());
    let request = Csr::from_pem(request.as_bytes()).unwrap();
    let ca = gen_ca(&CertOptions::default()).unwrap();
    let issued = sign_csr(&ca, &request, None, &CertOptions::default()).unwrap();
    assert_eq!(issued.certificate().key_type(), "rsa-pss");
    assert_openssl_accepts(&ca, &issued, "sslserver");
}
