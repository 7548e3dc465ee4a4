//! What connections share: trust, identities, and the rules of the protocol.

mod ciphers;
mod client;
mod clock;
mod compression;
mod ech;
mod hello;
mod identity;
mod keylog;
mod names;
mod offered;
mod options;
mod policies;
mod resumption;
mod sealed;
mod server;
mod sessions;
mod settings;
mod setup;
mod signing;
mod store;
mod trusting;

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use rustls::{ClientConfig, ServerConfig};
use rustls_pki_types::UnixTime;

use clock::Clock;
pub use clock::Now;
pub(crate) use hello::{Adapted, ConfigSelector, adapt};
pub use hello::{ClientHello, HelloCallback, Selection};
pub use keylog::KeyLogLine;
use keylog::Sink;
pub use names::{cipher_names, group_names, scheme_names};
pub(crate) use names::{of_cipher, of_group, of_scheme};
pub(crate) use offered::{Offer, first_message};
pub(crate) use options::ClientStart;
pub use options::ConnectionOptions;
use options::RememberedIdentities;
pub use resumption::{Session, SessionCallback};
pub(crate) use resumption::{SessionFacts, Ticket, Tls12Session};
use sessions::TicketKey;
use settings::Settings;
pub use settings::{ClientAuth, Version};
pub use store::{MOST_STORED, SessionStore};

use crate::base::fork::PerProcess;
use crate::pki::{Certificate, Identity};
use crate::trust::{self, KeyPurpose, PeerName, Policy, VerifyCallback};
use crate::{Error, Result, Status};

/// What connections share.  A new context has safe defaults: TLS 1.2 and 1.3,
/// the system's roots, chain and name of every server checked.
///
/// Set it up on one thread.  The first connection seals it: from then on every
/// setter fails with [`Status::State`], and any thread may make connections
/// from it.  To change something, such as a renewed certificate, make a new
/// context and use that for new connections; the old ones keep theirs.
///
/// A setter that fails changes nothing, and poisons the context: every later
/// connection fails with the same error, until [`Self::clear_error`].  So a program
/// that forgets to check a setter ends up with no connection, never with a weaker one.
///
/// In a forked child a context works on, with ticket keys and sessions of its own, unless
/// ticket keys were added.  See [`after_fork_in_child`](crate::after_fork_in_child).
///
/// Cloning gives another reference to the same context.
#[derive(Clone, Default)]
pub struct Context {
    inner: Arc<Inner>,
}

#[derive(Default)]
struct Inner {
    /// While the context is set up.
    settings: Mutex<Settings>,
    /// From the first connection on, so that no connection waits for a lock here: in a
    /// forked child it might never be released.
    sealed: OnceLock<Settings>,
    /// Why the first setter failed that did, while the context is set up.
    setup_failure: Mutex<Option<Error>>,
    /// The same from the first connection on, and of setters that come later.
    failure: OnceLock<Error>,
    /// Every process makes its own, with ticket keys and sessions of its own.
    built: PerProcess<Built>,
}

/// What is made of the settings.
#[derive(Default)]
struct Built {
    client: OnceLock<Arc<ClientConfig>>,
    server: OnceLock<Arc<ServerConfig>>,
    offline: OnceLock<Arc<Policy>>,
    client_sessions: OnceLock<Option<Arc<resumption::Kept>>>,
    identities: Mutex<RememberedIdentities>,
    /// Held while one of them is made.
    building: Mutex<()>,
}

impl Context {
    /// A context with safe defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the time at which certificates have to be valid from `now`, and not
    /// from the system's clock.
    pub fn set_clock(&self, now: Now) -> Result<()> {
        self.set(|settings| {
            settings.clock = Some(Clock(now));
            Ok(())
        })
    }

    /// Shows this identity to peers.  A server with several picks by the name
    /// that the client asks for; the first one is for everybody else.
    pub fn use_identity(&self, identity: &Identity) -> Result<()> {
        self.set(|settings| settings.use_identity(identity))
    }

