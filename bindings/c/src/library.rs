//! Status codes, version, random numbers and digests.

use std::ffi::{c_char, c_int, c_void};
use std::ptr;

use tlsmith::Status;

use crate::ffi;
use crate::string_list::StringList;

/// Why a call failed.
///
/// Later versions may add codes below the last one: treat an unknown negative value as fatal.  Only
/// the two WANT codes mean "not yet"; none will be added.
#[repr(C)]
#[allow(dead_code, reason = "C programs use it")]
pub enum tlsmith_status {
    /// success
    TLSMITH_OK = 0,
    /// call again when the socket is readable
    TLSMITH_WANT_READ = -1,
    /// call again when the socket is writable
    TLSMITH_WANT_WRITE = -2,
    /// a NULL or invalid argument
    TLSMITH_ERR_ARG = -3,
    /// not allowed in the current state
    TLSMITH_ERR_STATE = -4,
    /// not supported by this build or system
    TLSMITH_ERR_UNSUPPORTED = -5,
    /// a bug in tlsmith: please report it
    TLSMITH_ERR_INTERNAL = -6,
    /// a system call failed: tlsmith_conn_errno()
    TLSMITH_ERR_IO = -10,
    /// the host name has no address
    TLSMITH_ERR_RESOLVE = -11,
    /// the time limit expired
    TLSMITH_ERR_TIMEOUT = -12,
    /// TCP closed without close_notify: data may be missing
    TLSMITH_ERR_TRUNCATED = -13,
    /// the peer's data is invalid or exceeds a limit
    TLSMITH_ERR_PROTOCOL = -20,
    /// the peer sent an alert: tlsmith_conn_alert()
    TLSMITH_ERR_ALERT = -21,
    /// no parameters in common, or the client was refused
    TLSMITH_ERR_NO_COMMON = -22,
    /// certificate rejected for another reason
    TLSMITH_ERR_CERT = -30,
    /// the certificate does not chain to a trusted root
    TLSMITH_ERR_CERT_UNKNOWN_ISSUER = -31,
    /// the certificate is for another name
    TLSMITH_ERR_CERT_NAME_MISMATCH = -32,
    /// a certificate in the chain has expired
    TLSMITH_ERR_CERT_EXPIRED = -33,
    /// a certificate in the chain is not valid yet
    TLSMITH_ERR_CERT_NOT_YET_VALID = -34,
    /// a CRL lists a certificate in the chain
    TLSMITH_ERR_CERT_REVOKED = -35,
    /// no current CRL covers a certificate in the chain
    TLSMITH_ERR_CERT_UNKNOWN_REVOCATION = -36,
    /// the peer sent no certificate, and one is required
    TLSMITH_ERR_CERT_MISSING = -37,
    /// a verify callback refused it
    TLSMITH_ERR_CERT_REFUSED = -38,
    /// none of the pinned keys is in the chain
    TLSMITH_ERR_CERT_PIN_MISMATCH = -39,
    /// for verify callbacks: OCSP response missing or bad
    TLSMITH_ERR_CERT_OCSP = -40,
    /// its key usage does not allow this use
    TLSMITH_ERR_CERT_WRONG_USAGE = -41,
    /// the peer's own certificate is a CA's
    TLSMITH_ERR_CERT_NOT_AN_END_ENTITY = -42,
    /// an issuer in the chain is not a CA
    TLSMITH_ERR_CERT_NOT_A_CA = -43,
    /// a name constraint or a policy forbids it
    TLSMITH_ERR_CERT_CONSTRAINT = -44,
    /// more CAs in the chain than allowed
    TLSMITH_ERR_CERT_PATH_TOO_LONG = -45,
    /// a key or signature is too weak
    TLSMITH_ERR_CERT_WEAK_KEY = -46,
    /// a signature does not verify
    TLSMITH_ERR_CERT_BAD_SIGNATURE = -47,
    /// a key of an unsupported type
    TLSMITH_ERR_CERT_UNSUPPORTED_KEY = -48,
    /// an unknown critical extension
    TLSMITH_ERR_CERT_UNSUPPORTED_EXTENSION = -49,
    /// a certificate does not parse
    TLSMITH_ERR_CERT_MALFORMED = -50,
    /// a file cannot be read or written
    TLSMITH_ERR_FILE = -60,
    /// PEM or DER that does not parse
    TLSMITH_ERR_PARSE = -61,
    /// the private key does not belong to the certificate
    TLSMITH_ERR_KEY_MISMATCH = -62,
    /// the CA may not issue this certificate
    TLSMITH_ERR_ISSUE = -63,
}

