//! Early data (0-RTT, RFC 8446, section 2.3), as plaintext.

use super::unbuffered::{Goal, Step};
use super::{Engine, Tls};
use crate::Result;
use crate::connection::records::{Buffer, TAG};

/// What a record adds to its plaintext, without its header: the content type and the tag.
const OVERHEAD: usize = 1 + TAG;

/// What became of early data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EarlyData {
    /// There is none.
    #[default]
    None,
    /// A client sent some, and the server has not answered yet.
    Sent,
    /// The server accepted it.
    Accepted,
    /// The server rejected it: it has to be sent again.
    Rejected,
}

/// The early data of a connection.
#[derive(Default)]
pub(super) struct EarlyDataState {
    pub(super) outcome: EarlyData,
    /// What a server opened and its caller did not read yet.  Few connections have any.
    pub(super) received: Option<Box<Buffer>>,
    /// How many bytes of ciphertext a client may still send.
    send_left: u32,
}

impl EarlyDataState {
    /// Allows a client to send this much.
    pub(super) fn allow_sending(&mut self, most: u32) {
        self.send_left = most;
    }

    /// Counts plaintext that a client sealed, in records with `fragment` bytes each.
    fn count_sent(&mut self, count: usize, fragment: usize) {
        let ciphertext = count + count.div_ceil(fragment) * OVERHEAD;
        let ciphertext = u32::try_from(ciphertext).unwrap_or(u32::MAX);
        self.send_left = self.send_left.saturating_sub(ciphertext);
        if count > 0 {
            self.outcome = EarlyData::Sent;
        }
    }

    /// Notes the result of one step of rustls: whether it sent EndOfEarlyData, as a client
    /// does if the server accepted its early data.
    pub(super) fn learn(&mut self, sent_end_of_early_data: bool) {
        let is_accepted = sent_end_of_early_data && self.outcome == EarlyData::Sent;
        if is_accepted || self.received_len() > 0 {
            self.outcome = EarlyData::Accepted;
        }
    }

    /// Notes that the handshake is complete.
    pub(super) fn conclude(&mut self) {
        if self.outcome == EarlyData::Sent {
            self.outcome = EarlyData::Rejected;
        }
    }

    fn received_len(&self) -> usize {
        let received = self.received.as_ref();
        received.map_or(0, |received| received.len())
    }
}

impl Engine {
    /// Seals the front of `data` as early data of a client, and returns how much was taken: 0
    /// if no session allows it.
    ///
    /// The limit of a session is about plaintext (RFC 8446, section 4.6.1).  But servers that
    /// reject early data cannot open it, and some, such as those of rustls, count the
    /// ciphertext that they skip, and refuse more than the limit.  So the ciphertext also stays
    /// within the limit here.
    pub(crate) fn encrypt_early(&mut self, data: &[u8]) -> Result<usize> {
        let limit = usize::try_from(self.early_data.send_left).unwrap_or(usize::MAX);
        let most = plaintext_within(limit, self.fragment);
        let goal = Goal::EncryptEarly {
            data: &data[..data.len().min(most)],
            fragment: self.fragment,
        };
        loop {
            match self.step(goal, &mut [])?.0 {
                Step::Again => {}
                Step::Early(count) => {
                    self.early_data.count_sent(count, self.fragment);
                    return Ok(count);
                }
                _ => return Ok(0),
            }
        }
    }

    /// Moves early data that was received to the front of `out`, and returns how much.
    pub(crate) fn read_early(&mut self, out: &mut [u8]) -> usize {
        let received = self.early_data.received.as_mut();
        received.map_or(0, |received| received.drain_into(out))
    }

    /// Returns how many bytes of early data wait to be read.
    pub(crate) fn early_len(&self) -> usize {
        self.early_data.received_len()
    }

    pub(crate) fn early_data(&self) -> EarlyData {
        self.early_data.outcome
    }

    /// Whether a server may answer before the handshake is complete: if it accepted early
    /// data, which requires a session that it created itself or shares.
    pub(crate) fn may_answer_early_data(&self) -> bool {
        matches!(self.tls, Tls::Server(_)) && self.early_data.outcome == EarlyData::Accepted
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
    fn plaintext_within_returns_the_most_whose_ciphertext_fits() {
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
