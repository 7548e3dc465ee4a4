//! CRL distribution points: which certificates a CRL covers (RFC 5280, sections 4.2.1.13
//! and 5.2.5).  Names are compared byte for byte, since one issuer writes both.

use der::Decode;
use der::asn1::AnyRef;

use super::certificate_ref::{CertificateRef, oid};
use super::general_name::GeneralName;
use super::quoted;
use super::tlv::{Elements, SEQUENCE, context, only};

/// The issuing distribution point of a CRL of a single CA that covers all reasons.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CrlScope {
    /// GeneralNames, each a whole DER element.
    names: Vec<Vec<u8>>,
    pub(crate) only_user_certs: bool,
    pub(crate) only_ca_certs: bool,
}

impl CrlScope {
    /// Parses the value of the extension.  Returns `None` if it is not supported: indirect
    /// CRLs, CRLs for some reasons or for attribute certificates, and names relative to the
    /// issuer.
    pub(crate) fn from_der(der: &[u8]) -> Option<Self> {
        let mut fields = Elements(only(der, SEQUENCE)?.content);
        let names = full_name(fields.inside(context(0))?)?;
        let mut flag = |number: u8| match fields.take(0x80 | number).map(|flag| flag.content) {
            // DER omits the default value, but some CRLs encode it.
            None | Some([0]) => Some(false),
            Some([0xff]) => Some(true),
            Some(_) => None,
        };
        let (only_user_certs, only_ca_certs) = (flag(1)?, flag(2)?);
        let is_other = flag(4)? || flag(5)?;
        fields.end()?;
        (!is_other).then_some(Self {
            names: names.into_iter().map(<[u8]>::to_vec).collect(),
            only_user_certs,
            only_ca_certs,
        })
    }

    /// Returns whether the CRL covers this certificate of its CA (RFC 5280, section 6.3.3
    /// (b) (2)).
    pub(crate) fn covers(&self, certificate: &CertificateRef<'_>) -> bool {
        let points = point_names(certificate);
        let is_named = |name: &Vec<u8>| points.contains(&name.as_slice());
        self.covers_kind_of(certificate) && self.names.iter().any(is_named)
    }

    /// Returns whether it covers certificates of this kind, CA or end-entity.
    pub(crate) fn covers_kind_of(&self, certificate: &CertificateRef<'_>) -> bool {
        match certificate.basic_constraints() {
            Ok(Some((true, _))) => !self.only_user_certs,
            _ => !self.only_ca_certs,
        }
    }

    /// Formats its names for an error.
    pub(crate) fn describe_names(&self) -> String {
        let names: Vec<_> = self.names.iter().map(Vec::as_slice).collect();
        describe_names(&names)
    }
}

/// Formats the distribution points of a certificate for an error; `None` if there are none
/// with names that a CRL of its issuer can have.
pub(crate) fn describe_points(certificate: &CertificateRef<'_>) -> Option<String> {
    let names = point_names(certificate);
    (!names.is_empty()).then(|| describe_names(&names))
}

/// Returns the names of the distribution points at which the certificate's own issuer
/// revokes for all reasons.  Points that do not parse have none.
fn point_names<'a>(certificate: &CertificateRef<'a>) -> Vec<&'a [u8]> {
    let points = certificate
        .extension(oid::CRL_DISTRIBUTION_POINTS)
        .and_then(|extension| Elements(only(extension.value, SEQUENCE)?.content).all());
    let names = points.into_iter().flatten().filter_map(|point| {
        let mut fields = Elements(only(point.whole, SEQUENCE)?.content);
        let names = full_name(fields.inside(context(0))?)?;
        // Points for some reasons only, or with the CRL of another CA, are skipped.
        fields.end().map(|()| names)
    });
    names.flatten().collect()
}

/// Returns the names of a DistributionPointName, unless it is relative to the issuer.
fn full_name(mut choice: Elements<'_>) -> Option<Vec<&[u8]>> {
    let names = choice.inside(context(0))?.all()?;
    choice.end()?;
    Some(names.iter().map(|name| name.whole).collect())
}

/// Formats the first name, and the number of the others.
fn describe_names(names: &[&[u8]]) -> String {
    let first = names.first().and_then(|der| AnyRef::from_der(der).ok());
    let first = first.map(GeneralName);
    let first = first.map(|name| name.to_text().unwrap_or_else(|| name.to_string()));
    let first = quoted(&first.unwrap_or_default());
    match names.len() {
        0 | 1 => first,
        count => format!("{first} and {} more", count - 1),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tlv::encode;
    use super::*;

    fn point(names: &[&str]) -> Vec<u8> {
        let names = names.iter().map(|name| encode(0x86, name.as_bytes()));
        let names: Vec<u8> = names.flatten().collect();
        encode(0xa0, &encode(0xa0, &names))
    }

    fn scope(fields: &[&[u8]]) -> Option<CrlScope> {
        CrlScope::from_der(&encode(SEQUENCE, &fields.concat()))
    }

    #[test]
    fn from_der_parses_supported_scopes() {
        let names = point(&["http://a", "http://b"]);
        let plain = scope(&[&names]).unwrap();
        assert!(!plain.only_user_certs && !plain.only_ca_certs);
        assert_eq!(plain.describe_names(), "'http://a' and 1 more");
        let users = scope(&[&names, &[0x81, 1, 0xff]]).unwrap();
        assert!(users.only_user_certs && !users.only_ca_certs);
        let cas = scope(&[&names, &[0x81, 1, 0], &[0x82, 1, 0xff]]).unwrap();
        assert!(!cas.only_user_certs && cas.only_ca_certs);
        assert_ne!(users, plain);
    }

    #[test]
    fn from_der_rejects_unsupported_and_malformed_scopes() {
        let names = point(&["http://a"]);
        let relative = encode(0xa0, &encode(0xa1, &[]));
        let bytes = |fields: &[&[u8]]| fields.concat();
        for fields in [
            vec![],
            vec![0x81, 1, 0xff],
            relative,
            bytes(&[&names, &[0x83, 2, 0, 0x80]]),
            bytes(&[&names, &[0x84, 1, 0xff]]),
            bytes(&[&names, &[0x85, 1, 0xff]]),
            bytes(&[&names, &[0x81, 1, 1]]),
            bytes(&[&names, &[0x82, 1, 0xff], &[0x81, 1, 0xff]]),
            bytes(&[&names, &names]),
        ] {
            assert_eq!(scope(&[&fields]), None, "{fields:x?}");
        }
        assert_eq!(CrlScope::from_der(&[]), None);
    }
}
