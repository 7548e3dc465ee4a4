//! Connections: their start and their end.

use std::ffi::{c_char, c_int, c_void};
use std::os::fd::{AsRawFd, IntoRawFd};
use std::sync::atomic::{AtomicPtr, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use tlsmith::{
    Connection, ConnectionOptions, Context, Error, Origin, Result, Selection, SocketTransport,
    Status, Timeout, Transport, tcp,
};

use crate::cert::tlsmith_cert;
use crate::ctx::tlsmith_ctx;
use crate::driving::Turn;
use crate::edge::{self, CallersFd, Texts};
use crate::hello::tlsmith_hello;

/// One connection.
pub struct tlsmith_conn {
    origin: Origin,
    open: OnceLock<Open>,
    settings: Mutex<Settings>,
    /// A bug struck: nothing may happen on this connection any more.
    broken: OnceLock<Error>,
    texts: Texts,
    pub(crate) peer: OnceLock<Vec<tlsmith_cert>>,
    pub(crate) verified: OnceLock<Vec<tlsmith_cert>>,
    /// The OCSP response for a verify callback.
    pub(crate) ocsp: OnceLock<Vec<u8>>,
    hello: OnceLock<Box<tlsmith_hello>>,
    userdata: AtomicPtr<c_void>,
}

/// What there is once it is connected.
pub(crate) struct Open {
    connection: Connection,
    /// The socket, or -1.
    fd: c_int,
}

/// What is set on it before it is connected.
pub(crate) struct Settings {
    pub(crate) context: Context,
    pub(crate) options: ConnectionOptions,
    /// Why one of these could not be set.
    failure: Option<Error>,
    timeout: Timeout,
    /// None where the program did not say it, Some(None) for no limit.
    handshake_timeout: Option<Option<Duration>>,
    error: Option<Error>,
}

impl tlsmith_conn {
    fn settings(&self) -> MutexGuard<'_, Settings> {
        self.settings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The connection, if it is one already; none in a forked child.
    pub(crate) fn connection(&self) -> Option<&Connection> {
        let open = self.open.get().filter(|_| !self.is_inherited());
        open.map(|open| &open.connection)
    }

    /// Whether this is the copy of a forked child, where a lock of it may be one that is never
    /// released.
    pub(crate) fn is_inherited(&self) -> bool {
        !self.origin.is_here()
    }

    /// The same, none in a callback of it.
    pub(crate) fn at_rest(&self) -> Option<&Connection> {
        self.connection().filter(|open| !open.is_entered())
    }

    /// Makes it a client.
    pub(crate) fn client(
        &self,
        name: Option<&str>,
        transport: impl Transport + 'static,
    ) -> Result<Open> {
        self.check_unused()?;
        let (context, options) = self.start_with()?;
        Connection::client_with(&context, &options, name, transport).map(Open::new)
    }

    /// Makes it a server.
    pub(crate) fn server(&self, transport: impl Transport + 'static) -> Result<Open> {
        self.check_unused()?;
        let (context, options) = self.start_with()?;
        Connection::server_with(&context, &options, transport).map(Open::new)
    }

    fn start_with(&self) -> Result<(Context, ConnectionOptions)> {
        let settings = self.settings();
        match &settings.failure {
            Some(error) => Err(error.clone()),
            None => Ok((settings.context.clone(), settings.options.clone())),
        }
    }

    /// Changes its settings.  If that fails, so does everything that needs them.
    pub(crate) fn change(&self, change: impl FnOnce(&mut Settings) -> Result<()>) -> Result<()> {
        self.origin.check()?;
        let mut settings = self.settings();
        change(&mut settings).inspect_err(|error| {
            settings.failure.get_or_insert_with(|| error.clone());
        })
    }

    /// What its settings answer a ClientHello with.
    pub(crate) fn selection(&self) -> Result<Selection> {
        let (context, options) = self.start_with()?;
        Ok(Selection {
            context: Some(context),
            options: Some(options),
        })
    }

    /// Keeps the ClientHello, the first time.
    pub(crate) fn keep_hello(&self, make: impl FnOnce() -> tlsmith_hello) -> &tlsmith_hello {
        self.hello.get_or_init(|| Box::new(make()))
    }

    pub(crate) fn hello(&self) -> Option<&tlsmith_hello> {
        self.hello.get().map(AsRef::as_ref)
    }

    pub(crate) fn set_userdata(&self, userdata: *mut c_void) {
        self.userdata.store(userdata, Ordering::Release);
    }

    pub(crate) fn userdata(&self) -> *mut c_void {
        self.userdata.load(Ordering::Acquire)
    }

    /// A copy of `text` that lives as long as the connection.
    pub(crate) fn keep(&self, text: &str) -> *const c_char {
        self.texts.keep(text)
    }

    /// Makes this its latest error.
    pub(crate) fn note(&self, error: &Error) {
        if !self.is_inherited() {
            self.settings().error = Some(error.clone());
        }
    }

    /// The latest error.
    pub(crate) fn error(&self) -> Option<Error> {
        match self.origin.check() {
            Ok(()) => self.settings().error.clone(),
            inherited => inherited.err(),
        }
    }

    /// The connection, which checks on its own that this is its process.
    pub(crate) fn need_connection(&self) -> Result<&Connection> {
        if let Some(open) = self.open.get() {
            return Ok(&open.connection);
        }
        self.origin.check()?;
        let sentence = "this connection is not connected yet: connect or accept first";
        Err(Error::new(Status::State, sentence))
    }

    fn check_unused(&self) -> Result<()> {
        match self.open.get() {
            None => Ok(()),
            Some(_) => Err(Error::new(
                Status::State,
                "this connection is connected already: make another one",
            )),
        }
    }

    pub(crate) fn start(&self, open: Open) -> Result<()> {
        let settings = self.settings();
        open.connection.set_timeout(settings.timeout);
        if let Some(limit) = settings.handshake_timeout {
            open.connection.set_handshake_timeout(limit);
        }
        drop(settings);
        // Another thread can have been faster; then this one is dropped.
        self.open.set(open).map_err(|_| {
            let sentence = "another thread connected this connection at the same moment";
            Error::new(Status::State, sentence)
        })
    }
}

impl Open {
    fn new(connection: Connection) -> Self {
        Self { connection, fd: -1 }
    }

    /// It runs over this socket.
    pub(crate) fn over_socket(self, fd: c_int) -> Self {
        Self { fd, ..self }
    }
}

/// Runs a call that sets a connection up, in the process that made it.
pub(crate) fn on<T>(
    conn: *const tlsmith_conn,
    call: impl FnOnce(&tlsmith_conn) -> Result<T>,
) -> Result<T> {
    run(conn, |conn| {
        conn.origin.check()?;
        if let Some(open) = conn.open.get() {
            open.connection.check_callable()?;
        }
        call(conn)
    })
}

/// Runs a call on a connection, which keeps its error.
fn run<T>(conn: *const tlsmith_conn, call: impl FnOnce(&tlsmith_conn) -> Result<T>) -> Result<T> {
    let Some(conn) = edge::borrow(conn) else {
        return edge::guard(|| Err(edge::is_null("conn")));
    };
    let outcome = edge::guard(|| {
        if let Some(error) = conn.broken.get() {
            return Err(error.clone());
        }
        let _turn = Turn::on(conn);
        call(conn)
    });
    outcome.inspect_err(|error| {
        if error.status() == Status::Internal {
            conn.broken.get_or_init(|| error.clone());
        }
        conn.note(error);
    })
}

/// The same for calls that need it to be connected.
pub(crate) fn on_open<T>(
    conn: *const tlsmith_conn,
    call: impl FnOnce(&Connection) -> Result<T>,
) -> Result<T> {
    run(conn, |conn| call(conn.need_connection()?))
}

/// A connection, not connected yet.  NULL when `ctx` is.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_conn_new(ctx: *mut tlsmith_ctx) -> *mut tlsmith_conn {
    edge::handle(edge::guard(|| {
        edge::watch_forks()?;
        Ok(tlsmith_conn {
            origin: Origin::here(),
            open: OnceLock::new(),
            settings: Mutex::new(Settings {
                context: edge::need(ctx, "ctx")?.context.clone(),
                options: ConnectionOptions::new(),
                failure: None,
                timeout: Timeout::default(),
                handshake_timeout: None,
                error: None,
            }),
            broken: OnceLock::new(),
            texts: Texts::default(),
            peer: OnceLock::new(),
            verified: OnceLock::new(),
            ocsp: OnceLock::new(),
            hello: OnceLock::new(),
            userdata: AtomicPtr::default(),
        })
    }))
}

