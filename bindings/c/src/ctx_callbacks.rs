//! Contexts: clock, verify callback and key logs.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::sync::Arc;

use tlsmith::{Error, Result, Status, VerificationResult};
use zeroize::Zeroizing;

use crate::call;
use crate::cert;
use crate::conn::tlsmith_conn;
use crate::ctx::{set, tlsmith_ctx};
use crate::ffi::{self, Callback, ClockFn, KeylogFn, VerifyFn};

/// Decides about a peer whose certificate passed verification (`status` 0) or failed it (`status`
/// is the code, tlsmith_conn_error() the reason).  Returns 0 to accept a verified peer, or a
/// negative tlsmith_status to refuse it; any other value counts as TLSMITH_ERR_CERT_REFUSED.  An
/// unverified peer stays refused, unless tlsmith_ctx_insecure_allow_unverified_clients() is set and
/// this returns 0.  `conn` is for tlsmith_conn_peer_cert(), tlsmith_conn_verified_cert(),
/// tlsmith_conn_peer_ocsp(), tlsmith_conn_server_name(), tlsmith_conn_userdata() and
/// tlsmith_conn_error(); it is NULL for tlsmith_ctx_verify().
///
/// The peer receives the alert that fits the code (RFC 8446, section 6.2), such as
/// certificate_expired, or access_denied if the code is not about certificates.
pub type tlsmith_verify_fn = Option<
    unsafe extern "C" fn(userdata: *mut c_void, conn: *const tlsmith_conn, status: c_int) -> c_int,
>;

/// Receives one line of the NSS key log, without its newline, valid during the call.  `conn` is the
/// connection of these secrets, for tlsmith_conn_userdata() only.
pub type tlsmith_keylog_fn = Option<
    unsafe extern "C" fn(userdata: *mut c_void, conn: *const tlsmith_conn, line: *const c_char),
>;

/// Returns the current time in seconds since the Unix epoch.
pub type tlsmith_clock_fn = Option<unsafe extern "C" fn(userdata: *mut c_void) -> i64>;

/// Use `clock` as the current time for the validity of certificates and sessions.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_ctx_set_clock(
    ctx: *mut tlsmith_ctx,
    clock: tlsmith_clock_fn,
    userdata: *mut c_void,
) -> c_int {
    set(ctx, |context| {
        let clock: Callback<ClockFn> = Callback::new(clock, userdata, "clock")?;
        context.set_clock(Arc::new(move || clock.time()))
    })
}

/// Call `verify` for every peer after its certificate was verified; not when a session is resumed.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_ctx_set_verify(
    ctx: *mut tlsmith_ctx,
    verify: tlsmith_verify_fn,
    userdata: *mut c_void,
) -> c_int {
    set(ctx, |context| {
        let verify = Callback::new(verify, userdata, "verify")?;
        context.set_verify_callback(Arc::new(move |verdict| verify_peer(&verify, verdict)))
    })
}

fn verify_peer(
    verify: &Callback<VerifyFn<tlsmith_conn>>,
    verdict: &VerificationResult<'_>,
) -> Result<()> {
    let conn = call::current();
    if let Some(conn) = ffi::borrow(conn) {
        conn.peer.get_or_init(|| cert::list(verdict.chain));
        if let Some(response) = verdict.ocsp {
            conn.ocsp.get_or_init(|| response.to_vec());
        }
        match verdict.outcome {
            Ok(path) => {
                conn.verified.get_or_init(|| cert::list(path));
            }
            Err(error) => conn.set_error(error),
        }
    }
    let status = verdict
        .outcome
        .map_or_else(|error| error.status().code(), |_| 0);
    let answer = call::run_verify_callback(conn, || verify.call(conn, status));
    if answer == 0 {
        return Ok(());
    }
    // A refusal is final, so WANT codes are not accepted.
    let known = Status::from_code(answer).filter(|status| !Error::from(*status).is_want());
    let subject = verdict.chain.first().map(|leaf| leaf.subject());
    let sentence = format!(
        "the verify callback refused the certificate of '{}' with {answer}: {}",
        subject.unwrap_or_default(),
        known.map_or("an application-defined code", Status::phrase)
    );
    let status = known.unwrap_or(Status::CertificateRefused);
    Err(Error::new(status, sentence))
}

/// Append the secrets of connections to a file (mode 0600) in the NSS key log format, for
/// Wireshark; NULL uses $SSLKEYLOGFILE.  Anyone who can read the file can decrypt the connections.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_ctx_set_keylog(ctx: *mut tlsmith_ctx, path: *const c_char) -> c_int {
    set(ctx, |context| context.set_keylog(ffi::path(path)))
}

/// Pass each line of the key log to `log`, instead of writing a file.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_ctx_set_keylog_fn(
    ctx: *mut tlsmith_ctx,
    log: tlsmith_keylog_fn,
    userdata: *mut c_void,
) -> c_int {
    set(ctx, |context| {
        let log = Callback::new(log, userdata, "log")?;
        context.set_keylog_callback(Arc::new(move |line| log_line(&log, line)))
    })
}

fn log_line(log: &Callback<KeylogFn<tlsmith_conn>>, line: &str) {
    // The copy contains secrets, too.
    let copy = Zeroizing::new([line.as_bytes(), b"\0"].concat());
    // A line contains labels and hex digits, hence no NUL.
    if let Ok(line) = CStr::from_bytes_with_nul(&copy) {
        log.log(call::current(), line);
    }
}
