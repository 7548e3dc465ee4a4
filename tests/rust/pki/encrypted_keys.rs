//! Encrypted private keys.

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
fn openssl_decrypts_our_keys() {
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
fn tlsmith_decrypts_the_keys_of_openssl() {
    let folder = TempDir::new().unwrap();
    let id = identity(KeyType::EcdsaP384);
    let key = write(&folder, "key.pem", id.key().unwrap().to_pem().as_bytes());
    let ways: [&[&str]; 9] = [
        &["-v2", "aes-256-cbc"],
        &["-v2", "aes-128-cbc", "-v2prf", "hmacWithSHA1"],
        &["-v2", "aes-256-cbc", "-v2prf", "hmacWithSHA224"],
        &["-v2", "aes-128-cbc", "-v2prf", "hmacWithSHA224"],
        &["-v2", "aes-256-cbc", "-v2prf", "hmacWithSHA384"],
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
fn tlsmith_decrypts_keys_encrypted_with_gcm() {
    use pkcs5::pbes2::Parameters;
    let key = identity(KeyType::EcdsaP256);
    let key = key.key().unwrap();
    let costs = || pkcs5::scrypt::Params::new(4, 8, 1).unwrap();
    for parameters in [
        Parameters::scrypt_aes128gcm(costs(), &[1; 16], [2; 12]).unwrap(),
        Parameters::scrypt_aes256gcm(costs(), &[1; 16], [2; 12]).unwrap(),
    ] {
        let encrypted = parameters.encrypt("x", &key.to_pkcs8_der()).unwrap();
        let document = pkcs8::EncryptedPrivateKeyInfo {
            encryption_algorithm: pkcs5::EncryptionScheme::Pbes2(parameters),
            encrypted_data: OctetStringRef::new(&encrypted).unwrap(),
        };
        let document = document.to_der().unwrap();
        let back = PrivateKey::from_encrypted_der(&document, "x").unwrap();
        assert_eq!(back.spki_der(), key.spki_der());
        let (status, sentence) = status_of(PrivateKey::from_encrypted_der(&document, "y"));
        assert_eq!(status, Status::Argument, "{sentence}");
    }
}

#[test]
fn decryption_error_says_what_is_wrong() {
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

    assert_eq!(
        status_of(id.key().unwrap().to_encrypted_pem("")).0,
        Status::Argument
    );
}

#[test]
fn key_with_too_many_iterations_is_rejected_at_once() {
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

/// A key of OpenSSL's in its own encryption, which was there before PKCS#8.
fn traditional(key: &Path, cipher: &str, password: &str) -> String {
    let password = format!("pass:{password}");
    openssl_prints(&[
        "pkey",
        "-traditional",
        cipher,
        "-in",
        text(key),
        "-passout",
        &password,
    ])
}

#[test]
fn key_reads_traditional_encrypted_pem() {
    let folder = TempDir::new().unwrap();
    let ciphers = ["-aes128", "-aes192", "-aes256", "-des3"];
    for kind in [KeyType::EcdsaP256, KeyType::Rsa2048] {
        let id = identity(kind);
        let key = write(&folder, "key.pem", id.key().unwrap().to_pem().as_bytes());
        for cipher in ciphers {
            let old = traditional(&key, cipher, "pass wörd");
            assert!(old.contains("Proc-Type: 4,ENCRYPTED"), "{old}");
            for old in [old.clone(), old.replace('\n', "\r\n")] {
                let back = PrivateKey::from_encrypted_pem(old.as_bytes(), "pass wörd").unwrap();
                assert_eq!(back.spki_der(), id.key().unwrap().spki_der());
            }
            for wrong in ["y", "", "pass word"] {
                let wrong = PrivateKey::from_encrypted_pem(old.as_bytes(), wrong);
                let (status, sentence) = status_of(wrong);
                assert_eq!(status, Status::Argument, "{sentence}");
                assert!(sentence.contains("password does not open"), "{sentence}");
            }
            let (status, sentence) = status_of(PrivateKey::from_pem(old.as_bytes()));
            assert_eq!(status, Status::Argument, "{sentence}");
            assert!(sentence.contains("give its password"), "{sentence}");
        }
    }
}

#[test]
fn traditional_pem_with_unknown_cipher_or_header_is_rejected() {
    let folder = TempDir::new().unwrap();
    let id = identity(KeyType::EcdsaP256);
    let key = write(&folder, "key.pem", id.key().unwrap().to_pem().as_bytes());
    let old = traditional(&key, "-camellia256", "x");
    let (status, sentence) = status_of(PrivateKey::from_encrypted_pem(old.as_bytes(), "x"));
    assert_eq!(status, Status::Unsupported, "{sentence}");
    assert!(sentence.contains("'CAMELLIA-256-CBC'"), "{sentence}");
    assert!(sentence.contains("openssl pkcs8 -topk8"), "{sentence}");

    let old = traditional(&key, "-aes128", "x");
    let info = old
        .lines()
        .find(|line| line.starts_with("DEK-Info"))
        .unwrap();
    for damage in [
        "",
        "DEK-Info: AES-128-CBC",
        "DEK-Info: AES-128-CBC,0011223344556677",
        "DEK-Info: AES-128-CBC,00112233445566778899AABBCCDDEEF",
        "DEK-Info: AES-128-CBC,zz112233445566778899AABBCCDDEEFF",
        "DEK-Info: AES-128-CBC,é0112233445566778899AABBCCDDEEFF",
    ] {
        let damaged = old.replace(info, damage);
        let (status, sentence) = status_of(PrivateKey::from_encrypted_pem(damaged.as_bytes(), "x"));
        assert_eq!(status, Status::Parse, "{damage}: {sentence}");
        assert!(sentence.contains("DEK-Info"), "{sentence}");
    }
}

#[test]
fn pkcs8_with_3des_is_read_and_with_des_rejected() {
    let folder = TempDir::new().unwrap();
    let id = identity(KeyType::Rsa2048);
    let key = write(&folder, "key.pem", id.key().unwrap().to_pem().as_bytes());
    let make = |way: &[&str], password: &str| {
        let password = format!("pass:{password}");
        let fixed = ["pkcs8", "-topk8", "-in", text(&key), "-passout", &password];
        openssl_prints(&[&fixed[..], way].concat())
    };
    for way in ["PBE-SHA1-3DES", "PBE-SHA1-2DES"] {
        let old = make(&["-v1", way], "pass wörd");
        let back = PrivateKey::from_encrypted_pem(old.as_bytes(), "pass wörd").unwrap();
        assert_eq!(back.spki_der(), id.key().unwrap().spki_der(), "{way}");
        let (status, sentence) = status_of(PrivateKey::from_encrypted_pem(old.as_bytes(), "y"));
        assert_eq!(status, Status::Argument, "{sentence}");
        assert!(sentence.contains("password does not open"), "{sentence}");
    }
    let legacy = ["-provider", "legacy", "-provider", "default", "-v1"];
    for (way, name) in [
        ("PBE-MD5-DES", "pbeWithMD5AndDES-CBC"),
        ("PBE-SHA1-DES", "pbeWithSHA1AndDES-CBC"),
    ] {
        let old = make(&[&legacy[..], &[way]].concat(), "x");
        let (status, sentence) = status_of(PrivateKey::from_encrypted_pem(old.as_bytes(), "x"));
        assert_eq!(status, Status::Unsupported, "{sentence}");
        assert!(sentence.contains(name), "{sentence}");
        assert!(sentence.contains("openssl pkcs8 -topk8"), "{sentence}");
    }
}

#[test]
fn password_bytes_are_used_unchanged() {
    let folder = TempDir::new().unwrap();
    let id = identity(KeyType::EcdsaP256);
    let key = id.key().unwrap();
    let plain = write(&folder, "key.pem", key.to_pem().as_bytes());
    // Not UTF-8: OpenSSL takes the bytes of a file as they are.
    let bytes = &b"p\xe4ss\xff"[..];
    let password = write(&folder, "password", bytes);
    let password = format!("file:{}", text(&password));
    for way in [
        &["pkcs8", "-topk8"][..],
        &["pkcs8", "-topk8", "-v1", "PBE-SHA1-3DES"],
        &["pkey", "-traditional", "-aes256"],
    ] {
        let fixed = ["-in", text(&plain), "-passout", &password];
        let out = openssl(&[way, &fixed].concat());
        assert!(out.status.success(), "{out:?}");
        let back = PrivateKey::from_encrypted_pem(&out.stdout, bytes);
        assert_eq!(back.unwrap().spki_der(), key.spki_der(), "{way:?}");
        let (status, sentence) = status_of(PrivateKey::from_encrypted_pem(&out.stdout, "päss"));
        assert_eq!(status, Status::Argument, "{sentence}");
    }
    let ours = write(
        &folder,
        "ours.pem",
        key.to_encrypted_pem(bytes).unwrap().as_bytes(),
    );
    let theirs = openssl_prints(&["pkey", "-in", text(&ours), "-passin", &password]);
    let theirs = PrivateKey::from_pem(theirs.as_bytes()).unwrap();
    assert_eq!(theirs.spki_der(), key.spki_der());
}

#[test]
fn password_callback_is_called_once_and_only_if_needed() {
    let folder = TempDir::new().unwrap();
    let id = identity(KeyType::EcdsaP256);
    let key = id.key().unwrap();
    let plain = write(&folder, "key.pem", key.to_pem().as_bytes());
    let old = traditional(&plain, "-aes256", "secret");
    let today = key.to_encrypted_pem("secret").unwrap();
    let p12 = id.to_pkcs12(None, "secret").unwrap();
    let calls = std::cell::Cell::new(0);
    let ask = || {
        Password::ask(|| {
            calls.set(calls.get() + 1);
            Ok(b"secret".to_vec().into())
        })
    };
    let cert = id.cert_pem().as_bytes();
    for encrypted in [old.as_bytes(), today.as_bytes()] {
        Identity::from_bytes(cert, Some(encrypted), ask()).unwrap();
        assert_eq!(calls.take(), 1);
    }
    Identity::from_pkcs12(&p12, ask()).unwrap();
    assert_eq!(calls.take(), 1);
    Identity::from_bytes(&p12, None, ask()).unwrap();
    assert_eq!(calls.take(), 1);
    Identity::from_bytes(cert, Some(key.to_pem().as_bytes()), ask()).unwrap();
    assert!(Identity::from_bytes(cert, Some(b"noise"), ask()).is_err());
    assert!(Identity::from_pkcs12(cert, ask()).is_err());
    assert_eq!(calls.take(), 0);

    let failing = Password::ask(|| Err(tlsmith::Error::state("nobody is there")));
    let (status, sentence) = status_of(PrivateKey::from_bytes(today.as_bytes(), failing));
    assert_eq!((status, &*sentence), (Status::State, "nobody is there"));
}