/// Return the version of the running library, such as "0.1.0".  Never NULL, never freed.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_version() -> *const c_char {
    const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), "\0");
    VERSION.as_ptr().cast()
}

/// Return whether this build has a feature: "pq" (post-quantum key exchange), "ml-dsa" and "ed448"
/// (keys and signatures), "ech" (Encrypted ClientHello, for clients), "early-data" (0-RTT),
/// "system-roots".  False for unknown names and for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_has(feature: *const c_char) -> bool {
    const FEATURES: [&str; 6] = ["pq", "ml-dsa", "ed448", "ech", "early-data", "system-roots"];
    let name = ffi::text(feature, "feature");
    name.is_ok_and(|name| name.is_some_and(|name| FEATURES.contains(&name)))
}

/// Return a short phrase for a code: "certificate is for another name".  Never NULL, never freed.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_strerror(status: c_int) -> *const c_char {
    static PHRASES: ffi::LazyPerProcess<ffi::InternedStrings> = ffi::LazyPerProcess::new();
    let phrase = match (status, Status::from_code(status)) {
        (0.., _) => "success",
        (_, Some(status)) => status.phrase(),
        (_, None) => "unknown error",
    };
    let intern = || {
        Ok(PHRASES
            .get_or_init(ffi::InternedStrings::default)
            .intern(phrase))
    };
    ffi::guard(intern).unwrap_or(ptr::null())
}

/// Return why the latest failed call on this thread failed; "" if none did.  For constructors and
/// calls without a handle.  Valid until the next failure on this thread; WANT codes count as
/// failures.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_last_error() -> *const c_char {
    ffi::last_error()
}

/// Return the tlsmith_status of that failure; 0 if there was none.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_last_status() -> c_int {
    ffi::last_status()
}

/// Return the IANA name of supported cipher suite `index`; NULL past the end.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_cipher_name(index: usize) -> *const c_char {
    static NAMES: StringList = StringList::new();
    ffi::borrowed_ptr(|| NAMES.get(index, || owned(tlsmith::cipher_names())))
}

/// Return the name of supported key exchange group `index`, likewise.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_group_name(index: usize) -> *const c_char {
    static NAMES: StringList = StringList::new();
    ffi::borrowed_ptr(|| NAMES.get(index, || owned(tlsmith::group_names())))
}

/// Return the name of supported signature scheme `index`, likewise.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_scheme_name(index: usize) -> *const c_char {
    static NAMES: StringList = StringList::new();
    ffi::borrowed_ptr(|| NAMES.get(index, || owned(tlsmith::scheme_names())))
}

fn owned(names: Vec<&'static str>) -> Vec<String> {
    names.into_iter().map(str::to_owned).collect()
}

/// Fill `buf` with `len` random bytes that are secure enough for keys.
///
/// cbindgen:postfix=TLSMITH_FILLS(1, 2)
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_random(buf: *mut c_void, len: usize) -> c_int {
    ffi::status(ffi::guard(|| tlsmith::random(ffi::room(buf, len, "buf")?)))
}

/// Write the digest of `len` bytes of `data` to `out` and return its length: "sha256" (32 bytes),
/// "sha384" (48) or "sha512" (64).  TLSMITH_ERR_ARG if `out_len` is less.
///
/// cbindgen:postfix=TLSMITH_READS(2, 3) TLSMITH_FILLS(4, 5)
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_digest(
    algorithm: *const c_char,
    data: *const c_void,
    len: usize,
    out: *mut c_void,
    out_len: usize,
) -> isize {
    ffi::count(ffi::guard(|| {
        let algorithm = ffi::need_text(algorithm, "algorithm")?.parse()?;
        let data = ffi::bytes(data, len, "data")?;
        ffi::fill(out, out_len, &tlsmith::digest(algorithm, data))
    }))
}

