//! The class Certificate, which exceptions contain.  Its methods are in `certificates.rs`, since
//! they raise these exceptions.

use pyo3::prelude::*;

/// A parsed X.509 certificate.  Parsing does not verify it.
#[pyclass(frozen, module = "tlsmith", eq, hash, weakref)]
#[derive(PartialEq, Eq, Hash, Clone)]
pub(crate) struct Certificate(pub(crate) tlsmith::Certificate);
