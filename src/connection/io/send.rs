//! Seals data in the engine, and sends the records to the transport.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::{Io, is_fatal, lock};
use crate::connection::engine::Engine;
use crate::connection::records::Buffer;
use crate::connection::transport::{Carrier, Interest, WaitMode};
use crate::{Error, Result};

/// The sending direction.
#[derive(Default)]
pub(super) struct Sender {
    /// Held while records are sent: by the thread that writes, and briefly by one that reads
    /// and has something to answer.
    outbox: Mutex<Outbox>,
    /// Whether records in the outbox wait for the transport.
    has_unsent: AtomicBool,
    /// Whether a thread had something to send while another held the outbox.
    has_replies: AtomicBool,
    /// Whether the writing direction is closed, so that nothing may be written.
    is_closed: AtomicBool,
    /// How many bytes were sent.
    bytes: AtomicU64,
}

/// Records between the engine and the transport.
#[derive(Default)]
pub(crate) struct Outbox {
    sending: Buffer,
    failure: Option<Error>,
}

impl Outbox {
    pub(crate) fn check_failure(&self) -> Result<()> {
        self.failure.clone().map_or(Ok(()), Err)
    }
}

impl Io {
    /// Fails if nothing may be written any more.
    pub(crate) fn check_write_open(&self) -> Result<()> {
        if !self.is_write_closed() {
            return Ok(());
        }
        let sentence = "close_notify was sent: nothing can be written after it";
        Err(Error::state(sentence))
    }

    pub(crate) fn is_write_closed(&self) -> bool {
        self.sender.is_closed.load(Ordering::Acquire)
    }

    /// Closes the writing direction, and returns whether it was open.
    pub(crate) fn close_write(&self) -> bool {
        !self.sender.is_closed.swap(true, Ordering::AcqRel)
    }

    /// Whether sealed records wait for the transport.
    pub(crate) fn has_unsent(&self) -> bool {
        self.sender.has_unsent.load(Ordering::Acquire)
    }

    pub(super) fn count_sent(&self, count: usize) {
        add(&self.sender.bytes, count);
    }

    /// Returns how many bytes were sealed so far: sent, or waiting to be sent or drained.
    pub(crate) fn sealed(&self, engine: &mut Engine) -> u64 {
        self.sender.bytes.load(Ordering::Relaxed) + engine.undrained() as u64
    }

    /// Calls `work` with the outbox.
    pub(crate) fn with_outbox<T>(&self, work: impl FnOnce(&mut Outbox) -> T) -> T {
        let outcome = work(&mut lock(&self.sender.outbox));
        self.send_late_replies();
        outcome
    }

