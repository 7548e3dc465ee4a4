//! Name constraints (RFC 5280, section 4.2.1.10): the names that a CA may issue
//! certificates for.

use std::fmt;
use std::net::IpAddr;

use der::asn1::AnyRef;
use der::{Decode, Sequence};
use rcgen::{CidrSubnet, GeneralSubtree};

use super::name::{self, AltName, GeneralName, host_to_ascii, is_host};
use super::subject::Subject;
use super::{describe, quoted};
use crate::{Error, Result, Status};

/// Reads one part from text: a domain with or without a dot in front, a network
/// such as `10.0.0.0/8`, an e-mail domain such as `@example.com`.
pub(super) fn parse(text: &str) -> Result<GeneralSubtree> {
    let domain = |text: &str| host_to_ascii(text).filter(|host| is_host(host));
    let parsed = if let Some(network) = parse_network(text) {
        Some(GeneralSubtree::IpAddress(network))
    } else if let Some(host) = text.strip_prefix('@') {
        domain(host).map(GeneralSubtree::Rfc822Name)
    } else {
        let (dot, bare) = match text.strip_prefix('.') {
            Some(bare) => (".", bare),
            None => ("", text),
        };
        domain(bare).map(|host| GeneralSubtree::DnsName(format!("{dot}{host}")))
    };
    parsed.ok_or_else(|| {
        Error::new(
            Status::Argument,
            format!(
                "{} is not a name constraint: '.example.com', 'example.com', \
                 '10.0.0.0/8', '2001:db8::/32' and '@example.com' are",
                quoted(text)
            ),
        )
    })
}

fn parse_network(text: &str) -> Option<CidrSubnet> {
    let (address, prefix) = text.split_once('/').unzip();
    let address: IpAddr = address.unwrap_or(text).parse().ok()?;
    let most = if address.is_ipv4() { 32 } else { 128 };
    let prefix = prefix.map_or(Some(most), |prefix| prefix.parse().ok())?;
    (prefix <= most).then(|| CidrSubnet::from_addr_prefix(address, prefix))
}

/// The extension as it stands in a certificate.  Each subtree is its base, and
/// perhaps distances, which no profile allows to be other than the default.
#[derive(Sequence)]
struct Extension<'a> {
    #[asn1(context_specific = "0", tag_mode = "IMPLICIT", optional = "true")]
    permitted: Option<Vec<Vec<AnyRef<'a>>>>,
    #[asn1(context_specific = "1", tag_mode = "IMPLICIT", optional = "true")]
    excluded: Option<Vec<Vec<AnyRef<'a>>>>,
}

/// What the constraints of a CA allow.
pub(super) struct Constraints {
    permitted: Vec<Base>,
    excluded: Vec<Base>,
}

/// What constraints are about.
#[derive(Clone, Copy)]
pub(super) enum Constrained<'a> {
    Name(&'a AltName),
    Subject(&'a Subject),
}

impl Constraints {
    pub(super) fn from_der(der: &[u8]) -> der::Result<Self> {
        let bases = |subtrees: Option<Vec<Vec<AnyRef<'_>>>>| {
            let subtrees = subtrees.into_iter().flatten();
            let bases = subtrees.filter_map(|subtree| subtree.first().copied());
            bases.map(|base| Base::of(GeneralName(base))).collect()
        };
        let extension = Extension::from_der(der)?;
        Ok(Self {
            permitted: bases(extension.permitted),
            excluded: bases(extension.excluded),
        })
    }

    /// Fails with the rule that a name breaks.
    pub(super) fn check(&self, name: Constrained<'_>) -> Result<(), String> {
        if let Some(base) = self.excluded.iter().find(|base| base.touches(name)) {
            return Err(format!("its name constraints exclude {base}"));
        }
        let same_kind = || {
            self.permitted
                .iter()
                .filter(|base| base.covers(name).is_some())
        };
        if same_kind().all(|base| base.covers(name) == Some(false)) && same_kind().count() > 0 {
            return Err(format!(
                "its name constraints permit only {}",
                list(same_kind())
            ));
        }
        Ok(())
    }
}

