//! Early data (0-RTT, RFC 8446, section 2.3), as far as it is plaintext.

use super::steps::{Goal, Step};
use super::{Engine, Tls};
use crate::Result;
use crate::connection::records::TAG;

/// What a record has beside its plaintext: the content type and the tag.
const OVERHEAD: usize = 1 + TAG;

/// What became of early data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EarlyData {
    /// There is none.
    #[default]
    None,
    /// A client sent some, and the server has not answered yet.
    Sent,
    /// The server took it.
    Accepted,
    /// The server did not take it: it has to be sent again.
    Rejected,
}

impl Engine {
    /// Seals the front of `data` as early data of a client: how much of it was
    /// taken, none where no session allows it.
    ///
    /// The limit of a session is about plaintext (RFC 8446, section 4.6.1).  But servers
    /// that reject early data cannot open it, and some, such as those of rustls, count the
    /// ciphertext that they skip and refuse what exceeds the limit.  So all of it is within
    /// the limit here, whichever of the two is counted.
    pub(crate) fn encrypt_early(&mut self, data: &[u8]) -> Result<usize> {
        let most = plaintext_within(self.early_left, self.fragment);
        let goal = Goal::EncryptEarly {
            data: &data[..data.len().min(most)],
            fragment: self.fragment,
        };
        loop {
            match self.step(goal, &mut [])?.0 {
                Step::Again => {}
                Step::Early(count) => {
                    let records = count.div_ceil(self.fragment);
                    self.early_left -= count + records * OVERHEAD;
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
    pub(crate) fn may_answer_early_data(&self) -> bool {
        matches!(self.tls, Tls::Server(_)) && self.early_data == EarlyData::Accepted
    }
}

/// The most plaintext, in records with `fragment` bytes each, whose ciphertext has at most
/// `limit` bytes.
fn plaintext_within(limit: usize, fragment: usize) -> usize {
    let record = fragment + OVERHEAD;
    limit / record * fragment + (limit % record).saturating_sub(OVERHEAD)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plaintext_within_a_limit_is_the_most_whose_ciphertext_fits() {
        for fragment in [1, 2, 15, 16, 17, 18, 100] {
            let ciphertext = |plaintext: usize| plaintext + plaintext.div_ceil(fragment) * OVERHEAD;
            for limit in 0..500 {
                let most = plaintext_within(limit, fragment);
                assert!(ciphertext(most) <= limit, "{most} of {limit}, {fragment}");
                assert!(
                    ciphertext(most + 1) > limit,
                    "{most} of {limit}, {fragment}"
                );
            }
        }
    }
}
