//! The methods of Certificate, and the class Identity.

use std::path::PathBuf;

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyFrozenSet, PyTuple, PyType};
use tlsmith::{AlternativeName, NameParts, Pkcs12Options};

use crate::certificate_class::Certificate;
use crate::errors::{detached, to_python};
use crate::key::Key;
use crate::values::{self, Password};

#[pymethods]
impl Certificate {
    /// Load the first certificate of a file or of bytes, in PEM or DER, or the end-entity
    /// certificate of a PKCS#7 bundle.
    #[classmethod]
    fn load<'py>(
        class: &Bound<'py, PyType>,
        source: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        Self::load_all(class, source)?.get_item(0)
    }

    /// Load all certificates of a file or of bytes, in PEM, DER or PKCS#7, the end-entity
    /// certificate of a PKCS#7 bundle first.
    #[classmethod]
    fn load_all<'py>(
        class: &Bound<'py, PyType>,
        source: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let sources = class.py().import("tlsmith._loading")?;
        sources.call_method1("load_certificates", (source,))
    }

    #[staticmethod]
    fn from_pem(py: Python<'_>, pem: &Bound<'_, PyAny>) -> PyResult<Vec<Self>> {
        let pem = values::octets("pem", pem)?;
        let all = detached(py, || tlsmith::Certificate::all_from_pem(pem))?;
        Ok(all.into_iter().map(Self).collect())
    }

    #[staticmethod]
    fn from_der(py: Python<'_>, der: &Bound<'_, PyAny>) -> PyResult<Self> {
        let der = values::octets("der", der)?;
        detached(py, || tlsmith::Certificate::from_der(der)).map(Self)
    }

    /// Parse certificates in PEM, DER or PKCS#7.
    #[staticmethod]
    fn from_bytes(py: Python<'_>, content: &[u8]) -> PyResult<Vec<Self>> {
        let all = detached(py, || tlsmith::Certificate::all_from_bytes(content))?;
        Ok(all.into_iter().map(Self).collect())
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

    /// The X.509 version, usually 3.
    #[getter]
    fn version(&self) -> u32 {
        self.0.version()
    }

    /// The serial number.
    #[getter]
    fn serial<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        values::int(py, self.0.serial())
    }

    /// When it starts to be valid, in UTC.
    #[getter]
    fn not_before<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        values::utc(py, self.0.not_before())
    }

    /// When it stops being valid, in UTC.
    #[getter]
    fn not_after<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        values::utc(py, self.0.not_after())
    }

    /// The subject alternative names, as text.
    #[getter]
    fn names<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        PyTuple::new(py, self.0.names())
    }

    /// The alternative names of every type (RFC 5280, section 4.2.1.6), each with its
    /// type: "dns", "ip", "email", "uri", "upn" (a user principal name), "directory",
    /// "registered_id" or "other".
    ///
    /// Different names of a type have different texts: characters that are not visible ASCII,
    /// the comma and the backslash are written as a backslash and two hexadecimal digits,
    /// directory names are escaped as in RFC 4514, and names of type "other" begin with what
    /// they are, such as "other name 1.3.6.1.4.1.311.20.2.3".  Check the type too: a DNS name
    /// can look like an IP address.  The exact bytes are in `der`.
    #[getter]
    fn alternative_names<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        typed_names(py, self.0.alternative_names())
    }

    /// The common name of the subject; None if it has none or several.  Invisible
    /// characters and the backslash are escaped in hex.
    #[getter]
    fn common_name(&self) -> Option<String> {
        self.0.common_name()
    }

    /// Whether it is a CA certificate.
    #[getter]
    fn is_ca(&self) -> bool {
        self.0.is_ca()
    }

    /// How many intermediate CAs may be below it (pathLenConstraint); None: any number.
    #[getter]
    fn path_len(&self) -> Option<u32> {
        self.0.path_len()
    }

    /// The type of its key, such as "ecdsa-p256".
    #[getter]
    fn key_type(&self) -> &str {
        self.0.key_type()
    }

    /// The size of its key in bits: the modulus for RSA, the field for a curve, the public key
    /// for ML-DSA.  0 if unknown.
    #[getter]
    fn key_bits(&self) -> usize {
        self.0.key_bits()
    }

    /// The algorithm that it is signed with.
    #[getter]
    fn signature_algorithm(&self) -> &str {
        self.0.signature_type()
    }

    /// Its key usage, such as "digitalSignature".
    #[getter]
    fn key_usage<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyFrozenSet>> {
        PyFrozenSet::new(py, self.0.key_usage())
    }

    /// Its extended key usage, such as "serverAuth".
    #[getter]
    fn extended_key_usage<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        PyTuple::new(py, self.0.extended_key_usage())
    }

    /// The URLs of its CRLs.
    #[getter]
    fn crl_urls<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        PyTuple::new(py, self.0.crl_urls())
    }

    /// The URLs of its OCSP responders.
    #[getter]
    fn ocsp_urls<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        PyTuple::new(py, self.0.ocsp_urls())
    }

    /// The URLs of its issuer's certificate.
    #[getter]
    fn issuer_urls<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        PyTuple::new(py, self.0.issuer_urls())
    }

    /// The number of its signed certificate timestamps (RFC 6962).
    #[getter]
    fn sct_count(&self) -> usize {
        self.0.sct_count()
    }

    /// The name constraints of a CA, as text; None without any.
    #[getter]
    fn name_constraints(&self) -> Option<String> {
        self.0.name_constraints()
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

    /// The SHA-1 of its DER, which some programs display.  It is not secure.
    #[getter]
    fn sha1<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        values::bytes(py, &self.0.sha1())
    }

    /// The SHA-256 of its DER.
    #[getter]
    fn sha256<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        values::bytes(py, self.0.sha256())
    }

    /// Its SubjectPublicKeyInfo in DER.
    #[getter]
    fn spki(&self) -> &[u8] {
        self.0.spki_der()
    }

    /// The SHA-256 of its SubjectPublicKeyInfo: a pin.
    #[getter]
    fn spki_sha256<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        values::bytes(py, self.0.spki_sha256())
    }

    /// Write it as PEM, with mode 0644, atomically.
    fn save(&self, py: Python<'_>, path: PathBuf) -> PyResult<()> {
        detached(py, || self.0.save(&path))
    }

    /// A human-readable text with all fields and extensions.
    fn text(&self) -> &str {
        self.0.text()
    }

    /// Return whether it matches a host: a DNS name (Unicode or ASCII) or an IP address.  As for
    /// a connection, only `names` are checked, and a wildcard matches one label.  Raises
    /// ConfigError for an invalid host.
    fn matches(&self, py: Python<'_>, hostname: &Bound<'_, PyAny>) -> PyResult<bool> {
        let matches = self.0.matches(values::text("hostname", hostname)?);
        matches.map_err(|error| to_python(py, &error, None))
    }

    /// Return whether its validity period includes a time: an aware datetime, or seconds of the
    /// Unix epoch; None: now.
    #[pyo3(signature = (when = None))]
    fn valid_at(&self, py: Python<'_>, when: Option<&Bound<'_, PyAny>>) -> PyResult<bool> {
        let options = py.import("tlsmith._options")?;
        let time: i64 = match when {
            Some(when) => options
                .call_method1("epoch_seconds", ("when", when))?
                .extract()?,
            None => options.call_method0("now")?.extract()?,
        };
        Ok((self.0.not_before()..=self.0.not_after()).contains(&time))
    }

    /// Return whether `issuer` issued it: by its issuer name and its signature.  Trust.verify()
    /// also checks whether `issuer` is a trusted CA.
    ///
    /// Raises ConfigError, code "config.unsupported", for an unsupported signature algorithm,
    /// such as one with SHA-1.
    fn issued_by(&self, py: Python<'_>, issuer: &Bound<'_, PyAny>) -> PyResult<bool> {
        let given = issuer.cast::<Self>();
        let given = given.map_err(|_| values::wrong("issuer", "a Certificate", issuer))?;
        let issuer = &given.get().0;
        detached(py, || self.0.is_issued_by(issuer))
    }

    /// Return its extensions in their order: criticality and DER by object identifier.
    fn extensions<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let all = PyDict::new(py);
        for (oid, critical, value) in self.0.extensions() {
            all.set_item(oid, (critical, PyBytes::new(py, value)))?;
        }
        Ok(all)
    }

    /// Return the dict of ssl.SSLSocket.getpeercert() for it.
    fn as_dict<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        slf.py()
            .import("tlsmith._interop")?
            .call_method1("peer_dict", (slf,))
    }

    /// Convert to an object of the package cryptography, which must be installed.
    fn to_cryptography<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        slf.py()
            .import("tlsmith._interop")?
            .call_method1("certificate", (slf,))
    }

    fn _subject_parts(&self) -> NameParts {
        self.0.subject_parts()
    }

    fn _issuer_parts(&self) -> NameParts {
        self.0.issuer_parts()
    }

    fn _alternative_names(&self) -> Vec<(u32, String, Option<NameParts>)> {
        let names = self.0.alternative_names().into_iter();
        names.map(|one| (one.kind, one.text, one.parts)).collect()
    }

    fn __reduce__<'py>(
        &self,
        py: Python<'py>,
    ) -> PyResult<(Bound<'py, PyAny>, (Bound<'py, PyBytes>,))> {
        let sources = py.import("tlsmith._loading")?;
        let again = sources.getattr("certificate_from_der")?;
        Ok((again, (PyBytes::new(py, self.0.der()),)))
    }

    fn __repr__(&self) -> String {
        format!("<tlsmith.Certificate {}>", self.0.subject())
    }
}

