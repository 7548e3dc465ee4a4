//! The ClientHello as servers see it, and the configuration that it selects.

use std::sync::Arc;

use rustls::{AlertDescription, CipherSuite, NamedGroup, ServerConfig, SignatureScheme, server};
use rustls_pki_types::{CertificateDer, ServerName};

use super::Context;
use super::algorithm_names;
use super::connection_options::ConnectionOptions;
use super::hello_parser::{Offer, first_message};
use super::identity::ConfiguredIdentity;
use super::settings::RECORD_HEADER;
use crate::base::limits::RECORD_PLAINTEXT;
use crate::base::text::quoted_host;
use crate::{Error, Result, Status};

/// How many ALPN protocols of a ClientHello are kept: clients offer a few, and an attacker's
/// would take many times the memory of the message.
const MOST_PROTOCOLS: usize = 256;

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
    fn of(hello: &server::ClientHello<'_>, offer: &Offer<'_>) -> Self {
        let protocols = hello.alpn().into_iter().flatten();
        Self {
            server_name: hello.server_name().map(str::to_owned),
            alpn: protocols.take(MOST_PROTOCOLS).map(<[u8]>::to_vec).collect(),
            versions: offer.versions().collect(),
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
        versions.map(algorithm_names::offered_version).collect()
    }

    /// The cipher suites that it offers, best first, by their IANA names; those
    /// without a name here by their number, such as `"0x5a5a"`.
    pub fn ciphers(&self) -> Vec<String> {
        let ciphers = self.ciphers.iter().copied();
        ciphers.map(algorithm_names::offered_cipher).collect()
    }

    /// The key exchange groups that it supports, best first, likewise.
    pub fn groups(&self) -> Vec<String> {
        let groups = self.groups.iter().copied();
        groups.map(algorithm_names::offered_group).collect()
    }

    /// The signature schemes that it can verify, best first, likewise.
    pub fn signature_schemes(&self) -> Vec<String> {
        let schemes = self.signature_schemes.iter().copied();
        schemes.map(algorithm_names::offered_scheme).collect()
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

/// Selects the configuration of a server by the ClientHello.
pub(crate) struct ConfigSelector {
    selected: Selected,
    callback: Option<HelloCallback>,
    /// Why the program could not say what answers.
    failure: Option<Error>,
}

struct Selected {
    context: Context,
    options: ConnectionOptions,
}

impl Selected {
    fn update(&mut self, selection: Selection) {
        if let Some(context) = selection.context {
            self.context = context;
        }
        if let Some(options) = selection.options {
            self.options.update(options);
        }
    }
}

impl ConfigSelector {
    pub(crate) fn new(
        context: &Context,
        options: &ConnectionOptions,
        callback: Option<HelloCallback>,
    ) -> Self {
        Self {
            selected: Selected {
                context: context.clone(),
                options: options.clone(),
            },
            callback,
            failure: None,
        }
    }

    /// Refuses every client with this error: what should have answered could not be set.
    pub(crate) fn fail(&mut self, error: Error) {
        self.failure.get_or_insert(error);
    }

    /// Asks no callback: the program itself inspects the ClientHello.
    pub(crate) fn forget_callback(&mut self) {
        self.callback = None;
    }

    /// Answers with this instead.
    pub(crate) fn update(&mut self, selection: Selection) {
        self.selected.update(selection);
    }

    /// The context that answers as things stand.
    pub(crate) fn context(&self) -> &Context {
        &self.selected.context
    }

    /// The ClientHello that came in these records.
    pub(crate) fn read(hello: &server::ClientHello<'_>, records: &[u8]) -> ClientHello {
        let message = first_message(records).unwrap_or_default();
        ClientHello::of(hello, &Offer::of(&message))
    }

    /// Selects the configuration for a ClientHello, which came in these records.
    pub(crate) fn select(
        &mut self,
        hello: ClientHello,
        records: &[u8],
    ) -> Result<Adapted, Refusal> {
        let internal = |error| Refusal {
            error,
            alert: AlertDescription::InternalError.into(),
        };
        if let Some(error) = self.failure.take() {
            return Err(internal(error));
        }
        if let Some(callback) = &self.callback {
            let selection = callback(&hello).map_err(|error| {
                let unrecognized = AlertDescription::UnrecognisedName.into();
                let alert = error.alert().unwrap_or(unrecognized);
                Refusal { error, alert }
            })?;
            self.selected.update(selection);
        }
        let Selected { context, options } = &self.selected;
        // Building it reports invalid settings, which the checks below rely on.
        let config = context.server_config(options).map_err(internal)?;
        let message = first_message(records).unwrap_or_default();
        let mut adapted = adapt(&config, context.newest_version(), &Offer::of(&message))?;
        if let Some(name) = hello.server_name
            && !context.knows_name(&name, options)
        {
            let sentence = format!(
                "a client asked for {}, which no identity of this server is for: use one, or do \
                 not require known names",
                quoted_host(&name)
            );
            return Err(Refusal {
                error: Error::new(Status::NoCommon, sentence),
                alert: AlertDescription::UnrecognisedName.into(),
            });
        }
        if context.does_without(&hello.alpn, options) {
            Arc::make_mut(&mut adapted.config).alpn_protocols.clear();
        }
        Ok(adapted)
    }
}

/// Why a server refuses a ClientHello, and the alert that tells the client.
pub(crate) struct Refusal {
    pub(crate) error: Error,
    pub(crate) alert: u8,
}

impl Refusal {
    pub(super) fn illegal_parameter(sentence: String) -> Self {
        Self {
            error: Error::new(Status::Protocol, sentence),
            alert: AlertDescription::IllegalParameter.into(),
        }
    }
}

/// The configuration of a server for one client.
pub(crate) struct Adapted {
    pub(crate) config: Arc<ServerConfig>,
    /// Whether it negotiates TLS 1.2.
    pub(crate) is_tls12: bool,
}

/// The configuration for a client with this offer, at a server whose newest version is
/// `newest`: `config` itself, unless the client cannot receive records as long as that
/// allows.
///
/// rustls cannot echo the client's limit.  A limit that is not echoed need not be obeyed
/// (RFC 8449, section 4), but a client that sends one may be unable to receive more.
pub(crate) fn adapt(
    config: &Arc<ServerConfig>,
    newest: u16,
    offer: &Offer<'_>,
) -> Result<Adapted, Refusal> {
    if offer.is_fallback(newest) {
        let sentence = "the client fell back to an older version of TLS than this server has \
             (TLS_FALLBACK_SCSV, RFC 7507): its connection with the newer one was disturbed, or \
             something between you keeps it from that";
        return Err(Refusal {
            error: Error::new(Status::NoCommon, sentence),
            alert: AlertDescription::InappropriateFallback.into(),
        });
    }
    let mut config = config.clone();
    let longest = config.max_fragment_size;
    let longest = longest.map_or(RECORD_PLAINTEXT, |size| size - RECORD_HEADER);
    if let Some(limit) = offer.fragment_limit(newest)?
        && limit < longest
    {
        Arc::make_mut(&mut config).max_fragment_size = Some(limit + RECORD_HEADER);
    }
    Ok(Adapted {
        config,
        is_tls12: !offer.is_tls13(newest),
    })
}

/// How an identity matches a name: not at all, by a wildcard, or exactly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fit {
    None,
    Wildcard,
    Exact,
}

pub(super) fn fit(identity: &ConfiguredIdentity, name: &str) -> Fit {
    let Ok(asked) = ServerName::try_from(name) else {
        return Fit::None;
    };
    let leaf = CertificateDer::from(identity.leaf.der());
    let parsed = server::ParsedCertificate::try_from(&leaf);
    let is_for = parsed.is_ok_and(|leaf| rustls::client::verify_server_name(&leaf, &asked).is_ok());
    let is_exact = |known: &String| known.eq_ignore_ascii_case(name.trim_end_matches('.'));
    match (is_for, identity.leaf.names().iter().any(is_exact)) {
        (false, _) => Fit::None,
        (true, false) => Fit::Wildcard,
        (true, true) => Fit::Exact,
    }
}
