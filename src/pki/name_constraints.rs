//! Name constraints (RFC 5280, section 4.2.1.10): the names that a CA may issue
//! certificates for.

use std::fmt;
use std::net::IpAddr;

use der::asn1::AnyRef;
use der::{Decode, Encode, Sequence};
use rcgen::{CidrSubnet, GeneralSubtree};

use super::distinguished_name::DistinguishedName;
use super::general_name::{self, AltName, GeneralName, host_to_ascii, is_host};
use super::{describe, quoted};
use crate::{Error, Result};

/// Parses one constraint: a domain with or without a leading dot, a network such as
/// `10.0.0.0/8`, an e-mail domain such as `@example.com`, or one mailbox.
pub(super) fn parse(text: &str) -> Result<GeneralSubtree> {
    let domain = |text: &str| host_to_ascii(text).filter(|host| is_host(host));
    let parsed = if let Some(network) = parse_network(text) {
        Some(GeneralSubtree::IpAddress(network))
    } else if let Some(host) = text.strip_prefix('@') {
        domain(host).map(GeneralSubtree::Rfc822Name)
    } else if text.contains('@') {
        match text.parse() {
            Ok(AltName::Email(mailbox)) => Some(GeneralSubtree::Rfc822Name(mailbox)),
            _ => None,
        }
    } else {
        let (dot, bare) = match text.strip_prefix('.') {
            Some(bare) => (".", bare),
            None => ("", text),
        };
        domain(bare).map(|host| GeneralSubtree::DnsName(format!("{dot}{host}")))
    };
    parsed.ok_or_else(|| {
        Error::argument(format!(
            "{} is not a name constraint: '.example.com', 'example.com', \
                 '10.0.0.0/8', '2001:db8::/32', '@example.com' and 'alice@example.com' are",
            quoted(text)
        ))
    })
}

fn parse_network(text: &str) -> Option<CidrSubnet> {
    let (address, prefix) = text.split_once('/').unzip();
    let address: IpAddr = address.unwrap_or(text).parse().ok()?;
    let most = if address.is_ipv4() { 32 } else { 128 };
    let prefix = prefix.map_or(Some(most), |prefix| prefix.parse().ok())?;
    (prefix <= most).then(|| CidrSubnet::from_addr_prefix(address, prefix))
}

/// The nameConstraints extension.
#[derive(Sequence)]
struct Extension<'a> {
    #[asn1(context_specific = "0", tag_mode = "IMPLICIT", optional = "true")]
    permitted: Option<Vec<Vec<AnyRef<'a>>>>,
    #[asn1(context_specific = "1", tag_mode = "IMPLICIT", optional = "true")]
    excluded: Option<Vec<Vec<AnyRef<'a>>>>,
}

/// The name constraints of a CA.
pub(crate) struct NameConstraints {
    permitted: Vec<Base>,
    excluded: Vec<Base>,
}

/// A name to check against constraints.
#[derive(Clone, Copy)]
pub(crate) enum ConstrainedName<'a> {
    Name(&'a AltName),
    Subject(&'a DistinguishedName),
    /// A name of another type, by its tag number in GeneralName.  Only its presence counts.
    Other(u32),
}

impl NameConstraints {
    /// Parses the extension.  Fails if it has no subtrees, has distances, which no profile
    /// allows, or has a base that is invalid for its type.
    pub(crate) fn from_der(der: &[u8]) -> der::Result<Self> {
        let malformed = || der::Error::from(der::ErrorKind::Failed);
        let bases = |subtrees: Option<Vec<Vec<AnyRef<'_>>>>| {
            let subtrees = subtrees.into_iter().flatten();
            let base = |subtree: Vec<AnyRef<'_>>| match subtree[..] {
                [base] => Base::of(GeneralName(base)).ok_or_else(malformed),
                _ => Err(malformed()),
            };
            subtrees.map(base).collect::<der::Result<Vec<_>>>()
        };
        let extension = Extension::from_der(der)?;
        let constraints = Self {
            permitted: bases(extension.permitted)?,
            excluded: bases(extension.excluded)?,
        };
        match constraints.is_empty() {
            true => Err(malformed()),
            false => Ok(constraints),
        }
    }

    /// Reduces the extension to constraints on DNS names and addresses, which webpki can
    /// check.
    pub(crate) fn for_webpki(der: &[u8]) -> der::Result<WebpkiConstraints> {
        let extension = Extension::from_der(der)?;
        let is_simple = |subtree: &Vec<AnyRef<'_>>| {
            let base = subtree.first().map(|base| GeneralName(*base).number());
            matches!(base, Some(2 | 7))
        };
        let all = extension.permitted.iter().chain(&extension.excluded);
        if all.flatten().all(is_simple) {
            return Ok(WebpkiConstraints::Unchanged);
        }
        let Extension {
            mut permitted,
            mut excluded,
        } = extension;
        for subtrees in [&mut permitted, &mut excluded] {
            if let Some(remaining) = subtrees {
                remaining.retain(is_simple);
            }
            *subtrees = subtrees.take().filter(|remaining| !remaining.is_empty());
        }
        match (&permitted, &excluded) {
            (None, None) => Ok(WebpkiConstraints::Nothing),
            _ => {
                let reduced = Extension {
                    permitted,
                    excluded,
                };
                reduced.to_der().map(WebpkiConstraints::To)
            }
        }
    }

    /// Returns the number of bases that a check compares with.
    pub(crate) fn len(&self) -> usize {
        self.permitted.len() + self.excluded.len()
    }

    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Checks a name.  Fails with the rule that it violates.
    pub(crate) fn check(&self, name: ConstrainedName<'_>) -> Result<(), String> {
        if let Some(base) = self.excluded.iter().find(|base| base.may_match(name)) {
            return Err(match base.kind {
                Kind::Other(_) => format!(
                    "its name constraints exclude {base}, which cannot be compared with names of \
                     that kind"
                ),
                _ => format!("its name constraints exclude {base}"),
            });
        }
        let same_kind = || {
            let covers = |base: &&Base| base.covers(name).is_some();
            self.permitted.iter().filter(covers)
        };
        if same_kind().all(|base| base.covers(name) == Some(false)) && same_kind().count() > 0 {
            let only = list(same_kind());
            let is_compared = !same_kind().any(|base| matches!(base.kind, Kind::Other(_)));
            return Err(match is_compared {
                true => format!("its name constraints permit only {only}"),
                false => format!(
                    "its name constraints permit only {only}, which cannot be compared with names \
                     of that kind"
                ),
            });
        }
        Ok(())
    }
}

