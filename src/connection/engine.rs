//! The sans-I/O engine of a connection: records in and out, plaintext in and out.
//!
//! rustls does the handshake.  The first read or write after it hands the connection over to
//! the record layer of [`super::record`]; a build with the feature `rustls-records` leaves it
//! with rustls.  Callers cannot tell which one has it.  Nothing here makes a system call or
//! waits.

mod early;
mod facts;
mod first_message;
mod handshake;
mod hello;
mod memory;
mod open;

use std::collections::VecDeque;
use std::sync::Arc;

use rustls::client::UnbufferedClientConnection;
use rustls::server::UnbufferedServerConnection;
use rustls::{CommonState, ServerConfig, SupportedCipherSuite};
use rustls_pki_types::CertificateDer;

use super::acceptor::InspectingAcceptor;
use super::buffer::Buffer;
use super::failure;
use super::record::Records;
use super::steps::{Goal, Step};
use crate::base::fork;
use crate::base::limits::{
    Allowance, HANDSHAKE_INPUT, RECORD_PLAINTEXT, SKIPPED_EARLY_DATA, TICKETS, UNSENT,
};
use crate::base::observations::{Carried, Observations};
use crate::context::{ClientStart, ConfigSelector, Context, Ticket};
use crate::{Error, Result, trust};
pub use early::EarlyData;
use first_message::FirstMessage;
pub(super) use first_message::fatal_alert;
use memory::MemoryQueues;

/// A ChangeCipherSpec record (RFC 8446, section 5).
const CHANGE_CIPHER_SPEC: [u8; 6] = [20, 3, 3, 0, 1, 1];

/// What [`Engine::read`] returns.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Read {
    /// So many bytes, at least one.
    Plaintext(usize),
    /// The peer's close_notify: nothing will ever follow.
    Closed,
    /// Nothing until the peer sends more records.
    Blocked,
}

/// One connection, without its transport.
pub(crate) struct Engine {
    tls: Tls,
    /// Records from the peer that are not processed yet.
    incoming: Buffer,
    /// How many bytes of them rustls got: at most one record that it did not open, so that it
    /// opens none after the handshake.
    given: usize,
    /// How many bytes at the front of `incoming` are plaintext that was opened there and not
    /// read yet, and how many behind them belong to the same record.
    opened: usize,
    trailing: usize,
    /// Records for the peer, in the order in which they were sealed.
    outgoing: Buffer,
    /// The queues of a connection over memory.
    memory: Option<Box<MemoryQueues>>,
    /// Plaintext that rustls opened and that was not read yet.
    plaintext: Buffer,
    /// Early data that was opened and not read yet.  Few connections have any.
    early: Option<Box<Buffer>>,
    early_data: EarlyData,
    /// The ciphertext of early data that a client may still send, in bytes.
    early_left: usize,
    /// Observations of the handshake, until it is complete.
    observations: Option<Box<Observations>>,
    /// The last tickets that were received.
    tickets: VecDeque<Arc<Ticket>>,
    /// How many of them, the latest, nobody took yet.
    new_tickets: usize,
    /// The input that the handshake may still take, and the early data that may still be
    /// skipped, in bytes.
    handshake_left: usize,
    skip_left: usize,
    /// What the peer may still send without application data while rustls keeps the
    /// connection.
    allowance: Allowance,
    /// The most plaintext in a record that we send, in bytes.
    fragment: usize,
    first_message: FirstMessage,
    /// How many bytes of `incoming`, in complete records, a server checked before the
    /// ClientHello was complete.
    checked: usize,
    /// The configuration of a server and its newest version, until the ClientHello is
    /// complete; `None` if the ClientHello selects the configuration.
    preset: Option<(Arc<ServerConfig>, u16)>,
    /// The context that answered the ClientHello, if that was inspected.
    selected_context: Option<Context>,
    /// Whether [`Self::agreed`] was called after the handshake.
    concluded: bool,
    /// Whether rustls sent close_notify.
    sent_close_notify: bool,
    transport_ended: bool,
    peer_closed: bool,
    failure: Option<Error>,
}

/// What has the connection.
enum Tls {
    Client(Box<UnbufferedClientConnection>),
    Server(Box<UnbufferedServerConnection>),
    /// A server that inspects the ClientHello, which is not complete yet.
    Inspecting(Box<InspectingAcceptor>),
    /// Our own record layer, with the peer's certificates from rustls.
    Open(Box<Records>, Vec<CertificateDer<'static>>),
    /// Nothing: the hand-over failed.
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
        // Also about the session that it offers to resume, if there is one.
        let mut observations = Observations::take();
        if !start.verifies {
            // In a resumed session no verifier is asked.
            observations.unverified = Some(trust::verification_disabled());
        }
        let tls = tls.map_err(|error| failure::of_rustls(error, None, &[]))?;
        let mut engine = Self::new(Tls::Client(Box::new(tls)), fragment);
        engine.first_message = FirstMessage::of_server();
        engine.early_left = usize::try_from(observations.max_early_data).unwrap_or(usize::MAX);
        engine.learn(observations);
        Ok(engine)
    }

