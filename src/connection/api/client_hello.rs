//! Servers that pause at the ClientHello until their program has decided what answers it.

use std::borrow::Cow;

use super::Connection;
use super::handshake::Until;
#[cfg(doc)]
use crate::Status;
use crate::connection::io::Work;
use crate::connection::transport::WaitMode;
use crate::context::{ClientHello, ConfigSelector, Selection};
use crate::{Error, Result};

impl Connection {
    /// Receives the ClientHello, and pauses there.  [`Self::select`] sets what answers it;
    /// [`Self::handshake`], reading or writing continue.  For servers that look something up before
    /// they can answer, on another thread or over the network.
    ///
    /// The callback of the context is not called.  Blocks, and fails with [`Status::WantRead`] or
    /// [`Status::WantWrite`], as [`Self::handshake`] does.  Fails with [`Status::State`] on a
    /// client, and if the ClientHello was answered already.
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

    /// Returns the selector for a server that was not going to inspect the ClientHello.
    fn selector(&self) -> ConfigSelector {
        let options = self.setup.options.as_deref();
        let options = options.map_or_else(Cow::default, Cow::Borrowed);
        ConfigSelector::new(&self.setup.context, &options, None)
    }

    /// Whether the context that answered allows the transport to end without close_notify.
    pub(super) fn allows_truncation(&self) -> bool {
        let selected = self.io.engine().selected_context().cloned();
        selected
            .as_ref()
            .unwrap_or(&self.setup.context)
            .allows_truncation()
    }

    /// Sets what answers the ClientHello, until it is answered.
    pub fn select(&self, selection: Selection) -> Result<()> {
        let _call = self.enter()?;
        self.io.check_failure()?;
        self.io.engine().select(Ok(selection), || self.selector())
    }

    /// Reports that what should answer the ClientHello could not be set.  The client is refused
    /// with internal_error, and the handshake fails with this error.
    pub fn select_failed(&self, error: Error) -> Result<()> {
        let _call = self.enter()?;
        self.io.check_failure()?;
        self.io.engine().select(Err(error), || self.selector())
    }

    /// Fails with [`Status::State`] unless this is a server whose ClientHello was not answered yet,
    /// so that [`Self::select`] has an effect.
    pub fn check_hello(&self) -> Result<()> {
        let _call = self.enter()?;
        self.io.check_failure()?;
        self.io.engine().check_client_hello_open(|| self.selector())
    }

    /// Refuses the client while the server pauses after [`Self::receive_hello`]: sends `alert` (RFC
    /// 8446, section 6.2), after which every call fails.  Fails with [`Status::Argument`] if
    /// `alert` is 0, which is close_notify.
    pub fn refuse_hello(&self, alert: u8) -> Result<()> {
        let _call = self.enter()?;
        self.io.check_failure()?;
        self.io.engine().refuse_client_hello(alert)?;
        self.io
            .with_outbox(|outbox| self.io.send_all(outbox, self.wait_mode()))
    }
}
