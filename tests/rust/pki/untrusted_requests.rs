//! Requests are untrusted input: what they must not get into a certificate.

use super::der_builder::tlv;
use super::issuing::{assert_refused, ca_with, openssl_ca, with};
use super::requested_extensions::oid_der;
use super::requests::{ca, copying, extension_request, handmade, name, openssl_request};
use super::*;

pub(super) const EMAIL: u8 = 0x81;
pub(super) const DNS: u8 = 0x82;
pub(super) const URI: u8 = 0x86;
pub(super) const ADDRESS: u8 = 0x87;

/// An RDNSequence of common names in these string types.
pub(super) fn common_names(names: &[(u8, &[u8])]) -> Vec<u8> {
    let part = |(tag, value): &(u8, &[u8])| {
        let attribute = [oid_der("2.5.4.3"), tlv(*tag, value)].concat();
        tlv(0x31, &tlv(0x30, &attribute))
    };
    tlv(0x30, &names.iter().map(part).collect::<Vec<_>>().concat())
}

/// A request with this subject for alternative names of these tags.
pub(super) fn request(subject: &[u8], names: &[(u8, &[u8])]) -> Csr {
    let names = names.iter().map(|(tag, value)| tlv(*tag, value));
    let names = tlv(0x30, &names.collect::<Vec<_>>().concat());
    let extension = tlv(0x30, &[oid_der("2.5.29.17"), tlv(4, &names)].concat());
    let attributes = match names.len() {
        2 => Vec::new(),
        _ => extension_request(&[&extension]),
    };
    Csr::from_der(handmade(subject, &tlv(0xa0, &attributes))).unwrap()
}

fn sign(ca: &Identity, csr: &Csr) -> tlsmith::Result<Identity> {
    let usage = Some(Usage {
        server: true,
        client: false,
    });
    sign_csr(ca, csr, None, &with(|options| options.usage = usage))
}

#[test]
fn names_that_cannot_be_typed_are_rejected() {
    let ca = ca();
    let refused: [(u8, &[u8]); 42] = [
        (DNS, b""),
        (DNS, b"evil.com\0.corp.example"),
        (DNS, b"evil.com\n.corp.example"),
        (DNS, b"evil.com .corp.example"),
        (DNS, b" corp.example"),
        (DNS, b"evil.com/.corp.example"),
        (DNS, b"evil.com,corp.example"),
        (DNS, b"corp.example."),
        (DNS, b".corp.example"),
        (DNS, b"a..corp.example"),
        (DNS, b"-.corp.example"),
        (DNS, b"-a.corp.example"),
        (DNS, b"a-.corp.example"),
        (DNS, b"*"),
        (DNS, b"*.*.corp.example"),
        (DNS, b"w*.corp.example"),
        (DNS, b"a.*.corp.example"),
        (DNS, b"192.0.2.1"),
        (DNS, b"192.0.2.0x1"),
        (DNS, b"2130706433"),
        (DNS, b"0x7f000001"),
        (DNS, b"::1"),
        (DNS, b"[::1]"),
        (DNS, b"https://corp.example"),
        (DNS, b"corp.example:443"),
        (DNS, b"alice@corp.example"),
        (DNS, "b\u{fc}cher.example".as_bytes()),
        (DNS, b"b\xfccher.example"),
        (DNS, &[b'a'; 64]),
        (DNS, &[b"a.".repeat(126), b"aa".to_vec()].concat()),
        (EMAIL, b"corp.example"),
        (EMAIL, b"a@b@corp.example"),
        (EMAIL, b"\"a b\"@corp.example"),
        (EMAIL, b"alice@corp.example\0"),
        (EMAIL, b"sip:alice@corp.example"),
        (URI, b"corp.example"),
        (URI, b"https://evil.com\\.corp.example/"),
        (URI, b"https://evil.com /"),
        (URI, b"https://a@evil.com@corp.example/"),
        (URI, b"https://ev%69l.com/"),
        (ADDRESS, b"\xc0\x00\x02"),
        (ADDRESS, b"\xc0\x00\x02\x00\xff\xff\xff\x00"),
    ];
    for (tag, value) in refused {
        let csr = request(&name("a b"), &[(DNS, b"good.example"), (tag, value)]);
        let shown = String::from_utf8_lossy(value);
        let (status, sentence) = status_of(sign(&ca, &csr));
        assert_eq!(status, Status::Issue, "{shown}: {sentence}");
        assert!(sentence.contains("it asks for"), "{shown}: {sentence}");
        assert!(!sentence.contains(char::is_control), "{sentence:?}");
        assert_eq!(csr.names().len(), 2, "it can still be looked at");
    }
    let accepted: [(u8, &[u8]); 12] = [
        (DNS, b"www.corp.example"),
        (DNS, b"WWW.Corp.example"),
        (DNS, b"*.corp.example"),
        (DNS, b"_sip.corp.example"),
        (DNS, b"localhost"),
        (DNS, b"xn--bcher-kva.example"),
        (EMAIL, b"a.b+c@corp.example"),
        (URI, b"https://user@corp.example:8443/x?y,z#1"),
        (URI, b"http://[2001:db8::1]:80/"),
        (URI, b"urn:host:program"),
        (URI, b"spiffe://corp.example/a"),
        (ADDRESS, &[0x20; 16]),
    ];
    for (tag, value) in accepted {
        let csr = request(&name("a b"), &[(tag, value)]);
        let site = sign(&ca, &csr).unwrap_or_else(|error| panic!("{csr:?}: {error}"));
        assert_eq!(site.certificate().names(), csr.names());
        assert_openssl_accepts(&ca, &site, "sslserver");
    }
}

