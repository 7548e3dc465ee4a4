//! One parsed certificate, and every field of it that a person asks for.

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

/// One X.509 certificate (RFC 5280).  Parsing it does not mean trusting it.
/// Cloning gives another reference.
#[derive(Clone)]
pub struct Certificate(Arc<Inner>);

struct Inner {
    der: Vec<u8>,
    raw: RawCertificate,
    /// Where it was in a "TRUSTED CERTIFICATE".
    settings: Option<TrustSettings>,
    /// Decoded when somebody asks: path validation does not.
    fields: OnceLock<CertificateFields>,
    sha256: OnceLock<String>,
    spki_sha256: OnceLock<String>,
    pem: OnceLock<String>,
    text: OnceLock<String>,
}

impl Certificate {
    /// Parses one certificate in DER, of any version.
    ///
    /// Only its structure has to be right.  A field or an extension that does not
    /// decode is shown as its bytes, and never permits anything: validity that does not
    /// decode is that of a certificate which is never valid.
    ///
    /// Fails with [`Status::Parse`], also where an extension that says what the
    /// certificate may be used for occurs twice (RFC 5280, section 4.2).
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

    /// The first certificate in a PEM text.
    pub fn from_pem(text: &[u8]) -> Result<Self> {
        Self::all_from_pem(text).map(|mut all| all.swap_remove(0))
    }

    /// Every certificate in a PEM text, in order: at least one.  Those of a PKCS#7 bundle
    /// are in the order of a chain, leaf first.
    ///
    /// Settings behind a "TRUSTED CERTIFICATE" of OpenSSL are kept: a root is trusted for
    /// those purposes alone that they allow.
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

    /// Every certificate in a PKCS#7 bundle (.p7b or .p7c, RFC 2315) in DER or BER, in the
    /// order of a chain, leaf first.  Nothing that the bundle is signed with is verified.
    pub fn all_from_pkcs7(bundle: &[u8]) -> Result<Vec<Self>> {
        let all = pkcs7::certificates(bundle)?.into_iter().enumerate();
        let read = |(index, der)| Self::from_der(der).map_err(|error| with_index(index, error));
        all.map(read).collect::<Result<_>>().map(chain::sort)
    }

    /// Every certificate in a PEM text, the one in DER, or those in a PKCS#7 bundle.
    pub fn all_from_bytes(content: &[u8]) -> Result<Vec<Self>> {
        match pem::is_der(content) {
            true if pkcs7::is_bundle(content) => Self::all_from_pkcs7(content),
            true => Self::from_der(content).map(|only| vec![only]),
            false => Self::all_from_pem(content),
        }
    }

    /// What OpenSSL's settings say that it is trusted for, where it came with some.
    pub(crate) fn trust_settings(&self) -> Option<&TrustSettings> {
        self.0.settings.as_ref()
    }

    /// The subject (RFC 4514), such as `"CN=alice,O=Example"`; in hex behind a `#`
    /// where it does not decode.
    pub fn subject(&self) -> &str {
        &self.fields().subject_text
    }

    /// The issuer (RFC 4514), like [`Self::subject`].
    pub fn issuer(&self) -> &str {
        &self.fields().issuer_text
    }

    /// The alternative names: hosts, addresses, e-mail addresses, URIs.  What no
    /// such name should have, such as a NUL or a comma, is in hex: `\\00`.
    pub fn names(&self) -> &[String] {
        &self.fields().names
    }

    /// Whether there is a subjectAltName extension at all, even one without
    /// any name that [`Self::names`] could show.
    pub fn has_alternative_names(&self) -> bool {
        self.extension(&ALTERNATIVE_NAMES).is_some()
    }

    /// The common names of the subject, in order.  What does not show, such as a NUL, is
    /// in hex, and so is the backslash: `\\00`.
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

    /// The common name of the subject, as in [`Self::common_names`]; `None` if it has none
    /// or several, since programs differ in which of them counts.
    pub fn common_name(&self) -> Option<String> {
        let subject = self.fields().subject.as_ref();
        let name = subject.and_then(DistinguishedName::only_common_name);
        name.map(|name| name_attribute::escape_value(&name))
    }

    /// The serial number in hex, with a minus in front where it is negative.
    pub fn serial(&self) -> &str {
        &self.fields().serial
    }

    /// When it starts to be valid, in seconds of the Unix epoch.  The end of the year
    /// 9999 where its validity does not decode.
    pub fn not_before(&self) -> i64 {
        self.fields().not_before
    }

