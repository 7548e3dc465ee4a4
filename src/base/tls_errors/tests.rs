//! Every error of rustls, by enum, in source order.  Its enums are `#[non_exhaustive]`,
//! so the compiler does not report a variant that these lists miss.

use std::collections::HashSet;
use std::fmt::Debug;
use std::sync::Arc;

use rustls::crypto::KeyExchangeAlgorithm;
use rustls::internal::msgs::codec::{Codec, Reader};
use rustls::{
    AlertDescription, CertRevocationListError, CertificateError, ContentType,
    EncryptedClientHelloError, Error, HandshakeType, InconsistentKeys, InvalidMessage, OtherError,
    PeerIncompatible, PeerMisbehaved,
};

use super::protocol_violations as violations;
use super::{UNKNOWN, decode_errors, describe, ech, inconsistent};

/// RFC terms in camel case, which are not Rust identifiers.
const TERMS: &[&str] = &[
    "CertificateRequest",
    "CertificateStatus",
    "CertificateURL",
    "CertificateVerify",
    "ClientHello",
    "ClientKeyExchange",
    "CompressedCertificate",
    "ECHConfigList",
    "EncryptedExtensions",
    "EndOfEarlyData",
    "HelloRequest",
    "HelloRetryRequest",
    "HelloVerifyRequest",
    "KeyUpdate",
    "NewSessionTicket",
    "ServerHello",
    "ServerHelloDone",
    "ServerKeyExchange",
    "subjectAltName",
];

/// Fails for text that is not fit for people.
pub(crate) fn assert_sentence(sentence: &str, about: &dyn Debug) {
    let starts_well = sentence.chars().next().is_some_and(char::is_lowercase);
    assert!(starts_well, "{about:?}: {sentence:?}");
    assert!(!sentence.ends_with('.'), "{about:?}: {sentence:?}");
    let debris = ["{", "}", "[", "]", "\"", "..", "::"];
    let rest = debris.iter().find(|debris| sentence.contains(**debris));
    assert_eq!(rest, None, "{about:?}: {sentence:?}");
    let words = sentence.split(|character: char| !character.is_alphanumeric());
    let identifier = words
        .filter(|word| is_camel_case(word))
        .find(|word| !TERMS.contains(word));
    assert_eq!(identifier, None, "{about:?}: {sentence:?}");
}

/// Returns whether a capital, lower-case letters and a capital follow each other.
fn is_camel_case(word: &str) -> bool {
    let mut state = 0;
    word.chars().any(|character| {
        state = match (state, character.is_uppercase(), character.is_lowercase()) {
            (2, true, _) => 3,
            (_, true, _) => 1,
            (1 | 2, _, true) => 2,
            _ => 0,
        };
        state == 3
    })
}

/// Checks that every sentence is well formed, and that none is the fallback for unknown
/// variants.
pub(crate) fn assert_sentences<T: Debug>(
    variants: &[T],
    explain: impl Fn(&T) -> String,
    unknown: &str,
) -> Vec<String> {
    let sentence = |variant| {
        let sentence = explain(variant);
        assert_sentence(&sentence, variant);
        assert_ne!(sentence, unknown, "{variant:?}");
        sentence
    };
    variants.iter().map(sentence).collect()
}

fn assert_distinct(sentences: &[String]) {
    let mut known = HashSet::new();
    for sentence in sentences {
        assert!(known.insert(sentence), "twice: {sentence}");
    }
}

/// When this fails after an upgrade, compare the lists here and in `trust::path_errors` with
/// the enums of the new version.  Write a sentence for each new variant, then update this.
#[test]
fn variant_lists_match_locked_rustls_and_webpki_versions() {
    let lock = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.lock");
    let lock = std::fs::read_to_string(lock).unwrap();
    for (name, version) in [("rustls", "0.23.46"), ("rustls-webpki", "0.103.17")] {
        let package = format!("name = \"{name}\"\nversion = \"{version}\"\n");
        assert!(lock.contains(&package), "{name} is no longer {version}");
    }
}

#[test]
fn is_camel_case_detects_rust_identifiers_only() {
    for identifier in ["NoKxGroupsInCommon", "BadDer", "isTrailingData"] {
        assert!(is_camel_case(identifier), "{identifier}");
    }
    for word in ["TLS", "cRLSign", "server_name", "HPKE", "Diffie", "X25519"] {
        assert!(!is_camel_case(word), "{word}");
    }
}

