//! What `tlsmith.Client` and `tlsmith.Server` are made of.

use pyo3::prelude::*;
use tlsmith::{ClientAuth, Error, Result, Status, Version};

use crate::cert::{Certificate, Identity};
use crate::errors::to_python;

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
        let context = py.detach(|| settings.apply());
        let context = context.map_err(|error| to_python(py, &error, None))?;
        Ok(Self(context))
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
