//! What a CA issues, and what it refuses to issue.

use std::time::Duration;

use support::*;
use tempfile::TempDir;
use tlsmith::{
    CertOptions, Certificate, Identity, KeyType, PrivateKey, Status, gen_ca, issue_cert,
    self_signed,
};

use super::*;

pub(super) fn with(change: impl FnOnce(&mut CertOptions)) -> CertOptions {
    let mut options = CertOptions::default();
    change(&mut options);
    options
}

pub(super) fn ca_with(change: impl FnOnce(&mut CertOptions)) -> Identity {
    gen_ca(&with(change)).unwrap()
}

pub(super) fn assert_refused(result: tlsmith::Result<Identity>, parts: &[&str]) {
    let (status, sentence) = status_of(result);
    assert_eq!(status, Status::Issue, "{sentence}");
    for part in parts {
        assert!(sentence.contains(part), "no '{part}' in: {sentence}");
    }
}

/// The output of `openssl x509 -text` for a certificate.
fn openssl_text(certificate: &Certificate) -> String {
    let folder = TempDir::new().unwrap();
    let path = write(&folder, "cert.pem", certificate.pem());
    openssl_prints(&["x509", "-noout", "-text", "-in", text(&path)])
}

/// A CA made by OpenSSL with these lines in its extensions.
pub(super) fn openssl_ca(extensions: &str) -> Identity {
    let folder = TempDir::new().unwrap();
    let config = format!(
        "[req]\ndistinguished_name=name\nx509_extensions=ext\nprompt=no\n[name]\nO=Example\n\
         CN=OpenSSL CA\n[ext]\n{extensions}\n[dir]\nO=Example\n"
    );
    let config = write(&folder, "config", config);
    let (cert, key) = (folder.path().join("cert"), folder.path().join("key"));
    let out = openssl(&[
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-noenc",
        "-config",
        text(&config),
        "-out",
        text(&cert),
        "-keyout",
        text(&key),
        "-days",
        "100",
    ]);
    assert!(out.status.success(), "{out:?}");
    Identity::load(&cert, Some(&key)).unwrap()
}

#[test]
fn ca_chain_counts_down_its_path_lengths() {
    let root = ca_with(|ca| ca.path_len = Some(2));
    let below = |ca: &Identity, path_len| {
        let options = with(|options| {
            options.ca = true;
            options.path_len = path_len;
        });
        issue_cert(ca, &[], &options)
    };
    assert_refused(
        below(&root, Some(2)),
        &["path length is 2", "at most 1, not 2"],
    );
    let first = below(&root, Some(1)).unwrap();
    let second = below(&first, None).unwrap();
    assert_eq!(second.certificate().path_len(), Some(0));
    assert_refused(below(&second, None), &["path length is 0"]);
    let site = issue_cert(&second, &names(&["a.example"]), &CertOptions::default()).unwrap();
    assert_eq!(site.chain().len(), 3);
    assert_openssl_accepts(&root, &site, "sslserver");
}

#[test]
fn name_constraints_of_every_ca_in_the_chain_are_obeyed() {
    let key = PrivateKey::generate(KeyType::EcdsaP256).unwrap();
    let generous = ca_with(|ca| ca.key = Some(key.clone()));
    let strict = ca_with(|ca| {
        ca.key = Some(key);
        ca.path_len = Some(1);
        ca.excluded_names = names(&["secret.example"]);
    });
    let options = with(|options| {
        options.ca = true;
        options.path_len = Some(5);
    });
    let middle = issue_cert(&generous, &[], &options).unwrap();
    let chain = [middle.chain(), strict.chain()].concat();
    let middle = Identity::new(chain, middle.key().cloned()).unwrap();
    let below = with(|options| options.ca = true);
    assert_refused(issue_cert(&middle, &[], &below), &["path length is 1"]);
    let secret = issue_cert(
        &middle,
        &names(&["secret.example"]),
        &CertOptions::default(),
    );
    assert_refused(secret, &["exclude secret.example", "'CN=tlsmith CA'"]);
}

