//! One parsed certificate, and every field of it that a person asks for.

use std::fmt;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use const_oid::ObjectIdentifier;
use der::asn1::{AnyRef, BitStringRef, OctetStringRef};
use der::{Decode, Encode, Sequence, Tag, Tagged};
use spki::SubjectPublicKeyInfoRef;

use super::document::{CertificateContent, Extension, Signed, repeated};
use super::file::{Access, Staged};
use super::name::GeneralName;
use super::subject::Subject;
use super::{describe, extensions, moment, pem};
use crate::{Error, Result, Status};

pub(super) const KEY_ID: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.14");
pub(super) const KEY_USAGE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.15");
pub(super) const ALTERNATIVE_NAMES: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.17");
pub(super) const BASIC_CONSTRAINTS: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.19");
pub(super) const NAME_CONSTRAINTS: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.30");
pub(super) const CRL_DISTRIBUTION: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.31");
pub(super) const ISSUER_KEY_ID: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.35");
pub(super) const AUTHORITY_INFORMATION: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.1.1");
const TIMESTAMPS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.11129.2.4.2");
pub(super) const EXTENDED_KEY_USAGE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.37");

/// One X.509 certificate (RFC 5280).  Parsing it does not mean trusting it.
/// Cloning gives another reference.
#[derive(Clone)]
pub struct Certificate(Arc<Inner>);

struct Inner {
    der: Vec<u8>,
    document: Signed<CertificateContent>,
    fields: Fields,
    sha256: OnceLock<String>,
    spki_sha256: OnceLock<String>,
    pem: OnceLock<String>,
    text: OnceLock<String>,
}

struct Fields {
    subject: Subject,
    subject_text: String,
    issuer: String,
    not_before: i64,
    not_after: i64,
    names: Vec<String>,
    has_alternative_names: bool,
    serial: String,
    constraints: BasicConstraints,
    key_usage: Option<Vec<&'static str>>,
    extended_key_usage: Vec<String>,
    key_id: Option<Vec<u8>>,
    key_type: String,
    signature_type: String,
    spki: Vec<u8>,
}

/// The extension (RFC 5280, section 4.2.1.9).
#[derive(Clone, Copy, Default, Sequence)]
pub(super) struct BasicConstraints {
    #[asn1(default = "Default::default")]
    pub(super) ca: bool,
    pub(super) path_len: Option<u32>,
}

impl Certificate {
    /// Parses one certificate in DER.
    pub fn from_der(der: impl Into<Vec<u8>>) -> Result<Self> {
        let der = der.into();
        let document = Signed::<CertificateContent>::from_der(&der)
            .map_err(|error| bad("its structure", error))?;
        let fields = Fields::of(&document)?;
        Ok(Self(Arc::new(Inner {
            der,
            document,
            fields,
            sha256: OnceLock::new(),
            spki_sha256: OnceLock::new(),
            pem: OnceLock::new(),
            text: OnceLock::new(),
        })))
    }

    /// The first certificate in a PEM text.
    pub fn from_pem(text: &[u8]) -> Result<Self> {
        Self::all_from_pem(text).map(|mut all| all.swap_remove(0))
    }

    /// Every certificate in a PEM text, in order: at least one.
    pub fn all_from_pem(text: &[u8]) -> Result<Vec<Self>> {
        pem::every(
            text,
            "certificate",
            pem::Section::is_certificate,
            |index, der| Self::from_der(der).map_err(|error| in_order(index, error)),
        )
    }

    /// Every certificate in a PEM text, or the one in DER.
    pub fn all_from_bytes(content: &[u8]) -> Result<Vec<Self>> {
        match pem::is_der(content) {
            true => Self::from_der(content).map(|only| vec![only]),
            false => Self::all_from_pem(content),
        }
    }

    /// The subject (RFC 4514), such as `"CN=alice,O=Example"`.
    pub fn subject(&self) -> &str {
        &self.0.fields.subject_text
    }

    /// The issuer (RFC 4514).
    pub fn issuer(&self) -> &str {
        &self.0.fields.issuer
    }

