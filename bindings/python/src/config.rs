//! What `tlsmith.Client` and `tlsmith.Server` are made of.

use pyo3::prelude::*;
use pyo3::types::PyTuple;
use tlsmith::{ClientAuth, Error, Result, Role, Status, Version};

use crate::cert::{Certificate, Identity};
use crate::crl::Crl;
use crate::errors::{detached, to_python};

/// A context of the core, complete and never changed.
#[pyclass(frozen, module = "tlsmith._tlsmith")]
pub(crate) struct Context(pub(crate) tlsmith::Context);

/// What is set, as `tlsmith._config` says it.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
struct Settings {
    /// Trusted certificates.
    roots: Vec<Py<Certificate>>,
    /// The system's roots as well.
    system: bool,
    crls: Vec<Py<Crl>>,
    identities: Vec<Py<Identity>>,
    alpn: Vec<String>,
    min_version: String,
    max_version: String,
    client_auth: String,
    verify: bool,
    check_hostname: bool,
}

#[pymethods]
impl Context {
    #[new]
    fn new(py: Python<'_>, settings: Settings) -> PyResult<Self> {
        detached(py, || settings.apply()).map(Self)
    }

    /// The path that is accepted for a chain, up to the root.
    fn verify<'py>(
        &self,
        py: Python<'py>,
        chain: Vec<Py<Certificate>>,
        hostname: Option<&str>,
        usage: &str,
        time: Option<i64>,
    ) -> PyResult<Bound<'py, PyTuple>> {
        let chain: Vec<_> = chain.iter().map(|cert| cert.get().0.clone()).collect();
        let path = py.detach(|| self.0.verify(&chain, hostname, Some(role(usage)?), time));
        let path = path.map_err(|error| to_python(py, &error, hostname))?;
        PyTuple::new(py, path.into_iter().map(Certificate).collect::<Vec<_>>())
    }
}

impl Settings {
    fn apply(&self) -> Result<tlsmith::Context> {
        let context = tlsmith::Context::new();
        for root in &self.roots {
            context.add_root(&root.get().0)?;
        }
        if self.system {
            context.add_system_roots()?;
        }
        for crl in &self.crls {
            context.add_crl(&crl.get().0)?;
        }
        for identity in &self.identities {
            context.use_identity(&identity.get().0)?;
        }
        let alpn: Vec<_> = self.alpn.iter().map(String::as_str).collect();
        context.set_alpn(&alpn)?;
        context.set_versions(version(&self.min_version)?, version(&self.max_version)?)?;
        context.set_client_auth(client_auth(&self.client_auth)?)?;
        if !self.verify {
            context.insecure_no_verify()?;
        }
        if !self.check_hostname {
            context.insecure_no_name()?;
        }
        Ok(context)
    }
}

fn version(name: &str) -> Result<Version> {
    match name {
        "1.2" => Ok(Version::Tls12),
        "1.3" => Ok(Version::Tls13),
        other => Err(Error::new(
            Status::Argument,
            format!("'{other}' is not a version: \"1.2\" and \"1.3\" are"),
        )),
    }
}

fn client_auth(name: &str) -> Result<ClientAuth> {
    match name {
        "none" => Ok(ClientAuth::None),
        "optional" => Ok(ClientAuth::Optional),
        "required" => Ok(ClientAuth::Required),
        other => Err(Error::new(
            Status::Argument,
            format!("client_auth is '{other}': \"none\", \"optional\" and \"required\" are known"),
        )),
    }
}

fn role(usage: &str) -> Result<Role> {
    match usage {
        "server" => Ok(Role::Server),
        "client" => Ok(Role::Client),
        other => Err(Error::new(
            Status::Argument,
            format!("usage is '{other}': \"server\" and \"client\" are known"),
        )),
    }
}
