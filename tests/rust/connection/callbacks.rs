//! Callbacks get an error when they use the connection that runs them.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, Weak};
use std::thread;
use std::time::Duration;

use tlsmith::{
    ChannelBinding, Connection, Context, Error, Events, ExternalSigner, Identity, Now, Result,
    Selection, SessionStore, Status, Timeout, Transport, WaitMode,
};

use support::{client_context, localhost, pair, server_context, server_with, transfer};

/// A callback that tries every call on its connection.
#[derive(Clone, Default)]
struct Intruder {
    connection: Arc<OnceLock<Weak<Connection>>>,
    runs: Arc<AtomicUsize>,
    accepted: Arc<Mutex<Vec<String>>>,
}

impl Intruder {
    fn watch(&self, connection: &Arc<Connection>) {
        self.connection.set(Arc::downgrade(connection)).unwrap();
    }

    fn run(&self) {
        let Some(connection) = self.connection.get().and_then(Weak::upgrade) else {
            return;
        };
        self.runs.fetch_add(1, Ordering::SeqCst);
        self.accepted.lock().unwrap().extend(accepted(&connection));
    }

    /// A clock that is right, and runs this.
    fn clock(&self) -> Now {
        let inside = self.clone();
        Arc::new(move || {
            inside.run();
            let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap();
            i64::try_from(now.as_secs()).unwrap()
        })
    }

    #[track_caller]
    fn assert_refused(&self) {
        assert_eq!(*self.accepted.lock().unwrap(), Vec::<String>::new());
        assert!(self.runs.load(Ordering::SeqCst) > 0);
    }
}

/// The calls on a connection that succeed.
fn accepted(connection: &Connection) -> Vec<String> {
    let mut room = [0; 8];
    let outcomes: [(&str, Result<()>); 22] = [
        ("handshake", connection.handshake()),
        ("read", connection.read(&mut room).map(drop)),
        ("write", connection.write(b"x").map(drop)),
        ("write_counted", connection.write_counted(b"x").1),
        (
            "write_vectored",
            connection.write_vectored(&[b"x"]).map(drop),
        ),
        ("refresh_keys", connection.refresh_keys()),
        ("flush", connection.flush()),
        ("shutdown", connection.shutdown()),
        ("finish", connection.finish(Timeout::Never).map(drop)),
        ("receive_hello", connection.receive_hello().map(drop)),
        ("select", connection.select(Selection::default())),
        (
            "select_failed",
            connection.select_failed(Error::from(Status::Io)),
        ),
        ("check_hello", connection.check_hello()),
        ("refuse_hello", connection.refuse_hello(40)),
        ("write_early", connection.write_early(b"x").map(drop)),
        ("read_early", connection.read_early(&mut room).map(drop)),
        ("export", connection.export("label", None, &mut room)),
        (
            "channel_binding",
            connection
                .channel_binding(ChannelBinding::TlsServerEndPoint)
                .map(drop),
        ),
        ("feed", connection.feed(b"x")),
        ("drain", connection.drain(&mut room).map(drop)),
        ("lend", connection.drain_borrowed(|_| ())),
        ("check_callable", connection.check_callable()),
    ];
    connection.process();
    let facts = [
        ("events", connection.events() == Events::default()),
        ("pending", connection.pending() == 0),
        ("peer_closed", !connection.peer_closed()),
        ("leftover", connection.leftover().is_empty()),
        ("tickets", connection.tickets().is_empty()),
        ("session", connection.session().is_none()),
        ("peer_chain", connection.peer_chain().is_empty()),
        ("verified_chain", connection.verified_chain().is_empty()),
    ];
    let refused = |error: &Error| error.status() == Status::State;
    let calls = outcomes
        .iter()
        .filter(|(_, outcome)| !outcome.as_ref().is_err_and(refused));
    let calls = calls.map(|(name, outcome)| format!("{name}: {outcome:?}"));
    let facts = facts.iter().filter(|(_, is_empty)| !is_empty);
    calls
        .chain(facts.map(|(name, _)| (*name).to_owned()))
        .collect()
}

