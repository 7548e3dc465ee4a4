//! Converts the core's errors to the exceptions of `tlsmith._errors`.

use std::ffi::{CStr, c_char, c_int};

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyDict, PyTuple};
use tlsmith::{Error, Result, Status, alert_name};

use crate::certificate_class::Certificate;
use crate::pending;

/// Runs a long operation detached from the interpreter.
pub(crate) fn detached<T: Send>(
    py: Python<'_>,
    work: impl FnOnce() -> Result<T> + Send,
) -> PyResult<T> {
    let done = py.detach(work);
    pending::raise_or(done.map_err(|error| to_python(py, &error, None)))
}

/// Returns the exception for an error.  `hostname` is the requested name.
pub(crate) fn to_python(py: Python<'_>, error: &Error, hostname: Option<&str>) -> PyErr {
    build(py, error, hostname).unwrap_or_else(|failure| failure)
}

/// `tlsmith._errors.build`.
static BUILD: PyOnceLock<Py<PyAny>> = PyOnceLock::new();

fn build(py: Python<'_>, error: &Error, hostname: Option<&str>) -> PyResult<PyErr> {
    let details = PyDict::new(py);
    let number = match error.status() {
        Status::Resolve => resolver_code(&error.to_string()),
        _ => error.os_error(),
    };
    details.set_item("errno", number)?;
    details.set_item("alert_number", error.alert())?;
    details.set_item("hostname", hostname)?;
    let chain = error.chain().into_iter().map(Certificate);
    let configs = error.ech_retry_configs();
    details.set_item(
        "ech_retry_configs",
        configs.map(|list| PyBytes::new(py, list)),
    )?;
    details.set_item("chain", PyTuple::new(py, chain.collect::<Vec<_>>())?)?;
    let (kind, code) = code(error);
    let build = BUILD.import(py, "tlsmith._errors", "build")?;
    let exception = build.call((kind, code, error.to_string()), Some(&details))?;
    Ok(PyErr::from_value(exception))
}

// SAFETY: as <netdb.h> declares it (POSIX, and RFC 3493, section 6.3).
unsafe extern "C" {
    fn gai_strerror(code: c_int) -> *const c_char;
}

/// Returns the EAI number whose text a sentence ends with: the `errno` of `socket.gaierror`.
/// Rust's standard library provides only the text.
fn resolver_code(sentence: &str) -> Option<i32> {
    // Negative on Linux, positive on BSD and macOS.
    (-20..=20).filter(|code| *code != 0).find(|code| {
        // SAFETY: it takes any number, and returns NULL or a string that lives until the
        // next call on this thread at least.
        let words = unsafe {
            let words = gai_strerror(*code);
            (!words.is_null()).then(|| CStr::from_ptr(words))
        };
        let words = words.and_then(|words| words.to_str().ok());
        words.is_some_and(|words| !words.is_empty() && sentence.ends_with(words))
    })
}

/// Returns the name of the exception class, and the stable error code.
pub(crate) fn code(error: &Error) -> (&'static str, String) {
    let (kind, code) = match error.status() {
        Status::WantRead => ("WantRead", "want_read"),
        Status::WantWrite => ("WantWrite", "want_write"),
        Status::Argument => ("ConfigError", "config.argument"),
        Status::State => ("Error", "state"),
        Status::Unsupported => ("ConfigError", "config.unsupported"),
        Status::Io => ("Error", "io"),
        Status::Resolve => ("Error", "resolve"),
        Status::Timeout => ("TimedOut", "timeout"),
        Status::Truncated => ("TruncatedError", "truncated"),
        Status::Protocol => ("HandshakeError", "protocol"),
        Status::Alert => return ("AlertError", alert_code(error)),
        Status::NoCommon if error.is_ech_rejection() => {
            ("HandshakeError", "handshake.ech_rejected")
        }
        Status::NoCommon => ("HandshakeError", "handshake.nothing_in_common"),
        Status::Certificate => ("VerifyError", "verify.other"),
        Status::CertificateUnknownIssuer => ("VerifyError", "verify.unknown_issuer"),
        Status::CertificateNameMismatch => ("VerifyError", "verify.name_mismatch"),
        Status::CertificateExpired => ("VerifyError", "verify.expired"),
        Status::CertificateNotYetValid => ("VerifyError", "verify.not_yet_valid"),
        Status::CertificateRevoked => ("VerifyError", "verify.revoked"),
        Status::CertificateUnknownRevocation => ("VerifyError", "verify.unknown_revocation"),
        Status::CertificateMissing => ("VerifyError", "verify.missing"),
        Status::CertificateRefused => ("VerifyError", "verify.refused"),
        Status::CertificatePinMismatch => ("VerifyError", "verify.pin_mismatch"),
        Status::CertificateOcsp => ("VerifyError", "verify.ocsp"),
        Status::CertificateWrongUsage => ("VerifyError", "verify.wrong_usage"),
        Status::CertificateNotAnEndEntity => ("VerifyError", "verify.not_an_end_entity"),
        Status::CertificateNotACa => ("VerifyError", "verify.not_a_ca"),
        Status::CertificateConstraint => ("VerifyError", "verify.constraint"),
        Status::CertificatePathTooLong => ("VerifyError", "verify.path_too_long"),
        Status::CertificateWeakKey => ("VerifyError", "verify.weak_key"),
        Status::CertificateBadSignature => ("VerifyError", "verify.bad_signature"),
        Status::CertificateUnsupportedKey => ("VerifyError", "verify.unsupported_key"),
        Status::CertificateUnsupportedExtension => ("VerifyError", "verify.unsupported_extension"),
        Status::CertificateMalformed => ("VerifyError", "verify.malformed"),
        Status::File => ("ConfigError", "config.file"),
        Status::Parse => ("CertError", "cert.parse"),
        Status::KeyMismatch => ("ConfigError", "config.key_mismatch"),
        Status::Issue => ("CertError", "cert.issue"),
        _ => ("Error", "internal"),
    };
    (kind, code.to_owned())
}

fn alert_code(error: &Error) -> String {
    let number = error.alert().unwrap_or_default();
    match alert_name(number) {
        Some(name) => format!("alert.{name}"),
        None => format!("alert.{number}"),
    }
}
