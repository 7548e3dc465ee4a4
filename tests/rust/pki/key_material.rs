//! Private keys whose secret part is known, in every form that people damage a key to, and
//! a search for parts of them in a text.

use std::collections::HashSet;

use base64ct::{Base64, Base64UrlUnpadded, Encoding};
use tlsmith::{KeyType, PrivateKey};

use crate::der_builder::{sequence, tlv};

/// A private key whose secret part is known.
pub struct Secret {
    label: &'static str,
    der: Vec<u8>,
    /// What must not appear in any text.
    bytes: Vec<u8>,
}

pub fn secrets() -> Vec<Secret> {
    let mut random = fastrand::Rng::with_seed(17);
    let mut seed = || (0..32).map(|_| random.u8(..)).collect::<Vec<_>>();
    let (edwards, scalar, traditional) = (seed(), seed(), seed());
    let version = |number: u8| tlv(2, &[number]);
    let ed25519 = sequence(&[
        version(0),
        sequence(&[tlv(6, &[0x2b, 0x65, 0x70])]),
        tlv(4, &tlv(4, &edwards)),
    ]);
    let curve = tlv(6, &[0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7]);
    let ec = tlv(6, &[0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1]);
    let sec1 = |key: &[u8], curve: Vec<u8>| sequence(&[version(1), tlv(4, key), curve]);
    let pkcs8 = sequence(&[
        version(0),
        sequence(&[ec, curve.clone()]),
        tlv(4, &sec1(&scalar, vec![])),
    ]);
    let rsa = PrivateKey::generate(KeyType::Rsa2048)
        .unwrap()
        .to_pkcs8_der();
    vec![
        Secret {
            label: "PRIVATE KEY",
            der: ed25519,
            bytes: edwards,
        },
        Secret {
            label: "PRIVATE KEY",
            der: pkcs8,
            bytes: scalar,
        },
        Secret {
            label: "EC PRIVATE KEY",
            der: sec1(&traditional, tlv(0xa0, &curve)),
            bytes: traditional,
        },
        Secret {
            label: "PRIVATE KEY",
            // A part of what is secret: the primes and the exponents are at the end.
            bytes: rsa[rsa.len() - 300..][..48].to_vec(),
            der: rsa.to_vec(),
        },
    ]
}

impl Secret {
    fn base64(&self) -> String {
        Base64::encode_string(&self.der)
    }

    pub fn pem(&self) -> String {
        let body = self.base64();
        let lines: Vec<_> = body
            .as_bytes()
            .chunks(64)
            .map(String::from_utf8_lossy)
            .collect();
        let (label, lines) = (self.label, lines.join("\n"));
        format!("-----BEGIN {label}-----\n{lines}\n-----END {label}-----\n")
    }

