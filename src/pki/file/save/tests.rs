use std::cell::Cell;
use std::fs;
use std::os::unix::fs::PermissionsExt;

use tempfile::TempDir;

use super::*;

/// How a system call fails.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fault {
    None,
    /// The write with this number is cut short: the disk is full.
    Write(usize),
    /// The sync with this number fails; files are synced before directories.
    Sync(usize),
    /// The rename to this name fails: something is mounted on it.
    Mounted(&'static str),
    /// The same, and nothing can be restored.
    Lost(&'static str),
}

/// System calls with one fault, optionally without exchanging names.
struct Faulty {
    fault: Fault,
    exchanges: bool,
    writes: Cell<usize>,
    syncs: Cell<usize>,
    is_lost: Cell<bool>,
}

impl Faulty {
    fn new(fault: Fault, exchanges: bool) -> Self {
        Self {
            fault,
            exchanges,
            writes: Cell::new(0),
            syncs: Cell::new(0),
            is_lost: Cell::new(false),
        }
    }
}

fn count(calls: &Cell<usize>) -> usize {
    calls.set(calls.get() + 1);
    calls.get()
}

impl SystemCalls for Faulty {
    fn write(&self, file: &File, content: &[u8]) -> io::Result<()> {
        if self.fault == Fault::Write(count(&self.writes)) {
            System.write(file, &content[..content.len() / 2])?;
            return Err(Errno::NOSPC.into());
        }
        System.write(file, content)
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        match self.fault == Fault::Sync(count(&self.syncs)) {
            true => Err(Errno::IO.into()),
            false => System.sync(file),
        }
    }

    fn rename(
        &self,
        directory: &OwnedFd,
        from: &Path,
        to: &Path,
        flags: RenameFlags,
    ) -> rustix::io::Result<()> {
        if flags == RenameFlags::EXCHANGE && !self.exchanges {
            return Err(Errno::INVAL);
        }
        match self.fault {
            Fault::Mounted(name) if to == Path::new(name) => return Err(Errno::BUSY),
            Fault::Lost(name) if to == Path::new(name) => {
                self.is_lost.set(true);
                return Err(Errno::BUSY);
            }
            Fault::Lost(_) if self.is_lost.get() => return Err(Errno::IO),
            _ => {}
        }
        System.rename(directory, from, to, flags)
    }
}

/// Saves a key and a certificate over those in a directory.
fn save(directory: &Path, system: &Faulty) -> Result<()> {
    let (key, cert) = (directory.join("key.pem"), directory.join("cert.pem"));
    let mut staged = [
        Staged::on(system, &key, b"new key", Access::Owner)?,
        Staged::on(system, &cert, b"new cert", Access::Everybody)?,
    ];
    replace(&mut staged, system)
}

/// Returns the files in a directory, by name.
fn contents(directory: &Path) -> Vec<(String, String)> {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap());
    let mut all: Vec<_> = entries
        .map(|entry| {
            let name = entry.file_name().into_string().unwrap();
            (name, fs::read_to_string(entry.path()).unwrap())
        })
        .collect();
    all.sort();
    all
}

fn files(list: &[(&str, &str)]) -> Vec<(String, String)> {
    list.iter()
        .map(|&(name, text)| (name.to_owned(), text.to_owned()))
        .collect()
}

const OLD: [(&str, &str); 2] = [("cert.pem", "old cert"), ("key.pem", "old key")];
const NEW: [(&str, &str); 2] = [("cert.pem", "new cert"), ("key.pem", "new key")];

fn directory_with(list: &[(&str, &str)]) -> TempDir {
    let directory = TempDir::new().unwrap();
    for (name, text) in list {
        fs::write(directory.path().join(name), text).unwrap();
    }
    directory
}

