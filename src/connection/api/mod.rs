//! The public interface of a connection, one file for each task, and the rules of who may call
//! what when.
//!
//! Each direction has its own states.
//!
//! | state          | reading                       | writing                   |
//! |----------------|-------------------------------|---------------------------|
//! | handshaking    | completes it first            | completes it first        |
//! | open           | plaintext                     | records                   |
//! | write-closed   | plaintext                     | [`Status::State`]         |
//! | peer closed    | 0, forever                    | records                   |
//! | transport ended| [`Status::Truncated`]         | records, until it fails   |
//! | failed         | the same error, forever       | the same error, forever   |
//!
//! One thread may read while another writes.

mod call;
mod channel_binding;
mod client_hello;
mod create;
mod early_data;
mod events;
mod facts;
mod handshake;
mod memory;
mod read;
mod report;
mod session;
mod shutdown;
mod write;

use super::io::{Direction, Io};
use super::transport::{SharedTimeout, Timeout, WaitMode};
#[cfg(doc)]
use crate::Status;
use crate::context::{ConnectionOptions, Context, SessionCallback};
pub use channel_binding::ChannelBinding;
pub use events::Events;
use handshake::Handshake;

/// One TLS connection over a transport.
///
/// Any thread may call every method.  One thread may read while another writes; a second
/// concurrent reader or writer gets [`Status::State`].  Over memory, where nothing waits, they
/// take turns.
///
/// After a fatal error, every later call returns it again.  Not fatal are [`Status::WantRead`],
/// [`Status::WantWrite`], an interrupted wait, and [`Status::Timeout`] while reading or
/// completing the handshake: the call can be repeated.
///
/// Dropping a connection sends nothing to the peer: call [`Self::shutdown`] first.
///
/// A connection belongs to the process that created it.  In a forked child, calls that can fail
/// return [`Status::State`].  All others return what a connection without a handshake does.
/// Dropping it does not affect the parent's.  Some programs have to call
/// [`after_fork_in_child`](crate::after_fork_in_child).
///
/// A callback may not call the connection whose call runs it; that fails in the same way.  See
/// [`Self::check_callable`].
pub struct Connection {
    io: Io,
    timeout: SharedTimeout,
    handshake: Handshake,
    /// Held by the call that reads.
    reading: Direction,
    /// Held by the call that writes.
    writing: Direction,
    /// On a client, whether it encrypts its ClientHello (`true`) or sends GREASE (`false`).
    ech: Option<bool>,
    setup: Setup,
}

/// What a connection was created with.
struct Setup {
    context: Context,
    /// On a server, for the answer to the ClientHello; `None` if nothing is set.
    options: Option<Box<ConnectionOptions>>,
    /// On a client, the name of the server.
    server_name: Option<Box<str>>,
    session_callback: Option<SessionCallback>,
}

impl Connection {
    /// Limits how long each later call may wait.  The handshake, which may take several calls,
    /// also has [`Self::set_handshake_timeout`].
    pub fn set_timeout(&self, timeout: Timeout) {
        self.timeout.set(timeout);
    }

    /// Starts the time limit of a call.
    fn wait_mode(&self) -> WaitMode {
        self.timeout.get().start()
    }
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection")
            .field("agreed", &self.agreed())
            .field("failure", &self.io.failure())
            .finish_non_exhaustive()
    }
}
