//! The files of an Ed448 chain, made by OpenSSL or by tlsmith.

use super::*;
use support::Ed448Chain;

#[test]
fn tlsmith_verifies_a_chain_of_openssl() {
    let chain = Ed448Chain::by_openssl();
    let server = chain.server();
    assert_eq!(server.certificate().key_type(), "ed448");
    assert_eq!(server.certificate().signature_type(), "ed448");
    assert_eq!(server.certificate().issuer(), "CN=ROOT CA");
    let context = chain.context();
    context.allow_common_name().unwrap();
    let path = context
        .verify(server.chain(), Some("localhost"), None, None)
        .unwrap();
    assert_eq!(path.len(), 2);
    assert_eq!(path[1].subject(), "CN=ROOT CA");
}

#[test]
fn common_name_of_the_chain_counts_only_where_allowed() {
    let chain = Ed448Chain::by_openssl();
    let server = chain.server();
    let verified = chain
        .context()
        .verify(server.chain(), Some("localhost"), None, None);
    let (status, sentence) = status_of(verified);
    assert_eq!(status, Status::CertificateNameMismatch);
    assert!(sentence.contains("allow the common name"), "{sentence}");
}

#[test]
fn openssl_verifies_a_chain_of_tlsmith() {
    let chain = Ed448Chain::by_tlsmith();
    let words = chain.run(&[
        "verify",
        "-x509_strict",
        "-purpose",
        "sslserver",
        "-verify_hostname",
        "localhost",
        "-CAfile",
        "ca_cert.pem",
        "server_cert.pem",
    ]);
    assert_eq!(words.trim(), "server_cert.pem: OK");
    let words = chain.run(&["req", "-in", "server_csr.pem", "-noout", "-verify", "-text"]);
    for part in [
        "Certificate request self-signature verify OK",
        "ED448",
        "X509v3 Basic Constraints: critical\n                    CA:FALSE",
        "DNS:localhost",
    ] {
        assert!(words.contains(part), "no '{part}' in {words}");
    }
    let words = chain.run(&["x509", "-in", "server_cert.pem", "-noout", "-text"]);
    for part in [
        "Signature Algorithm: ED448",
        "Issuer: CN = ROOT CA",
        "Subject: CN = localhost",
        "X509v3 Basic Constraints: critical\n                CA:FALSE",
    ] {
        assert!(words.contains(part), "no '{part}' in {words}");
    }
    chain.run(&["pkey", "-in", "server_keypair.pem", "-noout", "-check"]);
    for key in ["ca_keypair.pem", "server_keypair.pem"] {
        let mode = fs::metadata(chain.path(key)).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600);
    }
    let server = chain.server();
    chain
        .context()
        .verify(server.chain(), Some("localhost"), None, None)
        .unwrap();
}

#[test]
fn tlsmith_and_openssl_continue_each_others_files() {
    let chain = Ed448Chain::by_openssl();
    chain.issue();
    chain.run(&["verify", "-CAfile", "ca_cert.pem", "server_cert.pem"]);
    let chain = Ed448Chain::by_tlsmith();
    chain.issue_by_openssl();
    let server = chain.server();
    chain
        .context()
        .verify(server.chain(), Some("localhost"), None, None)
        .unwrap();
}
