//! What a connection needs of whatever carries its bytes, and sockets.

mod pipe;
mod race;
pub mod tcp;

use std::collections::VecDeque;
use std::io::Read;
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::fs::{FileType, OFlags};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, sockopt};

use crate::connection::reentrancy;
use crate::{Error, Origin, Result, Status};

pub use pipe::PipeTransport;

/// How long each call on a connection may wait.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Timeout {
    /// As the descriptor does: for ever on a blocking one, not at all on a
    /// non-blocking one.
    #[default]
    Descriptor,
    /// Not at all: the call fails with [`Status::WantRead`] or
    /// [`Status::WantWrite`] instead, whatever the descriptor does.
    Never,
    /// So long, whatever the descriptor does; then the call fails with
    /// [`Status::Timeout`].
    After(Duration),
}

/// How long one call may wait, from now on.
#[derive(Clone, Copy, Debug)]
pub enum Patience {
    /// As the descriptor does.
    Descriptor,
    /// Not at all.
    Never,
    /// Until `deadline`, which is `limit` after the call began.
    Until {
        /// When to give up.
        deadline: Instant,
        /// What the user asked for, for the sentence of the error.
        limit: Duration,
    },
}

impl Timeout {
    /// Starts the clock for one call.
    pub fn start(self) -> Patience {
        match self {
            Self::Descriptor => Patience::Descriptor,
            Self::Never => Patience::Never,
            Self::After(limit) => match Instant::now().checked_add(limit) {
                Some(deadline) => Patience::Until { deadline, limit },
                None => Patience::Descriptor,
            },
        }
    }
}

impl Patience {
    /// The error for a call whose time is over, although the transport never had it wait.
    pub(crate) fn is_over(self, wait: Wait) -> Option<Error> {
        let Self::Until { deadline, limit } = self else {
            return None;
        };
        (Instant::now() >= deadline).then(|| {
            let sentence = format!("{} within {limit:?}", wait.did_not_finish());
            Error::new(Status::Timeout, sentence)
        })
    }
}

/// A [`Timeout`] that threads share.
pub(crate) struct SharedTimeout(AtomicU64);

impl SharedTimeout {
    // What no limit in nanoseconds is: that would be more than 500 years.
    const DESCRIPTOR: u64 = u64::MAX;
    const NEVER: u64 = u64::MAX - 1;

