//! Random bytes and digests for programs.  They come from the library's own cryptography
//! provider, so programs need no second one.

use std::str::FromStr;

use aws_lc_rs::digest::{self as hash, Algorithm};

use crate::base::provider::fill_random;
use crate::base::text::quoted;
use crate::{Error, Result, Status};

/// A hash function of the SHA-2 family (FIPS 180-4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DigestAlgorithm {
    /// SHA-256: 32 bytes.
    Sha256,
    /// SHA-384: 48 bytes.
    Sha384,
    /// SHA-512: 64 bytes.
    Sha512,
}

const NAMES: [(&str, DigestAlgorithm); 3] = [
    ("sha256", DigestAlgorithm::Sha256),
    ("sha384", DigestAlgorithm::Sha384),
    ("sha512", DigestAlgorithm::Sha512),
];

impl DigestAlgorithm {
    fn algorithm(self) -> &'static Algorithm {
        match self {
            Self::Sha256 => &hash::SHA256,
            Self::Sha384 => &hash::SHA384,
            Self::Sha512 => &hash::SHA512,
        }
    }

    /// Returns the length of its digests, in bytes.
    pub fn length(self) -> usize {
        self.algorithm().output_len()
    }
}

impl FromStr for DigestAlgorithm {
    type Err = Error;

    /// Parses its name in any case: `"sha256"`, `"sha384"`, `"sha512"`.
    fn from_str(name: &str) -> Result<Self> {
        let found = NAMES
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, algorithm)| *algorithm).ok_or_else(|| {
            let names = NAMES.map(|(name, _)| name).join(", ");
            let sentence = format!(
                "the digest algorithm {} is not supported: choose one of {names}",
                quoted(name)
            );
            Error::argument(sentence)
        })
    }
}

/// Returns the digest of `data`.
pub fn digest(algorithm: DigestAlgorithm, data: &[u8]) -> Vec<u8> {
    hash::digest(algorithm.algorithm(), data).as_ref().to_vec()
}

/// Fills `out` with random bytes suitable for keys.
///
/// Fails with [`Status::Internal`] if the system has none.
pub fn random(out: &mut [u8]) -> Result<()> {
    fill_random(out).map_err(|_| Error::new(Status::Internal, "the system has no random bytes"))
}
