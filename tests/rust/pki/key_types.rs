//! CAs with keys of every type, and many certificates from one CA.

use std::collections::HashSet;

use super::*;

fn keys<const N: usize>(kinds: [KeyType; N]) -> [PrivateKey; N] {
    kinds.map(|kind| PrivateKey::generate(kind).unwrap())
}

fn with_key(key: &PrivateKey) -> CertOptions {
    CertOptions {
        key: Some(key.clone()),
        ..CertOptions::default()
    }
}

/// A certificate for a key, made directly, and another made through a request
/// that went through its PEM.
fn issue_both_ways(ca: &Identity, key: &PrivateKey) -> [Identity; 2] {
    let names = names(&["localhost", "127.0.0.1", "::1", "*.example.com"]);
    let direct = issue_cert(ca, &names, &with_key(key)).unwrap();
    let csr = gen_csr(&names, &with_key(key)).unwrap();
    let csr = Csr::from_pem(csr.pem().as_bytes()).unwrap();
    assert_eq!(csr.key_type(), key.key_type());
    let options = CertOptions {
        copy_extensions: true,
        ..CertOptions::default()
    };
    let through_request = sign_csr(ca, &csr, None, &options).unwrap();
    assert!(
        through_request.key().is_none(),
        "the key stays with whoever asked"
    );
    assert_eq!(through_request.certificate().names(), names);
    assert_eq!(through_request.certificate().spki_der(), key.spki_der());
    [direct, through_request]
}

#[test]
fn ca_of_every_key_type_issues_for_every_key_type() {
    let keys = keys(OPENSSL_KINDS);
    for ca_key in &keys {
        let root = gen_ca(&with_key(ca_key)).unwrap();
        let middle = CertOptions {
            ca: true,
            ..with_key(ca_key)
        };
        let middle = issue_cert(&root, &[], &middle).unwrap();
        let folder = TempDir::new().unwrap();
        let root_file = write(&folder, "root.pem", root.cert_pem());
        let middle_file = write(&folder, "middle.pem", middle.cert_pem());
        let issued = keys
            .iter()
            .flat_map(|key| [issue_both_ways(&root, key), issue_both_ways(&middle, key)].concat());
        let files: Vec<_> = (0..)
            .zip(issued)
            .map(|(count, id)| write(&folder, &format!("{count}.pem"), id.cert_pem()))
            .collect();
        assert_eq!(files.len(), 4 * keys.len());
        let mut arguments = vec!["verify", "-x509_strict", "-purpose", "sslserver"];
        arguments.extend([
            "-CAfile",
            text(&root_file),
            "-untrusted",
            text(&middle_file),
        ]);
        arguments.extend(files.iter().map(|path| text(path)));
        let words = openssl_prints(&arguments);
        assert_eq!(words.matches(": OK").count(), files.len(), "{words}");
    }
}

#[test]
fn ml_dsa_and_older_cas_issue_for_each_other() {
    let keys = keys([
        KeyType::MlDsa44,
        KeyType::MlDsa65,
        KeyType::MlDsa87,
        KeyType::EcdsaP256,
        KeyType::Ed448,
    ]);
    for ca_key in &keys {
        let ca = gen_ca(&with_key(ca_key)).unwrap();
        let context = Context::new();
        context.add_root(ca.certificate()).unwrap();
        for key in &keys {
            for id in issue_both_ways(&ca, key) {
                let path = context
                    .verify(id.chain(), Some("localhost"), None, None)
                    .unwrap();
                assert_eq!(path.len(), 2, "{} {}", ca_key.key_type(), key.key_type());
                assert_eq!(path[1], *ca.certificate());
            }
        }
    }
}

#[test]
fn ten_thousand_certificates_of_one_ca_differ_and_verify() {
    const COUNT: usize = 10_000;
    let ca = gen_ca(&CertOptions::default()).unwrap();
    let options = with_key(&PrivateKey::generate(KeyType::EcdsaP256).unwrap());
    let context = Context::new();
    context.add_root(ca.certificate()).unwrap();
    let folder = TempDir::new().unwrap();
    let mut serials = HashSet::new();
    let mut files = Vec::new();
    for count in 0..COUNT {
        let name = format!("host-{count}.example");
        let id = issue_cert(&ca, &names(&[&name]), &options).unwrap();
        context
            .verify(id.chain(), Some(&name), Some(KeyPurpose::SERVER_AUTH), None)
            .unwrap();
        assert!(serials.insert(id.certificate().serial().to_owned()));
        assert_eq!(id.certificate().serial().len(), 40);
        files.push(write(&folder, &format!("{count}"), id.cert_pem()));
    }
    let root = write(&folder, "root.pem", ca.cert_pem());
    for files in files.chunks(1_000) {
        let mut arguments = vec!["verify", "-x509_strict", "-CAfile", text(&root)];
        arguments.extend(files.iter().map(|path| text(path)));
        let words = openssl_prints(&arguments);
        assert_eq!(words.matches(": OK").count(), files.len());
    }
}
