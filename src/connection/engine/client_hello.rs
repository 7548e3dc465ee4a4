//! The ClientHello of a server that inspects it, before rustls gets any of it.

use super::acceptor::InspectingAcceptor;
use super::failure;
use super::first_message::fatal_alert;
use super::state::ServerSetup;
use super::{Engine, Tls};
use crate::base::limits::FRAGMENTED_MESSAGE;
use crate::context::{ClientHello, ConfigSelector, Context, Selection};
use crate::{Error, Result, Status};

impl Engine {
    /// Selects the configuration of a server that inspects the ClientHello, and returns
    /// whether there is one: `false` while the ClientHello is not complete.
    pub(super) fn inspect_client_hello(&mut self) -> Result<bool> {
        if !matches!(self.tls, Tls::Inspecting(_)) {
            return Ok(true);
        }
        self.check_client_hello()?;
        let Tls::Inspecting(acceptor) = &mut self.tls else {
            return Ok(true);
        };
        let records = self.input.checked();
        match acceptor.accept(records, &mut self.outgoing) {
            Ok(Some(adapted)) => {
                self.setup = ServerSetup::Selected(acceptor.context().clone());
                self.start_rustls(adapted)?;
                Ok(true)
            }
            Ok(None) if acceptor.client_hello().is_some() => Ok(false),
            Ok(None) if self.input.len() > FRAGMENTED_MESSAGE => {
                Err(self.fail(failure::oversized_message()))
            }
            Ok(None) => Ok(false),
            Err(error) => Err(self.fail(error)),
        }
    }

    /// Makes a server pause at the ClientHello, for its program to inspect, until
    /// [`Self::resume_from_client_hello`].  `selector` makes the selector of a server that was
    /// not going to inspect it.
    ///
    /// Fails if the ClientHello was answered already.
    pub(crate) fn pause_at_client_hello(
        &mut self,
        selector: impl FnOnce() -> ConfigSelector,
    ) -> Result<()> {
        self.unanswered(selector)?.pause();
        Ok(())
    }

    /// Returns the acceptor of a server.  Fails if the ClientHello was answered already.
    fn unanswered(
        &mut self,
        selector: impl FnOnce() -> ConfigSelector,
    ) -> Result<&mut InspectingAcceptor> {
        self.check_failure()?;
        if matches!(self.tls, Tls::Server(_)) && self.setup.take_preset().is_some() {
            self.tls = Tls::Inspecting(Box::new(InspectingAcceptor::new(selector())));
        }
        match &mut self.tls {
            Tls::Inspecting(acceptor) => Ok(acceptor),
            Tls::Client(_) => {
                let sentence = "this is a client, which answers no ClientHello: its settings come before \
                                it is connected";
                Err(Error::state(sentence))
            }
            _ => Err(hello_is_answered()),
        }
    }

    /// Returns the ClientHello for the program, if it is complete.  The callback will not be
    /// called.
    pub(crate) fn hand_over_client_hello(&mut self) -> Option<&ClientHello> {
        match &mut self.tls {
            Tls::Inspecting(acceptor) => acceptor.hand_over(),
            _ => None,
        }
    }

    /// Makes a server continue after it paused at the ClientHello.
    pub(crate) fn resume_from_client_hello(&mut self) {
        if let Tls::Inspecting(acceptor) = &mut self.tls {
            acceptor.resume();
        }
    }

    /// Whether a server pauses at the ClientHello, or will when that is complete.
    pub(crate) fn pauses_at_client_hello(&self) -> bool {
        matches!(&self.tls, Tls::Inspecting(acceptor) if acceptor.pauses())
    }

    /// Whether a server pauses at a complete ClientHello.
    pub(crate) fn is_paused_at_client_hello(&self) -> bool {
        self.pauses_at_client_hello() && self.client_hello().is_some()
    }

    /// Returns the ClientHello at which a server pauses.
    pub(crate) fn client_hello(&self) -> Option<&ClientHello> {
        match &self.tls {
            Tls::Inspecting(acceptor) => acceptor.client_hello(),
            _ => None,
        }
    }

    /// Returns the context that answered a ClientHello that was inspected.
    pub(crate) fn selected_context(&self) -> Option<&Context> {
        match &self.setup {
            ServerSetup::Selected(context) => Some(context),
            ServerSetup::Done | ServerSetup::Preset { .. } => None,
        }
    }

    /// Fails if the ClientHello was answered already.
    pub(crate) fn check_client_hello_open(
        &mut self,
        selector: impl FnOnce() -> ConfigSelector,
    ) -> Result<()> {
        self.unanswered(selector).map(drop)
    }

    /// Sets what answers the ClientHello, or why nothing can.  Fails if it was answered already.
    pub(crate) fn select(
        &mut self,
        selection: Result<Selection>,
        selector: impl FnOnce() -> ConfigSelector,
    ) -> Result<()> {
        let acceptor = self.unanswered(selector)?;
        match selection {
            Ok(selection) => acceptor.select(selection),
            Err(error) => acceptor.fail(error),
        }
        Ok(())
    }

    /// Refuses the ClientHello with this alert (RFC 8446, section 6.2).  Fails if it was
    /// answered already.
    pub(crate) fn refuse_client_hello(&mut self, alert: u8) -> Result<()> {
        const CLOSE_NOTIFY: u8 = 0;
        if alert == CLOSE_NOTIFY {
            let sentence = "alert 0 is close_notify, which refuses nobody: choose another one, \
                            such as 40, handshake_failure (RFC 8446, section 6)";
            return Err(Error::argument(sentence));
        }
        self.check_failure()?;
        if self.client_hello().is_none() {
            let sentence = "there is no ClientHello to refuse: it was not received yet, or \
                            answered already";
            return Err(Error::state(sentence));
        }
        self.outgoing.append(&fatal_alert(alert));
        let sentence = format!("the application refused the client with alert {alert}");
        self.fail(Error::from_alert(Status::NoCommon, alert, sentence));
        Ok(())
    }
}

fn hello_is_answered() -> Error {
    let sentence = "the ClientHello was answered already: inspect it before the handshake";
    Error::state(sentence)
}
