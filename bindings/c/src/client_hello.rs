//! The ClientHello handle.

use std::ffi::{CString, c_char, c_int};
use std::ptr;

use tlsmith::ClientHello;

use crate::ffi;
use crate::string_list::StringList;

/// A ClientHello.
pub struct tlsmith_hello {
    server_name: Option<CString>,
    /// Each followed by a NUL.
    alpn: Vec<Vec<u8>>,
    hello: ClientHello,
    ciphers: StringList,
    groups: StringList,
    schemes: StringList,
}

impl tlsmith_hello {
    pub(crate) fn new(hello: ClientHello) -> Self {
        let with_nul = |protocol: &Vec<u8>| [protocol, &b"\0"[..]].concat();
        Self {
            server_name: hello.server_name.as_deref().map(ffi::c_string),
            alpn: hello.alpn.iter().map(with_nul).collect(),
            hello,
            ciphers: StringList::default(),
            groups: StringList::default(),
            schemes: StringList::default(),
        }
    }
}

/// Return the server name that the client requests (SNI, RFC 6066, section 3); NULL for none.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_hello_server_name(hello: *const tlsmith_hello) -> *const c_char {
    ffi::borrowed_ptr(|| {
        let name = ffi::borrow(hello)?.server_name.as_ref();
        name.map(|name| name.as_ptr())
    })
}

/// Return ALPN protocol `index` that the client offers, best first, and a NUL after it; NULL past
/// the end.  `len`, which may be NULL, receives its length.  It may contain any bytes, but is not
/// empty.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_hello_alpn(
    hello: *const tlsmith_hello,
    index: usize,
    len: *mut usize,
) -> *const u8 {
    ffi::store(len, 0);
    ffi::borrowed_ptr(|| {
        let protocol = ffi::borrow(hello)?.alpn.get(index)?;
        ffi::store(len, protocol.len() - 1);
        Some(protocol.as_ptr())
    })
}

/// Return version `index` that the client offers, best first, such as TLSMITH_TLS1_3, or another
/// number, of an older version or GREASE; 0 past the end.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_hello_version(hello: *const tlsmith_hello, index: usize) -> c_int {
    ffi::value_or(hello, 0, |one| {
        let version = one.hello.version_numbers().get(index);
        version.map(|version| c_int::from(*version))
    })
}

/// Return the IANA name of cipher suite `index` that the client offers, best first, or its number,
/// such as "0x5a5a", if it has no name here; NULL past the end.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_hello_cipher(hello: *const tlsmith_hello, index: usize) -> *const c_char {
    ffi::value_or(hello, ptr::null(), |one| {
        one.ciphers.get(index, || one.hello.ciphers())
    })
}

/// Return key exchange group `index` that the client supports, likewise.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_hello_group(hello: *const tlsmith_hello, index: usize) -> *const c_char {
    ffi::value_or(hello, ptr::null(), |one| {
        one.groups.get(index, || one.hello.groups())
    })
}

/// Return signature scheme `index` that the client can verify, likewise.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_hello_scheme(hello: *const tlsmith_hello, index: usize) -> *const c_char {
    ffi::value_or(hello, ptr::null(), |one| {
        one.schemes.get(index, || one.hello.signature_schemes())
    })
}
