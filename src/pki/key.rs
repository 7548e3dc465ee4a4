//! Private keys: generating, loading, saving, signing.
//!
//! Whatever its format, a key is stored as PKCS#8 version 1 (RFC 5208), which every version
//! of OpenSSL reads, and is used through the provider.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use der::asn1::{Any, AnyRef, BitStringRef, OctetStringRef, SetOfVec};
use der::{Decode, Encode, Sequence};
use rustls::sign::SigningKey;
use rustls_pki_types::PrivateKeyDer;
use spki::SubjectPublicKeyInfoRef;
use zeroize::Zeroizing;

use super::document_type::DocumentType;
use super::external_signer::{ExternalKey, ExternalSigner};
use super::file::{Access, Staged};
use super::key_type::KeyType;
use super::options::CertOptions;
use super::password::Password;
use super::{describe, encrypted_key, pem, traditional_pem};
use crate::base::provider::provider;
use crate::{Error, Result, Status};

/// A private key.  A clone refers to the same key, which is wiped from memory with the last
/// clone.  Debug output does not contain it.
#[derive(Clone)]
pub struct PrivateKey(Arc<Inner>);

struct Inner {
    pkcs8: Zeroizing<Vec<u8>>,
    signing: Arc<dyn SigningKey>,
    spki: Vec<u8>,
    key_type: String,
}

