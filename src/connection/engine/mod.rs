//! The sans-I/O engine of a connection: records in and out, plaintext in and out.
//!
//! rustls does the handshake.  The first read or write after it hands the connection over to
//! the record layer of [`super::records`]; a build with the feature `rustls-records` leaves it
//! with rustls.  The caller cannot tell the difference.  Nothing here makes a system call or
//! waits.

mod acceptor;
mod after_handshake;
mod agreed;
mod budgets;
mod client_hello;
mod early_data;
mod facts;
pub(super) mod failure;
mod first_message;
mod handshake;
mod input;
mod memory;
mod state;
mod tickets;
pub(super) mod unbuffered;

use std::sync::Arc;

use rustls::client::UnbufferedClientConnection;
use rustls::server::UnbufferedServerConnection;
use rustls::{CommonState, ProtocolVersion, ServerConfig, SupportedCipherSuite};

use super::records::{Buffer, Records};
use crate::base::fork;
use crate::base::limits::{RECORD_PLAINTEXT, TRANSPORT_OUTPUT};
use crate::base::observations::{Carried, Observations};
use crate::context::{ClientStart, ConfigSelector};
use crate::{Error, Result, trust};
use acceptor::InspectingAcceptor;
pub use agreed::Agreed;
use budgets::Budgets;
pub use early_data::EarlyData;
use early_data::EarlyDataState;
use first_message::{FirstMessage, fatal_alert};
use input::Input;
use memory::MemoryQueues;
use state::{PeerEnd, Phase, ServerSetup};
use tickets::TicketInbox;
use unbuffered::{Goal, Step};

/// A ChangeCipherSpec record (RFC 8446, section 5).
const CHANGE_CIPHER_SPEC: [u8; 6] = [20, 3, 3, 0, 1, 1];

/// What [`Engine::read`] returns.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Read {
    /// This many bytes, at least one.
    Plaintext(usize),
    /// The peer sent close_notify: nothing follows.
    Closed,
    /// Nothing until the peer sends more records.
    Blocked,
}

/// One connection, without its transport.
pub(crate) struct Engine {
    tls: Tls,
    phase: Phase,
    input: Input,
    peer_end: PeerEnd,
    /// Records for the peer, in the order in which they were sealed.
    outgoing: Buffer,
    /// The queues of a connection in memory.
    memory: Option<Box<MemoryQueues>>,
    /// Plaintext that rustls opened and that was not read yet.
    plaintext: Buffer,
    early_data: EarlyDataState,
    tickets: TicketInbox,
    budgets: Budgets,
    first_message: FirstMessage,
    setup: ServerSetup,
    /// Observations of the handshake, until it is complete.
    observations: Option<Box<Observations>>,
    /// The most plaintext in a record that we send, in bytes.
    fragment: usize,
    failure: Option<Error>,
}

/// Who has the connection.
enum Tls {
    Client(Box<UnbufferedClientConnection>),
    Server(Box<UnbufferedServerConnection>),
    /// A server that inspects the ClientHello, which is not complete yet.
    Inspecting(Box<InspectingAcceptor>),
    /// Our own record layer.
    Open(Box<Records>),
    /// Nobody: the hand-over failed.
    Lost,
}

impl Engine {
    pub(crate) fn client(start: ClientStart) -> Result<Self> {
        let (config, requested) = (start.config, start.requested);
        let fragment = handshake::fragment(config.max_fragment_size);
        Observations::carry(Carried {
            verified_name: start
                .verified
                .map(|verified| Arc::new((requested.clone(), verified))),
            ..Carried::default()
        });
        let tls = fork::with_cryptography(|| UnbufferedClientConnection::new(config, requested));
        // They include those about the session that it offers to resume.
        let mut observations = Observations::take();
        if !start.verifies {
            // A resumed session calls no verifier.
            observations.unverified = Some(trust::verification_disabled());
        }
        let tls = tls.map_err(|error| failure::of_rustls(error, None, &[]))?;
        let mut engine = Self::new(Tls::Client(Box::new(tls)), fragment);
        engine.first_message = FirstMessage::of_server();
        engine.early_data.allow_sending(observations.max_early_data);
        engine.learn(observations);
        Ok(engine)
    }

    /// Creates a server whose newest version is `newest`, by its number.
    pub(crate) fn server(config: Arc<ServerConfig>, newest: u16) -> Result<Self> {
        let fragment = handshake::fragment(config.max_fragment_size);
        let early_data = config.max_early_data_size;
        let tls = handshake::new_server(config.clone())?;
        let mut engine = Self::new(tls, fragment);
        engine.budgets.allow_early_data(early_data);
        engine.setup = ServerSetup::Preset { config, newest };
        Ok(engine)
    }

