//! A certificate chain with its private key: what one side of a connection
//! shows, and what an authority issues with.

use std::path::Path;
use std::sync::Arc;

use rustls::sign::CertifiedKey;
use rustls_pki_types::CertificateDer;

use super::certificate::Certificate;
use super::key::PrivateKey;
use super::pem::{self, Access};
use crate::{Error, Result, Status};

/// A certificate chain, leaf first, with the private key of the leaf where it
/// is known.  It never changes.  Cloning gives another reference.
#[derive(Clone, Debug)]
pub struct Identity(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    chain: Vec<Certificate>,
    key: Option<PrivateKey>,
    cert_pem: String,
}

impl Identity {
    /// Puts a chain and a key together.  Fails with [`Status::KeyMismatch`]
    /// when the key is not that of the first certificate.
    pub fn new(chain: Vec<Certificate>, key: Option<PrivateKey>) -> Result<Self> {
        let Some(leaf) = chain.first() else {
            return Err(Error::new(
                Status::Argument,
                "an identity needs at least one certificate",
            ));
        };
        if let Some(key) = &key {
            check_fit(leaf, key, &chain)?;
        }
        let cert_pem = chain.iter().map(Certificate::pem).collect();
        Ok(Self(Arc::new(Inner {
            chain,
            key,
            cert_pem,
        })))
    }

    /// Loads a PEM chain and a PEM key.  `None` for the key means that
    /// `cert_file` holds it too.
    pub fn load(cert_file: &Path, key_file: Option<&Path>) -> Result<Self> {
        let cert = pem::read_file("cannot read the certificate", cert_file)?;
        let chain =
            Certificate::all_from_pem(&cert).map_err(|error| pem::in_file(cert_file, error))?;
        let key = match key_file {
            Some(path) => {
                let text = pem::read_file("cannot read the private key", path)?;
                PrivateKey::from_pem(&text).map_err(|error| pem::in_file(path, error))?
            }
            None => PrivateKey::from_pem(&cert).map_err(|error| pem::in_file(cert_file, error))?,
        };
        let at = key_file.unwrap_or(cert_file);
        Self::new(chain, Some(key)).map_err(|error| pem::in_file(at, error))
    }

    /// The same from memory.
    pub fn from_pem(cert: &[u8], key: Option<&[u8]>) -> Result<Self> {
        let chain = Certificate::all_from_pem(cert)?;
        let key = PrivateKey::from_pem(key.unwrap_or(cert))?;
        Self::new(chain, Some(key))
    }

    /// Writes the chain (mode 0644) and the key (mode 0600) as PEM, each as a
    /// whole or not at all, over whatever is there.  Either path may be `None`;
    /// where both are the same, one file with mode 0600 holds both.
    pub fn save(&self, cert_file: Option<&Path>, key_file: Option<&Path>) -> Result<()> {
        if key_file.is_some() && self.0.key.is_none() {
            return Err(no_key("save", self.certificate()));
        }
        match (cert_file, key_file, &self.0.key) {
            (Some(cert_file), Some(key_file), Some(key)) if cert_file == key_file => {
                let key = key.to_pem();
                let mut both =
                    zeroize::Zeroizing::new(Vec::with_capacity(key.len() + self.0.cert_pem.len()));
                both.extend_from_slice(key.as_bytes());
                both.extend_from_slice(self.0.cert_pem.as_bytes());
                pem::write_file(key_file, &both, Access::Owner)
            }
            (cert_file, key_file, key) => {
                if let (Some(path), Some(key)) = (key_file, key) {
                    key.save(path)?;
                }
                if let Some(path) = cert_file {
                    pem::write_file(path, self.0.cert_pem.as_bytes(), Access::Everybody)?;
                }
                Ok(())
            }
        }
    }

    /// The certificates, leaf first.
    pub fn chain(&self) -> &[Certificate] {
        &self.0.chain
    }

    /// The leaf.
    pub fn certificate(&self) -> &Certificate {
        &self.0.chain[0]
    }

    /// The private key of the leaf, where it is known.
    pub fn key(&self) -> Option<&PrivateKey> {
        self.0.key.as_ref()
    }

    /// The chain as PEM, leaf first.
    pub fn cert_pem(&self) -> &str {
        &self.0.cert_pem
    }

    /// The form in which rustls shows it.
    pub(crate) fn certified_key(&self) -> Result<Arc<CertifiedKey>> {
        let Some(key) = &self.0.key else {
            return Err(no_key("show to a peer", self.certificate()));
        };
        let chain = self.0.chain.iter();
        let chain = chain.map(|certificate| CertificateDer::from(certificate.der().to_vec()));
        Ok(Arc::new(CertifiedKey::new(
            chain.collect(),
            key.signing_key().clone(),
        )))
    }
}

fn no_key(purpose: &str, leaf: &Certificate) -> Error {
    Error::new(
        Status::State,
        format!(
            "the identity of '{}' has no private key to {purpose}",
            leaf.subject()
        ),
    )
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
