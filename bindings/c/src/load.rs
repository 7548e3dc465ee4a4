//! The options of loading identities, in the form that C gives them.

use std::ffi::{c_char, c_void};

use tlsmith::{Error, Password, Result, Status};
use zeroize::Zeroizing;

use crate::edge::{self, Callback, PasswordFn};

/// Writes a password to `buf`, which has room for `size` bytes, 1024, and returns its
/// length, without a NUL; or -1 with errno set for none (TLSMITH_ERR_IO).
pub type tlsmith_password_fn =
    Option<unsafe extern "C" fn(userdata: *mut c_void, buf: *mut c_char, size: usize) -> isize>;

/// How to open what is encrypted.  Start from TLSMITH_LOAD_OPTIONS_INIT.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct tlsmith_load_options {
    pub size: usize,
    /// its bytes are taken as they are; or NULL
    pub password: *const c_char,
    /// called at most once, and only if a password is needed and `password` is NULL
    pub ask_password: tlsmith_password_fn,
    pub userdata: *mut c_void,
    /// which key of a PKCS#12 file, by its friendly name; NULL: the only one
    pub name: *const c_char,
    /// zero
    pub reserved: [*const c_void; 4],
}

/// What the options mean to the core: the password, and the name of a key.
pub(crate) fn read<'a>(
    pointer: *const tlsmith_load_options,
) -> Result<(Password<'a>, Option<&'a str>)> {
    // SAFETY: the structure is made of integers and pointers, its size first; a function
    // is a pointer, and none is NULL.
    let given = unsafe { edge::sized(pointer, "opt") }?;
    let Some(given) = given else {
        return Ok((None.into(), None));
    };
    edge::check_reserved(&given.reserved, "opt")?;
    let name = edge::text(given.name, "name")?;
    if let Some(password) = edge::password(given.password) {
        return Ok((password.into(), name));
    }
    if given.ask_password.is_none() {
        return Ok((None.into(), name));
    }
    let ask = Callback::new(given.ask_password, given.userdata, "ask_password")?;
    Ok((Password::ask(move || answer(&ask)), name))
}

fn answer(ask: &Callback<PasswordFn>) -> Result<Zeroizing<Vec<u8>>> {
    /// The longest password that OpenSSL asks for, too.
    const MOST: usize = 1024;
    let mut password = Zeroizing::new(vec![0; MOST]);
    let count = ask.password(&mut password);
    let count = count.map_err(|error| Error::io("the password callback failed", error))?;
    if count > MOST {
        let sentence = format!("the password callback says {count} bytes of at most {MOST}");
        return Err(edge::impossible(sentence));
    }
    password.truncate(count);
    Ok(password)
}

/// The error where a name can mean no key, since there is one.
pub(crate) fn needs_no_key_file() -> Error {
    let sentence = "name is for a PKCS#12 file, which holds the key: key has to be NULL";
    Error::new(Status::Argument, sentence)
}
