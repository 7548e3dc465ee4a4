//! Runs the `openssl` program.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use crate::programs::{prints, run, spawn};

/// `openssl` with these arguments.
pub fn openssl_command(arguments: &[&str]) -> Command {
    let mut command = Command::new("openssl");
    command.args(arguments);
    command
}

/// Runs `openssl` to its end, whether it succeeds or not.
#[track_caller]
pub fn openssl(arguments: &[&str]) -> Output {
    run(&mut openssl_command(arguments))
}

/// The standard output of `openssl`, which must succeed.
#[track_caller]
pub fn openssl_prints(arguments: &[&str]) -> String {
    String::from_utf8_lossy(&openssl_outputs(arguments)).into_owned()
}

/// The same, for output that is not text.
#[track_caller]
pub fn openssl_outputs(arguments: &[&str]) -> Vec<u8> {
    let output = openssl(arguments);
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    output.stdout
}

/// Runs `openssl`, which must succeed, in a folder, and returns all that it prints.
#[track_caller]
pub fn openssl_in(folder: &Path, arguments: &[&str]) -> String {
    prints(openssl_command(arguments).current_dir(folder))
}

/// What `openssl`, which must succeed, makes of its standard input.
#[track_caller]
pub fn openssl_reading(input: &[u8], arguments: &[&str]) -> Vec<u8> {
    let mut command = openssl_command(arguments);
    let mut child = spawn(command.stdin(Stdio::piped()).stdout(Stdio::piped()));
    child.stdin.take().unwrap().write_all(input).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    output.stdout
}

/// The arguments of `openssl req` for a new key on P-256.
pub const NEW_P256: &[&str] = &["ec", "-pkeyopt", "ec_paramgen_curve:P-256"];

/// Has OpenSSL make a self-signed certificate for `common_name`, valid for two days:
/// `COMMON_NAME.pem` in `folder`, its key in `COMMON_NAME.key`. `key` is what follows
/// `-newkey`.
#[track_caller]
pub fn openssl_self_signed(folder: &Path, common_name: &str, key: &[&str], extensions: &[&str]) {
    let subject = format!("/CN={common_name}");
    let files = ["key", "pem"].map(|kind| format!("{common_name}.{kind}"));
    let mut arguments = vec!["req", "-x509", "-noenc", "-days", "2", "-subj", &subject];
    arguments.push("-newkey");
    arguments.extend(key);
    arguments.extend(["-keyout", &files[0], "-out", &files[1]]);
    for extension in extensions {
        arguments.extend(["-addext", extension]);
    }
    openssl_in(folder, &arguments);
}
