//! Files of certificates and keys, read with a bound and written as a whole.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{OFlags, fcntl_setfl};
use tempfile::NamedTempFile;
use zeroize::Zeroizing;

use crate::{Error, Result, Status};

/// No file of certificates and keys is longer; what is, is something else.
const LONGEST: u64 = 16 * 1024 * 1024;

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
    let room = about.len().min(LONGEST) + 1;
    let mut bytes = Zeroizing::new(Vec::with_capacity(usize::try_from(room).unwrap_or(0)));
    let bounded = &mut file.take(LONGEST + 1);
    bounded.read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > LONGEST {
        let path = path.display();
        return Err(Error::new(
            Status::File,
            format!("{what} '{path}': it is too large to be a PEM file (more than 16 MiB)"),
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

/// Who may read a file that is written.
#[derive(Clone, Copy)]
pub(super) enum Access {
    /// Its owner alone: mode 0600.
    Owner,
    /// Everybody: mode 0644.
    Everybody,
}

/// A file that is written and on disk, but does not have its name yet.  It is
/// gone again when it is dropped before [`Self::commit`].
pub(super) struct Staged {
    file: NamedTempFile,
    path: PathBuf,
}

impl Staged {
    /// Writes `content` beside `path`, which may exist already, with any mode.
    pub(super) fn new(path: &Path, content: &[u8], access: Access) -> Result<Self> {
        let failed = |error| Error::file("cannot write", path, error);
        let path = resolve(path).map_err(failed)?;
        let file = create_beside(&path).map_err(failed)?;
        let mut out = file.as_file();
        out.write_all(content).map_err(failed)?;
        if let Access::Everybody = access {
            let mode = Permissions::from_mode(0o644);
            out.set_permissions(mode).map_err(failed)?;
        }
        out.sync_all().map_err(failed)?;
        Ok(Self { file, path })
    }

    /// Gives the file its name, in place of what had it before.
    pub(super) fn commit(self) -> Result<()> {
        let failed = |error| Error::file("cannot write", &self.path, error);
        self.file
            .persist(&self.path)
            .map_err(|error| failed(error.error))?;
        Ok(())
    }
}

/// A document to write: where, what, and for whom.
pub(super) type Content<'a> = (&'a Path, &'a str, Access);

/// Writes a public document and a private key, or one of them.  Both are on disk
/// before either takes its name, so a failure leaves the old ones.  Where both
/// go into the same file, it holds both and is the owner's alone.
pub(super) fn save_pair(public: Option<Content<'_>>, key: Option<Content<'_>>) -> Result<()> {
    let stage = |(path, text, access): Content<'_>| Staged::new(path, text.as_bytes(), access);
    match (public, key) {
        (None, None) => Err(Error::new(
            Status::Argument,
            "there is nothing to save: give a file for the certificate, the key, or both",
        )),
        (Some(one), None) | (None, Some(one)) => stage(one)?.commit(),
        (Some(public), Some(key)) if are_same(public.0, key.0) => {
            let mut both = Zeroizing::new(String::with_capacity(key.1.len() + public.1.len()));
            both.extend([key.1, public.1]);
            stage((key.0, &both, key.2))?.commit()
        }
        (Some(public), Some(key)) => {
            let (key, public) = (stage(key)?, stage(public)?);
            key.commit()?;
            public.commit()
        }
    }
}

/// Where a file ends up that is written to `path`: symbolic links stay, and
/// what they lead to is replaced.  Directories and devices are refused.
fn resolve(path: &Path) -> io::Result<PathBuf> {
    let target = match path.symlink_metadata() {
        Ok(_) => path.canonicalize()?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
            return Ok(folder(path).canonicalize()?.join(name));
        }
        Err(error) => return Err(error),
    };
    let kind = fs::metadata(&target)?;
    match (kind.is_file(), kind.is_dir()) {
        (true, _) => Ok(target),
        (_, true) => Err(io::ErrorKind::IsADirectory.into()),
        _ => Err(io::Error::other("it is not a regular file")),
    }
}

/// Whether writing to one would be writing to the other.
fn are_same(one: &Path, other: &Path) -> bool {
    one == other || matches!((resolve(one), resolve(other)), (Ok(one), Ok(other)) if one == other)
}

fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// A new file in the same directory, with mode 0600.
fn create_beside(path: &Path) -> io::Result<NamedTempFile> {
    // tempfile hides the code of the system's error: keep it.
    let mut code = None;
    let create = |path: &Path| {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(0o600);
        let file = options.open(path);
        file.inspect_err(|error| code = error.raw_os_error())
    };
    let created = tempfile::Builder::new().make_in(folder(path), create);
    created.map_err(|error| code.map_or(error, io::Error::from_raw_os_error))
}

/// Puts the path in front of an error about what a file contains.  The file was read, so
/// its path is one, whatever it looks like.
pub(super) fn in_file(path: &Path, error: Error) -> Error {
    Error::new(error.status(), format!("'{}': {error}", path.display())).with_source(error)
}
