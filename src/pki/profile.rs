//! Turns options into the fields of a certificate: names, validity, usage, extensions.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lc_rs::digest;
use rcgen::{
    BasicConstraints, CertificateParams, CrlDistributionPoint, ExtendedKeyUsagePurpose, IsCa,
    KeyIdMethod, KeyUsagePurpose, NameConstraints, SerialNumber,
};
use spki::SubjectPublicKeyInfoRef;
use time::OffsetDateTime;

use super::certificate::Certificate;
use super::distinguished_name::{DistinguishedName, UB_COMMON_NAME, parse_hex};
use super::general_name::AltName;
use super::options::{CertOptions, Purpose, Usage};
use super::{issuance_policy, name_constraints, quoted, x509_time};
use crate::{Error, Result, Status};

/// How many seconds before now the validity starts, so that peers with slow clocks accept
/// certificates and CRLs.
pub(super) const BACKDATE_SECONDS: i64 = 3_600;

const DAY: u64 = 86_400;

/// The default lifetime of end-entity certificates: what public CAs should not exceed by
/// the rules of 2020 (CA/Browser Forum).
const LIFETIME: Duration = Duration::from_secs(397 * DAY);
const CA_LIFETIME: Duration = Duration::from_secs(3_650 * DAY);

/// Sets the fields that requests and certificates share: the names, and the key's usage.
pub(super) fn common(
    options: &CertOptions,
    subject: &DistinguishedName,
    names: &[AltName],
    key_type: &str,
) -> Result<CertificateParams> {
    check_options(options)?;
    let mut params = CertificateParams::default();
    if subject.is_empty() {
        // An empty name makes rcgen mark the alternative names as critical.
        params.distinguished_name = rcgen::DistinguishedName::new();
    }
    params.subject_alt_names = names.iter().map(AltName::to_san).collect::<Result<_>>()?;
    if options.ca {
        set_authority(&mut params, options.path_len)?;
    } else {
        set_purposes(&mut params, options, names)?;
        if key_type.starts_with("rsa") {
            // For the RSA key exchange of TLS 1.2, which other libraries may use.
            params.key_usages.push(KeyUsagePurpose::KeyEncipherment);
        }
    }
    Ok(params)
}

/// Adds the fields that only the issuer sets.
pub(super) fn add_issuer_fields(
    params: &mut CertificateParams,
    options: &CertOptions,
    issuer: Option<&Certificate>,
    spki: &[u8],
) -> Result<()> {
    params.serial_number = Some(match &options.serial {
        Some(serial) => parse_serial(serial)?,
        None => random_serial()?,
    });
    params.use_authority_key_identifier_extension = true;
    params.key_identifier_method = KeyIdMethod::PreSpecified(key_id(spki)?);
    set_validity(params, options, issuer)?;
    set_constraints(params, options)?;
    if let Some(url) = &options.crl_url {
        params.crl_distribution_points = vec![crl_distribution(url)?];
    }
    Ok(())
}

fn check_options(options: &CertOptions) -> Result<()> {
    let limits = [&options.permitted_names, &options.excluded_names];
    let has_limits = options.path_len.is_some() || limits.iter().any(|names| !names.is_empty());
    let sentence = if has_limits && !options.ca {
        "only a CA can have a path length and name constraints: make this one a CA"
    } else if options.subject.is_some() && options.common_name.is_some() {
        "both a subject and a common name are given: put the common name into the subject"
    } else {
        return Ok(());
    };
    Err(Error::argument(sentence))
}