    /// When it stops being valid, in seconds of the Unix epoch.  The start of the year 1
    /// where its validity does not decode.
    pub fn not_after(&self) -> i64 {
        self.fields().not_after
    }

    /// Whether it may issue certificates.
    pub fn is_ca(&self) -> bool {
        self.fields().constraints.ca
    }

    /// How many CAs may stand below this one; `None`: any number.
    pub fn path_len(&self) -> Option<u32> {
        self.fields().constraints.path_len
    }

    /// What the key may be used for, such as `"digitalSignature"`.  Empty when
    /// the certificate does not limit it, and when the extension permits nothing or does
    /// not decode.
    pub fn key_usage(&self) -> &[&'static str] {
        self.key_usage_if_limited().unwrap_or_default()
    }

    /// Whether it limits the usage of its key, and leaves `usage` out.
    pub(super) fn forbids(&self, usage: &str) -> bool {
        let usages = self.key_usage_if_limited();
        usages.is_some_and(|usages| !usages.contains(&usage))
    }

    /// What the certificate may be used for, such as `"serverAuth"`, or an
    /// object identifier in dots.  Empty when it does not limit it.  An extension that
    /// does not decode is one entry, its bytes in hex.
    pub fn extended_key_usage(&self) -> &[String] {
        &self.fields().extended_key_usage
    }

    /// The kind of its key, such as `"ecdsa-p256"` or `"rsa-2048"`.
    pub fn key_type(&self) -> &str {
        &self.fields().key_type
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
        Some(extensions::describe(&NAME_CONSTRAINTS.into(), value).1)
    }

    /// The algorithm that it is signed with, such as `"ecdsa-with-SHA256"`.
    pub fn signature_type(&self) -> &str {
        &self.fields().signature_type
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
        &self.der()[self.0.raw.spki.clone()]
    }

    /// The subject in DER, to be the issuer of other certificates.
    pub(super) fn subject_der(&self) -> Result<Vec<u8>> {
        Ok(self.subject_bytes().to_vec())
    }

    /// The name of its issuer, a SEQUENCE.
    pub(crate) fn issuer_der(&self) -> Result<Vec<u8>> {
        Ok(self.issuer_bytes().to_vec())
    }

    pub(super) fn subject_bytes(&self) -> &[u8] {
        &self.der()[self.0.raw.subject.clone()]
    }

    pub(super) fn issuer_bytes(&self) -> &[u8] {
        &self.der()[self.0.raw.issuer.clone()]
    }

    /// What it says that the key may be used for; `None` where the extension is not
    /// there.  One that does not decode permits nothing.
    pub(crate) fn key_usage_if_limited(&self) -> Option<&[&'static str]> {
        self.fields().key_usage.as_deref()
    }

    /// The fields and extensions that decide what it may be used for, and that do not
    /// decode, by the names of RFC 5280.
    pub(crate) fn undecodable(&self) -> &[&'static str] {
        &self.fields().undecodable
    }

    /// Its subject key identifier, where it has one.
    pub(super) fn key_id(&self) -> Option<&[u8]> {
        self.fields().key_id.as_deref()
    }

    /// Whether it is its own issuer, as far as its fields tell.
    pub(super) fn is_self_signed(&self) -> bool {
        self.subject_bytes() == self.issuer_bytes()
            && self
                .issuer_key_id()
                .is_none_or(|id| Some(id.as_slice()) == self.key_id())
    }

    /// Whether `other` is another certificate that issued it, as far as names
    /// and key identifiers tell.
    pub(super) fn names_issuer(&self, other: &Self) -> bool {
        self != other
            && self.issuer_bytes() == other.subject_bytes()
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
        self.0.raw.extension(oid)
    }

    pub(super) fn raw(&self) -> &RawCertificate {
        &self.0.raw
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
        self.0.text.get_or_init(|| describe::certificate_text(self))
    }
}

impl Error {
    /// The certificates that were refused, as the peer sent them, its own first, up to the
    /// first that does not parse; empty for other errors.
    pub fn chain(&self) -> Vec<Certificate> {
        let parsed = |der: &CertificateDer<'_>| Certificate::from_der(der.to_vec()).ok();
        self.chain_der().iter().map_while(parsed).collect()
    }

    /// The same refusal with the certificates that it is about.
    pub(crate) fn with_certificates(self, chain: &[Certificate]) -> Self {
        let der = |one: &Certificate| CertificateDer::from(one.der().to_vec());
        self.with_chain(chain.iter().map(der).collect())
    }
}

/// Says which certificate of a text is bad.
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
