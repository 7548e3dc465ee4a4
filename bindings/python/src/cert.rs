//! Certificates, keys and identities.

use std::path::PathBuf;
use std::time::Duration;

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyType};
use tlsmith::{CertOptions, KeyType, PrivateKey, Result, Usage};

use crate::errors::to_python;

/// Runs something that takes its time without the interpreter.
fn detached<T: Send>(py: Python<'_>, work: impl FnOnce() -> Result<T> + Send) -> PyResult<T> {
    py.detach(work).map_err(|error| to_python(py, &error, None))
}

/// One parsed X.509 certificate.  Parsing it does not mean trusting it.
#[pyclass(frozen, module = "tlsmith", eq, hash, weakref)]
#[derive(PartialEq, Eq, Hash, Clone)]
pub(crate) struct Certificate(pub(crate) tlsmith::Certificate);

#[pymethods]
impl Certificate {
    #[staticmethod]
    fn from_pem(py: Python<'_>, pem: &[u8]) -> PyResult<Vec<Self>> {
        let all = detached(py, || tlsmith::Certificate::all_from_pem(pem))?;
        Ok(all.into_iter().map(Self).collect())
    }

    #[staticmethod]
    fn from_der(py: Python<'_>, der: &[u8]) -> PyResult<Self> {
        detached(py, || tlsmith::Certificate::from_der(der)).map(Self)
    }

    /// The subject (RFC 4514).
    #[getter]
    fn subject(&self) -> &str {
        self.0.subject()
    }

    /// The issuer (RFC 4514).
    #[getter]
    fn issuer(&self) -> &str {
        self.0.issuer()
    }

    /// The serial number.
    #[getter]
    fn serial<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let int = py.import("builtins")?.getattr("int")?;
        int.call1((self.0.serial(), 16))
    }

    /// When it starts to be valid, in UTC.
    #[getter]
    fn not_before<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        utc(py, self.0.not_before())
    }

    /// When it stops being valid, in UTC.
    #[getter]
    fn not_after<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        utc(py, self.0.not_after())
    }

    /// The alternative names, each as one would type it.
    #[getter]
    fn names<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, pyo3::types::PyTuple>> {
        pyo3::types::PyTuple::new(py, self.0.names())
    }

    /// Whether it may issue certificates.
    #[getter]
    fn is_ca(&self) -> bool {
        self.0.is_ca()
    }

    /// How many CAs may stand below it; None: any number.
    #[getter]
    fn path_len(&self) -> Option<u32> {
        self.0.path_len()
    }

    /// The kind of its key, such as "ecdsa-p256".
    #[getter]
    fn key_type(&self) -> &str {
        self.0.key_type()
    }

    /// The algorithm that it is signed with.
    #[getter]
    fn signature_algorithm(&self) -> &str {
        self.0.signature_type()
    }

    /// What its key may be used for.
    #[getter]
    fn key_usage<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, pyo3::types::PyFrozenSet>> {
        pyo3::types::PyFrozenSet::new(py, self.0.key_usage())
    }

    /// What it may be used for, such as "serverAuth".
    #[getter]
    fn extended_key_usage<'py>(
        &self,
        py: Python<'py>,
    ) -> PyResult<Bound<'py, pyo3::types::PyTuple>> {
        pyo3::types::PyTuple::new(py, self.0.extended_key_usage())
    }

    /// Its PEM.
    #[getter]
    fn pem(&self) -> &[u8] {
        self.0.pem().as_bytes()
    }

    /// Its DER.
    #[getter]
    fn der(&self) -> &[u8] {
        self.0.der()
    }

    /// The SHA-256 of its DER.
    #[getter]
    fn sha256<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        from_hex(py, self.0.sha256())
    }

    /// The SHA-256 of its SubjectPublicKeyInfo: a pin.
    #[getter]
    fn spki_sha256<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        from_hex(py, self.0.spki_sha256())
    }

    /// Write it as PEM, with mode 0644, as a whole or not at all.
    fn save(&self, py: Python<'_>, path: PathBuf) -> PyResult<()> {
        detached(py, || self.0.save(&path))
    }

    /// Every field and extension on a page, for people.
    fn text(&self) -> &str {
        self.0.text()
    }

    fn __repr__(&self) -> String {
        format!("<tlsmith.Certificate {}>", self.0.subject())
    }
}

