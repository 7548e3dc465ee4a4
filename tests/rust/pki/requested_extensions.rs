//! Requested extensions are copied byte for byte.

use super::der_builder::tlv;
use super::requests::{ca, copying, handmade, openssl_request};
use super::*;

/// The extension with this identifier, as it stands in a document.
fn extension_der<'a>(document: &'a [u8], oid: &[u8]) -> Option<&'a [u8]> {
    let at = document
        .windows(oid.len())
        .rposition(|bytes| bytes == oid)?;
    // A SEQUENCE of less than 64 KiB begins right before.
    let start = match document[..at] {
        [.., 0x30, 0x82, _, _] => at - 4,
        [.., 0x30, 0x81, _] => at - 3,
        _ => at - 2,
    };
    let (header, length) = match document[start + 1] {
        0x82 => (
            4,
            usize::from(document[start + 2]) << 8 | usize::from(document[start + 3]),
        ),
        0x81 => (3, usize::from(document[start + 2])),
        short => (2, usize::from(short)),
    };
    Some(&document[start..start + header + length])
}

pub(super) fn oid_der(dotted: &str) -> Vec<u8> {
    let oid = der::asn1::ObjectIdentifier::new_unwrap(dotted);
    tlv(6, oid.as_bytes())
}

#[test]
fn thirty_kinds_of_extensions_are_copied_byte_for_byte() {
    let ca = ca();
    let lines = [
        ("2.5.29.17", "subjectAltName=DNS:a.example,DNS:*.b.example"),
        (
            "2.5.29.17",
            "subjectAltName=critical,IP:192.0.2.1,IP:2001:db8::1",
        ),
        (
            "2.5.29.17",
            "subjectAltName=email:u@a.example,URI:https://a.example/x",
        ),
        (
            "2.5.29.17",
            "subjectAltName=RID:1.2.3.4,otherName:1.2.3;UTF8:hello",
        ),
        (
            "2.5.29.17",
            "subjectAltName=otherName:1.3.6.1.4.1.311.20.2.3;UTF8:user@corp",
        ),
        ("2.5.29.17", "subjectAltName=URI:urn:host.example:program"),
        ("2.5.29.19", "basicConstraints=CA:FALSE"),
        ("2.5.29.19", "basicConstraints=critical,CA:FALSE"),
        ("2.5.29.15", "keyUsage=digitalSignature"),
        (
            "2.5.29.15",
            "keyUsage=critical,digitalSignature,keyEncipherment",
        ),
        (
            "2.5.29.15",
            "keyUsage=nonRepudiation,dataEncipherment,keyAgreement,encipherOnly",
        ),
        ("2.5.29.37", "extendedKeyUsage=serverAuth"),
        (
            "2.5.29.37",
            "extendedKeyUsage=critical,clientAuth,codeSigning,emailProtection",
        ),
        ("2.5.29.37", "extendedKeyUsage=1.2.3.4.5,timeStamping"),
        ("1.3.6.1.5.5.7.1.24", "tlsfeature=status_request"),
        (
            "1.3.6.1.5.5.7.1.24",
            "tlsfeature=critical,status_request,status_request_v2",
        ),
        ("2.5.29.32", "certificatePolicies=1.2.3.4"),
        ("2.5.29.32", "certificatePolicies=2.23.140.1.2.1,1.2.3.5"),
        (
            "2.5.29.31",
            "crlDistributionPoints=URI:http://crl.example/1,URI:http://crl.example/2",
        ),
        (
            "1.3.6.1.5.5.7.1.1",
            "authorityInfoAccess=OCSP;URI:http://ocsp.example",
        ),
        (
            "1.3.6.1.5.5.7.1.11",
            "subjectInfoAccess=1.3.6.1.5.5.7.48.5;URI:http://repo.example",
        ),
        ("2.5.29.18", "issuerAltName=DNS:issuer.example"),
        ("1.3.6.1.5.5.7.48.1.5", "noCheck=ignored"),
        (
            "2.16.840.1.113730.1.13",
            "nsComment=A comment, with a comma",
        ),
        ("2.16.840.1.113730.1.1", "nsCertType=server,client"),
        ("1.2.3.4.5.6", "1.2.3.4.5.6=DER:0102ff"),
        ("1.2.3.4.5.7", "1.2.3.4.5.7=critical,DER:30030101ff"),
        ("1.2.3.4.5.8", "1.2.3.4.5.8=ASN1:UTF8String:unknown to all"),
        (
            "1.3.6.1.4.1.311.20.2",
            "1.3.6.1.4.1.311.20.2=ASN1:BMPString:WebServer",
        ),
        (
            "1.3.6.1.4.1.311.21.10",
            "1.3.6.1.4.1.311.21.10=DER:300c300a06082b06010505070301",
        ),
        ("2.5.29.54", "inhibitAnyPolicy=critical,0"),
        (
            "2.5.29.36",
            "policyConstraints=critical,requireExplicitPolicy:0",
        ),
    ];
    assert!(lines.len() >= 30);
    for (dotted, line) in lines {
        let arguments = ["-newkey", "ed25519", "-subj", "/CN=x", "-addext", line];
        let csr = openssl_request(&arguments);
        let oid = oid_der(dotted);
        let asked = extension_der(csr.der(), &oid).unwrap_or_else(|| panic!("{line}"));
        let allowing = |copy_extensions| CertOptions {
            copy_extensions,
            allow_other_names: true,
            ..CertOptions::default()
        };
        let site = sign_csr(&ca, &csr, None, &allowing(true));
        let site = site.unwrap_or_else(|error| panic!("{line}: {error}"));
        let issued = extension_der(site.certificate().der(), &oid).unwrap();
        assert_eq!(issued, asked, "{line}");
        let count = site
            .certificate()
            .der()
            .windows(oid.len())
            .filter(|bytes| *bytes == oid)
            .count();
        assert!(count == 1 || dotted == "2.5.29.32", "{line}: {count} times");
        let is_known = !["=critical,DER", "tlsfeature=critical", "Policy", "policy"]
            .iter()
            .any(|part| line.contains(part));
        if is_known && !line.contains("clientAuth,code") && !line.contains("1.2.3.4.5,time") {
            let folder = TempDir::new().unwrap();
            let root = write(&folder, "root.pem", ca.cert_pem());
            let leaf = write(&folder, "leaf.pem", site.cert_pem());
            openssl_prints(&[
                "verify",
                "-x509_strict",
                "-CAfile",
                text(&root),
                text(&leaf),
            ]);
        }
        // Without the option, only the alternative names count.
        let plain = sign_csr(&ca, &csr, None, &allowing(false)).unwrap();
        let plain = extension_der(plain.certificate().der(), &oid);
        let is_profile = matches!(dotted, "2.5.29.15" | "2.5.29.19" | "2.5.29.37");
        match dotted {
            "2.5.29.17" => assert_eq!(plain.unwrap(), asked, "{line}"),
            _ => assert_eq!(plain.is_some(), is_profile, "{line}"),
        }
    }
}

