//! Everything that can be set on a context, with its default and its check.

use std::sync::Arc;

use rustls::sign::CertifiedKey;
use rustls::{SupportedProtocolVersion, version};

use crate::pki::{Certificate, Crl, Identity};
use crate::trust::{Crls, NameCheck, Policy, Roots};
use crate::{Error, Result, Status};

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

/// An identity in the form in which rustls shows it, with the leaf that says
/// for which names it is.
#[derive(Clone, Debug)]
pub(crate) struct Shown {
    pub(crate) leaf: Certificate,
    pub(crate) key: Arc<CertifiedKey>,
}

pub(crate) struct Settings {
    /// `None` stands for the system's roots.
    roots: Option<Roots>,
    crls: Arc<Crls>,
    pub(crate) identities: Vec<Shown>,
    pub(crate) alpn: Vec<Vec<u8>>,
    min_version: Version,
    max_version: Version,
    pub(crate) client_auth: ClientAuth,
    pub(crate) check: PeerCheck,
    pub(crate) allow_common_name: bool,
    pub(crate) allow_truncation: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            roots: None,
            crls: Arc::default(),
            identities: Vec::new(),
            alpn: Vec::new(),
            min_version: Version::Tls12,
            max_version: Version::Tls13,
            client_auth: ClientAuth::None,
            check: PeerCheck::Full,
            allow_common_name: false,
            allow_truncation: false,
        }
    }
}

impl Settings {
    pub(crate) fn add_roots(&mut self, more: &Roots) -> Result<()> {
        self.roots.get_or_insert_default().merge(more);
        Ok(())
    }

    pub(crate) fn add_crl(&mut self, crl: &Crl) -> Result<()> {
        let crls = Arc::get_mut(&mut self.crls);
        let crls = crls.ok_or_else(|| Error::new(Status::State, "the context is in use"))?;
        crls.add(crl)
    }

    pub(crate) fn use_identity(&mut self, identity: &Identity) -> Result<()> {
        let key = identity.certified_key()?;
        let leaf = identity.certificate().clone();
        self.identities.push(Shown { leaf, key });
        Ok(())
    }

    pub(crate) fn set_alpn(&mut self, protocols: &[&str]) -> Result<()> {
        for protocol in protocols {
            if protocol.is_empty() || protocol.len() > 255 {
                return Err(Error::new(
                    Status::Argument,
                    format!(
                        "the ALPN protocol '{protocol}' has {} bytes: 1 to 255 are allowed",
                        protocol.len()
                    ),
                ));
            }
        }
        self.alpn = protocols
            .iter()
            .map(|protocol| protocol.as_bytes().to_vec())
            .collect();
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
        let crls = self.crls.clone();
        Ok(Policy { roots, crls, name })
    }

    /// What a server demands of clients that show a certificate.
    pub(crate) fn client_policy(&self) -> Result<Policy> {
        let (crls, name) = (self.crls.clone(), NameCheck::Nothing);
        if self.check == PeerCheck::Nothing {
            let roots = None;
            return Ok(Policy { roots, crls, name });
        }
        let Some(roots) = &self.roots else {
            return Err(Error::new(
                Status::State,
                "client certificates are asked for, but no root is trusted to have issued them: \
                 add the CA of the clients to the roots",
            ));
        };
        let roots = Some(Arc::new(roots.clone()));
        Ok(Policy { roots, crls, name })
    }
}
