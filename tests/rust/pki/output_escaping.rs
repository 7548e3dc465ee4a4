//! Text from certificates cannot forge the output around it.

use tlsmith::text::{is_plain, one_line};

use super::*;
use crate::der_builder::{Odd, attribute, extension, name, sequence, tlv};

/// What Python's splitlines() takes for the end of a line.
fn lines(text: &str) -> usize {
    const BREAKS: &str = "\n\r\u{b}\u{c}\u{1c}\u{1d}\u{1e}\u{85}\u{2028}\u{2029}";
    text.matches(|character| BREAKS.contains(character)).count()
}

/// Every character of the BMP, and some from behind it, in pieces.
fn pieces() -> Vec<String> {
    let all = (0..=0xffff)
        .chain(0x1_f600..0x1_f640)
        .chain(0xe_0000..0xe_0200);
    let all: Vec<char> = all.filter_map(char::from_u32).collect();
    all.chunks(64).map(|piece| piece.iter().collect()).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A subject whose common name is this text, whatever it is.
fn subject(text: &str) -> String {
    format!("CN=#{}", hex(&tlv(0x0c, text.as_bytes())))
}

/// A certificate that repeats a text wherever it can.
fn repeating(text: &str) -> Certificate {
    let common_name = name(0x0c, text.as_bytes());
    let directory = tlv(0xa4, &common_name);
    let other = tlv(0x82, text.as_bytes());
    let names = sequence(&[directory.clone(), other.clone()]);
    let policy = sequence(&[
        tlv(0x06, &[0x2a, 3]),
        sequence(&[sequence(&[
            tlv(0x06, &[0x2b, 6, 1, 5, 5, 7, 2, 1]),
            tlv(0x16, text.as_bytes()),
        ])]),
    ]);
    let limits = tlv(0xa0, &[sequence(&[directory]), sequence(&[other])].concat());
    let odd = Odd {
        issuer: common_name,
        subject: sequence(&[
            attribute(&[0x2a, 3], 0x0c, text.as_bytes()),
            attribute(&[0x55, 4, 10], 0x0c, text.as_bytes()),
        ]),
        extensions: Some(vec![
            extension(&[0x55, 0x1d, 0x11], None, &names),
            extension(&[0x55, 0x1d, 0x12], None, &names),
            extension(&[0x55, 0x1d, 0x1e], None, &sequence(&[limits])),
            extension(&[0x55, 0x1d, 0x20], None, &sequence(&[policy])),
            extension(
                &[0x60, 0x86, 0x48, 1, 0x86, 0xf8, 0x42, 1, 0x0d],
                None,
                &tlv(0x16, text.as_bytes()),
            ),
        ]),
        ..Odd::new()
    };
    Certificate::from_der(odd.der()).unwrap()
}

#[track_caller]
fn assert_harmless(shown: &str, source: &str) {
    let bad = shown.chars().find(|c| *c != '\n' && !is_plain(*c));
    assert_eq!(bad, None, "of {}", one_line(source));
}

#[test]
fn certificate_text_keeps_every_value_on_its_line() {
    let expected = lines(repeating("harmless").text());
    for piece in pieces() {
        let certificate = repeating(&piece);
        assert_eq!(lines(certificate.text()), expected, "{}", one_line(&piece));
        assert_harmless(certificate.text(), &piece);
        for text in [certificate.subject(), certificate.issuer()] {
            assert_eq!(lines(text), 0);
            assert_harmless(text, &piece);
        }
        for text in certificate
            .names()
            .iter()
            .chain(certificate.name_constraints().iter())
        {
            assert_harmless(text, &piece);
        }
        assert_harmless(&format!("{certificate:?}"), &piece);
    }
}

#[test]
fn request_and_crl_text_keeps_every_value_on_its_line() {
    let key = PrivateKey::generate(KeyType::EcdsaP256).unwrap();
    let make = |text: &str| {
        let options = CertOptions {
            subject: Some(subject(text)),
            key: Some(key.clone()),
            ..CertOptions::default()
        };
        let csr = gen_csr(&[], &options).unwrap();
        let crl = gen_crl(&gen_ca(&options).unwrap(), &[], &CrlOptions::default()).unwrap();
        (csr, crl)
    };
    let (csr, crl) = make("harmless");
    let expected = (lines(csr.text()), lines(crl.text()));
    for piece in pieces()
        .iter()
        .step_by(8)
        .chain(&["\u{2028}\u{85}\u{61c}\u{1b}[2J".to_owned()])
    {
        let (csr, crl) = make(piece);
        assert_eq!(
            (lines(csr.text()), lines(crl.text())),
            expected,
            "{}",
            one_line(piece)
        );
        for text in [csr.text(), csr.subject(), crl.text(), crl.issuer()] {
            assert_harmless(text, piece);
        }
        assert_harmless(&format!("{csr:?}{crl:?}"), piece);
    }
}

#[test]
fn errors_stay_on_one_line_whatever_they_quote() {
    let folder = TempDir::new().unwrap();
    for evil in [
        "a\u{2028}Issuer: x",
        "a\nb",
        "a\u{1b}[31m",
        "a\u{202e}b",
        "a\u{feff}\u{ad}b",
        "a\u{85}b",
    ] {
        let path = folder.path().join(evil);
        fs::write(&path, "nothing").unwrap();
        let missing = folder.path().join(format!("{evil}/missing"));
        let issuer = gen_ca(&CertOptions {
            subject: Some(subject(evil)),
            permitted_names: names(&["b.example"]),
            ..CertOptions::default()
        });
        let issuer = issuer.unwrap();
        let errors = [
            Identity::load(&path, None).err(),
            Identity::load(&missing, None).err(),
            Crl::load_all(&path).err(),
            Csr::load(&path).err(),
            self_signed(&names(&[evil]), &CertOptions::default()).err(),
            evil.parse::<KeyType>().err(),
            evil.parse::<RevocationReason>().err(),
            Context::new().set_ciphers(&[evil]).err(),
            Context::new()
                .verify(issuer.chain(), Some(evil), None, None)
                .err(),
            Context::new()
                .verify(issuer.chain(), None, None, None)
                .err(),
            issue_cert(&issuer, &names(&["a.example"]), &CertOptions::default()).err(),
        ];
        let errors: Vec<_> = errors.into_iter().flatten().collect();
        assert!(errors.len() > 8, "{errors:?}");
        for sentence in errors.iter().map(ToString::to_string) {
            assert_eq!(lines(&sentence), 0, "{sentence}");
            assert_harmless(&sentence, evil);
        }
    }
}
