//! A connection is an engine, a transport, the pump between them, and the rules of
//! who may do what when.
//!
//! Each direction goes through its own states.
//!
//! | state          | reading                       | writing                   |
//! |----------------|-------------------------------|---------------------------|
//! | handshaking    | completes it first            | completes it first        |
//! | open           | plaintext                     | records                   |
//! | we closed      | plaintext                     | [`Status::State`]         |
//! | peer closed    | 0, for ever                   | records                   |
//! | transport ended| [`Status::Truncated`]         | records, until it fails   |
//! | failed         | the same error, for ever      | the same error, for ever  |
//!
//! One thread may read while another writes.

pub(crate) mod channel_binding;
mod client;
mod client_hello;
mod data;
mod early_data;
mod facts;
mod finish;
mod memory;
mod progress;
pub(crate) mod report;
mod session;

use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Mutex, OnceLock};

#[cfg(doc)]
use crate::Status;
use crate::connection::engine::Engine;
use crate::connection::io::HandshakeTimeout;
use crate::connection::io::{Direction, Outbox, Work, is_fatal, lock};
use crate::connection::transport::{Patience, SharedTimeout, Timeout, Transport};
use crate::context::{ConfigSelector, ConnectionOptions, Context, HelloCallback, SessionCallback};
use crate::pki::Certificate;
use crate::{Error, Origin, Result};
pub use channel_binding::ChannelBinding;
pub use facts::Ech;
use facts::Outcome;
pub use memory::MemoryTransport;
pub use report::Agreed;

/// One TLS connection over a transport.
///
/// Every method may be called from any thread.  One thread may read while
/// another writes; a second reader, or a second writer, gets [`Status::State`].
/// Over memory, where nothing waits, they take turns.
///
/// A fatal error is kept: every later call returns it again.  Not fatal are
/// [`Status::WantRead`], [`Status::WantWrite`], [`Status::Timeout`] while
/// reading or completing the handshake, and an interrupted wait: the call can be made
/// again.
///
/// Dropping a connection says nothing to the peer: call [`Self::shutdown`]
/// first.
///
/// A connection is used by the process that made it.  In a forked child every call fails
/// with [`Status::State`], or tells of a connection with nothing to tell, and dropping it
/// leaves the parent's alone.  [`after_fork_in_child`](crate::after_fork_in_child) says
/// who has to call it.
///
/// A callback that a call runs may not make another one on the same connection, which fails
/// in the same way: see [`Self::check_callable`].
pub struct Connection {
    origin: Origin,
    pub(crate) engine: Mutex<Engine>,
    pub(crate) transport: Box<dyn Transport>,
    /// Whether that carries nothing, because the program does.
    pub(crate) is_memory: bool,
    pub(crate) timeout: SharedTimeout,
    pub(crate) handshake_timeout: HandshakeTimeout,
    /// Held while the handshake is driven.
    pub(crate) handshaking: Mutex<()>,
    pub(crate) reading: Direction,
    pub(crate) writing: Direction,
    /// Held while bytes come from the transport.
    pub(crate) receiving: Mutex<()>,
    /// Held while records are sent: by the writing thread, and for a moment by a
    /// reading one that has something to answer.
    pub(crate) outbox: Mutex<Outbox>,
    /// Whether sealed records wait for the transport.
    pub(crate) unsent: AtomicBool,
    /// Whether we said close_notify, so that nothing may be written.
    pub(crate) closed: AtomicBool,
    /// Whether somebody had something to send while another held the outbox.
    pub(crate) late: AtomicBool,
    pub(crate) outcome: OnceLock<Outcome>,
    pub(crate) failure: OnceLock<Error>,
    /// The certificates of a peer that was refused, parsed when somebody asks.
    pub(crate) refused: OnceLock<Vec<Certificate>>,
    pub(crate) asked_name: Option<Box<str>>,
    /// Whether a client encrypts what it says first, or pretends to.
    pub(crate) ech: Option<bool>,
    /// What it was made with.
    pub(crate) start: (Context, ConnectionOptions),
    /// What takes the sessions that come.
    pub(crate) session_callback: Option<SessionCallback>,
    /// How many bytes came from the transport, and how many went to it.
    pub(crate) received: AtomicU64,
    pub(crate) sent: AtomicU64,
}

/// What to wait for before the next call can get further.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Events {
    /// The transport becoming readable.
    pub read: bool,
    /// The transport becoming writable.
    pub write: bool,
}

/// How far a call carries the handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Until {
    Hello,
    EarlyData,
    Complete,
}

impl Connection {
    /// A server.
    pub fn server(context: &Context, transport: impl Transport + 'static) -> Result<Self> {
        Self::server_with(context, &ConnectionOptions::default(), transport)
    }

    /// A server with options of its own.
    pub fn server_with(
        context: &Context,
        options: &ConnectionOptions,
        transport: impl Transport + 'static,
    ) -> Result<Self> {
        let engine = match context.config_selector(options)? {
            Some(selector) => Engine::inspecting(selector),
            None => Engine::server(context.server_config(options)?, context.newest_version())?,
        };
        Ok(Self::new(context, options, engine, transport))
    }

