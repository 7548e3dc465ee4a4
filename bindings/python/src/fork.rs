//! Who tells the core that this process is a forked child.

use std::io;

extern "C" fn in_child() {
    tlsmith::after_fork_in_child();
}

/// Has forks noticed, those of C code beside those of os.fork().
pub(crate) fn watch() -> io::Result<()> {
    // SAFETY: the handler only adds to an atomic number, which may be done between fork()
    // and whatever follows, and extension modules are never unloaded.
    match unsafe { libc::pthread_atfork(None, None, Some(in_child)) } {
        0 => Ok(()),
        error => Err(io::Error::from_raw_os_error(error)),
    }
}
