//! The ClientHello: what a client offers, and what answers it.

use std::ffi::{CString, c_char, c_int, c_void};
use std::ptr;
use std::sync::Arc;

use tlsmith::{ClientHello, Error, Result, Selection, Status};

use crate::conn::{on, on_open, tlsmith_conn};
use crate::ctx::{set, tlsmith_ctx};
use crate::driving;
use crate::edge::{self, Callback, HelloFn, Made};

/// A ClientHello.
pub struct tlsmith_hello {
    server_name: Option<CString>,
    /// Each with a NUL at its end, which does not count.
    alpn: Vec<Vec<u8>>,
    hello: ClientHello,
    ciphers: Names,
    groups: Names,
    schemes: Names,
}

/// Names, made when the first of them is asked for.
#[derive(Default)]
struct Names(Made<Vec<CString>>);

impl Names {
    fn get(&self, index: usize, all: impl FnOnce() -> Vec<String>) -> Option<*const c_char> {
        let names = || all().iter().map(|name| edge::c_string(name)).collect();
        let name = self.0.get_or_make(names).get(index);
        name.map(|name| name.as_ptr())
    }
}

impl tlsmith_hello {
    fn new(hello: ClientHello) -> Self {
        let with_nul = |protocol: &Vec<u8>| [protocol, &b"\0"[..]].concat();
        Self {
            server_name: hello.server_name.as_deref().map(edge::c_string),
            alpn: hello.alpn.iter().map(with_nul).collect(),
            hello,
            ciphers: Names::default(),
            groups: Names::default(),
            schemes: Names::default(),
        }
    }
}

/// Inspects a ClientHello (RFC 8446, section 4.1.2) and says what answers it, with
/// tlsmith_conn_set_ctx(), tlsmith_conn_set_identity() and tlsmith_conn_set_alpn().  Without them
/// the connection's own context does.  Returns 0 to go on, or the number of the alert to refuse the
/// client with (RFC 8446, section 6.2), such as 112 for unrecognized_name; any other value counts
/// as 40, handshake_failure.
pub type tlsmith_hello_fn = Option<
    unsafe extern "C" fn(
        userdata: *mut c_void,
        conn: *mut tlsmith_conn,
        hello: *const tlsmith_hello,
    ) -> c_int,
>;

/// Have `hello` inspect every ClientHello.  The callback blocks the call that runs it:
/// tlsmith_accept_hello() is for programs that look something up first.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_ctx_set_hello(
    ctx: *mut tlsmith_ctx,
    hello: tlsmith_hello_fn,
    userdata: *mut c_void,
) -> c_int {
    set(ctx, |context| {
        let callback = Callback::new(hello, userdata, "hello")?;
        context.set_hello(Arc::new(move |hello| ask(&callback, hello)))
    })
}

fn ask(callback: &Callback<HelloFn>, hello: &ClientHello) -> Result<Selection> {
    const HANDSHAKE_FAILURE: u8 = 40;
    let conn = driving::current();
    let kept = edge::need(conn, "conn")?;
    let hello = kept.keep_hello(|| tlsmith_hello::new(hello.clone()));
    match driving::inspect(conn, || callback.inspect(conn, hello)) {
        0 => kept.selection(),
        answer => {
            let alert = match u8::try_from(answer) {
                Ok(alert) => alert,
                Err(_) => HANDSHAKE_FAILURE,
            };
            let sentence = format!("the hello callback refused the client with alert {alert}");
            Err(Error::from_alert(Status::NoCommon, alert, sentence))
        }
    }
}

/// Receive the ClientHello of a client, and stop there: returns 0 when tlsmith_conn_hello() has it,
/// as often as it is called.  Then say what answers it, as in a tlsmith_hello_fn, and go on with
/// tlsmith_handshake(), or refuse the client with tlsmith_conn_refuse().  Any thread may do so, at
/// any later time within the handshake's time limit.  The callback of the context is not called.
/// Blocks as tlsmith_handshake() does.  TLSMITH_ERR_STATE on a client, and once it is answered.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_accept_hello(conn: *mut tlsmith_conn) -> c_int {
    edge::status(on(conn, |conn| {
        let hello = conn.need_connection()?.receive_hello()?;
        conn.keep_hello(|| tlsmith_hello::new(hello));
        Ok(())
    }))
}

/// Returns the ClientHello that a server received, which belongs to the connection; NULL before it
/// is complete, and where nobody inspects it.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_conn_hello(conn: *const tlsmith_conn) -> *const tlsmith_hello {
    edge::lend(|| edge::borrow(conn)?.hello().map(ptr::from_ref))
}

/// Refuse the client that tlsmith_accept_hello() stopped at: sends `alert` (RFC 8446, section 6.2),
/// such as 40 for handshake_failure.  Every later call fails with TLSMITH_ERR_NO_COMMON.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_conn_refuse(conn: *mut tlsmith_conn, alert: c_int) -> c_int {
    edge::status(on_open(conn, |connection| {
        let alert = u8::try_from(alert).map_err(|_| {
            let sentence = format!("{alert} is not the number of an alert: 0 to 255 are");
            Error::new(Status::Argument, sentence)
        })?;
        connection.refuse_hello(alert)
    }))
}

/// Returns the server that the client requests (SNI, RFC 6066, section 3); NULL for none.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_hello_server_name(hello: *const tlsmith_hello) -> *const c_char {
    edge::lend(|| {
        let name = edge::borrow(hello)?.server_name.as_ref();
        name.map(|name| name.as_ptr())
    })
}

/// Returns ALPN protocol `index` that the client offers, best first, with its length in `len`,
/// which may be NULL, and a NUL behind it; NULL past the end.  Its bytes are the client's: any but
/// none.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_hello_alpn(
    hello: *const tlsmith_hello,
    index: usize,
    len: *mut usize,
) -> *const u8 {
    edge::store(len, 0);
    edge::lend(|| {
        let protocol = edge::borrow(hello)?.alpn.get(index)?;
        edge::store(len, protocol.len() - 1);
        Some(protocol.as_ptr())
    })
}

/// Returns version `index` that the client offers, best first, such as TLSMITH_TLS1_3, or another
/// number of the client's; 0 past the end.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_hello_version(hello: *const tlsmith_hello, index: usize) -> c_int {
    edge::fact(hello, 0, |one| {
        let version = one.hello.version_numbers().get(index);
        version.map(|version| c_int::from(*version))
    })
}

/// Returns the IANA name of cipher suite `index` that the client offers, best first, or its number,
/// such as "0x5a5a", where it has no name here; NULL past the end.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_hello_cipher(hello: *const tlsmith_hello, index: usize) -> *const c_char {
    edge::fact(hello, ptr::null(), |one| {
        one.ciphers.get(index, || one.hello.ciphers())
    })
}

/// Returns key exchange group `index` that the client supports, likewise.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_hello_group(hello: *const tlsmith_hello, index: usize) -> *const c_char {
    edge::fact(hello, ptr::null(), |one| {
        one.groups.get(index, || one.hello.groups())
    })
}

/// Returns signature scheme `index` that the client can verify, likewise.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_hello_scheme(hello: *const tlsmith_hello, index: usize) -> *const c_char {
    edge::fact(hello, ptr::null(), |one| {
        one.schemes.get(index, || one.hello.signature_schemes())
    })
}
