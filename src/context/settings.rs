//! The settings of a context, with their defaults and checks.

use std::sync::Arc;

use rustls::client::{EchConfig, EchGreaseConfig, EchMode};
use rustls::crypto::hpke::Hpke;
use rustls::crypto::{CryptoProvider, SupportedKxGroup, aws_lc_rs};
use rustls::{SignatureScheme, SupportedProtocolVersion, version};
use rustls_pki_types::EchConfigListBytes;

use super::algorithm_names;
use super::cipher_suites::CipherSuites;
use super::client_hello::HelloCallback;
use super::client_sessions::SessionCallback;
use super::clock::Clock;
use super::ech;
use super::identity::ConfiguredIdentity;
use super::keylog::Sink;
use super::server_sessions::{SessionCache, TicketKey};
use super::session_store::SessionStore;
use super::signing_schemes;
use crate::base::limits::{RECORD_PLAINTEXT, SHORTEST_FRAGMENT};
use crate::base::provider::provider;
use crate::base::text::quoted;
use crate::base::{fork, tls_errors};
use crate::pki::{Certificate, Identity};
use crate::trust::{Crls, MIN_SECURITY_BITS, Roots, VerifyCallback};
use crate::{Error, Result, Status};

/// The length of a record header (RFC 8446, section 5.1).
pub(super) const RECORD_HEADER: usize = 5;

/// The longest OCSP response.  It fits in an extension with a two-byte length, after a
/// type and two lengths (RFC 6066, section 8).
const MAX_OCSP_LENGTH: usize = u16::MAX as usize - 2 - 2 - 1 - 3;

/// The longest list of ALPN protocols: half of the space for all extensions of a
/// ClientHello (RFC 8446, section 4.1.2).
const MAX_ALPN_LENGTH: usize = 32_768;

/// A version of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Version {
    /// TLS 1.2 (RFC 5246).
    Tls12,
    /// TLS 1.3 (RFC 8446).
    Tls13,
}

impl Version {
    /// Its number on the wire: 0x0303 or 0x0304.
    pub const fn wire(self) -> u16 {
        match self {
            Self::Tls12 => 0x0303,
            Self::Tls13 => 0x0304,
        }
    }

    /// The version with this number on the wire, if supported.
    pub fn from_wire(number: u16) -> Option<Self> {
        [Self::Tls12, Self::Tls13]
            .into_iter()
            .find(|version| version.wire() == number)
    }
}

/// Whether a server requests client certificates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClientAuth {
    /// Requests no certificate.
    #[default]
    None,
    /// Requests a certificate.  Accepts a client without one, and refuses a client whose
    /// certificate is invalid.
    Optional,
    /// Requests a certificate, and refuses a client without one.
    Required,
}

/// How much of a peer's certificate is verified.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum PeerCheck {
    /// Chain and name.
    #[default]
    Full,
    /// The chain.  Insecure.
    NoName,
    /// Neither.  Insecure.
    Nothing,
}

