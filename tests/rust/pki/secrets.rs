//! No message holds a part of a private key, in any form it is given, or anywhere it is given
//! in place of something else.

use std::error::Error as _;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use super::*;
use crate::key_material::{Finder, secrets};

#[track_caller]
fn assert_absent(finder: &Finder, error: &tlsmith::Error, what: &str) {
    let mut texts = vec![error.to_string(), format!("{error:?}")];
    let mut cause = error.source();
    while let Some(error) = cause {
        texts.extend([error.to_string(), format!("{error:?}")]);
        cause = error.source();
    }
    for text in texts {
        assert_eq!(finder.find(&text), None, "{what}: {text}");
    }
}

/// All that loads something, with the content itself.
fn load(content: &[u8], folder: &TempDir) -> Vec<tlsmith::Error> {
    let file = write(folder, "content", content);
    let cert = self_signed(&names(&["a.example"]), &CertOptions::default()).unwrap();
    let cert = cert.cert_pem().as_bytes();
    let cert_file = write(folder, "cert.pem", cert);
    let context = Context::new;
    let text = String::from_utf8_lossy(content);
    let named = Pkcs12Options::default().named(Some(&text));
    let errors = [
        PrivateKey::from_pem(content).err(),
        PrivateKey::from_der(content).err(),
        PrivateKey::from_bytes(content, None).err(),
        PrivateKey::from_bytes(content, Some("wrong")).err(),
        PrivateKey::from_encrypted_pem(content, "wrong").err(),
        PrivateKey::from_encrypted_der(content, "wrong").err(),
        PrivateKey::from_bytes(content, Some(&*text)).err(),
        Identity::load(&file, None).err(),
        Identity::load(&cert_file, Some(&file)).err(),
        Identity::load_encrypted(&cert_file, Some(&file), "wrong").err(),
        Identity::load_chain(&file).err(),
        Identity::load_pkcs12(&file, "wrong").err(),
        Identity::load_pkcs12(&file, &*text).err(),
        Identity::from_bytes(content, None, None).err(),
        Identity::from_bytes(cert, Some(content), None).err(),
        Identity::from_pkcs12(content, "wrong").err(),
        Certificate::from_der(content).err(),
        Certificate::all_from_bytes(content).err(),
        Certificate::all_from_pem(content).err(),
        Csr::from_bytes(content).err(),
        Csr::from_pem(content).err(),
        Csr::from_der(content).err(),
        Csr::load(&file).err(),
        Crl::all_from_bytes(content).err(),
        Crl::from_der(content).err(),
        Crl::load_all(&file).err(),
        context().add_roots(&file).err(),
        context().add_roots_bytes(content).err(),
        context().add_crls(&file).err(),
        context().add_crls_bytes(content).err(),
        context().trust_certificate(super::text(&file)).err(),
        context().use_cert(&file, None).err(),
        context().use_cert(&cert_file, Some(&file)).err(),
        context().set_ocsp(content).err(),
        context().set_ech(Some(content)).err(),
        context().add_ticket_key(content).err(),
        Identity::from_pkcs12_with(content, "x", &named).err(),
        Identity::load_pkcs12_with(&file, "x", &named).err(),
        Identity::insecure_load_pkcs12_without_mac(&file, &*text).err(),
        Identity::insecure_from_pkcs12_without_mac(content, "x").err(),
    ];
    errors.into_iter().flatten().collect()
}

/// All that takes a path or a value, with the content in its place.
fn misplace(content: &[u8], folder: &TempDir) -> Vec<tlsmith::Error> {
    let text = String::from_utf8_lossy(content).into_owned();
    let path = Path::new(OsStr::from_bytes(content));
    let cert = self_signed(&names(&["a.example"]), &CertOptions::default()).unwrap();
    let cert_file = write(folder, "cert.pem", cert.cert_pem());
    let ca = gen_ca(&CertOptions::default()).unwrap();
    let key = cert.key().unwrap();
    let csr = gen_csr(&names(&["a.example"]), &CertOptions::default()).unwrap();
    let context = Context::new;
    let with_identity = || {
        let context = Context::new();
        context.use_identity(&cert).unwrap();
        context
    };
    let options = |change: fn(&mut CertOptions, String)| {
        let mut options = CertOptions::default();
        change(&mut options, text.clone());
        issue_cert(&ca, &names(&["a.example"]), &options).err()
    };
    let errors = [
        Identity::load(path, None).err(),
        Identity::load(&cert_file, Some(path)).err(),
        Identity::load_encrypted(path, Some(path), &text).err(),
        Identity::load_chain(path).err(),
        Identity::load_pkcs12(path, &text).err(),
        Csr::load(path).err(),
        Crl::load_all(path).err(),
        context().add_roots(path).err(),
        context().add_crls(path).err(),
        cert.save(Some(&path.join("x")), None).err(),
        cert.certificate().save(&path.join("x")).err(),
        key.save(&path.join("x")).err(),
        csr.save(Some(&path.join("x")), None, None).err(),
        gen_csr(&names(&[&text]), &CertOptions::default()).err(),
        context().set_ciphers(&[&text]).err(),
        context().set_groups(&[&text]).err(),
        context().add_pin(&text).err(),
        context().trust_certificate(&text).err(),
        context().use_cert(path, None).err(),
        context().use_cert(&cert_file, Some(path)).err(),
        context().set_keylog(Some(&path.join("x"))).err(),
        context().set_alpn(&[&text]).err(),
        context().set_verify_schemes(&[&text]).err(),
        with_identity().set_signing_schemes(&[&text]).err(),
        text.parse::<KeyPurpose>().err(),
        Connection::client(&context(), Some(&text), MemoryTransport).err(),
        context()
            .verify(cert.chain(), Some(&text), None, None)
            .err(),
        text.parse::<KeyType>().err(),
        text.parse::<Revoked>().err(),
        text.parse::<RevocationReason>().err(),
        split_names(&text).err(),
        self_signed(&names(&[&text]), &CertOptions::default()).err(),
        options(|options, text| options.subject = Some(text)),
        options(|options, text| options.subject = Some(format!("CN={text}"))),
        options(|options, text| options.subject = Some(format!("CN=#{text}"))),
        options(|options, text| options.subject = Some(format!("{text}=x"))),
        options(|options, text| options.common_name = Some(text)),
        options(|options, text| options.serial = Some(text)),
        options(|options, text| options.crl_url = Some(text)),
        options(|options, text| options.ocsp_url = Some(text)),
        options(|options, text| {
            options.ca = true;
            options.permitted_names = vec![text];
        }),
        tlsmith::tcp::connect(&text, "443", tlsmith::Timeout::Descriptor, None).err(),
        tlsmith::tcp::connect("localhost", &text, tlsmith::Timeout::Descriptor, None).err(),
        tlsmith::tcp::listen(Some(&text), "0").err(),
    ];
    errors.into_iter().flatten().collect()
}

