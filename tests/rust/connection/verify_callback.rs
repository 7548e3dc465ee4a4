//! The verify callback: what it sees, when it is called, and what it can refuse.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use support::*;
use tlsmith::{CertOptions, ClientAuth, Error, Result, Status, VerifyCallback, self_signed};

use crate::pinned_keys::trusting;
use crate::verification::RESPONSE;

#[test]
fn verify_callback_gets_the_verified_chain_and_can_reject_it() {
    let seen = Arc::new(AtomicUsize::new(0));
    let count = seen.clone();
    let judging = move |verdict: Result<()>| {
        let count = count.clone();
        let judge: VerifyCallback = Arc::new(move |case| {
            assert_eq!(case.chain, localhost().chain());
            let path = case.outcome.as_ref().unwrap();
            assert_eq!(path.len(), 2);
            assert_eq!(path[1], *ca().certificate());
            count.fetch_add(1, Ordering::SeqCst);
            verdict.clone()
        });
        judge
    };
    let server = server_context(localhost());
    trusting(&server, |client| {
        client.set_verify_callback(judging(Ok(()))).unwrap()
    })
    .unwrap();
    assert_eq!(seen.load(Ordering::SeqCst), 1);
    let refusal = Error::new(Status::CertificateRefused, "not on a Sunday");
    let client = client_context();
    client.set_verify_callback(judging(Err(refusal))).unwrap();
    let (ours, theirs) = pair(&client, &server, "localhost");
    let (one, other) = run_handshake(&ours, &theirs);
    assert_fails(one, Status::CertificateRefused, "not on a Sunday");
    assert_eq!(other.unwrap_err().alert(), Some(49));
}

#[test]
fn verify_callback_gets_the_ocsp_response() {
    let server = server_context(localhost());
    server.set_ocsp(RESPONSE).unwrap();
    let judge: VerifyCallback = Arc::new(|case| match case.ocsp {
        Some(RESPONSE) => Ok(()),
        _ => Err(Error::new(Status::CertificateOcsp, "no response")),
    });
    for version in BOTH_VERSIONS {
        let client = only(client_context(), version);
        client.set_verify_callback(judge.clone()).unwrap();
        connected_pair(&client, &server, "localhost");
        let (ours, theirs) = pair(&client, &server_context(localhost()), "localhost");
        let (one, other) = run_handshake(&ours, &theirs);
        assert_fails(one, Status::CertificateOcsp, "no response");
        assert_eq!(other.unwrap_err().alert(), Some(113));
    }
}

#[test]
fn verify_callback_cannot_accept_a_failed_chain() {
    let heard = Arc::new(Mutex::new(String::new()));
    let words = heard.clone();
    let server =
        server_context(&self_signed(&names(&["localhost"]), &CertOptions::default()).unwrap());
    let judge: VerifyCallback = Arc::new(move |case| {
        *words.lock().unwrap() = case.outcome.unwrap_err().to_string();
        Ok(())
    });
    let error = trusting(&server, |client| client.set_verify_callback(judge).unwrap()).unwrap_err();
    assert_eq!(error.status(), Status::CertificateUnknownIssuer);
    assert_eq!(*heard.lock().unwrap(), error.to_string());
}

#[test]
fn verify_callback_runs_once_for_a_resumed_session() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    let judge: VerifyCallback = Arc::new(move |case| {
        assert_eq!(case.chain[0].subject(), "CN=alice@example.org");
        count.fetch_add(1, Ordering::SeqCst);
        Ok(())
    });
    let server = server_context(localhost());
    server.add_root(ca().certificate()).unwrap();
    server.set_client_auth(ClientAuth::Optional).unwrap();
    server.set_verify_callback(judge).unwrap();
    let client = client_context();
    client
        .use_identity(&issue(&["alice@example.org"], &CertOptions::default()))
        .unwrap();
    for resumed in [false, true] {
        let (_, server) = connected_pair(&client, &server, "localhost");
        assert_eq!(server.agreed().unwrap().resumed, resumed);
        assert_eq!(asked.load(Ordering::SeqCst), 1);
    }
    // It is not called for a client without a certificate.
    connected_pair(&client_context(), &server, "localhost");
    assert_eq!(asked.load(Ordering::SeqCst), 1);
}

#[test]
fn verify_callback_can_connect_elsewhere() {
    let site = server_context(localhost());
    site.set_ocsp(RESPONSE).unwrap();
    for version in BOTH_VERSIONS {
        let judge: VerifyCallback = Arc::new(move |case| {
            let other = server_context(&issue(&["other.example"], &CertOptions::default()));
            let client = only(client_context(), version);
            let (client, _) = connected_pair(&client, &other, "other.example");
            assert!(client.ocsp_response().is_none());
            assert_ne!(client.peer_chain(), case.chain);
            Ok(())
        });
        let client = only(client_context(), version);
        client.set_verify_callback(judge).unwrap();
        let (client, server) = connected_pair(&client, &site, "localhost");
        assert_eq!(client.verified_chain().len(), 2);
        assert_eq!(client.verified_chain()[0], *localhost().certificate());
        assert_eq!(client.ocsp_response(), Some(RESPONSE));
        let mut keys = [[0; 16]; 2];
        client.export("x", None, &mut keys[0]).unwrap();
        server.export("x", None, &mut keys[1]).unwrap();
        assert_eq!(keys[0], keys[1]);
    }
}
