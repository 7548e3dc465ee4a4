//! Starting other programs, and being their peer.

use std::io::Read;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tlsmith::{Connection, Context, Identity, SocketTransport, tcp};

use crate::support::{PATIENCE, ca};

/// A process that ends with the test.
pub struct Peer(pub Child);

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub fn start(command: &mut Command, package: &str) -> Peer {
    let program = command.get_program().to_string_lossy().into_owned();
    match command.spawn() {
        Ok(child) => Peer(child),
        Err(error) => panic!("'{program}' is needed: apt-get install {package} ({error})"),
    }
}

/// The files of an identity, and of the CA, in a folder of their own.
pub struct Files {
    folder: TempDir,
}

impl Files {
    pub fn of(identity: &Identity) -> Self {
        let folder = TempDir::new().unwrap();
        let files = Self { folder };
        identity
            .save(Some(&files.path("cert.pem")), Some(&files.path("key.pem")))
            .unwrap();
        ca().save(Some(&files.path("ca.pem")), None).unwrap();
        files
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}

/// A port that is free now.  Another program may take it before it is used;
/// the peer then ends at once, and [`await_listener`] says so.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.local_addr().unwrap().port()
}

/// Waits until a peer listens.
pub fn await_listener(peer: &mut Peer, port: u16) {
    let end = Instant::now() + Duration::from_secs(30);
    while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
        if let Some(status) = peer.0.try_wait().unwrap() {
            let mut words = String::new();
            if let Some(stderr) = &mut peer.0.stderr {
                stderr.read_to_string(&mut words).unwrap();
            }
            panic!("the peer ended before it listened ({status}): {words}");
        }
        assert!(Instant::now() < end, "the peer does not listen");
        thread::yield_now();
    }
}

/// A client of a server on this machine.
pub fn connect(context: &Context, port: u16, name: &str) -> tlsmith::Result<Connection> {
    let socket = tcp::connect("127.0.0.1", &port.to_string(), PATIENCE, None)?;
    let connection = Connection::client(context, Some(name), SocketTransport::new(socket)?)?;
    connection.set_timeout(PATIENCE);
    connection.handshake()?;
    Ok(connection)
}

/// A listener of ours on a free port.
pub fn listen() -> (OwnedFd, u16) {
    let listener = tcp::listen(Some("127.0.0.1"), "0").unwrap();
    let address: SocketAddr = tcp::local_address(&listener).unwrap();
    (listener, address.port())
}

pub fn accept(context: &Context, listener: &OwnedFd) -> Connection {
    let socket = tcp::accept(listener, PATIENCE, None).unwrap();
    let connection = Connection::server(context, SocketTransport::new(socket).unwrap()).unwrap();
    connection.set_timeout(PATIENCE);
    connection
}

/// The words of a process that ends by itself.
pub fn output(command: &mut Command, package: &str) -> (bool, String) {
    command.stdin(Stdio::null());
    let program = command.get_program().to_string_lossy().into_owned();
    let out = command
        .output()
        .unwrap_or_else(|e| panic!("'{program}' is needed: apt-get install {package} ({e})"));
    let words = [out.stdout, out.stderr].concat();
    (
        out.status.success(),
        String::from_utf8_lossy(&words).into_owned(),
    )
}
