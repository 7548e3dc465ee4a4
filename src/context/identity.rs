//! Identities as contexts and connections have them configured.

use std::sync::Arc;

use rustls::sign::{CertifiedKey, SigningKey};
use rustls::{NamedGroup, SignatureScheme, server};
use rustls_pki_types::{CertificateDer, ServerName};

use crate::pki::{Certificate, Identity};
use crate::{Error, Result};

/// The longest certificate list: a handshake message without its request context and the
/// list's length (RFC 8446, sections 4 and 4.4.2).
const MAX_CERTIFICATE_MESSAGE: usize = (1 << 24) - 1 - 1 - 3;

/// The lengths of a certificate and of its extensions in that list.
const CERTIFICATE_ENTRY: usize = 3 + 2;

/// A configured identity: the key that rustls presents, and the leaf with its names.
#[derive(Clone, Debug)]
pub(crate) struct ConfiguredIdentity {
    pub(crate) leaf: Certificate,
    pub(crate) key: Arc<CertifiedKey>,
    /// The curve of an ECDSA key: TLS 1.2 negotiates it among the groups.
    pub(super) curve: Option<NamedGroup>,
    /// Its private key, not limited to signature schemes.
    pub(super) whole_key: Arc<dyn SigningKey>,
    /// Its issuers in DER, if the peer must name one of them.
    pub(super) issuers: Option<Vec<Vec<u8>>>,
}

impl ConfiguredIdentity {
    /// Fails for a chain that does not fit in a Certificate message.
    pub(super) fn new(identity: &Identity) -> Result<Self> {
        let key = identity.certified_key()?;
        let length = key.cert.iter().map(|der| der.len() + CERTIFICATE_ENTRY);
        let length = length.sum::<usize>() + usize::from(u16::MAX);
        if length > MAX_CERTIFICATE_MESSAGE {
            let count = key.cert.len();
            let sentence = format!(
                "the chain of {count} certificates is too large to send: with room for an OCSP \
                 response it takes {length} bytes, and a handshake message has at most \
                 {MAX_CERTIFICATE_MESSAGE} (RFC 8446, section 4)"
            );
            return Err(Error::argument(sentence));
        }
        let leaf = identity.certificate().clone();
        let curve = match leaf.key_type() {
            "ecdsa-p256" => Some(NamedGroup::secp256r1),
            "ecdsa-p384" => Some(NamedGroup::secp384r1),
            "ecdsa-p521" => Some(NamedGroup::secp521r1),
            _ => None,
        };
        Ok(Self {
            leaf,
            curve,
            whole_key: key.key.clone(),
            key,
            issuers: None,
        })
    }

    /// Whether a peer that verifies these schemes and trusts these CAs can accept it.
    pub(super) fn is_for<'a>(
        &self,
        schemes: &[SignatureScheme],
        mut authorities: impl Iterator<Item = &'a [u8]>,
    ) -> bool {
        let is_issuer = |issuers: &Vec<Vec<u8>>| {
            authorities.any(|authority| issuers.iter().any(|issuer| issuer == authority))
        };
        self.key.key.choose_scheme(schemes).is_some() && self.issuers.as_ref().is_none_or(is_issuer)
    }

    /// How its certificate matches a requested name (RFC 9525, section 6.3).
    pub(super) fn match_name(&self, name: &str) -> NameMatch {
        let Ok(requested) = ServerName::try_from(name) else {
            return NameMatch::None;
        };
        let leaf = CertificateDer::from(self.leaf.der());
        let parsed = server::ParsedCertificate::try_from(&leaf);
        let is_valid =
            parsed.is_ok_and(|leaf| rustls::client::verify_server_name(&leaf, &requested).is_ok());
        let is_exact = |known: &String| known.eq_ignore_ascii_case(name.trim_end_matches('.'));
        match (is_valid, self.leaf.names().iter().any(is_exact)) {
            (false, _) => NameMatch::None,
            (true, false) => NameMatch::Wildcard,
            (true, true) => NameMatch::Exact,
        }
    }
}

/// How an identity matches a requested name, the worst match first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum NameMatch {
    None,
    Wildcard,
    Exact,
}
