//! Tests of key updates, AEAD limits and closing, which random traffic does not reach.

use rustls::crypto::aws_lc_rs::cipher_suite as suites;
use rustls::{CipherSuiteCommon, SupportedCipherSuite, Tls12CipherSuite, Tls13CipherSuite};

use super::endpoint::connect;
use super::hostile::Target;
use super::peer::{Peer, Receiver, Sent, Terms};
use crate::Status;
use crate::base::limits::CONTROL_RECORDS_PER_KIND;

/// How many records a key may seal here.
const LIMIT: usize = 12;

/// The same suite with a low AEAD limit.
fn limited(suite: SupportedCipherSuite) -> SupportedCipherSuite {
    let common_of = |common: &CipherSuiteCommon| CipherSuiteCommon {
        suite: common.suite,
        hash_provider: common.hash_provider,
        confidentiality_limit: LIMIT as u64,
    };
    match suite {
        SupportedCipherSuite::Tls13(base) => {
            SupportedCipherSuite::Tls13(Box::leak(Box::new(Tls13CipherSuite {
                common: common_of(&base.common),
                hkdf_provider: base.hkdf_provider,
                aead_alg: base.aead_alg,
                quic: base.quic,
            })))
        }
        SupportedCipherSuite::Tls12(base) => {
            SupportedCipherSuite::Tls12(Box::leak(Box::new(Tls12CipherSuite {
                common: common_of(&base.common),
                prf_provider: base.prf_provider,
                kx: base.kx,
                sign: base.sign,
                aead_alg: base.aead_alg,
            })))
        }
    }
}

/// A receiver after its handshake, and its peer.
fn connected(terms: &Terms, is_client: bool) -> (Target, Peer) {
    let mut target = Target::new(terms, is_client);
    let peer = connect(terms, is_client, &mut target);
    (target, peer)
}

#[test]
fn tls_1_3_changes_keys_before_their_aead_limit() {
    let terms = Terms::new(limited(suites::TLS13_AES_128_GCM_SHA256));
    for is_client in [true, false] {
        let (mut target, mut peer) = connected(&terms, is_client);
        // A server has sealed its tickets: two messages, in how many records ever.
        peer.open(&target.take_records());
        let (mut sealed, mut updates) = (0, 0);
        for _ in 0..20 {
            assert_eq!(target.engine().encrypt(&[7; 40_000], 0).unwrap(), 40_000);
            for sent in peer.open(&target.take_records()) {
                sealed += 1;
                assert!(sealed <= LIMIT, "{sealed} records with one key");
                if sent == Sent::KeyUpdate(0) {
                    (sealed, updates) = (0, updates + 1);
                }
            }
        }
        assert!(updates >= 5, "{updates} key updates");
    }
}

#[test]
fn tls_1_2_closes_the_connection_before_the_aead_limit() {
    let terms = Terms::new(limited(suites::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384));
    for is_client in [true, false] {
        let (mut target, mut peer) = connected(&terms, is_client);
        let mut sent = Vec::new();
        let error = loop {
            let written = target.engine().encrypt(b"wearing", 0);
            sent.extend(peer.open(&target.take_records()));
            match written {
                Ok(count) => assert_eq!(count, 7),
                Err(error) => break error,
            }
            assert!(sent.len() < LIMIT);
        };
        assert_eq!(error.status(), Status::Internal);
        // Finished was sealed with these keys, too.
        assert_eq!(sent.len(), LIMIT - 1);
        assert_eq!(sent.last(), Some(&Sent::Alert(1, 0)));
        assert!(target.engine().encrypt(b"more", 0).is_err());
        assert!(target.take_records().is_empty());
    }
}

#[test]
fn sealed_records_have_the_expected_length() {
    let lengths = [
        (suites::TLS13_AES_128_GCM_SHA256, 1 + 16),
        (suites::TLS13_CHACHA20_POLY1305_SHA256, 1 + 16),
        (suites::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, 8 + 16),
        (suites::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, 16),
    ];
    for (suite, overhead) in lengths {
        let (mut target, mut peer) = connected(&Terms::new(suite), true);
        for length in [1, 100, 16_384] {
            target.engine().encrypt(&vec![7; length], 0).unwrap();
            let record = target.take_records();
            assert_eq!(record.len(), 5 + length + overhead);
            assert_eq!(record[..3], [23, 3, 3]);
            assert_eq!(peer.open(&record), [Sent::Data(vec![7; length])]);
        }
    }
}

