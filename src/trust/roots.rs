//! Trust anchors: from the system, from Mozilla's compiled-in list, from files, directories or
//! memory.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use der::asn1::AnyRef;
use der::{Decode, Encode, Tag};
use rustls_pki_types::{CertificateDer, Der, TrustAnchor};

use super::path_errors;
use super::purpose::{self, KeyPurpose};
use super::verify_error::VerifyError;
use crate::base::fork::PerProcess;
use crate::base::text::describe_path;
use crate::pki::{
    self, Certificate, CertificateRef, NameConstraints, TrustSettings, WebpkiConstraints,
};
use crate::{Error, Result, Status};

/// A set of roots.  Each is a trust anchor for path building, with the certificate that it
/// comes from, if known.
#[derive(Clone, Default)]
pub(crate) struct Roots {
    anchors: Vec<TrustAnchor<'static>>,
    certificates: Vec<Option<Arc<[u8]>>>,
    /// The certificates of roots that are trusted only for some purposes, with their
    /// settings.
    settings: Vec<(Arc<[u8]>, TrustSettings)>,
    /// Further roots, read if no path to the others is found, or to list all of them.
    directories: Option<&'static Directories>,
}

/// Roots that are read once.  A child forked while another thread reads them reads them
/// again, because that thread and its lock do not exist in the child.
#[derive(Default)]
struct Cache {
    roots: OnceLock<Arc<Roots>>,
    reading: Mutex<()>,
}

impl Cache {
    const fn new() -> Self {
        Self {
            roots: OnceLock::new(),
            reading: Mutex::new(()),
        }
    }
}

/// Describes why the system's store could not be read.
fn describe_store_error(error: &rustls_native_certs::Error) -> String {
    use rustls_native_certs::ErrorKind;
    match &error.kind {
        ErrorKind::Io { inner, path } => format!("{}: {inner}", describe_path(path)),
        ErrorKind::Os(inner) => inner.to_string(),
        // The library's own text prints bytes as numbers.
        ErrorKind::Pem(_) => "a file of its store is damaged PEM".to_owned(),
        _ => "its store cannot be read".to_owned(),
    }
}

impl Roots {
    /// Returns the system's roots, or those in `SSL_CERT_FILE` and `SSL_CERT_DIR` if set.
    /// They are read once per process.
    pub(crate) fn system() -> Result<Arc<Self>> {
        static SYSTEM: PerProcess<Cache> = PerProcess::at_start(Cache::new());
        let cached = || SYSTEM.find(|cache| cache.roots.get().cloned());
        if let Some(roots) = cached() {
            return Ok(roots);
        }
        let here = SYSTEM.here();
        let _reading = here.reading.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(roots) = cached() {
            return Ok(roots);
        }
        let roots = Arc::new(Self::read_system()?);
        Ok(here.roots.get_or_init(|| roots).clone())
    }

