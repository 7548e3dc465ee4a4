//! The extension module `tlsmith._tlsmith`: what Python needs from Rust.  Everything else is
//! in `python/tlsmith`.
//!
//! Every call that can block or takes long runs detached from the interpreter, so that other
//! threads can run.

mod buffer;
mod build_info;
mod callback;
mod callbacks;
mod certificate_class;
mod certificates;
mod context;
mod context_settings;
mod crl;
mod errors;
mod files;
mod fork;
mod interpreter;
mod issue;
mod key;
mod library;
mod memory;
mod open_connection;
mod options;
mod peer;
mod pending;
mod request;
mod session;
mod socket;
mod ssl_object;
mod test_certificates;
mod text;
mod transports;
mod values;
mod write_retry;

use pyo3::prelude::*;

/// The extension module of the package `tlsmith`.
#[pymodule(gil_used = false)]
fn _tlsmith(module: &Bound<'_, PyModule>) -> PyResult<()> {
    // Before anything is created that interpreters would share.
    interpreter::check()?;
    fork::watch()?;
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add_class::<certificate_class::Certificate>()?;
    module.add_class::<certificates::Identity>()?;
    module.add_class::<context::Context>()?;
    module.add_class::<crl::Crl>()?;
    module.add_class::<crl::Revoked>()?;
    module.add_class::<key::Key>()?;
    module.add_class::<memory::Memory>()?;
    module.add_class::<options::Options>()?;
    module.add_class::<peer::Peer>()?;
    module.add_class::<request::Csr>()?;
    module.add_class::<session::Session>()?;
    module.add_class::<socket::Socket>()?;
    module.add_class::<ssl_object::SslObject>()?;
    for function in [
        wrap_pyfunction!(build_info::build_info, module)?,
        wrap_pyfunction!(crl::gen_crl, module)?,
        wrap_pyfunction!(files::save_files, module)?,
        wrap_pyfunction!(issue::gen_ca, module)?,
        wrap_pyfunction!(issue::issue, module)?,
        wrap_pyfunction!(issue::self_signed, module)?,
        wrap_pyfunction!(library::cipher_names, module)?,
        wrap_pyfunction!(library::digest, module)?,
        wrap_pyfunction!(library::group_names, module)?,
        wrap_pyfunction!(library::random_bytes, module)?,
        wrap_pyfunction!(library::scheme_names, module)?,
        wrap_pyfunction!(request::sign, module)?,
        wrap_pyfunction!(socket::dial, module)?,
        wrap_pyfunction!(text::may_be_secret, module)?,
        wrap_pyfunction!(text::one_line, module)?,
        wrap_pyfunction!(text::quoted, module)?,
        wrap_pyfunction!(text::quoted_path, module)?,
        wrap_pyfunction!(test_certificates::issue_unchecked, module)?,
        wrap_pyfunction!(test_certificates::mismatched, module)?,
        wrap_pyfunction!(test_certificates::weak_key, module)?,
    ] {
        module.add_function(function)?;
    }
    Ok(())
}
