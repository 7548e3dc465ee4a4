//! Settings to the rustls configuration of clients.

use std::fmt;
use std::sync::Arc;

use rustls::client::{
    ClientSessionMemoryCache, ClientSessionStore, ResolvesClientCert, Resumption,
    Tls12ClientSessionValue, Tls13ClientSessionValue,
};
use rustls::sign::CertifiedKey;
use rustls::version::TLS13;
use rustls::{ClientConfig, NamedGroup, SignatureScheme};
use rustls_pki_types::ServerName;

use super::settings::{Settings, Shown};
use crate::notes::Notes;
use crate::trust::Verifier;
use crate::{Error, Result, Status};

/// How many servers a client keeps sessions of.
const SESSIONS: usize = 256;

pub(super) fn config(settings: &Settings) -> Result<ClientConfig> {
    let verifier = Verifier::of_servers(settings.server_policy()?);
    let builder = ClientConfig::builder_with_provider(settings.provider()?);
    if settings.ech.is_some() && !settings.versions().contains(&&TLS13) {
        let sentence = "an encrypted ClientHello is for TLS 1.3, and that is not allowed: \
                        allow it, or leave the ClientHello as it is";
        return Err(Error::new(Status::Argument, sentence));
    }
    let builder = match &settings.ech {
        Some(ech) => builder.with_ech(ech.clone()),
        None => builder.with_protocol_versions(&settings.versions()),
    };
    let builder = builder
        .map_err(|error| Error::new(Status::Internal, error.to_string()))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier));
    let mut config = if settings.identities.is_empty() {
        builder.with_no_client_auth()
    } else {
        builder.with_client_cert_resolver(Arc::new(Identities(settings.identities.clone())))
    };
    config.alpn_protocols = settings.alpn.clone();
    config.max_fragment_size = settings.max_fragment;
    // For the record layer of our own alone: it never leaves the library.
    config.enable_secret_extraction = cfg!(not(feature = "rustls-records"));
    config.key_log = Arc::new(settings.keylog.clone());
    if let Some(clock) = &settings.clock {
        config.time_provider = Arc::new(clock.clone());
    }
    config.resumption = match settings.sessions.unwrap_or(SESSIONS) {
        0 => Resumption::disabled(),
        count => Resumption::store(Arc::new(Observed(ClientSessionMemoryCache::new(count)))),
    };
    config.enable_early_data = settings.early_data > 0;
    Ok(config)
}

/// The sessions of a client, with a note about each ticket that comes.
struct Observed(ClientSessionMemoryCache);

impl ClientSessionStore for Observed {
    fn set_kx_hint(&self, server_name: ServerName<'static>, group: NamedGroup) {
        self.0.set_kx_hint(server_name, group);
    }

    fn kx_hint(&self, server_name: &ServerName<'_>) -> Option<NamedGroup> {
        self.0.kx_hint(server_name)
    }

    fn set_tls12_session(&self, server_name: ServerName<'static>, value: Tls12ClientSessionValue) {
        self.0.set_tls12_session(server_name, value);
    }

    fn tls12_session(&self, server_name: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        self.0.tls12_session(server_name)
    }

    fn remove_tls12_session(&self, server_name: &ServerName<'static>) {
        self.0.remove_tls12_session(server_name);
    }

    fn insert_tls13_ticket(
        &self,
        server_name: ServerName<'static>,
        value: Tls13ClientSessionValue,
    ) {
        Notes::ticket(lifetime(&value));
        self.0.insert_tls13_ticket(server_name, value);
    }

    fn take_tls13_ticket(
        &self,
        server_name: &ServerName<'static>,
    ) -> Option<Tls13ClientSessionValue> {
        self.0.take_tls13_ticket(server_name)
    }
}

/// For how many seconds a ticket is good.  rustls tells it nowhere but in the
/// debug output of the session, which has secrets in it, too: they are passed
/// over here and kept nowhere.  0 where that output changes.
fn lifetime(session: &Tls13ClientSessionValue) -> u32 {
    #[derive(Default)]
    struct Find {
        matched: usize,
        number: u32,
    }

    impl fmt::Write for Find {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            const LABEL: &[u8] = b"lifetime_secs: ";
            for byte in text.bytes() {
                if self.matched < LABEL.len() {
                    let continues = LABEL[self.matched] == byte;
                    self.matched = if continues {
                        self.matched + 1
                    } else {
                        usize::from(LABEL[0] == byte)
                    };
                } else if byte.is_ascii_digit() {
                    let digit = u32::from(byte - b'0');
                    self.number = self.number.saturating_mul(10).saturating_add(digit);
                } else {
                    // It is complete: what follows need not be written.
                    return Err(fmt::Error);
                }
            }
            Ok(())
        }
    }

    let mut find = Find::default();
    let _ = fmt::Write::write_fmt(&mut find, format_args!("{session:?}"));
    find.number
}

impl fmt::Debug for Observed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Observed").finish_non_exhaustive()
    }
}

/// The identities of a client, in the order in which they were set.
#[derive(Debug)]
struct Identities(Vec<Shown>);

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
        self.0
            .iter()
            .find(|shown| shown.is_for(schemes, root_hint_subjects.iter().copied()))
            .map(|shown| shown.key.clone())
    }

    fn has_certs(&self) -> bool {
        !self.0.is_empty()
    }
}
