//! What connections ask a context, which the first of them seals.

use std::sync::{Arc, OnceLock};

use rustls::{ClientConfig, ServerConfig};
use rustls_pki_types::UnixTime;

use super::hello::{self, Answer};
use super::sessions::{self, Sessions};
use super::settings::{PeerCheck, Settings};
use super::{Context, client, server};
use crate::{Error, Result, Status};

impl Context {
    /// The configuration of clients; the first call seals the context.
    pub(crate) fn client_config(&self) -> Result<Arc<ClientConfig>> {
        self.seal(&self.inner.client, client::config)
    }

    /// The time at which certificates have to be valid.
    pub(super) fn now(&self) -> UnixTime {
        let clock = self.state().settings.clock.clone();
        clock.map_or_else(UnixTime::now, |clock| clock.tell())
    }

    /// The configuration of servers; the first call seals the context.
    pub(crate) fn server_config(&self) -> Result<Arc<ServerConfig>> {
        self.seal(&self.inner.server, server::config)
    }

    /// The newest version of TLS that it has, by its number.
    pub(crate) fn newest_version(&self) -> u16 {
        let versions = self.state().settings.versions();
        let numbers = versions.iter().map(|version| version.version.into());
        numbers.max().unwrap_or(0)
    }

    /// Who answers, where the client has to be heard first.  Seals the context.
    pub(crate) fn hear_first(&self) -> Result<Option<Answer>> {
        let mut state = self.state();
        if let Some(error) = &state.failure {
            return Err(error.clone());
        }
        let settings = &state.settings;
        let has_optional_alpn = settings.alpn_is_optional && !settings.alpn.is_empty();
        if settings.choose.is_none() && !settings.require_known_name && !has_optional_alpn {
            return Ok(None);
        }
        let choose = settings.choose.clone();
        state.sealed = true;
        Ok(Some(Answer::new(self, choose)))
    }

    /// Whether a client that asks for this name may be answered.
    pub(crate) fn knows_name(&self, name: &str) -> bool {
        let state = self.state();
        let mut identities = state.settings.identities.iter();
        !state.settings.require_known_name
            || identities.any(|shown| hello::fit(shown, name) != hello::Fit::None)
    }

    /// Whether a server with these protocols goes on without one, since none of
    /// them is offered.
    pub(crate) fn does_without(&self, offered: &[String]) -> bool {
        let state = self.state();
        let mut ours = state.settings.alpn.iter();
        let is_offered = |one: &Vec<u8>| offered.iter().any(|other| other.as_bytes() == one);
        state.settings.alpn_is_optional && !offered.is_empty() && !ours.any(is_offered)
    }

    /// How many tickets a server sends; with 0 a client asks for none in TLS 1.2.
    pub(super) fn tickets(&self) -> usize {
        self.state().settings.tickets
    }

    /// Whether its clients encrypt, or pretend to encrypt, what they say first.
    pub(crate) fn ech(&self) -> Option<bool> {
        let state = self.state();
        let ech = state.settings.ech.as_ref();
        ech.map(|mode| matches!(mode, rustls::client::EchMode::Enable(_)))
    }

    pub(crate) fn allows_truncation(&self) -> bool {
        self.state().settings.allow_truncation
    }

    pub(crate) fn checks_names(&self) -> bool {
        self.state().settings.check == PeerCheck::Full
    }

    /// The sessions that others may share.  Where that is too late, nothing is the
    /// matter with this context itself.
    pub(super) fn shared_sessions(&self) -> Result<Sessions> {
        let mut state = self.state();
        if let Some(shared) = &state.settings.shared_sessions {
            return Ok(shared.clone());
        }
        if state.sealed {
            let sentence = "the other context is in use and keeps its sessions for itself: \
                            share them before its first connection";
            return Err(Error::new(Status::State, sentence));
        }
        let sessions = Sessions::new(state.settings.sessions.unwrap_or(sessions::SESSIONS));
        state.settings.shared_sessions = Some(sessions.clone());
        Ok(sessions)
    }

    pub(super) fn seal<T>(
        &self,
        built: &OnceLock<Arc<T>>,
        build: impl FnOnce(&Settings) -> Result<T>,
    ) -> Result<Arc<T>> {
        let mut state = self.state();
        if let Some(error) = &state.failure {
            return Err(error.clone());
        }
        if let Some(config) = built.get() {
            return Ok(config.clone());
        }
        state.sealed = true;
        let config = Arc::new(build(&state.settings)?);
        Ok(built.get_or_init(|| config).clone())
    }
}
