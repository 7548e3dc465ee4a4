//! The search for a path: webpki's, with our rules for every path that it finds, so that
//! it tries another one where they refuse one.

use std::cell::RefCell;
use std::sync::Arc;

use rustls_pki_types::{CertificateDer, SignatureVerificationAlgorithm};
use webpki::{EndEntityCert, VerifiedPath};

use super::name_constraints::NameLimits;
use super::path_validation::{self, Demands, Path};
use super::revocation::{Crls, Signatures};
use super::roots::Roots;
use super::verify_error::Finding;
use super::webpki_compat::{OverOriginals, StandIn};
use crate::base::provider::provider;
use crate::pki::Outline;

/// A path that was accepted.
pub(super) struct Accepted {
    /// From the peer's certificate to the root, where that is a certificate.
    pub(super) certificates: Vec<Arc<[u8]>>,
    /// What its CAs say about names.
    pub(super) limits: NameLimits,
}

impl Accepted {
    /// A certificate that is trusted itself.
    pub(super) fn itself(leaf: &Outline<'_>) -> Self {
        Self {
            certificates: vec![Arc::from(leaf.der)],
            limits: NameLimits::default(),
        }
    }
}

/// Why no path was accepted.
#[derive(Debug)]
pub(super) enum Failure {
    /// webpki found none.
    Path(webpki::Error),
    /// A rule refused the one that it found.
    Rule(Finding),
}

impl From<Finding> for Failure {
    fn from(finding: Finding) -> Self {
        Self::Rule(finding)
    }
}

/// What webpki hears where a rule refuses a path: an error that it never makes itself.
const REFUSED: webpki::Error = webpki::Error::CertDistrusted;

/// What is searched: the certificates of a peer, as they were sent and as webpki gets
/// them.
pub(super) struct Search<'s, 'a> {
    leaf: &'s Outline<'a>,
    intermediates: &'s [Outline<'a>],
    stand_ins: Vec<StandIn<'s>>,
    leaf_der: CertificateDer<'s>,
    intermediate_ders: Vec<CertificateDer<'s>>,
    crls: &'s Crls,
    signatures: Signatures,
    demands: Demands,
}