    /// Loads an identity from PEM files and uses it.  `None` for the key means
    /// that `cert_file` holds it too.
    pub fn use_cert(&self, cert_file: &Path, key_file: Option<&Path>) -> Result<()> {
        self.set(|settings| settings.use_identity(&Identity::load(cert_file, key_file)?))
    }

    /// Offers these protocols by ALPN (RFC 7301), best first, such as `"h2"`.
    /// A handshake with a peer that offers only others fails.
    pub fn set_alpn(&self, protocols: &[&str]) -> Result<()> {
        self.set(|settings| settings.set_alpn(protocols))
    }

    /// Has a server answer clients that offer other ALPN protocols alone as if
    /// they offered none, as OpenSSL's do, instead of refusing them (RFC 7301,
    /// section 3.2).
    pub fn ignore_unknown_alpn(&self) -> Result<()> {
        self.set(|settings| {
            settings.alpn_is_optional = true;
            Ok(())
        })
    }

    /// Speaks no version below `min` and none above `max`.
    pub fn set_versions(&self, min: Version, max: Version) -> Result<()> {
        self.set(|settings| settings.set_versions(min, max))
    }

    /// Allows only these cipher suites, best first, by IANA's names or by OpenSSL's.
    ///
    /// A list limits the versions whose suites it names: TLS 1.3 and TLS 1.2 have none in
    /// common, and the suites of a version that it does not name stay as they are.  So a
    /// list of TLS 1.3 suites alone does not switch TLS 1.2 off:
    /// [`Self::set_versions`] does.
    pub fn set_ciphers(&self, names: &[&str]) -> Result<()> {
        self.set(|settings| settings.set_ciphers(names))
    }

    /// Has a server choose the first of its own cipher suites that the client offers,
    /// instead of the first of the client's.
    pub fn prefer_own_ciphers(&self) -> Result<()> {
        self.set(|settings| {
            settings.prefer_own_ciphers = true;
            Ok(())
        })
    }

    /// Allows only these key exchange groups, best first, by their IANA names:
    /// `"X25519MLKEM768"`, `"x25519"`, `"secp256r1"`.
    pub fn set_groups(&self, names: &[&str]) -> Result<()> {
        self.set(|settings| settings.set_groups(names))
    }

    /// Puts at most so many bytes into each record that is sent, 512 to 16384, the
    /// default: for peers with little memory.  A server also obeys the limit that its
    /// client announces, by record_size_limit (RFC 8449) or max_fragment_length (RFC 6066).
    pub fn set_max_fragment(&self, bytes: usize) -> Result<()> {
        self.set(|settings| settings.set_max_fragment(bytes))
    }

    /// Lets peers sign the handshake only with these signature schemes (RFC 8446,
    /// section 4.2.3), best first, by their IANA names: `"ecdsa_secp256r1_sha256"`.
    /// It is not about the signatures in certificates.
    pub fn set_verify_schemes(&self, names: &[&str]) -> Result<()> {
        self.set(|settings| settings.set_verify_schemes(names))
    }

    /// Signs handshakes only with these signature schemes, best first, where the
    /// identity used last is shown: for a key that must not sign, or cannot sign
    /// where it is, in every way that its kind knows.
    pub fn set_signing_schemes(&self, names: &[&str]) -> Result<()> {
        self.set(|settings| settings.set_signing_schemes(names))
    }

    /// Shows the identity used last only to peers that name one of the issuers in its
    /// chain among the CAs that they trust (RFC 8446, section 4.2.4), as clients
    /// do in TLS 1.3 alone.
    pub fn match_issuer(&self) -> Result<()> {
        self.set(Settings::match_issuer)
    }

    /// Has `judge` look at every peer after it was verified.  It can refuse what
    /// passed, and not accept what failed.  It is not asked again when a session
    /// is resumed; sessions of clients that it let through, this context resumes
    /// alone.
    pub fn set_judge(&self, judge: VerifyCallback) -> Result<()> {
        self.set(|settings| {
            settings.judge = Some(judge);
            Ok(())
        })
    }

