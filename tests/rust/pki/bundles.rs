//! Files of several certificates and keys that other programs write: PKCS#12 of NSS and
//! Java, and PKCS#7.

use super::*;
use crate::odd::{sequence, tlv};
use crate::passwords::identity;
use crate::pkcs12::{openssl_pkcs12, with_chain};

/// A chain in a PKCS#12 file of NSS, which writes BER with indefinite lengths.
fn nss_pkcs12(id: &Identity, folder: &TempDir, options: &[&str]) -> Vec<u8> {
    let store = format!("sql:{}", text(folder.path()));
    let ours = write(folder, "ours.p12", openssl_pkcs12(id, &["-name", "site"]));
    let theirs = folder.path().join("theirs.p12");
    let certutil = ["-N", "-d", &store, "--empty-password"];
    program_prints("certutil", &certutil);
    let import = ["-i", text(&ours), "-d", &store, "-W", "x", "-K", ""];
    program_prints("pk12util", &import);
    let export = [
        "-o",
        text(&theirs),
        "-n",
        "site",
        "-d",
        &store,
        "-W",
        "pw",
        "-K",
        "",
    ];
    program_prints("pk12util", &[&export, options].concat());
    fs::read(theirs).unwrap()
}

#[test]
fn pkcs12_of_nss_in_ber_is_read() {
    let (_, site) = with_chain();
    for options in [
        &[][..],
        &["-C", "none"],
        &["-c", "DES-EDE3-CBC", "-C", "DES-EDE3-CBC"],
    ] {
        let folder = TempDir::new().unwrap();
        let file = nss_pkcs12(&site, &folder, options);
        assert_eq!(file[..2], [0x30, 0x80], "it has an indefinite length");
        let read = Identity::from_pkcs12(&file, "pw");
        let read = read.unwrap_or_else(|error| panic!("{options:?}: {error}"));
        assert_eq!(read.chain(), site.chain());
        assert_eq!(
            read.key().unwrap().spki_der(),
            site.key().unwrap().spki_der()
        );
        let (status, sentence) = status_of(Identity::from_pkcs12(&file, "other"));
        assert_eq!(status, Status::Argument, "{sentence}");
        assert!(sentence.contains("password does not open"), "{sentence}");
        for end in (0..file.len()).step_by(7) {
            assert!(Identity::from_pkcs12(&file[..end], "pw").is_err());
        }
    }
}

#[test]
fn key_of_a_java_keystore_is_chosen_by_its_friendly_name() {
    let folder = TempDir::new().unwrap();
    let store = folder.path().join("store.p12");
    for (alias, kind) in [
        ("first", "-groupname secp256r1"),
        ("second", "-groupname secp384r1"),
    ] {
        let name = format!("CN={alias}.example");
        let fixed = [
            "-genkeypair",
            "-alias",
            alias,
            "-keyalg",
            "EC",
            "-dname",
            &name,
        ];
        let group: Vec<_> = kind.split(' ').collect();
        let to = [
            "-keystore",
            text(&store),
            "-storetype",
            "PKCS12",
            "-storepass",
            "secret",
        ];
        program_prints("keytool", &[&fixed[..], &group, &to].concat());
    }
    let (status, sentence) = status_of(Identity::load_pkcs12(&store, "secret"));
    assert_eq!(status, Status::Argument, "{sentence}");
    assert!(sentence.contains("store.p12"), "{sentence}");
    assert!(sentence.contains("2 private keys"), "{sentence}");
    assert!(sentence.contains("'first', 'second'"), "{sentence}");
    for (name, kind) in [("first", "ecdsa-p256"), ("second", "ecdsa-p384")] {
        let options = Pkcs12Options::default().named(Some(name));
        let read = Identity::load_pkcs12_with(&store, "secret", &options).unwrap();
        assert_eq!(read.certificate().subject(), format!("CN={name}.example"));
        assert_eq!(read.key().unwrap().key_type(), kind);
    }
    let third = Pkcs12Options::default().named(Some("third"));
    let (status, sentence) = status_of(Identity::load_pkcs12_with(&store, "secret", &third));
    assert_eq!(status, Status::Argument, "{sentence}");
    assert!(sentence.contains("'third'"), "{sentence}");
    assert!(sentence.contains("'first', 'second'"), "{sentence}");
}

/// What OpenSSL prints of a key or a MAC, in hex, as bytes.
fn openssl_hex(arguments: &[&str]) -> Vec<u8> {
    let digits = openssl_prints(arguments).replace([':', '\n'], "");
    let byte = |index| u8::from_str_radix(&digits[2 * index..][..2], 16).unwrap();
    (0..digits.len() / 2).map(byte).collect()
}

