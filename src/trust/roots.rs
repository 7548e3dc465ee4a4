//! Roots: where trust starts.  From the system, from Mozilla's list that is
//! compiled in, from a file, from a folder, from memory.

use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use rustls_pki_types::{CertificateDer, TrustAnchor};

use crate::pki::{self, Certificate};
use crate::{Error, Result, Status};

/// A set of roots.  Each is a trust anchor for path building and, where it is
/// known, the certificate that it was taken from.
#[derive(Clone, Default)]
pub(crate) struct Roots {
    anchors: Vec<TrustAnchor<'static>>,
    certificates: Vec<Option<Arc<[u8]>>>,
}

impl Roots {
    /// What the operating system trusts, or `SSL_CERT_FILE` and `SSL_CERT_DIR`
    /// where they are set.  Read once per process.
    pub(crate) fn system() -> Result<Arc<Self>> {
        static SYSTEM: Mutex<Option<Arc<Roots>>> = Mutex::new(None);
        let mut cached = SYSTEM.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(roots) = &*cached {
            return Ok(roots.clone());
        }
        let roots = Arc::new(Self::read_system()?);
        *cached = Some(roots.clone());
        Ok(roots)
    }

    fn read_system() -> Result<Self> {
        let found = rustls_native_certs::load_native_certs();
        let mut roots = Self::default();
        for certificate in found.certs {
            // One odd certificate in the system's store must not take the
            // rest with it; it is just not trusted.
            let _ = roots.add_der(certificate);
        }
        if roots.is_empty() {
            let why = match found.errors.first() {
                Some(error) => error.to_string(),
                None => "its store is empty or not installed".to_owned(),
            };
            return Err(Error::new(
                Status::File,
                format!(
                    "the system has no usable trusted roots ({why}): install the package \
                     'ca-certificates', or add roots from a file"
                ),
            ));
        }
        Ok(roots)
    }

    /// Mozilla's roots, as compiled into this library.
    pub(crate) fn bundled() -> Self {
        let anchors = webpki_roots::TLS_SERVER_ROOTS.to_vec();
        let certificates = vec![None; anchors.len()];
        Self {
            anchors,
            certificates,
        }
    }

    /// The certificates of a file, PEM or DER, or of every file in a folder.
    pub(crate) fn from_path(path: &Path) -> Result<Self> {
        let kind = fs::metadata(path).map_err(|e| Error::file("cannot read the roots", path, e))?;
        if kind.is_dir() {
            return Self::from_folder(path);
        }
        Self::from_bytes(&pki::read_file("cannot read the roots", path)?).map_err(|error| {
            Error::new(error.status(), format!("'{}': {error}", path.display())).with_source(error)
        })
    }

    /// A folder such as `/etc/ssl/certs`: what holds no certificate is passed
    /// over, but a folder without any is an error.
    fn from_folder(path: &Path) -> Result<Self> {
        let unreadable = |e| Error::file("cannot read the folder of roots", path, e);
        let mut roots = Self::default();
        for entry in fs::read_dir(path).map_err(unreadable)? {
            let file = entry.map_err(unreadable)?.path();
            if !file.is_file() {
                continue;
            }
            let content = pki::read_file("cannot read the roots", &file)?;
            for certificate in Certificate::all_from_bytes(&content).unwrap_or_default() {
                roots.add(&certificate)?;
            }
        }
        if roots.is_empty() {
            return Err(Error::new(
                Status::Parse,
                format!(
                    "the folder '{}' holds no file with a PEM certificate",
                    path.display()
                ),
            ));
        }
        Ok(roots)
    }

    /// Every certificate in a PEM text, or the one in DER.
    pub(crate) fn from_bytes(content: &[u8]) -> Result<Self> {
        let mut roots = Self::default();
        for certificate in Certificate::all_from_bytes(content)? {
            roots.add(&certificate)?;
        }
        Ok(roots)
    }

    /// Adds one certificate.
    pub(crate) fn add(&mut self, certificate: &Certificate) -> Result<()> {
        self.add_der(CertificateDer::from(certificate.der().to_vec()))
            .map_err(|error| {
                Error::new(
                    Status::Parse,
                    format!(
                        "the certificate of '{}' cannot be a root: {error}",
                        certificate.subject()
                    ),
                )
                .with_source(error)
            })
    }

    fn add_der(&mut self, der: CertificateDer<'static>) -> Result<(), webpki::Error> {
        let anchor = webpki::anchor_from_trusted_cert(&der)?.to_owned();
        if !self.anchors.contains(&anchor) {
            self.anchors.push(anchor);
            self.certificates.push(Some(Arc::from(&*der)));
        }
        Ok(())
    }

    /// Adds all of `other`.
    pub(crate) fn merge(&mut self, other: &Self) {
        for (anchor, certificate) in other.anchors.iter().zip(&other.certificates) {
            if !self.anchors.contains(anchor) {
                self.anchors.push(anchor.clone());
                self.certificates.push(certificate.clone());
            }
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.anchors.is_empty()
    }

    pub(crate) fn anchors(&self) -> &[TrustAnchor<'static>] {
        &self.anchors
    }

    /// The certificate that `anchor`, one of [`Self::anchors`], was taken from.
    pub(crate) fn certificate_of(&self, anchor: &TrustAnchor<'_>) -> Option<&Arc<[u8]>> {
        let index = self.anchors.iter().position(|known| known == anchor)?;
        self.certificates[index].as_ref()
    }
}
