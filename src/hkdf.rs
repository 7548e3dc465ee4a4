//! HKDF (RFC 5869) for TLS 1.3: that of rustls, on the HMAC of AWS-LC.
//!
//! It prepares the key for HMAC once, whatever number of secrets come from it.  The
//! HKDF of aws-lc-rs begins anew for each of them, which is a fifth of all that a
//! resumed handshake computes.

use aws_lc_rs::hmac;
use rustls::crypto::hmac::{Hmac, Key, Tag};
use rustls::crypto::tls13::{Hkdf, HkdfUsingHmac};

static SHA256: HkdfUsingHmac<'_> = HkdfUsingHmac(&AwsLc(hmac::HMAC_SHA256));
static SHA384: HkdfUsingHmac<'_> = HkdfUsingHmac(&AwsLc(hmac::HMAC_SHA384));

/// The HKDF of a cipher suite with a hash of so many bytes, where there is one.
pub(crate) fn of_length(hash: usize) -> Option<&'static dyn Hkdf> {
    match hash {
        32 => Some(&SHA256),
        48 => Some(&SHA384),
        _ => None,
    }
}

struct AwsLc(hmac::Algorithm);

impl Hmac for AwsLc {
    fn with_key(&self, key: &[u8]) -> Box<dyn Key> {
        Box::new(Prepared(hmac::Key::new(self.0, key)))
    }

    fn hash_output_len(&self) -> usize {
        self.0.digest_algorithm().output_len()
    }
}

struct Prepared(hmac::Key);

impl Key for Prepared {
    fn sign_concat(&self, first: &[u8], middle: &[&[u8]], last: &[u8]) -> Tag {
        let mut context = hmac::Context::with_key(&self.0);
        context.update(first);
        middle.iter().for_each(|part| context.update(part));
        context.update(last);
        Tag::new(context.sign().as_ref())
    }

    fn tag_len(&self) -> usize {
        self.0.algorithm().digest_algorithm().output_len()
    }
}