/// PKCS#8 version 1 or 2 (RFC 5958, section 2).
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
    /// Generates a key.  RSA is slow: half a second for 4096 bits.
    pub fn generate(key_type: KeyType) -> Result<Self> {
        Self::from_der(&key_type.generate()?)
    }

    /// Returns the key in the options, or generates one of their key type.
    pub(super) fn for_options(options: &CertOptions) -> Result<Self> {
        match &options.key {
            Some(key) => Ok(key.clone()),
            None => Self::generate(options.key_type.unwrap_or_default()),
        }
    }

    /// Parses the first private key in a PEM text: PKCS#8, PKCS#1 or SEC1.
    pub fn from_pem(text: &[u8]) -> Result<Self> {
        Self::read_pem(text, &None.into())
    }

    /// The same, encrypted under a password or not.  Supports PKCS#8 with PBES2 or a
    /// PKCS#12 scheme (3DES or RC2 with SHA-1), and OpenSSL's traditional PEM encryption
    /// with AES or 3DES.
    pub fn from_encrypted_pem<'p>(text: &[u8], password: impl Into<Password<'p>>) -> Result<Self> {
        Self::read_pem(text, &password.into())
    }

    /// Parses a private key in DER: PKCS#8, PKCS#1 or SEC1.
    pub fn from_der(der: &[u8]) -> Result<Self> {
        Self::read_der(der, &None.into())
    }

    /// The same, or PKCS#8 encrypted under a password.
    pub fn from_encrypted_der<'p>(der: &[u8], password: impl Into<Password<'p>>) -> Result<Self> {
        Self::read_der(der, &password.into())
    }

    /// Parses the first private key in a PEM text, or the one in DER.  The password is for
    /// an encrypted key.
    pub fn from_bytes<'p>(content: &[u8], password: impl Into<Password<'p>>) -> Result<Self> {
        Self::read(content, &password.into())
    }

    pub(super) fn read(content: &[u8], password: &Password<'_>) -> Result<Self> {
        match pem::is_der(content) {
            true => Self::read_der(content, password),
            false => Self::read_pem(content, password),
        }
    }

    fn read_pem(text: &[u8], password: &Password<'_>) -> Result<Self> {
        for section in pem::sections(text) {
            let section = section?;
            if !section.is_private_key() {
                continue;
            }
            if section.is_encrypted_by_openssl() {
                return Self::read_plain(&traditional_pem::decrypt(&section, password)?);
            }
            return Self::read_der(&section.decode()?, password);
        }
        Err(pem::missing(DocumentType::PrivateKey, text))
    }

    fn read_der(der: &[u8], password: &Password<'_>) -> Result<Self> {
        match DocumentType::of_der(der) {
            Some(DocumentType::EncryptedKey) => {
                Self::read_plain(&encrypted_key::decrypt(der, password)?)
            }
            None | Some(DocumentType::PrivateKey) => Self::read_plain(der),
            Some(other) => Err(other.mismatch(DocumentType::PrivateKey)),
        }
    }

    fn read_plain(der: &[u8]) -> Result<Self> {
        let damaged = |why: &dyn fmt::Display| {
            let sentence = format!("the private key does not parse: {why}");
            Error::new(Status::Parse, sentence)
        };
        let form = PrivateKeyDer::try_from(der).map_err(|why| damaged(&why))?;
        let signing = provider()
            .key_provider
            .load_private_key(form.clone_key())
            .map_err(|error| unsupported_key(&form, error))?;
        let spki = signing.public_key();
        let spki = spki.ok_or_else(|| damaged(&"its public key cannot be derived"))?;
        let spki = spki.to_vec();
        let pkcs8 = to_pkcs8_v1(&form, &spki).map_err(|error| damaged(&error))?;
        Ok(Self(Arc::new(Inner {
            pkcs8,
            key_type: describe::key_type(&spki),
            signing,
            spki,
        })))
    }

    /// Creates a key held elsewhere, which `signer` signs with.  `spki` is its public key,
    /// a SubjectPublicKeyInfo in DER.  It can authenticate connections and issue
    /// certificates, but cannot be saved.
    pub fn external(spki: &[u8], signer: Arc<dyn ExternalSigner>) -> Result<Self> {
        let signing = ExternalKey::new(spki, signer)?;
        Ok(Self::from_signing_key(Arc::new(signing), spki.to_vec()))
    }

    /// Creates a key from a rustls signing key and its public key.
    pub(super) fn from_signing_key(signing: Arc<dyn SigningKey>, spki: Vec<u8>) -> Self {
        Self(Arc::new(Inner {
            pkcs8: Zeroizing::default(),
            signing,
            key_type: describe::key_type(&spki),
            spki,
        }))
    }

    /// Returns whether it is an external key, which cannot be saved.
    pub fn is_external(&self) -> bool {
        self.0.pkcs8.is_empty()
    }

    pub(super) fn check_saveable(&self) -> Result<()> {
        if !self.is_external() {
            return Ok(());
        }
        let sentence = "the private key is external, and cannot be saved";
        Err(Error::state(sentence))
    }

    /// Returns its type, such as `"ecdsa-p256"` or `"rsa-2048"`.
    pub fn key_type(&self) -> &str {
        &self.0.key_type
    }

    /// Returns the public key: a SubjectPublicKeyInfo in DER (RFC 5280, section 4.1.2.7).
    pub fn spki_der(&self) -> &[u8] {
        &self.0.spki
    }

    /// Returns the public key in PEM.
    pub fn public_pem(&self) -> String {
        std::mem::take(&mut *pem::encode("PUBLIC KEY", self.spki_der()))
    }

    /// Returns the SHA-256 hash of the public key, in hex: a pin.
    pub fn spki_sha256(&self) -> String {
        describe::sha256(self.spki_der())
    }

    /// Returns the key as PKCS#8 version 1 in DER, wiped on drop.  Empty for an external
    /// key.
    pub fn to_pkcs8_der(&self) -> Zeroizing<Vec<u8>> {
        self.0.pkcs8.clone()
    }

    /// Returns the key as PKCS#8 in PEM, wiped on drop.  Empty for an external key.
    pub fn to_pem(&self) -> Zeroizing<String> {
        if self.is_external() {
            return Zeroizing::default();
        }
        pem::encode("PRIVATE KEY", &self.0.pkcs8)
    }

    /// Returns the key as PKCS#8 in PEM, encrypted under a password: PBES2 with AES-256 and
    /// PBKDF2.  Takes a fraction of a second, to slow down password guessing.
    pub fn to_encrypted_pem(&self, password: impl AsRef<[u8]>) -> Result<Zeroizing<String>> {
        self.check_saveable()?;
        let der = encrypted_key::encrypt(&self.0.pkcs8, password.as_ref())?;
        Ok(pem::encode("ENCRYPTED PRIVATE KEY", &der))
    }

    /// Returns the key in PEM, encrypted if there is a password.
    pub(super) fn write_pem(&self, password: Option<&[u8]>) -> Result<Zeroizing<String>> {
        self.check_saveable()?;
        match password {
            None => Ok(self.to_pem()),
            Some(password) => self.to_encrypted_pem(password),
        }
    }

    /// Writes the key as PEM with mode 0600, atomically.
    pub fn save(&self, path: &Path) -> Result<()> {
        let text = self.write_pem(None)?;
        Staged::new(path, text.as_bytes(), Access::Owner)?.commit()
    }

    /// Writes the key as PEM, encrypted under a password, with mode 0600, atomically.
    pub fn save_encrypted(&self, path: &Path, password: impl AsRef<[u8]>) -> Result<()> {
        let text = self.to_encrypted_pem(password)?;
        Staged::new(path, text.as_bytes(), Access::Owner)?.commit()
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

/// The provider does not support keys with the algorithm id-RSASSA-PSS (RFC 4055).
const RSA_PSS_ONLY: &str = "the private key of type rsa-pss (RSASSA-PSS, RFC 4055) is not \
                            supported: use a key of type rsa (rsaEncryption), which signs with \
                            RSA-PSS in TLS too";

/// The error for a key that the provider rejects: it is malformed, or of an unsupported
/// type.
fn unsupported_key(form: &PrivateKeyDer<'_>, error: rustls::Error) -> Error {
    let kind = match form {
        PrivateKeyDer::Pkcs8(der) => OneAsymmetricKey::from_der(der.secret_pkcs8_der())
            .ok()
            .and_then(|key| describe::algorithm_kind(key.algorithm.value()))
            .unwrap_or_else(|| "unknown".to_owned()),
        PrivateKeyDer::Pkcs1(_) => "rsa".to_owned(),
        _ => "ecdsa".to_owned(),
    };
    if kind == "rsa-pss" {
        return Error::new(Status::Unsupported, RSA_PSS_ONLY).with_source(error);
    }
    let (status, problem) = match kind.as_str() {
        "rsa" | "ecdsa" | "ecdsa-p256" | "ecdsa-p384" | "ecdsa-p521" | "ed25519" | "ed448"
        | "ml-dsa-44" | "ml-dsa-65" | "ml-dsa-87" | "unknown" => {
            (Status::Parse, "it is damaged, or")
        }
        _ => (Status::Unsupported, "it is"),
    };
    Error::new(
        status,
        format!(
            "the private key of type {kind} cannot be used: {problem} none of RSA with 2048 to \
             8192 bits, ECDSA on P-256, P-384 or P-521, Ed25519, Ed448, and ML-DSA"
        ),
    )
    .with_source(error)
}

/// Converts a key to PKCS#8 version 1.  The older formats lack the algorithm, which the
/// public key has.
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