    /// Has `callback` inspect every ClientHello and select what answers it.  An error ends
    /// the connection, and its alert is sent to the client ([`Error::from_alert`]);
    /// without one, unrecognized_name is.
    ///
    /// The connection is locked meanwhile.  `callback` may use other connections, but neither
    /// call this one nor wait for another thread that does: both would wait for ever.
    /// [`Connection::receive_hello`](crate::Connection::receive_hello) is for programs that
    /// look something up first, on whatever thread.
    pub fn set_hello(&self, callback: HelloCallback) -> Result<()> {
        self.set(|settings| {
            settings.hello = Some(callback);
            Ok(())
        })
    }

    /// Has `callback` take each session that servers give the clients of this context:
    /// every ticket of TLS 1.3, and the session of TLS 1.2.  It is called when the session
    /// has come, in the call that received it, which holds nothing locked.
    pub fn set_session(&self, callback: SessionCallback) -> Result<()> {
        self.set(|settings| {
            settings.session = Some(callback);
            Ok(())
        })
    }

    /// Refuses clients that ask for a server that no identity is for, instead of
    /// showing the first identity.
    pub fn require_known_name(&self) -> Result<()> {
        self.set(|settings| {
            settings.require_known_name = true;
            Ok(())
        })
    }

    /// Staples this OCSP response (DER, RFC 6960) to the identity used last.
    pub fn set_ocsp(&self, response: &[u8]) -> Result<()> {
        self.set(|settings| settings.set_ocsp(response))
    }

    /// Encrypts the ClientHello of clients with an ECHConfigList (RFC 9849), or
    /// with `None` pretends to (GREASE).  Such a context speaks TLS 1.3 alone.
    pub fn set_ech(&self, list: Option<&[u8]>) -> Result<()> {
        self.set(|settings| settings.set_ech(list))
    }

    /// Keeps up to `count` sessions to resume; 0 turns resumption off.  By
    /// default a client keeps 256, and a server gives them away as tickets.
    ///
    /// Where [`Self::set_session_store`] or [`Self::share_sessions`] says who keeps the
    /// sessions of a server, 0 still turns resumption off, and any other count has no effect.
    pub fn set_resumption(&self, count: usize) -> Result<()> {
        self.set(|settings| {
            if count > sessions::MOST {
                let most = sessions::MOST;
                let sentence = format!("{count} sessions are too many: {most} is the most");
                return Err(Error::argument(sentence));
            }
            settings.sessions = Some(count);
            Ok(())
        })
    }

    /// How many tickets a server sends after a handshake of TLS 1.3: by default
    /// 2.  With 0 it sends none, and TLS 1.2 sessions are kept here.  A client with 0
    /// asks for no tickets in TLS 1.2 (RFC 5077).
    pub fn set_tickets(&self, count: usize) -> Result<()> {
        self.set(|settings| {
            if count > 16 {
                let sentence = format!("{count} tickets are too many: 16 is the most");
                return Err(Error::argument(sentence));
            }
            settings.tickets = count;
            Ok(())
        })
    }

    /// Adds a key for tickets, 32 random bytes, that servers share: each then
    /// resumes the sessions of the others, where both demand the same of their
    /// clients.  The first key seals, all open: to change keys, put a new one in
    /// front in new contexts, and keep the old one for two hours.  Not with early
    /// data or shared sessions, which are kept and not given away.
    pub fn add_ticket_key(&self, key: &[u8]) -> Result<()> {
        self.set(|settings| {
            settings.ticket_keys.push(TicketKey::new(key)?);
            Ok(())
        })
    }

    /// Has a server keep its sessions together with those of `other`, which has
    /// to be set up already and not in use, so that each resumes the other's and
    /// early data is accepted by one of them, once.
    pub fn share_sessions(&self, other: &Self) -> Result<()> {
        if Arc::ptr_eq(&self.inner, &other.inner) {
            let sentence = "a context shares its sessions with itself already: name another one";
            return Err(self.refuse(Error::argument(sentence)));
        }
        // Before the other context is changed, which keeps its sessions in another way then.
        self.set(|_| Ok(()))?;
        let shared = other.shared_sessions();
        self.set(|settings| {
            settings.shared_sessions = Some(shared?);
            Ok(())
        })
    }

