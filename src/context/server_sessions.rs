//! Server sessions: cached, or sent as tickets, with a bounded lifetime.

use std::fmt;
use std::sync::{Arc, OnceLock};

use aws_lc_rs::aead::{AES_256_GCM, Aad, Nonce, RandomizedNonceKey};
use aws_lc_rs::hkdf;
use rustls::server::{ProducesTickets, ServerSessionMemoryCache, StoresServerSessions};
use rustls::time_provider::TimeProvider;
use zeroize::Zeroizing;

use crate::base::fork::PerProcess;
use crate::base::observations::{Authentication, Observations};
use crate::{Error, Result, Status, trust};

/// The lifetime of a session in seconds from the authentication of the client: two hours.
/// A resumed session keeps the original time, so it ends no later.
pub(super) const SESSION_LIFETIME: u32 = 7_200;

/// The allowed clock skew between servers that share tickets, in seconds.
const CLOCK_SKEW: u64 = 300;

/// The number of sessions that a server caches by default.
pub(super) const DEFAULT_CACHE_SIZE: usize = 1_024;

/// The largest cache: each session takes up to a few kilobytes.
pub(super) const MAX_CACHE_SIZE: usize = 1 << 20;

/// The longest ticket: its length has two bytes (RFC 8446, section 4.6.1).
const MAX_TICKET_LENGTH: usize = u16::MAX as usize;

/// The length of a shared ticket key in bytes.
const KEY_LENGTH: usize = 32;

const KEY_NAME_LENGTH: usize = 16;
const NONCE_LENGTH: usize = 12;

/// A ticket encryption key, derived from one that servers share.
#[derive(Clone)]
pub(crate) struct TicketKey {
    /// The key name at the start of each ticket (RFC 5077, section 4).
    name: [u8; KEY_NAME_LENGTH],
    key: Arc<RandomizedNonceKey>,
}

impl TicketKey {
    pub(crate) fn new(shared: &[u8]) -> Result<Self> {
        if shared.len() != KEY_LENGTH {
            let length = shared.len();
            let sentence = format!(
                "a ticket key of {length} bytes is invalid: pass {KEY_LENGTH} random bytes"
            );
            return Err(Error::argument(sentence));
        }
        if shared.iter().all(|byte| *byte == shared[0]) {
            let sentence = "a ticket key with equal bytes is not random: pass 32 random bytes";
            return Err(Error::argument(sentence));
        }
        let failed = |_| Error::new(Status::Internal, "cannot derive a ticket key");
        let extracted = hkdf::Salt::new(hkdf::HKDF_SHA256, b"tlsmith tickets").extract(shared);
        let mut derived = Zeroizing::new([0; KEY_NAME_LENGTH + KEY_LENGTH]);
        let length = Length(derived.len());
        extracted
            .expand(&[b"name and key"], length)
            .and_then(|output| output.fill(&mut *derived))
            .map_err(failed)?;
        let (name, key) = derived.split_at(KEY_NAME_LENGTH);
        Ok(Self {
            name: name.try_into().unwrap_or([0; KEY_NAME_LENGTH]),
            key: Arc::new(RandomizedNonceKey::new(&AES_256_GCM, key).map_err(failed)?),
        })
    }
}

struct Length(usize);

impl hkdf::KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

/// Stores in each session when its client was authenticated, and refuses to resume it after
/// its lifetime.
#[derive(Clone)]
pub(super) struct SessionBounds {
    pub(super) clock: Arc<dyn TimeProvider>,
    /// Whether the server verifies clients.  If not, a resumed client is unverified, too.
    pub(super) verifies: bool,
}

/// The encoded length: both times of an [`Authentication`], and the extended master
/// secret flag.
const BOUNDS_LENGTH: usize = 8 + 8 + 1;

impl SessionBounds {
    fn now(&self) -> Option<u64> {
        self.clock.current_time().map(|now| now.as_secs())
    }

    /// Prefixes a session with its limits.  A resumed session keeps its original ones.
    /// Returns `None` for a client that failed verification: resumption would treat it as
    /// verified.
    pub(super) fn bind(&self, session: &[u8]) -> Option<Vec<u8>> {
        if Observations::is_unverified() {
            return None;
        }
        let now = self.now()?;
        let from_now = Authentication {
            at: now,
            until: u64::MAX,
        };
        let Authentication { at, until } = Observations::authentication().unwrap_or(from_now);
        let is_extended = Observations::extended_master_secret().unwrap_or(true);
        let bound: [&[u8]; 4] = [
            &at.to_be_bytes(),
            &until.to_be_bytes(),
            &[u8::from(is_extended)],
            session,
        ];
        Some(bound.concat())
    }

    /// Returns the session unless it has expired, and records its limits for this
    /// handshake.
    pub(super) fn open(&self, bound: &[u8]) -> Option<Vec<u8>> {
        let (bounds, session) = bound.split_at_checked(BOUNDS_LENGTH)?;
        let (at, rest) = bounds.split_first_chunk()?;
        let (until, is_extended) = rest.split_first_chunk()?;
        let (at, until) = (u64::from_be_bytes(*at), u64::from_be_bytes(*until));
        let now = self.now()?;
        let end = at.saturating_add(u64::from(SESSION_LIFETIME)).min(until);
        if now > end || at > now.saturating_add(CLOCK_SKEW) {
            return None;
        }
        Observations::authenticated(Authentication { at, until });
        Observations::set_extended_master_secret(is_extended == [1]);
        if !self.verifies {
            Observations::verification_disabled(trust::verification_disabled());
        }
        Some(session.to_vec())
    }
}