    /// A server whose newest version is `newest`, by its number.
    pub(crate) fn server(config: Arc<ServerConfig>, newest: u16) -> Result<Self> {
        let fragment = handshake::fragment(config.max_fragment_size);
        let early_data = config.max_early_data_size;
        let tls = handshake::new_server(config.clone())?;
        let mut engine = Self::new(tls, fragment);
        engine.allow_early_data(early_data);
        engine.preset = Some((config, newest));
        Ok(engine)
    }

    /// A server whose configuration the ClientHello selects.
    pub(crate) fn inspecting(selector: ConfigSelector) -> Self {
        let tls = Tls::Inspecting(Box::new(InspectingAcceptor::new(selector)));
        Self::new(tls, RECORD_PLAINTEXT)
    }

    fn new(tls: Tls, fragment: usize) -> Self {
        Self {
            tls,
            fragment,
            first_message: FirstMessage::of_client(),
            checked: 0,
            preset: None,
            selected_context: None,
            incoming: Buffer::default(),
            given: 0,
            opened: 0,
            trailing: 0,
            outgoing: Buffer::default(),
            memory: None,
            plaintext: Buffer::default(),
            early: None,
            early_data: EarlyData::None,
            early_left: 0,
            observations: None,
            tickets: VecDeque::new(),
            new_tickets: 0,
            handshake_left: HANDSHAKE_INPUT,
            skip_left: SKIPPED_EARLY_DATA,
            allowance: Allowance::default(),
            concluded: false,
            sent_close_notify: false,
            transport_ended: false,
            peer_closed: false,
            failure: None,
        }
    }

    // Records from and for the peer.

    /// Gives the receive buffer away, so that it can be filled without holding
    /// on to the engine.  [`Self::give_back`] has to follow.
    pub(crate) fn lend_incoming(&mut self) -> Buffer {
        // What is still here of what rustls was given is part of a handshake message
        // whose end has not come, and it knows it by its place.  What was opened in
        // place is for the reader.
        if self.given > 0 || self.opened > 0 {
            return Buffer::default();
        }
        std::mem::take(&mut self.incoming)
    }

    /// Takes the buffer from [`Self::lend_incoming`] back.
    pub(crate) fn give_back(&mut self, buffer: Buffer) {
        if self.incoming.is_empty() {
            self.incoming = buffer;
        } else {
            self.incoming.append(buffer.filled());
        }
    }

    /// Observations that the transport ended: no record will ever follow.
    pub(crate) fn end_of_transport(&mut self) {
        self.transport_ended = true;
    }

    /// Gives the sealed records away, to be sent.
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

    /// Whether records to send are sealed.  A change_cipher_spec alone does not count:
    /// it has no meaning in TLS 1.3, and goes with the records that follow it (RFC 8446,
    /// appendix D.4).
    fn has_sealed(&self) -> bool {
        !self.outgoing.is_empty() && self.outgoing.filled() != CHANGE_CIPHER_SPEC
    }

    // What the user does.

    /// Carries the handshake on: `true` when it is complete, `false` when more
    /// records are needed.
    pub(crate) fn handshake(&mut self) -> Result<bool> {
        loop {
            match self.step(Goal::Nothing, &mut [])?.0 {
                Step::Again => {}
                _ if !self.is_handshaking() => {
                    if self.early_data == EarlyData::Sent {
                        self.early_data = EarlyData::Rejected;
                    }
                    return Ok(true);
                }
                Step::Plaintext | Step::Early(_) | Step::Refreshed => {}
                Step::PeerClosed | Step::Closed => return Err(failure::closed_in_handshake()),
                Step::Ready | Step::Blocked if self.take_fed() => {}
                Step::Ready | Step::Blocked if self.transport_ended => {
                    return Err(failure::closed_in_handshake());
                }
                Step::Ready | Step::Blocked => {
                    self.incoming.shrink();
                    return Ok(false);
                }
            }
        }
    }

