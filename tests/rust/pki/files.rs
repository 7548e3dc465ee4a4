//! Files that are no files, and files that must survive.

use std::os::unix::fs::symlink;

use super::*;

fn localhost() -> Identity {
    self_signed(&names(&["localhost"]), &CertOptions::default()).unwrap()
}

#[test]
fn a_fifo_that_nobody_writes_to_reads_as_empty() {
    let folder = TempDir::new().unwrap();
    let fifo = folder.path().join("fifo");
    program_prints("mkfifo", &[text(&fifo)]);
    let (status, sentence) = status_of(Identity::load(&fifo, None));
    assert_eq!(status, Status::Parse);
    assert!(
        sentence.contains("it is empty") && sentence.contains("fifo"),
        "{sentence}"
    );
}

#[test]
fn a_fifo_that_somebody_writes_to_is_waited_for() {
    let folder = TempDir::new().unwrap();
    let fifo = folder.path().join("fifo");
    program_prints("mkfifo", &[text(&fifo)]);
    let id = localhost();
    let both = format!("{}{}", id.cert_pem(), id.key().unwrap().to_pem().as_str());
    // Open for reading and writing, it is there before anything is written.
    let mut writer = fs::OpenOptions::new()
        .read(true)
        .write(true)
        .open(&fifo)
        .unwrap();
    let loaded = std::thread::scope(|scope| {
        let reader = scope.spawn(|| Identity::load(&fifo, None));
        std::io::Write::write_all(&mut writer, both.as_bytes()).unwrap();
        // The end comes when the last writer goes, after the reader has come.
        while fs::read_dir("/proc/self/fd")
            .unwrap()
            .filter(|fd| is_open(fd, &fifo))
            .count()
            < 2
        {
            std::thread::yield_now();
        }
        drop(writer);
        reader.join().unwrap()
    });
    assert_eq!(loaded.unwrap().certificate(), id.certificate());
}

fn is_open(entry: &std::io::Result<fs::DirEntry>, path: &Path) -> bool {
    let target = entry
        .as_ref()
        .ok()
        .and_then(|entry| fs::read_link(entry.path()).ok());
    target.as_deref() == Some(path)
}

#[test]
fn devices_and_directories_are_not_replaced() {
    let folder = TempDir::new().unwrap();
    let link = folder.path().join("null");
    symlink("/dev/null", &link).unwrap();
    let id = localhost();
    let targets = [
        (Path::new("/dev/null"), "not a regular file"),
        (&link, "not a regular file"),
        (folder.path(), "directory"),
        (Path::new("/proc/version/x"), "/proc/version/x"),
        (Path::new(""), "cannot write"),
    ];
    for (target, part) in targets {
        let (status, sentence) = status_of(id.save(None, Some(target)));
        assert_eq!(status, Status::File, "{sentence}");
        assert!(sentence.contains(part), "{sentence}");
        assert_eq!(status_of(id.save(Some(target), None)).0, Status::File);
        assert_eq!(status_of(id.key().unwrap().save(target)).0, Status::File);
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn errors_of_files_keep_the_code_of_the_system() {
    let folder = TempDir::new().unwrap();
    let missing = folder.path().join("no/such.pem");
    let error = localhost().save(None, Some(&missing)).unwrap_err();
    assert_eq!(error.os_error(), Some(2), "{error}");
    assert!(error.to_string().contains("no/such.pem"), "{error}");
    assert_eq!(
        Identity::load(&missing, None).unwrap_err().os_error(),
        Some(2)
    );
}

#[test]
fn a_symbolic_link_stays_and_what_it_leads_to_is_replaced() {
    let folder = TempDir::new().unwrap();
    let file = write(&folder, "file.pem", "old");
    let link = folder.path().join("link.pem");
    symlink("file.pem", &link).unwrap();
    let id = localhost();
    id.save(Some(&link), None).unwrap();
    assert!(link.symlink_metadata().unwrap().is_symlink());
    assert_eq!(fs::read_to_string(&file).unwrap(), id.cert_pem());
}

#[test]
fn one_file_by_two_paths_holds_both() {
    let folder = TempDir::new().unwrap();
    let cert = folder.path().join("both.pem");
    let key = folder.path().join("./both.pem");
    let id = localhost();
    // Before the file is there, and after it.
    for _ in 0..2 {
        id.save(Some(&cert), Some(&key)).unwrap();
        assert_eq!(
            Identity::load(&cert, None).unwrap().cert_pem(),
            id.cert_pem()
        );
        assert_eq!(
            fs::metadata(&cert).unwrap().permissions().mode() & 0o777,
            0o600
        );
    }
}

#[test]
fn a_save_that_fails_leaves_the_old_files() {
    let folder = TempDir::new().unwrap();
    let key = write(&folder, "key.pem", "old key");
    let cert = folder.path().join("cert.pem");
    fs::create_dir(&cert).unwrap();
    let (status, sentence) = status_of(localhost().save(Some(&cert), Some(&key)));
    assert_eq!(status, Status::File);
    assert!(sentence.contains("cert.pem"), "{sentence}");
    assert_eq!(fs::read_to_string(&key).unwrap(), "old key");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
}

#[test]
fn saving_needs_a_key_to_save_and_a_file_to_save_it_in() {
    let folder = TempDir::new().unwrap();
    let id = localhost();
    assert_eq!(status_of(id.save(None, None)).0, Status::Argument);
    let public = Identity::new(id.chain().to_vec(), None).unwrap();
    let path = folder.path().join("key.pem");
    assert_eq!(status_of(public.save(None, Some(&path))).0, Status::State);
    public.save(Some(&path), None).unwrap();
}
