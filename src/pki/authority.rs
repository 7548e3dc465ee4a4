//! Issuing: what was asked for becomes fields, the rules decide, and the layout
//! makes a document of it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lc_rs::digest;
use rcgen::{
    BasicConstraints, CertificateParams, CrlDistributionPoint, DistinguishedName,
    ExtendedKeyUsagePurpose, IsCa, KeyIdMethod, KeyUsagePurpose, NameConstraints, SerialNumber,
};
use spki::SubjectPublicKeyInfoRef;
use time::OffsetDateTime;

use super::certificate::Certificate;
use super::identity::Identity;
use super::key::{KeyType, PrivateKey};
use super::layout::{self, Exact};
use super::name::AltName;
use super::rules::{self, Request};
use super::subject::Subject;
use super::{constraints, moment, quoted};
use crate::{Error, Result, Status};

const HOUR: i64 = 3_600;
const DAY: u64 = 86_400;

/// What public authorities allow at most (CA/Browser Forum, 2020).
const LIFETIME: Duration = Duration::from_secs(397 * DAY);
const CA_LIFETIME: Duration = Duration::from_secs(3_650 * DAY);

/// What a certificate is to be like.  The default is what most people need.
#[derive(Clone, Debug, Default)]
pub struct CertOptions {
    /// The common name.  By default the first name; for a CA without names
    /// `"tlsmith CA"`, or `"tlsmith intermediate CA"` when it is issued.
    pub common_name: Option<String>,
    /// The whole subject instead: `"CN=x,O=Example"` or `"/O=Example/CN=x"`.
    pub subject: Option<String>,
    /// When it starts to be valid, in seconds of the Unix epoch.  By default an
    /// hour ago, so that a clock that is a little behind accepts it.  It never
    /// starts before the CA that issues it.
    pub not_before: Option<i64>,
    /// How long it is valid from then on.  By default 397 days, a CA 3650, or
    /// until the end of the CA that issues it if that is earlier.
    pub lifetime: Option<Duration>,
    /// What it is for.  By default hosts and addresses are servers, and e-mail
    /// addresses clients.
    pub usage: Option<Usage>,
    /// The kind of key to generate.  By default [`KeyType::EcdsaP256`].
    pub key_type: Option<KeyType>,
    /// The key to use instead of a new one.
    pub key: Option<PrivateKey>,
    /// How many CAs may stand below this CA.  By default none for one that is
    /// issued, and any number for a root.
    pub path_len: Option<u32>,
    /// Issue a CA.
    pub ca: bool,
    /// The names that a CA may issue for, such as `".example.com"`,
    /// `"10.0.0.0/8"`, `"@example.com"`.  By default all.
    pub permitted_names: Vec<String>,
    /// The names that a CA may not issue for.
    pub excluded_names: Vec<String>,
    /// Where the CRL will be that can revoke it.
    pub crl_url: Option<String>,
}

/// What a certificate is for (RFC 5280, section 4.2.1.12).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// Authenticating servers.
    pub server: bool,
    /// Authenticating clients.
    pub client: bool,
}

/// Makes a certificate authority: a root that signs itself.
pub fn gen_ca(options: &CertOptions) -> Result<Identity> {
    let options = CertOptions {
        ca: true,
        ..options.clone()
    };
    Draft::new(&[], &options, None)?.sign(None)
}

/// Issues a certificate for `names`, with a new key unless the options bring
/// one.  The identity has the chain that peers need: without the root.
///
/// Fails with [`Status::Issue`], and says which rule, when the authority may
/// not issue it: it is no CA, its path length, its names or its own validity
/// forbid it.
pub fn issue_cert(ca: &Identity, names: &[String], options: &CertOptions) -> Result<Identity> {
    Draft::new(names, options, Some(ca))?.sign(Some(ca))
}

/// Makes a certificate for `names` that signs itself and is no CA.
pub fn self_signed(names: &[String], options: &CertOptions) -> Result<Identity> {
    if options.ca {
        return Err(Error::new(
            Status::Argument,
            "a certificate that signs itself and is a CA is made by generating a CA",
        ));
    }
    Draft::new(names, options, None)?.sign(None)
}

