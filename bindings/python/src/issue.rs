//! Issuing certificates.

use std::time::Duration;

use pyo3::prelude::*;
use tlsmith::{CertOptions, CustomExtension, Purpose, Result, Usage};

use crate::certificates::Identity;
use crate::errors::detached;
use crate::key::Key;

/// The options of a certificate, from `tlsmith._options`.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(crate) struct Options {
    common_name: Option<String>,
    subject: Option<String>,
    not_before: Option<i64>,
    lifetime: Option<u64>,
    server: Option<bool>,
    client: Option<bool>,
    email: bool,
    code: bool,
    ocsp: bool,
    key_type: Option<String>,
    key: Option<Py<Key>>,
    path_len: Option<u32>,
    ca: bool,
    permit: Vec<String>,
    exclude: Vec<String>,
    crl_url: Option<String>,
    ocsp_url: Option<String>,
    must_staple: bool,
    /// In hex.
    serial: Option<String>,
    /// Object identifier, criticality and DER of each.
    extensions: Vec<(String, bool, Vec<u8>)>,
    outlive_ca: bool,
    copy_extensions: bool,
    allow_other_names: bool,
}

impl Options {
    pub(crate) fn into_core(self) -> Result<CertOptions> {
        let usage = match (self.server, self.client) {
            (None, None) => None,
            (server, client) => Some(Usage {
                server: server.unwrap_or(false),
                client: client.unwrap_or(false),
            }),
        };
        let purposes = [
            self.email.then_some(Purpose::Email),
            self.code.then_some(Purpose::Code),
            self.ocsp.then_some(Purpose::Ocsp),
        ];
        let extensions = self.extensions.into_iter();
        Ok(CertOptions {
            common_name: self.common_name,
            subject: self.subject,
            not_before: self.not_before,
            lifetime: self.lifetime.map(Duration::from_secs),
            usage,
            key_type: self.key_type.map(|name| name.parse()).transpose()?,
            key: self.key.map(|key| key.get().0.clone()),
            path_len: self.path_len,
            ca: self.ca,
            permitted_names: self.permit,
            excluded_names: self.exclude,
            purposes: purposes.into_iter().flatten().collect(),
            crl_url: self.crl_url,
            ocsp_url: self.ocsp_url,
            must_staple: self.must_staple,
            serial: self.serial,
            extensions: extensions
                .map(|(oid, critical, value)| CustomExtension {
                    oid,
                    critical,
                    value,
                })
                .collect(),
            outlive_ca: self.outlive_ca,
            copy_extensions: self.copy_extensions,
            allow_other_names: self.allow_other_names,
        })
    }
}

#[pyfunction]
pub(crate) fn gen_ca(py: Python<'_>, options: Options) -> PyResult<Identity> {
    detached(py, || tlsmith::gen_ca(&options.into_core()?)).map(Identity)
}

#[pyfunction]
pub(crate) fn self_signed(
    py: Python<'_>,
    names: Vec<String>,
    options: Options,
) -> PyResult<Identity> {
    detached(py, || tlsmith::self_signed(&names, &options.into_core()?)).map(Identity)
}

#[pyfunction]
pub(crate) fn issue(
    py: Python<'_>,
    ca: &Identity,
    names: Vec<String>,
    options: Options,
) -> PyResult<Identity> {
    let ca = &ca.0;
    detached(py, || {
        tlsmith::issue_cert(ca, &names, &options.into_core()?)
    })
    .map(Identity)
}
