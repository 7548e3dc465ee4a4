//! Issuing: a decision by the rules of the authority's own certificate, then a
//! document.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lc_rs::digest;
use der::Encode;
use rcgen::{
    BasicConstraints, CertificateParams, CrlDistributionPoint, ExtendedKeyUsagePurpose, IsCa,
    KeyIdMethod, KeyUsagePurpose, NameConstraints, SerialNumber,
};
use rustls_pki_types::{CertificateDer, UnixTime};
use spki::SubjectPublicKeyInfoRef;
use time::OffsetDateTime;
use webpki::{EndEntityCert, KeyUsage};
use x509_cert::name::Name;

use super::certificate::Certificate;
use super::describe;
use super::identity::Identity;
use super::key::{KeyType, PrivateKey};
use super::layout::{self, Exact};
use super::name::{self, AltName};
use crate::provider::provider;
use crate::{Error, Result, Status};

const HOUR: i64 = 3_600;
const DAY: u64 = 86_400;

/// What public authorities allow at most (CA/Browser Forum, 2020).
const LIFETIME: Duration = Duration::from_secs(397 * DAY);
const CA_LIFETIME: Duration = Duration::from_secs(3_650 * DAY);

/// What a certificate is to be like.  The default is what most people need.
#[derive(Clone, Debug, Default)]
pub struct CertOptions {
    /// The common name.  By default the first name, or `"tlsmith CA"`.
    pub common_name: Option<String>,
    /// The whole subject instead: `"CN=x,O=Example"` or `"/O=Example/CN=x"`.
    pub subject: Option<String>,
    /// When it starts to be valid, in seconds of the Unix epoch.  By default an
    /// hour ago, so that a clock that is a little behind accepts it.
    pub not_before: Option<i64>,
    /// How long it is valid from then on.  By default 397 days, a CA 3650, and
    /// not beyond the end of the CA that issues it.
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
    check_authority(ca, options)?;
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
    subject: Name,
    params: CertificateParams,
    is_ca: bool,
}

impl Draft {
    fn new(names: &[String], options: &CertOptions, ca: Option<&Identity>) -> Result<Self> {
        let names: Vec<AltName> = names
            .iter()
            .map(|name| name.parse())
            .collect::<Result<_>>()?;
        if names.is_empty() && !options.ca {
            return Err(Error::new(
                Status::Argument,
                "a certificate needs at least one name: a host, an address, an e-mail address",
            ));
        }
        if !options.ca && (options.path_len.is_some() || has_constraints(options)) {
            return Err(Error::new(
                Status::Argument,
                "only a CA can have a path length and name constraints: make this one a CA",
            ));
        }
        let key = match &options.key {
            Some(key) => key.clone(),
            None => PrivateKey::generate(options.key_type.unwrap_or_default())?,
        };
        let mut params = CertificateParams::default();
        params.serial_number = Some(random_serial()?);
        params.subject_alt_names = names.iter().map(AltName::to_san).collect::<Result<_>>()?;
        params.key_identifier_method = KeyIdMethod::PreSpecified(key_id(key.spki_der())?);
        params.use_authority_key_identifier_extension = true;
        set_validity(&mut params, options, ca)?;
        set_usage(&mut params, options, &names, &key, ca.is_some())?;
        set_constraints(&mut params, options)?;
        if let Some(url) = &options.crl_url {
            params.crl_distribution_points = vec![crl_distribution(url)?];
        }
        Ok(Self {
            subject: subject(options, &names)?,
            key,
            params,
            is_ca: options.ca,
        })
    }

    /// Signs it by `ca`, or by itself.
    fn sign(self, ca: Option<&Identity>) -> Result<Identity> {
        let subject = self.subject.to_der().map_err(|error| {
            Error::new(
                Status::Internal,
                format!("cannot encode a subject: {error}"),
            )
        })?;
        let own_id = key_id(self.key.spki_der())?;
        let exact = |issuer, issuer_key_id| Exact {
            issuer,
            issuer_key_id,
            subject: &subject,
            spki: self.key.spki_der(),
        };
        let Some(ca) = ca else {
            let der = layout::certificate(&self.params, &exact(&subject, &own_id), &self.key)?;
            return Identity::new(vec![Certificate::from_der(der)?], Some(self.key));
        };

        let issuer = ca.certificate();
        let issuer_key = ca.key().ok_or_else(|| no_key(issuer))?;
        let issuer_id = match issuer.key_id() {
            Some(id) => id.to_vec(),
            None => key_id(issuer.spki_der())?,
        };
        let exact = exact(issuer.subject_der(), &issuer_id);
        let certificate =
            Certificate::from_der(layout::certificate(&self.params, &exact, issuer_key)?)?;
        if !self.is_ca {
            check_issued(&certificate, ca)?;
        }
        let above = ca.chain().iter().filter(|above| !above.is_self_issued());
        let chain = std::iter::once(certificate).chain(above.cloned());
        Identity::new(chain.collect(), Some(self.key))
    }
}

