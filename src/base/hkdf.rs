//! HKDF (RFC 5869) for TLS 1.3: that of rustls, on the HMAC of RustCrypto.
//!
//! A connection derives some thirty secrets from a dozen keys, and hashes little for
//! each.  The HKDF of aws-lc-rs prepares the key anew for each secret, and what its
//! HMAC has prepared is most of a kilobyte, which is cleared and copied each time; here
//! it is two states of the hash.  That makes a resumed handshake a tenth shorter.

use std::marker::PhantomData;

use hmac::digest::OutputSizeUser;
use hmac::{KeyInit, Mac};
use rustls::crypto::hmac::{Hmac, Key, Tag};
use rustls::crypto::tls13::{Hkdf, HkdfUsingHmac};
use sha2::{Sha256, Sha384};

static SHA256: HkdfUsingHmac<'_> = HkdfUsingHmac(&HmacProvider::<hmac::Hmac<Sha256>>(PhantomData));
static SHA384: HkdfUsingHmac<'_> = HkdfUsingHmac(&HmacProvider::<hmac::Hmac<Sha384>>(PhantomData));

/// The HKDF of a cipher suite with a hash of so many bytes, where there is one.
pub(crate) fn for_hash_length(hash: usize) -> Option<&'static dyn Hkdf> {
    match hash {
        32 => Some(&SHA256),
        48 => Some(&SHA384),
        _ => None,
    }
}

/// Prepares keys for this function.
struct HmacProvider<M>(PhantomData<fn() -> M>);

impl<M: KeyInit + Mac + Clone + Send + Sync + 'static> Hmac for HmacProvider<M> {
    fn with_key(&self, key: &[u8]) -> Box<dyn Key> {
        let prepared = <M as KeyInit>::new_from_slice(key);
        Box::new(PreparedKey(prepared.expect("keys of any length will do")))
    }

    fn hash_output_len(&self) -> usize {
        <M as OutputSizeUser>::output_size()
    }
}

/// Has hashed the key, and wipes that when it is dropped.
struct PreparedKey<M>(M);

impl<M: Mac + Clone + Send + Sync> Key for PreparedKey<M> {
    fn sign_concat(&self, first: &[u8], middle: &[&[u8]], last: &[u8]) -> Tag {
        let mut mac = self.0.clone();
        mac.update(first);
        middle.iter().for_each(|part| mac.update(part));
        mac.update(last);
        Tag::new(&mac.finalize().into_bytes())
    }

    fn tag_len(&self) -> usize {
        <M as OutputSizeUser>::output_size()
    }
}

#[cfg(test)]
mod tests;