    /// A server that has `callback` inspect the ClientHello of this one client and select
    /// what answers it, in place of the callback of its context.
    pub fn server_with_hello(
        context: &Context,
        callback: HelloCallback,
        transport: impl Transport + 'static,
    ) -> Result<Self> {
        let options = ConnectionOptions::default();
        let selector = ConfigSelector::new(context, &options, Some(callback));
        Ok(Self::new(
            context,
            &options,
            Engine::inspecting(selector),
            transport,
        ))
    }

    pub(crate) fn new(
        context: &Context,
        options: &ConnectionOptions,
        engine: Engine,
        transport: impl Transport + 'static,
    ) -> Self {
        let is_memory = transport.is_memory();
        let engine = match is_memory {
            true => engine.over_memory(),
            false => engine,
        };
        Self {
            origin: Origin::here(),
            engine: Mutex::new(engine),
            transport: Box::new(transport),
            is_memory,
            timeout: SharedTimeout::default(),
            handshake_timeout: HandshakeTimeout::default(),
            handshaking: Mutex::new(()),
            reading: Direction::default(),
            writing: Direction::default(),
            receiving: Mutex::new(()),
            outbox: Mutex::new(Outbox::default()),
            unsent: AtomicBool::new(false),
            closed: AtomicBool::new(false),
            late: AtomicBool::new(false),
            outcome: OnceLock::new(),
            failure: OnceLock::new(),
            refused: OnceLock::new(),
            asked_name: None,
            ech: None,
            start: (context.clone(), options.clone()),
            session_callback: context.session_callback(),
            received: AtomicU64::new(0),
            sent: AtomicU64::new(0),
        }
    }

    /// Limits how long each later call may wait.  [`Self::set_handshake_timeout`] limits
    /// the handshake, which several calls may take, beside it.
    pub fn set_timeout(&self, timeout: Timeout) {
        self.timeout.set(timeout);
    }

    // The handshake.

    /// Completes the handshake; reading and writing do it too.
    ///
    /// Blocks as the timeout says.  In the middle of it, it fails with
    /// [`Status::WantRead`] or [`Status::WantWrite`] where it may not wait.
    pub fn handshake(&self) -> Result<()> {
        let _call = self.enter()?;
        self.complete_handshake(self.patience())
    }

    /// Whether the handshake is not complete yet.
    pub fn is_handshaking(&self) -> bool {
        self.outcome.get().is_none()
    }

    /// Fails in a process that was forked from the one that made the connection.
    #[inline]
    pub(crate) fn check_process(&self) -> Result<()> {
        self.origin.check()
    }

    pub(crate) fn complete_handshake(&self, patience: Patience) -> Result<()> {
        self.check_failure()?;
        let mut work = Work::begin(self);
        if !self.is_handshaking() {
            return self.check_failure();
        }
        while self.is_handshaking() {
            self.advance(patience, Until::Complete, &mut work)?;
        }
        self.report_tls12_session();
        self.report_sessions();
        self.check_failure()
    }

    /// Carries the handshake one round trip further.
    pub(crate) fn advance(&self, patience: Patience, until: Until, work: &mut Work) -> Result<()> {
        self.in_handshake_time(patience, |patience| self.step(patience, until, work))
    }

    fn step(&self, patience: Patience, until: Until, work: &mut Work) -> Result<()> {
        self.check_failure()?;
        let _turn = lock(&self.handshaking);
        if !self.is_handshaking() {
            return Ok(());
        }
        let mut engine = self.engine();
        if until != Until::Hello {
            engine.go_on();
        }
        let complete = engine.handshake();
        let has_paused = until == Until::Hello && engine.client_hello().is_some();
        drop(engine);
        // What that called back may have forked.
        self.check_process()?;
        self.with_outbox(|outbox| self.deliver(outbox, &complete, patience))?;
        match complete.map_err(|error| self.fail(error))? {
            true => self.conclude(),
            false if has_paused => Ok(()),
            // Early data is for its reader, before more is waited for.
            false if until == Until::EarlyData && self.engine().early_len() > 0 => Ok(()),
            false => {
                // All that came is processed: who may receive no more misses nothing.
                work.check(self, patience)?;
                self.receive(patience)
            }
        }
    }

    /// Sends the flight that the engine made, or the alert for its failure.
    fn deliver(
        &self,
        outbox: &mut Outbox,
        outcome: &Result<bool>,
        patience: Patience,
    ) -> Result<()> {
        match self.send_all(outbox, patience) {
            // Our own failure is what the caller has to hear, not that the
            // alert about it did not get through.
            _ if outcome.is_err() => Ok(()),
            Err(error) if is_fatal(&error) => Err(self.fail(self.peer_verdict(error))),
            sent => sent,
        }
    }

    fn conclude(&self) -> Result<()> {
        let mut engine = self.engine();
        let bytes = (self.received(), self.sealed(&mut engine));
        let outcome = Outcome::of(&mut engine, bytes);
        drop(engine);
        let outcome = outcome.map_err(|error| self.fail(error))?;
        self.outcome.get_or_init(|| outcome).log();
        Ok(())
    }
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection")
            .field("agreed", &self.agreed())
            .field("failure", &self.failure.get())
            .finish_non_exhaustive()
    }
}
