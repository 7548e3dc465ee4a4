//! What connections ask a context, which the first of them seals.

use std::sync::{Arc, OnceLock};

use rustls::{ClientConfig, ServerConfig};
use rustls_pki_types::UnixTime;

use super::hello::{self, ConfigSelector};
use super::sessions::{self, Sessions};
use super::settings::{PeerCheck, Settings};
use super::{Built, Context, client, lock, server};
use crate::{Error, Result, Status};

impl Context {
    /// The configuration of clients; the first call seals the context.
    pub(crate) fn client_config(&self) -> Result<Arc<ClientConfig>> {
        self.seal(|built| &built.client, client::config)
    }

    /// The time at which certificates have to be valid.
    pub(super) fn now(&self) -> UnixTime {
        let clock = self.with_settings(|settings| settings.clock.clone());
        clock.map_or_else(UnixTime::now, |clock| clock.tell())
    }

    /// The configuration of servers; the first call seals the context.
    pub(crate) fn server_config(&self) -> Result<Arc<ServerConfig>> {
        self.seal(|built| &built.server, server::config)
    }

    /// The newest version of TLS that it has, by its number.
    pub(crate) fn newest_version(&self) -> u16 {
        self.with_settings(|settings| {
            let versions = settings.versions();
            let numbers = versions.iter().map(|version| version.version.into());
            numbers.max().unwrap_or(0)
        })
    }

    /// Returns what selects the configuration of a server, if the ClientHello does.  Seals
    /// the context.
    pub(crate) fn config_selector(&self) -> Result<Option<ConfigSelector>> {
        let settings = self.sealed()?;
        let has_optional_alpn = settings.alpn_is_optional && !settings.alpn.is_empty();
        if settings.choose.is_none() && !settings.require_known_name && !has_optional_alpn {
            return Ok(None);
        }
        Ok(Some(ConfigSelector::new(self, settings.choose.clone())))
    }

    /// Whether a client that asks for this name may be answered.
    pub(crate) fn knows_name(&self, name: &str) -> bool {
        self.with_settings(|settings| {
            let mut identities = settings.identities.iter();
            !settings.require_known_name
                || identities.any(|shown| hello::fit(shown, name) != hello::Fit::None)
        })
    }

    /// Whether a server with these protocols goes on without one, since none of
    /// them is offered.
    pub(crate) fn does_without(&self, offered: &[String]) -> bool {
        self.with_settings(|settings| {
            let mut ours = settings.alpn.iter();
            let is_offered = |one: &Vec<u8>| offered.iter().any(|other| other.as_bytes() == one);
            settings.alpn_is_optional && !offered.is_empty() && !ours.any(is_offered)
        })
    }

    /// How many tickets a server sends; with 0 a client asks for none in TLS 1.2.
    pub(super) fn tickets(&self) -> usize {
        self.with_settings(|settings| settings.tickets)
    }

    /// Whether its clients encrypt, or pretend to encrypt, what they say first.
    pub(crate) fn ech(&self) -> Option<bool> {
        self.with_settings(|settings| {
            let ech = settings.ech.as_ref();
            ech.map(|mode| matches!(mode, rustls::client::EchMode::Enable(_)))
        })
    }

    pub(crate) fn allows_truncation(&self) -> bool {
        self.with_settings(|settings| settings.allow_truncation)
    }

    pub(crate) fn checks_names(&self) -> bool {
        self.with_settings(|settings| settings.check == PeerCheck::Full)
    }

    /// Whether a server can be accepted whatever its name: names are not checked, or it
    /// may have one of the pinned certificates.
    pub(crate) fn accepts_any_name(&self) -> bool {
        !self.checks_names() || self.with_settings(|settings| settings.has_pinned())
    }

    /// The sessions that others may share.  Where that is too late, nothing is the
    /// matter with this context itself.
    pub(super) fn shared_sessions(&self) -> Result<Sessions> {
        let too_late = || {
            let sentence = "the other context is in use and keeps its sessions for itself: \
                            share them before its first connection";
            Error::new(Status::State, sentence)
        };
        let Some(mut settings) = self.unsealed() else {
            let shared = self.with_settings(|settings| settings.shared_sessions.clone());
            return shared.ok_or_else(too_late);
        };
        let count = settings.sessions.unwrap_or(sessions::SESSIONS);
        let shared = settings
            .shared_sessions
            .get_or_insert_with(|| Sessions::new(count));
        Ok(shared.clone())
    }

    /// The settings, which cannot be changed from here on.
    fn sealed(&self) -> Result<&Settings> {
        if let Some(error) = self.inner.failure.get() {
            return Err(error.clone());
        }
        let sealed = &self.inner.sealed;
        if let Some(settings) = sealed.get() {
            return Ok(settings);
        }
        let mut settings = lock(&self.inner.settings);
        let failed = lock(&self.inner.setup_failure).take();
        let failed = failed.map(|error| self.inner.failure.get_or_init(|| error).clone());
        let settings = sealed.get_or_init(|| std::mem::take(&mut *settings));
        failed.map_or(Ok(settings), Err)
    }

    fn with_settings<T>(&self, read: impl FnOnce(&Settings) -> T) -> T {
        let sealed = &self.inner.sealed;
        if let Some(settings) = sealed.get() {
            return read(settings);
        }
        let settings = lock(&self.inner.settings);
        // Another thread may have been faster.
        read(sealed.get().unwrap_or(&settings))
    }

    pub(super) fn seal<T>(
        &self,
        of: impl FnOnce(&Built) -> &OnceLock<Arc<T>>,
        build: impl FnOnce(&Settings) -> Result<T>,
    ) -> Result<Arc<T>> {
        let settings = self.sealed()?;
        let built = self.inner.built.here();
        let kept = of(built);
        if let Some(config) = kept.get() {
            return Ok(config.clone());
        }
        let _building = lock(&built.building);
        if let Some(config) = kept.get() {
            return Ok(config.clone());
        }
        let config = Arc::new(build(settings)?);
        Ok(kept.get_or_init(|| config).clone())
    }
}
