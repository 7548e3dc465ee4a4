//! rustls behind a sans-I/O face: records in, records out, plaintext out,
//! plaintext in.
//!
//! This is the only module that knows how records are made.  It never makes a
//! system call and never waits: who drives it moves the bytes.

use std::sync::Arc;

use rustls::client::UnbufferedClientConnection;
use rustls::server::UnbufferedServerConnection;
use rustls::unbuffered::{ConnectionState, EncodeError, EncryptError, UnbufferedStatus};
use rustls::{ClientConfig, CommonState, ServerConfig};
use rustls_pki_types::ServerName;

use super::buffer::Buffer;
use super::failure;
use super::report::Agreed;
use crate::trust::Notes;
use crate::{Error, Result, Status};

/// The most plaintext that one record holds (RFC 8446, section 5.1).
const RECORD_PLAINTEXT: usize = 16_384;

/// More than a record of any version adds to its plaintext.
const RECORD_OVERHEAD: usize = 64;

/// How much may wait to be sent: four full records, one system call.
const UNSENT_LIMIT: usize = 4 * RECORD_PLAINTEXT;

/// How much of an unfinished handshake message may wait.  A message has up to
/// 64 KiB; a peer that cuts it into many small records makes it longer.
const INCOMING_LIMIT: usize = 256 * 1024;

/// What [`Engine::read`] came to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Read {
    /// So many bytes, at least one.
    Plaintext(usize),
    /// The peer's close_notify: nothing will ever follow.
    Closed,
    /// Nothing until more records come from the peer.
    Blocked,
}

/// One connection, without its transport.
pub(crate) struct Engine {
    tls: Tls,
    /// Records from the peer that are not processed yet.
    incoming: Buffer,
    /// Records for the peer, in the order in which they were sealed.
    outgoing: Buffer,
    /// Plaintext that was opened and not read yet.
    plaintext: Buffer,
    notes: Notes,
    transport_ended: bool,
    peer_closed: bool,
    failure: Option<Error>,
}

enum Tls {
    Client(UnbufferedClientConnection),
    Server(UnbufferedServerConnection),
}

/// What to do as soon as application data may be sent.
#[derive(Clone, Copy)]
enum Goal<'a> {
    Nothing,
    Encrypt(&'a [u8]),
    CloseNotify,
}

/// What one step of rustls came to.
#[derive(PartialEq, Eq)]
enum Step {
    /// There may be more to do at once.
    Again,
    /// Plaintext came.
    Plaintext,
    /// The goal is reached, and nothing is left to do without more records.
    Ready,
    /// Nothing can be done, the goal included, without more records.
    Blocked,
    /// The peer's close_notify came.
    PeerClosed,
    /// Both sides have said close_notify.
    Closed,
}

impl Engine {
    pub(crate) fn client(config: Arc<ClientConfig>, name: ServerName<'static>) -> Result<Self> {
        let tls = UnbufferedClientConnection::new(config, name);
        tls.map(|tls| Self::new(Tls::Client(tls)))
            .map_err(|error| failure::of_rustls(error, None, &[]))
    }

    pub(crate) fn server(config: Arc<ServerConfig>) -> Result<Self> {
        let tls = UnbufferedServerConnection::new(config);
        tls.map(|tls| Self::new(Tls::Server(tls)))
            .map_err(|error| failure::of_rustls(error, None, &[]))
    }

    fn new(tls: Tls) -> Self {
        Self {
            tls,
            incoming: Buffer::default(),
            outgoing: Buffer::default(),
            plaintext: Buffer::default(),
            notes: Notes::default(),
            transport_ended: false,
            peer_closed: false,
            failure: None,
        }
    }

    // Records from and for the peer.