    /// The alternative names: hosts, addresses, e-mail addresses, URIs.  What no
    /// such name should have, such as a NUL or a comma, is in hex: `\\00`.
    pub fn names(&self) -> &[String] {
        &self.0.fields.names
    }

    /// Whether there is a subjectAltName extension at all, even one without
    /// any name that [`Self::names`] could show.
    pub fn has_alternative_names(&self) -> bool {
        self.0.fields.has_alternative_names
    }

    /// The common names of the subject, in order.
    pub fn common_names(&self) -> Vec<String> {
        self.0.fields.subject.common_names()
    }

    /// The serial number in hex.
    pub fn serial(&self) -> &str {
        &self.0.fields.serial
    }

    /// When it starts to be valid, in seconds of the Unix epoch.
    pub fn not_before(&self) -> i64 {
        self.0.fields.not_before
    }

    /// When it stops being valid, in seconds of the Unix epoch.
    pub fn not_after(&self) -> i64 {
        self.0.fields.not_after
    }

    /// Whether it may issue certificates.
    pub fn is_ca(&self) -> bool {
        self.0.fields.constraints.ca
    }

    /// How many CAs may stand below this one; `None`: any number.
    pub fn path_len(&self) -> Option<u32> {
        self.0.fields.constraints.path_len
    }

    /// What the key may be used for, such as `"digitalSignature"`.  Empty when
    /// the certificate does not limit it.
    pub fn key_usage(&self) -> &[&'static str] {
        self.0.fields.key_usage.as_deref().unwrap_or_default()
    }

    /// Whether it limits the usage of its key, and leaves `usage` out.
    pub(super) fn forbids(&self, usage: &str) -> bool {
        let usages = self.0.fields.key_usage.as_ref();
        usages.is_some_and(|usages| !usages.contains(&usage))
    }

    /// What the certificate may be used for, such as `"serverAuth"`, or an
    /// object identifier in dots.  Empty when it does not limit it.
    pub fn extended_key_usage(&self) -> &[String] {
        &self.0.fields.extended_key_usage
    }

    /// The kind of its key, such as `"ecdsa-p256"` or `"rsa-2048"`.
    pub fn key_type(&self) -> &str {
        &self.0.fields.key_type
    }

    /// How large its key is, in bits: the modulus of RSA, the field of a curve;
    /// for ML-DSA the length of the public key.  0 where that is not known.
    pub fn key_bits(&self) -> usize {
        describe::key_bits(self.spki_der())
    }

    /// Where CRLs that can revoke it are (RFC 5280, section 4.2.1.13), as URLs.
    pub fn crl_urls(&self) -> Vec<String> {
        let value = self.extension(&CRL_DISTRIBUTION);
        value
            .and_then(|der| extensions::crl_urls(der).ok())
            .unwrap_or_default()
    }

    /// Who answers questions about its revocation by OCSP (RFC 5280, section
    /// 4.2.2.1), as URLs.
    pub fn ocsp_urls(&self) -> Vec<String> {
        self.access_urls("OCSP")
    }

    /// Where the certificate of its issuer is, as URLs.
    pub fn issuer_urls(&self) -> Vec<String> {
        self.access_urls("CA issuers")
    }

    fn access_urls(&self, method: &str) -> Vec<String> {
        let value = self.extension(&AUTHORITY_INFORMATION);
        let urls = value.and_then(|der| extensions::access_urls(der, method).ok());
        urls.unwrap_or_default()
    }

    /// How many certificate transparency logs have promised to list it: the
    /// signed certificate timestamps in it (RFC 6962, section 3.3).
    pub fn sct_count(&self) -> usize {
        let value = self.extension(&TIMESTAMPS);
        value
            .and_then(|der| extensions::timestamp_count(der).ok())
            .unwrap_or_default()
    }

    /// The names that a CA may issue certificates for, in words; `None` where
    /// they are not limited.
    pub fn name_constraints(&self) -> Option<String> {
        let value = self.extension(&NAME_CONSTRAINTS)?;
        Some(extensions::describe(&NAME_CONSTRAINTS, value).1)
    }

    /// The algorithm that it is signed with, such as `"ecdsa-with-SHA256"`.
    pub fn signature_type(&self) -> &str {
        &self.0.fields.signature_type
    }

