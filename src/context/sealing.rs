//! The sealed context: connections read its settings and the configurations that are
//! built from them.  The first connection seals it.

use std::sync::{Arc, OnceLock};

use rustls::{ClientConfig, ServerConfig};
use rustls_pki_types::{CertificateDer, UnixTime};

use super::client_sessions::{ClientSessionStore, SessionCallback};
use super::config_selector::ConfigSelector;
use super::connection_options::ConnectionOptions;
use super::identity::{ConfiguredIdentity, NameMatch};
use super::peer_chain::PeerChain;
use super::server_sessions::{self, SessionCache};
use super::settings::{PeerCheck, Settings};
use super::{Built, Context, client_config, lock, server_config};
use crate::{Error, Result};

impl Context {
    /// Seals the context, as its first connection does: every later setter fails.  Fails
    /// with the error of a setter that failed before.
    pub fn seal(&self) -> Result<()> {
        self.sealed().map(drop)
    }

    /// Returns the configuration of clients.  The first call seals the context.
    pub(crate) fn client_config(&self) -> Result<Arc<ClientConfig>> {
        self.build(
            |built| &built.client,
            |settings| client_config::config(settings, self.client_sessions()),
        )
    }

    /// The session store of its clients; `None` if resumption is off.
    pub(super) fn client_sessions(&self) -> Option<Arc<ClientSessionStore>> {
        let store = self.built().client_sessions.get_or_init(|| {
            let count = self.with_settings(client_config::max_sessions);
            (count > 0).then(|| Arc::new(ClientSessionStore::for_sessions(count)))
        });
        store.clone()
    }

