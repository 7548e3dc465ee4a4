//! Certificate requests (PKCS#10, RFC 2986): generation, parsing and verification.

use std::fmt;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use const_oid::ObjectIdentifier;
use der::asn1::{Any, AnyRef};
use der::{Decode, Encode, Sequence, Tag, TagNumber, Tagged};
use spki::SubjectPublicKeyInfoRef;

use super::asn1::{CertificationRequestInfo, Extension, Signed, first_duplicate};
use super::certificate::{ALTERNATIVE_NAMES, BASIC_CONSTRAINTS, BasicConstraints};
use super::distinguished_name::DistinguishedName;
use super::document_type::{self, DocumentType};
use super::file::{self, Access};
use super::general_name::{AltName, GeneralName};
use super::key::PrivateKey;
use super::oid::Oid;
use super::options::CertOptions;
use super::signature::{self, Rejected};
use super::{describe, encoding, pem, profile, requested_names};
use crate::{Error, Result, Status};

/// A certificate request, with its private key if it was generated here.  Its signature,
/// which proves possession of the key, has been verified.  It is immutable.  A clone refers
/// to the same request.
#[derive(Clone)]
pub struct Csr(Arc<Inner>);

struct Inner {
    der: Vec<u8>,
    document: Signed<CertificationRequestInfo>,
    subject: DistinguishedName,
    subject_text: String,
    spki: Vec<u8>,
    extensions: Vec<Extension>,
    names: Vec<String>,
    other_names: Vec<String>,
    asks_to_be_ca: Option<bool>,
    key: Option<PrivateKey>,
    pem: String,
    text: OnceLock<String>,
}

/// Generates a certificate request for `names`, with a new key unless the options provide
/// one.  With a subject in the options, `names` may be empty.
///
/// A request has only names, usage and a key.  Validity, serial number, name constraints
/// and CRLs are up to the issuer, so options for them are refused.
pub fn gen_csr(names: &[String], options: &CertOptions) -> Result<Csr> {
    let says_issuers_business = options.not_before.is_some()
        || options.lifetime.is_some()
        || options.crl_url.is_some()
        || options.ocsp_url.is_some()
        || options.must_staple
        || options.serial.is_some()
        || !options.extensions.is_empty()
        || options.outlive_ca
        || options.copy_extensions
        || options.allow_other_names
        || !options.permitted_names.is_empty()
        || !options.excluded_names.is_empty();
    if says_issuers_business {
        return Err(Error::argument(
            "a request cannot ask for a validity, a serial number, name constraints, a CRL, OCSP \
             or custom extensions: give these options when it is signed",
        ));
    }
    let names = AltName::parse_all(names)?;
    let has_subject = options.subject.is_some() || options.common_name.is_some();
    if names.is_empty() && !has_subject {
        return Err(Error::argument(
            "a request needs at least one name, or a subject",
        ));
    }
    let subject = profile::subject(options, &names, "")?;
    let key = PrivateKey::for_options(options)?;
    let params = profile::common(options, &subject, &names, key.key_type())?;
    let der = encoding::request(&params, &subject.to_der()?, &key)?;
    Csr::parse(der, Some(key))
}

impl Csr {
    /// Loads a request, PEM or DER.  Fails with [`Status::Parse`] if its signature is
    /// wrong, and with [`Status::Unsupported`] if the signature algorithm is not supported.
    pub fn load(path: &Path) -> Result<Self> {
        let content = file::read_file("cannot read the request", path)?;
        Self::from_bytes(&content).map_err(|error| file::in_file(path, error))
    }

    /// Parses the first request in a PEM text, or the one in DER, and verifies it like
    /// [`Self::load`].
    pub fn from_bytes(content: &[u8]) -> Result<Self> {
        match pem::is_der(content) {
            true => Self::from_der(content),
            false => Self::from_pem(content),
        }
    }

    /// Parses the first request in a PEM text, and verifies it like [`Self::load`].
    pub fn from_pem(text: &[u8]) -> Result<Self> {
        for section in pem::sections(text) {
            let section = section?;
            if section.kind() == Some(DocumentType::Request) {
                return Self::from_der(std::mem::take(&mut *section.decode()?));
            }
        }
        Err(pem::missing(DocumentType::Request, text))
    }

    /// Parses a request in DER, and verifies it like [`Self::load`].
    pub fn from_der(der: impl Into<Vec<u8>>) -> Result<Self> {
        Self::parse(der.into(), None)
    }

