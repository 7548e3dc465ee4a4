//! Settings to the rustls configuration of servers.

use std::cmp::Reverse;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs::Ticketer;
use rustls::server::{CertificateType, ClientHello, NoServerSessionStorage, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use super::compression::COMPRESSORS;
use super::hello::{Fit, fit};
use super::identity::ConfiguredIdentity;
use super::sessions::{BoundedTickets, Bounds, Kept, SESSIONS, Sessions, SharedTickets};
use super::settings::{ClientAuth, PeerCheck, Settings};
use super::signing::nothing_to_sign_with;
use super::store::{SessionStore, Stored};
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
        let demands = settings.client_policy()?;
        policy = demands.fingerprint();
        policy[0] ^= u8::from(required);
        if settings.judge.is_some() {
            // What a judge demands nobody can tell: sessions that it let through
            // are for this context alone.
            crate::base::provider::fill_random(&mut policy)
                .map_err(|_| Error::new(Status::Internal, "the system has no random bytes"))?;
        }
        let names_roots = !settings.omit_authorities;
        let verifier = Verifier::for_clients(demands, required, names_roots);
        builder.with_client_cert_verifier(Arc::new(verifier))
    };
    let mut config = builder.with_cert_resolver(presenting(settings.identities.clone()));
    config.ignore_client_order = settings.prefer_own_ciphers;
    config.alpn_protocols = settings.alpn.clone();
    config.max_fragment_size = settings.max_fragment;
    config.cert_compressors = COMPRESSORS.to_vec();
    // For the record layer of our own alone: it never leaves the library.
    config.enable_secret_extraction = cfg!(not(feature = "rustls-records"));
    config.key_log = Arc::new(settings.keylog.clone());
    if let Some(clock) = &settings.clock {
        config.time_provider = Arc::new(clock.clone());
    }
    set_resumption(&mut config, settings, policy)?;
    Ok(config)
}

/// Sessions go out as tickets, unless the server keeps them itself: because it
/// takes early data, which tickets could replay, or sends no tickets, or the
/// client takes none.
fn set_resumption(config: &mut ServerConfig, settings: &Settings, policy: [u8; 32]) -> Result<()> {
    let count = settings.sessions.unwrap_or(SESSIONS);
    config.send_tls13_tickets = settings.tickets;
    config.max_early_data_size = settings.early_data;
    // Early data may be answered at once.  What else could be sent then, to a client
    // that has proved nothing yet, waits for the handshake all the same.
    config.send_half_rtt_data = settings.early_data > 0;
    if count == 0 {
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        config.max_early_data_size = 0;
        return Ok(());
    }
    let bounds = Bounds {
        clock: config.time_provider.clone(),
        verifies: settings.check != PeerCheck::Nothing,
    };
    if let Some(store) = &settings.session_store {
        config.session_storage = stored(settings, store.clone(), policy, bounds)?;
        return Ok(());
    }
    let sessions = settings.shared_sessions.clone();
    let sessions = sessions.unwrap_or_else(|| Sessions::new(count));
    config.session_storage = Arc::new(Kept {
        sessions,
        policy,
        bounds: bounds.clone(),
    });
    if settings.early_data > 0 || settings.tickets == 0 || settings.shared_sessions.is_some() {
        return match settings.ticket_keys.is_empty() {
            true => Ok(()),
            false => Err(Error::argument(
                "a server that takes early data, shares its sessions or sends no tickets keeps \
                 its sessions itself: it has no use for ticket keys",
            )),
        };
    }
    let tickets = match settings.ticket_keys.is_empty() {
        true => fork::with_cryptography(Ticketer::new).map_err(|_| {
            let sentence = "cannot make ticket keys: the system has no random bytes";
            Error::new(Status::Internal, sentence)
        })?,
        false => {
            let keys = settings.ticket_keys.clone();
            Arc::new(SharedTickets { keys, policy })
        }
    };
    config.ticketer = Arc::new(BoundedTickets { tickets, bounds });
    Ok(())
}

/// Sessions in a store of the program.
fn stored(
    settings: &Settings,
    store: Arc<dyn SessionStore>,
    policy: [u8; 32],
    bounds: Bounds,
) -> Result<Arc<Stored>> {
    if settings.ticket_keys.is_empty() || settings.shared_sessions.is_some() {
        let sentence = "a session store needs ticket keys, which its sessions are encrypted with, \
                        and takes the place of sessions that contexts share: add a ticket key, \
                        and share none";
        return Err(Error::argument(sentence));
    }
    let keys = settings.ticket_keys.clone();
    let tickets = SharedTickets { keys, policy };
    Ok(Arc::new(Stored {
        store,
        tickets,
        bounds,
    }))
}

/// What presents the best of these identities.
pub(super) fn presenting(identities: Vec<ConfiguredIdentity>) -> Arc<dyn ResolvesServerCert> {
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
    /// Selects an identity that the client can verify.  One for the requested name is
    /// preferred, then one on a curve that the client supports, then one with the exact name
    /// rather than a wildcard.
    ///
    /// Without a supported curve an identity for the name is presented all the same: clients
    /// that exchange no keys on P-521 may verify its signatures, as ours do.
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let name = hello.server_name();
        Observations::server_name(name);
        let rank = |identity: &&ConfiguredIdentity| {
            let fit = name.map_or(Fit::None, |name| fit(identity, name));
            let has_curve = has_offered_curve(identity, &hello);
            Reverse((fit != Fit::None, has_curve, fit))
        };
        let identities = self.0.iter();
        // Of equals, min_by_key selects the first.
        let best = identities
            .filter(|identity| is_usable(identity, &hello))
            .min_by_key(rank);
        let selected = best.map_or_else(nothing_to_sign_with, |identity| identity.key.clone());
        Observations::selected(&selected);
        Some(selected)
    }
}
