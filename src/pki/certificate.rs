//! A parsed certificate with accessors for all of its fields.

use std::fmt;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use const_oid::ObjectIdentifier;
use rustls_pki_types::CertificateDer;

use super::certificate_fields::CertificateFields;
pub(super) use super::certificate_fields::{BasicConstraints, key_usage};
use super::distinguished_name::DistinguishedName;
use super::document_type::{self, DocumentType};
use super::file::{Access, Staged};
use super::raw_certificate::RawCertificate;
use super::trust_settings::{self, TrustSettings};
use super::{chain, describe, extensions, name_attribute, pem, pkcs7};
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

/// An X.509 certificate (RFC 5280).  Parsing it does not mean trusting it.  A clone refers
/// to the same certificate.
#[derive(Clone)]
pub struct Certificate(Arc<Inner>);

struct Inner {
    der: Vec<u8>,
    raw: RawCertificate,
    /// The trust settings of a "TRUSTED CERTIFICATE".
    settings: Option<TrustSettings>,
    /// Decoded on first use; path validation does not need them.
    fields: OnceLock<CertificateFields>,
    sha256: OnceLock<String>,
    spki_sha256: OnceLock<String>,
    pem: OnceLock<String>,
    text: OnceLock<String>,
}

impl Certificate {
    /// Parses one DER certificate of any version.
    ///
    /// Only its structure must be valid.  A field or extension that does not decode is
    /// returned as raw bytes and never permits anything.  A certificate whose validity does
    /// not decode is never valid.
    ///
    /// Fails with [`Status::Parse`], also if an extension that decides what the certificate
    /// may be used for occurs twice (RFC 5280, section 4.2).
    pub fn from_der(der: impl Into<Vec<u8>>) -> Result<Self> {
        Self::with_settings(der.into(), None)
    }

    fn with_settings(der: Vec<u8>, settings: Option<TrustSettings>) -> Result<Self> {
        let raw = RawCertificate::of(&der).map_err(|what| {
            let sentence = format!("the certificate does not parse: {what}");
            let error = Error::new(Status::Parse, sentence);
            document_type::mismatch_or(&der, DocumentType::Certificate, error)
        })?;
        Ok(Self(Arc::new(Inner {
            der,
            raw,
            settings,
            fields: OnceLock::new(),
            sha256: OnceLock::new(),
            spki_sha256: OnceLock::new(),
            pem: OnceLock::new(),
            text: OnceLock::new(),
        })))
    }

    fn fields(&self) -> &CertificateFields {
        let decode = || CertificateFields::of(&self.0.der, &self.0.raw);
        self.0.fields.get_or_init(decode)
    }

    /// Parses the first certificate in a PEM text.
    pub fn from_pem(text: &[u8]) -> Result<Self> {
        Self::all_from_pem(text).map(|mut all| all.swap_remove(0))
    }

    /// Parses every certificate in a PEM text, in order: at least one.  Those of a PKCS#7
    /// bundle are sorted into a chain, leaf first.
    ///
    /// The trust settings of an OpenSSL "TRUSTED CERTIFICATE" are kept: as a root, it is
    /// trusted only for the purposes that they allow.
    pub fn all_from_pem(text: &[u8]) -> Result<Vec<Self>> {
        let mut all = Vec::new();
        for section in pem::sections(text) {
            let section = section?;
            match section.kind() {
                Some(DocumentType::Certificate) => {
                    let read = Self::of_section(&section);
                    all.push(read.map_err(|error| with_index(all.len(), error))?);
                }
                Some(DocumentType::Pkcs7) => all.extend(Self::all_from_pkcs7(&section.decode()?)?),
                _ => {}
            }
        }
        if all.is_empty() {
            return Err(pem::missing(DocumentType::Certificate, text));
        }
        Ok(all)
    }

    fn of_section(section: &pem::Section<'_>) -> Result<Self> {
        let mut der = section.decode()?;
        if !section.may_have_settings() {
            return Self::from_der(std::mem::take(&mut *der));
        }
        let (certificate, settings) = trust_settings::split(&der)?;
        Self::with_settings(certificate.to_vec(), Some(settings))
    }

