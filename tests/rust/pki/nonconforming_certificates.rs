//! Certificates that violate RFC 5280, or are unusual, and that path building accepts.

use super::*;
use crate::der_builder::{
    BIG, BIG_DOTTED, Odd, SEQUENCE, SET, all, attribute, extension, generalized, name, oid, read,
    sequence, tlv, utc, validity, webpki_accepts,
};

#[test]
fn parser_reads_object_identifiers_of_any_size() {
    let plain = Odd::new();
    let long = [BIG, &[0x83; 200], &[1]].concat();
    let purposes = sequence(&[oid(&[0x2b, 6, 1, 5, 5, 7, 3, 1]), oid(BIG)]);
    let access = sequence(&[sequence(&[oid(BIG), tlv(0x86, b"http://a.example")])]);
    let policies = sequence(&[sequence(&[oid(BIG)])]);
    let registered = sequence(&[tlv(0x82, b"a.example"), tlv(0x88, BIG)]);
    let certificate = Odd {
        subject: sequence(&[attribute(BIG, 0x0c, b"x")]),
        extensions: Some(vec![
            extension(BIG, None, &[5, 0]),
            extension(&long, None, &[5, 0]),
            extension(&[0x55, 0x1d, 0x25], None, &purposes),
            extension(&[0x2b, 6, 1, 5, 5, 7, 1, 1], None, &access),
            extension(&[0x55, 0x1d, 0x20], None, &policies),
            extension(&[0x55, 0x1d, 0x11], None, &registered),
        ]),
        ..plain.clone()
    };
    assert!(webpki_accepts(&certificate.der()));
    let certificate = read(&certificate);
    assert_eq!(certificate.subject(), format!("{BIG_DOTTED}=#0c0178"));
    assert_eq!(certificate.subject_parts()[0][0].0, BIG_DOTTED);
    assert_eq!(certificate.extensions()[0].0, BIG_DOTTED);
    assert!(certificate.extensions()[1].0.starts_with('#'));
    assert_eq!(certificate.extended_key_usage(), ["serverAuth", BIG_DOTTED]);
    for line in [
        format!("{BIG_DOTTED}: 0500"),
        format!("Authority information: {BIG_DOTTED} http://a.example"),
        format!("Certificate policies: {BIG_DOTTED}"),
        format!("Alternative names: DNS a.example, identifier {BIG_DOTTED}"),
    ] {
        let page = certificate.text();
        assert!(
            page.lines().any(|found| found == line),
            "no '{line}' in {page}"
        );
    }
    let algorithm = sequence(&[oid(BIG)]);
    let odd = Odd {
        algorithm: algorithm.clone(),
        spki: sequence(&[algorithm, tlv(0x03, &[0, 1, 2, 3])]),
        ..plain
    };
    assert!(webpki_accepts(&odd.der()));
    let unknown = read(&odd);
    assert_eq!(
        (unknown.key_type(), unknown.signature_type()),
        (BIG_DOTTED, BIG_DOTTED)
    );
    assert!(
        !unknown.is_issued_by(&unknown).unwrap(),
        "another one is named"
    );
    let own = Odd {
        subject: name(0x0c, b"Root"),
        ..odd
    };
    let (status, sentence) = status_of(read(&own).is_issued_by(&read(&own)));
    assert_eq!(status, Status::Unsupported, "{sentence}");
}

#[test]
fn parser_reads_names_of_every_string_type() {
    for (tag, value, shown) in [
        (0x0c, "Müller".as_bytes(), "CN=Müller"),
        (0x1e, &[0, b'M', 0, 0xfc], "CN=Mü"),
        (0x1c, &[0, 0, 0, b'M', 0, 0, 0, 0xfc], "CN=Mü"),
        (0x1c, &[0, 1, 0xf6, 0], "CN=😀"),
        (0x14, &[b'M', 0xfc], "CN=Mü"),
        (0x13, b"plain", "CN=plain"),
        (0x12, b"12 34", "CN=12 34"),
        (0x19, b"graphic", "CN=graphic"),
        (0x1b, b"general", "CN=general"),
        (0x1b, &[b'M', 0xfc], "2.5.4.3=#1b024dfc"),
        (0x15, b"videotex", "CN=videotex"),
        // What is no string, or not of its type, stands there in hex.
        (0x1c, &[0, 0, 0, b'M', 0], "2.5.4.3=#1c050000004d00"),
        (0x1c, &[0, 0x11, 0, 0], "2.5.4.3=#1c0400110000"),
        (0x1e, &[0xd8, 0], "2.5.4.3=#1e02d800"),
        (0x1e, &[0], "2.5.4.3=#1e0100"),
        (0x0c, &[0xff], "2.5.4.3=#0c01ff"),
        (0x09, &[0], "2.5.4.3=#090100"),
        (0x1d, b"x", "2.5.4.3=#1d0178"),
        (0x30, &[], "2.5.4.3=#3000"),
        (0x0c, b"", "CN="),
    ] {
        let odd = Odd {
            subject: name(tag, value),
            issuer: name(tag, value),
            ..Odd::new()
        };
        assert!(webpki_accepts(&odd.der()));
        let certificate = read(&odd);
        assert_eq!(
            (certificate.subject(), certificate.issuer()),
            (shown, shown)
        );
    }
}

