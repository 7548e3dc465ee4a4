//! Who tells the core that this process is a forked child.

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

/// Has forks noticed from here on.
pub(crate) fn watch_forks() -> Result<()> {
    static WATCHED: AtomicBool = AtomicBool::new(false);
    if WATCHED.load(Ordering::Acquire) {
        return Ok(());
    }
    // SAFETY: the handler in the child counts the fork and releases the locks that the one
    // before took on this thread: it allocates nothing and waits for nothing.  The handlers
    // stay where they are: the library is never unloaded (nodelete).
    match unsafe { libc::pthread_atfork(Some(before), Some(in_parent), Some(in_child)) } {
        // Two threads may both come here: a fork that is counted twice is noticed as well.
        0 => WATCHED.store(true, Ordering::Release),
        error => {
            let error = io::Error::from_raw_os_error(error);
            return Err(Error::io("cannot watch for forks", error));
        }
    }
    Ok(())
}