    /// Seals and sends `data`.  If the call ends with some of it taken, and the caller cannot
    /// know how much, nothing more can be written.
    pub(crate) fn write(&self, outbox: &mut Outbox, data: &[u8], wait: WaitMode) -> Result<usize> {
        let (taken, outcome) = self.write_counted(outbox, data, wait);
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

    /// Seals and sends `data`, and returns how much of it was taken, and the error that kept
    /// the rest from being taken.
    pub(crate) fn write_counted(
        &self,
        outbox: &mut Outbox,
        data: &[u8],
        wait: WaitMode,
    ) -> (usize, Result<()>) {
        let mut taken = 0;
        let outcome = self.write_counting(outbox, data, wait, &mut taken);
        (taken, outcome)
    }

    fn write_counting(
        &self,
        outbox: &mut Outbox,
        data: &[u8],
        wait: WaitMode,
        taken: &mut usize,
    ) -> Result<()> {
        self.check_write_open()?;
        outbox.check_failure()?;
        loop {
            self.check_failure()?;
            let (sealed, has_more) = self.seal(outbox, &data[*taken..]);
            *taken += sealed.map_err(|error| self.fail(error))?;
            let sent = match has_more {
                true => self.send_all(outbox, wait),
                false => self.send_outbox(outbox, wait),
            };
            match sent {
                Ok(()) if *taken == data.len() => return Ok(()),
                Ok(()) => wait.timed_out(Interest::Writable).map_or(Ok(()), Err)?,
                Err(error) if is_fatal(&error) => return Err(self.alert_or(error)),
                Err(error) => return Err(error),
            }
        }
    }

    /// Seals the front of `data`, and moves the records to the outbox if that is empty.
    /// Returns how much was sealed, and whether records stay in the engine.
    fn seal(&self, outbox: &mut Outbox, data: &[u8]) -> (Result<usize>, bool) {
        let mut engine = self.engine();
        let sealed = engine.encrypt(data, outbox.sending.len());
        if outbox.sending.is_empty() {
            outbox.sending = engine.take_outgoing();
        }
        (sealed, engine.has_outgoing())
    }

    /// Sends all sealed records.  Over memory, they wait to be drained.
    pub(crate) fn send_all(&self, outbox: &mut Outbox, wait: WaitMode) -> Result<()> {
        if self.is_memory() {
            return Ok(());
        }
        if let Some(error) = outbox.failure.as_ref().filter(|error| is_fatal(error)) {
            // Records were lost: the peer could read none that follow them.
            drop(self.engine().take_outgoing());
            return Err(error.clone());
        }
        loop {
            if outbox.sending.is_empty() {
                outbox.sending = self.engine().take_outgoing();
            }
            if outbox.sending.is_empty() {
                return Ok(());
            }
            self.send_outbox(outbox, wait)?;
        }
    }

    /// Sends the records in the outbox.
    fn send_outbox(&self, outbox: &mut Outbox, wait: WaitMode) -> Result<()> {
        let Carrier::Transport(transport) = &self.carrier else {
            return Ok(());
        };
        while !outbox.sending.is_empty() {
            self.sender.has_unsent.store(true, Ordering::Release);
            match transport.send(outbox.sending.filled(), wait) {
                Ok(count) => {
                    self.count_sent(count);
                    outbox.sending.consume(count.min(outbox.sending.len()));
                }
                Err(error) => {
                    if is_fatal(&error) {
                        outbox.failure = Some(error.clone());
                        outbox.sending = Buffer::default();
                        self.sender.has_unsent.store(false, Ordering::Release);
                    }
                    return Err(error);
                }
            }
        }
        self.sender.has_unsent.store(false, Ordering::Release);
        Ok(())
    }

    /// Sends records that the engine sealed on its own while it read, such as an alert, and
    /// records that the transport did not take before.  It does not wait: if another thread has
    /// the outbox, that one sends them.  The next write reports a failure, since the peer's
    /// data can still be read.
    pub(crate) fn send_replies(&self) {
        if self.is_memory() || self.check_process().is_err() {
            return;
        }
        if self.has_unsent() || self.engine().has_outgoing() {
            self.sender.has_replies.store(true, Ordering::SeqCst);
            self.send_late_replies();
        }
    }

    /// Sends records that were sealed while another thread held the outbox.
    fn send_late_replies(&self) {
        // A signal handler may have forked in the middle of a write.
        while self.check_process().is_ok() && self.sender.has_replies.load(Ordering::SeqCst) {
            let Ok(mut outbox) = self.sender.outbox.try_lock() else {
                return;
            };
            self.sender.has_replies.store(false, Ordering::SeqCst);
            let _ = self.send_all(&mut outbox, WaitMode::Never);
        }
    }
}

/// Adds to a counter that only the holder of one lock changes.
pub(super) fn add(counter: &AtomicU64, count: usize) {
    let sum = counter.load(Ordering::Relaxed) + count as u64;
    counter.store(sum, Ordering::Relaxed);
}

fn broken_off(taken: usize, len: usize) -> Error {
    Error::state(format!(
        "an earlier write was broken off after {taken} of {len} bytes: \
             nothing more can be written to this connection"
    ))
}
