//! One parsed certificate, and every field of it that a person asks for.

use std::fmt;
use std::sync::{Arc, OnceLock};

use const_oid::db::rfc4519::COMMON_NAME;
use der::{Decode, Encode};
use rustls_pki_types::pem::SectionKind;
use x509_cert::certificate::{CertificateInner, Raw};
use x509_cert::ext::pkix::{
    BasicConstraints, ExtendedKeyUsage, KeyUsage, KeyUsages, SubjectAltName, SubjectKeyIdentifier,
};

use super::{describe, pem};
use crate::{Error, Result, Status};

/// What x509-cert parses: with the shapes of RFC 5280, but without its rules
/// about values, which old certificates break.
pub(super) type Parsed = CertificateInner<Raw>;

/// One X.509 certificate (RFC 5280).  Parsing it does not mean trusting it.
/// Cloning gives another reference.
#[derive(Clone)]
pub struct Certificate(Arc<Inner>);

struct Inner {
    der: Vec<u8>,
    parsed: Parsed,
    fields: Fields,
    pem: OnceLock<String>,
    text: OnceLock<String>,
}

struct Fields {
    subject: String,
    issuer: String,
    subject_der: Vec<u8>,
    spki: Vec<u8>,
    names: Vec<String>,
    has_alternative_names: bool,
    serial: String,
    basic_constraints: Option<BasicConstraints>,
    key_usage: Option<Vec<&'static str>>,
    extended_key_usage: Vec<String>,
    key_id: Option<Vec<u8>>,
    key_type: String,
    signature_type: String,
    sha256: String,
    spki_sha256: String,
}

