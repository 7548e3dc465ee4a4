//! Early data (0-RTT, RFC 8446, section 2.3): what a client sends before the handshake is
//! complete.

use super::Connection;
use super::handshake::Until;
use super::read::check_room;
use crate::connection::io::{Work, is_fatal};
use crate::{Error, Result};

impl Connection {
    /// Writes early data of a client before the handshake and returns how much of it was
    /// taken: as much as the session allows, 0 where none does.  A record counts 17 bytes
    /// more than its data against the limit that the server announced, since some servers
    /// count so.
    ///
    /// Whether the server accepted it, [`Self::early_data`] tells after the handshake; if
    /// not, it has to be written again.  It can be replayed.
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
                // The rest goes out with the handshake.
                _ => Ok(taken),
            }
        })
    }

    /// Reads early data that a server accepts: a count, or 0 at its end, when
    /// the handshake is complete.  It can be a replay.
    ///
    /// From the first count on, [`Self::write`] answers at once, without waiting for
    /// the end of the handshake: what it sends only the client can read that the
    /// session was made with.  Whether that client is there, nobody knows before.
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

    /// Whether this is a server with early data to answer, in a handshake that is
    /// not complete yet.
    pub(super) fn may_answer_early_data(&self) -> bool {
        self.is_handshaking() && self.io.engine().may_answer_early_data()
    }
}