/// The same for all that hashes a password before it fails, which takes a while.
fn misplace_with_password(content: &[u8], folder: &TempDir) -> Vec<tlsmith::Error> {
    let text = String::from_utf8_lossy(content).into_owned();
    let path = Path::new(OsStr::from_bytes(content));
    let cert = self_signed(&names(&["a.example"]), &CertOptions::default()).unwrap();
    let key = cert.key().unwrap();
    let cert_file = write(folder, "cert.pem", cert.cert_pem());
    let (key_file, p12) = (folder.path().join("key.pem"), folder.path().join("x.p12"));
    key.save_encrypted(&key_file, "x").unwrap();
    cert.save_pkcs12(&p12, None, "x").unwrap();
    let errors = [
        cert.save_encrypted(Some(&path.join("x")), Some(&path.join("y")), &text)
            .err(),
        cert.save_pkcs12(&path.join("x"), Some(&text), &text).err(),
        cert.save_pkcs12_legacy(&path.join("x"), Some(&text), &text)
            .err(),
        key.save_encrypted(&path.join("x"), "x").err(),
        Identity::load_pkcs12_with(&p12, "x", &Pkcs12Options::default().named(Some(&text))).err(),
        Identity::load_pkcs12(&p12, &*text).err(),
        Identity::load_encrypted(&cert_file, Some(&key_file), &text).err(),
    ];
    errors.into_iter().flatten().collect()
}

#[test]
fn errors_about_damaged_keys_hold_no_part_of_the_key() {
    let folder = TempDir::new().unwrap();
    let mut seen = 0;
    for secret in secrets() {
        let finder = secret.finder();
        for (shape, content) in secret.shapes() {
            for error in load(&content, &folder) {
                assert_absent(&finder, &error, shape);
                seen += 1;
            }
        }
    }
    assert!(seen > 2000, "{seen}");
}

#[test]
fn errors_about_misplaced_keys_hold_no_part_of_the_key() {
    let folder = TempDir::new().unwrap();
    for secret in secrets() {
        let finder = secret.finder();
        for (shape, content) in secret.shapes() {
            for error in misplace(&content, &folder) {
                assert_absent(&finder, &error, shape);
            }
        }
    }
}

#[test]
fn errors_about_keys_in_place_of_passwords_hold_no_part_of_the_key() {
    let folder = TempDir::new().unwrap();
    let secret = &secrets()[0];
    let finder = secret.finder();
    let mut seen = 0;
    for (shape, content) in secret.shapes() {
        if ["escaped", "base64", "hex", "intact", "quoted"].contains(&shape) {
            for error in misplace_with_password(&content, &folder) {
                assert_absent(&finder, &error, shape);
                seen += 1;
            }
        }
    }
    assert!(seen >= 35, "{seen}");
}

#[test]
fn key_in_place_of_a_path_is_explained() {
    let secret = &secrets()[0];
    let pem = secret.pem();
    let (status, sentence) = status_of(Identity::load(Path::new(&pem), None));
    assert_eq!(status, Status::File);
    assert!(sentence.contains("look like PEM or a key"), "{sentence}");
    assert!(sentence.contains("from memory"), "{sentence}");
    let one_line = pem.replace('\n', " ");
    let (status, sentence) = status_of(PrivateKey::from_pem(one_line.as_bytes()));
    assert_eq!(status, Status::Parse);
    assert!(sentence.contains("line ends are lost"), "{sentence}");
    let utf16: Vec<u8> = pem.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let (_, sentence) = status_of(PrivateKey::from_pem(&utf16));
    assert!(sentence.contains("UTF-16"), "{sentence}");
}