#[cfg(test)]
mod tests {
    use super::tlsmith_status::{self, *};
    use tlsmith::Status as S;

    #[test]
    fn c_status_codes_equal_rust_status_codes() {
        let pairs: [(tlsmith_status, S); 38] = [
            (TLSMITH_WANT_READ, S::WantRead),
            (TLSMITH_WANT_WRITE, S::WantWrite),
            (TLSMITH_ERR_ARG, S::Argument),
            (TLSMITH_ERR_STATE, S::State),
            (TLSMITH_ERR_UNSUPPORTED, S::Unsupported),
            (TLSMITH_ERR_INTERNAL, S::Internal),
            (TLSMITH_ERR_IO, S::Io),
            (TLSMITH_ERR_RESOLVE, S::Resolve),
            (TLSMITH_ERR_TIMEOUT, S::Timeout),
            (TLSMITH_ERR_TRUNCATED, S::Truncated),
            (TLSMITH_ERR_PROTOCOL, S::Protocol),
            (TLSMITH_ERR_ALERT, S::Alert),
            (TLSMITH_ERR_NO_COMMON, S::NoCommon),
            (TLSMITH_ERR_CERT, S::Certificate),
            (TLSMITH_ERR_CERT_UNKNOWN_ISSUER, S::CertificateUnknownIssuer),
            (TLSMITH_ERR_CERT_NAME_MISMATCH, S::CertificateNameMismatch),
            (TLSMITH_ERR_CERT_EXPIRED, S::CertificateExpired),
            (TLSMITH_ERR_CERT_NOT_YET_VALID, S::CertificateNotYetValid),
            (TLSMITH_ERR_CERT_REVOKED, S::CertificateRevoked),
            (
                TLSMITH_ERR_CERT_UNKNOWN_REVOCATION,
                S::CertificateUnknownRevocation,
            ),
            (TLSMITH_ERR_CERT_MISSING, S::CertificateMissing),
            (TLSMITH_ERR_CERT_REFUSED, S::CertificateRefused),
            (TLSMITH_ERR_CERT_PIN_MISMATCH, S::CertificatePinMismatch),
            (TLSMITH_ERR_CERT_OCSP, S::CertificateOcsp),
            (TLSMITH_ERR_CERT_WRONG_USAGE, S::CertificateWrongUsage),
            (
                TLSMITH_ERR_CERT_NOT_AN_END_ENTITY,
                S::CertificateNotAnEndEntity,
            ),
            (TLSMITH_ERR_CERT_NOT_A_CA, S::CertificateNotACa),
            (TLSMITH_ERR_CERT_CONSTRAINT, S::CertificateConstraint),
            (TLSMITH_ERR_CERT_PATH_TOO_LONG, S::CertificatePathTooLong),
            (TLSMITH_ERR_CERT_WEAK_KEY, S::CertificateWeakKey),
            (TLSMITH_ERR_CERT_BAD_SIGNATURE, S::CertificateBadSignature),
            (
                TLSMITH_ERR_CERT_UNSUPPORTED_KEY,
                S::CertificateUnsupportedKey,
            ),
            (
                TLSMITH_ERR_CERT_UNSUPPORTED_EXTENSION,
                S::CertificateUnsupportedExtension,
            ),
            (TLSMITH_ERR_CERT_MALFORMED, S::CertificateMalformed),
            (TLSMITH_ERR_FILE, S::File),
            (TLSMITH_ERR_PARSE, S::Parse),
            (TLSMITH_ERR_KEY_MISMATCH, S::KeyMismatch),
            (TLSMITH_ERR_ISSUE, S::Issue),
        ];
        assert_eq!(pairs.len(), S::ALL.len());
        for (in_c, in_core) in pairs {
            assert_eq!(in_c as i32, in_core.code());
        }
    }
}