#[test]
fn undecodable_names_are_shown_as_bytes() {
    let attribute = sequence(&[oid(&[0x55, 4, 3]), tlv(0x0c, b"x")]);
    for (subject, is_name) in [
        (sequence(&[]), true),
        // Not in the order of DER.
        (
            sequence(&[tlv(SET, &all(&[attribute.clone(), attribute.clone()]))]),
            true,
        ),
        (sequence(&[tlv(SET, &[])]), false),
        (tlv(SEQUENCE, &attribute), false),
        (sequence(&[tlv(SET, &oid(&[0x55, 4, 3]))]), false),
        (sequence(&[tlv(SET, &[attribute, vec![0]].concat())]), false),
        (tlv(SEQUENCE, b"text"), false),
    ] {
        let odd = Odd {
            subject: subject.clone(),
            ..Odd::new()
        };
        assert!(webpki_accepts(&odd.der()));
        let certificate = read(&odd);
        let in_hex: String = subject.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(certificate.subject() == format!("#{in_hex}"), !is_name);
        assert!(is_name || certificate.common_names().is_empty());
    }
}

#[test]
fn undecodable_extensions_are_shown_as_bytes_and_permit_nothing() {
    let constraints = tlv(0x01, &[0xff]);
    let odd = Odd {
        extensions: Some(vec![
            extension(&[0x55, 0x1d, 0x0e], None, &[4, 3, b'a', b'b', b'c', 0, 0]),
            extension(&[0x55, 0x1d, 0x23], None, &[0x30, 1]),
            extension(&[0x55, 0x1d, 0x0f], Some(0xff), &[3, 2, 9, 0xff]),
            extension(
                &[0x55, 0x1d, 0x13],
                Some(0xff),
                &sequence(&[constraints, vec![5, 0]]),
            ),
            extension(&[0x55, 0x1d, 0x25], Some(0), &sequence(&[vec![5, 0]])),
            extension(&[0x55, 0x1d, 0x11], None, &sequence(&[vec![0xff]])),
            extension(&[0x55, 0x1d, 0x1e], Some(0xff), &sequence(&[vec![0xa0]])),
            extension(&[0x55, 0x1d, 0x1f], None, &sequence(&[vec![1]])),
            extension(&[0x2b, 6, 1, 5, 5, 7, 1, 1], None, b"?"),
        ]),
        ..Odd::new()
    };
    assert!(webpki_accepts(&odd.der()));
    let certificate = read(&odd);
    assert!(!certificate.is_ca() && certificate.path_len().is_none());
    assert!(certificate.key_usage().is_empty());
    assert_eq!(certificate.extended_key_usage(), ["#30020500"]);
    assert!(certificate.has_alternative_names() && certificate.names().is_empty());
    assert_eq!(certificate.name_constraints().as_deref(), Some("3001a0"));
    for line in [
        "Subject key identifier: 04036162630000",
        "Key usage (critical): 030209ff",
        "Extended key usage: 30020500",
        "Alternative names: 3001ff",
        "Authority information: 3f",
    ] {
        let page = certificate.text();
        assert!(
            page.lines().any(|found| found == line),
            "no '{line}' in {page}"
        );
    }
    // It may not issue, whatever its key usage was meant to be.
    let key = PrivateKey::generate(KeyType::EcdsaP256).unwrap();
    let ca = Odd {
        spki: key.spki_der().to_vec(),
        extensions: Some(vec![
            extension(
                &[0x55, 0x1d, 0x13],
                Some(0xff),
                &sequence(&[tlv(1, &[0xff])]),
            ),
            extension(&[0x55, 0x1d, 0x0f], Some(0xff), &[3, 2, 9, 0xff]),
        ]),
        ..Odd::new()
    };
    let ca = Identity::new(vec![read(&ca)], Some(key)).unwrap();
    let issued = issue_cert(&ca, &names(&["a.example"]), &CertOptions::default());
    let (status, sentence) = status_of(issued);
    assert_eq!(status, Status::Issue);
    assert!(sentence.contains("keyCertSign"), "{sentence}");
}

