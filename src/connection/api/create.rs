//! Creates connections.

use rustls_pki_types::ServerName;

use super::handshake::Handshake;
use super::{Connection, Setup};
use crate::connection::engine::Engine;
use crate::connection::io::{Direction, Io};
use crate::connection::transport::{Carrier, SharedTimeout};
use crate::context::{ConfigSelector, ConnectionOptions, Context, HelloCallback};
use crate::{Error, Result, trust};

impl Connection {
    /// Creates a client.  The server's certificate has to be valid for `server_name`, a DNS
    /// name or an address.  A DNS name is also sent (SNI).  `None` is only allowed in a context
    /// that does not check names.
    ///
    /// The zone of an IPv6 address (`fe80::1%eth0`) is not checked.  A name that no certificate
    /// can have is refused, unless the context can accept a peer regardless of its name:
    /// without checks of names or certificates, or by a fingerprint
    /// ([`Context::trust_certificate`]).  Such a name is not sent.
    ///
    /// Nothing is sent before [`Self::handshake`], or the first read or write.
    pub fn client(
        context: &Context,
        server_name: Option<&str>,
        transport: impl Into<Carrier>,
    ) -> Result<Self> {
        Self::client_with(
            context,
            &ConnectionOptions::default(),
            server_name,
            transport,
        )
    }

    /// Creates a client like [`Self::client`], with options of this connection.
    pub fn client_with(
        context: &Context,
        options: &ConnectionOptions,
        server_name: Option<&str>,
        transport: impl Into<Carrier>,
    ) -> Result<Self> {
        let name = parse_server_name(context, server_name)?;
        let start = context.start_client(options, name)?;
        let unused = ConnectionOptions::default();
        let mut connection = Self::new(context, &unused, Engine::client(start)?, transport);
        connection.setup.server_name = server_name.map(Box::from);
        connection.ech = context.ech();
        Ok(connection)
    }

    /// Creates a server.
    pub fn server(context: &Context, transport: impl Into<Carrier>) -> Result<Self> {
        Self::server_with(context, &ConnectionOptions::default(), transport)
    }

    /// Creates a server with options of this connection.
    pub fn server_with(
        context: &Context,
        options: &ConnectionOptions,
        transport: impl Into<Carrier>,
    ) -> Result<Self> {
        let engine = match context.config_selector(options)? {
            Some(selector) => Engine::inspecting(selector),
            None => Engine::server(context.server_config(options)?, context.newest_version())?,
        };
        Ok(Self::new(context, options, engine, transport))
    }

    /// Creates a server whose `callback` inspects the ClientHello and selects what answers it,
    /// in place of the callback of its context.
    pub fn server_with_hello(
        context: &Context,
        callback: HelloCallback,
        transport: impl Into<Carrier>,
    ) -> Result<Self> {
        let options = ConnectionOptions::default();
        let selector = ConfigSelector::new(context, &options, Some(callback));
        Ok(Self::new(
            context,
            &options,
            Engine::inspecting(selector),
            transport,
        ))
    }

    fn new(
        context: &Context,
        options: &ConnectionOptions,
        engine: Engine,
        carrier: impl Into<Carrier>,
    ) -> Self {
        Self {
            io: Io::new(engine, carrier.into()),
            timeout: SharedTimeout::default(),
            handshake: Handshake::default(),
            reading: Direction::default(),
            writing: Direction::default(),
            ech: None,
            setup: Setup {
                context: context.clone(),
                options: (!options.is_empty()).then(|| Box::new(options.clone())),
                server_name: None,
                session_callback: context.session_callback(),
            },
        }
    }
}

fn parse_server_name(context: &Context, name: Option<&str>) -> Result<ServerName<'static>> {
    let Some(name) = name else {
        if context.checks_names() {
            return Err(Error::argument(
                "a client needs the name of its server, to check the certificate for it",
            ));
        }
        return Ok(trust::placeholder_name());
    };
    match trust::server_name(name) {
        Err(_) if context.accepts_any_name() => Ok(trust::placeholder_name()),
        parsed => parsed,
    }
}
