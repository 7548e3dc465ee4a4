//! Human-readable descriptions of extensions.

use der::asn1::{AnyRef, OctetString, OctetStringRef};
use der::{Decode, Encode, Sequence};
use x509_cert::ext::pkix::name::DistributionPointName;
use x509_cert::ext::pkix::{CrlDistributionPoints, PolicyConstraints};

use super::certificate::{self, BasicConstraints};
use super::describe::{hex, purposes, serial};
use super::general_name::GeneralName;
use super::name_constraints::NameConstraints;
use super::oid::Oid;
use super::x509_time;
use crate::base::text::one_line;

/// Describes the value of an extension.
type Describe = fn(&[u8]) -> der::Result<String>;

const EXTENSIONS: [(&str, &str, Describe); 23] = [
    ("2.5.29.17", "Alternative names", names),
    ("2.5.29.18", "Alternative names of the issuer", names),
    ("2.5.29.15", "Key usage", key_usage),
    ("2.5.29.37", "Extended key usage", extended_key_usage),
    ("2.5.29.19", "Basic constraints", basic_constraints),
    ("2.5.29.30", "Name constraints", name_constraints),
    ("2.5.29.14", "Subject key identifier", octets),
    ("2.5.29.35", "Authority key identifier", authority_key_id),
    ("2.5.29.20", "CRL number", number),
    ("2.5.29.31", "CRL distribution", distribution_points),
    ("2.5.29.46", "Delta CRL distribution", distribution_points),
    ("1.3.6.1.5.5.7.1.1", "Authority information", access),
    ("1.3.6.1.5.5.7.1.11", "Subject information", access),
    ("2.5.29.32", "Certificate policies", policies),
    ("2.5.29.33", "Policy mappings", policy_mappings),
    ("2.5.29.36", "Policy constraints", policy_constraints),
    ("2.5.29.54", "Inhibit any policy", inhibit_any_policy),
    ("2.5.29.16", "Private key usage period", private_key_period),
    (
        "1.3.6.1.4.1.11129.2.4.2",
        "Signed certificate timestamps",
        timestamps,
    ),
    ("1.3.6.1.4.1.11129.2.4.3", "Precertificate poison", |_| {
        Ok("yes".to_owned())
    }),
    ("1.3.6.1.5.5.7.1.24", "TLS features", tls_features),
    ("1.3.6.1.5.5.7.48.1.5", "OCSP no check", |_| {
        Ok("yes".to_owned())
    }),
    ("2.16.840.1.113730.1.13", "Comment", comment),
];

/// Returns the name of an extension, and its value on one line, in hex if it is unknown or
/// does not decode.
pub(super) fn describe(oid: &Oid, der: &[u8]) -> (String, String) {
    let dotted = oid.to_string();
    match EXTENSIONS.iter().find(|(known, ..)| *known == dotted) {
        Some((_, name, describe)) => {
            let value = describe(der).unwrap_or_else(|_| hex(der));
            ((*name).to_owned(), one_line(&value).into_owned())
        }
        None => (dotted, hex(der)),
    }
}

fn list<T: ToString>(items: impl IntoIterator<Item = T>) -> String {
    let items: Vec<_> = items.into_iter().map(|item| item.to_string()).collect();
    items.join(", ")
}

fn names(der: &[u8]) -> der::Result<String> {
    GeneralName::all(der).map(list)
}

fn key_usage(der: &[u8]) -> der::Result<String> {
    certificate::key_usage(der).map(list)
}

fn extended_key_usage(der: &[u8]) -> der::Result<String> {
    purposes(der).map(list)
}

fn basic_constraints(der: &[u8]) -> der::Result<String> {
    let constraints = BasicConstraints::from_der(der)?;
    Ok(match (constraints.ca, constraints.path_len) {
        (false, _) => "not a CA".to_owned(),
        (true, None) => "a CA".to_owned(),
        (true, Some(count)) => format!("a CA with at most {count} CAs below it"),
    })
}

fn name_constraints(der: &[u8]) -> der::Result<String> {
    NameConstraints::from_der(der).map(|constraints| constraints.to_string())
}

fn number(der: &[u8]) -> der::Result<String> {
    crl_number(der).map(|number| serial(&number))
}

/// Parses a CRL number (RFC 5280, section 5.2.3) of up to 20 bytes.
pub(super) fn crl_number(der: &[u8]) -> der::Result<Vec<u8>> {
    der::asn1::Int::from_der(der).map(|number| number.as_bytes().to_vec())
}

