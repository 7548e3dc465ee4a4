//! Values that Python has and Rust has not: moments, long integers, passwords of
//! several kinds.

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};
use zeroize::Zeroizing;

use crate::errors::to_python;

/// A password: a str, bytes in UTF-8, or something that gives one when it is
/// called.  The copy is wiped when it is dropped.
pub(crate) struct Password(Zeroizing<String>);

impl Password {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl<'a, 'py> FromPyObject<'a, 'py> for Password {
    type Error = PyErr;

    fn extract(given: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        let mut given = given.to_owned();
        if given.is_callable() {
            given = given.call0()?;
        }
        if given.is_instance_of::<PyString>() {
            return Ok(Self(given.extract::<String>()?.into()));
        }
        if let Ok(bytes) = given.cast::<PyBytes>() {
            let text = std::str::from_utf8(bytes.as_bytes());
            let text = text.map_err(|_| bad_password(given.py()))?;
            return Ok(Self(text.to_owned().into()));
        }
        let kind = given.get_type().name()?;
        let sentence = format!("a password is a str or bytes, not {kind}");
        Err(PyTypeError::new_err(sentence))
    }
}

/// Without the password, which is nobody's business.
fn bad_password(py: Python<'_>) -> PyErr {
    let sentence = "the password is bytes that are not UTF-8: give it as a str";
    let error = tlsmith::Error::new(tlsmith::Status::Argument, sentence);
    to_python(py, &error, None)
}

/// The complaint about an argument that is none of `what`, by the argument's own name.
pub(crate) fn wrong(name: &str, what: &str, given: &Bound<'_, PyAny>) -> PyErr {
    match given.get_type().name() {
        Ok(kind) => PyTypeError::new_err(format!("{name} is {what}, not {kind}")),
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
