//! The hand-over to our own record layer, and the connection after it.

use rustls::CommonState;

use super::failure;
use super::state::Phase;
use super::unbuffered::Step;
use super::{Engine, Tls, not_now};
use crate::Result;
use crate::base::observations::Observations;
use crate::connection::records::Buffer;
use crate::connection::records::{RecordEvent, Records, Schedule};

impl Engine {
    /// Takes the connection from rustls, once the handshake is complete and rustls buffers nothing
    /// in either direction.
    #[inline(never)]
    pub(super) fn hand_over(&mut self) -> Result<()> {
        let holds = |state: &CommonState| state.is_handshaking() || state.wants_write();
        if self.phase == Phase::Handshaking
            || self.input.given() > 0
            || self.stays_with_rustls()
            || self.state().is_none_or(holds)
        {
            return Ok(());
        }
        let taken = match std::mem::replace(&mut self.tls, Tls::Lost) {
            Tls::Client(tls) => {
                let taken = tls.dangerous_into_kernel_connection();
                taken.map(|(secrets, kernel)| (secrets, Schedule::Client(kernel)))
            }
            Tls::Server(tls) => {
                let taken = tls.dangerous_into_kernel_connection();
                taken.map(|(secrets, kernel)| (secrets, Schedule::Server(kernel)))
            }
            _ => return Err(self.fail(not_now())),
        };
        let allowance = std::mem::take(&mut self.budgets.allowance);
        let records = taken.and_then(|(secrets, schedule)| {
            Records::new(schedule, secrets, self.fragment, allowance)
        });
        match records {
            Ok(records) => {
                self.tls = Tls::Open(Box::new(records));
                Ok(())
            }
            Err(error) => Err(self.fail(failure::of_rustls(error, None, &[]))),
        }
    }

    /// Seals something with the record layer, and returns `true`, if that has the connection or
    /// can take it over.
    pub(super) fn in_open(
        &mut self,
        seal: impl FnOnce(&mut Records, &mut Buffer) -> Result<(), rustls::Error>,
    ) -> Result<bool> {
        self.check_failure()?;
        if !matches!(self.tls, Tls::Open(..)) {
            self.hand_over()?;
        }
        let Tls::Open(records) = &mut self.tls else {
            return Ok(false);
        };
        match seal(records, &mut self.outgoing) {
            Ok(()) => Ok(true),
            Err(error) => Err(self.fail(failure::of_rustls(error, None, &[]))),
        }
    }

    /// Whether the peer requested a KeyUpdate that was not sent yet.
    pub(super) fn owes_key_update(&self) -> bool {
        matches!(&self.tls, Tls::Open(records) if records.owes_key_update())
            && self.failure.is_none()
    }

    /// Seals the KeyUpdate that the peer requested, unless records wait to be sent.  So a peer that
    /// reads nothing gets one answer to all its requests, and costs no memory.
    pub(super) fn answer_key_update(&mut self) {
        if !self.has_sealed() && self.owes_key_update() {
            // The engine keeps its failure for the next call.
            let _ = self.in_open(Records::answer_key_update);
        }
    }

    /// Opens the next record.  The caller has read everything that was opened in place.
    pub(super) fn step_open(&mut self, out: &mut [u8]) -> Result<(Step, usize)> {
        let Tls::Open(records) = &mut self.tls else {
            return Err(not_now());
        };
        debug_assert_eq!(self.input.opened(), 0);
        match records.open(self.input.buffer_mut(), out, &mut self.outgoing) {
            Ok(RecordEvent::Plaintext(count)) => Ok((Step::Plaintext, count)),
            Ok(RecordEvent::InPlace {
                plaintext,
                trailing,
            }) => {
                self.input.set_opened(plaintext, trailing);
                Ok((Step::Plaintext, self.input.drain_opened(out)))
            }
            Ok(RecordEvent::Message) => {
                self.learn(Observations::take());
                Ok((Step::Again, 0))
            }
            Ok(RecordEvent::Closed) => Ok((Step::PeerClosed, 0)),
            Ok(RecordEvent::Nothing) => Ok((Step::Ready, 0)),
            Err(error) => Err(self.fail(failure::of_rustls(error, None, &[]))),
        }
    }
}
