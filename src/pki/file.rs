//! Files of certificates and keys: bounded reads, and writes that replace files
//! as a whole.

mod save;
mod target;

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::{OFlags, fcntl_setfl};
use zeroize::Zeroizing;

pub use save::{Access, save_files};
pub(super) use save::{Staged, save_pair};

use crate::base::text::describe_path;
use crate::{Error, Result, Status};

/// No file of certificates and keys is longer; what is, is something else.
const MAX_FILE_SIZE: u64 = 16 * 1024 * 1024;

/// Reads a whole file, of a length that makes sense.  `what` begins the
/// sentence of the error: "cannot read the key".
pub(crate) fn read_file(what: &str, path: &Path) -> Result<Zeroizing<Vec<u8>>> {
    let failed = |error| Error::file(what, path, error);
    let file = open(path).map_err(failed)?;
    let about = file.metadata().map_err(failed)?;
    if about.is_dir() {
        return Err(failed(io::ErrorKind::IsADirectory.into()));
    }
    // With room from the start, so that no copy of a key is left behind by a
    // buffer that had to grow.
    let room = about.len().min(MAX_FILE_SIZE) + 1;
    let mut bytes = Zeroizing::new(Vec::with_capacity(usize::try_from(room).unwrap_or(0)));
    let bounded = &mut file.take(MAX_FILE_SIZE + 1);
    bounded.read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > MAX_FILE_SIZE {
        let path = describe_path(path);
        return Err(Error::new(
            Status::File,
            format!("{what} {path}: it is too large to be a PEM file (more than 16 MiB)"),
        ));
    }
    Ok(bytes)
}

/// Opens a file without waiting: a FIFO that nobody writes to reads as empty.
fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options
        .read(true)
        .custom_flags(OFlags::NONBLOCK.bits().cast_signed());
    let file = options.open(path)?;
    // One that somebody writes to, such as a shell's <(command), is waited for.
    fcntl_setfl(&file, OFlags::empty())?;
    Ok(file)
}

/// Puts the path in front of an error about what a file contains.  The file was read, so
/// its path is one, whatever it looks like.
pub(super) fn in_file(path: &Path, error: Error) -> Error {
    Error::new(error.status(), format!("'{}': {error}", path.display())).with_source(error)
}
