//! Tells the extension what it is made of: the versions that Cargo.lock pins.

use std::path::{Path, PathBuf};
use std::{env, fs};

/// The packages that `tlsmith.build_info()` names.
const NAMED: [&str; 3] = ["rustls", "aws-lc-rs", "aws-lc-sys"];

fn main() {
    let directory = env::var("CARGO_MANIFEST_DIR").expect("cargo sets it");
    let lock = lock_file(Path::new(&directory));
    let content = fs::read_to_string(&lock)
        .unwrap_or_else(|error| panic!("cannot read '{}': {error}", lock.display()));
    for name in NAMED {
        let version = version(&content, name)
            .unwrap_or_else(|| panic!("'{}' does not pin {name}", lock.display()));
        let variable = name.to_uppercase().replace('-', "_");
        println!("cargo::rustc-env=TLSMITH_{variable}={version}");
    }
    let target = env::var("TARGET").expect("cargo sets it");
    println!("cargo::rustc-env=TLSMITH_TARGET={target}");
    println!("cargo::rerun-if-changed={}", lock.display());
}

/// The Cargo.lock of the workspace, which is above.
fn lock_file(directory: &Path) -> PathBuf {
    let candidates = directory.ancestors().map(|above| above.join("Cargo.lock"));
    candidates
        .into_iter()
        .find(|path| path.exists())
        .unwrap_or_else(|| panic!("no Cargo.lock above '{}'", directory.display()))
}

/// The version of a package: Cargo writes it on the line after the name.
fn version<'a>(lock: &'a str, name: &str) -> Option<&'a str> {
    let (_, after) = lock.split_once(&format!("name = \"{name}\"\nversion = \""))?;
    after.split_once('"').map(|(version, _)| version)
}
