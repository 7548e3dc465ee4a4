//! Why a connection failed: from rustls' errors and the peer's alerts to ours.

use rustls::{CertificateError, InvalidMessage, PeerIncompatible};

use super::limits::{ALLOWANCE, LEFTOVER};
use crate::{CertificateProblem, Error, Status};

/// The alerts that end a connection, by number (RFC 8446, section 6, and the
/// IANA registry), with what they mean for who gets them.
const ALERTS: &[(u8, &str, &str)] = &[
    (10, "unexpected_message", "it got a message out of order"),
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
    (49, "access_denied", "it does not let us in"),
    (50, "decode_error", "a message did not parse"),
    (51, "decrypt_error", "a signature or a key did not verify"),
    (
        70,
        "protocol_version",
        "it speaks none of the versions that we allow",
    ),
    (
        71,
        "insufficient_security",
        "it demands stronger cryptography than we allow",
    ),
    (80, "internal_error", "something went wrong inside it"),
    (86, "inappropriate_fallback", "it speaks a higher version"),
    (90, "user_canceled", "its user stopped the handshake"),
    (109, "missing_extension", "a message lacked an extension"),
    (
        110,
        "unsupported_extension",
        "an extension was not asked for",
    ),
    (
        112,
        "unrecognized_name",
        "it knows no server of the name that we asked for",
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
        "it demands a client certificate, and we showed none: use an identity",
    ),
    (
        120,
        "no_application_protocol",
        "it speaks none of the ALPN protocols that we offer",
    ),
];

/// The name of an alert, such as `"unknown_ca"` for 48 (RFC 8446, section 6).
pub fn alert_name(number: u8) -> Option<&'static str> {
    ALERTS
        .iter()
        .find(|(known, _, _)| *known == number)
        .map(|(_, name, _)| *name)
}

/// The transport ended in the middle of a handshake.
pub(super) fn closed_in_handshake() -> Error {
    Error::new(
        Status::Truncated,
        "the peer closed the connection before the handshake was complete: \
         it may not speak TLS on this port, or refuse clients like this one",
    )
}

/// The transport ended without close_notify.
pub(super) fn truncated() -> Error {
    Error::new(
        Status::Truncated,
        "the peer closed the connection without close_notify: data may be missing at the end",
    )
}

pub(super) fn oversized_message() -> Error {
    Error::new(
        Status::Protocol,
        "the peer sent a handshake message that is too long",
    )
}

pub(super) fn oversized_handshake() -> Error {
    Error::new(
        Status::Protocol,
        "the peer sent more than a handshake takes: it does not complete",
    )
}

pub(super) fn too_much_skipped() -> Error {
    Error::new(
        Status::Protocol,
        "the peer sent too much early data, which was rejected",
    )
}

pub(super) fn too_many_without_data() -> Error {
    Error::new(
        Status::Protocol,
        format!(
            "the peer sent more than {ALLOWANCE} key updates, session tickets, warning alerts and \
             empty records without application data between them"
        ),
    )
}

pub(super) fn too_much_leftover() -> Error {
    Error::new(
        Status::State,
        format!(
            "more than {LEFTOVER} bytes follow the peer's close_notify: take those that are kept \
             before feeding more, or stop reading from the transport"
        ),
    )
}

/// What an error of rustls means.  `refusal` is what our verifier said about
/// it, `input` the records that rustls was given.
pub(super) fn of_rustls(error: rustls::Error, refusal: Option<Error>, input: &[u8]) -> Error {
    if let Some(refusal) = refusal {
        return refusal;
    }
    // From what of ours rustls called: a key that is somewhere else.
    if let rustls::Error::Other(other) = &error
        && let Some(ours) = other.0.downcast_ref::<Error>()
    {
        return ours.clone();
    }
    let message = format!("{error}");
    let this = match &error {
        rustls::Error::AlertReceived(alert) => alert_received(u8::from(*alert)),
        rustls::Error::NoCertificatesPresented => Error::new(
            Status::CertificateMissing,
            "the peer showed no certificate, and one is required",
        ),
        // Those of paths do not come through here: this one is the handshake's.
        rustls::Error::InvalidCertificate(CertificateError::BadSignature) => Error::certificate(
            Status::Certificate,
            CertificateProblem::BadSignature,
            "the peer did not sign the handshake with the private key of its certificate: it has \
             another key, or it is not the one that the certificate is about",
        ),
        rustls::Error::InvalidCertificate(_) => Error::certificate(
            Status::Certificate,
            CertificateProblem::Other,
            format!("the peer's certificate is rejected: {error}"),
        ),
        rustls::Error::NoApplicationProtocol => Error::new(
            Status::NoCommon,
            "the peers have no ALPN protocol in common: check what each side offers",
        ),
        rustls::Error::PeerIncompatible(PeerIncompatible::ServerRejectedEncryptedClientHello(
            _,
        )) => Error::new(
            Status::NoCommon,
            "the server does not take our encrypted ClientHello: its keys changed, or it is \
             another server; get its current ECHConfigList",
        ),
        rustls::Error::PeerIncompatible(reason) => {
            Error::new(Status::NoCommon, incompatible(reason))
        }
        rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType) => not_tls(input),
        rustls::Error::DecryptError => Error::new(
            Status::Protocol,
            "a record from the peer did not decrypt: it was damaged or forged on the way",
        ),
        rustls::Error::EncryptError => Error::new(
            Status::Internal,
            "nothing more can be encrypted with the keys of this connection",
        ),
        rustls::Error::InvalidMessage(_)
        | rustls::Error::PeerMisbehaved(_)
        | rustls::Error::InappropriateMessage { .. }
        | rustls::Error::InappropriateHandshakeMessage { .. }
        | rustls::Error::PeerSentOversizedRecord => {
            Error::new(Status::Protocol, format!("the peer broke TLS: {message}"))
        }
        _ => Error::new(Status::Internal, message),
    };
    this.with_source(error)
}

fn alert_received(number: u8) -> Error {
    let sentence = match ALERTS.iter().find(|(known, _, _)| *known == number) {
        Some((_, name, meaning)) => format!("the peer ended the connection: {meaning} ({name})"),
        None => format!("the peer ended the connection with alert {number}"),
    };
    Error::from_alert(Status::Alert, number, sentence)
}

fn incompatible(reason: &PeerIncompatible) -> String {
    use PeerIncompatible as P;
    let what = match reason {
        P::NoCipherSuitesInCommon => {
            "no cipher suite in common that fits a certificate of the server"
        }
        P::NoKxGroupsInCommon => "no key exchange group in common",
        P::NoSignatureSchemesInCommon | P::NoCertificateRequestSignatureSchemesInCommon => {
            "no signature scheme in common: the peer cannot check a key of our kind"
        }
        P::ServerDoesNotSupportTls12Or13
        | P::ServerTlsVersionIsDisabledByOurConfig
        | P::SupportedVersionsExtensionRequired
        | P::Tls12NotOffered
        | P::Tls12NotOfferedOrEnabled => {
            "no version in common: one side allows only TLS versions that the other does not"
        }
        other => return format!("the peer's TLS does not fit ours: {other:?}"),
    };
    format!("the peers have {what}")
}

/// The first bytes show best what it is that came instead of TLS.
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
        format!("the peer does not speak TLS on this port: it sent '{line}'")
    };
    Error::new(Status::Protocol, sentence)
}