    /// Creates a server whose configuration the ClientHello selects.
    pub(crate) fn inspecting(selector: ConfigSelector) -> Self {
        let tls = Tls::Inspecting(Box::new(InspectingAcceptor::new(selector)));
        Self::new(tls, RECORD_PLAINTEXT)
    }

    fn new(tls: Tls, fragment: usize) -> Self {
        Self {
            tls,
            phase: Phase::Handshaking,
            input: Input::default(),
            peer_end: PeerEnd::default(),
            outgoing: Buffer::default(),
            memory: None,
            plaintext: Buffer::default(),
            early_data: EarlyDataState::default(),
            tickets: TicketInbox::default(),
            budgets: Budgets::default(),
            first_message: FirstMessage::of_client(),
            setup: ServerSetup::Done,
            observations: None,
            fragment,
            failure: None,
        }
    }

    // Records from and for the peer.

    /// Takes the receive buffer, so that it can be filled without a lock on the engine.
    /// [`Self::return_receive_buffer`] has to follow.
    pub(crate) fn take_receive_buffer(&mut self) -> Buffer {
        self.input.take_buffer()
    }

    /// Returns the buffer of [`Self::take_receive_buffer`].
    pub(crate) fn return_receive_buffer(&mut self, buffer: Buffer) {
        self.input.return_buffer(buffer);
    }

    /// Notes the end of the transport: no record will follow.
    pub(crate) fn end_of_transport(&mut self) {
        self.peer_end.end_transport();
    }

    /// Takes the sealed records, to be sent.
    pub(crate) fn take_outgoing(&mut self) -> Buffer {
        self.answer_key_update();
        match self.has_sealed() {
            true => std::mem::take(&mut self.outgoing),
            false => Buffer::default(),
        }
    }

    /// Whether there is something to send.
    pub(crate) fn has_outgoing(&self) -> bool {
        self.has_sealed() || self.owes_key_update()
    }

    /// Whether records to send are sealed.  A change_cipher_spec alone does not count: it has no
    /// meaning in TLS 1.3, and is sent with the records that follow it (RFC 8446, appendix D.4).
    fn has_sealed(&self) -> bool {
        !self.outgoing.is_empty() && self.outgoing.filled() != CHANGE_CIPHER_SPEC
    }

    // For the connection.

    /// Continues the handshake: returns `true` when it is complete, `false` if more records
    /// are needed.
    pub(crate) fn handshake(&mut self) -> Result<bool> {
        loop {
            match self.step(Goal::Nothing, &mut [])?.0 {
                Step::Again => {}
                _ if !self.is_handshaking() => {
                    self.early_data.conclude();
                    return Ok(true);
                }
                Step::Plaintext | Step::Early(_) | Step::Refreshed => {}
                Step::PeerClosed | Step::Closed => return Err(failure::closed_in_handshake()),
                Step::Ready | Step::Blocked if self.take_fed_bytes() => {}
                Step::Ready | Step::Blocked if self.peer_end.transport_ended() => {
                    return Err(failure::closed_in_handshake());
                }
                Step::Ready | Step::Blocked => {
                    self.input.shrink();
                    return Ok(false);
                }
            }
        }
    }

    /// Reads as much plaintext as is available and fits into `out`.  If an error follows some
    /// plaintext, the next call returns it.
    pub(crate) fn read(&mut self, out: &mut [u8]) -> Result<Read> {
        let mut filled = self.plaintext.drain_into(out);
        filled += self.input.drain_opened(&mut out[filled..]);
        while filled < out.len() && !self.peer_end.is_closed() {
            match self.step(Goal::Nothing, &mut out[filled..]) {
                Ok((Step::Again | Step::Plaintext | Step::PeerClosed, count)) => filled += count,
                Ok(_) if self.take_fed_bytes() => {}
                Ok(_) => break,
                Err(_) if filled > 0 => break,
                Err(error) => return Err(error),
            }
        }
        match filled {
            0 if self.peer_end.is_closed() => Ok(Read::Closed),
            0 if self.peer_end.transport_ended() => Err(failure::truncated()),
            0 => Ok(Read::Blocked),
            count => Ok(Read::Plaintext(count)),
        }
    }

    /// Returns how many bytes [`Self::read`] can return without more records; 0 only if there are
    /// none.
    pub(crate) fn pending(&mut self) -> usize {
        while self.readable() == 0 && !self.peer_end.is_closed() {
            match self.step(Goal::Nothing, &mut []) {
                Ok((Step::Again | Step::Plaintext | Step::PeerClosed, _)) => {}
                Ok(_) if self.take_fed_bytes() => {}
                // The next read returns the error.
                Ok(_) | Err(_) => break,
            }
        }
        self.readable()
    }

