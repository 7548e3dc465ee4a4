//! Sessions that can be resumed: what a server keeps or gives away, and for how long.

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

/// How long a session can be resumed after its peer was authenticated: two hours.  A
/// session that is resumed goes on as the same one, and ends no later.
pub(super) const LIFETIME: u32 = 7_200;

/// How far the clocks of servers that share tickets may differ, in seconds.
const CLOCK_SKEW: u64 = 300;

/// How many sessions a server keeps that gives none away.
pub(super) const SESSIONS: usize = 1_024;

/// The most that can be kept: each takes up to a few kilobytes.
pub(super) const MOST: usize = 1 << 20;

/// The longest ticket: its length has two bytes (RFC 8446, section 4.6.1).
const MOST_TICKET: usize = u16::MAX as usize;

/// The bytes of a key that servers share.
const KEY: usize = 32;

const NAME: usize = 16;
const NONCE: usize = 12;

/// A key that seals tickets, made from one that servers share.
#[derive(Clone)]
pub(crate) struct TicketKey {
    /// Stands in front of a ticket, to tell which key sealed it.
    name: [u8; NAME],
    key: Arc<RandomizedNonceKey>,
}

impl TicketKey {
    pub(crate) fn new(shared: &[u8]) -> Result<Self> {
        if shared.len() != KEY {
            let length = shared.len();
            let sentence = format!("a ticket key has {KEY} random bytes, and this one {length}");
            return Err(Error::argument(sentence));
        }
        if shared.iter().all(|byte| *byte == shared[0]) {
            let sentence = "a ticket key has to be random, and all bytes of this one are the same";
            return Err(Error::argument(sentence));
        }
        let failed = |_| Error::new(Status::Internal, "cannot derive a ticket key");
        let extracted = hkdf::Salt::new(hkdf::HKDF_SHA256, b"tlsmith tickets").extract(shared);
        let mut derived = Zeroizing::new([0; NAME + KEY]);
        let length = Length(derived.len());
        extracted
            .expand(&[b"name and key"], length)
            .and_then(|output| output.fill(&mut *derived))
            .map_err(failed)?;
        let (name, key) = derived.split_at(NAME);
        Ok(Self {
            name: name.try_into().unwrap_or([0; NAME]),
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

/// What bounds sessions in time: a clock, and what stands in front of each session.
#[derive(Clone)]
pub(super) struct Bounds {
    pub(super) clock: Arc<dyn TimeProvider>,
    /// Whether the clients of the sessions are verified: a session is only resumed under the
    /// policy that it was made under.
    pub(super) verifies: bool,
}

/// The times of an [`Authentication`], and whether the master secret is an extended one.
const BOUNDS: usize = 8 + 8 + 1;

impl Bounds {
    fn now(&self) -> Option<u64> {
        self.clock.current_time().map(|now| now.as_secs())
    }

    /// A session with its bounds: those of the session that it continues, where it is
    /// one that was resumed.  `None` for a client whose verification failed: a session would
    /// be resumed as if it were verified.
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

    /// The session, if it has not ended, which is noted as the one that goes on.
    pub(super) fn open(&self, bound: &[u8]) -> Option<Vec<u8>> {
        let (bounds, session) = bound.split_at_checked(BOUNDS)?;
        let (at, rest) = bounds.split_first_chunk()?;
        let (until, is_extended) = rest.split_first_chunk()?;
        let (at, until) = (u64::from_be_bytes(*at), u64::from_be_bytes(*until));
        let now = self.now()?;
        let end = at.saturating_add(u64::from(LIFETIME)).min(until);
        if now > end || at > now.saturating_add(CLOCK_SKEW) {
            return None;
        }
        Observations::authenticated(Authentication { at, until });
        Observations::set_extended_master_secret(is_extended == [1]);
        if !self.verifies {
            Observations::unchecked(trust::verification_disabled());
        }
        Some(session.to_vec())
    }
}

/// Tickets that say when their sessions end.
pub(super) struct BoundedTickets {
    pub(super) tickets: Arc<dyn ProducesTickets>,
    pub(super) bounds: Bounds,
}

impl ProducesTickets for BoundedTickets {
    fn enabled(&self) -> bool {
        self.tickets.enabled()
    }

    fn lifetime(&self) -> u32 {
        LIFETIME
    }

    fn encrypt(&self, session: &[u8]) -> Option<Vec<u8>> {
        let bound = Zeroizing::new(self.bounds.bind(session)?);
        let ticket = self.tickets.encrypt(&bound)?;
        // One with a client's long chain in it does not fit its length: none is sent then.
        (ticket.len() <= MOST_TICKET).then_some(ticket)
    }

    fn decrypt(&self, ticket: &[u8]) -> Option<Vec<u8>> {
        let bound = Zeroizing::new(self.tickets.decrypt(ticket)?);
        self.bounds.open(&bound)
    }
}

impl fmt::Debug for BoundedTickets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BoundedTickets").finish_non_exhaustive()
    }
}

/// Seals sessions into tickets with keys that servers share, so that each can
/// resume the sessions of the others, also after a restart.
pub(super) struct SharedTickets {
    /// The first one seals; all open.
    pub(super) keys: Vec<TicketKey>,
    /// What the server demands of clients.  A ticket of a server that demands
    /// something else does not open: a session never comes back under a policy
    /// that it was not made under.
    pub(super) policy: [u8; 32],
}

impl SharedTickets {
    /// Encrypts a session under a name, without which it does not open.
    pub(super) fn seal(&self, under: &[u8], session: &[u8]) -> Option<Vec<u8>> {
        let TicketKey { name, key } = self.keys.first()?;
        let mut sealed = session.to_vec();
        let aad = Aad::from([&self.policy, under].concat());
        let nonce = key.seal_in_place_append_tag(aad, &mut sealed).ok()?;
        Some([&name[..], nonce.as_ref(), &sealed].concat())
    }

    pub(super) fn open(&self, under: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
        let (name, rest) = sealed.split_at_checked(NAME)?;
        let (nonce, sealed) = rest.split_at_checked(NONCE)?;
        let known = self.keys.iter().find(|known| known.name == name)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut sealed = sealed.to_vec();
        let aad = Aad::from([&self.policy, under].concat());
        let opened = known.key.open_in_place(nonce, aad, &mut sealed);
        let length = opened.ok()?.len();
        sealed.truncate(length);
        Some(sealed)
    }
}

impl ProducesTickets for SharedTickets {
    fn enabled(&self) -> bool {
        true
    }

    fn lifetime(&self) -> u32 {
        LIFETIME
    }

    fn encrypt(&self, session: &[u8]) -> Option<Vec<u8>> {
        self.seal(&[], session)
    }

    fn decrypt(&self, ticket: &[u8]) -> Option<Vec<u8>> {
        self.open(&[], ticket)
    }
}

impl fmt::Debug for SharedTickets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedTickets").finish_non_exhaustive()
    }
}

