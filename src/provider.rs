//! The one cryptography provider of the library.
//!
//! Every configuration and every verifier is given it explicitly.  The library
//! never installs a process-wide default, so it never interferes with another
//! user of rustls in the same process.

use std::sync::{Arc, OnceLock};

use rustls::crypto::CryptoProvider;

/// AWS-LC through aws-lc-rs, with X25519MLKEM768 as the first group.
pub(crate) fn provider() -> &'static Arc<CryptoProvider> {
    static PROVIDER: OnceLock<Arc<CryptoProvider>> = OnceLock::new();
    PROVIDER.get_or_init(|| Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
}
