//! The pump between the engine and the transport, and who may work it when.
//!
//! A direction belongs to one call at a time, for as long as that takes; a second one
//! is told so instead of being mixed in.  The engine is locked only while it transforms
//! bytes, never over a system call, and as seldom as can be: what is sealed is taken
//! out under the same lock, and what was received is opened under the same.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::base::limits::WORK;
use crate::connection::api::Connection;
use crate::connection::engine::{Engine, Read};
use crate::connection::records::Buffer;
use crate::connection::transport::{Patience, Wait};
use crate::{Error, Result, Status};

/// One direction of a connection, which one call at a time has.
#[derive(Default)]
pub(crate) struct Direction(AtomicBool);

/// The call that has a direction.
pub(crate) struct Turn<'a>(&'a AtomicBool);

impl Direction {
    /// Takes it for this call.  `does` says what another thread does if that has it.
    pub(crate) fn turn(&self, does: &str) -> Result<Turn<'_>> {
        match self.0.swap(true, Ordering::Acquire) {
            false => Ok(Turn(&self.0)),
            true => Err(taken(does)),
        }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

pub(crate) fn taken(does: &str) -> Error {
    Error::state(format!(
        "another thread {does} this connection at this moment"
    ))
}

/// The writing direction.
#[derive(Default)]
pub(crate) struct Outbox {
    /// Records on their way to the transport.
    sending: Buffer,
    failure: Option<Error>,
}

impl Outbox {
    pub(crate) fn check_failure(&self) -> Result<()> {
        self.failure.clone().map_or(Ok(()), Err)
    }
}

/// What one call may process without data for its caller.
pub(crate) struct Work {
    /// How many bytes had come when it began, or last had something for the caller.
    start: u64,
    early: usize,
}

impl Work {
    pub(crate) fn begin(connection: &Connection) -> Self {
        Self {
            start: connection.received(),
            early: 0,
        }
    }

    /// Whether the call may receive more, after some of the peer's records.  A peer that
    /// never stops sending would hold it for ever: the transport only looks at the time
    /// where it has nothing.
    pub(crate) fn check(&mut self, connection: &Connection, patience: Patience) -> Result<()> {
        let received = connection.received();
        if received == self.start {
            return Ok(());
        }
        if let Some(error) = patience.is_over(Wait::Readable) {
            return Err(error);
        }
        if received - self.start < WORK || !connection.transport.is_nonblocking(patience) {
            return Ok(());
        }
        let early = connection.engine().early_len();
        if early > std::mem::replace(&mut self.early, early) {
            self.start = received;
            return Ok(());
        }
        Err(Status::WantRead.into())
    }
}

impl Connection {
    pub(crate) fn engine(&self) -> MutexGuard<'_, Engine> {
        lock(&self.engine)
    }

    pub(crate) fn patience(&self) -> Patience {
        self.timeout.get().start()
    }

    pub(crate) fn check_failure(&self) -> Result<()> {
        self.failure
            .get()
            .map_or(Ok(()), |error| Err(error.clone()))
    }

    /// Keeps a fatal error, and tells the peer where there is an alert to tell.
    pub(crate) fn fail(&self, error: Error) -> Error {
        self.send_replies();
        self.failure.get_or_init(|| error).clone()
    }

    /// Whether something may still be written.
    pub(crate) fn check_open(&self) -> Result<()> {
        if !self.closed.load(Ordering::Acquire) {
            return Ok(());
        }
        let sentence = "close_notify was sent: nothing can be written after it";
        Err(Error::state(sentence))
    }

    // Receiving.

