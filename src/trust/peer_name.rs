//! The name that a peer must have: how it is written, and how certificates match it
//! (RFC 9525; RFC 5280, section 7.5).

use std::borrow::Cow;
use std::net::Ipv6Addr;

use rustls_pki_types::{CertificateDer, IpAddr, ServerName};
use webpki::EndEntityCert;

use super::name_constraints::PathNameConstraints;
use super::path_errors;
use super::policy::{NameCheck, PeerName};
use super::verify_error::{VerifyError, subject_of};
use super::webpki_compat::WebpkiCopy;
use crate::base::text::quoted_host;
use crate::pki::{AltName, Certificate, CertificateRef, host_to_ascii};
use crate::{Error, Status};

/// Stands in for the name of a server that has none, or one that no certificate can have:
/// an address, since rustls sends no address (RFC 6066, section 3).  Packets to it are
/// discarded wherever they are sent (RFC 6666), so that it is nobody's.
const PLACEHOLDER: Ipv6Addr = Ipv6Addr::new(0x100, 0, 0, 0, 0, 0, 0, 0);

/// The name to give rustls where there is none.  No certificate is for it: only a peer
/// whose name is not checked is accepted.
pub(crate) fn placeholder_name() -> ServerName<'static> {
    ServerName::IpAddress(IpAddr::from(std::net::IpAddr::from(PLACEHOLDER)))
}

/// Reads a DNS name, in either spelling where it is not ASCII
/// (`"müller.example"`, `"xn--mller-kva.example"`), or an address.  The zone of an IPv6
/// address (`"fe80::1%eth0"`, RFC 4007, section 11) is left out: it says how this machine
/// reaches the peer, and no certificate has one.
pub(crate) fn parse(name: &str) -> crate::Result<ServerName<'static>> {
    let name = without_zone(name);
    let parsed = ServerName::try_from(ascii_host(name).as_ref()).map(|name| name.to_owned());
    parsed.map_err(|_| {
        let (shown, length) = (quoted_host(name), name.len());
        let sentence = format!("{shown} ({length} bytes) is not a DNS name or an address");
        Error::argument(sentence)
    })
}

/// An IPv6 address without its zone; everything else as it is.
fn without_zone(name: &str) -> &str {
    match name.split_once('%') {
        Some((address, zone)) if !zone.is_empty() && address.parse::<Ipv6Addr>().is_ok() => address,
        _ => name,
    }
}

/// A host name as DNS has it (RFC 5891).  What cannot be one stays as it is, to
/// be refused where it is used.
pub(crate) fn ascii_host(name: &str) -> Cow<'_, str> {
    match name.is_ascii() {
        true => Cow::Borrowed(name),
        false => host_to_ascii(name).map_or(Cow::Borrowed(name), Cow::Owned),
    }
}

/// Checks that a certificate is for a name.  `as_checked` is the certificate as webpki can
/// read it, `path_constraints` the name constraints of its path.
pub(super) fn check(
    rule: NameCheck,
    name: PeerName<'_>,
    leaf: &CertificateRef<'_>,
    as_checked: &CertificateDer<'_>,
    path_constraints: &PathNameConstraints,
) -> Result<(), VerifyError> {
    let is_valid = match (rule, name) {
        (NameCheck::Nothing, _) => true,
        (_, PeerName::Mailbox(mailbox)) => has_mailbox(leaf, mailbox),
        (_, PeerName::Host(host)) if *host == placeholder_name() => {
            return Err(unusable_name(leaf));
        }
        (rule, PeerName::Host(host)) => {
            let has_name = EndEntityCert::try_from(as_checked)
                .is_ok_and(|leaf| leaf.verify_is_valid_for_subject_name(host).is_ok());
            has_name
                || (rule == NameCheck::OrCommonName
                    && has_common_name(leaf, host, path_constraints))
        }
    };
    match is_valid {
        true => Ok(()),
        false => Err(wrong_name(rule, name, leaf)),
    }
}

/// Whether a common name stands in for the alternative names that a certificate does not
/// have, or has an empty list of: one DNS name, never an address, that every name
/// constraint of the path permits.
fn has_common_name(
    leaf: &CertificateRef<'_>,
    host: &ServerName<'_>,
    path_constraints: &PathNameConstraints,
) -> bool {
    let ServerName::DnsName(host) = host else {
        return false;
    };
    let common_name = leaf
        .subject_name()
        .map(|subject| subject.only_common_name());
    let names = leaf.alternative_names();
    let has_none = names.is_ok_and(|names| names.is_none_or(|names| names.is_empty()));
    match common_name {
        Ok(Some(name)) if has_none => {
            name.eq_ignore_ascii_case(host.as_ref()) && path_constraints.permit_host(&name)
        }
        _ => false,
    }
}

/// Whether a certificate is for an e-mail address: the user as it is written, the host in
/// any case (RFC 5280, section 7.5).
fn has_mailbox(leaf: &CertificateRef<'_>, mailbox: &str) -> bool {
    let is_same = |name: &str| match (name.rsplit_once('@'), mailbox.rsplit_once('@')) {
        (Some((user, host)), Some((other, other_host))) => {
            user == other && host.eq_ignore_ascii_case(other_host)
        }
        _ => false,
    };
    let names = leaf.alternative_names().ok().flatten().unwrap_or_default();
    let mut names = names.iter().filter_map(|name| name.known());
    names.any(|name| matches!(&name, AltName::Email(known) if is_same(known)))
}