    /// Gives the receive buffer away, so that it can be filled without holding
    /// on to the engine.  [`Self::give_back`] has to follow.
    pub(crate) fn lend_incoming(&mut self) -> Buffer {
        // A whole record that is still here is part of a handshake message
        // whose end has not come, and rustls knows it by its place.
        if begins_with_whole_record(self.incoming.filled()) {
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

    /// Notes that the transport ended: no record will ever follow.
    pub(crate) fn end_of_transport(&mut self) {
        self.transport_ended = true;
    }

    /// Gives the sealed records away, to be sent.
    pub(crate) fn take_outgoing(&mut self) -> Buffer {
        std::mem::take(&mut self.outgoing)
    }

    pub(crate) fn has_outgoing(&self) -> bool {
        !self.outgoing.is_empty()
    }

    // What the user does.

    /// Carries the handshake on: `true` when it is complete, `false` when more
    /// records are needed.
    pub(crate) fn handshake(&mut self) -> Result<bool> {
        loop {
            match self.step(Goal::Nothing, &mut [])?.0 {
                Step::Again => {}
                _ if !self.state().is_handshaking() => return Ok(true),
                Step::Plaintext => {}
                Step::PeerClosed | Step::Closed => return Err(failure::closed_in_handshake()),
                Step::Ready | Step::Blocked if self.transport_ended => {
                    return Err(failure::closed_in_handshake());
                }
                Step::Ready | Step::Blocked => return Ok(false),
            }
        }
    }

    /// Reads plaintext: as much as `out` holds of what is there.  A fault that
    /// comes after some plaintext is reported by the next call.
    pub(crate) fn read(&mut self, out: &mut [u8]) -> Result<Read> {
        let mut filled = self.plaintext.drain_into(out);
        while filled < out.len() && !self.peer_closed {
            match self.step(Goal::Nothing, &mut out[filled..]) {
                Ok((Step::Again | Step::Plaintext | Step::PeerClosed, count)) => filled += count,
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
        while self.plaintext.is_empty() && !self.peer_closed {
            match self.step(Goal::Nothing, &mut []) {
                Ok((Step::Again | Step::Plaintext | Step::PeerClosed, _)) => {}
                // The fault stays here for the next call of read.
                Ok(_) | Err(_) => break,
            }
        }
        self.plaintext.len()
    }

    /// Seals the front of `data`: how much of it was taken, none when `unsent`
    /// bytes beside those here are as much as may wait.
    pub(crate) fn encrypt(&mut self, data: &[u8], unsent: usize) -> Result<usize> {
        let room = UNSENT_LIMIT.saturating_sub(unsent + self.outgoing.len());
        let taken = &data[..data.len().min(room)];
        if !taken.is_empty() {
            self.reach(Goal::Encrypt(taken))?;
        }
        Ok(taken.len())
    }

    /// Seals a close_notify alert (RFC 8446, section 6.1).
    pub(crate) fn close_notify(&mut self) -> Result<()> {
        self.reach(Goal::CloseNotify)
    }

    /// Why the connection failed, if it did.
    pub(crate) fn failure(&self) -> Option<&Error> {
        self.failure.as_ref()
    }

    /// Processes what is here: whether it makes no sense to get more records,
    /// because plaintext waits, the connection failed, or none will come.
    pub(crate) fn is_settled(&mut self) -> bool {
        self.pending() > 0 || self.failure.is_some() || self.peer_closed || self.transport_ended
    }

    pub(crate) fn is_peer_closed(&self) -> bool {
        self.peer_closed
    }

    /// Takes what came after the peer's close_notify; nothing before that.
    pub(crate) fn leftover(&mut self) -> Vec<u8> {
        if !self.peer_closed {
            return Vec::new();
        }
        let rest = std::mem::take(&mut self.incoming);
        rest.filled().to_vec()
    }

    /// What the peers agreed on, and what our callbacks learnt on the way.
    /// For the end of the handshake, once.
    pub(crate) fn agreed(&mut self) -> Result<(Agreed, Notes)> {
        let notes = std::mem::take(&mut self.notes);
        Ok((Agreed::of(self.state(), &notes)?, notes))
    }

    /// The peer's certificates, leaf first, as it sent them.
    pub(crate) fn peer_certificates(&self) -> Vec<Vec<u8>> {
        let chain = self.state().peer_certificates().unwrap_or_default();
        chain.iter().map(|der| der.to_vec()).collect()
    }

    // How it is done.

    fn state(&self) -> &CommonState {
        match &self.tls {
            Tls::Client(tls) => tls,
            Tls::Server(tls) => tls,
        }
    }

    /// Steps until the goal is reached.  Plaintext on the way is kept.
    fn reach(&mut self, goal: Goal<'_>) -> Result<()> {
        loop {
            match self.step(goal, &mut [])?.0 {
                Step::Again | Step::Plaintext | Step::PeerClosed => {}
                Step::Ready => return Ok(()),
                Step::Blocked | Step::Closed => {
                    return Err(Error::new(
                        Status::State,
                        "nothing can be written to this connection now",
                    ));
                }
            }
        }
    }

    /// Has rustls take one step, with plaintext going to `out` and what does
    /// not fit there to `self.plaintext`; also says how much went to `out`.
    fn step(&mut self, goal: Goal<'_>, out: &mut [u8]) -> Result<(Step, usize)> {
        if let Some(failure) = &self.failure {
            return Err(failure.clone());
        }
        let (discard, outcome, filled) = self.drive(goal, out);
        self.notes.merge(Notes::take());
        match outcome {
            Ok(step) => {
                self.incoming.consume(discard);
                self.peer_closed |= step == Step::PeerClosed;
                if self.incoming.len() > INCOMING_LIMIT {
                    return Err(self.fail(failure::oversized_message()));
                }
                Ok((step, filled))
            }
            Err(error) => {
                let refusal = self.notes.refusal.take();
                let failure = failure::of_rustls(error, refusal, self.incoming.filled());
                self.incoming.consume(discard);
                self.seal_alert();
                Err(self.fail(failure))
            }
        }
    }

    fn fail(&mut self, failure: Error) -> Error {
        self.failure = Some(failure.clone());
        failure
    }

    /// After an error rustls has an alert ready that tells the peer why, and
    /// before it perhaps messages that were made before the error.  While it
    /// has those it looks at no record, which after an error it must not.
    fn seal_alert(&mut self) {
        while self.state().wants_write() {
            let (discard, outcome, _) = self.drive(Goal::Nothing, &mut []);
            self.incoming.consume(discard);
            if outcome.is_err() {
                return;
            }
        }
    }

    /// Hands rustls the records that are here, and does what it says.
    fn drive(
        &mut self,
        goal: Goal<'_>,
        out: &mut [u8],
    ) -> (usize, Result<Step, rustls::Error>, usize) {
        let mut sink = Sink {
            out,
            filled: 0,
            rest: &mut self.plaintext,
        };
        let records = self.incoming.filled_mut();
        let outgoing = &mut self.outgoing;
        let (discard, outcome) = match &mut self.tls {
            Tls::Client(tls) => act(tls.process_tls_records(records), goal, &mut sink, outgoing),
            Tls::Server(tls) => act(tls.process_tls_records(records), goal, &mut sink, outgoing),
        };
        (discard, outcome, sink.filled)
    }
}

/// Where plaintext goes.
struct Sink<'a> {
    out: &'a mut [u8],
    filled: usize,
    rest: &'a mut Buffer,
}

impl Sink<'_> {
    fn put(&mut self, plaintext: &[u8]) {
        let free = &mut self.out[self.filled..];
        let (now, later) = plaintext.split_at(plaintext.len().min(free.len()));
        free[..now.len()].copy_from_slice(now);
        self.filled += now.len();
        if !later.is_empty() {
            self.rest.append(later);
        }
    }
}

/// Does what rustls says is to be done.  Also says how many bytes of the
/// records are used up.
fn act<Data>(
    status: UnbufferedStatus<'_, '_, Data>,
    goal: Goal<'_>,
    sink: &mut Sink<'_>,
    outgoing: &mut Buffer,
) -> (usize, Result<Step, rustls::Error>) {
    let mut discard = status.discard;
    let outcome = status.state.and_then(|state| match state {
        ConnectionState::ReadTraffic(mut traffic) => {
            while let Some(record) = traffic.next_record() {
                let record = record?;
                discard += record.discard;
                sink.put(record.payload);
            }
            Ok(Step::Plaintext)
        }
        ConnectionState::EncodeTlsData(mut data) => {
            seal(outgoing, RECORD_PLAINTEXT, |spare| {
                match data.encode(spare) {
                    Err(EncodeError::InsufficientSize(needed)) => Err(Some(needed.required_size)),
                    other => other.map_err(|_| None),
                }
            })?;
            Ok(Step::Again)
        }
        ConnectionState::TransmitTlsData(data) => {
            // It is in `outgoing`, ahead of all that follows.
            data.done();
            Ok(Step::Again)
        }
        ConnectionState::WriteTraffic(mut traffic) => {
            let space = |len: usize| len + (len / RECORD_PLAINTEXT + 1) * RECORD_OVERHEAD;
            match goal {
                Goal::Nothing => Ok(()),
                Goal::Encrypt(data) => seal(outgoing, space(data.len()), |spare| {
                    traffic.encrypt(data, spare).map_err(required_size)
                }),
                Goal::CloseNotify => seal(outgoing, space(0), |spare| {
                    traffic.queue_close_notify(spare).map_err(required_size)
                }),
            }?;
            Ok(Step::Ready)
        }
        ConnectionState::BlockedHandshake => Ok(Step::Blocked),
        ConnectionState::PeerClosed => Ok(Step::PeerClosed),
        ConnectionState::Closed => Ok(Step::Closed),
        _ => Err(rustls::Error::General(
            "a state of rustls that nothing here asked for".to_owned(),
        )),
    });
    (discard, outcome)
}

fn required_size(error: EncryptError) -> Option<usize> {
    match error {
        EncryptError::InsufficientSize(needed) => Some(needed.required_size),
        EncryptError::EncryptExhausted => None,
    }
}

/// Has `write` fill the end of `outgoing`, where it answers with the count of
/// bytes, or with the size it needs, or with `None` for good.
fn seal(
    outgoing: &mut Buffer,
    mut size: usize,
    mut write: impl FnMut(&mut [u8]) -> Result<usize, Option<usize>>,
) -> Result<(), rustls::Error> {
    loop {
        match write(outgoing.spare(size)) {
            Ok(count) => {
                outgoing.commit(count);
                return Ok(());
            }
            Err(Some(needed)) if needed > size => size = needed,
            Err(_) => {
                outgoing.commit(0);
                return Err(rustls::Error::EncryptError);
            }
        }
    }
}

/// Whether the first record is here to its end (RFC 8446, section 5.1).
fn begins_with_whole_record(records: &[u8]) -> bool {
    match records {
        [_, _, _, high, low, payload @ ..] => {
            payload.len() >= usize::from(u16::from_be_bytes([*high, *low]))
        }
        _ => false,
    }
}
