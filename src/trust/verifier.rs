//! The check of a peer's certificate chain.  Path building is webpki's; which
//! roots, which name and which usage is the [`Policy`]'s.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{verify_tls12_signature, verify_tls13_signature};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{DigitallySignedStruct, DistinguishedName, SignatureScheme};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use webpki::{EndEntityCert, KeyUsage};

use super::explain;
use super::notes::Notes;
use super::revocation::Crls;
use super::roots::Roots;
use crate::pki::Certificate;
use crate::provider::provider;
use crate::{Error, Result, Status};

/// How the name that was asked for is compared with the certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NameCheck {
    /// With its alternative names, as RFC 9525 says.
    AlternativeNames,
    /// With its one common name where it has no alternative names at all.
    OrCommonName,
    /// Not at all.  Insecure.
    Nothing,
}

/// Whose certificate it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// A server's: its certificate is for serverAuth (RFC 5280, section 4.2.1.12).
    Server,
    /// A client's: its certificate is for clientAuth.
    Client,
}

impl Role {
    fn key_usage(self) -> KeyUsage {
        match self {
            Self::Server => KeyUsage::server_auth(),
            Self::Client => KeyUsage::client_auth(),
        }
    }
}

/// What a chain must satisfy.
pub(crate) struct Policy {
    /// Where trust starts; `None` accepts every chain.  Insecure.
    pub(crate) roots: Option<Arc<Roots>>,
    pub(crate) crls: Arc<Crls>,
    pub(crate) name: NameCheck,
}

/// Why a chain is not accepted: as webpki says it, and as a user hears it.
struct Refusal {
    error: webpki::Error,
    reason: Error,
}

impl Policy {
    /// Checks a chain, leaf first, for a name, and gives the path that is
    /// accepted, up to the root where it is known: nothing where nothing is
    /// verified.
    pub(crate) fn verify(
        &self,
        chain: &[Certificate],
        name: Option<&ServerName<'_>>,
        role: Role,
        now: UnixTime,
    ) -> Result<Vec<Certificate>> {
        let ders = chain.iter().map(|one| CertificateDer::from(one.der()));
        let ders: Vec<_> = ders.collect();
        let Some((leaf, intermediates)) = ders.split_first() else {
            return Err(Error::new(Status::Argument, "the chain is empty"));
        };
        let path = self
            .check(leaf, intermediates, name, role, now)
            .map_err(|refusal| refusal.reason)?;
        path.into_iter()
            .map(|der| Certificate::from_der(der.to_vec()))
            .collect()
    }

    fn check(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: Option<&ServerName<'_>>,
        role: Role,
        now: UnixTime,
    ) -> Result<Vec<CertificateDer<'static>>, Refusal> {
        let Some(roots) = &self.roots else {
            return Ok(Vec::new());
        };
        let path = self.build_path(roots, leaf, intermediates, role, now);
        let named = match (path, name) {
            (Ok(path), Some(name)) => self.check_name(leaf, name).map(|()| path),
            (path, _) => path,
        };
        named.map_err(|error| {
            let chain = std::iter::once(leaf).chain(intermediates);
            let chain: Vec<_> = chain
                .map_while(|der| Certificate::from_der(der.to_vec()).ok())
                .collect();
            let question = explain::Question {
                chain: &chain,
                name,
                role,
                roots: roots.anchors().len(),
                crls: &self.crls,
            };
            let reason = explain::refusal(&error, &question);
            Refusal { error, reason }
        })
    }

    fn build_path(
        &self,
        roots: &Roots,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        role: Role,
        now: UnixTime,
    ) -> Result<Vec<CertificateDer<'static>>, webpki::Error> {
        let algorithms = provider().signature_verification_algorithms.all;
        let parsed = EndEntityCert::try_from(leaf)?;
        let path = self.crls.with_options(|revocation| {
            let (anchors, usage) = (roots.anchors(), role.key_usage());
            parsed.verify_for_usage(
                algorithms,
                anchors,
                intermediates,
                now,
                usage,
                revocation,
                None,
            )
        })?;
        let mut certificates = vec![leaf.clone().into_owned()];
        certificates.extend(
            path.intermediate_certificates()
                .map(|certificate| certificate.der().into_owned()),
        );
        certificates.extend(roots.certificate_of(path.anchor()).cloned());
        Ok(certificates)
    }

    fn check_name(
        &self,
        leaf: &CertificateDer<'_>,
        name: &ServerName<'_>,
    ) -> Result<(), webpki::Error> {
        let outcome = EndEntityCert::try_from(leaf)?.verify_is_valid_for_subject_name(name);
        match self.name {
            NameCheck::Nothing => Ok(()),
            NameCheck::AlternativeNames => outcome,
            NameCheck::OrCommonName => outcome.or_else(|error| {
                if has_sole_common_name(leaf, &name.to_str()) {
                    return Ok(());
                }
                Err(error)
            }),
        }
    }
}

