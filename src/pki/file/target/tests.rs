use std::fs;
use std::os::unix::fs::symlink;

use rustix::fs::{AtFlags, statat};
use tempfile::TempDir;

use super::*;

#[test]
fn may_follow_applies_protected_symlinks_rule() {
    let (owner, user, stranger) = (0, 1000, 1001);
    let shared = 0o041_777;
    for (mode, link_owner, follows) in [
        (shared, user, true),
        (shared, owner, true),
        (shared, stranger, false),
        // Sticky only, or shared only: the rule does not apply.
        (0o041_775, stranger, true),
        (0o040_777, stranger, true),
        (0o040_755, stranger, true),
    ] {
        let followed = may_follow(mode, owner, link_owner, user);
        assert_eq!(followed, follows, "{mode:o} {link_owner}");
    }
}

/// Creates a directory with a file, a link to the file, a link to itself, and a loop.
fn directory_with_links() -> TempDir {
    let directory = TempDir::new().unwrap();
    let path = directory.path();
    fs::write(path.join("file"), "").unwrap();
    fs::create_dir(path.join("inner")).unwrap();
    symlink("file", path.join("link")).unwrap();
    symlink(path, path.join("inner/up")).unwrap();
    symlink("loop", path.join("loop")).unwrap();
    symlink("new", path.join("dangling")).unwrap();
    directory
}

fn find(path: &Path, follow: bool) -> Result<String, String> {
    let target = Target::walk(path, |_, _| follow).map_err(|error| error.to_string())?;
    Ok(target.name.into_string().unwrap())
}

#[test]
fn walk_follows_links_to_files_directories_and_free_names() {
    let directory = directory_with_links();
    let path = directory.path();
    for (from, name) in [
        ("file", "file"),
        ("free", "free"),
        ("link", "file"),
        ("./inner/../link", "file"),
        ("inner/up/link", "file"),
        ("inner/up/inner/up//free", "free"),
        ("dangling", "new"),
    ] {
        assert_eq!(find(&path.join(from), true).as_deref(), Ok(name), "{from}");
        let target = Target::find(&path.join(from)).unwrap();
        let there = Target::find(&path.join(name)).unwrap();
        assert!(target.is(&there).unwrap(), "{from}");
    }
}

#[test]
fn walk_holds_the_directory_it_found() {
    let directory = directory_with_links();
    let target = Target::find(&directory.path().join("inner/new")).unwrap();
    fs::rename(
        directory.path().join("inner"),
        directory.path().join("moved"),
    )
    .unwrap();
    let moved = fs::metadata(directory.path().join("moved")).unwrap();
    let held = statat(&target.directory, "", AtFlags::EMPTY_PATH).unwrap();
    assert_eq!(held.st_ino, std::os::unix::fs::MetadataExt::ino(&moved));
}

#[test]
fn walk_rejects_links_of_other_users_in_every_component() {
    let directory = directory_with_links();
    for from in ["link", "inner/up/file", "dangling"] {
        let error = find(&directory.path().join(from), false).unwrap_err();
        assert!(error.contains("is a symbolic link that user"), "{error}");
        assert!(error.contains("remove it"), "{error}");
    }
    for from in ["file", "inner/new"] {
        find(&directory.path().join(from), false).unwrap();
    }
}

#[test]
fn walk_rejects_paths_that_cannot_be_files() {
    let directory = directory_with_links();
    let path = directory.path();
    for (from, words) in [
        (path.to_owned(), "directory"),
        (path.join("inner/."), "directory"),
        (path.join("inner/.."), "directory"),
        (path.join("new/"), "No such file"),
        (path.join("file/"), "Not a directory"),
        (path.join("file/new"), "Not a directory"),
        (path.join("none/new"), "No such file"),
        (path.join("loop"), "symbolic links"),
        ("/".into(), "directory"),
        ("".into(), "No such file"),
        ("/dev/null".into(), "not a regular file"),
    ] {
        let error = find(&from, true).unwrap_err();
        assert!(error.contains(words), "{from:?}: {error}");
    }
}

#[test]
fn refusal_escapes_link_name() {
    let error = refusal(OsStr::new("a\u{1b}[2J\n"), 65534).to_string();
    assert!(error.contains(r"'a\u{1b}[2J\n'"), "{error}");
    assert!(error.contains("user 65534"), "{error}");
}