// The decision.

/// The rules that the authority's certificate has for every certificate.
fn check_authority(ca: &Identity, options: &CertOptions) -> Result<()> {
    let issuer = ca.certificate();
    let refuse = |rule: String| {
        let sentence = format!(
            "'{}' may not issue this certificate: {rule}",
            issuer.subject()
        );
        Err(Error::new(Status::Issue, sentence))
    };
    if ca.key().is_none() {
        return Err(no_key(issuer));
    }
    if !issuer.is_ca() {
        return refuse("it is not a CA".to_owned());
    }
    if issuer.forbids("keyCertSign") {
        return refuse("its key usage does not include keyCertSign".to_owned());
    }
    match issuer.path_len() {
        Some(0) if options.ca => {
            refuse("its path length is 0, so no CA may stand below it".to_owned())
        }
        Some(limit) if options.ca && options.path_len.unwrap_or(0) >= limit => refuse(format!(
            "its path length is {limit}, so a CA below it may have {} at most",
            limit - 1
        )),
        _ => Ok(()),
    }
}

fn no_key(issuer: &Certificate) -> Error {
    Error::new(
        Status::Issue,
        format!(
            "'{}' cannot issue certificates: its private key is not here",
            issuer.subject()
        ),
    )
}

/// Has the verifier that peers use judge what was issued.  It knows every rule
/// about names, usages and signatures, so nothing is issued that peers refuse.
fn check_issued(certificate: &Certificate, ca: &Identity) -> Result<()> {
    let refused = |error: webpki::Error| {
        Error::new(
            Status::Issue,
            format!(
                "'{}' may not issue a certificate for {}: {error}",
                ca.certificate().subject(),
                certificate.names().join(", ")
            ),
        )
        .with_source(error)
    };
    let to_der = |certificate: &Certificate| CertificateDer::from(certificate.der().to_vec());
    let (root, between) = match ca.chain().split_last() {
        Some((root, between)) => (to_der(root), between.iter().map(to_der).collect::<Vec<_>>()),
        None => return Ok(()),
    };
    let anchor = webpki::anchor_from_trusted_cert(&root).map_err(refused)?;
    let leaf = to_der(certificate);
    let leaf = EndEntityCert::try_from(&leaf).map_err(refused)?;
    // Issued for the past or for the future, it is judged in its own time.
    let at = u64::try_from(certificate.not_before()).unwrap_or(0);
    let usage = match certificate.extended_key_usage().first().map(String::as_str) {
        Some("clientAuth") => KeyUsage::client_auth(),
        _ => KeyUsage::server_auth(),
    };
    leaf.verify_for_usage(
        provider().signature_verification_algorithms.all,
        &[anchor],
        &between,
        UnixTime::since_unix_epoch(Duration::from_secs(at)),
        usage,
        None,
        None,
    )
    .map_err(refused)?;
    Ok(())
}

// The fields.

fn set_validity(
    params: &mut CertificateParams,
    options: &CertOptions,
    ca: Option<&Identity>,
) -> Result<()> {
    let default = if options.ca { CA_LIFETIME } else { LIFETIME };
    let seconds = options.lifetime.unwrap_or(default).as_secs();
    let mut start = match options.not_before {
        Some(start) => start,
        None => now()? - HOUR,
    };
    let mut end = i64::try_from(seconds)
        .ok()
        .and_then(|seconds| start.checked_add(seconds))
        .ok_or_else(|| too_far(options))?;
    if let Some(issuer) = ca.map(Identity::certificate) {
        if options.not_before.is_none() {
            start = start.max(issuer.not_before());
        }
        let last = issuer.not_after();
        if options.lifetime.is_none() && options.not_before.is_none() {
            end = end.min(last);
        }
        if end > last || start < issuer.not_before() {
            return Err(Error::new(
                Status::Issue,
                format!(
                    "'{}' is valid from {} until {}, so it may not issue a certificate \
                     from {} until {}",
                    issuer.subject(),
                    describe::moment(issuer.not_before()),
                    describe::moment(last),
                    describe::moment(start),
                    describe::moment(end),
                ),
            ));
        }
    }
    if end <= start {
        return Err(Error::new(
            Status::Issue,
            format!(
                "the certificate would end ({}) before it begins ({})",
                describe::moment(end),
                describe::moment(start)
            ),
        ));
    }
    let date = |seconds| OffsetDateTime::from_unix_timestamp(seconds).map_err(|_| too_far(options));
    params.not_before = date(start)?;
    params.not_after = date(end)?;
    Ok(())
}

