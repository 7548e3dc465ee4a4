//! The ClientHello as servers see it, and the configuration that it selects.

use std::sync::Arc;

use rustls::{CipherSuite, NamedGroup, SignatureScheme, server};

use super::Context;
use super::algorithm_names;
use super::connection_options::ConnectionOptions;
use super::hello_parser::ParsedHello;
use crate::Result;

/// How many ALPN protocols of a ClientHello are kept: clients offer a few, and an attacker's
/// would take many times the memory of the message.
const MAX_PROTOCOLS: usize = 256;

/// A ClientHello (RFC 8446, section 4.1.2).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClientHello {
    /// The server that it requests (SNI, RFC 6066, section 3).
    pub server_name: Option<String>,
    /// The protocols that it offers (ALPN, RFC 7301), best first, at most 256.
    pub alpn: Vec<Vec<u8>>,
    // As numbers: few programs ask for the names.
    versions: Vec<u16>,
    ciphers: Vec<CipherSuite>,
    groups: Vec<NamedGroup>,
    signature_schemes: Vec<SignatureScheme>,
}

impl ClientHello {
    pub(super) fn new(hello: &server::ClientHello<'_>, parsed: &ParsedHello<'_>) -> Self {
        let protocols = hello.alpn().into_iter().flatten();
        Self {
            server_name: hello.server_name().map(str::to_owned),
            alpn: protocols.take(MAX_PROTOCOLS).map(<[u8]>::to_vec).collect(),
            versions: parsed.versions().collect(),
            ciphers: hello.cipher_suites().to_vec(),
            groups: hello.named_groups().unwrap_or_default().to_vec(),
            signature_schemes: hello.signature_schemes().to_vec(),
        }
    }

    /// The numbers of the versions of TLS that it offers, best first, such as 0x0304.
    pub fn version_numbers(&self) -> &[u16] {
        &self.versions
    }

    /// The versions of TLS that it offers, best first, such as `"1.3"`; those without
    /// a name by their number, such as `"0x5a5a"`.
    pub fn versions(&self) -> Vec<String> {
        let versions = self.versions.iter().copied();
        versions
            .map(algorithm_names::offered_version_name)
            .collect()
    }

    /// The cipher suites that it offers, best first, by their IANA names; those
    /// without a name here by their number, such as `"0x5a5a"`.
    pub fn ciphers(&self) -> Vec<String> {
        let ciphers = self.ciphers.iter().copied();
        ciphers.map(algorithm_names::offered_cipher_name).collect()
    }

    /// The key exchange groups that it supports, best first, likewise.
    pub fn groups(&self) -> Vec<String> {
        let groups = self.groups.iter().copied();
        groups.map(algorithm_names::offered_group_name).collect()
    }

    /// The signature schemes that it can verify, best first, likewise.
    pub fn signature_schemes(&self) -> Vec<String> {
        let schemes = self.signature_schemes.iter().copied();
        schemes.map(algorithm_names::offered_scheme_name).collect()
    }
}

/// What answers a ClientHello.  The default is the context of the connection, with its
/// options.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// The context to answer with; `None`: that of the connection.
    pub context: Option<Context>,
    /// Options for this connection.  What they do not set, and `None`, stays as it is.
    pub options: Option<ConnectionOptions>,
}

impl From<Option<Context>> for Selection {
    fn from(context: Option<Context>) -> Self {
        let options = None;
        Self { context, options }
    }
}

impl From<Context> for Selection {
    fn from(context: Context) -> Self {
        Some(context).into()
    }
}

/// Inspects a ClientHello and selects what answers it.  The alert of an error is sent to
/// the client; without one, unrecognized_name is.
pub type HelloCallback = Arc<dyn Fn(&ClientHello) -> Result<Selection> + Send + Sync>;
