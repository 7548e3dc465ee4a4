//! rustls' certificate verifier interfaces, implemented on [`Policy`].

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, PeerMisbehaved, SignatureScheme,
};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

use super::handshake_signature;
use super::policy::{Peer, PeerName, Policy, VerificationStatus, verification_disabled};
use super::purpose::KeyPurpose;
use super::unverified_keys;
use crate::base::observations::{Authentication, Observations};
use crate::base::provider::provider;
use crate::pki::CertificateRef;

/// The maximum length of the CA names in a CertificateRequest, in bytes.  Lengths there
/// have two bytes, and its other extensions need some room.
const MAX_CA_NAMES_BYTES: usize = u16::MAX as usize - 1_024;

/// Verifies servers for clients, and clients for servers.
pub(crate) struct Verifier {
    policy: Policy,
    client_must_authenticate: bool,
    ca_names: Vec<DistinguishedName>,
}

impl Verifier {
    /// Creates the verifier of a client, which verifies servers.
    pub(crate) fn for_servers(policy: Policy) -> Self {
        Self {
            policy,
            client_must_authenticate: false,
            ca_names: Vec::new(),
        }
    }

    /// Creates the verifier of a server, which verifies clients.  It sends the names of the
    /// CAs if `sends_ca_names` is set and they fit.  An empty list means any CA (RFC 5246,
    /// section 7.4.4), and so does an omitted extension (RFC 8446, section 4.2.4).
    pub(crate) fn for_clients(
        policy: Policy,
        must_authenticate: bool,
        sends_ca_names: bool,
    ) -> Self {
        let named = policy.roots.iter().filter(|_| sends_ca_names);
        let ca_names = named.flat_map(|roots| {
            let subjects = roots.all_anchors().map(|anchor| &anchor.subject);
            subjects.map(|subject| DistinguishedName::in_sequence(subject))
        });
        let mut ca_names: Vec<_> = ca_names.collect();
        // Each name has a length prefix of two bytes.
        let length: usize = ca_names.iter().map(|name| 2 + name.as_ref().len()).sum();
        if length > MAX_CA_NAMES_BYTES {
            ca_names = Vec::new();
        }
        Self {
            client_must_authenticate: must_authenticate,
            ca_names,
            policy,
        }
    }

    /// Verifies a peer and records the result.
    fn check(&self, peer: &Peer<'_>, now: UnixTime) -> Result<(), rustls::Error> {
        match self.policy.check(peer, now) {
            Ok(VerificationStatus::Verified(path)) => Observations::path(path),
            Ok(VerificationStatus::VerificationDisabled) => {
                Observations::verification_disabled(verification_disabled())
            }
            Ok(VerificationStatus::Unverified(reason)) => Observations::unverified(reason),
            Err(rejection) => {
                Observations::rejection(rejection.reason);
                return Err(rejection.alert);
            }
        }
        Ok(())
    }

    /// Verifies the handshake signature with the key of the peer's certificate.
    fn verify_handshake(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
        is_tls13: bool,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.record_scheme(signed.scheme)?;
        let leaf =
            CertificateRef::from_der(certificate).map_err(|_| CertificateError::BadEncoding)?;
        match self.policy.accepts_any_key(certificate) && unverified_keys::handles_key(&leaf) {
            true => unverified_keys::verify(message, &leaf, signed, is_tls13),
            false => handshake_signature::verify(message, leaf.spki, signed, is_tls13),
        }
    }

    /// Checks that the peer signed with a scheme that was offered, and records the scheme.
    fn record_scheme(&self, scheme: SignatureScheme) -> Result<(), rustls::Error> {
        let allowed = self.policy.schemes.as_ref();
        if allowed.is_some_and(|schemes| !schemes.contains(&scheme)) {
            return Err(PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme.into());
        }
        Observations::scheme(scheme);
        Ok(())
    }
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
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let ocsp = Some(ocsp_response).filter(|response| !response.is_empty());
        if let Some(response) = ocsp {
            Observations::ocsp(response);
        }
        let verified = Observations::verified_name(server_name);
        let peer = Peer {
            leaf: end_entity,
            intermediates,
            name: Some(PeerName::Host(verified.as_ref().unwrap_or(server_name))),
            purpose: KeyPurpose::SERVER_AUTH,
            ocsp,
        };
        self.check(&peer, now)
            .map(|()| ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.verify_handshake(message, certificate, dss, false)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.verify_handshake(message, certificate, dss, true)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let known = || {
            provider()
                .signature_verification_algorithms
                .supported_schemes()
        };
        self.policy.schemes.clone().unwrap_or_else(|| {
            let mut schemes = known();
            if self.policy.may_accept_any_key() {
                schemes.extend(unverified_keys::RSASSA_PSS);
            }
            schemes
        })
    }
}

impl ClientCertVerifier for Verifier {
    fn client_auth_mandatory(&self) -> bool {
        self.client_must_authenticate
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &self.ca_names
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        let peer = Peer {
            leaf: end_entity,
            intermediates,
            name: None,
            purpose: KeyPurpose::CLIENT_AUTH,
            ocsp: None,
        };
        self.check(&peer, now)?;
        // The policy refuses certificates that do not parse, so the default is never used.
        let until = CertificateRef::from_der(end_entity).map_or(i64::MAX, |one| one.not_after);
        Observations::authenticated(Authentication {
            at: now.as_secs(),
            until: u64::try_from(until).unwrap_or_default(),
        });
        Ok(ClientCertVerified::assertion())
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
