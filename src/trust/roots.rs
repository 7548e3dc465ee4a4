//! Roots: where trust starts.  From the system, from Mozilla's list that is
//! compiled in, from a file, from a folder, from memory.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use rustls_pki_types::{CertificateDer, TrustAnchor};

use crate::pki::{self, Certificate};
use crate::{Error, Result, Status};

/// A set of roots.  Each is a trust anchor for path building and, where it is
/// known, the certificate that it was taken from.
#[derive(Clone, Default)]
pub(crate) struct Roots {
    anchors: Vec<TrustAnchor<'static>>,
    certificates: Vec<Option<Arc<[u8]>>>,
    /// Where more may be, which is read when these do not do.
    folders: Option<&'static Folders>,
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

    /// The system's file, and its folders only where that has nothing: they hold
    /// the same, as a rule, and take twenty times as long.
    fn read_system() -> Result<Self> {
        let (file, folders) = system_paths();
        let found = rustls_native_certs::load_certs_from_paths(file.as_deref(), None);
        let mut roots = Self::default();
        roots.add_found(found.certs);
        let mut why = found.errors.first().map(ToString::to_string);
        if roots.is_empty() {
            for folder in &folders {
                let found = rustls_native_certs::load_certs_from_paths(None, Some(folder));
                roots.add_found(found.certs);
                why = why.or_else(|| found.errors.first().map(ToString::to_string));
            }
        } else if !folders.is_empty() {
            roots.folders = Some(Folders::of_the_system(folders));
        }
        if roots.is_empty() {
            let why = why.unwrap_or_else(|| "its store is empty or not installed".to_owned());
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

    /// Adds what can be a root: one odd certificate in the system's store must not
    /// take the rest with it; it is just not trusted.
    fn add_found(&mut self, certificates: Vec<CertificateDer<'static>>) {
        for certificate in certificates {
            let _ = self.add_der(certificate);
        }
    }

    /// More roots, for a chain that ends in none of these: what only the folders have.
    pub(crate) fn more(&self) -> Option<&'static Self> {
        self.folders.map(Folders::roots)
    }

    /// Mozilla's roots, as compiled into this library.
    pub(crate) fn bundled() -> Self {
        let anchors = webpki_roots::TLS_SERVER_ROOTS.to_vec();
        let certificates = vec![None; anchors.len()];
        Self {
            anchors,
            certificates,
            folders: None,
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
        self.folders = self.folders.or(other.folders);
    }

    /// Whether [`Self::more`] may have some.
    pub(crate) fn may_be_more(&self) -> bool {
        self.folders.is_some()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.anchors.is_empty()
    }

    pub(crate) fn anchors(&self) -> &[TrustAnchor<'static>] {
        &self.anchors
    }

    /// With those of [`Self::more`].
    pub(crate) fn all_anchors(&self) -> impl Iterator<Item = &TrustAnchor<'static>> {
        let more = self.more().into_iter().flat_map(Self::anchors);
        self.anchors.iter().chain(more)
    }

    /// The certificate that `anchor`, one of [`Self::anchors`], was taken from.
    pub(crate) fn certificate_of(&self, anchor: &TrustAnchor<'_>) -> Option<&Arc<[u8]>> {
        let index = self.anchors.iter().position(|known| known == anchor)?;
        self.certificates[index].as_ref()
    }
}

/// The folders of the system's roots, read when they are needed, once per process.
struct Folders {
    paths: Vec<PathBuf>,
    roots: OnceLock<Roots>,
}

impl Folders {
    fn of_the_system(paths: Vec<PathBuf>) -> &'static Self {
        static FOLDERS: OnceLock<Folders> = OnceLock::new();
        let roots = OnceLock::new();
        FOLDERS.get_or_init(|| Self { paths, roots })
    }

    /// Those that the file has not.
    fn roots(&self) -> &Roots {
        self.roots.get_or_init(|| {
            let file = Roots::system().unwrap_or_default();
            let mut roots = Roots::clone(&file);
            for path in &self.paths {
                // What cannot be read is not trusted, and chains are refused for it.
                let found = rustls_native_certs::load_certs_from_paths(None, Some(path));
                roots.add_found(found.certs);
            }
            Roots {
                anchors: roots.anchors.split_off(file.anchors.len()),
                certificates: roots.certificates.split_off(file.anchors.len()),
                folders: None,
            }
        })
    }
}

/// The file and the folders of the system's roots: those of the environment, or
/// else where systems have them.
fn system_paths() -> (Option<PathBuf>, Vec<PathBuf>) {
    let file = env::var_os("SSL_CERT_FILE").map(PathBuf::from);
    let folders = env::var_os("SSL_CERT_DIR");
    let folders = folders.iter().flat_map(env::split_paths);
    let folders: Vec<_> = folders
        .filter(|path| !path.as_os_str().is_empty())
        .collect();
    if file.is_some() || !folders.is_empty() {
        return (file, folders);
    }
    let found = openssl_probe::probe();
    (found.cert_file, found.cert_dir)
}
