//! Certificates and identities.

use std::path::PathBuf;

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyFrozenSet, PyTuple, PyType};
use tlsmith::{AlternativeName, NameParts, Pkcs12Options};

use crate::certificate::Certificate;
use crate::errors::{detached, to_python};
use crate::key::Key;
use crate::values::{self, Password};

#[pymethods]
impl Certificate {
    /// Load the first certificate in a PEM file, in PEM text, the one in DER, or the leaf
    /// of a PKCS#7 bundle.
    #[classmethod]
    fn load<'py>(
        class: &Bound<'py, PyType>,
        source: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        Self::load_all(class, source)?.get_item(0)
    }

    /// Load every certificate in a PEM file, in PEM text, the one in DER, or those in a
    /// PKCS#7 bundle, leaf first.
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

    /// Those in PEM, in DER, or in a PKCS#7 bundle.
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

    /// The version, as people say it: 3 for nearly all.
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

    /// The alternative names, each as one would type it.
    #[getter]
    fn names<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        PyTuple::new(py, self.0.names())
    }

    /// The alternative names of every type (RFC 5280, section 4.2.1.6), each with its
    /// type: "dns", "ip", "email", "uri", "upn" (a user principal name), "directory",
    /// "registered_id" or "other".
    ///
    /// No name can pass for another one of its type: what is not visible ASCII, the comma
    /// and the backslash are a backslash and two hexadecimal digits, directory names are
    /// escaped as in RFC 4514, and one of type "other" begins with its kind.  Look at the
    /// type too: a DNS name can read like an address.  `der` has the bytes.
    #[getter]
    fn alternative_names<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        typed_names(py, self.0.alternative_names())
    }

    /// The common name of the subject; None if it has none or several.  What does not
    /// show, and the backslash, is escaped in hex.
    #[getter]
    fn common_name(&self) -> Option<String> {
        self.0.common_name()
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

    /// How large its key is, in bits: the modulus of RSA, the field of a curve,
    /// for ML-DSA the public key.  0 where that is not known.
    #[getter]
    fn key_bits(&self) -> usize {
        self.0.key_bits()
    }

    /// The algorithm that it is signed with.
    #[getter]
    fn signature_algorithm(&self) -> &str {
        self.0.signature_type()
    }

    /// What its key may be used for.
    #[getter]
    fn key_usage<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyFrozenSet>> {
        PyFrozenSet::new(py, self.0.key_usage())
    }

    /// What it may be used for, such as "serverAuth".
    #[getter]
    fn extended_key_usage<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        PyTuple::new(py, self.0.extended_key_usage())
    }

    /// Where CRLs that can revoke it are.
    #[getter]
    fn crl_urls<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        PyTuple::new(py, self.0.crl_urls())
    }

    /// Who answers questions about its revocation by OCSP.
    #[getter]
    fn ocsp_urls<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        PyTuple::new(py, self.0.ocsp_urls())
    }

    /// Where the certificate of its issuer is.
    #[getter]
    fn issuer_urls<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        PyTuple::new(py, self.0.issuer_urls())
    }

    /// How many certificate transparency logs have promised to list it.
    #[getter]
    fn sct_count(&self) -> usize {
        self.0.sct_count()
    }

    /// The names that a CA may issue certificates for, in words; None where
    /// they are not limited.
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

    /// The SHA-1 of its DER.  Some programs show it; it proves nothing.
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

    /// Write it as PEM, with mode 0644, as a whole or not at all.
    fn save(&self, py: Python<'_>, path: PathBuf) -> PyResult<()> {
        detached(py, || self.0.save(&path))
    }

    /// Every field and extension on a page, for people.
    fn text(&self) -> &str {
        self.0.text()
    }

    /// Whether it is for this host: a DNS name, in either spelling where it is
    /// not ASCII, or an address.  As for a connection, only `names` count, and a
    /// wildcard stands for one label.  Raises ConfigError where it is neither.
    fn matches(&self, py: Python<'_>, hostname: &Bound<'_, PyAny>) -> PyResult<bool> {
        let matches = self.0.matches(values::text("hostname", hostname)?);
        matches.map_err(|error| to_python(py, &error, None))
    }

    /// Whether it is valid then, by its dates alone: an aware datetime, or seconds
    /// of the Unix epoch; None: now.
    #[pyo3(signature = (when = None))]
    fn valid_at(&self, py: Python<'_>, when: Option<&Bound<'_, PyAny>>) -> PyResult<bool> {
        let options = py.import("tlsmith._options")?;
        let time: i64 = match when {
            Some(when) => options.call_method1("moment", ("when", when))?.extract()?,
            None => options.call_method0("now")?.extract()?,
        };
        Ok((self.0.not_before()..=self.0.not_after()).contains(&time))
    }

    /// Whether `issuer` issued it: it names it, and the signature is its key's.
    /// Whether `issuer` may issue, and who trusts it, Trust.verify() tells.
    ///
    /// Raises ConfigError, code "config.unsupported", for a signature of a kind
    /// that cannot be checked, such as one with SHA-1.
    fn issued_by(&self, py: Python<'_>, issuer: &Bound<'_, PyAny>) -> PyResult<bool> {
        let given = issuer.cast::<Self>();
        let given = given.map_err(|_| values::wrong("issuer", "a Certificate", issuer))?;
        let issuer = &given.get().0;
        detached(py, || self.0.is_issued_by(issuer))
    }

    /// Its extensions in their order: by object identifier, whether it is
    /// critical, and what it says, in DER.
    fn extensions<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let all = PyDict::new(py);
        for (oid, critical, value) in self.0.extensions() {
            all.set_item(oid, (critical, PyBytes::new(py, value)))?;
        }
        Ok(all)
    }

    /// The dictionary that ssl.SSLSocket.getpeercert() gives for it.
    fn as_dict<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        slf.py()
            .import("tlsmith._interop")?
            .call_method1("peer_dict", (slf,))
    }

    /// The same certificate as an object of the package cryptography, which has to
    /// be there.
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

/// Alternative names as Python has them.
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

    /// An identity of a key and of certificates that stand in any order.
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