fn too_far(options: &CertOptions) -> Error {
    Error::new(
        Status::Argument,
        format!(
            "the validity (start {:?}, lifetime {:?}) ends after the year 9999",
            options.not_before, options.lifetime
        ),
    )
}

fn now() -> Result<i64> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since
        .ok()
        .and_then(|since| i64::try_from(since.as_secs()).ok())
        .ok_or_else(|| Error::new(Status::Internal, "the clock of this system is before 1970"))
}

fn set_usage(
    params: &mut CertificateParams,
    options: &CertOptions,
    names: &[AltName],
    key: &PrivateKey,
    is_issued: bool,
) -> Result<()> {
    if options.ca {
        let path_len = options.path_len.or(is_issued.then_some(0));
        let limit = |count: u32| {
            u8::try_from(count).map_err(|_| {
                Error::new(
                    Status::Argument,
                    format!("a path length of {count} is too large: 255 is the most"),
                )
            })
        };
        params.is_ca = IsCa::Ca(match path_len {
            Some(count) => BasicConstraints::Constrained(limit(count)?),
            None => BasicConstraints::Unconstrained,
        });
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        return Ok(());
    }
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    if key.key_type().starts_with("rsa") {
        // For the RSA key exchange of peers that are stuck in TLS 1.2.
        params.key_usages.push(KeyUsagePurpose::KeyEncipherment);
    }
    let is_email = |name: &AltName| matches!(name, AltName::Email(_));
    let usage = options.usage.unwrap_or(Usage {
        server: !names.iter().all(is_email),
        client: names.iter().any(is_email),
    });
    if usage.server {
        let purpose = ExtendedKeyUsagePurpose::ServerAuth;
        params.extended_key_usages.push(purpose);
    }
    if usage.client {
        let purpose = ExtendedKeyUsagePurpose::ClientAuth;
        params.extended_key_usages.push(purpose);
    }
    if params.extended_key_usages.is_empty() {
        return Err(Error::new(
            Status::Argument,
            "a certificate has to be for servers, for clients, or for both",
        ));
    }
    Ok(())
}

fn has_constraints(options: &CertOptions) -> bool {
    !(options.permitted_names.is_empty() && options.excluded_names.is_empty())
}

fn set_constraints(params: &mut CertificateParams, options: &CertOptions) -> Result<()> {
    if !has_constraints(options) {
        return Ok(());
    }
    let parse = |texts: &[String]| {
        let parts = texts.iter().map(|text| name::parse_constraint(text));
        parts.collect::<Result<Vec<_>>>()
    };
    params.name_constraints = Some(NameConstraints {
        permitted_subtrees: parse(&options.permitted_names)?,
        excluded_subtrees: parse(&options.excluded_names)?,
    });
    Ok(())
}

fn crl_distribution(url: &str) -> Result<CrlDistributionPoint> {
    match url.parse() {
        Ok(AltName::Uri(url)) => Ok(CrlDistributionPoint { uris: vec![url] }),
        _ => Err(Error::new(
            Status::Argument,
            format!("'{}' is not the URL of a CRL", url.escape_debug()),
        )),
    }
}

fn subject(options: &CertOptions, names: &[AltName]) -> Result<Name> {
    match (&options.subject, &options.common_name, names.first()) {
        (Some(_), Some(_), _) => Err(Error::new(
            Status::Argument,
            "both a subject and a common name are given: put the common name into the subject",
        )),
        (Some(subject), None, _) => name::parse_subject(subject),
        (None, Some(common), _) => name::common_name(common),
        (None, None, Some(first)) => default_subject(first),
        (None, None, None) => name::common_name("tlsmith CA"),
    }
}

/// The first name; one that is too long for a common name (64 characters) is
/// only an alternative name, beside a subject that says so.
fn default_subject(first: &AltName) -> Result<Name> {
    let text = match first {
        AltName::Dns(name) | AltName::Email(name) | AltName::Uri(name) => name.clone(),
        AltName::Ip(address) => address.to_string(),
    };
    name::common_name(if text.len() > 64 {
        "see alternative names"
    } else {
        &text
    })
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
