//! Fork safety: what a child process must not share with its parent.
//!
//! Two processes that use one connection would encrypt different data with the same key and
//! nonce.  Two that use one ticket key or session store would accept early data twice.  A
//! lock held by another thread at the fork is never released in the child, where that
//! thread does not exist.

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

/// The number of forks between this process and the one that loaded the library.
static FORKS: AtomicU64 = AtomicU64::new(0);

/// Keeps threads out of the cryptographic library during a fork.  AWS-LC's random number
/// generator takes locks.  A child that inherits one locked by another thread of its parent
/// would wait forever.
#[derive(Default)]
struct Gate {
    /// Read-locked by every thread inside, write-locked during a fork.
    cryptography: RwLock<()>,
    /// Locked by a forking thread; new readers wait for it.  Otherwise overlapping read
    /// locks could delay the fork indefinitely.
    fork_queue: Mutex<()>,
    is_forking: AtomicBool,
}

/// A child has its own, since its parent may have forked without locking this one.
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

/// Takes the value of a thread-local; `None` while the thread-locals are destroyed.
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

/// Calls the cryptographic library for operations that may draw random numbers.  Forks on
/// other threads wait until it returns.
pub(crate) fn with_cryptography<T>(work: impl FnOnce() -> T) -> T {
    let _restored = RestoreReading::after(|outer| Some(outer.unwrap_or_else(read)));
    work()
}

/// Calls the application during a handshake.  It may fork, or wait for a thread in
/// [`before_fork`].
///
/// The library does so for its own callbacks.  A `log::Log` that may do either must call it
/// too, since rustls logs during handshakes.
pub fn without_cryptography<T>(call: impl FnOnce() -> T) -> T {
    let _restored = RestoreReading::after(|_| None);
    call()
}

/// Restores on drop, even after a panic, whether this thread holds the read lock.  While
/// its thread-locals are destroyed, a thread holds none.
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

/// Prepares for a fork().  Waits until no other thread is inside the cryptographic library,
/// and keeps them out until [`after_fork_in_parent`] or [`after_fork_in_child`].
///
/// The C and Python libraries register it themselves (pthread_atfork).  It blocks as long
/// as the longest operation in progress: generating an RSA key takes a second or more.
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

/// Tells the library that this process is a forked child.  Call it in the child after every
/// fork(), before any other function of this library.
///
/// The C and Python libraries do so themselves (pthread_atfork).  It counts the fork and
/// releases what [`before_fork`] locked on this thread.  It neither allocates nor waits, so
/// it is safe in a forked child.
pub fn after_fork_in_child() {
    FORKS.fetch_add(1, Ordering::Relaxed);
    drop(take(&FORKING));
}

/// Identifies the process that created an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin(u64);

impl Origin {
    /// Identifies this process.
    pub fn here() -> Self {
        Self(FORKS.load(Ordering::Relaxed))
    }

    /// Returns whether it is this process: false in a forked child.
    #[inline]
    pub fn is_here(self) -> bool {
        self.0 == FORKS.load(Ordering::Relaxed)
    }

    /// Fails with [`Status::State`] in any other process, where a connection of that
    /// process must not be used.
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

/// A value of which each process has its own.  A forked child starts with a new one.
///
/// It shares nothing with the parent, so no lock in it can be held by a thread of the
/// parent.
pub struct PerProcess<T> {
    origin: Origin,
    value: T,
    /// The instance of a child.
    child: OnceLock<Box<Self>>,
}

impl<T> PerProcess<T> {
    /// Creates one for a static: the value of the process that loads the library.
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

    /// Returns the first result of `find` for the values of this process and its parents.
    /// For values that never change once set.  `find` must not block.
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

    /// Returns the value of this process.  A child creates its own with `inherit`, from its
    /// parent's, and must not wait for a lock in that one.
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
    /// Returns the value of this process, which starts with the default in a child.
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
