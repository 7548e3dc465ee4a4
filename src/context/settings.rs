//! Everything that can be set on a context, with its default and its check.

use std::path::Path;
use std::sync::Arc;

use rustls::client::{EchConfig, EchGreaseConfig, EchMode};
use rustls::crypto::hpke::Hpke;
use rustls::crypto::{CryptoProvider, SupportedKxGroup, aws_lc_rs};
use rustls::{SignatureScheme, SupportedProtocolVersion, version};
use rustls_pki_types::EchConfigListBytes;

use super::ciphers::Ciphers;
use super::clock::Clock;
use super::ech;
use super::hello::HelloCallback;
use super::identity::ConfiguredIdentity;
use super::keylog::Sink;
use super::names;
use super::resumption::SessionCallback;
use super::sessions::{Sessions, TicketKey};
use super::signing;
use super::store::SessionStore;
use crate::base::limits::{RECORD_PLAINTEXT, SHORTEST_FRAGMENT};
use crate::base::provider::provider;
use crate::base::text::quoted;
use crate::base::{explain, fork};
use crate::pki::{self, Certificate, Crl, Identity};
use crate::trust::{Crls, Judge, LEAST_SECURITY, NameCheck, Policy, RevocationRules, Roots};
use crate::{Error, Result, Status};

/// What stands before the content of a record (RFC 8446, section 5.1).
pub(super) const RECORD_HEADER: usize = 5;

/// The longest OCSP response: it is in one of those extensions, whose length has two bytes,
/// behind its type and two lengths (RFC 6066, section 8).
const MOST_OCSP: usize = u16::MAX as usize - 2 - 2 - 1 - 3;

/// The longest list of ALPN protocols: half of what all extensions of a ClientHello have
/// together (RFC 8446, section 4.1.2).
const MOST_ALPN: usize = 32_768;

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

    /// The version with this number on the wire, if this library speaks it.
    pub fn from_wire(number: u16) -> Option<Self> {
        [Self::Tls12, Self::Tls13]
            .into_iter()
            .find(|version| version.wire() == number)
    }
}

/// What a server asks of its clients.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClientAuth {
    /// No certificate.
    #[default]
    None,
    /// A certificate; a client without one is accepted, one with a bad one is not.
    Optional,
    /// A certificate; a client without one is refused.
    Required,
}