impl Certificate {
    /// Parses one certificate in DER.
    pub fn from_der(der: impl Into<Vec<u8>>) -> Result<Self> {
        let der = der.into();
        let bad = |error: der::Error| {
            let sentence = format!("the certificate does not parse: {error}");
            Error::new(Status::Parse, sentence).with_source(error)
        };
        let parsed = Parsed::from_der(&der).map_err(bad)?;
        let fields = Fields::of(&parsed, &der).map_err(bad)?;
        Ok(Self(Arc::new(Inner {
            der,
            parsed,
            fields,
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
        let mut all = Vec::new();
        for section in pem::sections(text) {
            if let (SectionKind::Certificate, der) = section? {
                all.push(Self::from_der(der)?);
            }
        }
        if all.is_empty() {
            return Err(Error::new(
                Status::Parse,
                format!(
                    "there is no certificate in the PEM text of {} bytes",
                    text.len()
                ),
            ));
        }
        Ok(all)
    }

    /// The subject (RFC 4514), such as `"CN=alice,O=Example"`.
    pub fn subject(&self) -> &str {
        &self.0.fields.subject
    }

    /// The issuer (RFC 4514).
    pub fn issuer(&self) -> &str {
        &self.0.fields.issuer
    }

    /// The alternative names: hosts, addresses, e-mail addresses, URIs.
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
        let attributes = self.0.parsed.tbs_certificate().subject().iter();
        attributes
            .filter(|attribute| attribute.oid == COMMON_NAME)
            .map(|attribute| String::from_utf8_lossy(attribute.value.value()).into_owned())
            .collect()
    }

    /// The serial number in hex.
    pub fn serial(&self) -> &str {
        &self.0.fields.serial
    }

    /// When it starts to be valid, in seconds of the Unix epoch.
    pub fn not_before(&self) -> i64 {
        describe::seconds(self.0.parsed.tbs_certificate().validity().not_before)
    }

    /// When it stops being valid, in seconds of the Unix epoch.
    pub fn not_after(&self) -> i64 {
        describe::seconds(self.0.parsed.tbs_certificate().validity().not_after)
    }

    /// Whether it may issue certificates.
    pub fn is_ca(&self) -> bool {
        self.0
            .fields
            .basic_constraints
            .as_ref()
            .is_some_and(|constraints| constraints.ca)
    }

    /// How many CAs may stand below this one; `None`: any number.
    pub fn path_len(&self) -> Option<u32> {
        let constraints = self.0.fields.basic_constraints.as_ref();
        constraints
            .and_then(|constraints| constraints.path_len_constraint)
            .map(u32::from)
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

    /// The algorithm that it is signed with, such as `"ecdsa-with-SHA256"`.
    pub fn signature_type(&self) -> &str {
        &self.0.fields.signature_type
    }

    /// The SHA-256 of its DER, in hex.
    pub fn sha256(&self) -> &str {
        &self.0.fields.sha256
    }

    /// The SHA-256 of its SubjectPublicKeyInfo, in hex: a pin.
    pub fn spki_sha256(&self) -> &str {
        &self.0.fields.spki_sha256
    }

    /// Its SubjectPublicKeyInfo in DER.
    pub fn spki_der(&self) -> &[u8] {
        &self.0.fields.spki
    }

    /// The subject in DER, to be the issuer of other certificates.
    pub(super) fn subject_der(&self) -> &[u8] {
        &self.0.fields.subject_der
    }

    /// Its subject key identifier, where it has one.
    pub(super) fn key_id(&self) -> Option<&[u8]> {
        self.0.fields.key_id.as_deref()
    }

    pub(super) fn is_self_issued(&self) -> bool {
        let parsed = self.0.parsed.tbs_certificate();
        parsed.subject() == parsed.issuer()
    }

    pub(super) fn parsed(&self) -> &Parsed {
        &self.0.parsed
    }

    /// Its DER.
    pub fn der(&self) -> &[u8] {
        &self.0.der
    }

    /// Its PEM.
    pub fn pem(&self) -> &str {
        self.0.pem.get_or_init(|| {
            // Bytes that parsed, and a label: PEM of them cannot fail.
            let encoded = pem::encode("CERTIFICATE", &self.0.der).unwrap_or_default();
            (*encoded).clone()
        })
    }

    /// Every field and extension on a page, for people.
    pub fn text(&self) -> &str {
        self.0.text.get_or_init(|| describe::page(self))
    }
}

impl Fields {
    fn of(parsed: &Parsed, der: &[u8]) -> der::Result<Self> {
        let tbs = parsed.tbs_certificate();
        let spki = tbs.subject_public_key_info().to_der()?;
        let alternative = tbs.get_extension::<SubjectAltName>()?;
        let key_usage = tbs.get_extension::<KeyUsage>()?;
        let extended = tbs.get_extension::<ExtendedKeyUsage>()?;
        let key_id = tbs.get_extension::<SubjectKeyIdentifier>()?;
        Ok(Self {
            subject: tbs.subject().to_string(),
            issuer: tbs.issuer().to_string(),
            subject_der: tbs.subject().to_der()?,
            names: alternative
                .iter()
                .flat_map(|(_, names)| &names.0)
                .filter_map(describe::alternative_name)
                .collect(),
            has_alternative_names: alternative.is_some(),
            serial: describe::hex(tbs.serial_number().as_bytes()),
            basic_constraints: tbs.get_extension()?.map(|(_, constraints)| constraints),
            key_usage: key_usage.map(|(_, usage)| usage.0.into_iter().map(usage_name).collect()),
            extended_key_usage: extended
                .iter()
                .flat_map(|(_, usages)| &usages.0)
                .map(describe::usage)
                .collect(),
            key_id: key_id.map(|(_, id)| id.0.as_bytes().to_vec()),
            key_type: describe::key_type(&spki),
            signature_type: describe::algorithm(&parsed.signature_algorithm().oid),
            sha256: describe::sha256(der),
            spki_sha256: describe::sha256(&spki),
            spki,
        })
    }
}

/// The names of RFC 5280, section 4.2.1.3.
fn usage_name(usage: KeyUsages) -> &'static str {
    match usage {
        KeyUsages::DigitalSignature => "digitalSignature",
        KeyUsages::NonRepudiation => "nonRepudiation",
        KeyUsages::KeyEncipherment => "keyEncipherment",
        KeyUsages::DataEncipherment => "dataEncipherment",
        KeyUsages::KeyAgreement => "keyAgreement",
        KeyUsages::KeyCertSign => "keyCertSign",
        KeyUsages::CRLSign => "cRLSign",
        KeyUsages::EncipherOnly => "encipherOnly",
        KeyUsages::DecipherOnly => "decipherOnly",
    }
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