#[test]
fn unsupported_name_types_are_rejected_unless_allowed() {
    let ca = ca();
    let upn = [
        oid_der("1.3.6.1.4.1.311.20.2.3"),
        tlv(0xa0, &tlv(12, b"admin@corp")),
    ]
    .concat();
    let kinds: [(u8, &[u8], &str); 5] = [
        (0xa0, &upn, "other name 1.3.6.1.4.1.311.20.2.3 admin@corp"),
        (0xa3, &tlv(0x30, b""), "unknown name 3000"),
        (0xa4, &name("Boss"), "directory CN=Boss"),
        (0xa5, &tlv(0xa1, &tlv(12, b"x")), "unknown name a1030c0178"),
        (0x88, &[0x2a, 3], "identifier 1.2.3"),
    ];
    let allowing = with(|options| options.allow_other_names = true);
    for (tag, value, shown) in kinds {
        let csr = request(&name("web1"), &[(DNS, b"web1.example"), (tag, value)]);
        assert_eq!(csr.names(), ["web1.example"]);
        assert_eq!(csr.other_names(), [shown]);
        let signed = sign_csr(&ca, &csr, None, &copying());
        match tag {
            0xa4 | 0x88 => drop(signed.unwrap()),
            _ => assert_refused(signed, &[shown, "allow_other_names"]),
        }
        let site = sign_csr(&ca, &csr, None, &allowing).unwrap();
        let der = site.certificate().der();
        assert!(der.windows(value.len()).any(|bytes| bytes == value));
        let named = names(&["web1.example"]);
        let site = sign_csr(&ca, &csr, Some(&named), &CertOptions::default()).unwrap();
        assert_eq!(site.certificate().names(), named);
        assert!(!site.certificate().text().contains(shown));
    }
    let malformed: [(u8, &[u8]); 6] = [
        (0xa0, b"\x0c\x01a"),
        (0x80, &upn),
        (0xa2, b"a.example"),
        (0x88, b"\x2a\x83"),
        (0xa9, b"\x0c\x01a"),
        (0x0c, b"a.example"),
    ];
    for (tag, value) in malformed {
        let csr = request(&name("web1"), &[(tag, value)]);
        let (status, sentence) = status_of(sign_csr(&ca, &csr, None, &allowing));
        assert_eq!(status, Status::Issue, "{sentence}");
        assert!(sentence.contains("it asks for"), "{sentence}");
        let has_reason = ["which is invalid", "does not parse"].map(|end| sentence.ends_with(end));
        assert!(has_reason.contains(&true), "{sentence}");
    }
}

#[test]
fn constraints_on_unsupported_name_types_reject_such_names() {
    let ca = openssl_ca(
        "basicConstraints=critical,CA:true\nkeyUsage=critical,keyCertSign\n\
         subjectKeyIdentifier=hash\nnameConstraints=critical,permitted;otherName:1.2.3;UTF8:x",
    );
    let allowing = with(|options| options.allow_other_names = true);
    let value = [oid_der("1.2.3"), tlv(0xa0, &tlv(12, b"y"))].concat();
    let csr = request(&name("a b"), &[(0xa0, &value)]);
    assert_refused(
        sign_csr(&ca, &csr, None, &allowing),
        &["permit only other name", "a name of that type"],
    );
    let csr = request(&name("a b"), &[(0x88, &[0x2a, 3]), (DNS, b"a.example")]);
    sign_csr(&ca, &csr, None, &allowing).unwrap();
}

