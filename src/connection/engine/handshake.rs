//! The connection while rustls has it: rustls gets one record at a time, and takes steps.

use std::sync::Arc;

use rustls::ProtocolVersion::TLSv1_3;
use rustls::server::UnbufferedServerConnection;
use rustls::{AlertDescription, CommonState, ContentType, ServerConfig};

use super::failure;
use super::first_message::fatal_alert;
use super::steps::{Goal, Sink, Step, act};
use super::{EarlyData, Engine, Tls};
use crate::base::fork;
use crate::base::limits::RECORD_PLAINTEXT;
use crate::base::limits::{Charge, FRAGMENTED_MESSAGE, HANDSHAKE_INPUT, SKIPPED_EARLY_DATA};
use crate::base::observations::Observations;
use crate::base::rustls_gaps::is_skipped_early_data;
use crate::connection::records::Buffer;
use crate::connection::records::{HEADER, TAG, record_length, too_many_without_data};
use crate::context::{Adapted, Offer, adapt, first_message};
use crate::{Error, Result};

impl Engine {
    /// Has rustls take one step.
    pub(super) fn step_rustls(&mut self, goal: Goal<'_>, out: &mut [u8]) -> Result<(Step, usize)> {
        if self.given == 0 {
            self.give_next()?;
        }
        let (was_handshaking, waiting) = (self.is_handshaking(), self.plaintext.len());
        if let Some(observations) = &self.observations {
            Observations::carry(observations.carried.clone());
        }
        let (discard, outcome, filled) = self.drive(goal, out);
        let observations = Observations::take();
        let tickets = observations.tickets.len();
        self.learn(observations);
        let refusal = match &outcome {
            Ok(_) => None,
            Err(_) => self
                .observations
                .as_mut()
                .and_then(|observations| observations.refusal.take()),
        };
        let outcome =
            outcome.map_err(|error| failure::of_rustls(error, refusal, self.incoming.filled()));
        self.discard(discard);
        match &outcome {
            Err(_) | Ok(Step::PeerClosed) => {}
            Ok(_) if was_handshaking => self.charge_handshake(discard)?,
            Ok(_) if filled > 0 || self.plaintext.len() > waiting => self.allowance.refill(),
            Ok(_) if discard > 0 => self.charge_allowance(tickets.max(1))?,
            Ok(_) => {}
        }
        match outcome {
            _ if outcome.is_ok() && self.incoming.len() > FRAGMENTED_MESSAGE => {
                Err(self.refuse(failure::oversized_message()))
            }
            // It processed all that it got.
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

    /// Has rustls send the KeyUpdate that the peer requested, which would wait for the next
    /// write, unless records wait to be sent.  Returns whether there was one.
    fn send_owed_key_update(&mut self) -> bool {
        let is_tls13 = |state: &CommonState| state.protocol_version() == Some(TLSv1_3);
        let may_answer =
            cfg!(feature = "rustls-records") && self.concluded && !self.sent_close_notify;
        if !may_answer || self.has_sealed() || !self.state().is_some_and(is_tls13) {
            return false;
        }
        let (discard, _, _) = self.drive(Goal::AnswerKeyUpdate, &mut []);
        self.discard(discard);
        self.state().is_some_and(|state| state.wants_write())
    }

    /// Checks the received records of a ClientHello.
    pub(super) fn check_client_hello(&mut self) -> Result<()> {
        while !self.first_message.is_complete()
            && let Some(length) = self.check_first_message(self.checked)?
        {
            self.checked += length;
        }
        Ok(())
    }

    /// Checks the record at this offset of `incoming`, which carries some of the peer's
    /// first message, and returns its length if it is complete.
    fn check_first_message(&mut self, at: usize) -> Result<Option<usize>> {
        let records = self.incoming.filled();
        let (error, alert) = match self.first_message.check(&records[at..]) {
            Ok(length) => return Ok(length),
            Err(fault) => fault,
        };
        let failure = failure::of_rustls(error, None, records);
        let Some(alert) = alert else {
            return Err(self.fail(failure));
        };
        // With early data, the alert is protected with keys that only rustls has.
        if self.early_data == EarlyData::None {
            self.outgoing.append(&fatal_alert(alert.into()));
            return Err(self.fail(failure));
        }
        Err(self.refuse(failure))
    }

    /// Reads the ClientHello before rustls gets any of it, and returns whether it is
    /// complete.  rustls moves the fragments in `incoming`, and needs the record size limit
    /// from the start.  Alerts before the ClientHello are for rustls.
    fn read_client_hello(&mut self) -> Result<bool> {
        self.check_client_hello()?;
        if !self.first_message.is_complete() {
            return Ok(!self.first_message.has_begun());
        }
        let Some((config, newest)) = self.preset.take() else {
            return Ok(true);
        };
        let message = first_message(&self.incoming.filled()[..self.checked]).unwrap_or_default();
        match adapt(&config, newest, &Offer::of(&message)) {
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
        self.allow_early_data(config.max_early_data_size);
        self.tls = new_server(config)?;
        Ok(())
    }

    /// Gives rustls the next record, if it is complete and for rustls, and returns whether it
    /// was.
    fn give_next(&mut self) -> Result<bool> {
        let is_for_rustls = self.concluded && self.stays_with_rustls();
        if !self.is_handshaking() && !is_for_rustls && self.given == 0 {
            return Ok(false);
        }
        if self.has_skipped() {
            self.skip()?;
        }
        if !self.first_message.is_complete() {
            let may_give = match self.tls {
                Tls::Server(_) => self.read_client_hello()?,
                _ => self.check_first_message(self.given)?.is_some(),
            };
            if !may_give {
                return Ok(false);
            }
        }
        let next = record_length(&self.incoming.filled()[self.given..]);
        self.given += next.unwrap_or_default();
        Ok(next.is_some())
    }

    /// Discards early data that rustls rejected.  rustls counts only the payload, and would
    /// skip empty records for ever.
    fn skip(&mut self) -> Result<()> {
        let skipped = self.given;
        self.discard(skipped);
        match self.skip_left.checked_sub(skipped) {
            Some(left) => self.skip_left = left,
            None => return Err(self.refuse(failure::too_much_skipped())),
        }
        self.charge_handshake(skipped)
    }

    fn charge_handshake(&mut self, used: usize) -> Result<()> {
        match self.handshake_left.checked_sub(used) {
            Some(left) => self.handshake_left = left,
            None => return Err(self.refuse(failure::oversized_handshake())),
        }
        Ok(())
    }

    fn charge_allowance(&mut self, count: usize) -> Result<()> {
        match (0..count).all(|_| self.allowance.charge(Charge::Other)) {
            true => Ok(()),
            false => Err(self.refuse(too_many_without_data())),
        }
    }

    /// Allows for the early data that a server accepts or skips.
    pub(super) fn allow_early_data(&mut self, most: u32) {
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        // Small records have more headers and tags than data.
        self.skip_left = SKIPPED_EARLY_DATA.saturating_add(most.saturating_mul(2));
        self.handshake_left = HANDSHAKE_INPUT.saturating_add(most.saturating_mul(2));
    }

    /// Fails the connection, with an alert, because of something that rustls accepts.  rustls
    /// seals alerts only for its own errors: it gets a ChangeCipherSpec that is not allowed,
    /// and answers with unexpected_message (RFC 8446, section 5).
    fn refuse(&mut self, failure: Error) -> Error {
        // rustls refers to fragments by their offset in `incoming`, and sends nothing after
        // close_notify.
        if self.given == 0 && !self.sent_close_notify {
            let value = if self.is_handshaking() { 2 } else { 1 };
            let mut stray = [ContentType::ChangeCipherSpec.into(), 3, 3, 0, 1, value];
            let mut sink = Sink {
                out: &mut [],
                filled: 0,
                rest: &mut self.plaintext,
                early: &mut self.early,
                sent_end_of_early_data: false,
            };
            // Pending records go first.
            while let (_, Ok(Step::Again)) = process(
                &mut self.tls,
                &mut stray,
                Goal::Nothing,
                &mut sink,
                &mut self.outgoing,
            ) {}
            self.seal_alert();
        }
        self.fail(failure)
    }

    /// Whether the only record that rustls has is rejected early data.
    fn has_skipped(&self) -> bool {
        let is_tls13 = |state: &CommonState| state.protocol_version() == Some(TLSv1_3);
        let may_skip = matches!(self.tls, Tls::Server(_)) && self.state().is_some_and(is_tls13);
        let records = self.incoming.filled();
        let is_sealed = records.starts_with(&[u8::from(ContentType::ApplicationData)]);
        if !may_skip || !is_sealed || record_length(records) != Some(self.given) {
            return false;
        }
        let sealed = &records[HEADER..self.given];
        is_skipped_early_data(&sealed[..sealed.len().saturating_sub(TAG)])
    }

    fn discard(&mut self, count: usize) {
        self.incoming.consume(count);
        self.given -= count;
        self.checked = self.checked.saturating_sub(count);
    }

    /// Whether rustls keeps the connection for good.
    pub(super) fn stays_with_rustls(&self) -> bool {
        cfg!(feature = "rustls-records") || self.sent_close_notify
    }

    /// Seals the alert that rustls queued after an error, and messages that it queued before
    /// it.  While there are any, it processes no record, which it must not after an error.
    pub(super) fn seal_alert(&mut self) {
        while self.state().is_some_and(|state| state.wants_write()) {
            let (discard, outcome, _) = self.drive(Goal::Nothing, &mut []);
            self.discard(discard);
            if outcome.is_err() {
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
    fn drive(
        &mut self,
        goal: Goal<'_>,
        out: &mut [u8],
    ) -> (usize, Result<Step, rustls::Error>, usize) {
        let mut sink = Sink {
            out,
            filled: 0,
            rest: &mut self.plaintext,
            early: &mut self.early,
            sent_end_of_early_data: false,
        };
        // An incomplete record rustls can refuse, but not open.
        let records = self.incoming.filled_mut();
        let end = match record_length(&records[self.given..]) {
            Some(_) => self.given,
            None => records.len(),
        };
        let records = &mut records[..end];
        let (tls, outgoing) = (&mut self.tls, &mut self.outgoing);
        let (discard, outcome) =
            fork::with_cryptography(|| process(tls, records, goal, &mut sink, outgoing));
        let filled = sink.filled;
        let is_accepted = sink.sent_end_of_early_data && self.early_data == EarlyData::Sent;
        if is_accepted || self.early_len() > 0 {
            self.early_data = EarlyData::Accepted;
        }
        (discard, outcome, filled)
    }
}

/// Has rustls process records, and handles the state that it returns.
fn process(
    tls: &mut Tls,
    records: &mut [u8],
    goal: Goal<'_>,
    sink: &mut Sink<'_>,
    outgoing: &mut Buffer,
) -> (usize, Result<Step, rustls::Error>) {
    match tls {
        Tls::Client(tls) => act(tls.process_tls_records(records), goal, sink, outgoing),
        Tls::Server(tls) => act(tls.process_tls_records(records), goal, sink, outgoing),
        // rustls does not have the connection yet, or no longer.
        Tls::Inspecting(_) | Tls::Open(..) | Tls::Lost => (0, Ok(Step::Blocked)),
    }
}

pub(super) fn new_server(config: Arc<ServerConfig>) -> Result<Tls> {
    UnbufferedServerConnection::new(config)
        .map(|tls| Tls::Server(Box::new(tls)))
        .map_err(|error| failure::of_rustls(error, None, &[]))
}

/// The most plaintext of a record, from the fragment size of rustls, which includes the
/// header.
pub(super) fn fragment(size: Option<usize>) -> usize {
    size.map_or(RECORD_PLAINTEXT, |size| size - HEADER)
}