fn utc(py: Python<'_>, seconds: i64) -> PyResult<Bound<'_, PyAny>> {
    let module = py.import("datetime")?;
    let zone = module.getattr("timezone")?.getattr("utc")?;
    module
        .getattr("datetime")?
        .call_method1("fromtimestamp", (seconds, zone))
}

fn from_hex<'py>(py: Python<'py>, hex: &str) -> PyResult<Bound<'py, PyAny>> {
    py.get_type::<PyBytes>().call_method1("fromhex", (hex,))
}

/// A private key.  It never shows in a repr, and is wiped from memory with the
/// last reference to it.
#[pyclass(frozen, module = "tlsmith", weakref)]
pub(crate) struct Key(PrivateKey);

#[pymethods]
impl Key {
    /// Make a new key, such as of type "ecdsa-p256".
    #[classmethod]
    #[pyo3(signature = (r#type = "ecdsa-p256"))]
    fn generate(_class: &Bound<'_, PyType>, py: Python<'_>, r#type: &str) -> PyResult<Self> {
        let kind = r#type;
        detached(py, || PrivateKey::generate(kind.parse::<KeyType>()?)).map(Self)
    }

    #[staticmethod]
    fn from_pem(py: Python<'_>, pem: &[u8]) -> PyResult<Self> {
        detached(py, || PrivateKey::from_pem(pem)).map(Self)
    }

    #[staticmethod]
    fn from_der(py: Python<'_>, der: &[u8]) -> PyResult<Self> {
        detached(py, || PrivateKey::from_der(der)).map(Self)
    }

    /// Its kind, such as "ecdsa-p256".
    #[getter]
    fn r#type(&self) -> &str {
        self.0.key_type()
    }

    /// The key as PKCS#8 in PEM.
    #[getter]
    fn pem<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, self.0.to_pem().as_bytes())
    }

    /// The key as PKCS#8 in DER.
    #[getter]
    fn der<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.0.to_pkcs8_der())
    }

    fn __repr__(&self) -> String {
        format!("<tlsmith.Key {}>", self.0.key_type())
    }
}

/// A certificate chain with its private key.  `tlsmith.Identity` wraps it.
#[pyclass(frozen, module = "tlsmith._tlsmith")]
pub(crate) struct Identity(pub(crate) tlsmith::Identity);

#[pymethods]
impl Identity {
    #[new]
    fn new(py: Python<'_>, chain: Vec<Py<Certificate>>, key: &Key) -> PyResult<Self> {
        let chain = chain.iter().map(|cert| cert.get().0.clone()).collect();
        let key = key.0.clone();
        detached(py, || tlsmith::Identity::new(chain, Some(key))).map(Self)
    }

    #[getter]
    fn chain(&self) -> Vec<Certificate> {
        self.0.chain().iter().cloned().map(Certificate).collect()
    }

    #[getter]
    fn key(&self) -> Option<Key> {
        self.0.key().cloned().map(Key)
    }

    #[getter]
    fn chain_pem(&self) -> &[u8] {
        self.0.cert_pem().as_bytes()
    }

    #[pyo3(signature = (cert_file, key_file))]
    fn save(
        &self,
        py: Python<'_>,
        cert_file: Option<PathBuf>,
        key_file: Option<PathBuf>,
    ) -> PyResult<()> {
        detached(py, || {
            self.0.save(cert_file.as_deref(), key_file.as_deref())
        })
    }
}

/// What a certificate is to be like, as `tlsmith._certs` says it.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(crate) struct Options {
    common_name: Option<String>,
    subject: Option<String>,
    not_before: Option<i64>,
    lifetime: Option<u64>,
    server: Option<bool>,
    client: Option<bool>,
    key_type: Option<String>,
    key: Option<Py<Key>>,
    path_len: Option<u32>,
    ca: bool,
    permit: Vec<String>,
    exclude: Vec<String>,
    crl_url: Option<String>,
}

impl Options {
    fn into_core(self) -> Result<CertOptions> {
        let usage = match (self.server, self.client) {
            (None, None) => None,
            (server, client) => Some(Usage {
                server: server.unwrap_or(false),
                client: client.unwrap_or(false),
            }),
        };
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
            crl_url: self.crl_url,
        })
    }
}

#[pyfunction]
pub(crate) fn gen_ca(py: Python<'_>, options: Options) -> PyResult<Identity> {
    detached(py, || tlsmith::gen_ca(&options.into_core()?)).map(Identity)
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
