//! Revocation checking with CRLs (RFC 5280, section 6.3).
//!
//! webpki parses the CRLs, but does not check revocation.  It would use only the first CRL
//! that may cover a certificate; here every CRL of the CA counts.

use std::cell::RefCell;
use std::collections::HashMap;

use der::asn1::AnyRef;
use der::{Decode, SliceReader, Tag, Tagged};
use rustls_pki_types::UnixTime;
use webpki::BorrowedCertRevocationList;

use super::path_errors::{self, revocation as errors};
use super::path_validation::Path;
use super::signature;
use super::verify_error::VerifyError;
use crate::pki::{self, CertificateRef, Crl, CrlScope};
use crate::{Error, Status};

/// A set of CRLs, the most recent first.
#[derive(Default)]
pub(crate) struct Crls {
    lists: Vec<IndexedCrl>,
    rules: RevocationRules,
}

struct IndexedCrl {
    crl: Crl,
    /// The content octets of the issuer's name.
    issuer: Vec<u8>,
    /// `None` if it covers every certificate of its issuer.
    scope: Option<CrlScope>,
}

/// Caches which CRL, by index, is signed with which key.  Each signature is verified once,
/// however many paths there are.  A peer can introduce at most 100 keys per search, since
/// webpki verifies no more signatures in each.  There are up to two searches.
#[derive(Default)]
pub(super) struct SignatureCache(RefCell<HashMap<(usize, Vec<u8>), bool>>);

/// A certificate whose revocation is checked, and its issuer in the path.
struct RevocationCheck<'c, 'a> {
    certificate: &'c CertificateRef<'a>,
    /// `None` for a trust anchor without a certificate.
    issuer: Option<&'c CertificateRef<'a>>,
    issuer_is_anchor: bool,
    issuer_key: &'c [u8],
    now: UnixTime,
    signatures: &'c SignatureCache,
}

/// How strictly certificates are checked against CRLs.  By default every certificate below
/// the root must be covered, if there is any CRL.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RevocationRules {
    /// Check only the end-entity certificate, not the CAs above it.
    pub leaf_only: bool,
    /// Accept a certificate if there is no CRL with its issuer's name, or if its issuer
    /// signed a current one but none covers it.  The CRLs of an issuer can be for different
    /// distribution points.  A relevant CRL that has expired still fails.
    pub allow_unknown: bool,
    /// Check revocation even if there are no CRLs at all.  Every certificate in a path then
    /// fails, unless `allow_unknown` is set.  A directly trusted certificate fails if no
    /// CRL has its issuer's name, whatever `allow_unknown` says.
    pub always: bool,
}

impl Crls {
    /// Adds a CRL.  It must be complete: not a delta CRL, and not limited to some reasons.
    pub(crate) fn add(&mut self, crl: &Crl) -> crate::Result<()> {
        let unusable = |why: String| {
            let issuer = crl.issuer();
            let sentence = format!("the CRL of '{issuer}' cannot be used: {why}");
            Error::new(Status::Unsupported, sentence)
        };
        if crl.next_update().is_none() {
            return Err(unusable(
                "it has no nextUpdate (RFC 5280, section \
                 5.1.2.5), so nobody can tell when it expires: have its CA reissue it"
                    .to_owned(),
            ));
        }
        // Without a version field, webpki would take the next field for the version.
        if is_version_1(crl) {
            let error = webpki::Error::UnsupportedCrlVersion;
            return Err(unusable(path_errors::describe_crl(&error)));
        }
        if !has_extensions(crl) {
            return Err(unusable(
                "it has no extensions, and RFC 5280, section 5.2, requires an authority key \
                 identifier and a CRL number: have its CA reissue it"
                    .to_owned(),
            ));
        }
        // webpki would report this only during a handshake, and only if it used this CRL
        // first.
        let signed_by = pki::split_signed(crl.der()).map(|(_, algorithm, _)| algorithm);
        if !signed_by.is_some_and(signature::is_known) {
            return Err(unusable(format!(
                "it is signed with {}, which is not supported: have its CA sign it with another \
                 algorithm, such as SHA-256 with ECDSA or RSA",
                crl.signature_type()
            )));
        }
        let unsupported = |error| unusable(path_errors::describe_crl(&error)).with_source(error);
        // This parses the entries too.
        let parsed = BorrowedCertRevocationList::from_der(crl.der())
            .and_then(|parsed| parsed.to_owned())
            .map_err(unsupported)?;
        let parsed = webpki::CertRevocationList::from(parsed);
        let scope = parsed.issuing_distribution_point().map(|point| {
            let other = webpki::Error::UnsupportedCrlIssuingDistributionPoint;
            CrlScope::from_der(point).ok_or_else(|| unsupported(other))
        });
        let listed = IndexedCrl {
            crl: crl.clone(),
            issuer: parsed.issuer().to_vec(),
            scope: scope.transpose()?,
        };
        let older = |known: &IndexedCrl| known.crl.this_update() < crl.this_update();
        let at = self.lists.iter().position(older);
        let at = at.unwrap_or(self.lists.len());
        self.lists.insert(at, listed);
        Ok(())
    }