    /// Parses every certificate in a PKCS#7 bundle (.p7b or .p7c, RFC 2315), DER or BER,
    /// sorted into a chain, leaf first.  Signatures of the bundle are not verified.
    pub fn all_from_pkcs7(bundle: &[u8]) -> Result<Vec<Self>> {
        let all = pkcs7::certificates(bundle)?.into_iter().enumerate();
        let read = |(index, der)| Self::from_der(der).map_err(|error| with_index(index, error));
        all.map(read).collect::<Result<_>>().map(chain::sort)
    }

    /// Parses every certificate in a PEM text, the one in DER, or those in a PKCS#7 bundle.
    pub fn all_from_bytes(content: &[u8]) -> Result<Vec<Self>> {
        match pem::is_der(content) {
            true if pkcs7::is_bundle(content) => Self::all_from_pkcs7(content),
            true => Self::from_der(content).map(|only| vec![only]),
            false => Self::all_from_pem(content),
        }
    }

    /// Returns its OpenSSL trust settings, if it has any.
    pub(crate) fn trust_settings(&self) -> Option<&TrustSettings> {
        self.0.settings.as_ref()
    }

    /// Returns the subject (RFC 4514), such as `"CN=alice,O=Example"`; `#` and hex if it
    /// does not decode.
    pub fn subject(&self) -> &str {
        &self.fields().subject_text
    }

    /// Returns the issuer (RFC 4514), like [`Self::subject`].
    pub fn issuer(&self) -> &str {
        &self.fields().issuer_text
    }

    /// Returns the alternative names: hosts, addresses, e-mail addresses, URIs.  Characters
    /// that such a name must not have, such as a NUL or a comma, are in hex: `\\00`.
    pub fn names(&self) -> &[String] {
        &self.fields().names
    }

    /// Returns whether there is a subjectAltName extension, even one without a name that
    /// [`Self::names`] returns.
    pub fn has_alternative_names(&self) -> bool {
        self.extension(&ALTERNATIVE_NAMES).is_some()
    }

    /// Returns the common names of the subject, in order.  Invisible characters, such as a
    /// NUL, and the backslash are in hex: `\\00`.
    pub fn common_names(&self) -> Vec<String> {
        let subject = self.fields().subject.as_ref();
        let names = subject
            .map(DistinguishedName::common_names)
            .unwrap_or_default();
        names
            .iter()
            .map(|name| name_attribute::escape_value(name))
            .collect()
    }

    /// Returns the common name of the subject, as in [`Self::common_names`]; `None` if
    /// there is none or several, since programs differ in which one they use.
    pub fn common_name(&self) -> Option<String> {
        let subject = self.fields().subject.as_ref();
        let name = subject.and_then(DistinguishedName::only_common_name);
        name.map(|name| name_attribute::escape_value(&name))
    }

    /// Returns the serial number in hex, with a minus if it is negative.
    pub fn serial(&self) -> &str {
        &self.fields().serial
    }

    /// Returns the start of its validity period, in seconds since the Unix epoch.  Returns
    /// the end of the year 9999 if the validity does not decode.
    pub fn not_before(&self) -> i64 {
        self.fields().not_before
    }

    /// Returns the end of its validity period, in seconds since the Unix epoch.  Returns
    /// the start of the year 1 if the validity does not decode.
    pub fn not_after(&self) -> i64 {
        self.fields().not_after
    }

    /// Returns whether it is a CA certificate.
    pub fn is_ca(&self) -> bool {
        self.fields().constraints.ca
    }

    /// Returns the maximum number of CAs below this one; `None` if unlimited.
    pub fn path_len(&self) -> Option<u32> {
        self.fields().constraints.path_len
    }

    /// Returns its key usage, such as `"digitalSignature"`.  Empty if there is no key usage
    /// extension, or if it permits nothing or does not decode.
    pub fn key_usage(&self) -> &[&'static str] {
        self.key_usage_if_limited().unwrap_or_default()
    }