/// Has the intruder try its connection in the handshake of these two, and in what follows.
fn connect_watched(intruder: &Intruder, client: &Context, server: &Context, is_client: bool) {
    let (client, server) = pair(client, server, "localhost");
    let (client, server) = (Arc::new(client), Arc::new(server));
    intruder.watch(if is_client { &client } else { &server });
    let (ours, theirs) = support::run_handshake(&client, &server);
    ours.unwrap();
    theirs.unwrap();
    transfer(&client, &server, b"ping");
    transfer(&server, &client, b"pong");
    intruder.assert_refused();
}

struct Store(Intruder);

impl SessionStore for Store {
    fn put(&self, _: &[u8], _: &[u8], _: Duration) -> bool {
        self.0.run();
        false
    }

    fn take(&self, _: &[u8]) -> Option<Vec<u8>> {
        self.0.run();
        None
    }
}

struct Signer(Intruder);

impl ExternalSigner for Signer {
    fn sign(&self, _: u16, _: &[u8]) -> Result<Vec<u8>> {
        self.0.run();
        Err(Error::from(Status::Io))
    }
}

#[test]
fn verify_callback_cannot_call_its_connection() {
    let (client, intruder) = (client_context(), Intruder::default());
    let inside = intruder.clone();
    let judge = move |_: &tlsmith::VerificationResult<'_>| {
        inside.run();
        Ok(())
    };
    client.set_verify_callback(Arc::new(judge)).unwrap();
    connect_watched(&intruder, &client, &server_context(localhost()), true);
}

#[test]
fn client_hello_callback_cannot_call_its_connection() {
    let intruder = Intruder::default();
    let inside = intruder.clone();
    let inspect = move |_: &tlsmith::ClientHello| {
        inside.run();
        Ok(Selection::default())
    };
    let server = server_with(|server| server.set_hello_callback(Arc::new(inspect)).unwrap());
    connect_watched(&intruder, &client_context(), &server, false);
}

#[test]
fn key_log_cannot_call_its_connection() {
    for is_client in [true, false] {
        let intruder = Intruder::default();
        let inside = intruder.clone();
        let (client, server) = (client_context(), server_context(localhost()));
        let logging = if is_client { &client } else { &server };
        logging
            .set_keylog_callback(Arc::new(move |_| inside.run()))
            .unwrap();
        connect_watched(&intruder, &client, &server, is_client);
    }
}

#[test]
fn callbacks_run_by_progress_cannot_call_their_connection() {
    let (client, server) = (client_context(), server_context(localhost()));
    let intruder = Intruder::default();
    client.set_clock(intruder.clock()).unwrap();
    let memory = tlsmith::MemoryTransport;
    let ours = Arc::new(Connection::client(&client, Some("localhost"), memory).unwrap());
    let theirs = Connection::server(&server, memory).unwrap();
    let mut carried = [0; 16_384];
    let mut carry = |from: &Connection, to: &Connection| {
        while let count @ 1.. = from.drain(&mut carried).unwrap() {
            to.feed(&carried[..count]).unwrap();
        }
    };
    while ours.is_handshaking() || theirs.is_handshaking() {
        let _ = (ours.handshake(), theirs.handshake());
        carry(&ours, &theirs);
        let _ = theirs.handshake();
        if !ours.is_handshaking() {
            break;
        }
        carry(&theirs, &ours);
    }
    let _ = theirs.handshake();
    intruder.watch(&ours);
    carry(&theirs, &ours);
    // The tickets are here, and have a time.
    assert_eq!(ours.pending(), 0);
    intruder.assert_refused();
}

#[test]
fn peer_stays_known_after_a_callback_asks() {
    let client = client_context();
    let seen: Arc<OnceLock<Weak<Connection>>> = Arc::default();
    let asked = seen.clone();
    let ask = move |_| {
        let connection = asked.get().unwrap().upgrade().unwrap();
        assert!(connection.peer_chain().is_empty());
        assert_eq!(connection.verify_status(), Some(Status::State));
        assert!(connection.report().contains("callback"));
    };
    client.set_session_callback(Arc::new(ask)).unwrap();
    let (client, server) = pair(&client, &server_context(localhost()), "localhost");
    let client = Arc::new(client);
    seen.set(Arc::downgrade(&client)).unwrap();
    let (ours, theirs) = support::run_handshake(&client, &server);
    ours.unwrap();
    theirs.unwrap();
    transfer(&client, &server, b"ping");
    transfer(&server, &client, b"pong");
    assert_eq!(client.peer_chain().len(), 1);
    assert_eq!(client.verified_chain().len(), 2);
    assert_eq!(client.verify_status(), None);
}

