//! A borrowed view of a certificate with what path validation needs.
//!
//! [`Certificate`](super::Certificate) has all fields for users.  This one is made in every
//! handshake and costs one allocation.

use der::{Decode, Tag};

use super::certificate_fields::{BasicConstraints, key_usage};
use super::describe;
use super::distinguished_name::DistinguishedName;
use super::general_name::GeneralName;
use super::tlv::{
    BIT_STRING, BOOLEAN, Element, Elements, INTEGER, OBJECT_IDENTIFIER, OCTET_STRING, SEQUENCE,
    context, only,
};
use super::x509_time;

/// The fields of an X.509 certificate (RFC 5280, section 4.1), borrowed from its DER.
/// Names, keys and algorithms are whole DER elements.
pub(crate) struct CertificateRef<'a> {
    pub(crate) der: &'a [u8],
    pub(crate) tbs: &'a [u8],
    /// 1, 2 or 3.
    pub(crate) version: u8,
    /// The signature algorithm in the TBSCertificate, and the one next to the signature.
    pub(crate) algorithms: [&'a [u8]; 2],
    pub(crate) signature: &'a [u8],
    /// The content octets of the INTEGER.
    pub(crate) serial: &'a [u8],
    pub(crate) issuer: &'a [u8],
    pub(crate) subject: &'a [u8],
    /// Seconds since the Unix epoch.
    pub(crate) not_before: i64,
    pub(crate) not_after: i64,
    pub(crate) spki: &'a [u8],
    pub(crate) has_unique_ids: bool,
    pub(crate) extensions: Vec<Extension<'a>>,
    /// The TBSCertificate up to the end of the public key, before the optional fields.
    pub(crate) fixed: &'a [u8],
}

/// One extension (RFC 5280, section 4.1.2.9).
#[derive(Clone, Copy)]
pub(crate) struct Extension<'a> {
    /// The content octets of the OBJECT IDENTIFIER.
    pub(crate) oid: &'a [u8],
    pub(crate) critical: bool,
    /// The content octets of the OCTET STRING.
    pub(crate) value: &'a [u8],
    /// The whole DER element.
    pub(crate) der: &'a [u8],
}

/// Identifiers of extensions, as content octets of OBJECT IDENTIFIERs.
pub(crate) mod oid {
    macro_rules! id_ce {
        ($($name:ident = $arc:literal),+ $(,)?) => {
            $(pub(crate) const $name: &[u8] = &[0x55, 0x1d, $arc];)+
        };
    }
    id_ce! {
        SUBJECT_KEY_ID = 14,
        KEY_USAGE = 15,
        SUBJECT_ALT_NAME = 17,
        BASIC_CONSTRAINTS = 19,
        NAME_CONSTRAINTS = 30,
        CRL_DISTRIBUTION_POINTS = 31,
        CERTIFICATE_POLICIES = 32,
        POLICY_MAPPINGS = 33,
        AUTHORITY_KEY_ID = 35,
        POLICY_CONSTRAINTS = 36,
        EXTENDED_KEY_USAGE = 37,
        INHIBIT_ANY_POLICY = 54,
    }
}

/// A subject public key (RFC 5280, section 4.1.2.7).
pub(crate) struct PublicKey<'a> {
    /// The content octets of the algorithm's OBJECT IDENTIFIER.
    pub(crate) algorithm: &'a [u8],
    /// The parameters, a whole DER element.
    pub(crate) parameters: Option<&'a [u8]>,
    /// The content of the BIT STRING.
    pub(crate) key: &'a [u8],
}

impl<'a> CertificateRef<'a> {
    pub(crate) fn from_der(der: &'a [u8]) -> der::Result<Self> {
        Self::read(der).ok_or_else(|| Tag::Sequence.value_error().into())
    }

    fn read(der: &'a [u8]) -> Option<Self> {
        let (tbs, outer_algorithm, signature) = split_signed(der)?;
        let content = only(tbs, SEQUENCE)?.content;
        let mut fields = Elements(content);
        let version = match fields.inside(context(0)) {
            Some(mut number) => match number.take(INTEGER)?.content {
                [number @ 0..0x80] => number + 1,
                _ => return None,
            },
            None => 1,
        };
        let serial = fields.take(INTEGER)?.content;
        let inner_algorithm = fields.take(SEQUENCE)?.whole;
        let issuer = fields.take(SEQUENCE)?.whole;
        let mut validity = fields.inside(SEQUENCE)?;
        let mut time = || {
            let time = validity.any()?;
            x509_time::read(time.tag, time.content)
        };
        let (not_before, not_after) = (time()?, time()?);
        validity.end()?;
        let subject = fields.take(SEQUENCE)?.whole;
        let spki = fields.take(SEQUENCE)?.whole;
        let fixed = &content[..content.len() - fields.0.len()];

        let mut has_unique_ids = false;
        for number in [1, 2] {
            let tag = context(number);
            let id = fields.take(tag & !0x20).or_else(|| fields.take(tag));
            has_unique_ids |= id.is_some();
        }
        let extensions = match fields.inside(context(3)) {
            Some(list) => Extension::all(list)?,
            None => Vec::new(),
        };
        fields.end()?;
        Some(Self {
            der,
            tbs,
            version,
            algorithms: [inner_algorithm, outer_algorithm],
            signature,
            serial,
            issuer,
            subject,
            not_before,
            not_after,
            spki,
            has_unique_ids,
            extensions,
            fixed,
        })
    }

