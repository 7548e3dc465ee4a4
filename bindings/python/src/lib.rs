//! The extension module `tlsmith._tlsmith`: what Python needs from Rust, and
//! nothing that is nicer to say in Python.
//!
//! Every call that can block, or that computes for long, runs detached from the
//! interpreter, so that other threads go on.

mod borrowed;
mod buffer;
mod build;
mod cert;
mod config;
mod crl;
mod errors;
mod files;
mod fork;
mod hooks;
mod issue;
mod key;
mod memory;
mod peer;
mod request;
mod session;
mod socket;
mod sslobj;
mod text;
mod unchecked;
mod values;

use pyo3::prelude::*;

/// The engine of the package `tlsmith`.
#[pymodule(gil_used = false)]
mod _tlsmith {
    use pyo3::prelude::*;

    #[pymodule_export]
    use crate::build::build_info;
    #[pymodule_export]
    use crate::cert::{Certificate, Identity};
    #[pymodule_export]
    use crate::config::Context;
    #[pymodule_export]
    use crate::crl::{Crl, Revoked, gen_crl};
    #[pymodule_export]
    use crate::files::save_files;
    #[pymodule_export]
    use crate::issue::{gen_ca, issue, self_signed, sign};
    #[pymodule_export]
    use crate::key::Key;
    #[pymodule_export]
    use crate::memory::Memory;
    #[pymodule_export]
    use crate::peer::Peer;
    #[pymodule_export]
    use crate::request::Csr;
    #[pymodule_export]
    use crate::session::Session;
    #[pymodule_export]
    use crate::socket::{Socket, dial};
    #[pymodule_export]
    use crate::sslobj::SslObject;
    #[pymodule_export]
    use crate::text::{may_be_secret, one_line, quoted, quoted_path};
    #[pymodule_export]
    use crate::unchecked::{issue_unchecked, mismatched, weak_key};

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        crate::fork::watch()?;
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
