//! Certificates in words: the names of algorithms, usages and extensions, and a
//! page about all of it.

use std::fmt::{self, Write};
use std::net::IpAddr;

use aws_lc_rs::digest;
use const_oid::{ObjectIdentifier, db};
use der::asn1::{ObjectIdentifier as Oid, UintRef};
use der::{Decode, Sequence};
use spki::SubjectPublicKeyInfoRef;
use time::OffsetDateTime;
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::name::{DistributionPointName, GeneralName};
use x509_cert::ext::pkix::{
    AuthorityInfoAccessSyntax, AuthorityKeyIdentifier, CrlDistributionPoints,
};
use x509_cert::time::Time;

use super::certificate::Certificate;

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(super) fn sha256(bytes: &[u8]) -> String {
    hex(digest::digest(&digest::SHA256, bytes).as_ref())
}

/// Seconds of the Unix epoch.
pub(super) fn seconds(time: Time) -> i64 {
    i64::try_from(time.to_unix_duration().as_secs()).unwrap_or(i64::MAX)
}

/// A moment for people, in UTC.
pub(crate) fn moment(seconds: i64) -> String {
    match OffsetDateTime::from_unix_timestamp(seconds) {
        Ok(at) => format!(
            "{} {:02}:{:02}:{:02} UTC",
            at.date(),
            at.hour(),
            at.minute(),
            at.second()
        ),
        Err(_) => format!("second {seconds} of the Unix epoch"),
    }
}

/// An algorithm by the name that its own standard gives it, or in dots.
pub(super) fn algorithm(oid: &ObjectIdentifier) -> String {
    match oid.to_string().as_str() {
        "1.2.840.10045.4.3.2" => "ecdsa-with-SHA256".to_owned(),
        "1.2.840.10045.4.3.3" => "ecdsa-with-SHA384".to_owned(),
        "1.2.840.10045.4.3.4" => "ecdsa-with-SHA512".to_owned(),
        "1.3.101.112" => "ed25519".to_owned(),
        "1.3.101.113" => "ed448".to_owned(),
        "1.2.840.113549.1.1.10" => "rsassa-pss".to_owned(),
        _ => db::DB
            .by_oid(oid)
            .map_or_else(|| oid.to_string(), str::to_owned),
    }
}

/// A usage such as `"serverAuth"` (RFC 5280, section 4.2.1.12), or in dots.
pub(super) fn usage(oid: &ObjectIdentifier) -> String {
    let name = match oid.to_string().as_str() {
        "1.3.6.1.5.5.7.3.1" => "serverAuth",
        "1.3.6.1.5.5.7.3.2" => "clientAuth",
        "1.3.6.1.5.5.7.3.3" => "codeSigning",
        "1.3.6.1.5.5.7.3.4" => "emailProtection",
        "1.3.6.1.5.5.7.3.8" => "timeStamping",
        "1.3.6.1.5.5.7.3.9" => "OCSPSigning",
        other => return other.to_owned(),
    };
    name.to_owned()
}

#[derive(Sequence)]
struct RsaPublicKey<'a> {
    modulus: UintRef<'a>,
    exponent: UintRef<'a>,
}

/// The kind of a key and its size, from a SubjectPublicKeyInfo in DER.
pub(super) fn key_type(spki: &[u8]) -> String {
    let Ok(key) = SubjectPublicKeyInfoRef::try_from(spki) else {
        return "unknown".to_owned();
    };
    let curve = key.algorithm.parameters_oid();
    let algorithm = key.algorithm.oid.to_string();
    let name = match (algorithm.as_str(), curve) {
        ("1.2.840.113549.1.1.1", _) => {
            let bytes = key.subject_public_key.raw_bytes();
            let rsa = RsaPublicKey::from_der(bytes);
            return rsa.map_or_else(|_| "rsa".to_owned(), |rsa| format!("rsa-{}", bits(&rsa)));
        }
        ("1.2.840.10045.2.1", Ok(curve)) => match curve.to_string().as_str() {
            "1.2.840.10045.3.1.7" => "ecdsa-p256",
            "1.3.132.0.34" => "ecdsa-p384",
            "1.3.132.0.35" => "ecdsa-p521",
            other => return format!("ecdsa-{other}"),
        },
        ("1.3.101.112", _) => "ed25519",
        ("1.3.101.113", _) => "ed448",
        ("2.16.840.1.101.3.4.3.17", _) => "ml-dsa-44",
        ("2.16.840.1.101.3.4.3.18", _) => "ml-dsa-65",
        ("2.16.840.1.101.3.4.3.19", _) => "ml-dsa-87",
        (other, _) => other,
    };
    name.to_owned()
}

fn bits(key: &RsaPublicKey<'_>) -> usize {
    let bytes = key.modulus.as_bytes();
    let leading = bytes.first().map_or(0, |byte| byte.leading_zeros());
    bytes.len() * 8 - leading as usize
}

