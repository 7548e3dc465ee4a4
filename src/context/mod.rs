//! The configuration that connections share: trust, identities, protocol settings and
//! session stores.

mod algorithm_names;
mod cipher_suites;
mod client_config;
mod client_hello;
mod client_sessions;
mod clock;
mod compression;
mod config_selector;
mod connection_options;
mod ech;
mod hello_parser;
mod identity;
mod keylog;
mod peer_chain;
mod sealing;
mod server_config;
mod server_sessions;
mod session_store;
mod setter_errors;
mod settings;
mod signing_schemes;
mod trust_settings;
mod verification_policy;

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use rustls::{ClientConfig, ServerConfig};
use rustls_pki_types::UnixTime;

pub(crate) use algorithm_names::{cipher_name, group_name, scheme_name};
pub use algorithm_names::{cipher_names, group_names, scheme_names};
pub use client_hello::{ClientHello, HelloCallback, Selection};
pub use client_sessions::{Session, SessionCallback};
pub(crate) use client_sessions::{SessionFacts, Ticket, Tls12Session};
use clock::Clock;
pub use clock::Now;
pub(crate) use config_selector::{Adapted, ConfigSelector, adapt};
pub(crate) use connection_options::ClientStart;
pub use connection_options::ConnectionOptions;
use connection_options::RememberedIdentities;
pub(crate) use hello_parser::{ParsedHello, first_message};
pub use keylog::KeyLogCallback;
use keylog::Sink;
use peer_chain::LastPeerChain;
pub(crate) use peer_chain::PeerChain;
use server_sessions::TicketKey;
pub use session_store::{MAX_STORED_SESSION, SessionStore};
use settings::Settings;
pub use settings::{ClientAuth, Version};

use crate::base::fork::PerProcess;
use crate::pki::{Certificate, Identity};
use crate::trust::{self, KeyPurpose, PeerName, Policy, VerifyCallback};
use crate::{Error, Result, Status};

/// Settings that connections share.  A new context has safe defaults: TLS 1.2 and 1.3,
/// the system roots, and full verification of every server's chain and name.
///
/// Configure it on one thread.  The first connection seals it: from then on every setter
/// fails with [`Status::State`], and any thread may create connections from it.  To
/// change a setting, such as a renewed certificate, create a new context for new
/// connections.  Existing connections keep theirs.
///
/// A setter that fails changes nothing and poisons the context: every later connection
/// fails with the same error, until [`Self::clear_error`].  A program that does not check
/// a setter therefore gets no connection, never a weaker one.
///
/// In a forked child a context keeps working, with its own ticket keys and sessions,
/// unless ticket keys were added.  See
/// [`after_fork_in_child`](crate::after_fork_in_child).
///
/// Cloning returns another reference to the same context.
#[derive(Clone, Default)]
pub struct Context {
    inner: Arc<Inner>,
}

#[derive(Default)]
struct Inner {
    /// The settings until the context is sealed.
    settings: Mutex<Settings>,
    /// The settings from the first connection on.  Connections read them without a lock:
    /// a forked child may inherit a lock that nobody releases.
    sealed: OnceLock<Settings>,
    /// The error of the first failed setter, until the context is sealed.
    setup_failure: Mutex<Option<Error>>,
    /// The same once the context is sealed.  Setters that are called too late set it, too.
    failure: OnceLock<Error>,
    /// One per process: a forked child builds its own ticket keys and sessions.
    built: PerProcess<Built>,
}

/// The rustls configurations and stores that are built from the settings.
#[derive(Default)]
struct Built {
    client: OnceLock<Arc<ClientConfig>>,
    server: OnceLock<Arc<ServerConfig>>,
    offline: OnceLock<Arc<Policy>>,
    client_sessions: OnceLock<Option<Arc<client_sessions::ClientSessionStore>>>,
    identities: Mutex<RememberedIdentities>,
    last_peer_chain: LastPeerChain,
    /// Held while one of them is built.
    building: Mutex<()>,
}

impl Context {
    /// Creates a context with safe defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Verifies certificates and sessions at the time that `now` returns, instead of the
    /// system's.
    pub fn set_clock(&self, now: Now) -> Result<()> {
        self.set(|settings| {
            settings.clock = Some(Clock(now));
            Ok(())
        })
    }

    /// Presents this identity to peers.  A server with several selects by the name that
    /// the client requests (SNI); the first one is the default.
    pub fn use_identity(&self, identity: &Identity) -> Result<()> {
        self.set(|settings| settings.use_identity(identity))
    }