impl fmt::Display for Constraints {
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

/// The base of one subtree, with the kind of names that it is about.
struct Base {
    kind: Kind,
    shown: String,
}

enum Kind {
    Dns(String),
    Email(String),
    Uri(String),
    /// An address and its mask.
    Network(Vec<u8>),
    Directory(Subject),
    /// Names of a kind that we never issue.
    Other,
}

impl Base {
    fn of(base: GeneralName<'_>) -> Self {
        let bytes = base.0.value();
        let text = || String::from_utf8_lossy(bytes).to_ascii_lowercase();
        let (kind, shown) = match (base.known(), base.directory()) {
            _ if base.is_address() => (Kind::Network(bytes.to_vec()), show_network(bytes)),
            (Some(AltName::Dns(_)), _) => (Kind::Dns(text()), text()),
            (Some(AltName::Email(_)), _) => (Kind::Email(text()), format!("@{}", text())),
            (Some(AltName::Uri(_)), _) => (Kind::Uri(text()), format!("URIs of {}", text())),
            (_, Some(subject)) => (Kind::Directory(subject), base.to_string()),
            _ => (Kind::Other, base.to_string()),
        };
        Self { kind, shown }
    }

    /// Whether a name lies within; `None` for a name of another kind.
    fn covers(&self, name: Constrained<'_>) -> Option<bool> {
        match (&self.kind, name) {
            (Kind::Dns(base), Constrained::Name(AltName::Dns(name))) => {
                Some(is_within(name, base) || is_below(name, base))
            }
            (Kind::Email(base), Constrained::Name(AltName::Email(name))) => {
                let host = name.rsplit('@').next().unwrap_or(name).to_ascii_lowercase();
                Some(match base.contains('@') {
                    true => base.eq_ignore_ascii_case(name),
                    false => is_within(&host, base),
                })
            }
            (Kind::Uri(base), Constrained::Name(AltName::Uri(name))) => {
                Some(is_within(&uri_host(name), base))
            }
            (Kind::Network(base), Constrained::Name(AltName::Ip(address))) => {
                Some(contains_address(base, *address))
            }
            (Kind::Directory(base), Constrained::Subject(subject)) => Some(subject.is_below(base)),
            _ => None,
        }
    }

    /// Whether a name, or one that it stands for, lies within.
    fn touches(&self, name: Constrained<'_>) -> bool {
        let wildcard = match (&self.kind, name) {
            (Kind::Dns(base), Constrained::Name(AltName::Dns(name))) => {
                let parent = name.strip_prefix("*.");
                parent.is_some() && parent == base.split_once('.').map(|(_, parent)| parent)
            }
            _ => false,
        };
        wildcard || self.covers(name) == Some(true)
    }
}

impl fmt::Display for Base {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

/// Whether a host is the base, or below one that begins with a dot.
fn is_within(host: &str, base: &str) -> bool {
    host == base || (base.starts_with('.') && host.ends_with(base))
}

/// Whether a host is below a base that does not begin with a dot.
fn is_below(host: &str, base: &str) -> bool {
    let above = host.strip_suffix(base);
    above.is_some_and(|above| base.is_empty() || above.ends_with('.'))
}

fn uri_host(uri: &str) -> String {
    let authority = uri.split_once("://").map_or("", |(_, rest)| rest);
    let authority = authority.split(['/', '?', '#']).next().unwrap_or("");
    let host = authority.rsplit('@').next().unwrap_or("");
    let host = host.split(':').next().unwrap_or("");
    host.to_ascii_lowercase()
}

/// Whether an address is in a network; one of the other family is not.
fn contains_address(base: &[u8], address: IpAddr) -> bool {
    let address = match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    };
    let (network, mask) = base.split_at(base.len() / 2);
    let mut bytes = network.iter().zip(mask).zip(&address);
    base.len() == 2 * address.len() && bytes.all(|((net, mask), byte)| net & mask == byte & mask)
}

fn show_network(bytes: &[u8]) -> String {
    let (network, mask) = bytes.split_at(bytes.len() / 2);
    let bits = mask.iter().map(|byte| byte.count_ones()).sum::<u32>();
    match name::address(network) {
        Some(address) if mask.len() == network.len() => format!("{address}/{bits}"),
        _ => describe::hex(bytes),
    }
}
