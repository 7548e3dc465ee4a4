//! What the tests of connections share: an authority, contexts, pairs.

#![allow(dead_code, reason = "each test program uses some of it")]

use std::os::unix::net::UnixStream;
use std::sync::OnceLock;
use std::thread;
use std::time::Duration;

use tlsmith::{
    CertOptions, Connection, Context, Identity, SocketTransport, Status, Timeout, gen_ca,
    issue_cert,
};

/// How long anything may take before the test fails.
pub const PATIENCE: Timeout = Timeout::After(Duration::from_secs(60));

/// The authority that the tests trust.
pub fn ca() -> &'static Identity {
    static CA: OnceLock<Identity> = OnceLock::new();
    CA.get_or_init(|| gen_ca(&CertOptions::default()).unwrap())
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

pub fn transport(stream: UnixStream) -> SocketTransport<UnixStream> {
    SocketTransport::new(stream).unwrap()
}

/// A client and a server that have not shaken hands.
pub fn pair(client: &Context, server: &Context, name: &str) -> (Connection, Connection) {
    let (near, far) = UnixStream::pair().unwrap();
    let client = Connection::client(client, Some(name), transport(near)).unwrap();
    let server = Connection::server(server, transport(far)).unwrap();
    client.set_timeout(PATIENCE);
    server.set_timeout(PATIENCE);
    (client, server)
}

/// A client and a server after a good handshake.
pub fn open_pair() -> (Connection, Connection) {
    let (client, server) = pair(&client_context(), &server_context(localhost()), "localhost");
    let (client_outcome, server_outcome) = shake_hands(&client, &server);
    client_outcome.unwrap();
    server_outcome.unwrap();
    (client, server)
}

/// Both sides of a handshake.
pub fn shake_hands(
    client: &Connection,
    server: &Connection,
) -> (tlsmith::Result<()>, tlsmith::Result<()>) {
    thread::scope(|scope| {
        let server = scope.spawn(|| server.handshake());
        (client.handshake(), server.join().unwrap())
    })
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