    /// Loads an identity from files and presents it.  With `None` for the key,
    /// `cert_file` holds it, too.
    pub fn use_cert(&self, cert_file: &Path, key_file: Option<&Path>) -> Result<()> {
        self.set(|settings| settings.use_identity(&Identity::load(cert_file, key_file)?))
    }

    /// Offers these ALPN protocols (RFC 7301), best first, such as `"h2"`.  A handshake
    /// with a peer that offers only others fails.
    pub fn set_alpn(&self, protocols: &[&str]) -> Result<()> {
        self.set(|settings| settings.set_alpn(protocols))
    }

    /// Has a server continue without ALPN if a client offers only unknown protocols, as
    /// OpenSSL does, instead of refusing it (RFC 7301, section 3.2).
    pub fn ignore_unknown_alpn(&self) -> Result<()> {
        self.set(|settings| {
            settings.alpn_is_optional = true;
            Ok(())
        })
    }

    /// Sets the lowest and the highest version to negotiate.
    pub fn set_versions(&self, min: Version, max: Version) -> Result<()> {
        self.set(|settings| settings.set_versions(min, max))
    }

    /// Allows only these cipher suites, best first, by IANA's or OpenSSL's names.
    ///
    /// A list limits only the versions of its suites: TLS 1.3 and TLS 1.2 have none in
    /// common, and a version without a suite in the list keeps its defaults.  A list of
    /// TLS 1.3 suites alone does not disable TLS 1.2: [`Self::set_versions`] does.
    pub fn set_ciphers(&self, names: &[&str]) -> Result<()> {
        self.set(|settings| settings.set_ciphers(names))
    }

    /// Has a server prefer its own order of cipher suites over the client's.
    pub fn prefer_own_ciphers(&self) -> Result<()> {
        self.set(|settings| {
            settings.prefer_own_ciphers = true;
            Ok(())
        })
    }

    /// Allows only these key exchange groups, best first, by their IANA names.
    ///
    /// The default is `X25519MLKEM768`, `x25519`, `secp256r1`, `secp384r1` and `secp521r1`.
    /// The others have to be named: `x448`, `SecP256r1MLKEM768`, `SecP384r1MLKEM1024`,
    /// `MLKEM768` and `MLKEM1024`.  Those with ML-KEM are for TLS 1.3.  A client sends a
    /// key share of the first group.
    ///
    /// Fails with [`Status::Argument`], with the list of names, for an unknown one.
    pub fn set_groups(&self, names: &[&str]) -> Result<()> {
        self.set(|settings| settings.set_groups(names))
    }

    /// Limits the plaintext of each record sent to `bytes`, 512 to 16384 (the default),
    /// for peers with little memory.  A server also obeys a client's record_size_limit
    /// (RFC 8449) or max_fragment_length (RFC 6066).
    pub fn set_max_fragment(&self, bytes: usize) -> Result<()> {
        self.set(|settings| settings.set_max_fragment(bytes))
    }

    /// Accepts only these signature schemes from peers in the handshake (RFC 8446,
    /// section 4.2.3), best first, by their IANA names: `"ecdsa_secp256r1_sha256"`.  Does
    /// not limit the signatures in certificates.
    pub fn set_verify_schemes(&self, names: &[&str]) -> Result<()> {
        self.set(|settings| settings.set_verify_schemes(names))
    }

    /// Signs handshakes of the most recently added identity only with these signature
    /// schemes, best first.  For keys that may use only some of their algorithm's
    /// schemes, for example in an HSM.
    pub fn set_signing_schemes(&self, names: &[&str]) -> Result<()> {
        self.set(|settings| settings.set_signing_schemes(names))
    }

    /// Presents the most recently added identity only if the peer's
    /// certificate_authorities (RFC 8446, section 4.2.4) name an issuer in its chain.
    /// Clients send them in TLS 1.3 only.
    pub fn match_issuer(&self) -> Result<()> {
        self.set(Settings::match_issuer)
    }

    /// Calls `callback` for every peer after verification.  It can refuse a verified peer,
    /// but not accept one that failed verification.  It is not called when a session is
    /// resumed.  Therefore a server resumes only sessions that this context created.
    pub fn set_verify_callback(&self, callback: VerifyCallback) -> Result<()> {
        self.set(|settings| {
            settings.verify_callback = Some(callback);
            Ok(())
        })
    }

    /// Calls `callback` for every ClientHello to select what answers it.  An error ends
    /// the connection and sends its alert to the client ([`Error::from_alert`]), by
    /// default unrecognized_name.
    ///
    /// The connection is locked meanwhile.  `callback` may use other connections.  Its
    /// calls on this one fail with [`Status::State`].  It must not wait for another thread
    /// that uses this one: that would deadlock.  To look something up first, on any
    /// thread, use [`Connection::receive_hello`](crate::Connection::receive_hello).
    pub fn set_hello_callback(&self, callback: HelloCallback) -> Result<()> {
        self.set(|settings| {
            settings.hello_callback = Some(callback);
            Ok(())
        })
    }