fn set_validity(
    params: &mut CertificateParams,
    options: &CertOptions,
    issuer: Option<&Certificate>,
) -> Result<()> {
    let default = if options.ca { CA_LIFETIME } else { LIFETIME };
    let lifetime = options.lifetime.unwrap_or(default);
    let too_far = || {
        let start = match options.not_before {
            Some(start) => format!("second {start} of Unix time"),
            None => "now".to_owned(),
        };
        let sentence = format!(
            "a validity from {start} for {} seconds leaves the years 1 to 9999",
            lifetime.as_secs()
        );
        Error::argument(sentence)
    };
    let requested = match options.not_before {
        Some(start) => start,
        None => now()? - BACKDATE_SECONDS,
    };
    let seconds = i64::try_from(lifetime.as_secs()).map_err(|_| too_far())?;
    let mut end = requested.checked_add(seconds).ok_or_else(too_far)?;
    let mut start = requested;
    if let Some(issuer) = issuer {
        if options.not_before.is_none() {
            start = start.max(issuer.not_before());
        }
        if options.lifetime.is_none() && !options.outlive_ca {
            end = end.min(issuer.not_after());
        }
        if !options.outlive_ca {
            issuance_policy::check_validity(issuer, start, end)?;
        }
    }
    if end <= start {
        let (start, end) = (x509_time::format_utc(start), x509_time::format_utc(end));
        return Err(Error::argument(format!(
            "the certificate would end on {end}, which is not after its start on {start}"
        )));
    }
    params.not_before = date(start).ok_or_else(too_far)?;
    params.not_after = date(end).ok_or_else(too_far)?;
    Ok(())
}

/// Converts a time that certificates can represent.
pub(super) fn date(seconds: i64) -> Option<OffsetDateTime> {
    let date = OffsetDateTime::from_unix_timestamp(seconds).ok()?;
    (1..=9999).contains(&date.year()).then_some(date)
}

/// Returns the current time in seconds since the Unix epoch.
pub(super) fn now() -> Result<i64> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since
        .ok()
        .and_then(|since| i64::try_from(since.as_secs()).ok())
        .ok_or_else(|| Error::new(Status::Internal, "the clock of this system is before 1970"))
}

fn set_authority(params: &mut CertificateParams, path_len: Option<u32>) -> Result<()> {
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.is_ca = IsCa::Ca(match path_len.map(|count| (count, u8::try_from(count))) {
        None => BasicConstraints::Unconstrained,
        Some((_, Ok(count))) => BasicConstraints::Constrained(count),
        Some((count, Err(_))) => {
            let sentence = format!("a path length of {count} is too large: 255 is the most");
            return Err(Error::argument(sentence));
        }
    });
    Ok(())
}

fn set_purposes(
    params: &mut CertificateParams,
    options: &CertOptions,
    names: &[AltName],
) -> Result<()> {
    let is_email = |name: &AltName| matches!(name, AltName::Email(_));
    let for_tls = options.purposes.is_empty();
    let usage = options.usage.unwrap_or(Usage {
        server: for_tls && (names.is_empty() || !names.iter().all(is_email)),
        client: for_tls && names.iter().any(is_email),
    });
    let server = usage.server.then_some(ExtendedKeyUsagePurpose::ServerAuth);
    let client = usage.client.then_some(ExtendedKeyUsagePurpose::ClientAuth);
    let others = options.purposes.iter().map(|purpose| match purpose {
        Purpose::Email => ExtendedKeyUsagePurpose::EmailProtection,
        Purpose::Code => ExtendedKeyUsagePurpose::CodeSigning,
        Purpose::Ocsp => ExtendedKeyUsagePurpose::OcspSigning,
    });
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = server.into_iter().chain(client).chain(others).collect();
    if params.extended_key_usages.is_empty() {
        return Err(Error::argument(
            "a certificate needs a usage: servers, clients, or both",
        ));
    }
    Ok(())
}

fn set_constraints(params: &mut CertificateParams, options: &CertOptions) -> Result<()> {
    let parse = |texts: &[String]| {
        let subtrees = texts.iter().map(|text| name_constraints::parse(text));
        subtrees.collect::<Result<Vec<_>>>()
    };
    let permitted_subtrees = parse(&options.permitted_names)?;
    let excluded_subtrees = parse(&options.excluded_names)?;
    if !(permitted_subtrees.is_empty() && excluded_subtrees.is_empty()) {
        params.name_constraints = Some(NameConstraints {
            permitted_subtrees,
            excluded_subtrees,
        });
    }
    Ok(())
}

