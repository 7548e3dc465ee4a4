//! Settings of a single connection, which override those of its context.

use std::collections::VecDeque;
use std::sync::Arc;

use rustls::client::ResolvesClientCert;
use rustls::{ClientConfig, ServerConfig};
use rustls_pki_types::ServerName;

use super::client_sessions::{self, ClientSessionStore, Session, SessionScope};
use super::identity::ConfiguredIdentity;
use super::settings::alpn;
use super::{Context, client_config, ech, lock, server_config};
#[cfg(doc)]
use crate::Status;
use crate::base::text::quoted;
use crate::pki::Identity;
use crate::{Error, Result, trust};

/// How many identities of single connections a context remembers, to resume their
/// sessions.
const MAX_REMEMBERED: usize = 16;

/// Settings of one connection.  Everything that is not set comes from its context.
///
/// Cloning copies the options.  Several connections may use the same options.
#[derive(Clone, Debug, Default)]
pub struct ConnectionOptions {
    alpn: Option<Vec<Vec<u8>>>,
    identity: Option<(Identity, ConfiguredIdentity)>,
    session: Option<Session>,
    server_name: RequestedName,
}

/// The server name that a client sends (SNI, RFC 6066, section 3).
#[derive(Clone, Debug, Default)]
enum RequestedName {
    /// The name that the certificate is verified for.
    #[default]
    Verified,
    None,
    Other(ServerName<'static>),
}

impl ConnectionOptions {
    /// Whether nothing is set.
    pub(crate) fn is_empty(&self) -> bool {
        matches!(
            self,
            Self {
                alpn: None,
                identity: None,
                session: None,
                server_name: RequestedName::Verified,
            }
        )
    }

    /// Creates options with nothing set.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the ALPN protocols (RFC 7301), best first; an empty list turns ALPN off.
    ///
    /// Fails with [`Status::Argument`] for a protocol that is empty or longer than 255
    /// bytes, and if the list is too long.
    pub fn set_alpn(&mut self, protocols: &[&str]) -> Result<()> {
        self.alpn = Some(alpn(protocols)?);
        Ok(())
    }

    /// Sets the identity to present, instead of all of the context's.
    ///
    /// A client context remembers the 16 identities that its connections used last, to
    /// resume their sessions.  Their private keys stay in memory until the context is
    /// freed.
    ///
    /// Fails with [`Status::State`] for an identity without a private key.
    pub fn set_identity(&mut self, identity: &Identity) -> Result<()> {
        self.identity = Some((identity.clone(), ConfiguredIdentity::new(identity)?));
        Ok(())
    }

    /// Sets the session that a client resumes, instead of its context's.  New tickets are
    /// stored in it.
    ///
    /// The session must come from the connection's context.  Otherwise creating the
    /// connection fails with [`Status::Argument`].
    pub fn set_session(&mut self, session: &Session) {
        self.session = Some(session.clone());
    }

    /// Sets the name that a client sends as SNI (RFC 6066, section 3), instead of the
    /// name that the certificate is verified for; `None` sends no SNI.
    ///
    /// Fails with [`Status::Argument`] for anything but a DNS name.
    pub fn set_server_name(&mut self, name: Option<&str>) -> Result<()> {
        self.server_name = match name {
            None => RequestedName::None,
            Some(name) => match trust::server_name(name)? {
                name @ ServerName::DnsName(_) => RequestedName::Other(name),
                _ => {
                    let sentence = format!(
                        "{} is an address, which cannot be sent as SNI: set a DNS name, or send \
                         none (RFC 6066, section 3)",
                        quoted(name)
                    );
                    return Err(Error::argument(sentence));
                }
            },
        };
        Ok(())
    }

    /// Overrides these options with those that `others` sets.
    pub(crate) fn update(&mut self, others: Self) {
        self.alpn = others.alpn.or(self.alpn.take());
        self.identity = others.identity.or(self.identity.take());
        self.session = others.session.or(self.session.take());
        if !matches!(others.server_name, RequestedName::Verified) {
            self.server_name = others.server_name;
        }
    }

    pub(crate) fn identity(&self) -> Option<&ConfiguredIdentity> {
        self.identity.as_ref().map(|(_, configured)| configured)
    }

    /// Applies the options to the configuration of a server.
    pub(crate) fn apply(&self, config: &mut Arc<ServerConfig>) {
        if let Some(alpn) = &self.alpn {
            Arc::make_mut(config).alpn_protocols = alpn.clone();
        }
        if let Some(identity) = self.identity() {
            Arc::make_mut(config).cert_resolver =
                server_config::identity_resolver(vec![identity.clone()]);
        }
    }

