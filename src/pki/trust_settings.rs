//! The settings that OpenSSL puts behind a certificate in a "TRUSTED CERTIFICATE"
//! (X509_CERT_AUX): what its owner trusts it for, and what not.
//!
//! They are about trust anchors, and so they hold where the certificate is a root, and are
//! ignored where it is part of a chain.

use super::tlv::{Elements, OBJECT_IDENTIFIER, SEQUENCE, context};
use crate::{Error, Result, Status};

/// anyExtendedKeyUsage (RFC 5280, section 4.2.1.12).
const ANY: &[u8] = &[0x55, 0x1d, 0x25, 0x00];

/// The purposes, each the content of an OBJECT IDENTIFIER.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct TrustSettings {
    /// `None`: for every purpose that is not rejected.
    trusted: Option<Vec<Vec<u8>>>,
    rejected: Vec<Vec<u8>>,
}

impl TrustSettings {
    /// Hands on, part by part, what tells these settings from all others.
    pub(crate) fn for_each_part(&self, hand_on: &mut impl FnMut(&[u8])) {
        hand_on(&[u8::from(self.trusted.is_some())]);
        for list in [self.trusted.as_deref().unwrap_or_default(), &self.rejected] {
            hand_on(&list.len().to_be_bytes());
            list.iter().for_each(|purpose| hand_on(purpose));
        }
    }

    /// Whether a root may vouch for certificates with this purpose.
    pub(crate) fn allow(&self, purpose: &[u8]) -> bool {
        let names = |list: &[Vec<u8>]| list.iter().any(|one| one == purpose || one == ANY);
        !names(&self.rejected) && self.trusted.as_deref().is_none_or(names)
    }
}

/// The DER of the certificate, and the settings behind it.
pub(super) fn split(der: &[u8]) -> Result<(&[u8], TrustSettings)> {
    let mut parts = Elements(der);
    let mut read = || {
        let certificate = parts.take(SEQUENCE)?.whole;
        let mut settings = TrustSettings::default();
        if let Some(mut lists) = parts.inside(SEQUENCE) {
            settings.trusted = match lists.inside(SEQUENCE) {
                Some(list) => Some(purposes(list)?),
                None => None,
            };
            if let Some(list) = lists.inside(context(0)) {
                settings.rejected = purposes(list)?;
            }
            // What follows is a name and an identifier of the key.
            lists.all()?;
        }
        parts.end().map(|()| (certificate, settings))
    };
    read().ok_or_else(|| {
        let sentence = "the trusted certificate does not parse: it is damaged, or what follows \
                        the certificate is not what OpenSSL writes";
        Error::new(Status::Parse, sentence)
    })
}

fn purposes(list: Elements<'_>) -> Option<Vec<Vec<u8>>> {
    let all = list.all()?.into_iter();
    all.map(|one| (one.tag == OBJECT_IDENTIFIER).then(|| one.content.to_vec()))
        .collect()
}