#[test]
fn ca_can_have_the_name_of_its_issuer() {
    let root = gen_ca(&CertOptions::default()).unwrap();
    let options = with(|options| {
        options.ca = true;
        options.common_name = Some("tlsmith CA".to_owned());
    });
    let middle = issue_cert(&root, &[], &options).unwrap();
    assert_eq!(middle.certificate().subject(), root.certificate().subject());
    let site = issue_cert(&middle, &names(&["a.example"]), &CertOptions::default()).unwrap();
    assert_eq!(
        site.chain().len(),
        2,
        "the intermediate is not taken for a root"
    );
    assert_openssl_accepts(&root, &site, "sslserver");

    let options = with(|options| options.ca = true);
    let middle = issue_cert(&root, &[], &options).unwrap();
    assert_eq!(middle.certificate().subject(), "CN=tlsmith intermediate CA");
}

#[test]
fn name_constraints_agree_with_openssl() {
    // Permitted, excluded, a name, and whether it may be issued.
    let cases: [(&[&str], &[&str], &str, bool); 30] = [
        (&["example.com"], &[], "example.com", true),
        (&["example.com"], &[], "a.b.EXAMPLE.com", true),
        (&["example.com"], &[], "badexample.com", false),
        (&["example.com"], &[], "example.org", false),
        (&["example.com"], &[], "*.example.com", true),
        (&["a.example.com"], &[], "*.example.com", false),
        (&[".example.com"], &[], "a.example.com", true),
        (&[".example.com"], &[], "example.com", false),
        (
            &["example.com", "example.org"],
            &[],
            "www.example.org",
            true,
        ),
        (&[], &["secret.example.com"], "www.example.com", true),
        (&[], &["secret.example.com"], "secret.example.com", false),
        (&[], &["secret.example.com"], "a.secret.example.com", false),
        (
            &["example.com"],
            &["secret.example.com"],
            "www.example.com",
            true,
        ),
        (
            &["example.com"],
            &["secret.example.com"],
            "x.secret.example.com",
            false,
        ),
        // Constraints on hosts do not bind addresses, and the reverse.
        (&["example.com"], &[], "10.0.0.1", true),
        (&["10.0.0.0/8"], &[], "a.example", true),
        (&["10.0.0.0/8"], &[], "10.255.0.1", true),
        (&["10.0.0.0/8"], &[], "11.0.0.1", false),
        (&["10.0.0.0/8"], &[], "::1", false),
        (&["10.1.2.3"], &[], "10.1.2.3", true),
        (&["10.1.2.3"], &[], "10.1.2.4", false),
        (&["2001:db8::/33"], &[], "2001:db8:7fff::1", true),
        (&["2001:db8::/33"], &[], "2001:db8:8000::1", false),
        (&[], &["0.0.0.0/0"], "10.0.0.1", false),
        (&["@example.com"], &[], "alice@example.com", true),
        (&["@example.com"], &[], "alice@EXAMPLE.com", true),
        (&["@example.com"], &[], "alice@mail.example.com", false),
        (&["@example.com"], &[], "alice@example.org", false),
        (&[], &["@example.com"], "alice@example.com", false),
        (&["example.com"], &[], "https://example.org/", true),
    ];
    for (permitted, excluded, name, allowed) in cases {
        let ca = ca_with(|ca| {
            ca.permitted_names = names(permitted);
            ca.excluded_names = names(excluded);
        });
        let options = with(|options| options.common_name = Some("a test".to_owned()));
        let issued = issue_cert(&ca, &names(&[name]), &options);
        let case = format!("permitted {permitted:?}, excluded {excluded:?}, name {name}");
        match (allowed, &issued) {
            (true, Ok(_)) | (false, Err(_)) => {}
            _ => panic!("{case}: {issued:?}"),
        }
        let kind = if name.contains('@') {
            "sslclient"
        } else {
            "sslserver"
        };
        match issued {
            Ok(issued) => {
                if !permitted.is_empty() || !excluded.is_empty() {
                    let page = ca.certificate().text();
                    assert!(page.contains("Name constraints (critical): "), "{page}");
                }
                assert_openssl_accepts(&ca, &issued, kind);
            }
            Err(error) => {
                assert_eq!(error.status(), Status::Issue, "{case}: {error}");
                let named = error.to_string().to_lowercase();
                assert!(named.contains(&name.to_lowercase()), "{case}: {error}");
            }
        }
    }
}

