//! Private keys that are limited to some of their signature schemes, or to none.

use std::sync::Arc;

use rustls::sign::{CertifiedKey, Signer, SigningKey};
use rustls::{SignatureAlgorithm, SignatureScheme};
use rustls_pki_types::SubjectPublicKeyInfoDer;

use super::algorithm_names;
use crate::{Error, Result};

/// A key and the schemes that it may use, best first.
#[derive(Debug)]
pub(super) struct LimitedKey {
    key: Arc<dyn SigningKey>,
    schemes: Vec<SignatureScheme>,
}

/// Limits a key to these schemes.  Fails if it supports none of them.
pub(super) fn limit(
    key: &Arc<dyn SigningKey>,
    schemes: Vec<SignatureScheme>,
) -> Result<Arc<dyn SigningKey>> {
    if key.choose_scheme(&schemes).is_none() {
        let every: Vec<_> = algorithm_names::every_scheme()
            .filter(|(_, scheme)| key.choose_scheme(&[*scheme]).is_some())
            .map(|(name, _)| name)
            .collect();
        let sentence = format!(
            "the key of the most recently added identity supports none of these signature \
             schemes: choose from {}",
            every.join(", ")
        );
        return Err(Error::argument(sentence));
    }
    let key = key.clone();
    Ok(Arc::new(LimitedKey { key, schemes }))
}

impl SigningKey for LimitedKey {
    fn choose_scheme(&self, offered: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        let mut common = self.schemes.iter().filter(|one| offered.contains(one));
        common.find_map(|scheme| self.key.choose_scheme(&[*scheme]))
    }

    fn public_key(&self) -> Option<SubjectPublicKeyInfoDer<'_>> {
        self.key.public_key()
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        self.key.algorithm()
    }
}

/// A key without signature schemes.
#[derive(Debug)]
struct UnusableKey;

impl SigningKey for UnusableKey {
    fn choose_scheme(&self, _offered: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        None
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        SignatureAlgorithm::Unknown(0)
    }
}

/// What a server presents to a client that supports no scheme of its keys.  In every
/// version, rustls then tells the client that there are no common parameters.  With a key
/// of a type that the client knows, a TLS 1.2 handshake would fail without an alert.
pub(super) fn unusable_key() -> Arc<CertifiedKey> {
    Arc::new(CertifiedKey::new(Vec::new(), Arc::new(UnusableKey)))
}
