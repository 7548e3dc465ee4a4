//! PKCS#12 files that NSS and Java write, and what they read of ours.

use super::*;
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
fn identity_loads_ber_pkcs12_of_nss() {
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

#[test]
fn keytool_and_nss_show_the_friendly_name_of_our_pkcs12() {
    let folder = TempDir::new().unwrap();
    let (_, site) = with_chain();
    let file = folder.path().join("x.p12");
    for legacy in [false, true] {
        match legacy {
            true => site.save_pkcs12_legacy(&file, Some("our site"), "secret"),
            false => site.save_pkcs12(&file, Some("our site"), "secret"),
        }
        .unwrap();
        let said = program_prints(
            "keytool",
            &["-list", "-keystore", text(&file), "-storepass", "secret"],
        );
        assert!(said.contains("our site, "), "{said}");
        assert!(said.contains("PrivateKeyEntry"), "{said}");
        let database = format!("sql:{}", folder.path().display());
        if !folder.path().join("cert9.db").exists() {
            program_prints("certutil", &["-N", "-d", &database, "--empty-password"]);
        }
        program_prints(
            "pk12util",
            &["-i", text(&file), "-d", &database, "-W", "secret"],
        );
        let said = program_prints("certutil", &["-L", "-d", &database]);
        assert!(said.contains("\nour site "), "{said}");
        program_prints("certutil", &["-F", "-d", &database, "-n", "our site"]);
    }
}
