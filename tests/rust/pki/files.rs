//! Files: saved whole, read in PEM and DER, and the errors of both.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use support::*;
use tempfile::TempDir;
use tlsmith::{
    CertOptions, Context, CrlOptions, Csr, Identity, KeyType, PrivateKey, Status, gen_ca, gen_crl,
    gen_csr, issue_cert, self_signed,
};

use super::*;

fn localhost() -> Identity {
    self_signed(&names(&["localhost"]), &CertOptions::default()).unwrap()
}

#[test]
fn fifo_without_a_writer_reads_as_empty() {
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
fn fifo_with_a_writer_is_read_to_its_end() {
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
fn save_does_not_replace_devices_and_directories() {
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
fn file_errors_keep_the_errno() {
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
fn save_replaces_the_target_of_a_symbolic_link() {
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
fn save_writes_both_parts_to_one_file_with_two_paths() {
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
fn failed_save_keeps_the_old_files() {
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
fn save_needs_a_key_and_a_path() {
    let folder = TempDir::new().unwrap();
    let id = localhost();
    assert_eq!(status_of(id.save(None, None)).0, Status::Argument);
    let public = Identity::new(id.chain().to_vec(), None).unwrap();
    let path = folder.path().join("key.pem");
    assert_eq!(status_of(public.save(None, Some(&path))).0, Status::State);
    public.save(Some(&path), None).unwrap();
}

#[test]
fn save_makes_keys_private_and_replaces_whole_files() {
    let folder = TempDir::new().unwrap();
    let id = self_signed(&names(&["localhost"]), &CertOptions::default()).unwrap();
    let cert = folder.path().join("cert.pem");
    let key = write(&folder, "key.pem", "old");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    id.save(Some(&cert), Some(&key)).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&cert), mode(&key)), (0o644, 0o600));
    let back = Identity::load(&cert, Some(&key)).unwrap();
    assert_eq!(back.certificate(), id.certificate());

    let both = folder.path().join("both.pem");
    id.save(Some(&both), Some(&both)).unwrap();
    assert_eq!(mode(&both), 0o600);
    assert_eq!(
        Identity::load(&both, None).unwrap().cert_pem(),
        id.cert_pem()
    );

    let missing = folder.path().join("no/such/folder.pem");
    assert_eq!(status_of(id.save(None, Some(&missing))).0, Status::File);
    assert_eq!(
        status_of(id.save(None, Some(folder.path()))).0,
        Status::File
    );
    let left: Vec<_> = fs::read_dir(folder.path()).unwrap().collect();
    assert_eq!(left.len(), 3, "nothing half-written stays: {left:?}");
}

#[test]
fn files_can_be_der() {
    let folder = TempDir::new().unwrap();
    let ca = gen_ca(&CertOptions::default()).unwrap();
    let id = issue_cert(&ca, &names(&["localhost"]), &CertOptions::default()).unwrap();
    let key = id.key().unwrap();
    let cert = write(&folder, "cert.der", id.certificate().der());
    let root = write(&folder, "root.der", ca.certificate().der());
    let plain = write(&folder, "key.der", key.to_pkcs8_der());
    let loaded = Identity::load(&cert, Some(&plain)).unwrap();
    assert_eq!(loaded.chain(), id.chain());
    let encrypted = openssl(&[
        "pkcs8",
        "-topk8",
        "-in",
        text(&plain),
        "-inform",
        "DER",
        "-outform",
        "DER",
        "-passout",
        "pass:x",
    ]);
    let encrypted = write(&folder, "encrypted.der", encrypted.stdout);
    Identity::load_encrypted(&cert, Some(&encrypted), "x").unwrap();

    let csr = gen_csr(&names(&["a.example"]), &CertOptions::default()).unwrap();
    let file = write(&folder, "csr.der", csr.der());
    assert_eq!(Csr::load(&file).unwrap().der(), csr.der());
    let crl = gen_crl(&ca, &[], &CrlOptions::default()).unwrap();
    let file = write(&folder, "crl.der", crl.der());
    let context = Context::new();
    context.add_roots(&root).unwrap();
    context.add_crls(&file).unwrap();
    context
        .verify(id.chain(), Some("localhost"), None, None)
        .unwrap();
}

#[test]
fn unusable_files_give_clear_errors() {
    let folder = TempDir::new().unwrap();
    let id = self_signed(&names(&["localhost"]), &CertOptions::default()).unwrap();
    let other = PrivateKey::generate(KeyType::Ed25519).unwrap();
    let cert = write(&folder, "cert.pem", id.cert_pem());
    let key = write(&folder, "other.key", other.to_pem().as_bytes());
    let empty = write(&folder, "empty.pem", "");
    let noise = write(&folder, "noise.pem", vec![0xa5; 1 << 20]);
    let damaged = write(
        &folder,
        "damaged.pem",
        &id.cert_pem()[..id.cert_pem().len() / 2],
    );
    let huge = folder.path().join("huge.pem");
    fs::File::create(&huge).unwrap().set_len(100 << 20).unwrap();
    let cases: [(&Path, &Path, Status, &str); 9] = [
        (&cert, &key, Status::KeyMismatch, "ed25519"),
        (&empty, &key, Status::Parse, "empty.pem"),
        (&noise, &key, Status::Parse, "noise.pem"),
        (&damaged, &key, Status::Parse, "damaged.pem"),
        (&huge, &key, Status::File, "16 MiB"),
        (Path::new("/dev/zero"), &key, Status::File, "16 MiB"),
        (folder.path(), &key, Status::File, "directory"),
        (
            &cert,
            Path::new("/nonexistent.key"),
            Status::File,
            "/nonexistent.key",
        ),
        (&cert, &cert, Status::Parse, "a private key is needed"),
    ];
    for (cert, key, expected, part) in cases {
        let (status, sentence) = status_of(Identity::load(cert, Some(key)));
        assert_eq!(status, expected, "{sentence}");
        assert!(sentence.contains(part), "{sentence}");
    }
}