#[test]
fn describe_covers_every_peer_misbehaved() {
    use PeerMisbehaved as P;
    let all = [
        P::AttemptedDowngradeToTls12WhenTls13IsSupported,
        P::BadCertChainExtensions,
        P::CipherSuiteDifferedOnRetry,
        P::DisallowedEncryptedExtension,
        P::DuplicateClientHelloExtensions,
        P::DuplicateEncryptedExtensions,
        P::DuplicateHelloRetryRequestExtensions,
        P::DuplicateNewSessionTicketExtensions,
        P::DuplicateServerHelloExtensions,
        P::DuplicateServerNameTypes,
        P::EarlyDataAttemptedInSecondClientHello,
        P::EarlyDataExtensionWithoutResumption,
        P::EarlyDataOfferedWithVariedCipherSuite,
        P::EchAcceptanceVariedAfterRetry,
        P::HandshakeHashVariedAfterRetry,
        P::IllegalHelloRetryRequestWithEmptyCookie,
        P::IllegalHelloRetryRequestWithNoChanges,
        P::IllegalHelloRetryRequestWithOfferedGroup,
        P::IllegalHelloRetryRequestWithUnofferedCipherSuite,
        P::IllegalHelloRetryRequestWithUnofferedNamedGroup,
        P::IllegalHelloRetryRequestWithUnsupportedVersion,
        P::IllegalHelloRetryRequestWithWrongSessionId,
        P::IllegalHelloRetryRequestWithInvalidEch,
        P::IllegalMiddleboxChangeCipherSpec,
        P::IllegalTlsInnerPlaintext,
        P::IncorrectBinder,
        P::InvalidCertCompression,
        P::InvalidMaxEarlyDataSize,
        P::InvalidKeyShare,
        P::KeyEpochWithPendingFragment,
        P::KeyUpdateReceivedInQuicConnection,
        P::MessageInterleavedWithHandshakeMessage,
        P::MissingBinderInPskExtension,
        P::MissingKeyShare,
        P::MissingPskExtensionInSecondClientHello,
        P::MissingPskModesExtension,
        P::MissingQuicTransportParameters,
        P::OfferedDuplicateCertificateCompressions,
        P::OfferedDuplicateKeyShares,
        P::OfferedEarlyDataWithOldProtocolVersion,
        P::OfferedEmptyApplicationProtocol,
        P::OfferedIncorrectCompressions,
        P::PskExtensionMustBeLast,
        P::PskExtensionWithMismatchedIdsAndBinders,
        P::RefusedToFollowHelloRetryRequest,
        P::RejectedEarlyDataInterleavedWithHandshakeMessage,
        P::ResumptionAttemptedWithVariedEms,
        P::ResumptionOfferedWithVariedCipherSuite,
        P::ResumptionOfferedWithVariedEms,
        P::ResumptionOfferedWithIncompatibleCipherSuite,
        P::SelectedDifferentCipherSuiteAfterRetry,
        P::SelectedInvalidPsk,
        P::SelectedTls12UsingTls13VersionExtension,
        P::SelectedUnofferedApplicationProtocol,
        P::SelectedUnofferedCertCompression,
        P::SelectedUnofferedCipherSuite,
        P::SelectedUnofferedCompression,
        P::SelectedUnofferedKxGroup,
        P::SelectedUnofferedPsk,
        P::SelectedUnusableCipherSuiteForVersion,
        P::ServerEchoedCompatibilitySessionId,
        P::ServerHelloMustOfferUncompressedEcPoints,
        P::ServerNameDifferedOnRetry,
        P::ServerNameMustContainOneHostName,
        P::SignedHandshakeWithUnadvertisedSigScheme,
        P::TooManyEmptyFragments,
        P::TooManyKeyUpdateRequests,
        P::TooManyRenegotiationRequests,
        P::TooManyWarningAlertsReceived,
        P::TooMuchEarlyDataReceived,
        P::UnexpectedCleartextExtension,
        P::UnsolicitedCertExtension,
        P::UnsolicitedEncryptedExtension,
        P::UnsolicitedSctList,
        P::UnsolicitedServerHelloExtension,
        P::WrongGroupForKeyShare,
        P::UnsolicitedEchExtension,
    ];
    let explain = |one: &P| violations::peer(one).to_owned();
    assert_distinct(&assert_sentences(&all, explain, violations::UNKNOWN));
    for one in all {
        let sentence = describe(&one.into());
        assert!(
            sentence.starts_with("the peer violated the TLS protocol: "),
            "{sentence}"
        );
    }
}