    pub(crate) fn set_rules(&mut self, rules: RevocationRules) {
        self.rules = rules;
    }

    pub(crate) fn rules(&self) -> RevocationRules {
        self.rules
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Crl> {
        self.lists.iter().map(|listed| &listed.crl)
    }

    /// Returns the indexes of the CRLs with the issuer name of a certificate.  Like
    /// OpenSSL, it ignores how the name is encoded (RFC 5280, section 7.1); the key decides
    /// whose they are.
    fn with_issuer_of(&self, certificate: &CertificateRef<'_>) -> Vec<usize> {
        let name = AnyRef::from_der(certificate.issuer).map(|name| name.value());
        let text = path_errors::issuer_of(certificate);
        let is_named = |listed: &IndexedCrl| {
            name.is_ok_and(|name| listed.issuer == name)
                || (!text.is_empty() && listed.crl.issuer().eq_ignore_ascii_case(&text))
        };
        let lists = self.lists.iter().enumerate();
        let candidates = lists.filter(|(_, listed)| is_named(listed));
        candidates.map(|(index, _)| index).collect()
    }

    /// Checks that no CRL with its issuer's name lists a certificate that is trusted
    /// directly.  Unless `always` is set, no CRL is required, since no CA vouches for the
    /// certificate.
    ///
    /// Every CRL that lists it counts, whichever key signed it.  RFC 5280, section 6.3.3
    /// (b) and (f), matches CRLs by issuer name.  It allows a signing key other than the
    /// certificate's: after a key change, the new key signs the CRLs.  Without a path, the
    /// issuer's keys are unknown here.  Certificates that the peer sends cannot decide which
    /// they are: the peer would omit its issuer, or send another one.
    pub(super) fn check_trusted_leaf_revocation(
        &self,
        leaf: &CertificateRef<'_>,
    ) -> Result<(), VerifyError> {
        if self.lists.is_empty() && !self.rules.always {
            return Ok(());
        }
        let candidates = self.with_issuer_of(leaf);
        if candidates.is_empty() && self.rules.always {
            return Err(errors::missing(leaf));
        }
        self.check_not_listed(leaf, &candidates)
    }

    /// Checks that none of these CRLs lists a certificate.
    fn check_not_listed(
        &self,
        leaf: &CertificateRef<'_>,
        candidates: &[usize],
    ) -> Result<(), VerifyError> {
        let serial = leaf.serial_text();
        let candidates = candidates.iter().copied();
        let mut entries = candidates.filter_map(|index| self.lists[index].crl.revokes(&serial));
        match entries.next() {
            Some(entry) => Err(errors::revoked(leaf, entry)),
            None => Ok(()),
        }
    }

    /// Checks every certificate of a path below its trust anchor, whose key is
    /// `anchor_key`.  Reports a revoked certificate before one whose status is unknown.
    pub(super) fn check(
        &self,
        path: &Path<'_, '_>,
        anchor_key: &[u8],
        now: UnixTime,
        signatures: &SignatureCache,
    ) -> Result<(), VerifyError> {
        if self.lists.is_empty() && !self.rules.always {
            return Ok(());
        }
        let depth = if self.rules.leaf_only { 1 } else { usize::MAX };
        // An intermediate CA that is a trust anchor needs no CRL, but must not be listed on one.
        let is_intermediate = |anchor: &&CertificateRef<'_>| anchor.subject != anchor.issuer;
        if let Some(anchor) = path.anchor.filter(is_intermediate)
            && !self.rules.leaf_only
        {
            self.check_not_listed(anchor, &self.with_issuer_of(anchor))?;
        }
        let certificates = std::iter::once(path.leaf).chain(path.issuers.iter().copied());
        let mut unknown = Ok(());
        for (index, certificate) in certificates.enumerate().take(depth) {
            let above = path.issuers.get(index).copied();
            let outcome = self.check_one(&RevocationCheck {
                certificate,
                issuer: above.or(path.anchor),
                issuer_is_anchor: above.is_none(),
                issuer_key: above.map_or(anchor_key, |issuer| issuer.spki),
                now,
                signatures,
            });
            match outcome {
                Err(error) if error.status == Status::CertificateRevoked => {
                    return Err(error);
                }
                outcome => unknown = unknown.and(outcome),
            }
        }
        unknown
    }

    /// Checks one certificate.  Every valid CRL of the issuer that has not expired revokes
    /// what it lists, whatever its scope.  Only a CRL whose scope covers a certificate
    /// shows that it is not revoked (RFC 5280, section 6.3.3 (b)).
    fn check_one(&self, checked: &RevocationCheck<'_, '_>) -> Result<(), VerifyError> {
        let (certificate, now) = (checked.certificate, checked.now);
        let candidates = self.with_issuer_of(certificate);
        if candidates.is_empty() {
            return match self.rules.allow_unknown {
                true => Ok(()),
                false => Err(errors::missing(certificate)),
            };
        }
        self.check_issuer(checked, &candidates)?;
        let serial = certificate.serial_text();
        let mut expired = None;
        let mut is_covered = false;
        for &index in &candidates {
            let IndexedCrl { crl, scope, .. } = &self.lists[index];
            let entry = crl.revokes(&serial);
            let covers = scope.as_ref().is_none_or(|scope| scope.covers(certificate));
            if (entry.is_none() && !covers) || !self.is_valid(index, &candidates, checked) {
                continue;
            }
            match (entry, is_expired(crl, now)) {
                (Some(entry), false) => return Err(errors::revoked(certificate, entry)),
                (None, false) => is_covered = true,
                (_, true) => expired = expired.or(crl.next_update()),
            }
        }
        match expired {
            _ if is_covered => Ok(()),
            // Applies even if an unknown status is allowed: the certificate may have been
            // revoked since.
            Some(end) => Err(errors::expired(certificate, end, now)),
            None => self.check_unknown(checked, &candidates),
        }
    }

    /// Checks that the issuer may sign CRLs (RFC 5280, section 6.3.3 (f)).  Another CA of
    /// the same name may have signed them.
    fn check_issuer(
        &self,
        checked: &RevocationCheck<'_, '_>,
        candidates: &[usize],
    ) -> Result<(), VerifyError> {
        let may_not = |issuer: &&CertificateRef<'_>| issuer.allows_key_usage("cRLSign") != Ok(true);
        let Some(issuer) = checked.issuer.filter(may_not) else {
            return Ok(());
        };
        match candidates
            .iter()
            .any(|&index| self.is_signed(index, checked))
        {
            true => Err(errors::issuer_lacks_crl_sign(
                issuer,
                checked.issuer_is_anchor,
            )),
            false => Ok(()),
        }
    }

    /// Handles a certificate that no valid CRL covers or lists.  Even if an unknown status
    /// is allowed, its issuer must have signed one of the CRLs.  Otherwise a forged or
    /// future CRL would let revoked certificates pass.
    fn check_unknown(
        &self,
        checked: &RevocationCheck<'_, '_>,
        candidates: &[usize],
    ) -> Result<(), VerifyError> {
        let signed = candidates
            .iter()
            .filter(|&&index| self.is_signed(index, checked));
        let signed = signed.map(|&index| &self.lists[index]);
        let (later, current): (Vec<_>, Vec<_>) =
            signed.partition(|listed| is_in_future(&listed.crl, checked.now));
        let certificate = checked.certificate;
        match (current.first(), later.first()) {
            (Some(_), _) if self.rules.allow_unknown => Ok(()),
            (Some(listed), _) => Err(match &listed.scope {
                Some(scope) => errors::wrong_scope(certificate, scope),
                None => errors::missing(certificate),
            }),
            (None, Some(listed)) => Err(errors::not_yet_issued(certificate, &listed.crl)),
            (None, None) => Err(errors::wrong_key(certificate)),
        }
    }

    /// Returns whether a CRL is valid: issued in the past, signed by the issuer, and not
    /// replaced by a newer one for the same certificates.  A newer one may remove a
    /// certificate from the list.
    fn is_valid(
        &self,
        index: usize,
        candidates: &[usize],
        checked: &RevocationCheck<'_, '_>,
    ) -> bool {
        let is_issued = |one: usize| {
            !is_in_future(&self.lists[one].crl, checked.now) && self.is_signed(one, checked)
        };
        let listed = &self.lists[index];
        let replaces = |newer: &IndexedCrl| {
            newer.scope == listed.scope && newer.crl.this_update() > listed.crl.this_update()
        };
        let mut newer = candidates.iter().take_while(|&&newer| newer < index);
        is_issued(index) && !newer.any(|&newer| replaces(&self.lists[newer]) && is_issued(newer))
    }

    fn is_signed(&self, index: usize, checked: &RevocationCheck<'_, '_>) -> bool {
        let mut known = checked.signatures.0.borrow_mut();
        let known = known.entry((index, checked.issuer_key.to_vec()));
        *known.or_insert_with(|| is_signed_with(&self.lists[index].crl, checked.issuer_key))
    }
}

/// Returns whether this key signed a CRL.
fn is_signed_with(crl: &Crl, key: &[u8]) -> bool {
    let parts = pki::split_signed(crl.der());
    parts.is_some_and(|(tbs, algorithm, signed)| {
        signature::is_signed_with(key, algorithm, tbs, signed)
    })
}

/// Returns whether a CRL is of version 1, which has no version field (RFC 5280, section
/// 5.1.2.1).
fn is_version_1(crl: &Crl) -> bool {
    fields(crl).first().map(Tagged::tag) != Some(Tag::Integer)
}

/// Returns whether a CRL has extensions (RFC 5280, section 5.1.2.7).
fn has_extensions(crl: &Crl) -> bool {
    let last = fields(crl).last().map(Tagged::tag);
    matches!(last, Some(Tag::ContextSpecific { .. }))
}

/// Returns the fields of the TBSCertList.
fn fields(crl: &Crl) -> Vec<AnyRef<'_>> {
    let content = pki::split_signed(crl.der()).and_then(|(tbs, ..)| AnyRef::from_der(tbs).ok());
    let reader = content.and_then(|content| SliceReader::new(content.value()).ok());
    let Some(mut reader) = reader else {
        return Vec::new();
    };
    std::iter::from_fn(|| AnyRef::decode(&mut reader).ok()).collect()
}

/// Returns whether thisUpdate of a CRL is after `now` (RFC 5280, section 5.1.2.4).
fn is_in_future(crl: &Crl, now: UnixTime) -> bool {
    let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
    crl.this_update() > now
}

/// Returns whether nextUpdate of a CRL has passed (RFC 5280, section 5.1.2.5).
fn is_expired(crl: &Crl, now: UnixTime) -> bool {
    let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
    crl.next_update().is_none_or(|end| now >= end)
}
