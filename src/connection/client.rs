//! How clients begin.

use rustls_pki_types::ServerName;

use super::engine::Engine;
use super::stream::Connection;
use super::transport::Transport;
use crate::context::{ConnectionOptions, Context};
use crate::{Error, Result, trust};

impl Connection {
    /// A client.  `server_name`, a DNS name or an address, is what the server's
    /// certificate has to be for, and a DNS name is also sent (SNI).  `None` is
    /// only allowed in a context that does not check names.
    ///
    /// The zone of an IPv6 address (`fe80::1%eth0`) is not part of what is checked.  A name
    /// that no certificate can have is refused, unless the context can accept a peer
    /// whatever its name: without checks of names or certificates, or by a fingerprint
    /// ([`Context::trust_certificate`]).  Then it is not sent.
    ///
    /// Nothing is sent before [`Self::handshake`], or the first read or write.
    pub fn client(
        context: &Context,
        server_name: Option<&str>,
        transport: impl Transport + 'static,
    ) -> Result<Self> {
        Self::client_with(
            context,
            &ConnectionOptions::default(),
            server_name,
            transport,
        )
    }

    /// A client as [`Self::client`] makes it, with options of its own.
    pub fn client_with(
        context: &Context,
        options: &ConnectionOptions,
        server_name: Option<&str>,
        transport: impl Transport + 'static,
    ) -> Result<Self> {
        let name = parse_server_name(context, server_name)?;
        let start = context.start_client(options, name)?;
        let mut connection = Self::new(context, options, Engine::client(start)?, transport);
        connection.asked_name = server_name.map(Box::from);
        connection.ech = context.ech();
        Ok(connection)
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
