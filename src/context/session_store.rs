//! Server sessions in an external store, such as a Redis server that a fleet shares.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use rustls::server::StoresServerSessions;
use zeroize::Zeroizing;

use super::server_sessions::{SESSION_LIFETIME, SessionBounds, SharedTicketer};
use crate::base::observations::Observations;

/// The longest value that a store receives, in bytes.  Longer sessions, with a long
/// client chain, are not resumed.
pub const MAX_STORED_SESSION: usize = 65_536;

/// The length of the session IDs that rustls creates, in bytes.
const SESSION_ID_LENGTH: usize = 32;

/// The most lookups for one ClientHello: a client may offer hundreds of sessions.
const MAX_LOOKUPS: u8 = 4;

/// An external store for server sessions.
///
/// Keys and values are opaque bytes.  Values are encrypted and authenticated with the
/// context's ticket keys, and bound to their keys.  The store is trusted only to remove
/// each value that it returns.  Calls are made during handshakes, which they block, on
/// any thread.
pub trait SessionStore: Send + Sync {
    /// Stores a value, which may be deleted after `lifetime`.  Returns whether it is
    /// stored.  A later call may replace the value of a key.
    fn put(&self, key: &[u8], value: &[u8], lifetime: Duration) -> bool;

    /// Removes a value and returns it; `None` if there is none.
    ///
    /// Of several calls for one key, on any machine, at most one may return the value:
    /// this prevents replays of early data (RFC 8446, section 8.1).
    fn take(&self, key: &[u8]) -> Option<Vec<u8>>;
}

/// Sessions in an external store, encrypted for one policy and bound to their keys.
pub(super) struct ExternalSessionStore {
    pub(super) store: Arc<dyn SessionStore>,
    pub(super) tickets: SharedTicketer,
    pub(super) bounds: SessionBounds,
}

impl ExternalSessionStore {
    /// Whether to look up a session ID of a ClientHello: it must have our length, and few
    /// were looked up before it.  Each lookup calls the store.
    fn may_look_up(id: &[u8]) -> bool {
        id.len() == SESSION_ID_LENGTH && Observations::count_lookup() <= MAX_LOOKUPS
    }

    /// The key of a session.  Policies and versions have separate keys.  A TLS 1.2 lookup
    /// removes the session for a moment, in which a TLS 1.3 client would not find it.
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

    /// Decrypts a session and checks its lifetime.  Puts it back if it does not decrypt:
    /// during a rotation of ticket keys another server may have the key.
    fn open(&self, key: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
        let Some(bound) = self.tickets.open(key, sealed).map(Zeroizing::new) else {
            self.put_sealed(key, sealed);
            return None;
        };
        self.bounds.open(&bound)
    }
}

/// The version of a session.
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

    /// For TLS 1.2: a session can be resumed repeatedly, and has no early data.
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

    /// For TLS 1.3: a session is resumed once.
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
