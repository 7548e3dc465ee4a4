//! What a peer may still send while rustls has the connection.

use super::failure;
use crate::Error;
use crate::base::limits::{Allowance, Charge, HANDSHAKE_INPUT, SKIPPED_EARLY_DATA};
use crate::connection::records::too_many_without_data;

/// The budgets of one connection.
pub(super) struct Budgets {
    /// Input of the handshake, in bytes.
    handshake: usize,
    /// Early data that may be skipped, in bytes of ciphertext.
    skipped: usize,
    /// Records without application data after the handshake.
    pub(super) allowance: Allowance,
}

impl Default for Budgets {
    fn default() -> Self {
        Self {
            handshake: HANDSHAKE_INPUT,
            skipped: SKIPPED_EARLY_DATA,
            allowance: Allowance::default(),
        }
    }
}

impl Budgets {
    /// Adds room for the early data that a server accepts or skips, of `most` bytes.
    pub(super) fn allow_early_data(&mut self, most: u32) {
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        // Small records have more headers and tags than data.
        self.skipped = SKIPPED_EARLY_DATA.saturating_add(most.saturating_mul(2));
        self.handshake = HANDSHAKE_INPUT.saturating_add(most.saturating_mul(2));
    }

    pub(super) fn charge_handshake(&mut self, count: usize) -> Result<(), Error> {
        self.handshake = self
            .handshake
            .checked_sub(count)
            .ok_or_else(failure::oversized_handshake)?;
        Ok(())
    }

    pub(super) fn charge_skipped(&mut self, count: usize) -> Result<(), Error> {
        self.skipped = self
            .skipped
            .checked_sub(count)
            .ok_or_else(failure::too_much_skipped)?;
        Ok(())
    }

    /// Charges records without application data.
    pub(super) fn charge_without_data(&mut self, count: usize) -> Result<(), Error> {
        match (0..count).all(|_| self.allowance.charge(Charge::Other)) {
            true => Ok(()),
            false => Err(too_many_without_data()),
        }
    }
}
