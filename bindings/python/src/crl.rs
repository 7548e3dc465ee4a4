//! Certificate revocation lists.

use std::path::PathBuf;
use std::time::Duration;

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyInt, PyIterator, PyList, PyType};
use tlsmith::{CrlOptions, RevocationReason};

use crate::certificate_class::Certificate;
use crate::certificates::Identity;
use crate::errors::{detached, to_python};
use crate::values;

/// A certificate revocation list.  A Trust verifies its signature when it uses it.
#[pyclass(frozen, name = "CRL", module = "tlsmith", weakref)]
pub(crate) struct Crl(pub(crate) tlsmith::Crl);

#[pymethods]
impl Crl {
    /// Load the first CRL of a file or of bytes, in PEM or DER.
    #[classmethod]
    fn load<'py>(
        class: &Bound<'py, PyType>,
        source: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let sources = class.py().import("tlsmith._loading")?;
        sources.call_method1("load_crls", (source,))?.get_item(0)
    }

    #[staticmethod]
    fn from_pem(py: Python<'_>, pem: &Bound<'_, PyAny>) -> PyResult<Vec<Self>> {
        let pem = values::octets("pem", pem)?;
        let all = detached(py, || tlsmith::Crl::all_from_pem(pem))?;
        Ok(all.into_iter().map(Self).collect())
    }

    #[staticmethod]
    fn from_der(py: Python<'_>, der: &Bound<'_, PyAny>) -> PyResult<Self> {
        let der = values::octets("der", der)?;
        detached(py, || tlsmith::Crl::from_der(der)).map(Self)
    }

    /// The issuer, whose certificates it revokes (RFC 4514).
    #[getter]
    fn issuer(&self) -> &str {
        self.0.issuer()
    }

    /// Its number, which grows from one CRL to the next, or None.
    #[getter]
    fn number<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let number = self.0.number();
        number.map(|hex| values::int(py, &hex)).transpose()
    }

    /// thisUpdate: when it was issued, in UTC.
    #[getter]
    fn this_update<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        values::utc(py, self.0.this_update())
    }

    /// nextUpdate: when the next one will be issued at the latest, in UTC, or None.
    #[getter]
    fn next_update<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let next = self.0.next_update();
        next.map(|seconds| values::utc(py, seconds)).transpose()
    }

    /// The algorithm that it is signed with.
    #[getter]
    fn signature_algorithm(&self) -> String {
        self.0.signature_type()
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

    /// Write it as PEM, with mode 0644, atomically.
    fn save(&self, py: Python<'_>, path: PathBuf) -> PyResult<()> {
        detached(py, || self.0.save(&path))
    }

    /// A human-readable text with all its content.
    fn text(&self) -> &str {
        self.0.text()
    }

    /// Convert to an object of the package cryptography, which must be installed.
    fn to_cryptography<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        slf.py()
            .import("tlsmith._interop")?
            .call_method1("crl", (slf,))
    }

    fn __reduce__<'py>(
        &self,
        py: Python<'py>,
    ) -> PyResult<(Bound<'py, PyAny>, (Bound<'py, PyBytes>,))> {
        let sources = py.import("tlsmith._loading")?;
        Ok((
            sources.getattr("crl_from_der")?,
            (PyBytes::new(py, self.0.der()),),
        ))
    }

    fn __len__(&self) -> usize {
        self.0.revoked().len()
    }

    /// Return whether it lists a certificate of the same issuer, or a serial number.
    fn __contains__(&self, cert: &Bound<'_, PyAny>) -> PyResult<bool> {
        let lists = |serial: &str| {
            let mut revoked = self.0.revoked().iter();
            revoked.any(|entry| entry.serial == serial)
        };
        if let Ok(cert) = cert.cast::<Certificate>() {
            let cert = &cert.get().0;
            return Ok(cert.issuer() == self.0.issuer() && lists(cert.serial()));
        }
        let what = "a Certificate or a serial number";
        let serial = cert.cast::<PyInt>();
        let serial = serial.map_err(|_| values::wrong("the entry of a CRL", what, cert))?;
        Ok(lists(&values::hex(serial)?))
    }

    /// Each certificate that is revoked: its serial number, since when, in UTC,
    /// and why, such as "key_compromise", or None.
    fn __iter__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyIterator>> {
        let all = PyList::empty(py);
        for entry in self.0.revoked() {
            let time = entry.time.map(|time| values::utc(py, time)).transpose()?;
            let serial = values::int(py, &entry.serial)?;
            all.append((serial, time, entry.reason.map(reason_name)))?;
        }
        all.try_iter()
    }

    fn __repr__(&self) -> String {
        let (issuer, count) = (self.0.issuer(), self.0.revoked().len());
        format!("<tlsmith.CRL {issuer}, {count} revoked>")
    }
}

/// The standard's names, in the way of Python.
fn reason_name(reason: RevocationReason) -> &'static str {
    use RevocationReason as R;
    match reason {
        R::Unspecified => "unspecified",
        R::KeyCompromise => "key_compromise",
        R::CaCompromise => "ca_compromise",
        R::AffiliationChanged => "affiliation_changed",
        R::Superseded => "superseded",
        R::CessationOfOperation => "cessation_of_operation",
        R::CertificateHold => "certificate_hold",
        R::RemoveFromCrl => "remove_from_crl",
        R::PrivilegeWithdrawn => "privilege_withdrawn",
        R::AaCompromise => "aa_compromise",
    }
}

/// What a CA revoked, with its arguments checked.
#[pyclass(frozen, module = "tlsmith._tlsmith")]
pub(crate) struct Revoked(tlsmith::Revoked);

#[pymethods]
impl Revoked {
    #[new]
    fn new(py: Python<'_>, serial: &Bound<'_, PyInt>, time: i64, reason: &str) -> PyResult<Self> {
        let reason = reason.parse::<RevocationReason>();
        let reason = reason.map_err(|error| to_python(py, &error, None))?;
        Ok(Self(tlsmith::Revoked {
            serial: values::hex(serial)?,
            time: Some(time),
            // Who has none to give leaves it out (RFC 5280, section 5.3.1).
            reason: Some(reason).filter(|reason| *reason != RevocationReason::Unspecified),
        }))
    }
}

#[pyfunction]
pub(crate) fn gen_crl(
    py: Python<'_>,
    ca: &Identity,
    revoked: Vec<Py<Revoked>>,
    this_update: Option<i64>,
    lifetime: Option<u64>,
    number: Option<u64>,
) -> PyResult<Crl> {
    let revoked: Vec<_> = revoked.iter().map(|one| one.get().0.clone()).collect();
    let options = CrlOptions {
        lifetime: lifetime.map(Duration::from_secs),
        number,
        this_update,
    };
    detached(py, || tlsmith::gen_crl(&ca.0, &revoked, &options)).map(Crl)
}