/// A certificate before it is signed.
struct Draft {
    key: PrivateKey,
    subject: Subject,
    params: CertificateParams,
}

impl Draft {
    /// Decides about it and fills its fields in.  The key, which may take long
    /// to make, comes last.
    fn new(names: &[String], options: &CertOptions, ca: Option<&Identity>) -> Result<Self> {
        let names = names.iter().map(|name| name.parse());
        let names = names.collect::<Result<Vec<AltName>>>()?;
        check_options(options, &names)?;
        let subject = subject(options, &names, ca.is_some())?;
        let path_len = options
            .path_len
            .or((options.ca && ca.is_some()).then_some(0));
        if let Some(ca) = ca {
            let request = Request {
                subject: &subject,
                names: &names,
                path_len,
                is_ca: options.ca,
            };
            rules::check(ca, &request)?;
        }

        let mut params = CertificateParams::default();
        if subject.is_empty() {
            // rcgen marks the alternative names as critical by this.
            params.distinguished_name = DistinguishedName::new();
        }
        params.serial_number = Some(random_serial()?);
        params.subject_alt_names = names.iter().map(AltName::to_san).collect::<Result<_>>()?;
        params.use_authority_key_identifier_extension = true;
        set_validity(&mut params, options, ca.map(Identity::certificate))?;
        set_constraints(&mut params, options)?;
        if let Some(url) = &options.crl_url {
            params.crl_distribution_points = vec![crl_distribution(url)?];
        }
        if options.ca {
            set_authority(&mut params, path_len)?;
        } else {
            set_purposes(&mut params, options, &names)?;
        }

        let key = match &options.key {
            Some(key) => key.clone(),
            None => PrivateKey::generate(options.key_type.unwrap_or_default())?,
        };
        if !options.ca && key.key_type().starts_with("rsa") {
            // For the RSA key exchange of TLS 1.2 with other libraries.
            params.key_usages.push(KeyUsagePurpose::KeyEncipherment);
        }
        params.key_identifier_method = KeyIdMethod::PreSpecified(key_id(key.spki_der())?);
        Ok(Self {
            key,
            subject,
            params,
        })
    }

    /// Signs it by `ca`, or by itself.
    fn sign(self, ca: Option<&Identity>) -> Result<Identity> {
        let subject = self.subject.to_der()?;
        let (signer, issuer, issuer_key_id) = match ca {
            None => (&self.key, subject.clone(), key_id(self.key.spki_der())?),
            Some(ca) => {
                let issuer = ca.certificate();
                let key_id = match issuer.key_id() {
                    Some(id) => id.to_vec(),
                    None => key_id(issuer.spki_der())?,
                };
                (ca.require_key("issue with")?, issuer.subject_der()?, key_id)
            }
        };
        let exact = Exact {
            issuer: &issuer,
            issuer_key_id: &issuer_key_id,
            subject: &subject,
            spki: self.key.spki_der(),
        };
        let der = layout::certificate(&self.params, &exact, signer)?;
        let above = ca.map_or(&[][..], Identity::chain).iter();
        let above = above.filter(|above| !above.is_self_signed()).cloned();
        let chain = std::iter::once(Certificate::from_der(der)?).chain(above);
        Identity::new(chain.collect(), Some(self.key))
    }
}

fn check_options(options: &CertOptions, names: &[AltName]) -> Result<()> {
    let limits = [&options.permitted_names, &options.excluded_names];
    let has_limits = options.path_len.is_some() || limits.iter().any(|names| !names.is_empty());
    let sentence = if names.is_empty() && !options.ca {
        "a certificate needs at least one name: a host, an address, an e-mail address"
    } else if has_limits && !options.ca {
        "only a CA can have a path length and name constraints: make this one a CA"
    } else if options.subject.is_some() && options.common_name.is_some() {
        "both a subject and a common name are given: put the common name into the subject"
    } else {
        return Ok(());
    };
    Err(Error::new(Status::Argument, sentence))
}

// The fields.

