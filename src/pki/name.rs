//! Alternative names (RFC 5280, section 4.2.1.6), from text and to text.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use der::asn1::AnyRef;
use der::{Decode, Tag, Tagged};
use rcgen::SanType;

use super::subject::Subject;
use super::{describe, oid, quoted};
use crate::{Error, Result, Status};

/// An alternative name of a kind that people type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum AltName {
    Dns(String),
    Ip(IpAddr),
    Email(String),
    Uri(String),
}

/// Cuts a list of names at its commas: `"localhost, 127.0.0.1"`.
///
/// Every name must be one that a certificate can have: a host name, an address,
/// an e-mail address or a URI.
pub fn split_names(text: &str) -> Result<Vec<String>> {
    let names: Vec<_> = text.split(',').map(|name| name.trim().to_owned()).collect();
    for name in &names {
        AltName::from_str(name)?;
    }
    Ok(names)
}

impl FromStr for AltName {
    type Err = Error;

    /// An address, a URI where there is `://`, an e-mail address where there
    /// is `@`, else a host name, in either spelling where it is not ASCII.
    fn from_str(name: &str) -> Result<Self> {
        if let Ok(address) = name.parse() {
            return Ok(Self::Ip(address));
        }
        let is_visible = name.bytes().all(|byte| byte.is_ascii_graphic());
        if let Some((scheme, rest)) = name.split_once("://") {
            let is_uri = is_visible && is_scheme(scheme) && !rest.is_empty();
            return if is_uri {
                Ok(Self::Uri(name.to_owned()))
            } else {
                Err(bad_name(name))
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
    Error::new(
        Status::Argument,
        format!(
            "{} ({} bytes) is not a name for a certificate: give a host name, an address, \
             an e-mail address or a URI",
            quoted(name),
            name.len()
        ),
    )
}

fn is_scheme(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
    text.starts_with(|first: char| first.is_ascii_alphabetic()) && text.bytes().all(allowed)
}

/// A host name as certificates have it, in small letters: what is not ASCII
/// becomes labels that begin with `xn--` (RFC 5891).
pub(crate) fn host_to_ascii(host: &str) -> Option<String> {
    if host.is_ascii() {
        return Some(host.to_ascii_lowercase());
    }
    idna::domain_to_ascii(host).ok()
}

fn is_user(text: &str) -> bool {
    let is_visible = text.bytes().all(|byte| byte.is_ascii_graphic());
    is_visible
        && (1..=64).contains(&text.len())
        && !text.contains(['@', ',', '"', '\\', '<', '>', '(', ')'])
}

/// Whether it is a host name as a certificate has it (RFC 5280, section
/// 4.2.1.6, with the underscore that people use).  A name that ends in a number
/// would be taken for an address.
pub(super) fn is_host(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(allowed)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let last = name.rsplit('.').next().unwrap_or(name);
    let is_number = last.bytes().all(|byte| byte.is_ascii_digit());
    name.len() <= 253 && name.split('.').all(is_label) && !is_number
}

// What stands in certificates, of every kind and quality.

/// A GeneralName (RFC 5280, section 4.2.1.6): its number and what it holds.
#[derive(Clone, Copy)]
pub(super) struct GeneralName<'a>(pub(super) AnyRef<'a>);

impl<'a> GeneralName<'a> {
    /// The names of a GeneralNames.
    pub(super) fn all(der: &'a [u8]) -> der::Result<Vec<Self>> {
        Ok(Vec::<AnyRef<'_>>::from_der(der)?
            .into_iter()
            .map(Self)
            .collect())
    }

    pub(super) fn number(self) -> u32 {
        match self.0.tag() {
            Tag::ContextSpecific { number, .. } => number.value(),
            _ => u32::MAX,
        }
    }

    /// Whether it is an address or, in a constraint, a network.
    pub(super) fn is_address(self) -> bool {
        self.number() == 7
    }

    /// As one would type it, for the kinds that people type.
    pub(super) fn typed(self) -> Option<String> {
        match self.number() {
            1 | 2 | 6 => Some(visible(self.0.value())),
            7 => address(self.0.value()).map(|address| address.to_string()),
            _ => None,
        }
    }

    /// A URI, as one would type it.
    pub(super) fn uri(self) -> Option<String> {
        (self.number() == 6).then(|| visible(self.0.value()))
    }

    /// The same name in the form that rules about names are checked with.
    pub(super) fn known(self) -> Option<AltName> {
        let text = || String::from_utf8_lossy(self.0.value()).into_owned();
        Some(match self.number() {
            1 => AltName::Email(text()),
            2 => AltName::Dns(text().to_ascii_lowercase()),
            6 => AltName::Uri(text()),
            7 => AltName::Ip(address(self.0.value())?),
            _ => return None,
        })
    }

    /// The parts of a directory name.
    pub(super) fn directory(self) -> Option<Subject> {
        let is_directory = self.number() == 4;
        is_directory
            .then(|| Subject::from_der(self.0.value()).ok())
            .flatten()
    }
}

impl fmt::Display for GeneralName<'_> {
    /// With its kind in front; in hex where we cannot tell.
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
        let identifier = (self.number() == 8).then(|| oid::shown(value));
        let text = self
            .typed()
            .or_else(|| self.directory().map(|name| name.to_string()))
            .or(identifier)
            .unwrap_or_else(|| describe::hex(value));
        write!(f, "{kind}{text}")
    }
}

pub(super) fn address(bytes: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
    let v6 = <[u8; 16]>::try_from(bytes).map(IpAddr::from);
    v4.or(v6).ok()
}

/// The text of a name, with everything in hex that could make it look like
/// another name, or like two when names are listed.
fn visible(bytes: &[u8]) -> String {
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
