//! Retrying writes, by the rules of `SSL_write`: a failed call may have encrypted the first
//! bytes of its data, and the next call must begin with the same bytes.

use tlsmith::{Connection, Error, Result, Status};

/// The bytes of the last write whose records are not sent yet.
#[derive(Default)]
pub(crate) struct PendingWrite {
    /// How many bytes are encrypted but not yet reported as written.
    taken: usize,
    digest: u64,
}

impl PendingWrite {
    /// Writes some of `data`, and returns how many bytes once their records are sent.
    ///
    /// After a failure that encrypted some of `data`, the next call must begin with these
    /// bytes.  Other data is rejected: the call would report it as written, and lose it.
    pub(crate) fn write(&mut self, connection: &Connection, data: &[u8]) -> Result<usize> {
        if self.taken == 0 {
            let (taken, outcome) = connection.write_counted(data);
            let sent = match outcome {
                Err(error) if taken == 0 || !error.is_want() => Err(error),
                // It reports a failure of another thread that sent these bytes meanwhile.
                Err(_) => connection.flush(),
                Ok(()) => Ok(()),
            };
            return match sent {
                Ok(()) => Ok(taken),
                Err(error) => Err(self.keep(&data[..taken], error)),
            };
        }
        self.check(data)?;
        connection.flush().map_err(|error| self.keep(data, error))?;
        Ok(std::mem::take(&mut self.taken))
    }

    /// Remembers the encrypted bytes, if the connection survives `error`.
    fn keep(&mut self, bytes: &[u8], error: Error) -> Error {
        let goes_on = error.is_want() || matches!(error.status(), Status::Timeout | Status::State);
        match self.taken {
            _ if !goes_on => self.taken = 0,
            0 => {
                self.taken = bytes.len();
                self.digest = digest(bytes);
            }
            _ => {}
        }
        error
    }

    fn check(&self, data: &[u8]) -> Result<()> {
        let taken = self.taken;
        let wrong = match data.get(..taken) {
            None => format!("only {} bytes were given", data.len()),
            Some(front) if digest(front) != self.digest => "other bytes were given".to_owned(),
            Some(_) => return Ok(()),
        };
        Err(Error::state(format!(
            "the last write must be repeated with the same data, since {taken} bytes of it are on \
             their way: {wrong}"
        )))
    }
}

/// A fast hash to detect different data.  It need not resist attacks: the program would only
/// attack itself.
fn digest(bytes: &[u8]) -> u64 {
    const FACTORS: [u64; 2] = [0x9e37_79b9_7f4a_7c15, 0xc2b2_ae3d_27d4_eb4f];
    let mut lanes = FACTORS;
    let (blocks, rest) = bytes.as_chunks::<16>();
    let mut last = [0; 16];
    last[..rest.len()].copy_from_slice(rest);
    for block in blocks.iter().chain([&last]) {
        let (words, _) = block.as_chunks::<8>();
        for ((lane, word), factor) in lanes.iter_mut().zip(words).zip(FACTORS) {
            let mixed = *lane ^ u64::from_le_bytes(*word);
            *lane = mixed.wrapping_mul(factor).rotate_left(29);
        }
    }
    lanes[0] ^ lanes[1].rotate_left(32)
}
