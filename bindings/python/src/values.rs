//! Conversion of values between Python and Rust: passwords, times, integers, versions.

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};
use tlsmith::Version;
use zeroize::Zeroizing;

use crate::errors::to_python;
use crate::pending;

/// A password: bytes, a str (encoded as UTF-8), or a function that returns one.  The copy is
/// wiped when it is dropped.
pub(crate) enum Password {
    Known(Zeroizing<Vec<u8>>),
    Function(Py<PyAny>),
}

impl Password {
    /// The password for loading.  A function is called only if the key is encrypted.
    pub(crate) fn or_none(given: Option<&Self>) -> tlsmith::Password<'_> {
        match given {
            None => None.into(),
            Some(Self::Known(bytes)) => bytes.as_slice().into(),
            Some(Self::Function(function)) => tlsmith::Password::ask(|| {
                let answer = Python::attach(|py| bytes_of(function.bind(py).call0()?));
                answer.map_err(|error| {
                    pending::set_exception(error);
                    let sentence = "the password function raised an exception";
                    tlsmith::Error::state(sentence)
                })
            }),
        }
    }

    /// The password for saving.
    pub(crate) fn bytes(&self, py: Python<'_>) -> PyResult<Zeroizing<Vec<u8>>> {
        match self {
            Self::Known(bytes) => Ok(bytes.clone()),
            Self::Function(function) => bytes_of(function.bind(py).call0()?),
        }
    }

    /// The password for saving as text, which PKCS#12 needs.
    pub(crate) fn text(&self, py: Python<'_>) -> PyResult<Zeroizing<String>> {
        let bytes = self.bytes(py)?;
        let text = std::str::from_utf8(&bytes).map_err(|_| bad_password(py))?;
        Ok(Zeroizing::new(text.to_owned()))
    }
}

/// Runs a function that loads with a password, detached from the interpreter.  Exceptions of the
/// password function are raised.
pub(crate) fn loading<T: Send>(
    py: Python<'_>,
    load: impl FnOnce() -> tlsmith::Result<T> + Send,
) -> PyResult<T> {
    drop(pending::take_exception());
    let loaded = py.detach(load);
    pending::raise_or(loaded.map_err(|error| to_python(py, &error, None)))
}

impl<'a, 'py> FromPyObject<'a, 'py> for Password {
    type Error = PyErr;

    fn extract(given: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        match given.is_callable() {
            true => Ok(Self::Function(given.to_owned().unbind())),
            false => bytes_of(given.to_owned()).map(Self::Known),
        }
    }
}

fn bytes_of(given: Bound<'_, PyAny>) -> PyResult<Zeroizing<Vec<u8>>> {
    if given.is_instance_of::<PyString>() {
        return Ok(given.extract::<String>()?.into_bytes().into());
    }
    if let Ok(bytes) = given.cast::<PyBytes>() {
        return Ok(bytes.as_bytes().to_vec().into());
    }
    let kind = given.get_type().name()?;
    let sentence = format!("a password must be a str or bytes, not {kind}");
    Err(PyTypeError::new_err(sentence))
}

/// The error does not contain the password.
fn bad_password(py: Python<'_>) -> PyErr {
    let sentence = "the password is bytes that are not UTF-8, as PKCS#12 needs: give it as a str";
    let error = tlsmith::Error::argument(sentence);
    to_python(py, &error, None)
}

/// Returns the TypeError for an argument that is not `what`.
pub(crate) fn wrong(name: &str, what: &str, given: &Bound<'_, PyAny>) -> PyErr {
    match given.get_type().name() {
        Ok(kind) => PyTypeError::new_err(format!("{name} must be {what}, not {kind}")),
        Err(error) => error,
    }
}

/// Returns an argument that must be a str.
pub(crate) fn text<'a>(name: &str, given: &'a Bound<'_, PyAny>) -> PyResult<&'a str> {
    let text = given.cast::<PyString>();
    text.map_err(|_| wrong(name, "a str", given))?.to_str()
}

/// Returns an argument that must be bytes.
pub(crate) fn octets<'a>(name: &str, given: &'a Bound<'_, PyAny>) -> PyResult<&'a [u8]> {
    let bytes = given.cast::<PyBytes>();
    Ok(bytes.map_err(|_| wrong(name, "bytes", given))?.as_bytes())
}

/// Returns the name of a version in Python.
pub(crate) fn version_name(version: Version) -> &'static str {
    match version {
        Version::Tls12 => "1.2",
        Version::Tls13 => "1.3",
    }
}

/// Converts a count, which must not be negative.
pub(crate) fn count(what: &str, given: isize) -> PyResult<usize> {
    usize::try_from(given)
        .map_err(|_| PyValueError::new_err(format!("{what} is {given}: it cannot be negative")))
}

/// Converts seconds of the Unix epoch to a datetime in UTC.
pub(crate) fn utc(py: Python<'_>, seconds: i64) -> PyResult<Bound<'_, PyAny>> {
    let module = py.import("datetime")?;
    let zone = module.getattr("timezone")?.getattr("utc")?;
    module
        .getattr("datetime")?
        .call_method1("fromtimestamp", (seconds, zone))
}

/// Converts hex to an int.
pub(crate) fn int<'py>(py: Python<'py>, hex: &str) -> PyResult<Bound<'py, PyAny>> {
    let class = py.import("builtins")?.getattr("int")?;
    class.call1((hex, 16))
}

/// Converts an int to hex, with two digits for each byte, as the core writes numbers.
pub(crate) fn hex(int: &Bound<'_, PyAny>) -> PyResult<String> {
    let digits: String = int.call_method1("__format__", ("x",))?.extract()?;
    Ok(match digits.len() % 2 {
        0 => digits,
        _ => format!("0{digits}"),
    })
}

/// Converts hex to bytes.
pub(crate) fn bytes<'py>(py: Python<'py>, hex: &str) -> PyResult<Bound<'py, PyAny>> {
    py.get_type::<PyBytes>().call_method1("fromhex", (hex,))
}
