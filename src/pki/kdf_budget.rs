//! Limits the password hashing that a file can demand before it is open.
//!
//! Every part of a file sets its own iteration count, so a small file with many parts could
//! keep its reader busy for hours.

use pkcs5::pbes2::Kdf;

use crate::{Error, Result, Status};

const MAX_SCRYPT_MEMORY: u64 = 1 << 30;
const MAX_SCRYPT_LANES: u16 = 16;

/// The bytes of scrypt's work that count as one round of PBKDF2: they take about the same
/// time.
const SCRYPT_ROUND: u64 = 256;

/// The hashing rounds that all parts of one file may take together.
pub(super) struct KdfBudget {
    of: &'static str,
    most: u64,
    left: u64,
}

impl KdfBudget {
    /// Creates a budget of `most` rounds for a file that errors call `of`.
    pub(super) const fn new(of: &'static str, most: u64) -> Self {
        Self {
            of,
            most,
            left: most,
        }
    }

    /// Deducts hashing rounds; fails if they exceed the budget.
    pub(super) fn spend(&mut self, rounds: u64) -> Result<()> {
        self.left = self
            .left
            .checked_sub(rounds)
            .ok_or_else(|| self.exceeded())?;
        Ok(())
    }

    /// Deducts the key derivation of PBES2 (RFC 8018, section 6.2); fails if it exceeds the
    /// budget.
    pub(super) fn spend_kdf(&mut self, kdf: &Kdf) -> Result<()> {
        match kdf {
            Kdf::Pbkdf2(parameters) => self.spend(u64::from(parameters.iteration_count)),
            Kdf::Scrypt(parameters) => {
                let block = 128 * u64::from(parameters.block_size);
                let memory = parameters.cost_parameter.checked_mul(block);
                let lanes = parameters.parallelization;
                match memory {
                    Some(memory) if memory <= MAX_SCRYPT_MEMORY && lanes <= MAX_SCRYPT_LANES => {
                        self.spend(memory * u64::from(lanes) / SCRYPT_ROUND)
                    }
                    _ => Err(self.exceeded()),
                }
            }
            _ => Err(self.exceeded()),
        }
    }

    fn exceeded(&self) -> Error {
        let (of, most) = (self.of, self.most);
        let sentence = format!(
            "{of} would take too long to open: at most {most} rounds \
             of hashing its password, over all of its parts, or 1 GiB for scrypt, are allowed"
        );
        Error::new(Status::Unsupported, sentence)
    }
}