/// The result of [`NameConstraints::for_webpki`].
pub(crate) enum WebpkiConstraints {
    Unchanged,
    To(Vec<u8>),
    Nothing,
}

impl fmt::Display for NameConstraints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.permitted.is_empty(), self.excluded.is_empty()) {
            (false, false) => write!(
                f,
                "permits {}; excludes {}",
                list(self.permitted.iter()),
                list(self.excluded.iter())
            ),
            (false, true) => write!(f, "permits {}", list(self.permitted.iter())),
            (true, _) => write!(f, "excludes {}", list(self.excluded.iter())),
        }
    }
}

fn list<'a>(bases: impl Iterator<Item = &'a Base>) -> String {
    bases.map(Base::to_string).collect::<Vec<_>>().join(", ")
}

/// The base of one subtree, with the type of names that it applies to.
struct Base {
    kind: Kind,
    text: String,
}

enum Kind {
    Dns(String),
    /// One mailbox, every mailbox of a host, or every mailbox of the hosts below a domain.
    Email(String),
    Uri(String),
    /// An address and its mask.
    Network(Vec<u8>),
    Directory(DistinguishedName),
    /// Names that are not compared, by their tag number.
    Other(u32),
}

impl Base {
    /// Returns `None` if it is malformed.
    fn of(base: GeneralName<'_>) -> Option<Self> {
        let bytes = base.0.value();
        let text = || {
            let text = std::str::from_utf8(bytes).ok();
            text.filter(|text| text.bytes().all(|byte| byte.is_ascii_graphic()))
        };
        let (kind, text) = match base.number() {
            7 => (Kind::Network(network(bytes)?), format_network(bytes)),
            2 => {
                let name = text()?.to_ascii_lowercase();
                is_domain(name.strip_prefix('.').unwrap_or(&name)).then_some(())?;
                let text = match name.is_empty() {
                    true => "every DNS name".to_owned(),
                    false => name.clone(),
                };
                (Kind::Dns(name), text)
            }
            1 => {
                let name = text()?;
                let text = match name.contains('@') {
                    true => name.to_owned(),
                    false => format!("@{name}"),
                };
                (Kind::Email(name.to_owned()), text)
            }
            6 => {
                let host = text()?.to_ascii_lowercase();
                is_domain(host.strip_prefix('.').unwrap_or(&host)).then_some(())?;
                let text = format!("URIs of {host}");
                (Kind::Uri(host), text)
            }
            4 => (Kind::Directory(base.directory()?), base.to_string()),
            number @ (0 | 3 | 5 | 8) => (Kind::Other(number), base.to_string()),
            _ => return None,
        };
        Some(Self { kind, text })
    }

