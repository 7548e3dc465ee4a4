//! A transport over two descriptors that are no sockets: pipes, a terminal, the
//! standard input and output.

use std::os::fd::AsFd;

use nix::sys::signal::{SigSet, SigmaskHow, Signal, pthread_sigmask};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use rustix::io::Errno;

use super::{Interrupt, Patience, Transport, Wait, does_not_wait, interrupted, wait_for};
use crate::{Error, Origin, Result};

/// Two descriptors: one to read from, one to write to.
///
/// They may be of any kind that can be polled.  A call that may not wait does
/// not, whatever the descriptors do.
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

    /// Has `interrupt` called whenever a signal interrupts a wait.
    pub fn with_interrupt(mut self, interrupt: Interrupt) -> Self {
        self.interrupt = Some(interrupt);
        self
    }

    /// Makes a system call until it succeeds.  There is no flag against waiting
    /// as sockets have, so where a call may not block for ever the descriptor is
    /// polled first.
    fn until_done(
        &self,
        descriptor: impl AsFd,
        wait: Wait,
        patience: Patience,
        call: impl Fn() -> rustix::io::Result<usize>,
    ) -> Result<usize> {
        let interrupt = self.interrupt.as_ref();
        loop {
            if !matches!(patience, Patience::Descriptor) {
                wait_for(&descriptor, wait, patience, interrupt)?;
            }
            match call() {
                Ok(count) => return Ok(count),
                Err(Errno::INTR) => interrupted(interrupt, self.origin)?,
                Err(Errno::AGAIN) => wait_for(&descriptor, wait, patience, interrupt)?,
                Err(error) => return Err(Error::io(wait.failed(), error.into())),
            }
        }
    }
}

impl<R: AsFd + Send + Sync, W: AsFd + Send + Sync> Transport for PipeTransport<R, W> {
    fn is_nonblocking(&self, patience: Patience) -> bool {
        does_not_wait(&self.input, patience)
    }

    fn receive(&self, buffer: &mut [u8], patience: Patience) -> Result<usize> {
        // The buffer is filled by one call at the most.
        let buffer = std::cell::RefCell::new(buffer);
        self.until_done(&self.input, Wait::Readable, patience, || {
            rustix::io::read(&self.input, &mut **buffer.borrow_mut())
        })
    }

    fn send(&self, data: &[u8], patience: Patience) -> Result<usize> {
        // A pipe that can be written to takes this much without waiting (POSIX,
        // PIPE_BUF); more would block in spite of the poll.
        let most = match patience {
            Patience::Descriptor => data.len(),
            _ => data.len().min(4_096),
        };
        self.until_done(&self.output, Wait::Writable, patience, || {
            without_sigpipe(|| rustix::io::write(&self.output, &data[..most]))
        })
    }
}

/// Writes without the signal that a pipe without a reader raises: it is blocked
/// for this thread meanwhile, and taken away where it came from here.
fn without_sigpipe(write: impl Fn() -> rustix::io::Result<usize>) -> rustix::io::Result<usize> {
    let sigpipe = SigSet::from(Signal::SIGPIPE);
    let mut before = SigSet::empty();
    let blocked = pthread_sigmask(SigmaskHow::SIG_BLOCK, Some(&sigpipe), Some(&mut before));
    if blocked.is_err() || before.contains(Signal::SIGPIPE) {
        return write();
    }
    let outcome = write();
    if outcome == Err(Errno::PIPE) {
        // Where the program ignores the signal, there is none to take.
        let flags = SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC;
        if let Ok(signals) = SignalFd::with_flags(&sigpipe, flags) {
            let _ = signals.read_signal();
        }
    }
    let _ = pthread_sigmask(SigmaskHow::SIG_SETMASK, Some(&before), None);
    outcome
}
