//! Certificate revocation lists (RFC 5280, section 5): generation, parsing and accessors.

use std::fmt;
use std::path::Path;
use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use const_oid::ObjectIdentifier;
use der::asn1::AnyRef;
use der::{Decode, Encode, Tag, Tagged};
use rcgen::{CertificateRevocationListParams, KeyIdMethod, RevokedCertParams, SerialNumber};

use super::asn1::{Extension, RevokedEntry, Signed, TbsCertList};
use super::distinguished_name::{DistinguishedName, parse_hex};
use super::document_type::{self, DocumentType};
use super::file::{self, Access, Staged};
use super::identity::Identity;
use super::{describe, encoding, extensions, issuance_policy, pem, profile, quoted, x509_time};
use crate::{Error, Result, Status};

/// The default time until nextUpdate: a week.
const LIFETIME: Duration = Duration::from_secs(7 * 86_400);

/// Why a certificate was revoked (RFC 5280, section 5.3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the names are the standard's")]
pub enum RevocationReason {
    Unspecified,
    KeyCompromise,
    CaCompromise,
    AffiliationChanged,
    Superseded,
    CessationOfOperation,
    CertificateHold,
    RemoveFromCrl,
    PrivilegeWithdrawn,
    AaCompromise,
}

/// The reasons, with the standard's numbers and names.
const REASONS: [(u8, &str, RevocationReason, rcgen::RevocationReason); 10] = {
    use RevocationReason as R;
    use rcgen::RevocationReason as L;
    [
        (0, "unspecified", R::Unspecified, L::Unspecified),
        (1, "keyCompromise", R::KeyCompromise, L::KeyCompromise),
        (2, "cACompromise", R::CaCompromise, L::CaCompromise),
        (
            3,
            "affiliationChanged",
            R::AffiliationChanged,
            L::AffiliationChanged,
        ),
        (4, "superseded", R::Superseded, L::Superseded),
        (
            5,
            "cessationOfOperation",
            R::CessationOfOperation,
            L::CessationOfOperation,
        ),
        (6, "certificateHold", R::CertificateHold, L::CertificateHold),
        (8, "removeFromCRL", R::RemoveFromCrl, L::RemoveFromCrl),
        (
            9,
            "privilegeWithdrawn",
            R::PrivilegeWithdrawn,
            L::PrivilegeWithdrawn,
        ),
        (10, "aACompromise", R::AaCompromise, L::AaCompromise),
    ]
};

impl RevocationReason {
    /// Returns the standard's name, such as `"keyCompromise"`.
    pub fn name(self) -> &'static str {
        let found = REASONS.iter().find(|(_, _, reason, _)| *reason == self);
        found.map_or("unspecified", |(_, name, ..)| name)
    }

    fn to_rcgen(self) -> rcgen::RevocationReason {
        let found = REASONS.iter().find(|(_, _, reason, _)| *reason == self);
        found.map_or(rcgen::RevocationReason::Unspecified, |(.., to_rcgen)| {
            *to_rcgen
        })
    }
}

impl fmt::Display for RevocationReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for RevocationReason {
    type Err = Error;

    /// Parses the standard's name in any case, with or without underscores:
    /// `"keyCompromise"`, `"key_compromise"`.
    fn from_str(text: &str) -> Result<Self> {
        let plain = text.replace('_', "");
        let found = REASONS
            .iter()
            .find(|(_, name, ..)| name.eq_ignore_ascii_case(&plain));
        found.map(|(_, _, reason, _)| *reason).ok_or_else(|| {
            let names = REASONS.map(|(_, name, ..)| name).join(", ");
            let sentence = format!(
                "{} is not a reason for revocation: choose one of {names}",
                quoted(text)
            );
            Error::argument(sentence)
        })
    }
}

/// A revoked certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revoked {
    /// Its serial number in hex.
    pub serial: String,
    /// When it was revoked, in seconds since the Unix epoch; `None`: now.
    pub time: Option<i64>,
    /// The reason, if any.
    pub reason: Option<RevocationReason>,
}

impl FromStr for Revoked {
    type Err = Error;

