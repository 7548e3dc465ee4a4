//! Verification without a connection.

use std::cell::RefCell;
use std::ffi::{c_char, c_int};
use std::ptr;

use tlsmith::{Result, Role};

use crate::cert::{self, tlsmith_cert};
use crate::ctx::tlsmith_ctx;
use crate::driving::Turn;
use crate::edge;
use crate::identity::tlsmith_identity;

/// What a thread verified last.
#[derive(Default)]
struct Latest {
    /// The number of the context that accepted the path.
    ctx: Option<u64>,
    path: Vec<tlsmith_cert>,
}

thread_local! {
    static LATEST: RefCell<Latest> = RefCell::default();
}

fn note(latest: Latest) {
    // A thread that is ending has nobody left to ask.
    let _ = LATEST.try_with(|noted| noted.replace(latest));
}

/// Verify a chain, leaf first, as a connection would: path, validity, usage,
/// name and CRLs.  With `name`, a host or an address, it has to be a server's;
/// NULL takes a server's or a client's, whatever its name.  `time` is in seconds
/// of the Unix epoch; 0: now.  One of the TLSMITH_ERR_CERT codes says why it is
/// refused, and tlsmith_last_error() in words; the context stays as good as it
/// was.  The first verification seals it, as the first connection does.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_ctx_verify(
    ctx: *mut tlsmith_ctx,
    chain: *const tlsmith_identity,
    name: *const c_char,
    time: i64,
) -> c_int {
    edge::status(edge::guard(|| {
        let (latest, outcome) = match edge::guard(|| verify(ctx, chain, name, time)) {
            Ok(latest) => (latest, Ok(())),
            Err(error) => (Latest::default(), Err(error)),
        };
        // Not before: `name` may be a text of the path that goes.
        note(latest);
        outcome
    }))
}

fn verify(
    ctx: *mut tlsmith_ctx,
    chain: *const tlsmith_identity,
    name: *const c_char,
    time: i64,
) -> Result<Latest> {
    // A verify callback is told that it is about no connection.
    let _turn = Turn::on_none();
    let ctx = edge::need(ctx, "ctx")?;
    let chain = edge::need(chain, "chain")?.identity.chain();
    let name = edge::text(name, "name")?;
    let role = name.map(|_| Role::Server);
    let time = (time != 0).then_some(time);
    let path = ctx.context.verify(chain, name, role, time)?;
    Ok(Latest {
        ctx: Some(ctx.number),
        path: cert::list(&path),
    })
}

/// Certificate `index` of the path that the latest tlsmith_ctx_verify() on this
/// thread accepted, up to the root.  NULL past its end, where it was refused,
/// and where that was another context.  Borrowed until the next
/// tlsmith_ctx_verify() on this thread.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_ctx_verified(
    ctx: *const tlsmith_ctx,
    index: usize,
) -> *const tlsmith_cert {
    edge::lend(|| {
        let number = edge::borrow(ctx)?.number;
        let found = LATEST.try_with(|latest| {
            let latest = latest.borrow();
            let found = latest.path.get(index);
            let found = found.filter(|_| latest.ctx == Some(number));
            // The certificates stay where they are until the path is replaced.
            found.map(ptr::from_ref)
        });
        found.ok().flatten()
    })
}
