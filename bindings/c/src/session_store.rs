//! External session stores for servers.

use std::ffi::{c_int, c_void};
use std::sync::Arc;
use std::time::Duration;

use tlsmith::{MAX_STORED_SESSION, SessionStore};

use crate::ctx::{set, tlsmith_ctx};
use crate::ffi::{self, Callback, StorePutFn, StoreTakeFn};

/// Stores a value under a key; it may be deleted after `lifetime` seconds.  Both are opaque bytes,
/// valid during the call.  A later call may replace the value of a key.  Returns 0 if the value is
/// stored; otherwise the client will make a full handshake.
pub type tlsmith_store_put_fn = Option<
    unsafe extern "C" fn(
        userdata: *mut c_void,
        key: *const c_void,
        key_len: usize,
        value: *const c_void,
        value_len: usize,
        lifetime: u32,
    ) -> c_int,
>;

/// Removes a value and copies it to `value`, which has room for `size` bytes (65536).  Returns its
/// length; 0 or less for none.  Of several calls for one key, on any machine, at most one may
/// return it (Redis: GETDEL): this prevents replays of early data (RFC 8446, section 8.1).
pub type tlsmith_store_take_fn = Option<
    unsafe extern "C" fn(
        userdata: *mut c_void,
        key: *const c_void,
        key_len: usize,
        value: *mut c_void,
        size: usize,
    ) -> isize,
>;

/// Have a server keep its sessions in an external store, such as Redis, instead of in tickets.
/// Servers with the same ticket keys and policy resume each other's sessions, and only one accepts
/// the early data of a session, once.  Values are encrypted with the ticket keys
/// (tlsmith_ctx_add_ticket_key(), required): the store is trusted only to delete each value it
/// returns.  The callbacks block the handshake that runs them.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_ctx_set_session_store(
    ctx: *mut tlsmith_ctx,
    put: tlsmith_store_put_fn,
    take: tlsmith_store_take_fn,
    userdata: *mut c_void,
) -> c_int {
    set(ctx, |context| {
        context.set_session_store(Arc::new(CallbackStore {
            put: Callback::new(put, userdata, "put")?,
            take: Callback::new(take, userdata, "take")?,
        }))
    })
}

struct CallbackStore {
    put: Callback<StorePutFn>,
    take: Callback<StoreTakeFn>,
}

impl SessionStore for CallbackStore {
    fn put(&self, key: &[u8], value: &[u8], lifetime: Duration) -> bool {
        let seconds = u32::try_from(lifetime.as_secs()).unwrap_or(u32::MAX);
        self.put.put(key, value, seconds)
    }

    fn take(&self, key: &[u8]) -> Option<Vec<u8>> {
        let mut value = vec![0; MAX_STORED_SESSION];
        let count = self.take.take(key, &mut value)?;
        if count > value.len() {
            // Not the client's fault: it makes a full handshake.
            ffi::set_last_error(&ffi::invalid_count(format!(
                "the take callback returned {count} bytes: at most {MAX_STORED_SESSION} are allowed"
            )));
            return None;
        }
        value.truncate(count);
        Some(value)
    }
}
