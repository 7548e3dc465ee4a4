//! Sessions that a client can resume: what servers gave it.

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

/// How many tickets are kept of one server: the latest.
const TICKETS_PER_SERVER: usize = 8;

/// What a client can resume a connection with, kept by the application and not by
/// the context.
///
/// Connections that have it in their options ([`ConnectionOptions::set_session`]) put here
/// what the server gives them, and are resumed with what is here.  A new one has
/// nothing yet.  It is for one server: what another one gives takes the place of
/// what is here.
///
/// Each ticket of TLS 1.3 is used once (RFC 8446, appendix C.4), and the connection
/// that is resumed with it gets new ones.  A session of TLS 1.2 is used again.
///
/// A forked child has nothing in it: two processes would use the same tickets.
///
/// Cloning gives another reference to the same session.
///
/// [`ConnectionOptions::set_session`]: crate::ConnectionOptions::set_session
#[derive(Clone)]
pub struct Session {
    context: Context,
    store: Arc<PerProcess<OnceLock<Arc<ClientSessionStore>>>>,
    facts: Option<Arc<SessionFacts>>,
}

/// Takes a session that came.
pub type SessionCallback = Arc<dyn Fn(Session) + Send + Sync>;

/// What the connection agreed on that a session came from.
#[derive(Clone, Debug)]
pub(crate) struct SessionFacts {
    pub(crate) version: Version,
    pub(crate) cipher: &'static str,
    pub(crate) alpn: Option<String>,
    pub(crate) server_name: Option<String>,
}

impl Session {
    /// A session with nothing in it, for connections of this context, which it
    /// seals.
    pub fn new(context: &Context) -> Result<Self> {
        context.client_config()?;
        Ok(Self {
            context: context.clone(),
            store: Arc::default(),
            facts: None,
        })
    }

    /// A session with what a connection of this context received: none if there is nothing
    /// to resume with, or nothing any more.
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

    /// The version of the connection that it came from; `None` for [`Self::new`], here and
    /// below.
    pub fn version(&self) -> Option<Version> {
        self.facts.as_ref().map(|facts| facts.version)
    }

    /// The cipher suite of that connection, by its IANA name.
    pub fn cipher(&self) -> Option<&'static str> {
        self.facts.as_ref().map(|facts| facts.cipher)
    }

    /// The ALPN protocol of that connection, which early data has to be of, too (RFC 8446,
    /// section 4.2.10).
    pub fn alpn(&self) -> Option<&str> {
        self.facts.as_ref()?.alpn.as_deref()
    }

    /// The server's name as that connection verified it.
    pub fn server_name(&self) -> Option<&str> {
        self.facts.as_ref()?.server_name.as_deref()
    }

    /// How many bytes of early data the latest ticket allows (RFC 8446, section 4.6.1); 0
    /// for none.
    pub fn max_early_data(&self) -> u32 {
        let servers = self.store_here().servers();
        // It is of one server.
        let mut tickets = servers
            .by_key
            .values()
            .flat_map(|server| server.tickets.iter().rev());
        tickets
            .find(|ticket| ticket.is_unused())
            .and_then(|ticket| Some(ticket.session().as_ref()?.max_early_data_size()))
            .unwrap_or(0)
    }

    /// For how many seconds the latest ticket is good, from when it came (RFC 8446, section
    /// 4.6.1); 0 if all are used, and where the server keeps the session itself (TLS 1.2).
    pub fn lifetime(&self) -> u32 {
        self.lifetimes().last().copied().unwrap_or(0)
    }

    /// Where a connection of this context finds what it can resume, which has to be the
    /// session's: only its connections share the verifier that rustls asks for.
    pub(super) fn store_for(&self, context: &Context) -> Result<Arc<ClientSessionStore>> {
        if !Arc::ptr_eq(&self.context.inner, &context.inner) {
            let sentence = "the session is of another context: a session is only resumed with \
                            the checks that it was made under";
            return Err(Error::argument(sentence));
        }
        Ok(self.store_here().clone())
    }

    fn store_here(&self) -> &Arc<ClientSessionStore> {
        let here = self.store.here();
        here.get_or_init(|| Arc::new(ClientSessionStore::new(1)))
    }

    /// What a connection could be resumed with: for how many seconds each ticket
    /// is good, from when it came, the latest last.  0 stands for a session of TLS
    /// 1.2 that the server keeps itself.
    pub fn lifetimes(&self) -> Vec<u32> {
        let servers = self.store_here().servers();
        let entries = servers.by_key.values();
        entries.flat_map(ServerEntry::lifetimes).collect()
    }
}

