//! The name that a peer must have: parsing it, and matching certificates against it (RFC
//! 9525; RFC 5280, section 7.5).

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

/// The placeholder for a server without a name, or with one that no certificate can have.
/// It is an address because rustls sends no SNI for addresses (RFC 6066, section 3).  It is
/// in the discard-only prefix (RFC 6666), so no host has it.
const PLACEHOLDER: Ipv6Addr = Ipv6Addr::new(0x100, 0, 0, 0, 0, 0, 0, 0);

/// Returns the name to pass to rustls if there is none.  No certificate matches it, so a
/// peer is accepted only if its name is not checked.
pub(crate) fn placeholder_name() -> ServerName<'static> {
    ServerName::IpAddress(IpAddr::from(std::net::IpAddr::from(PLACEHOLDER)))
}

/// Parses a DNS name or an address.  An internationalized name may be in either form
/// (`"müller.example"`, `"xn--mller-kva.example"`).  The zone of an IPv6 address
/// (`"fe80::1%eth0"`, RFC 4007, section 11) is removed: it is local to this machine, and
/// certificates have none.
pub(crate) fn parse(name: &str) -> crate::Result<ServerName<'static>> {
    let name = without_zone(name);
    let parsed = ServerName::try_from(ascii_host(name).as_ref()).map(|name| name.to_owned());
    parsed.map_err(|_| {
        let (quoted, length) = (quoted_host(name), name.len());
        let sentence = format!("{quoted} ({length} bytes) is not a DNS name or an address");
        Error::argument(sentence)
    })
}

/// Removes the zone of an IPv6 address; returns everything else unchanged.
fn without_zone(name: &str) -> &str {
    match name.split_once('%') {
        Some((address, zone)) if !zone.is_empty() && address.parse::<Ipv6Addr>().is_ok() => address,
        _ => name,
    }
}

/// Converts a host name to ASCII (RFC 5891).  Returns an invalid name unchanged; it is
/// rejected where it is used.
pub(crate) fn ascii_host(name: &str) -> Cow<'_, str> {
    match name.is_ascii() {
        true => Cow::Borrowed(name),
        false => host_to_ascii(name).map_or(Cow::Borrowed(name), Cow::Owned),
    }
}

/// Checks that a certificate matches a name.  `as_checked` is the certificate as passed to
/// webpki, `path_constraints` are the name constraints of its path.
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

/// Returns whether the common name matches in place of missing or empty alternative names.
/// It must be the only one, a DNS name rather than an address, and permitted by every name
/// constraint of the path.
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

/// Returns whether a certificate is for an e-mail address.  The local part must match
/// exactly, the host in any case (RFC 5280, section 7.5).
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

/// The error for an expected name that no certificate can have.
fn unusable_name(leaf: &CertificateRef<'_>) -> VerifyError {
    let subject = subject_of(leaf);
    let sentence = format!(
        "certificate of '{subject}' cannot be checked for the name that you asked for, which no \
         certificate can have: ask for a DNS name or an address"
    );
    VerifyError::new(Status::CertificateNameMismatch, sentence)
}

/// The error for a certificate with other names.
fn wrong_name(rule: NameCheck, name: PeerName<'_>, leaf: &CertificateRef<'_>) -> VerifyError {
    let expected = match name {
        PeerName::Host(host) => host.to_str().into_owned(),
        PeerName::Mailbox(mailbox) => mailbox.to_owned(),
    };
    let subject = subject_of(leaf);
    let names = leaf.alternative_names().ok().flatten();
    let has_extension = names.is_some();
    let names = names.unwrap_or_default();
    let names_text: Vec<_> = names.iter().map(ToString::to_string).collect();
    let is_address = matches!(name, PeerName::Host(ServerName::IpAddress(_)));
    let typed: Vec<_> = names.iter().filter_map(|name| name.to_text()).collect();
    let as_dns =
        names.iter().any(|one| one.number() == 2) && is_address && typed.contains(&expected);
    // The expected name may be anything, such as a token passed in place of a host.
    let expected = quoted_host(&expected);
    let sentence = if as_dns {
        format!(
            "certificate of '{subject}' has {expected} as a DNS name, and it is an address: \
             reissue it with an iPAddress in its subjectAltName"
        )
    } else if typed.is_empty() {
        let why = match (has_extension, names_text.is_empty()) {
            (false, _) => "it has no subjectAltName".to_owned(),
            (true, true) => "its subjectAltName is empty".to_owned(),
            (true, false) => format!("its subjectAltName has only: {}", names_text.join(", ")),
        };
        // If there are names of other types, the common name is not used.
        let hint = match names_text.is_empty() {
            true => hint_about_common_name(rule, name, leaf),
            false => "",
        };
        format!(
            "certificate of '{subject}' names no host ({why}), but you asked for {expected}: \
             reissue it for that name{hint}"
        )
    } else {
        let typed: Vec<_> = typed.iter().map(|name| format!("'{name}'")).collect();
        format!(
            "certificate is for {}, but you asked for {expected}",
            typed.join(", ")
        )
    };
    VerifyError::new(Status::CertificateNameMismatch, sentence)
}

/// Returns a hint about the common name of a certificate without alternative names.
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
        (ServerName::IpAddress(_), _) if has_it => "; a common name never counts for an address",
        (ServerName::IpAddress(_), _) => "",
        (_, [_]) if has_it && !is_allowed => ", or allow the common name to be used",
        (_, [_]) if has_it => {
            "; its common name cannot be used, since a name constraint of a CA forbids it"
        }
        (_, [_]) => "; its common name is different",
        _ => "; it has several common names, and only a single one can be used",
    }
}

impl Certificate {
    /// Returns whether the certificate is for this host: a DNS name, in either form if it
    /// is internationalized, or an address.  As for connections, only alternative names
    /// count, and a wildcard matches one label (RFC 9525).
    ///
    /// Fails if `host` is neither.  Fails with [`Status::Unsupported`] for a certificate
    /// that path validation never accepts, such as one with an unknown critical extension.
    pub fn matches(&self, host: &str) -> crate::Result<bool> {
        let name = parse(host)?;
        let copy = CertificateRef::from_der(self.der()).ok();
        let copy = copy.and_then(|certificate| WebpkiCopy::of(&certificate));
        let der = match &copy {
            Some(copy) => copy.certificate.clone(),
            None => CertificateDer::from(self.der()),
        };
        match EndEntityCert::try_from(&der) {
            Ok(certificate) => Ok(certificate.verify_is_valid_for_subject_name(&name).is_ok()),
            // Versions 1 and 2 have no alternative names.
            Err(webpki::Error::UnsupportedCertVersion) => Ok(false),
            Err(error) => Err(Error::new(
                Status::Unsupported,
                format!(
                    "the certificate of '{}' is not accepted, whatever its names: {}",
                    self.subject(),
                    path_errors::describe(&error)
                ),
            )
            .with_source(error)),
        }
    }
}
