//! The connection while rustls has it: gives rustls one record at a time, and takes steps.

use std::sync::Arc;

use rustls::ProtocolVersion::TLSv1_3;
use rustls::server::UnbufferedServerConnection;
use rustls::{AlertDescription, CommonState, ContentType, ServerConfig};

use super::failure;
use super::first_message::fatal_alert;
use super::input::Input;
use super::state::Phase;
use super::unbuffered::{Goal, Step, StepOutput, act};
use super::{EarlyData, Engine, Tls};
use crate::base::fork;
use crate::base::limits::{FRAGMENTED_MESSAGE, RECORD_PLAINTEXT};
use crate::base::observations::Observations;
use crate::base::rustls_gaps::is_skipped_early_data;
use crate::connection::records::{HEADER, TAG, record_length};
use crate::context::{Adapted, ParsedHello, adapt, first_message};
use crate::{Error, Result};

impl Engine {
    /// Makes rustls take one step.
    pub(super) fn step_rustls(&mut self, goal: Goal<'_>, out: &mut [u8]) -> Result<(Step, usize)> {
        if self.input.given() == 0 {
            self.give_next()?;
        }
        let (was_handshaking, waiting) = (self.is_handshaking(), self.plaintext.len());
        if let Some(observations) = &self.observations {
            Observations::carry(observations.carried.clone());
        }
        let Driven {
            discard,
            outcome,
            filled,
        } = self.drive(goal, out);
        let observations = Observations::take();
        let tickets = observations.tickets.len();
        self.learn(observations);
        let rejection = match &outcome {
            Ok(_) => None,
            Err(_) => self
                .observations
                .as_mut()
                .and_then(|observations| observations.rejection.take()),
        };
        let outcome =
            outcome.map_err(|error| failure::of_rustls(error, rejection, self.input.bytes()));
        self.input.consume(discard);
        match &outcome {
            Err(_) | Ok(Step::PeerClosed) => {}
            Ok(_) if was_handshaking => {
                let charged = self.budgets.charge_handshake(discard);
                charged.map_err(|error| self.refuse(error))?;
            }
            Ok(_) if filled > 0 || self.plaintext.len() > waiting => {
                self.budgets.allowance.refill()
            }
            Ok(_) if discard > 0 => {
                let charged = self.budgets.charge_without_data(tickets.max(1));
                charged.map_err(|error| self.refuse(error))?;
            }
            Ok(_) => {}
        }
        match outcome {
            _ if outcome.is_ok() && self.input.len() > FRAGMENTED_MESSAGE => {
                Err(self.refuse(failure::oversized_message()))
            }
            // rustls processed everything that it got.
            Ok(Step::Ready | Step::Blocked) if goal.is_nothing() && self.give_next()? => {
                Ok((Step::Again, filled))
            }
            Ok(Step::Ready) if goal.is_nothing() && self.send_owed_key_update() => {
                Ok((Step::Again, filled))
            }
            Ok(step) => Ok((step, filled)),
            Err(failure) => {
                self.seal_alert();
                self.correct_alert();
                Err(self.fail(failure))
            }
        }
    }

    /// Makes rustls send the KeyUpdate that the peer requested, unless records wait to be sent, and
    /// returns whether there was one.  Otherwise it would wait for the next write.
    fn send_owed_key_update(&mut self) -> bool {
        let is_tls13 = |state: &CommonState| state.protocol_version() == Some(TLSv1_3);
        let may_answer = cfg!(feature = "rustls-records") && self.phase == Phase::Complete;
        if !may_answer || self.has_sealed() || !self.state().is_some_and(is_tls13) {
            return false;
        }
        let driven = self.drive(Goal::AnswerKeyUpdate, &mut []);
        self.input.consume(driven.discard);
        self.state().is_some_and(|state| state.wants_write())
    }

    /// Checks the received records of a ClientHello.
    pub(super) fn check_client_hello(&mut self) -> Result<()> {
        while !self.first_message.is_complete()
            && let Some(length) = self.check_first_message(Input::not_checked)?
        {
            self.input.add_checked(length);
        }
        Ok(())
    }