/// An identity in PKCS#12 with a MAC by PBMAC1 (RFC 9579) that OpenSSL's primitives made,
/// and with so many rounds in its PBKDF2.
fn with_pbmac1(id: &Identity, hash: &str, rounds: u32, key_length: u8) -> Vec<u8> {
    let folder = TempDir::new().unwrap();
    let file = openssl_pkcs12(id, &["-certpbe", "NONE", "-iter", "1", "-nomac"]);
    // Behind the version, and there behind the header of the OCTET STRING at its end.
    assert_eq!(file[4..7], [2, 1, 3]);
    let content = &file[7..];
    let header = content.windows(2).position(|two| two == [4, 0x82]);
    let safes = write(&folder, "safes", &content[header.unwrap() + 4..]);
    let (digest, oid) = match hash {
        "SHA256" => ("digest:SHA256", 9),
        "SHA384" => ("digest:SHA384", 10),
        _ => ("digest:SHA512", 11),
    };
    let salt = "salt:sixteen octets..";
    let derived = [
        "kdf",
        "-keylen",
        &key_length.to_string(),
        "-kdfopt",
        digest,
        "-kdfopt",
        "pass:x",
        "-kdfopt",
        salt,
        "-kdfopt",
        &format!("iter:{}", rounds.min(5_000)),
        "PBKDF2",
    ]
    .map(str::to_owned);
    let derived = openssl_hex(&derived.each_ref().map(String::as_str));
    let key: String = derived.iter().map(|byte| format!("{byte:02x}")).collect();
    let key = format!("hexkey:{key}");
    let mac = openssl_hex(&[
        "mac",
        "-macopt",
        digest,
        "-macopt",
        &key,
        "-in",
        text(&safes),
        "HMAC",
    ]);

    let pkcs5 = |last: &[u8]| {
        tlv(
            6,
            &[&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 5][..], last].concat(),
        )
    };
    let hmac = || {
        sequence(&[
            tlv(6, &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 2, oid]),
            tlv(5, &[]),
        ])
    };
    let rounds = rounds.to_be_bytes();
    let rounds = rounds[1..]
        .strip_prefix(&[0])
        .unwrap_or(&rounds[1..])
        .to_vec();
    let derivation = sequence(&[
        tlv(4, b"sixteen octets.."),
        tlv(2, &rounds),
        tlv(2, &[key_length]),
        hmac(),
    ]);
    let derivation = sequence(&[pkcs5(&[12]), derivation]);
    let algorithm = sequence(&[pkcs5(&[14]), sequence(&[derivation, hmac()])]);
    // Its own salt and rounds do not count.
    let data = sequence(&[
        sequence(&[algorithm, tlv(4, &mac)]),
        tlv(4, b"ignored"),
        tlv(2, &[1]),
    ]);
    sequence(&[tlv(2, &[3]), content.to_vec(), data])
}

#[test]
fn mac_by_pbmac1_is_verified() {
    let id = identity(KeyType::Ed25519);
    for (hash, key_length) in [
        ("SHA256", 32),
        ("SHA384", 48),
        ("SHA512", 64),
        ("SHA256", 20),
    ] {
        let file = with_pbmac1(&id, hash, 2_048, key_length);
        let read = Identity::from_pkcs12(&file, "x");
        let read = read.unwrap_or_else(|error| panic!("{hash}: {error}"));
        assert_eq!(read.chain(), id.chain());
        let (status, sentence) = status_of(Identity::from_pkcs12(&file, "y"));
        assert_eq!(status, Status::Argument, "{sentence}");
        let mut damaged = file.clone();
        let place = damaged.len() / 2;
        damaged[place] ^= 1;
        let (status, sentence) = status_of(Identity::from_pkcs12(&damaged, "x"));
        assert_eq!(status, Status::Argument, "{sentence}");
    }
    // A key that is too short to authenticate anything (RFC 9579, section 5).
    let (status, sentence) = status_of(Identity::from_pkcs12(
        &with_pbmac1(&id, "SHA256", 2_048, 16),
        "x",
    ));
    assert_eq!(status, Status::Unsupported, "{sentence}");
}

#[test]
fn rounds_of_pbmac1_count_against_the_budget_of_a_file() {
    let id = identity(KeyType::Ed25519);
    for (rounds, key_length) in [(4_000_001, 20), (2_000_000, 64)] {
        let began = std::time::Instant::now();
        let file = with_pbmac1(&id, "SHA256", rounds, key_length);
        let (status, sentence) = status_of(Identity::from_pkcs12(&file, "x"));
        assert_eq!(status, Status::Unsupported, "{sentence}");
        assert!(sentence.contains("too long"), "{sentence}");
        assert!(began.elapsed().as_secs() < 5);
    }
}

/// A PKCS#7 bundle of OpenSSL, PEM and DER.
fn openssl_pkcs7(folder: &TempDir, pem: &str) -> (Vec<u8>, Vec<u8>) {
    let file = write(folder, "all.pem", pem);
    let fixed = ["crl2pkcs7", "-nocrl", "-certfile", text(&file), "-outform"];
    let [pem, der] = ["PEM", "DER"].map(|form| {
        let out = openssl(&[&fixed[..], &[form]].concat());
        assert!(out.status.success(), "{out:?}");
        out.stdout
    });
    (pem, der)
}