#[test]
fn wildcard_does_not_cover_excluded_names() {
    let ca = ca_with(|ca| ca.excluded_names = names(&["secret.example.com"]));
    let issue = |name| issue_cert(&ca, &names(&[name]), &CertOptions::default());
    assert_refused(issue("*.example.com"), &["exclude secret.example.com"]);
    issue("*.www.example.com").unwrap();
}

#[test]
fn common_name_that_is_a_host_obeys_name_constraints() {
    let ca = ca_with(|ca| ca.permitted_names = names(&["example.com", "@example.com"]));
    let options = with(|options| options.common_name = Some("www.example.org".to_owned()));
    let issued = issue_cert(&ca, &names(&["alice@example.com"]), &options);
    assert_refused(issued, &["www.example.org"]);
    let options = with(|options| options.common_name = Some("Alice B. Example".to_owned()));
    let issued = issue_cert(&ca, &names(&["alice@example.com"]), &options).unwrap();
    assert_openssl_accepts(&ca, &issued, "sslclient");
}

#[test]
fn name_constraints_of_another_program_are_obeyed() {
    let ca = openssl_ca(
        "basicConstraints=critical,CA:true\nkeyUsage=critical,keyCertSign\n\
         subjectKeyIdentifier=hash\nnameConstraints=critical,permitted;dirName:dir,permitted;URI:.example.com",
    );
    let page = ca.certificate().text();
    assert!(
        page.contains("directory O=Example, URIs of .example.com"),
        "{page}"
    );
    let issue = |subject: &str, name: &str| {
        let options = with(|options| options.subject = Some(subject.to_owned()));
        issue_cert(&ca, &names(&[name]), &options)
    };
    let good = issue("CN=a,O=Example", "https://user@www.example.com:8443/x?y").unwrap();
    assert_openssl_accepts(&ca, &good, "sslserver");
    assert_refused(
        issue("CN=a,O=Other", "b.example"),
        &["O=Example", "CN=a,O=Other"],
    );
    assert_refused(issue("CN=a", "b.example"), &["O=Example"]);
    assert_refused(
        issue("CN=a,O=Example", "https://www.example.org/"),
        &[".example.com"],
    );
}

#[test]
fn ca_of_another_program_is_held_to_its_extensions() {
    let issue = |ca: &Identity| issue_cert(ca, &names(&["a.example"]), &CertOptions::default());
    let weak = openssl_ca("basicConstraints=critical,CA:true\nkeyUsage=digitalSignature");
    assert_refused(issue(&weak), &["keyCertSign", "CN=OpenSSL CA,O=Example"]);
    let none = openssl_ca("keyUsage=keyCertSign");
    assert_refused(issue(&none), &["it is not a CA"]);

    let strange_id = openssl_ca(
        "basicConstraints=critical,CA:true\nkeyUsage=critical,keyCertSign\n\
         subjectKeyIdentifier=01020304",
    );
    let site = issue(&strange_id).unwrap();
    assert!(
        site.certificate()
            .text()
            .contains("Authority key identifier: 01020304\n")
    );
    assert_openssl_accepts(&strange_id, &site, "sslserver");
    let without_usage = openssl_ca("basicConstraints=critical,CA:true");
    issue(&without_usage).unwrap();
}