    pub(crate) fn set(&self, timeout: Timeout) {
        let value = match timeout {
            Timeout::Descriptor => Self::DESCRIPTOR,
            Timeout::Never => Self::NEVER,
            Timeout::After(limit) => u64::try_from(limit.as_nanos())
                .unwrap_or(u64::MAX)
                .min(Self::NEVER - 1),
        };
        self.0.store(value, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> Timeout {
        match self.0.load(Ordering::Relaxed) {
            Self::DESCRIPTOR => Timeout::Descriptor,
            Self::NEVER => Timeout::Never,
            nanoseconds => Timeout::After(Duration::from_nanos(nanoseconds)),
        }
    }
}

impl Default for SharedTimeout {
    fn default() -> Self {
        Self(AtomicU64::new(Self::DESCRIPTOR))
    }
}

/// Called when a signal interrupts a wait.  An error ends the wait with that
/// error, and does no harm to the connection.
pub type Interrupt = Arc<dyn Fn() -> Result<()> + Send + Sync>;

/// What carries the bytes of a connection, in order and without loss.
///
/// One thread may receive while another sends.
pub trait Transport: Send + Sync {
    /// Receives up to `buffer.len()` bytes: how many, or 0 at the end.
    /// [`Status::WantRead`] means that nothing is there and the call may not
    /// wait, [`Status::Timeout`] that it has waited long enough.
    fn receive(&self, buffer: &mut [u8], patience: Patience) -> Result<usize>;

    /// Sends some of `data`: how many bytes, at least one.
    fn send(&self, data: &[u8], patience: Patience) -> Result<usize>;

    /// Whether a call of this patience does not wait.  Such a call returns
    /// [`Status::WantRead`] after 256 KiB from the peer that held nothing for the
    /// caller, so that the peer cannot hold it; any other call receives until there is
    /// something.  The default answers for transports that wait as the patience says.
    fn is_nonblocking(&self, patience: Patience) -> bool {
        matches!(patience, Patience::Never)
    }

    /// Whether this carries nothing: the program feeds and drains the connection.  Only
    /// [`MemoryTransport`](crate::MemoryTransport) says so.
    #[doc(hidden)]
    fn is_memory(&self) -> bool {
        false
    }
}

/// A connected stream socket.
pub struct SocketTransport<F> {
    origin: Origin,
    socket: F,
    interrupt: Option<Interrupt>,
    /// What was read from the socket before it came here.
    received: Option<Mutex<VecDeque<u8>>>,
}

impl<F: AsFd + Send + Sync> SocketTransport<F> {
    /// Uses `socket`, a stream socket (TCP or Unix) that is connected, or whose
    /// connect() is in progress: the first write waits for it and reports its failure.
    /// Anything else is refused: a closed descriptor, a file, a datagram or a
    /// listening socket, and a socket on which connect() was never called.
    pub fn new(socket: F) -> Result<Self> {
        check_socket(&socket)?;
        Ok(Self::connected_later(socket))
    }

    /// Uses `socket`, which has to be a connected stream socket by the time of
    /// the first byte.  That is not checked: one that is something else fails
    /// with the error of its system call.
    pub fn connected_later(socket: F) -> Self {
        Self {
            origin: Origin::here(),
            socket,
            interrupt: None,
            received: None,
        }
    }

    /// Has `bytes` come first, before what the socket receives: the program has read them
    /// from it already, and they belong to TLS.
    pub fn with_received(mut self, bytes: &[u8]) -> Self {
        self.received = (!bytes.is_empty()).then(|| Mutex::new(bytes.iter().copied().collect()));
        self
    }

    /// Has `interrupt` called whenever a signal interrupts a wait.
    pub fn with_interrupt(mut self, interrupt: Interrupt) -> Self {
        self.interrupt = Some(interrupt);
        self
    }

    /// Takes what was received before: how many bytes.
    fn take_received(&self, buffer: &mut [u8]) -> usize {
        let Some(received) = &self.received else {
            return 0;
        };
        let mut received = received.lock().unwrap_or_else(PoisonError::into_inner);
        // Reading from memory does not fail.
        received.read(buffer).unwrap_or(0)
    }

    /// The socket.
    pub fn socket(&self) -> &F {
        &self.socket
    }

    /// Deals with a system call that did not succeed: `Ok` means that it is to
    /// be made again.
    fn recover(&self, error: Errno, wait: Wait, patience: Patience) -> Result<()> {
        match error {
            Errno::INTR => interrupted(self.interrupt.as_ref(), self.origin),
            Errno::AGAIN => match patience {
                Patience::Never => Err(wait.want().into()),
                _ => wait_for(&self.socket, wait, patience, self.interrupt.as_ref()),
            },
            error => Err(Error::io(wait.failed(), error.into())),
        }
    }
}

/// Waits for a descriptor as long as the call may: `Ok` when it is ready.
pub(crate) fn wait_for(
    descriptor: impl AsFd,
    wait: Wait,
    patience: Patience,
    interrupt: Option<&Interrupt>,
) -> Result<()> {
    match patience {
        Patience::Never => match poll(descriptor, wait, Instant::now(), interrupt)? {
            true => Ok(()),
            false => Err(wait.want().into()),
        },
        Patience::Until { deadline, limit } => match poll(descriptor, wait, deadline, interrupt)? {
            true => Ok(()),
            false => Err(timed_out(wait, limit)),
        },
        Patience::Descriptor if is_nonblocking(&descriptor)? => Err(wait.want().into()),
        // The descriptor has a time limit of its own (SO_RCVTIMEO).
        Patience::Descriptor => Err(Error::new(
            Status::Timeout,
            format!("{} within the time limit of the socket", wait.did_not()),
        )),
    }
}

impl<F: AsFd + Send + Sync> Transport for SocketTransport<F> {
    fn is_nonblocking(&self, patience: Patience) -> bool {
        does_not_wait(&self.socket, patience)
    }

    fn receive(&self, buffer: &mut [u8], patience: Patience) -> Result<usize> {
        match self.take_received(buffer) {
            0 => {}
            count => return Ok(count),
        }
        let flags = match patience {
            Patience::Descriptor => RecvFlags::empty(),
            _ => RecvFlags::DONTWAIT,
        };
        loop {
            match rustix::net::recv(&self.socket, &mut *buffer, flags) {
                Ok((count, _)) => return Ok(count),
                Err(error) => self.recover(error, Wait::Readable, patience)?,
            }
        }
    }

    fn send(&self, data: &[u8], patience: Patience) -> Result<usize> {
        let flags = match patience {
            Patience::Descriptor => SendFlags::NOSIGNAL,
            _ => SendFlags::NOSIGNAL | SendFlags::DONTWAIT,
        };
        loop {
            match rustix::net::send(&self.socket, data, flags) {
                Ok(count) => return Ok(count),
                Err(error) => self.recover(error, Wait::Writable, patience)?,
            }
        }
    }
}

/// Whether a call of this patience on such a descriptor does not wait.
pub(crate) fn does_not_wait(descriptor: impl AsFd, patience: Patience) -> bool {
    match patience {
        Patience::Never => true,
        Patience::Until { .. } => false,
        // A descriptor that cannot be asked fails with the next system call.
        Patience::Descriptor => is_nonblocking(descriptor).unwrap_or(true),
    }
}

/// What a wait is for.
#[derive(Clone, Copy)]
pub(crate) enum Wait {
    Readable,
    Writable,
}

impl Wait {
    fn want(self) -> Status {
        match self {
            Self::Readable => Status::WantRead,
            Self::Writable => Status::WantWrite,
        }
    }

    pub(crate) fn failed(self) -> &'static str {
        match self {
            Self::Readable => "cannot receive from the peer",
            Self::Writable => "cannot send to the peer",
        }
    }

    fn did_not_finish(self) -> &'static str {
        match self {
            Self::Readable => "the peer kept sending, but nothing that completes this call",
            Self::Writable => "the peer did not take all of our data",
        }
    }

