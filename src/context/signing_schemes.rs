//! Keys that sign in some of their ways only, or in none.

use std::sync::Arc;

use rustls::sign::{CertifiedKey, Signer, SigningKey};
use rustls::{SignatureAlgorithm, SignatureScheme};
use rustls_pki_types::SubjectPublicKeyInfoDer;

use super::algorithm_names;
use crate::{Error, Result};

/// A key with the schemes that it may sign with, best first.
#[derive(Debug)]
pub(super) struct LimitedKey {
    key: Arc<dyn SigningKey>,
    schemes: Vec<SignatureScheme>,
}

/// The key, limited to these schemes.  Fails where it can sign with none of them.
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
            "the key of the identity used last can sign with none of these schemes: \
             choose from {}",
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

/// A key that signs nothing.
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

/// What a server shows to a client that can check no signature of its keys: in every
/// version rustls finds then that nothing is in common, and tells the client.  With
/// a key of a kind that the client knows it would fail in TLS 1.2 without a word.
pub(super) fn unusable_key() -> Arc<CertifiedKey> {
    Arc::new(CertifiedKey::new(Vec::new(), Arc::new(UnusableKey)))
}
