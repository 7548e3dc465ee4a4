//! No message holds a part of a private key, in whatever shape it is given, and
//! wherever it is given in place of something else.

use super::*;

use crate::odd::{sequence, tlv};
use base64ct::{Base64, Encoding};
use std::error::Error as _;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

/// A private key whose secret part is known.
struct Secret {
    label: &'static str,
    der: Vec<u8>,
    /// What must not come back.
    bytes: Vec<u8>,
}

fn secrets() -> Vec<Secret> {
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

    fn pem(&self) -> String {
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
    fn shapes(&self) -> Vec<(&'static str, Vec<u8>)> {
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

    /// Every way of writing eight bytes of the secret.
    fn traces(&self) -> Vec<String> {
        let mut traces = Vec::new();
        let joined = |eight: &[u8], format: fn(&u8) -> String, between: &str| {
            eight.iter().map(format).collect::<Vec<_>>().join(between)
        };
        for eight in self.bytes.windows(8) {
            for between in ["", ":", " ", ", "] {
                traces.push(joined(eight, |byte| format!("{byte:02x}"), between));
                traces.push(joined(eight, |byte| format!("{byte:02X}"), between));
            }
            traces.push(joined(eight, |byte| format!("%{byte:02X}"), ""));
            traces.push(joined(eight, |byte| format!("\\x{byte:02x}"), ""));
            traces.push(joined(eight, |byte| format!("{byte}"), ", "));
            traces.push(eight.iter().map(|&byte| char::from(byte)).collect());
            traces.push(eight.escape_ascii().to_string());
        }
        // Eleven digits of base64 are eight bytes.
        let start = self
            .der
            .windows(self.bytes.len())
            .position(|part| part == self.bytes);
        let start = start.unwrap() * 4 / 3;
        let body = self.base64();
        let digits: Vec<char> = body[start..].trim_end_matches('=').chars().collect();
        traces.extend(digits.windows(11).map(|eleven| eleven.iter().collect()));
        traces
    }

    #[track_caller]
    fn assert_absent(&self, error: &tlsmith::Error, traces: &[String], what: &str) {
        let mut texts = vec![error.to_string(), format!("{error:?}")];
        let mut cause = error.source();
        while let Some(error) = cause {
            texts.extend([error.to_string(), format!("{error:?}")]);
            cause = error.source();
        }
        for text in texts {
            let found = traces.iter().find(|trace| text.contains(trace.as_str()));
            assert_eq!(found, None, "{what}: {text}");
        }
    }
}

/// All that loads something, with the content itself.
fn load(content: &[u8], folder: &TempDir) -> Vec<tlsmith::Error> {
    let file = write(folder, "content", content);
    let cert = self_signed(&names(&["a.example"]), &CertOptions::default()).unwrap();
    let cert = cert.cert_pem().as_bytes();
    let cert_file = write(folder, "cert.pem", cert);
    let context = Context::new;
    let text = String::from_utf8_lossy(content);
    let errors = [
        PrivateKey::from_pem(content).err(),
        PrivateKey::from_der(content).err(),
        PrivateKey::from_bytes(content, None).err(),
        PrivateKey::from_bytes(content, Some("wrong")).err(),
        PrivateKey::from_encrypted_pem(content, "wrong").err(),
        PrivateKey::from_encrypted_der(content, "wrong").err(),
        PrivateKey::from_bytes(content, Some(&*text)).err(),
        Identity::load(&file, None).err(),
        Identity::load(&cert_file, Some(&file)).err(),
        Identity::load_encrypted(&cert_file, Some(&file), "wrong").err(),
        Identity::load_chain(&file).err(),
        Identity::load_pkcs12(&file, "wrong").err(),
        Identity::load_pkcs12(&file, &*text).err(),
        Identity::from_bytes(content, None, None).err(),
        Identity::from_bytes(cert, Some(content), None).err(),
        Identity::from_pkcs12(content, "wrong").err(),
        Certificate::from_der(content).err(),
        Certificate::all_from_bytes(content).err(),
        Certificate::all_from_pem(content).err(),
        Csr::from_bytes(content).err(),
        Csr::from_pem(content).err(),
        Csr::from_der(content).err(),
        Csr::load(&file).err(),
        Crl::all_from_bytes(content).err(),
        Crl::from_der(content).err(),
        Crl::load_all(&file).err(),
        context().add_roots(&file).err(),
        context().add_crls(&file).err(),
    ];
    errors.into_iter().flatten().collect()
}

/// All that takes a path or a value, with the content in its place.
fn misplace(content: &[u8], folder: &TempDir) -> Vec<tlsmith::Error> {
    let text = String::from_utf8_lossy(content).into_owned();
    let path = Path::new(OsStr::from_bytes(content));
    let cert = self_signed(&names(&["a.example"]), &CertOptions::default()).unwrap();
    let cert_file = write(folder, "cert.pem", cert.cert_pem());
    let ca = gen_ca(&CertOptions::default()).unwrap();
    let context = Context::new;
    let options = |change: fn(&mut CertOptions, String)| {
        let mut options = CertOptions::default();
        change(&mut options, text.clone());
        issue_cert(&ca, &names(&["a.example"]), &options).err()
    };
    let errors = [
        Identity::load(path, None).err(),
        Identity::load(&cert_file, Some(path)).err(),
        Identity::load_encrypted(path, Some(path), &text).err(),
        Identity::load_chain(path).err(),
        Identity::load_pkcs12(path, &text).err(),
        Csr::load(path).err(),
        Crl::load_all(path).err(),
        context().add_roots(path).err(),
        context().add_crls(path).err(),
        cert.save(Some(&path.join("x")), None).err(),
        cert.certificate().save(&path.join("x")).err(),
        context().set_ciphers(&[&text]).err(),
        context().set_groups(&[&text]).err(),
        context().add_pin(&text).err(),
        context()
            .verify(cert.chain(), Some(&text), None, None)
            .err(),
        text.parse::<KeyType>().err(),
        text.parse::<Revoked>().err(),
        text.parse::<RevocationReason>().err(),
        split_names(&text).err(),
        self_signed(&names(&[&text]), &CertOptions::default()).err(),
        options(|options, text| options.subject = Some(text)),
        options(|options, text| options.subject = Some(format!("CN={text}"))),
        options(|options, text| options.subject = Some(format!("CN=#{text}"))),
        options(|options, text| options.subject = Some(format!("{text}=x"))),
        options(|options, text| options.common_name = Some(text)),
        options(|options, text| options.serial = Some(text)),
        options(|options, text| options.crl_url = Some(text)),
        options(|options, text| options.ocsp_url = Some(text)),
        options(|options, text| {
            options.ca = true;
            options.permitted_names = vec![text];
        }),
        tlsmith::tcp::connect(&text, "443", tlsmith::Timeout::Descriptor, None).err(),
        tlsmith::tcp::connect("localhost", &text, tlsmith::Timeout::Descriptor, None).err(),
        tlsmith::tcp::listen(Some(&text), "0").err(),
    ];
    errors.into_iter().flatten().collect()
}

#[test]
fn errors_about_damaged_keys_hold_no_part_of_the_key() {
    let folder = TempDir::new().unwrap();
    let mut seen = 0;
    for secret in secrets() {
        let traces = secret.traces();
        for (shape, content) in secret.shapes() {
            for error in load(&content, &folder) {
                secret.assert_absent(&error, &traces, shape);
                seen += 1;
            }
        }
    }
    assert!(seen > 2000, "{seen}");
}

#[test]
fn errors_about_misplaced_keys_hold_no_part_of_the_key() {
    let folder = TempDir::new().unwrap();
    for secret in secrets() {
        let traces = secret.traces();
        for (shape, content) in secret.shapes() {
            for error in misplace(&content, &folder) {
                secret.assert_absent(&error, &traces, shape);
            }
        }
    }
}

#[test]
fn a_key_in_place_of_a_path_is_explained() {
    let secret = &secrets()[0];
    let pem = secret.pem();
    let (status, sentence) = status_of(Identity::load(Path::new(&pem), None));
    assert_eq!(status, Status::File);
    assert!(sentence.contains("look like PEM or a key"), "{sentence}");
    assert!(sentence.contains("from memory"), "{sentence}");
    let one_line = pem.replace('\n', " ");
    let (status, sentence) = status_of(PrivateKey::from_pem(one_line.as_bytes()));
    assert_eq!(status, Status::Parse);
    assert!(sentence.contains("line ends are lost"), "{sentence}");
    let utf16: Vec<u8> = pem.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let (_, sentence) = status_of(PrivateKey::from_pem(&utf16));
    assert!(sentence.contains("UTF-16"), "{sentence}");
}