#[test]
fn validity_stays_within_that_of_the_issuer() {
    let (start, day) = (1_900_000_000, DAY as i64);
    let ca = ca_with(|ca| {
        ca.not_before = Some(start);
        ca.lifetime = Some(Duration::from_secs(10 * DAY));
    });
    let issue = |not_before: i64, days: u64| {
        let options = with(|options| {
            options.not_before = Some(not_before);
            options.lifetime = Some(Duration::from_secs(days * DAY));
        });
        issue_cert(&ca, &names(&["a.example"]), &options)
    };
    issue(start + day, 9).unwrap();
    assert_refused(issue(start + day, 10), &["2030-03-27", "2030-03-28"]);
    assert_refused(issue(start + 11 * day, 1), &["2030-03-27", "2030-03-28"]);
    let earlier = issue(start - 2 * day, 1).unwrap();
    assert_eq!(earlier.certificate().not_before(), start - 2 * day);
    assert_eq!(status_of(issue(start, 0)).0, Status::Argument);

    let outlives = with(|options| {
        options.not_before = Some(start + day);
        options.lifetime = Some(Duration::from_secs(10 * DAY));
        options.outlive_ca = true;
    });
    let outlives = issue_cert(&ca, &names(&["a.example"]), &outlives).unwrap();
    assert_eq!(outlives.certificate().not_after(), start + 11 * day);

    let expired = ca_with(|ca| {
        ca.not_before = Some(1_000_000_000);
        ca.lifetime = Some(Duration::from_secs(DAY));
    });
    let issued = issue_cert(&expired, &names(&["a.example"]), &CertOptions::default());
    assert_refused(issued, &["it ends on 2001-09-10"]);
}

#[test]
fn dates_of_every_century_are_encoded_and_parsed() {
    for (start, end, shown) in [
        (
            -2_208_988_800,
            -631_152_001,
            ["Jan  1 00:00:00 1900", "Dec 31 23:59:59 1949"],
        ),
        (
            -631_152_000,
            -1,
            ["Jan  1 00:00:00 1950", "Dec 31 23:59:59 1969"],
        ),
        (
            0,
            2_524_607_999,
            ["Jan  1 00:00:00 1970", "Dec 31 23:59:59 2049"],
        ),
        (
            2_524_608_000,
            253_402_300_799,
            ["Jan  1 00:00:00 2050", "Dec 31 23:59:59 9999"],
        ),
    ] {
        let options = with(|options| {
            options.not_before = Some(start);
            options.lifetime = Some(Duration::from_secs(i64::abs_diff(end, start)));
        });
        let site = self_signed(&names(&["a.example"]), &options).unwrap();
        let certificate = site.certificate();
        assert_eq!(
            (certificate.not_before(), certificate.not_after()),
            (start, end)
        );
        let page = openssl_text(certificate);
        for date in shown {
            assert!(page.contains(date), "{page}");
        }
    }
}

#[test]
fn certificate_has_the_extensions_of_the_profile() {
    let ca = gen_ca(&CertOptions::default()).unwrap();
    let page = openssl_text(ca.certificate());
    for part in [
        "Basic Constraints: critical\n                CA:TRUE\n",
        "Key Usage: critical\n                Certificate Sign, CRL Sign\n",
        "Subject Key Identifier",
        "Authority Key Identifier",
    ] {
        assert!(page.contains(part), "no {part} in {page}");
    }
    let options = with(|options| options.key_type = Some(KeyType::Rsa2048));
    let site = issue_cert(&ca, &names(&["a.example", "::1"]), &options).unwrap();
    let page = openssl_text(site.certificate());
    for part in [
        "Basic Constraints: critical\n                CA:FALSE\n",
        "Key Usage: critical\n                Digital Signature, Key Encipherment\n",
        "TLS Web Server Authentication\n",
        "Subject Key Identifier",
        "Authority Key Identifier",
        "DNS:a.example, IP Address:0:0:0:0:0:0:0:1",
    ] {
        assert!(page.contains(part), "no {part} in {page}");
    }
}

#[test]
fn name_too_long_for_common_name_is_only_a_subject_alt_name() {
    let ca = gen_ca(&CertOptions::default()).unwrap();
    let long = format!("{}.{}.example", "a".repeat(60), "b".repeat(60));
    let site = issue_cert(&ca, &names(&[&long]), &CertOptions::default()).unwrap();
    assert_eq!(site.certificate().subject(), "");
    assert!(
        site.certificate()
            .text()
            .contains("Alternative names (critical): DNS aaa")
    );
    assert_openssl_accepts(&ca, &site, "sslserver");
}

#[test]
fn intermediate_issues_with_a_chain_to_the_root() {
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
fn ca_obeys_its_own_limits() {
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
