//! Certificate policies of a path (RFC 5280, section 6.1).  The verifier accepts any
//! policy, so policies matter only if a certificate of the path requires an explicit one.
//!
//! The valid policy tree is reduced to the set of policies on its lowest level.  The
//! outcome depends on nothing else if any policy is acceptable.

use std::collections::{HashMap, HashSet};

use der::asn1::AnyRef;
use der::{Decode, Reader, Sequence, SliceReader, Tag, Tagged};

use super::path_validation::Path;
use super::verify_error::{VerifyError, subject_of};
use crate::Status;
use crate::pki::{CertificateRef, extension_oid as oid};

/// The content octets of the identifier of anyPolicy, 2.5.29.32.0.
const ANY_POLICY: &[u8] = &[0x55, 0x1d, 0x20, 0x00];

/// The maximum number of policies and of mappings in one certificate.
const MAX_POLICIES: usize = 1_000;

/// The state variables of policy processing (RFC 5280, section 6.1.2).
struct PolicyState<'a> {
    /// The valid policies, in the subject domain's identifiers.
    valid: HashSet<&'a [u8]>,
    /// Whether every other policy is valid too.
    any: bool,
    explicit_policy: u32,
    inhibit_any_policy: u32,
    policy_mapping: u32,
}

/// Checks that the path has a valid policy if one of its certificates requires an explicit
/// policy.
pub(super) fn check(path: &Path<'_, '_>) -> Result<(), VerifyError> {
    let below: Vec<_> = path.issuers.iter().rev().chain([&path.leaf]).collect();
    let is_about_policies = |one: &&&&CertificateRef<'_>| {
        let all = [
            oid::CERTIFICATE_POLICIES,
            oid::POLICY_MAPPINGS,
            oid::POLICY_CONSTRAINTS,
            oid::INHIBIT_ANY_POLICY,
        ];
        all.into_iter().any(|oid| one.extension(oid).is_some())
    };
    if !below.iter().any(|one| is_about_policies(&one)) {
        return Ok(());
    }
    let most = u32::try_from(below.len()).unwrap_or(u32::MAX - 1) + 1;
    let mut state = PolicyState {
        valid: HashSet::new(),
        any: true,
        explicit_policy: most,
        inhibit_any_policy: most,
        policy_mapping: most,
    };
    for (index, certificate) in below.iter().enumerate() {
        let is_last = index + 1 == below.len();
        let extensions = Extensions::of(certificate).map_err(|_| {
            VerifyError::malformed(certificate, "its certificate policies do not parse")
        })?;
        state.process_policies(certificate, &extensions, is_last);
        if !is_last {
            state.process_mappings(certificate, &extensions)?;
        }
        state.process_constraints(certificate, &extensions, is_last);
        if state.explicit_policy == 0 && !state.any && state.valid.is_empty() {
            let sentence = format!(
                "certificate of '{}' has none of the certificate policies that a CA above it \
                 requires (RFC 5280, section 6.1)",
                subject_of(certificate)
            );
            return Err(VerifyError::new(Status::CertificateConstraint, sentence));
        }
    }
    Ok(())
}

impl<'a> PolicyState<'a> {
    /// Intersects the policies of a certificate with those valid above it (6.1.3 (d), (e)).
    fn process_policies(
        &mut self,
        certificate: &CertificateRef<'a>,
        extensions: &Extensions<'a>,
        is_last: bool,
    ) {
        let Some(policies) = &extensions.policies else {
            self.valid.clear();
            self.any = false;
            return;
        };
        let allows_any = policies.contains(&ANY_POLICY)
            && (self.inhibit_any_policy > 0 || (!is_last && certificate.is_self_issued()));
        let named = policies.iter().filter(|policy| **policy != ANY_POLICY);
        let valid = named.filter(|policy| self.any || self.valid.contains(*policy));
        let valid: HashSet<_> = valid.copied().collect();
        match allows_any {
            true => self.valid.extend(valid),
            false => {
                self.valid = valid;
                self.any = false;
            }
        }
    }

    /// Maps policies to the subject domain's identifiers (6.1.4 (a), (b)).
    fn process_mappings(
        &mut self,
        certificate: &CertificateRef<'a>,
        extensions: &Extensions<'a>,
    ) -> Result<(), VerifyError> {
        let mut mapped: HashMap<&[u8], Vec<&[u8]>> = HashMap::new();
        for (issuers, subjects) in &extensions.mappings {
            if *issuers == ANY_POLICY || *subjects == ANY_POLICY {
                let what = "its policy mappings map anyPolicy (RFC 5280, section 4.2.1.5)";
                return Err(VerifyError::malformed(certificate, what));
            }
            mapped.entry(issuers).or_default().push(subjects);
        }
        for (issuers, subjects) in mapped {
            let was_valid = self.valid.remove(issuers);
            if self.policy_mapping > 0 && (was_valid || self.any) {
                self.valid.extend(subjects);
            }
        }
        Ok(())
    }

