//! Subject alternative names of every type (RFC 5280, section 4.2.1.6), for programs.

use const_oid::ObjectIdentifier;
use der::Tagged;

use super::accessors::NameParts;
use super::certificate::{ALTERNATIVE_NAMES, Certificate};
use super::general_name::{GeneralName, is_string, visible};
use super::request::Csr;
use super::requested_names::{self, DIRECTORY, DNS, EMAIL, OTHER, REGISTERED_ID, URI};
use super::{general_name, oid};
use crate::Result;

/// The otherName type of Active Directory's user principal names.
const UPN: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.311.20.2.3");

/// The type of an alternative name (RFC 5280, section 4.2.1.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum NameType {
    /// A host name, possibly with a wildcard.
    Dns,
    /// An IPv4 or IPv6 address.
    Ip,
    /// An e-mail address.
    Email,
    /// A URI.
    Uri,
    /// A user principal name of Active Directory (an otherName).
    Upn,
    /// A distinguished name in the format of RFC 4514.
    Directory,
    /// A dotted object identifier.
    RegisteredId,
    /// Any other type, or a value that is invalid for its type.
    Other,
}

impl NameType {
    /// Returns its name, such as `"dns"` or `"registered_id"`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Dns => "dns",
            Self::Ip => "ip",
            Self::Email => "email",
            Self::Uri => "uri",
            Self::Upn => "upn",
            Self::Directory => "directory",
            Self::RegisteredId => "registered_id",
            Self::Other => "other",
        }
    }
}

/// One alternative name.
///
/// Its text is safe to print, and to compare with names of the same type: no name can pass
/// for another one.  A DNS name can look like an address.
///
/// In DNS names, e-mail addresses, URIs and user principal names, the comma, the backslash
/// and every byte that is not visible ASCII are written as a backslash and two hexadecimal
/// digits: `a.example\00.evil.example`.  Directory names are escaped as in RFC 4514.
/// [`Certificate::der`] has the exact bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlternativeName {
    /// Its type.
    pub name_type: NameType,
    /// The name.  One of [`NameType::Other`] begins with its type, such as `"other name"`
    /// or `"IP"`; a value that is not text is in hex.
    pub text: String,
    /// The tag number in GeneralName, which distinguishes the types of [`NameType::Other`].
    pub kind: u32,
    /// The RDNs of a directory name.
    pub parts: Option<NameParts>,
}

impl AlternativeName {
    pub(super) fn of(name: GeneralName<'_>) -> Self {
        let (name_type, text) =
            known(name).unwrap_or_else(|| (NameType::Other, requested_names::show(name)));
        Self {
            name_type,
            text,
            kind: name.number(),
            parts: name.directory().map(|name| name.attributes()),
        }
    }
}

/// Returns the type and text of a name whose value is valid for its type.
fn known(name: GeneralName<'_>) -> Option<(NameType, String)> {
    let value = name.0.value();
    let is_constructed = name.0.tag().is_constructed();
    match (name.number(), is_constructed) {
        (DNS, false) => Some((NameType::Dns, visible(value))),
        (EMAIL, false) => Some((NameType::Email, visible(value))),
        (URI, false) => Some((NameType::Uri, visible(value))),
        (requested_names::ADDRESS, false) => {
            let address = general_name::address(value)?;
            Some((NameType::Ip, address.to_string()))
        }
        (REGISTERED_ID, false) => {
            let dotted = oid::dotted(value);
            (!dotted.starts_with('#')).then_some((NameType::RegisteredId, dotted))
        }
        (DIRECTORY, true) => Some((NameType::Directory, name.directory()?.to_string())),
        (OTHER, true) => match name.other_name()? {
            (UPN, value) if is_string(value) => Some((NameType::Upn, visible(value.value()))),
            _ => None,
        },
        _ => None,
    }
}

impl Certificate {
    /// Returns the alternative names of every type, in order.  Empty if the extension does
    /// not decode.
    pub fn alternative_names(&self) -> Vec<AlternativeName> {
        let names = self.extension(&ALTERNATIVE_NAMES).map(GeneralName::all);
        let names = names.and_then(Result::ok).unwrap_or_default().into_iter();
        names.map(AlternativeName::of).collect()
    }
}

impl Csr {
    /// Returns the requested alternative names of every type, in order.
    ///
    /// [`sign_csr`](super::sign_csr) refuses those of [`NameType::Upn`] and
    /// [`NameType::Other`] unless
    /// [`CertOptions::allow_other_names`](super::CertOptions::allow_other_names) is set.
    pub fn alternative_names(&self) -> Vec<AlternativeName> {
        let value = self
            .extensions()
            .iter()
            .find(|one| one.oid == ALTERNATIVE_NAMES);
        let names = value.map(|one| GeneralName::all(one.value.as_bytes()));
        let names = names.and_then(Result::ok).unwrap_or_default().into_iter();
        names.map(AlternativeName::of).collect()
    }
}
