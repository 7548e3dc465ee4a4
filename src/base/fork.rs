//! Forks: what a child process must not share with its parent.
//!
//! Two processes that go on with one connection encrypt different data with the same key
//! and nonce.  Two that use one ticket key or one store of sessions take early data
//! twice.  And a lock that another thread held at the fork is never released in the
//! child, where that thread does not exist.

use std::cell::Cell;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{
    Mutex, MutexGuard, OnceLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard,
};
use std::thread::LocalKey;

#[cfg(doc)]
use crate::Status;
use crate::{Error, Result};

/// How many forks this process is away from the one that loaded the library.
static FORKS: AtomicU64 = AtomicU64::new(0);

/// What keeps threads out of the cryptographic library across a fork.  AWS-LC's random
/// number generator takes locks: a child that inherits one of them locked by another thread
/// of its parent would wait for ever.
#[derive(Default)]
struct Gate {
    /// Read-locked by every thread inside, and write-locked across a fork.
    cryptography: RwLock<()>,
    /// Locked by a thread that forks, for which readers that arrive later wait: overlapping
    /// read locks could keep it waiting indefinitely.
    fork_queue: Mutex<()>,
    is_forking: AtomicBool,
}

/// A child has its own: it may have been forked where its parent could not lock this one.
static GATE: PerProcess<Gate> = PerProcess::at_start(Gate {
    cryptography: RwLock::new(()),
    fork_queue: Mutex::new(()),
    is_forking: AtomicBool::new(false),
});

type Reading = RwLockReadGuard<'static, ()>;
type Forking = (RwLockWriteGuard<'static, ()>, MutexGuard<'static, ()>);

thread_local! {
    static READING: Cell<Option<Reading>> = const { Cell::new(None) };
    static FORKING: Cell<Option<Forking>> = const { Cell::new(None) };
}

/// Takes what a thread-local holds: nothing while the thread-locals are destroyed.
fn take<T>(held: &'static LocalKey<Cell<Option<T>>>) -> Option<T> {
    held.try_with(Cell::take).ok().flatten()
}

fn read() -> Reading {
    let gate = GATE.here();
    if gate.is_forking.load(Ordering::Relaxed) {
        drop(gate.fork_queue.lock());
    }
    gate.cryptography
        .read()
        .unwrap_or_else(PoisonError::into_inner)
}

/// Calls the cryptographic library, for operations that may draw random numbers.  Forks
/// on other threads wait until it returns.
pub(crate) fn with_cryptography<T>(work: impl FnOnce() -> T) -> T {
    let _restored = RestoreReading::after(|outer| Some(outer.unwrap_or_else(read)));
    work()
}

/// Calls the application from within a handshake: it may fork, or wait for a thread that
/// is in [`before_fork`].
///
/// The library does so for its own callbacks.  A `log::Log` that may do either calls it,
/// since rustls logs in the middle of a handshake.
pub fn without_cryptography<T>(call: impl FnOnce() -> T) -> T {
    let _restored = RestoreReading::after(|_| None);
    call()
}

/// Restores on drop, also after a panic, whether this thread holds the read lock.  During
/// the destruction of its thread-locals a thread holds none.
struct RestoreReading {
    was_reading: bool,
}

impl RestoreReading {
    fn after(change: impl FnOnce(Option<Reading>) -> Option<Reading>) -> Self {
        let outer = take(&READING);
        let was_reading = outer.is_some();
        let _ = READING.try_with(|reading| reading.set(change(outer)));
        Self { was_reading }
    }
}

impl Drop for RestoreReading {
    fn drop(&mut self) {
        let inner = take(&READING);
        if self.was_reading {
            let guard = inner.unwrap_or_else(read);
            let _ = READING.try_with(|reading| reading.set(Some(guard)));
        }
    }
}