/// A KeyUpdate that asks for one, and whatever the peer sends after it.
fn update_request(peer: &mut Peer) -> Vec<u8> {
    let update = peer.seal(22, &[24, 0, 0, 1, 1]);
    peer.update_keys();
    update
}

#[test]
fn key_update_requests_cost_no_memory_if_the_peer_reads_nothing() {
    let terms = Terms::new(suites::TLS13_AES_128_GCM_SHA256);
    let (mut target, mut peer) = connected(&terms, true);
    target.engine().encrypt(b"unread", 0).unwrap();
    let unread = target.engine().undrained();
    for _ in 0..1_000 {
        target.receive(&update_request(&mut peer));
        target.receive(&peer.seal(23, b"x"));
        assert_eq!(target.engine().undrained(), unread);
    }
    let sent = peer.open(&target.take_records());
    assert_eq!(sent, [Sent::Data(b"unread".to_vec())]);
    assert_eq!(peer.open(&target.take_records()), [Sent::KeyUpdate(0)]);
}

#[test]
fn sender_sends_no_key_update_after_close_notify() {
    let terms = Terms::new(suites::TLS13_AES_128_GCM_SHA256);
    let (mut target, mut peer) = connected(&terms, true);
    target.engine().encrypt(b"all", 0).unwrap();
    target.engine().close_notify().unwrap();
    target.take_records();
    target.receive(&update_request(&mut peer));
    assert!(!target.engine().has_outgoing());
    assert!(target.take_records().is_empty());
}

#[test]
fn many_key_update_requests_get_one_answer() {
    let terms = Terms::new(suites::TLS13_AES_128_GCM_SHA256);
    let (mut target, mut peer) = connected(&terms, true);
    target.receive(&peer.seal(23, b"data"));
    for _ in 0..CONTROL_RECORDS_PER_KIND {
        target.receive(&update_request(&mut peer));
    }
    assert_eq!(peer.open(&target.take_records()), [Sent::KeyUpdate(0)]);
    target.engine().encrypt(b"and more", 0).unwrap();
    let sent = peer.open(&target.take_records());
    assert_eq!(sent, [Sent::Data(b"and more".to_vec())]);
}

#[test]
fn key_update_request_is_answered_once_until_the_next_write() {
    let terms = Terms::new(suites::TLS13_AES_128_GCM_SHA256);
    for is_client in [true, false] {
        let (mut target, mut peer) = connected(&terms, is_client);
        peer.open(&target.take_records());
        for _ in 0..3 {
            target.receive(&update_request(&mut peer));
            assert!(target.engine().has_outgoing());
            assert_eq!(peer.open(&target.take_records()), [Sent::KeyUpdate(0)]);
            target.receive(&update_request(&mut peer));
            assert!(!target.engine().has_outgoing());
            target.engine().encrypt(b"ours", 0).unwrap();
            let sent = peer.open(&target.take_records());
            assert_eq!(sent, [Sent::Data(b"ours".to_vec())]);
        }
    }
}

#[test]
fn sender_sends_nothing_after_close_notify() {
    for suite in [
        suites::TLS13_AES_128_GCM_SHA256,
        suites::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
    ] {
        let (mut target, mut peer) = connected(&Terms::new(suite), true);
        target.engine().encrypt(b"all", 0).unwrap();
        target.engine().close_notify().unwrap();
        target.engine().close_notify().unwrap();
        let sent = peer.open(&target.take_records());
        assert_eq!(sent, [Sent::Data(b"all".to_vec()), Sent::Alert(1, 0)]);
        target.receive(&peer.seal(22, &[]));
        assert!(target.engine().failure().is_some());
        assert!(target.take_records().is_empty());
    }
}
