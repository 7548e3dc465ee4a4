//! Keys under a password.

use der::Encode;
use der::asn1::OctetStringRef;

use super::*;

pub(crate) fn identity(kind: KeyType) -> Identity {
    let options = CertOptions {
        key_type: Some(kind),
        ..CertOptions::default()
    };
    self_signed(&names(&["localhost"]), &options).unwrap()
}

#[test]
fn openssl_opens_the_keys_that_we_encrypt() {
    let folder = TempDir::new().unwrap();
    for kind in [KeyType::EcdsaP256, KeyType::Ed448, KeyType::Rsa2048] {
        let id = identity(kind);
        let file = folder.path().join(kind.name());
        id.save_encrypted(None, Some(&file), "pass wörd").unwrap();
        let mode = fs::metadata(&file).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600);
        let written = fs::read_to_string(&file).unwrap();
        assert!(written.starts_with("-----BEGIN ENCRYPTED PRIVATE KEY-----\n"));
        let plain = openssl_prints(&["pkey", "-in", text(&file), "-passin", "pass:pass wörd"]);
        let back = PrivateKey::from_pem(plain.as_bytes()).unwrap();
        assert_eq!(back.spki_der(), id.key().unwrap().spki_der());
        let ours = PrivateKey::from_encrypted_pem(written.as_bytes(), "pass wörd").unwrap();
        assert_eq!(ours.spki_der(), back.spki_der());
        let words = openssl_prints(&["asn1parse", "-in", text(&file)]);
        for part in ["PBES2", "PBKDF2", "hmacWithSHA256", "aes-256-cbc"] {
            assert!(words.contains(part), "{words}");
        }
    }
}

#[test]
fn we_open_the_keys_that_openssl_encrypts() {
    let folder = TempDir::new().unwrap();
    let id = identity(KeyType::EcdsaP384);
    let key = write(&folder, "key.pem", id.key().unwrap().to_pem().as_bytes());
    let ways: [&[&str]; 6] = [
        &["-v2", "aes-256-cbc"],
        &["-v2", "aes-128-cbc", "-v2prf", "hmacWithSHA1"],
        &["-v2", "aes-192-cbc", "-v2prf", "hmacWithSHA512"],
        &["-v2", "des3"],
        &["-scrypt"],
        &["-v2", "aes-256-cbc", "-outform", "DER"],
    ];
    for way in ways {
        let fixed = ["pkcs8", "-topk8", "-in", text(&key), "-passout", "pass:x"];
        let out = openssl(&[&fixed, way].concat());
        assert!(out.status.success(), "{out:?}");
        let read = |password| match way.contains(&"DER") {
            true => PrivateKey::from_encrypted_der(&out.stdout, password),
            false => PrivateKey::from_encrypted_pem(&out.stdout, password),
        };
        let back = read("x").unwrap_or_else(|error| panic!("{way:?}: {error}"));
        assert_eq!(back.spki_der(), id.key().unwrap().spki_der());
        let (status, sentence) = status_of(read("y"));
        assert_eq!(status, Status::Argument, "{sentence}");
        assert!(sentence.contains("password does not open"), "{sentence}");
    }
}

#[test]
fn what_is_wrong_with_an_encrypted_key_is_said() {
    let folder = TempDir::new().unwrap();
    let id = identity(KeyType::Rsa2048);
    let key = write(&folder, "key.pem", id.key().unwrap().to_pem().as_bytes());
    let encrypted = id.key().unwrap().to_encrypted_pem("secret").unwrap();
    let cert = write(&folder, "cert.pem", id.cert_pem());
    let file = write(&folder, "encrypted.pem", encrypted.as_bytes());
    let (status, sentence) = status_of(Identity::load(&cert, Some(&file)));
    assert_eq!(status, Status::Argument);
    assert!(sentence.contains("encrypted.pem': the private key is encrypted: give its password"));
    Identity::load_encrypted(&cert, Some(&file), "secret").unwrap();
    Identity::load_encrypted(&cert, Some(&key), "not needed").unwrap();

    // The ways of old, of OpenSSL's own and of PKCS#5 1.5.
    let old = openssl_prints(&[
        "rsa",
        "-traditional",
        "-aes128",
        "-in",
        text(&key),
        "-passout",
        "pass:x",
    ]);
    let (status, sentence) = status_of(PrivateKey::from_encrypted_pem(old.as_bytes(), "x"));
    assert_eq!(status, Status::Unsupported);
    assert!(sentence.contains("openssl pkcs8 -topk8"), "{sentence}");
    let older = openssl_prints(&[
        "pkcs8",
        "-topk8",
        "-v1",
        "PBE-SHA1-3DES",
        "-in",
        text(&key),
        "-passout",
        "pass:x",
    ]);
    let (_, sentence) = status_of(PrivateKey::from_encrypted_pem(older.as_bytes(), "x"));
    assert!(sentence.contains("openssl pkcs8 -topk8"), "{sentence}");

    assert_eq!(
        status_of(id.key().unwrap().to_encrypted_pem("")).0,
        Status::Argument
    );
}

#[test]
fn a_key_that_would_take_years_to_open_is_refused_at_once() {
    let cheap = pkcs5::pbes2::Parameters::generate_pbkdf2_sha256_aes256cbc;
    let scrypt = pkcs5::pbes2::Parameters::generate_scrypt_aes256cbc;
    let much_memory = pkcs5::scrypt::Params::new(24, 8, 1).unwrap();
    for parameters in [
        cheap(99_000_000, &[1; 16], [2; 16]).unwrap(),
        scrypt(much_memory, &[1; 16], [2; 16]).unwrap(),
    ] {
        let document = pkcs8::EncryptedPrivateKeyInfo {
            encryption_algorithm: pkcs5::EncryptionScheme::Pbes2(parameters),
            encrypted_data: OctetStringRef::new(&[3; 64]).unwrap(),
        };
        let slow = document.to_der().unwrap();
        let (status, sentence) = status_of(PrivateKey::from_encrypted_der(&slow, "x"));
        assert_eq!(status, Status::Unsupported, "{sentence}");
        assert!(sentence.contains("too long"), "{sentence}");
    }
}

#[test]
fn damaged_encrypted_keys_give_errors_or_the_key_but_no_panic() {
    let folder = TempDir::new().unwrap();
    let id = identity(KeyType::Ed25519);
    let key = write(&folder, "key.pem", id.key().unwrap().to_pem().as_bytes());
    // One round, so that thousands of attempts are over soon.
    let fixed = ["pkcs8", "-topk8", "-in", text(&key), "-passout", "pass:x"];
    let out = openssl(&[&fixed[..], &["-iter", "1", "-outform", "DER"]].concat());
    let original = out.stdout;
    assert!(PrivateKey::from_encrypted_der(&original, "x").is_ok());
    for index in 0..original.len() {
        assert!(PrivateKey::from_encrypted_der(&original[..index], "x").is_err());
        for change in 1..=0xff {
            let mut damaged = original.clone();
            damaged[index] ^= change;
            // It is authenticated by nothing: what opens all the same has to be the key.
            if let Ok(key) = PrivateKey::from_encrypted_der(&damaged, "x") {
                assert_eq!(key.key_type(), "ed25519");
            }
        }
    }
}
