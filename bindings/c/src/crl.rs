//! Certificate revocation lists.

use std::ffi::{c_char, c_int, c_void};
use std::time::Duration;

use tlsmith::{Crl, CrlOptions, Result};

use crate::ffi::{self, InternedStrings};
use crate::identity::tlsmith_identity;

/// A certificate revocation list.
pub struct tlsmith_crl {
    crl: Crl,
    strings: InternedStrings,
}

fn make(body: impl FnOnce() -> Result<Crl>) -> *mut tlsmith_crl {
    ffi::handle(ffi::guard(|| {
        Ok(tlsmith_crl {
            crl: body()?,
            strings: InternedStrings::default(),
        })
    }))
}

/// Create a CRL signed by a CA (RFC 5280, section 5).  `serials` lists serial numbers in hex,
/// separated by commas, each with an optional reason (section 5.3.1): "0a1b,0c2d=keyCompromise";
/// NULL or "" revokes nothing.  It is valid for `days` from now; 0 means 7.  Its thisUpdate is
/// an hour ago.  TLSMITH_ERR_ISSUE if the CA may not sign it.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_gen_crl(
    ca: *const tlsmith_identity,
    serials: *const c_char,
    days: u32,
) -> *mut tlsmith_crl {
    make(|| {
        let ca = ffi::need(ca, "ca")?;
        let serials = ffi::text(serials, "serials")?.filter(|text| !text.is_empty());
        let revoked = serials.into_iter().flat_map(|text| text.split(','));
        let revoked = revoked.map(str::parse).collect::<Result<Vec<_>>>()?;
        let options = CrlOptions {
            lifetime: (days != 0).then(|| Duration::from_secs(u64::from(days) * 86_400)),
            ..CrlOptions::default()
        };
        tlsmith::gen_crl(&ca.identity, &revoked, &options)
    })
}

/// Load the first CRL of a PEM or DER file.  Its signature is verified when it is used.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_crl_load(file: *const c_char) -> *mut tlsmith_crl {
    make(|| Crl::load(ffi::need_path(file, "file")?))
}

/// Load a CRL from `len` bytes of PEM text or DER.
///
/// cbindgen:postfix=TLSMITH_READS(1, 2)
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_crl_load_mem(pem: *const c_void, len: usize) -> *mut tlsmith_crl {
    make(|| Crl::from_bytes(ffi::bytes(pem, len, "pem")?))
}

/// Write it as PEM (mode 0644), replacing an existing file.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_crl_save(crl: *const tlsmith_crl, file: *const c_char) -> c_int {
    ffi::status(ffi::guard(|| {
        let crl = &ffi::need(crl, "crl")?.crl;
        crl.save(ffi::need_path(file, "file")?)
    }))
}

/// Return its PEM; "" for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_crl_pem(crl: *const tlsmith_crl) -> *const c_char {
    ffi::string(crl, |crl| crl.strings.intern(crl.crl.pem()))
}

/// Return its DER, with the length in `len`, which may be NULL; NULL for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_crl_der(crl: *const tlsmith_crl, len: *mut usize) -> *const u8 {
    ffi::borrowed_bytes(|| Some(ffi::borrow(crl)?.crl.der()), len)
}

/// Return every field and entry as human-readable text; "" for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_crl_text(crl: *const tlsmith_crl) -> *const c_char {
    ffi::string(crl, |crl| crl.strings.intern(crl.crl.text()))
}

/// Free a CRL.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_crl_free(crl: *mut tlsmith_crl) {
    ffi::free(crl);
}
