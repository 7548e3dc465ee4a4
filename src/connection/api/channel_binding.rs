//! Channel bindings (RFC 5056): what ties a login inside a connection to that connection,
//! so that nobody in between can pass the login on.

use std::str::FromStr;

use super::Connection;
#[cfg(doc)]
use crate::Status;
use crate::base::text::quoted;
use crate::{Error, Result};

/// A type of channel binding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ChannelBinding {
    /// tls-exporter (RFC 9266): 32 bytes that are unique to the connection.
    TlsExporter,
    /// tls-server-end-point (RFC 5929, section 4): the digest of the server's certificate.
    TlsServerEndPoint,
}

/// The label of tls-exporter, whose context is empty, and its length (RFC 9266, section 2).
pub(crate) const LABEL: &str = "EXPORTER-Channel-Binding";
const LENGTH: usize = 32;

const NAMES: [(&str, ChannelBinding); 2] = [
    ("tls-exporter", ChannelBinding::TlsExporter),
    ("tls-server-end-point", ChannelBinding::TlsServerEndPoint),
];

impl FromStr for ChannelBinding {
    type Err = Error;

    /// By its name in the IANA registry of channel bindings.
    fn from_str(name: &str) -> Result<Self> {
        let found = NAMES.iter().find(|(known, _)| *known == name);
        found.map(|(_, kind)| *kind).ok_or_else(|| {
            let names = NAMES.map(|(name, _)| name).join(" or ");
            let sentence = format!(
                "the channel binding type {} is not supported: use {names}",
                quoted(name)
            );
            Error::argument(sentence)
        })
    }
}

impl Connection {
    /// Returns the channel binding of this type, which both sides compute alike.
    ///
    /// Fails with [`Status::State`] before the handshake is complete, and with
    /// [`Status::Unsupported`] where the type does not bind: tls-exporter in TLS 1.2
    /// without the extended master secret (RFC 7627), and tls-server-end-point for a
    /// certificate whose signature has no hash function of its own, such as that of
    /// Ed25519, Ed448 or ML-DSA.  RFC 5929 leaves it undefined for those, and PostgreSQL on
    /// OpenSSL refuses it, too.
    ///
    /// After a resumption the client has the certificate of the first connection, and the
    /// server the one that it would present now: they differ if the server has replaced
    /// it.
    pub fn channel_binding(&self, kind: ChannelBinding) -> Result<Vec<u8>> {
        match kind {
            ChannelBinding::TlsExporter => {
                let mut binding = vec![0; LENGTH];
                self.export(LABEL, Some(b""), &mut binding)?;
                Ok(binding)
            }
            ChannelBinding::TlsServerEndPoint => self.server_certificate()?.end_point(),
        }
    }
}
