//! PKCS#12: read from OpenSSL, and written for it.

use super::*;
use crate::encrypted_keys::identity;
use crate::pkcs12_mac::{ENVELOPED_DATA, der, pkcs12_of};

/// A chain of three with its key.
pub(crate) fn with_chain() -> (Identity, Identity) {
    let root = gen_ca(&CertOptions::default()).unwrap();
    let options = CertOptions {
        ca: true,
        ..CertOptions::default()
    };
    let middle = issue_cert(&root, &[], &options).unwrap();
    let site = issue_cert(&middle, &names(&["localhost"]), &CertOptions::default());
    (root, site.unwrap())
}

#[test]
fn openssl_reads_our_pkcs12() {
    let folder = TempDir::new().unwrap();
    for id in [
        with_chain().1,
        identity(KeyType::Ed448),
        identity(KeyType::Rsa2048),
    ] {
        let file = folder.path().join("id.p12");
        id.save_pkcs12(&file, Some("our site"), "pass wörd")
            .unwrap();
        let mode = fs::metadata(&file).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600);
        let fixed = ["pkcs12", "-in", text(&file), "-passin", "pass:pass wörd"];
        let words = openssl_prints(&[&fixed[..], &["-nodes"]].concat());
        assert_eq!(friendly_names(&words), ["our site"; 2], "{words}");
        let read = Identity::from_bytes(words.as_bytes(), None, None).unwrap();
        assert_eq!(read.chain(), id.chain());
        let about = openssl(&[&fixed[..], &["-noout", "-info"]].concat());
        let about = String::from_utf8_lossy(&about.stderr).into_owned();
        for part in [
            "MAC: sha256",
            "PBES2, PBKDF2, AES-256-CBC",
            "PRF hmacWithSHA256",
        ] {
            assert!(about.contains(part), "{about}");
        }
        let back = Identity::load_pkcs12(&file, "pass wörd").unwrap();
        assert_eq!(back.chain(), id.chain());
        assert_eq!(back.key().unwrap().spki_der(), id.key().unwrap().spki_der());
    }
}

#[test]
fn pkcs12_iterations_are_within_the_limits_of_dotnet() {
    let folder = TempDir::new().unwrap();
    let (_, site) = with_chain();
    let legacy = site.to_pkcs12_legacy(None, "x").unwrap();
    for (der, way, expected) in [
        (&site.to_pkcs12(None, "x").unwrap(), "-info", 300_000),
        (&legacy, "-legacy", 50_000),
    ] {
        let file = write(&folder, "x.p12", der);
        let about = [
            "pkcs12",
            "-in",
            text(&file),
            "-passin",
            "pass:x",
            "-noout",
            "-info",
            way,
        ];
        let about = String::from_utf8(openssl(&about).stderr).unwrap();
        let rounds = about.lines().filter_map(|line| {
            let (_, after) = line.split_once("teration ")?;
            let digits = after.split(|c: char| !c.is_ascii_digit()).next()?;
            digits.parse::<u32>().ok()
        });
        let rounds: Vec<_> = rounds.collect();
        assert_eq!(rounds, [expected; 3], "{about}");
        assert!(rounds.iter().sum::<u32>() <= 1_000_000);
    }
}

#[test]
fn default_friendly_name_is_the_unescaped_common_name() {
    let name = |common_name: &str, name: &str| {
        let options = CertOptions {
            common_name: Some(common_name.to_owned()),
            ..CertOptions::default()
        };
        self_signed(&names(&[name]), &options).unwrap()
    };
    let has = |id: &Identity, expected: &str| {
        let der = id.to_pkcs12(None, "x").unwrap();
        let options = Pkcs12Options::default().named(Some(expected));
        Identity::from_pkcs12_with(&der, "x", &options).unwrap();
    };
    has(&name(r"a\b, c", "a.example"), r"a\b, c");
    // What cannot be one is passed over.
    has(&name("\u{1f600}", "a.example"), "a.example");
}

#[test]
fn pkcs12_rejects_names_and_passwords_that_others_truncate() {
    let id = identity(KeyType::Ed25519);
    let longest = "ü".repeat(255);
    id.to_pkcs12(Some(&longest), "x").unwrap();
    for (name, password, expected) in [
        (
            "a\0b",
            "x",
            "the friendly name cannot be used in PKCS#12: it has a NUL",
        ),
        (
            &"ü".repeat(256),
            "x",
            "the friendly name cannot be used in PKCS#12: it has 256 characters, and at most 255",
        ),
        (
            "\u{1f600}",
            "x",
            "the friendly name cannot be used in PKCS#12: it has a character",
        ),
        (
            "a",
            "x\0y",
            "the password cannot be used in PKCS#12: it has a NUL",
        ),
        (
            "a",
            "\u{1f600}",
            "the password cannot be used in PKCS#12: it has a character",
        ),
        ("a", "", "the password is empty"),
    ] {
        for made in [
            id.to_pkcs12(Some(name), password),
            id.to_pkcs12_legacy(Some(name), password),
        ] {
            let (status, sentence) = status_of(made);
            assert_eq!(status, Status::Argument);
            assert!(sentence.starts_with(expected), "{sentence}");
        }
    }
}

