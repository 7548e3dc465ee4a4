//! The ClientHello that a server inspects, and the selection that answers it.

use std::sync::Arc;

use rustls::{CipherSuite, NamedGroup, SignatureScheme, server};

use super::Context;
use super::algorithm_names;
use super::connection_options::ConnectionOptions;
use super::hello_parser::ParsedHello;
use crate::Result;

/// The most ALPN protocols stored of a ClientHello.  Clients offer a few; an attacker's
/// list would take many times the memory of the message.
const MAX_PROTOCOLS: usize = 256;

/// A ClientHello (RFC 8446, section 4.1.2).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClientHello {
    /// The server name that it requests (SNI, RFC 6066, section 3).
    pub server_name: Option<String>,
    /// The protocols that it offers (ALPN, RFC 7301), best first, at most 256.
    pub alpn: Vec<Vec<u8>>,
    // Stored as numbers: few programs use the names.
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

    /// The version numbers that it offers, best first, such as 0x0304.
    pub fn version_numbers(&self) -> &[u16] {
        &self.versions
    }

    /// The versions that it offers, best first, such as `"1.3"`.  Unknown ones appear as
    /// numbers, such as `"0x5a5a"`.
    pub fn versions(&self) -> Vec<String> {
        let versions = self.versions.iter().copied();
        versions
            .map(algorithm_names::offered_version_name)
            .collect()
    }

    /// The cipher suites that it offers, best first, by their IANA names.  Those
    /// without a name here appear as numbers, such as `"0x5a5a"`.
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

/// The context and options that answer a ClientHello.  The default keeps those of the
/// connection.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// The context; `None` keeps that of the connection.
    pub context: Option<Context>,
    /// Options for this connection.  Options that are not set, and `None`, change
    /// nothing.
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

/// Inspects a ClientHello and selects what answers it.  An error refuses the client with
/// its alert, by default unrecognized_name.
pub type HelloCallback = Arc<dyn Fn(&ClientHello) -> Result<Selection> + Send + Sync>;