    /// Parses a serial number in hex with an optional reason: `"0a1b"`,
    /// `"0a1b=keyCompromise"`.  It is revoked now.
    fn from_str(text: &str) -> Result<Self> {
        let (serial, reason) = match text.split_once('=') {
            Some((serial, reason)) => (serial, Some(reason.trim().parse()?)),
            None => (text, None),
        };
        parse_serial(serial.trim())?;
        Ok(Self {
            serial: serial.trim().to_owned(),
            time: None,
            reason,
        })
    }
}

/// Options for a new CRL.
#[derive(Clone, Debug, Default)]
pub struct CrlOptions {
    /// The time until nextUpdate, from [`Self::this_update`] if given, else from now; seven
    /// days by default.
    pub lifetime: Option<Duration>,
    /// The CRL number, which must increase from one CRL to the next.  The default is the
    /// time in microseconds.
    pub number: Option<u64>,
    /// Its thisUpdate (RFC 5280, section 5.1.2.4), in seconds since the Unix epoch.  The
    /// default is an hour ago, so that peers with slow clocks accept it, or the start of
    /// the CA's validity if later.
    pub this_update: Option<i64>,
}

/// Generates a CRL: a list of this CA's revoked certificates, signed by it.
///
/// Fails with [`Status::Issue`] if the CA may not sign CRLs.
pub fn gen_crl(ca: &Identity, revoked: &[Revoked], options: &CrlOptions) -> Result<Crl> {
    issuance_policy::check_crl_issuer(ca)?;
    let key = ca.require_key("sign a CRL with")?;
    let issuer = ca.certificate();
    let now = profile::now()?;
    let this_update = options.this_update.unwrap_or_else(|| {
        let earlier = now - profile::BACKDATE_SECONDS;
        earlier.max(issuer.not_before()).min(now)
    });
    // A default thisUpdate in the past does not shorten the lifetime.
    let start = options.this_update.unwrap_or(now);
    let lifetime = options.lifetime.unwrap_or(LIFETIME);
    let too_far = || {
        let sentence =
            format!("a CRL from second {start} for {lifetime:?} leaves the years 1 to 9999");
        Error::argument(sentence)
    };
    let date = |seconds| profile::date(seconds).ok_or_else(too_far);
    let seconds = i64::try_from(lifetime.as_secs()).map_err(|_| too_far())?;
    if seconds == 0 {
        let sentence = "a CRL with a lifetime of 0 would never be valid";
        return Err(Error::argument(sentence));
    }
    let entry = |revoked: &Revoked| {
        Ok(RevokedCertParams {
            serial_number: parse_serial(&revoked.serial)?,
            revocation_time: date(revoked.time.unwrap_or(start))?,
            reason_code: revoked.reason.map(RevocationReason::to_rcgen),
            invalidity_date: None,
        })
    };
    let params = CertificateRevocationListParams {
        this_update: date(this_update)?,
        next_update: date(start.checked_add(seconds).ok_or_else(too_far)?)?,
        crl_number: SerialNumber::from(options.number.unwrap_or_else(next_number)),
        issuing_distribution_point: None,
        revoked_certs: revoked.iter().map(entry).collect::<Result<_>>()?,
        key_identifier_method: KeyIdMethod::PreSpecified(profile::issuer_key_id(issuer)?),
    };
    Crl::from_der(encoding::crl(&params, &issuer.subject_der()?, key)?)
}

/// Returns microseconds since the Unix epoch, never the same value twice in one process.
fn next_number() -> u64 {
    static LATEST: AtomicU64 = AtomicU64::new(0);
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let now = u64::try_from(since.as_micros()).unwrap_or(u64::MAX);
    let latest = LATEST.fetch_max(now, Ordering::Relaxed);
    if latest < now {
        return now;
    }
    LATEST.fetch_add(1, Ordering::Relaxed) + 1
}

