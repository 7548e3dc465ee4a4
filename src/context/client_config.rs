//! Builds the rustls configuration of clients from the settings.

use std::sync::Arc;

use rustls::client::{ResolvesClientCert, Resumption};
use rustls::sign::CertifiedKey;
use rustls::version::TLS13;
use rustls::{ClientConfig, SignatureScheme};

use super::client_sessions::{self, ClientSessionStore, SessionScope};
use super::compression::COMPRESSORS;
use super::identity::ConfiguredIdentity;
use super::settings::Settings;
use crate::base::observations::Observations;
use crate::base::tls_errors;
use crate::trust::Verifier;
use crate::{Error, Result, Status};

/// The number of sessions that a client caches by default.
const DEFAULT_CACHED_SESSIONS: usize = 256;

/// How many sessions clients cache; 0 turns resumption off.
pub(super) fn max_sessions(settings: &Settings) -> usize {
    settings.sessions.unwrap_or(DEFAULT_CACHED_SESSIONS)
}

/// Builds the configuration.  Without a `store` it does not resume sessions.
pub(super) fn config(
    settings: &Settings,
    store: Option<Arc<ClientSessionStore>>,
) -> Result<ClientConfig> {
    let verifier = Verifier::for_servers(settings.server_policy()?);
    let builder = ClientConfig::builder_with_provider(settings.provider()?);
    if settings.ech.is_some() && !settings.versions().contains(&&TLS13) {
        let sentence = "ECH requires TLS 1.3, which is disabled: enable TLS 1.3, or do not \
                        set ECH";
        return Err(Error::argument(sentence));
    }
    let builder = match &settings.ech {
        Some(ech) => builder.with_ech(ech.clone()),
        None => builder.with_protocol_versions(&settings.versions()),
    };
    let builder = builder
        .map_err(|error| Error::new(Status::Internal, tls_errors::describe(&error)))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier));
    let mut config =
        builder.with_client_cert_resolver(identity_resolver(settings.identities.clone()));
    config.alpn_protocols = settings.alpn.clone();
    config.max_fragment_size = settings.max_fragment;
    config.cert_compressors = COMPRESSORS.to_vec();
    // Only tlsmith's own record layer gets the secrets: they never leave the library.
    config.enable_secret_extraction = cfg!(not(feature = "rustls-records"));
    config.key_log = Arc::new(settings.keylog.clone());
    if let Some(clock) = &settings.clock {
        config.time_provider = Arc::new(clock.clone());
    }
    config.resumption = match store {
        None => Resumption::disabled(),
        Some(store) => client_sessions::resumption(
            ClientSessionStore::scoped(store, SessionScope::default()),
            settings.tickets,
        ),
    };
    config.enable_early_data = settings.early_data > 0;
    Ok(config)
}

/// Resolves to the first of these identities that fits the server's request.
pub(super) fn identity_resolver(
    identities: Vec<ConfiguredIdentity>,
) -> Arc<dyn ResolvesClientCert> {
    Arc::new(Identities(identities))
}

/// The identities of a client, in the order in which they were added.
#[derive(Debug)]
struct Identities(Vec<ConfiguredIdentity>);

impl ResolvesClientCert for Identities {
    /// Selects the first identity whose key supports a scheme of the server's.  The
    /// server's list of CAs is only a hint, unless the identity has to match it.  A
    /// server with an incomplete list still receives a certificate to verify.
    fn resolve(
        &self,
        root_hint_subjects: &[&[u8]],
        schemes: &[SignatureScheme],
    ) -> Option<Arc<CertifiedKey>> {
        Observations::certificate_requested();
        self.0
            .iter()
            .find(|identity| identity.is_for(schemes, root_hint_subjects.iter().copied()))
            .map(|identity| identity.key.clone())
    }

    fn has_certs(&self) -> bool {
        !self.0.is_empty()
    }
}