    /// Reads as much plaintext as there is and `out` holds.  An error after some plaintext is
    /// returned by the next call.
    pub(crate) fn read(&mut self, out: &mut [u8]) -> Result<Read> {
        let mut filled = self.plaintext.drain_into(out);
        filled += self.drain_opened(&mut out[filled..]);
        while filled < out.len() && !self.peer_closed {
            match self.step(Goal::Nothing, &mut out[filled..]) {
                Ok((Step::Again | Step::Plaintext | Step::PeerClosed, count)) => filled += count,
                Ok(_) if self.take_fed() => {}
                Ok(_) => break,
                Err(_) if filled > 0 => break,
                Err(error) => return Err(error),
            }
        }
        match filled {
            0 if self.peer_closed => Ok(Read::Closed),
            0 if self.transport_ended => Err(failure::truncated()),
            0 => Ok(Read::Blocked),
            count => Ok(Read::Plaintext(count)),
        }
    }

    /// How many bytes [`Self::read`] can give without more records: 0 only if
    /// there are none.
    pub(crate) fn pending(&mut self) -> usize {
        while self.readable() == 0 && !self.peer_closed {
            match self.step(Goal::Nothing, &mut []) {
                Ok((Step::Again | Step::Plaintext | Step::PeerClosed, _)) => {}
                Ok(_) if self.take_fed() => {}
                // The next read returns the error.
                Ok(_) | Err(_) => break,
            }
        }
        self.readable()
    }

    /// Seals the front of `data` and returns how many bytes were taken: 0 if the `unsent`
    /// bytes and those here are as much as may wait.
    pub(crate) fn encrypt(&mut self, data: &[u8], unsent: usize) -> Result<usize> {
        let room = UNSENT.saturating_sub(unsent + self.outgoing.len());
        let taken = &data[..data.len().min(room)];
        if !taken.is_empty() && !self.in_open(|records, out| records.seal(taken, out))? {
            self.reach(Goal::Encrypt(taken))?;
        }
        Ok(taken.len())
    }

    /// Seals a close_notify alert (RFC 8446, section 6.1).
    pub(crate) fn close_notify(&mut self) -> Result<()> {
        // A connection without application data stays with rustls.
        self.sent_close_notify = !matches!(self.tls, Tls::Open(..));
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
                    self.allowance.expect_key_update();
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

    /// The cipher suite that was negotiated.
    pub(crate) fn cipher_suite(&self) -> Option<SupportedCipherSuite> {
        self.state()?.negotiated_cipher_suite()
    }

    /// Steps until the goal is reached.  Plaintext on the way is kept.
    fn reach(&mut self, goal: Goal<'_>) -> Result<()> {
        loop {
            match self.step(goal, &mut [])?.0 {
                Step::Again | Step::Plaintext | Step::PeerClosed | Step::Early(_) => {}
                Step::Ready | Step::Refreshed => return Ok(()),
                Step::Blocked | Step::Closed => return Err(not_now()),
            }
        }
    }

    /// Takes one step.  Plaintext goes to `out`, and is kept here if it does not fit.  Also
    /// returns how many bytes went to `out`.
    fn step(&mut self, goal: Goal<'_>, out: &mut [u8]) -> Result<(Step, usize)> {
        self.check_failure()?;
        let outcome = match &self.tls {
            Tls::Open(..) => self.step_open(out),
            _ => self.step_unopened(goal, out),
        };
        if matches!(outcome, Ok((Step::PeerClosed, _))) {
            self.peer_closed = true;
        }
        outcome
    }

    /// The same before our own record layer has the connection.  Not inlined: it touches so
    /// much stack that reading small records would be slower.
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

    /// How much plaintext waits to be read.
    fn readable(&self) -> usize {
        self.plaintext.len() + self.opened
    }

    fn check_failure(&self) -> Result<()> {
        self.failure.clone().map_or(Ok(()), Err)
    }

    fn learn(&mut self, mut observations: Observations) {
        let surplus = (self.tickets.len() + observations.tickets.len()).saturating_sub(TICKETS);
        self.new_tickets = (self.new_tickets + observations.tickets.len()).min(TICKETS);
        let tickets = observations.tickets.drain(..);
        self.tickets
            .extend(tickets.filter_map(|one| one.downcast::<Ticket>().ok()));
        self.tickets.drain(..surplus);
        // Most steps observe nothing, and none does after the handshake.
        if !observations.is_empty() {
            self.observations
                .get_or_insert_default()
                .merge(observations);
        }
    }

    fn fail(&mut self, failure: Error) -> Error {
        self.failure = Some(failure.clone());
        self.forget_fed();
        failure
    }
}

fn not_now() -> Error {
    let sentence = "nothing can be written to this connection now";
    Error::state(sentence)
}