fn octets(der: &[u8]) -> der::Result<String> {
    <&OctetStringRef>::from_der(der).map(|octets| hex(octets.as_bytes()))
}

/// The authorityKeyIdentifier extension (RFC 5280, section 4.2.1.1).
#[derive(Sequence)]
struct AuthorityKeyId<'a> {
    #[asn1(context_specific = "0", tag_mode = "IMPLICIT", optional = "true")]
    key_id: Option<OctetString>,
    #[asn1(context_specific = "1", tag_mode = "IMPLICIT", optional = "true")]
    issuer: Option<Vec<AnyRef<'a>>>,
    #[asn1(context_specific = "2", tag_mode = "IMPLICIT", optional = "true")]
    serial: Option<der::asn1::Int>,
}

/// Returns the key identifier in an authority key identifier.
pub(super) fn issuer_key_id(der: &[u8]) -> der::Result<Option<Vec<u8>>> {
    let key_id = AuthorityKeyId::from_der(der)?.key_id;
    Ok(key_id.map(OctetString::into_bytes).map(Vec::from))
}

fn authority_key_id(der: &[u8]) -> der::Result<String> {
    let value = AuthorityKeyId::from_der(der)?;
    let key_id = value.key_id.map(|id| hex(id.as_bytes()));
    let issuer = value
        .issuer
        .map(|names| list(names.into_iter().map(GeneralName)));
    let number = value
        .serial
        .map(|number| format!("serial number {}", serial(number.as_bytes())));
    Ok(list([key_id, issuer, number].into_iter().flatten()))
}

fn distribution_points(der: &[u8]) -> der::Result<String> {
    each_distribution_name(der, |name| Some(name.to_string())).map(list)
}

/// Returns the URLs among the names of distribution points.
pub(super) fn crl_urls(der: &[u8]) -> der::Result<Vec<String>> {
    each_distribution_name(der, |name| name.uri())
}

fn each_distribution_name(
    der: &[u8],
    read: impl Fn(GeneralName<'_>) -> Option<String>,
) -> der::Result<Vec<String>> {
    let points = CrlDistributionPoints::from_der(der)?;
    let mut found = Vec::new();
    for point in &points.0 {
        let names = match &point.distribution_point {
            Some(DistributionPointName::FullName(names)) => names,
            _ => return Err(der::ErrorKind::Failed.into()),
        };
        for name in names {
            let der = name.to_der()?;
            found.extend(read(GeneralName(AnyRef::from_der(&der)?)));
        }
    }
    Ok(found)
}

#[derive(Sequence)]
struct Access<'a> {
    method: Oid,
    location: AnyRef<'a>,
}

fn access(der: &[u8]) -> der::Result<String> {
    let entries = Vec::<Access<'_>>::from_der(der)?;
    Ok(list(entries.iter().map(|entry| {
        let location = GeneralName(entry.location);
        let location = location.to_text().unwrap_or_else(|| location.to_string());
        format!("{} {location}", access_method(&entry.method))
    })))
}

fn access_method(method: &Oid) -> String {
    match method.to_string().as_str() {
        "1.3.6.1.5.5.7.48.1" => "OCSP".to_owned(),
        "1.3.6.1.5.5.7.48.2" => "CA issuers".to_owned(),
        "1.3.6.1.5.5.7.48.5" => "CA repository".to_owned(),
        other => other.to_owned(),
    }
}

/// Returns the URLs of one access method, such as `"OCSP"`.
pub(super) fn access_urls(der: &[u8], method: &str) -> der::Result<Vec<String>> {
    let entries = Vec::<Access<'_>>::from_der(der)?.into_iter();
    let fitting = entries.filter(|entry| access_method(&entry.method) == method);
    Ok(fitting
        .filter_map(|entry| GeneralName(entry.location).uri())
        .collect())
}

/// PolicyInformation (RFC 5280, section 4.2.1.4).
#[derive(Sequence)]
struct Policy<'a> {
    oid: Oid,
    qualifiers: Option<Vec<Qualifier<'a>>>,
}

#[derive(Sequence)]
struct Qualifier<'a> {
    oid: Oid,
    value: Option<AnyRef<'a>>,
}

