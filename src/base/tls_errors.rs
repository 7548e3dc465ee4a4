//! Sentences for rustls' errors, whose own text contains Rust identifiers.
//!
//! Separate from what becomes of a connection (`connection::engine::failure`), since keys and
//! contexts meet these errors too.  Variants of later versions of rustls get a plain
//! sentence until they have one of their own.

mod certificate;
mod decode_errors;
mod protocol_violations;
#[cfg(test)]
pub(crate) mod tests;

use rustls::{
    ContentType, EncryptedClientHelloError, Error, HandshakeType, InconsistentKeys, InvalidMessage,
    PeerIncompatible, PeerMisbehaved,
};

/// Describes `error` in one sentence without initial capital or final period.
pub(crate) fn describe(error: &Error) -> String {
    let sentence = match error {
        Error::InappropriateMessage {
            expect_types,
            got_type,
        } => return protocol_error(&unexpected(expect_types, *got_type, record)),
        Error::InappropriateHandshakeMessage {
            expect_types,
            got_type,
        } => return protocol_error(&unexpected(expect_types, *got_type, message)),
        Error::InvalidEncryptedClientHello(problem) => {
            return format!("the ClientHello cannot be encrypted: {}", ech(problem));
        }
        // Longer messages are legal (RFC 8446, section 4): the limits are rustls' own.
        Error::InvalidMessage(InvalidMessage::CertificatePayloadTooLarge) => {
            "the peer's certificates have more than the 65,536 bytes that are supported"
        }
        Error::InvalidMessage(InvalidMessage::HandshakePayloadTooLarge) => {
            "the peer sent a handshake message of more than the 65,535 bytes that are supported: \
             its certificates may be too large"
        }
        Error::InvalidMessage(problem) => return protocol_error(&decode_errors::message(problem)),
        // Legal if the scheme was offered for TLS 1.3. rustls has no TLS 1.2 suite for it.
        Error::PeerMisbehaved(PeerMisbehaved::SignedKxWithWrongAlgorithm) => {
            "the server signed its key exchange with a signature scheme that is not supported \
             with this cipher suite in TLS 1.2: if its key is restricted to RSASSA-PSS, have it \
             use TLS 1.3, or a certificate for a key of type rsa"
        }
        Error::PeerMisbehaved(problem) => {
            return protocol_error(protocol_violations::peer(problem));
        }
        Error::PeerSentOversizedRecord => {
            return protocol_error("a record is longer than allowed (RFC 8446, section 5.2)");
        }
        Error::PeerIncompatible(problem) => return incompatible(problem),
        Error::InvalidCertificate(problem) => {
            let why = certificate::certificate(problem);
            return format!("the peer's certificate is rejected: {why}");
        }
        Error::InvalidCertRevocationList(problem) => {
            return format!("a CRL cannot be used: {}", certificate::crl(problem));
        }
        Error::InconsistentKeys(problem) => inconsistent(*problem),
        Error::AlertReceived(alert) => {
            return format!("the peer sent the fatal alert {}", u8::from(*alert));
        }
        Error::NoCertificatesPresented => "the peer sent no certificate, and one is required",
        Error::UnsupportedNameType => {
            "the server's name is neither a DNS name nor an IP address, and others are not \
             supported"
        }
        Error::DecryptError => {
            "a record from the peer did not decrypt: it was damaged or forged on the way"
        }
        Error::EncryptError => "a record cannot be encrypted with the keys of this connection",
        Error::FailedToGetCurrentTime => {
            "the system clock is before 1970, so certificates cannot be checked: set the clock"
        }
        Error::FailedToGetRandomBytes => "the system provides no random numbers",
        Error::HandshakeNotComplete => "this is possible only after the handshake",
        Error::NoApplicationProtocol => {
            "the peers have no ALPN protocol in common: check what each side offers"
        }
        Error::BadMaxFragmentSize => {
            "records cannot be limited to that size: 512 to 16384 bytes are possible"
        }
        Error::General(text) => general(text),
        Error::Other(_) => "an operation with a key failed",
        _ => UNKNOWN,
    };
    sentence.to_owned()
}

