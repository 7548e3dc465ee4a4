//! Converts the options for loading identities from C.

use std::ffi::{c_char, c_void};

use tlsmith::{Error, Password, Pkcs12Options, Result};
use zeroize::Zeroizing;

use crate::cert_options;
use crate::ffi::{self, Callback, PasswordFn};

/// Writes a password to `buf`, which has room for `size` bytes (1024).  Returns its length without
/// a NUL, or -1 with errno set if there is none (TLSMITH_ERR_IO).
pub type tlsmith_password_fn =
    Option<unsafe extern "C" fn(userdata: *mut c_void, buf: *mut c_char, size: usize) -> isize>;

/// Accept PKCS#12 without a MAC (RFC 7292, section 4).  Insecure: anyone who can write the file can
/// replace its unencrypted parts.
pub const TLSMITH_LOAD_INSECURE_NO_MAC: u32 = 1;

/// Options for loading encrypted keys and PKCS#12.  Initialize with TLSMITH_LOAD_OPTIONS_INIT.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct tlsmith_load_options {
    pub size: usize,
    /// used byte for byte; or NULL
    pub password: *const c_char,
    /// called at most once, and only if a password is needed and `password` is NULL
    pub ask_password: tlsmith_password_fn,
    pub userdata: *mut c_void,
    /// friendly name of the key to load from PKCS#12; NULL: the only one
    pub name: *const c_char,
    /// 0 or TLSMITH_LOAD_INSECURE_NO_MAC
    pub flags: u32,
    /// must be zero
    pub reserved: [*const c_void; 4],
}

/// Returns the password, and the PKCS#12 options if there are any.
pub(crate) fn read<'a>(
    pointer: *const tlsmith_load_options,
) -> Result<(Password<'a>, Option<Pkcs12Options<'a>>)> {
    // SAFETY: the structure starts with its size and consists of integers and pointers.  A function
    // is a pointer, and `None` is NULL.
    let given = unsafe { ffi::sized(pointer, "opt") }?;
    let Some(given) = given else {
        return Ok((None.into(), None));
    };
    ffi::check_reserved(&given.reserved, "opt")?;
    cert_options::check_bits("flags", given.flags, TLSMITH_LOAD_INSECURE_NO_MAC)?;
    let name = ffi::text(given.name, "name")?;
    let pkcs12 = (name.is_some() || given.flags != 0).then(|| {
        Pkcs12Options::default()
            .named(name)
            .insecure_without_mac(given.flags & TLSMITH_LOAD_INSECURE_NO_MAC != 0)
    });
    Ok((password(&given)?, pkcs12))
}

fn password<'a>(given: &tlsmith_load_options) -> Result<Password<'a>> {
    if let Some(password) = ffi::password(given.password) {
        return Ok(password.into());
    }
    if given.ask_password.is_none() {
        return Ok(None.into());
    }
    let callback = Callback::new(given.ask_password, given.userdata, "ask_password")?;
    Ok(Password::ask(move || run_callback(&callback)))
}

fn run_callback(callback: &Callback<PasswordFn>) -> Result<Zeroizing<Vec<u8>>> {
    /// The longest password, as in OpenSSL's callbacks.
    const MAX_LENGTH: usize = 1024;
    let mut password = Zeroizing::new(vec![0; MAX_LENGTH]);
    let count = callback.password(&mut password);
    let count = count.map_err(|error| Error::io("the password callback failed", error))?;
    if count > MAX_LENGTH {
        let sentence = format!(
            "the password callback returned {count} bytes: at most {MAX_LENGTH} are allowed"
        );
        return Err(ffi::invalid_count(sentence));
    }
    password.truncate(count);
    Ok(password)
}

/// The error for a separate key with PKCS#12.
pub(crate) fn pkcs12_holds_key(argument: &str) -> Error {
    let sentence =
        format!("name and flags are for PKCS#12, which contains its key: {argument} must be NULL");
    Error::argument(sentence)
}