#[test]
fn parser_reads_unusual_key_usage_bits() {
    for (value, usages) in [
        (
            &[3, 2, 5, 0xa0][..],
            &["digitalSignature", "keyEncipherment"][..],
        ),
        // Unused bits that are set, and bits that have no name.
        (&[3, 2, 5, 0xbf], &["digitalSignature", "keyEncipherment"]),
        (
            &[3, 4, 0, 0x80, 0x80, 0xff],
            &["digitalSignature", "decipherOnly"],
        ),
        (&[3, 1, 0], &[]),
        (&[3, 2, 0, 0x80], &["digitalSignature"]),
    ] {
        let odd = Odd::new().with(extension(&[0x55, 0x1d, 0x0f], Some(0xff), value));
        assert_eq!(read(&odd).key_usage(), usages, "{value:x?}");
    }
}

#[test]
fn parser_reads_times_of_every_form() {
    let new_year = 1_767_225_600;
    for (time, expected) in [
        (utc("260101000000Z"), Some(new_year)),
        (utc("2601010000Z"), Some(new_year)),
        (utc("260101020000+0200"), Some(new_year)),
        (utc("251231193000-0430"), Some(new_year)),
        (generalized("20260101000000Z"), Some(new_year)),
        (generalized("202601010000Z"), Some(new_year)),
        (generalized("20260101000000.9Z"), Some(new_year)),
        (generalized("20260101013000+0130"), Some(new_year)),
        (utc("500101000000Z"), Some(-631_152_000)),
        (generalized("00010101000000Z"), Some(-62_135_596_800)),
        (generalized("99991231235959Z"), Some(253_402_300_799)),
        (generalized("00000101000000Z"), None),
        (generalized("99991231235959-0100"), None),
        (utc("260101000000"), None),
        (utc("260101000000+02"), None),
        (utc("260101000000+-200"), None),
        (utc("260101000000.5Z"), None),
        (utc("261301000000Z"), None),
        (utc("26+101000000Z"), None),
        (generalized("20260101000000.Z"), None),
        (tlv(0x0c, b"260101000000Z"), None),
    ] {
        let odd = Odd {
            validity: validity(&time, &generalized("99991231235959Z")),
            ..Odd::new()
        };
        assert!(webpki_accepts(&odd.der()));
        let certificate = read(&odd);
        let (start, end) = (certificate.not_before(), certificate.not_after());
        match expected {
            Some(moment) => assert_eq!((start, end), (moment, 253_402_300_799)),
            None => {
                assert!(start > end, "a time that nobody knows is never");
                assert!(certificate.text().contains("(never valid)"));
            }
        }
    }
}

#[test]
fn parser_reads_every_version() {
    let bits = |number: u8| tlv(0x80 | number, &[0, 0xab, 0xcd]);
    for (version, ids, has_extensions) in [
        (None, vec![], false),
        (Some(0), vec![], false),
        (Some(1), vec![bits(1), bits(2)], false),
        (Some(2), vec![bits(1)], true),
        (Some(2), vec![bits(2)], true),
        (Some(2), vec![], true),
        (Some(7), vec![], true),
    ] {
        let odd = Odd {
            version,
            ids: all(&ids),
            ..Odd::new()
        };
        let odd = Odd {
            extensions: odd.extensions.clone().filter(|_| has_extensions),
            ..odd
        };
        let certificate = read(&odd);
        assert_eq!(certificate.version(), u32::from(version.unwrap_or(0)) + 1);
        assert_eq!(certificate.has_alternative_names(), has_extensions);
        let shown = certificate.text().matches("nique ID:").count();
        assert_eq!(shown, ids.len());
        assert_eq!(certificate.text().matches("abcd\n").count(), ids.len());
    }
    for (version, part) in [(0x80, "version"), (0xff, "version")] {
        let odd = Odd {
            version: Some(version),
            ..Odd::new()
        };
        let (status, sentence) = status_of(Certificate::from_der(odd.der()));
        assert_eq!(status, Status::Parse);
        assert!(sentence.contains(part), "{sentence}");
    }
}

#[test]
fn parser_reads_long_negative_and_empty_serial_numbers() {
    for (content, shown) in [
        (&[][..], ""),
        (&[0], "00"),
        (&[0x7f; 40], &"7f".repeat(40)),
        (&[0, 0xff], "ff"),
        (&[0xff], "-01"),
        (&[0x80], "-80"),
        (&[0xff, 0], "-0100"),
        (&[0x80, 0, 0], "-800000"),
        (&[0xff, 0xff], "-01"),
    ] {
        let odd = Odd {
            serial: tlv(0x02, content),
            ..Odd::new()
        };
        assert!(webpki_accepts(&odd.der()));
        assert_eq!(read(&odd).serial(), shown);
    }
}

