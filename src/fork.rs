//! Forks: what a child process must not share with its parent.
//!
//! Two processes that go on with one connection encrypt different data with the same key
//! and nonce.  Two that use one ticket key or one store of sessions take early data
//! twice.  And a lock that another thread held at the fork is never released in the
//! child, where that thread does not exist.

use std::fmt;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::{Error, Result, Status};

/// How many forks this process is away from the one that loaded the library.
static FORKS: AtomicU64 = AtomicU64::new(0);

/// Tells the library that this process is a forked child.  Call it in the child after
/// every fork(), before anything else of this library.
///
/// The C and the Python library call it on their own (pthread_atfork).  It only adds to an
/// atomic counter, so that it may run between fork() and whatever comes next.
pub fn after_fork_in_child() {
    FORKS.fetch_add(1, Ordering::Relaxed);
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
    Error::new(Status::State, sentence)
}

/// A value of which every process has its own: a forked child begins with a new one.
///
/// Nothing in it is shared with the parent, so that a lock in it is never one that a
/// thread of the parent held at the fork.
pub(crate) struct PerProcess<T> {
    origin: Origin,
    value: T,
    /// The one of a child.
    child: OnceLock<Box<Self>>,
}

impl<T> PerProcess<T> {
    /// For a static: the value of the process that loads the library.
    pub(crate) const fn at_start(value: T) -> Self {
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
    pub(crate) fn find<'a, U>(&'a self, find: impl Fn(&'a T) -> Option<U>) -> Option<U> {
        let mut next = Some(self);
        while let Some(one) = next {
            if let Some(found) = find(&one.value) {
                return Some(found);
            }
            next = one.child.get().map(Box::as_ref);
        }
        None
    }
}

impl<T: Default> PerProcess<T> {
    /// The value of this process.
    pub(crate) fn here(&self) -> &T {
        let mut one = self;
        while !one.origin.is_here() {
            one = one.child.get_or_init(|| Box::new(Self::new(T::default())));
        }
        &one.value
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