    /// Returns whether a name is within this base; `None` for a name of another type.  A
    /// name that cannot be compared is not within it.
    fn covers(&self, name: ConstrainedName<'_>) -> Option<bool> {
        match (&self.kind, name) {
            (Kind::Dns(base), ConstrainedName::Name(AltName::Dns(name))) => {
                Some(is_within(name, base) || is_below(name, base))
            }
            (Kind::Email(base), ConstrainedName::Name(AltName::Email(name))) => {
                Some(covers_mailbox(base, name, str::eq))
            }
            (Kind::Uri(base), ConstrainedName::Name(AltName::Uri(name))) => {
                Some(uri_host(name).is_some_and(|host| is_within(&host, base)))
            }
            (Kind::Network(base), ConstrainedName::Name(AltName::Ip(address))) => {
                Some(contains_address(base, *address))
            }
            (Kind::Directory(base), ConstrainedName::Subject(subject)) => {
                Some(subject.is_below(base))
            }
            (Kind::Other(kind), ConstrainedName::Other(number)) if *kind == number => Some(false),
            _ => None,
        }
    }

    /// Returns whether a name, or one that a wildcard covers, is within this base or cannot
    /// be compared.
    fn may_match(&self, name: ConstrainedName<'_>) -> bool {
        match (&self.kind, name) {
            (Kind::Dns(base), ConstrainedName::Name(AltName::Dns(name)))
                if name
                    .strip_prefix("*.")
                    .is_some_and(|parent| base.split_once('.').unzip().1 == Some(parent)) =>
            {
                true
            }
            // Most mail servers ignore the case of mailboxes.
            (Kind::Email(base), ConstrainedName::Name(AltName::Email(name))) => {
                covers_mailbox(base, name, str::eq_ignore_ascii_case)
            }
            // RFC 5280 requires rejecting a URI without a host name.
            (Kind::Uri(_), ConstrainedName::Name(AltName::Uri(name)))
                if uri_host(name).is_none() =>
            {
                true
            }
            (Kind::Other(_), _) => self.covers(name).is_some(),
            _ => self.covers(name) == Some(true),
        }
    }
}

impl fmt::Display for Base {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Returns whether a base is a domain, or empty, which means all.
fn is_domain(name: &str) -> bool {
    name.is_empty() || is_host(name)
}

/// Returns whether a host is the base, or below a base with a leading dot.
fn is_within(host: &str, base: &str) -> bool {
    host == base || (base.starts_with('.') && host.ends_with(base))
}

/// Returns whether a host is below a base without a leading dot.
fn is_below(host: &str, base: &str) -> bool {
    let above = host.strip_suffix(base);
    above.is_some_and(|above| base.is_empty() || above.ends_with('.'))
}

/// Returns whether a mailbox is the base, or on a host within the base.
fn covers_mailbox(base: &str, name: &str, is_same_user: impl Fn(&str, &str) -> bool) -> bool {
    let Some((user, host)) = name.rsplit_once('@') else {
        return false;
    };
    match base.rsplit_once('@') {
        Some((base_user, base_host)) => {
            is_same_user(base_user, user) && base_host.eq_ignore_ascii_case(host)
        }
        None => is_within(&host.to_ascii_lowercase(), &base.to_ascii_lowercase()),
    }
}

/// Returns the host of a URI, if it is a name (RFC 3986, section 3.2).
fn uri_host(uri: &str) -> Option<String> {
    let (_, rest) = uri.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let host = authority.rsplit('@').next()?;
    let host = host.split(':').next()?.to_ascii_lowercase();
    is_host(&host).then_some(host)
}

/// Parses an address and a contiguous mask.
fn network(bytes: &[u8]) -> Option<Vec<u8>> {
    let (_, mask) = bytes.split_at(bytes.len() / 2);
    let is_whole = bytes.len() == 8 || bytes.len() == 32;
    let bits = mask.iter().map(|byte| byte.count_ones()).sum::<u32>();
    let leading = mask
        .iter()
        .try_fold(0, |sum, byte| match byte.leading_ones() {
            8 => Ok(sum + 8),
            ones => Err(sum + ones),
        });
    let leading = leading.unwrap_or_else(|end| end);
    (is_whole && bits == leading).then(|| bytes.to_vec())
}

/// Returns whether an address is in a network of the same address family.
fn contains_address(base: &[u8], address: IpAddr) -> bool {
    let address = match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    };
    let (network, mask) = base.split_at(base.len() / 2);
    let mut bytes = network.iter().zip(mask).zip(&address);
    base.len() == 2 * address.len() && bytes.all(|((net, mask), byte)| net & mask == byte & mask)
}

fn format_network(bytes: &[u8]) -> String {
    let (network, mask) = bytes.split_at(bytes.len() / 2);
    let bits = mask.iter().map(|byte| byte.count_ones()).sum::<u32>();
    match general_name::address(network) {
        Some(address) if mask.len() == network.len() => format!("{address}/{bits}"),
        _ => describe::hex(bytes),
    }
}
