//! The trust settings that follow the certificate in OpenSSL's "TRUSTED CERTIFICATE"
//! (X509_CERT_AUX): purposes that it is trusted or rejected for.
//!
//! They apply to trust anchors only: to a certificate used as a root, but not to one in a
//! chain.

use super::tlv::{Elements, OBJECT_IDENTIFIER, SEQUENCE, context};
use crate::{Error, Result, Status};

/// anyExtendedKeyUsage (RFC 5280, section 4.2.1.12).
const ANY: &[u8] = &[0x55, 0x1d, 0x25, 0x00];

/// The purposes, each as the content octets of an OBJECT IDENTIFIER.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct TrustSettings {
    /// `None`: every purpose that is not rejected.
    trusted: Option<Vec<Vec<u8>>>,
    rejected: Vec<Vec<u8>>,
}

impl TrustSettings {
    /// Passes each part that distinguishes these settings from others to `hand_on`.
    pub(crate) fn for_each_part(&self, hand_on: &mut impl FnMut(&[u8])) {
        hand_on(&[u8::from(self.trusted.is_some())]);
        for list in [self.trusted.as_deref().unwrap_or_default(), &self.rejected] {
            hand_on(&list.len().to_be_bytes());
            list.iter().for_each(|purpose| hand_on(purpose));
        }
    }

    /// Returns whether a root with these settings is trusted for this purpose.
    pub(crate) fn allow(&self, purpose: &[u8]) -> bool {
        let names = |list: &[Vec<u8>]| list.iter().any(|one| one == purpose || one == ANY);
        !names(&self.rejected) && self.trusted.as_deref().is_none_or(names)
    }
}

/// Splits a trusted certificate into the DER of the certificate and its settings.
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
            // The rest is an alias and a key identifier.
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