/// Returns alternative names with their types.
pub(crate) fn typed_names(
    py: Python<'_>,
    names: Vec<AlternativeName>,
) -> PyResult<Bound<'_, PyTuple>> {
    let names = names.into_iter();
    let names: Vec<_> = names.map(|one| (one.name_type.name(), one.text)).collect();
    PyTuple::new(py, names)
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

    #[staticmethod]
    fn from_pkcs12(
        py: Python<'_>,
        der: &[u8],
        password: Password,
        name: Option<&str>,
        insecure_no_mac: bool,
    ) -> PyResult<Self> {
        let options = Pkcs12Options::default()
            .named(name)
            .insecure_without_mac(insecure_no_mac);
        let load = || {
            let password = Password::or_none(Some(&password));
            tlsmith::Identity::from_pkcs12_with(der, password, &options)
        };
        values::loading(py, load).map(Self)
    }

    /// Create an identity from a key and certificates in any order.
    #[staticmethod]
    fn from_bundle(py: Python<'_>, chain: Vec<Py<Certificate>>, key: &Key) -> PyResult<Self> {
        let chain = chain.iter().map(|cert| cert.get().0.clone()).collect();
        let key = key.0.clone();
        detached(py, || tlsmith::Identity::from_bundle(chain, key)).map(Self)
    }

    fn pkcs12<'py>(
        &self,
        py: Python<'py>,
        name: Option<&str>,
        password: Password,
        legacy: bool,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let password = password.text(py)?;
        let der = detached(py, || match legacy {
            true => self.0.to_pkcs12_legacy(name, &password),
            false => self.0.to_pkcs12(name, &password),
        })?;
        Ok(PyBytes::new(py, &der))
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
