//! What the test programs share: an authority, contexts, pairs of connections, and the
//! programs of other projects.

mod ed448_chain;
mod openssl;
mod programs;

use std::os::unix::net::UnixStream;
use std::process::Command;
use std::sync::{Arc, Mutex, OnceLock};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tlsmith::{
    CertOptions, Connection, ConnectionOptions, Context, Error, Identity, KeyType, SocketTransport,
    Status, Timeout, Transport, Usage, Version, WaitMode, gen_ca, issue_cert,
};

pub use ed448_chain::Ed448Chain;
pub use openssl::*;
pub use programs::*;

/// How long anything may take before the test fails.
pub const TEST_TIMEOUT: Timeout = Timeout::After(Duration::from_secs(60));

/// The authority that the tests trust.
pub fn ca() -> &'static Identity {
    static CA: OnceLock<Identity> = OnceLock::new();
    CA.get_or_init(|| gen_ca(&CertOptions::default()).unwrap())
}

/// Another authority, with this common name.
pub fn ca_named(name: &str) -> Identity {
    let options = CertOptions {
        common_name: Some(name.to_owned()),
        ..CertOptions::default()
    };
    gen_ca(&options).unwrap()
}

/// The time of the system, in seconds since 1970.
pub fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(since.as_secs()).unwrap()
}

pub fn names(list: &[&str]) -> Vec<String> {
    list.iter().map(|&name| name.to_owned()).collect()
}

pub fn issue(list: &[&str], options: &CertOptions) -> Identity {
    issue_cert(ca(), &names(list), options).unwrap()
}

/// The identity of most servers here.
pub fn localhost() -> &'static Identity {
    static LOCALHOST: OnceLock<Identity> = OnceLock::new();
    LOCALHOST.get_or_init(|| issue(&["localhost", "127.0.0.1", "::1"], &CertOptions::default()))
}

/// A context that trusts [`ca`].
pub fn client_context() -> Context {
    let context = Context::new();
    context.add_root(ca().certificate()).unwrap();
    context
}

pub fn server_context(identity: &Identity) -> Context {
    let context = Context::new();
    context.use_identity(identity).unwrap();
    context
}

/// A server of `localhost` after some settings.
pub fn server_with(set: impl FnOnce(&Context)) -> Context {
    let server = server_context(localhost());
    set(&server);
    server
}

pub fn transport(stream: UnixStream) -> SocketTransport<UnixStream> {
    SocketTransport::new(stream).unwrap()
}

/// A client and a server before the handshake.
pub fn pair(client: &Context, server: &Context, name: &str) -> (Connection, Connection) {
    let (near, far) = UnixStream::pair().unwrap();
    let client = Connection::client(client, Some(name), transport(near)).unwrap();
    let server = Connection::server(server, transport(far)).unwrap();
    client.set_timeout(TEST_TIMEOUT);
    server.set_timeout(TEST_TIMEOUT);
    (client, server)
}

/// The same for `localhost`, each side with options of its own.
pub fn pair_with(
    client: &Context,
    client_options: &ConnectionOptions,
    server: &Context,
    server_options: &ConnectionOptions,
) -> (Connection, Connection) {
    let (near, far) = UnixStream::pair().unwrap();
    let name = Some("localhost");
    let client = Connection::client_with(client, client_options, name, transport(near)).unwrap();
    let server = Connection::server_with(server, server_options, transport(far)).unwrap();
    client.set_timeout(TEST_TIMEOUT);
    server.set_timeout(TEST_TIMEOUT);
    (client, server)
}

/// A client and a server after a good handshake.
pub fn open_pair() -> (Connection, Connection) {
    let (client, server) = pair(&client_context(), &server_context(localhost()), "localhost");
    let (client_outcome, server_outcome) = run_handshake(&client, &server);
    client_outcome.unwrap();
    server_outcome.unwrap();
    (client, server)
}

/// Both sides of a handshake.
pub fn run_handshake(
    client: &Connection,
    server: &Connection,
) -> (tlsmith::Result<()>, tlsmith::Result<()>) {
    thread::scope(|scope| {
        let server = scope.spawn(|| server.handshake());
        (client.handshake(), server.join().unwrap())
    })
}

/// The error of a client in its handshake with `localhost`, if it has one.
pub fn client_error(client: &Context, server: &Context) -> Option<Error> {
    let (client, server) = pair(client, server, "localhost");
    let (ours, theirs) = run_handshake(&client, &server);
    assert!(ours.is_ok() || theirs.is_err() || client.agreed().is_none());
    ours.err()
}

/// The status of that error.
pub fn client_status(client: &Context, server: &Context) -> Option<Status> {
    client_error(client, server).map(|error| error.status())
}

/// Both sides after a good handshake and data each way, with which the tickets of TLS 1.3
/// come.
#[track_caller]
pub fn connected_pair(client: &Context, server: &Context, name: &str) -> (Connection, Connection) {
    let (client, server) = pair(client, server, name);
    let (ours, theirs) = run_handshake(&client, &server);
    ours.unwrap();
    theirs.unwrap();
    transfer(&client, &server, b"ping");
    transfer(&server, &client, b"pong");
    (client, server)
}

/// Sends data that must arrive.
#[track_caller]
pub fn transfer(from: &Connection, to: &Connection, data: &[u8]) {
    assert_eq!(from.write(data).unwrap(), data.len());
    expect_data(to, data);
}

