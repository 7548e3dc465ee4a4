//! Certificates: one each, borrowed from an identity or from a connection.

use std::ffi::c_char;

use tlsmith::Certificate;

use crate::edge::{self, Texts};

/// One certificate.
pub struct tlsmith_cert {
    certificate: Certificate,
    texts: Texts,
}

/// The certificates of a chain as C sees them.
pub(crate) fn list(chain: &[Certificate]) -> Vec<tlsmith_cert> {
    let wrap = |certificate: &Certificate| tlsmith_cert {
        certificate: certificate.clone(),
        texts: Texts::default(),
    };
    chain.iter().map(wrap).collect()
}

fn text(cert: *const tlsmith_cert, find: impl FnOnce(&Certificate) -> &str) -> *const c_char {
    edge::string(cert, |cert| cert.texts.keep(find(&cert.certificate)))
}

/// The subject (RFC 4514), such as "CN=alice,O=Example".  Here and below, ""
/// or 0 for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_cert_subject(cert: *const tlsmith_cert) -> *const c_char {
    text(cert, Certificate::subject)
}

/// The issuer (RFC 4514).
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_cert_issuer(cert: *const tlsmith_cert) -> *const c_char {
    text(cert, Certificate::issuer)
}

/// The alternative names, separated by commas, or "".
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_cert_names(cert: *const tlsmith_cert) -> *const c_char {
    edge::string(cert, |cert| {
        cert.texts.keep(&cert.certificate.names().join(","))
    })
}

/// The serial number in hex.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_cert_serial(cert: *const tlsmith_cert) -> *const c_char {
    text(cert, Certificate::serial)
}

/// When it starts to be valid, in seconds of the Unix epoch.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_cert_not_before(cert: *const tlsmith_cert) -> i64 {
    edge::borrow(cert).map_or(0, |cert| cert.certificate.not_before())
}

/// When it stops being valid, in seconds of the Unix epoch.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_cert_not_after(cert: *const tlsmith_cert) -> i64 {
    edge::borrow(cert).map_or(0, |cert| cert.certificate.not_after())
}

/// Whether it may issue certificates.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_cert_is_ca(cert: *const tlsmith_cert) -> bool {
    edge::borrow(cert).is_some_and(|cert| cert.certificate.is_ca())
}

/// The kind of its key, such as "ecdsa-p256".
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_cert_key_type(cert: *const tlsmith_cert) -> *const c_char {
    text(cert, Certificate::key_type)
}

/// The algorithm that it is signed with, such as "ecdsa-with-SHA256".
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_cert_signature_type(cert: *const tlsmith_cert) -> *const c_char {
    text(cert, Certificate::signature_type)
}

/// The SHA-256 of its DER in hex.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_cert_sha256(cert: *const tlsmith_cert) -> *const c_char {
    text(cert, Certificate::sha256)
}

/// The SHA-256 of its public key (SubjectPublicKeyInfo) in hex: a pin.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_cert_spki_sha256(cert: *const tlsmith_cert) -> *const c_char {
    text(cert, Certificate::spki_sha256)
}

/// Its DER, with the count of bytes in `len`, which may be NULL.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_cert_der(cert: *const tlsmith_cert, len: *mut usize) -> *const u8 {
    let der: &[u8] = edge::borrow(cert).map_or(&[], |cert| cert.certificate.der());
    edge::store(len, der.len());
    if der.is_empty() {
        return std::ptr::null();
    }
    der.as_ptr()
}

/// Its PEM.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_cert_pem(cert: *const tlsmith_cert) -> *const c_char {
    text(cert, Certificate::pem)
}

/// Every field and extension on a page, for people.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_cert_text(cert: *const tlsmith_cert) -> *const c_char {
    text(cert, Certificate::text)
}
