//! Sessions that a client can resume: tickets and TLS 1.2 sessions from servers.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};

use rustls::NamedGroup;
use rustls::client::{
    self, Resumption, Tls12ClientSessionValue, Tls12Resumption, Tls13ClientSessionValue,
};
use rustls_pki_types::ServerName;

use super::settings::Version;
use super::{Context, lock};
use crate::base::fork::{Origin, PerProcess};
use crate::base::observations::Observations;
use crate::base::rustls_gaps::session_lifetime;
use crate::{Error, Result};

/// The number of tickets stored per server: the latest ones.
const TICKETS_PER_SERVER: usize = 8;

/// A session that a client can resume, stored by the application instead of the context.
///
/// Connections with it in their options ([`ConnectionOptions::set_session`]) resume it,
/// and store new tickets in it.  A new one is empty.  It is for one server: tickets of
/// another server replace those in it.
///
/// Each ticket of TLS 1.3 is used once (RFC 8446, appendix C.4), and the resumed
/// connection receives new ones.  A session of TLS 1.2 is used repeatedly.
///
/// It is empty in a forked child: two processes would use the same tickets.
///
/// Cloning returns another reference to the same session.
///
/// [`ConnectionOptions::set_session`]: crate::ConnectionOptions::set_session
#[derive(Clone)]
pub struct Session {
    context: Context,
    store: Arc<PerProcess<OnceLock<Arc<ClientSessionStore>>>>,
    facts: Option<Arc<SessionFacts>>,
}

/// Receives a session from a server.
pub type SessionCallback = Arc<dyn Fn(Session) + Send + Sync>;

/// Negotiated parameters of the connection that a session came from.
#[derive(Clone, Debug)]
pub(crate) struct SessionFacts {
    pub(crate) version: Version,
    pub(crate) cipher: &'static str,
    pub(crate) alpn: Option<String>,
    pub(crate) server_name: Option<String>,
}

impl Session {
    /// Creates an empty session for connections of this context, and seals the context.
    pub fn new(context: &Context) -> Result<Self> {
        context.client_config()?;
        Ok(Self {
            context: context.clone(),
            store: Arc::default(),
            facts: None,
        })
    }

    /// Creates a session from what a connection of this context received.  Returns `None`
    /// if there is nothing to resume, or if it was all used.
    pub(crate) fn received(
        context: &Context,
        facts: SessionFacts,
        tickets: &[Arc<Ticket>],
        tls12: Option<&Tls12Session>,
    ) -> Option<Self> {
        let store = ClientSessionStore::new(1);
        for ticket in tickets.iter().filter(|ticket| ticket.is_unused()) {
            store.add(ticket.clone());
        }
        if let Some(session) = tls12 {
            let (value, is_extended) = (session.value.clone(), session.is_extended);
            store.update(session.key.clone(), |server| {
                server.tls12 = Some((value, is_extended));
            });
        }
        if store.servers().keys.is_empty() {
            return None;
        }
        let session = Self {
            context: context.clone(),
            store: Arc::default(),
            facts: Some(Arc::new(facts)),
        };
        session.store.here().get_or_init(|| Arc::new(store));
        Some(session)
    }

    /// Returns the version of the connection that it came from.  Here and below, `None` for
    /// a session from [`Self::new`].
    pub fn version(&self) -> Option<Version> {
        self.facts.as_ref().map(|facts| facts.version)
    }

    /// Returns the cipher suite of that connection, by its IANA name.
    pub fn cipher(&self) -> Option<&'static str> {
        self.facts.as_ref().map(|facts| facts.cipher)
    }

    /// Returns the ALPN protocol of that connection.  Early data requires the same one (RFC
    /// 8446, section 4.2.10).
    pub fn alpn(&self) -> Option<&str> {
        self.facts.as_ref()?.alpn.as_deref()
    }

    /// Returns the server name that was verified on that connection.
    pub fn server_name(&self) -> Option<&str> {
        self.facts.as_ref()?.server_name.as_deref()
    }

    /// Returns how many bytes of early data the latest ticket allows (RFC 8446, section
    /// 4.6.1); 0 for none.
    pub fn max_early_data(&self) -> u32 {
        let servers = self.store_here().servers();
        // A session holds tickets of one server.
        let mut tickets = servers
            .by_key
            .values()
            .flat_map(|server| server.tickets.iter().rev());
        tickets
            .find(|ticket| ticket.is_unused())
            .and_then(|ticket| Some(ticket.session().as_ref()?.max_early_data_size()))
            .unwrap_or(0)
    }

    /// Returns the lifetime of the latest ticket in seconds, from its receipt (RFC 8446,
    /// section 4.6.1); 0 if all are used, and if the server caches the session (TLS 1.2).
    pub fn lifetime(&self) -> u32 {
        self.lifetimes().last().copied().unwrap_or(0)
    }

    /// Returns the store for a connection of this context.  The session must come from the
    /// same context: only its connections share the verifier that rustls compares.
    pub(super) fn store_for(&self, context: &Context) -> Result<Arc<ClientSessionStore>> {
        if !Arc::ptr_eq(&self.context.inner, &context.inner) {
            let sentence = "the session comes from another context, which may verify peers \
                            differently: resume it with the context that it came from";
            return Err(Error::argument(sentence));
        }
        Ok(self.store_here().clone())
    }

    fn store_here(&self) -> &Arc<ClientSessionStore> {
        let here = self.store.here();
        here.get_or_init(|| Arc::new(ClientSessionStore::new(1)))
    }

    /// Returns the lifetimes of the unused tickets in seconds, each from its receipt, the
    /// latest last.  0 stands for a TLS 1.2 session that the server caches.
    pub fn lifetimes(&self) -> Vec<u32> {
        let servers = self.store_here().servers();
        let entries = servers.by_key.values();
        entries.flat_map(ServerEntry::lifetimes).collect()
    }
}