pub(crate) struct Settings {
    /// `None` means the system roots.
    pub(super) roots: Option<Roots>,
    pub(super) crls: Arc<Crls>,
    pub(crate) identities: Vec<ConfiguredIdentity>,
    pub(crate) alpn: Vec<Vec<u8>>,
    pub(crate) alpn_is_optional: bool,
    pub(crate) clock: Option<Clock>,
    pub(super) min_version: Version,
    pub(super) max_version: Version,
    pub(super) ciphers: CipherSuites,
    pub(crate) prefer_own_ciphers: bool,
    pub(super) groups: Option<Vec<&'static dyn SupportedKxGroup>>,
    pub(super) client_auth: ClientAuth,
    pub(super) allows_unverified_clients: bool,
    pub(crate) omit_authorities: bool,
    pub(crate) check: PeerCheck,
    pub(crate) allow_common_name: bool,
    pub(crate) allow_truncation: bool,
    pub(super) trusted_certificates: Vec<[u8; 32]>,
    pub(super) end_entities: Vec<[u8; 32]>,
    pub(super) pins: Vec<[u8; 32]>,
    pub(crate) max_depth: Option<u32>,
    pub(super) security: u16,
    pub(crate) strict: bool,
    pub(super) verify_schemes: Option<Vec<SignatureScheme>>,
    pub(crate) verify_callback: Option<VerifyCallback>,
    pub(crate) hello_callback: Option<HelloCallback>,
    pub(crate) session_callback: Option<SessionCallback>,
    pub(crate) require_known_name: bool,
    pub(crate) keylog: Sink,
    /// `None` means the default for clients or servers.
    pub(crate) sessions: Option<usize>,
    pub(crate) shared_sessions: Option<SessionCache>,
    pub(crate) session_store: Option<Arc<dyn SessionStore>>,
    pub(crate) tickets: usize,
    pub(crate) ticket_keys: Vec<TicketKey>,
    pub(crate) early_data: u32,
    pub(crate) ech: Option<EchMode>,
    /// The public names in the ECHConfigList.
    pub(super) public_names: Vec<String>,
    /// As rustls counts it: including the record header.
    pub(super) max_fragment: Option<usize>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            roots: None,
            crls: Arc::default(),
            identities: Vec::new(),
            alpn: Vec::new(),
            alpn_is_optional: false,
            clock: None,
            min_version: Version::Tls12,
            max_version: Version::Tls13,
            ciphers: CipherSuites::default(),
            prefer_own_ciphers: false,
            groups: None,
            client_auth: ClientAuth::None,
            allows_unverified_clients: false,
            omit_authorities: false,
            check: PeerCheck::Full,
            allow_common_name: false,
            allow_truncation: false,
            trusted_certificates: Vec::new(),
            end_entities: Vec::new(),
            pins: Vec::new(),
            max_depth: None,
            security: MIN_SECURITY_BITS,
            strict: false,
            verify_schemes: None,
            verify_callback: None,
            hello_callback: None,
            session_callback: None,
            require_known_name: false,
            keylog: Sink::default(),
            sessions: None,
            shared_sessions: None,
            session_store: None,
            tickets: 2,
            ticket_keys: Vec::new(),
            early_data: 0,
            ech: None,
            public_names: Vec::new(),
            max_fragment: None,
        }
    }
}

impl Settings {
    pub(crate) fn set_ocsp(&mut self, response: &[u8]) -> Result<()> {
        if response.is_empty() || response.starts_with(b"-----BEGIN") {
            let sentence = "the OCSP response is empty or PEM: pass it as DER";
            return Err(Error::new(Status::Parse, sentence));
        }
        if response.len() > MAX_OCSP_LENGTH {
            let length = response.len();
            let sentence = format!(
                "an OCSP response of {length} bytes is too long: {MAX_OCSP_LENGTH} is the maximum"
            );
            return Err(Error::argument(sentence));
        }
        let identity = self.latest_identity("an OCSP response")?;
        Arc::make_mut(&mut identity.key).ocsp = Some(response.to_vec());
        Ok(())
    }

    pub(crate) fn set_signing_schemes(&mut self, names: &[&str]) -> Result<()> {
        let schemes = algorithm_names::schemes(names)?;
        let identity = self.latest_identity("a list of signature schemes")?;
        Arc::make_mut(&mut identity.key).key =
            signing_schemes::limit(&identity.whole_key, schemes)?;
        Ok(())
    }

    pub(crate) fn match_issuer(&mut self) -> Result<()> {
        let identity = self.latest_identity("issuer matching")?;
        let chain = identity.key.cert.iter();
        let issuers = chain.map(|der| Certificate::from_der(der.to_vec())?.issuer_der());
        identity.issuers = Some(issuers.collect::<Result<_>>()?);
        Ok(())
    }

    /// The most recently added identity, for a setting that applies to it.
    fn latest_identity(&mut self, what: &str) -> Result<&mut ConfiguredIdentity> {
        self.identities.last_mut().ok_or_else(|| {
            let sentence = format!(
                "{what} applies to the most recently added identity, and there is none: add an \
                 identity first"
            );
            Error::state(sentence)
        })
    }

    pub(crate) fn set_verify_schemes(&mut self, names: &[&str]) -> Result<()> {
        self.verify_schemes = Some(algorithm_names::schemes(names)?);
        Ok(())
    }

    pub(crate) fn set_ciphers(&mut self, names: &[&str]) -> Result<()> {
        self.ciphers.limit(names)
    }

    pub(crate) fn set_groups(&mut self, names: &[&str]) -> Result<()> {
        self.groups = Some(algorithm_names::groups(names)?);
        Ok(())
    }

    pub(crate) fn set_max_fragment(&mut self, bytes: usize) -> Result<()> {
        if !(SHORTEST_FRAGMENT..=RECORD_PLAINTEXT).contains(&bytes) {
            let sentence = format!(
                "cannot limit records to {bytes} bytes: \
                 {SHORTEST_FRAGMENT} to {RECORD_PLAINTEXT} are allowed"
            );
            return Err(Error::argument(sentence));
        }
        self.max_fragment = Some(bytes + RECORD_HEADER);
        Ok(())
    }