/// Returns the error that our own code returned to rustls: an external signer, or the
/// verifier of a handshake signature.
pub(crate) fn own_error(error: &Error) -> Option<&crate::Error> {
    match error {
        Error::Other(other) => other.0.downcast_ref(),
        _ => None,
    }
}

/// For variants added in later versions of rustls.
const UNKNOWN: &str = "the handshake failed for a reason unknown to this version";

/// For violations by the peer, not for configuration problems of either side.
fn protocol_error(what: &str) -> String {
    format!("the peer violated the TLS protocol: {what}")
}

/// Returns whether an error without a variant depends on what both peers offer.
pub(crate) fn is_negotiation_failure(text: &str) -> bool {
    [UNRESOLVED, CANNOT_SIGN].contains(&text)
}

/// rustls' text if no server certificate fits what the client offers.
const UNRESOLVED: &str = "no server certificate chain resolved";
const CANNOT_SIGN: &str = "incompatible signing key";

/// Describes errors without a variant by rustls' text, which is not displayed.
fn general(text: &str) -> &'static str {
    match text {
        UNRESOLVED => "the server has no certificate that fits what the client offers",
        CANNOT_SIGN => {
            "the peers have no signature scheme in common: the server's key cannot sign with one \
             that the client accepts"
        }
        "signing failed" | "RSA cannot sign" => "the private key failed to sign",
        "no usable cipher suites configured" => {
            "none of the allowed cipher suites belongs to an allowed TLS version: allow one"
        }
        "no kx groups configured" => "no key exchange group is allowed: allow one",
        _ => "the handshake cannot go on: this is a bug, please report it",
    }
}

fn unexpected<T: Copy>(expected: &[T], got: T, name: fn(T) -> String) -> String {
    let expected: Vec<_> = expected.iter().map(|one| name(*one)).collect();
    match expected.is_empty() {
        true => format!("it sent {} where none is allowed", name(got)),
        false => format!("it sent {}, not {}", name(got), expected.join(" or ")),
    }
}

/// Names a record by its content type (RFC 8446, section 5.1).
fn record(content: ContentType) -> String {
    let name = match u8::from(content) {
        20 => "change_cipher_spec",
        21 => "alert",
        22 => "handshake",
        23 => "application_data",
        24 => "heartbeat",
        number => return format!("a record of type {number}"),
    };
    format!("a record of type {name}")
}

/// Names a handshake message by its type, as in the RFC that defines it.
fn message(kind: HandshakeType) -> String {
    let name = match u8::from(kind) {
        0 => "HelloRequest",
        1 => "ClientHello",
        2 => "ServerHello",
        3 => "HelloVerifyRequest",
        4 => "NewSessionTicket",
        5 => "EndOfEarlyData",
        6 => "HelloRetryRequest",
        8 => "EncryptedExtensions",
        11 => "Certificate",
        12 => "ServerKeyExchange",
        13 => "CertificateRequest",
        14 => "ServerHelloDone",
        15 => "CertificateVerify",
        16 => "ClientKeyExchange",
        20 => "Finished",
        21 => "CertificateURL",
        22 => "CertificateStatus",
        24 => "KeyUpdate",
        25 => "CompressedCertificate",
        number => return format!("a handshake message of type {number}"),
    };
    format!("a {name} message")
}

/// Describes why an ECHConfigList cannot be used.
pub(crate) fn ech(error: &EncryptedClientHelloError) -> &'static str {
    match error {
        EncryptedClientHelloError::InvalidConfigList => {
            "the list does not parse (RFC 9849, section 4)"
        }
        EncryptedClientHelloError::NoCompatibleConfig => {
            "none of its configurations has a version, key and cipher suite that are supported \
             (RFC 9849, section 4)"
        }
        EncryptedClientHelloError::SniRequired => {
            "that needs the server_name extension, which is not sent (RFC 9849, section 6.1)"
        }
        _ => "it does not follow RFC 9849",
    }
}

