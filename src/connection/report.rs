//! What the two sides agreed on.

use rustls::{CommonState, HandshakeKind, SignatureScheme};

use crate::context::Version;
use crate::trust::Notes;
use crate::{Error, Result, Status};

/// What the two sides of a connection agreed on in the handshake.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Agreed {
    /// The version of the protocol.
    pub version: Version,
    /// The cipher suite by its IANA name, such as `"TLS_AES_128_GCM_SHA256"`.
    pub cipher: String,
    /// The key exchange group by its IANA name, such as `"X25519MLKEM768"`.
    /// `None` when a TLS 1.2 session was resumed: that exchanges no keys.
    pub group: Option<String>,
    /// The protocol that ALPN chose.
    pub alpn: Option<String>,
    /// Whether an earlier session was resumed.
    pub resumed: bool,
    /// The scheme that the peer signed the handshake with by its IANA name,
    /// such as `"ecdsa_secp256r1_sha256"`.  `None` when it did not sign: a
    /// client without a certificate, a resumed session.
    pub signature_scheme: Option<String>,
}

impl Agreed {
    pub(super) fn of(state: &CommonState, notes: &Notes) -> Result<Self> {
        let incomplete = || Error::new(Status::Internal, "the handshake left its outcome open");
        let version = state
            .protocol_version()
            .and_then(|version| Version::from_wire(u16::from(version)))
            .ok_or_else(incomplete)?;
        let suite = state.negotiated_cipher_suite().ok_or_else(incomplete)?;
        Ok(Self {
            version,
            cipher: iana_cipher_name(suite.suite()),
            group: state
                .negotiated_key_exchange_group()
                .map(|group| format!("{:?}", group.name())),
            alpn: state
                .alpn_protocol()
                .map(|name| String::from_utf8_lossy(name).into_owned()),
            resumed: state.handshake_kind() == Some(HandshakeKind::Resumed),
            signature_scheme: notes.scheme.map(iana_scheme_name),
        })
    }
}

/// rustls calls the suites of TLS 1.3 `TLS13_…`, the registry calls them `TLS_…`.
fn iana_cipher_name(suite: rustls::CipherSuite) -> String {
    format!("{suite:?}").replacen("TLS13_", "TLS_", 1)
}

fn iana_scheme_name(scheme: SignatureScheme) -> String {
    let name = match scheme {
        SignatureScheme::RSA_PKCS1_SHA256 => "rsa_pkcs1_sha256",
        SignatureScheme::RSA_PKCS1_SHA384 => "rsa_pkcs1_sha384",
        SignatureScheme::RSA_PKCS1_SHA512 => "rsa_pkcs1_sha512",
        SignatureScheme::RSA_PSS_SHA256 => "rsa_pss_rsae_sha256",
        SignatureScheme::RSA_PSS_SHA384 => "rsa_pss_rsae_sha384",
        SignatureScheme::RSA_PSS_SHA512 => "rsa_pss_rsae_sha512",
        SignatureScheme::ECDSA_NISTP256_SHA256 => "ecdsa_secp256r1_sha256",
        SignatureScheme::ECDSA_NISTP384_SHA384 => "ecdsa_secp384r1_sha384",
        SignatureScheme::ECDSA_NISTP521_SHA512 => "ecdsa_secp521r1_sha512",
        SignatureScheme::ED25519 => "ed25519",
        SignatureScheme::ED448 => "ed448",
        other => return format!("{other:?}").to_ascii_lowercase(),
    };
    name.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustls::CipherSuite;

    #[test]
    fn names_are_those_of_the_iana_registry() {
        let names = [
            (
                CipherSuite::TLS13_AES_128_GCM_SHA256,
                "TLS_AES_128_GCM_SHA256",
            ),
            (
                CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
                "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
            ),
        ];
        for (suite, name) in names {
            assert_eq!(iana_cipher_name(suite), name);
        }
    }
}