    /// Calls `callback` with each session that a client of this context receives: every
    /// ticket of TLS 1.3, and the session of TLS 1.2.  It runs in the call that received
    /// the session, without a lock held.
    pub fn set_session_callback(&self, callback: SessionCallback) -> Result<()> {
        self.set(|settings| {
            settings.session_callback = Some(callback);
            Ok(())
        })
    }

    /// Refuses clients whose SNI matches no identity (RFC 6066, section 3), instead of
    /// presenting the first identity.
    pub fn require_known_name(&self) -> Result<()> {
        self.set(|settings| {
            settings.require_known_name = true;
            Ok(())
        })
    }

    /// Staples this OCSP response (DER, RFC 6960) to the most recently added identity.
    pub fn set_ocsp(&self, response: &[u8]) -> Result<()> {
        self.set(|settings| settings.set_ocsp(response))
    }

    /// Encrypts the ClientHello of clients with an ECHConfigList (RFC 9849); `None` sends
    /// GREASE ECH.  Such a context negotiates only TLS 1.3.
    pub fn set_ech(&self, list: Option<&[u8]>) -> Result<()> {
        self.set(|settings| settings.set_ech(list))
    }

    /// Caches up to `count` sessions; 0 turns resumption off.  By default a client caches
    /// 256, and a server sends tickets instead.
    ///
    /// With [`Self::set_session_store`] or [`Self::share_sessions`], a server only
    /// distinguishes 0 from other counts.
    pub fn set_resumption(&self, count: usize) -> Result<()> {
        self.set(|settings| {
            if count > server_sessions::MAX_CACHE_SIZE {
                let most = server_sessions::MAX_CACHE_SIZE;
                let sentence = format!("cannot cache {count} sessions: {most} is the maximum");
                return Err(Error::argument(sentence));
            }
            settings.sessions = Some(count);
            Ok(())
        })
    }

    /// Sets how many tickets a server sends after a TLS 1.3 handshake: 2 by default, at
    /// most 16.  With 0 it caches TLS 1.2 sessions instead of sending tickets.  A client
    /// with 0 requests no tickets in TLS 1.2 (RFC 5077).
    pub fn set_tickets(&self, count: usize) -> Result<()> {
        self.set(|settings| {
            if count > 16 {
                let sentence = format!("cannot send {count} tickets: 16 is the maximum");
                return Err(Error::argument(sentence));
            }
            settings.tickets = count;
            Ok(())
        })
    }

    /// Adds a ticket key, 32 random bytes, that servers share.  Each resumes the sessions
    /// of the others, if both have the same client-authentication policy.
    ///
    /// New tickets are encrypted with the first key; any key decrypts.  To rotate, add
    /// the new key first in new contexts and keep the old key for two hours (the ticket
    /// lifetime).
    ///
    /// Cannot be combined with shared sessions and, without a session store, neither with
    /// early data nor with 0 tickets: such a server caches its sessions.
    pub fn add_ticket_key(&self, key: &[u8]) -> Result<()> {
        self.set(|settings| {
            settings.ticket_keys.push(TicketKey::new(key)?);
            Ok(())
        })
    }

    /// Has a server share its session cache with `other`, which must be configured and
    /// not yet in use.  Each resumes the other's sessions, and one of them accepts the
    /// early data of a session, once.
    pub fn share_sessions(&self, other: &Self) -> Result<()> {
        if Arc::ptr_eq(&self.inner, &other.inner) {
            let sentence = "a context already shares its sessions with itself: pass another one";
            return Err(self.poison(Error::argument(sentence)));
        }
        // Check this first: `other` switches to a shared cache below.
        self.set(|_| Ok(()))?;
        let shared = other.shared_sessions();
        self.set(|settings| {
            settings.shared_sessions = Some(shared?);
            Ok(())
        })
    }

    /// Has a server keep its sessions in an external store instead of in tickets,
    /// encrypted with the context's ticket keys.  Servers with the same keys and policy
    /// resume each other's sessions, and one of them accepts the early data of a session,
    /// once.
    ///
    /// Requires [`Self::add_ticket_key`].  A server with a verify callback shares no
    /// sessions with other contexts, because a callback's policy cannot be compared.
    pub fn set_session_store(&self, store: Arc<dyn SessionStore>) -> Result<()> {
        self.set(|settings| {
            settings.session_store = Some(store);
            Ok(())
        })
    }

