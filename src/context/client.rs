//! Settings to the rustls configuration of clients.

use std::sync::Arc;

use rustls::client::{ResolvesClientCert, Resumption};
use rustls::sign::CertifiedKey;
use rustls::version::TLS13;
use rustls::{ClientConfig, SignatureScheme};

use super::compression::COMPRESSORS;
use super::identity::ConfiguredIdentity;
use super::resumption::{self, Kept, Terms};
use super::settings::Settings;
use crate::base::observations::Observations;
use crate::base::tls_errors;
use crate::trust::Verifier;
use crate::{Error, Result, Status};

/// How many sessions a client keeps.
const SESSIONS: usize = 256;

/// How many sessions its clients keep.
pub(super) fn sessions(settings: &Settings) -> usize {
    settings.sessions.unwrap_or(SESSIONS)
}

/// With what it has to resume: `None` turns resumption off.
pub(super) fn config(settings: &Settings, kept: Option<Arc<Kept>>) -> Result<ClientConfig> {
    let verifier = Verifier::for_servers(settings.server_policy()?);
    let builder = ClientConfig::builder_with_provider(settings.provider()?);
    if settings.ech.is_some() && !settings.versions().contains(&&TLS13) {
        let sentence = "an encrypted ClientHello is for TLS 1.3, and that is not allowed: \
                        allow it, or leave the ClientHello as it is";
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
    let mut config = builder.with_client_cert_resolver(presenting(settings.identities.clone()));
    config.alpn_protocols = settings.alpn.clone();
    config.max_fragment_size = settings.max_fragment;
    config.cert_compressors = COMPRESSORS.to_vec();
    // For the record layer of our own alone: it never leaves the library.
    config.enable_secret_extraction = cfg!(not(feature = "rustls-records"));
    config.key_log = Arc::new(settings.keylog.clone());
    if let Some(clock) = &settings.clock {
        config.time_provider = Arc::new(clock.clone());
    }
    config.resumption = match kept {
        None => Resumption::disabled(),
        Some(kept) => resumption::of(Kept::under(kept, Terms::default()), settings.tickets),
    };
    config.enable_early_data = settings.early_data > 0;
    Ok(config)
}

/// What presents these identities, the first that fits.
pub(super) fn presenting(identities: Vec<ConfiguredIdentity>) -> Arc<dyn ResolvesClientCert> {
    Arc::new(Identities(identities))
}

/// The identities of a client, in the order in which they were set.
#[derive(Debug)]
struct Identities(Vec<ConfiguredIdentity>);

impl ResolvesClientCert for Identities {
    /// The first one whose key can sign in a way that the server accepts.  The
    /// server's hints about CAs are only hints, unless an identity is to match them:
    /// a server whose list is not complete still gets to see the certificate and to
    /// judge it.
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