    /// Reads the system's file, and its directories only if the file has no roots.  The directories
    /// usually hold the same roots and take twenty times as long.
    fn read_system() -> Result<Self> {
        let (file, directories) = system_paths();
        let found = rustls_native_certs::load_certs_from_paths(file.as_deref(), None);
        let mut roots = Self::default();
        roots.add_usable(found.certs);
        let mut why = found.errors.first().map(describe_store_error);
        if roots.is_empty() {
            for directory in &directories {
                let found = rustls_native_certs::load_certs_from_paths(None, Some(directory));
                roots.add_usable(found.certs);
                why = why.or_else(|| found.errors.first().map(describe_store_error));
            }
        } else if !directories.is_empty() {
            roots.directories = Some(Directories::of_the_system(directories));
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

    /// Adds the certificates that can be roots.  An unusable certificate in the system's
    /// store is skipped, so that it does not make the others unusable.
    fn add_usable(&mut self, certificates: Vec<CertificateDer<'static>>) {
        for certificate in certificates {
            let _ = self.add_der(certificate);
        }
    }

    /// Returns the roots that only the system's directories have, for chains that end in none
    /// of these.
    pub(crate) fn directory_roots(&self) -> Option<&'static Self> {
        self.directories.map(Directories::roots)
    }

    /// Returns Mozilla's roots, as compiled into this library.
    pub(crate) fn bundled() -> Self {
        let anchors = webpki_roots::TLS_SERVER_ROOTS.to_vec();
        let certificates = vec![None; anchors.len()];
        Self {
            anchors,
            certificates,
            settings: Vec::new(),
            directories: None,
        }
    }

    /// Reads the certificates in a file, PEM or DER, or in every file of a directory.
    pub(crate) fn from_path(path: &Path) -> Result<Self> {
        let kind = fs::metadata(path).map_err(|e| Error::file("cannot read the roots", path, e))?;
        if kind.is_dir() {
            return Self::from_directory(path);
        }
        Self::from_bytes(&pki::read_file("cannot read the roots", path)?).map_err(|error| {
            Error::new(error.status(), format!("'{}': {error}", path.display())).with_source(error)
        })
    }

    /// Reads a directory such as `/etc/ssl/certs`.  Skips files without certificates, but
    /// fails if there is no certificate at all.
    fn from_directory(path: &Path) -> Result<Self> {
        let unreadable = |e| Error::file("cannot read the directory of roots", path, e);
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
                    "the directory '{}' holds no file with a PEM certificate",
                    path.display()
                ),
            ));
        }
        Ok(roots)
    }

    /// Reads every certificate in a PEM text, or the one in DER.
    pub(crate) fn from_bytes(content: &[u8]) -> Result<Self> {
        let mut roots = Self::default();
        for certificate in Certificate::all_from_bytes(content)? {
            roots.add(&certificate)?;
        }
        Ok(roots)
    }

    /// Adds a certificate.  A path that ends in it decides whether it may issue: one that
    /// is not a CA is trusted only as an end-entity certificate.
    pub(crate) fn add(&mut self, certificate: &Certificate) -> Result<()> {
        let der = CertificateDer::from(certificate.der().to_vec());
        self.add_der(der).map_err(|error| {
            let subject = certificate.subject();
            let why = path_errors::not_a_root(&error, certificate.der());
            let sentence = format!("the certificate of '{subject}' cannot be a root: {why}");
            Error::new(Status::Parse, sentence).with_source(error)
        })?;
        if let Some(settings) = certificate.trust_settings() {
            self.restrict_purposes(certificate.der().into(), settings);
        }
        Ok(())
    }

    /// Trusts a root only for these purposes.
    fn restrict_purposes(&mut self, certificate: Arc<[u8]>, settings: &TrustSettings) {
        let limit = (certificate, settings.clone());
        if !self.settings.contains(&limit) {
            self.settings.push(limit);
        }
    }

    fn add_der(&mut self, der: CertificateDer<'static>) -> Result<(), webpki::Error> {
        let mut anchor = webpki::anchor_from_trusted_cert(&der)?.to_owned();
        if let Some(constraints) = &anchor.name_constraints {
            anchor.name_constraints = webpki_constraints(constraints)?;
        }
        self.push(&anchor, Some(Arc::from(&*der)));
        Ok(())
    }

    /// Adds all roots of `other`.
    pub(crate) fn merge(&mut self, other: &Self) {
        for (anchor, certificate) in other.anchors.iter().zip(&other.certificates) {
            self.push(anchor, certificate.clone());
        }
        for (certificate, settings) in &other.settings {
            self.restrict_purposes(certificate.clone(), settings);
        }
        self.directories = self.directories.or(other.directories);
    }

    /// Checks that the trust settings of a root, if it has any, allow a purpose.
    pub(super) fn check_settings(
        &self,
        root: &CertificateRef<'_>,
        purpose: KeyPurpose,
    ) -> Result<(), VerifyError> {
        let mut all = self.settings.iter();
        match all.all(|(limited, settings)| **limited != *root.der || settings.allow(purpose.oid()))
        {
            true => Ok(()),
            false => Err(purpose::not_trusted_for(root, purpose)),
        }
    }

    pub(super) fn settings(&self) -> &[(Arc<[u8]>, TrustSettings)] {
        &self.settings
    }

    /// Adds a root, unless it is known.  Keeps roots with the same name and key apart: one may
    /// be expired and the other not.
    fn push(&mut self, anchor: &TrustAnchor<'static>, certificate: Option<Arc<[u8]>>) {
        let mut known = self.anchors.iter().zip(&self.certificates);
        if !known.any(|known| known == (anchor, &certificate)) {
            self.anchors.push(anchor.clone());
            self.certificates.push(certificate);
        }
    }

    /// Returns whether this certificate is trusted directly, as the peer's own.  It must be
    /// one of the roots.  It must either not be a CA, or be self-issued, as
    /// `openssl req -x509` creates.
    pub(super) fn trusts_leaf(&self, leaf: &CertificateRef<'_>) -> bool {
        let is_ca = matches!(leaf.basic_constraints(), Ok(Some((true, _))));
        let is_known = |known: &Arc<[u8]>| **known == *leaf.der;
        (!is_ca || leaf.is_self_issued()) && self.certificates.iter().flatten().any(is_known)
    }

    /// Returns the certificates with this subject, a whole DER element.
    pub(super) fn with_subject(&self, subject: &[u8]) -> impl Iterator<Item = &Arc<[u8]>> {
        let has_subject = move |der: &&Arc<[u8]>| {
            CertificateRef::from_der(der).is_ok_and(|certificate| certificate.subject == subject)
        };
        self.certificates.iter().flatten().filter(has_subject)
    }

    /// Returns whether [`Self::directory_roots`] may return any.
    pub(crate) fn has_directories(&self) -> bool {
        self.directories.is_some()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.anchors.is_empty()
    }

    pub(super) fn certificates(&self) -> impl Iterator<Item = &[u8]> {
        self.certificates.iter().flatten().map(|der| &**der)
    }

    pub(crate) fn anchors(&self) -> &[TrustAnchor<'static>] {
        &self.anchors
    }

    /// Returns the trust anchors, including those of [`Self::directory_roots`].
    pub(crate) fn all_anchors(&self) -> impl Iterator<Item = &TrustAnchor<'static>> {
        let more = self.directory_roots().into_iter().flat_map(Self::anchors);
        self.anchors.iter().chain(more)
    }

    /// Returns the certificate that `anchor`, one of [`Self::anchors`], comes from.
    pub(crate) fn certificate_of(&self, anchor: &TrustAnchor<'_>) -> Option<&Arc<[u8]>> {
        let is_same = |known: &TrustAnchor<'_>| std::ptr::eq(known, anchor);
        let index = self.anchors.iter().position(is_same)?;
        self.certificates[index].as_ref()
    }
}