#[test]
fn parser_reads_large_certificates() {
    let dns: Vec<_> = (0..4000)
        .map(|index| tlv(0x82, format!("tenant-{index:06}.example.com").as_bytes()))
        .collect();
    let odd = Odd {
        extensions: Some(vec![extension(&[0x55, 0x1d, 0x11], None, &sequence(&dns))]),
        ..Odd::new()
    };
    assert!(odd.der().len() > 100_000);
    assert_eq!(read(&odd).names().len(), 4000);
}

#[test]
fn certificate_names_keys_of_every_type() {
    let bits = |key: &[u8]| tlv(0x03, &[&[0], key].concat());
    let ec = oid(&[0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1]);
    let explicit = sequence(&[tlv(0x02, &[1]), sequence(&[])]);
    for (spki, kind) in [
        (
            sequence(&[sequence(&[ec.clone(), explicit]), bits(&[4])]),
            "ecdsa",
        ),
        (
            sequence(&[
                sequence(&[ec.clone(), oid(&[0x2b, 0x81, 4, 0, 10])]),
                bits(&[4]),
            ]),
            "ecdsa-1.3.132.0.10",
        ),
        (
            sequence(&[sequence(&[ec, oid(BIG)]), bits(&[4])]),
            &format!("ecdsa-{BIG_DOTTED}"),
        ),
        (
            sequence(&[sequence(&[oid(&[0x2a, 3, 4])]), bits(&[4])]),
            "1.2.3.4",
        ),
        (
            sequence(&[
                sequence(&[oid(&[0x2a, 0x86, 0x48, 0xce, 0x38, 4, 1])]),
                bits(&[4]),
            ]),
            "dsa",
        ),
        (sequence(&[]), "unknown"),
        (sequence(&[vec![5, 0]]), "unknown"),
        (sequence(&[sequence(&[]), bits(&[])]), "unknown"),
    ] {
        let odd = Odd { spki, ..Odd::new() };
        assert!(webpki_accepts(&odd.der()));
        let certificate = read(&odd);
        assert_eq!((certificate.key_type(), certificate.key_bits()), (kind, 0));
    }
}

#[test]
fn parser_rejects_duplicates_of_decisive_extensions_only() {
    let twice = |kind: &[u8], value: &[u8]| {
        let odd = Odd {
            extensions: Some(vec![extension(kind, None, value); 2]),
            ..Odd::new()
        };
        (webpki_accepts(&odd.der()), Certificate::from_der(odd.der()))
    };
    for (kind, value) in [
        (15, &[3, 2, 5, 0xa0][..]),
        (17, &[0x30, 0]),
        (19, &[0x30, 0]),
        (30, &[0x30, 0]),
        (31, &[0x30, 0]),
        (37, &[0x30, 0]),
    ] {
        let (accepted, read) = twice(&[0x55, 0x1d, kind], value);
        assert!(!accepted);
        let (status, sentence) = status_of(read);
        assert_eq!(status, Status::Parse);
        assert!(
            sentence.contains(&format!("2.5.29.{kind} twice")),
            "{sentence}"
        );
    }
    let (accepted, read) = twice(&[0x2a, 3, 4], &[5, 0]);
    assert!(accepted);
    assert_eq!(read.unwrap().text().matches("1.2.3.4: 0500\n").count(), 2);
}

#[test]
fn parse_error_names_the_damaged_part() {
    let plain = Odd::new();
    let cases = [
        (
            Odd {
                serial: tlv(0x03, &[1]),
                ..plain.clone()
            },
            "serial number",
        ),
        (
            Odd {
                validity: vec![],
                ..plain.clone()
            },
            "its public key",
        ),
        (
            Odd {
                signature: vec![],
                ..plain.clone()
            },
            "its signature",
        ),
        (
            Odd {
                ids: vec![5, 0],
                ..plain.clone()
            },
            "more follows its fields",
        ),
        (plain.clone().with(vec![0x30, 0]), "its extension 2"),
        (
            plain.clone().with(extension(BIG, Some(1), &[])),
            "its extension 2",
        ),
        (plain.with(vec![0x30, 9]), "the list of its extensions"),
    ];
    for (odd, part) in cases {
        let (status, sentence) = status_of(Certificate::from_der(odd.der()));
        assert_eq!(status, Status::Parse);
        assert!(sentence.contains(part), "{sentence}");
    }
}