    /// The SHA-256 of its DER, in hex.
    pub fn sha256(&self) -> &str {
        let sha256 = || describe::sha256(self.der());
        self.0.sha256.get_or_init(sha256)
    }

    /// The SHA-1 of its DER, in hex.  Some programs show it; it proves nothing.
    pub fn sha1(&self) -> String {
        describe::sha1(self.der())
    }

    /// The SHA-256 of its SubjectPublicKeyInfo, in hex: a pin.
    pub fn spki_sha256(&self) -> &str {
        let sha256 = || describe::sha256(self.spki_der());
        self.0.spki_sha256.get_or_init(sha256)
    }

    /// Its SubjectPublicKeyInfo in DER.
    pub fn spki_der(&self) -> &[u8] {
        &self.0.fields.spki
    }

    /// The subject in DER, to be the issuer of other certificates.
    pub(super) fn subject_der(&self) -> Result<Vec<u8>> {
        let subject = &self.0.document.content.subject;
        subject.to_der().map_err(|error| bad("its subject", error))
    }

    /// The name of its issuer, a SEQUENCE.
    pub(crate) fn issuer_der(&self) -> Result<Vec<u8>> {
        let issuer = &self.0.document.content.issuer;
        issuer.to_der().map_err(|error| bad("its issuer", error))
    }

    /// Its subject key identifier, where it has one.
    pub(super) fn key_id(&self) -> Option<&[u8]> {
        self.0.fields.key_id.as_deref()
    }

    /// Whether it is its own issuer, as far as its fields tell.
    pub(super) fn is_self_signed(&self) -> bool {
        let document = &self.0.document.content;
        let names_itself = document.subject == document.issuer;
        names_itself
            && self
                .issuer_key_id()
                .is_none_or(|id| Some(id.as_slice()) == self.key_id())
    }

    /// Whether `other` is another certificate that issued it, as far as names
    /// and key identifiers tell.
    pub(super) fn names_issuer(&self, other: &Self) -> bool {
        self != other
            && self.0.document.content.issuer == other.0.document.content.subject
            && match (self.issuer_key_id(), other.key_id()) {
                (Some(said), Some(id)) => said == id,
                _ => true,
            }
    }

    /// The key that signed it, where it says so.
    fn issuer_key_id(&self) -> Option<Vec<u8>> {
        extensions::issuer_key_id(self.extension(&ISSUER_KEY_ID)?).ok()?
    }

    /// What the extension with this identifier holds.
    pub(super) fn extension(&self, oid: &ObjectIdentifier) -> Option<&[u8]> {
        find(&self.0.document, oid)
    }

    pub(super) fn document(&self) -> &Signed<CertificateContent> {
        &self.0.document
    }

    /// Its DER.
    pub fn der(&self) -> &[u8] {
        &self.0.der
    }

    /// Its PEM.
    pub fn pem(&self) -> &str {
        self.0.pem.get_or_init(|| {
            let mut encoded = pem::encode("CERTIFICATE", &self.0.der);
            std::mem::take(&mut *encoded)
        })
    }

    /// Writes it as PEM, with mode 0644, as a whole or not at all.
    pub fn save(&self, path: &Path) -> Result<()> {
        Staged::new(path, self.pem().as_bytes(), Access::Everybody)?.commit()
    }

    /// Every field and extension on a page, for people.
    pub fn text(&self) -> &str {
        self.0.text.get_or_init(|| describe::certificate_page(self))
    }
}