/// Resumption from a store, without the tickets of TLS 1.2 where `tickets` is 0.
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

/// A ticket of TLS 1.3: the store has it, and the connection that it came on knows
/// of it.
pub(crate) struct Ticket {
    origin: Origin,
    key: StoreKey,
    /// How many stores have it: that of a context, and those of sessions.
    stores: AtomicUsize,
    /// None once it is used.
    session: Mutex<Option<Tls13ClientSessionValue>>,
    /// Found out when somebody asks.
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

    /// For how many seconds it is good, from when it came.
    pub(crate) fn lifetime(&self) -> u32 {
        let find = || self.session().as_ref().map_or(0, session_lifetime);
        *self.lifetime.get_or_init(find)
    }

    /// Whether it was not used yet.
    fn is_unused(&self) -> bool {
        self.origin.is_here() && self.session().is_some()
    }

    /// Takes it to use it, out of every store.  The connection that it came on, where there
    /// still is one, keeps its lifetime and not its secrets.
    fn take(self: Arc<Self>) -> Option<Tls13ClientSessionValue> {
        if Arc::strong_count(&self) > 1 {
            self.lifetime();
        }
        self.session().take()
    }

    /// Takes it out of one store.
    fn release(self: Arc<Self>) {
        if self.stores.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.take();
        }
    }
}

/// What a server of TLS 1.2 gave a connection to resume with.
pub(crate) struct Tls12Session {
    key: StoreKey,
    value: Tls12ClientSessionValue,
    is_extended: bool,
}

/// What is kept of one server.
#[derive(Default)]
struct ServerEntry {
    /// The group that it took, so that the next connection begins with it.
    group: Option<NamedGroup>,
    /// With whether its master secret is an extended one (RFC 7627).
    tls12: Option<(Tls12ClientSessionValue, bool)>,
    /// The oldest first.
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
        // A thread of the parent may have held a lock of it when a child was forked, which
        // frees its copy.
        let here = self.tickets.drain(..).filter(|one| one.origin.is_here());
        here.for_each(Ticket::release);
    }
}

/// The sessions of a client.
pub(super) struct ClientSessionStore {
    servers: Mutex<ServerEntries>,
    /// How many servers are remembered.
    max_servers: usize,
}

#[derive(Default)]
struct ServerEntries {
    by_key: HashMap<StoreKey, ServerEntry>,
    /// The one that has been known longest first.
    keys: VecDeque<StoreKey>,
}

/// A server, as far as its sessions can be resumed by a connection.
type StoreKey = (ServerName<'static>, SessionScope);

/// What has to be the same, beside the name that rustls has, for a session to be resumed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct SessionScope {
    /// The name that the certificate was verified for, if that is another one: a session is
    /// resumed without verifying it again.
    pub(super) verified_name: Option<ServerName<'static>>,
    /// Whether no name is requested: servers resume sessions under the same name only.
    pub(super) sends_no_sni: bool,
    /// The number of the identity that the connection has of its own.
    pub(super) identity_number: Option<u64>,
}

impl ClientSessionStore {
    /// Room for so many servers.
    pub(super) fn new(max_servers: usize) -> Self {
        Self {
            servers: Mutex::default(),
            max_servers,
        }
    }

    /// Room for so many sessions.
    pub(super) fn for_sessions(count: usize) -> Self {
        Self::new(count.div_ceil(TICKETS_PER_SERVER))
    }

    /// The sessions that can be resumed under these terms.
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

/// Sessions under the terms of a connection.
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
        // Some may have been used out of another store.
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
