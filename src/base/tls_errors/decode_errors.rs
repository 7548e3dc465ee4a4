//! Messages that do not parse.

use rustls::InvalidMessage;

/// Describes what is wrong with the message, with the section that defines it, if any.
pub(super) fn message(error: &InvalidMessage) -> String {
    use InvalidMessage as M;
    let what = match error {
        M::InvalidCcs => "its change_cipher_spec is malformed (RFC 8446, section 5)",
        M::InvalidContentType => "a record or an extension has a type that is not defined",
        M::InvalidCertificateStatusType => {
            "its certificate status is not an OCSP response (RFC 6066, section 8)"
        }
        M::InvalidCertRequest => {
            "the request context of its Certificate or CertificateRequest message is not empty \
             (RFC 8446, section 4.3.2)"
        }
        M::InvalidDhParams => {
            "its Diffie-Hellman parameters do not parse (RFC 5246, section 7.4.3)"
        }
        M::InvalidEmptyPayload => {
            "a record of a type that must not be empty is empty (RFC 8446, section 5.1)"
        }
        M::InvalidKeyUpdate => {
            "its KeyUpdate neither asks for an update nor declines one (RFC 8446, section 4.6.3)"
        }
        M::InvalidServerName => "a server name is not a DNS name (RFC 6066, section 3)",
        M::MessageTooLarge => {
            "a record or a message is longer than allowed (RFC 8446, section 5.1)"
        }
        M::MessageTooShort => "a message is shorter than the length that it states",
        M::MissingData(part) => return format!("{} ends too early", structure(part)),
        M::MissingKeyExchange => "its ServerKeyExchange does not parse (RFC 5246, section 7.4.3)",
        M::NoSignatureSchemes => "its list of signature schemes is empty (RFC 8446, section 4.2.3)",
        M::TrailingData(part) => return format!("{} has bytes after its end", structure(part)),
        M::UnexpectedMessage(_) => {
            "it sent a handshake message of a type that is never sent (RFC 8446, section 4)"
        }
        M::UnknownProtocolVersion => {
            "a record has a version that is not one of TLS (RFC 8446, section 5.1)"
        }
        M::UnsupportedCompression => {
            "its HelloRetryRequest selects a compression method (RFC 8446, section 4.1.4)"
        }
        M::UnsupportedCurveType => {
            "its ServerKeyExchange does not name its curve (RFC 8422, section 5.4)"
        }
        M::UnsupportedKeyExchangeAlgorithm(_) => {
            "its key exchange algorithm is not supported: ECDHE is"
        }
        M::EmptyTicketValue => "its session ticket is empty (RFC 8446, section 4.6.1)",
        M::IllegalEmptyList(part) => return format!("its list of {} is empty", list(part)),
        M::IllegalEmptyValue => "a field that must not be empty is empty",
        M::DuplicateExtension(number) => {
            return format!("a message has extension {number} twice (RFC 8446, section 4.2)");
        }
        M::PreSharedKeyIsNotFinalExtension => {
            "pre_shared_key is not the last extension of its ClientHello (RFC 8446, section 4.2.11)"
        }
        M::UnknownHelloRetryRequestExtension => {
            "its HelloRetryRequest has an extension that is not allowed there (RFC 8446, section \
             4.1.4)"
        }
        M::UnknownCertificateExtension => {
            "its Certificate message has an extension that was not requested (RFC 8446, section \
             4.4.2)"
        }
        _ => UNKNOWN,
    };
    what.to_owned()
}

/// For variants added in later versions of rustls.
pub(super) const UNKNOWN: &str = "it sent a message that does not parse";

/// Names the part of a message that rustls calls `name`.
fn structure(name: &str) -> &'static str {
    match name {
        "AlertMessagePayload" => "an alert",
        "ChangeCipherSpecPayload" => "its change_cipher_spec",
        "ClientHelloPayload" | "ClientExtensions" => "its ClientHello",
        "ServerHelloPayload" => "its ServerHello",
        "ServerExtensions" => "its ServerHello or EncryptedExtensions",
        "HelloRetryRequestExtensions" => "its HelloRetryRequest",
        "CertificateRequestExtensions" => "its CertificateRequest",
        "CertificateExtensions" => "its Certificate message",
        "NewSessionTicketExtensions" => "its NewSessionTicket",
        "ServerHelloDone" => "its ServerHelloDone",
        "EndOfEarlyData" => "its EndOfEarlyData",
        "EchConfigExtension" => "an extension of its ECH configurations",
        "SessionID" => "its session ID",
        "Random" => "the random of its ClientHello or ServerHello",
        "SingleProtocolName" => "its choice of an ALPN protocol",
        _ => "a message",
    }
}

/// Names the list that rustls calls `name`.
fn list(name: &str) -> &'static str {
    match name {
        "CipherSuites" => "cipher suites",
        "Compressions" => "compression methods",
        "ExtensionTypes" => "extensions",
        "ClientCertificateTypes" => "client certificate types",
        "ECPointFormats" => "point formats",
        "NamedGroups" => "groups",
        "HpkeSymmetricCipherSuites" => "HPKE cipher suites",
        "ServerNames" => "server names",
        "ProtocolNames" => "ALPN protocols",
        "PskIdentities" => "pre-shared key identities",
        "PskBinders" => "pre-shared key binders",
        "PskKeyExchangeModes" => "pre-shared key exchange modes",
        "ProtocolVersions" => "versions",
        "CertificateTypes" => "certificate types",
        "CertificateCompressionAlgorithms" => "certificate compression algorithms",
        _ => "values",
    }
}