#[test]
fn save_replaces_both_files_and_removes_temporaries() {
    for exchanges in [true, false] {
        for before in [&OLD[..], &OLD[..1], &OLD[1..], &[]] {
            let directory = directory_with(before);
            save(directory.path(), &Faulty::new(Fault::None, exchanges)).unwrap();
            assert_eq!(contents(directory.path()), files(&NEW), "{before:?}");
            for (name, mode) in [("key.pem", 0o600), ("cert.pem", 0o644)] {
                let about = fs::metadata(directory.path().join(name)).unwrap();
                assert_eq!(about.permissions().mode() & 0o777, mode, "{name}");
            }
        }
    }
}

#[test]
fn failed_save_keeps_old_files() {
    let faults = [
        (Fault::Write(1), "key.pem", Errno::NOSPC),
        (Fault::Write(2), "cert.pem", Errno::NOSPC),
        (Fault::Sync(1), "key.pem", Errno::IO),
        (Fault::Sync(2), "cert.pem", Errno::IO),
        // The third sync is that of the directory, after both renames.
        (Fault::Sync(3), "key.pem", Errno::IO),
        (Fault::Mounted("key.pem"), "key.pem", Errno::BUSY),
        (Fault::Mounted("cert.pem"), "cert.pem", Errno::BUSY),
    ];
    for (case, (fault, name, errno)) in faults.into_iter().enumerate() {
        for exchanges in [true, false] {
            for before in [&OLD[..], &OLD[..1], &OLD[1..], &[]] {
                let directory = directory_with(before);
                let error = save(directory.path(), &Faulty::new(fault, exchanges)).unwrap_err();
                assert_eq!(contents(directory.path()), files(before), "{case}: {error}");
                assert_eq!(error.status(), Status::File, "{case}: {error}");
                assert_eq!(error.os_error(), Some(errno.raw_os_error()), "{error}");
                assert!(error.to_string().contains(name), "{case}: {error}");
            }
        }
    }
}

#[test]
fn save_error_names_mount_point_it_cannot_replace() {
    let directory = directory_with(&OLD);
    let fault = Faulty::new(Fault::Mounted("cert.pem"), true);
    let error = save(directory.path(), &fault).unwrap_err().to_string();
    assert!(error.contains("mount its directory instead"), "{error}");
}

#[test]
fn save_error_names_file_it_cannot_restore() {
    for exchanges in [true, false] {
        let directory = directory_with(&OLD);
        let fault = Faulty::new(Fault::Lost("cert.pem"), exchanges);
        let error = save(directory.path(), &fault).unwrap_err().to_string();
        let (kept, text) = contents(directory.path()).remove(0);
        assert!(kept.starts_with(".tlsmith-"), "{kept}");
        assert_eq!(text, "old key");
        assert!(error.contains("key.pem' cannot be put back"), "{error}");
        assert!(error.ends_with(&format!("it is '{kept}' now")), "{error}");
    }
}

#[test]
fn save_files_rejects_two_paths_to_one_file() {
    let directory = directory_with(&OLD);
    let (one, other) = (
        directory.path().join("key.pem"),
        directory.path().join("./key.pem"),
    );
    let both: [(&Path, &[u8], Access); 2] = [
        (&one, b"new key", Access::Owner),
        (&other, b"new cert", Access::Everybody),
    ];
    let error = save_files(&both).unwrap_err();
    assert_eq!(error.status(), Status::Argument);
    assert!(error.to_string().contains("the same file"), "{error}");
    assert_eq!(contents(directory.path()), files(&OLD));
}

#[test]
fn save_syncs_every_directory_once() {
    let (one, other) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let system = Faulty::new(Fault::None, true);
    let mut staged: Vec<_> = [
        one.path().join("a"),
        other.path().join("b"),
        one.path().join("c"),
    ]
    .iter()
    .map(|path| Staged::on(&system, path, b"", Access::Owner).unwrap())
    .collect();
    replace(&mut staged, &system).unwrap();
    assert_eq!(system.syncs.get(), 3 + 2);
}