    fn did_not(self) -> &'static str {
        match self {
            Self::Readable => "the peer sent nothing",
            Self::Writable => "the peer did not take our data",
        }
    }
}

fn timed_out(wait: Wait, limit: Duration) -> Error {
    Error::new(
        Status::Timeout,
        format!("{} within {limit:?}", wait.did_not()),
    )
}

/// Waits for a socket: `false` when the deadline came first.
pub(crate) fn poll(
    socket: impl AsFd,
    wait: Wait,
    deadline: Instant,
    interrupt: Option<&Interrupt>,
) -> Result<bool> {
    let origin = Origin::here();
    let flags = match wait {
        Wait::Readable => PollFlags::IN,
        Wait::Writable => PollFlags::OUT,
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

/// Lets time pass.
pub(crate) fn pause(time: Duration, interrupt: Option<&Interrupt>, origin: Origin) -> Result<()> {
    let time = Timespec::try_from(time).ok();
    match rustix::event::poll(&mut [], time.as_ref()) {
        Err(Errno::INTR) => interrupted(interrupt, origin),
        // There is nothing else that could be said about no descriptor.
        _ => Ok(()),
    }
}

/// Deals with a signal that interrupted a call.  Its handler may have forked: the child
/// does not go on with the connection.
pub(crate) fn interrupted(interrupt: Option<&Interrupt>, origin: Origin) -> Result<()> {
    interrupt.map_or(Ok(()), |interrupt| reentrancy::interrupted(|| interrupt()))?;
    origin.check()
}

fn is_nonblocking(socket: impl AsFd) -> Result<bool> {
    rustix::fs::fcntl_getfl(socket)
        .map(|flags| flags.contains(OFlags::NONBLOCK))
        .map_err(|error| Error::io("cannot ask the socket for its mode", error.into()))
}

fn check_socket(socket: &impl AsFd) -> Result<()> {
    use std::os::fd::AsRawFd;
    let number = socket.as_fd().as_raw_fd();
    let refuse = |what: &str| {
        let sentence =
            format!("descriptor {number} is {what}: a connected stream socket is needed");
        Err(Error::argument(sentence))
    };
    let unknown = |error: Errno| Error::io("cannot ask what the descriptor is", error.into());
    let kind = match rustix::fs::fstat(socket) {
        Err(Errno::BADF) => return refuse("not open"),
        kind => kind.map_err(unknown)?,
    };
    match FileType::from_raw_mode(kind.st_mode) {
        FileType::Socket => {}
        FileType::RegularFile => return refuse("a file"),
        FileType::Directory => return refuse("a directory"),
        FileType::Fifo => return refuse("a pipe, which goes one way only"),
        _ => return refuse("not a socket"),
    }
    if sockopt::socket_type(socket).map_err(unknown)? != rustix::net::SocketType::STREAM {
        return refuse("a datagram socket");
    }
    if sockopt::socket_acceptconn(socket) == Ok(true) {
        return refuse("a listening socket");
    }
    if never_connected(socket) {
        return refuse("a socket that is not connected");
    }
    Ok(())
}

/// Whether nobody has called connect() on this socket.
///
/// getpeername() also fails while connect() is in progress, and after the peer reset the
/// connection.  Writes wait for a pending connect(), and the first read reports a reset.
/// On Linux poll() tells the three apart: an unused socket has POLLHUP alone, a pending
/// one has no event, and a reset one has POLLHUP with POLLIN or POLLERR.
fn never_connected(socket: impl AsFd) -> bool {
    if rustix::net::getpeername(&socket) != Err(Errno::NOTCONN) {
        return false;
    }
    let mut descriptors = [PollFd::new(&socket, PollFlags::IN)];
    let polled = rustix::event::poll(&mut descriptors, Some(&Timespec::default()));
    let events = descriptors[0].revents();
    polled.is_ok()
        && events.contains(PollFlags::HUP)
        && !events.intersects(PollFlags::IN | PollFlags::ERR)
}
