//! Notifies the core of forks.

use std::io;

extern "C" fn before() {
    tlsmith::before_fork();
}

extern "C" fn in_parent() {
    tlsmith::after_fork_in_parent();
}

extern "C" fn in_child() {
    tlsmith::after_fork_in_child();
}

/// Registers the handlers, which also run for forks of C code.
pub(crate) fn watch() -> io::Result<()> {
    // SAFETY: the handler in the child counts the fork and releases the locks that the one
    // before took on this thread: it allocates nothing and waits for nothing.  The handlers
    // stay where they are: extension modules are never unloaded.
    match unsafe { libc::pthread_atfork(Some(before), Some(in_parent), Some(in_child)) } {
        0 => Ok(()),
        error => Err(io::Error::from_raw_os_error(error)),
    }
}
