//! Private keys: generate, load, save, sign with.
//!
//! Whatever form a key comes in, it is kept as PKCS#8 version 1 (RFC 5208),
//! the one that every version of OpenSSL reads, and used through the provider.

use std::fmt;
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{self, KeySize};
use aws_lc_rs::signature::{self as sig, EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair};
use der::asn1::{Any, AnyRef, BitStringRef, OctetStringRef, SetOfVec};
use der::{Decode, Encode, Sequence};
use rustls::sign::SigningKey;
use rustls_pki_types::PrivateKeyDer;
use spki::{AlgorithmIdentifierRef, SubjectPublicKeyInfoRef};
use zeroize::Zeroizing;

use super::file::{Access, Staged};
use super::{describe, pem, quoted};
use crate::provider::provider;
use crate::{Error, Result, Status};

/// The kinds of key that can be generated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum KeyType {
    /// ECDSA on NIST P-256: `"ecdsa-p256"`.
    #[default]
    EcdsaP256,
    /// ECDSA on NIST P-384: `"ecdsa-p384"`.
    EcdsaP384,
    /// Ed25519 (RFC 8032): `"ed25519"`.
    Ed25519,
    /// RSA with 2048 bits: `"rsa-2048"`.
    Rsa2048,
    /// RSA with 3072 bits: `"rsa-3072"`.
    Rsa3072,
    /// RSA with 4096 bits: `"rsa-4096"`.
    Rsa4096,
}

impl KeyType {
    /// Every kind.
    pub const ALL: [Self; 6] = [
        Self::EcdsaP256,
        Self::EcdsaP384,
        Self::Ed25519,
        Self::Rsa2048,
        Self::Rsa3072,
        Self::Rsa4096,
    ];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::EcdsaP256 => "ecdsa-p256",
            Self::EcdsaP384 => "ecdsa-p384",
            Self::Ed25519 => "ed25519",
            Self::Rsa2048 => "rsa-2048",
            Self::Rsa3072 => "rsa-3072",
            Self::Rsa4096 => "rsa-4096",
        }
    }
}

impl fmt::Display for KeyType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for KeyType {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        let found = Self::ALL.into_iter().find(|kind| kind.name() == name);
        found.ok_or_else(|| {
            let names: Vec<_> = Self::ALL.iter().map(|kind| kind.name()).collect();
            Error::new(
                Status::Argument,
                format!(
                    "{} is not a key type: choose one of {}",
                    quoted(name),
                    names.join(", ")
                ),
            )
        })
    }
}

/// A private key.  Cloning gives another reference; the key is wiped from
/// memory with the last one.  It never shows in debug output.
#[derive(Clone)]
pub struct PrivateKey(Arc<Inner>);

struct Inner {
    pkcs8: Zeroizing<Vec<u8>>,
    signing: Arc<dyn SigningKey>,
    spki: Vec<u8>,
    key_type: String,
}

/// PKCS#8, both versions (RFC 5958, section 2).
#[derive(Sequence)]
struct OneAsymmetricKey<'a> {
    version: u8,
    algorithm: AnyRef<'a>,
    private_key: &'a OctetStringRef,
    #[asn1(context_specific = "0", tag_mode = "IMPLICIT", optional = "true")]
    attributes: Option<SetOfVec<Any>>,
    #[asn1(context_specific = "1", tag_mode = "IMPLICIT", optional = "true")]
    public_key: Option<BitStringRef<'a>>,
}

impl PrivateKey {
    /// Makes a new key.  RSA takes a while: half a second for 4096 bits.
    pub fn generate(key_type: KeyType) -> Result<Self> {
        let pkcs8 = match key_type {
            KeyType::EcdsaP256 => generate_ecdsa(&sig::ECDSA_P256_SHA256_ASN1_SIGNING),
            KeyType::EcdsaP384 => generate_ecdsa(&sig::ECDSA_P384_SHA384_ASN1_SIGNING),
            KeyType::Ed25519 => generate_ed25519(),
            KeyType::Rsa2048 => generate_rsa(KeySize::Rsa2048),
            KeyType::Rsa3072 => generate_rsa(KeySize::Rsa3072),
            KeyType::Rsa4096 => generate_rsa(KeySize::Rsa4096),
        };
        let pkcs8 = pkcs8.map_err(|_| {
            Error::new(
                Status::Internal,
                format!("generating a key of type {key_type} failed"),
            )
        })?;
        Self::from_der(&pkcs8)
    }

    /// The first private key in a PEM text: PKCS#8, PKCS#1 or SEC1.
    pub fn from_pem(text: &[u8]) -> Result<Self> {
        for section in pem::sections(text) {
            let section = section?;
            if section.is_private_key() && section.is_encrypted() {
                return Err(Error::new(
                    Status::Unsupported,
                    "the private key is encrypted: decrypt it with 'openssl pkey -in KEY -out PLAIN'",
                ));
            }
            if section.is_private_key() {
                return Self::from_der(&section.decode()?);
            }
        }
        Err(pem::missing("private key", text))
    }

