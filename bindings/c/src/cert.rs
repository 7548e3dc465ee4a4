//! Certificates: one each, borrowed from an identity or from a connection.

use std::ffi::{c_char, c_int};

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

/// A text that is put together when it is asked for.
fn made(cert: *const tlsmith_cert, make: impl FnOnce(&Certificate) -> String) -> *const c_char {
    edge::string(cert, |cert| cert.texts.keep(&make(&cert.certificate)))
}

/// A number, or `none` where there is none, for NULL, and for a bug.
fn number(
    cert: *const tlsmith_cert,
    none: c_int,
    find: impl FnOnce(&Certificate) -> Option<usize>,
) -> c_int {
    let found = edge::guard(|| Ok(edge::borrow(cert).and_then(|cert| find(&cert.certificate))));
    let found = found.ok().flatten();
    found.map_or(none, |found| c_int::try_from(found).unwrap_or(c_int::MAX))
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
    made(cert, |certificate| certificate.names().join(","))
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

/// How many CAs may stand below it; -1 for any number, where it is no CA, and
/// for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_cert_path_len(cert: *const tlsmith_cert) -> c_int {
    number(cert, -1, |certificate| {
        let limit = certificate.path_len().filter(|_| certificate.is_ca())?;
        usize::try_from(limit).ok()
    })
}

/// The names that it may issue certificates for, in words; "" where they are
/// not limited.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_cert_name_constraints(cert: *const tlsmith_cert) -> *const c_char {
    made(cert, |certificate| {
        certificate.name_constraints().unwrap_or_default()
    })
}

/// What its key may be used for, separated by commas, such as
/// "digitalSignature,keyEncipherment"; "" where that is not limited.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_cert_key_usage(cert: *const tlsmith_cert) -> *const c_char {
    made(cert, |certificate| certificate.key_usage().join(","))
}

/// What it may be used for, separated by commas, such as
/// "serverAuth,clientAuth"; "" where that is not limited.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_cert_extended_key_usage(cert: *const tlsmith_cert) -> *const c_char {
    made(cert, |certificate| {
        certificate.extended_key_usage().join(",")
    })
}

/// The kind of its key, such as "ecdsa-p256".
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_cert_key_type(cert: *const tlsmith_cert) -> *const c_char {
    text(cert, Certificate::key_type)
}

/// The size of its key in bits; 0 where that is not known.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_cert_key_bits(cert: *const tlsmith_cert) -> c_int {
    number(cert, 0, |certificate| Some(certificate.key_bits()))
}

/// The algorithm that it is signed with, such as "ecdsa-with-SHA256".
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_cert_signature_type(cert: *const tlsmith_cert) -> *const c_char {
    text(cert, Certificate::signature_type)
}

/// Where the CRLs are that can revoke it: URLs, separated by blanks, or "".
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_cert_crl_urls(cert: *const tlsmith_cert) -> *const c_char {
    made(cert, |certificate| certificate.crl_urls().join(" "))
}

/// Who answers by OCSP whether it is revoked: URLs, separated by blanks, or "".
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_cert_ocsp_urls(cert: *const tlsmith_cert) -> *const c_char {
    made(cert, |certificate| certificate.ocsp_urls().join(" "))
}

/// How many certificate transparency logs have promised to list it: the signed
/// certificate timestamps in it (RFC 6962, section 3.3).
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_cert_sct_count(cert: *const tlsmith_cert) -> c_int {
    number(cert, 0, |certificate| Some(certificate.sct_count()))
}

/// The SHA-1 of its DER in hex.  Some programs show it; it proves nothing.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_cert_sha1(cert: *const tlsmith_cert) -> *const c_char {
    made(cert, Certificate::sha1)
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
