//! Values that Python has otherwise than Rust: moments, long integers, versions, passwords
//! of several kinds.

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};
use tlsmith::Version;
use zeroize::Zeroizing;

use crate::errors::to_python;
use crate::raised;

/// A password: a str, which is its UTF-8, bytes as they are, or something that gives one
/// when it is called.  The copy is wiped when it is dropped.
pub(crate) enum Password {
    Known(Zeroizing<Vec<u8>>),
    Asked(Py<PyAny>),
}

impl Password {
    /// What loads with it: a function is called only if something is encrypted.
    pub(crate) fn or_none(given: Option<&Self>) -> tlsmith::Password<'_> {
        match given {
            None => None.into(),
            Some(Self::Known(bytes)) => bytes.as_slice().into(),
            Some(Self::Asked(function)) => tlsmith::Password::ask(|| {
                let answer = Python::attach(|py| bytes_of(function.bind(py).call0()?));
                answer.map_err(|error| {
                    raised::keep(error);
                    let sentence = "the function that gives the password failed";
                    tlsmith::Error::state(sentence)
                })
            }),
        }
    }

    /// What saves with it.
    pub(crate) fn bytes(&self, py: Python<'_>) -> PyResult<Zeroizing<Vec<u8>>> {
        match self {
            Self::Known(bytes) => Ok(bytes.clone()),
            Self::Asked(function) => bytes_of(function.bind(py).call0()?),
        }
    }

    /// What saves with it as text, as PKCS#12 has it.
    pub(crate) fn text(&self, py: Python<'_>) -> PyResult<Zeroizing<String>> {
        let bytes = self.bytes(py)?;
        let text = std::str::from_utf8(&bytes).map_err(|_| bad_password(py))?;
        Ok(Zeroizing::new(text.to_owned()))
    }
}

/// Runs something that loads with a password, without the interpreter.  What the function
/// that gives the password raised is raised.
pub(crate) fn loading<T: Send>(
    py: Python<'_>,
    load: impl FnOnce() -> tlsmith::Result<T> + Send,
) -> PyResult<T> {
    drop(raised::take());
    let loaded = py.detach(load);
    raised::or(loaded.map_err(|error| to_python(py, &error, None)))
}

impl<'a, 'py> FromPyObject<'a, 'py> for Password {
    type Error = PyErr;

    fn extract(given: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        match given.is_callable() {
            true => Ok(Self::Asked(given.to_owned().unbind())),
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

/// Without the password, which is nobody's business.
fn bad_password(py: Python<'_>) -> PyErr {
    let sentence = "the password is bytes that are not UTF-8, and PKCS#12 is written with text: \
                    give it as a str";
    let error = tlsmith::Error::argument(sentence);
    to_python(py, &error, None)
}

/// The complaint about an argument that is none of `what`, by the argument's own name.
pub(crate) fn wrong(name: &str, what: &str, given: &Bound<'_, PyAny>) -> PyErr {
    match given.get_type().name() {
        Ok(kind) => PyTypeError::new_err(format!("{name} must be {what}, not {kind}")),
        Err(error) => error,
    }
}

/// An argument that is a str.
pub(crate) fn text<'a>(name: &str, given: &'a Bound<'_, PyAny>) -> PyResult<&'a str> {
    let text = given.cast::<PyString>();
    text.map_err(|_| wrong(name, "a str", given))?.to_str()
}

/// An argument that is bytes.
pub(crate) fn octets<'a>(name: &str, given: &'a Bound<'_, PyAny>) -> PyResult<&'a [u8]> {
    let bytes = given.cast::<PyBytes>();
    Ok(bytes.map_err(|_| wrong(name, "bytes", given))?.as_bytes())
}

/// A version as Python says it.
pub(crate) fn version_name(version: Version) -> &'static str {
    match version {
        Version::Tls12 => "1.2",
        Version::Tls13 => "1.3",
    }
}

/// How many of something, which is not less than none.
pub(crate) fn count(what: &str, given: isize) -> PyResult<usize> {
    usize::try_from(given)
        .map_err(|_| PyValueError::new_err(format!("{what} is {given}: it cannot be negative")))
}

/// A moment in seconds of the Unix epoch as a datetime in UTC.
pub(crate) fn utc(py: Python<'_>, seconds: i64) -> PyResult<Bound<'_, PyAny>> {
    let module = py.import("datetime")?;
    let zone = module.getattr("timezone")?.getattr("utc")?;
    module
        .getattr("datetime")?
        .call_method1("fromtimestamp", (seconds, zone))
}

/// A number in hex as an int.
pub(crate) fn int<'py>(py: Python<'py>, hex: &str) -> PyResult<Bound<'py, PyAny>> {
    let class = py.import("builtins")?.getattr("int")?;
    class.call1((hex, 16))
}

/// An int in hex, with two digits for each byte, as the core writes numbers.
pub(crate) fn hex(int: &Bound<'_, PyAny>) -> PyResult<String> {
    let digits: String = int.call_method1("__format__", ("x",))?.extract()?;
    Ok(match digits.len() % 2 {
        0 => digits,
        _ => format!("0{digits}"),
    })
}

/// The bytes that hex stands for.
pub(crate) fn bytes<'py>(py: Python<'py>, hex: &str) -> PyResult<Bound<'py, PyAny>> {
    py.get_type::<PyBytes>().call_method1("fromhex", (hex,))
}
