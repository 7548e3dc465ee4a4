//! Reading and writing PEM files safely.

use std::fs::{File, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use rustls_pki_types::pem::{PemObject, SectionKind};
use zeroize::Zeroizing;

use crate::{Error, Result, Status};

/// No file of certificates and keys is longer; what is, is something else.
const LONGEST_FILE: u64 = 16 * 1024 * 1024;

/// Reads a whole file, of a length that makes sense.  `what` begins the
/// sentence of the error: "cannot read the key".
pub(crate) fn read_file(what: &str, path: &Path) -> Result<Zeroizing<Vec<u8>>> {
    let failed = |error| Error::file(what, path, error);
    let file = File::open(path).map_err(failed)?;
    let kind = file.metadata().map_err(failed)?;
    if kind.is_dir() {
        return Err(failed(io::ErrorKind::IsADirectory.into()));
    }
    // With room from the start, so that no copy of a key is left behind by a
    // buffer that had to grow.
    let length = kind.len().min(LONGEST_FILE) + 1;
    let mut bytes = Zeroizing::new(Vec::with_capacity(usize::try_from(length).unwrap_or(0)));
    file.take(LONGEST_FILE + 1)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    if bytes.len() as u64 > LONGEST_FILE {
        return Err(Error::new(
            Status::File,
            format!(
                "{what} '{}': it is longer than 16 MiB, so it is not a PEM file",
                path.display()
            ),
        ));
    }
    Ok(bytes)
}

/// Who may read a file that is written.
#[derive(Clone, Copy)]
pub(super) enum Access {
    /// Its owner alone: mode 0600.
    Owner,
    /// Everybody: mode 0644.
    Everybody,
}

/// Writes a file so that it is there as a whole or not at all, also when it
/// replaces another one, whose mode does not matter.
pub(super) fn write_file(path: &Path, content: &[u8], access: Access) -> Result<()> {
    let failed = |error| Error::file("cannot write", path, error);
    if path.is_dir() {
        return Err(failed(io::ErrorKind::IsADirectory.into()));
    }
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    // The temporary file has mode 0600 and goes away unless it is persisted.
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
    file.write_all(content).map_err(failed)?;
    if let Access::Everybody = access {
        let mode = Permissions::from_mode(0o644);
        file.as_file().set_permissions(mode).map_err(failed)?;
    }
    file.as_file().sync_all().map_err(failed)?;
    file.persist(path).map_err(|error| failed(error.error))?;
    Ok(())
}

/// The sections of a PEM text in order; what stands between them is ignored.
pub(super) fn sections(pem: &[u8]) -> impl Iterator<Item = Result<(SectionKind, Vec<u8>)>> {
    <(SectionKind, Vec<u8>)>::pem_slice_iter(pem).map(|section| {
        section
            .map_err(|error| Error::new(Status::Parse, format!("the PEM text is damaged: {error}")))
    })
}

/// Writes one section.
pub(super) fn encode(label: &str, der: &[u8]) -> Result<Zeroizing<String>> {
    der::pem::encode_string(label, der::pem::LineEnding::LF, der)
        .map(Zeroizing::new)
        .map_err(|error| Error::new(Status::Internal, format!("cannot write PEM: {error}")))
}

/// Puts the path in front of an error about what a file contains.
pub(super) fn in_file(path: &Path, error: Error) -> Error {
    Error::new(error.status(), format!("'{}': {error}", path.display())).with_source(error)
}
