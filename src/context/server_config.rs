//! Builds the rustls configuration of servers from the settings.

use std::cmp::Reverse;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs::Ticketer;
use rustls::server::{CertificateType, ClientHello, NoServerSessionStorage, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use super::compression::COMPRESSORS;
use super::identity::{ConfiguredIdentity, NameMatch};
use super::server_sessions::{
    BoundedTicketer, DEFAULT_CACHE_SIZE, ServerSessionStore, SessionBounds, SessionCache,
    SharedTicketer,
};
use super::session_store::{ExternalSessionStore, SessionStore};
use super::settings::{ClientAuth, PeerCheck, Settings};
use super::signing_schemes::unusable_key;
use crate::base::observations::Observations;
use crate::base::{fork, tls_errors};
use crate::trust::Verifier;
use crate::{Error, Result, Status};

pub(super) fn config(settings: &Settings) -> Result<ServerConfig> {
    let builder = ServerConfig::builder_with_provider(settings.provider()?)
        .with_protocol_versions(&settings.versions())
        .map_err(|error| Error::new(Status::Internal, tls_errors::describe(&error)))?;
    let mut policy = [0; 32];
    let builder = if settings.client_auth() == ClientAuth::None {
        builder.with_no_client_auth()
    } else {
        let required = settings.client_auth() == ClientAuth::Required;
        let client_policy = settings.client_policy()?;
        policy = client_policy.fingerprint();
        policy[0] ^= u8::from(required);
        if settings.verify_callback.is_some() {
            // A callback's policy cannot be compared, so a random one makes this context
            // the only one that resumes these sessions.
            crate::base::provider::fill_random(&mut policy)
                .map_err(|_| Error::new(Status::Internal, "the random number generator failed"))?;
        }
        let names_roots = !settings.omit_authorities;
        let verifier = Verifier::for_clients(client_policy, required, names_roots);
        builder.with_client_cert_verifier(Arc::new(verifier))
    };
    let mut config = builder.with_cert_resolver(identity_resolver(settings.identities.clone()));
    config.ignore_client_order = settings.prefer_own_ciphers;
    config.alpn_protocols = settings.alpn.clone();
    config.max_fragment_size = settings.max_fragment;
    config.cert_compressors = COMPRESSORS.to_vec();
    // Only tlsmith's own record layer gets the secrets: they never leave the library.
    config.enable_secret_extraction = cfg!(not(feature = "rustls-records"));
    config.key_log = Arc::new(settings.keylog.clone());
    if let Some(clock) = &settings.clock {
        config.time_provider = Arc::new(clock.clone());
    }
    set_resumption(&mut config, settings, policy)?;
    Ok(config)
}

/// Configures resumption.  Sessions are sent as tickets, unless the server caches them.
/// A server that accepts early data caches them, because tickets would allow replays.  So
/// does one that sends no tickets, or whose client accepts none.
fn set_resumption(config: &mut ServerConfig, settings: &Settings, policy: [u8; 32]) -> Result<()> {
    let count = settings.sessions.unwrap_or(DEFAULT_CACHE_SIZE);
    config.send_tls13_tickets = settings.tickets;
    config.max_early_data_size = settings.early_data;
    // Lets the server answer early data at once.  Other output still waits for the
    // handshake: the client has not proved anything before it.
    config.send_half_rtt_data = settings.early_data > 0;
    if count == 0 {
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        config.max_early_data_size = 0;
        return Ok(());
    }
    let bounds = SessionBounds {
        clock: config.time_provider.clone(),
        verifies: settings.check != PeerCheck::Nothing,
    };
    if let Some(store) = &settings.session_store {
        config.session_storage = external_store(settings, store.clone(), policy, bounds)?;
        return Ok(());
    }
    let sessions = settings.shared_sessions.clone();
    let sessions = sessions.unwrap_or_else(|| SessionCache::new(count));
    config.session_storage = Arc::new(ServerSessionStore {
        sessions,
        policy,
        bounds: bounds.clone(),
    });
    let is_shared = settings.shared_sessions.is_some();
    if is_shared || settings.early_data > 0 || settings.tickets == 0 {
        return match settings.ticket_keys.is_empty() {
            true => Ok(()),
            false => Err(ticket_keys_error(is_shared)),
        };
    }
    let tickets = match settings.ticket_keys.is_empty() {
        true => fork::with_cryptography(Ticketer::new).map_err(|_| {
            let sentence = "cannot create ticket keys: the random number generator failed";
            Error::new(Status::Internal, sentence)
        })?,
        false => {
            let keys = settings.ticket_keys.clone();
            Arc::new(SharedTicketer { keys, policy })
        }
    };
    config.ticketer = Arc::new(BoundedTicketer { tickets, bounds });
    Ok(())
}

/// The error for ticket keys of a server that caches its sessions.
fn ticket_keys_error(is_shared: bool) -> Error {
    // A session store cannot be combined with shared sessions.
    Error::argument(match is_shared {
        true => {
            "ticket keys cannot be used with shared sessions, because such a server caches its \
             sessions: remove the ticket keys, or share no sessions"
        }
        false => {
            "ticket keys cannot be used with early data or 0 tickets, because such a server caches \
             its sessions: remove the ticket keys or the other setting, or set a session store"
        }
    })
}

/// The external session store, encrypted with the ticket keys.
fn external_store(
    settings: &Settings,
    store: Arc<dyn SessionStore>,
    policy: [u8; 32],
    bounds: SessionBounds,
) -> Result<Arc<ExternalSessionStore>> {
    if settings.ticket_keys.is_empty() || settings.shared_sessions.is_some() {
        let sentence = "a session store needs ticket keys for encryption and cannot be combined with \
                        shared sessions: add a ticket key, and share no sessions";
        return Err(Error::argument(sentence));
    }
    let keys = settings.ticket_keys.clone();
    let tickets = SharedTicketer { keys, policy };
    Ok(Arc::new(ExternalSessionStore {
        store,
        tickets,
        bounds,
    }))
}

/// Resolves to the identity that fits a ClientHello best.
pub(super) fn identity_resolver(
    identities: Vec<ConfiguredIdentity>,
) -> Arc<dyn ResolvesServerCert> {
    Arc::new(Identities(identities))
}

/// The identities of a server, in the order in which they were added.
#[derive(Debug)]
struct Identities(Vec<ConfiguredIdentity>);

/// Whether a client can verify the certificate of an identity and what it signs.
fn is_usable(identity: &ConfiguredIdentity, hello: &ClientHello<'_>) -> bool {
    // Some clients support only raw public keys (RFC 7250).
    let types = hello.server_cert_types();
    let authorities = hello.certificate_authorities().unwrap_or_default();
    let authorities = authorities.iter().map(AsRef::as_ref);
    types.is_none_or(|types| types.contains(&CertificateType::X509))
        && identity.is_for(hello.signature_schemes(), authorities)
}

/// Whether the client supports the curve of an identity.  In TLS 1.2, supported_groups
/// applies to the keys of certificates, too (RFC 8422, section 5.1).
fn has_offered_curve(identity: &ConfiguredIdentity, hello: &ClientHello<'_>) -> bool {
    match (identity.curve, hello.named_groups()) {
        (Some(curve), Some(groups)) => !Observations::is_tls12() || groups.contains(&curve),
        _ => true,
    }
}

impl ResolvesServerCert for Identities {
    /// Selects an identity that the client can verify.  Prefers one for the requested
    /// name, then one on a curve that the client supports, then an exact name over a
    /// wildcard.
    ///
    /// Presents an identity for the name even without a supported curve: clients without
    /// key exchange on P-521 may verify its signatures.
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let name = hello.server_name();
        Observations::server_name(name);
        let rank = |identity: &&ConfiguredIdentity| {
            let matched = name.map_or(NameMatch::None, |name| identity.match_name(name));
            let has_curve = has_offered_curve(identity, &hello);
            Reverse((matched != NameMatch::None, has_curve, matched))
        };
        let identities = self.0.iter();
        // On a tie min_by_key selects the first.
        let best = identities
            .filter(|identity| is_usable(identity, &hello))
            .min_by_key(rank);
        let selected = best.map_or_else(unusable_key, |identity| identity.key.clone());
        Observations::selected(&selected);
        Some(selected)
    }
}