/// Prepares for a fork(): waits until no other thread is inside the cryptographic library,
/// and keeps the others out until [`after_fork_in_parent`] or [`after_fork_in_child`].
///
/// The C and the Python library register it themselves (pthread_atfork).  It blocks for as
/// long as the longest operation in progress: generating an RSA key takes a second or more.
pub fn before_fork() {
    let reading = take(&READING);
    // A signal handler that interrupted the cryptographic library cannot wait for it.
    if reading.is_none() {
        let gate = GATE.here();
        let place = gate
            .fork_queue
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        gate.is_forking.store(true, Ordering::Relaxed);
        let exclusive = gate
            .cryptography
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        let _ = FORKING.try_with(|forking| forking.set(Some((exclusive, place))));
    }
    let _ = READING.try_with(|held| held.set(reading));
}

/// Releases in the parent what [`before_fork`] locked.
pub fn after_fork_in_parent() {
    if let Some(locks) = take(&FORKING) {
        GATE.here().is_forking.store(false, Ordering::Relaxed);
        drop(locks);
    }
}

/// Tells the library that this process is a forked child.  Call it in the child after
/// every fork(), before anything else of this library.
///
/// The C and the Python library call it on their own (pthread_atfork).  It counts the fork
/// and releases what [`before_fork`] locked on this thread.  It allocates nothing and waits
/// for nothing, so that it may run between fork() and whatever comes next.
pub fn after_fork_in_child() {
    FORKS.fetch_add(1, Ordering::Relaxed);
    drop(take(&FORKING));
}

/// The process that something was made in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin(u64);

impl Origin {
    /// This process.
    pub fn here() -> Self {
        Self(FORKS.load(Ordering::Relaxed))
    }

    /// Whether it is this process: false in a child that was forked from it.
    #[inline]
    pub fn is_here(self) -> bool {
        self.0 == FORKS.load(Ordering::Relaxed)
    }

    /// Fails with [`Status::State`] where a connection that was made in that process
    /// cannot be used: in every other one.
    #[inline]
    pub fn check(self) -> Result<()> {
        match self.is_here() {
            true => Ok(()),
            false => Err(inherited()),
        }
    }
}

#[cold]
fn inherited() -> Error {
    let sentence = "this process was forked from the one that made the connection, and two \
                    processes must not encrypt with the same keys: make connections after \
                    fork(), or start TLS on the plain socket in the process that it is for";
    Error::state(sentence)
}

/// A value of which every process has its own: a forked child begins with a new one.
///
/// Nothing in it is shared with the parent, so that a lock in it is never one that a
/// thread of the parent held at the fork.
pub struct PerProcess<T> {
    origin: Origin,
    value: T,
    /// The one of a child.
    child: OnceLock<Box<Self>>,
}

impl<T> PerProcess<T> {
    /// For a static: the value of the process that loads the library.
    pub const fn at_start(value: T) -> Self {
        Self {
            origin: Origin(0),
            value,
            child: OnceLock::new(),
        }
    }

    fn new(value: T) -> Self {
        Self {
            origin: Origin::here(),
            value,
            child: OnceLock::new(),
        }
    }

    /// The first of the values that this process and its parents have, in which `find`
    /// finds something: for what may be used on and never changes.  `find` must not wait.
    pub fn find<'a, U>(&'a self, find: impl Fn(&'a T) -> Option<U>) -> Option<U> {
        let mut next = Some(self);
        while let Some(one) = next {
            if let Some(found) = find(&one.value) {
                return Some(found);
            }
            next = one.child.get().map(Box::as_ref);
        }
        None
    }

    /// The value of this process, which a child makes of its parent's.  `inherit` must not
    /// wait for a lock in that.
    pub fn inherited(&self, inherit: impl Fn(&T) -> T) -> &T {
        let mut one = self;
        while !one.origin.is_here() {
            let parents = &one.value;
            one = one
                .child
                .get_or_init(|| Box::new(Self::new(inherit(parents))));
        }
        &one.value
    }
}

impl<T: Default> PerProcess<T> {
    /// The value of this process, which a child begins anew.
    pub fn here(&self) -> &T {
        self.inherited(|_| T::default())
    }
}

impl<T: Default> Default for PerProcess<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T> fmt::Debug for PerProcess<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PerProcess").finish_non_exhaustive()
    }
}