    /// Returns the chain that a peer presented, in memory that connections to it share.
    pub(crate) fn share_peer_chain(&self, presented: &[CertificateDer<'static>]) -> PeerChain {
        self.built().last_peer_chain.share(presented)
    }

    /// Returns what this process built from the settings.
    pub(super) fn built(&self) -> &Built {
        self.inner.built.here()
    }

    /// The current time, for certificate validity.
    pub(super) fn now(&self) -> UnixTime {
        let clock = self.with_settings(|settings| settings.clock.clone());
        clock.map_or_else(UnixTime::now, |clock| clock.now())
    }

    /// Returns the configuration of a server with these options.  The first call seals
    /// the context.
    pub(crate) fn server_config(&self, options: &ConnectionOptions) -> Result<Arc<ServerConfig>> {
        let has_none = |settings: &Settings| settings.identities.is_empty();
        if options.identity().is_none() && has_none(self.sealed()?) {
            let sentence = "a server needs a certificate and its private key: add an identity \
                            before accepting connections";
            return Err(Error::state(sentence));
        }
        let mut config = self.build(|built| &built.server, server_config::config)?;
        options.apply(&mut config);
        Ok(config)
    }

    /// The number of the newest enabled version.
    pub(crate) fn newest_version(&self) -> u16 {
        self.with_settings(|settings| {
            let versions = settings.versions();
            let numbers = versions.iter().map(|version| version.version.into());
            numbers.max().unwrap_or(0)
        })
    }

    /// Returns the config selector if the configuration depends on the ClientHello.
    /// Seals the context.
    pub(crate) fn config_selector(
        &self,
        options: &ConnectionOptions,
    ) -> Result<Option<ConfigSelector>> {
        let settings = self.sealed()?;
        let has_optional_alpn =
            settings.alpn_is_optional && !options.alpn().unwrap_or(&settings.alpn).is_empty();
        if settings.hello_callback.is_none() && !settings.require_known_name && !has_optional_alpn {
            return Ok(None);
        }
        let callback = settings.hello_callback.clone();
        Ok(Some(ConfigSelector::new(self, options, callback)))
    }

    /// Whether a server with these options accepts a client that requests this name.
    pub(crate) fn accepts_server_name(&self, name: &str, options: &ConnectionOptions) -> bool {
        self.with_settings(|settings| {
            let is_for =
                |identity: &ConfiguredIdentity| identity.match_name(name) != NameMatch::None;
            !settings.require_known_name
                || match options.identity() {
                    Some(identity) => is_for(identity),
                    None => settings.identities.iter().any(is_for),
                }
        })
    }

    /// Whether a server continues without ALPN, because the client offers none of its
    /// protocols.
    pub(crate) fn continues_without_alpn(
        &self,
        offered: &[Vec<u8>],
        options: &ConnectionOptions,
    ) -> bool {
        self.with_settings(|settings| {
            let mut ours = options.alpn().unwrap_or(&settings.alpn).iter();
            let is_offered = |one: &Vec<u8>| offered.contains(one);
            settings.alpn_is_optional && !offered.is_empty() && !ours.any(is_offered)
        })
    }

    /// How many tickets a server sends.  With 0 a client requests none in TLS 1.2.
    pub(super) fn ticket_count(&self) -> usize {
        self.with_settings(|settings| settings.tickets)
    }

    /// Whether clients encrypt the ClientHello: `true` for ECH, `false` for GREASE ECH,
    /// `None` for neither.
    pub(crate) fn ech(&self) -> Option<bool> {
        self.with_settings(|settings| {
            let ech = settings.ech.as_ref();
            ech.map(|mode| matches!(mode, rustls::client::EchMode::Enable(_)))
        })
    }

    /// The session callback of its clients.
    pub(crate) fn session_callback(&self) -> Option<SessionCallback> {
        self.with_settings(|settings| settings.session_callback.clone())
    }

    pub(crate) fn allows_truncation(&self) -> bool {
        self.with_settings(|settings| settings.allow_truncation)
    }

    pub(crate) fn verifies_peers(&self) -> bool {
        self.with_settings(|settings| settings.check != PeerCheck::Nothing)
    }

    pub(crate) fn checks_names(&self) -> bool {
        self.with_settings(|settings| settings.check == PeerCheck::Full)
    }

    /// Whether a server can be accepted under any name: names are not checked, or the
    /// context trusts certificates by fingerprint.
    pub(crate) fn accepts_any_name(&self) -> bool {
        !self.checks_names() || self.with_settings(|settings| settings.has_trusted_certificates())
    }

    /// Returns the session cache to share with another context.  If it is too late to share,
    /// this fails, and this context stays usable.
    pub(super) fn shared_sessions(&self) -> Result<SessionCache> {
        let too_late = || {
            let sentence = "the other context is in use and does not share its sessions: share \
                            them before its first connection";
            Error::state(sentence)
        };
        let Some(mut settings) = self.unsealed() else {
            let shared = self.with_settings(|settings| settings.shared_sessions.clone());
            return shared.ok_or_else(too_late);
        };
        let count = settings
            .sessions
            .unwrap_or(server_sessions::DEFAULT_CACHE_SIZE);
        let shared = settings
            .shared_sessions
            .get_or_insert_with(|| SessionCache::new(count));
        Ok(shared.clone())
    }

    /// Seals the context and returns its settings.
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

    pub(super) fn with_settings<T>(&self, read: impl FnOnce(&Settings) -> T) -> T {
        let sealed = &self.inner.sealed;
        if let Some(settings) = sealed.get() {
            return read(settings);
        }
        let settings = lock(&self.inner.settings);
        // Another thread may have sealed it meanwhile.
        read(sealed.get().unwrap_or(&settings))
    }

    pub(super) fn build<T>(
        &self,
        of: impl FnOnce(&Built) -> &OnceLock<Arc<T>>,
        build: impl FnOnce(&Settings) -> Result<T>,
    ) -> Result<Arc<T>> {
        let settings = self.sealed()?;
        let built = self.built();
        let slot = of(built);
        if let Some(config) = slot.get() {
            return Ok(config.clone());
        }
        let _building = lock(&built.building);
        if let Some(config) = slot.get() {
            return Ok(config.clone());
        }
        let config = Arc::new(build(settings)?);
        Ok(slot.get_or_init(|| config).clone())
    }
}
