//! Replaces files, one or several together, so that a failure keeps the old ones.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{
    AtFlags, Mode, OFlags, RenameFlags, fchmod, fsync, linkat, openat, renameat_with, unlinkat,
};
use rustix::io::{Errno, retry_on_intr};
use zeroize::Zeroizing;

use super::target::Target;
use crate::base::text::describe_path;
use crate::{Error, Result, Status};

/// Who may read a written file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Only its owner: mode 0600.
    Owner,
    /// Everybody: mode 0644.
    Everybody,
}

/// A file to write: its path, its content, and who may read it.
pub(in crate::pki) type Content<'a> = (&'a Path, &'a str, Access);

/// Writes files together: all of them, or none.
///
/// Each file is complete and on disk under a temporary name before the first rename.  If a
/// rename fails, the files renamed before get their old content back.  Existing files are
/// replaced, whatever their mode.  Symbolic links are followed, except those of other users
/// in directories like /tmp (the rule of protected_symlinks in proc(5)).
///
/// Fails with [`Status::File`] and names the file.  Fails with [`Status::Argument`] if two
/// paths lead to the same file.
pub fn save_files(files: &[(&Path, &[u8], Access)]) -> Result<()> {
    let mut staged: Vec<Staged> = Vec::with_capacity(files.len());
    for &(path, content, access) in files {
        let file = Staged::new(path, content, access)?;
        for other in &staged {
            if file.is(other)? {
                let (one, other) = (describe_path(&other.path), describe_path(path));
                let sentence =
                    format!("{one} and {other} are the same file: give each document its own");
                return Err(Error::argument(sentence));
            }
        }
        staged.push(file);
    }
    replace(&mut staged, &System)
}

/// Writes a public document and a private key, or one of them, as [`save_files`] does.  A
/// file for both has mode 0600.
pub(in crate::pki) fn save_pair(
    public: Option<Content<'_>>,
    key: Option<Content<'_>>,
) -> Result<()> {
    let stage = |(path, text, access): Content<'_>| Staged::new(path, text.as_bytes(), access);
    match (public, key) {
        (None, None) => Err(Error::argument(
            "there is nothing to save: give a file for the certificate, the key, or both",
        )),
        (Some(one), None) | (None, Some(one)) => stage(one)?.commit(),
        (Some(public), Some(key)) => {
            let staged = (stage(key)?, stage(public)?);
            if staged.0.is(&staged.1)? {
                let mut both = Zeroizing::new(String::with_capacity(key.1.len() + public.1.len()));
                both.extend([key.1, public.1]);
                return stage((key.0, &both, key.2))?.commit();
            }
            replace(&mut [staged.0, staged.1], &System)
        }
    }
}

/// A file that is complete and on disk under a temporary name, next to the file that it
/// replaces.
pub(in crate::pki) struct Staged {
    target: Target,
    /// The temporary name, first of the new file, then of the old one.  Whatever has it is
    /// removed on drop.
    temporary: String,
    /// The caller's path, for errors.
    path: PathBuf,
    progress: Progress,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Progress {
    /// It has its temporary name.
    Staged,
    /// It is in place; no file was there before.
    Created,
    /// It is in place; the old file has the temporary name.
    Replaced,
    /// The temporary name is that of an old file that could not be restored.
    Stranded,
}

impl Staged {
    /// Writes `content` next to `path`, which may exist with any mode.
    pub(in crate::pki) fn new(path: &Path, content: &[u8], access: Access) -> Result<Self> {
        Self::on(&System, path, content, access)
    }

