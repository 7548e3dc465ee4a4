//! The errors of a connection, from rustls' errors and the peer's alerts.

use rustls::internal::msgs::codec::Codec;
use rustls::{CertificateError, InconsistentKeys, InvalidMessage, PeerIncompatible};

use crate::base::limits::AFTER_CLOSE_NOTIFY;
use crate::base::{text, tls_errors};
use crate::{Error, Status};

/// The alerts that end a connection, by number (RFC 8446, section 6, and the IANA registry), with
/// what they mean to the side that receives them.
const ALERTS: &[(u8, &str, &str)] = &[
    (
        10,
        "unexpected_message",
        "it received a message out of order",
    ),
    (20, "bad_record_mac", "a record did not decrypt"),
    (22, "record_overflow", "a record was too long"),
    (
        40,
        "handshake_failure",
        "it found no version, cipher suite, group or signature scheme that both sides allow",
    ),
    (42, "bad_certificate", "it does not accept our certificate"),
    (
        43,
        "unsupported_certificate",
        "it does not support the kind of our certificate",
    ),
    (44, "certificate_revoked", "our certificate is revoked"),
    (
        45,
        "certificate_expired",
        "our certificate is expired or not valid yet",
    ),
    (
        46,
        "certificate_unknown",
        "it does not accept our certificate",
    ),
    (
        47,
        "illegal_parameter",
        "a value in a message was not allowed",
    ),
    (
        48,
        "unknown_ca",
        "it does not trust the CA that issued our certificate",
    ),
    (49, "access_denied", "it denies us access"),
    (50, "decode_error", "a message did not parse"),
    (51, "decrypt_error", "a signature or a key did not verify"),
    (
        70,
        "protocol_version",
        "it supports none of the versions that we allow",
    ),
    (
        71,
        "insufficient_security",
        "it requires stronger cryptography than we allow",
    ),
    (80, "internal_error", "it has an internal error"),
    (86, "inappropriate_fallback", "it supports a higher version"),
    (90, "user_canceled", "its user stopped the handshake"),
    (
        109,
        "missing_extension",
        "an extension is missing in a message",
    ),
    (
        110,
        "unsupported_extension",
        "it did not request an extension that we sent",
    ),
    (
        112,
        "unrecognized_name",
        "it has no server with the name that we requested",
    ),
    (
        113,
        "bad_certificate_status_response",
        "our OCSP response is not valid",
    ),
    (
        115,
        "unknown_psk_identity",
        "it does not know our pre-shared key",
    ),
    (
        116,
        "certificate_required",
        "it requires a client certificate, and we presented none: use an identity",
    ),
    (
        120,
        "no_application_protocol",
        "it supports none of the ALPN protocols that we offer",
    ),
];

/// Returns the name of an alert, such as `"unknown_ca"` for 48 (RFC 8446, section 6).
pub fn alert_name(number: u8) -> Option<&'static str> {
    ALERTS
        .iter()
        .find(|(known, _, _)| *known == number)
        .map(|(_, name, _)| *name)
}

/// The transport ended in the middle of a handshake.
pub(crate) fn closed_in_handshake() -> Error {
    Error::new(
        Status::Truncated,
        "the peer closed the connection before the handshake was complete: \
         it may not speak TLS on this port, or it refuses clients like this one",
    )
}

/// The transport ended without close_notify.
pub(crate) fn truncated() -> Error {
    Error::new(
        Status::Truncated,
        "the peer closed the connection without close_notify: data may be missing at the end",
    )
}

pub(crate) fn oversized_message() -> Error {
    Error::new(
        Status::Protocol,
        "the peer sent a handshake message that is too long",
    )
}

pub(crate) fn oversized_handshake() -> Error {
    Error::new(
        Status::Protocol,
        "the peer sent more than a handshake takes: it does not complete",
    )
}

