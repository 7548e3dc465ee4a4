//! Settings to the rustls configuration of clients.

use std::sync::Arc;

use rustls::client::ResolvesClientCert;
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, SignatureScheme};

use super::settings::{Settings, Shown};
use crate::provider::provider;
use crate::trust::Verifier;
use crate::{Error, Result, Status};

pub(super) fn config(settings: &Settings) -> Result<ClientConfig> {
    let verifier = Verifier::of_servers(settings.server_policy()?);
    let builder = ClientConfig::builder_with_provider(provider().clone())
        .with_protocol_versions(&settings.versions())
        .map_err(|error| Error::new(Status::Internal, error.to_string()))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier));
    let mut config = if settings.identities.is_empty() {
        builder.with_no_client_auth()
    } else {
        builder.with_client_cert_resolver(Arc::new(Identities(settings.identities.clone())))
    };
    config.alpn_protocols = settings.alpn.clone();
    Ok(config)
}

/// The identities of a client, in the order in which they were set.
#[derive(Debug)]
struct Identities(Vec<Shown>);

impl ResolvesClientCert for Identities {
    /// The first one whose key can sign in a way that the server accepts.  The
    /// server's hints about CAs are only hints: a server whose list is not
    /// complete still gets to see the certificate and to judge it.
    fn resolve(
        &self,
        _root_hint_subjects: &[&[u8]],
        schemes: &[SignatureScheme],
    ) -> Option<Arc<CertifiedKey>> {
        self.0
            .iter()
            .find(|shown| shown.key.key.choose_scheme(schemes).is_some())
            .map(|shown| shown.key.clone())
    }

    fn has_certs(&self) -> bool {
        !self.0.is_empty()
    }
}
