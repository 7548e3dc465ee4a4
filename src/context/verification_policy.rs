//! Trust settings and the verification policies that they result in.

use std::path::Path;
use std::sync::Arc;

use super::settings::{ClientAuth, PeerCheck, Settings};
use crate::pki::{self, Certificate, Crl};
use crate::trust::{Crls, NameCheck, Policy, RevocationRules, Roots};
use crate::{Error, Result, Status};

impl Settings {
    pub(crate) fn add_roots(&mut self, more: &Roots) -> Result<()> {
        self.roots.get_or_insert_default().merge(more);
        Ok(())
    }

    /// Ignores the system roots, even if no other root is added.
    pub(crate) fn ignore_system_roots(&mut self) {
        self.roots.get_or_insert_default();
    }

    /// Adds all of them or, on failure, none.
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
        crls.ok_or_else(|| Error::state("the context is in use"))
    }

    /// Trusts one certificate, by the SHA-256 of its DER in hex or by the file that
    /// contains it.
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
                            "it contains {count} certificates, and each would be trusted regardless \
                             of its names: pass a file with only the peer's own certificate"
                        );
                        return Err(Error::new(Status::Parse, sentence).about_file(path));
                    }
                }
            }
        };
        self.trusted_certificates.push(sha256);
        // Like a root, it replaces the system roots.
        self.roots.get_or_insert_default();
        Ok(())
    }

    pub(crate) fn set_min_security(&mut self, bits: u16) -> Result<()> {
        if !matches!(bits, 112 | 128 | 192 | 256) {
            let sentence =
                format!("{bits} is not a security strength: choose 112, 128, 192 or 256 bits");
            return Err(Error::argument(sentence));
        }
        self.security = bits;
        Ok(())
    }

    /// Accepts this certificate for its own names, as an end-entity certificate.
    pub(crate) fn trust_end_entity(&mut self, certificate: &Certificate) -> Result<()> {
        self.end_entities.push(parse_sha256(certificate.sha256())?);
        self.roots.get_or_insert_default();
        Ok(())
    }

    pub(crate) fn add_pin(&mut self, sha256: &str) -> Result<()> {
        self.pins.push(parse_sha256(sha256)?);
        Ok(())
    }

    /// Disables a check.  A weaker request later does not restore it.
    pub(crate) fn disable_check(&mut self, check: PeerCheck) {
        self.check = self.check.max(check);
    }

    /// Whether certificates are trusted by fingerprint.
    pub(crate) fn has_trusted_certificates(&self) -> bool {
        !self.trusted_certificates.is_empty()
    }

    /// The policy of a client for servers.
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

    /// The effective client-authentication mode.
    pub(crate) fn client_auth(&self) -> ClientAuth {
        match self.client_auth {
            ClientAuth::None if self.allows_unverified_clients => ClientAuth::Optional,
            mode => mode,
        }
    }

    /// The policy of a server for client certificates.
    pub(crate) fn client_policy(&self) -> Result<Policy> {
        let roots = match (self.check, &self.roots) {
            (PeerCheck::Nothing, _) => None,
            (_, Some(roots)) => Some(Arc::new(roots.clone())),
            (_, None) if self.allows_unverified_clients => Some(Arc::default()),
            (_, None) => {
                return Err(Error::state(
                    "client certificates are requested, but no root is trusted for them: add \
                     the CA of the clients to the roots",
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
            trusted_certificates: self.trusted_certificates.clone(),
            end_entities: self.end_entities.clone(),
            pins: self.pins.clone(),
            max_depth: self.max_depth,
            security: self.security,
            strict: self.strict,
            schemes: self.verify_schemes.clone(),
            allows_unverified: false,
            verify_callback: self.verify_callback.clone(),
        }
    }
}

/// Whether a text looks like a SHA-256 in hex, not like a path.
fn is_sha256(text: &str) -> bool {
    !text.contains(|c: char| !c.is_ascii_hexdigit() && !matches!(c, ':' | ' '))
}

/// Parses a SHA-256 in hex, with or without colons.
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

/// Does not repeat the text: it may be a secret that was passed by mistake.
fn not_sha256(text: &str) -> Error {
    let length = text.chars().count();
    let sentence = format!("a text of {length} characters is not a SHA-256: pass 64 hex digits");
    Error::argument(sentence)
}
