//! Private keys held elsewhere: in an HSM, an agent, or another process.

use std::fmt;
use std::sync::Arc;

use rustls::sign::{Signer, SigningKey};
use rustls::{SignatureAlgorithm, SignatureScheme};
use rustls_pki_types::SubjectPublicKeyInfoDer;

use super::describe;
use crate::base::observations::Observations;
use crate::{Error, Result, Status};

/// Signs with a private key that this library does not hold.
pub trait ExternalSigner: Send + Sync {
    /// Signs `message`, not its hash, with the signature scheme of this number (RFC 8446,
    /// section 4.2.3), such as 0x0403 for ecdsa_secp256r1_sha256.
    fn sign(&self, scheme: u16, message: &[u8]) -> Result<Vec<u8>>;
}

/// An external key for rustls.
#[derive(Clone)]
pub(super) struct ExternalKey {
    signer: Arc<dyn ExternalSigner>,
    spki: Arc<[u8]>,
    schemes: &'static [SignatureScheme],
}

impl ExternalKey {
    pub(super) fn new(spki: &[u8], signer: Arc<dyn ExternalSigner>) -> Result<Self> {
        let kind = describe::key_type(spki);
        let schemes = schemes_of(&kind).ok_or_else(|| {
            let sentence = format!("a key of type {kind} cannot be used for TLS");
            Error::new(Status::Unsupported, sentence)
        })?;
        Ok(Self {
            signer,
            spki: spki.into(),
            schemes,
        })
    }
}

/// Returns the signature schemes of a key type, preferred first.
fn schemes_of(kind: &str) -> Option<&'static [SignatureScheme]> {
    use SignatureScheme as S;
    Some(match kind {
        "ecdsa-p256" => &[S::ECDSA_NISTP256_SHA256],
        "ecdsa-p384" => &[S::ECDSA_NISTP384_SHA384],
        "ecdsa-p521" => &[S::ECDSA_NISTP521_SHA512],
        "ed25519" => &[S::ED25519],
        "ed448" => &[S::ED448],
        "ml-dsa-44" => &[S::ML_DSA_44],
        "ml-dsa-65" => &[S::ML_DSA_65],
        "ml-dsa-87" => &[S::ML_DSA_87],
        rsa if rsa.starts_with("rsa-") && rsa != "rsa-pss" => &[
            S::RSA_PSS_SHA512,
            S::RSA_PSS_SHA384,
            S::RSA_PSS_SHA256,
            S::RSA_PKCS1_SHA512,
            S::RSA_PKCS1_SHA384,
            S::RSA_PKCS1_SHA256,
        ],
        _ => return None,
    })
}

impl SigningKey for ExternalKey {
    fn choose_scheme(&self, offered: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        let mut fitting = self
            .schemes
            .iter()
            .filter(|scheme| offered.contains(scheme));
        let scheme = *fitting.next()?;
        Some(Box::new(ExternalSignature {
            key: self.clone(),
            scheme,
        }))
    }

    fn public_key(&self) -> Option<SubjectPublicKeyInfoDer<'_>> {
        Some(SubjectPublicKeyInfoDer::from(&self.spki[..]))
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        use SignatureScheme as S;
        match self.schemes[0] {
            S::ED25519 => SignatureAlgorithm::ED25519,
            S::ED448 => SignatureAlgorithm::ED448,
            S::RSA_PSS_SHA512 => SignatureAlgorithm::RSA,
            S::ML_DSA_44 | S::ML_DSA_65 | S::ML_DSA_87 => SignatureAlgorithm::Unknown(0),
            _ => SignatureAlgorithm::ECDSA,
        }
    }
}

struct ExternalSignature {
    key: ExternalKey,
    scheme: SignatureScheme,
}

impl Signer for ExternalSignature {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rustls::Error> {
        let signer = &self.key.signer;
        let signed = Observations::suspend(|| signer.sign(u16::from(self.scheme), message));
        signed.map_err(|error| rustls::Error::Other(rustls::OtherError(Arc::new(error))))
    }

    fn scheme(&self) -> SignatureScheme {
        self.scheme
    }
}

impl fmt::Debug for ExternalKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExternalKey").finish_non_exhaustive()
    }
}

impl fmt::Debug for ExternalSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExternalSignature").finish_non_exhaustive()
    }
}
