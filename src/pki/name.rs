//! Subjects and alternative names, from text.

use std::net::IpAddr;
use std::str::FromStr;

use rcgen::{CidrSubnet, GeneralSubtree, SanType};
use x509_cert::name::Name;

use crate::{Error, Result, Status};

/// An alternative name (RFC 5280, section 4.2.1.6).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum AltName {
    Dns(String),
    Ip(IpAddr),
    Email(String),
    Uri(String),
}

/// Cuts a list of names at its commas: `"localhost, 127.0.0.1"`.
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
    /// is `@`, else a host name.
    fn from_str(name: &str) -> Result<Self> {
        if let Ok(address) = name.parse() {
            return Ok(Self::Ip(address));
        }
        let printable = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic());
        if printable && name.contains("://") {
            return Ok(Self::Uri(name.to_owned()));
        }
        match name.split_once('@') {
            Some((user, host)) if printable && !user.is_empty() && is_host(host) => {
                Ok(Self::Email(name.to_owned()))
            }
            None if is_host(name.strip_prefix("*.").unwrap_or(name)) => {
                Ok(Self::Dns(name.to_ascii_lowercase()))
            }
            _ => Err(bad_name(name)),
        }
    }
}

impl AltName {
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

fn bad_name(name: &str) -> Error {
    let shown: String = name.chars().take(60).collect();
    Error::new(
        Status::Argument,
        format!(
            "'{}' ({} bytes) is not a name for a certificate: \
             a host name (in ASCII, 'xn--…' for others), an address, an e-mail address or a URI is",
            shown.escape_debug(),
            name.len()
        ),
    )
}

/// Whether it is a host name as a certificate has it (RFC 5280, section
/// 4.2.1.6, with the underscore that people use).
fn is_host(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(allowed)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    name.len() <= 253 && name.split('.').all(is_label)
}

/// One part of a name constraint (RFC 5280, section 4.2.1.10): a domain with or
/// without a dot in front, a network such as `10.0.0.0/8`, an e-mail domain
/// such as `@example.com`.
pub(super) fn parse_constraint(text: &str) -> Result<GeneralSubtree> {
    let bad = || {
        Error::new(
            Status::Argument,
            format!(
                "'{}' is not a name constraint: \
                 '.example.com', '10.0.0.0/8' and '@example.com' are",
                text.escape_debug()
            ),
        )
    };
    if text.contains('/') {
        let network = CidrSubnet::from_str(text).map_err(|()| bad())?;
        return Ok(GeneralSubtree::IpAddress(network));
    }
    if let Some(domain) = text.strip_prefix('@') {
        return match is_host(domain) {
            true => Ok(GeneralSubtree::Rfc822Name(domain.to_owned())),
            false => Err(bad()),
        };
    }
    match is_host(text.strip_prefix('.').unwrap_or(text)) {
        true => Ok(GeneralSubtree::DnsName(text.to_ascii_lowercase())),
        false => Err(bad()),
    }
}

/// A subject as RFC 4514 writes it (`CN=x,O=Example`) or as OpenSSL does
/// (`/O=Example/CN=x`).
pub(super) fn parse_subject(text: &str) -> Result<Name> {
    let bad = |error: der::Error| {
        Error::new(
            Status::Argument,
            format!(
                "'{}' is not a subject ({error}): \
                 write it like 'CN=name,O=Example,C=DE' or '/C=DE/O=Example/CN=name'",
                text.escape_debug()
            ),
        )
    };
    let text = match text.strip_prefix('/') {
        Some(slashed) => {
            let parts = slashed.split('/').rev().map(|part| {
                let (kind, value) = part.split_once('=').unwrap_or((part, ""));
                format!("{kind}={}", escape(value))
            });
            parts.collect::<Vec<_>>().join(",")
        }
        None => text.to_owned(),
    };
    let name = Name::from_str(&text).map_err(bad)?;
    if name.is_empty() {
        return Err(bad(der::ErrorKind::Failed.into()));
    }
    Ok(name)
}

/// A subject that is one common name.
pub(super) fn common_name(text: &str) -> Result<Name> {
    if text.is_empty() || text.chars().count() > 64 || text.contains('\0') {
        return Err(Error::new(
            Status::Argument,
            format!(
                "'{}' cannot be a common name: 1 to 64 characters are allowed",
                text.escape_debug()
            ),
        ));
    }
    parse_subject(&format!("CN={}", escape(text)))
}

/// Escapes what means something in RFC 4514, section 2.4.
fn escape(value: &str) -> String {
    let mut escaped = String::with_capacity(value.len());
    for (index, character) in value.char_indices() {
        let special = "\"+,;<>\\=".contains(character)
            || (index == 0 && "# ".contains(character))
            || (index + 1 == value.len() && character == ' ');
        if special {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}
