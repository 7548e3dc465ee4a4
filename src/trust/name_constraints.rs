//! Name constraints of a path (RFC 5280, sections 4.2.1.10 and 6.1.3 (b), (c)).
//!
//! webpki also checks constraints on DNS names and addresses.  The checks here cover all
//! types, and their errors name the CA and the name.

use der::asn1::AnyRef;
use der::{Encode, Tag};

use super::path_validation::Path;
use super::verify_error::{VerifyError, subject_of};
use crate::Status;
use crate::pki::{AltName, CertificateRef, ConstrainedName, NameConstraints, extension_oid as oid};

/// The maximum number of comparisons of names with constraints in one path.
const MAX_COMPARISONS: usize = 250_000;

/// The name constraints that apply to the end-entity certificate of a path.
#[derive(Default)]
pub(super) struct PathNameConstraints(Vec<CaConstraints>);

struct CaConstraints {
    /// Names the CA in errors.
    ca: String,
    constraints: NameConstraints,
}

impl PathNameConstraints {
    /// Returns whether every constraint permits this host.  Needed for a common name used
    /// in place of alternative names, which no other check covers.
    pub(super) fn permit_host(&self, host: &str) -> bool {
        let name = AltName::Dns(host.to_ascii_lowercase());
        let mut path_constraints = self.0.iter();
        path_constraints.all(|limit| {
            limit
                .constraints
                .check(ConstrainedName::Name(&name))
                .is_ok()
        })
    }
}

/// Checks the names in every certificate against the constraints of the CAs above it.
/// Returns the constraints that apply to the end-entity certificate.
pub(super) fn check(path: &Path<'_, '_>) -> Result<PathNameConstraints, VerifyError> {
    let mut path_constraints = PathNameConstraints::default();
    let mut comparisons = 0;
    if let (None, Some(content)) = (path.anchor, path.anchor_constraints) {
        let whole = AnyRef::new(Tag::Sequence, content).and_then(|any| any.to_der());
        let constraints = whole.and_then(|whole| NameConstraints::from_der(&whole));
        let constraints = constraints.map_err(|_| {
            VerifyError::malformed(path.leaf, "the name constraints of its root do not parse")
        })?;
        let ca = "a bundled root".to_owned();
        path_constraints.0.push(CaConstraints { ca, constraints });
    }
    let certificates: Vec<_> = path.certificates().collect();
    for (index, certificate) in certificates.iter().enumerate().rev() {
        let is_anchor = path.anchor.is_some() && index + 1 == certificates.len();
        // Name constraints do not apply to a self-issued CA certificate, such as one for a
        // key change.
        let is_exempt = index > 0 && certificate.is_self_issued();
        if !path_constraints.0.is_empty() && !is_anchor && !is_exempt {
            check_names(certificate, &path_constraints, &mut comparisons)?;
        }
        if index > 0 {
            path_constraints.0.extend(read(certificate)?);
        }
    }
    Ok(path_constraints)
}

/// Reads the constraints of a CA certificate.
fn read(ca: &CertificateRef<'_>) -> Result<Option<CaConstraints>, VerifyError> {
    let Some(extension) = ca.extension(oid::NAME_CONSTRAINTS) else {
        return Ok(None);
    };
    let constraints = NameConstraints::from_der(extension.value).map_err(|_| {
        let what = "its name constraints are empty or do not parse (RFC 5280, section 4.2.1.10)";
        VerifyError::malformed(ca, what)
    })?;
    Ok(Some(CaConstraints {
        ca: format!("the CA '{}'", subject_of(ca)),
        constraints,
    }))
}

/// Checks the names in one certificate: its subject and its alternative names.  E-mail
/// addresses in the subject count if there are none among the alternative names.
fn check_names(
    certificate: &CertificateRef<'_>,
    path_constraints: &PathNameConstraints,
    comparisons: &mut usize,
) -> Result<(), VerifyError> {
    let malformed = |_| VerifyError::malformed(certificate, "its names do not parse");
    let subject = certificate.subject_name().map_err(malformed)?;
    let names = certificate.alternative_names().map_err(malformed)?;
    let names = names.unwrap_or_default();
    *comparisons += path_constraints
        .0
        .iter()
        .map(|limit| limit.constraints.len() * (names.len() + 2))
        .sum::<usize>();
    if *comparisons > MAX_COMPARISONS {
        let what = "too many names would have to be compared with name constraints";
        return Err(VerifyError::malformed(certificate, what));
    }
    let check = |name: ConstrainedName<'_>, text: &dyn std::fmt::Display| {
        path_constraints.0.iter().try_for_each(|limit| {
            let broken = limit.constraints.check(name);
            broken.map_err(|rule| violation(certificate, &limit.ca, &rule, text))
        })
    };
    if !subject.is_empty() {
        check(ConstrainedName::Subject(&subject), &subject)?;
    }
    for name in &names {
        match (name.known(), name.directory()) {
            (Some(known), _) => check(ConstrainedName::Name(&known), name)?,
            (None, Some(directory)) => check(ConstrainedName::Subject(&directory), name)?,
            (None, None) if name.is_malformed() => {
                return Err(VerifyError::malformed(
                    certificate,
                    "its names do not parse",
                ));
            }
            (None, None) => check(ConstrainedName::Other(name.number()), name)?,
        }
    }
    let has_mailbox = names.iter().any(|name| name.number() == 1);
    let mailboxes = subject.email_addresses();
    if !has_mailbox {
        for mailbox in mailboxes {
            check(
                ConstrainedName::Name(&AltName::Email(mailbox.clone())),
                &mailbox,
            )?;
        }
    }
    Ok(())
}

fn violation(
    certificate: &CertificateRef<'_>,
    ca: &str,
    rule: &str,
    name: &dyn std::fmt::Display,
) -> VerifyError {
    let sentence = format!(
        "certificate of '{}' violates a constraint of {ca}: {rule}, and it has the name '{name}'",
        subject_of(certificate)
    );
    VerifyError::new(Status::CertificateConstraint, sentence)
}
