//! Resolves a path for writing to a directory and a name.
//!
//! The walk holds every directory by its descriptor, so nobody can redirect a write between
//! the check and the rename.  It applies Linux's protected_symlinks rule to every
//! component, whatever the kernel's own setting.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

use rustix::fs::{CWD, FileType, Mode, OFlags, Stat, fstat, openat, readlinkat};
use rustix::io::{Errno, retry_on_intr};
use rustix::process::geteuid;

use super::super::quoted;

/// The kernel's limit on symbolic links in one path (path_resolution(7)).
const MAX_LINKS: usize = 40;

/// Where a file is written.
#[derive(Debug)]
pub(super) struct Target {
    /// The directory, open for lookups only (O_PATH).
    pub(super) directory: OwnedFd,
    /// The name in it, which is not a symbolic link.
    pub(super) name: OsString,
}

impl Target {
    /// Follows `path` to a regular file or to a name that does not exist.
    ///
    /// Fails for directories and devices.  Also fails for a symbolic link that belongs
    /// neither to the caller nor to the directory's owner, in a sticky, world-writable
    /// directory.
    pub(super) fn find(path: &Path) -> io::Result<Self> {
        let user = geteuid().as_raw();
        Self::walk(path, |directory, link| {
            may_follow(directory.st_mode, directory.st_uid, link.st_uid, user)
        })
    }

    fn walk(path: &Path, may_follow: impl Fn(&Stat, &Stat) -> bool) -> io::Result<Self> {
        let mut directory = start(path.as_os_str().as_bytes())?;
        let mut rest = components(path.as_os_str().as_bytes());
        let mut links = 0;
        while let Some(name) = rest.pop() {
            let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let open = || openat(&directory, name.as_os_str(), flags, Mode::empty());
            let entry = match retry_on_intr(open) {
                Ok(entry) => entry,
                Err(Errno::NOENT) if rest.is_empty() => return Ok(Self { directory, name }),
                Err(error) => return Err(error.into()),
            };
            let about = fstat(&entry)?;
            match FileType::from_raw_mode(about.st_mode) {
                FileType::Symlink => {
                    if !may_follow(&fstat(&directory)?, &about) {
                        return Err(refusal(&name, about.st_uid));
                    }
                    links += 1;
                    if links > MAX_LINKS {
                        return Err(Errno::LOOP.into());
                    }
                    let link = readlinkat(&entry, "", Vec::new())?.into_bytes();
                    if link.starts_with(b"/") {
                        directory = start(&link)?;
                    }
                    rest.extend(components(&link));
                }
                FileType::Directory => directory = entry,
                FileType::RegularFile if rest.is_empty() => return Ok(Self { directory, name }),
                _ if rest.is_empty() => {
                    return Err(io::Error::other("it is not a regular file"));
                }
                _ => return Err(Errno::NOTDIR.into()),
            }
        }
        Err(match path.as_os_str().is_empty() {
            true => Errno::NOENT.into(),
            false => Errno::ISDIR.into(),
        })
    }

    /// Returns whether both name the same entry of the same directory.
    pub(super) fn is(&self, other: &Self) -> io::Result<bool> {
        Ok(self.name == other.name && self.is_beside(other)?)
    }

    /// Returns whether both are in the same directory.
    pub(super) fn is_beside(&self, other: &Self) -> io::Result<bool> {
        let (one, other) = (fstat(&self.directory)?, fstat(&other.directory)?);
        Ok((one.st_dev, one.st_ino) == (other.st_dev, other.st_ino))
    }
}

/// Returns whether a link may be followed, by the rule of protected_symlinks in proc(5): in
/// a sticky, world-writable directory, only links of the caller or of the directory's
/// owner.
fn may_follow(directory_mode: u32, directory_owner: u32, link_owner: u32, user: u32) -> bool {
    let shared = (Mode::SVTX | Mode::WOTH).bits();
    directory_mode & shared != shared || link_owner == user || link_owner == directory_owner
}

fn refusal(name: &OsStr, owner: u32) -> io::Error {
    let name = quoted(&name.to_string_lossy());
    let sentence = format!(
        "{name} is a symbolic link that user {owner} left in a directory where everybody can \
         write, and is not followed: remove it, or give the path that it leads to"
    );
    io::Error::new(io::ErrorKind::PermissionDenied, sentence)
}

/// Opens the directory that a path starts from.
fn start(path: &[u8]) -> io::Result<OwnedFd> {
    let from = if path.starts_with(b"/") { "/" } else { "." };
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    Ok(retry_on_intr(|| openat(CWD, from, flags, Mode::empty()))?)
}

/// Splits a path into its components, last one first.  A path that ends with a slash must
/// be a directory, hence the final ".".
fn components(path: &[u8]) -> Vec<OsString> {
    let mut all: Vec<_> = path
        .split(|&byte| byte == b'/')
        .filter(|part| !part.is_empty())
        .map(|part| OsString::from_vec(part.to_vec()))
        .collect();
    if path.ends_with(b"/") {
        all.push(".".into());
    }
    all.reverse();
    all
}

#[cfg(test)]
mod tests;