    /// Returns whether it has a key usage extension that lacks `usage`.
    pub(super) fn forbids(&self, usage: &str) -> bool {
        let usages = self.key_usage_if_limited();
        usages.is_some_and(|usages| !usages.contains(&usage))
    }

    /// Returns its extended key usage, such as `"serverAuth"` or a dotted object
    /// identifier.  Empty if there is no such extension.  One that does not decode is a
    /// single entry, its bytes in hex.
    pub fn extended_key_usage(&self) -> &[String] {
        &self.fields().extended_key_usage
    }

    /// Returns the type of its key, such as `"ecdsa-p256"` or `"rsa-2048"`.
    pub fn key_type(&self) -> &str {
        &self.fields().key_type
    }

    /// Returns the size of its key in bits: of the modulus for RSA, of the field for
    /// curves, of the whole public key for ML-DSA. 0 if unknown.
    pub fn key_bits(&self) -> usize {
        describe::key_bits(self.spki_der())
    }

    /// Returns the URLs of the CRLs that can revoke it (RFC 5280, section 4.2.1.13).
    pub fn crl_urls(&self) -> Vec<String> {
        let value = self.extension(&CRL_DISTRIBUTION);
        value
            .and_then(|der| extensions::crl_urls(der).ok())
            .unwrap_or_default()
    }

    /// Returns the URLs of its OCSP responders (RFC 5280, section 4.2.2.1).
    pub fn ocsp_urls(&self) -> Vec<String> {
        self.access_urls("OCSP")
    }

    /// Returns the URLs of its issuer's certificate.
    pub fn issuer_urls(&self) -> Vec<String> {
        self.access_urls("CA issuers")
    }

    fn access_urls(&self, method: &str) -> Vec<String> {
        let value = self.extension(&AUTHORITY_INFORMATION);
        let urls = value.and_then(|der| extensions::access_urls(der, method).ok());
        urls.unwrap_or_default()
    }

    /// Returns the number of its signed certificate timestamps, from certificate
    /// transparency logs (RFC 6962, section 3.3).
    pub fn sct_count(&self) -> usize {
        let value = self.extension(&TIMESTAMPS);
        value
            .and_then(|der| extensions::timestamp_count(der).ok())
            .unwrap_or_default()
    }

    /// Describes the names that the CA may issue certificates for; `None` if they are not
    /// constrained.
    pub fn name_constraints(&self) -> Option<String> {
        let value = self.extension(&NAME_CONSTRAINTS)?;
        Some(extensions::describe(&NAME_CONSTRAINTS.into(), value).1)
    }

    /// Returns its signature algorithm, such as `"ecdsa-with-SHA256"`.
    pub fn signature_type(&self) -> &str {
        &self.fields().signature_type
    }

    /// Returns the SHA-256 hash of its DER, in hex.
    pub fn sha256(&self) -> &str {
        let sha256 = || describe::sha256(self.der());
        self.0.sha256.get_or_init(sha256)
    }

    /// Returns the SHA-1 hash of its DER, in hex.  Some programs display it; it is not
    /// secure.
    pub fn sha1(&self) -> String {
        describe::sha1(self.der())
    }

    /// Returns the SHA-256 hash of its SubjectPublicKeyInfo, in hex: a pin.
    pub fn spki_sha256(&self) -> &str {
        let sha256 = || describe::sha256(self.spki_der());
        self.0.spki_sha256.get_or_init(sha256)
    }

    /// Returns its SubjectPublicKeyInfo in DER.
    pub fn spki_der(&self) -> &[u8] {
        &self.der()[self.0.raw.spki.clone()]
    }

    /// Returns the subject in DER, for use as the issuer of other certificates.
    pub(super) fn subject_der(&self) -> Result<Vec<u8>> {
        Ok(self.subject_bytes().to_vec())
    }

