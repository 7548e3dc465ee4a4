//! General names (RFC 5280, section 4.2.1.6): parsing and formatting.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use der::asn1::{AnyRef, ObjectIdentifier};
use der::{Decode, Tag, TagNumber, Tagged};
use rcgen::SanType;

use super::distinguished_name::DistinguishedName;
use super::{describe, oid, quoted};
use crate::{Error, Result};

/// An alternative name of a type that users enter as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum AltName {
    Dns(String),
    Ip(IpAddr),
    Email(String),
    Uri(String),
}

/// Splits a list of names at its commas: `"localhost, 127.0.0.1"`.
///
/// Every name must be valid in a certificate: a host name, an address, an e-mail address or
/// a URI.
pub fn split_names(text: &str) -> Result<Vec<String>> {
    let names: Vec<_> = text.split(',').map(|name| name.trim().to_owned()).collect();
    for name in &names {
        AltName::from_str(name)?;
    }
    Ok(names)
}

impl FromStr for AltName {
    type Err = Error;

    /// Parses an address, a URI if it has `://`, an e-mail address if it has `@`, else a
    /// host name, in either form if it is internationalized.
    fn from_str(name: &str) -> Result<Self> {
        if let Ok(address) = name.parse() {
            return Ok(Self::Ip(address));
        }
        if name.contains("://") {
            return match is_uri(name) {
                true => Ok(Self::Uri(name.to_owned())),
                false => Err(bad_name(name)),
            };
        }
        let typed = |host: &str| host_to_ascii(host).filter(|host| is_host(host));
        let parsed = match (name.rsplit_once('@'), name.strip_prefix("*.")) {
            (Some((user, host)), _) if is_user(user) => match host.is_ascii() {
                true => is_host(host).then(|| Self::Email(name.to_owned())),
                false => typed(host).map(|host| Self::Email(format!("{user}@{host}"))),
            },
            (Some(_), _) => None,
            (None, Some(parent)) => typed(parent).map(|parent| Self::Dns(format!("*.{parent}"))),
            (None, None) => typed(name).map(Self::Dns),
        };
        parsed.ok_or_else(|| bad_name(name))
    }
}

impl AltName {
    pub(super) fn parse_all(names: &[String]) -> Result<Vec<Self>> {
        names.iter().map(|name| name.parse()).collect()
    }

    pub(super) fn to_san(&self) -> Result<SanType> {
        let text = |text: &String| text.as_str().try_into().map_err(|_| bad_name(text));
        Ok(match self {
            Self::Dns(name) => SanType::DnsName(text(name)?),
            Self::Ip(address) => SanType::IpAddress(*address),
            Self::Email(name) => SanType::Rfc822Name(text(name)?),
            Self::Uri(name) => SanType::URI(text(name)?),
        })
    }
}

impl fmt::Display for AltName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dns(name) | Self::Email(name) | Self::Uri(name) => f.write_str(name),
            Self::Ip(address) => address.fmt(f),
        }
    }
}

fn bad_name(name: &str) -> Error {
    Error::argument(format!(
        "{} ({} bytes) is not a name for a certificate: give a host name, an address, \
             an e-mail address or a URI",
        quoted(name),
        name.len()
    ))
}

/// Returns whether it is a URI (RFC 3986, section 3) that every program parses the same
/// way: only URI characters, and as its host a host name, an address, or nothing.
pub(super) fn is_uri(text: &str) -> bool {
    let allowed =
        |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:/?#[]@!$&'()*+,;=%".contains(&byte);
    let Some((scheme, rest)) = text.split_once(':') else {
        return false;
    };
    let authority = rest.strip_prefix("//").map(|rest| {
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        &rest[..end]
    });
    text.bytes().all(allowed)
        && is_scheme(scheme)
        && !rest.trim_start_matches("//").is_empty()
        && authority.is_none_or(is_authority)
}

/// Returns whether it is the authority of a URI: a host, with an optional user and port.
fn is_authority(text: &str) -> bool {
    let (user, rest) = text.rsplit_once('@').unwrap_or(("", text));
    let (host, port) = match rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, port)) if address.parse::<Ipv6Addr>().is_ok() => ("", port),
        Some(_) => return false,
        None => rest.split_at(rest.find(':').unwrap_or(rest.len())),
    };
    let port = port.strip_prefix(':').unwrap_or(port);
    !user.contains('@')
        && port.bytes().all(|byte| byte.is_ascii_digit())
        && (host.is_empty() || is_host(host) || host.parse::<Ipv4Addr>().is_ok())
}

fn is_scheme(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
    text.starts_with(|first: char| first.is_ascii_alphabetic()) && text.bytes().all(allowed)
}

/// Converts a host name to lower-case ASCII; internationalized labels become A-labels (RFC
/// 5891).
pub(crate) fn host_to_ascii(host: &str) -> Option<String> {
    if host.is_ascii() {
        return Some(host.to_ascii_lowercase());
    }
    idna::domain_to_ascii(host).ok()
}

