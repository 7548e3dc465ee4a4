//! Servers that pause at the ClientHello until their program has decided what answers it.

use super::Connection;
use super::handshake::Until;
#[cfg(doc)]
use crate::Status;
use crate::connection::io::Work;
use crate::connection::transport::WaitMode;
use crate::context::{ClientHello, ConfigSelector, Selection};
use crate::{Error, Result};

impl Connection {
    /// Receives the ClientHello, and pauses there: [`Self::select`] says what answers it, and
    /// [`Self::handshake`], reading or writing go on.  For servers that look something up
    /// before they can answer, on another thread or over the network.
    ///
    /// The callback of the context is not asked.  Blocks, and fails with
    /// [`Status::WantRead`] or [`Status::WantWrite`], as [`Self::handshake`] does; with
    /// [`Status::State`] on a client, and when the ClientHello was answered already.
    pub fn receive_hello(&self) -> Result<ClientHello> {
        let _call = self.enter()?;
        self.receive_hello_within(self.wait_mode())
    }

    pub(super) fn receive_hello_within(&self, wait: WaitMode) -> Result<ClientHello> {
        let mut work = Work::begin(&self.io);
        loop {
            self.io.check_failure()?;
            let mut engine = self.io.engine();
            engine.pause_at_client_hello(|| self.selector())?;
            if let Some(hello) = engine.hand_over_client_hello() {
                return Ok(hello.clone());
            }
            drop(engine);
            self.advance(wait, Until::ClientHello, &mut work)?;
        }
    }

    /// The selector of a server that was not to inspect the ClientHello.
    fn selector(&self) -> ConfigSelector {
        ConfigSelector::new(&self.setup.context, &self.setup.options, None)
    }

    /// Whether the end of the transport is the end of the data, by the context in charge.
    pub(super) fn allows_truncation(&self) -> bool {
        let selected = self.io.engine().selected_context().cloned();
        selected
            .as_ref()
            .unwrap_or(&self.setup.context)
            .allows_truncation()
    }

    /// Says what answers the ClientHello, until it is answered.
    pub fn select(&self, selection: Selection) -> Result<()> {
        let _call = self.enter()?;
        self.io.check_failure()?;
        self.io.engine().select(Ok(selection), || self.selector())
    }

    /// Says that what should answer the ClientHello could not be set: the client is refused
    /// with internal_error, and the handshake fails with this error.
    pub fn select_failed(&self, error: Error) -> Result<()> {
        let _call = self.enter()?;
        self.io.check_failure()?;
        self.io.engine().select(Err(error), || self.selector())
    }

    /// Fails with [`Status::State`] unless this is a server whose ClientHello was not answered
    /// yet, so that [`Self::select`] says what answers it.
    pub fn check_hello(&self) -> Result<()> {
        let _call = self.enter()?;
        self.io.check_failure()?;
        self.io.engine().check_client_hello_open(|| self.selector())
    }

    /// Refuses the client while [`Self::receive_hello`] has the server pause: `alert` is sent
    /// (RFC 8446, section 6.2), and every later call fails.  [`Status::Argument`] for 0, which is
    /// close_notify.
    pub fn refuse_hello(&self, alert: u8) -> Result<()> {
        let _call = self.enter()?;
        self.io.check_failure()?;
        self.io.engine().refuse_client_hello(alert)?;
        self.io
            .with_outbox(|outbox| self.io.send_all(outbox, self.wait_mode()))
    }
}
