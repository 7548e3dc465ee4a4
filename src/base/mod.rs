//! The base layer: errors, limits, cryptography, fork safety and handshake observations.
//! It depends on no other layer, and handles certificates only as DER.

mod digest;
pub(crate) mod ed448;
mod error;
pub(crate) mod fork;
pub(crate) mod groups;
mod hkdf;
pub(crate) mod limits;
pub(crate) mod observations;
pub(crate) mod provider;
pub(crate) mod rustls_gaps;
#[cfg(test)]
mod test_vectors;
pub mod text;
pub(crate) mod tls_errors;

pub use digest::{DigestAlgorithm, digest, random};
pub use error::{Error, Result, Status};
pub use fork::{
    Origin, PerProcess, after_fork_in_child, after_fork_in_parent, before_fork,
    without_cryptography,
};