/// Returns whether it is a Dot-string (RFC 5321, section 4.1.2), with dots anywhere.
fn is_user(text: &str) -> bool {
    let allowed =
        |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~.".contains(&byte);
    (1..=64).contains(&text.len()) && text.bytes().all(allowed)
}

/// Returns whether it is a host name that a certificate may have (RFC 5280, section
/// 4.2.1.6), underscores included.  A name whose last label is a number, decimal or `0x`
/// hexadecimal, would be taken for an address.
pub(super) fn is_host(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(allowed)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let last = name.rsplit('.').next().unwrap_or(name);
    let hex = last.strip_prefix("0x").or_else(|| last.strip_prefix("0X"));
    let is_number = last.bytes().all(|byte| byte.is_ascii_digit())
        || hex.is_some_and(|hex| hex.bytes().all(|byte| byte.is_ascii_hexdigit()));
    name.len() <= 253 && name.split('.').all(is_label) && !is_number
}

// Names in certificates, valid or not.

/// A GeneralName (RFC 5280, section 4.2.1.6).
#[derive(Clone, Copy)]
pub(crate) struct GeneralName<'a>(pub(super) AnyRef<'a>);

impl<'a> GeneralName<'a> {
    /// Parses the names of a GeneralNames.
    pub(super) fn all(der: &'a [u8]) -> der::Result<Vec<Self>> {
        Ok(Vec::<AnyRef<'_>>::from_der(der)?
            .into_iter()
            .map(Self)
            .collect())
    }

    pub(crate) fn number(self) -> u32 {
        match self.0.tag() {
            Tag::ContextSpecific { number, .. } => number.value(),
            _ => u32::MAX,
        }
    }

    /// Formats a name as users would enter it, if it is of such a type.
    pub(crate) fn to_text(self) -> Option<String> {
        match self.number() {
            1 | 2 | 6 => Some(visible(self.0.value())),
            7 => address(self.0.value()).map(|address| address.to_string()),
            _ => None,
        }
    }

    /// Formats a URI as users would enter it.
    pub(super) fn uri(self) -> Option<String> {
        (self.number() == 6).then(|| visible(self.0.value()))
    }

    /// Converts to the form that name constraints are checked with.
    pub(crate) fn known(self) -> Option<AltName> {
        let text = || String::from_utf8_lossy(self.0.value()).into_owned();
        Some(match self.number() {
            1 => AltName::Email(text()),
            2 => AltName::Dns(text().to_ascii_lowercase()),
            6 => AltName::Uri(text()),
            7 => AltName::Ip(address(self.0.value())?),
            _ => return None,
        })
    }

    /// Returns whether it is of a known type but invalid.
    pub(crate) fn is_malformed(self) -> bool {
        match self.number() {
            7 => address(self.0.value()).is_none(),
            4 => self.directory().is_none(),
            number => number > 8,
        }
    }

    /// Returns the type and value of an otherName; `None` for other types, and if it does
    /// not decode.
    pub(super) fn other_name(self) -> Option<(ObjectIdentifier, AnyRef<'a>)> {
        let (kind, rest) = ObjectIdentifier::from_der_partial(self.0.value()).ok()?;
        let wrapped = AnyRef::from_der(rest).ok()?;
        let value = AnyRef::from_der(wrapped.value()).ok()?;
        let is_wrapped = wrapped.tag()
            == Tag::ContextSpecific {
                constructed: true,
                number: TagNumber(0),
            };
        (self.number() == 0 && is_wrapped).then_some((kind, value))
    }

    /// Returns the distinguished name of a directory name.
    pub(crate) fn directory(self) -> Option<DistinguishedName> {
        let is_directory = self.number() == 4;
        is_directory
            .then(|| DistinguishedName::from_der(self.0.value()).ok())
            .flatten()
    }
}

impl fmt::Display for GeneralName<'_> {
    /// Formats with the type in front; in hex if the value is not text.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.0.value();
        let kind = match self.number() {
            0 => "other name ",
            1 => "e-mail ",
            2 => "DNS ",
            4 => "directory ",
            6 => "URI ",
            7 => "IP ",
            8 => "identifier ",
            _ => "unknown name ",
        };
        let identifier = (self.number() == 8).then(|| oid::dotted(value));
        let text = self
            .to_text()
            .or_else(|| self.directory().map(|name| name.to_string()))
            .or(identifier)
            .unwrap_or_else(|| describe::hex(value));
        write!(f, "{kind}{text}")
    }
}

/// Returns whether a value is a string of a type that is ASCII or UTF-8.
pub(super) fn is_string(value: AnyRef<'_>) -> bool {
    matches!(
        value.tag(),
        Tag::Utf8String | Tag::Ia5String | Tag::PrintableString
    )
}

pub(super) fn address(bytes: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
    let v6 = <[u8; 16]>::try_from(bytes).map(IpAddr::from);
    v4.or(v6).ok()
}

/// Formats a name with escapes in hex, so that it cannot look like another name, or like
/// two in a list.
pub(super) fn visible(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for &byte in bytes {
        if byte.is_ascii_graphic() && byte != b',' && byte != b'\\' {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("\\{byte:02x}"));
        }
    }
    text
}