/// The refusal of a certificate where the name that was asked for can be in none.
fn unusable_name(leaf: &CertificateRef<'_>) -> VerifyError {
    let subject = subject_of(leaf);
    let sentence = format!(
        "certificate of '{subject}' cannot be checked for the name that you asked for, which no \
         certificate can have: ask for a DNS name or an address"
    );
    VerifyError::new(Status::CertificateNameMismatch, sentence)
}

/// The refusal of a certificate for other names.
fn wrong_name(rule: NameCheck, name: PeerName<'_>, leaf: &CertificateRef<'_>) -> VerifyError {
    let expected = match name {
        PeerName::Host(host) => host.to_str().into_owned(),
        PeerName::Mailbox(mailbox) => mailbox.to_owned(),
    };
    let subject = subject_of(leaf);
    let names = leaf.alternative_names().ok().flatten();
    let has_extension = names.is_some();
    let names = names.unwrap_or_default();
    let shown: Vec<_> = names.iter().map(ToString::to_string).collect();
    let is_address = matches!(name, PeerName::Host(ServerName::IpAddress(_)));
    let typed: Vec<_> = names.iter().filter_map(|name| name.to_text()).collect();
    let as_dns =
        names.iter().any(|one| one.number() == 2) && is_address && typed.contains(&expected);
    // What an application asks for may be anything, such as a token in place of a host.
    let expected = quoted_host(&expected);
    let sentence = if as_dns {
        format!(
            "certificate of '{subject}' has {expected} as a DNS name, and it is an address: issue it \
             again with an iPAddress in its subjectAltName"
        )
    } else if typed.is_empty() {
        let why = match (has_extension, shown.is_empty()) {
            (false, _) => "it has no subjectAltName".to_owned(),
            (true, true) => "its subjectAltName is empty".to_owned(),
            (true, false) => format!("its subjectAltName has only: {}", shown.join(", ")),
        };
        // Where there are names of other kinds, a common name does not stand in.
        let hint = match shown.is_empty() {
            true => hint_about_common_name(rule, name, leaf),
            false => "",
        };
        format!(
            "certificate of '{subject}' names no host ({why}), you asked for {expected}: issue it \
             again for that name{hint}"
        )
    } else {
        let typed: Vec<_> = typed.iter().map(|name| format!("'{name}'")).collect();
        format!(
            "certificate is for {}, you asked for {expected}",
            typed.join(", ")
        )
    };
    VerifyError::new(Status::CertificateNameMismatch, sentence)
}

/// What the common name of a certificate without alternative names has to do with it.
fn hint_about_common_name(
    rule: NameCheck,
    name: PeerName<'_>,
    leaf: &CertificateRef<'_>,
) -> &'static str {
    let PeerName::Host(host) = name else {
        return "";
    };
    let common_names = leaf.subject_name().map(|subject| subject.common_names());
    let common_names = common_names.unwrap_or_default();
    let has_it = common_names
        .iter()
        .any(|one| one.eq_ignore_ascii_case(&host.to_str()));
    let is_allowed = rule == NameCheck::OrCommonName;
    match (host, &common_names[..]) {
        (_, []) => "",
        (ServerName::IpAddress(_), _) if has_it => "; a common name never stands for an address",
        (ServerName::IpAddress(_), _) => "",
        (_, [_]) if has_it && !is_allowed => ", or allow the common name to stand in",
        (_, [_]) if has_it => {
            "; its common name cannot stand in, since a name constraint of a CA forbids it"
        }
        (_, [_]) => "; its common name is another one",
        _ => "; it has several common names, and only a single one can stand in",
    }
}

impl Certificate {
    /// Whether it is for this host: a DNS name, in either spelling where it is not
    /// ASCII, or an address.  Only alternative names count, and wildcards for one
    /// label, as for a connection (RFC 9525).
    ///
    /// Fails where `host` is neither, and with [`Status::Unsupported`] for a
    /// certificate that no connection accepts, such as one with a critical extension
    /// that is not known.
    pub fn matches(&self, host: &str) -> crate::Result<bool> {
        let name = parse(host)?;
        let copy = CertificateRef::from_der(self.der()).ok();
        let copy = copy.and_then(|outline| WebpkiCopy::of(&outline));
        let der = match &copy {
            Some(copy) => copy.certificate.clone(),
            None => CertificateDer::from(self.der()),
        };
        match EndEntityCert::try_from(&der) {
            Ok(certificate) => Ok(certificate.verify_is_valid_for_subject_name(&name).is_ok()),
            // From before there were alternative names.
            Err(webpki::Error::UnsupportedCertVersion) => Ok(false),
            Err(error) => Err(Error::new(
                Status::Unsupported,
                format!(
                    "the certificate of '{}' is for nobody here, whatever its names: {}",
                    self.subject(),
                    path_errors::describe(&error)
                ),
            )
            .with_source(error)),
        }
    }
}