    /// The key as people damage it.
    pub fn shapes(&self) -> Vec<(&'static str, Vec<u8>)> {
        let pem = self.pem();
        let trimmed = pem.trim();
        let utf16 = |text: &str| {
            text.encode_utf16()
                .flat_map(u16::to_le_bytes)
                .collect::<Vec<_>>()
        };
        let hex: String = self.der.iter().map(|byte| format!("{byte:02x}")).collect();
        let texts = [
            ("escaped", trimmed.replace('\n', "\\n")),
            ("carriage returns", pem.replace('\n', "\r")),
            ("carriage returns, trimmed", trimmed.replace('\n', "\r")),
            ("spaces", trimmed.replace('\n', " ")),
            ("joined", pem.replace('\n', "")),
            ("quoted", format!("\"{}\"", trimmed.replace('\n', "\\n"))),
            ("apostrophes", format!("'{trimmed}'")),
            (
                "JSON",
                format!("{{\"key\": \"{}\"}}", trimmed.replace('\n', "\\n")),
            ),
            (
                "YAML",
                format!("key: |\n  {}", trimmed.replace('\n', "\n  ")),
            ),
            (
                "label with the key",
                pem.replacen("-----\n", &format!("{}-----\n", self.base64()), 1),
            ),
            (
                "END without BEGIN",
                pem.split_once('\n').unwrap().1.to_owned(),
            ),
            ("BEGIN without END", pem[..pem.len() - 10].to_owned()),
            ("half", pem[..pem.len() / 2].to_owned()),
            ("other labels", pem.replace("PRIVATE KEY", "CERTIFICATE")),
            (
                "request labels",
                pem.replace(self.label, "CERTIFICATE REQUEST"),
            ),
            ("CRL labels", pem.replace(self.label, "X509 CRL")),
            (
                "encrypted labels",
                pem.replace(self.label, "ENCRYPTED PRIVATE KEY"),
            ),
            (
                "unknown labels",
                pem.replace(self.label, "OPENSSH PRIVATE KEY"),
            ),
            ("no base64", pem.replacen("M", "*M", 2)),
            (
                "header",
                pem.replacen("\n", "\nProc-Type: 4,ENCRYPTED\n", 1),
            ),
            (
                "headers of an encrypted key",
                pem.replacen(
                    "\n",
                    "\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00112233445566778899AABBCCDDEEFF\n\n",
                    1,
                ),
            ),
            (
                "header with the key",
                pem.replacen(
                    "\n",
                    &format!("\nProc-Type: 4,ENCRYPTED\nDEK-Info: {}\n\n", self.base64()),
                    1,
                ),
            ),
            (
                "cipher with the key",
                pem.replacen(
                    "\n",
                    &format!("\nProc-Type: 4,ENCRYPTED\nDEK-Info: {},00\n\n", self.base64()),
                    1,
                ),
            ),
            ("twice without a newline", pem.trim_end().repeat(2)),
            ("bundle labels", pem.replace(self.label, "PKCS7")),
            (
                "trusted labels",
                pem.replace(self.label, "TRUSTED CERTIFICATE"),
            ),
            ("public labels", pem.replace(self.label, "PUBLIC KEY")),
            ("garbage in front", format!("garbage {pem}")),
            ("base64", self.base64()),
            ("base64 without padding", self.base64().replace('=', "")),
            ("secret in base64", Base64::encode_string(&self.bytes)),
            (
                "secret in URL-safe base64",
                Base64UrlUnpadded::encode_string(&self.bytes),
            ),
            (
                "secret in hex",
                self.bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
            ),
            ("first line", pem.lines().nth(1).unwrap().to_owned()),
            ("hex", hex.clone()),
            ("capital hex", hex.to_uppercase()),
            ("intact", pem.clone()),
        ];
        let mut all: Vec<_> = texts.map(|(what, text)| (what, text.into_bytes())).into();
        let mut longer = self.der.clone();
        longer.extend([0, 0]);
        all.extend([
            ("DER", self.der.clone()),
            ("DER in DER", tlv(0x30, &self.der)),
            ("longer DER", longer),
            ("half DER", self.der[..self.der.len() - 3].to_vec()),
            ("secret bytes", self.bytes.clone()),
            (
                "indefinite length",
                [&[0x30, 0x80][..], &self.der, &[0, 0]].concat(),
            ),
            (
                "in pieces",
                [&[0x24, 0x80][..], &tlv(4, &self.der), &[0, 0]].concat(),
            ),
            (
                "PKCS#7",
                sequence(&[
                    tlv(6, &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 2]),
                    self.der.clone(),
                ]),
            ),
            (
                "PKCS#12",
                sequence(&[tlv(2, &[3]), sequence(std::slice::from_ref(&self.der))]),
            ),
            (
                "encrypted",
                sequence(&[
                    sequence(&[tlv(6, &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 5, 3])]),
                    tlv(4, &self.der),
                ]),
            ),
            (
                "encrypted with an algorithm that is the key",
                sequence(&[sequence(&[tlv(6, &self.bytes)]), tlv(4, &self.der)]),
            ),
            ("UTF-16", utf16(&pem)),
            (
                "byte order mark",
                [b"\xff\xfe".to_vec(), utf16(&pem)].concat(),
            ),
            ("NULs", pem.bytes().flat_map(|byte| [byte, 0]).collect()),
        ]);
        all
    }

    /// Finds what a text holds of the secret.
    pub fn finder(&self) -> Finder {
        Finder::new(&self.bytes)
    }
}

/// Finds eight bytes in a row of a secret in a text, in whatever encoding.
pub struct Finder(HashSet<[u8; PART]>);

const PART: usize = 8;

impl Finder {
    pub fn new(secret: &[u8]) -> Self {
        let parts = secret.windows(PART);
        Self(parts.filter_map(|part| part.try_into().ok()).collect())
    }

    /// The encoding in which the text holds a part of the secret.
    pub fn find(&self, text: &str) -> Option<&'static str> {
        let latin = |text: &str| -> Vec<u8> {
            text.chars()
                .map(|c| u8::try_from(u32::from(c)).unwrap_or_default())
                .collect()
        };
        let unescaped = unescaped(text);
        let ways: [(&str, Vec<Vec<u8>>); 5] = [
            ("bytes", vec![text.as_bytes().to_vec(), latin(text)]),
            (
                "escapes",
                vec![unescaped.as_bytes().to_vec(), latin(&unescaped)],
            ),
            ("hex", from_hex(text)),
            (
                "Base64",
                [text, &unescaped]
                    .into_iter()
                    .flat_map(from_base64)
                    .collect(),
            ),
            ("numbers", vec![from_numbers(text)]),
        ];
        let holds = |bytes: &Vec<u8>| bytes.windows(PART).any(|part| self.0.contains(part));
        let mut ways = ways.into_iter();
        ways.find(|(_, all)| all.iter().any(holds))
            .map(|(way, _)| way)
    }
}

