//! Digests and random bytes.

use tlsmith::{DigestAlgorithm, digest, random};

use super::*;

#[test]
fn digests_match_fips_180_4() {
    // FIPS 180-4's "abc".
    for (given, length, start) in [
        ("sha256", 32, [0xba, 0x78, 0x16, 0xbf]),
        ("SHA384", 48, [0xcb, 0x00, 0x75, 0x3f]),
        ("sha512", 64, [0xdd, 0xaf, 0x35, 0xa1]),
    ] {
        let algorithm: DigestAlgorithm = given.parse().unwrap();
        let found = digest(algorithm, b"abc");
        assert_eq!((found.len(), algorithm.length()), (length, length));
        assert_eq!(found[..4], start, "{given}");
    }
    for wrong in [
        "",
        "sha1",
        "md5",
        "sha-256",
        "sha256\0",
        &"x".repeat(10_000),
    ] {
        let error = wrong.parse::<DigestAlgorithm>().unwrap_err();
        assert_eq!(error.status(), Status::Argument);
        let sentence = error.to_string();
        assert!(sentence.contains("sha256, sha384, sha512"), "{sentence}");
        assert!(sentence.len() < 400);
    }
}

#[test]
fn random_bytes_are_not_repeated() {
    let (mut one, mut other) = ([0; 32], [0; 32]);
    random(&mut one).unwrap();
    random(&mut other).unwrap();
    assert_ne!(one, other);
    assert_ne!(one, [0; 32]);
    random(&mut []).unwrap();
}
