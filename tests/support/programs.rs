//! Runs programs of other projects. A missing program fails the test and names its Debian
//! package.

use std::process::{Child, Command, Output, Stdio};

/// Starts a program.
#[track_caller]
pub fn spawn(command: &mut Command) -> Child {
    match command.spawn() {
        Ok(child) => child,
        Err(error) => missing(command, &error),
    }
}

/// Runs a program to its end, whether it succeeds or not. It reads nothing.
#[track_caller]
pub fn run(command: &mut Command) -> Output {
    match command.stdin(Stdio::null()).output() {
        Ok(output) => output,
        Err(error) => missing(command, &error),
    }
}

/// Runs a program with these arguments, which must succeed, and returns all that it prints.
#[track_caller]
pub fn program_prints(program: &str, arguments: &[&str]) -> String {
    prints(Command::new(program).args(arguments))
}

/// Runs a program that must succeed, and returns all that it prints.
#[track_caller]
pub fn prints(command: &mut Command) -> String {
    let output = run(command);
    let text = text_of(&output);
    assert!(output.status.success(), "{command:?}: {text}");
    text
}

/// Both outputs of a program.
pub fn text_of(output: &Output) -> String {
    let bytes = [&output.stdout[..], &output.stderr].concat();
    String::from_utf8_lossy(&bytes).into_owned()
}

#[track_caller]
fn missing(command: &Command, error: &std::io::Error) -> ! {
    let program = command.get_program().to_string_lossy();
    let package = match &*program {
        "certutil" | "pk12util" => "libnss3-tools",
        "gnutls-cli" | "gnutls-serv" => "gnutls-bin",
        "keytool" => "default-jre-headless",
        "mkfifo" => "coreutils",
        "text2pcap" => "tshark",
        same => same,
    };
    panic!("'{program}' is needed by this test: apt-get install {package} ({error})")
}