    /// Returns the issuer in DER, a SEQUENCE.
    pub(crate) fn issuer_der(&self) -> Result<Vec<u8>> {
        Ok(self.issuer_bytes().to_vec())
    }

    pub(super) fn subject_bytes(&self) -> &[u8] {
        &self.der()[self.0.raw.subject.clone()]
    }

    pub(super) fn issuer_bytes(&self) -> &[u8] {
        &self.der()[self.0.raw.issuer.clone()]
    }

    /// Returns its key usage; `None` without the extension.  One that does not decode
    /// permits nothing.
    pub(crate) fn key_usage_if_limited(&self) -> Option<&[&'static str]> {
        self.fields().key_usage.as_deref()
    }

    /// Returns the fields and extensions that do not decode, of those that decide what it
    /// may be used for.  They have the names of RFC 5280.
    pub(crate) fn undecodable(&self) -> &[&'static str] {
        &self.fields().undecodable
    }

    /// Returns its subject key identifier, if it has one.
    pub(super) fn key_id(&self) -> Option<&[u8]> {
        self.fields().key_id.as_deref()
    }

    /// Returns whether its issuer is its own subject, and the issuer's key identifier, if
    /// present, its own.  The signature is not verified.
    pub(super) fn looks_self_signed(&self) -> bool {
        self.subject_bytes() == self.issuer_bytes()
            && self
                .issuer_key_id()
                .is_none_or(|id| Some(id.as_slice()) == self.key_id())
    }

    /// Returns whether `other` is another certificate with the name and key identifier of
    /// its issuer.
    pub(super) fn names_issuer(&self, other: &Self) -> bool {
        self != other
            && self.issuer_bytes() == other.subject_bytes()
            && match (self.issuer_key_id(), other.key_id()) {
                (Some(stated), Some(id)) => stated == id,
                _ => true,
            }
    }

    /// Returns the key identifier of its issuer, if it has one.
    fn issuer_key_id(&self) -> Option<Vec<u8>> {
        extensions::issuer_key_id(self.extension(&ISSUER_KEY_ID)?).ok()?
    }

    /// Returns the value of the extension with this identifier.
    pub(super) fn extension(&self, oid: &ObjectIdentifier) -> Option<&[u8]> {
        self.0.raw.extension(oid)
    }

    pub(super) fn raw(&self) -> &RawCertificate {
        &self.0.raw
    }

    /// Returns its DER.
    pub fn der(&self) -> &[u8] {
        &self.0.der
    }

    /// Returns its PEM.
    pub fn pem(&self) -> &str {
        self.0.pem.get_or_init(|| {
            let mut encoded = pem::encode("CERTIFICATE", &self.0.der);
            std::mem::take(&mut *encoded)
        })
    }

    /// Writes it as PEM with mode 0644, atomically.
    pub fn save(&self, path: &Path) -> Result<()> {
        Staged::new(path, self.pem().as_bytes(), Access::Everybody)?.commit()
    }

    /// Returns a human-readable listing of every field and extension.
    pub fn text(&self) -> &str {
        self.0.text.get_or_init(|| describe::certificate_text(self))
    }
}

impl Error {
    /// Returns the certificates that were rejected, as the peer presented them, its own
    /// first, up to the first that does not parse.  Empty for other errors.
    pub fn chain(&self) -> Vec<Certificate> {
        let parsed = |der: &CertificateDer<'_>| Certificate::from_der(der.to_vec()).ok();
        self.chain_der().iter().map_while(parsed).collect()
    }

    /// Returns the same error with the certificates that were rejected.
    pub(crate) fn with_certificates(self, chain: &[Certificate]) -> Self {
        let der = |one: &Certificate| CertificateDer::from(one.der().to_vec());
        self.with_chain(chain.iter().map(der).collect())
    }
}

/// Prefixes an error with the position of the certificate in a text.
fn with_index(before: usize, error: Error) -> Error {
    let sentence = format!("certificate {}: {error}", before + 1);
    Error::new(error.status(), sentence).with_source(error)
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
