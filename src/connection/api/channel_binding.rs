//! Channel bindings (RFC 5056): they bind authentication inside a connection to that
//! connection, so that a man in the middle cannot forward it.

use std::str::FromStr;

use super::Connection;
#[cfg(doc)]
use crate::Status;
use crate::base::text::quoted;
use crate::connection::negotiated::CHANNEL_BINDING_LABEL;
use crate::{Error, Result};

/// A type of channel binding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ChannelBinding {
    /// tls-exporter (RFC 9266): 32 bytes unique to the connection.
    TlsExporter,
    /// tls-server-end-point (RFC 5929, section 4): the hash of the server's certificate.
    TlsServerEndPoint,
}

/// The length of tls-exporter in bytes (RFC 9266, section 2).
const LENGTH: usize = 32;

const NAMES: [(&str, ChannelBinding); 2] = [
    ("tls-exporter", ChannelBinding::TlsExporter),
    ("tls-server-end-point", ChannelBinding::TlsServerEndPoint),
];

impl FromStr for ChannelBinding {
    type Err = Error;

    /// Parses a name of the IANA registry of channel binding types.
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
    /// Returns the channel binding of this type, which is the same on both sides.
    ///
    /// Fails with [`Status::State`] before the handshake is complete.  Fails with
    /// [`Status::Unsupported`] for tls-exporter in TLS 1.2 without the extended master secret
    /// (RFC 7627), and for tls-server-end-point if the certificate's signature algorithm has
    /// no hash function of its own, such as Ed25519, Ed448 and ML-DSA.  RFC 5929 leaves it
    /// undefined for those, and PostgreSQL with OpenSSL refuses it too.
    ///
    /// After a resumption, tls-server-end-point differs between the sides if the server has
    /// replaced its certificate: the client has that of the first connection.
    pub fn channel_binding(&self, kind: ChannelBinding) -> Result<Vec<u8>> {
        match kind {
            ChannelBinding::TlsExporter => {
                let mut binding = vec![0; LENGTH];
                self.export(CHANNEL_BINDING_LABEL, Some(b""), &mut binding)?;
                Ok(binding)
            }
            ChannelBinding::TlsServerEndPoint => self.server_certificate()?.end_point(),
        }
    }
}
