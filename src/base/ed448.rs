//! Ed448 (RFC 8032) for TLS (RFC 8446, section 4.2.3) and X.509 (RFC 8410).
//!
//! AWS-LC lacks Ed448.  The curve arithmetic is crrl's; this module implements the
//! interfaces of rustls and webpki, with the checks they need.

use std::sync::Arc;

use crrl::ed448::{Point, PrivateKey, PublicKey};
use pkcs8::PrivateKeyInfoRef;
use rustls::sign::{Signer, SigningKey, public_key_to_spki};
use rustls::{Error, SignatureAlgorithm, SignatureScheme};
use rustls_pki_types::{
    AlgorithmIdentifier, InvalidSignature, PrivatePkcs8KeyDer, SignatureVerificationAlgorithm,
    SubjectPublicKeyInfoDer, alg_id,
};
use zeroize::Zeroizing;

const SEED: usize = 57;

/// A PKCS#8 version 1 key up to its seed (RFC 8410, section 7).
const PKCS8_PREFIX: &[u8; 16] = b"\x30\x47\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x71\x04\x3b\x04\x39";

/// The header of an OCTET STRING as long as a seed.
const SEED_PREFIX: &[u8; 2] = &[0x04, 57];

/// Verifies Ed448 signatures.
#[derive(Debug)]
pub(crate) struct Ed448Verification;

impl SignatureVerificationAlgorithm for Ed448Verification {
    fn verify_signature(
        &self,
        public_key: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), InvalidSignature> {
        let key = PublicKey::decode(public_key).ok_or(InvalidSignature)?;
        // crrl accepts low-order points, for which anybody can forge signatures.
        let is_weak = Point::decode(public_key).is_none_or(|point| point.has_low_order() != 0);
        if is_weak || !key.verify_raw(signature, message) {
            return Err(InvalidSignature);
        }
        Ok(())
    }

    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        alg_id::ED448
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        alg_id::ED448
    }
}

/// A private key, stored as its seed, which is wiped on drop. crrl's own key type is not
/// wiped, so it is never kept.
#[derive(Clone)]
pub(crate) struct Ed448Key {
    seed: Arc<Zeroizing<[u8; SEED]>>,
    public: [u8; SEED],
}

impl Ed448Key {
    /// Parses a PKCS#8 key of version 1 or 2.
    pub(crate) fn from_pkcs8(der: &PrivatePkcs8KeyDer<'_>) -> Result<Self, Error> {
        let damaged = || Error::General("the Ed448 private key is damaged".to_owned());
        let key = PrivateKeyInfoRef::try_from(der.secret_pkcs8_der()).map_err(|_| damaged())?;
        let is_ed448 = key.algorithm.oid == ED448 && key.algorithm.parameters.is_none();
        let seed = key.private_key.as_bytes().strip_prefix(SEED_PREFIX);
        let seed = seed.filter(|_| is_ed448).ok_or_else(damaged)?;
        let seed = Zeroizing::new(<[u8; SEED]>::try_from(seed).map_err(|_| damaged())?);
        let this = Self {
            public: PrivateKey::from_seed(&*seed).public_key.encode(),
            seed: Arc::new(seed),
        };
        let stated_public_key = key.public_key.map(|public| public.raw_bytes());
        match stated_public_key {
            Some(stated_public_key) if stated_public_key != this.public => Err(damaged()),
            _ => Ok(this),
        }
    }

    /// Generates a key.  Returns it as PKCS#8 version 1.
    pub(crate) fn generate_pkcs8() -> Result<Zeroizing<Vec<u8>>, aws_lc_rs::error::Unspecified> {
        let mut document = Zeroizing::new(vec![0; PKCS8_PREFIX.len() + SEED]);
        let (prefix, seed) = document.split_at_mut(PKCS8_PREFIX.len());
        prefix.copy_from_slice(PKCS8_PREFIX);
        crate::base::provider::fill_random(seed)?;
        Ok(document)
    }
}

const ED448: pkcs8::ObjectIdentifier = pkcs8::ObjectIdentifier::new_unwrap("1.3.101.113");

impl SigningKey for Ed448Key {
    fn choose_scheme(&self, offered: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        let offers = offered.contains(&SignatureScheme::ED448);
        offers.then(|| Box::new(self.clone()) as Box<dyn Signer>)
    }

    fn public_key(&self) -> Option<SubjectPublicKeyInfoDer<'_>> {
        Some(public_key_to_spki(&alg_id::ED448, self.public))
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        SignatureAlgorithm::ED448
    }
}

impl Signer for Ed448Key {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        let signature = PrivateKey::from_seed(&**self.seed).sign_raw(message);
        Ok(signature.to_vec())
    }

    fn scheme(&self) -> SignatureScheme {
        SignatureScheme::ED448
    }
}

impl std::fmt::Debug for Ed448Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ed448Key").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