/// Reads data that must be this.
#[track_caller]
pub fn expect_data(connection: &Connection, data: &[u8]) {
    let mut got = vec![0; data.len()];
    let mut have = 0;
    while have < got.len() {
        let count = connection.read(&mut got[have..]).unwrap();
        assert_ne!(count, 0, "the data ended");
        have += count;
    }
    assert!(got == data, "{}", String::from_utf8_lossy(&got));
}

/// A context with one version of TLS.
pub fn only(context: Context, version: Version) -> Context {
    context.set_versions(version, version).unwrap();
    context
}

pub const BOTH_VERSIONS: [Version; 2] = [Version::Tls12, Version::Tls13];

/// A key type of every algorithm that OpenSSL 3.0 supports, too, and whose keys are made fast.
pub const FAST_KEY_TYPES: [KeyType; 6] = [
    KeyType::EcdsaP256,
    KeyType::EcdsaP384,
    KeyType::EcdsaP521,
    KeyType::Ed25519,
    KeyType::Ed448,
    KeyType::Rsa2048,
];

pub fn with_key(key_type: KeyType) -> CertOptions {
    CertOptions {
        key_type: Some(key_type),
        ..CertOptions::default()
    }
}

/// For identities that are servers and clients.
pub fn for_both_sides() -> CertOptions {
    let usage = Usage {
        server: true,
        client: true,
    };
    CertOptions {
        usage: Some(usage),
        ..CertOptions::default()
    }
}

const CHILD: &str = "TLSMITH_TEST_CHILD";

/// Another process of this program, which runs one test that begins with
/// [`is_child`].
pub fn child(test: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "--test-threads=1", test]);
    command.env(CHILD, "1");
    command
}

/// Whether this process was made by [`child`]: a test that is half of another one
/// does nothing elsewhere.
pub fn is_child() -> bool {
    std::env::var_os(CHILD).is_some()
}

/// A transport that keeps a copy of what is sent.
pub struct Recording<T> {
    inner: T,
    sent: Arc<Mutex<Vec<u8>>>,
}

impl<T: Transport> Recording<T> {
    /// Also gives what will have been sent.
    pub fn new(inner: T) -> (Self, Arc<Mutex<Vec<u8>>>) {
        let sent = Arc::<Mutex<Vec<u8>>>::default();
        (
            Self {
                inner,
                sent: sent.clone(),
            },
            sent,
        )
    }
}

impl<T: Transport> Transport for Recording<T> {
    fn receive(&self, buffer: &mut [u8], patience: WaitMode) -> tlsmith::Result<usize> {
        self.inner.receive(buffer, patience)
    }

    fn send(&self, data: &[u8], patience: WaitMode) -> tlsmith::Result<usize> {
        let count = self.inner.send(data, patience)?;
        self.sent.lock().unwrap().extend_from_slice(&data[..count]);
        Ok(count)
    }
}

/// The same as [`pair`], with what the client will have sent.
pub fn recorded_pair(
    client: &Context,
    server: &Context,
    name: &str,
) -> (Connection, Connection, Arc<Mutex<Vec<u8>>>) {
    let (near, far) = UnixStream::pair().unwrap();
    let (recording, sent) = Recording::new(transport(near));
    let client = Connection::client(client, Some(name), recording).unwrap();
    let server = Connection::server(server, transport(far)).unwrap();
    client.set_timeout(TEST_TIMEOUT);
    server.set_timeout(TEST_TIMEOUT);
    (client, server, sent)
}

/// The payloads of records of one type (RFC 8446, section 5.1).
pub fn records(mut bytes: &[u8], kind: u8) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    while let [this, _, _, high, low, rest @ ..] = bytes {
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        let (payload, later) = rest.split_at(length);
        if *this == kind {
            found.push(payload.to_vec());
        }
        bytes = later;
    }
    found
}

/// The extensions of a ClientHello (RFC 8446, section 4.1.2): number, content.
pub fn hello_extensions(hello: &[u8]) -> Vec<(u16, Vec<u8>)> {
    assert_eq!(hello[0], 1, "a ClientHello");
    let mut rest = &hello[4 + 2 + 32..];
    let mut skip = |width: usize| {
        let length = rest[..width]
            .iter()
            .fold(0, |sum, byte| sum << 8 | usize::from(*byte));
        rest = &rest[width + length..];
    };
    skip(1);
    skip(2);
    skip(1);
    rest = &rest[2..];
    let mut found = Vec::new();
    while let [a, b, c, d, later @ ..] = rest {
        let length = usize::from(u16::from_be_bytes([*c, *d]));
        found.push((u16::from_be_bytes([*a, *b]), later[..length].to_vec()));
        rest = &later[length..];
    }
    found
}

pub fn read_all(connection: &Connection) -> tlsmith::Result<Vec<u8>> {
    let mut all = Vec::new();
    let mut buffer = vec![0; 65_536];
    loop {
        match connection.read(&mut buffer)? {
            0 => return Ok(all),
            count => all.extend_from_slice(&buffer[..count]),
        }
    }
}

#[track_caller]
pub fn assert_fails<T: std::fmt::Debug>(result: tlsmith::Result<T>, status: Status, part: &str) {
    let error = result.unwrap_err();
    assert_eq!(error.status(), status, "{error}");
    assert!(error.to_string().contains(part), "{error}");
}