/// An alternative name as one would type it; `None` for the kinds that nobody
/// types.
pub(super) fn alternative_name(name: &GeneralName) -> Option<String> {
    match name {
        GeneralName::DnsName(text)
        | GeneralName::Rfc822Name(text)
        | GeneralName::UniformResourceIdentifier(text) => Some(text.to_string()),
        GeneralName::IpAddress(bytes) => {
            let bytes = bytes.as_bytes();
            let v4 = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
            let v6 = <[u8; 16]>::try_from(bytes).map(IpAddr::from);
            v4.or(v6).ok().map(|address| address.to_string())
        }
        _ => None,
    }
}

/// Every field and extension of a certificate, a line each.
pub(super) fn page(certificate: &Certificate) -> String {
    let mut page = String::new();
    // Writing to a string cannot fail.
    let _ = write_page(&mut page, certificate);
    page
}

fn write_page(out: &mut String, certificate: &Certificate) -> fmt::Result {
    let mut field = |name: &str, value: &str| writeln!(out, "{name:<21}{value}");
    field("Subject:", certificate.subject())?;
    field("Issuer:", certificate.issuer())?;
    field("Serial number:", certificate.serial())?;
    field("Valid from:", &moment(certificate.not_before()))?;
    field("Valid until:", &moment(certificate.not_after()))?;
    field("Key:", certificate.key_type())?;
    field("Signed with:", certificate.signature_type())?;
    field("SHA-256:", certificate.sha256())?;
    field("SHA-256 of the key:", certificate.spki_sha256())?;
    let extensions = certificate.parsed().tbs_certificate().extensions();
    for extension in extensions.into_iter().flatten() {
        let critical = if extension.critical {
            " (critical)"
        } else {
            ""
        };
        let (name, value) = describe(certificate, extension);
        writeln!(out, "{name}{critical}: {value}")?;
    }
    Ok(())
}

/// The name of an extension and what it says; in hex where we cannot tell.
fn describe(certificate: &Certificate, extension: &Extension) -> (String, String) {
    let der = extension.extn_value.as_bytes();
    let (name, value) = match extension.extn_id.to_string().as_str() {
        "2.5.29.17" => ("Alternative names", Some(certificate.names().join(", "))),
        "2.5.29.15" => ("Key usage", Some(certificate.key_usage().join(", "))),
        "2.5.29.37" => (
            "Extended key usage",
            Some(certificate.extended_key_usage().join(", ")),
        ),
        "2.5.29.19" => ("Basic constraints", Some(basic_constraints(certificate))),
        "2.5.29.14" => ("Subject key identifier", certificate.key_id().map(hex)),
        "2.5.29.35" => ("Authority key identifier", authority_key_id(der)),
        "2.5.29.31" => ("CRL distribution", crl_urls(der)),
        "1.3.6.1.5.5.7.1.1" => ("Authority information", authority_access(der)),
        "2.5.29.30" => ("Name constraints", None),
        "2.5.29.32" => ("Certificate policies", None),
        "1.3.6.1.4.1.11129.2.4.2" => ("Signed certificate timestamps", None),
        other => return (other.to_owned(), hex(der)),
    };
    (name.to_owned(), value.unwrap_or_else(|| hex(der)))
}

fn basic_constraints(certificate: &Certificate) -> String {
    match (certificate.is_ca(), certificate.path_len()) {
        (false, _) => "not a CA".to_owned(),
        (true, None) => "a CA".to_owned(),
        (true, Some(count)) => format!("a CA with at most {count} CAs below it"),
    }
}

fn authority_key_id(der: &[u8]) -> Option<String> {
    let value = AuthorityKeyIdentifier::from_der(der).ok()?;
    value.key_identifier.map(|id| hex(id.as_bytes()))
}

fn crl_urls(der: &[u8]) -> Option<String> {
    let points = CrlDistributionPoints::from_der(der).ok()?;
    let urls = points
        .0
        .iter()
        .flat_map(|point| match &point.distribution_point {
            Some(DistributionPointName::FullName(names)) => names.as_slice(),
            _ => &[],
        });
    Some(
        urls.filter_map(alternative_name)
            .collect::<Vec<_>>()
            .join(", "),
    )
}

fn authority_access(der: &[u8]) -> Option<String> {
    let access = AuthorityInfoAccessSyntax::from_der(der).ok()?;
    let entries = access.0.iter().filter_map(|entry| {
        let method: &Oid = &entry.access_method;
        let kind = match method.to_string().as_str() {
            "1.3.6.1.5.5.7.48.1" => "OCSP".to_owned(),
            "1.3.6.1.5.5.7.48.2" => "CA issuers".to_owned(),
            other => other.to_owned(),
        };
        Some(format!(
            "{kind} {}",
            alternative_name(&entry.access_location)?
        ))
    });
    Some(entries.collect::<Vec<_>>().join(", "))
}
