//! How clients begin.

use std::sync::Arc;

use rustls::ClientConfig;
use rustls_pki_types::ServerName;

use super::engine::Engine;
use super::stream::Connection;
use super::transport::Transport;
use crate::context::{Context, Session};
use crate::{Error, Result, Status, trust};

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
        begin(context, context.client_config()?, server_name, transport)
    }

    /// A client as [`Self::client`] makes it, of the context that `session` is for:
    /// it is resumed with what is in there, and not with what the context keeps, and
    /// what the server gives it goes there.
    pub fn client_in(
        session: &Session,
        server_name: Option<&str>,
        transport: impl Transport + 'static,
    ) -> Result<Self> {
        let config = session.config()?;
        begin(&session.context, config, server_name, transport)
    }
}

fn begin(
    context: &Context,
    config: Arc<ClientConfig>,
    server_name: Option<&str>,
    transport: impl Transport + 'static,
) -> Result<Connection> {
    let name = parse_server_name(context, server_name)?;
    let mut connection = Connection::new(context, Engine::client(config, name)?, transport);
    connection.asked_name = server_name.map(Box::from);
    connection.ech = context.ech();
    Ok(connection)
}

fn parse_server_name(context: &Context, name: Option<&str>) -> Result<ServerName<'static>> {
    let Some(name) = name else {
        if context.checks_names() {
            return Err(Error::new(
                Status::Argument,
                "a client needs the name of its server, to check the certificate for it",
            ));
        }
        return Ok(trust::nobody());
    };
    match trust::server_name(name) {
        Err(_) if context.accepts_any_name() => Ok(trust::nobody()),
        parsed => parsed,
    }
}