/// Reduces a trust anchor's name constraints to those that webpki can check, in its format:
/// the content octets of the SEQUENCE.
fn webpki_constraints(content: &[u8]) -> Result<Option<Der<'static>>, webpki::Error> {
    let malformed = |_| webpki::Error::MalformedNameConstraint;
    let whole = AnyRef::new(Tag::Sequence, content).and_then(|any| any.to_der());
    let reduced = whole.and_then(|whole| NameConstraints::for_webpki(&whole));
    Ok(match reduced.map_err(malformed)? {
        WebpkiConstraints::Unchanged => Some(Der::from(content.to_vec())),
        WebpkiConstraints::Nothing => None,
        WebpkiConstraints::To(der) => {
            let content = AnyRef::from_der(&der).map_err(malformed)?;
            Some(Der::from(content.value().to_vec()))
        }
    })
}

/// The directories of the system's roots, read on first use, once per process.
struct Directories {
    paths: Vec<PathBuf>,
    roots: PerProcess<OnceLock<Roots>>,
}

impl Directories {
    fn of_the_system(paths: Vec<PathBuf>) -> &'static Self {
        static DIRECTORIES: OnceLock<Directories> = OnceLock::new();
        let roots = PerProcess::default();
        DIRECTORIES.get_or_init(|| Self { paths, roots })
    }

    /// Returns the roots that the system's file does not have.
    fn roots(&self) -> &Roots {
        if let Some(roots) = self.roots.find(OnceLock::get) {
            return roots;
        }
        self.roots.here().get_or_init(|| {
            let file = Roots::system().unwrap_or_default();
            let mut roots = Roots::clone(&file);
            for path in &self.paths {
                // Roots that cannot be read are not trusted, so chains that need them are
                // rejected.
                let found = rustls_native_certs::load_certs_from_paths(None, Some(path));
                roots.add_usable(found.certs);
            }
            Roots {
                anchors: roots.anchors.split_off(file.anchors.len()),
                certificates: roots.certificates.split_off(file.anchors.len()),
                settings: roots.settings,
                directories: None,
            }
        })
    }
}

/// Returns the file and the directories of the system's roots, from the environment or from the
/// system's usual places.
fn system_paths() -> (Option<PathBuf>, Vec<PathBuf>) {
    let file = env::var_os("SSL_CERT_FILE").map(PathBuf::from);
    let directories = env::var_os("SSL_CERT_DIR");
    let directories = directories.iter().flat_map(env::split_paths);
    let directories: Vec<_> = directories
        .filter(|path| !path.as_os_str().is_empty())
        .collect();
    if file.is_some() || !directories.is_empty() {
        return (file, directories);
    }
    let found = openssl_probe::probe();
    (found.cert_file, found.cert_dir)
}