    fn parse(der: Vec<u8>, key: Option<PrivateKey>) -> Result<Self> {
        let document = Signed::<CertificationRequestInfo>::from_der(&der);
        let document = document.map_err(|error| {
            document_type::mismatch_or(
                &der,
                DocumentType::Request,
                parse_error("its structure", error),
            )
        })?;
        let content = &document.content;
        let subject = content
            .subject
            .to_der()
            .and_then(|der| DistinguishedName::from_der(&der));
        let subject = subject.map_err(|error| parse_error("its subject", error))?;
        let spki = content
            .spki
            .to_der()
            .map_err(|error| parse_error("its key", error))?;
        check_signature(&document, &spki)?;
        let extensions = requested_extensions(content.attributes.as_ref())?;
        let value = |oid: &ObjectIdentifier| {
            let found = extensions.iter().find(|extension| extension.oid == *oid);
            found.map(|extension| extension.value.as_bytes())
        };
        let names = value(&ALTERNATIVE_NAMES).map(GeneralName::all).transpose();
        let names = names.map_err(|error| parse_error("its alternative names", error))?;
        let (typed, others): (Vec<_>, Vec<_>) = names
            .into_iter()
            .flatten()
            .partition(|name| requested_names::is_in_names(*name));
        let constraints = value(&BASIC_CONSTRAINTS).map(BasicConstraints::from_der);
        let constraints = constraints.transpose();
        let constraints =
            constraints.map_err(|error| parse_error("its basic constraints", error))?;
        Ok(Self(Arc::new(Inner {
            pem: std::mem::take(&mut *pem::encode("CERTIFICATE REQUEST", &der)),
            subject_text: subject.to_string(),
            names: typed.into_iter().map(typed_text).collect(),
            other_names: others.into_iter().map(requested_names::show).collect(),
            asks_to_be_ca: constraints.map(|constraints| constraints.ca),
            der,
            document,
            subject,
            spki,
            extensions,
            key,
            text: OnceLock::new(),
        })))
    }

    /// Returns the requested subject (RFC 4514).
    pub fn subject(&self) -> &str {
        &self.0.subject_text
    }

    /// Returns the requested alternative names, in the format of
    /// [`Certificate::names`](super::Certificate::names).
    pub fn names(&self) -> &[String] {
        &self.0.names
    }

    /// Returns the alternative names of all other types, each with its type in front, such
    /// as `"directory CN=alice"`, `"identifier 1.2.3"` or `"other name
    /// 1.3.6.1.4.1.311.20.2.3 alice@corp.example"`.  Except for directory names and
    /// identifiers, they are signed only if [`CertOptions::allow_other_names`] is set.
    pub fn other_names(&self) -> &[String] {
        &self.0.other_names
    }

    /// Returns the type of its key, such as `"ecdsa-p256"`.
    pub fn key_type(&self) -> String {
        describe::key_type(&self.0.spki)
    }

    /// Returns its signature algorithm, such as `"ecdsa-with-SHA256"`.
    pub fn signature_type(&self) -> String {
        describe::algorithm(&self.0.document.algorithm.oid)
    }

    /// Returns whether it asks to be a CA; `None` without basic constraints.
    pub fn asks_to_be_ca(&self) -> Option<bool> {
        self.0.asks_to_be_ca
    }

    /// Returns its private key, if it was generated here.
    pub fn key(&self) -> Option<&PrivateKey> {
        self.0.key.as_ref()
    }

    /// Returns its SubjectPublicKeyInfo in DER.
    pub fn spki_der(&self) -> &[u8] {
        &self.0.spki
    }

    /// Returns its DER.
    pub fn der(&self) -> &[u8] {
        &self.0.der
    }

    /// Returns its PEM.
    pub fn pem(&self) -> &str {
        &self.0.pem
    }

    /// Returns a human-readable listing of everything requested.
    pub fn text(&self) -> &str {
        self.0.text.get_or_init(|| describe::request_text(self))
    }

    /// Writes the request (mode 0644) and its key (mode 0600) as PEM, both or neither,
    /// replacing existing files.  Either path may be `None`.  If both are the same file, it
    /// has mode 0600.  The key is encrypted if there is a password.
    pub fn save(
        &self,
        csr_file: Option<&Path>,
        key_file: Option<&Path>,
        password: Option<&[u8]>,
    ) -> Result<()> {
        let key = match (key_file, self.key()) {
            (None, _) => None,
            (Some(path), Some(key)) => Some((path, key.write_pem(password)?)),
            (Some(_), None) => {
                let subject = self.subject();
                let sentence = format!("the request of '{subject}' has no private key to save");
                return Err(Error::state(sentence));
            }
        };
        let csr = csr_file.map(|path| (path, self.pem(), Access::Everybody));
        let key = key
            .as_ref()
            .map(|(path, pem)| (*path, pem.as_str(), Access::Owner));
        file::save_pair(csr, key)
    }