/// All friendly names that OpenSSL shows.
fn friendly_names(words: &str) -> Vec<&str> {
    let lines = words.lines().map(str::trim);
    lines
        .filter_map(|line| line.strip_prefix("friendlyName: "))
        .collect()
}

#[test]
fn pkcs12_bags_have_the_same_attributes_as_those_of_openssl() {
    let folder = TempDir::new().unwrap();
    let (_, site) = with_chain();
    // The lines about the bags, without those of encryption.
    let shown = |der: &[u8], way: &[&str]| {
        let file = write(&folder, "x.p12", der);
        let fixed = ["pkcs12", "-in", text(&file), "-passin", "pass:x", "-nodes"];
        openssl_prints(&[&fixed[..], way].concat())
    };
    let names = [
        Some("our site"),
        Some("unser Büro"),
        Some("CN=x"),
        Some(""),
        None,
    ];
    for name in names {
        let ours = site.to_pkcs12(name, "x").unwrap();
        let legacy = site.to_pkcs12_legacy(name, "x").unwrap();
        // What the documentation promises for None.
        let name = name.unwrap_or("localhost");
        let way: &[&str] = match name {
            "" => &[],
            name => &["-name", name],
        };
        let theirs = openssl_pkcs12(&site, way);
        assert_eq!(shown(&ours, &[]), shown(&theirs, &[]), "{name}");
        assert_eq!(shown(&legacy, &["-legacy"]), shown(&theirs, &[]), "{name}");
        let read = Identity::from_pkcs12_with(
            &ours,
            "x",
            &Pkcs12Options::default().named((!name.is_empty()).then_some(name)),
        );
        assert_eq!(read.unwrap().chain(), site.chain());
    }
}

#[test]
fn tlsmith_reads_new_and_old_pkcs12_of_openssl() {
    let folder = TempDir::new().unwrap();
    let (root, site) = with_chain();
    let root_file = write(&folder, "root.pem", root.cert_pem());
    let ways: [&[&str]; 6] = [
        &[],
        &["-legacy", "-macalg", "sha1"],
        &[
            "-certpbe",
            "PBE-SHA1-3DES",
            "-keypbe",
            "PBE-SHA1-3DES",
            "-macalg",
            "sha1",
        ],
        &[
            "-certpbe",
            "NONE",
            "-keypbe",
            "AES-128-CBC",
            "-macalg",
            "sha512",
        ],
        &["-nomac"],
        &["-certfile", text(&root_file)],
    ];
    for way in ways {
        let file = openssl_pkcs12(&site, way);
        let read = match way {
            ["-nomac"] => Identity::insecure_from_pkcs12_without_mac(&file, "x"),
            _ => Identity::from_pkcs12(&file, "x"),
        };
        let read = read.unwrap_or_else(|error| panic!("{way:?}: {error}"));
        let expected = match way.first() {
            Some(&"-certfile") => [site.chain(), root.chain()].concat(),
            _ => site.chain().to_vec(),
        };
        assert_eq!(read.chain(), expected, "{way:?}");
        assert_eq!(
            read.key().unwrap().spki_der(),
            site.key().unwrap().spki_der()
        );
        let (status, sentence) = status_of(Identity::from_pkcs12(&file, "y"));
        if way != ["-nomac"] {
            assert_eq!(status, Status::Argument, "{way:?}: {sentence}");
            assert!(sentence.contains("password does not open"), "{sentence}");
        }
    }
}

/// A file of OpenSSL, with these options.
pub(crate) fn openssl_pkcs12(id: &Identity, way: &[&str]) -> Vec<u8> {
    let folder = TempDir::new().unwrap();
    let both = folder.path().join("both.pem");
    id.save(Some(&both), Some(&both)).unwrap();
    let fixed = [
        "pkcs12",
        "-export",
        "-in",
        text(&both),
        "-passout",
        "pass:x",
    ];
    let out = openssl(&[&fixed, way].concat());
    assert!(out.status.success(), "{way:?}: {out:?}");
    out.stdout
}

