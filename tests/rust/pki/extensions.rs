//! Extensions that the issuer asks for, and their accessors.

use tlsmith::{CustomExtension, Purpose};

use super::*;

fn own(oid: &str, critical: bool, value: &[u8]) -> CustomExtension {
    CustomExtension {
        oid: oid.to_owned(),
        critical,
        value: value.to_vec(),
    }
}

#[test]
fn certificate_has_the_requested_extensions() {
    let ca = gen_ca(&CertOptions::default()).unwrap();
    let options = CertOptions {
        purposes: vec![Purpose::Email, Purpose::Ocsp],
        ocsp_url: Some("http://ocsp.example/".to_owned()),
        must_staple: true,
        serial: Some("0abc".to_owned()),
        extensions: vec![own("1.3.6.1.4.1.55555.1", true, b"\x05\x00")],
        ..CertOptions::default()
    };
    let site = issue_cert(&ca, &names(&["a@example.org"]), &options).unwrap();
    let cert = site.certificate();
    assert_eq!(cert.version(), 3);
    assert_eq!(cert.serial(), "0abc");
    assert_eq!(cert.ocsp_urls(), ["http://ocsp.example/"]);
    assert_eq!(
        cert.extended_key_usage(),
        ["emailProtection", "OCSPSigning"]
    );
    let extensions = cert.extensions();
    assert!(extensions.contains(&("1.3.6.1.4.1.55555.1".to_owned(), true, b"\x05\x00")));
    let folder = TempDir::new().unwrap();
    let path = write(&folder, "cert.pem", cert.pem());
    let page = openssl_prints(&["x509", "-noout", "-text", "-in", text(&path)]);
    for line in [
        "OCSP - URI:http://ocsp.example/",
        "status_request",
        "(0xabc)",
    ] {
        assert!(page.contains(line), "{line} is not in {page}");
    }
}

#[test]
fn invalid_own_extensions_are_rejected() {
    let ca = gen_ca(&CertOptions::default()).unwrap();
    for (oid, value) in [
        ("2.5.29.17", &b"\x30\x00"[..]),
        ("2.5.29.19", b"\x30\x03\x01\x01\xff"),
        ("2.5.29.30", b"\x30\x00"),
        ("2.5.29.35", b"\x30\x00"),
        ("2.5.29.15", b"\x03\x02\x02\x04"),
        ("1.2.3.4", b"not DER"),
        ("1", b"\x05\x00"),
    ] {
        let options = CertOptions {
            extensions: vec![own(oid, false, value)],
            ..CertOptions::default()
        };
        let refused = status_of(issue_cert(&ca, &names(&["a.example"]), &options));
        assert_eq!(refused.0, Status::Argument, "{oid}: {}", refused.1);
        assert!(refused.1.contains(oid), "{}", refused.1);
    }
    for serial in [
        "",
        "00",
        "8000000000000000000000000000000000000000",
        "xy",
        "1",
    ] {
        let options = CertOptions {
            serial: Some(serial.to_owned()),
            ..CertOptions::default()
        };
        let refused = status_of(issue_cert(&ca, &names(&["a.example"]), &options));
        assert_eq!(refused.0, Status::Argument, "'{serial}': {}", refused.1);
    }
}

#[test]
fn issuer_is_recognized_by_name_and_key() {
    let options = |kind| CertOptions {
        common_name: Some("issuer".to_owned()),
        key_type: Some(kind),
        ..CertOptions::default()
    };
    let cas = [KeyType::EcdsaP256, KeyType::EcdsaP384, KeyType::Ed25519]
        .map(|kind| gen_ca(&options(kind)).unwrap());
    for (index, ca) in cas.iter().enumerate() {
        let site = issue_cert(ca, &names(&["a.example"]), &CertOptions::default()).unwrap();
        for (other, issuer) in cas.iter().enumerate() {
            let issued = site.certificate().is_issued_by(issuer.certificate());
            assert_eq!(issued.unwrap(), index == other);
        }
    }
}

#[test]
fn certificate_matches_host_names_like_a_connection() {
    let site = self_signed(
        &names(&["*.example.org", "10.0.0.1"]),
        &CertOptions::default(),
    );
    let site = site.unwrap();
    let matches = |host| site.certificate().matches(host);
    assert!(matches("a.example.org").unwrap() && matches("10.0.0.1").unwrap());
    assert!(!matches("example.org").unwrap() && !matches("a.b.example.org").unwrap());
    assert_eq!(status_of(matches("a b")).0, Status::Argument);
}
