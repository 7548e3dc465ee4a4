//! Requests for certificates, and lists of those that are revoked.

use std::ffi::{c_char, c_int, c_void};
use std::ptr;
use std::time::Duration;

use tlsmith::{CrlOptions, Csr, Result};

use crate::edge::{self, Texts};
use crate::identity::{self, tlsmith_identity};
use crate::options::{self, tlsmith_cert_options};

/// A request for a certificate, with its private key where it was made here.
pub struct tlsmith_csr {
    csr: Csr,
    texts: Texts,
}

fn make(body: impl FnOnce() -> Result<Csr>) -> *mut tlsmith_csr {
    edge::handle(edge::guard(|| {
        Ok(tlsmith_csr {
            csr: body()?,
            texts: Texts::default(),
        })
    }))
}

fn text(csr: *const tlsmith_csr, find: impl FnOnce(&Csr) -> &str) -> *const c_char {
    edge::string(csr, |csr| csr.texts.keep(find(&csr.csr)))
}

/// Make a key and a request (PKCS#10, RFC 2986) for a certificate for names
/// separated by commas.  `names` may be NULL where `opt` has a subject or a
/// common name.  What only the CA decides, such as the validity, is refused
/// with TLSMITH_ERR_ARG.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_gen_csr(
    names: *const c_char,
    opt: *const tlsmith_cert_options,
) -> *mut tlsmith_csr {
    make(|| {
        let names = edge::text(names, "names")?.map(tlsmith::split_names);
        let names = names.transpose()?.unwrap_or_default();
        tlsmith::gen_csr(&names, &options::read(opt)?)
    })
}

/// Load a request from a file, PEM or DER.  Its own signature is checked:
/// TLSMITH_ERR_PARSE where it is wrong.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_csr_load(file: *const c_char) -> *mut tlsmith_csr {
    make(|| Csr::load(edge::need_path(file, "file")?))
}

/// Load one from `len` bytes of PEM text or DER.
///
/// cbindgen:postfix=TLSMITH_READS(1, 2)
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_csr_load_mem(pem: *const c_void, len: usize) -> *mut tlsmith_csr {
    make(|| Csr::from_bytes(edge::bytes(pem, len, "pem")?))
}

/// Write the request and, where it was made here, its key, as
/// tlsmith_identity_save() does.  TLSMITH_ERR_STATE where the key is not here.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_csr_save(
    csr: *const tlsmith_csr,
    csr_file: *const c_char,
    key_file: *const c_char,
    password: *const c_char,
) -> c_int {
    edge::status(edge::guard(|| {
        let csr = &edge::need(csr, "csr")?.csr;
        let password = edge::password(password);
        csr.save(edge::path(csr_file), edge::path(key_file), password)
    }))
}

/// The request as PEM.  Here and below, "" for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_csr_pem(csr: *const tlsmith_csr) -> *const c_char {
    text(csr, Csr::pem)
}

/// The subject that it asks for (RFC 4514).
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_csr_subject(csr: *const tlsmith_csr) -> *const c_char {
    text(csr, Csr::subject)
}

/// The alternative names that it asks for, separated by commas, or "".
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_csr_names(csr: *const tlsmith_csr) -> *const c_char {
    edge::string(csr, |csr| csr.texts.keep(&csr.csr.names().join(",")))
}

/// Returns the alternative names of all other kinds that it asks for, one a line,
/// each with its kind in front, or "".  tlsmith_sign_csr() signs directory names and
/// registered identifiers; the others need TLSMITH_CERT_ALLOW_OTHER_NAMES.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_csr_other_names(csr: *const tlsmith_csr) -> *const c_char {
    edge::string(csr, |csr| csr.texts.keep(&csr.csr.other_names().join("\n")))
}

/// The kind of its key, such as "ecdsa-p256".
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_csr_key_type(csr: *const tlsmith_csr) -> *const c_char {
    edge::string(csr, |csr| csr.texts.keep(&csr.csr.key_type()))
}

/// Everything that it asks for on a page, for people.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_csr_text(csr: *const tlsmith_csr) -> *const c_char {
    text(csr, Csr::text)
}

/// Free it; identities made from it keep its key.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_csr_free(csr: *mut tlsmith_csr) {
    edge::free(csr);
}

/// Issue what a request asks for: a certificate for its key, its subject and
/// its alternative names; for the rest see TLSMITH_CERT_COPY_EXTENSIONS.  A
/// subject or a common name in `opt` stands in place of the request's.  The
/// identity has the key where the request was made here.  TLSMITH_ERR_ISSUE
/// where the CA may not, for a request to be a CA without TLSMITH_CERT_CA, and for
/// names that tlsmith_issue_cert() would not take: a request is untrusted input.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_sign_csr(
    ca: *const tlsmith_identity,
    csr: *const tlsmith_csr,
    opt: *const tlsmith_cert_options,
) -> *mut tlsmith_identity {
    identity::make(|| {
        let ca = &edge::need(ca, "ca")?.identity;
        let csr = &edge::need(csr, "csr")?.csr;
        tlsmith::sign_csr(ca, csr, None, &options::read(opt)?)
    })
}

/// Make a CRL, a list of certificates that this CA revokes, as PEM that belongs
/// to `ca`.  `serials` are serial numbers in hex separated by commas, each with
/// a reason (RFC 5280, section 5.3.1) or without: "0a1b,0c2d=keyCompromise".
/// NULL or "" revokes nothing.  It is good for so many days from now; 0: 7.  Its
/// thisUpdate is an hour ago.  NULL on failure: TLSMITH_ERR_ISSUE if the CA may not.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_gen_crl(
    ca: *const tlsmith_identity,
    serials: *const c_char,
    days: u32,
) -> *const c_char {
    let made = edge::guard(|| {
        let ca = edge::need(ca, "ca")?;
        let serials = edge::text(serials, "serials")?.filter(|text| !text.is_empty());
        let revoked = serials.into_iter().flat_map(|text| text.split(','));
        let revoked = revoked.map(str::parse).collect::<Result<Vec<_>>>()?;
        let options = CrlOptions {
            lifetime: (days != 0).then(|| Duration::from_secs(u64::from(days) * 86_400)),
            ..CrlOptions::default()
        };
        let crl = tlsmith::gen_crl(&ca.identity, &revoked, &options)?;
        Ok(ca.texts.keep(crl.pem()))
    });
    made.unwrap_or(ptr::null())
}
