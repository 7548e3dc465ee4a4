//! Subjects: parsed from text, and written as text.

use super::untrusted_requests::{DNS, common_names, request};
use super::*;

fn ca_named(subject: &str) -> tlsmith::Result<Identity> {
    gen_ca(&CertOptions {
        subject: Some(subject.to_owned()),
        ..CertOptions::default()
    })
}

#[test]
fn subjects_are_parsed_in_two_notations_and_written_in_one() {
    for (given, written) in [
        ("CN=x,O=Example,C=DE", "CN=x,O=Example,C=DE"),
        ("/C=DE/O=Example/CN=x", "CN=x,O=Example,C=DE"),
        (" cn = x , O= Example Inc. ", "CN=x,O=Example Inc."),
        ("/O=A, B/CN=x", r"CN=x,O=A\, B"),
        (r"/O=A\/B/CN=x", "CN=x,O=A/B"),
        (r"CN=A\, B\+C\=D\\,O=x", r"CN=A\, B\+C=D\\,O=x"),
        (r"CN=\ two blanks \ ", r"CN=\ two blanks \ "),
        (r"CN=\#1", r"CN=\#1"),
        (r"CN=J\c3\bcrgen", "CN=Jürgen"),
        ("CN=Jürgen,L=東京", "CN=Jürgen,L=東京"),
        (
            "CN=x,OU=a,OU=b,DC=example,DC=org",
            "CN=x,OU=a,OU=b,DC=example,DC=org",
        ),
        ("CN=x+UID=7,O=Example", "CN=x+UID=7,O=Example"),
        ("/O=Example/CN=x+UID=7", "CN=x+UID=7,O=Example"),
        ("2.5.4.3=x", "CN=x"),
        ("1.2.3.4=x", "1.2.3.4=#0c0178"),
        ("CN=#1e0400480069", "CN=Hi"),
        ("CN=#1403e4f6fc", "CN=äöü"),
        ("CN=#0c0361090a", r"CN=a\09\0a"),
        ("CN=#0c0461e280ae", r"CN=a\e2\80\ae"),
        (
            "emailAddress=a@example.com,serialNumber=7",
            "emailAddress=a@example.com,serialNumber=7",
        ),
    ] {
        let ca = ca_named(given).unwrap_or_else(|error| panic!("{given}: {error}"));
        assert_eq!(ca.certificate().subject(), written, "{given}");
        assert_eq!(ca.certificate().issuer(), written, "{given}");
        // What is issued repeats it byte for byte, so that OpenSSL finds it.
        let site = issue_cert(&ca, &names(&["a.example"]), &CertOptions::default()).unwrap();
        assert_eq!(site.certificate().issuer(), written);
        assert_openssl_accepts(&ca, &site, "sslserver");
    }
}

#[test]
fn openssl_and_tlsmith_read_subjects_alike() {
    let folder = TempDir::new().unwrap();
    for subject in [
        r"CN=A\, B\+C\\D,OU=a,OU=b,DC=example,DC=org",
        "CN=x,O=Example,ST=Some State,C=DE",
        r"CN=\ blanks\ ,O=\#1",
    ] {
        let ca = ca_named(subject).unwrap();
        let path = write(&folder, "cert.pem", ca.cert_pem());
        let out = openssl(&[
            "x509",
            "-in",
            text(&path),
            "-noout",
            "-subject",
            "-nameopt",
            "RFC2253",
        ]);
        let out = String::from_utf8(out.stdout).unwrap();
        assert_eq!(out, format!("subject={}\n", ca.certificate().subject()));
    }
}

#[test]
fn invalid_subjects_are_rejected_with_the_reason() {
    let long = format!("CN={}", "a".repeat(65));
    for (subject, part) in [
        ("", "no '='"),
        ("/", "no '='"),
        ("nonsense", "no '='"),
        ("CN=", "empty"),
        ("CN=x,,O=y", "no '='"),
        ("CN=x,XY=y", "'XY' is not an attribute"),
        ("CN=x,=y", "'' is not an attribute"),
        ("C=Germany", "2 are allowed"),
        ("C=D1", "not a value for C"),
        (&long, "65 characters"),
        ("DC=müller", "not a value for DC"),
        ("serialNumber=a_b", "not a value for serialNumber"),
        ("CN=a\0b", "not a value for CN"),
        (r"CN=a\00b", "not a value for CN"),
        ("CN=a\nb", "not a value for CN"),
        (r"CN=a\", "too many"),
        (r#"CN="a b""#, "too many"),
        (r"CN=\ff", "UTF-8"),
        ("CN=#zz", "DER"),
        ("CN=#0c05", "DER"),
        ("CN=x+CN=x", "twice"),
    ] {
        let (status, sentence) = status_of(ca_named(subject));
        assert_eq!(status, Status::Argument, "{subject}: {sentence}");
        assert!(sentence.contains(part), "{subject}: {sentence}");
    }
}

#[test]
fn common_names_are_found_in_every_string_type() {
    let ca = ca_named("CN=#1e0400480069,CN=two+O=x,CN=#1403e4f6fc,O=Example").unwrap();
    assert_eq!(ca.certificate().common_names(), ["äöü", "two", "Hi"]);
}

#[test]
fn common_name_is_unique_and_escaped() {
    for (subject, expected) in [
        (&[(12, &b"alice"[..])][..], Some("alice")),
        (
            &[(12, "Müller, \"Hans\"".as_bytes())],
            Some("Müller, \"Hans\""),
        ),
        (&[(12, b"a\0b")], Some(r"a\00b")),
        (&[(12, b"a\\00")], Some(r"a\5c00")),
        (&[(12, b"a\nb\x7f")], Some(r"a\0ab\7f")),
        (&[(30, b"\0H\0i")], Some("Hi")),
        (&[(12, b"one"), (12, b"two")], None),
        (&[(12, b"one"), (12, b"one")], None),
        (&[], None),
    ] {
        // OpenSSL keeps the subject of a request as it is.
        let folder = TempDir::new().unwrap();
        let csr = request(&common_names(subject), &[(DNS, b"a.example")]);
        let certificate = signed_by_openssl(&folder, &csr);
        assert_eq!(certificate.common_name().as_deref(), expected);
        assert_eq!(certificate.common_names().len(), subject.len());
    }
}

/// What `openssl x509` issues for a request, with a key that it makes.
fn signed_by_openssl(folder: &TempDir, csr: &Csr) -> Certificate {
    let path = |name: &str| folder.path().join(name);
    fs::write(path("r.pem"), csr.pem()).unwrap();
    openssl_self_signed(folder.path(), "ca", &["ed25519"], &[]);
    let sign = ["x509", "-req", "-in", "r.pem", "-out", "c.pem"];
    let issuer = ["-CA", "ca.pem", "-CAkey", "ca.key"];
    openssl_in(folder.path(), &[&sign[..], &issuer].concat());
    Certificate::from_pem(&fs::read(path("c.pem")).unwrap()).unwrap()
}
