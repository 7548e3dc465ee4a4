//! Path building.  webpki searches, and each path it finds must pass the checks of
//! `path_validation` and `revocation`, and the trust settings of its root.  If one fails,
//! the search continues with other paths.

use std::cell::RefCell;
use std::sync::Arc;

use rustls_pki_types::{CertificateDer, SignatureVerificationAlgorithm};
use webpki::{EndEntityCert, VerifiedPath};

use super::name_constraints::PathNameConstraints;
use super::path_validation::{self, Path, Requirements};
use super::revocation::{Crls, SignatureCache};
use super::roots::Roots;
use super::verify_error::VerifyError;
use super::webpki_compat::{OriginalSignature, WebpkiCopy};
use crate::base::provider::provider;
use crate::pki::CertificateRef;

/// A verified chain.
pub(super) struct VerifiedChain {
    /// From the peer's certificate to the trust anchor, if that is a certificate.
    pub(super) certificates: Vec<Arc<[u8]>>,
    /// The name constraints of its CAs.
    pub(super) path_constraints: PathNameConstraints,
}

impl VerifiedChain {
    /// The chain of an end-entity certificate that is trusted directly.
    pub(super) fn of_trusted_leaf(leaf: &CertificateRef<'_>) -> Self {
        Self {
            certificates: vec![Arc::from(leaf.der)],
            path_constraints: PathNameConstraints::default(),
        }
    }
}

/// Why no path was accepted.
#[derive(Debug)]
pub(super) enum PathFailure {
    /// webpki found no path.
    Webpki(webpki::Error),
    /// A check rejected the path that webpki found.
    Check(VerifyError),
}

impl From<VerifyError> for PathFailure {
    fn from(error: VerifyError) -> Self {
        Self::Check(error)
    }
}

/// The error that tells webpki that a check rejected a path. webpki never returns it
/// itself.
const REJECTED: webpki::Error = webpki::Error::CertDistrusted;

/// The certificates of a peer, as presented and as passed to webpki.
pub(super) struct PathBuilder<'s, 'a> {
    leaf: &'s CertificateRef<'a>,
    intermediates: &'s [CertificateRef<'a>],
    copies: Vec<WebpkiCopy<'s>>,
    leaf_der: CertificateDer<'s>,
    intermediate_ders: Vec<CertificateDer<'s>>,
    crls: &'s Crls,
    signatures: SignatureCache,
    requirements: Requirements,
}