    /// Enables ECH with a list, or GREASE ECH without.
    pub(crate) fn set_ech(&mut self, list: Option<&[u8]>) -> Result<()> {
        let suites = aws_lc_rs::hpke::ALL_SUPPORTED_SUITES;
        self.public_names = list.map(ech::public_names).unwrap_or_default();
        self.ech = Some(match list {
            Some(list) => {
                let list = EchConfigListBytes::from(list.to_vec());
                EchMode::Enable(EchConfig::new(list, suites).map_err(|error| {
                    let why = match &error {
                        rustls::Error::InvalidEncryptedClientHello(why) => tls_errors::ech(why),
                        _ => "it does not follow RFC 9849",
                    };
                    let sentence = format!("the ECHConfigList cannot be used: {why}");
                    Error::new(Status::Parse, sentence).with_source(error)
                })?)
            }
            None => {
                let suite = aws_lc_rs::hpke::DH_KEM_X25519_HKDF_SHA256_AES_128;
                let made = fork::with_cryptography(|| suite.generate_key_pair());
                let (public_key, _) = made.map_err(|error| {
                    Error::new(
                        Status::Internal,
                        format!(
                            "cannot create a key for GREASE ECH: {}",
                            tls_errors::describe(&error)
                        ),
                    )
                })?;
                EchMode::Grease(EchGreaseConfig::new(suite, public_key))
            }
        });
        Ok(())
    }

    /// The provider with the suites and groups that are allowed.
    pub(crate) fn provider(&self) -> Result<Arc<CryptoProvider>> {
        let mut allowed = CryptoProvider::clone(provider());
        let suites = &allowed.cipher_suites;
        allowed.cipher_suites = self.ciphers.allowed(suites, &self.versions());
        if let Some(groups) = &self.groups {
            allowed.kx_groups = groups.clone();
        }
        self.check_groups(&allowed.kx_groups)?;
        Ok(Arc::new(allowed))
    }

    fn check_groups(&self, groups: &[&'static dyn SupportedKxGroup]) -> Result<()> {
        let versions = self.versions();
        let fits = |group: &&dyn SupportedKxGroup| {
            let mut versions = versions.iter();
            versions.any(|version| group.usable_for_version(version.version))
        };
        if groups.iter().any(fits) {
            return Ok(());
        }
        let sentence = "no allowed group can be used in an allowed version: groups with MLKEM \
                        require TLS 1.3";
        Err(Error::argument(sentence))
    }

    pub(crate) fn use_identity(&mut self, identity: &Identity) -> Result<()> {
        self.identities.push(ConfiguredIdentity::new(identity)?);
        Ok(())
    }

    pub(crate) fn set_alpn(&mut self, protocols: &[&str]) -> Result<()> {
        self.alpn = alpn(protocols)?;
        Ok(())
    }

    pub(crate) fn set_versions(&mut self, min: Version, max: Version) -> Result<()> {
        if min > max {
            return Err(Error::argument(
                "the lowest version is TLS 1.3 and the highest TLS 1.2: swap them",
            ));
        }
        self.min_version = min;
        self.max_version = max;
        Ok(())
    }

    pub(crate) fn versions(&self) -> Vec<&'static SupportedProtocolVersion> {
        let wanted = self.min_version..=self.max_version;
        [
            (Version::Tls13, &version::TLS13),
            (Version::Tls12, &version::TLS12),
        ]
        .into_iter()
        .filter(|(version, _)| wanted.contains(version))
        .map(|(_, supported)| supported)
        .collect()
    }
}

/// ALPN protocols in the form of rustls (RFC 7301, section 3.1).
pub(super) fn alpn(protocols: &[&str]) -> Result<Vec<Vec<u8>>> {
    for protocol in protocols {
        if protocol.is_empty() || protocol.len() > 255 {
            return Err(Error::argument(format!(
                "the ALPN protocol {} has {} bytes: 1 to 255 are allowed",
                quoted(protocol),
                protocol.len()
            )));
        }
    }
    let length: usize = protocols.iter().map(|protocol| 1 + protocol.len()).sum();
    if length > MAX_ALPN_LENGTH {
        let count = protocols.len();
        let sentence = format!(
            "{count} ALPN protocols take {length} bytes: a ClientHello has room for {MAX_ALPN_LENGTH}"
        );
        return Err(Error::argument(sentence));
    }
    let bytes = protocols
        .iter()
        .map(|protocol| protocol.as_bytes().to_vec());
    Ok(bytes.collect())
}
