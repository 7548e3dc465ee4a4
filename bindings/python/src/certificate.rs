//! The class of certificates, which exceptions carry too.  Its methods are in `cert.rs`: they
//! raise these exceptions.

use pyo3::prelude::*;

/// One parsed X.509 certificate.  Parsing it does not mean trusting it.
#[pyclass(frozen, module = "tlsmith", eq, hash, weakref)]
#[derive(PartialEq, Eq, Hash, Clone)]
pub(crate) struct Certificate(pub(crate) tlsmith::Certificate);
