//! Sessions that a client can resume: what servers gave it.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};

use rustls::NamedGroup;
use rustls::client::{
    ClientSessionStore, Resumption, Tls12ClientSessionValue, Tls12Resumption,
    Tls13ClientSessionValue,
};
use rustls_pki_types::ServerName;

use super::{Context, lock};
use crate::fork::{Origin, PerProcess};
use crate::notes::Notes;
use crate::{Error, Result, Status};

/// How many tickets are kept of one server: the latest.
const TICKETS: usize = 8;

/// What a client can resume a connection with, kept by the application and not by
/// the context.
///
/// Connections that are made in it with [`Connection::client_in`] put here what
/// the server gives them, and are resumed with what is here.  A new one has
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
/// [`Connection::client_in`]: crate::Connection::client_in
#[derive(Clone)]
pub struct Session {
    context: Context,
    kept: Arc<PerProcess<OnceLock<Arc<Kept>>>>,
}

impl Session {
    /// A session with nothing in it, for connections of this context, which it
    /// seals.
    pub fn new(context: &Context) -> Result<Self> {
        context.client_config()?;
        Ok(Self {
            context: context.clone(),
            kept: Arc::default(),
        })
    }

    /// Where a connection of this context finds what it can resume, which has to be the
    /// session's: only its connections share the verifier that rustls asks for.
    pub(super) fn store(&self, context: &Context) -> Result<Arc<Kept>> {
        if !Arc::ptr_eq(&self.context.inner, &context.inner) {
            let sentence = "the session is of another context: a session is only resumed with \
                            the checks that it was made under";
            return Err(Error::new(Status::Argument, sentence));
        }
        Ok(self.kept_here().clone())
    }

    fn kept_here(&self) -> &Arc<Kept> {
        let here = self.kept.here();
        here.get_or_init(|| Arc::new(Kept::new(1)))
    }

    /// What a connection could be resumed with: for how many seconds each ticket
    /// is good, from when it came, the latest last.  0 stands for a session of TLS
    /// 1.2 that the server keeps itself.
    pub fn lifetimes(&self) -> Vec<u32> {
        let servers = self.kept_here().servers();
        let kept = servers.by_name.values();
        kept.flat_map(Server::lifetimes).collect()
    }
}

/// Resumption from a store, without the tickets of TLS 1.2 where `tickets` is 0.
pub(super) fn of(kept: Arc<dyn ClientSessionStore>, tickets: usize) -> Resumption {
    let tls12 = match tickets {
        0 => Tls12Resumption::SessionIdOnly,
        _ => Tls12Resumption::SessionIdOrTickets,
    };
    Resumption::store(kept).tls12_resumption(tls12)
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
    /// None once it is used.
    session: Mutex<Option<Tls13ClientSessionValue>>,
    /// Found out when somebody asks.
    lifetime: OnceLock<u32>,
}

impl Ticket {
    fn new(session: Tls13ClientSessionValue) -> Arc<Self> {
        Arc::new(Self {
            origin: Origin::here(),
            session: Mutex::new(Some(session)),
            lifetime: OnceLock::new(),
        })
    }

    fn session(&self) -> MutexGuard<'_, Option<Tls13ClientSessionValue>> {
        lock(&self.session)
    }

    /// For how many seconds it is good, from when it came.
    pub(crate) fn lifetime(&self) -> u32 {
        let find = || self.session().as_ref().map_or(0, lifetime);
        *self.lifetime.get_or_init(find)
    }

    /// Takes it out of the store.  The connection that it came on, where there still
    /// is one, keeps its lifetime and not its secrets.
    fn take(self: Arc<Self>) -> Option<Tls13ClientSessionValue> {
        if Arc::strong_count(&self) > 1 {
            self.lifetime();
        }
        self.session().take()
    }
}

/// For how many seconds a session is good.  rustls tells it nowhere but in the
/// debug output of the session, which has the ticket in it, too: it is passed over
/// here and kept nowhere.  0 where that output changes.
fn lifetime(session: &impl fmt::Debug) -> u32 {
    #[derive(Default)]
    struct Find {
        matched: usize,
        number: u32,
    }

    impl fmt::Write for Find {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            const LABEL: &[u8] = b"lifetime_secs: ";
            for byte in text.bytes() {
                if self.matched < LABEL.len() {
                    let continues = LABEL[self.matched] == byte;
                    self.matched = if continues {
                        self.matched + 1
                    } else {
                        usize::from(LABEL[0] == byte)
                    };
                } else if byte.is_ascii_digit() {
                    let digit = u32::from(byte - b'0');
                    self.number = self.number.saturating_mul(10).saturating_add(digit);
                } else {
                    // It is complete: what follows need not be written.
                    return Err(fmt::Error);
                }
            }
            Ok(())
        }
    }

    let mut find = Find::default();
    let _ = fmt::Write::write_fmt(&mut find, format_args!("{session:?}"));
    find.number
}

