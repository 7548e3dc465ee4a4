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
use super::roots::Roots;
use crate::pki::Certificate;
use crate::provider::provider;

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

/// What a chain must satisfy.
pub(crate) struct Policy {
    /// Where trust starts; `None` accepts every chain.  Insecure.
    pub(crate) roots: Option<Arc<Roots>>,
    pub(crate) name: NameCheck,
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
        usage: KeyUsage,
        now: UnixTime,
    ) -> Result<(), rustls::Error> {
        let Some(roots) = &self.policy.roots else {
            return Ok(());
        };
        let path = self.build_path(roots, leaf, intermediates, usage, now);
        let named = match (path, name) {
            (Ok(path), Some(name)) => self.check_name(leaf, name).map(|()| path),
            (path, _) => path,
        };
        match named {
            Ok(path) => {
                Notes::path(path);
                Ok(())
            }
            Err(error) => {
                let chain = std::iter::once(leaf).chain(intermediates);
                let chain: Vec<_> = chain
                    .map_while(|der| Certificate::from_der(der.to_vec()).ok())
                    .collect();
                let refusal = explain::refusal(&error, &chain, name, roots.anchors().len());
                Notes::refusal(refusal);
                Err(explain::for_alert(error).into())
            }
        }
    }

    fn build_path(
        &self,
        roots: &Roots,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        usage: KeyUsage,
        now: UnixTime,
    ) -> Result<Vec<CertificateDer<'static>>, webpki::Error> {
        let algorithms = provider().signature_verification_algorithms.all;
        let parsed = EndEntityCert::try_from(leaf)?;
        let path = parsed.verify_for_usage(
            algorithms,
            roots.anchors(),
            intermediates,
            now,
            usage,
            None,
            None,
        )?;
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
        match self.policy.name {
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
        let usage = KeyUsage::server_auth();
        self.check(end_entity, intermediates, Some(server_name), usage, now)
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
        self.check(
            end_entity,
            intermediates,
            None,
            KeyUsage::client_auth(),
            now,
        )
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
