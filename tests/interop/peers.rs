//! Starts other programs, and talks to them.

use std::io::Read;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tlsmith::{Connection, Context, Identity, SocketTransport, tcp};

use support::{TEST_TIMEOUT, ca, run, spawn, text_of};

/// A process that ends with the test.
pub struct Peer(pub Child);

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[track_caller]
pub fn start(command: &mut Command) -> Peer {
    Peer(spawn(command))
}

/// A process with pipes for its input and both outputs.
#[track_caller]
pub fn start_piped(command: &mut Command) -> Peer {
    let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped());
    start(piped.stderr(Stdio::piped()))
}

/// The output of a process, as it comes.
#[derive(Clone, Default)]
pub struct ProcessOutput {
    said: Arc<(Mutex<String>, Condvar)>,
    ends: Arc<Mutex<Vec<JoinHandle<()>>>>,
}

impl ProcessOutput {
    /// Listens to both outputs of a process, where they are pipes.
    pub fn of(peer: &mut Peer) -> Self {
        let words = Self::default();
        if let Some(stdout) = peer.0.stdout.take() {
            words.listen(stdout);
        }
        if let Some(stderr) = peer.0.stderr.take() {
            words.listen(stderr);
        }
        words
    }

    /// Threads end with what they read from, which ends with the process.
    fn listen(&self, mut from: impl Read + Send + 'static) {
        let said = self.said.clone();
        let end = thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(count @ 1..) = from.read(&mut buffer) {
                let text = String::from_utf8_lossy(&buffer[..count]);
                said.0.lock().unwrap().push_str(&text);
                said.1.notify_all();
            }
        });
        self.ends.lock().unwrap().push(end);
    }

    /// All output of a process that has ended.
    pub fn until_end(&self) -> String {
        for end in self.ends.lock().unwrap().drain(..) {
            end.join().unwrap();
        }
        self.said.0.lock().unwrap().clone()
    }

    /// Waits for this text, and returns all output up to then.
    #[track_caller]
    pub fn until(&self, part: &str) -> String {
        self.until_times(part, 1)
    }

    /// Waits until this text has been printed so many times.
    #[track_caller]
    pub fn until_times(&self, part: &str, times: usize) -> String {
        let (said, changed) = &*self.said;
        let (said, waited) = changed
            .wait_timeout_while(said.lock().unwrap(), Duration::from_secs(30), |said| {
                said.matches(part).count() < times
            })
            .unwrap();
        let said = said.clone();
        let latest = said.char_indices().rev().nth(2_000).map_or(0, |(at, _)| at);
        assert!(
            !waited.timed_out(),
            "no '{part}' ({times}) in …{}",
            &said[latest..]
        );
        said
    }

    /// Waits for the line with this text, and returns the rest of it.
    #[track_caller]
    pub fn after(&self, part: &str) -> String {
        loop {
            let said = self.until(part);
            let rest = said.split_once(part).unwrap().1;
            if let Some((line, _)) = rest.split_once('\n') {
                return line.trim().to_owned();
            }
            thread::yield_now();
        }
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

/// A port that is free now, below those that the system gives away itself, so that
/// no listener of another test has it when the peer wants it.
pub fn free_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let first = std::process::id().wrapping_mul(101);
    let ports = std::iter::repeat_with(|| {
        let number = first.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed));
        5_000 + (number % 10_000) as u16
    });
    let is_free = |port: &u16| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok();
    ports.take(1_000).find(is_free).expect("no port is free")
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
    let socket = tcp::connect("127.0.0.1", &port.to_string(), TEST_TIMEOUT, None)?;
    let connection = Connection::client(context, Some(name), SocketTransport::new(socket)?)?;
    connection.set_timeout(TEST_TIMEOUT);
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
    let socket = tcp::accept(listener, TEST_TIMEOUT, None).unwrap();
    let connection = Connection::server(context, SocketTransport::new(socket).unwrap()).unwrap();
    connection.set_timeout(TEST_TIMEOUT);
    connection
}

/// Whether a process succeeds that ends by itself, and what it prints.
#[track_caller]
pub fn output(command: &mut Command) -> (bool, String) {
    let output = run(command);
    (output.status.success(), text_of(&output))
}
