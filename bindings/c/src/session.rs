//! Sessions that a client can resume.

use std::ffi::{c_char, c_int, c_void};
use std::sync::Arc;

use tlsmith::{Error, Session};

use crate::call;
use crate::conn::tlsmith_conn;
use crate::conn_settings::configure;
use crate::ctx::{set, tlsmith_ctx};
use crate::ffi::{self, Callback, InternedStrings, SessionFn};

/// A session that a client can resume.
pub struct tlsmith_session {
    session: Session,
    strings: InternedStrings,
}

impl tlsmith_session {
    fn new(session: Session) -> Self {
        let strings = InternedStrings::default();
        Self { session, strings }
    }
}

/// Receives a session of `conn`, once per ticket.  The callback owns the session and must free it.
/// `conn` is for tlsmith_conn_userdata() only.
pub type tlsmith_session_fn = Option<
    unsafe extern "C" fn(
        userdata: *mut c_void,
        conn: *const tlsmith_conn,
        session: *mut tlsmith_session,
    ),
>;

/// Call `callback` for each session that a client of this context receives, in the call that
/// received it: tlsmith_handshake() or tlsmith_read().
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_ctx_set_session_callback(
    ctx: *mut tlsmith_ctx,
    callback: tlsmith_session_fn,
    userdata: *mut c_void,
) -> c_int {
    set(ctx, |context| {
        let callback = Callback::new(callback, userdata, "callback")?;
        context.set_session_callback(Arc::new(move |session| deliver(&callback, session)))
    })
}

fn deliver(callback: &Callback<SessionFn<tlsmith_conn, tlsmith_session>>, session: Session) {
    let session = ffi::handle(Ok(tlsmith_session::new(session)));
    callback.call(call::current(), session);
}

/// Return a new session with all that the server issued to this client for resumption so far.  The
/// context still resumes its own copies: each ticket is used once, by whichever connection is
/// first.  NULL (TLSMITH_ERR_STATE) if there is none: on a server, before the handshake is
/// complete, and in TLS 1.3 before a read has received a ticket.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_conn_session(conn: *const tlsmith_conn) -> *mut tlsmith_session {
    ffi::handle(ffi::guard(|| {
        let conn = ffi::need(conn, "conn")?;
        let session = conn
            .connection_outside_callback()
            .and_then(|connection| connection.session());
        session.map(tlsmith_session::new).ok_or_else(|| {
            let sentence = "this connection has no session to resume: a client receives one in the \
                            handshake (TLS 1.2), or when it reads afterwards (TLS 1.3)";
            Error::state(sentence)
        })
    }))
}

/// Resume this session instead of the context's, and store new tickets in it.  It must come from
/// the same context, so that the same verification applies; else connecting fails with
/// TLSMITH_ERR_ARG.  Resumption is not guaranteed: see tlsmith_conn_resumed().
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_conn_set_session(
    conn: *mut tlsmith_conn,
    session: *const tlsmith_session,
) -> c_int {
    configure(conn, |settings| {
        let session = &ffi::need(session, "session")?.session;
        settings.options.set_session(session);
        Ok(())
    })
}

/// Return the version of the session, such as TLSMITH_TLS1_3.  Here and below, 0 or "" for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_session_version(session: *const tlsmith_session) -> c_int {
    ffi::value_or(session, 0, |one| {
        let version = one.session.version()?;
        Some(c_int::from(version.wire()))
    })
}

/// Return its cipher suite, by the IANA name.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_session_cipher(session: *const tlsmith_session) -> *const c_char {
    ffi::string(session, |one| {
        one.strings.intern(one.session.cipher().unwrap_or_default())
    })
}

/// Return its ALPN protocol, or "".  Early data requires the same one (RFC 8446, section 4.2.10).
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_session_alpn(session: *const tlsmith_session) -> *const c_char {
    ffi::string(session, |one| {
        one.strings.intern(one.session.alpn().unwrap_or_default())
    })
}

/// Return the name that the server's certificate was verified for, or "".
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_session_server_name(session: *const tlsmith_session) -> *const c_char {
    ffi::string(session, |one| {
        one.strings
            .intern(one.session.server_name().unwrap_or_default())
    })
}

/// Return the lifetime of its latest ticket in seconds, from receipt (RFC 8446, section 4.6.1); 0
/// if all are used, and if the server caches the session (TLS 1.2).
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_session_lifetime(session: *const tlsmith_session) -> u32 {
    ffi::value_or(session, 0, |one| Some(one.session.lifetime()))
}

/// Return how many bytes of early data (0-RTT) its latest ticket allows; 0 for none.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_session_max_early_data(session: *const tlsmith_session) -> u32 {
    ffi::value_or(session, 0, |one| Some(one.session.max_early_data()))
}

/// Free a session.  Connections that resume it keep their reference.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_session_free(session: *mut tlsmith_session) {
    ffi::free(session);
}
