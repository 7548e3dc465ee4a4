//! Certificates that no CA should issue, for tests of programs that must reject them.  Only
//! with the feature `testing`.

use std::fmt;
use std::sync::Arc;

use der::Encode;
use der::asn1::{BitString, Null, UintRef};
use rsa::PrivateKey as RsaKey;
use rsa::pkcs1v15;
use rsa::rand_core::{TryCryptoRng, TryRng};
use rsa::signature::{RandomizedSigner, SignatureEncoding};
use rsa::traits::PublicKeyParts;
use rustls::sign::{Signer, SigningKey};
use rustls::{SignatureAlgorithm, SignatureScheme};
use rustls_pki_types::SubjectPublicKeyInfoDer;
use sha1::Sha1;
use sha2::Sha256;
use spki::{AlgorithmIdentifier, ObjectIdentifier, SubjectPublicKeyInfo};

use super::authority::{CertificateSubject, certify};
use super::certificate::Certificate;
use super::describe::RsaPublicKey;
use super::general_name::AltName;
use super::identity::Identity;
use super::key::PrivateKey;
use super::options::CertOptions;
use super::profile;
use crate::{Error, Result, Status};

/// Issues a certificate like [`issue_cert`](super::issue_cert) without checking the CA's
/// constraints: its path length, name constraints and key usage do not apply.  There may be
/// no name, and the options may contain any extension.
pub fn issue_unchecked(ca: &Identity, names: &[String], options: &CertOptions) -> Result<Identity> {
    let names = AltName::parse_all(names)?;
    let subject = profile::subject(options, &names, "tlsmith")?;
    let key = PrivateKey::for_options(options)?;
    let certified = CertificateSubject::with_key(subject.to_der()?, key);
    certify(Some(ca), &subject, &names, certified, options)
}

/// Creates an identity from a chain and a key that need not belong to the first
/// certificate.
pub fn mismatched(chain: Vec<Certificate>, key: PrivateKey) -> Result<Identity> {
    Identity::unchecked(chain, Some(key))
}

/// What is wrong with the signatures of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weakness {
    /// The key is RSA with 1024 bits.
    Rsa1024,
    /// The key is RSA with 2048 bits and signs with SHA-1.
    Sha1,
}

/// Generates a key whose certificate signatures must be rejected.  It cannot be saved.
pub fn weak_key(weakness: Weakness) -> Result<PrivateKey> {
    let bits = match weakness {
        Weakness::Rsa1024 => 1024,
        Weakness::Sha1 => 2048,
    };
    let failed = |error: &dyn fmt::Display| {
        let sentence = format!("cannot make a key of RSA with {bits} bits: {error}");
        Error::new(Status::Internal, sentence)
    };
    let key = RsaKey::new(&mut Random, bits).map_err(|error| failed(&error))?;
    let spki = spki(&key).map_err(|error| failed(&error))?;
    let signing = WeakKey {
        weakness,
        key: Arc::new(key),
        spki: spki.clone().into(),
    };
    Ok(PrivateKey::from_signing_key(Arc::new(signing), spki))
}

const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");

/// A SubjectPublicKeyInfo (RFC 3279, section 2.3.1).
fn spki(key: &RsaKey) -> der::Result<Vec<u8>> {
    let (modulus, exponent) = (key.n().to_be_bytes(), key.e().to_be_bytes());
    let public = RsaPublicKey {
        modulus: UintRef::new(&modulus)?,
        exponent: UintRef::new(&exponent)?,
    };
    let info = SubjectPublicKeyInfo {
        algorithm: AlgorithmIdentifier {
            oid: RSA,
            parameters: Some(Null),
        },
        subject_public_key: BitString::from_bytes(&public.to_der()?)?,
    };
    info.to_der()
}

/// A weak key for rustls.
#[derive(Clone)]
struct WeakKey {
    weakness: Weakness,
    key: Arc<RsaKey>,
    spki: Arc<[u8]>,
}

impl WeakKey {
    fn scheme(&self) -> SignatureScheme {
        match self.weakness {
            Weakness::Rsa1024 => SignatureScheme::RSA_PKCS1_SHA256,
            Weakness::Sha1 => SignatureScheme::RSA_PKCS1_SHA1,
        }
    }
}

impl SigningKey for WeakKey {
    fn choose_scheme(&self, offered: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        let fits = offered.contains(&self.scheme());
        fits.then(|| Box::new(self.clone()) as Box<dyn Signer>)
    }

    fn public_key(&self) -> Option<SubjectPublicKeyInfoDer<'_>> {
        Some(SubjectPublicKeyInfoDer::from(&self.spki[..]))
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        SignatureAlgorithm::RSA
    }
}

impl Signer for WeakKey {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rustls::Error> {
        let key = RsaKey::clone(&self.key);
        let signature = match self.weakness {
            Weakness::Rsa1024 => {
                pkcs1v15::SigningKey::<Sha256>::new(key).try_sign_with_rng(&mut Random, message)
            }
            Weakness::Sha1 => {
                pkcs1v15::SigningKey::<Sha1>::new(key).try_sign_with_rng(&mut Random, message)
            }
        };
        let failed = |_| rustls::Error::General("RSA cannot sign".to_owned());
        signature.map(|one| one.to_vec()).map_err(failed)
    }

    fn scheme(&self) -> SignatureScheme {
        Self::scheme(self)
    }
}

impl fmt::Debug for WeakKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WeakKey").finish_non_exhaustive()
    }
}

/// AWS-LC's random number generator for the rsa crate.
struct Random;

impl TryRng for Random {
    type Error = aws_lc_rs::error::Unspecified;

    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u32::from_ne_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u64::from_ne_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Self::Error> {
        crate::base::provider::fill_random(bytes)
    }
}

impl TryCryptoRng for Random {}
