//! Certificate verification without a connection.

use std::cell::RefCell;
use std::ffi::{c_char, c_int};
use std::ptr;

use tlsmith::{KeyPurpose, Result};

use crate::call::CurrentConn;
use crate::cert::{self, tlsmith_cert};
use crate::ctx::tlsmith_ctx;
use crate::ffi;
use crate::identity::tlsmith_identity;

/// The latest verification of a thread.
#[derive(Default)]
struct LatestVerification {
    /// The number of the context that verified the path.
    ctx: Option<u64>,
    path: Vec<tlsmith_cert>,
}

thread_local! {
    static LATEST_VERIFICATION: RefCell<LatestVerification> = RefCell::default();
}

fn set_latest(latest: LatestVerification) {
    // A thread that is ending no longer has thread-local storage, and does not need it.
    let _ = LATEST_VERIFICATION.try_with(|slot| slot.replace(latest));
}

/// Verify a chain, leaf first, as a connection would: path, validity, purpose, name and CRLs (RFC
/// 5280, section 6).  `name` is a host, an address or an e-mail address; NULL accepts any.
/// `purpose` (RFC 5280, section 4.2.1.12) is "server", "client", "any" (either), "code", "email",
/// "timestamp", "ocsp", a standard name such as "codeSigning", or a dotted object identifier.  NULL
/// means "server" for a host or an address, else "any".  An extended key usage must list the
/// purpose; only for "server", "client" and "any" may it be absent.  `time` is in seconds since the
/// Unix epoch; 0 means now.  Returns 0, or a TLSMITH_ERR_CERT code that tlsmith_last_error()
/// explains; the context stays usable.  Seals the context, as a first connection does.  Does not
/// block.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_ctx_verify(
    ctx: *mut tlsmith_ctx,
    chain: *const tlsmith_identity,
    name: *const c_char,
    purpose: *const c_char,
    time: i64,
) -> c_int {
    ffi::status(ffi::guard(|| {
        run(|| verify(ctx, chain, name, purpose, time))
    }))
}

/// Runs a verification and stores its outcome for tlsmith_ctx_verified_cert().
fn run(verify: impl FnOnce() -> Result<LatestVerification>) -> Result<()> {
    let (latest, outcome) = match ffi::guard(verify) {
        Ok(latest) => (latest, Ok(())),
        Err(error) => (LatestVerification::default(), Err(error)),
    };
    // Only now: an argument may point into the previous path, which this frees.
    set_latest(latest);
    outcome
}

fn verify(
    ctx: *mut tlsmith_ctx,
    chain: *const tlsmith_identity,
    name: *const c_char,
    purpose: *const c_char,
    time: i64,
) -> Result<LatestVerification> {
    // The verify callback gets a NULL connection.
    let _current = CurrentConn::none();
    let ctx = ffi::need(ctx, "ctx")?;
    let chain = ffi::need(chain, "chain")?.identity.chain();
    let name = ffi::text(name, "name")?;
    let purpose = match ffi::text(purpose, "purpose")? {
        Some("any") => None,
        Some(purpose) => Some(purpose.parse()?),
        None => {
            let is_host = name.is_some_and(|name| !name.contains('@'));
            is_host.then_some(KeyPurpose::SERVER_AUTH)
        }
    };
    let time = (time != 0).then_some(time);
    let path = ctx.context.verify(chain, name, purpose, time)?;
    Ok(LatestVerification {
        ctx: Some(ctx.number),
        path: cert::list(&path),
    })
}

/// Return certificate `index`, root last, of the chain that the latest tlsmith_ctx_verify() on this
/// thread verified.  NULL past the end, if that call failed, or if it used another context.
/// Borrowed until the next tlsmith_ctx_verify() on this thread.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_ctx_verified_cert(
    ctx: *const tlsmith_ctx,
    index: usize,
) -> *const tlsmith_cert {
    ffi::borrowed_ptr(|| {
        let number = ffi::borrow(ctx)?.number;
        let found = LATEST_VERIFICATION.try_with(|latest| {
            let latest = latest.borrow();
            let found = latest.path.get(index);
            let found = found.filter(|_| latest.ctx == Some(number));
            // The certificates do not move until the path is replaced.
            found.map(ptr::from_ref)
        });
        found.ok().flatten()
    })
}
