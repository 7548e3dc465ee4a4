//! Early data (0-RTT, RFC 8446, section 2.3), as far as it is plaintext.

use super::super::steps::{Goal, Step};
use super::{EarlyData, Engine, Tls};
use crate::Result;

impl Engine {
    /// Seals the front of `data` as early data of a client: how much of it was
    /// taken, none where no session allows it.
    pub(crate) fn encrypt_early(&mut self, data: &[u8]) -> Result<usize> {
        loop {
            match self.step(Goal::EncryptEarly(data), &mut [])?.0 {
                Step::Again => {}
                Step::Early(count) => {
                    if count > 0 {
                        self.early_data = EarlyData::Sent;
                    }
                    return Ok(count);
                }
                _ => return Ok(0),
            }
        }
    }

    /// Reads early data that is here.
    pub(crate) fn read_early(&mut self, out: &mut [u8]) -> usize {
        let early = self.early.as_mut();
        early.map_or(0, |early| early.drain_into(out))
    }

    /// How many bytes of early data wait to be read.
    pub(crate) fn early_len(&self) -> usize {
        let early = self.early.as_ref();
        early.map_or(0, |early| early.len())
    }

    pub(crate) fn early_data(&self) -> EarlyData {
        self.early_data
    }

    /// Whether a server may answer before the handshake is complete: where it took
    /// early data, which only comes with a session that it made itself or shares.
    pub(crate) fn may_answer_early(&self) -> bool {
        matches!(self.tls, Tls::Server(_)) && self.early_data == EarlyData::Accepted
    }
}