/// What is kept of one server.
#[derive(Default)]
struct Server {
    /// The group that it took, so that the next connection begins with it.
    group: Option<NamedGroup>,
    /// With whether its master secret is an extended one (RFC 7627).
    tls12: Option<(Tls12ClientSessionValue, bool)>,
    /// The oldest first.
    tickets: VecDeque<Arc<Ticket>>,
}

impl Server {
    fn lifetimes(&self) -> impl Iterator<Item = u32> {
        let tls12 = self.tls12.iter().map(|(session, _)| lifetime(session));
        tls12.chain(self.tickets.iter().map(|ticket| ticket.lifetime()))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // A thread of the parent may have held a lock of it when a child was forked, which
        // frees its copy.
        let here = self.tickets.drain(..).filter(|one| one.origin.is_here());
        here.for_each(|ticket| drop(ticket.take()));
    }
}

/// The sessions of a client.
pub(super) struct Kept {
    servers: Mutex<Servers>,
    /// How many servers are remembered.
    most: usize,
}

#[derive(Default)]
struct Servers {
    by_name: HashMap<Key, Server>,
    /// The one that has been known longest first.
    names: VecDeque<Key>,
}

/// A server, as far as its sessions can be resumed by a connection.
type Key = (ServerName<'static>, Terms);

/// What has to be the same, beside the name that rustls has, for a session to be resumed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Terms {
    /// The name that the certificate was verified for, if that is another one: a session is
    /// resumed without verifying it again.
    pub(super) verified: Option<ServerName<'static>>,
    /// Whether no name is requested: servers resume sessions under the same name only.
    pub(super) is_nameless: bool,
    /// The number of the identity that the connection has of its own.
    pub(super) identity: Option<u64>,
}

impl Kept {
    fn new(most: usize) -> Self {
        Self {
            servers: Mutex::default(),
            most,
        }
    }

    /// Room for so many sessions.
    pub(super) fn sessions(count: usize) -> Self {
        Self::new(count.div_ceil(TICKETS))
    }

    /// The sessions that can be resumed under these terms.
    pub(super) fn under(kept: Arc<Self>, terms: Terms) -> Arc<dyn ClientSessionStore> {
        Arc::new(Under { kept, terms })
    }

    fn servers(&self) -> MutexGuard<'_, Servers> {
        lock(&self.servers)
    }

    fn change(&self, name: Key, change: impl FnOnce(&mut Server)) {
        let mut servers = self.servers();
        if let Some(server) = servers.by_name.get_mut(&name) {
            return change(server);
        }
        if servers.names.len() == self.most {
            let oldest = servers.names.pop_front();
            oldest.map(|oldest| servers.by_name.remove(&oldest));
        }
        servers.names.push_back(name.clone());
        change(servers.by_name.entry(name).or_default());
    }
}

/// Sessions under the terms of a connection.
#[derive(Debug)]
struct Under {
    kept: Arc<Kept>,
    terms: Terms,
}

impl Under {
    fn key(&self, name: &ServerName<'_>) -> Key {
        (name.to_owned(), self.terms.clone())
    }
}

impl ClientSessionStore for Under {
    fn set_kx_hint(&self, server_name: ServerName<'static>, group: NamedGroup) {
        let key = self.key(&server_name);
        self.kept.change(key, |server| server.group = Some(group));
    }

    fn kx_hint(&self, server_name: &ServerName<'_>) -> Option<NamedGroup> {
        let key = self.key(server_name);
        self.kept.servers().by_name.get(&key)?.group
    }

    fn set_tls12_session(&self, server_name: ServerName<'static>, value: Tls12ClientSessionValue) {
        let is_extended = Notes::extended_master_secret().unwrap_or_default();
        self.kept.change(self.key(&server_name), |server| {
            server.tls12 = Some((value, is_extended))
        });
    }

    fn tls12_session(&self, server_name: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        let servers = self.kept.servers();
        let server = servers.by_name.get(&self.key(server_name))?;
        let (session, is_extended) = server.tls12.clone()?;
        Notes::set_extended_master_secret(is_extended);
        Some(session)
    }

    fn remove_tls12_session(&self, server_name: &ServerName<'static>) {
        let key = self.key(server_name);
        if let Some(server) = self.kept.servers().by_name.get_mut(&key) {
            server.tls12 = None;
        }
    }

    fn insert_tls13_ticket(
        &self,
        server_name: ServerName<'static>,
        value: Tls13ClientSessionValue,
    ) {
        let ticket = Ticket::new(value);
        Notes::ticket(ticket.clone());
        self.kept.change(self.key(&server_name), |server| {
            if server.tickets.len() == TICKETS {
                server.tickets.pop_front().map(Ticket::take);
            }
            server.tickets.push_back(ticket);
        });
    }

    fn take_tls13_ticket(
        &self,
        server_name: &ServerName<'static>,
    ) -> Option<Tls13ClientSessionValue> {
        let mut servers = self.kept.servers();
        let server = servers.by_name.get_mut(&self.key(server_name))?;
        let ticket = server.tickets.pop_back()?;
        drop(servers);
        let session = ticket.take()?;
        Notes::max_early_data(session.max_early_data_size());
        Some(session)
    }
}

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kept").finish_non_exhaustive()
    }
}