/// Enables resumption from a store.  If `tickets` is 0, it requests none in TLS 1.2.
pub(super) fn resumption(store: Arc<dyn client::ClientSessionStore>, tickets: usize) -> Resumption {
    let tls12 = match tickets {
        0 => Tls12Resumption::SessionIdOnly,
        _ => Tls12Resumption::SessionIdOrTickets,
    };
    Resumption::store(store).tls12_resumption(tls12)
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").finish_non_exhaustive()
    }
}

/// A TLS 1.3 ticket, shared by stores and by the connection that received it.
pub(crate) struct Ticket {
    origin: Origin,
    key: StoreKey,
    /// The number of stores that hold it: the context's, and those of sessions.
    stores: AtomicUsize,
    /// `None` once it is used.
    session: Mutex<Option<Tls13ClientSessionValue>>,
    /// Computed on demand.
    lifetime: OnceLock<u32>,
}

impl Ticket {
    fn new(key: StoreKey, session: Tls13ClientSessionValue) -> Arc<Self> {
        Arc::new(Self {
            origin: Origin::here(),
            key,
            stores: AtomicUsize::new(0),
            session: Mutex::new(Some(session)),
            lifetime: OnceLock::new(),
        })
    }

    fn session(&self) -> MutexGuard<'_, Option<Tls13ClientSessionValue>> {
        lock(&self.session)
    }

    /// Its lifetime in seconds, from its receipt.
    pub(crate) fn lifetime(&self) -> u32 {
        let find = || self.session().as_ref().map_or(0, session_lifetime);
        *self.lifetime.get_or_init(find)
    }

    /// Whether it is still unused, and of this process.
    fn is_unused(&self) -> bool {
        self.origin.is_here() && self.session().is_some()
    }

    /// Takes the session for use, so that no store can.  The connection that received the
    /// ticket keeps its lifetime, but not its secrets.
    fn take(self: Arc<Self>) -> Option<Tls13ClientSessionValue> {
        if Arc::strong_count(&self) > 1 {
            self.lifetime();
        }
        self.session().take()
    }

    /// Removes it from one store, and wipes it with the last one.
    fn release(self: Arc<Self>) {
        if self.stores.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.take();
        }
    }
}

/// A TLS 1.2 session that a connection received.
pub(crate) struct Tls12Session {
    key: StoreKey,
    value: Tls12ClientSessionValue,
    is_extended: bool,
}

/// The stored state of one server.
#[derive(Default)]
struct ServerEntry {
    /// The group that it selected: the next connection sends a key share for it.
    group: Option<NamedGroup>,
    /// The session, and whether it has an extended master secret (RFC 7627).
    tls12: Option<(Tls12ClientSessionValue, bool)>,
    /// Oldest first.
    tickets: VecDeque<Arc<Ticket>>,
}

impl ServerEntry {
    fn lifetimes(&self) -> impl Iterator<Item = u32> {
        let tls12 = self
            .tls12
            .iter()
            .map(|(session, _)| session_lifetime(session));
        let tickets = self.tickets.iter().filter(|ticket| ticket.is_unused());
        tls12.chain(tickets.map(|ticket| ticket.lifetime()))
    }
}

impl Drop for ServerEntry {
    fn drop(&mut self) {
        // A forked child frees its copy, too.  It must not lock inherited tickets: a
        // thread of the parent may have held the lock.
        let here = self.tickets.drain(..).filter(|one| one.origin.is_here());
        here.for_each(Ticket::release);
    }
}

/// The sessions that a client can resume, by server.
pub(super) struct ClientSessionStore {
    servers: Mutex<ServerEntries>,
    /// The maximum number of servers whose sessions are stored.
    max_servers: usize,
}

#[derive(Default)]
struct ServerEntries {
    by_key: HashMap<StoreKey, ServerEntry>,
    /// Oldest first.
    keys: VecDeque<StoreKey>,
}

