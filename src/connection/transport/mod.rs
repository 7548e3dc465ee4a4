//! What carries the bytes of a connection: the interface, sockets, pipes, and the program itself.

mod pipe;
mod poll;
mod race;
mod socket;
pub mod tcp;
mod timeout;

use std::sync::Arc;

use crate::Result;
#[cfg(doc)]
use crate::Status;
pub use pipe::PipeTransport;
pub(crate) use poll::Interest;
pub use socket::SocketTransport;
pub(crate) use timeout::SharedTimeout;
pub use timeout::{Deadline, Timeout, WaitMode};

/// Called when a signal interrupts a wait.  An error ends the wait with that error; the
/// connection can still be used.
pub type Interrupt = Arc<dyn Fn() -> Result<()> + Send + Sync>;

/// A reliable, ordered byte stream that carries a connection, such as a socket.
///
/// One thread may receive while another sends.
pub trait Transport: Send + Sync {
    /// Receives up to `buffer.len()` bytes, and returns how many; 0 at the end of the stream.
    ///
    /// Fails with [`Status::WantRead`] if nothing has arrived and the call may not wait, and
    /// with [`Status::Timeout`] if nothing arrived by the deadline.
    fn receive(&self, buffer: &mut [u8], wait: WaitMode) -> Result<usize>;

    /// Sends some of `data`, and returns how many bytes, at least one.
    ///
    /// Fails with [`Status::WantWrite`] if the call may not wait, and with
    /// [`Status::Timeout`] at the deadline.
    fn send(&self, data: &[u8], wait: WaitMode) -> Result<usize>;

    /// Whether a call in this mode returns instead of waiting.  Such a call returns
    /// [`Status::WantRead`] after 256 KiB from the peer that held nothing for the caller, so
    /// that the peer cannot keep it busy.  Any other call receives until there is something.  The
    /// default is right for transports that follow `wait`.
    fn is_nonblocking(&self, wait: WaitMode) -> bool {
        matches!(wait, WaitMode::Never)
    }
}

/// What carries the bytes of a connection.  Every [`Transport`] converts into it, and so does
/// [`MemoryTransport`].
pub enum Carrier {
    /// A transport.
    Transport(Box<dyn Transport>),
    /// The program, which calls [`Connection::feed`](crate::Connection::feed) and
    /// [`Connection::drain`](crate::Connection::drain).
    Memory,
}

/// Makes a connection run in memory: the program passes bytes from the peer to
/// [`Connection::feed`](crate::Connection::feed), and gets those for the peer from
/// [`Connection::drain`](crate::Connection::drain).
///
/// Calls on such a connection never block.  They fail with [`Status::WantRead`] if more bytes
/// have to be fed first, and with [`Status::WantWrite`] if too many wait to be drained.
#[derive(Clone, Copy, Debug, Default)]
pub struct MemoryTransport;

impl<T: Transport + 'static> From<T> for Carrier {
    fn from(transport: T) -> Self {
        Self::Transport(Box::new(transport))
    }
}

impl From<MemoryTransport> for Carrier {
    fn from(_: MemoryTransport) -> Self {
        Self::Memory
    }
}
