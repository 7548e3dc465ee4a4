//! Subject alternative names, with their types.

use tlsmith::{AlternativeName, NameType};

use super::der_builder::tlv;
use super::requested_extensions::oid_der;
use super::requests::name;
use super::untrusted_requests::{ADDRESS, DNS, EMAIL, URI, request};

fn other_name(kind: &str, value: &[u8]) -> Vec<u8> {
    [oid_der(kind), tlv(0xa0, value)].concat()
}

#[test]
fn certificate_distinguishes_every_type_of_alternative_name() {
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
fn alternative_name_types_have_distinct_names() {
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
