//! Certificate requests (PKCS#10).

use std::ffi::{c_char, c_int, c_void};

use tlsmith::{Csr, Result};

use crate::cert_options::{self, tlsmith_cert_options};
use crate::ffi::{self, InternedStrings};
use crate::identity::{self, tlsmith_identity};
use crate::string_list::{NameList, tlsmith_name_type};

/// A certificate request, perhaps with its key.
pub struct tlsmith_csr {
    csr: Csr,
    strings: InternedStrings,
    names: NameList,
}

fn make(body: impl FnOnce() -> Result<Csr>) -> *mut tlsmith_csr {
    ffi::handle(ffi::guard(|| {
        Ok(tlsmith_csr {
            csr: body()?,
            strings: InternedStrings::default(),
            names: NameList::default(),
        })
    }))
}

fn text(csr: *const tlsmith_csr, find: impl FnOnce(&Csr) -> &str) -> *const c_char {
    ffi::string(csr, |csr| csr.strings.intern(find(&csr.csr)))
}

/// Create a key and a certificate request (PKCS#10, RFC 2986) for comma-separated names.  `names`
/// may be NULL if `opt` has a subject or a common name.  TLSMITH_ERR_ARG for options that only the
/// CA decides, such as the validity.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_gen_csr(
    names: *const c_char,
    opt: *const tlsmith_cert_options,
) -> *mut tlsmith_csr {
    make(|| {
        let names = ffi::text(names, "names")?.map(tlsmith::split_names);
        let names = names.transpose()?.unwrap_or_default();
        tlsmith::gen_csr(&names, &cert_options::read(opt)?)
    })
}

/// Load a request from a PEM or DER file.  TLSMITH_ERR_PARSE if its signature is invalid.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_csr_load(file: *const c_char) -> *mut tlsmith_csr {
    make(|| Csr::load(ffi::need_path(file, "file")?))
}

/// Load a request from `len` bytes of PEM text or DER.
///
/// cbindgen:postfix=TLSMITH_READS(1, 2)
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_csr_load_mem(pem: *const c_void, len: usize) -> *mut tlsmith_csr {
    make(|| Csr::from_bytes(ffi::bytes(pem, len, "pem")?))
}

/// Write the request and, if tlsmith_gen_csr() made it, its key, as tlsmith_identity_save() does.
/// TLSMITH_ERR_STATE if its key is elsewhere.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_csr_save(
    csr: *const tlsmith_csr,
    csr_file: *const c_char,
    key_file: *const c_char,
    password: *const c_char,
) -> c_int {
    ffi::status(ffi::guard(|| {
        let csr = &ffi::need(csr, "csr")?.csr;
        let password = ffi::password(password);
        csr.save(ffi::path(csr_file), ffi::path(key_file), password)
    }))
}

/// Return the request as PEM.  Here and below, "" for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_csr_pem(csr: *const tlsmith_csr) -> *const c_char {
    text(csr, Csr::pem)
}

/// Return the requested subject (RFC 4514).
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_csr_subject(csr: *const tlsmith_csr) -> *const c_char {
    text(csr, Csr::subject)
}

/// Return requested alternative name `index`, as tlsmith_cert_name() does.  Signing
/// TLSMITH_NAME_UPN and _OTHER needs TLSMITH_CERT_ALLOW_OTHER_NAMES.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_csr_name(
    csr: *const tlsmith_csr,
    index: usize,
    r#type: *mut tlsmith_name_type,
) -> *const c_char {
    ffi::store(r#type, tlsmith_name_type::TLSMITH_NAME_OTHER);
    ffi::borrowed_ptr(|| {
        let csr = ffi::borrow(csr)?;
        csr.names.get(index, r#type, || csr.csr.alternative_names())
    })
}

/// Return the type of its key, such as "ecdsa-p256".
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_csr_key_type(csr: *const tlsmith_csr) -> *const c_char {
    ffi::string(csr, |csr| csr.strings.intern(&csr.csr.key_type()))
}

/// Return the whole request as human-readable text.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_csr_text(csr: *const tlsmith_csr) -> *const c_char {
    text(csr, Csr::text)
}

/// Free a request.  Identities made from it keep its key.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_csr_free(csr: *mut tlsmith_csr) {
    ffi::free(csr);
}

/// Issue a certificate for the key, subject and alternative names of a request; for the rest see
/// TLSMITH_CERT_COPY_EXTENSIONS.  A subject or a common name in `opt` replaces the request's.  The
/// identity has the key if tlsmith_gen_csr() made the request.  A request is untrusted input:
/// TLSMITH_ERR_ISSUE if the CA may not issue it, if it requests a CA without TLSMITH_CERT_CA, and
/// for names that tlsmith_issue_cert() would refuse.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_sign_csr(
    ca: *const tlsmith_identity,
    csr: *const tlsmith_csr,
    opt: *const tlsmith_cert_options,
) -> *mut tlsmith_identity {
    identity::make(|| {
        let ca = &ffi::need(ca, "ca")?.identity;
        let csr = &ffi::need(csr, "csr")?.csr;
        tlsmith::sign_csr(ca, csr, None, &cert_options::read(opt)?)
    })
}