impl Fields {
    fn of(document: &Signed<CertificateContent>) -> Result<Self> {
        let content = &document.content;
        check_extensions(content)?;
        let subject = parse_name(&content.subject).map_err(|error| bad("its subject", error))?;
        let issuer = parse_name(&content.issuer).map_err(|error| bad("its issuer", error))?;
        let time = |time| moment::parse(&AnyRef::from(time));
        let spki = content
            .spki
            .to_der()
            .map_err(|error| bad("its key", error))?;
        SubjectPublicKeyInfoRef::from_der(&spki).map_err(|error| bad("its key", error))?;
        content
            .serial
            .tag()
            .assert_eq(Tag::Integer)
            .map_err(|error| bad("its serial number", error))?;
        let names = extension(document, &ALTERNATIVE_NAMES, "names", |der| {
            let names = GeneralName::all(der)?.into_iter();
            Ok(names.filter_map(GeneralName::typed).collect())
        })?;
        Ok(Self {
            subject_text: subject.to_string(),
            subject,
            issuer: issuer.to_string(),
            not_before: time(&content.validity.not_before)
                .map_err(|error| bad("its start", error))?,
            not_after: time(&content.validity.not_after).map_err(|error| bad("its end", error))?,
            has_alternative_names: names.is_some(),
            names: names.unwrap_or_default(),
            serial: describe::serial(content.serial.value()),
            constraints: extension(document, &BASIC_CONSTRAINTS, "basic constraints", |der| {
                BasicConstraints::from_der(der)
            })?
            .unwrap_or_default(),
            key_usage: extension(document, &KEY_USAGE, "key usage", key_usage)?,
            extended_key_usage: extension(
                document,
                &EXTENDED_KEY_USAGE,
                "extended key usage",
                describe::purposes,
            )?
            .unwrap_or_default(),
            key_id: extension(document, &KEY_ID, "key identifier", |der| {
                Ok(<&OctetStringRef>::from_der(der)?.as_bytes().to_vec())
            })?,
            key_type: describe::key_type(&spki),
            signature_type: describe::algorithm(&document.algorithm.oid),
            spki,
        })
    }
}

fn bad(what: &str, error: der::Error) -> Error {
    let sentence = format!("the certificate does not parse: {what}: {error}");
    Error::new(Status::Parse, sentence).with_source(error)
}

/// Says which certificate of a text is bad.
fn in_order(before: usize, error: Error) -> Error {
    let sentence = format!("certificate {}: {error}", before + 1);
    Error::new(error.status(), sentence).with_source(error)
}

fn parse_name(name: &der::asn1::Any) -> der::Result<Subject> {
    Subject::from_der(&name.to_der()?)
}

/// No extension may occur twice.
fn check_extensions(content: &CertificateContent) -> Result<()> {
    match repeated(content.extensions.as_deref().unwrap_or_default()) {
        None => Ok(()),
        Some(Extension { oid, .. }) => Err(Error::new(
            Status::Parse,
            format!("the certificate does not parse: it has the extension {oid} twice"),
        )),
    }
}

fn find<'a>(document: &'a Signed<CertificateContent>, oid: &ObjectIdentifier) -> Option<&'a [u8]> {
    let mut all = document.content.extensions.iter().flatten();
    let found = all.find(|extension| extension.oid == *oid)?;
    Some(found.value.as_bytes())
}

/// What an extension says, where it is there.
fn extension<T>(
    document: &Signed<CertificateContent>,
    oid: &ObjectIdentifier,
    what: &str,
    read: impl Fn(&[u8]) -> der::Result<T>,
) -> Result<Option<T>> {
    let value = find(document, oid).map(read).transpose();
    value.map_err(|error| bad(&format!("its {what}"), error))
}

/// The names of RFC 5280, section 4.2.1.3, in the order of their bits.
pub(super) const KEY_USAGES: [&str; 9] = [
    "digitalSignature",
    "nonRepudiation",
    "keyEncipherment",
    "dataEncipherment",
    "keyAgreement",
    "keyCertSign",
    "cRLSign",
    "encipherOnly",
    "decipherOnly",
];

pub(super) fn key_usage(der: &[u8]) -> der::Result<Vec<&'static str>> {
    let bits = BitStringRef::from_der(der)?;
    let set = KEY_USAGES.iter().zip(bits.bits()).filter(|(_, bit)| *bit);
    Ok(set.map(|(name, _)| *name).collect())
}

impl PartialEq for Certificate {
    fn eq(&self, other: &Self) -> bool {
        self.der() == other.der()
    }
}

impl Eq for Certificate {}

impl std::hash::Hash for Certificate {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.der().hash(state);
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Certificate({})", self.subject())
    }
}