    pub(crate) fn alpn(&self) -> Option<&[Vec<u8>]> {
        self.alpn.as_deref()
    }
}

/// The configuration and the names with which a client starts.
pub(crate) struct ClientStart {
    pub(crate) config: Arc<ClientConfig>,
    pub(crate) requested: ServerName<'static>,
    /// The name to verify the certificate for, if it differs from `requested`.
    pub(crate) verified: Option<ServerName<'static>>,
    /// Whether the certificate is verified at all.
    pub(crate) verifies: bool,
}

impl ClientStart {
    /// Starts a client that requests and verifies one name.
    pub(crate) const fn new(config: Arc<ClientConfig>, name: ServerName<'static>) -> Self {
        Self {
            config,
            requested: name,
            verified: None,
            verifies: true,
        }
    }
}

impl Context {
    /// Prepares a client of this context with these options.  The server's certificate
    /// must be valid for `name`.
    pub(crate) fn start_client(
        &self,
        options: &ConnectionOptions,
        name: ServerName<'static>,
    ) -> Result<ClientStart> {
        let mut config = self.client_config()?;
        if let Some(alpn) = &options.alpn {
            Arc::make_mut(&mut config).alpn_protocols = alpn.clone();
        }
        let mut scope = SessionScope::default();
        if let Some((identity, configured)) = &options.identity {
            let (number, resolver) = self.numbered_resolver(identity, configured);
            Arc::make_mut(&mut config).client_auth_cert_resolver = resolver;
            scope.identity_number = Some(number);
        }
        let requested = match &options.server_name {
            RequestedName::Other(other) if *other != name => {
                scope.verified_name = Some(name);
                self.with_settings(|settings| ech::apart_from(other, &settings.public_names))
            }
            RequestedName::Verified | RequestedName::Other(_) => name,
            RequestedName::None => {
                Arc::make_mut(&mut config).enable_sni = false;
                scope.sends_no_sni = true;
                name
            }
        };
        let verified = scope.verified_name.clone();
        let store = match &options.session {
            Some(session) => Some(session.store_for(self)?),
            None => match self.client_sessions() {
                // The context caches nothing: only the program receives the sessions.
                None if self.session_callback().is_some() => {
                    Some(Arc::new(ClientSessionStore::new(1)))
                }
                // The context's configuration already contains this store.
                Some(_) if scope == SessionScope::default() => None,
                sessions => sessions,
            },
        };
        if let Some(store) = store {
            Arc::make_mut(&mut config).resumption = client_sessions::resumption(
                ClientSessionStore::scoped(store, scope),
                self.ticket_count(),
            );
        }
        Ok(ClientStart {
            verified,
            verifies: self.verifies_peers(),
            ..ClientStart::new(config, requested)
        })
    }

    /// The resolver for this identity, and its number.  Both stay the same for an
    /// identity: rustls resumes sessions only between connections with the same resolver.
    fn numbered_resolver(
        &self,
        identity: &Identity,
        configured: &ConfiguredIdentity,
    ) -> (u64, Arc<dyn ResolvesClientCert>) {
        lock(&self.built().identities).numbered_resolver(identity, configured)
    }
}

/// Identities that single connections presented, the most recent last.  Their private
/// keys stay in memory.
#[derive(Default)]
pub(super) struct RememberedIdentities {
    /// How many there were.  Numbers are never reused: sessions are stored under them.
    count: u64,
    latest: VecDeque<Remembered>,
}

impl RememberedIdentities {
    fn numbered_resolver(
        &mut self,
        identity: &Identity,
        configured: &ConfiguredIdentity,
    ) -> (u64, Arc<dyn ResolvesClientCert>) {
        let mut latest = self.latest.iter();
        let known = latest.position(|one| one.identity.is_same(identity));
        let known = known.and_then(|index| self.latest.remove(index));
        let used = known.unwrap_or_else(|| {
            let number = self.count;
            self.count += 1;
            Remembered {
                identity: identity.clone(),
                number,
                resolver: client_config::identity_resolver(vec![configured.clone()]),
            }
        });
        let (number, resolver) = (used.number, used.resolver.clone());
        if self.latest.len() == MAX_REMEMBERED {
            self.latest.pop_front();
        }
        self.latest.push_back(used);
        (number, resolver)
    }
}

/// An identity that a single connection presented.
struct Remembered {
    identity: Identity,
    number: u64,
    resolver: Arc<dyn ResolvesClientCert>,
}
