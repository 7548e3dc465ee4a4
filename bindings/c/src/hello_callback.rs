//! ClientHello callbacks, and pausing a handshake at the ClientHello.

use std::ffi::{c_int, c_void};
use std::ptr;
use std::sync::Arc;

use tlsmith::{ClientHello, Error, Result, Selection, Status};

use crate::call::{self, on, on_open};
use crate::client_hello::tlsmith_hello;
use crate::conn::tlsmith_conn;
use crate::ctx::{set, tlsmith_ctx};
use crate::ffi::{self, Callback, HelloFn};

/// Inspects a ClientHello (RFC 8446, section 4.1.2).  May select the context, identity and ALPN
/// protocols with tlsmith_conn_set_ctx(), tlsmith_conn_set_identity() and tlsmith_conn_set_alpn().
/// Returns 0 to continue, or the number of the alert to refuse the client with (RFC 8446, section
/// 6.2), such as 112 for unrecognized_name.  Any other value counts as 40, handshake_failure.
pub type tlsmith_hello_fn = Option<
    unsafe extern "C" fn(
        userdata: *mut c_void,
        conn: *mut tlsmith_conn,
        hello: *const tlsmith_hello,
    ) -> c_int,
>;

/// Call `hello` for every ClientHello.  It blocks the call that runs it: programs that look
/// something up first use tlsmith_accept_hello().
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_ctx_set_hello(
    ctx: *mut tlsmith_ctx,
    hello: tlsmith_hello_fn,
    userdata: *mut c_void,
) -> c_int {
    set(ctx, |context| {
        let callback = Callback::new(hello, userdata, "hello")?;
        context.set_hello_callback(Arc::new(move |hello| run_callback(&callback, hello)))
    })
}

fn run_callback(
    callback: &Callback<HelloFn<tlsmith_conn, tlsmith_hello>>,
    hello: &ClientHello,
) -> Result<Selection> {
    const HANDSHAKE_FAILURE: u8 = 40;
    let conn = call::current();
    let handle = ffi::need(conn, "conn")?;
    let hello = handle.store_hello(|| tlsmith_hello::new(hello.clone()));
    match call::run_hello_callback(conn, || callback.call(conn, hello)) {
        0 => handle.selection(),
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

/// Receive the ClientHello of a client, and pause: returns 0 once tlsmith_conn_hello() has it, also
/// when repeated.  Then select a context, identity and ALPN protocols as in a tlsmith_hello_fn, and
/// call tlsmith_handshake(); or refuse the client with tlsmith_conn_refuse().  Any thread may do
/// so, at any later time within the handshake's time limit.  The hello callback of the context is
/// not called.  Blocks as tlsmith_handshake() does.  TLSMITH_ERR_STATE on a client, and once it is
/// answered.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_accept_hello(conn: *mut tlsmith_conn) -> c_int {
    ffi::status(on(conn, |conn| {
        let hello = conn.need_connection()?.receive_hello()?;
        conn.store_hello(|| tlsmith_hello::new(hello));
        Ok(())
    }))
}

/// Return the ClientHello that a server received, owned by the connection; NULL before it is
/// complete, and if it was not inspected.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_conn_hello(conn: *const tlsmith_conn) -> *const tlsmith_hello {
    ffi::borrowed_ptr(|| ffi::borrow(conn)?.hello().map(ptr::from_ref))
}

/// Refuse the client after tlsmith_accept_hello(): send `alert` (RFC 8446, section 6.2), such as 40
/// for handshake_failure.  Every later call fails with TLSMITH_ERR_NO_COMMON.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_conn_refuse(conn: *mut tlsmith_conn, alert: c_int) -> c_int {
    ffi::status(on_open(conn, |connection| {
        let alert = u8::try_from(alert).map_err(|_| {
            let sentence = format!("{alert} is not the number of an alert: pass 0 to 255");
            Error::argument(sentence)
        })?;
        connection.refuse_hello(alert)
    }))
}
