//! Sockets as transports.

use std::collections::VecDeque;
use std::io::Read;
use std::os::fd::AsFd;
use std::sync::{Mutex, PoisonError};

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::fs::FileType;
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, sockopt};

use super::poll::{Interest, does_not_wait, interrupted, wait_for};
use super::{Interrupt, Transport, WaitMode};
use crate::{Error, Origin, Result};

/// A connected stream socket.
pub struct SocketTransport<F> {
    origin: Origin,
    socket: F,
    interrupt: Option<Interrupt>,
    /// Bytes that the program read from the socket before.
    received: Option<Mutex<VecDeque<u8>>>,
}

impl<F: AsFd + Send + Sync> SocketTransport<F> {
    /// Uses `socket`, a stream socket (TCP or Unix) that is connected, or whose connect() is in
    /// progress: the first write waits for it and reports its failure.  Refuses anything else: a
    /// closed descriptor, a file, a datagram or a listening socket, and a socket on which connect()
    /// was never called.
    pub fn new(socket: F) -> Result<Self> {
        check_socket(&socket)?;
        Ok(Self::connected_later(socket))
    }

    /// Uses `socket` without checking it.  It has to be a connected stream socket when the
    /// first byte is sent or received; otherwise that system call fails.
    pub fn connected_later(socket: F) -> Self {
        Self {
            origin: Origin::here(),
            socket,
            interrupt: None,
            received: None,
        }
    }

    /// Treats `bytes` as received before anything else.  For programs that have read the start
    /// of the TLS stream from the socket already.
    pub fn with_received(mut self, bytes: &[u8]) -> Self {
        self.received = (!bytes.is_empty()).then(|| Mutex::new(bytes.iter().copied().collect()));
        self
    }

    /// Calls `interrupt` whenever a signal interrupts a wait.
    pub fn with_interrupt(mut self, interrupt: Interrupt) -> Self {
        self.interrupt = Some(interrupt);
        self
    }

    /// Moves bytes that the program received before into `buffer`, and returns how many.
    fn take_received(&self, buffer: &mut [u8]) -> usize {
        let Some(received) = &self.received else {
            return 0;
        };
        let mut received = received.lock().unwrap_or_else(PoisonError::into_inner);
        // Reading from memory does not fail.
        received.read(buffer).unwrap_or(0)
    }

    /// Returns the socket.
    pub fn socket(&self) -> &F {
        &self.socket
    }

    /// Handles the error of a system call; `Ok` if the call should be repeated.
    fn recover(&self, error: Errno, interest: Interest, wait: WaitMode) -> Result<()> {
        match error {
            Errno::INTR => interrupted(self.interrupt.as_ref(), self.origin),
            Errno::AGAIN => match wait {
                WaitMode::Never => Err(interest.want().into()),
                _ => wait_for(&self.socket, interest, wait, self.interrupt.as_ref()),
            },
            error => Err(Error::io(interest.failed(), error.into())),
        }
    }
}

impl<F: AsFd + Send + Sync> Transport for SocketTransport<F> {
    fn is_nonblocking(&self, wait: WaitMode) -> bool {
        does_not_wait(&self.socket, wait)
    }

    fn receive(&self, buffer: &mut [u8], wait: WaitMode) -> Result<usize> {
        match self.take_received(buffer) {
            0 => {}
            count => return Ok(count),
        }
        let flags = match wait {
            WaitMode::Descriptor => RecvFlags::empty(),
            _ => RecvFlags::DONTWAIT,
        };
        loop {
            match rustix::net::recv(&self.socket, &mut *buffer, flags) {
                Ok((count, _)) => return Ok(count),
                Err(error) => self.recover(error, Interest::Readable, wait)?,
            }
        }
    }

    fn send(&self, data: &[u8], wait: WaitMode) -> Result<usize> {
        let flags = match wait {
            WaitMode::Descriptor => SendFlags::NOSIGNAL,
            _ => SendFlags::NOSIGNAL | SendFlags::DONTWAIT,
        };
        loop {
            match rustix::net::send(&self.socket, data, flags) {
                Ok(count) => return Ok(count),
                Err(error) => self.recover(error, Interest::Writable, wait)?,
            }
        }
    }
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

/// Whether connect() was never called on this socket.
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
