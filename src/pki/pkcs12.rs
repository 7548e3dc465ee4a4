//! PKCS#12 (RFC 7292): a chain and its key in one file under a password.

mod mac;
mod read;
mod write;

use std::path::Path;

use mac::Hash;
use read::{Bag, Content};
use write::{Protection, Store};
use zeroize::Zeroizing;

use super::certificate::Certificate;
use super::document_type::{self, DocumentType};
use super::file::{self, Access, Staged};
use super::identity::Identity;
use super::key::PrivateKey;
use super::password::Password;
use super::pbe::{EncodedPassword, Scheme};
use super::{CertificateRef, chain, describe, quoted};
use crate::{Error, Result, Status};

/// The maximum number of certificates in a file, which get sorted.
const MAX_CERTIFICATES: usize = 1_000;

/// The hash iterations of each of the three parts that depend on the password.
///
/// .NET 9 rejects files with more than 300,000 iterations in one part, or 1,000,000 in total.
/// OWASP recommends 600,000 for PBKDF2 with SHA-256, which PKCS#8 keys use here.  NIST SP
/// 800-132 requires at least 1,000; OpenSSL uses 2,048.
const ITERATIONS: u32 = 300_000;

const STANDARD: Protection = Protection {
    encryption: Scheme::Aes256 {
        iterations: ITERATIONS,
    },
    mac: Hash::Sha256,
    mac_iterations: ITERATIONS,
};

/// The maximum length of a friendly name, in characters (pkcs-9-ub-friendlyName in RFC
/// 2985, section 5.5.1).
const MAX_FRIENDLY_NAME: usize = 255;

/// As many iterations as Java used; old programs run them in a moment.
const LEGACY: Protection = Protection {
    encryption: Scheme::TripleDes { iterations: 50_000 },
    mac: Hash::Sha1,
    mac_iterations: 50_000,
};

/// Options for reading a PKCS#12 file.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Pkcs12Options<'a> {
    /// The friendly name of the private key; `None` for the only one.
    pub name: Option<&'a str>,
    /// Whether to read a file without a MAC (RFC 7292, section 4), such as OpenSSL writes
    /// with `-nomac`.  Insecure: whoever can write to the file can replace unencrypted
    /// certificates and keys.
    pub insecure_without_mac: bool,
}

impl<'a> Pkcs12Options<'a> {
    /// Sets the friendly name of the private key.
    #[must_use]
    pub const fn named(mut self, name: Option<&'a str>) -> Self {
        self.name = name;
        self
    }

    /// Sets whether a file without a MAC is read.
    #[must_use]
    pub const fn insecure_without_mac(mut self, allowed: bool) -> Self {
        self.insecure_without_mac = allowed;
        self
    }
}

const WITHOUT_MAC: Pkcs12Options<'static> = Pkcs12Options {
    name: None,
    insecure_without_mac: true,
};

