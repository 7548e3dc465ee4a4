//! Certificates that must be rejected, for `tlsmith.testing` and `tlsmith.trustme` only.

use pyo3::prelude::*;
use tlsmith::{Error, Weakness};

use crate::certificate_class::Certificate;
use crate::certificates::Identity;
use crate::errors::detached;
use crate::issue::Options;
use crate::key::Key;

#[pyfunction]
pub(crate) fn issue_unchecked(
    py: Python<'_>,
    ca: &Identity,
    names: Vec<String>,
    options: Options,
) -> PyResult<Identity> {
    let ca = &ca.0;
    detached(py, || {
        tlsmith::issue_unchecked(ca, &names, &options.into_core()?)
    })
    .map(Identity)
}

#[pyfunction]
pub(crate) fn mismatched(
    py: Python<'_>,
    chain: Vec<Py<Certificate>>,
    key: &Key,
) -> PyResult<Identity> {
    let chain = chain.iter().map(|cert| cert.get().0.clone()).collect();
    let key = key.0.clone();
    detached(py, || tlsmith::mismatched(chain, key)).map(Identity)
}

#[pyfunction]
pub(crate) fn weak_key(py: Python<'_>, weakness: &str) -> PyResult<Key> {
    detached(py, || {
        let weakness = match weakness {
            "rsa-1024" => Weakness::Rsa1024,
            "sha1" => Weakness::Sha1,
            other => {
                let other = tlsmith::text::quoted(other);
                let sentence = format!("{other} is not a weakness: use rsa-1024 or sha1");
                return Err(Error::argument(sentence));
            }
        };
        tlsmith::weak_key(weakness)
    })
    .map(Key)
}
