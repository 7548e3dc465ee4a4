//! The CRLs that a chain is checked against.  Checking is webpki's.

use std::slice;

use der::asn1::AnyRef;
use der::{Decode, SliceReader, Tag, Tagged};
use rustls_pki_types::{SubjectPublicKeyInfoDer, UnixTime};
use webpki::{
    CertRevocationList, ExpirationPolicy, OwnedCertRevocationList, RevocationCheckDepth,
    RevocationOptions, RevocationOptionsBuilder, UnknownStatusPolicy,
};

use super::finding::{Finding, subject_of};
use super::rules::Path;
use super::{explain, signature};
use crate::pki::{self, Certificate, Crl, Outline, Revoked};
use crate::{Error, Status};

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
    /// Accept certificates of issuers for whose name there is no CRL.
    pub allow_unknown: bool,
    /// Check also where there is no CRL at all, which then nothing passes.
    pub always: bool,
}

impl Crls {
    /// Adds one.  It must be complete: neither a delta nor for some reasons only.
    pub(crate) fn add(&mut self, crl: &Crl) -> crate::Result<()> {
        let unusable = |why: String| {
            let issuer = crl.issuer();
            let sentence = format!("the CRL of '{issuer}' cannot be used: {why}");
            Error::new(Status::Unsupported, sentence)
        };
        if crl.next_update().is_none() {
            return Err(unusable(
                "it does not say when the next one comes (nextUpdate, RFC 5280, section \
                 5.1.2.5), so nobody can tell whether it is outdated; have it made again"
                    .to_owned(),
            ));
        }
        // webpki takes its first field for the version.
        if is_version_1(crl) {
            let error = webpki::Error::UnsupportedCrlVersion;
            return Err(unusable(explain::crl(&error)));
        }
        if !has_extensions(crl) {
            return Err(unusable(
                "it has no extensions, and RFC 5280, section 5.2, requires an authority key \
                 identifier and a CRL number: have its CA make it again"
                    .to_owned(),
            ));
        }
        // webpki would say so in every handshake, and only if it looked at this one first.
        let signed_by = pki::signed_parts(crl.der()).map(|(_, algorithm, _)| algorithm);
        if !signed_by.is_some_and(signature::is_known) {
            return Err(unusable(format!(
                "it is signed with {}, and no signature of that algorithm can be checked: have \
                 its CA sign it with another one, such as SHA-256 with ECDSA or RSA",
                crl.signature_type()
            )));
        }
        let parsed = OwnedCertRevocationList::from_der(crl.der())
            .map_err(|error| unusable(explain::crl(&error)).with_source(error))?;
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

    /// Those of this authority.
    pub(super) fn of(&self, issuer: &str) -> impl Iterator<Item = &Crl> {
        self.iter().filter(move |crl| crl.issuer() == issuer)
    }

    /// What one says about a certificate that one of `issuers` signed, if it lists it.
    pub(super) fn find(
        &self,
        certificate: &Outline<'_>,
        issuers: &[&Outline<'_>],
    ) -> Option<&Revoked> {
        let parsed = Certificate::from_der(certificate.der).ok()?;
        let lists = self
            .iter()
            .filter(|crl| crl.issuer() == parsed.issuer() && is_about(crl, certificate, issuers));
        let mut entries = lists.flat_map(Crl::revoked);
        entries.find(|entry| entry.serial == parsed.serial())
    }

    /// Whether two are of authorities with one name, which may be two authorities.
    pub(super) fn may_share_names(&self) -> bool {
        let issuer = |(_, parsed): &(Crl, CertRevocationList<'static>)| parsed.issuer().to_vec();
        let mut issuers: Vec<_> = self.lists.iter().map(issuer).collect();
        issuers.sort();
        issuers.windows(2).any(|pair| pair[0] == pair[1])
    }

    /// Checks that no CRL of the name of its issuer lists a certificate that is trusted itself.
    /// It needs none, since nobody vouches for it.
    ///
    /// Each one that lists it counts, whichever key signed it.  RFC 5280, section 6.3.3 (b) and
    /// (f), matches a CRL with a certificate by the name of their issuer, and lets a key sign it
    /// that is not the one of the certificate: after a change of keys, the new one signs the
    /// CRLs.  Here there is no path that would say which keys are the issuer's, and certificates
    /// that the peer sends must not: it would only have to leave its issuer out, or to send
    /// another one.
    pub(super) fn check_trusted(&self, leaf: &Outline<'_>) -> Result<(), Finding> {
        if self.lists.is_empty() {
            return Ok(());
        }
        let Ok(parsed) = Certificate::from_der(leaf.der) else {
            return Ok(());
        };
        let mut entries = self.of(parsed.issuer()).flat_map(Crl::revoked);
        match entries.find(|entry| entry.serial == parsed.serial()) {
            Some(entry) => Err(explain::revoked(leaf, entry)),
            None => Ok(()),
        }
    }

    /// Checks that the anchor of a path may sign CRLs, where one of its name is used
    /// (RFC 5280, section 6.3.3 (f)).  webpki checks this below the anchor.
    pub(super) fn check_anchor(&self, path: &Path<'_, '_>) -> Result<(), Finding> {
        let Some(anchor) = path.anchor.filter(|_| !self.lists.is_empty()) else {
            return Ok(());
        };
        let is_checked = path.issuers.is_empty() || !self.rules.leaf_only;
        if !is_checked || anchor.allows_key_usage("cRLSign") == Ok(true) {
            return Ok(());
        }
        let subject = AnyRef::from_der(anchor.subject);
        let subject = subject.map(|name| name.value()).unwrap_or_default();
        // Another CA of the same name may sign its own.
        let mut lists = self.lists.iter();
        let is_by_anchor =
            lists.any(|(crl, parsed)| parsed.issuer() == subject && is_signed_by(crl, &[anchor]));
        match is_by_anchor {
            false => Ok(()),
            true => Err(Finding::new(
                Status::CertificateUnknownRevocation,
                format!(
                    "the root '{}' may not sign CRLs: its key usage does not include cRLSign, so \
                     its CRL says nothing",
                    subject_of(anchor)
                ),
            )),
        }
    }

    /// Checks, where certificates that no CRL is about are accepted, that each CRL of the name
    /// of an issuer was used or another one in its place: made in the past and signed with
    /// the key of that issuer, `anchor_key` for the anchor.  Otherwise a CRL that is forged
    /// or made too early would make revoked certificates pass.
    pub(super) fn check_unused(
        &self,
        path: &Path<'_, '_>,
        anchor_key: &SubjectPublicKeyInfoDer<'_>,
        now: UnixTime,
    ) -> Result<(), webpki::Error> {
        if self.lists.is_empty() || !self.rules.allow_unknown {
            return Ok(());
        }
        let above = path.issuers.iter().map(|issuer| issuer.spki);
        let keys = above.chain([anchor_key.as_ref()]);
        let certificates = std::iter::once(path.leaf).chain(path.issuers.iter().copied());
        let depth = if self.rules.leaf_only { 1 } else { usize::MAX };
        for (certificate, key) in certificates.zip(keys).take(depth) {
            let key = SubjectPublicKeyInfoDer::from(key);
            let is_usable =
                |crl: &Crl| !is_later(crl, now) && is_signed_with_one(crl, slice::from_ref(&key));
            let mut of_issuer = self.of_name(certificate.issuer).peekable();
            if of_issuer.peek().is_some() && !of_issuer.any(is_usable) {
                return Err(webpki::Error::UnknownRevocationStatus);
            }
        }
        Ok(())
    }

    /// Those of the authority with this name, a whole DER element.
    fn of_name(&self, name: &[u8]) -> impl Iterator<Item = &Crl> {
        let name = AnyRef::from_der(name).map(|name| name.value());
        let name = name.unwrap_or_default();
        let named = self.lists.iter();
        let named = named.filter(move |(_, parsed)| parsed.issuer() == name);
        named.map(|(crl, _)| crl)
    }

    /// Has `check` run with what webpki asks for: without other rules, every certificate
    /// below the root needs a CRL that is not too old and does not list it.
    pub(super) fn with_options<T>(
        &self,
        now: UnixTime,
        check: impl FnOnce(Option<RevocationOptions<'_>>) -> T,
    ) -> T {
        let current = self.lists.iter().filter(|(crl, _)| !is_later(crl, now));
        let lists: Vec<_> = current.map(|(_, parsed)| parsed).collect();
        let options = RevocationOptionsBuilder::new(&lists).ok();
        check(options.map(|builder| self.apply_rules(builder)))
    }

    /// The same with those CRLs alone that one of these keys signed.
    pub(super) fn with_options_for<T>(
        &self,
        now: UnixTime,
        keys: &[SubjectPublicKeyInfoDer<'_>],
        check: impl FnOnce(Option<RevocationOptions<'_>>) -> Result<T, webpki::Error>,
    ) -> Result<T, webpki::Error> {
        let usable = |crl: &Crl| !is_later(crl, now) && is_signed_with_one(crl, keys);
        let current = self.lists.iter().filter(|(crl, _)| usable(crl));
        let lists: Vec<_> = current.map(|(_, parsed)| parsed).collect();
        match RevocationOptionsBuilder::new(&lists) {
            Ok(builder) => check(Some(self.apply_rules(builder))),
            Err(_) if self.rules.allow_unknown => check(None),
            Err(_) => Err(webpki::Error::UnknownRevocationStatus),
        }
    }

    fn apply_rules<'a>(&self, builder: RevocationOptionsBuilder<'a>) -> RevocationOptions<'a> {
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
    }

    /// Whether nothing can pass at this time, since there is nothing to check it with.
    pub(super) fn are_missing(&self, now: UnixTime) -> bool {
        let is_asked = self.rules.always || !self.lists.is_empty();
        let is_current = |crl: &Crl| !is_later(crl, now);
        is_asked && !self.rules.allow_unknown && !self.iter().any(is_current)
    }
}

/// Whether a CRL of the name of a certificate's issuer is that issuer's: signed with the
/// key that signed the certificate, where `issuers` has it.
pub(super) fn is_about(crl: &Crl, certificate: &Outline<'_>, issuers: &[&Outline<'_>]) -> bool {
    // A signature by an algorithm of old, such as SHA-1, tells nothing: the name has to do.
    let is_known = signature::is_known(certificate.algorithms[1]);
    let issued =
        |one: &&&Outline<'_>| !is_known || signature::is_issued_with(certificate, one.spki);
    let issuers: Vec<_> = issuers.iter().filter(issued).copied().collect();
    is_signed_by(crl, &issuers)
}

/// Whether one of these authorities signed a CRL.
pub(super) fn is_signed_by(crl: &Crl, issuers: &[&Outline<'_>]) -> bool {
    let keys: Vec<_> = issuers
        .iter()
        .map(|issuer| SubjectPublicKeyInfoDer::from(issuer.spki))
        .collect();
    is_signed_with_one(crl, &keys)
}

/// Whether one of these keys signed a CRL.
fn is_signed_with_one(crl: &Crl, keys: &[SubjectPublicKeyInfoDer<'_>]) -> bool {
    let parts = pki::signed_parts(crl.der());
    parts.is_some_and(|(tbs, algorithm, signature)| {
        let mut keys = keys.iter();
        keys.any(|key| signature::is_signed_with(key, algorithm, tbs, signature))
    })
}

/// Whether a CRL has no version, as those of version 1 (RFC 5280, section 5.1.2.1).
fn is_version_1(crl: &Crl) -> bool {
    fields(crl).first().map(Tagged::tag) != Some(Tag::Integer)
}

/// Whether a CRL has the field for extensions (RFC 5280, section 5.1.2.7).
fn has_extensions(crl: &Crl) -> bool {
    let last = fields(crl).last().map(Tagged::tag);
    matches!(last, Some(Tag::ContextSpecific { .. }))
}

/// The fields of what is signed in a CRL.
fn fields(crl: &Crl) -> Vec<AnyRef<'_>> {
    let content = pki::signed_parts(crl.der()).and_then(|(tbs, ..)| AnyRef::from_der(tbs).ok());
    let reader = content.and_then(|content| SliceReader::new(content.value()).ok());
    let Some(mut reader) = reader else {
        return Vec::new();
    };
    std::iter::from_fn(|| AnyRef::decode(&mut reader).ok()).collect()
}

/// Whether a CRL says that it was made after `now` (RFC 5280, section 5.1.2.4).
pub(super) fn is_later(crl: &Crl, now: UnixTime) -> bool {
    let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
    crl.this_update() > now
}
