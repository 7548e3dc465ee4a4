//! The types of key that can be generated, and their generation.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{self, KeySize};
use aws_lc_rs::signature::{
    self as sig, EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair, PqdsaKeyPair,
    PqdsaSigningAlgorithm,
};
use zeroize::Zeroizing;

use super::quoted;
use crate::base::ed448::Ed448Key;
use crate::base::fork;
use crate::{Error, Result, Status};

/// The types of key that can be generated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum KeyType {
    /// ECDSA on NIST P-256: `"ecdsa-p256"`.
    #[default]
    EcdsaP256,
    /// ECDSA on NIST P-384: `"ecdsa-p384"`.
    EcdsaP384,
    /// ECDSA on NIST P-521: `"ecdsa-p521"`.
    EcdsaP521,
    /// Ed25519 (RFC 8032): `"ed25519"`.
    Ed25519,
    /// Ed448 (RFC 8032): `"ed448"`.
    Ed448,
    /// RSA with 2048 bits: `"rsa-2048"`.
    Rsa2048,
    /// RSA with 3072 bits: `"rsa-3072"`.
    Rsa3072,
    /// RSA with 4096 bits: `"rsa-4096"`.
    Rsa4096,
    /// ML-DSA-44 (FIPS 204), only for TLS 1.3: `"ml-dsa-44"`.
    MlDsa44,
    /// ML-DSA-65 (FIPS 204), only for TLS 1.3: `"ml-dsa-65"`.
    MlDsa65,
    /// ML-DSA-87 (FIPS 204), only for TLS 1.3: `"ml-dsa-87"`.
    MlDsa87,
}

impl KeyType {
    /// Every type.
    pub const ALL: [Self; 11] = [
        Self::EcdsaP256,
        Self::EcdsaP384,
        Self::EcdsaP521,
        Self::Ed25519,
        Self::Ed448,
        Self::Rsa2048,
        Self::Rsa3072,
        Self::Rsa4096,
        Self::MlDsa44,
        Self::MlDsa65,
        Self::MlDsa87,
    ];

    /// Returns its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::EcdsaP256 => "ecdsa-p256",
            Self::EcdsaP384 => "ecdsa-p384",
            Self::EcdsaP521 => "ecdsa-p521",
            Self::Ed25519 => "ed25519",
            Self::Ed448 => "ed448",
            Self::Rsa2048 => "rsa-2048",
            Self::Rsa3072 => "rsa-3072",
            Self::Rsa4096 => "rsa-4096",
            Self::MlDsa44 => "ml-dsa-44",
            Self::MlDsa65 => "ml-dsa-65",
            Self::MlDsa87 => "ml-dsa-87",
        }
    }

    /// Generates a key.  Returns it as PKCS#8.
    pub(super) fn generate(self) -> Result<Zeroizing<Vec<u8>>> {
        let made = fork::with_cryptography(|| match self {
            Self::EcdsaP256 => ecdsa(&sig::ECDSA_P256_SHA256_ASN1_SIGNING),
            Self::EcdsaP384 => ecdsa(&sig::ECDSA_P384_SHA384_ASN1_SIGNING),
            Self::EcdsaP521 => ecdsa(&sig::ECDSA_P521_SHA512_ASN1_SIGNING),
            Self::Ed25519 => ed25519(),
            Self::Ed448 => Ed448Key::generate_pkcs8(),
            Self::Rsa2048 => rsa(KeySize::Rsa2048),
            Self::Rsa3072 => rsa(KeySize::Rsa3072),
            Self::Rsa4096 => rsa(KeySize::Rsa4096),
            Self::MlDsa44 => ml_dsa(&sig::ML_DSA_44_SIGNING),
            Self::MlDsa65 => ml_dsa(&sig::ML_DSA_65_SIGNING),
            Self::MlDsa87 => ml_dsa(&sig::ML_DSA_87_SIGNING),
        });
        made.map_err(|_| {
            let sentence = format!("generating a key of type {self} failed");
            Error::new(Status::Internal, sentence)
        })
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
            let names = Self::ALL.map(Self::name).join(", ");
            let sentence = format!("{} is not a key type: choose one of {names}", quoted(name));
            Error::argument(sentence)
        })
    }
}

type Made = Result<Zeroizing<Vec<u8>>, Unspecified>;

fn ecdsa(algorithm: &'static EcdsaSigningAlgorithm) -> Made {
    let document = EcdsaKeyPair::generate_pkcs8(algorithm, &SystemRandom::new())?;
    Ok(Zeroizing::new(document.as_ref().to_vec()))
}

fn ed25519() -> Made {
    let document = Ed25519KeyPair::generate_pkcs8v1(&SystemRandom::new())?;
    Ok(Zeroizing::new(document.as_ref().to_vec()))
}

fn rsa(size: KeySize) -> Made {
    let document: Pkcs8V1Der<'_> = rsa::KeyPair::generate(size)?.as_der()?;
    Ok(Zeroizing::new(document.as_ref().to_vec()))
}

fn ml_dsa(algorithm: &'static PqdsaSigningAlgorithm) -> Made {
    let document = PqdsaKeyPair::generate(algorithm)?.to_pkcs8v1()?;
    Ok(Zeroizing::new(document.as_ref().to_vec()))
}