/// Free it and close the socket it owns, immediately and without sending close_notify: call
/// tlsmith_shutdown() first.  No other call may be in progress.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_conn_free(conn: *mut tlsmith_conn) {
    edge::free(conn);
}

/// Why the latest failed call on this connection failed; "" if none did.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_conn_error(conn: *const tlsmith_conn) -> *const c_char {
    if conn.is_null() {
        return c"conn is NULL".as_ptr();
    }
    edge::string(conn, |conn| {
        let error = conn.error().map(|error| error.to_string());
        conn.keep(&error.unwrap_or_default())
    })
}

/// Limit the waiting of each later call, in milliseconds.  -1, the default, waits as the socket
/// does: for ever if it blocks.  0 never waits: calls return a WANT code instead.
/// TLSMITH_ERR_TIMEOUT comes when the limit passed.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_conn_set_timeout(conn: *mut tlsmith_conn, ms: c_int) -> c_int {
    edge::status(on(conn, |conn| {
        let timeout = match u64::try_from(ms) {
            Ok(0) => Timeout::Never,
            Ok(ms) => Timeout::After(Duration::from_millis(ms)),
            Err(_) if ms == -1 => Timeout::Descriptor,
            Err(_) => {
                return Err(Error::new(
                    Status::Argument,
                    format!("{ms} is not a time limit: -1, 0 and milliseconds are"),
                ));
            }
        };
        conn.settings().timeout = timeout;
        if let Some(connection) = conn.connection() {
            connection.set_timeout(timeout);
        }
        Ok(())
    }))
}

