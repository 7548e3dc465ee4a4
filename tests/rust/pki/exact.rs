//! Exact facts: alternative names with their types, common names, CRLs from files, digests.

use tlsmith::{AlternativeName, DigestAlgorithm, NameType, digest, random};

use super::copying::oid_der;
use super::requests::{name, tlv};
use super::untrusted::{ADDRESS, DNS, EMAIL, URI, common_names, request};
use super::*;

fn other_name(kind: &str, value: &[u8]) -> Vec<u8> {
    [oid_der(kind), tlv(0xa0, value)].concat()
}

#[test]
fn every_type_of_alternative_name_is_told_apart() {
    use NameType as T;
    const UPN: &str = "1.3.6.1.4.1.311.20.2.3";
    let upn = other_name(UPN, &tlv(12, b"alice@corp"));
    let upn_of_number = other_name(UPN, &[2, 1, 7]);
    let other = other_name("1.2.3.4", &tlv(12, b"a,b"));
    let cases: [(u8, &[u8], NameType, &str); 23] = [
        (DNS, b"*.a.example", T::Dns, "*.a.example"),
        (DNS, b"a.example\0.evil", T::Dns, r"a.example\00.evil"),
        (DNS, b"a,b", T::Dns, r"a\2cb"),
        (DNS, b"a\\00", T::Dns, r"a\5c00"),
        (DNS, b"", T::Dns, ""),
        (0xa2, b"a.example", T::Other, "DNS a.example"),
        (EMAIL, b"a@b.example", T::Email, "a@b.example"),
        (EMAIL, b"\xc3\xbc@b", T::Email, r"\c3\bc@b"),
        (URI, b"https://a/ b", T::Uri, r"https://a/\20b"),
        (ADDRESS, &[192, 0, 2, 7], T::Ip, "192.0.2.7"),
        (ADDRESS, &[0; 16], T::Ip, "::"),
        (ADDRESS, &[127, 0, 1], T::Other, "IP 7f0001"),
        (ADDRESS, b"", T::Other, "IP "),
        (0xa0, &upn, T::Upn, "alice@corp"),
        (
            0xa0,
            &upn_of_number,
            T::Other,
            "other name 060a2b060104018237140203a003020107",
        ),
        (0xa0, &other, T::Other, r"other name 1.2.3.4 a\2cb"),
        (0xa0, b"", T::Other, "other name "),
        (0xa3, &[0x30, 0], T::Other, "unknown name 3000"),
        (0xa4, &name("Bo,ss"), T::Directory, r"CN=Bo\,ss"),
        (0xa4, &[5, 0], T::Other, "directory 0500"),
        (0x88, &[0x2a, 3], T::RegisteredId, "1.2.3"),
        (0x88, &[0x2a, 0x83], T::Other, "identifier #2a83"),
        (0x8f, b"x", T::Other, "unknown name 78"),
    ];
    for (tag, value, name_type, text) in cases {
        let csr = request(&name("a"), &[(tag, value), (DNS, b"last.example")]);
        let found = csr.alternative_names();
        assert_eq!(found.len(), 2, "{text}");
        let AlternativeName { name_type: t, .. } = found[0];
        assert_eq!((t, found[0].text.as_str()), (name_type, text));
        assert_eq!(found[0].kind, u32::from(tag & 0x1f), "{text}");
        assert_eq!(found[1].text, "last.example");
        assert!(!found[0].text.contains(['\0', '\n']));
    }
    assert!(request(&name("a"), &[]).alternative_names().is_empty());
}

#[test]
fn names_of_types_are_different() {
    use NameType as T;
    let names = [
        T::Dns,
        T::Ip,
        T::Email,
        T::Uri,
        T::Upn,
        T::Directory,
        T::RegisteredId,
        T::Other,
    ];
    let mut names: Vec<_> = names.map(NameType::name).to_vec();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), 8);
}

#[test]
fn common_name_is_the_only_one_and_escaped() {
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

#[test]
fn crl_is_the_first_one_of_a_file() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("list");
    let ca = gen_ca(&CertOptions::default()).unwrap();
    let [first, second] = [(), ()].map(|()| gen_crl(&ca, &[], &CrlOptions::default()).unwrap());
    for (content, is_found) in [
        (first.der(), true),
        (first.pem().as_bytes(), true),
        ([first.pem(), second.pem()].concat().as_bytes(), true),
        (ca.cert_pem().as_bytes(), false),
        (b"", false),
    ] {
        fs::write(&path, content).unwrap();
        for outcome in [Crl::load(&path), Crl::from_bytes(content)] {
            match is_found {
                true => assert_eq!(outcome.unwrap(), first),
                false => assert_eq!(outcome.unwrap_err().status(), Status::Parse),
            }
        }
    }
    let missing = Crl::load(Path::new("missing.crl")).unwrap_err();
    assert_eq!(missing.status(), Status::File);
}

#[test]
fn digests_are_those_of_the_standard() {
    // FIPS 180-4's "abc".
    for (given, length, start) in [
        ("sha256", 32, [0xba, 0x78, 0x16, 0xbf]),
        ("SHA384", 48, [0xcb, 0x00, 0x75, 0x3f]),
        ("sha512", 64, [0xdd, 0xaf, 0x35, 0xa1]),
    ] {
        let algorithm: DigestAlgorithm = given.parse().unwrap();
        let found = digest(algorithm, b"abc");
        assert_eq!((found.len(), algorithm.length()), (length, length));
        assert_eq!(found[..4], start, "{given}");
    }
    for wrong in [
        "",
        "sha1",
        "md5",
        "sha-256",
        "sha256\0",
        &"x".repeat(10_000),
    ] {
        let error = wrong.parse::<DigestAlgorithm>().unwrap_err();
        assert_eq!(error.status(), Status::Argument);
        let sentence = error.to_string();
        assert!(sentence.contains("sha256, sha384, sha512"), "{sentence}");
        assert!(sentence.len() < 400);
    }
}

#[test]
fn random_bytes_differ() {
    let (mut one, mut other) = ([0; 32], [0; 32]);
    random(&mut one).unwrap();
    random(&mut other).unwrap();
    assert_ne!(one, other);
    assert_ne!(one, [0; 32]);
    random(&mut []).unwrap();
}