/// Parses a serial number in hex, with or without colons, of up to 20 bytes.
fn parse_serial(text: &str) -> Result<SerialNumber> {
    let digits = text.replace(':', "");
    let even = if digits.len().is_multiple_of(2) {
        digits
    } else {
        format!("0{digits}")
    };
    let bytes = parse_hex(&even).filter(|bytes| (1..=20).contains(&bytes.len()));
    let bytes = bytes.ok_or_else(|| {
        let text = quoted(text);
        let sentence = format!("{text} is not a serial number: give 1 to 20 bytes in hex");
        Error::argument(sentence)
    })?;
    Ok(SerialNumber::from_slice(&bytes))
}

/// A certificate revocation list.  It is immutable.  A clone refers to the same CRL.
///
/// Parsing does not verify its signature; path validation does, with the issuer's key.  For
/// a directly trusted certificate, or an intermediate CA as trust anchor, every CRL with
/// its issuer's name that lists it counts, whoever signed it.
#[derive(Clone)]
pub struct Crl(Arc<Inner>);

struct Inner {
    der: Vec<u8>,
    document: Signed<TbsCertList>,
    issuer: String,
    this_update: i64,
    next_update: Option<i64>,
    revoked: Vec<Revoked>,
    /// The indexes of `revoked`, sorted by serial number.
    by_serial: OnceLock<Vec<usize>>,
    pem: OnceLock<String>,
    text: OnceLock<String>,
}

const CRL_NUMBER: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.20");
const REASON: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.21");

impl Crl {
    /// Parses one DER CRL.
    pub fn from_der(der: impl Into<Vec<u8>>) -> Result<Self> {
        let der = der.into();
        let document = Signed::<TbsCertList>::from_der(&der);
        let document = document.map_err(|error| {
            document_type::mismatch_or(&der, DocumentType::Crl, parse_error("its structure", error))
        })?;
        let content = &document.content;
        let issuer = content.issuer.to_der();
        let issuer = issuer.map_err(|error| parse_error("its issuer", error))?;
        let issuer = match DistinguishedName::from_der(&issuer) {
            Ok(name) => name.to_string(),
            Err(_) => format!("#{}", describe::hex(&issuer)),
        };
        let this_update = x509_time::parse(&AnyRef::from(&content.this_update));
        let next_update = content.next_update.as_ref();
        let next_update = next_update.map(|time| x509_time::parse(&AnyRef::from(&time.0)));
        let revoked = content.revoked.iter().flatten().map(entry);
        Ok(Self(Arc::new(Inner {
            issuer,
            this_update: this_update.map_err(|error| parse_error("its date", error))?,
            next_update: next_update
                .transpose()
                .map_err(|error| parse_error("its next date", error))?,
            revoked: revoked
                .collect::<der::Result<_>>()
                .map_err(|error| parse_error("its entries", error))?,
            der,
            document,
            by_serial: OnceLock::new(),
            pem: OnceLock::new(),
            text: OnceLock::new(),
        })))
    }

    /// Parses the first CRL in a PEM text.
    pub fn from_pem(text: &[u8]) -> Result<Self> {
        Self::all_from_pem(text).map(|mut all| all.swap_remove(0))
    }

    /// Parses every CRL in a PEM text, in order: at least one.
    pub fn all_from_pem(text: &[u8]) -> Result<Vec<Self>> {
        pem::every(text, DocumentType::Crl, |_, der| Self::from_der(der))
    }

    /// Parses every CRL in a PEM text, or the one in DER.
    pub fn all_from_bytes(content: &[u8]) -> Result<Vec<Self>> {
        match pem::is_der(content) {
            true => Self::from_der(content).map(|only| vec![only]),
            false => Self::all_from_pem(content),
        }
    }

    /// Parses the first CRL in a PEM text, or the one in DER.
    pub fn from_bytes(content: &[u8]) -> Result<Self> {
        Self::all_from_bytes(content).map(|mut all| all.swap_remove(0))
    }

    /// Loads the first CRL in a file, PEM or DER.
    pub fn load(path: &Path) -> Result<Self> {
        Self::load_all(path).map(|mut all| all.swap_remove(0))
    }

    /// Loads every CRL in a file, PEM or DER.
    pub fn load_all(path: &Path) -> Result<Vec<Self>> {
        let content = file::read_file("cannot read the CRL", path)?;
        Self::all_from_bytes(&content).map_err(|error| file::in_file(path, error))
    }

