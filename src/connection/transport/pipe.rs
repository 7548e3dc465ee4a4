//! A transport over two descriptors that need not be sockets: pipes, a terminal, standard
//! input and output.

use std::os::fd::AsFd;

use nix::sys::signal::{SigSet, SigmaskHow, Signal, pthread_sigmask};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use rustix::io::Errno;

use super::poll::{Interest, does_not_wait, interrupted, wait_for};
use super::{Interrupt, Transport, WaitMode};
use crate::{Error, Origin, Result};

/// Two descriptors: one to read from, one to write to.
///
/// They may be of any kind that can be polled.  The time limit of a call holds even if the
/// descriptors are blocking.
pub struct PipeTransport<R, W> {
    origin: Origin,
    input: R,
    output: W,
    interrupt: Option<Interrupt>,
}

impl<R: AsFd + Send + Sync, W: AsFd + Send + Sync> PipeTransport<R, W> {
    /// Receives from `input` and sends to `output`.
    pub fn new(input: R, output: W) -> Self {
        Self {
            origin: Origin::here(),
            input,
            output,
            interrupt: None,
        }
    }

    /// Calls `interrupt` whenever a signal interrupts a wait.
    pub fn with_interrupt(mut self, interrupt: Interrupt) -> Self {
        self.interrupt = Some(interrupt);
        self
    }

    /// Repeats a system call until it succeeds.  Unlike recv() and send(), read() and write()
    /// have no flag against blocking, so a call that may not block forever polls first.
    fn until_done(
        &self,
        descriptor: impl AsFd,
        interest: Interest,
        wait: WaitMode,
        call: impl Fn() -> rustix::io::Result<usize>,
    ) -> Result<usize> {
        let interrupt = self.interrupt.as_ref();
        loop {
            if !matches!(wait, WaitMode::Descriptor) {
                wait_for(&descriptor, interest, wait, interrupt)?;
            }
            match call() {
                Ok(count) => return Ok(count),
                Err(Errno::INTR) => interrupted(interrupt, self.origin)?,
                Err(Errno::AGAIN) => wait_for(&descriptor, interest, wait, interrupt)?,
                Err(error) => return Err(Error::io(interest.failed(), error.into())),
            }
        }
    }
}

impl<R: AsFd + Send + Sync, W: AsFd + Send + Sync> Transport for PipeTransport<R, W> {
    fn is_nonblocking(&self, wait: WaitMode) -> bool {
        does_not_wait(&self.input, wait)
    }

    fn receive(&self, buffer: &mut [u8], wait: WaitMode) -> Result<usize> {
        // At most one call fills the buffer.
        let buffer = std::cell::RefCell::new(buffer);
        self.until_done(&self.input, Interest::Readable, wait, || {
            rustix::io::read(&self.input, &mut **buffer.borrow_mut())
        })
    }

    fn send(&self, data: &[u8], wait: WaitMode) -> Result<usize> {
        // A pipe that can be written to takes this much without waiting (POSIX,
        // PIPE_BUF); more would block in spite of the poll.
        let most = match wait {
            WaitMode::Descriptor => data.len(),
            _ => data.len().min(4_096),
        };
        self.until_done(&self.output, Interest::Writable, wait, || {
            without_sigpipe(|| rustix::io::write(&self.output, &data[..most]))
        })
    }
}

/// Writes without SIGPIPE, which a pipe without a reader raises: blocks the signal for this
/// thread meanwhile, and consumes it if this write raised it.
fn without_sigpipe(write: impl Fn() -> rustix::io::Result<usize>) -> rustix::io::Result<usize> {
    let sigpipe = SigSet::from(Signal::SIGPIPE);
    let mut before = SigSet::empty();
    let blocked = pthread_sigmask(SigmaskHow::SIG_BLOCK, Some(&sigpipe), Some(&mut before));
    if blocked.is_err() || before.contains(Signal::SIGPIPE) {
        return write();
    }
    let outcome = write();
    if outcome == Err(Errno::PIPE) {
        // If the program ignores the signal, none is pending.
        let flags = SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC;
        if let Ok(signals) = SignalFd::with_flags(&sigpipe, flags) {
            let _ = signals.read_signal();
        }
    }
    let _ = pthread_sigmask(SigmaskHow::SIG_SETMASK, Some(&before), None);
    outcome
}
