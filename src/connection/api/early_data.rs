//! Early data (0-RTT, RFC 8446, section 2.3): data that a client sends before the handshake is
//! complete.

use super::Connection;
use super::handshake::Until;
use super::read::check_room;
use crate::connection::io::{Work, is_fatal};
use crate::{Error, Result};

impl Connection {
    /// Writes early data of a client before the handshake, and returns how much was taken: as much
    /// as the session allows, 0 if none does.  Each record counts 17 bytes more than its data
    /// against the limit that the server announced, since some servers count the ciphertext.
    ///
    /// After the handshake, [`Self::early_data`] returns whether the server accepted it.  If not,
    /// it has to be written again.  An attacker can replay early data.
    pub fn write_early(&self, data: &[u8]) -> Result<usize> {
        let _call = self.enter()?;
        self.io.check_failure()?;
        if !self.is_handshaking() {
            let sentence = "the handshake is complete: early data has to be written before it";
            return Err(Error::state(sentence));
        }
        let _handshake = self.handshake.try_turn()?;
        let _turn = self.writing.turn("writes to")?;
        self.io.with_outbox(|outbox| {
            let taken = self.io.engine().encrypt_early(data);
            let taken = taken.map_err(|error| self.io.fail(error))?;
            match self.io.send_all(outbox, self.wait_mode()) {
                Err(error) if is_fatal(&error) => Err(self.io.fail(self.io.alert_or(error))),
                // The rest is sent with the handshake.
                _ => Ok(taken),
            }
        })
    }

    /// Reads early data that a server accepts, and returns how many bytes; 0 at its end, when the
    /// handshake is complete.  It can be a replay.
    ///
    /// After the first byte, [`Self::write`] answers at once, without waiting for the end of the
    /// handshake.  Only the client of the original session can read the answer, but whether that
    /// client is the peer is unknown until the handshake is complete.
    pub fn read_early(&self, buffer: &mut [u8]) -> Result<usize> {
        check_room(buffer)?;
        let _call = self.enter()?;
        let wait = self.wait_mode();
        let mut work = Work::begin(&self.io);
        loop {
            match self.io.engine().read_early(buffer) {
                0 => {}
                count => return Ok(count),
            }
            if !self.is_handshaking() {
                return Ok(0);
            }
            self.advance(wait, Until::EarlyData, &mut work)?;
        }
    }

    /// Whether this is a server that has early data to answer in a handshake that is not complete.
    pub(super) fn may_answer_early_data(&self) -> bool {
        self.is_handshaking() && self.io.engine().may_answer_early_data()
    }
}
