//! Fork detection: pthread_atfork() handlers that notify the core.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};

use tlsmith::{Error, Result};

extern "C" fn before() {
    tlsmith::before_fork();
}

extern "C" fn in_parent() {
    tlsmith::after_fork_in_parent();
}

extern "C" fn in_child() {
    tlsmith::after_fork_in_child();
}

/// Registers the handlers, once.
pub(crate) fn watch_forks() -> Result<()> {
    static WATCHED: AtomicBool = AtomicBool::new(false);
    if WATCHED.load(Ordering::Acquire) {
        return Ok(());
    }
    // SAFETY: the child's handler counts the fork and releases the locks that the prepare handler
    // took on this thread.  It does not allocate or wait.  The handlers remain valid: the library
    // is never unloaded (nodelete).
    match unsafe { libc::pthread_atfork(Some(before), Some(in_parent), Some(in_child)) } {
        // Two threads may both register: counting a fork twice is harmless.
        0 => WATCHED.store(true, Ordering::Release),
        error => {
            let error = io::Error::from_raw_os_error(error);
            return Err(Error::io("cannot register fork handlers", error));
        }
    }
    Ok(())
}
