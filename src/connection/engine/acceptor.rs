//! A server that inspects the ClientHello to select its configuration.

use rustls::server::Acceptor;

use super::failure;
use super::fatal_alert;
use crate::Error;
use crate::connection::records::Buffer;
use crate::connection::records::alert_for;
use crate::context::{Adapted, ClientHello, ConfigSelector, Context, Selection};

/// A server that waits for a complete ClientHello.
pub(super) struct InspectingAcceptor {
    acceptor: Acceptor,
    selector: ConfigSelector,
    /// How many bytes of the records rustls consumed.
    consumed: usize,
    /// The ClientHello, when it is complete.
    hello: Option<ClientHello>,
    /// Whether it then waits for the program.
    pauses: bool,
}

impl InspectingAcceptor {
    pub(super) fn new(selector: ConfigSelector) -> Self {
        Self {
            acceptor: Acceptor::default(),
            selector,
            consumed: 0,
            hello: None,
            pauses: false,
        }
    }

    /// Makes it wait for the program at the ClientHello.
    pub(super) fn pause(&mut self) {
        self.pauses = true;
    }

    /// Returns the ClientHello for the program, which inspects it in place of the callback.
    pub(super) fn hand_over(&mut self) -> Option<&ClientHello> {
        let hello = self.hello.as_ref()?;
        self.selector.forget_callback();
        Some(hello)
    }

    pub(super) fn fail(&mut self, error: Error) {
        self.selector.fail(error);
    }

    pub(super) fn resume(&mut self) {
        self.pauses = false;
    }

    /// Whether it waits for the program.
    pub(super) fn pauses(&self) -> bool {
        self.pauses
    }

    /// The ClientHello, if it is complete.
    pub(super) fn client_hello(&self) -> Option<&ClientHello> {
        self.hello.as_ref()
    }

    pub(super) fn select(&mut self, selection: Selection) {
        self.selector.update(selection);
    }

    /// Returns the context that answers, once [`Self::accept`] has returned a configuration.
    pub(super) fn context(&self) -> &Context {
        self.selector.context()
    }

    /// Returns the configuration for the client that sent these records; `None` while the
    /// ClientHello is incomplete or the program inspects it.  `records` begin with those of earlier
    /// calls.  On failure, the alert for the client goes to `outgoing`.
    pub(super) fn accept(
        &mut self,
        records: &[u8],
        outgoing: &mut Buffer,
    ) -> Result<Option<Adapted>, Error> {
        if self.hello.is_none() {
            self.hello = self.receive(records, outgoing)?;
        }
        match self.hello.take() {
            Some(hello) if !self.pauses => {
                let config = self.selector.select(hello, records);
                config.map(Some).map_err(|refusal| {
                    outgoing.append(&fatal_alert(refusal.alert));
                    refusal.error
                })
            }
            hello => {
                self.hello = hello;
                Ok(None)
            }
        }
    }

    /// Returns the ClientHello in these records, if it is complete.
    fn receive(
        &mut self,
        records: &[u8],
        outgoing: &mut Buffer,
    ) -> Result<Option<ClientHello>, Error> {
        let mut accepted = self.acceptor.accept();
        // read_tls() consumes no more at once than it has room for.
        while matches!(accepted, Ok(None)) && self.consumed < records.len() {
            match self.acceptor.read_tls(&mut &records[self.consumed..]) {
                Ok(0) | Err(_) => break,
                Ok(count) => self.consumed += count,
            }
            accepted = self.acceptor.accept();
        }
        match accepted {
            Ok(None) => Ok(None),
            Ok(Some(accepted)) => Ok(Some(ConfigSelector::read(
                &accepted.client_hello(),
                records,
            ))),
            Err((error, mut accepted_alert)) => {
                let mut alert = Vec::new();
                // Writing to memory does not fail.
                let _ = accepted_alert.write_all(&mut alert);
                if let (true, Some(missing)) = (alert.is_empty(), alert_for(&error)) {
                    alert.extend(fatal_alert(missing.into()));
                }
                outgoing.append(&alert);
                Err(failure::of_rustls(error, None, records))
            }
        }
    }
}