/// A config without a usable key.
fn ech_config() -> rustls::internal::msgs::handshake::EchConfigPayload {
    let unknown = [0xff, 0xff, 0, 1, 0];
    Codec::read(&mut Reader::init(&unknown)).unwrap()
}

#[test]
fn describe_covers_every_peer_incompatible() {
    use PeerIncompatible as P;
    let all = [
        P::EcPointsExtensionRequired,
        P::ExtendedMasterSecretExtensionRequired,
        P::IncorrectCertificateTypeExtension,
        P::KeyShareExtensionRequired,
        P::NamedGroupsExtensionRequired,
        P::NoCertificateRequestSignatureSchemesInCommon,
        P::NoCipherSuitesInCommon,
        P::NoEcPointFormatsInCommon,
        P::NoKxGroupsInCommon,
        P::NoSignatureSchemesInCommon,
        P::NullCompressionRequired,
        P::ServerDoesNotSupportTls12Or13,
        P::ServerSentHelloRetryRequestWithUnknownExtension,
        P::ServerTlsVersionIsDisabledByOurConfig,
        P::SignatureAlgorithmsExtensionRequired,
        P::SupportedVersionsExtensionRequired,
        P::Tls12NotOffered,
        P::Tls12NotOfferedOrEnabled,
        P::Tls13RequiredForQuic,
        P::UncompressedEcPointsRequired,
        P::UnsolicitedCertificateTypeExtension,
        P::ServerRejectedEncryptedClientHello(None),
        P::ServerRejectedEncryptedClientHello(Some(vec![ech_config()])),
    ];
    let unknown = "the peer does not support a part of TLS that this side requires";
    let explain = |one: &P| describe(&one.clone().into());
    assert_distinct(&assert_sentences(&all, explain, unknown));
    // An empty list offers no new configurations.
    let nothing = P::ServerRejectedEncryptedClientHello(Some(vec![]));
    let none = P::ServerRejectedEncryptedClientHello(None);
    assert_eq!(explain(&nothing), explain(&none));
}

#[test]
fn describe_covers_every_invalid_message() {
    use InvalidMessage as M;
    let all = [
        M::InvalidCcs,
        M::InvalidContentType,
        M::InvalidCertificateStatusType,
        M::InvalidCertRequest,
        M::InvalidDhParams,
        M::InvalidEmptyPayload,
        M::InvalidKeyUpdate,
        M::InvalidServerName,
        M::MessageTooLarge,
        M::MessageTooShort,
        M::MissingData("u16"),
        M::MissingKeyExchange,
        M::NoSignatureSchemes,
        M::TrailingData("ClientHelloPayload"),
        M::UnexpectedMessage("MessageHash"),
        M::UnknownProtocolVersion,
        M::UnsupportedCompression,
        M::UnsupportedCurveType,
        M::UnsupportedKeyExchangeAlgorithm(KeyExchangeAlgorithm::DHE),
        M::EmptyTicketValue,
        M::IllegalEmptyList("CipherSuites"),
        M::IllegalEmptyValue,
        M::DuplicateExtension(43),
        M::PreSharedKeyIsNotFinalExtension,
        M::UnknownHelloRetryRequestExtension,
        M::UnknownCertificateExtension,
    ];
    assert_distinct(&assert_sentences(
        &all,
        decode_errors::message,
        decode_errors::UNKNOWN,
    ));
    // rustls' names for the parts of messages.
    let parts = [
        "ServerNamePayload",
        "PayloadU24",
        "ECPointFormats",
        "SessionID",
        "u8",
    ];
    let parts = parts.map(|part| {
        let of_part = [
            M::MissingData(part),
            M::TrailingData(part),
            M::IllegalEmptyList(part),
        ];
        assert_sentences(&of_part, decode_errors::message, decode_errors::UNKNOWN)
    });
    assert_eq!(parts[2][2], "its list of point formats is empty");
    assert_eq!(parts[3][0], "its session ID ends too early");
}

