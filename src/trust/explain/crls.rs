//! Why a chain is refused for its revocation: CRLs that list a certificate of it, or that
//! say nothing about one.

use super::{Question, issuer_of, issuers};
use crate::Status;
use crate::pki::{self, Crl, Outline, Revoked};
use crate::trust::finding::{Finding, subject_of};
use crate::trust::revocation::{self, is_later};

/// What `look` finds first, from the peer's certificate upwards.  It gets a certificate and
/// those that may have issued it.
fn first<'q, 'a, T>(
    question: &Question<'q, 'a>,
    look: impl Fn(&'q Outline<'a>, &[&Outline<'_>]) -> Option<T>,
) -> Option<T> {
    let (chain, roots) = (question.chain(), question.roots());
    let roots: Vec<_> = roots.iter().collect();
    let mut indexes = 0..chain.len();
    indexes.find_map(|index| look(chain[index], issuers(&chain, &roots, index)))
}

/// The first certificate of the chain about which no CRL can be used: there are some of
/// its issuer's name, and each has this fault.  It depends on the CRL, the certificate and
/// those that may have issued that.
fn needing_crl<'q, 'a>(
    question: &Question<'q, 'a>,
    has_fault: impl Fn(&Crl, &Outline<'_>, &[&Outline<'_>]) -> bool,
) -> &'q Outline<'a> {
    let found = first(question, |one, issuers| {
        let issuer = issuer_of(one);
        let mut crls = question.crls.of(&issuer).peekable();
        let is_at_fault = crls.peek().is_some() && crls.all(|crl| has_fault(crl, one, issuers));
        is_at_fault.then_some(one)
    });
    found.unwrap_or(question.leaf)
}

/// The CRL that is needed was to be replaced by this time, in seconds since the epoch.
pub(super) fn outdated(question: &Question<'_, '_>, end: i64) -> Finding {
    let now = i64::try_from(question.demands.now.as_secs()).unwrap_or(i64::MAX);
    let is_outdated =
        |crl: &Crl, _: &Outline<'_>, _: &[&Outline<'_>]| crl.next_update() == Some(end);
    let sentence = format!(
        "no CRL that is new enough says whether the certificate of '{}' is revoked: the one at \
         hand was to be replaced by {} ({} ago), get its successor",
        subject_of(needing_crl(question, is_outdated)),
        pki::moment(end),
        pki::span(now.saturating_sub(end)),
    );
    Finding::new(Status::CertificateUnknownRevocation, sentence)
}

/// Another CA has the name of an issuer, or its CRL is forged.
pub(super) fn of_another_key(question: &Question<'_, '_>) -> Finding {
    let is_unsigned = |crl: &Crl, one: &Outline<'_>, issuers: &[&Outline<'_>]| {
        !revocation::is_about(crl, one, issuers)
    };
    unsigned(needing_crl(question, is_unsigned))
}

fn unsigned(certificate: &Outline<'_>) -> Finding {
    let sentence = format!(
        "no CRL for the certificate of '{}' is signed with the key of its issuer '{}': another CA \
         has the same name, or the CRL is forged",
        subject_of(certificate),
        issuer_of(certificate)
    );
    Finding::new(Status::CertificateUnknownRevocation, sentence)
}

/// A CA below the root signed a CRL, and its key usage does not let it.
pub(super) fn may_not_sign(question: &Question<'_, '_>) -> Finding {
    let may_not = |one: &&Outline<'_>| one.allows_key_usage("cRLSign") == Ok(false);
    let culprit = question.chain().into_iter().skip(1).find(may_not);
    let culprit = culprit.map_or_else(|| issuer_of(question.leaf), subject_of);
    let sentence = format!(
        "the CA '{culprit}' may not sign CRLs: its key usage does not include cRLSign, so its CRL \
         says nothing"
    );
    Finding::new(Status::CertificateUnknownRevocation, sentence)
}

/// Which certificate of the chain it is, and since when.
pub(super) fn revoked_in(question: &Question<'_, '_>) -> Finding {
    let found = first(question, |one, issuers| {
        let entry = question.crls.find(one, issuers)?;
        Some(revoked(one, entry))
    });
    found.unwrap_or_else(|| {
        let sentence = format!("certificate of '{}' is revoked", subject_of(question.leaf));
        Finding::new(Status::CertificateRevoked, sentence)
    })
}

/// The refusal of a certificate that is revoked.
pub(in crate::trust) fn revoked(culprit: &Outline<'_>, entry: &Revoked) -> Finding {
    let when = entry.time.map(pki::moment);
    let when = when.map(|time| format!(" since {time}"));
    let why = entry.reason.map(|reason| format!(" ({reason})"));
    let sentence = format!(
        "certificate of '{}' is revoked by '{}'{}{}",
        subject_of(culprit),
        issuer_of(culprit),
        when.unwrap_or_default(),
        why.unwrap_or_default()
    );
    Finding::new(Status::CertificateRevoked, sentence)
}

/// No CRL is about a certificate of the chain, or each that is comes from the future.
pub(super) fn unknown(question: &Question<'_, '_>) -> Finding {
    let now = question.demands.now;
    let unknown = first(question, |one, issuers| {
        let issuer = issuer_of(one);
        let mut crls = question.crls.of(&issuer).peekable();
        let may_have_none = question.crls.rules().allow_unknown;
        let is_usable = |crl: &Crl| !is_later(crl, now) && revocation::is_about(crl, one, issuers);
        let is_needed = crls.peek().is_some() || !may_have_none;
        (is_needed && !crls.any(is_usable)).then_some(one)
    });
    let culprit = unknown.unwrap_or(question.leaf);
    let (subject, issuer) = (subject_of(culprit), issuer_of(culprit));
    let mut of_issuer = question.crls.of(&issuer).peekable();
    if of_issuer.peek().is_none() {
        let sentence = format!(
            "no CRL says whether the certificate of '{subject}' is revoked: add the CRL of \
             '{issuer}'"
        );
        return Finding::new(Status::CertificateUnknownRevocation, sentence);
    }
    match of_issuer.find(|crl| is_later(crl, now)) {
        Some(crl) => {
            let sentence = format!(
                "no CRL says whether the certificate of '{subject}' is revoked: the one of \
                 '{issuer}' is from the future ({}), check the clocks of both sides",
                pki::moment(crl.this_update())
            );
            Finding::new(Status::CertificateUnknownRevocation, sentence)
        }
        None => unsigned(culprit),
    }
}