#[test]
fn clock_cannot_call_its_connection() {
    let (client, intruder) = (client_context(), Intruder::default());
    client.set_clock(intruder.clock()).unwrap();
    connect_watched(&intruder, &client, &server_context(localhost()), true);
}

#[test]
fn session_callback_cannot_call_its_connection() {
    let (client, intruder) = (client_context(), Intruder::default());
    let inside = intruder.clone();
    client
        .set_session_callback(Arc::new(move |_| inside.run()))
        .unwrap();
    connect_watched(&intruder, &client, &server_context(localhost()), true);
}

#[test]
fn session_store_cannot_call_its_connection() {
    let intruder = Intruder::default();
    let server = server_with(|server| {
        server
            .add_ticket_key(&std::array::from_fn::<u8, 32, _>(|i| i as u8))
            .unwrap();
        server
            .set_session_store(Arc::new(Store(intruder.clone())))
            .unwrap();
    });
    connect_watched(&intruder, &client_context(), &server, false);
}

#[test]
fn external_signer_cannot_call_its_connection() {
    let intruder = Intruder::default();
    let signer = Arc::new(Signer(intruder.clone()));
    let site = Identity::external(localhost().chain().to_vec(), signer).unwrap();
    let (client, server) = pair(&client_context(), &server_context(&site), "localhost");
    let server = Arc::new(server);
    intruder.watch(&server);
    let outcome = thread::scope(|scope| {
        let server = scope.spawn(move || server.handshake());
        // It notices that the server is gone.
        client.handshake().unwrap_err();
        server.join().unwrap()
    });
    assert_eq!(outcome.unwrap_err().status(), Status::Io);
    intruder.assert_refused();
}

/// Has nothing to receive, and takes everything.
struct Calling(Intruder);

impl Transport for Calling {
    fn receive(&self, _: &mut [u8], _: WaitMode) -> Result<usize> {
        self.0.run();
        Err(Status::WantRead.into())
    }

    fn send(&self, data: &[u8], _: WaitMode) -> Result<usize> {
        self.0.run();
        Ok(data.len())
    }
}

#[test]
fn transport_cannot_call_its_connection() {
    let intruder = Intruder::default();
    let transport = Calling(intruder.clone());
    let client = Connection::client(&client_context(), Some("localhost"), transport).unwrap();
    let client = Arc::new(client);
    intruder.watch(&client);
    assert_eq!(client.handshake().unwrap_err().status(), Status::WantRead);
    intruder.assert_refused();
}

#[test]
fn borrower_of_output_cannot_call_its_connection() {
    let intruder = Intruder::default();
    let memory = tlsmith::MemoryTransport;
    let client = Connection::client(&client_context(), Some("localhost"), memory).unwrap();
    let client = Arc::new(client);
    intruder.watch(&client);
    assert!(client.handshake().is_err());
    client.drain_borrowed(|_| intruder.run()).unwrap();
    intruder.assert_refused();
}

#[test]
fn callback_can_use_other_connections_but_not_its_own() {
    let (client, intruder) = (client_context(), Intruder::default());
    let inside = intruder.clone();
    let other_client = client_context();
    let back = intruder.clone();
    let judge = move |_: &tlsmith::VerificationResult<'_>| {
        back.run();
        Ok(())
    };
    other_client.set_verify_callback(Arc::new(judge)).unwrap();
    let nested = move |_: &tlsmith::VerificationResult<'_>| {
        let server = server_context(localhost());
        support::connected_pair(&other_client, &server, "localhost");
        inside.run();
        Ok(())
    };
    client.set_verify_callback(Arc::new(nested)).unwrap();
    connect_watched(&intruder, &client, &server_context(localhost()), true);
    assert_eq!(intruder.runs.load(Ordering::SeqCst), 2);
}
