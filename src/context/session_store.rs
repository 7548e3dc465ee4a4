//! SessionCache that a server keeps in a store of its program, such as a Redis server that a
//! fleet shares.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use rustls::server::StoresServerSessions;
use zeroize::Zeroizing;

use super::server_sessions::{SESSION_LIFETIME, SessionBounds, SharedTicketer};
use crate::base::observations::Observations;

/// The longest value that a store gets, in bytes: a session with a long client chain is
/// not resumed.
pub const MAX_STORED_SESSION: usize = 65_536;

/// The bytes of a session's name, as rustls chooses it.
const SESSION_ID_LENGTH: usize = 32;

/// How many sessions of one ClientHello are looked up: a client may offer hundreds.
const MAX_LOOKUPS: u8 = 4;

/// Keeps the sessions of servers, outside of them.
///
/// Keys and values are bytes without a meaning.  Values are encrypted and authenticated
/// with the ticket keys of the context, under their keys, so that the store need not be
/// trusted with more than to remove what it hands out.  The calls are made in the middle of
/// handshakes, which they block, on any thread.
pub trait SessionStore: Send + Sync {
    /// Keeps a value, which may be forgotten after `lifetime`, and returns whether it is
    /// kept.  The same key may come again, with a value that takes the place of the first.
    fn put(&self, key: &[u8], value: &[u8], lifetime: Duration) -> bool;

    /// Removes a value and returns it; `None` where there is none.
    ///
    /// Of several calls for one key, at most one may return the value, on whatever machine:
    /// the early data of a session is accepted with it (RFC 8446, section 8.1).
    fn take(&self, key: &[u8]) -> Option<Vec<u8>>;
}

/// Such sessions, sealed for their keys and one policy.
pub(super) struct ExternalSessionStore {
    pub(super) store: Arc<dyn SessionStore>,
    pub(super) tickets: SharedTicketer,
    pub(super) bounds: SessionBounds,
}

impl ExternalSessionStore {
    /// Whether a client may name such a session: one of ours, and not as the latest of many, each
    /// of which would take a call to the store.
    fn may_look_up(id: &[u8]) -> bool {
        id.len() == SESSION_ID_LENGTH && Observations::count_lookup() <= MAX_LOOKUPS
    }

    /// Servers with another policy look under other keys, and so do the versions: a lookup of
    /// TLS 1.2 takes a session for a moment, in which a client of TLS 1.3 would miss its own.
    fn key(&self, version: Version, id: &[u8]) -> Vec<u8> {
        [&self.tickets.policy[..], version.label(), id].concat()
    }

    fn take_sealed(&self, key: &[u8]) -> Option<Vec<u8>> {
        Observations::suspend(|| self.store.take(key))
            .filter(|sealed| sealed.len() <= MAX_STORED_SESSION)
    }

    fn put_sealed(&self, key: &[u8], sealed: &[u8]) -> bool {
        let lifetime = Duration::from_secs(SESSION_LIFETIME.into());
        Observations::suspend(|| self.store.put(key, sealed, lifetime))
    }

    /// The session, if it has not ended.  What does not open is put back: another server of
    /// the fleet may have its key, as while ticket keys are exchanged.
    fn open(&self, key: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
        let Some(bound) = self.tickets.open(key, sealed).map(Zeroizing::new) else {
            self.put_sealed(key, sealed);
            return None;
        };
        self.bounds.open(&bound)
    }
}

/// The version that a session is of.
#[derive(Clone, Copy)]
enum Version {
    Tls12,
    Tls13,
}

impl Version {
    fn label(self) -> &'static [u8] {
        match self {
            Self::Tls12 => b"2",
            Self::Tls13 => b"3",
        }
    }
}

impl StoresServerSessions for ExternalSessionStore {
    fn put(&self, id: Vec<u8>, session: Vec<u8>) -> bool {
        let version = match Observations::is_tls12() {
            true => Version::Tls12,
            false => Version::Tls13,
        };
        let key = self.key(version, &id);
        let session = Zeroizing::new(session);
        let sealed = || {
            let bound = Zeroizing::new(self.bounds.bind(&session)?);
            let sealed = self.tickets.seal(&key, &bound)?;
            (sealed.len() <= MAX_STORED_SESSION).then_some(sealed)
        };
        sealed().is_some_and(|sealed| self.put_sealed(&key, &sealed))
    }

    /// For TLS 1.2, where a session is resumed again and again, and has no early data.
    fn get(&self, id: &[u8]) -> Option<Vec<u8>> {
        if !Self::may_look_up(id) {
            return None;
        }
        let key = self.key(Version::Tls12, id);
        let sealed = self.take_sealed(&key)?;
        let session = self.open(&key, &sealed)?;
        self.put_sealed(&key, &sealed);
        Some(session)
    }

    /// For TLS 1.3, where a session is resumed once.
    fn take(&self, id: &[u8]) -> Option<Vec<u8>> {
        if !Self::may_look_up(id) {
            return None;
        }
        let key = self.key(Version::Tls13, id);
        self.open(&key, &self.take_sealed(&key)?)
    }

    fn can_cache(&self) -> bool {
        true
    }
}

impl fmt::Debug for ExternalSessionStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExternalSessionStore")
            .finish_non_exhaustive()
    }
}
