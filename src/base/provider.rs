//! The library's only cryptography provider.
//!
//! It is passed explicitly to every configuration and verifier.  The library never installs
//! a process-wide default, so it does not interfere with other users of rustls in the
//! process.

use std::sync::{Arc, OnceLock};

use ::aws_lc_rs::error::Unspecified;
use const_oid::ObjectIdentifier;
use const_oid::db::rfc5912::ID_EC_PUBLIC_KEY;
use const_oid::db::rfc8410::{ID_ED_448, ID_ED_25519};
use pkcs8::PrivateKeyInfoRef;
use rustls::crypto::tls12::Prf;
use rustls::crypto::{
    ActiveKeyExchange, CryptoProvider, KeyProvider, WebPkiSupportedAlgorithms, aws_lc_rs,
};
use rustls::sign::SigningKey;
use rustls::{
    CipherSuiteCommon, Error, SignatureScheme, SupportedCipherSuite, Tls12CipherSuite,
    Tls13CipherSuite,
};
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer, SignatureVerificationAlgorithm};

use crate::base::ed448::{Ed448Key, Ed448Verification};
use crate::base::fork;
use crate::base::groups;
use crate::base::hkdf;
use crate::base::observations::Observations;

/// Fills `bytes` with random bytes.
pub(crate) fn fill_random(bytes: &mut [u8]) -> Result<(), Unspecified> {
    fork::with_cryptography(|| ::aws_lc_rs::rand::fill(bytes))
}

/// Returns AWS-LC through aws-lc-rs, with Ed448 and the default groups
/// ([`groups::default`]), X25519MLKEM768 first.  The other groups are only in
/// [`groups::every`].
pub(crate) fn provider() -> &'static Arc<CryptoProvider> {
    static PROVIDER: OnceLock<Arc<CryptoProvider>> = OnceLock::new();
    PROVIDER.get_or_init(|| {
        let base = aws_lc_rs::default_provider();
        Arc::new(CryptoProvider {
            cipher_suites: base.cipher_suites.into_iter().map(extend_suite).collect(),
            signature_verification_algorithms: signature_verification(
                base.signature_verification_algorithms,
            ),
            kx_groups: groups::default(),
            key_provider: &KeyLoader,
            ..base
        })
    })
}

/// Leaks a list for the lifetime of the process, which rustls requires; called once each.
fn leak<T>(value: Vec<T>) -> &'static [T] {
    Box::leak(value.into_boxed_slice())
}

fn signature_verification(base: WebPkiSupportedAlgorithms) -> WebPkiSupportedAlgorithms {
    static ED448: &dyn SignatureVerificationAlgorithm = &Ed448Verification;
    let mut all = base.all.to_vec();
    all.push(ED448);
    let mut mapping = base.mapping.to_vec();
    let after_ed25519 = mapping
        .iter()
        .position(|(scheme, _)| *scheme == SignatureScheme::ED25519);
    mapping.insert(
        after_ed25519.map_or(mapping.len(), |index| index + 1),
        (SignatureScheme::ED448, std::slice::from_ref(&ED448)),
    );
    WebPkiSupportedAlgorithms {
        all: leak(all),
        mapping: leak(mapping),
    }
}

fn extend_suite(suite: SupportedCipherSuite) -> SupportedCipherSuite {
    match suite {
        SupportedCipherSuite::Tls12(base) => SupportedCipherSuite::Tls12(extend_tls12(base)),
        SupportedCipherSuite::Tls13(base) => SupportedCipherSuite::Tls13(extend_tls13(base)),
    }
}

fn extend_tls13(base: &'static Tls13CipherSuite) -> &'static Tls13CipherSuite {
    let hash = base.common.hash_provider.output_len();
    Box::leak(Box::new(Tls13CipherSuite {
        common: CipherSuiteCommon { ..base.common },
        hkdf_provider: hkdf::for_hash_length(hash).unwrap_or(base.hkdf_provider),
        aead_alg: base.aead_alg,
        quic: base.quic,
    }))
}

/// In TLS 1.2 a suite defines how servers sign; ECDSA suites include EdDSA (RFC 8422,
/// section 2.3).
fn extend_tls12(base: &'static Tls12CipherSuite) -> &'static Tls12CipherSuite {
    let mut sign = base.sign.to_vec();
    if sign.contains(&SignatureScheme::ED25519) {
        sign.push(SignatureScheme::ED448);
    }
    Box::leak(Box::new(Tls12CipherSuite {
        common: CipherSuiteCommon { ..base.common },
        prf_provider: Box::leak(Box::new(ObservedPrf(base.prf_provider))),
        kx: base.kx,
        sign: leak(sign),
        aead_alg: base.aead_alg,
    }))
}

/// A TLS 1.2 PRF that records the server random at key expansion (RFC 5246, section 6.3),
/// and whether the extended master secret is used (RFC 7627).  Exporters need both, and
/// rustls does not return them.
struct ObservedPrf(&'static dyn Prf);

impl Prf for ObservedPrf {
    fn for_key_exchange(
        &self,
        output: &mut [u8; 48],
        kx: Box<dyn ActiveKeyExchange>,
        peer_pub_key: &[u8],
        label: &[u8],
        seed: &[u8],
    ) -> Result<(), Error> {
        Observations::set_extended_master_secret(label == b"extended master secret");
        self.0
            .for_key_exchange(output, kx, peer_pub_key, label, seed)
    }

    fn for_secret(&self, output: &mut [u8], secret: &[u8], label: &[u8], seed: &[u8]) {
        if let (b"key expansion", Some((server_random, _))) = (label, seed.split_at_checked(32)) {
            Observations::server_random(server_random);
        }
        self.0.for_secret(output, secret, label, seed);
    }
}

/// Loads private keys of AWS-LC's types and Ed448.
#[derive(Debug)]
struct KeyLoader;

impl KeyProvider for KeyLoader {
    fn load_private_key(&self, der: PrivateKeyDer<'static>) -> Result<Arc<dyn SigningKey>, Error> {
        let PrivateKeyDer::Pkcs8(pkcs8) = &der else {
            return aws_lc_rs::sign::any_supported_type(&der);
        };
        match algorithm(pkcs8) {
            Some(ID_ED_448) => Ok(Arc::new(Ed448Key::from_pkcs8(pkcs8)?)),
            // Try one type only: each attempt makes AWS-LC compute and check the public
            // key.
            Some(ID_ED_25519) => aws_lc_rs::sign::any_eddsa_type(pkcs8),
            Some(ID_EC_PUBLIC_KEY) => aws_lc_rs::sign::any_ecdsa_type(&der),
            _ => aws_lc_rs::sign::any_supported_type(&der),
        }
    }
}

/// Returns the algorithm of a PKCS#8 key.
fn algorithm(pkcs8: &PrivatePkcs8KeyDer<'_>) -> Option<ObjectIdentifier> {
    let key = PrivateKeyInfoRef::try_from(pkcs8.secret_pkcs8_der());
    key.ok().map(|key| key.algorithm.oid)
}
