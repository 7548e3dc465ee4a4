//! Passes the library's log messages to a callback.

use std::cell::Cell;
use std::ffi::{c_char, c_int, c_void};
use std::sync::{OnceLock, PoisonError, RwLock, TryLockError};

use log::{LevelFilter, Log, Metadata, Record};
use tlsmith::{Error, PerProcess, Result};

use crate::ffi::{self, Callback, LogFn};

/// Receives a log message.  `level` is 1 for error, 2 for warning, 3 for info, 4 for debug and 5
/// for trace.  `message` is valid during the call.  Runs on any thread, on several at once.  Must
/// not unwind.  Messages that it causes itself are dropped.
pub type tlsmith_log_fn =
    Option<unsafe extern "C" fn(userdata: *mut c_void, level: c_int, message: *const c_char)>;

/// The log callback.
type Sink = RwLock<Option<Callback<LogFn>>>;

static SINK: PerProcess<Sink> = PerProcess::at_start(RwLock::new(None));

/// The callback of this process.  Its lock is held during a message, so that a replaced callback is
/// no longer running.  A forked child inherits the callback under a new lock; if the parent was
/// replacing it, the child has none.
fn sink() -> &'static Sink {
    SINK.inherited(|parents| {
        let place = match parents.try_read() {
            Ok(place) => *place,
            Err(TryLockError::Poisoned(place)) => *place.into_inner(),
            Err(TryLockError::WouldBlock) => None,
        };
        RwLock::new(place)
    })
}

thread_local! {
    /// Whether this thread is in the log callback.
    static LOGGING: Cell<bool> = const { Cell::new(false) };
}

struct Bridge;

impl Log for Bridge {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= log::max_level()
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata())
            || LOGGING.try_with(|now| now.replace(true)) != Ok(false)
        {
            return;
        }
        let sink = sink().read().unwrap_or_else(PoisonError::into_inner);
        if let Some(callback) = &*sink {
            // Keep a message on one line, even if it contains data from a peer.
            let text = format!("{}: {}", record.target(), record.args());
            let text = tlsmith::text::one_line(&text);
            let text = ffi::c_string(&text);
            tlsmith::without_cryptography(|| callback.message(record.level() as c_int, &text));
        }
        LOGGING.set(false);
    }

    fn flush(&self) {}
}

/// Send the log messages of the library up to `level`, 1 to 5, to `log`, for the whole process.  0
/// or a NULL `log` ends that: when this call returns, `log` is running on no thread.  The text is
/// for people and may change: do not parse it.  TLSMITH_ERR_STATE from inside `log`.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_set_log(
    level: c_int,
    log: tlsmith_log_fn,
    userdata: *mut c_void,
) -> c_int {
    ffi::status(ffi::guard(|| set(level, log, userdata)))
}

fn set(level: c_int, log: Option<LogFn>, userdata: *mut c_void) -> Result<()> {
    static INSTALLED: OnceLock<bool> = OnceLock::new();
    let filter = match level {
        0 => LevelFilter::Off,
        1 => LevelFilter::Error,
        2 => LevelFilter::Warn,
        3 => LevelFilter::Info,
        4 => LevelFilter::Debug,
        5 => LevelFilter::Trace,
        other => {
            let sentence = format!("{other} is not a log level: pass 0 to 5");
            return Err(Error::argument(sentence));
        }
    };
    if LOGGING.get() {
        let sentence = "the log callback cannot be replaced from inside the log callback";
        return Err(Error::state(sentence));
    }
    if !INSTALLED.get_or_init(|| log::set_logger(&Bridge).is_ok()) {
        let sentence = "another logger is already installed in this process";
        return Err(Error::state(sentence));
    }
    let callback = Callback::new(log, userdata, "log").ok();
    let callback = callback.filter(|_| filter != LevelFilter::Off);
    let filter = callback.map_or(LevelFilter::Off, |_| filter);
    *sink().write().unwrap_or_else(PoisonError::into_inner) = callback;
    log::set_max_level(filter);
    Ok(())
}
