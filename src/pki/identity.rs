//! A certificate chain with its private key.  A connection presents it, and a CA issues
//! with it.

use std::path::Path;
use std::sync::Arc;

use rustls::sign::CertifiedKey;
use rustls_pki_types::CertificateDer;

use super::certificate::Certificate;
use super::document_type::DocumentType;
use super::external_signer::ExternalSigner;
use super::file::{self, Access};
use super::key::PrivateKey;
use super::password::Password;
use super::pkcs12::Pkcs12Options;
use super::{chain, pkcs7};
use crate::{Error, Result, Status};

/// A certificate chain, leaf first, with the private key of the leaf, if known.  It is
/// immutable.  A clone refers to the same identity.
#[derive(Clone, Debug)]
pub struct Identity(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    chain: Vec<Certificate>,
    key: Option<PrivateKey>,
    /// The known certificates above the chain.
    above: Vec<Certificate>,
    cert_pem: String,
}

impl Identity {
    /// Creates an identity from a chain and a key.  Fails with [`Status::KeyMismatch`] if
    /// the key does not belong to the first certificate.
    pub fn new(chain: Vec<Certificate>, key: Option<PrivateKey>) -> Result<Self> {
        Self::below(chain, Vec::new(), key)
    }

    /// Creates an identity with certificates `above` its chain, which peers already have.  They
    /// are never presented or saved, but their constraints apply to what the identity issues.
    pub(super) fn below(
        chain: Vec<Certificate>,
        above: Vec<Certificate>,
        key: Option<PrivateKey>,
    ) -> Result<Self> {
        if let (Some(leaf), Some(key)) = (chain.first(), &key) {
            check_fit(leaf, key, &chain)?;
        }
        Self::assemble(chain, above, key)
    }

    /// Like [`Self::new`], without checking that the key belongs to the certificate.
    #[cfg(feature = "testing")]
    pub(super) fn unchecked(chain: Vec<Certificate>, key: Option<PrivateKey>) -> Result<Self> {
        Self::assemble(chain, Vec::new(), key)
    }

    fn assemble(
        chain: Vec<Certificate>,
        above: Vec<Certificate>,
        key: Option<PrivateKey>,
    ) -> Result<Self> {
        if chain.is_empty() {
            return Err(Error::argument(
                "an identity needs at least one certificate",
            ));
        }
        let cert_pem = chain.iter().map(Certificate::pem).collect();
        Ok(Self(Arc::new(Inner {
            chain,
            key,
            above,
            cert_pem,
        })))
    }

    /// Creates an identity from a chain and an external key that `signer` signs with.
    pub fn external(chain: Vec<Certificate>, signer: Arc<dyn ExternalSigner>) -> Result<Self> {
        let key = match chain.first() {
            Some(leaf) => Some(PrivateKey::external(leaf.spki_der(), signer)?),
            None => None,
        };
        Self::new(chain, key)
    }

    /// Loads a chain and its key, each PEM or DER; the chain may also be PKCS#7.  Without
    /// `key_file`, `cert_file` must hold the key too.
    pub fn load(cert_file: &Path, key_file: Option<&Path>) -> Result<Self> {
        Self::read(cert_file, key_file, &None.into())
    }

