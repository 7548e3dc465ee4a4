//! Copies of certificates that webpki can validate. webpki rejects the originals for
//! extensions and fields that are processed here.
//!
//! webpki rejects critical policy extensions, certificates below a constraint on directory
//! names, e-mail addresses or URIs, and unique identifiers.
//! [`certificate_policies`](super::certificate_policies) and
//! [`name_constraints`](super::name_constraints) check the extensions on the originals.
//! Unique identifiers mean nothing (RFC 5280, section 4.1.2.8).  So webpki gets a copy
//! without these, and signatures are verified over the originals.

use der::{Encode, Header, Length, Tag, TagNumber};
use rustls_pki_types::{
    AlgorithmIdentifier, CertificateDer, InvalidSignature, SignatureVerificationAlgorithm,
};

use crate::pki::{CertificateRef, NameConstraints, WebpkiConstraints, extension_oid as oid};

/// The extensions that [`certificate_policies`](super::certificate_policies) processes.
const POLICIES: [&[u8]; 4] = [
    oid::CERTIFICATE_POLICIES,
    oid::POLICY_MAPPINGS,
    oid::POLICY_CONSTRAINTS,
    oid::INHIBIT_ANY_POLICY,
];

/// The copy of a certificate that is passed to webpki.
pub(super) struct WebpkiCopy<'a> {
    pub(super) certificate: CertificateDer<'static>,
    /// The TBSCertificates of the copy and of the original.
    tbs: Vec<u8>,
    original_tbs: &'a [u8],
}

impl<'a> WebpkiCopy<'a> {
    /// Returns the original TBSCertificate if `tbs` is that of a copy.
    pub(super) fn original_tbs<'s>(copies: &'s [Self], tbs: &[u8]) -> Option<&'a [u8]> {
        let mut copies = copies.iter();
        copies
            .find(|one| one.tbs == tbs)
            .map(|one| one.original_tbs)
    }

    /// Returns `None` if webpki can validate the original.
    pub(super) fn of(original: &CertificateRef<'a>) -> Option<Self> {
        let mut is_changed = original.has_unique_ids;
        let mut extensions = Vec::new();
        for extension in &original.extensions {
            let is_policy = POLICIES.contains(&extension.oid);
            if is_policy && extension.critical {
                is_changed = true;
                continue;
            }
            if extension.oid == oid::NAME_CONSTRAINTS {
                match NameConstraints::for_webpki(extension.value) {
                    Ok(WebpkiConstraints::Nothing) => {
                        is_changed = true;
                        continue;
                    }
                    Ok(WebpkiConstraints::To(value)) => {
                        is_changed = true;
                        extensions.extend(name_constraints(&value).ok()?);
                        continue;
                    }
                    // webpki can check these constraints, or rejects them as malformed.
                    Ok(WebpkiConstraints::Unchanged) | Err(_) => {}
                }
            }
            extensions.extend_from_slice(extension.der);
        }
        if !is_changed {
            return None;
        }
        let tbs = encode_tbs(original, extensions).ok()?;
        let signature = [&[0], original.signature].concat();
        let signature = encode(Tag::BitString, &signature).ok()?;
        let content = [&tbs, original.algorithms[1], &signature].concat();
        Some(Self {
            certificate: CertificateDer::from(encode(Tag::Sequence, &content).ok()?),
            tbs,
            original_tbs: original.tbs,
        })
    }
}

fn encode_tbs(original: &CertificateRef<'_>, extensions: Vec<u8>) -> der::Result<Vec<u8>> {
    let mut content = original.fixed.to_vec();
    if !extensions.is_empty() {
        let list = encode(Tag::Sequence, &extensions)?;
        let field = Tag::ContextSpecific {
            constructed: true,
            number: TagNumber(3),
        };
        content.extend(encode(field, &list)?);
    }
    encode(Tag::Sequence, &content)
}

fn name_constraints(value: &[u8]) -> der::Result<Vec<u8>> {
    let content = [
        encode(Tag::ObjectIdentifier, oid::NAME_CONSTRAINTS)?,
        encode(Tag::Boolean, &[0xff])?,
        encode(Tag::OctetString, value)?,
    ];
    encode(Tag::Sequence, &content.concat())
}

fn encode(tag: Tag, content: &[u8]) -> der::Result<Vec<u8>> {
    let mut encoded = Header::new(tag, Length::try_from(content.len())?).to_der()?;
    encoded.extend_from_slice(content);
    Ok(encoded)
}

/// An algorithm that verifies the signature of the original when webpki passes the copy.
#[derive(Debug)]
pub(super) struct OriginalSignature<'a> {
    pub(super) algorithm: &'a dyn SignatureVerificationAlgorithm,
    pub(super) copies: &'a [WebpkiCopy<'a>],
}

impl std::fmt::Debug for WebpkiCopy<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WebpkiCopy").finish_non_exhaustive()
    }
}

impl SignatureVerificationAlgorithm for OriginalSignature<'_> {
    fn verify_signature(
        &self,
        public_key: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), InvalidSignature> {
        let message = WebpkiCopy::original_tbs(self.copies, message).unwrap_or(message);
        self.algorithm
            .verify_signature(public_key, message, signature)
    }

    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        self.algorithm.public_key_alg_id()
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        self.algorithm.signature_alg_id()
    }
}
