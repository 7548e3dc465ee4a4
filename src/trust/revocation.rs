//! The CRLs that a chain is checked against.  Checking is webpki's.

use webpki::{
    CertRevocationList, ExpirationPolicy, OwnedCertRevocationList, RevocationCheckDepth,
    RevocationOptions, RevocationOptionsBuilder, UnknownStatusPolicy,
};

use crate::pki::{Certificate, Crl, Revoked};
use crate::{Error, Result, Status};

/// A set of CRLs, the latest of each authority first, since the first one that
/// is about a certificate decides.
#[derive(Default)]
pub(crate) struct Crls {
    lists: Vec<(Crl, CertRevocationList<'static>)>,
    rules: RevocationRules,
}

/// How strictly certificates are compared with the CRLs, where there are any.
/// By default, as strictly as can be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RevocationRules {
    /// Look at the peer's own certificate alone, and not at the CAs above it.
    pub leaf_only: bool,
    /// Accept certificates that no CRL is about.
    pub allow_unknown: bool,
    /// Check also where there is no CRL at all, which then nothing passes.
    pub always: bool,
}

impl Crls {
    /// Adds one.  It must be complete: neither a delta nor for some reasons only.
    pub(crate) fn add(&mut self, crl: &Crl) -> Result<()> {
        let parsed = OwnedCertRevocationList::from_der(crl.der()).map_err(|error| {
            let issuer = crl.issuer();
            let sentence = format!("the CRL of '{issuer}' cannot be used: {error}");
            Error::new(Status::Unsupported, sentence).with_source(error)
        })?;
        let older = |known: &(Crl, _)| known.0.this_update() < crl.this_update();
        let at = self.lists.iter().position(older);
        let at = at.unwrap_or(self.lists.len());
        self.lists.insert(at, (crl.clone(), parsed.into()));
        Ok(())
    }

    pub(crate) fn set_rules(&mut self, rules: RevocationRules) {
        self.rules = rules;
    }

    pub(crate) fn rules(&self) -> RevocationRules {
        self.rules
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Crl> {
        self.lists.iter().map(|(crl, _)| crl)
    }

    /// Whether one is of this authority.
    pub(crate) fn has_issuer(&self, issuer: &str) -> bool {
        self.lists.iter().any(|(crl, _)| crl.issuer() == issuer)
    }

    /// What one says about a certificate, if it lists it.
    pub(crate) fn find(&self, certificate: &Certificate) -> Option<&Revoked> {
        let of_issuer = |(crl, _): &&(Crl, _)| crl.issuer() == certificate.issuer();
        let mut entries = self
            .lists
            .iter()
            .filter(of_issuer)
            .flat_map(|(crl, _)| crl.revoked());
        entries.find(|entry| entry.serial == certificate.serial())
    }

    /// Whether nothing can pass, since there is nothing to check it with.
    pub(crate) fn are_missing(&self) -> bool {
        self.rules.always && !self.rules.allow_unknown && self.lists.is_empty()
    }

    /// Has `check` run with what webpki asks for: without other rules, every
    /// certificate below the root needs a CRL that is not too old and does not
    /// list it.
    pub(crate) fn with_options<T>(
        &self,
        check: impl FnOnce(Option<RevocationOptions<'_>>) -> T,
    ) -> T {
        let lists: Vec<_> = self.lists.iter().map(|(_, parsed)| parsed).collect();
        let options = RevocationOptionsBuilder::new(&lists).ok().map(|builder| {
            builder
                .with_depth(match self.rules.leaf_only {
                    true => RevocationCheckDepth::EndEntity,
                    false => RevocationCheckDepth::Chain,
                })
                .with_status_policy(match self.rules.allow_unknown {
                    true => UnknownStatusPolicy::Allow,
                    false => UnknownStatusPolicy::Deny,
                })
                .with_expiration_policy(ExpirationPolicy::Enforce)
                .build()
        });
        check(options)
    }
}
