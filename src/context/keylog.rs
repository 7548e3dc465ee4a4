//! Key logging in the NSS format, for debugging, and the capture of the one secret that
//! exporters need.

use std::fmt;
use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;

use rustls::KeyLog;
use zeroize::Zeroizing;

use crate::base::observations::Observations;
use crate::{Error, Result};

/// Receives each line of the log, without its newline.
pub type KeyLogCallback = Arc<dyn Fn(&str) + Send + Sync>;

/// The destination of the secrets, by default none.
#[derive(Clone, Default)]
pub(crate) struct Sink(Option<KeyLogCallback>);

impl Sink {
    pub(crate) fn new(log: KeyLogCallback) -> Self {
        Self(Some(log))
    }

    /// Appends to a file, which is created with mode 0600 if it does not exist.
    pub(crate) fn file(path: &Path) -> Result<Self> {
        let mut options = OpenOptions::new();
        let file = options.append(true).create(true).mode(0o600).open(path);
        let file = file.map_err(|error| Error::file("cannot write the key log", path, error))?;
        Ok(Self::new(Arc::new(move |line: &str| {
            // The system appends one write as a whole, so no lock is needed that a forked
            // child could wait for.  A log that cannot be written must not end
            // connections.
            let _ = (&file).write_all(format!("{line}\n").as_bytes());
        })))
    }

    /// Appends to the file that `$SSLKEYLOGFILE` names.
    pub(crate) fn from_environment() -> Result<Self> {
        match std::env::var_os("SSLKEYLOGFILE") {
            Some(path) if !path.is_empty() => Self::file(Path::new(&path)),
            _ => Err(Error::argument(
                "the environment variable SSLKEYLOGFILE is not set, or is empty: set it to the \
                 path of the key log, or pass a path",
            )),
        }
    }
}

impl KeyLog for Sink {
    fn log(&self, label: &str, client_random: &[u8], secret: &[u8]) {
        if is_for_exporters(label) {
            // Only exporters of TLS 1.2 use the random values.
            let random = if label == MASTER_SECRET {
                client_random
            } else {
                &[]
            };
            Observations::exporter_secret(secret, random);
        }
        if let Some(log) = &self.0 {
            let (random, secret) = (hex(client_random), hex(secret));
            let line = Zeroizing::new(format!("{label} {} {}", *random, *secret));
            Observations::suspend(|| log(&line));
        }
    }

    fn will_log(&self, label: &str) -> bool {
        self.0.is_some() || is_for_exporters(label)
    }
}

/// The label of the TLS 1.2 master secret in a key log.
const MASTER_SECRET: &str = "CLIENT_RANDOM";

/// Whether this is the exporter master secret of TLS 1.3, or the master secret of TLS
/// 1.2.
fn is_for_exporters(label: &str) -> bool {
    matches!(label, "EXPORTER_SECRET" | MASTER_SECRET)
}

fn hex(bytes: &[u8]) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(2 * bytes.len()));
    for byte in bytes {
        for digit in [byte >> 4, byte & 15] {
            text.extend(char::from_digit(u32::from(digit), 16));
        }
    }
    text
}

impl fmt::Debug for Sink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sink").finish_non_exhaustive()
    }
}