impl<'s, 'a> PathBuilder<'s, 'a> {
    pub(super) fn new(
        leaf: &'s CertificateRef<'a>,
        intermediates: &'s [CertificateRef<'a>],
        crls: &'s Crls,
        requirements: Requirements,
    ) -> Self {
        let mut copies = Vec::new();
        let mut for_webpki = |original: &'s CertificateRef<'a>| match WebpkiCopy::of(original) {
            Some(copy) => {
                let certificate = copy.certificate.clone();
                copies.push(copy);
                certificate
            }
            None => CertificateDer::from(original.der),
        };
        let leaf_der = for_webpki(leaf);
        let intermediate_ders = intermediates.iter().map(for_webpki).collect();
        Self {
            leaf,
            intermediates,
            copies,
            leaf_der,
            intermediate_ders,
            crls,
            signatures: SignatureCache::default(),
            requirements,
        }
    }

    /// Returns the leaf as passed to webpki.
    pub(super) fn leaf_der(&self) -> &CertificateDer<'s> {
        &self.leaf_der
    }

    /// Builds a path to one of the roots.
    pub(super) fn build(&self, roots: &Roots) -> Result<VerifiedChain, PathFailure> {
        let algorithms = self.algorithms();
        let algorithms: Vec<&dyn SignatureVerificationAlgorithm> = match algorithms.is_empty() {
            true => provider().signature_verification_algorithms.all.to_vec(),
            false => algorithms.iter().map(|one| one as _).collect(),
        };
        let leaf = EndEntityCert::try_from(&self.leaf_der).map_err(PathFailure::Webpki)?;
        let accepted = RefCell::new(None);
        let rejected = RefCell::new(None);
        let verify_path = |path: &VerifiedPath<'_>| match self.check(roots, path) {
            Ok(found) => {
                accepted.replace(Some(found));
                Ok(())
            }
            Err(failure) => {
                rejected.borrow_mut().get_or_insert(failure);
                Err(REJECTED)
            }
        };
        let outcome = leaf.verify_for_usage(
            &algorithms,
            roots.anchors(),
            &self.intermediate_ders,
            self.requirements.now,
            self.requirements.purpose,
            None,
            Some(&verify_path),
        );
        match (outcome, accepted.into_inner()) {
            (Ok(_), Some(accepted)) => Ok(accepted),
            (Ok(_), None) => Err(PathFailure::Webpki(REJECTED)),
            (Err(error), _) => Err(rejected.into_inner().unwrap_or(PathFailure::Webpki(error))),
        }
    }

    /// Returns the algorithms that map copies to originals; none if there are no copies.
    fn algorithms(&self) -> Vec<OriginalSignature<'_>> {
        if self.copies.is_empty() {
            return Vec::new();
        }
        let all = provider().signature_verification_algorithms.all.iter();
        all.map(|algorithm| OriginalSignature {
            algorithm: *algorithm,
            copies: &self.copies,
        })
        .collect()
    }

    /// Checks a path over the certificates as presented.
    fn check(&self, roots: &Roots, path: &VerifiedPath<'_>) -> Result<VerifiedChain, PathFailure> {
        let unreadable = || {
            let what = "two parsers read its chain differently";
            PathFailure::Check(VerifyError::malformed(self.leaf, what))
        };
        if !self.is_original(self.leaf) {
            return Err(unreadable());
        }
        let issuers = path.intermediate_certificates();
        let issuers = issuers.map(|one| self.original_of(&one.der()));
        let issuers = issuers.collect::<Option<Vec<_>>>().ok_or_else(unreadable)?;
        let root = roots.certificate_of(path.anchor());
        let anchor = root.map(|der| CertificateRef::from_der(der)).transpose();
        let anchor = anchor.map_err(|_| unreadable())?;
        let candidate = Path {
            leaf: self.leaf,
            issuers,
            anchor: anchor.as_ref(),
            anchor_constraints: path.anchor().name_constraints.as_deref(),
        };
        if let Some(anchor) = &anchor {
            roots.check_settings(anchor, self.requirements.purpose)?;
        }
        let anchor_key = webpki::spki_for_anchor(path.anchor());
        self.crls.check(
            &candidate,
            &anchor_key,
            self.requirements.now,
            &self.signatures,
        )?;
        let path_constraints = path_validation::check_path(&candidate, self.requirements)?;
        let mut certificates = vec![Arc::from(self.leaf.der)];
        let issuers = candidate.issuers.iter();
        certificates.extend(issuers.map(|one| Arc::from(one.der)));
        certificates.extend(root.cloned());
        Ok(VerifiedChain {
            certificates,
            path_constraints,
        })
    }

    /// Returns the certificate whose signature was verified, given the `der` that webpki
    /// reports.  The TBSCertificate decides, as in [`OriginalSignature`].
    fn original_of(&self, der: &[u8]) -> Option<&'s CertificateRef<'a>> {
        let same = |one: &&CertificateRef<'a>| one.der == der;
        let Some(tbs) = self.copy_tbs(der) else {
            return self.intermediates.iter().find(same);
        };
        self.intermediates.iter().find(|one| one.tbs == tbs)
    }

    /// Returns the original TBSCertificate if `der` is a copy.
    fn copy_tbs(&self, der: &[u8]) -> Option<&[u8]> {
        if self.copies.is_empty() {
            return None;
        }
        let tbs = CertificateRef::from_der(der).ok()?.tbs;
        WebpkiCopy::original_tbs(&self.copies, tbs)
    }

    /// Returns whether the leaf is the certificate whose signature was verified.
    fn is_original(&self, leaf: &CertificateRef<'_>) -> bool {
        let signed = self.copy_tbs(&self.leaf_der);
        signed.is_none_or(|tbs| tbs == leaf.tbs)
    }
}
