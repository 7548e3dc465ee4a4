//! Name constraints over a path (RFC 5280, sections 4.2.1.10 and 6.1.3 (b), (c)).
//!
//! webpki checks those on DNS names and addresses as well; here all kinds are checked,
//! and the sentence names the CA and the name.

use der::asn1::AnyRef;
use der::{Encode, Tag};

use super::path_validation::Path;
use super::verify_error::{Finding, subject_of};
use crate::Status;
use crate::pki::{AltName, Constrained, Constraints, Outline, extension_oid as oid};

/// How many comparisons of a name with a constraint one path may cost.
const MOST_COMPARISONS: usize = 250_000;

/// The name constraints that apply to the end entity of a path.
#[derive(Default)]
pub(super) struct NameLimits(Vec<Limit>);

struct Limit {
    /// The subject of the CA.
    ca: String,
    constraints: Constraints,
}

impl NameLimits {
    /// Whether all of them permit this host: for a common name that stands in for an
    /// alternative name, which no other check has seen.
    pub(super) fn permit_host(&self, host: &str) -> bool {
        let name = AltName::Dns(host.to_ascii_lowercase());
        let mut limits = self.0.iter();
        limits.all(|limit| limit.constraints.check(Constrained::Name(&name)).is_ok())
    }
}

/// Checks every name below each CA against its constraints, and gives those that apply
/// to the end entity.
pub(super) fn check(path: &Path<'_, '_>) -> Result<NameLimits, Finding> {
    let mut limits = NameLimits::default();
    let mut comparisons = 0;
    if let (None, Some(content)) = (path.anchor, path.anchor_constraints) {
        let whole = AnyRef::new(Tag::Sequence, content).and_then(|any| any.to_der());
        let constraints = whole.and_then(|whole| Constraints::from_der(&whole));
        let constraints = constraints.map_err(|_| {
            Finding::malformed(path.leaf, "the name constraints of its root do not parse")
        })?;
        let ca = "of a bundled root".to_owned();
        limits.0.push(Limit { ca, constraints });
    }
    let certificates: Vec<_> = path.certificates().collect();
    for (index, certificate) in certificates.iter().enumerate().rev() {
        let is_anchor = path.anchor.is_some() && index + 1 == certificates.len();
        // A CA that issues to itself, to change its key, is not held to constraints.
        let is_exempt = index > 0 && certificate.is_self_issued();
        if !limits.0.is_empty() && !is_anchor && !is_exempt {
            check_names(certificate, &limits, &mut comparisons)?;
        }
        if index > 0 {
            limits.0.extend(read(certificate)?);
        }
    }
    Ok(limits)
}

/// The constraints in a CA certificate.
fn read(ca: &Outline<'_>) -> Result<Option<Limit>, Finding> {
    let Some(extension) = ca.extension(oid::NAME_CONSTRAINTS) else {
        return Ok(None);
    };
    let constraints = Constraints::from_der(extension.value).map_err(|_| {
        let what = "its name constraints are empty or do not parse (RFC 5280, section 4.2.1.10)";
        Finding::malformed(ca, what)
    })?;
    Ok(Some(Limit {
        ca: subject_of(ca),
        constraints,
    }))
}

/// Checks the names of one certificate: its subject, its alternative names, and where
/// none of these is an e-mail address, those in its subject.
fn check_names(
    certificate: &Outline<'_>,
    limits: &NameLimits,
    comparisons: &mut usize,
) -> Result<(), Finding> {
    let malformed = |_| Finding::malformed(certificate, "its names do not parse");
    let subject = certificate.subject_name().map_err(malformed)?;
    let names = certificate.alternative_names().map_err(malformed)?;
    let names = names.unwrap_or_default();
    *comparisons += limits
        .0
        .iter()
        .map(|limit| limit.constraints.len() * (names.len() + 2))
        .sum::<usize>();
    if *comparisons > MOST_COMPARISONS {
        let what = "too many names would have to be compared with name constraints";
        return Err(Finding::malformed(certificate, what));
    }
    let check = |name: Constrained<'_>, shown: &dyn std::fmt::Display| {
        limits.0.iter().try_for_each(|limit| {
            let broken = limit.constraints.check(name);
            broken.map_err(|rule| violation(certificate, &limit.ca, &rule, shown))
        })
    };
    if !subject.is_empty() {
        check(Constrained::Subject(&subject), &subject)?;
    }
    for name in &names {
        match (name.known(), name.directory()) {
            (Some(known), _) => check(Constrained::Name(&known), name)?,
            (None, Some(directory)) => check(Constrained::Subject(&directory), name)?,
            (None, None) if name.is_malformed() => {
                return Err(Finding::malformed(certificate, "its names do not parse"));
            }
            (None, None) => check(Constrained::Other(name.number()), name)?,
        }
    }
    let has_mailbox = names.iter().any(|name| name.number() == 1);
    let mailboxes = subject.email_addresses();
    if !has_mailbox {
        for mailbox in mailboxes {
            check(
                Constrained::Name(&AltName::Email(mailbox.clone())),
                &mailbox,
            )?;
        }
    }
    Ok(())
}

fn violation(
    certificate: &Outline<'_>,
    ca: &str,
    rule: &str,
    name: &dyn std::fmt::Display,
) -> Finding {
    let sentence = format!(
        "certificate of '{}' breaks a constraint of the CA '{ca}': {rule}, and it has the name \
         '{name}'",
        subject_of(certificate)
    );
    Finding::new(Status::CertificateConstraint, sentence)
}