fn crl_distribution(url: &str) -> Result<CrlDistributionPoint> {
    match url.parse() {
        Ok(AltName::Uri(url)) => Ok(CrlDistributionPoint { uris: vec![url] }),
        _ => Err(Error::argument(format!(
            "{} is not the URL of a CRL",
            quoted(url)
        ))),
    }
}

/// Returns the subject in the options, else the first host or e-mail address that fits as a
/// common name, else `fallback`.
///
/// An address or a URI is never a common name: OpenSSL and GnuTLS take an address there for
/// a host name, and check it against DNS constraints.
pub(super) fn subject(
    options: &CertOptions,
    names: &[AltName],
    fallback: &str,
) -> Result<DistinguishedName> {
    if let Some(subject) = &options.subject {
        return DistinguishedName::parse(subject);
    }
    if let Some(common) = &options.common_name {
        return DistinguishedName::common_name(common);
    }
    if names.is_empty() {
        return DistinguishedName::common_name(fallback);
    }
    let first = names.iter().find_map(|name| match name {
        AltName::Dns(text) | AltName::Email(text) if text.len() <= UB_COMMON_NAME => Some(text),
        _ => None,
    });
    match first {
        Some(name) => DistinguishedName::common_name(name),
        // The subject of a CA must not be empty (RFC 5280, section 4.1.2.6).
        None if options.ca => DistinguishedName::common_name(fallback),
        None => Ok(DistinguishedName::EMPTY),
    }
}

/// Parses a serial number, positive and of up to 20 bytes (RFC 5280, section 4.1.2.2).
fn parse_serial(text: &str) -> Result<SerialNumber> {
    let bytes = parse_hex(text).filter(|bytes| {
        let is_positive = bytes.iter().any(|&byte| byte != 0);
        // The first bit of 20 bytes is the sign.
        is_positive && (bytes.len() < 20 || bytes.len() == 20 && bytes[0] < 0x80)
    });
    bytes.map(SerialNumber::from).ok_or_else(|| {
        let sentence = format!(
            "{} is not a serial number for a certificate: up to 20 bytes in hex are, not 0 and \
             below 2^159",
            quoted(text)
        );
        Error::argument(sentence)
    })
}

/// Returns a random, positive serial number of 20 bytes (RFC 5280, section 4.1.2.2).
fn random_serial() -> Result<SerialNumber> {
    let mut serial = [0; 20];
    crate::base::provider::fill_random(&mut serial)
        .map_err(|_| Error::new(Status::Internal, "the system provides no random numbers"))?;
    serial[0] = serial[0] & 0x7f | 0x40;
    Ok(SerialNumber::from_slice(&serial))
}

/// Computes a key identifier: the first 20 bytes of the SHA-256 hash of the public key's
/// bits (RFC 7093, section 2, method 1).
pub(super) fn key_id(spki: &[u8]) -> Result<Vec<u8>> {
    let key = SubjectPublicKeyInfoRef::try_from(spki).map_err(|error| {
        let sentence = format!("a public key does not parse: {error}");
        Error::new(Status::Internal, sentence)
    })?;
    let hash = digest::digest(&digest::SHA256, key.subject_public_key.raw_bytes());
    Ok(hash.as_ref()[..20].to_vec())
}

/// Returns the key identifier of an issuer from its certificate, if present there, since
/// peers compare that one.
pub(super) fn issuer_key_id(issuer: &Certificate) -> Result<Vec<u8>> {
    match issuer.key_id() {
        Some(id) => Ok(id.to_vec()),
        None => key_id(issuer.spki_der()),
    }
}