impl Identity {
    /// Loads a PKCS#12 file.  It may be encrypted with PBES2, as by OpenSSL 3 and Java, or
    /// with legacy schemes (3DES or RC2 with SHA-1), and may be BER, as by Firefox.  Its
    /// MAC may be PBMAC1 (RFC 9579).
    ///
    /// Fails with [`Status::Argument`] for a wrong password, or if there are several
    /// private keys.  Fails with [`Status::Parse`] for a file without a MAC, which anybody
    /// can have changed.  Fails with [`Status::Unsupported`] if its parts together demand
    /// more than 4 million hashing rounds, which take seconds.
    pub fn load_pkcs12<'p>(path: &Path, password: impl Into<Password<'p>>) -> Result<Self> {
        Self::load_pkcs12_with(path, password, &Pkcs12Options::default())
    }

    /// The same from memory.
    pub fn from_pkcs12<'p>(der: &[u8], password: impl Into<Password<'p>>) -> Result<Self> {
        Self::from_pkcs12_with(der, password, &Pkcs12Options::default())
    }

    /// The same as [`Self::load_pkcs12`] with options: which of several keys to use, and
    /// whether a MAC is required.
    pub fn load_pkcs12_with<'p>(
        path: &Path,
        password: impl Into<Password<'p>>,
        options: &Pkcs12Options<'_>,
    ) -> Result<Self> {
        let der = file::read_file("cannot read the PKCS#12 file", path)?;
        let read = Self::from_pkcs12_with(&der, password, options);
        read.map_err(|error| file::in_file(path, error))
    }

    /// The same from memory.
    pub fn from_pkcs12_with<'p>(
        der: &[u8],
        password: impl Into<Password<'p>>,
        options: &Pkcs12Options<'_>,
    ) -> Result<Self> {
        Self::read_pkcs12(der, &password.into(), options)
    }

    /// The same for a file that may have no MAC (RFC 7292, section 4), such as OpenSSL
    /// writes with `-nomac`.  Insecure: whoever can write to the file can replace
    /// unencrypted certificates and keys.
    pub fn insecure_load_pkcs12_without_mac<'p>(
        path: &Path,
        password: impl Into<Password<'p>>,
    ) -> Result<Self> {
        Self::load_pkcs12_with(path, password, &WITHOUT_MAC)
    }

    /// The same from memory.
    pub fn insecure_from_pkcs12_without_mac<'p>(
        der: &[u8],
        password: impl Into<Password<'p>>,
    ) -> Result<Self> {
        Self::from_pkcs12_with(der, password, &WITHOUT_MAC)
    }

    pub(super) fn read_pkcs12(
        der: &[u8],
        password: &Password<'_>,
        options: &Pkcs12Options<'_>,
    ) -> Result<Self> {
        let content = read::read(der, password, !options.insecure_without_mac)
            .map_err(|error| document_type::mismatch_or(der, DocumentType::Pkcs12, error))?;
        Self::of_content(&content, options.name)
    }

    fn of_content(content: &Content, name: Option<&str>) -> Result<Self> {
        let mut rest = certificates(content)?;
        let key = selected(content, &rest, name)?;
        let leaf = rest
            .iter()
            .position(|(_, one)| one.spki_der() == key.spki_der());
        let Some(leaf) = leaf else {
            let (count, kind) = (rest.len(), key.key_type());
            return Err(Error::new(
                Status::KeyMismatch,
                format!(
                    "none of the {count} certificates in the PKCS#12 file is for its private key \
                     ({kind})"
                ),
            ));
        };
        let mut rest = rest.drain(..).map(|(_, one)| one).collect();
        Self::new(chain::take_chain(&mut rest, leaf), Some(key))
    }

    /// Encodes the chain and its key as PKCS#12, encrypted with AES-256 (PBES2) and
    /// authenticated with HMAC-SHA-256.  `name` is the friendly name of the key and its
    /// certificate (RFC 2985, section 5.5.1), which programs display.  The default is the
    /// common name, or the first alternative name.  Without either, and with "", there is
    /// no friendly name.
    ///
    /// Fails with [`Status::Argument`] for a name of more than 255 characters, an empty
    /// password, and for a NUL or a character beyond U+FFFF in either.
    pub fn to_pkcs12(&self, name: Option<&str>, password: &str) -> Result<Zeroizing<Vec<u8>>> {
        self.write_pkcs12(name, password, &STANDARD)
    }

    /// The same with legacy encryption, 3DES and SHA-1, for programs that support nothing
    /// else, such as Windows before 2019 and Java before 8u301.  Its password is much
    /// cheaper to brute-force.
    pub fn to_pkcs12_legacy(
        &self,
        name: Option<&str>,
        password: &str,
    ) -> Result<Zeroizing<Vec<u8>>> {
        self.write_pkcs12(name, password, &LEGACY)
    }

    fn write_pkcs12(
        &self,
        name: Option<&str>,
        password: &str,
        protection: &Protection,
    ) -> Result<Zeroizing<Vec<u8>>> {
        let name = match name {
            Some(name) => {
                check_name(name)?;
                name.to_owned()
            }
            None => self.default_name(),
        };
        check_password(password)?;
        let key = self.require_key("save")?;
        key.check_saveable()?;
        let store = Store {
            name: &name,
            id: &describe::sha1_bytes(self.certificate().der()),
            key: &key.to_pkcs8_der(),
            chain: self.chain().iter().map(Certificate::der).collect(),
        };
        let password = EncodedPassword::new(password.as_bytes());
        write::write(&store, &password, protection).map(Zeroizing::new)
    }

    /// Returns the common name, or the first alternative name, of those that can be
    /// friendly names.
    fn default_name(&self) -> String {
        let leaf = self.certificate();
        let common_names =
            CertificateRef::from_der(leaf.der()).and_then(|leaf| leaf.subject_name());
        let common_names = common_names.map(|subject| subject.common_names());
        let names = common_names.unwrap_or_default().into_iter();
        let mut names = names.chain(leaf.names().to_vec());
        names
            .find(|name| check_name(name).is_ok())
            .unwrap_or_default()
    }

    /// Writes PKCS#12 with mode 0600, atomically.
    pub fn save_pkcs12(&self, path: &Path, name: Option<&str>, password: &str) -> Result<()> {
        Staged::new(path, &self.to_pkcs12(name, password)?, Access::Owner)?.commit()
    }

    /// Writes PKCS#12 as [`Self::to_pkcs12_legacy`] encodes it, with mode 0600, atomically.
    pub fn save_pkcs12_legacy(
        &self,
        path: &Path,
        name: Option<&str>,
        password: &str,
    ) -> Result<()> {
        Staged::new(path, &self.to_pkcs12_legacy(name, password)?, Access::Owner)?.commit()
    }
}

