//! rcgen lays a document out, we put the exact names and the signature in.
//!
//! rcgen turns typed parameters into the DER of a certificate, and does that
//! well.  What it cannot do is sign with every kind of key, or repeat a subject
//! byte for byte: it keeps names in a map, where one of two organizational
//! units is lost.  So it works with a placeholder for a key that signs nothing,
//! and here the to-be-signed part is opened, gets the exact issuer, subject,
//! public key and algorithm, and is signed once.  One way for every key and
//! every document.

use der::asn1::{Any, BitString};
use der::{Decode, Encode, Tag};
use rcgen::{CertificateParams, Issuer, KeyIdMethod, PublicKeyData};
use rustls::SignatureScheme;
use rustls_pki_types::{AlgorithmIdentifier, alg_id};
use spki::AlgorithmIdentifierOwned;

use super::document::Document;
use super::key::PrivateKey;
use crate::{Error, Result, Status};

/// What the document says exactly, as DER.
pub(super) struct Exact<'a> {
    pub(super) issuer: &'a [u8],
    pub(super) subject: &'a [u8],
    pub(super) spki: &'a [u8],
    /// Of the issuer's key, for the authority key identifier.
    pub(super) issuer_key_id: &'a [u8],
}

/// Makes the certificate that `params` and `exact` describe, signed by `key`.
pub(super) fn certificate(
    params: &CertificateParams,
    exact: &Exact<'_>,
    key: &PrivateKey,
) -> Result<Vec<u8>> {
    let mut issuer = CertificateParams::default();
    issuer.key_identifier_method = KeyIdMethod::PreSpecified(exact.issuer_key_id.to_vec());
    let laid_out = params
        .signed_by(&Placeholder, &Issuer::new(issuer, Placeholder))
        .map_err(|error| Error::new(Status::Internal, format!("cannot lay it out: {error}")))?;
    finish(laid_out.der(), exact, key)
}

fn finish(laid_out: &[u8], exact: &Exact<'_>, key: &PrivateKey) -> Result<Vec<u8>> {
    let broken = |error: der::Error| {
        let sentence = format!("the certificate's layout is not as expected: {error}");
        Error::new(Status::Internal, sentence)
    };
    let (signer, algorithm) = signer(key)?;
    let mut document = Document::from_der(laid_out).map_err(broken)?;
    let algorithm = Any::new(Tag::Sequence, algorithm.as_ref()).map_err(broken)?;
    let algorithm: AlgorithmIdentifierOwned = algorithm.decode_as().map_err(broken)?;
    document.to_be_signed.algorithm = algorithm.clone();
    document.to_be_signed.issuer = Any::from_der(exact.issuer).map_err(broken)?;
    document.to_be_signed.subject = Any::from_der(exact.subject).map_err(broken)?;
    document.to_be_signed.spki = Any::from_der(exact.spki).map_err(broken)?;
    let message = document.to_be_signed.to_der().map_err(broken)?;
    let signature = signer
        .sign(&message)
        .map_err(|error| Error::new(Status::Internal, format!("cannot sign: {error}")))?;
    document.algorithm = algorithm;
    document.signature = BitString::from_bytes(&signature).map_err(broken)?;
    document.to_der().map_err(broken)
}

/// How keys sign documents: schemes by preference, with the algorithm
/// identifiers that stand for them in X.509.
const SCHEMES: [(SignatureScheme, AlgorithmIdentifier); 5] = [
    (SignatureScheme::ECDSA_NISTP256_SHA256, alg_id::ECDSA_SHA256),
    (SignatureScheme::ECDSA_NISTP384_SHA384, alg_id::ECDSA_SHA384),
    (SignatureScheme::ECDSA_NISTP521_SHA512, alg_id::ECDSA_SHA512),
    (SignatureScheme::ED25519, alg_id::ED25519),
    (SignatureScheme::RSA_PKCS1_SHA256, alg_id::RSA_PKCS1_SHA256),
];

fn signer(key: &PrivateKey) -> Result<(Box<dyn rustls::sign::Signer>, AlgorithmIdentifier)> {
    for (scheme, algorithm) in SCHEMES {
        if let Some(signer) = key.signing_key().choose_scheme(&[scheme]) {
            return Ok((signer, algorithm));
        }
    }
    Err(Error::new(
        Status::Unsupported,
        format!(
            "a key of type {} cannot sign certificates here",
            key.key_type()
        ),
    ))
}

/// Stands where rcgen wants a key.  All that it says is replaced.
struct Placeholder;

impl PublicKeyData for Placeholder {
    fn der_bytes(&self) -> &[u8] {
        &[0; 32]
    }

    fn algorithm(&self) -> &'static rcgen::SignatureAlgorithm {
        &rcgen::PKCS_ED25519
    }
}

impl rcgen::SigningKey for Placeholder {
    fn sign(&self, _message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        Ok(Vec::new())
    }
}