/// A ticketer that adds the limits of each session.
pub(super) struct BoundedTicketer {
    pub(super) tickets: Arc<dyn ProducesTickets>,
    pub(super) bounds: SessionBounds,
}

impl ProducesTickets for BoundedTicketer {
    fn enabled(&self) -> bool {
        self.tickets.enabled()
    }

    fn lifetime(&self) -> u32 {
        SESSION_LIFETIME
    }

    fn encrypt(&self, session: &[u8]) -> Option<Vec<u8>> {
        let bound = Zeroizing::new(self.bounds.bind(session)?);
        let ticket = self.tickets.encrypt(&bound)?;
        // A ticket with a long client chain may be too long: then none is sent.
        (ticket.len() <= MAX_TICKET_LENGTH).then_some(ticket)
    }

    fn decrypt(&self, ticket: &[u8]) -> Option<Vec<u8>> {
        let bound = Zeroizing::new(self.tickets.decrypt(ticket)?);
        self.bounds.open(&bound)
    }
}

impl fmt::Debug for BoundedTicketer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BoundedTicketer").finish_non_exhaustive()
    }
}

/// Encrypts tickets with keys that servers share.  Each server can resume the sessions of
/// the others, also after a restart.
pub(super) struct SharedTicketer {
    /// The first key encrypts; all decrypt.
    pub(super) keys: Vec<TicketKey>,
    /// The fingerprint of the client-authentication policy, as additional authenticated
    /// data.  A ticket from a server with another policy does not decrypt.
    pub(super) policy: [u8; 32],
}

impl SharedTicketer {
    /// Encrypts a session, bound to the name `aad_name` as additional authenticated data.
    pub(super) fn seal(&self, aad_name: &[u8], session: &[u8]) -> Option<Vec<u8>> {
        let TicketKey { name, key } = self.keys.first()?;
        let mut sealed = session.to_vec();
        let aad = Aad::from([&self.policy, aad_name].concat());
        let nonce = key.seal_in_place_append_tag(aad, &mut sealed).ok()?;
        Some([&name[..], nonce.as_ref(), &sealed].concat())
    }

    pub(super) fn open(&self, aad_name: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
        let (name, rest) = sealed.split_at_checked(KEY_NAME_LENGTH)?;
        let (nonce, sealed) = rest.split_at_checked(NONCE_LENGTH)?;
        let known = self.keys.iter().find(|known| known.name == name)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut sealed = sealed.to_vec();
        let aad = Aad::from([&self.policy, aad_name].concat());
        let opened = known.key.open_in_place(nonce, aad, &mut sealed);
        let length = opened.ok()?.len();
        sealed.truncate(length);
        Some(sealed)
    }
}

impl ProducesTickets for SharedTicketer {
    fn enabled(&self) -> bool {
        true
    }

    fn lifetime(&self) -> u32 {
        SESSION_LIFETIME
    }

    fn encrypt(&self, session: &[u8]) -> Option<Vec<u8>> {
        self.seal(&[], session)
    }

    fn decrypt(&self, ticket: &[u8]) -> Option<Vec<u8>> {
        self.open(&[], ticket)
    }
}

impl fmt::Debug for SharedTicketer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedTicketer").finish_non_exhaustive()
    }
}

/// A cache of server sessions, which contexts of one process can share.
///
/// Each session is returned once, so that its early data cannot be replayed to another
/// server that shares the cache (RFC 8446, section 8.1).  A forked child starts with an
/// empty cache: otherwise both processes would accept the early data of one session.
#[derive(Clone)]
pub(crate) struct SessionCache {
    count: usize,
    cache: Arc<PerProcess<OnceLock<Arc<ServerSessionMemoryCache>>>>,
}

impl SessionCache {
    pub(crate) fn new(count: usize) -> Self {
        Self {
            count,
            cache: Arc::default(),
        }
    }

    fn here(&self) -> &ServerSessionMemoryCache {
        let new = || ServerSessionMemoryCache::new(self.count);
        self.cache.here().get_or_init(new)
    }
}

/// The cached sessions of one policy, for the same reason as [`SharedTicketer::policy`].
pub(super) struct ServerSessionStore {
    pub(super) sessions: SessionCache,
    pub(super) policy: [u8; 32],
    pub(super) bounds: SessionBounds,
}

impl ServerSessionStore {
    fn scoped_key(&self, key: &[u8]) -> Vec<u8> {
        [&self.policy, key].concat()
    }
}

impl StoresServerSessions for ServerSessionStore {
    fn put(&self, key: Vec<u8>, value: Vec<u8>) -> bool {
        let bound = self.bounds.bind(&value);
        bound.is_some_and(|bound| self.sessions.here().put(self.scoped_key(&key), bound))
    }

    fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        let bound = self.sessions.here().get(&self.scoped_key(key))?;
        self.bounds.open(&bound)
    }

    fn take(&self, key: &[u8]) -> Option<Vec<u8>> {
        let bound = self.sessions.here().take(&self.scoped_key(key))?;
        self.bounds.open(&bound)
    }

    fn can_cache(&self) -> bool {
        true
    }
}

impl fmt::Debug for ServerSessionStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerSessionStore").finish_non_exhaustive()
    }
}
