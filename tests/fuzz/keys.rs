//! What holds keys: PKCS#12, PKCS#8 under a password, and PEM of every kind.

#![no_main]

mod edited;

use std::sync::OnceLock;

use tlsmith::{CertOptions, Identity, PrivateKey, self_signed};

/// Of OpenSSL, with a single round of hashing, so that what follows it is reached.
const PKCS12: [&[u8]; 3] = [
    include_bytes!("samples/modern.p12"),
    include_bytes!("samples/legacy.p12"),
    include_bytes!("samples/no_mac.p12"),
];
const KEY: &[u8] = include_bytes!("samples/key.pem");

fn samples() -> &'static Vec<Vec<u8>> {
    static MADE: OnceLock<Vec<Vec<u8>>> = OnceLock::new();
    MADE.get_or_init(|| {
        let made = self_signed(&["localhost".to_owned()], &CertOptions::default()).unwrap();
        let key = made.key().unwrap().to_pem();
        let pem = [made.cert_pem().as_bytes(), key.as_bytes()].concat();
        let files = PKCS12.iter().copied().chain([KEY]).map(<[u8]>::to_vec);
        files.chain([pem]).collect()
    })
}

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let bytes = edited::edited(samples(), input);
    // What asks for many rounds is for other tests.
    let _ = Identity::from_pkcs12(&bytes, "password");
    let _ = Identity::insecure_from_pkcs12_without_mac(&bytes, "password");
    let _ = Identity::from_bytes(&bytes, None, Some("password"));
    let _ = Identity::from_bytes(&bytes, Some(&bytes), None);
    let _ = PrivateKey::from_bytes(&bytes, Some("password"));
    let _ = PrivateKey::from_bytes(&bytes, None);
});
