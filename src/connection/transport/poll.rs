//! Waiting for descriptors, with deadlines and signals.

use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::fs::OFlags;
use rustix::io::Errno;

use super::{Interrupt, WaitMode};
use crate::connection::reentrancy;
use crate::{Error, Origin, Result, Status};

/// The event that a call waits for.
#[derive(Clone, Copy)]
pub(crate) enum Interest {
    Readable,
    Writable,
}

impl Interest {
    pub(super) fn want(self) -> Status {
        match self {
            Self::Readable => Status::WantRead,
            Self::Writable => Status::WantWrite,
        }
    }

    pub(super) fn failed(self) -> &'static str {
        match self {
            Self::Readable => "cannot receive from the peer",
            Self::Writable => "cannot send to the peer",
        }
    }

    pub(super) fn unfinished(self) -> &'static str {
        match self {
            Self::Readable => "the peer kept sending, but nothing that completes this call",
            Self::Writable => "the peer did not take all of our data",
        }
    }

    fn nothing_happened(self) -> &'static str {
        match self {
            Self::Readable => "the peer sent nothing",
            Self::Writable => "the peer did not take our data",
        }
    }
}

/// Waits until a descriptor is ready, as long as the call may.
pub(super) fn wait_for(
    descriptor: impl AsFd,
    interest: Interest,
    wait: WaitMode,
    interrupt: Option<&Interrupt>,
) -> Result<()> {
    match wait {
        WaitMode::Never => match poll(descriptor, interest, Instant::now(), interrupt)? {
            true => Ok(()),
            false => Err(interest.want().into()),
        },
        WaitMode::Until(deadline) => match poll(descriptor, interest, deadline.at, interrupt)? {
            true => Ok(()),
            false => Err(timed_out(interest, format_args!("{:?}", deadline.limit))),
        },
        WaitMode::Descriptor if is_nonblocking(&descriptor)? => Err(interest.want().into()),
        // The descriptor has a time limit of its own (SO_RCVTIMEO).
        WaitMode::Descriptor => Err(timed_out(
            interest,
            format_args!("the time limit of the socket"),
        )),
    }
}

fn timed_out(interest: Interest, limit: std::fmt::Arguments<'_>) -> Error {
    let sentence = format!("{} within {limit}", interest.nothing_happened());
    Error::new(Status::Timeout, sentence)
}

/// Whether a call on such a descriptor returns instead of waiting.
pub(super) fn does_not_wait(descriptor: impl AsFd, wait: WaitMode) -> bool {
    match wait {
        WaitMode::Never => true,
        WaitMode::Until(_) => false,
        // A descriptor that cannot be asked fails with the next system call.
        WaitMode::Descriptor => is_nonblocking(descriptor).unwrap_or(true),
    }
}

/// Waits for a socket, and returns `false` if it is not ready by the deadline.
pub(super) fn poll(
    socket: impl AsFd,
    interest: Interest,
    deadline: Instant,
    interrupt: Option<&Interrupt>,
) -> Result<bool> {
    let origin = Origin::here();
    let flags = match interest {
        Interest::Readable => PollFlags::IN,
        Interest::Writable => PollFlags::OUT,
    };
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let left = Timespec::try_from(left).ok();
        match rustix::event::poll(&mut [PollFd::new(&socket, flags)], left.as_ref()) {
            Ok(ready) => return Ok(ready > 0),
            Err(Errno::INTR) => interrupted(interrupt, origin)?,
            Err(error) => return Err(Error::io("cannot wait for the socket", error.into())),
        }
    }
}

/// Sleeps, unless a signal interrupts it.
pub(super) fn pause(time: Duration, interrupt: Option<&Interrupt>, origin: Origin) -> Result<()> {
    let time = Timespec::try_from(time).ok();
    match rustix::event::poll(&mut [], time.as_ref()) {
        Err(Errno::INTR) => interrupted(interrupt, origin),
        // Without descriptors, poll() reports nothing else.
        _ => Ok(()),
    }
}

/// Handles a signal that interrupted a call.  Its handler may have forked, and the child may
/// not use the connection.
pub(super) fn interrupted(interrupt: Option<&Interrupt>, origin: Origin) -> Result<()> {
    interrupt.map_or(Ok(()), |interrupt| reentrancy::interrupted(|| interrupt()))?;
    origin.check()
}

fn is_nonblocking(socket: impl AsFd) -> Result<bool> {
    rustix::fs::fcntl_getfl(socket)
        .map(|flags| flags.contains(OFlags::NONBLOCK))
        .map_err(|error| Error::io("cannot ask the socket for its mode", error.into()))
}
