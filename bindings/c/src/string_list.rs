//! Lists that C reads by index: strings, and alternative names with their types.

use std::ffi::{CString, c_char};

use tlsmith::{AlternativeName, NameType};

use crate::ffi::{self, LazyPerProcess};

/// The type of an alternative name (RFC 5280, section 4.2.1.6).  Later versions may add types:
/// treat an unknown one as TLSMITH_NAME_OTHER.
#[repr(C)]
#[derive(Clone, Copy)]
pub enum tlsmith_name_type {
    /// any other type, or a value that is invalid for its type
    TLSMITH_NAME_OTHER = 0,
    /// a host name, perhaps with a wildcard
    TLSMITH_NAME_DNS = 1,
    /// an IPv4 or IPv6 address
    TLSMITH_NAME_IP = 2,
    /// an e-mail address
    TLSMITH_NAME_EMAIL = 3,
    /// a URI
    TLSMITH_NAME_URI = 4,
    /// a user principal name of Active Directory
    TLSMITH_NAME_UPN = 5,
    /// a distinguished name (RFC 4514)
    TLSMITH_NAME_DIRECTORY = 6,
    /// an object identifier in dotted form
    TLSMITH_NAME_REGISTERED_ID = 7,
}

impl From<NameType> for tlsmith_name_type {
    fn from(name_type: NameType) -> Self {
        match name_type {
            NameType::Dns => Self::TLSMITH_NAME_DNS,
            NameType::Ip => Self::TLSMITH_NAME_IP,
            NameType::Email => Self::TLSMITH_NAME_EMAIL,
            NameType::Uri => Self::TLSMITH_NAME_URI,
            NameType::Upn => Self::TLSMITH_NAME_UPN,
            NameType::Directory => Self::TLSMITH_NAME_DIRECTORY,
            NameType::RegisteredId => Self::TLSMITH_NAME_REGISTERED_ID,
            _ => Self::TLSMITH_NAME_OTHER,
        }
    }
}

/// A list of strings, computed when C reads the first one.
#[derive(Default)]
pub(crate) struct StringList(LazyPerProcess<Vec<CString>>);

impl StringList {
    pub(crate) const fn new() -> Self {
        Self(LazyPerProcess::new())
    }

    pub(crate) fn get(
        &self,
        index: usize,
        make: impl FnOnce() -> Vec<String>,
    ) -> Option<*const c_char> {
        let every = self.0.get_or_init(|| {
            let every = make().into_iter();
            every.map(|one| ffi::c_string(&one)).collect()
        });
        every.get(index).map(|one| one.as_ptr())
    }
}

/// A list of alternative names, likewise.
#[derive(Default)]
pub(crate) struct NameList(LazyPerProcess<Vec<(tlsmith_name_type, CString)>>);

impl NameList {
    /// Returns the name at `index` and stores its type.
    pub(crate) fn get(
        &self,
        index: usize,
        name_type: *mut tlsmith_name_type,
        make: impl FnOnce() -> Vec<AlternativeName>,
    ) -> Option<*const c_char> {
        let every = self.0.get_or_init(|| {
            let every = make().into_iter();
            every
                .map(|one| (one.name_type.into(), ffi::c_string(&one.text)))
                .collect()
        });
        let (found, text) = every.get(index)?;
        ffi::store(name_type, *found);
        Some(text.as_ptr())
    }
}