/// Verifies servers for clients, and clients for servers.
pub(crate) struct Verifier {
    policy: Policy,
    client_must_authenticate: bool,
    hints: Vec<DistinguishedName>,
}

impl Verifier {
    /// For a client: verifies servers.
    pub(crate) fn of_servers(policy: Policy) -> Self {
        Self {
            policy,
            client_must_authenticate: false,
            hints: Vec::new(),
        }
    }

    /// For a server: verifies clients, and names the roots to them.
    pub(crate) fn of_clients(policy: Policy, must_authenticate: bool) -> Self {
        let hints = policy.roots.iter().flat_map(|roots| {
            let subjects = roots.anchors().iter().map(|anchor| &anchor.subject);
            subjects.map(|subject| DistinguishedName::in_sequence(subject))
        });
        Self {
            client_must_authenticate: must_authenticate,
            hints: hints.collect(),
            policy,
        }
    }

    /// Checks a chain for a name and leaves the verdict.
    fn check(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: Option<&ServerName<'_>>,
        role: Role,
        now: UnixTime,
    ) -> Result<(), rustls::Error> {
        match self.policy.check(leaf, intermediates, name, role, now) {
            Ok(path) => {
                Notes::path(path);
                Ok(())
            }
            Err(refusal) => {
                Notes::refusal(refusal.reason);
                Err(explain::for_alert(refusal.error).into())
            }
        }
    }

    fn note_scheme(
        &self,
        outcome: Result<HandshakeSignatureValid, rustls::Error>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Notes::scheme(dss.scheme);
        outcome
    }
}

/// Whether a certificate has no alternative names, not even an empty list of
/// them, and `name` is its only common name.
fn has_sole_common_name(leaf: &CertificateDer<'_>, name: &str) -> bool {
    let Ok(certificate) = Certificate::from_der(leaf.to_vec()) else {
        return false;
    };
    let common_names = certificate.common_names();
    !certificate.has_alternative_names()
        && common_names.len() == 1
        && common_names[0].eq_ignore_ascii_case(name)
}

impl std::fmt::Debug for Verifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Verifier").finish_non_exhaustive()
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let name = Some(server_name);
        self.check(end_entity, intermediates, name, Role::Server, now)
            .map(|()| ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &provider().signature_verification_algorithms;
        self.note_scheme(
            verify_tls12_signature(message, certificate, dss, algorithms),
            dss,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &provider().signature_verification_algorithms;
        self.note_scheme(
            verify_tls13_signature(message, certificate, dss, algorithms),
            dss,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        provider()
            .signature_verification_algorithms
            .supported_schemes()
    }
}

impl ClientCertVerifier for Verifier {
    fn client_auth_mandatory(&self) -> bool {
        self.client_must_authenticate
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &self.hints
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        self.check(end_entity, intermediates, None, Role::Client, now)
            .map(|()| ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        ServerCertVerifier::verify_tls12_signature(self, message, certificate, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        ServerCertVerifier::verify_tls13_signature(self, message, certificate, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        ServerCertVerifier::supported_verify_schemes(self)
    }
}