#[test]
fn issuer_sets_the_key_identifiers() {
    let ca = ca();
    let csr = openssl_request(&[
        "-newkey",
        "ed25519",
        "-subj",
        "/CN=x",
        "-addext",
        "subjectKeyIdentifier=0102030405",
    ]);
    let site = sign_csr(&ca, &csr, None, &copying()).unwrap();
    let text = site.certificate().text();
    assert!(
        text.contains("Subject key identifier: ") && !text.contains("0102030405"),
        "{text}"
    );
    assert!(text.contains("Authority key identifier: "), "{text}");
}

#[test]
fn requested_names_are_copied_byte_for_byte() {
    // The parts of a subject in DER.
    let part = |attributes: &[(&str, u8, &[u8])]| {
        let attribute = |(oid, tag, value): &(&str, u8, &[u8])| {
            tlv(0x30, &[oid_der(oid), tlv(*tag, value)].concat())
        };
        tlv(
            0x31,
            &attributes
                .iter()
                .map(attribute)
                .collect::<Vec<_>>()
                .concat(),
        )
    };
    let (dc, ou, cn, email) = (
        "0.9.2342.19200300.100.1.25",
        "2.5.4.11",
        "2.5.4.3",
        "1.2.840.113549.1.9.1",
    );
    let subjects = [
        [
            part(&[(dc, 22, b"org")]),
            part(&[(dc, 22, b"example")]),
            part(&[(cn, 12, b"x")]),
        ]
        .concat(),
        [
            part(&[(ou, 12, b"b")]),
            part(&[(ou, 19, b"a")]),
            part(&[(ou, 12, b"b")]),
        ]
        .concat(),
        [
            part(&[(cn, 12, "Jürgen 東京".as_bytes())]),
            part(&[(email, 22, b"u@a.example")]),
        ]
        .concat(),
        [
            part(&[(cn, 20, b"J\xfcrgen")]),
            part(&[(cn, 30, b"\0J\0\xfc")]),
        ]
        .concat(),
        part(&[("1.2.3.4", 18, b"12")]),
        [
            part(&[(cn, 12, b"x"), (ou, 12, b"y")]),
            part(&[("2.5.4.6", 19, b"DE")]),
        ]
        .concat(),
        part(&[(cn, 12, b"")]),
    ];
    for subject in subjects {
        let subject = tlv(0x30, &subject);
        let csr = Csr::from_der(handmade(&subject, &tlv(0xa0, b""))).unwrap();
        let ca = ca();
        let site = sign_csr(&ca, &csr, Some(&names(&["a.example"])), &copying()).unwrap();
        let der = site.certificate().der();
        assert!(
            der.windows(subject.len()).any(|bytes| bytes == subject),
            "{}",
            csr.subject()
        );
        assert_eq!(site.certificate().subject(), csr.subject());
        assert_openssl_accepts(&ca, &site, "sslserver");
    }
}

#[test]
fn requested_ca_subject_becomes_the_issuer_byte_for_byte() {
    let folder = TempDir::new().unwrap();
    let root = ca();
    let key = folder.path().join("key.pem");
    let pem = openssl_prints(&[
        "req",
        "-new",
        "-newkey",
        "ed448",
        "-noenc",
        "-keyout",
        text(&key),
        "-utf8",
        "-multivalue-rdn",
        "-subj",
        "/DC=org/DC=example/OU=b/OU=a/O=Jürgen+CN=Middle/emailAddress=ca@example.org",
        "-addext",
        "basicConstraints=critical,CA:TRUE,pathlen:0",
        "-addext",
        "keyUsage=critical,keyCertSign,cRLSign",
    ]);
    let csr = Csr::from_pem(pem.as_bytes()).unwrap();
    let options = CertOptions {
        ca: true,
        ..copying()
    };
    let middle = sign_csr(&root, &csr, None, &options).unwrap();
    let key = PrivateKey::from_pem(&fs::read(&key).unwrap()).unwrap();
    let middle = Identity::new(middle.chain().to_vec(), Some(key)).unwrap();
    let site = issue_cert(&middle, &names(&["a.example"]), &CertOptions::default()).unwrap();
    assert_eq!(site.certificate().issuer(), csr.subject());
    assert_openssl_accepts(&root, &site, "sslserver");
}