impl<'s, 'a> Search<'s, 'a> {
    pub(super) fn new(
        leaf: &'s Outline<'a>,
        intermediates: &'s [Outline<'a>],
        crls: &'s Crls,
        demands: Demands,
    ) -> Self {
        let mut stand_ins = Vec::new();
        let mut present = |original: &'s Outline<'a>| match StandIn::of(original) {
            Some(stand_in) => {
                let certificate = stand_in.certificate.clone();
                stand_ins.push(stand_in);
                certificate
            }
            None => CertificateDer::from(original.der),
        };
        let leaf_der = present(leaf);
        let intermediate_ders = intermediates.iter().map(present).collect();
        Self {
            leaf,
            intermediates,
            stand_ins,
            leaf_der,
            intermediate_ders,
            crls,
            signatures: Signatures::default(),
            demands,
        }
    }

    /// The leaf as webpki gets it.
    pub(super) fn leaf_der(&self) -> &CertificateDer<'s> {
        &self.leaf_der
    }

    /// A path to one of the roots.
    pub(super) fn run(&self, roots: &Roots) -> Result<Accepted, Failure> {
        let algorithms = self.algorithms();
        let algorithms: Vec<&dyn SignatureVerificationAlgorithm> = match algorithms.is_empty() {
            true => provider().signature_verification_algorithms.all.to_vec(),
            false => algorithms.iter().map(|one| one as _).collect(),
        };
        let leaf = EndEntityCert::try_from(&self.leaf_der).map_err(Failure::Path)?;
        let accepted = RefCell::new(None);
        let refused = RefCell::new(None);
        let judge = |path: &VerifiedPath<'_>| match self.check(roots, path) {
            Ok(found) => {
                accepted.replace(Some(found));
                Ok(())
            }
            Err(failure) => {
                refused.borrow_mut().get_or_insert(failure);
                Err(REFUSED)
            }
        };
        let outcome = leaf.verify_for_usage(
            &algorithms,
            roots.anchors(),
            &self.intermediate_ders,
            self.demands.now,
            self.demands.purpose,
            None,
            Some(&judge),
        );
        match (outcome, accepted.into_inner()) {
            (Ok(_), Some(accepted)) => Ok(accepted),
            (Ok(_), None) => Err(Failure::Path(REFUSED)),
            (Err(error), _) => Err(refused.into_inner().unwrap_or(Failure::Path(error))),
        }
    }

    /// The algorithms that know of stand-ins, where there are any.
    fn algorithms(&self) -> Vec<OverOriginals<'_>> {
        if self.stand_ins.is_empty() {
            return Vec::new();
        }
        let all = provider().signature_verification_algorithms.all.iter();
        all.map(|algorithm| OverOriginals {
            algorithm: *algorithm,
            stand_ins: &self.stand_ins,
        })
        .collect()
    }

    /// Checks a path by the rules, over the certificates as they were sent.
    fn check(&self, roots: &Roots, path: &VerifiedPath<'_>) -> Result<Accepted, Failure> {
        let unreadable = || {
            let what = "its path cannot be read in two ways that agree";
            Failure::Rule(Finding::malformed(self.leaf, what))
        };
        if !self.is_original(self.leaf) {
            return Err(unreadable());
        }
        let issuers = path.intermediate_certificates();
        let issuers = issuers.map(|one| self.original_of(&one.der()));
        let issuers = issuers.collect::<Option<Vec<_>>>().ok_or_else(unreadable)?;
        let root = roots.certificate_of(path.anchor());
        let anchor = root.map(|der| Outline::from_der(der)).transpose();
        let anchor = anchor.map_err(|_| unreadable())?;
        let candidate = Path {
            leaf: self.leaf,
            issuers,
            anchor: anchor.as_ref(),
            anchor_constraints: path.anchor().name_constraints.as_deref(),
        };
        if let Some(anchor) = &anchor {
            roots.check_settings(anchor, self.demands.purpose)?;
        }
        let anchor_key = webpki::spki_for_anchor(path.anchor());
        self.crls
            .check(&candidate, &anchor_key, self.demands.now, &self.signatures)?;
        let limits = path_validation::check_path(&candidate, self.demands)?;
        let mut certificates = vec![Arc::from(self.leaf.der)];
        let issuers = candidate.issuers.iter();
        certificates.extend(issuers.map(|one| Arc::from(one.der)));
        certificates.extend(root.cloned());
        Ok(Accepted {
            certificates,
            limits,
        })
    }

    /// The certificate that a signature was verified over, where webpki speaks of `der`.
    /// What is signed decides, as it does in [`OverOriginals`].
    fn original_of(&self, der: &[u8]) -> Option<&'s Outline<'a>> {
        let same = |one: &&Outline<'a>| one.der == der;
        let Some(tbs) = self.stand_in_tbs(der) else {
            return self.intermediates.iter().find(same);
        };
        self.intermediates.iter().find(|one| one.tbs == tbs)
    }

    /// What was signed in place of what `der` has, where that is a stand-in's.
    fn stand_in_tbs(&self, der: &[u8]) -> Option<&[u8]> {
        if self.stand_ins.is_empty() {
            return None;
        }
        let tbs = Outline::from_der(der).ok()?.tbs;
        StandIn::original_tbs(&self.stand_ins, tbs)
    }

    /// Whether the leaf is what its signature was verified over.
    fn is_original(&self, leaf: &Outline<'_>) -> bool {
        let signed = self.stand_in_tbs(&self.leaf_der);
        signed.is_none_or(|tbs| tbs == leaf.tbs)
    }
}