#[test]
fn describe_does_not_blame_peer_for_unsupported_signatures() {
    let explain = |one: &PeerMisbehaved| describe(&one.clone().into());
    let all = [PeerMisbehaved::SignedKxWithWrongAlgorithm];
    for sentence in assert_sentences(&all, explain, violations::UNKNOWN) {
        assert!(!sentence.contains("broke"), "{sentence}");
        assert!(sentence.contains("use TLS 1.3"), "{sentence}");
    }
}

#[test]
fn describe_does_not_blame_peer_for_our_size_limits() {
    use InvalidMessage as M;
    let all = [M::CertificatePayloadTooLarge, M::HandshakePayloadTooLarge];
    let explain = |one: &M| describe(&(*one).into());
    for sentence in assert_sentences(&all, explain, decode_errors::UNKNOWN) {
        assert!(!sentence.contains("broke"), "{sentence}");
        assert!(sentence.contains("supported"), "{sentence}");
    }
}

#[test]
fn describe_covers_every_key_and_ech_error() {
    let keys = [InconsistentKeys::KeyMismatch, InconsistentKeys::Unknown];
    let unknown = "the private key cannot be compared with the certificate";
    let explain = |one: &InconsistentKeys| inconsistent(*one).to_owned();
    assert_distinct(&assert_sentences(&keys, explain, unknown));
    let lists = [
        EncryptedClientHelloError::InvalidConfigList,
        EncryptedClientHelloError::NoCompatibleConfig,
        EncryptedClientHelloError::SniRequired,
    ];
    let explain = |one: &EncryptedClientHelloError| ech(one).to_owned();
    assert_distinct(&assert_sentences(
        &lists,
        explain,
        "it does not follow RFC 9849",
    ));
}

/// One error of each variant.
#[test]
fn describe_covers_every_error() {
    let all = [
        Error::InappropriateMessage {
            expect_types: vec![ContentType::Handshake, ContentType::Alert],
            got_type: ContentType::ApplicationData,
        },
        Error::InappropriateMessage {
            expect_types: vec![],
            got_type: ContentType::Unknown(99),
        },
        Error::InappropriateHandshakeMessage {
            expect_types: vec![HandshakeType::Finished, HandshakeType::KeyUpdate],
            got_type: HandshakeType::HelloRetryRequest,
        },
        EncryptedClientHelloError::SniRequired.into(),
        InvalidMessage::InvalidCcs.into(),
        Error::NoCertificatesPresented,
        Error::UnsupportedNameType,
        Error::DecryptError,
        Error::EncryptError,
        PeerIncompatible::NoKxGroupsInCommon.into(),
        PeerMisbehaved::MissingKeyShare.into(),
        Error::AlertReceived(AlertDescription::UnknownPSKIdentity),
        CertificateError::BadEncoding.into(),
        CertRevocationListError::ParseError.into(),
        Error::General("no server certificate chain resolved".to_owned()),
        Error::General("incompatible signing key".to_owned()),
        Error::General("signing failed".to_owned()),
        Error::General("no usable cipher suites configured".to_owned()),
        Error::General("no kx groups configured".to_owned()),
        Error::General("Ciphersuite TLS13_X requires [ECDHE] in `CryptoProvider`".to_owned()),
        Error::FailedToGetCurrentTime,
        Error::FailedToGetRandomBytes,
        Error::HandshakeNotComplete,
        Error::PeerSentOversizedRecord,
        Error::NoApplicationProtocol,
        Error::BadMaxFragmentSize,
        InconsistentKeys::Unknown.into(),
        Error::Other(OtherError(Arc::new(std::fmt::Error))),
    ];
    let sentences = assert_sentences(&all, describe, UNKNOWN);
    assert_distinct(&sentences);
    assert_eq!(
        sentences[0],
        "the peer violated the TLS protocol: it sent a record of type application_data, not a \
         record of type handshake or a record of type alert"
    );
    assert_eq!(
        sentences[2],
        "the peer violated the TLS protocol: it sent a HelloRetryRequest message, not a Finished \
         message or a KeyUpdate message"
    );
    for number in 0..=255 {
        let record = Error::InappropriateMessage {
            expect_types: vec![number.into()],
            got_type: number.into(),
        };
        let message = Error::InappropriateHandshakeMessage {
            expect_types: vec![number.into()],
            got_type: number.into(),
        };
        assert_sentences(&[record, message], describe, UNKNOWN);
    }
}
