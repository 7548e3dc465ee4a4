//! The parameters that the two sides negotiated.

use rustls::{CommonState, HandshakeKind};

use crate::base::observations::Observations;
use crate::context::{Version, of_cipher, of_group, of_scheme};
use crate::{Error, Result, Status};

/// What the two sides of a connection agreed on in the handshake.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Agreed {
    /// The version of the protocol.
    pub version: Version,
    /// The cipher suite by its IANA name, such as `"TLS_AES_128_GCM_SHA256"`.
    pub cipher: &'static str,
    /// The key exchange group by its IANA name, such as `"X25519MLKEM768"`.
    /// `None` when a TLS 1.2 session was resumed: that exchanges no keys.
    pub group: Option<&'static str>,
    /// The protocol that ALPN chose.
    pub alpn: Option<String>,
    /// Whether an earlier session was resumed.
    pub resumed: bool,
    /// Whether the server asked for another ClientHello (HelloRetryRequest, RFC
    /// 8446, section 4.1.4), which costs a round trip: the client's first group is
    /// not one of the server's.  Of a resumed session it is not known.
    pub hello_retried: bool,
    /// The scheme that the peer signed the handshake with by its IANA name,
    /// such as `"ecdsa_secp256r1_sha256"`.  `None` when it did not sign: a
    /// client without a certificate, a resumed session.
    pub signature_scheme: Option<String>,
}

impl Agreed {
    pub(super) fn of(state: &CommonState, observations: &Observations) -> Result<Self> {
        let incomplete = || Error::new(Status::Internal, "the handshake left its outcome open");
        let version = state
            .protocol_version()
            .and_then(|version| Version::from_wire(u16::from(version)))
            .ok_or_else(incomplete)?;
        let suite = state.negotiated_cipher_suite().ok_or_else(incomplete)?;
        Ok(Self {
            version,
            cipher: of_cipher(suite.suite()),
            group: state
                .negotiated_key_exchange_group()
                .map(|group| of_group(group.name())),
            alpn: state
                .alpn_protocol()
                .map(|name| String::from_utf8_lossy(name).into_owned()),
            resumed: state.handshake_kind() == Some(HandshakeKind::Resumed),
            hello_retried: state.handshake_kind() == Some(HandshakeKind::FullWithHelloRetryRequest),
            signature_scheme: observations.scheme.map(of_scheme),
        })
    }
}
