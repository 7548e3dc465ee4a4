//! Certificates, borrowed from an identity or a connection.

use std::ffi::{c_char, c_int};

use tlsmith::Certificate;

use crate::ffi::{self, InternedStrings};
use crate::string_list::{NameList, StringList, tlsmith_name_type};

/// One certificate.
pub struct tlsmith_cert {
    certificate: Certificate,
    strings: InternedStrings,
    names: NameList,
    crl_urls: StringList,
    ocsp_urls: StringList,
}

/// Wraps the certificates of a chain for C.
pub(crate) fn list(chain: &[Certificate]) -> Vec<tlsmith_cert> {
    let wrap = |certificate: &Certificate| tlsmith_cert {
        certificate: certificate.clone(),
        strings: InternedStrings::default(),
        names: NameList::default(),
        crl_urls: StringList::default(),
        ocsp_urls: StringList::default(),
    };
    chain.iter().map(wrap).collect()
}

fn text(cert: *const tlsmith_cert, find: impl FnOnce(&Certificate) -> &str) -> *const c_char {
    ffi::string(cert, |cert| cert.strings.intern(find(&cert.certificate)))
}

/// Returns a string that is computed on demand.
fn computed_text(
    cert: *const tlsmith_cert,
    make: impl FnOnce(&Certificate) -> String,
) -> *const c_char {
    ffi::string(cert, |cert| cert.strings.intern(&make(&cert.certificate)))
}

/// Returns a number; `none` if there is none, for NULL, and after a panic.
fn number(
    cert: *const tlsmith_cert,
    none: c_int,
    find: impl FnOnce(&Certificate) -> Option<usize>,
) -> c_int {
    ffi::value_or(cert, none, |cert| {
        let found = find(&cert.certificate)?;
        Some(c_int::try_from(found).unwrap_or(c_int::MAX))
    })
}

/// Return the subject (RFC 4514): "CN=alice,O=Example".  Here and below, "" or 0 for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_cert_subject(cert: *const tlsmith_cert) -> *const c_char {
    text(cert, Certificate::subject)
}

/// Return the issuer (RFC 4514).
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_cert_issuer(cert: *const tlsmith_cert) -> *const c_char {
    text(cert, Certificate::issuer)
}

/// Return alternative name `index`, with its type in `type`, which may be NULL; NULL past the end.
/// Escaping keeps different names of one type different: the comma, the backslash and bytes outside
/// visible ASCII become a backslash and two hex digits ("a.example\\00.b").  A TLSMITH_NAME_OTHER
/// begins with its kind.  The DER has the exact bytes.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_cert_name(
    cert: *const tlsmith_cert,
    index: usize,
    r#type: *mut tlsmith_name_type,
) -> *const c_char {
    ffi::store(r#type, tlsmith_name_type::TLSMITH_NAME_OTHER);
    ffi::borrowed_ptr(|| {
        let cert = ffi::borrow(cert)?;
        let names = || cert.certificate.alternative_names();
        cert.names.get(index, r#type, names)
    })
}

/// Return the common name of the subject, or "" if there is none or several.  Unprintable bytes and
/// the backslash are escaped in hex ("\\00").
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_cert_common_name(cert: *const tlsmith_cert) -> *const c_char {
    computed_text(cert, |certificate| {
        certificate.common_name().unwrap_or_default()
    })
}

/// Return whether it is valid for a DNS name or an address, by its alternative names only, as in a
/// connection.  A wildcard stands for one label (RFC 9525).  False also for NULL and for an invalid
/// `host`, with the reason in tlsmith_last_error().
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_cert_matches(cert: *const tlsmith_cert, host: *const c_char) -> bool {
    let matches = ffi::guard(|| {
        let cert = ffi::need(cert, "cert")?;
        cert.certificate.matches(ffi::need_text(host, "host")?)
    });
    matches.unwrap_or(false)
}

/// Return the serial number in hex.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_cert_serial(cert: *const tlsmith_cert) -> *const c_char {
    text(cert, Certificate::serial)
}

/// Return when its validity begins, in seconds since the Unix epoch.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_cert_not_before(cert: *const tlsmith_cert) -> i64 {
    ffi::value_or(cert, 0, |cert| Some(cert.certificate.not_before()))
}

/// Return when its validity ends, in seconds since the Unix epoch.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_cert_not_after(cert: *const tlsmith_cert) -> i64 {
    ffi::value_or(cert, 0, |cert| Some(cert.certificate.not_after()))
}