/// How much of a server's certificate a client checks.
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
    /// `None` stands for the system's roots.
    roots: Option<Roots>,
    crls: Arc<Crls>,
    pub(crate) identities: Vec<ConfiguredIdentity>,
    pub(crate) alpn: Vec<Vec<u8>>,
    pub(crate) alpn_is_optional: bool,
    pub(crate) clock: Option<Clock>,
    min_version: Version,
    max_version: Version,
    ciphers: Ciphers,
    pub(crate) prefer_own_ciphers: bool,
    groups: Option<Vec<&'static dyn SupportedKxGroup>>,
    pub(super) client_auth: ClientAuth,
    pub(super) allows_unverified_clients: bool,
    pub(crate) omit_authorities: bool,
    pub(crate) check: PeerCheck,
    pub(crate) allow_common_name: bool,
    pub(crate) allow_truncation: bool,
    pinned: Vec<[u8; 32]>,
    end_entities: Vec<[u8; 32]>,
    pins: Vec<[u8; 32]>,
    pub(crate) max_depth: Option<u32>,
    security: u16,
    pub(crate) strict: bool,
    verify_schemes: Option<Vec<SignatureScheme>>,
    pub(crate) judge: Option<Judge>,
    pub(crate) hello: Option<HelloCallback>,
    pub(crate) session: Option<SessionCallback>,
    pub(crate) require_known_name: bool,
    pub(crate) keylog: Sink,
    /// `None`: as many as make sense.
    pub(crate) sessions: Option<usize>,
    pub(crate) shared_sessions: Option<Sessions>,
    pub(crate) session_store: Option<Arc<dyn SessionStore>>,
    pub(crate) tickets: usize,
    pub(crate) ticket_keys: Vec<TicketKey>,
    pub(crate) early_data: u32,
    pub(crate) ech: Option<EchMode>,
    /// Those of the servers that ECH is for.
    pub(super) public_names: Vec<String>,
    /// As rustls counts it: with the header of the record.
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
            ciphers: Ciphers::default(),
            prefer_own_ciphers: false,
            groups: None,
            client_auth: ClientAuth::None,
            allows_unverified_clients: false,
            omit_authorities: false,
            check: PeerCheck::Full,
            allow_common_name: false,
            allow_truncation: false,
            pinned: Vec::new(),
            end_entities: Vec::new(),
            pins: Vec::new(),
            max_depth: None,
            security: LEAST_SECURITY,
            strict: false,
            verify_schemes: None,
            judge: None,
            hello: None,
            session: None,
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
    pub(crate) fn add_roots(&mut self, more: &Roots) -> Result<()> {
        self.roots.get_or_insert_default().merge(more);
        Ok(())
    }

    /// Does without the system's roots, also where no other is added.
    pub(crate) fn leave_system_roots(&mut self) {
        self.roots.get_or_insert_default();
    }

    /// Adds all of them or none.
    pub(crate) fn add_crls(&mut self, crls: &[Crl]) -> Result<()> {
        if crls.len() > 1 {
            let mut trial = Crls::default();
            crls.iter().try_for_each(|crl| trial.add(crl))?;
        }
        let all = self.crls()?;
        crls.iter().try_for_each(|crl| all.add(crl))
    }

    pub(crate) fn set_revocation(&mut self, rules: RevocationRules) -> Result<()> {
        self.crls()?.set_rules(rules);
        Ok(())
    }

    fn crls(&mut self) -> Result<&mut Crls> {
        let crls = Arc::get_mut(&mut self.crls);
        crls.ok_or_else(|| Error::new(Status::State, "the context is in use"))
    }

    /// Trusts one certificate whatever it says: by the SHA-256 of its DER in hex, or by
    /// the file that holds it.
    pub(crate) fn trust_certificate(&mut self, certificate: &str) -> Result<()> {
        let sha256 = match is_sha256(certificate) {
            true => parse_sha256(certificate)?,
            false if !certificate.contains(['/', '.']) || certificate.starts_with("sha256/") => {
                return Err(not_sha256(certificate));
            }
            false => {
                let path = Path::new(certificate);
                let content = pki::read_file("cannot read the certificate to trust", path)?;
                let all = Certificate::all_from_bytes(&content)
                    .map_err(|error| error.about_file(path))?;
                match &all[..] {
                    [only] => parse_sha256(only.sha256())?,
                    _ => {
                        let count = all.len();
                        let sentence = format!(
                            "it holds {count} certificates, and each of them would be trusted \
                             whatever it says: give a file with the peer's own certificate alone"
                        );
                        return Err(Error::new(Status::Parse, sentence).about_file(path));
                    }
                }
            }
        };
        self.pinned.push(sha256);
        // Instead of the system's roots, as a root would be.
        self.roots.get_or_insert_default();
        Ok(())
    }

    pub(crate) fn set_min_security(&mut self, bits: u16) -> Result<()> {
        if !matches!(bits, 112 | 128 | 192 | 256) {
            let sentence = format!("{bits} is not a security strength: 112, 128, 192, 256 are");
            return Err(Error::new(Status::Argument, sentence));
        }
        self.security = bits;
        Ok(())
    }

    /// Accepts this certificate for its own names.
    pub(crate) fn trust_end_entity(&mut self, certificate: &Certificate) -> Result<()> {
        self.end_entities.push(parse_sha256(certificate.sha256())?);
        self.roots.get_or_insert_default();
        Ok(())
    }

    pub(crate) fn add_pin(&mut self, sha256: &str) -> Result<()> {
        self.pins.push(parse_sha256(sha256)?);
        Ok(())
    }

    pub(crate) fn set_ocsp(&mut self, response: &[u8]) -> Result<()> {
        if response.is_empty() || response.starts_with(b"-----BEGIN") {
            let sentence = "an OCSP response is stapled as it is, in DER: these bytes are not that";
            return Err(Error::new(Status::Parse, sentence));
        }
        if response.len() > MOST_OCSP {
            let length = response.len();
            let sentence = format!(
                "an OCSP response of {length} bytes cannot be sent: {MOST_OCSP} is the most"
            );
            return Err(Error::new(Status::Argument, sentence));
        }
        let identity = self.latest_identity("an OCSP response is about")?;
        Arc::make_mut(&mut identity.key).ocsp = Some(response.to_vec());
        Ok(())
    }

    pub(crate) fn set_signing_schemes(&mut self, names: &[&str]) -> Result<()> {
        let schemes = names::schemes(names)?;
        let identity = self.latest_identity("signature schemes are chosen for")?;
        Arc::make_mut(&mut identity.key).key = signing::limit(&identity.whole_key, schemes)?;
        Ok(())
    }

    pub(crate) fn match_issuer(&mut self) -> Result<()> {
        let identity = self.latest_identity("issuers are matched with")?;
        let chain = identity.key.cert.iter();
        let issuers = chain.map(|der| Certificate::from_der(der.to_vec())?.issuer_der());
        identity.issuers = Some(issuers.collect::<Result<_>>()?);
        Ok(())
    }

    /// The identity that a setting is about.
    fn latest_identity(&mut self, what: &str) -> Result<&mut ConfiguredIdentity> {
        self.identities.last_mut().ok_or_else(|| {
            let sentence = format!("{what} the identity used last, and none is used yet");
            Error::new(Status::State, sentence)
        })
    }

    pub(crate) fn set_verify_schemes(&mut self, names: &[&str]) -> Result<()> {
        self.verify_schemes = Some(names::schemes(names)?);
        Ok(())
    }

    pub(crate) fn set_ciphers(&mut self, names: &[&str]) -> Result<()> {
        self.ciphers.limit(names)
    }

    pub(crate) fn set_groups(&mut self, names: &[&str]) -> Result<()> {
        self.groups = Some(names::groups(names)?);
        Ok(())
    }

    pub(crate) fn set_max_fragment(&mut self, bytes: usize) -> Result<()> {
        if !(SHORTEST_FRAGMENT..=RECORD_PLAINTEXT).contains(&bytes) {
            let sentence = format!(
                "records cannot be limited to {bytes} bytes: \
                 {SHORTEST_FRAGMENT} to {RECORD_PLAINTEXT} are possible"
            );
            return Err(Error::new(Status::Argument, sentence));
        }
        self.max_fragment = Some(bytes + RECORD_HEADER);
        Ok(())
    }

    /// Encrypts the ClientHello for one of these servers, or pretends to.
    pub(crate) fn set_ech(&mut self, list: Option<&[u8]>) -> Result<()> {
        let suites = aws_lc_rs::hpke::ALL_SUPPORTED_SUITES;
        self.public_names = list.map(ech::public_names).unwrap_or_default();
        self.ech = Some(match list {
            Some(list) => {
                let list = EchConfigListBytes::from(list.to_vec());
                EchMode::Enable(EchConfig::new(list, suites).map_err(|error| {
                    let why = match &error {
                        rustls::Error::InvalidEncryptedClientHello(why) => explain::ech(why),
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
                        format!("cannot make a key for GREASE: {}", explain::tls(&error)),
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
        let sentence = "none of the groups that are allowed is for a version that is allowed: \
                        those with MLKEM are for TLS 1.3";
        Err(Error::new(Status::Argument, sentence))
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
            return Err(Error::new(
                Status::Argument,
                "the lowest version is TLS 1.3 and the highest TLS 1.2: exchange them",
            ));
        }
        self.min_version = min;
        self.max_version = max;
        Ok(())
    }

    /// Takes a check away.  None comes back by taking a lesser one away later.
    pub(crate) fn weaken(&mut self, check: PeerCheck) {
        self.check = self.check.max(check);
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

    /// Whether certificates are trusted by their fingerprints.
    pub(crate) fn has_pinned(&self) -> bool {
        !self.pinned.is_empty()
    }

    /// What a client demands of servers.
    pub(crate) fn server_policy(&self) -> Result<Policy> {
        let name = match (self.check, self.allow_common_name) {
            (PeerCheck::Full, false) => NameCheck::AlternativeNames,
            (PeerCheck::Full, true) => NameCheck::OrCommonName,
            _ => NameCheck::Nothing,
        };
        let roots = match (self.check, &self.roots) {
            (PeerCheck::Nothing, _) => None,
            (_, Some(roots)) => Some(Arc::new(roots.clone())),
            (_, None) => Some(Roots::system()?),
        };
        Ok(self.policy(roots, name))
    }

    /// What a server asks of its clients.
    pub(crate) fn client_auth(&self) -> ClientAuth {
        match self.client_auth {
            ClientAuth::None if self.allows_unverified_clients => ClientAuth::Optional,
            mode => mode,
        }
    }

    /// What a server demands of clients that show a certificate.
    pub(crate) fn client_policy(&self) -> Result<Policy> {
        let roots = match (self.check, &self.roots) {
            (PeerCheck::Nothing, _) => None,
            (_, Some(roots)) => Some(Arc::new(roots.clone())),
            (_, None) if self.allows_unverified_clients => Some(Arc::default()),
            (_, None) => {
                return Err(Error::new(
                    Status::State,
                    "client certificates are asked for, but no root is trusted to have issued \
                     them: add the CA of the clients to the roots",
                ));
            }
        };
        Ok(Policy {
            allows_unverified: self.allows_unverified_clients,
            ..self.policy(roots, NameCheck::Nothing)
        })
    }

    fn policy(&self, roots: Option<Arc<Roots>>, name: NameCheck) -> Policy {
        Policy {
            roots,
            crls: self.crls.clone(),
            name,
            pinned: self.pinned.clone(),
            end_entities: self.end_entities.clone(),
            pins: self.pins.clone(),
            max_depth: self.max_depth,
            security: self.security,
            strict: self.strict,
            schemes: self.verify_schemes.clone(),
            allows_unverified: false,
            judge: self.judge.clone(),
        }
    }
}

/// ALPN protocols in the form of rustls (RFC 7301, section 3.1).
pub(super) fn alpn(protocols: &[&str]) -> Result<Vec<Vec<u8>>> {
    for protocol in protocols {
        if protocol.is_empty() || protocol.len() > 255 {
            return Err(Error::new(
                Status::Argument,
                format!(
                    "the ALPN protocol {} has {} bytes: 1 to 255 are allowed",
                    quoted(protocol),
                    protocol.len()
                ),
            ));
        }
    }
    let length: usize = protocols.iter().map(|protocol| 1 + protocol.len()).sum();
    if length > MOST_ALPN {
        let count = protocols.len();
        let sentence = format!(
            "{count} ALPN protocols take {length} bytes: a ClientHello has room for {MOST_ALPN}"
        );
        return Err(Error::new(Status::Argument, sentence));
    }
    let bytes = protocols
        .iter()
        .map(|protocol| protocol.as_bytes().to_vec());
    Ok(bytes.collect())
}

/// Whether a text is meant to be a SHA-256 in hex.
fn is_sha256(text: &str) -> bool {
    !text.contains(|c: char| !c.is_ascii_hexdigit() && !matches!(c, ':' | ' '))
}

/// The SHA-256 of something, as people copy it: in hex, perhaps with colons.
fn parse_sha256(text: &str) -> Result<[u8; 32]> {
    let digits: Vec<u8> = text
        .chars()
        .filter(|character| !matches!(character, ':' | ' '))
        .map_while(|character| u8::try_from(character.to_digit(16)?).ok())
        .collect();
    let is_whole = digits.len() == 64
        && !text.contains(|c: char| !c.is_ascii_hexdigit() && !matches!(c, ':' | ' '));
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = pair[0] << 4 | pair[1];
    }
    is_whole.then_some(bytes).ok_or_else(|| not_sha256(text))
}

/// Without the text: it may be something else that was not meant to be seen.
fn not_sha256(text: &str) -> Error {
    let length = text.chars().count();
    let sentence = format!(
        "what is given as a SHA-256, {length} characters, is none: it has 64 digits of hex"
    );
    Error::new(Status::Argument, sentence)
}