    /// Decrements the counters and applies the certificate's policy constraints (6.1.4 (h)
    /// to (j), 6.1.5 (a), (b)).
    fn process_constraints(
        &mut self,
        certificate: &CertificateRef<'a>,
        extensions: &Extensions<'a>,
        is_last: bool,
    ) {
        let (require, inhibit_mapping) = extensions.constraints;
        if is_last {
            self.explicit_policy = self.explicit_policy.saturating_sub(1);
            if require == Some(0) {
                self.explicit_policy = 0;
            }
            return;
        }
        if !certificate.is_self_issued() {
            for counter in [
                &mut self.explicit_policy,
                &mut self.policy_mapping,
                &mut self.inhibit_any_policy,
            ] {
                *counter = counter.saturating_sub(1);
            }
        }
        let lower = |counter: &mut u32, to: Option<u32>| {
            *counter = to.map_or(*counter, |to| to.min(*counter));
        };
        lower(&mut self.explicit_policy, require);
        lower(&mut self.policy_mapping, inhibit_mapping);
        lower(&mut self.inhibit_any_policy, extensions.inhibit_any);
    }
}

/// The policy extensions of a certificate.
struct Extensions<'a> {
    policies: Option<Vec<&'a [u8]>>,
    mappings: Vec<(&'a [u8], &'a [u8])>,
    /// requireExplicitPolicy and inhibitPolicyMapping.
    constraints: (Option<u32>, Option<u32>),
    inhibit_any: Option<u32>,
}

#[derive(Sequence)]
struct PolicyConstraints {
    #[asn1(context_specific = "0", tag_mode = "IMPLICIT", optional = "true")]
    require_explicit_policy: Option<u32>,
    #[asn1(context_specific = "1", tag_mode = "IMPLICIT", optional = "true")]
    inhibit_policy_mapping: Option<u32>,
}

impl<'a> Extensions<'a> {
    fn of(certificate: &CertificateRef<'a>) -> der::Result<Self> {
        let value = |oid| certificate.extension(oid).map(|one| one.value);
        let constraints = value(oid::POLICY_CONSTRAINTS).map(PolicyConstraints::from_der);
        let constraints = constraints.transpose()?;
        let skip = value(oid::INHIBIT_ANY_POLICY).map(u32::from_der);
        Ok(Self {
            policies: value(oid::CERTIFICATE_POLICIES).map(policies).transpose()?,
            mappings: value(oid::POLICY_MAPPINGS)
                .map(mappings)
                .transpose()?
                .unwrap_or_default(),
            constraints: constraints.map_or((None, None), |one| {
                (one.require_explicit_policy, one.inhibit_policy_mapping)
            }),
            inhibit_any: skip.transpose()?,
        })
    }
}

/// Reads the identifiers in certificatePolicies (4.2.1.4).  Fails if one occurs twice.
fn policies(der: &[u8]) -> der::Result<Vec<&[u8]>> {
    let mut found = Vec::new();
    for_each_sequence(der, |policy| {
        let identifier = identifier(policy)?;
        if found.contains(&identifier) {
            return Err(der::ErrorKind::Failed.into());
        }
        found.push(identifier);
        Ok(())
    })?;
    Ok(found)
}

/// Reads the pairs in policyMappings (4.2.1.5): the issuer's policy, then the subject's.
fn mappings(der: &[u8]) -> der::Result<Vec<(&[u8], &[u8])>> {
    let mut found = Vec::new();
    for_each_sequence(der, |pair| {
        found.push((identifier(pair)?, identifier(pair)?));
        Ok(())
    })?;
    Ok(found)
}

/// Reads each element of a SEQUENCE of SEQUENCEs.  Fails if there are none or too many.
fn for_each_sequence<'a>(
    der: &'a [u8],
    mut read: impl FnMut(&mut SliceReader<'a>) -> der::Result<()>,
) -> der::Result<()> {
    let list = AnyRef::from_der(der)?;
    list.tag().assert_eq(Tag::Sequence)?;
    let mut reader = SliceReader::new(list.value())?;
    let mut count = 0;
    while !reader.is_finished() {
        let element = AnyRef::decode(&mut reader)?;
        element.tag().assert_eq(Tag::Sequence)?;
        count += 1;
        if count > MAX_POLICIES {
            break;
        }
        read(&mut SliceReader::new(element.value())?)?;
    }
    match (1..=MAX_POLICIES).contains(&count) {
        true => Ok(()),
        false => Err(der::ErrorKind::Failed.into()),
    }
}

fn identifier<'a>(reader: &mut SliceReader<'a>) -> der::Result<&'a [u8]> {
    let identifier = AnyRef::decode(reader)?;
    identifier.tag().assert_eq(Tag::ObjectIdentifier)?;
    Ok(identifier.value())
}