/// Checks that a name can be a friendly name: a BMPString, which many programs read up to
/// its first NUL.
fn check_name(name: &str) -> Result<()> {
    let count = name.chars().count();
    let why = if !is_bmp(name) {
        "it has a character beyond U+FFFF, which PKCS#12 cannot encode".to_owned()
    } else if name.contains('\0') {
        "it has a NUL, at which many programs truncate it".to_owned()
    } else if count > MAX_FRIENDLY_NAME {
        format!(
            "it has {count} characters, and at most {MAX_FRIENDLY_NAME} are allowed (RFC 2985, \
             section 5.5.1)"
        )
    } else {
        return Ok(());
    };
    let sentence = format!("the friendly name cannot be used in PKCS#12: {why}");
    Err(Error::argument(sentence))
}

/// Checks that programs can use this password: it is encoded as a NUL-terminated BMPString
/// (RFC 7292, appendix B.1).
fn check_password(password: &str) -> Result<()> {
    let sentence = if password.is_empty() {
        "the password is empty: many programs do not open a PKCS#12 file without one"
    } else if !is_bmp(password) {
        "the password cannot be used in PKCS#12: it has a character beyond U+FFFF, which PKCS#12 \
         cannot encode"
    } else if password.contains('\0') {
        "the password cannot be used in PKCS#12: it has a NUL, at which many programs truncate it"
    } else {
        return Ok(());
    };
    Err(Error::argument(sentence))
}

/// Returns whether a text can be encoded as a BMPString.
fn is_bmp(text: &str) -> bool {
    text.chars().all(|character| u32::from(character) <= 0xffff)
}

/// Parses the certificates of a file, each with its friendly name.
fn certificates(content: &Content) -> Result<Vec<(Option<&str>, Certificate)>> {
    if content.certificates.len() > MAX_CERTIFICATES {
        let count = content.certificates.len();
        let sentence = format!(
            "the PKCS#12 file has {count} certificates, and at most {MAX_CERTIFICATES} are \
             allowed: a chain has a few"
        );
        return Err(Error::new(Status::Parse, sentence));
    }
    let read = |bag: &'_ Bag<Vec<u8>>| Certificate::from_der(bag.value.clone());
    let all = content.certificates.iter();
    all.map(|bag| Ok((bag.name.as_deref(), read(bag)?)))
        .collect()
}

/// Returns the only private key of a file, or the one with this friendly name.
fn selected(
    content: &Content,
    certificates: &[(Option<&str>, Certificate)],
    name: Option<&str>,
) -> Result<PrivateKey> {
    if let ([only], None) = (&content.keys[..], name) {
        return PrivateKey::from_der(&only.value);
    }
    if content.keys.is_empty() {
        let sentence = "the PKCS#12 file has 0 private keys, and one is expected";
        return Err(Error::new(Status::Parse, sentence));
    }
    let mut names = Vec::new();
    for bag in &content.keys {
        let key = PrivateKey::from_der(&bag.value)?;
        let mut of_certificates = certificates.iter();
        let certificate = of_certificates.find(|(_, one)| one.spki_der() == key.spki_der());
        // Some programs name only the certificate.
        let friendly_name = bag
            .name
            .as_deref()
            .or(certificate.and_then(|(name, _)| *name));
        if name.is_some() && friendly_name == name {
            return Ok(key);
        }
        names.push(friendly_name.map_or_else(|| "one without a name".to_owned(), quoted));
    }
    let (count, names) = (names.len(), names.join(", "));
    let sentence = match name {
        None => format!(
            "the PKCS#12 file has {count} private keys, and one is expected: choose one by its \
             friendly name: {names}"
        ),
        Some(name) => format!(
            "the PKCS#12 file has no private key with the friendly name {}: it has {names}",
            quoted(name)
        ),
    };
    Err(Error::argument(sentence))
}