    pub(crate) fn extension(&self, oid: &[u8]) -> Option<&Extension<'a>> {
        self.extensions
            .iter()
            .find(|extension| extension.oid == oid)
    }

    /// Returns whether an extension occurs twice, which RFC 5280, section 4.2, forbids:
    /// different readers would use different ones.
    pub(crate) fn has_duplicate_extension(&self) -> bool {
        let mut seen = self.extensions.iter().enumerate();
        seen.any(|(index, one)| {
            self.extensions[..index]
                .iter()
                .any(|earlier| earlier.oid == one.oid)
        })
    }

    /// Returns whether subject and issuer are the same name (RFC 5280, section 3.2).
    pub(crate) fn is_self_issued(&self) -> bool {
        self.subject == self.issuer
    }

    /// Returns cA and the path length; `None` without the extension.
    pub(crate) fn basic_constraints(&self) -> der::Result<Option<(bool, Option<u32>)>> {
        let value = |extension: &Extension<'a>| BasicConstraints::from_der(extension.value);
        let constraints = self.extension(oid::BASIC_CONSTRAINTS).map(value);
        Ok(constraints.transpose()?.map(|one| (one.ca, one.path_len)))
    }

    /// Returns whether the key usage includes `usage`, such as `"keyCertSign"`, or is
    /// absent (RFC 5280, section 4.2.1.3).
    pub(crate) fn allows_key_usage(&self, usage: &str) -> der::Result<bool> {
        match self.extension(oid::KEY_USAGE) {
            Some(extension) => Ok(key_usage(extension.value)?.contains(&usage)),
            None => Ok(true),
        }
    }

    /// Returns the key purposes, each as the content octets of an OBJECT IDENTIFIER; `None`
    /// without the extension (RFC 5280, section 4.2.1.12).
    pub(crate) fn key_purposes(&self) -> der::Result<Option<Vec<&'a [u8]>>> {
        let Some(extension) = self.extension(oid::EXTENDED_KEY_USAGE) else {
            return Ok(None);
        };
        let purposes = only(extension.value, SEQUENCE).and_then(|list| {
            let purposes = Elements(list.content).all()?.into_iter();
            let purpose = |one: Element<'a>| (one.tag == OBJECT_IDENTIFIER).then_some(one.content);
            purposes.map(purpose).collect::<Option<_>>()
        });
        let malformed = || Tag::ObjectIdentifier.value_error().into();
        purposes.map(Some).ok_or_else(malformed)
    }

    /// Returns the subject alternative names; `None` without the extension.
    pub(crate) fn alternative_names(&self) -> der::Result<Option<Vec<GeneralName<'a>>>> {
        let names =
            |extension: &Extension<'a>| -> der::Result<_> { GeneralName::all(extension.value) };
        self.extension(oid::SUBJECT_ALT_NAME).map(names).transpose()
    }

    /// Returns its serial number in hex, as in CRL entries.
    pub(crate) fn serial_text(&self) -> String {
        describe::serial(self.serial)
    }

    pub(crate) fn subject_name(&self) -> der::Result<DistinguishedName> {
        DistinguishedName::from_der(self.subject)
    }

    pub(crate) fn public_key(&self) -> Option<PublicKey<'a>> {
        PublicKey::read(self.spki)
    }
}

impl<'a> Extension<'a> {
    /// Parses the extensions of a certificate, from its field `[3]`.
    fn all(mut field: Elements<'a>) -> Option<Vec<Self>> {
        let mut list = field.inside(SEQUENCE)?;
        field.end()?;
        let mut all = Vec::with_capacity(10);
        while !list.is_empty() {
            let element = list.take(SEQUENCE)?;
            let mut parts = Elements(element.content);
            let oid = parts.take(OBJECT_IDENTIFIER)?.content;
            let critical = match parts.take(BOOLEAN).map(|flag| flag.content) {
                // DER omits the default value, but some certificates encode it.
                None | Some([0]) => false,
                Some([0xff]) => true,
                Some(_) => return None,
            };
            let value = parts.take(OCTET_STRING)?.content;
            parts.end()?;
            all.push(Self {
                oid,
                critical,
                value,
                der: element.whole,
            });
        }
        Some(all)
    }
}

impl<'a> PublicKey<'a> {
    /// Returns `None` if it does not parse.
    fn read(spki: &'a [u8]) -> Option<Self> {
        let mut parts = Elements(only(spki, SEQUENCE)?.content);
        let mut algorithm = parts.inside(SEQUENCE)?;
        let key = bit_string_bytes(parts.take(BIT_STRING)?)?;
        parts.end()?;
        let oid = algorithm.take(OBJECT_IDENTIFIER)?.content;
        let parameters = algorithm.any().map(|parameters| parameters.whole);
        algorithm.end()?;
        Some(Self {
            algorithm: oid,
            parameters,
            key,
        })
    }
}

/// Splits a certificate or a CRL into the signed content, the algorithm, and the signature.
pub(crate) fn split_signed(der: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let mut outer = Elements(only(der, SEQUENCE)?.content);
    let tbs = outer.take(SEQUENCE)?.whole;
    let algorithm = outer.take(SEQUENCE)?.whole;
    let signature = bit_string_bytes(outer.take(BIT_STRING)?)?;
    outer.end()?;
    Some((tbs, algorithm, signature))
}

/// Returns the content of a BIT STRING without unused bits, as all signatures and keys are.
fn bit_string_bytes(bits: Element<'_>) -> Option<&[u8]> {
    match bits.content {
        [0, bytes @ ..] => Some(bytes),
        _ => None,
    }
}
