//! Which names in a request may go into a certificate.
//!
//! The requester controls every byte of a request.  So its names must be such as users
//! enter, and the signer can see all of them before signing.

use der::Tagged;

use super::distinguished_name::{COMMON_NAME, DistinguishedName, UB_COMMON_NAME};
use super::general_name::{AltName, GeneralName, address, is_string, is_uri, visible};
use super::quoted;

/// The tag numbers of GeneralName (RFC 5280, section 4.2.1.6).
pub(super) const OTHER: u32 = 0;
pub(super) const EMAIL: u32 = 1;
pub(super) const DNS: u32 = 2;
const X400: u32 = 3;
pub(super) const DIRECTORY: u32 = 4;
const EDI_PARTY: u32 = 5;
pub(super) const URI: u32 = 6;
pub(super) const ADDRESS: u32 = 7;
pub(super) const REGISTERED_ID: u32 = 8;

/// Returns whether [`Csr::names`](super::request::Csr::names) includes names of this type.
pub(super) fn is_in_names(name: GeneralName<'_>) -> bool {
    matches!(name.number(), EMAIL | DNS | URI | ADDRESS)
}

/// Checks an alternative name.  Fails with what is wrong with it.
pub(super) fn check_name(name: GeneralName<'_>, allow_other_names: bool) -> Result<(), String> {
    let bytes = name.0.value();
    let text = std::str::from_utf8(bytes)
        .ok()
        .filter(|text| text.is_ascii());
    let parsed = text.and_then(|text| text.parse().ok());
    let is_constructed = name.0.tag().is_constructed();
    let (what, is_sound) = match name.number() {
        DNS => (
            "DNS name",
            !is_constructed && matches!(parsed, Some(AltName::Dns(_))),
        ),
        EMAIL => (
            "e-mail address",
            !is_constructed && matches!(parsed, Some(AltName::Email(_))),
        ),
        URI => ("URI", !is_constructed && text.is_some_and(is_uri)),
        ADDRESS => {
            let is_address = !is_constructed && address(bytes).is_some();
            return match is_address {
                true => Ok(()),
                false => Err(format!(
                    "it asks for an IP address of {} bytes, and 4 or 16 are right",
                    bytes.len()
                )),
            };
        }
        _ => return check_other(name, is_constructed, allow_other_names),
    };
    if is_sound {
        return Ok(());
    }
    let value = quoted(&String::from_utf8_lossy(bytes));
    Err(format!("it asks for the {what} {value}, which is invalid"))
}

/// Formats a name for which [`is_in_names`] is false, with its type in front.
/// The value of an otherName is text if it is a string, else DER in hex.
pub(super) fn show(name: GeneralName<'_>) -> String {
    match name.other_name() {
        Some((kind, value)) if is_string(value) => {
            format!("other name {kind} {}", visible(value.value()))
        }
        _ => name.to_string(),
    }
}

fn check_other(
    name: GeneralName<'_>,
    is_constructed: bool,
    allow_other_names: bool,
) -> Result<(), String> {
    let bytes = name.0.value();
    let is_sound = match name.number() {
        OTHER => is_constructed && name.other_name().is_some(),
        X400 | EDI_PARTY => is_constructed,
        DIRECTORY => {
            let directory = name.directory().filter(|_| is_constructed);
            let directory = directory.ok_or("it asks for a directory name that does not parse")?;
            check_subject(&directory)?;
            true
        }
        REGISTERED_ID => !is_constructed && bytes.last().is_some_and(|last| last & 0x80 == 0),
        _ => false,
    };
    if !is_sound {
        return Err("it asks for an alternative name that does not parse".to_owned());
    }
    // The other types are displayed exactly, and can be compared.
    let is_opaque = matches!(name.number(), OTHER | X400 | EDI_PARTY);
    match is_opaque && !allow_other_names {
        false => Ok(()),
        true => Err(format!(
            "it asks for {}, a name of a kind that cannot be checked: \
             set the option allow_other_names if that is intended",
            quoted(&show(name))
        )),
    }
}

/// Checks that a subject is displayed exactly as programs read it.
pub(super) fn check_subject(subject: &DistinguishedName) -> Result<(), String> {
    let attributes = subject.attributes();
    let attributes: Vec<_> = attributes.iter().flatten().collect();
    if let Some((oid, value)) = attributes
        .iter()
        .find(|(_, value)| value.chars().any(char::is_control))
    {
        let value = quoted(value);
        return Err(format!(
            "the value {value} of the attribute {oid} in its subject has a control character"
        ));
    }
    let common_names = subject.common_names();
    let count = attributes
        .iter()
        .filter(|(oid, _)| *oid == COMMON_NAME.to_string());
    if count.count() != common_names.len() {
        return Err("a common name in its subject is not a string".to_owned());
    }
    match common_names
        .iter()
        .map(|name| name.chars().count())
        .find(|&length| length > UB_COMMON_NAME)
    {
        None => Ok(()),
        Some(length) => Err(format!(
            "a common name in its subject has {length} characters, and \
             {UB_COMMON_NAME} are the most (RFC 5280, appendix A.1)"
        )),
    }
}