    fn on(system: &impl SystemCalls, path: &Path, content: &[u8], access: Access) -> Result<Self> {
        let failed = |error| Error::file("cannot write", path, error);
        let target = Target::find(path).map_err(failed)?;
        let (temporary, file) = create_beside(&target).map_err(failed)?;
        // From here on, dropping `staged` removes the file.
        let staged = Self {
            target,
            temporary,
            path: path.to_owned(),
            progress: Progress::Staged,
        };
        system.write(&file, content).map_err(failed)?;
        if let Access::Everybody = access {
            let mode = OWNER | Mode::RGRP | Mode::ROTH;
            fchmod(&file, mode).map_err(|error| failed(error.into()))?;
        }
        system.sync(&file).map_err(failed)?;
        Ok(staged)
    }

    /// Renames the file into place, replacing what was there.
    pub(in crate::pki) fn commit(self) -> Result<()> {
        replace(&mut [self], &System)
    }

    fn is(&self, other: &Self) -> Result<bool> {
        let failed = |error| Error::file("cannot write", &self.path, error);
        self.target.is(&other.target).map_err(failed)
    }

    /// Renames the file into place and keeps the old one under the temporary name.
    fn place(&mut self, system: &impl SystemCalls) -> io::Result<()> {
        let (temporary, name) = (Path::new(&self.temporary), Path::new(&self.target.name));
        let directory = &self.target.directory;
        match system.rename(directory, temporary, name, RenameFlags::EXCHANGE) {
            Ok(()) => self.progress = Progress::Replaced,
            Err(Errno::NOENT) => {
                system.rename(directory, temporary, name, RenameFlags::empty())?;
                self.progress = Progress::Created;
            }
            // Not every file system can exchange names: NFS cannot.
            Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => self.place_by_link(system)?,
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    /// Does the same with a hard link to the old file.
    fn place_by_link(&mut self, system: &impl SystemCalls) -> io::Result<()> {
        let (directory, name) = (&self.target.directory, Path::new(&self.target.name));
        let old_name = temporary_name()?;
        let old = Path::new(&old_name);
        let linked = match linkat(directory, name, directory, old, AtFlags::empty()) {
            Err(Errno::NOENT) => {
                let temporary = Path::new(&self.temporary);
                system.rename(directory, temporary, name, RenameFlags::empty())?;
                self.progress = Progress::Created;
                return Ok(());
            }
            linked => linked.is_ok(),
        };
        if !linked {
            // Without hard links, as on FAT, the name is missing for a moment.
            system.rename(directory, name, old, RenameFlags::empty())?;
        }
        let temporary = Path::new(&self.temporary);
        if let Err(error) = system.rename(directory, temporary, name, RenameFlags::empty()) {
            let undone = match linked {
                true => unlinkat(directory, old, AtFlags::empty()),
                false => system.rename(directory, old, name, RenameFlags::empty()),
            };
            return Err(match undone {
                Ok(()) => error.into(),
                Err(_) => io::Error::other(format!("{error}; the old file is now '{old_name}'")),
            });
        }
        self.temporary = old_name;
        self.progress = Progress::Replaced;
        Ok(())
    }

    /// Reverts [`Self::place`].
    fn put_back(&mut self, system: &impl SystemCalls) -> io::Result<()> {
        let (temporary, name) = (Path::new(&self.temporary), Path::new(&self.target.name));
        let directory = &self.target.directory;
        match self.progress {
            Progress::Staged | Progress::Stranded => {}
            Progress::Created => unlinkat(directory, name, AtFlags::empty())?,
            Progress::Replaced => {
                self.progress = Progress::Stranded;
                system.rename(directory, temporary, name, RenameFlags::empty())?;
            }
        }
        self.progress = Progress::Staged;
        Ok(())
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        if self.progress != Progress::Stranded {
            // A failure here does not matter: the save has succeeded or failed already, and
            // only an unused file would stay.
            let name = Path::new(&self.temporary);
            let _unused = unlinkat(&self.target.directory, name, AtFlags::empty());
        }
    }
}

/// Renames all files into place, or none.
fn replace(files: &mut [Staged], system: &impl SystemCalls) -> Result<()> {
    let failed = place_all(files, system).and_then(|()| sync_directories(files, system));
    let Err(error) = failed else { return Ok(()) };
    let mut sentence = error.to_string();
    for file in files.iter_mut().rev() {
        if let Err(undo) = file.put_back(system) {
            let path = describe_path(&file.path);
            sentence.push_str(&format!("; {path} cannot be put back ({undo})"));
            if file.progress == Progress::Stranded {
                sentence.push_str(&format!(": it is '{}' now", file.temporary));
            }
        }
    }
    Err(match sentence == error.to_string() {
        true => error,
        false => Error::new(Status::File, sentence).with_source(error),
    })
}

fn place_all(files: &mut [Staged], system: &impl SystemCalls) -> Result<()> {
    for file in files {
        file.place(system).map_err(|error| {
            let what = match error.raw_os_error() == Some(Errno::BUSY.raw_os_error()) {
                true => "cannot replace the mount point (mount its directory instead)",
                false => "cannot write",
            };
            Error::file(what, &file.path, error)
        })?;
    }
    Ok(())
}

/// Syncs the directories, so that the renames survive a system crash.
fn sync_directories(files: &[Staged], system: &impl SystemCalls) -> Result<()> {
    for (index, file) in files.iter().enumerate() {
        let failed = |error| Error::file("cannot write", &file.path, error);
        let mut before = files[..index].iter();
        let is_done = before.try_fold(false, |done, other| {
            other
                .target
                .is_beside(&file.target)
                .map(|same| done || same)
        });
        if !is_done.map_err(failed)? {
            sync_directory(&file.target.directory, system).map_err(failed)?;
        }
    }
    Ok(())
}

fn sync_directory(directory: &OwnedFd, system: &impl SystemCalls) -> io::Result<()> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let directory = match retry_on_intr(|| openat(directory, ".", flags, Mode::empty())) {
        // A directory with write but no read permission cannot be opened for this.
        Err(Errno::ACCESS) => return Ok(()),
        directory => File::from(directory?),
    };
    match system.sync(&directory) {
        // Some file systems sync names with the files, and never directories.
        Err(error) if error.raw_os_error() == Some(Errno::INVAL.raw_os_error()) => Ok(()),
        synced => synced,
    }
}

const OWNER: Mode = Mode::RUSR.union(Mode::WUSR);

/// Creates a file in the same directory with mode 0600.  Returns its name and the file.
fn create_beside(target: &Target) -> io::Result<(String, File)> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
    loop {
        let name = temporary_name()?;
        let create = || openat(&target.directory, name.as_str(), flags, OWNER);
        match retry_on_intr(create) {
            Err(Errno::EXIST) => {}
            file => return Ok((name, File::from(file?))),
        }
    }
}

fn temporary_name() -> io::Result<String> {
    let mut random = [0; 8];
    crate::base::provider::fill_random(&mut random)
        .map_err(|_| io::Error::other("the system provides no random numbers"))?;
    Ok(format!(".tlsmith-{:016x}", u64::from_ne_bytes(random)))
}

/// The system calls that can fail midway.  A trait, so that tests can make them fail.
trait SystemCalls {
    fn write(&self, file: &File, content: &[u8]) -> io::Result<()>;
    fn sync(&self, file: &File) -> io::Result<()>;
    fn rename(
        &self,
        directory: &OwnedFd,
        from: &Path,
        to: &Path,
        flags: RenameFlags,
    ) -> rustix::io::Result<()>;
}

struct System;

impl SystemCalls for System {
    fn write(&self, mut file: &File, content: &[u8]) -> io::Result<()> {
        file.write_all(content)
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        Ok(retry_on_intr(|| fsync(file))?)
    }

    fn rename(
        &self,
        directory: &OwnedFd,
        from: &Path,
        to: &Path,
        flags: RenameFlags,
    ) -> rustix::io::Result<()> {
        renameat_with(directory, from, directory, to, flags)
    }
}

#[cfg(test)]
mod tests;
