//! Private keys.

use std::path::PathBuf;

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyType};
use tlsmith::{KeyType, PrivateKey};

use crate::errors::detached;
use crate::values::{self, Password};

/// A private key.  Its repr() does not contain it, and its memory is wiped with the last
/// reference.
#[pyclass(frozen, module = "tlsmith", weakref)]
pub(crate) struct Key(pub(crate) PrivateKey);

/// The type of a key to generate.
struct TypeName(String);

impl<'a, 'py> FromPyObject<'a, 'py> for TypeName {
    type Error = PyErr;

    fn extract(given: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        Ok(Self(values::text("type", &given)?.to_owned()))
    }
}

#[pymethods]
impl Key {
    /// Generate a key of type "ecdsa-p256", "ecdsa-p384", "ecdsa-p521",
    /// "ed25519", "ed448", "rsa-2048", "rsa-3072", "rsa-4096", "ml-dsa-44",
    /// "ml-dsa-65" or "ml-dsa-87".
    #[classmethod]
    #[pyo3(
        signature = (r#type = TypeName("ecdsa-p256".to_owned())),
        text_signature = "($cls, type='ecdsa-p256')"
    )]
    fn generate(_class: &Bound<'_, PyType>, py: Python<'_>, r#type: TypeName) -> PyResult<Self> {
        let kind = r#type.0;
        detached(py, || PrivateKey::generate(kind.parse::<KeyType>()?)).map(Self)
    }

    /// Load a private key, as load_key() does.
    #[classmethod]
    #[pyo3(signature = (source, password = None))]
    fn load<'py>(
        class: &Bound<'py, PyType>,
        source: &Bound<'py, PyAny>,
        password: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let sources = class.py().import("tlsmith._loading")?;
        sources.call_method1("load_key", (source, password))
    }

    #[staticmethod]
    #[pyo3(signature = (pem, password = None))]
    fn from_pem(
        py: Python<'_>,
        pem: &Bound<'_, PyAny>,
        password: Option<Password>,
    ) -> PyResult<Self> {
        let pem = values::octets("pem", pem)?;
        let password = || Password::or_none(password.as_ref());
        values::loading(py, || PrivateKey::from_encrypted_pem(pem, password())).map(Self)
    }

    #[staticmethod]
    #[pyo3(signature = (der, password = None))]
    fn from_der(
        py: Python<'_>,
        der: &Bound<'_, PyAny>,
        password: Option<Password>,
    ) -> PyResult<Self> {
        let der = values::octets("der", der)?;
        let password = || Password::or_none(password.as_ref());
        values::loading(py, || PrivateKey::from_encrypted_der(der, password())).map(Self)
    }

    /// Its type, such as "ecdsa-p256".
    #[getter]
    fn r#type(&self) -> &str {
        self.0.key_type()
    }

    /// The key as PKCS#8 in PEM, not encrypted.
    #[getter]
    fn pem<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, self.0.to_pem().as_bytes())
    }

    /// The key as PKCS#8 in DER, not encrypted.
    #[getter]
    fn der<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.0.to_pkcs8_der())
    }

    /// The key as PKCS#8 in PEM, encrypted with a password: PBES2 with AES-256
    /// and PBKDF2.  Takes a fraction of a second, to slow down brute force.
    fn encrypted_pem<'py>(
        &self,
        py: Python<'py>,
        password: Password,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let password = password.bytes(py)?;
        let pem = detached(py, || self.0.to_encrypted_pem(password.as_slice()))?;
        Ok(PyBytes::new(py, pem.as_bytes()))
    }

    /// Write it as PKCS#8 in PEM, with mode 0600, atomically; with a password, encrypted like
    /// encrypted_pem().
    #[pyo3(signature = (path, password = None))]
    fn save(&self, py: Python<'_>, path: PathBuf, password: Option<Password>) -> PyResult<()> {
        let password = password.map(|one| one.bytes(py)).transpose()?;
        detached(py, || match password {
            None => self.0.save(&path),
            Some(password) => self.0.save_encrypted(&path, password.as_slice()),
        })
    }

    /// The public key in PEM: a SubjectPublicKeyInfo.
    #[getter]
    fn public_pem<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, self.0.public_pem().as_bytes())
    }

    /// The SHA-256 of the SubjectPublicKeyInfo: a pin.
    #[getter]
    fn spki_sha256<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        values::bytes(py, &self.0.spki_sha256())
    }

    /// Convert to an object of the package cryptography, which must be installed.
    fn to_cryptography<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let module = slf.py().import("tlsmith._interop")?;
        module.call_method1("key", (slf,))
    }

    /// Raise TypeError: a pickle would be an unnoticed copy of the key.
    fn __reduce__(&self) -> PyResult<()> {
        Err(PyTypeError::new_err(
            "a Key cannot be pickled, so that no unnoticed copy of it exists: use Key.pem",
        ))
    }

    fn __repr__(&self) -> String {
        format!("<tlsmith.Key {}>", self.0.key_type())
    }
}
