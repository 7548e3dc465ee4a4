//! Sessions that a client can resume: what servers gave it.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};

use rustls::client::{
    ClientSessionStore, Resumption, Tls12ClientSessionValue, Tls12Resumption,
    Tls13ClientSessionValue,
};
use rustls::{ClientConfig, NamedGroup};
use rustls_pki_types::ServerName;

use super::{Context, lock};
use crate::Result;
use crate::fork::{Origin, PerProcess};
use crate::notes::Notes;

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
    pub(crate) context: Context,
    kept: Arc<PerProcess<OnceLock<InProcess>>>,
}

/// What a session is in one process.
struct InProcess {
    config: Arc<ClientConfig>,
    kept: Arc<Kept>,
}

impl Session {
    /// A session with nothing in it, for connections of this context, which it
    /// seals.
    pub fn new(context: &Context) -> Result<Self> {
        let session = Self {
            context: context.clone(),
            kept: Arc::default(),
        };
        session.config()?;
        Ok(session)
    }

    /// The configuration of clients that are resumed with what is in here.
    pub(crate) fn config(&self) -> Result<Arc<ClientConfig>> {
        let here = self.kept.here();
        if let Some(here) = here.get() {
            return Ok(here.config.clone());
        }
        let kept = Arc::new(Kept::new(1));
        // It shares the verifier and the identities: with others rustls would not
        // resume.
        let mut config = (*self.context.client_config()?).clone();
        config.resumption = of(kept.clone(), self.context.tickets());
        let config = Arc::new(config);
        Ok(here
            .get_or_init(|| InProcess { config, kept })
            .config
            .clone())
    }

    /// What a connection could be resumed with: for how many seconds each ticket
    /// is good, from when it came, the latest last.  0 stands for a session of TLS
    /// 1.2 that the server keeps itself.
    pub fn lifetimes(&self) -> Vec<u32> {
        let Some(here) = self.kept.here().get() else {
            return Vec::new();
        };
        let servers = here.kept.servers();
        let kept = servers.by_name.values();
        kept.flat_map(Server::lifetimes).collect()
    }
}

/// Resumption from a store, without the tickets of TLS 1.2 where `tickets` is 0.
pub(super) fn of(kept: Arc<Kept>, tickets: usize) -> Resumption {
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
    by_name: HashMap<ServerName<'static>, Server>,
    /// The one that has been known longest first.
    names: VecDeque<ServerName<'static>>,
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

    fn servers(&self) -> MutexGuard<'_, Servers> {
        lock(&self.servers)
    }

    fn change(&self, name: ServerName<'static>, change: impl FnOnce(&mut Server)) {
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

impl ClientSessionStore for Kept {
    fn set_kx_hint(&self, server_name: ServerName<'static>, group: NamedGroup) {
        self.change(server_name, |server| server.group = Some(group));
    }

    fn kx_hint(&self, server_name: &ServerName<'_>) -> Option<NamedGroup> {
        self.servers().by_name.get(server_name)?.group
    }

    fn set_tls12_session(&self, server_name: ServerName<'static>, value: Tls12ClientSessionValue) {
        let is_extended = Notes::extended_master_secret().unwrap_or_default();
        self.change(server_name, |server| {
            server.tls12 = Some((value, is_extended))
        });
    }

    fn tls12_session(&self, server_name: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        let servers = self.servers();
        let (session, is_extended) = servers.by_name.get(server_name)?.tls12.clone()?;
        Notes::set_extended_master_secret(is_extended);
        Some(session)
    }

    fn remove_tls12_session(&self, server_name: &ServerName<'static>) {
        if let Some(server) = self.servers().by_name.get_mut(server_name) {
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
        self.change(server_name, |server| {
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
        let mut servers = self.servers();
        let ticket = servers.by_name.get_mut(server_name)?.tickets.pop_back()?;
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
