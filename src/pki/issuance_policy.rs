//! The rules for what a CA may issue, set by its own certificate and those above it (RFC
//! 5280, sections 4.2.1 and 6.1).
//!
//! Peers check all of this.  Checking it here first means that nothing is issued that they
//! would reject, and that the caller learns which rule forbids it.

use super::certificate::{Certificate, NAME_CONSTRAINTS};
use super::distinguished_name::DistinguishedName;
use super::general_name::{AltName, host_to_ascii};
use super::identity::Identity;
use super::name_constraints::{ConstrainedName, NameConstraints};
use super::x509_time;
use crate::base::text::quoted;
use crate::{Error, Result, Status};

/// The certificate to be issued.
pub(super) struct Request<'a> {
    pub(super) subject: &'a DistinguishedName,
    pub(super) names: &'a [AltName],
    /// The directory names among the alternative names.
    pub(super) directories: &'a [DistinguishedName],
    /// The types of the alternative names that cannot be checked, as tag numbers of
    /// GeneralName.
    pub(super) other_types: &'a [u32],
    /// For a CA, the maximum number of CAs below it.
    pub(super) path_len: Option<u32>,
    pub(super) is_ca: bool,
}

/// Checks a certificate to be issued.  Fails with [`Status::Issue`] and the rule that
/// forbids it.
pub(super) fn check(ca: &Identity, request: &Request<'_>) -> Result<()> {
    let issuer = ca.certificate();
    if ca.key().is_none() {
        return Err(refusal(issuer, "its private key is not available"));
    }
    // `below` counts the CAs between `above` and the new certificate.
    for (below, above) in (0..).zip(ca.path()) {
        check_authority(above)
            .and_then(|()| check_path_len(above, below, request))
            .and_then(|()| check_names(above, request))
            .map_err(|rule| refusal(above, &rule))?;
    }
    Ok(())
}

/// Checks that a CA may sign CRLs.
pub(super) fn check_crl_issuer(ca: &Identity) -> Result<()> {
    let issuer = ca.certificate();
    let rule = match issuer {
        _ if ca.key().is_none() => "its private key is not available",
        issuer if !issuer.is_ca() => "it is not a CA",
        issuer if issuer.forbids("cRLSign") => "its key usage does not include cRLSign",
        _ => return Ok(()),
    };
    let issuer = issuer.subject();
    let sentence = format!("the CA '{issuer}' may not sign a CRL: {rule}");
    Err(Error::new(Status::Issue, sentence))
}

/// Checks that the new certificate starts before its issuer ends and does not outlive it.
/// It may start earlier than its issuer, but no chain with it is valid before that.
pub(super) fn check_validity(issuer: &Certificate, start: i64, end: i64) -> Result<()> {
    let last = issuer.not_after();
    if start < last && end <= last {
        return Ok(());
    }
    let (last, start, end) = (
        x509_time::format_utc(last),
        x509_time::format_utc(start),
        x509_time::format_utc(end),
    );
    Err(refusal(
        issuer,
        &format!("it ends on {last}, and the certificate would be valid from {start} to {end}"),
    ))
}

fn refusal(issuer: &Certificate, rule: &str) -> Error {
    let issuer = issuer.subject();
    Error::new(
        Status::Issue,
        format!("the CA '{issuer}' may not issue this certificate: {rule}"),
    )
}

fn check_authority(above: &Certificate) -> Result<(), String> {
    if !above.is_ca() {
        return Err("it is not a CA".to_owned());
    }
    if above.forbids("keyCertSign") {
        return Err("its key usage does not include keyCertSign".to_owned());
    }
    Ok(())
}

fn check_path_len(above: &Certificate, below: u32, request: &Request<'_>) -> Result<(), String> {
    let Some(limit) = above.path_len() else {
        return Ok(());
    };
    let depth = below + u32::from(request.is_ca);
    if depth > limit {
        return Err(format!(
            "its path length is {limit}, so at most {limit} CAs may be below it"
        ));
    }
    match request.path_len {
        Some(requested) if requested > limit - depth => Err(format!(
            "its path length is {limit}, so a CA here may have at most {}, not {requested}",
            limit - depth
        )),
        _ => Ok(()),
    }
}

fn check_names(above: &Certificate, request: &Request<'_>) -> Result<(), String> {
    let Some(der) = above.extension(&NAME_CONSTRAINTS) else {
        return Ok(());
    };
    let constraints = NameConstraints::from_der(der)
        .map_err(|error| format!("its name constraints do not parse ({error})"))?;
    for name in request.names.iter().chain(&names_in_subject(request)) {
        constraints
            .check(ConstrainedName::Name(name))
            .map_err(|rule| format!("{rule}, and {} is requested", quoted(&name.to_string())))?;
    }
    for subject in request.directories.iter().chain([request.subject]) {
        constraints
            .check(ConstrainedName::Subject(subject))
            .map_err(|rule| {
                let subject = quoted(&subject.to_string());
                format!("{rule}, and the subject {subject} is requested")
            })?;
    }
    for &kind in request.other_types {
        constraints
            .check(ConstrainedName::Other(kind))
            .map_err(|rule| format!("{rule}, and a name of that type is requested"))?;
    }
    Ok(())
}

/// Returns the names in a subject that programs match: e-mail addresses (RFC 5280, section
/// 4.2.1.10) and, except for CAs, common names.
fn names_in_subject(request: &Request<'_>) -> Vec<AltName> {
    let emails = request.subject.email_addresses().into_iter();
    let mut names: Vec<_> = emails.map(AltName::Email).collect();
    if !request.is_ca {
        let has_host = request
            .names
            .iter()
            .any(|name| matches!(name, AltName::Dns(_)));
        let common_names = request.subject.common_names();
        names.extend(
            common_names
                .iter()
                .flat_map(|name| names_of(name, has_host)),
        );
    }
    names
}

/// Returns the names that programs may take a common name for.
///
/// If `has_host` is set, there is a DNS name among the alternative names; an address does
/// not count.  Most programs then ignore common names for hosts (RFC 9525, section 6.2),
/// and a single label is harmless.
fn names_of(common_name: &str, has_host: bool) -> Vec<AltName> {
    let text = common_name.trim().trim_end_matches('.');
    if let Ok(address) = text.parse() {
        let host = AltName::Dns(text.to_owned());
        // OpenSSL and GnuTLS check an address here against DNS constraints.
        let others = (!has_host).then_some(host);
        return [AltName::Ip(address)].into_iter().chain(others).collect();
    }
    if text.contains(['@', ':']) {
        return text.parse().into_iter().collect();
    }
    let Some(host) = host_to_ascii(text) else {
        return Vec::new();
    };
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.*".contains(&byte);
    let is_host = !host.is_empty() && host.bytes().all(allowed);
    if !is_host || (has_host && !host.contains('.')) {
        return Vec::new();
    }
    // Some programs treat a star within a label as a wildcard.
    match host.split_once('.') {
        Some((first, parent)) if first.contains('*') => {
            vec![AltName::Dns(format!("*.{parent}"))]
        }
        _ => vec![AltName::Dns(host)],
    }
}
