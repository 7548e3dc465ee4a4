//! Python's `ssl`: much data, and many clients.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::thread;

use crate::peers::*;
use support::*;

/// Starts a program of Python in the folder of `files`.
fn python(files: &Files, program: &str, arguments: &[&str]) -> Peer {
    let mut command = Command::new("python3");
    command
        .current_dir(files.folder())
        .args(["-c", program])
        .args(arguments)
        .stdout(Stdio::piped());
    start(&mut command)
}

fn first_line(peer: &mut Peer) -> String {
    let mut line = String::new();
    let stdout = peer.0.stdout.as_mut().unwrap();
    BufReader::new(stdout).read_line(&mut line).unwrap();
    line.trim().to_owned()
}

const VOLUME: usize = 100 << 20;

/// 100 MiB that both sides can make: the byte at `i` is `i * 31 + i / 65536`.
fn volume() -> Vec<u8> {
    (0..VOLUME).map(|i| (i * 31 + (i >> 16)) as u8).collect()
}

/// Sends what comes back, after all of it has come.
const BIG_SERVER: &str = r#"
import hashlib, socket, ssl, sys
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain("cert.pem", "key.pem")
context.minimum_version = context.maximum_version = ssl.TLSVersion[sys.argv[1]]
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
sock, _ = listener.accept()
with context.wrap_socket(sock, server_side=True) as tls:
    data, size = bytearray(100 << 20), 0
    view = memoryview(data)
    while size < len(data):
        count = tls.recv_into(view[size:])
        assert count > 0
        size += count
    tls.sendall(hashlib.sha256(data).hexdigest().encode())
    tls.sendall(data)
    tls.unwrap()
"#;

#[test]
fn python_exchanges_a_hundred_megabytes_with_tlsmith() {
    let data = volume();
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &data);
    let digest: String = digest.as_ref().iter().map(|b| format!("{b:02x}")).collect();
    for version in ["TLSv1_2", "TLSv1_3"] {
        let files = Files::of(localhost());
        let mut peer = python(&files, BIG_SERVER, &[version]);
        let port = first_line(&mut peer).parse().unwrap();
        let connection = connect(&client_context(), port, "localhost").unwrap();
        assert_eq!(connection.write(&data).unwrap(), data.len());
        connection.shutdown().unwrap();
        let back = read_all(&connection).unwrap();
        assert_eq!(back.len(), 64 + data.len());
        assert_eq!(&back[..64], digest.as_bytes());
        assert!(back[64..] == data);
    }
}

/// Makes all its connections at once, and then sends a line on each.
const MANY_CLIENTS: &str = r#"
import socket, ssl, sys
context = ssl.create_default_context(cafile="ca.pem")
port, count = map(int, sys.argv[1:])
socks = []
for number in range(count):
    sock = socket.create_connection(("127.0.0.1", port), 60)
    socks.append(context.wrap_socket(sock, server_hostname="localhost"))
for number, sock in enumerate(socks):
    sock.sendall(b"%d" % number)
for number, sock in enumerate(socks):
    assert sock.recv(100) == b"%d" % number
for sock in socks:
    sock.unwrap()
print("fine")
"#;

#[test]
fn server_accepts_two_hundred_python_clients_at_once() {
    const COUNT: usize = 200;
    let files = Files::of(localhost());
    let (listener, port) = listen();
    let context = server_context(localhost());
    let arguments = [port.to_string(), COUNT.to_string()];
    let mut peer = python(
        &files,
        MANY_CLIENTS,
        &arguments.each_ref().map(String::as_str),
    );
    thread::scope(|scope| {
        for _ in 0..COUNT {
            let connection = accept(&context, &listener);
            scope.spawn(move || {
                let mut buffer = [0; 100];
                loop {
                    match connection.read(&mut buffer).unwrap() {
                        0 => break,
                        count => assert_eq!(connection.write(&buffer[..count]).unwrap(), count),
                    };
                }
                connection.shutdown().unwrap();
            });
        }
    });
    assert_eq!(first_line(&mut peer), "fine");
}