    /// Checks the first of these records, which carries some of the peer's first message, and
    /// returns its length if it is complete.
    fn check_first_message(&mut self, records: fn(&Input) -> &[u8]) -> Result<Option<usize>> {
        let (error, alert) = match self.first_message.check(records(&self.input)) {
            Ok(length) => return Ok(length),
            Err(fault) => fault,
        };
        let failure = failure::of_rustls(error, None, self.input.bytes());
        let Some(alert) = alert else {
            return Err(self.fail(failure));
        };
        // With early data, the alert is protected with keys that only rustls has.
        if self.early_data.outcome == EarlyData::None {
            self.outgoing.append(&fatal_alert(alert.into()));
            return Err(self.fail(failure));
        }
        Err(self.refuse(failure))
    }

    /// Reads the ClientHello before rustls gets any of it, and returns whether it is complete.
    /// rustls moves the fragments in `input`, and needs the record size limit from the start.  It
    /// also gets alerts before the ClientHello.
    fn read_client_hello(&mut self) -> Result<bool> {
        self.check_client_hello()?;
        if !self.first_message.is_complete() {
            return Ok(!self.first_message.has_begun());
        }
        let Some((config, newest)) = self.setup.take_preset() else {
            return Ok(true);
        };
        let message = first_message(self.input.checked()).unwrap_or_default();
        match adapt(&config, newest, &ParsedHello::parse(&message)) {
            // The rustls connection was created with it.
            Ok(adapted) if Arc::ptr_eq(&adapted.config, &config) => {
                self.note_version(&adapted);
                Ok(true)
            }
            Ok(adapted) => self.start_rustls(adapted).map(|()| true),
            Err(refusal) => {
                self.outgoing.append(&fatal_alert(refusal.alert));
                Err(self.fail(refusal.error))
            }
        }
    }

    fn note_version(&mut self, adapted: &Adapted) {
        let observations = self.observations.get_or_insert_default();
        observations.carried.is_tls12 = adapted.is_tls12;
    }

    /// Creates the rustls connection for the client with this configuration.
    pub(super) fn start_rustls(&mut self, adapted: Adapted) -> Result<()> {
        self.note_version(&adapted);
        let config = adapted.config;
        self.fragment = fragment(config.max_fragment_size);
        self.budgets.allow_early_data(config.max_early_data_size);
        self.tls = new_server(config)?;
        Ok(())
    }

    /// Gives rustls the next record if that is complete and for rustls, and returns whether it did.
    fn give_next(&mut self) -> Result<bool> {
        let is_for_rustls = self.phase != Phase::Handshaking && self.stays_with_rustls();
        if !self.is_handshaking() && !is_for_rustls && self.input.given() == 0 {
            return Ok(false);
        }
        if self.has_skipped() {
            self.skip()?;
        }
        if !self.first_message.is_complete() {
            let may_give = match self.tls {
                Tls::Server(_) => self.read_client_hello()?,
                _ => self.check_first_message(Input::not_given)?.is_some(),
            };
            if !may_give {
                return Ok(false);
            }
        }
        Ok(self.input.give_record())
    }

    /// Discards early data that rustls rejected.  rustls counts only the payload, and would skip
    /// empty records without limit.
    fn skip(&mut self) -> Result<()> {
        let skipped = self.input.given();
        self.input.consume(skipped);
        let charged = self.budgets.charge_skipped(skipped);
        let charged = charged.and_then(|()| self.budgets.charge_handshake(skipped));
        charged.map_err(|error| self.refuse(error))
    }

    /// Fails the connection, with an alert, because of something that rustls accepts.  rustls seals
    /// alerts only for its own errors, so it gets a ChangeCipherSpec that is not allowed, and
    /// answers with unexpected_message (RFC 8446, section 5).
    fn refuse(&mut self, failure: Error) -> Error {
        // rustls refers to fragments by their offset in `input`, and sends nothing after
        // close_notify.
        if self.input.given() == 0 && self.phase != Phase::ClosedEarly {
            let value = if self.is_handshaking() { 2 } else { 1 };
            let mut stray = [ContentType::ChangeCipherSpec.into(), 3, 3, 0, 1, value];
            let mut output = StepOutput {
                goal: Goal::Nothing,
                out: &mut [],
                filled: 0,
                plaintext: &mut self.plaintext,
                early_data: &mut self.early_data.received,
                outgoing: &mut self.outgoing,
                sent_end_of_early_data: false,
            };
            // Pending records go first.
            while let (_, Ok(Step::Again)) = process(&mut self.tls, &mut stray, &mut output) {}
            self.seal_alert();
        }
        self.fail(failure)
    }