/// A text without escapes: those of Rust, C and Python, of URLs and of RFC 4514.
fn unescaped(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    let number = |digits: &str| {
        u32::from_str_radix(digits, 16)
            .ok()
            .and_then(char::from_u32)
    };
    while let Some(first) = rest.chars().next() {
        let escaped = match rest.as_bytes() {
            [b'%', ..] => rest.get(1..3).and_then(number).map(|c| (c, 3)),
            [b'\\', b'x', ..] => rest.get(2..4).and_then(number).map(|c| (c, 4)),
            [b'\\', b'u', b'{', ..] => rest.find('}').and_then(|end| {
                let digits = rest.get(3..end)?;
                number(digits).map(|c| (c, end + 1))
            }),
            [b'\\', b'n', ..] => Some(('\n', 2)),
            [b'\\', b'r', ..] => Some(('\r', 2)),
            [b'\\', b't', ..] => Some(('\t', 2)),
            [b'\\', mark, ..] if b"\\'\"".contains(mark) => Some((char::from(*mark), 2)),
            [b'\\', ..] => rest.get(1..3).and_then(number).map(|c| (c, 3)),
            _ => None,
        };
        let (character, length) = escaped.unwrap_or((first, first.len_utf8()));
        plain.push(character);
        rest = &rest[length..];
    }
    plain
}

/// All that the hex digits of a text can stand for, with whatever separates the bytes.
fn from_hex(text: &str) -> Vec<Vec<u8>> {
    let digits: Vec<u8> = text
        .replace("0x", "")
        .replace("\\x", "")
        .chars()
        .filter(|c| !" :,-%\\".contains(*c))
        // What is no digit keeps those around it apart.
        .map(|c| c.to_digit(16).map_or(u8::MAX, |digit| digit as u8))
        .collect();
    let decode = |start: usize| {
        let runs = digits.get(start..).unwrap_or_default().chunks_exact(2);
        runs.map(|pair| pair[0].wrapping_mul(16) | pair[1])
            .collect()
    };
    [0, 1].map(decode).into()
}

/// All that the digits of Base64 in a text can stand for, wherever a group of four begins.
fn from_base64(text: &str) -> Vec<Vec<u8>> {
    let value = |byte: u8| match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' | b'-' => Some(62),
        b'/' | b'_' => Some(63),
        _ => None,
    };
    let mut decoded = Vec::new();
    for run in text.as_bytes().split(|&byte| value(byte).is_none()) {
        let bits: Vec<u8> = run
            .iter()
            .filter_map(|&byte| value(byte))
            .flat_map(|six| (0..6).rev().map(move |place| six >> place & 1))
            .collect();
        // A byte can begin at every even bit.
        for start in [0, 2, 4, 6] {
            let bytes = bits.get(start..).unwrap_or_default().chunks_exact(8);
            let byte = |bits: &[u8]| bits.iter().fold(0, |byte, bit| byte << 1 | bit);
            decoded.push(bytes.map(byte).collect());
        }
    }
    decoded
}

/// The bytes that a list of decimal numbers stands for.
fn from_numbers(text: &str) -> Vec<u8> {
    let numbers = text.split(|c: char| !c.is_ascii_digit());
    numbers.filter_map(|number| number.parse().ok()).collect()
}

#[test]
fn finder_finds_eight_bytes_in_every_encoding_but_not_seven() {
    let secret: Vec<u8> = (0..40)
        .map(|n: u8| n.wrapping_mul(167).wrapping_add(131))
        .collect();
    let finder = Finder::new(&secret);
    let written = |part: &[u8]| {
        let list = |format: fn(&u8) -> String, between: &str| {
            part.iter().map(format).collect::<Vec<_>>().join(between)
        };
        let mut all = vec![
            part.iter().map(|&byte| char::from(byte)).collect(),
            part.escape_ascii().to_string(),
            part.iter()
                .map(|&byte| char::from(byte))
                .flat_map(char::escape_debug)
                .collect(),
            part.iter()
                .map(|&byte| char::from(byte))
                .flat_map(char::escape_unicode)
                .collect(),
            list(|byte| format!("\\{byte:02x}"), ""),
            list(|byte| format!("%{byte:02X}"), ""),
            list(|byte| format!("{byte}"), ", "),
            list(|byte| format!("0x{byte:02x}"), ", "),
            format!("{part:?}"),
            format!("{part:02x?}"),
        ];
        for between in ["", ":", " ", ", ", "-"] {
            all.push(list(|byte| format!("{byte:02x}"), between));
            all.push(list(|byte| format!("{byte:02X}"), between));
        }
        for before in [&[][..], &[0], &[0, 0]] {
            let base64 = Base64::encode_string(&[before, part, &[0]].concat());
            all.push(base64.replace('+', "-").replace('/', "_"));
            all.push(base64);
        }
        all
    };
    for start in 0..=secret.len() - PART {
        for text in written(&secret[start..start + PART]) {
            let around = format!("cannot read '{text}': no such file");
            assert!(finder.find(&around).is_some(), "{text}");
        }
        for text in written(&secret[start..start + PART - 1]) {
            assert_eq!(finder.find(&text), None, "{text}");
        }
    }
    for plain in [
        "",
        "the certificate is expired",
        "/etc/ssl/certs/0a1b2c3d.0",
    ] {
        assert_eq!(finder.find(plain), None);
    }
}
