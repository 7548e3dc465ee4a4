//! The MAC of PKCS#12, and the work that a file can demand.

use der::Encode;

use super::*;
use crate::der_builder::{sequence, tlv};
use crate::encrypted_keys::identity;
use crate::pkcs12::openssl_pkcs12;

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
fn pkcs12_verifies_a_pbmac1_mac() {
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
fn pbmac1_iterations_count_against_the_work_limit() {
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

#[test]
fn pkcs12_without_mac_is_rejected_unless_allowed() {
    let id = identity(KeyType::Ed25519);
    let folder = TempDir::new().unwrap();
    for way in [&["-nomac"][..], &["-nomac", "-certpbe", "NONE"]] {
        let der = openssl_pkcs12(&id, way);
        let file = write(&folder, "nomac.p12", &der);
        for refused in [
            Identity::from_pkcs12(&der, "x"),
            Identity::load_pkcs12(&file, "x"),
        ] {
            let (status, sentence) = status_of(refused);
            assert_eq!(status, Status::Parse, "{sentence}");
            assert!(sentence.contains("has no MAC"), "{sentence}");
        }
        let opened = Identity::insecure_load_pkcs12_without_mac(&file, "x").unwrap();
        assert_eq!(opened.chain(), id.chain());
        // It is still encrypted.
        let (status, sentence) = status_of(Identity::insecure_from_pkcs12_without_mac(&der, "y"));
        assert_eq!(status, Status::Argument, "{sentence}");
        assert!(sentence.contains("password does not open"), "{sentence}");
    }
    // One that is there has to be right.
    let mut damaged = openssl_pkcs12(&id, &["-certpbe", "NONE", "-iter", "1"]);
    let place = damaged.len() / 2;
    damaged[place] ^= 1;
    let (status, sentence) = status_of(Identity::insecure_from_pkcs12_without_mac(&damaged, "x"));
    assert_eq!(status, Status::Argument, "{sentence}");
}

#[test]
fn parts_of_a_pkcs12_file_share_one_work_limit() {
    let id = identity(KeyType::Ed25519);
    // Two parts, each of less than what a file has, and a MAC.
    let encrypted = ["-keypbe", "AES-256-CBC", "-certpbe", "AES-256-CBC"];
    let too_much = openssl_pkcs12(&id, &[&encrypted[..], &["-iter", "2100000"]].concat());
    let (status, sentence) = status_of(Identity::from_pkcs12(&too_much, "x"));
    assert_eq!(status, Status::Unsupported, "{sentence}");
    assert!(sentence.contains("too long"), "{sentence}");
    let enough = openssl_pkcs12(&id, &[&encrypted[..], &["-iter", "1200000"]].concat());
    assert_eq!(
        Identity::from_pkcs12(&enough, "x").unwrap().chain(),
        id.chain()
    );
}

/// DER with a length of two bytes.
pub(crate) fn der(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let length = u16::try_from(content.len()).unwrap().to_be_bytes();
    match content.len() {
        0..=127 => [&[tag, length[1]][..], &content].concat(),
        128..=255 => [&[tag, 0x81, length[1]][..], &content].concat(),
        _ => [&[tag, 0x82][..], &length, &content].concat(),
    }
}

/// A file without MAC and with these safes.
pub(crate) fn pkcs12_of(safes: &[&[u8]]) -> Vec<u8> {
    let data = der(4, &[&der(0x30, safes)]);
    let safe = der(0x30, &[&DATA, &der(0xa0, &[&data])]);
    der(0x30, &[&[2, 1, 3], &safe])
}

const DATA: [u8; 11] = [6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 1];

const ENCRYPTED_DATA: [u8; 11] = [6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 6];

pub(crate) const ENVELOPED_DATA: [u8; 11] = [6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 3];

const ENCRYPTED_KEY_BAG: [u8; 13] = [6, 11, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 12, 10, 1, 2];

#[test]
fn work_in_encrypted_parts_of_pkcs12_counts() {
    let scheme = |rounds| {
        let make = pkcs5::pbes2::Parameters::generate_pbkdf2_sha256_aes256cbc;
        make(rounds, &[1; 16], [2; 16]).unwrap()
    };
    let algorithm = |parameters| pkcs5::EncryptionScheme::Pbes2(parameters).to_der().unwrap();
    // A thousand keys, which only the password of the part around them shows.
    let key = der(0x30, &[&algorithm(scheme(900_000)), &der(4, &[&[7; 32]])]);
    let bag = der(0x30, &[&ENCRYPTED_KEY_BAG, &der(0xa0, &[&key])]);
    let safe = |bags: &[&[u8]]| {
        let plain = der(0x30, bags);
        let encrypted = scheme(1).encrypt("x", &plain).unwrap();
        let content = der(
            0x30,
            &[&DATA, &algorithm(scheme(1)), &der(0x80, &[&encrypted])],
        );
        let data = der(0x30, &[&[2, 1, 0], &content]);
        der(0x30, &[&ENCRYPTED_DATA, &der(0xa0, &[&data])])
    };
    let scrypt = pkcs5::pbes2::Parameters::generate_scrypt_aes256cbc;
    let costly = pkcs5::scrypt::Params::new(20, 8, 1).unwrap();
    let costly = scrypt(costly, &[1; 16], [2; 16]).unwrap();
    let costly = der(0x30, &[&algorithm(costly), &der(4, &[&[7; 32]])]);
    let costly = der(0x30, &[&ENCRYPTED_KEY_BAG, &der(0xa0, &[&costly])]);
    let too_many = der(0x30, &[&algorithm(scheme(4_000_001)), &der(4, &[&[7; 32]])]);
    let too_many = der(0x30, &[&ENCRYPTED_KEY_BAG, &der(0xa0, &[&too_many])]);
    for bag in [too_many, costly] {
        let began = std::time::Instant::now();
        let file = pkcs12_of(&[&safe(&[&bag])]);
        let (status, sentence) = status_of(Identity::insecure_from_pkcs12_without_mac(&file, "x"));
        assert_eq!(status, Status::Unsupported, "{sentence}");
        assert!(sentence.contains("too long"), "{sentence}");
        assert!(began.elapsed().as_secs() < 2);
    }
    // The first of them has a wrong password, and nothing after it is tried.
    let file = pkcs12_of(&[&safe(&[&bag, &bag])]);
    let (status, _) = status_of(Identity::insecure_from_pkcs12_without_mac(&file, "x"));
    assert_eq!(status, Status::Argument);
}