/// A server, and the conditions under which its sessions can be resumed.
type StoreKey = (ServerName<'static>, SessionScope);

/// What must be equal for a session to be resumed, in addition to the name that rustls
/// compares.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct SessionScope {
    /// The verified name, if it differs from the requested one.  Resumption does not
    /// verify the certificate again.
    pub(super) verified_name: Option<ServerName<'static>>,
    /// Whether no SNI is sent: servers resume sessions only under the same name.
    pub(super) sends_no_sni: bool,
    /// The number of the connection's own identity, if it has one.
    pub(super) identity_number: Option<u64>,
}

impl ClientSessionStore {
    /// Creates a store for this many servers.
    pub(super) fn new(max_servers: usize) -> Self {
        Self {
            servers: Mutex::default(),
            max_servers,
        }
    }

    /// Creates a store for this many sessions.
    pub(super) fn for_sessions(count: usize) -> Self {
        Self::new(count.div_ceil(TICKETS_PER_SERVER))
    }

    /// A view of the sessions that match `scope`, for rustls.
    pub(super) fn scoped(
        store: Arc<Self>,
        scope: SessionScope,
    ) -> Arc<dyn client::ClientSessionStore> {
        Arc::new(ScopedStore { store, scope })
    }

    fn servers(&self) -> MutexGuard<'_, ServerEntries> {
        lock(&self.servers)
    }

    fn add(&self, ticket: Arc<Ticket>) {
        ticket.stores.fetch_add(1, Ordering::AcqRel);
        self.update(ticket.key.clone(), |server| {
            if server.tickets.len() == TICKETS_PER_SERVER {
                let oldest = server.tickets.pop_front();
                oldest.into_iter().for_each(Ticket::release);
            }
            server.tickets.push_back(ticket);
        });
    }

    fn update(&self, key: StoreKey, change: impl FnOnce(&mut ServerEntry)) {
        let mut servers = self.servers();
        if let Some(server) = servers.by_key.get_mut(&key) {
            return change(server);
        }
        if servers.keys.len() == self.max_servers {
            let oldest = servers.keys.pop_front();
            oldest.map(|oldest| servers.by_key.remove(&oldest));
        }
        servers.keys.push_back(key.clone());
        change(servers.by_key.entry(key).or_default());
    }
}

/// The sessions that a connection may resume.
#[derive(Debug)]
struct ScopedStore {
    store: Arc<ClientSessionStore>,
    scope: SessionScope,
}

impl ScopedStore {
    fn key(&self, name: &ServerName<'_>) -> StoreKey {
        (name.to_owned(), self.scope.clone())
    }
}

impl client::ClientSessionStore for ScopedStore {
    fn set_kx_hint(&self, server_name: ServerName<'static>, group: NamedGroup) {
        let key = self.key(&server_name);
        self.store.update(key, |server| server.group = Some(group));
    }

    fn kx_hint(&self, server_name: &ServerName<'_>) -> Option<NamedGroup> {
        let key = self.key(server_name);
        self.store.servers().by_key.get(&key)?.group
    }

    fn set_tls12_session(&self, server_name: ServerName<'static>, value: Tls12ClientSessionValue) {
        let is_extended = Observations::extended_master_secret().unwrap_or_default();
        let key = self.key(&server_name);
        Observations::tls12_session(Arc::new(Tls12Session {
            key: key.clone(),
            value: value.clone(),
            is_extended,
        }));
        self.store
            .update(key, |server| server.tls12 = Some((value, is_extended)));
    }

    fn tls12_session(&self, server_name: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        let servers = self.store.servers();
        let server = servers.by_key.get(&self.key(server_name))?;
        let (session, is_extended) = server.tls12.clone()?;
        Observations::set_extended_master_secret(is_extended);
        Some(session)
    }

    fn remove_tls12_session(&self, server_name: &ServerName<'static>) {
        let key = self.key(server_name);
        if let Some(server) = self.store.servers().by_key.get_mut(&key) {
            server.tls12 = None;
        }
    }

    fn insert_tls13_ticket(
        &self,
        server_name: ServerName<'static>,
        value: Tls13ClientSessionValue,
    ) {
        let ticket = Ticket::new(self.key(&server_name), value);
        Observations::ticket(ticket.clone());
        self.store.add(ticket);
    }

    fn take_tls13_ticket(
        &self,
        server_name: &ServerName<'static>,
    ) -> Option<Tls13ClientSessionValue> {
        let mut servers = self.store.servers();
        let server = servers.by_key.get_mut(&self.key(server_name))?;
        // Another store may have used some of them.
        let session = loop {
            if let Some(session) = server.tickets.pop_back()?.take() {
                break session;
            }
        };
        drop(servers);
        Observations::max_early_data(session.max_early_data_size());
        Some(session)
    }
}

impl fmt::Debug for ClientSessionStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientSessionStore").finish_non_exhaustive()
    }
}