#[test]
fn common_names_obey_name_constraints() {
    let ca = ca_with(|ca| ca.permitted_names = names(&["corp.example", "10.0.0.0/8"]));
    let email: (u8, &[u8]) = (EMAIL, b"a@b.example");
    let utf8 = |text: &'static str| (12, text.as_bytes());
    // Common names, an alternative name, and whether it may be issued.
    type Case<'a> = (&'a [(u8, &'a [u8])], &'a [(u8, &'a [u8])], bool);
    let cases: [Case<'_>; 26] = [
        (&[utf8("bank.com")], &[email], false),
        (&[utf8("bank.com.")], &[email], false),
        (&[utf8(" bank.com")], &[email], false),
        (&[utf8("*.bank.com")], &[email], false),
        (&[utf8("w*.bank.com")], &[], false),
        (
            &[utf8("ok.corp.example"), utf8("bank.com")],
            &[email],
            false,
        ),
        (&[utf8("bank.com"), utf8("ok.corp.example")], &[], false),
        (&[utf8("localhost")], &[email], false),
        (&[utf8("localhost")], &[], false),
        (&[utf8("BANK.COM")], &[], false),
        (&[(19, b"bank.com")], &[], false),
        (&[(30, b"\0b\0a\0n\0k\0.\0c\0o\0m")], &[], false),
        (&[(20, b"bank.com")], &[], false),
        (&[utf8("b\u{e4}nk.com")], &[], false),
        (&[utf8("192.0.2.1")], &[email], false),
        (&[utf8("10.1.2.3")], &[(ADDRESS, &[10, 1, 2, 3])], false),
        (&[utf8("2001:db8::1")], &[email], false),
        (&[utf8("bank.com")], &[(DNS, b"ok.corp.example")], false),
        (&[utf8("192.0.2.1")], &[(DNS, b"ok.corp.example")], false),
        (&[utf8("10.1.2.3")], &[(DNS, b"ok.corp.example")], true),
        (&[utf8("web1")], &[(DNS, b"web1.corp.example")], true),
        (&[utf8("ok.corp.example")], &[], true),
        (&[utf8("*.corp.example")], &[email], true),
        (&[utf8("Alice B. Example")], &[email], true),
        (&[utf8("Alice: a person")], &[email], true),
        (&[], &[(ADDRESS, &[10, 1, 2, 3])], true),
    ];
    for (subject, alternative, is_good) in cases {
        let csr = request(&common_names(subject), alternative);
        let case = format!("{} for {:?}", csr.subject(), csr.names());
        let signed = sign(&ca, &csr);
        assert_eq!(signed.is_ok(), is_good, "{case}: {signed:?}");
        match signed {
            Ok(site) => assert_openssl_accepts(&ca, &site, "sslserver"),
            Err(error) => assert_eq!(error.status(), Status::Issue, "{case}: {error}"),
        }
    }
    let issued = issue_cert(
        &ca,
        &names(&["ok.corp.example"]),
        &with(|options| options.common_name = Some("bank.com".to_owned())),
    );
    assert_refused(issued, &["permit only corp.example", "'bank.com'"]);
}

#[test]
fn email_addresses_in_subjects_obey_name_constraints() {
    let ca = ca_with(|ca| ca.permitted_names = names(&["@corp.example"]));
    for (subject, is_good) in [
        ("/CN=A B/emailAddress=a@corp.example", true),
        ("/CN=A B/emailAddress=a@bank.com", false),
        (
            "/CN=A B/emailAddress=a@corp.example/emailAddress=a@bank.com",
            false,
        ),
        ("/CN=a@bank.com", false),
    ] {
        let csr = openssl_request(&["-newkey", "ed25519", "-subj", subject]);
        let signed = sign(&ca, &csr);
        assert_eq!(signed.is_ok(), is_good, "{subject}: {signed:?}");
        if let Ok(site) = signed {
            assert_openssl_accepts(&ca, &site, "sslserver");
        }
    }
}

#[test]
fn deceptive_subjects_are_rejected() {
    let ca = ca();
    let long = "a".repeat(65);
    let subjects = [
        common_names(&[(12, b"bank.com\0.corp.example")]),
        common_names(&[(12, b"a\nb")]),
        common_names(&[(30, b"\0a\0\x1b\0b")]),
        common_names(&[(12, b"a"), (12, b"b\x7f")]),
        common_names(&[(12, b"\xff\xfe")]),
        common_names(&[(30, b"odd")]),
        common_names(&[(2, b"\x01")]),
        common_names(&[(12, long.as_bytes())]),
    ];
    for subject in subjects {
        let csr = request(&subject, &[(DNS, b"a.example")]);
        assert_refused(sign(&ca, &csr), &["in its subject"]);
        let own = with(|options| options.subject = Some("O=Example".to_owned()));
        let site = sign_csr(&ca, &csr, None, &own).unwrap();
        assert_eq!(site.certificate().subject(), "O=Example");
    }
}

#[test]
fn intermediate_obeys_the_name_constraints_of_its_root() {
    let root = ca_with(|ca| {
        ca.permitted_names = names(&["corp.example"]);
        ca.path_len = Some(2);
    });
    let below = |ca: &Identity, path_len| {
        let options = with(|options| {
            options.ca = true;
            options.path_len = path_len;
        });
        issue_cert(ca, &[], &options).unwrap()
    };
    let first = below(&root, Some(1));
    let second = below(&first, None);
    for (ca, length) in [(&root, 1), (&first, 2), (&second, 3)] {
        let site = issue_cert(ca, &names(&["a.corp.example"]), &CertOptions::default()).unwrap();
        assert_eq!(site.chain().len(), length, "the root is not presented");
        assert_openssl_accepts(&root, &site, "sslserver");
        let refused = issue_cert(ca, &names(&["bank.com"]), &CertOptions::default());
        assert_refused(refused, &["'CN=tlsmith CA'", "permit only corp.example"]);
        let csr = request(&name("a b"), &[(DNS, b"bank.com")]);
        assert_refused(sign(ca, &csr), &["'CN=tlsmith CA'", "'bank.com'"]);
    }
    let csr = openssl_request(&[
        "-newkey",
        "ed25519",
        "-subj",
        "/CN=Middle",
        "-addext",
        "basicConstraints=critical,CA:TRUE",
    ]);
    let middle = sign_csr(&first, &csr, None, &with(|options| options.ca = true)).unwrap();
    assert_eq!(middle.chain().len(), 2);
}

#[test]
fn copied_extensions_never_exceed_what_the_signer_permits() {
    let root = ca();
    let as_ca = CertOptions {
        ca: true,
        ..copying()
    };
    let cases = [
        (
            "extendedKeyUsage=serverAuth,OCSPSigning",
            copying(),
            "OCSPSigning",
        ),
        (
            "extendedKeyUsage=critical,OCSPSigning",
            as_ca.clone(),
            "OCSPSigning",
        ),
        (
            "extendedKeyUsage=anyExtendedKeyUsage",
            copying(),
            "anyExtendedKeyUsage",
        ),
        (
            "2.5.29.37=DER:3000ff",
            copying(),
            "extended key usage does not parse",
        ),
        (
            "keyUsage=digitalSignature,keyCertSign",
            copying(),
            "keyCertSign",
        ),
        ("keyUsage=digitalSignature,cRLSign", copying(), "cRLSign"),
        ("basicConstraints=CA:TRUE", copying(), "asks to be a CA"),
        (
            "basicConstraints=critical,CA:TRUE",
            copying(),
            "asks to be a CA",
        ),
        (
            "nameConstraints=permitted;DNS:bank.com",
            copying(),
            "name constraints",
        ),
        (
            "nameConstraints=permitted;DNS:bank.com",
            as_ca,
            "name constraints",
        ),
        ("nsCertType=server,sslCA", copying(), "Netscape"),
        ("nsCertType=objCA", copying(), "Netscape"),
    ];
    for (line, options, part) in cases {
        let csr = openssl_request(&["-newkey", "ed25519", "-subj", "/CN=a", "-addext", line]);
        assert_refused(
            sign_csr(&root, &csr, Some(&names(&["a.example"])), &options),
            &[part],
        );
        if !part.contains("to be a CA") {
            let plain = sign_csr(
                &root,
                &csr,
                Some(&names(&["a.example"])),
                &CertOptions::default(),
            );
            let plain = plain.unwrap_or_else(|error| panic!("{line}: {error}"));
            let certificate = plain.certificate();
            assert!(!certificate.is_ca());
            assert_eq!(certificate.key_usage(), ["digitalSignature"]);
            assert_eq!(certificate.extended_key_usage(), ["serverAuth"]);
        }
    }
}

#[test]
fn directory_names_match_in_any_case_and_string_type() {
    let excluding = openssl_ca(
        "basicConstraints=critical,CA:true\nkeyUsage=critical,keyCertSign\n\
         subjectKeyIdentifier=hash\nnameConstraints=critical,excluded;dirName:dir",
    );
    let permitting = openssl_ca(
        "basicConstraints=critical,CA:true\nkeyUsage=critical,keyCertSign\n\
         subjectKeyIdentifier=hash\nnameConstraints=critical,permitted;dirName:dir",
    );
    let organization = |tag: u8, value: &[u8]| {
        let attribute = [oid_der("2.5.4.10"), tlv(tag, value)].concat();
        tlv(0x30, &tlv(0x31, &tlv(0x30, &attribute)))
    };
    let same: [(u8, &[u8]); 7] = [
        (12, b"Example"),
        (12, b"EXAMPLE"),
        (19, b"Example"),
        (19, b"eXample"),
        (20, b"Example"),
        (12, b"  Example "),
        (30, b"\0E\0X\0A\0M\0P\0L\0E"),
    ];
    for (tag, value) in same {
        let csr = request(&organization(tag, value), &[(DNS, b"a.example")]);
        assert_refused(sign(&excluding, &csr), &["exclude directory O=Example"]);
        let site = sign(&permitting, &csr).unwrap();
        assert_openssl_accepts(&permitting, &site, "sslserver");
        let directory = organization(tag, value);
        let csr = request(&name("a b"), &[(DNS, b"a.example"), (0xa4, &directory)]);
        let allowing = with(|options| options.allow_other_names = true);
        let signed = sign_csr(&excluding, &csr, None, &allowing);
        assert_refused(signed, &["exclude directory O=Example"]);
    }
    let csr = request(&organization(12, b"Exam ple"), &[(DNS, b"a.example")]);
    sign(&excluding, &csr).unwrap();
    assert_refused(
        sign(&permitting, &csr),
        &["permit only directory O=Example"],
    );
}

#[test]
fn certificate_for_an_address_alone_has_no_common_name() {
    let ca = ca_with(|ca| ca.permitted_names = names(&["example.test", "127.0.0.0/8"]));
    for (list, subject) in [
        (names(&["127.0.0.1"]), ""),
        (names(&["127.0.0.1", "127.0.0.2"]), ""),
        (names(&["127.0.0.1", "a.example.test"]), "CN=a.example.test"),
        (names(&["https://a/", "a@b.example"]), "CN=a@b.example"),
    ] {
        let site = issue_cert(&ca, &list, &CertOptions::default()).unwrap();
        let certificate = site.certificate();
        assert_eq!(
            (certificate.subject(), certificate.names()),
            (subject, &list[..])
        );
        let is_critical = certificate.text().contains("Alternative names (critical)");
        assert_eq!(is_critical, subject.is_empty());
        assert_openssl_accepts(&ca, &site, "sslserver");
        let csr = gen_csr(&list, &CertOptions::default()).unwrap();
        let site = sign(&ca, &csr).unwrap();
        assert_eq!(site.certificate().subject(), subject);
        assert_openssl_accepts(&ca, &site, "sslserver");
    }
    let csr = openssl_request(&[
        "-newkey",
        "ed25519",
        "-subj",
        "/",
        "-addext",
        "subjectAltName=IP:127.0.0.1",
    ]);
    let site = sign(&ca, &csr).unwrap();
    let text = site.certificate().text();
    assert!(text.contains("Alternative names (critical)"), "{text}");
    assert_openssl_accepts(&ca, &site, "sslserver");
    let own = self_signed(&names(&["127.0.0.1"]), &CertOptions::default()).unwrap();
    assert_eq!(
        own.certificate().subject(),
        "O=tlsmith self-signed certificate"
    );
    let options = with(|options| options.ca = true);
    let middle = issue_cert(&ca, &names(&["127.0.0.1"]), &options).unwrap();
    assert_eq!(middle.certificate().subject(), "CN=tlsmith intermediate CA");
}
