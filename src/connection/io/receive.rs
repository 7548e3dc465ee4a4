//! Receives records from the transport into the engine.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard};

use super::send::add;
use super::{Io, Work, is_fatal, lock};
use crate::connection::engine::{Engine, Read};
use crate::connection::transport::{Carrier, WaitMode};
use crate::{Error, Result, Status};

/// The receiving direction.
#[derive(Default)]
pub(super) struct Receiver {
    /// Held while bytes are received.
    turn: Mutex<()>,
    /// How many bytes were received.
    bytes: AtomicU64,
}

/// The right to receive.
pub(crate) type ReceiveTurn<'a> = MutexGuard<'a, ()>;

impl Io {
    /// Returns how many bytes were received.
    pub(crate) fn received(&self) -> u64 {
        self.receiver.bytes.load(Ordering::Relaxed)
    }

    pub(super) fn count_fed(&self, bytes: &[u8]) {
        add(&self.receiver.bytes, bytes.len());
    }

    /// Reads from records that were received already.
    pub(crate) fn read_buffered(&self, buffer: &mut [u8]) -> Result<Read> {
        let read = read_from(&mut self.engine(), buffer);
        self.finish_read(read)
    }

    /// Receives records, and reads.  The outer error is that of receiving.
    pub(crate) fn receive_and_read(
        &self,
        buffer: &mut [u8],
        wait: WaitMode,
    ) -> Result<Result<Read>> {
        let turn = lock(&self.receiver.turn);
        let read = self.receive_then(&turn, wait, |engine| read_from(engine, buffer))?;
        drop(turn);
        Ok(self.finish_read(read))
    }

    fn finish_read(&self, (read, has_replies): (Result<Read>, bool)) -> Result<Read> {
        if has_replies || self.has_unsent() {
            self.send_replies();
        }
        read
    }

    /// Receives records.
    pub(crate) fn receive(&self, wait: WaitMode) -> Result<()> {
        self.receive_in_turn(&lock(&self.receiver.turn), wait)
    }

    /// Takes the right to receive, unless another thread has it.
    pub(crate) fn try_receive_turn(&self) -> Option<ReceiveTurn<'_>> {
        self.receiver.turn.try_lock().ok()
    }

    pub(crate) fn receive_in_turn(&self, turn: &ReceiveTurn<'_>, wait: WaitMode) -> Result<()> {
        self.receive_then(turn, wait, |_| ())
    }

    /// Receives records, and calls `then` under the same lock of the engine.
    fn receive_then<T>(
        &self,
        _turn: &ReceiveTurn<'_>,
        wait: WaitMode,
        then: impl FnOnce(&mut Engine) -> T,
    ) -> Result<T> {
        let Carrier::Transport(transport) = &self.carrier else {
            // The engine has processed everything that was fed.
            return Err(Status::WantRead.into());
        };
        let mut buffer = self.engine().take_receive_buffer();
        let received = transport.receive(buffer.spare(1), wait);
        buffer.commit(*received.as_ref().unwrap_or(&0));
        let mut engine = self.engine();
        engine.return_receive_buffer(buffer);
        self.count_received(&mut engine, received)?;
        Ok(then(&mut engine))
    }

    fn count_received(&self, engine: &mut Engine, received: Result<usize>) -> Result<()> {
        match received {
            Ok(0) => engine.end_of_transport(),
            Ok(count) => add(&self.receiver.bytes, count),
            Err(error) if is_fatal(&error) => {
                return Err(self.failure.get_or_init(|| error).clone());
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Receives the alert that the peer may have sent before it closed the transport, which
    /// explains more than `error`, the failure to send.  Returns `error` if there is none, or
    /// if another thread receives, which will get the alert.
    pub(crate) fn alert_or(&self, error: Error) -> Error {
        let Some(turn) = self.try_receive_turn() else {
            return error;
        };
        let mut work = Work::begin(self);
        while self.receive_in_turn(&turn, WaitMode::Never).is_ok()
            && !self.engine().needs_no_input()
            && work.check(self, WaitMode::Never).is_ok()
        {}
        match self.engine().failure() {
            Some(failure) if failure.status() == Status::Alert => failure.clone(),
            _ => error,
        }
    }
}

/// Reads, and also returns whether there is something to send now.
fn read_from(engine: &mut Engine, buffer: &mut [u8]) -> (Result<Read>, bool) {
    let read = engine.read(buffer);
    (read, engine.has_outgoing())
}