/// Limit the handshake as a whole, in milliseconds, however many calls it takes and however slowly
/// the peer sends.  -1 is no limit: the default but for tlsmith_accept(), where it is 5000.  Then
/// every call that needs the handshake fails with TLSMITH_ERR_TIMEOUT.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_conn_set_handshake_timeout(conn: *mut tlsmith_conn, ms: c_int) -> c_int {
    edge::status(on(conn, |conn| {
        let limit = match u64::try_from(ms) {
            Ok(1..) => Some(Duration::from_millis(ms.unsigned_abs().into())),
            Err(_) if ms == -1 => None,
            _ => {
                let sentence = format!(
                    "{ms} is not a time limit of a handshake: -1 and milliseconds above 0 are"
                );
                return Err(Error::new(Status::Argument, sentence));
            }
        };
        conn.settings().handshake_timeout = Some(limit);
        if let Some(connection) = conn.connection() {
            connection.set_handshake_timeout(limit);
        }
        Ok(())
    }))
}

/// Resolve `host`, a name or an address, connect to `port`, a number, and complete the handshake,
/// with the certificate checked for `host`, without the zone of an IPv6 address ("fe80::1%eth0").
/// The connection owns the socket.  Blocks.  The time limit holds for resolving and connecting
/// together, and for the handshake once more; 0 is refused with TLSMITH_ERR_ARG.  With a limit, a
/// thread of its own resolves the name, which ends when the system's resolver does.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_connect(
    conn: *mut tlsmith_conn,
    host: *const c_char,
    port: *const c_char,
) -> c_int {
    edge::status(on(conn, |conn| {
        let host = edge::need_text(host, "host")?;
        let port = edge::need_text(port, "port")?;
        conn.check_unused()?;
        // Before a socket is opened for it, and also if that fails.
        conn.settings().context.seal()?;
        let timeout = conn.settings().timeout;
        let socket = tcp::connect(host, port, timeout, None)?;
        let fd = socket.as_raw_fd();
        let open = conn.client(Some(host), SocketTransport::new(socket)?)?;
        conn.start(open.over_socket(fd))?;
        conn.need_connection()?.handshake()
    }))
}

/// Listen on `host` (NULL for every address) and `port` ("0" for any free one): a socket, which the
/// caller closes, or a negative code, with the reason in tlsmith_last_error().  As many clients as
/// the system allows may wait there.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_listen(host: *const c_char, port: *const c_char) -> c_int {
    let listener = edge::guard(|| {
        let host = edge::text(host, "host")?;
        tcp::listen(host, edge::need_text(port, "port")?)
    });
    match listener {
        Ok(socket) => socket.into_raw_fd(),
        Err(error) => error.status().code(),
    }
}

/// Accept one TCP connection, whose socket the connection owns.  The handshake waits for
/// tlsmith_handshake() or the first read or write, so that no client can hold up the accepting
/// loop, and may take 5 seconds: see tlsmith_conn_set_handshake_timeout().  Clients that hang up
/// while they wait are passed over.  Without a descriptor or memory for one more client, it tries
/// again every 100 ms as long as it may wait.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_accept(conn: *mut tlsmith_conn, listen_fd: c_int) -> c_int {
    edge::status(on(conn, |conn| {
        conn.check_unused()?;
        let listener = CallersFd::new(listen_fd)?;
        let timeout = conn.settings().timeout;
        let socket = tcp::accept(listener, timeout, None)?;
        let fd = socket.as_raw_fd();
        let open = conn.server(SocketTransport::new(socket)?)?;
        let limit = Some(tcp::HANDSHAKE_TIMEOUT);
        open.connection.set_handshake_timeout(limit);
        conn.start(open.over_socket(fd))
    }))
}

/// The socket, or -1 before there is one, and where it runs over something else.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_conn_fd(conn: *const tlsmith_conn) -> c_int {
    edge::borrow(conn)
        .and_then(|conn| conn.open.get())
        .map_or(-1, |open| open.fd)
}