#[test]
fn errors_about_pkcs12_are_sentences() {
    let id = identity(KeyType::Ed25519);
    let enveloped = der(0x30, &[&ENVELOPED_DATA, &der(0xa0, &[&der(0x30, &[])])]);
    let whole = openssl_pkcs12(&id, &["-iter", "1"]);
    let with_padding = openssl_pkcs12(&id, &["-nomac", "-legacy"]);
    let with_padding = status_of(Identity::insecure_from_pkcs12_without_mac(
        &with_padding,
        "y",
    ));
    for (status, sentence) in [
        with_padding,
        status_of(Identity::insecure_from_pkcs12_without_mac(
            &pkcs12_of(&[&enveloped]),
            "x",
        )),
        status_of(Identity::from_pkcs12(&whole[..whole.len() / 2], "x")),
    ] {
        for foreign in ["Unpad", "ContentType", "DER", "ASN.1", "tag", "Error"] {
            let ours = sentence.replace("not in DER", "");
            assert!(!ours.contains(foreign), "{status:?}: {sentence}");
        }
        assert!(sentence.contains("the PKCS#12 file"), "{sentence}");
    }
}

#[test]
fn pkcs12_error_says_what_is_wrong() {
    let folder = TempDir::new().unwrap();
    let id = identity(KeyType::EcdsaP256);
    let cert = write(&folder, "cert.pem", id.cert_pem());
    let other = identity(KeyType::EcdsaP256);
    let other_key = write(
        &folder,
        "other.pem",
        other.key().unwrap().to_pem().as_bytes(),
    );
    let export = |arguments: &[&str]| {
        let fixed = [
            "pkcs12",
            "-export",
            "-passout",
            "pass:x",
            "-in",
            text(&cert),
        ];
        let out = openssl(&[&fixed, arguments].concat());
        assert!(out.status.success(), "{out:?}");
        out.stdout
    };
    let key = write(&folder, "key.pem", id.key().unwrap().to_pem().as_bytes());
    let many = write(&folder, "many.pem", id.cert_pem().repeat(1_000));
    let crowd = export(&["-inkey", text(&key), "-certfile", text(&many)]);
    let (status, sentence) = status_of(Identity::from_pkcs12(&crowd, "x"));
    assert_eq!(status, Status::Parse, "{sentence}");
    assert!(sentence.contains("has 1001 certificates"), "{sentence}");
    let keyless = export(&["-nokeys"]);
    let (status, sentence) = status_of(Identity::from_pkcs12(&keyless, "x"));
    assert_eq!(status, Status::Parse);
    assert!(sentence.contains("has 0 private keys"), "{sentence}");

    // OpenSSL refuses to put a key beside a certificate that it is not for, so
    // the certificate is left out.
    let out = openssl(&[
        "pkcs12",
        "-export",
        "-passout",
        "pass:x",
        "-nocerts",
        "-inkey",
        text(&other_key),
        "-in",
        text(&other_key),
    ]);
    assert!(out.status.success(), "{out:?}");
    let (status, sentence) = status_of(Identity::from_pkcs12(&out.stdout, "x"));
    assert_eq!(status, Status::KeyMismatch);
    assert!(
        sentence.contains("none of the 0 certificates"),
        "{sentence}"
    );

    for noise in [&b""[..], b"hello", id.certificate().der(), &[0x30; 1000]] {
        let (status, sentence) = status_of(Identity::from_pkcs12(noise, "x"));
        assert_eq!(status, Status::Parse, "{sentence}");
    }
    let missing = folder.path().join("missing.p12");
    let (status, sentence) = status_of(Identity::load_pkcs12(&missing, "x"));
    assert_eq!(status, Status::File);
    assert!(sentence.contains("missing.p12"), "{sentence}");
    for (name, password) in [("name", ""), ("\u{1f600}", "x"), ("name", "\u{1f600}")] {
        assert_eq!(
            status_of(id.to_pkcs12(Some(name), password)).0,
            Status::Argument
        );
    }
}

#[test]
fn damaged_pkcs12_files_give_errors_or_the_chain_but_no_panic() {
    let id = identity(KeyType::Ed25519);
    // One round, so that thousands of attempts are over soon.
    let original = openssl_pkcs12(&id, &["-iter", "1"]);
    assert!(Identity::from_pkcs12(&original, "x").is_ok());
    for index in 0..original.len() {
        assert!(Identity::from_pkcs12(&original[..index], "x").is_err());
        for change in 1..=0xff {
            let mut damaged = original.clone();
            damaged[index] ^= change;
            // The MAC authenticates it.
            if let Ok(opened) = Identity::from_pkcs12(&damaged, "x") {
                assert_eq!(opened.chain(), id.chain());
            }
        }
    }
}