    /// How many bytes came from the transport.
    pub(crate) fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }

    /// Reads what is here already: what that came to.
    pub(crate) fn read_here(&self, buffer: &mut [u8]) -> Result<Read> {
        let read = read_from(&mut self.engine(), buffer);
        self.finish_read(read)
    }

    /// Gets records from the transport, and reads: what that came to, if there were any.
    pub(crate) fn read_more(&self, buffer: &mut [u8], patience: Patience) -> Result<Result<Read>> {
        let turn = lock(&self.receiving);
        let read = self.receive_then(&turn, patience, |engine| read_from(engine, buffer))?;
        drop(turn);
        Ok(self.finish_read(read))
    }

    fn finish_read(&self, (read, has_replies): (Result<Read>, bool)) -> Result<Read> {
        if has_replies || self.unsent.load(Ordering::Acquire) {
            self.send_replies();
        }
        read
    }

    /// Gets records from the transport.
    pub(crate) fn receive(&self, patience: Patience) -> Result<()> {
        self.receive_in_turn(&lock(&self.receiving), patience)
    }

    pub(crate) fn receive_in_turn(
        &self,
        turn: &MutexGuard<'_, ()>,
        patience: Patience,
    ) -> Result<()> {
        self.receive_then(turn, patience, |_| ())
    }

    /// Gets records from the transport, and then does something with the engine.
    fn receive_then<T>(
        &self,
        _turn: &MutexGuard<'_, ()>,
        patience: Patience,
        then: impl FnOnce(&mut Engine) -> T,
    ) -> Result<T> {
        if self.is_memory {
            // The engine has seen all that was fed.
            return Err(Status::WantRead.into());
        }
        let mut buffer = self.engine().lend_incoming();
        let received = self.transport.receive(buffer.spare(1), patience);
        buffer.commit(*received.as_ref().unwrap_or(&0));
        let mut engine = self.engine();
        engine.give_back(buffer);
        self.count_received(&mut engine, received)?;
        Ok(then(&mut engine))
    }

    fn count_received(&self, engine: &mut Engine, received: Result<usize>) -> Result<()> {
        match received {
            Ok(0) => engine.end_of_transport(),
            Ok(count) => add(&self.received, count),
            Err(error) if is_fatal(&error) => {
                return Err(self.failure.get_or_init(|| error).clone());
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    // Sending.

    /// Has `work` use the writing direction.
    pub(crate) fn with_outbox<T>(&self, work: impl FnOnce(&mut Outbox) -> T) -> T {
        let outcome = work(&mut lock(&self.outbox));
        self.send_late();
        outcome
    }

    /// Seals and sends `data`, see [`Connection::write`].
    pub(crate) fn write_to(
        &self,
        outbox: &mut Outbox,
        data: &[u8],
        patience: Patience,
    ) -> Result<usize> {
        let (taken, outcome) = self.write_part(outbox, data, patience);
        match outcome {
            Ok(()) => Ok(taken),
            Err(error) if taken > 0 && error.is_want() => Ok(taken),
            Err(error) => {
                let has_failed = self.failure.get().is_some() || outbox.failure.is_some();
                if taken > 0 && !has_failed {
                    outbox.failure = Some(broken_off(taken, data.len()));
                }
                Err(error)
            }
        }
    }

    /// Seals and sends `data`: how much of it was taken, and what kept the rest.
    pub(crate) fn write_part(
        &self,
        outbox: &mut Outbox,
        data: &[u8],
        patience: Patience,
    ) -> (usize, Result<()>) {
        let mut taken = 0;
        let outcome = self.write_counting(outbox, data, patience, &mut taken);
        (taken, outcome)
    }

    fn write_counting(
        &self,
        outbox: &mut Outbox,
        data: &[u8],
        patience: Patience,
        taken: &mut usize,
    ) -> Result<()> {
        self.check_open()?;
        outbox.check_failure()?;
        loop {
            self.check_failure()?;
            let (sealed, has_more) = self.seal(outbox, &data[*taken..]);
            *taken += sealed.map_err(|error| self.fail(error))?;
            let sent = match has_more {
                true => self.send_all(outbox, patience),
                false => self.send_taken(outbox, patience),
            };
            match sent {
                Ok(()) if *taken == data.len() => return Ok(()),
                Ok(()) => patience.is_over(Wait::Writable).map_or(Ok(()), Err)?,
                Err(error) if is_fatal(&error) => return Err(self.peer_verdict(error)),
                Err(error) => return Err(error),
            }
        }
    }

    /// Seals the front of `data`, and takes the records if nothing else is on its way:
    /// how much was sealed, and whether records are left to be taken.
    fn seal(&self, outbox: &mut Outbox, data: &[u8]) -> (Result<usize>, bool) {
        let mut engine = self.engine();
        let sealed = engine.encrypt(data, outbox.sending.len());
        if outbox.sending.is_empty() {
            outbox.sending = engine.take_outgoing();
        }
        (sealed, engine.has_outgoing())
    }

    /// Sends all records that are sealed; in memory, they wait to be drained.
    pub(crate) fn send_all(&self, outbox: &mut Outbox, patience: Patience) -> Result<()> {
        if self.is_memory {
            return Ok(());
        }
        loop {
            if outbox.sending.is_empty() {
                outbox.sending = self.engine().take_outgoing();
            }
            if outbox.sending.is_empty() {
                return Ok(());
            }
            self.send_taken(outbox, patience)?;
        }
    }

    /// Sends the records that are on their way.
    fn send_taken(&self, outbox: &mut Outbox, patience: Patience) -> Result<()> {
        while !outbox.sending.is_empty() {
            self.unsent.store(true, Ordering::Release);
            match self.transport.send(outbox.sending.filled(), patience) {
                Ok(count) => {
                    add(&self.sent, count);
                    outbox.sending.consume(count.min(outbox.sending.len()));
                }
                Err(error) => {
                    if is_fatal(&error) {
                        outbox.failure = Some(error.clone());
                    }
                    return Err(error);
                }
            }
        }
        self.unsent.store(false, Ordering::Release);
        Ok(())
    }

    /// Sends what the engine sealed on its own while it read, such as an alert, and what
    /// the transport did not take before.  It does not wait, and who has the direction
    /// at this moment sends it instead.  What goes wrong here is for the next write to
    /// report: what the peer has sent can still be read.
    pub(crate) fn send_replies(&self) {
        if self.is_memory || self.check_process().is_err() {
            return;
        }
        if self.unsent.load(Ordering::Acquire) || self.engine().has_outgoing() {
            self.late.store(true, Ordering::SeqCst);
            self.send_late();
        }
    }

    /// Whoever lets go of the writing direction looks after what came up meanwhile.
    fn send_late(&self) {
        // A signal handler may have forked in the middle of a write.
        while self.check_process().is_ok() && self.late.load(Ordering::SeqCst) {
            let Ok(mut outbox) = self.outbox.try_lock() else {
                return;
            };
            self.late.store(false, Ordering::SeqCst);
            let _ = self.send_all(&mut outbox, Patience::Never);
        }
    }

    /// The peer hung up on us.  It may have said why before, which tells more
    /// than that the transport failed.  A thread that reads will hear it itself.
    pub(crate) fn peer_verdict(&self, error: Error) -> Error {
        let Ok(turn) = self.receiving.try_lock() else {
            return error;
        };
        let mut work = Work::begin(self);
        while self.receive_in_turn(&turn, Patience::Never).is_ok()
            && !self.engine().needs_no_input()
            && work.check(self, Patience::Never).is_ok()
        {}
        match self.engine().failure() {
            Some(verdict) if verdict.status() == Status::Alert => verdict.clone(),
            _ => error,
        }
    }
}

/// Adds to a counter that only the holder of one lock changes.
pub(crate) fn add(counter: &AtomicU64, count: usize) {
    let sum = counter.load(Ordering::Relaxed) + count as u64;
    counter.store(sum, Ordering::Relaxed);
}

/// What reading came to, and whether there is something to send now.
fn read_from(engine: &mut Engine, buffer: &mut [u8]) -> (Result<Read>, bool) {
    let read = engine.read(buffer);
    (read, engine.has_outgoing())
}

/// Whether the transport itself failed, so that trying again is no use.
pub(crate) fn is_fatal(error: &Error) -> bool {
    error.status() == Status::Io && error.os_error().is_some()
}

fn broken_off(taken: usize, len: usize) -> Error {
    Error::state(format!(
        "an earlier write was broken off after {taken} of {len} bytes: \
             nothing more can be written to this connection"
    ))
}

/// A thread that panicked cannot have left these half changed: what can panic
/// under a lock (rustls) keeps its own state.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