fn inconsistent(error: InconsistentKeys) -> &'static str {
    match error {
        InconsistentKeys::KeyMismatch => "the private key does not belong to the certificate",
        InconsistentKeys::Unknown => {
            "the private key has no public key to compare with the certificate"
        }
        _ => "the private key cannot be compared with the certificate",
    }
}

fn incompatible(error: &PeerIncompatible) -> String {
    use PeerIncompatible as P;
    let sentence = match error {
        P::EcPointsExtensionRequired => {
            "the client's ClientHello has no ec_point_formats extension (RFC 8422, section 5.1)"
        }
        P::ExtendedMasterSecretExtensionRequired => {
            "the peer does not support extended_master_secret (RFC 7627), which TLS 1.2 needs \
             here: use TLS 1.3"
        }
        P::IncorrectCertificateTypeExtension => {
            "the peers have no certificate type in common (RFC 7250, section 4)"
        }
        P::KeyShareExtensionRequired => {
            "the client's ClientHello offers TLS 1.3 and has no key_share extension (RFC 8446, \
             section 9.2)"
        }
        P::NamedGroupsExtensionRequired => {
            "the client's ClientHello has no supported_groups extension (RFC 8446, section 9.2)"
        }
        P::NoCertificateRequestSignatureSchemesInCommon => {
            "the peers have no signature scheme in common: the server's CertificateRequest lists \
             none that this client supports"
        }
        P::NoCipherSuitesInCommon => {
            "the peers have no cipher suite in common that fits a certificate of the server"
        }
        P::NoEcPointFormatsInCommon => {
            "the peers have no point format in common (RFC 8422, section 5.1.2)"
        }
        P::NoKxGroupsInCommon => "the peers have no key exchange group in common",
        P::NoSignatureSchemesInCommon => {
            "the peers have no signature scheme in common: the peer cannot verify signatures of \
             this side's key"
        }
        P::NullCompressionRequired => {
            "the client's ClientHello does not offer the null compression method (RFC 5246, \
             section 7.4.1.2)"
        }
        P::ServerDoesNotSupportTls12Or13 => {
            "the peers have no version in common: the server supports neither TLS 1.2 nor TLS 1.3"
        }
        P::ServerSentHelloRetryRequestWithUnknownExtension => {
            "the server's HelloRetryRequest has an extension that is not supported (RFC 8446, \
             section 4.1.4)"
        }
        P::ServerTlsVersionIsDisabledByOurConfig => {
            "the peers have no version in common: the server selected one that this client does \
             not allow"
        }
        P::SignatureAlgorithmsExtensionRequired => {
            "the client's ClientHello has no signature_algorithms extension (RFC 8446, section \
             4.2.3)"
        }
        P::SupportedVersionsExtensionRequired => {
            "the peers have no version in common: the client does not offer TLS 1.3, the only one \
             that this server allows"
        }
        P::Tls12NotOffered => {
            "the peers have no version in common: the client offers none later than TLS 1.1"
        }
        P::Tls12NotOfferedOrEnabled => {
            "the peers have no version in common: this server allows none of those that the \
             client offers"
        }
        P::Tls13RequiredForQuic => {
            "the peers have no version in common: QUIC requires TLS 1.3 (RFC 9001, section 4.2)"
        }
        P::UncompressedEcPointsRequired => {
            "the client does not accept uncompressed points (RFC 8422, section 5.1.2)"
        }
        P::UnsolicitedCertificateTypeExtension => {
            "the server selected a certificate type that was not offered (RFC 7250, section 4.2)"
        }
        P::ServerRejectedEncryptedClientHello(Some(configs)) if !configs.is_empty() => {
            "the server rejected the encrypted ClientHello (ECH) and sent new configurations: \
             connect again with them (ech_retry_configs), once (RFC 9849, section 6.1.6)"
        }
        P::ServerRejectedEncryptedClientHello(_) => {
            "the server rejected the encrypted ClientHello (ECH) and sent no new configurations: \
             get its current ECHConfigList, or connect without ECH, which reveals the server's \
             name (RFC 9849, section 6.1.6)"
        }
        _ => "the peer does not support a part of TLS that this side requires",
    };
    sentence.to_owned()
}