    pub(super) fn parsed_subject(&self) -> &DistinguishedName {
        &self.0.subject
    }

    /// Returns the subject in DER.
    pub(super) fn subject_der(&self) -> Result<Vec<u8>> {
        let subject = &self.0.document.content.subject;
        subject
            .to_der()
            .map_err(|error| parse_error("its subject", error))
    }

    pub(super) fn extensions(&self) -> &[Extension] {
        &self.0.extensions
    }
}

/// Formats a name as users would enter it, or in hex if its value is invalid.
fn typed_text(name: GeneralName<'_>) -> String {
    name.to_text().unwrap_or_else(|| name.to_string())
}

fn parse_error(what: &str, error: der::Error) -> Error {
    let sentence = format!("the request does not parse: {what}: {error}");
    Error::new(Status::Parse, sentence).with_source(error)
}

fn malformed(sentence: &str) -> Error {
    let sentence = format!("the request does not parse: {sentence}");
    Error::new(Status::Parse, sentence)
}

/// Verifies that the requester has the private key.
fn check_signature(document: &Signed<CertificationRequestInfo>, spki: &[u8]) -> Result<()> {
    let key = SubjectPublicKeyInfoRef::try_from(spki);
    let key = key.map_err(|error| malformed(&format!("its key: {error}")))?;
    let message = document.content.to_der();
    let message = message.map_err(|error| parse_error("its content", error))?;
    let signature = document.signature.as_bytes();
    let signature = signature.ok_or_else(|| malformed("its signature is not whole bytes"))?;
    let outcome = signature::verify(&key, &(&document.algorithm).into(), &message, signature);
    outcome.map_err(|rejected| match rejected {
        Rejected::Wrong => Error::new(
            Status::Parse,
            "the request's own signature is wrong: it is damaged, or the requester does not have \
             the private key",
        ),
        Rejected::Unsupported => Error::new(
            Status::Unsupported,
            format!(
                "the request has a key of type {} and is signed with {}, which is not supported, \
                 so its signature cannot be checked: use ECDSA on P-256, P-384 or P-521, Ed25519, \
                 Ed448, ML-DSA or RSA of 2048 to 8192 bits, with SHA-256 or better",
                describe::key_type(spki),
                describe::algorithm(&document.algorithm.oid)
            ),
        ),
    })
}

/// An Attribute (RFC 2986, section 4.1).
#[derive(Sequence)]
struct Attribute<'a> {
    oid: Oid,
    values: AnyRef<'a>,
}

/// The extensionRequest attribute, and Microsoft's identifier from before it was
/// standardized.
const EXTENSION_REQUESTS: [ObjectIdentifier; 2] = [
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.14"),
    ObjectIdentifier::new_unwrap("1.3.6.1.4.1.311.2.1.14"),
];

/// Returns the requested extensions.  Fails if there are two lists, or if an extension
/// occurs twice.
fn requested_extensions(attributes: Option<&Any>) -> Result<Vec<Extension>> {
    let Some(attributes) = attributes else {
        return Ok(Vec::new());
    };
    let expected = Tag::ContextSpecific {
        constructed: true,
        number: TagNumber(0),
    };
    if attributes.tag() != expected {
        return Err(malformed("what follows its key are not attributes"));
    }
    let attributes = elements::<Attribute<'_>>(attributes.value());
    let attributes = attributes.map_err(|error| parse_error("its attributes", error))?;
    let mut requests = attributes.iter().filter(|attribute| {
        EXTENSION_REQUESTS
            .iter()
            .any(|known| attribute.oid == *known)
    });
    let extensions = match (requests.next(), requests.next()) {
        (None, _) => return Ok(Vec::new()),
        (Some(only), None) if only.values.tag() == Tag::Set => {
            let lists = elements::<Vec<Extension>>(only.values.value());
            lists
                .map_err(|error| parse_error("its extensions", error))?
                .concat()
        }
        (Some(_), None) => return Err(malformed("its extensions are not in a SET")),
        (Some(_), Some(_)) => return Err(malformed("it has two lists of extensions")),
    };
    match first_duplicate(&extensions) {
        None => Ok(extensions),
        Some(Extension { oid, .. }) => {
            Err(malformed(&format!("it asks for the extension {oid} twice")))
        }
    }
}

/// Parses the elements of a SET, in any order.
fn elements<'a, T: Decode<'a, Error = der::Error>>(mut content: &'a [u8]) -> der::Result<Vec<T>> {
    let mut all = Vec::new();
    while !content.is_empty() {
        let (element, rest) = T::from_der_partial(content)?;
        all.push(element);
        content = rest;
    }
    Ok(all)
}

impl fmt::Debug for Csr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Csr({})", self.subject())
    }
}