pub(crate) fn too_much_skipped() -> Error {
    Error::new(
        Status::Protocol,
        "the peer sent too much early data, which was rejected",
    )
}

pub(crate) fn too_much_leftover() -> Error {
    Error::state(format!(
        "more than {AFTER_CLOSE_NOTIFY} bytes follow the peer's close_notify: take those that are kept \
             before feeding more, or stop reading from the transport"
    ))
}

/// Converts an error of rustls.  `rejection` is the error of our verifier, if it rejected the
/// peer; `input` are the records that rustls was given.
pub(crate) fn of_rustls(error: rustls::Error, rejection: Option<Error>, input: &[u8]) -> Error {
    if let Some(rejection) = rejection {
        return rejection;
    }
    if let Some(own) = tls_errors::own_error(&error) {
        return own.clone();
    }
    let this = match &error {
        rustls::Error::AlertReceived(alert) => alert_received(u8::from(*alert)),
        // Bad signatures in certificates are reported by our verifier: this one is in
        // CertificateVerify or ServerKeyExchange.
        rustls::Error::InvalidCertificate(CertificateError::BadSignature) => Error::new(
            Status::CertificateBadSignature,
            "the peer did not sign the handshake with the private key of its certificate: it has \
             another key, or it is not the subject of the certificate",
        ),
        rustls::Error::InvalidCertificate(_) => {
            Error::new(Status::Certificate, tls_errors::describe(&error))
        }
        rustls::Error::PeerIncompatible(PeerIncompatible::ServerRejectedEncryptedClientHello(
            configs,
        )) => {
            let configs = configs.as_ref().filter(|configs| !configs.is_empty());
            Error::ech_rejected(
                tls_errors::describe(&error),
                configs.map(Codec::get_encoding),
            )
        }
        rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType) => not_tls(input),
        _ => Error::new(status(&error), tls_errors::describe(&error)),
    };
    this.with_source(error)
}

fn status(error: &rustls::Error) -> Status {
    use rustls::Error as E;
    match error {
        E::NoCertificatesPresented => Status::CertificateMissing,
        E::InvalidCertRevocationList(_) => Status::Certificate,
        E::NoApplicationProtocol | E::PeerIncompatible(_) => Status::NoCommon,
        E::General(text) if tls_errors::is_negotiation_failure(text) => Status::NoCommon,
        E::DecryptError
        | E::InvalidMessage(_)
        | E::PeerMisbehaved(_)
        | E::InappropriateMessage { .. }
        | E::InappropriateHandshakeMessage { .. }
        | E::PeerSentOversizedRecord => Status::Protocol,
        E::HandshakeNotComplete => Status::State,
        E::BadMaxFragmentSize | E::UnsupportedNameType | E::InvalidEncryptedClientHello(_) => {
            Status::Argument
        }
        E::InconsistentKeys(InconsistentKeys::KeyMismatch) => Status::KeyMismatch,
        _ => Status::Internal,
    }
}

fn alert_received(number: u8) -> Error {
    let sentence = match ALERTS.iter().find(|(known, _, _)| *known == number) {
        Some((_, name, meaning)) => format!("the peer ended the connection: {meaning} ({name})"),
        None => format!("the peer ended the connection with alert {number}"),
    };
    Error::from_alert(Status::Alert, number, sentence)
}

/// Input that is not TLS.  The first bytes usually identify the other protocol; `quoted` hides
/// them if they may be a secret.
fn not_tls(input: &[u8]) -> Error {
    let line: String = input
        .iter()
        .take(40)
        .map(|&byte| char::from(byte))
        .take_while(|character| character.is_ascii_graphic() || *character == ' ')
        .collect();
    let sentence = if line.len() < 4 {
        "the peer does not speak TLS on this port".to_owned()
    } else {
        let line = text::quoted(&line);
        format!("the peer does not speak TLS on this port: it sent {line}")
    };
    Error::new(Status::Protocol, sentence)
}
