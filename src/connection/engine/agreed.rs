//! The parameters that the two sides negotiated.

use rustls::{CommonState, HandshakeKind};

use crate::base::observations::Observations;
use crate::context::{Version, cipher_name, group_name, scheme_name};
use crate::{Error, Result, Status};

/// The parameters that the two sides of a connection negotiated.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Agreed {
    /// The protocol version.
    pub version: Version,
    /// The cipher suite by its IANA name, such as `"TLS_AES_128_GCM_SHA256"`.
    pub cipher: &'static str,
    /// The key exchange group by its IANA name, such as `"X25519MLKEM768"`.  `None` in a resumed
    /// TLS 1.2 session, which exchanges no keys.
    pub group: Option<&'static str>,
    /// The application protocol (ALPN).
    pub alpn: Option<String>,
    /// Whether a session was resumed.
    pub resumed: bool,
    /// Whether the server sent a HelloRetryRequest (RFC 8446, section 4.1.4), which costs a round
    /// trip: the client sent no key share of the group that the server selected.  `false` in a
    /// resumed session, where it is unknown.
    pub hello_retried: bool,
    /// The scheme of the peer's signature in the handshake by its IANA name, such as
    /// `"ecdsa_secp256r1_sha256"`.  `None` if the peer did not sign: a client without a
    /// certificate, or a resumed session.
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
            cipher: cipher_name(suite.suite()),
            group: state
                .negotiated_key_exchange_group()
                .map(|group| group_name(group.name())),
            alpn: state
                .alpn_protocol()
                .map(|name| String::from_utf8_lossy(name).into_owned()),
            resumed: state.handshake_kind() == Some(HandshakeKind::Resumed),
            hello_retried: state.handshake_kind() == Some(HandshakeKind::FullWithHelloRetryRequest),
            signature_scheme: observations.scheme.map(scheme_name),
        })
    }
}
