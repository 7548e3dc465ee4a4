//! Tests of what a peer may send without application data, and of how much of it is stored.  The
//! rules are the same with rustls' record layer and with ours.

use std::sync::Arc;

use rustls::crypto::aws_lc_rs::cipher_suite as suites;

use super::endpoint::{Endpoint, connect};
use super::peer::{Peer, Receiver, Sent, Terms, name};
use crate::Status;
use crate::base::limits::CONTROL_RECORDS;
#[cfg(not(feature = "rustls-records"))]
use crate::base::limits::CONTROL_RECORDS_PER_KIND;
use crate::connection::engine::Engine;
use crate::context::{ClientStart, ConnectionOptions, Context, Session};

/// A receiver after its handshake, and its peer, which received all records of it.
fn connected(terms: &Terms, is_client: bool) -> (Endpoint, Peer) {
    let mut target = Endpoint::new(terms, is_client, None);
    let mut peer = connect(terms, is_client, &mut target);
    peer.open(&target.take_records());
    (target, peer)
}

#[test]
fn records_without_data_share_one_allowance() {
    let terms = Terms::new(suites::TLS13_AES_128_GCM_SHA256);
    let update = |peer: &mut Peer| {
        let record = peer.seal(22, &[24, 0, 0, 1, 0]);
        peer.update_keys();
        record
    };
    let empty = |peer: &mut Peer| peer.seal(23, &[]);
    let padded = |peer: &mut Peer| peer.seal_padded(23, &[], 16_000);
    let ticket = |peer: &mut Peer| {
        let ticket = [4, 0, 0, 14, 0, 0, 28, 32, 0, 0, 0, 0, 0, 0, 1, 120, 0, 0];
        peer.seal(22, &ticket)
    };
    type Kind<'a> = &'a dyn Fn(&mut Peer) -> Vec<u8>;
    let mixes: [(bool, &[Kind]); 4] = [
        (false, &[&update, &empty]),
        (false, &[&update, &padded]),
        (true, &[&update, &ticket, &empty]),
        (true, &[&ticket]),
    ];
    for (is_client, mix) in mixes {
        let (mut target, mut peer) = connected(&terms, is_client);
        target.receive(&peer.seal(23, b"data"));
        let mut kinds = mix.iter().cycle();
        for _ in 0..3 {
            for _ in 0..CONTROL_RECORDS {
                target.receive(&kinds.next().unwrap()(&mut peer));
                assert!(target.engine.failure().is_none());
            }
            target.receive(&peer.seal(23, b"data"));
        }
        for _ in 0..CONTROL_RECORDS {
            target.receive(&kinds.next().unwrap()(&mut peer));
        }
        assert!(target.engine.failure().is_none());
        target.receive(&kinds.next().unwrap()(&mut peer));
        let error = target.engine.failure().unwrap().clone();
        assert_eq!(error.status(), Status::Protocol);
        assert!(error.to_string().contains("too many records"), "{error}");
        let sent = peer.open(&target.take_records());
        assert_eq!(sent, [Sent::Alert(2, 10)]);
    }
}

#[test]
#[cfg(not(feature = "rustls-records"))]
fn warning_alerts_do_not_refill_the_allowance_of_empty_records() {
    let terms = Terms::new(suites::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256);
    for is_client in [true, false] {
        let (mut target, mut peer) = connected(&terms, is_client);
        for part in 0..2 {
            for _ in 0..CONTROL_RECORDS_PER_KIND / 2 {
                target.receive(&peer.seal(23, &[]));
            }
            if part == 0 {
                target.receive(&peer.seal(21, &[1, 90]));
            }
        }
        assert!(target.engine.failure().is_none());
        target.receive(&peer.seal(23, &[]));
        let error = target.engine.failure().unwrap();
        assert!(error.to_string().contains("too many records"), "{error}");
    }
}

#[test]
fn receiver_answers_key_update_request_without_a_write() {
    let terms = Terms::new(suites::TLS13_AES_128_GCM_SHA256);
    for is_client in [true, false] {
        let (mut target, mut peer) = connected(&terms, is_client);
        for _ in 0..3 {
            target.receive(&peer.seal(22, &[24, 0, 0, 1, 1]));
            peer.update_keys();
            assert!(target.engine.has_outgoing());
            assert_eq!(peer.open(&target.take_records()), [Sent::KeyUpdate(0)]);
            target.engine.encrypt(b"data", 0).unwrap();
            let sent = peer.open(&target.take_records());
            assert_eq!(sent, [Sent::Data(b"data".to_vec())]);
        }
    }
}