    /// A private key in DER: PKCS#8, PKCS#1 or SEC1.
    pub fn from_der(der: &[u8]) -> Result<Self> {
        let damaged = |why: &dyn fmt::Display| {
            let sentence = format!("the private key does not parse: {why}");
            Error::new(Status::Parse, sentence)
        };
        let form = PrivateKeyDer::try_from(der).map_err(|why| damaged(&why))?;
        let signing = provider()
            .key_provider
            .load_private_key(form.clone_key())
            .map_err(|error| unusable(&form, error))?;
        let spki = signing.public_key();
        let spki = spki.ok_or_else(|| damaged(&"it does not give its public half"))?;
        let spki = spki.to_vec();
        let pkcs8 = to_pkcs8_v1(&form, &spki).map_err(|error| damaged(&error))?;
        Ok(Self(Arc::new(Inner {
            pkcs8,
            key_type: describe::key_type(&spki),
            signing,
            spki,
        })))
    }

    /// Its kind, such as `"ecdsa-p256"` or `"rsa-2048"`.
    pub fn key_type(&self) -> &str {
        &self.0.key_type
    }

    /// The public half: a SubjectPublicKeyInfo in DER (RFC 5280, section 4.1.2.7).
    pub fn spki_der(&self) -> &[u8] {
        &self.0.spki
    }

    /// The key as PKCS#8 version 1 in DER.  The copy is wiped when it is dropped.
    pub fn to_pkcs8_der(&self) -> Zeroizing<Vec<u8>> {
        self.0.pkcs8.clone()
    }

    /// The key as PKCS#8 in PEM.  The copy is wiped when it is dropped.
    pub fn to_pem(&self) -> Zeroizing<String> {
        pem::encode("PRIVATE KEY", &self.0.pkcs8)
    }

    /// Writes the key as PEM, with mode 0600, as a whole or not at all.
    pub fn save(&self, path: &Path) -> Result<()> {
        Staged::new(path, self.to_pem().as_bytes(), Access::Owner)?.commit()
    }

    pub(crate) fn signing_key(&self) -> &Arc<dyn SigningKey> {
        &self.0.signing
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PrivateKey({})", self.key_type())
    }
}

fn generate_ecdsa(
    algorithm: &'static EcdsaSigningAlgorithm,
) -> Result<Zeroizing<Vec<u8>>, aws_lc_rs::error::Unspecified> {
    let document = EcdsaKeyPair::generate_pkcs8(algorithm, &SystemRandom::new())?;
    Ok(Zeroizing::new(document.as_ref().to_vec()))
}

fn generate_ed25519() -> Result<Zeroizing<Vec<u8>>, aws_lc_rs::error::Unspecified> {
    let document = Ed25519KeyPair::generate_pkcs8v1(&SystemRandom::new())?;
    Ok(Zeroizing::new(document.as_ref().to_vec()))
}

fn generate_rsa(size: KeySize) -> Result<Zeroizing<Vec<u8>>, aws_lc_rs::error::Unspecified> {
    let document: Pkcs8V1Der<'_> = rsa::KeyPair::generate(size)?.as_der()?;
    Ok(Zeroizing::new(document.as_ref().to_vec()))
}

/// Why the provider does not take a key: it is of a kind that it does not know,
/// or damaged.
fn unusable(form: &PrivateKeyDer<'_>, error: rustls::Error) -> Error {
    let kind = match form {
        PrivateKeyDer::Pkcs8(der) => OneAsymmetricKey::from_der(der.secret_pkcs8_der())
            .ok()
            .and_then(|key| key.algorithm.decode_as::<AlgorithmIdentifierRef<'_>>().ok())
            .map_or("unknown".to_owned(), |algorithm| {
                describe::key_algorithm(&algorithm)
            }),
        PrivateKeyDer::Pkcs1(_) => "rsa".to_owned(),
        _ => "ecdsa".to_owned(),
    };
    let (status, problem) = match kind.as_str() {
        "rsa" | "ecdsa" | "ecdsa-p256" | "ecdsa-p384" | "ecdsa-p521" | "ed25519" | "unknown" => {
            (Status::Parse, "it is damaged, or")
        }
        _ => (Status::Unsupported, "it is"),
    };
    Error::new(
        status,
        format!(
            "the private key of type {kind} cannot be used: {problem} none of RSA with 2048 to \
             8192 bits, ECDSA on P-256, P-384 or P-521, and Ed25519"
        ),
    )
    .with_source(error)
}

/// The key as PKCS#8 version 1.  The older forms lack the algorithm, which the
/// public half knows.
fn to_pkcs8_v1(form: &PrivateKeyDer<'_>, spki: &[u8]) -> der::Result<Zeroizing<Vec<u8>>> {
    let public = SubjectPublicKeyInfoRef::try_from(spki).map_err(|_| der::ErrorKind::Failed)?;
    let algorithm = public.algorithm.to_der()?;
    let (algorithm, private_key) = match form {
        PrivateKeyDer::Pkcs8(der) => {
            let key = OneAsymmetricKey::from_der(der.secret_pkcs8_der())?;
            (key.algorithm, key.private_key.as_bytes())
        }
        older => (AnyRef::from_der(&algorithm)?, older.secret_der()),
    };
    let plain = OneAsymmetricKey {
        version: 0,
        algorithm,
        private_key: OctetStringRef::new(private_key)?,
        attributes: None,
        public_key: None,
    };
    let mut out = Zeroizing::new(Vec::with_capacity(private_key.len() + 64));
    plain.encode_to_vec(&mut out)?;
    Ok(out)
}
