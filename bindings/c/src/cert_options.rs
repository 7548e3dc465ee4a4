//! Converts the options for certificates from C.

use std::ffi::{c_char, c_void};
use std::time::Duration;

use tlsmith::text::quoted;
use tlsmith::{CertOptions, CustomExtension, Error, Result, Status, Usage};

use crate::ffi;

/// Options for certificates.  Initialize with TLSMITH_CERT_OPTIONS_INIT; a zero field has its
/// default.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct tlsmith_cert_options {
    /// sizeof(tlsmith_cert_options)
    pub size: usize,
    /// NULL: the first host name or e-mail address, if any, or "tlsmith CA"
    pub common_name: *const c_char,
    /// "/C=DE/O=Example/CN=x" or RFC 4514, instead of common_name
    pub subject: *const c_char,
    /// in seconds since the Unix epoch; 0: an hour ago
    pub not_before: i64,
    /// validity in days; 0: 397, for a CA 3650
    pub days: u32,
    /// TLSMITH_USAGE bits; 0: server for hosts and addresses, client for e-mail
    pub usage: u32,
    /// NULL: "ecdsa-p256"; or "ecdsa-p384", "ecdsa-p521", "ed25519", "ed448", "rsa-2048",
    /// "rsa-3072", "rsa-4096", "ml-dsa-44", "ml-dsa-65", "ml-dsa-87"
    pub key_type: *const c_char,
    /// maximum number of CAs below it; 0: no limit for a root, none below an issued CA, and with
    /// TLSMITH_CERT_PATH_LEN none below either
    pub path_len: u32,
    /// TLSMITH_CERT flags
    pub flags: u32,
    /// names a CA may issue for: ".example.com,10.0.0.0/8"; NULL: all
    pub permitted_names: *const c_char,
    /// names a CA may not issue for
    pub excluded_names: *const c_char,
    /// URL of the CRL that will cover it, or NULL
    pub crl_url: *const c_char,
    /// URL of its OCSP responder, or NULL
    pub ocsp_url: *const c_char,
    /// in hex, positive, up to 20 bytes; NULL: random
    pub serial: *const c_char,
    /// more extensions, DER in hex: "1.2.3.4=0500,critical:1.2.3.5=0500"; or NULL
    pub extensions: *const c_char,
    /// must be zero
    pub reserved: [*const c_void; 4],
}

/// For servers.
pub const TLSMITH_USAGE_SERVER: u32 = 1;
/// For clients.
pub const TLSMITH_USAGE_CLIENT: u32 = 2;
/// Issue a CA certificate, also for a request for one.
pub const TLSMITH_CERT_CA: u32 = 1;
/// When signing a request, copy the extensions that it requests, byte for byte.  TLSMITH_ERR_ISSUE
/// for name constraints, OCSPSigning, anyExtendedKeyUsage and, without TLSMITH_CERT_CA, keyCertSign
/// and cRLSign.
pub const TLSMITH_CERT_COPY_EXTENSIONS: u32 = 2;
/// Allow a validity period that ends after the CA's.
pub const TLSMITH_CERT_OUTLIVE_CA: u32 = 4;
/// Take a path_len of 0 literally: no CA below.
pub const TLSMITH_CERT_PATH_LEN: u32 = 8;
/// When signing a request, accept alternative names of types that cannot be checked (otherName,
/// x400Address, ediPartyName).  tlsmith_csr_name() lists them.
pub const TLSMITH_CERT_ALLOW_OTHER_NAMES: u32 = 16;

