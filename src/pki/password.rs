//! The password of a file, given in advance or requested when needed.

use std::cell::{OnceCell, RefCell};
use std::fmt;

use zeroize::Zeroizing;

use crate::Result;

/// The password of an encrypted key or of a PKCS#12 file: text, bytes, or a function.
///
/// Text is encoded as UTF-8, bytes are used as they are.  `None::<&str>` means no password.
pub struct Password<'a> {
    source: Source<'a>,
    password: OnceCell<Result<Zeroizing<Vec<u8>>>>,
}

type Ask<'a> = Box<dyn FnOnce() -> Result<Zeroizing<Vec<u8>>> + 'a>;

enum Source<'a> {
    None,
    Given(&'a [u8]),
    Ask(RefCell<Option<Ask<'a>>>),
}

impl<'a> Password<'a> {
    /// Creates a password that `ask` returns.  It is called at most once, and only if the
    /// file is encrypted.  If it fails, loading fails with its error.
    pub fn ask(ask: impl FnOnce() -> Result<Zeroizing<Vec<u8>>> + 'a) -> Self {
        Self::from_source(Source::Ask(RefCell::new(Some(Box::new(ask)))))
    }

    const fn from_source(source: Source<'a>) -> Self {
        let password = OnceCell::new();
        Self { source, password }
    }

    /// Returns the password, calling the function now if it was not called yet; `None` if
    /// there is no password.
    pub(super) fn get(&self) -> Result<Option<&[u8]>> {
        match &self.source {
            Source::None => Ok(None),
            Source::Given(bytes) => Ok(Some(bytes)),
            Source::Ask(ask) => {
                let answer = self.password.get_or_init(|| match ask.take() {
                    Some(ask) => ask(),
                    None => Ok(Zeroizing::default()),
                });
                answer
                    .as_ref()
                    .map(|bytes| Some(&bytes[..]))
                    .map_err(Clone::clone)
            }
        }
    }
}

impl<'a> From<&'a [u8]> for Password<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self::from_source(Source::Given(bytes))
    }
}

impl<'a> From<&'a str> for Password<'a> {
    fn from(text: &'a str) -> Self {
        Self::from(text.as_bytes())
    }
}

impl<'a> From<&'a String> for Password<'a> {
    fn from(text: &'a String) -> Self {
        Self::from(text.as_bytes())
    }
}

impl<'a> From<Option<&'a str>> for Password<'a> {
    fn from(text: Option<&'a str>) -> Self {
        let source = text.map_or(Source::None, |text| Source::Given(text.as_bytes()));
        Self::from_source(source)
    }
}

impl fmt::Debug for Password<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Password").finish_non_exhaustive()
    }
}
