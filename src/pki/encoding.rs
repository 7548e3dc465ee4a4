//! Encodes and signs certificates, requests and CRLs.
//!
//! rcgen encodes typed parameters as DER.  It cannot sign with every type of key, and
//! cannot reproduce a subject byte for byte: it keeps names in a map, where one of two
//! organizational units is lost.  So rcgen gets a placeholder key.  The code here replaces
//! the names, public key, extensions and algorithm in its output, and signs once, the same
//! way for every key and document.

use der::asn1::{Any, BitString};
use der::{Decode, Encode};
use rcgen::{
    CertificateParams, CertificateRevocationListParams, Issuer, KeyIdMethod, PublicKeyData,
};
use spki::AlgorithmIdentifierOwned;

use super::asn1::{CertificationRequestInfo, Extension, Signed, TbsCertList, TbsCertificate};
use super::key::PrivateKey;
use super::signature;
use crate::base::{fork, tls_errors};
use crate::{Error, Result, Status};

/// The fields of a certificate to encode exactly, in DER.
pub(super) struct ExactFields<'a> {
    pub(super) issuer: &'a [u8],
    pub(super) subject: &'a [u8],
    pub(super) spki: &'a [u8],
    /// The key identifier of the issuer, for the authority key identifier.
    pub(super) issuer_key_id: &'a [u8],
    /// Extensions that replace those that rcgen encodes.
    pub(super) extensions: &'a [Extension],
}

/// Creates the certificate that `params` and `exact` describe, signed by `key`.
pub(super) fn certificate(
    params: &CertificateParams,
    exact: &ExactFields<'_>,
    key: &PrivateKey,
) -> Result<Vec<u8>> {
    let mut issuer = CertificateParams::default();
    issuer.key_identifier_method = KeyIdMethod::PreSpecified(exact.issuer_key_id.to_vec());
    let unsigned = params
        .signed_by(&PlaceholderKey, &Issuer::new(issuer, PlaceholderKey))
        .map_err(encoding_error)?;
    sign_document(
        unsigned.der(),
        key,
        |content: &mut TbsCertificate, algorithm| {
            content.algorithm = algorithm;
            content.issuer = Any::from_der(exact.issuer)?;
            content.subject = Any::from_der(exact.subject)?;
            content.spki = Any::from_der(exact.spki)?;
            let extensions = content.extensions.get_or_insert_default();
            extensions.retain(|ours| exact.extensions.iter().all(|exact| exact.oid != ours.oid));
            extensions.extend_from_slice(exact.extensions);
            Ok(())
        },
    )
}

/// Creates a request for a certificate with this subject for `key`, signed by it.
pub(super) fn request(
    params: &CertificateParams,
    subject: &[u8],
    key: &PrivateKey,
) -> Result<Vec<u8>> {
    let unsigned = params
        .serialize_request(&PlaceholderKey)
        .map_err(encoding_error)?;
    sign_document(
        unsigned.der(),
        key,
        |content: &mut CertificationRequestInfo, _| {
            content.subject = Any::from_der(subject)?;
            content.spki = Any::from_der(key.spki_der())?;
            Ok(())
        },
    )
}

/// Creates a CRL of the issuer with this name, signed by `key`.
pub(super) fn crl(
    params: &CertificateRevocationListParams,
    issuer: &[u8],
    key: &PrivateKey,
) -> Result<Vec<u8>> {
    let placeholder = Issuer::new(CertificateParams::default(), PlaceholderKey);
    let unsigned = params.signed_by(&placeholder).map_err(encoding_error)?;
    sign_document(
        unsigned.der(),
        key,
        |content: &mut TbsCertList, algorithm| {
            content.algorithm = algorithm;
            content.issuer = Any::from_der(issuer)?;
            Ok(())
        },
    )
}

fn encoding_error(error: rcgen::Error) -> Error {
    Error::new(Status::Internal, format!("cannot encode it: {error}"))
}

/// Returns the error of an external signer unchanged.
fn signing_error(error: rustls::Error) -> Error {
    match tls_errors::own_error(&error) {
        Some(own) => own.clone(),
        None => {
            let sentence = format!("cannot sign: {}", tls_errors::describe(&error));
            Error::new(Status::Internal, sentence).with_source(error)
        }
    }
}

/// Decodes rcgen's output, lets `complete` change it, and signs it.
fn sign_document<T>(
    unsigned: &[u8],
    key: &PrivateKey,
    complete: impl FnOnce(&mut T, AlgorithmIdentifierOwned) -> der::Result<()>,
) -> Result<Vec<u8>>
where
    T: for<'any> Decode<'any, Error = der::Error> + Encode,
{
    let broken = |error: der::Error| {
        let sentence = format!("the encoding is not as expected: {error}");
        Error::new(Status::Internal, sentence)
    };
    let (signer, algorithm) = signature::signer(key)?;
    let mut document = Signed::<T>::from_der(unsigned).map_err(broken)?;
    complete(&mut document.content, algorithm.clone()).map_err(broken)?;
    let message = document.content.to_der().map_err(broken)?;
    let signature = fork::with_cryptography(|| signer.sign(&message)).map_err(signing_error)?;
    document.algorithm = algorithm;
    document.signature = BitString::from_bytes(&signature).map_err(broken)?;
    document.to_der().map_err(broken)
}

/// The key passed to rcgen.  Everything derived from it is replaced.
struct PlaceholderKey;

impl PublicKeyData for PlaceholderKey {
    fn der_bytes(&self) -> &[u8] {
        &[0; 32]
    }

    fn algorithm(&self) -> &'static rcgen::SignatureAlgorithm {
        &rcgen::PKCS_ED25519
    }
}

impl rcgen::SigningKey for PlaceholderKey {
    fn sign(&self, _message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        Ok(Vec::new())
    }
}
