//! Settings to the rustls configuration of servers.

use std::sync::Arc;

use rustls::ServerConfig;
use rustls::client::verify_server_name;
use rustls::server::{ClientHello, ParsedCertificate, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls_pki_types::{CertificateDer, ServerName};

use super::settings::{ClientAuth, Settings, Shown};
use crate::provider::provider;
use crate::trust::{Notes, Verifier};
use crate::{Error, Result, Status};

pub(super) fn config(settings: &Settings) -> Result<ServerConfig> {
    if settings.identities.is_empty() {
        return Err(Error::new(
            Status::State,
            "a server needs a certificate and its key: use an identity before accepting connections",
        ));
    }
    let builder = ServerConfig::builder_with_provider(provider().clone())
        .with_protocol_versions(&settings.versions())
        .map_err(|error| Error::new(Status::Internal, error.to_string()))?;
    let builder = if settings.client_auth == ClientAuth::None {
        builder.with_no_client_auth()
    } else {
        let required = settings.client_auth == ClientAuth::Required;
        let verifier = Verifier::of_clients(settings.client_policy()?, required);
        builder.with_client_cert_verifier(Arc::new(verifier))
    };
    let mut config = builder.with_cert_resolver(Arc::new(Identities(settings.identities.clone())));
    config.alpn_protocols = settings.alpn.clone();
    Ok(config)
}

/// The identities of a server, in the order in which they were set.
#[derive(Debug)]
struct Identities(Vec<Shown>);

impl ResolvesServerCert for Identities {
    /// Best is an identity for the name that the client asks for with a key
    /// that the client can check; then any that it can check.  With none of
    /// those the first is shown all the same, and rustls says in its alert that
    /// no signature scheme is in common.
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let name = hello.server_name();
        Notes::server_name(name);
        let schemes = hello.signature_schemes();
        let usable = |shown: &&Shown| shown.key.key.choose_scheme(schemes).is_some();
        let named = |shown: &&Shown| name.is_some_and(|name| is_for(shown, name));
        self.0
            .iter()
            .find(|shown| named(shown) && usable(shown))
            .or_else(|| self.0.iter().find(usable))
            .or_else(|| self.0.first())
            .map(|shown| shown.key.clone())
    }
}

fn is_for(shown: &Shown, name: &str) -> bool {
    let Ok(name) = ServerName::try_from(name) else {
        return false;
    };
    let leaf = CertificateDer::from(shown.leaf.der());
    ParsedCertificate::try_from(&leaf).is_ok_and(|leaf| verify_server_name(&leaf, &name).is_ok())
}
