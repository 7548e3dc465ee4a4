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

    /// Has `check` run with what webpki asks for: every certificate below the
    /// root needs a CRL that is not too old and does not list it.
    pub(crate) fn with_options<T>(
        &self,
        check: impl FnOnce(Option<RevocationOptions<'_>>) -> T,
    ) -> T {
        let lists: Vec<_> = self.lists.iter().map(|(_, parsed)| parsed).collect();
        let options = RevocationOptionsBuilder::new(&lists).ok().map(|builder| {
            builder
                .with_depth(RevocationCheckDepth::Chain)
                .with_status_policy(UnknownStatusPolicy::Deny)
                .with_expiration_policy(ExpirationPolicy::Enforce)
                .build()
        });
        check(options)
    }
}
