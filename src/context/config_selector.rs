//! Selects the configuration that answers a ClientHello, or refuses the client.

use std::sync::Arc;

use rustls::{AlertDescription, ServerConfig, server};

use super::Context;
use super::client_hello::{ClientHello, HelloCallback, Selection};
use super::connection_options::ConnectionOptions;
use super::hello_parser::{ParsedHello, first_message};
use super::settings::RECORD_HEADER;
use crate::base::limits::RECORD_PLAINTEXT;
use crate::base::text::quoted_host;
use crate::{Error, Result, Status};

/// Selects the configuration of a server by the ClientHello, with or without a callback.
pub(crate) struct ConfigSelector {
    selected: Selected,
    callback: Option<HelloCallback>,
    /// The error of a failed selection by the program.
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

    /// Refuses every client with this error, because a selection failed.
    pub(crate) fn fail(&mut self, error: Error) {
        self.failure.get_or_insert(error);
    }

    /// Removes the callback: the program inspects the ClientHello itself.
    pub(crate) fn forget_callback(&mut self) {
        self.callback = None;
    }

    /// Replaces the selected context and options, as far as `selection` has them.
    pub(crate) fn update(&mut self, selection: Selection) {
        self.selected.update(selection);
    }

    /// The context that is currently selected.
    pub(crate) fn context(&self) -> &Context {
        &self.selected.context
    }

    /// Parses the ClientHello in these records.
    pub(crate) fn read(hello: &server::ClientHello<'_>, records: &[u8]) -> ClientHello {
        let message = first_message(records).unwrap_or_default();
        ClientHello::new(hello, &ParsedHello::parse(&message))
    }

    /// Selects the configuration for this ClientHello, which arrived in these records.
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
        // Building it checks the settings, which the checks below rely on.
        let config = context.server_config(options).map_err(internal)?;
        let message = first_message(records).unwrap_or_default();
        let mut adapted = adapt(
            &config,
            context.newest_version(),
            &ParsedHello::parse(&message),
        )?;
        if let Some(name) = hello.server_name
            && !context.accepts_server_name(&name, options)
        {
            let sentence = format!(
                "no identity of this server is valid for {}, which a client requested: add one, \
                 or do not require known names",
                quoted_host(&name)
            );
            return Err(Refusal {
                error: Error::new(Status::NoCommon, sentence),
                alert: AlertDescription::UnrecognisedName.into(),
            });
        }
        if context.continues_without_alpn(&hello.alpn, options) {
            Arc::make_mut(&mut adapted.config).alpn_protocols.clear();
        }
        Ok(adapted)
    }
}

/// The error for the server, and the alert for the client that it refuses.
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

/// A server configuration adapted to one client.
pub(crate) struct Adapted {
    pub(crate) config: Arc<ServerConfig>,
    /// Whether it negotiates TLS 1.2.
    pub(crate) is_tls12: bool,
}

/// Adapts a configuration to a client, at a server whose newest version is `newest`.
/// Limits the record size if the client cannot receive records as long as `config`
/// allows.
///
/// rustls cannot echo the client's limit.  Without an echo the server need not obey it
/// (RFC 8449, section 4), but the client may be unable to receive longer records.
pub(crate) fn adapt(
    config: &Arc<ServerConfig>,
    newest: u16,
    parsed: &ParsedHello<'_>,
) -> Result<Adapted, Refusal> {
    if parsed.is_fallback(newest) {
        let sentence = "the client retried with an older version of TLS than this server supports \
             (TLS_FALLBACK_SCSV, RFC 7507): its first handshake failed, or was disturbed to force \
             a downgrade";
        return Err(Refusal {
            error: Error::new(Status::NoCommon, sentence),
            alert: AlertDescription::InappropriateFallback.into(),
        });
    }
    let mut config = config.clone();
    let longest = config.max_fragment_size;
    let longest = longest.map_or(RECORD_PLAINTEXT, |size| size - RECORD_HEADER);
    if let Some(limit) = parsed.fragment_limit(newest)?
        && limit < longest
    {
        Arc::make_mut(&mut config).max_fragment_size = Some(limit + RECORD_HEADER);
    }
    Ok(Adapted {
        config,
        is_tls12: !parsed.is_tls13(newest),
    })
}