/// Converts the options; NULL means the defaults.
pub(crate) fn read(pointer: *const tlsmith_cert_options) -> Result<CertOptions> {
    // SAFETY: the structure starts with its size and consists of integers and pointers.
    let given = unsafe { ffi::sized(pointer, "opt") }?;
    let Some(given) = given else {
        return Ok(CertOptions::default());
    };
    check_bits(
        "usage",
        given.usage,
        TLSMITH_USAGE_SERVER | TLSMITH_USAGE_CLIENT,
    )?;
    check_bits(
        "flags",
        given.flags,
        TLSMITH_CERT_CA
            | TLSMITH_CERT_COPY_EXTENSIONS
            | TLSMITH_CERT_OUTLIVE_CA
            | TLSMITH_CERT_PATH_LEN
            | TLSMITH_CERT_ALLOW_OTHER_NAMES,
    )?;
    ffi::check_reserved(&given.reserved, "opt")?;
    let has_path_len = given.path_len != 0 || given.flags & TLSMITH_CERT_PATH_LEN != 0;
    let string = |pointer, name| ffi::text(pointer, name).map(|text| text.map(str::to_owned));
    let days = u64::from(given.days);
    Ok(CertOptions {
        common_name: string(given.common_name, "common_name")?,
        subject: string(given.subject, "subject")?,
        not_before: (given.not_before != 0).then_some(given.not_before),
        lifetime: (days != 0).then(|| Duration::from_secs(days * 86_400)),
        usage: (given.usage != 0).then_some(Usage {
            server: given.usage & TLSMITH_USAGE_SERVER != 0,
            client: given.usage & TLSMITH_USAGE_CLIENT != 0,
        }),
        key_type: ffi::text(given.key_type, "key_type")?
            .map(str::parse)
            .transpose()?,
        key: None,
        path_len: has_path_len.then_some(given.path_len),
        ca: given.flags & TLSMITH_CERT_CA != 0,
        permitted_names: list(given.permitted_names, "permitted_names")?,
        excluded_names: list(given.excluded_names, "excluded_names")?,
        crl_url: string(given.crl_url, "crl_url")?,
        ocsp_url: string(given.ocsp_url, "ocsp_url")?,
        serial: string(given.serial, "serial")?,
        extensions: list(given.extensions, "extensions")?
            .iter()
            .map(|text| extension(text))
            .collect::<Result<_>>()?,
        outlive_ca: given.flags & TLSMITH_CERT_OUTLIVE_CA != 0,
        copy_extensions: given.flags & TLSMITH_CERT_COPY_EXTENSIONS != 0,
        allow_other_names: given.flags & TLSMITH_CERT_ALLOW_OTHER_NAMES != 0,
        ..CertOptions::default()
    })
}

/// Parses an extension such as "critical:1.2.3.4=0500".
fn extension(text: &str) -> Result<CustomExtension> {
    let critical = text.strip_prefix("critical:");
    let parts = critical.unwrap_or(text).split_once('=');
    let parts = parts.and_then(|(oid, hex)| Some((oid, from_hex(hex)?)));
    let Some((oid, value)) = parts else {
        let sentence = format!(
            "the extension {} is invalid: pass an object identifier, \"=\" and DER in hex, such as \
             \"1.2.3.4=0500\" or \"critical:1.2.3.4=0500\"",
            quoted(text)
        );
        return Err(Error::argument(sentence));
    };
    Ok(CustomExtension {
        oid: oid.to_owned(),
        critical: critical.is_some(),
        value,
    })
}

/// Decodes hex to at least one byte.
fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digit = |digit: u8| char::from(digit).to_digit(16);
    let byte = |pair: &[u8]| match pair {
        [high, low] => u8::try_from(digit(*high)? << 4 | digit(*low)?).ok(),
        _ => None,
    };
    let bytes: Option<Vec<u8>> = text.as_bytes().chunks(2).map(byte).collect();
    bytes.filter(|bytes| !bytes.is_empty())
}

pub(crate) fn check_bits(name: &str, given: u32, known: u32) -> Result<()> {
    if given & !known == 0 {
        return Ok(());
    }
    Err(Error::new(
        Status::Unsupported,
        format!("{name} has unknown bits: {:#x}", given & !known),
    ))
}

fn list(pointer: *const c_char, name: &str) -> Result<Vec<String>> {
    let text = ffi::text(pointer, name)?;
    let parts = text.into_iter().flat_map(|text| text.split(','));
    Ok(parts.map(|part| part.trim().to_owned()).collect())
}
