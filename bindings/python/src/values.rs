//! Values that Python has and Rust has not: moments, long integers.

use pyo3::prelude::*;
use pyo3::types::PyBytes;

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
