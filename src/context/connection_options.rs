//! What one connection has of its own, in place of the settings of its context.

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

/// How many identities of connections a context remembers, so that their sessions can be
/// resumed.
const MAX_REMEMBERED: usize = 16;

/// Settings of one connection.  What is not set is as its context has it.
///
/// Cloning gives a copy.  Several connections may be made with the same options.
#[derive(Clone, Debug, Default)]
pub struct ConnectionOptions {
    alpn: Option<Vec<Vec<u8>>>,
    identity: Option<(Identity, ConfiguredIdentity)>,
    session: Option<Session>,
    server_name: RequestedName,
}

/// The name that a client requests in its ClientHello (SNI, RFC 6066, section 3).
#[derive(Clone, Debug, Default)]
enum RequestedName {
    /// The one that the certificate is verified for.
    #[default]
    Verified,
    None,
    Other(ServerName<'static>),
}

impl ConnectionOptions {
    /// Options with nothing set.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the ALPN protocols (RFC 7301), best first; none turns ALPN off.
    ///
    /// Fails with [`Status::Argument`] for one that is empty or longer than 255 bytes, and
    /// for too many.
    pub fn set_alpn(&mut self, protocols: &[&str]) -> Result<()> {
        self.alpn = Some(alpn(protocols)?);
        Ok(())
    }

    /// Sets the identity to present, in place of all of the context's.
    ///
    /// A client context remembers the 16 identities that its connections used last, to resume
    /// their sessions.  Their private keys stay in memory until the context is freed.
    ///
    /// Fails with [`Status::State`] for one without a private key.
    pub fn set_identity(&mut self, identity: &Identity) -> Result<()> {
        self.identity = Some((identity.clone(), ConfiguredIdentity::new(identity)?));
        Ok(())
    }

    /// Sets the session that a client resumes, in place of those of its context.  What the
    /// server gives this connection goes there.
    ///
    /// A session is only resumed by connections of the context that it is of: with another
    /// one, making the connection fails with [`Status::Argument`].
    pub fn set_session(&mut self, session: &Session) {
        self.session = Some(session.clone());
    }

    /// Sets the name that a client requests (SNI, RFC 6066, section 3), where it is not the
    /// one that the certificate is verified for; `None` requests none.
    ///
    /// Fails with [`Status::Argument`] for what is no DNS name: addresses are not sent.
    pub fn set_server_name(&mut self, name: Option<&str>) -> Result<()> {
        self.server_name = match name {
            None => RequestedName::None,
            Some(name) => match trust::server_name(name)? {
                name @ ServerName::DnsName(_) => RequestedName::Other(name),
                _ => {
                    let sentence = format!(
                        "{} cannot be requested as the server's name: addresses are not sent \
                         (RFC 6066, section 3)",
                        quoted(name)
                    );
                    return Err(Error::argument(sentence));
                }
            },
        };
        Ok(())
    }

    /// Takes over what the others set.
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

    /// The options of a server for this connection, over its configuration.
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

/// How a client begins: its configuration, and the name for its ClientHello.
pub(crate) struct ClientStart {
    pub(crate) config: Arc<ClientConfig>,
    pub(crate) requested: ServerName<'static>,
    /// The name to verify the certificate for, if that is another one.
    pub(crate) verified: Option<ServerName<'static>>,
    /// Whether the certificate is verified at all.
    pub(crate) verifies: bool,
}

impl ClientStart {
    /// A client that verifies the certificate for the name that it requests.
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
    /// How a client of this context begins with these options, for a server whose
    /// certificate has to be for `name`.
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
                // The program alone keeps what comes.
                None if self.session_callback().is_some() => {
                    Some(Arc::new(ClientSessionStore::new(1)))
                }
                // The configuration has it.
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

    /// What presents this identity, with a number: always the same, since rustls resumes
    /// sessions only between connections that share it.
    fn numbered_resolver(
        &self,
        identity: &Identity,
        configured: &ConfiguredIdentity,
    ) -> (u64, Arc<dyn ResolvesClientCert>) {
        lock(&self.built().identities).numbered_resolver(identity, configured)
    }
}

/// The identities that single connections presented, the one used last at the end.  Their
/// keys stay in memory with them.
#[derive(Default)]
pub(super) struct RememberedIdentities {
    /// How many there have been.  No number is given twice: sessions are kept under it.
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

/// An identity of single connections.
struct Remembered {
    identity: Identity,
    number: u64,
    resolver: Arc<dyn ResolvesClientCert>,
}
