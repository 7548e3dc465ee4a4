//! Files of certificates and keys: reads with a size limit, and atomic writes.

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

/// The maximum size of a file.  No file of certificates or keys is larger.
const MAX_FILE_SIZE: u64 = 16 * 1024 * 1024;

/// Reads a whole file of limited size.  `what` begins the error: "cannot read the key".
pub(crate) fn read_file(what: &str, path: &Path) -> Result<Zeroizing<Vec<u8>>> {
    let failed = |error| Error::file(what, path, error);
    let file = open(path).map_err(failed)?;
    let about = file.metadata().map_err(failed)?;
    if about.is_dir() {
        return Err(failed(io::ErrorKind::IsADirectory.into()));
    }
    // Reserve the size, since a buffer that grows would leave copies of a key.
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

/// Opens a file without blocking: a FIFO without a writer reads as empty.
fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options
        .read(true)
        .custom_flags(OFlags::NONBLOCK.bits().cast_signed());
    let file = options.open(path)?;
    // With a writer, such as a shell's <(command), reads block.
    fcntl_setfl(&file, OFlags::empty())?;
    Ok(file)
}

/// Prefixes an error about a file's content with its path.  The file was read, so its path
/// is not a key, whatever it looks like.
pub(super) fn in_file(path: &Path, error: Error) -> Error {
    Error::new(error.status(), format!("'{}': {error}", path.display())).with_source(error)
}