fn set_validity(
    params: &mut CertificateParams,
    options: &CertOptions,
    issuer: Option<&Certificate>,
) -> Result<()> {
    let default = if options.ca { CA_LIFETIME } else { LIFETIME };
    let lifetime = options.lifetime.unwrap_or(default);
    let too_far = || {
        let start = options.not_before;
        let sentence = format!(
            "the validity (start {start:?}, lifetime {lifetime:?}) leaves the years 1 to 9999"
        );
        Error::new(Status::Argument, sentence)
    };
    let mut start = match options.not_before {
        Some(start) => start,
        None => now()? - HOUR,
    };
    let seconds = i64::try_from(lifetime.as_secs()).map_err(|_| too_far())?;
    let mut end = start.checked_add(seconds).ok_or_else(too_far)?;
    if let Some(issuer) = issuer {
        start = start.max(issuer.not_before());
        if options.lifetime.is_none() {
            end = end.min(issuer.not_after());
        }
        rules::check_validity(issuer, start, end)?;
    }
    if end <= start {
        let (start, end) = (moment::show(start), moment::show(end));
        return Err(Error::new(
            Status::Argument,
            format!("the certificate would end on {end}, and not begin before {start}"),
        ));
    }
    let date = |seconds| match OffsetDateTime::from_unix_timestamp(seconds) {
        Ok(date) if (1..=9999).contains(&date.year()) => Ok(date),
        _ => Err(too_far()),
    };
    params.not_before = date(start)?;
    params.not_after = date(end)?;
    Ok(())
}

fn now() -> Result<i64> {
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
            return Err(Error::new(Status::Argument, sentence));
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
    let usage = options.usage.unwrap_or(Usage {
        server: !names.iter().all(is_email),
        client: names.iter().any(is_email),
    });
    let server = usage.server.then_some(ExtendedKeyUsagePurpose::ServerAuth);
    let client = usage.client.then_some(ExtendedKeyUsagePurpose::ClientAuth);
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = server.into_iter().chain(client).collect();
    if params.extended_key_usages.is_empty() {
        return Err(Error::new(
            Status::Argument,
            "a certificate has to be for servers, for clients, or for both",
        ));
    }
    Ok(())
}

fn set_constraints(params: &mut CertificateParams, options: &CertOptions) -> Result<()> {
    let parse = |texts: &[String]| {
        let subtrees = texts.iter().map(|text| constraints::parse(text));
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
        _ => Err(Error::new(
            Status::Argument,
            format!("{} is not the URL of a CRL", quoted(url)),
        )),
    }
}

fn subject(options: &CertOptions, names: &[AltName], is_issued: bool) -> Result<Subject> {
    match (&options.subject, &options.common_name, names.first()) {
        (Some(subject), _, _) => Subject::parse(subject),
        (None, Some(common), _) => Subject::common_name(common),
        (None, None, Some(first)) => match first.to_string() {
            // Too long for a common name: it is an alternative name only.
            long if long.len() > 64 => Ok(Subject::EMPTY),
            name => Subject::common_name(&name),
        },
        (None, None, None) if is_issued => Subject::common_name("tlsmith intermediate CA"),
        (None, None, None) => Subject::common_name("tlsmith CA"),
    }
}

/// 20 bytes, positive (RFC 5280, section 4.1.2.2).
fn random_serial() -> Result<SerialNumber> {
    let mut serial = [0; 20];
    aws_lc_rs::rand::fill(&mut serial)
        .map_err(|_| Error::new(Status::Internal, "the system gives no random numbers"))?;
    serial[0] = serial[0] & 0x7f | 0x40;
    Ok(SerialNumber::from_slice(&serial))
}

/// The first 20 bytes of the SHA-256 of the public key's bits (RFC 7093,
/// section 2, method 1).
fn key_id(spki: &[u8]) -> Result<Vec<u8>> {
    let key = SubjectPublicKeyInfoRef::try_from(spki).map_err(|error| {
        Error::new(
            Status::Internal,
            format!("a public key does not parse: {error}"),
        )
    })?;
    let hash = digest::digest(&digest::SHA256, key.subject_public_key.raw_bytes());
    Ok(hash.as_ref()[..20].to_vec())
}