/// A KeyUpdate, and whatever the peer sends after it.
#[cfg(not(feature = "rustls-records"))]
fn key_update(peer: &mut Peer) -> Vec<u8> {
    let update = peer.seal(22, &[24, 0, 0, 1, 0]);
    peer.update_keys();
    update
}

#[test]
#[cfg(not(feature = "rustls-records"))]
fn requested_key_updates_are_not_charged() {
    let terms = Terms::new(suites::TLS13_AES_128_GCM_SHA256);
    for is_client in [true, false] {
        let (mut target, mut peer) = connected(&terms, is_client);
        target.receive(&peer.seal(23, b"data"));
        for round in 0..5 * u32::from(CONTROL_RECORDS) {
            target.engine.refresh_keys().unwrap();
            assert_eq!(peer.open(&target.take_records()), [Sent::KeyUpdate(1)]);
            target.receive(&key_update(&mut peer));
            assert!(target.engine.failure().is_none(), "round {round}");
        }
        for _ in 0..CONTROL_RECORDS_PER_KIND {
            target.receive(&key_update(&mut peer));
        }
        assert!(target.engine.failure().is_none());
        target.receive(&key_update(&mut peer));
        assert!(target.engine.failure().is_some());
    }
}

#[test]
#[cfg(not(feature = "rustls-records"))]
fn each_request_exempts_one_key_update_at_most() {
    let terms = Terms::new(suites::TLS13_AES_128_GCM_SHA256);
    for is_client in [true, false] {
        let (mut target, mut peer) = connected(&terms, is_client);
        for _ in 0..3 {
            target.engine.refresh_keys().unwrap();
        }
        // Data refills the allowance, and does not change what is free.
        for _ in 0..2 {
            target.receive(&peer.seal(23, b"data"));
        }
        for _ in 0..3 + CONTROL_RECORDS_PER_KIND {
            target.receive(&key_update(&mut peer));
        }
        assert!(target.engine.failure().is_none());
        target.receive(&key_update(&mut peer));
        let error = target.engine.failure().unwrap();
        assert!(error.to_string().contains("too many records"), "{error}");
    }
}

#[test]
fn connection_lists_only_its_last_tickets() {
    let terms = Terms::new(suites::TLS13_AES_128_GCM_SHA256);
    let mut config = Arc::unwrap_or_clone(terms.client(None));
    let context = Context::new();
    let session = Session::new(&context).unwrap();
    let mut options = ConnectionOptions::new();
    options.set_session(&session);
    let start = context.start_client(&options, name()).unwrap();
    config.resumption = start.config.resumption.clone();
    let start = ClientStart::new(Arc::new(config), name());
    let mut target = Endpoint::of(Engine::client(start).unwrap());
    let mut peer = connect(&terms, true, &mut target);
    for lifetime in 0..200 {
        let ticket = [
            4, 0, 0, 14, 0, 0, 0, lifetime, 0, 0, 0, 0, 0, 0, 1, 120, 0, 0,
        ];
        target.receive(&peer.seal(22, &ticket));
        target.receive(&peer.seal(23, b"x"));
    }
    assert_eq!(
        target.engine.tickets(),
        (200 - 16..200).collect::<Vec<u32>>()
    );
    assert_eq!(session.lifetimes(), (200 - 8..200).collect::<Vec<u32>>());
}

#[test]
fn records_after_our_close_notify_share_the_allowance() {
    let terms = Terms::new(suites::TLS13_AES_128_GCM_SHA256);
    let (mut target, mut peer) = connected(&terms, false);
    // Without application data rustls keeps the connection.
    target.engine.close_notify().unwrap();
    assert_eq!(peer.open(&target.take_records()), [Sent::Alert(1, 0)]);
    for _ in 0..CONTROL_RECORDS / 2 {
        target.receive(&peer.seal(22, &[24, 0, 0, 1, 0]));
        peer.update_keys();
        target.receive(&peer.seal(23, &[]));
    }
    assert!(target.engine.failure().is_none());
    target.receive(&peer.seal(23, &[]));
    let error = target.engine.failure().unwrap();
    assert!(error.to_string().contains("too many records"), "{error}");
    assert!(target.take_records().is_empty());
}