    /// Has a server keep its sessions in a store of the program, encrypted with the ticket
    /// keys of the context, instead of in tickets: servers with the same keys and demands
    /// resume each other's sessions, and early data is accepted by one of them, once.
    ///
    /// Needs [`Self::add_ticket_key`].  A server with a verify callback shares no sessions
    /// with other contexts, since nobody can tell what it demands.
    pub fn set_session_store(&self, store: Arc<dyn SessionStore>) -> Result<()> {
        self.set(|settings| {
            settings.session_store = Some(store);
            Ok(())
        })
    }

    /// Takes part in early data (0-RTT, RFC 8446, section 2.3): a server accepts
    /// up to `max` bytes of it per connection, and a client may send it.  Early
    /// data can be replayed by whoever records it; one server, and those that
    /// share its sessions, take it once.
    pub fn set_early_data(&self, max: u32) -> Result<()> {
        self.set(|settings| {
            settings.early_data = max;
            Ok(())
        })
    }

    /// Appends the secrets of connections to a file (mode 0600) in the NSS key
    /// log format, for Wireshark; `None`: to the file that `$SSLKEYLOGFILE` names.
    pub fn set_keylog(&self, path: Option<&Path>) -> Result<()> {
        self.set(|settings| {
            settings.keylog = match path {
                Some(path) => Sink::file(path)?,
                None => Sink::from_environment()?,
            };
            Ok(())
        })
    }

    /// Gives each line of the key log, without its newline, to `log`.
    pub fn set_keylog_line(&self, log: KeyLogLine) -> Result<()> {
        self.set(|settings| {
            settings.keylog = Sink::of(log);
            Ok(())
        })
    }

    /// Says whether a server asks its clients for certificates.  They are
    /// checked against the roots that were added to this context; the system's
    /// roots are not meant for that and do not count unless added.
    pub fn set_client_auth(&self, mode: ClientAuth) -> Result<()> {
        self.set(|settings| {
            settings.client_auth = mode;
            Ok(())
        })
    }

    /// Has a server not name the CAs that it trusts when it asks clients for a certificate
    /// (RFC 8446, section 4.2.4; RFC 5246, section 7.4.4): clients choose without, and
    /// nobody learns them.  A list of more than 64,511 bytes, some 450 CAs, is never sent.
    pub fn omit_certificate_authorities(&self) -> Result<()> {
        self.set(|settings| {
            settings.omit_authorities = true;
            Ok(())
        })
    }

    /// Reads a TCP end without close_notify as the end of the data.  Insecure:
    /// an attacker can cut the data short.
    pub fn insecure_allow_truncation(&self) -> Result<()> {
        self.set(|settings| {
            settings.allow_truncation = true;
            Ok(())
        })
    }

    /// Verifies a chain, leaf first, against the trust of this context, as a
    /// connection would, without one: path, validity, purpose, constraints, CRLs
    /// and, where there is one, the name.  Seals the context, and does not block.
    ///
    /// `name` is a DNS name in either spelling, an address or an e-mail address; `None`:
    /// any name.  `purpose` is what the certificate must be good for; `None` accepts one
    /// that is a server's or a client's.  `time` is in seconds of the Unix epoch; `None`:
    /// now, as the clock of this context has it.
    ///
    /// Gives the path that was accepted, from the leaf to the root, without the
    /// root where Mozilla's are trusted, which are no certificates.  A context
    /// that verifies nothing accepts every chain, and gives no path.
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
                    let sentence =
                        format!("no certificate can be verified at {seconds}, before 1970");
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
                // A client's, then: what is wrong with it as that counts.
                Err(server) if is_purpose(&server) => verify(KeyPurpose::CLIENT_AUTH)
                    .map_err(|client| if is_purpose(&client) { server } else { client }),
                outcome => outcome,
            },
        }
    }
}

/// What panics under a lock of this layer leaves nothing half changed: setters check first
/// and assign last, and what is built is stored when it is complete.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl std::fmt::Debug for Context {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Context").finish_non_exhaustive()
    }
}
