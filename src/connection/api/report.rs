//! The report about a connection, for people.

use std::fmt::{self, Write};

use super::Connection;
use crate::base::text::one_line;
use crate::connection::engine::EarlyData;
use crate::connection::negotiated::Ech;
use crate::context::Version;
use crate::pki;

/// Writes one line for each fact, and one for each certificate.
pub(super) fn report(connection: &Connection) -> String {
    if let Err(error) = connection.check_callable() {
        return format!("{error}\n");
    }
    let mut report = String::new();
    match write_report(&mut report, connection) {
        Ok(()) => report,
        // Writing to a string does not fail.
        Err(fmt::Error) => report,
    }
}

fn write_report(out: &mut String, connection: &Connection) -> fmt::Result {
    let Some(agreed) = connection.agreed() else {
        let why = connection.io.failure().map(|error| error.to_string());
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
    field("Server name:", connection.server_name().unwrap_or("none"))?;
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
        .handshake
        .negotiated
        .get()
        .is_some_and(|one| one.is_accepted_unverified);
    let reason = connection.verify_error().map(|reason| match has_failed {
        true => format!("FAILED: {reason}"),
        false => reason.to_string(),
    });
    let verdict = match (verified.is_empty(), connection.peer_chain().is_empty()) {
        (false, _) => "the chain leads to a trusted root",
        (true, true) => "the peer presented no certificate",
        (true, false) => reason
            .as_deref()
            .unwrap_or("nothing was verified in this handshake"),
    };
    writeln!(out, "{:<21}{verdict}", "Verification:")
}