    /// Enables early data (0-RTT, RFC 8446, section 2.3): a server accepts up to `max`
    /// bytes of it per connection, and a client may send it.  An attacker can replay
    /// early data: a server, or a group that shares its sessions, accepts it once.
    pub fn set_early_data(&self, max: u32) -> Result<()> {
        self.set(|settings| {
            settings.early_data = max;
            Ok(())
        })
    }

    /// Appends the secrets of connections to a file (mode 0600) in the NSS key log
    /// format, for Wireshark; `None` uses the file that `$SSLKEYLOGFILE` names.
    pub fn set_keylog(&self, path: Option<&Path>) -> Result<()> {
        self.set(|settings| {
            settings.keylog = match path {
                Some(path) => Sink::file(path)?,
                None => Sink::from_environment()?,
            };
            Ok(())
        })
    }

    /// Calls `log` with each line of the key log, without its newline.
    pub fn set_keylog_callback(&self, log: KeyLogCallback) -> Result<()> {
        self.set(|settings| {
            settings.keylog = Sink::new(log);
            Ok(())
        })
    }

    /// Sets whether a server requests client certificates.  They are verified against the
    /// roots that were added to this context.  The system roots do not apply unless
    /// added: they are meant for servers.
    pub fn set_client_auth(&self, mode: ClientAuth) -> Result<()> {
        self.set(|settings| {
            settings.client_auth = mode;
            Ok(())
        })
    }

    /// Does not send the names of the trusted CAs when a server requests a client
    /// certificate (RFC 8446, section 4.2.4; RFC 5246, section 7.4.4).  This keeps them
    /// confidential, and clients choose a certificate without them.  A list of more than
    /// 64,511 bytes, some 450 CAs, is never sent.
    pub fn omit_certificate_authorities(&self) -> Result<()> {
        self.set(|settings| {
            settings.omit_authorities = true;
            Ok(())
        })
    }

    /// Treats TCP closed without close_notify as the end of the data.  Insecure: an
    /// attacker can truncate it.
    pub fn insecure_allow_truncation(&self) -> Result<()> {
        self.set(|settings| {
            settings.allow_truncation = true;
            Ok(())
        })
    }

    /// Verifies a chain, leaf first, as a connection of this context would: path,
    /// validity, purpose, constraints, CRLs and, if given, the name.  Seals the context.
    /// Does not block.
    ///
    /// `name` is a DNS name in either spelling, an address or an e-mail address; `None`
    /// accepts any name.  `purpose` is what the certificate must be valid for; `None`
    /// accepts server and client certificates.  `time` is in seconds since the Unix
    /// epoch; `None` means now by this context's clock.
    ///
    /// Returns the verified chain from the leaf to the root.  The root is missing if it is
    /// one of the bundled ones, of which only name and key are known.  A context that
    /// verifies nothing accepts every chain and returns an empty one.
    pub fn verify(
        &self,
        chain: &[Certificate],
        name: Option<&str>,
        purpose: Option<KeyPurpose>,
        time: Option<i64>,
    ) -> Result<Vec<Certificate>> {
        let host = match name {
            Some(name) if !name.contains('@') => Some(trust::server_name(name)?),
            _ => None,
        };
        let name = match (&host, name) {
            (Some(host), _) => Some(PeerName::Host(host)),
            (None, name) => name.map(PeerName::Mailbox),
        };
        let now = match time {
            None => self.now(),
            Some(seconds) => {
                let seconds = u64::try_from(seconds).map_err(|_| {
                    let sentence = format!(
                        "the time {seconds} is before 1970: pass seconds since the Unix epoch"
                    );
                    Error::argument(sentence)
                })?;
                UnixTime::since_unix_epoch(Duration::from_secs(seconds))
            }
        };
        let policy = self.build(|built| &built.offline, Settings::server_policy)?;
        let verify = |purpose| policy.verify(chain, name, purpose, now);
        let is_purpose = |error: &Error| error.status() == Status::CertificateWrongUsage;
        match purpose {
            Some(purpose) => verify(purpose),
            None => match verify(KeyPurpose::SERVER_AUTH) {
                // Not a server certificate: report what fails as a client certificate
                // instead.
                Err(server) if is_purpose(&server) => verify(KeyPurpose::CLIENT_AUTH)
                    .map_err(|client| if is_purpose(&client) { server } else { client }),
                outcome => outcome,
            },
        }
    }
}

/// Ignores poisoning: a panic under a lock of this layer leaves consistent data.  Setters
/// check first and assign last, and built values are stored when complete.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl std::fmt::Debug for Context {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Context").finish_non_exhaustive()
    }
}
