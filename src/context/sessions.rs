//! Sessions that can be resumed: what a server keeps or gives away.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::aead::{AES_256_GCM, Aad, Nonce, RandomizedNonceKey};
use aws_lc_rs::hkdf;
use rustls::server::{ProducesTickets, ServerSessionMemoryCache, StoresServerSessions};
use zeroize::Zeroizing;

use crate::{Error, Result, Status};

/// How long tickets are good for: two hours, as elsewhere.
const LIFETIME: u32 = 7_200;

/// How many sessions a server keeps that gives none away.
pub(super) const SESSIONS: usize = 1_024;

/// The most that can be kept: each takes up to a few kilobytes.
pub(super) const MOST: usize = 1 << 20;

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
            return Err(Error::new(Status::Argument, sentence));
        }
        if shared.iter().all(|byte| *byte == shared[0]) {
            let sentence = "a ticket key has to be random, and all bytes of this one are the same";
            return Err(Error::new(Status::Argument, sentence));
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

impl ProducesTickets for SharedTickets {
    fn enabled(&self) -> bool {
        true
    }

    fn lifetime(&self) -> u32 {
        LIFETIME
    }

    fn encrypt(&self, session: &[u8]) -> Option<Vec<u8>> {
        let TicketKey { name, key } = self.keys.first()?;
        let mut sealed = session.to_vec();
        let aad = Aad::from(self.policy);
        let nonce = key.seal_in_place_append_tag(aad, &mut sealed).ok()?;
        Some([&name[..], nonce.as_ref(), &sealed].concat())
    }

    fn decrypt(&self, ticket: &[u8]) -> Option<Vec<u8>> {
        let (name, rest) = ticket.split_at_checked(NAME)?;
        let (nonce, sealed) = rest.split_at_checked(NONCE)?;
        let known = self.keys.iter().find(|known| known.name == name)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut sealed = sealed.to_vec();
        let opened = known
            .key
            .open_in_place(nonce, Aad::from(self.policy), &mut sealed);
        let length = opened.ok()?.len();
        sealed.truncate(length);
        Some(sealed)
    }
}

impl fmt::Debug for SharedTickets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedTickets").finish_non_exhaustive()
    }
}

/// Sessions that a server keeps, and that servers of one process can share.
/// Each is given out once, so that early data cannot be replayed to another
/// server that shares them (RFC 8446, section 8.1).
#[derive(Clone)]
pub(crate) struct Sessions(Arc<ServerSessionMemoryCache>);

impl Sessions {
    pub(crate) fn new(count: usize) -> Self {
        Self(ServerSessionMemoryCache::new(count))
    }
}

/// Kept sessions under the names of one policy, for the same reason as
/// [`SharedTickets::policy`].
pub(super) struct Kept {
    pub(super) sessions: Sessions,
    pub(super) policy: [u8; 32],
}

impl Kept {
    fn name(&self, key: &[u8]) -> Vec<u8> {
        [&self.policy, key].concat()
    }
}

impl StoresServerSessions for Kept {
    fn put(&self, key: Vec<u8>, value: Vec<u8>) -> bool {
        self.sessions.0.put(self.name(&key), value)
    }

    fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.sessions.0.get(&self.name(key))
    }

    fn take(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.sessions.0.take(&self.name(key))
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
