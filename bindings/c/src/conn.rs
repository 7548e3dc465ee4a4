//! The connection handle and its state before and after connecting.

use std::ffi::{c_char, c_int, c_void};
use std::sync::atomic::{AtomicPtr, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use tlsmith::{
    Carrier, Connection, ConnectionOptions, Context, Error, Origin, Result, Selection, Timeout,
};

use crate::cert::tlsmith_cert;
use crate::client_hello::tlsmith_hello;
use crate::ffi::InternedStrings;

/// One connection.
pub struct tlsmith_conn {
    pub(crate) origin: Origin,
    pub(crate) open: OnceLock<Open>,
    settings: Mutex<Settings>,
    /// The error of an internal bug: every later call fails with it.
    pub(crate) broken: OnceLock<Error>,
    strings: InternedStrings,
    pub(crate) peer: OnceLock<Vec<tlsmith_cert>>,
    pub(crate) verified: OnceLock<Vec<tlsmith_cert>>,
    /// The OCSP response, for the verify callback.
    pub(crate) ocsp: OnceLock<Vec<u8>>,
    hello: OnceLock<Box<tlsmith_hello>>,
    userdata: AtomicPtr<c_void>,
}

/// The state of a connected connection.
pub(crate) struct Open {
    pub(crate) connection: Connection,
    /// The socket, or -1.
    pub(crate) fd: c_int,
}

/// Settings that are made before connecting.
pub(crate) struct Settings {
    pub(crate) context: Context,
    pub(crate) options: ConnectionOptions,
    /// The error of the first setter that failed.
    failure: Option<Error>,
    pub(crate) timeout: Timeout,
    /// `None` if not set; `Some(None)` for no limit.
    pub(crate) handshake_timeout: Option<Option<Duration>>,
    error: Option<Error>,
}

impl tlsmith_conn {
    /// Creates an unconnected connection.
    pub(crate) fn new(context: Context) -> Self {
        Self {
            origin: Origin::here(),
            open: OnceLock::new(),
            settings: Mutex::new(Settings {
                context,
                options: ConnectionOptions::new(),
                failure: None,
                timeout: Timeout::default(),
                handshake_timeout: None,
                error: None,
            }),
            broken: OnceLock::new(),
            strings: InternedStrings::default(),
            peer: OnceLock::new(),
            verified: OnceLock::new(),
            ocsp: OnceLock::new(),
            hello: OnceLock::new(),
            userdata: AtomicPtr::default(),
        }
    }

    pub(crate) fn settings(&self) -> MutexGuard<'_, Settings> {
        self.settings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The connection, if it is connected; `None` in a forked child.
    pub(crate) fn connection(&self) -> Option<&Connection> {
        let open = self.open.get().filter(|_| !self.is_inherited());
        open.map(|open| &open.connection)
    }

    /// Whether this is a forked child's copy, whose locks may never be released.
    pub(crate) fn is_inherited(&self) -> bool {
        !self.origin.is_here()
    }

    /// The same, but `None` in a callback of this connection.
    pub(crate) fn connection_outside_callback(&self) -> Option<&Connection> {
        self.connection().filter(|open| !open.is_entered())
    }

    /// Creates the client side.
    pub(crate) fn client(&self, name: Option<&str>, transport: impl Into<Carrier>) -> Result<Open> {
        self.check_unused()?;
        let (context, options) = self.context_and_options()?;
        Connection::client_with(&context, &options, name, transport).map(Open::new)
    }

    /// Creates the server side.
    pub(crate) fn server(&self, transport: impl Into<Carrier>) -> Result<Open> {
        self.check_unused()?;
        let (context, options) = self.context_and_options()?;
        Connection::server_with(&context, &options, transport).map(Open::new)
    }

    fn context_and_options(&self) -> Result<(Context, ConnectionOptions)> {
        let settings = self.settings();
        match &settings.failure {
            Some(error) => Err(error.clone()),
            None => Ok((settings.context.clone(), settings.options.clone())),
        }
    }

    /// Changes the settings.  A failure also fails everything that uses them later.
    pub(crate) fn change(&self, change: impl FnOnce(&mut Settings) -> Result<()>) -> Result<()> {
        self.origin.check()?;
        let mut settings = self.settings();
        change(&mut settings).inspect_err(|error| {
            settings.failure.get_or_insert_with(|| error.clone());
        })
    }

    /// The selection that its settings make for a ClientHello.
    pub(crate) fn selection(&self) -> Result<Selection> {
        let (context, options) = self.context_and_options()?;
        Ok(Selection {
            context: Some(context),
            options: Some(options),
        })
    }

    /// Stores the ClientHello, unless one is stored already.
    pub(crate) fn store_hello(&self, make: impl FnOnce() -> tlsmith_hello) -> &tlsmith_hello {
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

    /// Returns a copy of `text` that lives as long as the connection.
    pub(crate) fn intern(&self, text: &str) -> *const c_char {
        self.strings.intern(text)
    }

    /// Records this as the latest error.
    pub(crate) fn set_error(&self, error: &Error) {
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

    /// The connection, which itself checks that this process created it.
    pub(crate) fn need_connection(&self) -> Result<&Connection> {
        if let Some(open) = self.open.get() {
            return Ok(&open.connection);
        }
        self.origin.check()?;
        let sentence = "this connection is not connected yet: connect or accept first";
        Err(Error::state(sentence))
    }

    pub(crate) fn check_unused(&self) -> Result<()> {
        match self.open.get() {
            None => Ok(()),
            Some(_) => Err(Error::state(
                "this connection is already connected: create another one",
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
        // If another thread connected it meanwhile, `open` is dropped.
        self.open.set(open).map_err(|_| {
            let sentence = "another thread connected this connection at the same time: use it, or \
                            create another one";
            Error::state(sentence)
        })
    }
}

impl Open {
    fn new(connection: Connection) -> Self {
        Self { connection, fd: -1 }
    }

    /// Records the socket that it runs over.
    pub(crate) fn over_socket(self, fd: c_int) -> Self {
        Self { fd, ..self }
    }
}