/// Return whether it is a CA's.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_cert_is_ca(cert: *const tlsmith_cert) -> bool {
    ffi::value_or(cert, false, |cert| Some(cert.certificate.is_ca()))
}

/// Return how many CAs may be below it; -1 if any number, if it is no CA, and for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_cert_path_len(cert: *const tlsmith_cert) -> c_int {
    number(cert, -1, |certificate| {
        let limit = certificate.path_len().filter(|_| certificate.is_ca())?;
        usize::try_from(limit).ok()
    })
}

/// Return its name constraints as text; "" if there are none.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_cert_name_constraints(cert: *const tlsmith_cert) -> *const c_char {
    computed_text(cert, |certificate| {
        certificate.name_constraints().unwrap_or_default()
    })
}

/// Return its key usage, such as "digitalSignature,keyEncipherment"; "" if not limited.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_cert_key_usage(cert: *const tlsmith_cert) -> *const c_char {
    computed_text(cert, |certificate| certificate.key_usage().join(","))
}

/// Return its extended key usage, such as "serverAuth,clientAuth"; "" if not limited.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_cert_extended_key_usage(cert: *const tlsmith_cert) -> *const c_char {
    computed_text(cert, |certificate| {
        certificate.extended_key_usage().join(",")
    })
}

/// Return the type of its key, such as "ecdsa-p256".
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_cert_key_type(cert: *const tlsmith_cert) -> *const c_char {
    text(cert, Certificate::key_type)
}

/// Return the size of its key in bits; 0 if unknown.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_cert_key_bits(cert: *const tlsmith_cert) -> c_int {
    number(cert, 0, |certificate| Some(certificate.key_bits()))
}

/// Return its signature algorithm, such as "ecdsa-with-SHA256".
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_cert_signature_type(cert: *const tlsmith_cert) -> *const c_char {
    text(cert, Certificate::signature_type)
}

/// Return URL `index` of its CRL distribution points (RFC 5280, section 4.2.1.13), escaped as in
/// tlsmith_cert_name(); NULL past the end.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_cert_crl_url(cert: *const tlsmith_cert, index: usize) -> *const c_char {
    ffi::borrowed_ptr(|| {
        let cert = ffi::borrow(cert)?;
        cert.crl_urls.get(index, || cert.certificate.crl_urls())
    })
}

/// Return URL `index` of its OCSP responders (RFC 5280, section 4.2.2.1), likewise.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_cert_ocsp_url(cert: *const tlsmith_cert, index: usize) -> *const c_char {
    ffi::borrowed_ptr(|| {
        let cert = ffi::borrow(cert)?;
        cert.ocsp_urls.get(index, || cert.certificate.ocsp_urls())
    })
}

/// Return how many signed certificate timestamps (SCTs) it contains (RFC 6962, section 3.3).
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_cert_sct_count(cert: *const tlsmith_cert) -> c_int {
    number(cert, 0, |certificate| Some(certificate.sct_count()))
}

/// Return the SHA-1 of its DER in hex, for display only: it proves nothing.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_cert_sha1(cert: *const tlsmith_cert) -> *const c_char {
    computed_text(cert, Certificate::sha1)
}

/// Return the SHA-256 of its DER in hex.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_cert_sha256(cert: *const tlsmith_cert) -> *const c_char {
    text(cert, Certificate::sha256)
}

/// Return the SHA-256 of its SubjectPublicKeyInfo in hex, as for tlsmith_ctx_add_pin().
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_cert_spki_sha256(cert: *const tlsmith_cert) -> *const c_char {
    text(cert, Certificate::spki_sha256)
}

/// Return its SubjectPublicKeyInfo in DER, with the length in `len`, which may be NULL.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_cert_spki(cert: *const tlsmith_cert, len: *mut usize) -> *const u8 {
    let spki = || Some(ffi::borrow(cert)?.certificate.spki_der());
    ffi::borrowed_bytes(spki, len)
}

/// Return its DER, with the length in `len`, which may be NULL.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_cert_der(cert: *const tlsmith_cert, len: *mut usize) -> *const u8 {
    ffi::borrowed_bytes(|| Some(ffi::borrow(cert)?.certificate.der()), len)
}

/// Return its PEM.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_cert_pem(cert: *const tlsmith_cert) -> *const c_char {
    text(cert, Certificate::pem)
}

/// Return every field and extension as human-readable text.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_cert_text(cert: *const tlsmith_cert) -> *const c_char {
    text(cert, Certificate::text)
}
