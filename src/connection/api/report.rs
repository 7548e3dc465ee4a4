//! What the two sides agreed on.

use std::fmt::{self, Write};

use rustls::{CommonState, HandshakeKind};

use super::Connection;
use super::facts::Ech;
use crate::base::observations::Observations;
use crate::base::text::one_line;
use crate::connection::engine::EarlyData;
use crate::context::{Version, cipher_name, group_name, scheme_name};
use crate::{Error, Result, Status, pki};

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
    pub(crate) fn of(state: &CommonState, observations: &Observations) -> Result<Self> {
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

/// A line for each fact, the verified path depth by depth.
pub(crate) fn page(connection: &Connection) -> String {
    if let Err(error) = connection.check_callable() {
        return format!("{error}\n");
    }
    let mut page = String::new();
    match write_page(&mut page, connection) {
        Ok(()) => page,
        // Only writing can fail, and writing to a string does not.
        Err(fmt::Error) => page,
    }
}

fn write_page(out: &mut String, connection: &Connection) -> fmt::Result {
    let Some(agreed) = connection.agreed() else {
        let why = connection.failure.get().map(|error| error.to_string());
        let why = why.as_deref().unwrap_or("the handshake is not complete");
        return writeln!(out, "Not connected:       {why}");
    };
    write_chains(out, connection)?;
    let mut field = |name: &str, value: &str| writeln!(out, "{name:<21}{}", one_line(value));
    let version = match agreed.version {
        Version::Tls12 => "TLS 1.2",
        Version::Tls13 => "TLS 1.3",
    };
    field("Version:", version)?;
    field("Cipher suite:", agreed.cipher)?;
    field("Key exchange group:", agreed.group.unwrap_or("none"))?;
    let signed = agreed.signature_scheme.as_deref();
    field(
        "Peer signed with:",
        signed.unwrap_or("nothing in this handshake"),
    )?;
    field(
        "Server name:",
        connection.server_name().unwrap_or("not said"),
    )?;
    if agreed.hello_retried {
        field("Hello:", "sent twice (HelloRetryRequest)")?;
    }
    field("ALPN:", agreed.alpn.as_deref().unwrap_or("none"))?;
    field("Session:", if agreed.resumed { "resumed" } else { "new" })?;
    field(
        "Early data:",
        match connection.early_data() {
            EarlyData::None => "none",
            EarlyData::Sent => "sent",
            EarlyData::Accepted => "accepted",
            EarlyData::Rejected => "rejected",
        },
    )?;
    field(
        "Encrypted hello:",
        match connection.ech() {
            Ech::None => "none",
            Ech::Grease => "GREASE",
            Ech::Accepted => "accepted",
            Ech::Rejected => "rejected",
        },
    )?;
    let ocsp = connection
        .ocsp_response()
        .map(|der| format!("{} bytes, not verified", der.len()));
    field("OCSP response:", ocsp.as_deref().unwrap_or("none"))?;
    if let Some((received, sent)) = connection.handshake_bytes() {
        field(
            "Handshake:",
            &format!("{received} bytes received, {sent} sent"),
        )?;
    }
    let tickets: Vec<_> = connection
        .tickets()
        .iter()
        .map(|s| format!("for {s} seconds"))
        .collect();
    let tickets = match tickets.len() {
        0 => "none yet".to_owned(),
        count => format!("{count} ({})", tickets.join(", ")),
    };
    field("Tickets:", &tickets)
}

fn write_chains(out: &mut String, connection: &Connection) -> fmt::Result {
    for (index, one) in connection.peer_chain().iter().enumerate() {
        let number = format!("Certificate {index}:");
        writeln!(out, "{number:<21}{}", one.subject())?;
        writeln!(out, "{:<21}issued by {}", "", one.issuer())?;
        let (key, bits) = (one.key_type(), one.key_bits());
        writeln!(
            out,
            "{:<21}key {key} ({bits} bits), signed with {}",
            "",
            one.signature_type()
        )?;
        let (from, until) = (
            pki::format_utc(one.not_before()),
            pki::format_utc(one.not_after()),
        );
        writeln!(out, "{:<21}valid from {from} until {until}", "")?;
    }
    let verified = connection.verified_chain();
    for (depth, one) in verified.iter().enumerate().rev() {
        let depth = format!("Verified, depth {depth}:");
        writeln!(out, "{depth:<21}{}", one.subject())?;
    }
    let has_failed = connection
        .outcome
        .get()
        .is_some_and(|one| one.is_unverified);
    let reason = connection.verify_error().map(|reason| match has_failed {
        true => format!("FAILED: {reason}"),
        false => reason.to_string(),
    });
    let verdict = match (verified.is_empty(), connection.peer_chain().is_empty()) {
        (false, _) => "the chain leads to a trusted root",
        (true, true) => "the peer showed no certificate",
        (true, false) => reason
            .as_deref()
            .unwrap_or("nothing was verified in this handshake"),
    };
    writeln!(out, "{:<21}{verdict}", "Verification:")
}