/// Sessions that a server keeps, and that servers of one process can share.
/// Each is given out once, so that early data cannot be replayed to another
/// server that shares them (RFC 8446, section 8.1).  A forked child begins with none:
/// with copies, both processes would take the early data of one session.
#[derive(Clone)]
pub(crate) struct Sessions {
    count: usize,
    kept: Arc<PerProcess<OnceLock<Arc<ServerSessionMemoryCache>>>>,
}

impl Sessions {
    pub(crate) fn new(count: usize) -> Self {
        Self {
            count,
            kept: Arc::default(),
        }
    }

    fn kept(&self) -> &ServerSessionMemoryCache {
        let new = || ServerSessionMemoryCache::new(self.count);
        self.kept.here().get_or_init(new)
    }
}

/// Kept sessions under the names of one policy, for the same reason as
/// [`SharedTickets::policy`].
pub(super) struct Kept {
    pub(super) sessions: Sessions,
    pub(super) policy: [u8; 32],
    pub(super) bounds: Bounds,
}

impl Kept {
    fn name(&self, key: &[u8]) -> Vec<u8> {
        [&self.policy, key].concat()
    }
}

impl StoresServerSessions for Kept {
    fn put(&self, key: Vec<u8>, value: Vec<u8>) -> bool {
        let bound = self.bounds.bind(&value);
        bound.is_some_and(|bound| self.sessions.kept().put(self.name(&key), bound))
    }

    fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        let bound = self.sessions.kept().get(&self.name(key))?;
        self.bounds.open(&bound)
    }

    fn take(&self, key: &[u8]) -> Option<Vec<u8>> {
        let bound = self.sessions.kept().take(&self.name(key))?;
        self.bounds.open(&bound)
    }

    fn can_cache(&self) -> bool {
        true
    }
}

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kept").finish_non_exhaustive()
    }
}
