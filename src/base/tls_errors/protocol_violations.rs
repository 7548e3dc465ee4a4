//! Peers' violations of the TLS protocol.

use rustls::PeerMisbehaved;

/// Describes what the peer did, with the section that forbids it, if any.
pub(super) fn peer(error: &PeerMisbehaved) -> &'static str {
    use PeerMisbehaved as P;
    match error {
        P::AttemptedDowngradeToTls12WhenTls13IsSupported => {
            "it supports TLS 1.3 but selected TLS 1.2, so the ClientHello may have been changed \
             on the way (RFC 8446, section 4.1.3)"
        }
        P::BadCertChainExtensions => {
            "its Certificate message has extensions that are not allowed there (RFC 8446, section \
             4.4.2)"
        }
        P::CipherSuiteDifferedOnRetry => {
            "its second ClientHello changes the cipher suite (RFC 8446, section 4.1.2)"
        }
        P::DisallowedEncryptedExtension => {
            "its EncryptedExtensions have an extension that belongs into another message (RFC \
             8446, section 4.2)"
        }
        P::DuplicateClientHelloExtensions => {
            "its ClientHello has an extension twice (RFC 8446, section 4.2)"
        }
        P::DuplicateEncryptedExtensions => {
            "its EncryptedExtensions have an extension twice (RFC 8446, section 4.2)"
        }
        P::DuplicateHelloRetryRequestExtensions => {
            "its HelloRetryRequest has an extension twice (RFC 8446, section 4.2)"
        }
        P::DuplicateNewSessionTicketExtensions => {
            "its NewSessionTicket has an extension twice (RFC 8446, section 4.2)"
        }
        P::DuplicateServerHelloExtensions => {
            "its ServerHello has an extension twice (RFC 8446, section 4.2)"
        }
        P::DuplicateServerNameTypes => {
            "its server_name extension has two names of one type (RFC 6066, section 3)"
        }
        P::EarlyDataAttemptedInSecondClientHello => {
            "its second ClientHello offers early data (RFC 8446, section 4.1.2)"
        }
        P::EarlyDataExtensionWithoutResumption => {
            "it accepted early data without resuming the session (RFC 8446, section 4.2.10)"
        }
        P::EarlyDataOfferedWithVariedCipherSuite => {
            "it resumed a session with another cipher suite than that of the early data (RFC \
             8446, section 4.2.10)"
        }
        P::EchAcceptanceVariedAfterRetry => {
            "its HelloRetryRequest accepts ECH and its ServerHello does not, or the reverse (RFC \
             9849, section 6.1.5)"
        }
        P::HandshakeHashVariedAfterRetry => {
            "its second ClientHello leads to a cipher suite with another hash (RFC 8446, section \
             4.1.2)"
        }
        P::IllegalHelloRetryRequestWithEmptyCookie => {
            "its HelloRetryRequest has an empty cookie (RFC 8446, section 4.2.2)"
        }
        P::IllegalHelloRetryRequestWithNoChanges => {
            "its HelloRetryRequest asks for no change of the ClientHello (RFC 8446, section 4.1.4)"
        }
        P::IllegalHelloRetryRequestWithOfferedGroup => {
            "its HelloRetryRequest asks for a key share that the ClientHello has (RFC 8446, \
             section 4.2.8)"
        }
        P::IllegalHelloRetryRequestWithUnofferedCipherSuite => {
            "its HelloRetryRequest selects a cipher suite that was not offered (RFC 8446, section \
             4.1.4)"
        }
        P::IllegalHelloRetryRequestWithUnofferedNamedGroup => {
            "its HelloRetryRequest selects a group that was not offered (RFC 8446, section 4.2.8)"
        }
        P::IllegalHelloRetryRequestWithUnsupportedVersion => {
            "its HelloRetryRequest does not select TLS 1.3 (RFC 8446, section 4.1.4)"
        }
        P::IllegalHelloRetryRequestWithWrongSessionId => {
            "its HelloRetryRequest does not echo the session ID of the ClientHello (RFC 8446, \
             section 4.1.4)"
        }
        P::IllegalHelloRetryRequestWithInvalidEch => {
            "its HelloRetryRequest has an encrypted_client_hello extension that is malformed or \
             was not offered (RFC 9849, section 5)"
        }
        P::IllegalMiddleboxChangeCipherSpec => {
            "it sent change_cipher_spec where that is not allowed (RFC 8446, section 5)"
        }
        P::IllegalTlsInnerPlaintext => {
            "a record has padding and no content type (RFC 8446, section 5.4)"
        }
        P::IncorrectBinder => {
            "the binder of its pre-shared key does not verify (RFC 8446, section 4.2.11.2)"
        }
        P::InvalidCertCompression => {
            "its CompressedCertificate does not decompress to a certificate of the stated length \
             (RFC 8879, section 4)"
        }
        P::InvalidMaxEarlyDataSize => {
            "its NewSessionTicket limits early data in a way that QUIC forbids (RFC 9001, section \
             4.6.1)"
        }
        P::InvalidKeyShare => {
            "its key share is not a valid public key of its group (RFC 8446, section 4.2.8)"
        }
        P::KeyEpochWithPendingFragment => {
            "a handshake message continues across a change of keys (RFC 8446, section 5.1)"
        }
        P::KeyUpdateReceivedInQuicConnection => "it sent KeyUpdate over QUIC (RFC 9001, section 6)",
        P::MessageInterleavedWithHandshakeMessage => {
            "a record of another type interrupts a handshake message (RFC 8446, section 5.1)"
        }
        P::MissingBinderInPskExtension => {
            "its pre_shared_key extension has no binder (RFC 8446, section 4.2.11)"
        }
        P::MissingKeyShare => {
            "its ServerHello has no key_share extension (RFC 8446, section 4.1.3)"
        }
        P::MissingPskExtensionInSecondClientHello => {
            "its second ClientHello no longer offers a pre-shared key (RFC 8446, section 4.1.2)"
        }
        P::MissingPskModesExtension => {
            "its ClientHello offers a pre-shared key without psk_key_exchange_modes (RFC 8446, \
             section 4.2.9)"
        }
        P::MissingQuicTransportParameters => {
            "it sent no quic_transport_parameters (RFC 9001, section 8.2)"
        }
        P::OfferedDuplicateCertificateCompressions => {
            "its ClientHello offers a certificate compression algorithm twice (RFC 8879, section 3)"
        }
        P::OfferedDuplicateKeyShares => {
            "its ClientHello has two key shares of one group (RFC 8446, section 4.2.8)"
        }
        P::OfferedEarlyDataWithOldProtocolVersion => {
            "it selected TLS 1.2 in answer to early data (RFC 8446, appendix D.3)"
        }
        P::OfferedEmptyApplicationProtocol => {
            "it offers an ALPN protocol with an empty name (RFC 7301, section 3.1)"
        }
        P::OfferedIncorrectCompressions => {
            "its ClientHello offers other compression methods than null (RFC 8446, section 4.1.2)"
        }
        P::PskExtensionMustBeLast => {
            "pre_shared_key is not the last extension of its ClientHello (RFC 8446, section 4.2.11)"
        }
        P::PskExtensionWithMismatchedIdsAndBinders => {
            "its pre_shared_key extension does not have one binder per identity (RFC 8446, \
             section 4.2.11)"
        }
        P::RefusedToFollowHelloRetryRequest => {
            "its second ClientHello has no key share of the group that HelloRetryRequest asked for \
             (RFC 8446, section 4.1.2)"
        }
        P::RejectedEarlyDataInterleavedWithHandshakeMessage => {
            "early data that was rejected interrupts a handshake message (RFC 8446, section 5.1)"
        }
        P::ResumptionAttemptedWithVariedEms => {
            "it resumes a session with extended_master_secret and no longer offers that (RFC \
             7627, section 5.3)"
        }
        P::ResumptionOfferedWithVariedCipherSuite => {
            "it resumed a session with another cipher suite (RFC 5246, section 7.4.1.3)"
        }
        P::ResumptionOfferedWithVariedEms => {
            "it resumed a session and changed whether extended_master_secret is used (RFC 7627, \
             section 5.3)"
        }
        P::ResumptionOfferedWithIncompatibleCipherSuite => {
            "it resumed a session with a cipher suite of another hash (RFC 8446, section 4.2.11)"
        }
        P::SelectedDifferentCipherSuiteAfterRetry => {
            "its ServerHello selects another cipher suite than its HelloRetryRequest (RFC 8446, \
             section 4.1.4)"
        }
        P::SelectedInvalidPsk => {
            "its ServerHello selects a pre-shared key beyond those offered (RFC 8446, section \
             4.2.11)"
        }
        P::SelectedTls12UsingTls13VersionExtension => {
            "its supported_versions extension selects an older version than TLS 1.3 (RFC 8446, \
             section 4.2.1)"
        }
        P::SelectedUnofferedApplicationProtocol => {
            "it selected an ALPN protocol that was not offered (RFC 7301, section 3.2)"
        }
        P::SelectedUnofferedCertCompression => {
            "it compressed its certificate with an algorithm that was not offered (RFC 8879, \
             section 4)"
        }
        P::SelectedUnofferedCipherSuite => {
            "its ServerHello selects a cipher suite that was not offered (RFC 8446, section 4.1.3)"
        }
        P::SelectedUnofferedCompression => {
            "its ServerHello selects a compression method that was not offered (RFC 8446, section \
             4.1.3)"
        }
        P::SelectedUnofferedKxGroup => {
            "its ServerKeyExchange has a group that was not offered (RFC 8422, section 5.4)"
        }
        P::SelectedUnofferedPsk => {
            "its ServerHello selects a pre-shared key, and none was offered (RFC 8446, section \
             4.2.11)"
        }
        P::SelectedUnusableCipherSuiteForVersion => {
            "its ServerHello selects a cipher suite of another TLS version (RFC 8446, section \
             4.1.3)"
        }
        P::ServerEchoedCompatibilitySessionId => {
            "it selected TLS 1.2 and resumes a session ID that no session has (RFC 5246, section \
             7.4.1.3)"
        }
        P::ServerHelloMustOfferUncompressedEcPoints => {
            "its ServerHello does not accept uncompressed points (RFC 8422, section 5.2)"
        }
        P::ServerNameDifferedOnRetry => {
            "its second ClientHello changes the server name (RFC 8446, section 4.1.2)"
        }
        P::ServerNameMustContainOneHostName => {
            "its server_name extension does not have exactly one host name (RFC 6066, section 3)"
        }
        P::SignedHandshakeWithUnadvertisedSigScheme => {
            "it signed the handshake with a signature scheme that was not offered (RFC 8446, \
             section 4.4.3)"
        }
        P::TooManyEmptyFragments => "it sent too many empty records in a row",
        P::TooManyKeyUpdateRequests => "it sent too many KeyUpdate messages in a row",
        P::TooManyRenegotiationRequests => "it requested renegotiation too often",
        P::TooManyWarningAlertsReceived => "it sent too many warning alerts",
        P::TooMuchEarlyDataReceived => {
            "it sent more early data than its ticket allows (RFC 8446, section 4.2.10)"
        }
        P::UnexpectedCleartextExtension => {
            "its ServerHello has an extension that must be encrypted (RFC 8446, section 4.1.3)"
        }
        P::UnsolicitedCertExtension => {
            "its Certificate message has an extension that was not requested (RFC 8446, section \
             4.4.2)"
        }
        P::UnsolicitedEncryptedExtension => {
            "its EncryptedExtensions have an extension that was not offered (RFC 8446, section 4.2)"
        }
        P::UnsolicitedSctList => {
            "it sent signed certificate timestamps that were not requested (RFC 6962, section \
             3.3.1)"
        }
        P::UnsolicitedServerHelloExtension => {
            "its ServerHello has an extension that was not offered (RFC 8446, section 4.2)"
        }
        P::WrongGroupForKeyShare => {
            "its key share is of a group that the client sent no key share of (RFC 8446, section \
             4.2.8)"
        }
        P::UnsolicitedEchExtension => {
            "its EncryptedExtensions have ECH configurations, and it did not reject ECH (RFC 9849, \
             section 5)"
        }
        _ => UNKNOWN,
    }
}

/// For variants added in later versions of rustls.
pub(super) const UNKNOWN: &str = "it sent a message that the protocol does not allow";
