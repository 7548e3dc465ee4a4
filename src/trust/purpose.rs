//! The key purposes that certificates are verified for (RFC 5280, section 4.2.1.12).

use std::fmt;
use std::str::FromStr;

use const_oid::ObjectIdentifier;
use webpki::{
    ExtendedKeyUsageValidator, KeyPurposeId, KeyPurposeIdIter, KeyUsage, RequiredEkuNotFoundContext,
};

use super::verify_error::{VerifyError, subject_of};
use crate::pki::{Certificate, CertificateRef, quoted};
use crate::{Error, Result, Status};

/// The key purpose that a certificate is verified for (RFC 5280, section 4.2.1.12).
///
/// A CA certificate without the extended key usage extension allows every purpose.  So does
/// an end-entity certificate in TLS; for other purposes it must list the purpose.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyPurpose(ObjectIdentifier);

const NAMES: [(&str, &str, KeyPurpose); 6] = [
    ("serverAuth", "server", KeyPurpose::SERVER_AUTH),
    ("clientAuth", "client", KeyPurpose::CLIENT_AUTH),
    ("codeSigning", "code", KeyPurpose::new("1.3.6.1.5.5.7.3.3")),
    (
        "emailProtection",
        "email",
        KeyPurpose::new("1.3.6.1.5.5.7.3.4"),
    ),
    (
        "timeStamping",
        "timestamp",
        KeyPurpose::new("1.3.6.1.5.5.7.3.8"),
    ),
    ("OCSPSigning", "ocsp", KeyPurpose::new("1.3.6.1.5.5.7.3.9")),
];

impl KeyPurpose {
    /// Authenticating a TLS server: serverAuth.
    pub const SERVER_AUTH: Self = Self::new("1.3.6.1.5.5.7.3.1");
    /// Authenticating a TLS client: clientAuth.
    pub const CLIENT_AUTH: Self = Self::new("1.3.6.1.5.5.7.3.2");

    const fn new(oid: &str) -> Self {
        Self(ObjectIdentifier::new_unwrap(oid))
    }

    /// Returns the content octets of its OBJECT IDENTIFIER.
    pub(super) const fn oid(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// Returns whether it is serverAuth or clientAuth, the purposes of TLS.
    pub(super) fn is_tls(self) -> bool {
        self == Self::SERVER_AUTH || self == Self::CLIENT_AUTH
    }
}

impl FromStr for KeyPurpose {
    type Err = Error;

    /// Parses the standard's name (`"serverAuth"`), the short one (`"server"`), or a dotted
    /// object identifier (`"1.3.6.1.5.5.7.3.3"`).
    fn from_str(text: &str) -> Result<Self> {
        let named = NAMES
            .iter()
            .find(|(name, short, _)| name.eq_ignore_ascii_case(text) || *short == text);
        if let Some((.., purpose)) = named {
            return Ok(*purpose);
        }
        ObjectIdentifier::new(text).map(Self).map_err(|_| {
            let names = NAMES.map(|(name, ..)| name).join(", ");
            let text = quoted(text);
            let sentence = format!(
                "{text} is not a purpose: choose one of {names}, or give an object identifier \
                 such as 1.3.6.1.5.5.7.3.3"
            );
            Error::argument(sentence)
        })
    }
}

impl fmt::Display for KeyPurpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match NAMES.iter().find(|(.., purpose)| purpose == self) {
            Some((name, ..)) => f.write_str(name),
            None => self.0.fmt(f),
        }
    }
}

impl fmt::Debug for KeyPurpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyPurpose({self})")
    }
}

/// The check that webpki makes for every certificate below the trust anchor: if the
/// certificate limits its purposes, it must list this one.
impl ExtendedKeyUsageValidator for KeyPurpose {
    fn validate(&self, purposes: KeyPurposeIdIter<'_, '_>) -> Result<(), webpki::Error> {
        let wanted = KeyPurposeId::new(self.0.as_bytes());
        let mut is_limited = false;
        for purpose in purposes {
            if purpose? == wanted {
                return Ok(());
            }
            is_limited = true;
        }
        match is_limited {
            false => Ok(()),
            // The error for the caller is made from the certificates themselves.
            true => Err(webpki::Error::RequiredEkuNotFoundContext(
                RequiredEkuNotFoundContext {
                    required: KeyUsage::server_auth(),
                    present: Vec::new(),
                },
            )),
        }
    }
}

/// Checks that a certificate allows a purpose.
pub(super) fn check(
    certificate: &CertificateRef<'_>,
    purpose: KeyPurpose,
) -> Result<(), VerifyError> {
    let purposes = certificate.key_purposes().map_err(|_| {
        VerifyError::malformed(certificate, "its extended key usage does not parse")
    })?;
    match purposes {
        Some(purposes) if purposes.contains(&purpose.0.as_bytes()) => Ok(()),
        None => Ok(()),
        Some(_) => Err(rejection(certificate, purpose)),
    }
}

/// Checks that an end-entity certificate allows a purpose.  Outside TLS it must list the
/// purpose.
pub(super) fn check_leaf(
    leaf: &CertificateRef<'_>,
    purpose: KeyPurpose,
) -> Result<(), VerifyError> {
    check(leaf, purpose)?;
    if purpose.is_tls() || leaf.key_purposes().is_ok_and(|purposes| purposes.is_some()) {
        return Ok(());
    }
    let subject = subject_of(leaf);
    let sentence =
        format!("certificate of '{subject}' has no extended key usage, and {purpose} is required");
    Err(VerifyError::new(Status::CertificateWrongUsage, sentence))
}

/// The error for a root whose OpenSSL trust settings exclude a purpose.
pub(super) fn not_trusted_for(root: &CertificateRef<'_>, purpose: KeyPurpose) -> VerifyError {
    let subject = subject_of(root);
    let sentence = format!(
        "the root '{subject}' is not trusted for {purpose}, by the settings of its TRUSTED \
         CERTIFICATE ('openssl x509 -addtrust {purpose}' adds it)"
    );
    VerifyError::new(Status::CertificateWrongUsage, sentence)
}

fn rejection(certificate: &CertificateRef<'_>, purpose: KeyPurpose) -> VerifyError {
    let parsed = Certificate::from_der(certificate.der).ok();
    let allowed = parsed
        .as_ref()
        .map(|one| one.extended_key_usage().join(", "));
    let allowed = allowed.unwrap_or_default();
    let subject = subject_of(certificate);
    let is_ca = matches!(certificate.basic_constraints(), Ok(Some((true, _))));
    let sentence = match (is_ca, allowed.is_empty()) {
        (true, true) => format!(
            "the CA '{subject}' has an empty extended key usage, so it may not issue certificates"
        ),
        (true, false) => format!(
            "the CA '{subject}' may only issue certificates for {allowed}, not for {purpose} \
             (extended key usage)"
        ),
        (false, true) => format!(
            "certificate of '{subject}' has an empty extended key usage, so it permits no use"
        ),
        (false, false) => {
            format!("certificate of '{subject}' may be used for {allowed}, not for {purpose}")
        }
    };
    VerifyError::new(Status::CertificateWrongUsage, sentence)
}