    /// Seals the front of `data`, and returns how many bytes were taken: 0 if as many sealed bytes
    /// as allowed wait, with the `unsent` ones of the caller.
    pub(crate) fn encrypt(&mut self, data: &[u8], unsent: usize) -> Result<usize> {
        let room = TRANSPORT_OUTPUT.saturating_sub(unsent + self.outgoing.len());
        let taken = &data[..data.len().min(room)];
        if !taken.is_empty() && !self.in_open(|records, out| records.seal(taken, out))? {
            self.reach(Goal::Encrypt(taken))?;
        }
        Ok(taken.len())
    }

    /// Seals a close_notify alert (RFC 8446, section 6.1).
    pub(crate) fn close_notify(&mut self) -> Result<()> {
        // A connection without application data stays with rustls.
        if !matches!(self.tls, Tls::Open(..)) {
            self.phase = Phase::ClosedEarly;
        }
        match self.in_open(Records::close_notify)? {
            true => Ok(()),
            false => self.reach(Goal::CloseNotify),
        }
    }

    /// Changes the sending keys and requests the same of the peer (RFC 8446, section 4.6.3).
    pub(crate) fn refresh_keys(&mut self) -> Result<()> {
        if self.in_open(Records::refresh_keys)? {
            return Ok(());
        }
        loop {
            match self.step(Goal::RefreshKeys, &mut [])?.0 {
                Step::Refreshed => {
                    self.budgets.allowance.expect_key_update();
                    return self.reach(Goal::Nothing);
                }
                Step::Again | Step::Plaintext | Step::PeerClosed => {}
                _ => return Err(not_now()),
            }
        }
    }

    // Steps.

    fn state(&self) -> Option<&CommonState> {
        match &self.tls {
            Tls::Client(tls) => Some(tls),
            Tls::Server(tls) => Some(tls),
            Tls::Inspecting(_) | Tls::Open(..) | Tls::Lost => None,
        }
    }

    fn is_handshaking(&self) -> bool {
        match self.state() {
            Some(state) => state.is_handshaking(),
            None => matches!(self.tls, Tls::Inspecting(_)),
        }
    }

    /// Whether this is a server that negotiated TLS 1.3, as long as rustls has it.
    pub(crate) fn is_tls13_server(&self) -> bool {
        let version = self.state().and_then(|state| state.protocol_version());
        matches!(self.tls, Tls::Server(_)) && version == Some(ProtocolVersion::TLSv1_3)
    }

    /// Returns the negotiated cipher suite.
    pub(crate) fn cipher_suite(&self) -> Option<SupportedCipherSuite> {
        self.state()?.negotiated_cipher_suite()
    }

    /// Steps until the goal is reached.  Keeps plaintext that it finds.
    fn reach(&mut self, goal: Goal<'_>) -> Result<()> {
        loop {
            match self.step(goal, &mut [])?.0 {
                Step::Again | Step::Plaintext | Step::PeerClosed | Step::Early(_) => {}
                Step::Ready | Step::Refreshed => return Ok(()),
                Step::Blocked | Step::Closed => return Err(not_now()),
            }
        }
    }

    /// Takes one step.  Plaintext goes to `out`; what does not fit is kept.  Also returns how many
    /// bytes went to `out`.
    fn step(&mut self, goal: Goal<'_>, out: &mut [u8]) -> Result<(Step, usize)> {
        self.check_failure()?;
        let outcome = match &self.tls {
            Tls::Open(..) => self.step_open(out),
            _ => self.step_unopened(goal, out),
        };
        if matches!(outcome, Ok((Step::PeerClosed, _))) {
            self.peer_end.close_notify();
        }
        outcome
    }

    /// Takes one step before our record layer has the connection.  Not inlined: it touches so much
    /// stack that reading small records would be slower.
    #[inline(never)]
    fn step_unopened(&mut self, goal: Goal<'_>, out: &mut [u8]) -> Result<(Step, usize)> {
        if !self.inspect_client_hello()? {
            return Ok((Step::Blocked, 0));
        }
        // A pending write stays with the record layer that it started on.
        if goal.is_nothing() {
            self.hand_over()?;
        }
        match &self.tls {
            Tls::Open(..) => self.step_open(out),
            _ => self.step_rustls(goal, out),
        }
    }

    /// Returns how much plaintext waits to be read.
    fn readable(&self) -> usize {
        self.plaintext.len() + self.input.opened()
    }

    fn check_failure(&self) -> Result<()> {
        self.failure.clone().map_or(Ok(()), Err)
    }

    fn learn(&mut self, mut observations: Observations) {
        self.tickets.add(observations.tickets.drain(..));
        // Most steps observe nothing, and none does after the handshake.
        if !observations.is_empty() {
            self.observations
                .get_or_insert_default()
                .merge(observations);
        }
    }

    fn fail(&mut self, failure: Error) -> Error {
        self.failure = Some(failure.clone());
        self.discard_queued_input();
        failure
    }
}

fn not_now() -> Error {
    let sentence = "nothing can be written to this connection now";
    Error::state(sentence)
}