/// The same with an indefinite length around everything.
fn indefinite(der: &[u8]) -> Vec<u8> {
    assert_eq!(der[..2], [0x30, 0x82]);
    [&[0x30, 0x80][..], &der[4..], &[0, 0]].concat()
}

#[test]
fn pkcs7_bundle_is_a_chain_in_order() {
    let folder = TempDir::new().unwrap();
    let (root, site) = with_chain();
    let [leaf, middle] = [0, 1].map(|index| site.chain()[index].pem());
    let key = site.key().unwrap().to_pem();
    for order in [
        [leaf, middle, root.cert_pem()],
        [root.cert_pem(), middle, leaf],
        [middle, leaf, root.cert_pem()],
    ] {
        let (pem, der) = openssl_pkcs7(&folder, &order.concat());
        let expected = [site.chain(), root.chain()].concat();
        let old_label = String::from_utf8(pem.clone()).unwrap();
        let old_label = old_label
            .replace(" PKCS7-", " PKCS #7 SIGNED DATA-")
            .into_bytes();
        for (name, content) in [
            ("b.p7b", &pem),
            ("old.p7b", &old_label),
            ("b.p7c", &der),
            ("ber.p7b", &indefinite(&der)),
        ] {
            let file = write(&folder, name, content);
            assert_eq!(Certificate::all_from_bytes(content).unwrap(), expected);
            assert_eq!(Identity::load_chain(&file).unwrap().chain(), expected);
            let key_file = write(&folder, "key.pem", key.as_bytes());
            let loaded = Identity::load(&file, Some(&key_file)).unwrap();
            assert_eq!(loaded.chain(), expected);
            let loaded = Identity::from_bytes(content, Some(key.as_bytes()), None).unwrap();
            assert_eq!(loaded.chain(), expected);
        }
    }
}

#[test]
fn key_decides_which_certificate_of_a_bundle_is_the_leaf() {
    let folder = TempDir::new().unwrap();
    let (first, second) = (identity(KeyType::Ed25519), identity(KeyType::EcdsaP256));
    let both = [first.cert_pem(), second.cert_pem()].concat();
    let (pem, der) = openssl_pkcs7(&folder, &both);
    for content in [pem, der] {
        for id in [&first, &second] {
            let key = id.key().unwrap().to_pem();
            let loaded = Identity::from_bytes(&content, Some(key.as_bytes()), None).unwrap();
            assert_eq!(loaded.chain(), id.chain());
        }
        let other = identity(KeyType::Ed25519).key().unwrap().to_pem();
        let (status, _) = status_of(Identity::from_bytes(&content, Some(other.as_bytes()), None));
        assert_eq!(status, Status::KeyMismatch);
    }
}

#[test]
fn pkcs7_bundle_holds_trust_roots() {
    let folder = TempDir::new().unwrap();
    let (root, site) = with_chain();
    let other = gen_ca(&CertOptions::default()).unwrap();
    let both = [other.cert_pem(), root.cert_pem()].concat();
    let (pem, der) = openssl_pkcs7(&folder, &both);
    for (name, content) in [("roots.p7b", &pem), ("roots.p7c", &der)] {
        let file = write(&folder, name, content);
        let context = Context::new();
        context.add_roots(&file).unwrap();
        context
            .verify(site.chain(), Some("localhost"), None, None)
            .unwrap();
        let context = Context::new();
        context.add_roots_bytes(content).unwrap();
        context
            .verify(site.chain(), Some("localhost"), None, None)
            .unwrap();
    }
}

#[test]
fn pkcs7_without_certificates_is_refused_in_words() {
    let folder = TempDir::new().unwrap();
    let id = identity(KeyType::Rsa2048);
    let cert = write(&folder, "cert.pem", id.cert_pem());
    let encrypt = [
        "cms",
        "-encrypt",
        "-aes128",
        "-outform",
        "DER",
        "-in",
        text(&cert),
        text(&cert),
    ];
    let out = openssl(&encrypt);
    assert!(out.status.success(), "{out:?}");
    let (status, sentence) = status_of(Certificate::all_from_bytes(&out.stdout));
    assert_eq!(status, Status::Unsupported, "{sentence}");
    assert!(sentence.contains("PKCS#7"), "{sentence}");
    let (_, der) = openssl_pkcs7(&folder, id.cert_pem());
    let empty = write(&folder, "empty.pem", "");
    let none = openssl(&[
        "crl2pkcs7",
        "-nocrl",
        "-certfile",
        text(&empty),
        "-outform",
        "DER",
    ]);
    for content in [&none.stdout, &der[..der.len() - 1].to_vec()] {
        let (status, _) = status_of(Certificate::all_from_bytes(content));
        assert_eq!(status, Status::Parse);
    }
    for index in 0..der.len().min(60) {
        for change in [1, 0x80, 0xff] {
            let mut damaged = der.clone();
            damaged[index] ^= change;
            let _ = Certificate::all_from_bytes(&damaged);
        }
    }
}