    /// The same, with a password for an encrypted key, as in
    /// [`PrivateKey::from_encrypted_pem`].  Without `key_file`, `cert_file` may be PKCS#12.
    pub fn load_encrypted<'p>(
        cert_file: &Path,
        key_file: Option<&Path>,
        password: impl Into<Password<'p>>,
    ) -> Result<Self> {
        Self::read(cert_file, key_file, &password.into())
    }

    fn read(cert_file: &Path, key_file: Option<&Path>, password: &Password<'_>) -> Result<Self> {
        let cert = file::read_file("cannot read the certificate", cert_file)?;
        let Some(key_file) = key_file else {
            let read = Self::from_one(&cert, password);
            return read.map_err(|error| file::in_file(cert_file, error));
        };
        let chain =
            Certificate::all_from_bytes(&cert).map_err(|error| file::in_file(cert_file, error))?;
        let key = file::read_file("cannot read the private key", key_file)?;
        PrivateKey::read(&key, password)
            .and_then(|key| Self::of_file(&cert, chain, key))
            .map_err(|error| file::in_file(key_file, error))
    }

    /// Parses a chain and its key from one PEM text, or from PKCS#12.
    fn from_one(content: &[u8], password: &Password<'_>) -> Result<Self> {
        if DocumentType::of_der(content) == Some(DocumentType::Pkcs12) {
            return Self::read_pkcs12(content, password, &Pkcs12Options::default());
        }
        let chain = Certificate::all_from_bytes(content)?;
        Self::of_file(content, chain, PrivateKey::read(content, password)?)
    }

    fn of_file(content: &[u8], chain: Vec<Certificate>, key: PrivateKey) -> Result<Self> {
        match pkcs7::is_in(content) {
            true => Self::from_bundle(chain, key),
            false => Self::new(chain, Some(key)),
        }
    }

    /// Creates an identity from a key and certificates in any order, such as those of a
    /// PKCS#7 bundle.  Certificates that are not part of the chain are dropped.
    ///
    /// Fails with [`Status::KeyMismatch`] if the key belongs to none of them.
    pub fn from_bundle(mut certificates: Vec<Certificate>, key: PrivateKey) -> Result<Self> {
        let mut all = certificates.iter();
        if let Some(leaf) = all.position(|one| one.spki_der() == key.spki_der()) {
            certificates = chain::take_chain(&mut certificates, leaf);
        }
        Self::new(certificates, Some(key))
    }

    /// Loads a chain without a key, PEM, DER or PKCS#7, to be verified or read.
    pub fn load_chain(cert_file: &Path) -> Result<Self> {
        let cert = file::read_file("cannot read the certificate", cert_file)?;
        let chain = Certificate::all_from_bytes(&cert).and_then(|chain| Self::new(chain, None));
        chain.map_err(|error| file::in_file(cert_file, error))
    }

    /// Parses a chain and its key.  Without `key`, `cert` must hold the key too, or be
    /// PKCS#12.  The password is for an encrypted key.
    pub fn from_bytes<'p>(
        cert: &[u8],
        key: Option<&[u8]>,
        password: impl Into<Password<'p>>,
    ) -> Result<Self> {
        let password = password.into();
        let Some(key) = key else {
            return Self::from_one(cert, &password);
        };
        let chain = Certificate::all_from_bytes(cert)?;
        Self::of_file(cert, chain, PrivateKey::read(key, &password)?)
    }

    /// Writes the chain (mode 0644) and the key (mode 0600) as PEM, both or neither.
    /// Either path may be `None`.  If both are the same file, it has mode 0600.
    ///
    /// Existing files are replaced, as by [`save_files`](super::save_files).  On failure
    /// ([`Status::File`]) the old files stay.
    pub fn save(&self, cert_file: Option<&Path>, key_file: Option<&Path>) -> Result<()> {
        self.write(cert_file, key_file, None)
    }

    /// The same, with the key encrypted under a password: PKCS#8 with PBES2, AES-256 and
    /// PBKDF2.
    pub fn save_encrypted(
        &self,
        cert_file: Option<&Path>,
        key_file: Option<&Path>,
        password: impl AsRef<[u8]>,
    ) -> Result<()> {
        self.write(cert_file, key_file, Some(password.as_ref()))
    }

    fn write(
        &self,
        cert_file: Option<&Path>,
        key_file: Option<&Path>,
        password: Option<&[u8]>,
    ) -> Result<()> {
        let key = match key_file {
            Some(path) => Some((path, self.require_key("save")?.write_pem(password)?)),
            None => None,
        };
        let cert = cert_file.map(|path| (path, self.cert_pem(), Access::Everybody));
        let key = key.as_ref();
        file::save_pair(
            cert,
            key.map(|(path, pem)| (*path, pem.as_str(), Access::Owner)),
        )
    }

    /// Returns the chain, leaf first.
    pub fn chain(&self) -> &[Certificate] {
        &self.0.chain
    }

    /// Returns the chain, followed by the known certificates above it.
    pub(super) fn path(&self) -> impl Iterator<Item = &Certificate> {
        self.0.chain.iter().chain(&self.0.above)
    }

    /// Returns the leaf certificate.
    pub fn certificate(&self) -> &Certificate {
        &self.0.chain[0]
    }

    /// Returns the private key of the leaf, if known.
    pub fn key(&self) -> Option<&PrivateKey> {
        self.0.key.as_ref()
    }

    /// Returns the chain as PEM, leaf first.
    pub fn cert_pem(&self) -> &str {
        &self.0.cert_pem
    }

    /// Returns the key for this purpose ("save"), or fails if there is none.
    pub(super) fn require_key(&self, purpose: &str) -> Result<&PrivateKey> {
        let leaf = self.certificate().subject();
        self.key().ok_or_else(|| {
            let sentence = format!("the identity of '{leaf}' has no private key to {purpose}");
            Error::state(sentence)
        })
    }

    /// Returns whether both refer to the same identity.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Returns the identity in the form that rustls presents.
    pub(crate) fn certified_key(&self) -> Result<Arc<CertifiedKey>> {
        let key = self.require_key("authenticate with")?;
        let chain = self.0.chain.iter();
        let chain = chain.map(|certificate| CertificateDer::from(certificate.der().to_vec()));
        Ok(Arc::new(CertifiedKey::new(
            chain.collect(),
            key.signing_key().clone(),
        )))
    }
}

fn check_fit(leaf: &Certificate, key: &PrivateKey, chain: &[Certificate]) -> Result<()> {
    if leaf.spki_der() == key.spki_der() {
        return Ok(());
    }
    let fits = chain
        .iter()
        .position(|certificate| certificate.spki_der() == key.spki_der());
    let hint = match fits {
        Some(index) => format!(
            "it belongs to certificate {} of the chain: put that one first",
            index + 1
        ),
        None => "use the key that the certificate was requested with".to_owned(),
    };
    Err(Error::new(
        Status::KeyMismatch,
        format!(
            "the private key ({}) does not belong to the certificate of '{}' ({}): {hint}",
            key.key_type(),
            leaf.subject(),
            leaf.key_type()
        ),
    ))
}