    /// Returns the issuer, whose certificates it covers (RFC 4514).
    pub fn issuer(&self) -> &str {
        &self.0.issuer
    }

    /// Returns its number in hex, if it has one.
    pub fn number(&self) -> Option<String> {
        let number = self
            .extensions()
            .iter()
            .find(|extension| extension.oid == CRL_NUMBER)?;
        let number = extensions::crl_number(number.value.as_bytes()).ok()?;
        Some(describe::serial(&number))
    }

    /// Returns its thisUpdate, in seconds since the Unix epoch.
    pub fn this_update(&self) -> i64 {
        self.0.this_update
    }

    /// Returns its nextUpdate, in seconds since the Unix epoch, if it has one.
    pub fn next_update(&self) -> Option<i64> {
        self.0.next_update
    }

    /// Returns the revoked certificates, in the order of the list.
    pub fn revoked(&self) -> &[Revoked] {
        &self.0.revoked
    }

    /// Returns the entry that revokes the certificate with this serial number in hex.  A
    /// removeFromCRL entry does not revoke (RFC 5280, section 5.3.1).
    pub(crate) fn revokes(&self, serial: &str) -> Option<&Revoked> {
        let revoked = self.revoked();
        let by_serial = self.0.by_serial.get_or_init(|| {
            let mut indexes: Vec<_> = (0..revoked.len()).collect();
            indexes.sort_by_key(|&index| &revoked[index].serial);
            indexes
        });
        let start = by_serial.partition_point(|&index| *revoked[index].serial < *serial);
        let found = by_serial[start..].iter().map(|&index| &revoked[index]);
        let mut found = found.take_while(|entry| entry.serial == serial);
        found.find(|entry| entry.reason != Some(RevocationReason::RemoveFromCrl))
    }

    /// Returns its signature algorithm, such as `"ecdsa-with-SHA256"`.
    pub fn signature_type(&self) -> String {
        describe::algorithm(&self.0.document.algorithm.oid)
    }

    /// Returns its DER.
    pub fn der(&self) -> &[u8] {
        &self.0.der
    }

    /// Returns its PEM.
    pub fn pem(&self) -> &str {
        self.0.pem.get_or_init(|| {
            let mut encoded = pem::encode("X509 CRL", &self.0.der);
            std::mem::take(&mut *encoded)
        })
    }

    /// Returns a human-readable listing of its contents.
    pub fn text(&self) -> &str {
        self.0.text.get_or_init(|| describe::crl_text(self))
    }

    /// Writes it as PEM with mode 0644, atomically.
    pub fn save(&self, path: &Path) -> Result<()> {
        Staged::new(path, self.pem().as_bytes(), Access::Everybody)?.commit()
    }

    pub(super) fn extensions(&self) -> &[Extension] {
        self.0
            .document
            .content
            .extensions
            .as_deref()
            .unwrap_or_default()
    }
}

fn parse_error(what: &str, error: der::Error) -> Error {
    let sentence = format!("the CRL does not parse: {what}: {error}");
    Error::new(Status::Parse, sentence).with_source(error)
}

fn entry(entry: &RevokedEntry) -> der::Result<Revoked> {
    entry.serial.tag().assert_eq(Tag::Integer)?;
    let mut extensions = entry.extensions.iter().flatten();
    let reason = extensions.find(|extension| extension.oid == REASON);
    let reason = reason.and_then(|extension| match extension.value.as_bytes() {
        // An ENUMERATED with one content octet.
        [0x0a, 1, code] => REASONS.iter().find(|(known, ..)| known == code),
        _ => None,
    });
    Ok(Revoked {
        serial: describe::serial(entry.serial.value()),
        time: Some(x509_time::parse(&AnyRef::from(&entry.time))?),
        reason: reason.map(|(_, _, reason, _)| *reason),
    })
}

impl PartialEq for Crl {
    fn eq(&self, other: &Self) -> bool {
        self.der() == other.der()
    }
}

impl Eq for Crl {}

impl fmt::Debug for Crl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Crl({}, {} revoked)",
            self.issuer(),
            self.revoked().len()
        )
    }
}