    /// Whether the only record that rustls has is rejected early data.
    fn has_skipped(&self) -> bool {
        let is_tls13 = |state: &CommonState| state.protocol_version() == Some(TLSv1_3);
        let may_skip = matches!(self.tls, Tls::Server(_)) && self.state().is_some_and(is_tls13);
        let records = self.input.bytes();
        let is_sealed = records.starts_with(&[u8::from(ContentType::ApplicationData)]);
        if !may_skip || !is_sealed || record_length(records) != Some(self.input.given()) {
            return false;
        }
        let sealed = &records[HEADER..self.input.given()];
        is_skipped_early_data(&sealed[..sealed.len().saturating_sub(TAG)])
    }

    /// Whether rustls keeps the connection for good.
    pub(super) fn stays_with_rustls(&self) -> bool {
        cfg!(feature = "rustls-records") || self.phase == Phase::ClosedEarly
    }

    /// Seals the alert that rustls queued after an error, and the messages before it.  While it has
    /// any, rustls processes no record, which it must not do after an error.
    pub(super) fn seal_alert(&mut self) {
        while self.state().is_some_and(|state| state.wants_write()) {
            let driven = self.drive(Goal::Nothing, &mut []);
            self.input.consume(driven.discard);
            if driven.outcome.is_err() {
                return;
            }
        }
    }

    /// Replaces certificate_required, which belongs to TLS 1.3, in TLS 1.2: there the alert is
    /// handshake_failure (RFC 5246, section 7.4.6).  Alerts of TLS 1.3 are protected here.
    fn correct_alert(&mut self) {
        let required = fatal_alert(AlertDescription::CertificateRequired.into());
        if let Some(alert) = self.outgoing.filled_mut().last_chunk_mut()
            && *alert == required
        {
            *alert = fatal_alert(AlertDescription::HandshakeFailure.into());
        }
    }

    /// Gives rustls the received records, and handles the state that it returns.
    fn drive(&mut self, goal: Goal<'_>, out: &mut [u8]) -> Driven {
        let mut output = StepOutput {
            goal,
            out,
            filled: 0,
            plaintext: &mut self.plaintext,
            early_data: &mut self.early_data.received,
            outgoing: &mut self.outgoing,
            sent_end_of_early_data: false,
        };
        let (tls, records) = (&mut self.tls, self.input.for_rustls());
        let (discard, outcome) = fork::with_cryptography(|| process(tls, records, &mut output));
        let (filled, sent_end) = (output.filled, output.sent_end_of_early_data);
        self.early_data.learn(sent_end);
        Driven {
            discard,
            outcome,
            filled,
        }
    }
}

/// What [`Engine::drive`] returns.
struct Driven {
    /// How many bytes of the records were consumed.
    discard: usize,
    outcome: Result<Step, rustls::Error>,
    /// How much plaintext went to the caller's memory.
    filled: usize,
}

/// Has rustls process records, and handles the state that it returns.
fn process(
    tls: &mut Tls,
    records: &mut [u8],
    output: &mut StepOutput<'_>,
) -> (usize, Result<Step, rustls::Error>) {
    match tls {
        Tls::Client(tls) => act(tls.process_tls_records(records), output),
        Tls::Server(tls) => act(tls.process_tls_records(records), output),
        // rustls does not have the connection yet, or no longer.
        Tls::Inspecting(_) | Tls::Open(..) | Tls::Lost => (0, Ok(Step::Blocked)),
    }
}

pub(super) fn new_server(config: Arc<ServerConfig>) -> Result<Tls> {
    UnbufferedServerConnection::new(config)
        .map(|tls| Tls::Server(Box::new(tls)))
        .map_err(|error| failure::of_rustls(error, None, &[]))
}

/// Returns the most plaintext in a record, from the fragment size of rustls, which includes the
/// header.
pub(super) fn fragment(size: Option<usize>) -> usize {
    size.map_or(RECORD_PLAINTEXT, |size| size - HEADER)
}