fn policies(der: &[u8]) -> der::Result<String> {
    let policies = Vec::<Policy<'_>>::from_der(der)?;
    Ok(list(policies.iter().map(|policy| {
        let qualifiers = policy.qualifiers.iter().flatten();
        let practice = qualifiers
            .filter(|qualifier| qualifier.oid.to_string() == "1.3.6.1.5.5.7.2.1")
            .filter_map(|qualifier| qualifier.value.as_ref())
            .map(|url| format!(" ({})", String::from_utf8_lossy(url.value())));
        format!("{}{}", policy.oid, practice.collect::<String>())
    })))
}

/// One of PolicyMappings (RFC 5280, section 4.2.1.5).
#[derive(Sequence)]
struct Mapping {
    issuer: Oid,
    subject: Oid,
}

fn policy_mappings(der: &[u8]) -> der::Result<String> {
    let mappings = Vec::<Mapping>::from_der(der)?;
    let mappings = mappings.iter();
    Ok(list(
        mappings.map(|one| format!("{} is {}", one.issuer, one.subject)),
    ))
}

fn policy_constraints(der: &[u8]) -> der::Result<String> {
    let constraints = PolicyConstraints::from_der(der)?;
    let explicit = constraints.require_explicit_policy;
    let mapping = constraints.inhibit_policy_mapping;
    Ok(list(
        explicit
            .map(|skip| format!("explicit policy after {skip}"))
            .into_iter()
            .chain(mapping.map(|skip| format!("no mapping after {skip}"))),
    ))
}

fn inhibit_any_policy(der: &[u8]) -> der::Result<String> {
    u32::from_der(der).map(|skip| format!("after {skip} certificates"))
}

#[derive(Sequence)]
struct Period<'a> {
    #[asn1(context_specific = "0", tag_mode = "IMPLICIT", optional = "true")]
    not_before: Option<&'a OctetStringRef>,
    #[asn1(context_specific = "1", tag_mode = "IMPLICIT", optional = "true")]
    not_after: Option<&'a OctetStringRef>,
}

fn private_key_period(der: &[u8]) -> der::Result<String> {
    let period = Period::from_der(der)?;
    let time = |time: Option<&OctetStringRef>| {
        let time = AnyRef::new(der::Tag::GeneralizedTime, time?.as_bytes()).ok()?;
        x509_time::parse(&time).ok().map(x509_time::format_utc)
    };
    let from = time(period.not_before).map(|from| format!("from {from}"));
    let until = time(period.not_after).map(|until| format!("until {until}"));
    Ok(list(from.into_iter().chain(until)))
}

/// Describes signed certificate timestamps (RFC 6962, section 3.3): the log and the time of
/// each.
fn timestamps(der: &[u8]) -> der::Result<String> {
    let octets = <&OctetStringRef>::from_der(der)?;
    let timestamps = read_timestamps(octets.as_bytes()).ok_or(der::ErrorKind::Failed)?;
    Ok(timestamps.join(", "))
}

/// Counts signed certificate timestamps.
pub(super) fn timestamp_count(der: &[u8]) -> der::Result<usize> {
    let octets = <&OctetStringRef>::from_der(der)?;
    let timestamps = read_timestamps(octets.as_bytes()).ok_or(der::ErrorKind::Failed)?;
    Ok(timestamps.len())
}

fn read_timestamps(bytes: &[u8]) -> Option<Vec<String>> {
    let (mut rest, after) = split_vector(bytes)?;
    let mut timestamps = Vec::new();
    while !rest.is_empty() {
        let (one, others) = split_vector(rest)?;
        let (_version, one) = one.split_first()?;
        let (log, one) = one.split_at_checked(32)?;
        let (milliseconds, _) = one.split_first_chunk::<8>()?;
        let seconds = i64::try_from(u64::from_be_bytes(*milliseconds) / 1000).ok()?;
        timestamps.push(format!(
            "log {} at {}",
            hex(log),
            x509_time::format_utc(seconds)
        ));
        rest = others;
    }
    after.is_empty().then_some(timestamps)
}

/// Splits a vector with a two-byte length prefix from the rest.
fn split_vector(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<2>()?;
    rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))
}

fn tls_features(der: &[u8]) -> der::Result<String> {
    let features = Vec::<u16>::from_der(der)?;
    Ok(list(features.iter().map(|feature| match feature {
        5 => "must staple (5)".to_owned(),
        other => other.to_string(),
    })))
}

fn comment(der: &[u8]) -> der::Result<String> {
    let text = AnyRef::from_der(der)?;
    Ok(String::from_utf8_lossy(text.value()).into_owned())
}
