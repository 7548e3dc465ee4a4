//! Clients that limit the records they receive: record_size_limit (RFC 8449) and
//! max_fragment_length (RFC 6066, section 4), at both kinds of server.

use support::*;
use tlsmith::{CertOptions, Context, Version};

use crate::plaintext_records::{flight, fragmented, hello, inspecting, with_extension};

const MAX_FRAGMENT_LENGTH: u16 = 1;
const RECORD_SIZE_LIMIT: u16 = 28;

const ILLEGAL_PARAMETER: u8 = 47;
const DECODE_ERROR: u8 = 50;

/// What records of TLS 1.3 hold beside their plaintext: a content type and a tag.
const OVERHEAD: usize = 1 + 16;

/// Both kinds of server, with a certificate of some kilobytes.
fn servers(set: impl Fn(&Context)) -> [Context; 2] {
    let names: Vec<String> = (0..100)
        .map(|number| format!("host-{number}.example.org"))
        .collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let identity = issue(&names, &CertOptions::default());
    let server = || {
        let server = server_context(&identity);
        set(&server);
        server
    };
    [server(), inspecting(&server())]
}

/// A ClientHello with these extensions.
fn hello_with(version: Version, extensions: &[(u16, &[u8])]) -> Vec<u8> {
    let hello = hello(version);
    extensions.iter().fold(hello, |hello, (kind, content)| {
        with_extension(&hello, *kind, content)
    })
}

/// The length of the longest plaintext in these records.  ServerHello is not protected, in
/// either version.
fn longest_plaintext(records: &[u8], version: Version) -> usize {
    let content_type = match version {
        Version::Tls12 => 22,
        Version::Tls13 => 23,
    };
    let unprotected = support::records(records, 22);
    let unprotected = unprotected.iter().map(Vec::len).max().unwrap();
    if content_type == 22 {
        return unprotected;
    }
    let protected = support::records(records, content_type);
    let protected = protected.iter().map(Vec::len).max().unwrap() - OVERHEAD;
    protected.max(unprotected)
}

#[track_caller]
fn check_flights(servers: &[Context], extensions: &[(u16, &[u8])], expected: [usize; 2]) {
    for (version, expected) in BOTH_VERSIONS.into_iter().zip(expected) {
        let hello = hello_with(version, extensions);
        for (place, server) in servers.iter().enumerate() {
            for (record, piece) in [(16_384, usize::MAX), (100, usize::MAX), (70, 33)] {
                let flight = flight(server, &fragmented(&hello, record), piece);
                assert_eq!(
                    longest_plaintext(&flight, version),
                    expected,
                    "{version:?}, server {place}, {extensions:?}, records of {record} bytes"
                );
            }
        }
    }
}

#[test]
fn server_handshake_records_respect_the_limit_of_the_client() {
    let servers = servers(|_| {});
    check_flights(&servers, &[(RECORD_SIZE_LIMIT, &[0, 64])], [64, 63]);
    check_flights(&servers, &[(RECORD_SIZE_LIMIT, &[2, 1])], [513, 512]);
    check_flights(&servers, &[(MAX_FRAGMENT_LENGTH, &[1])], [512, 512]);
    check_flights(&servers, &[(MAX_FRAGMENT_LENGTH, &[2])], [1_024, 1_024]);
    let both: [(u16, &[u8]); 2] = [(MAX_FRAGMENT_LENGTH, &[1]), (RECORD_SIZE_LIMIT, &[4, 0])];
    check_flights(&servers, &both, [1_024, 1_023]);
    let ignored: [(u16, &[u8]); 2] = [(RECORD_SIZE_LIMIT, &[4, 0]), (MAX_FRAGMENT_LENGTH, &[9])];
    check_flights(&servers, &ignored, [1_024, 1_023]);
}

#[test]
fn warning_alert_before_the_client_hello_does_not_lift_the_limit() {
    let alert = [21, 3, 1, 0, 2, 1, 90];
    // A server that inspects the ClientHello rejects an alert before it.
    let [server, _] = servers(|_| {});
    for version in BOTH_VERSIONS {
        let hello = hello_with(version, &[(MAX_FRAGMENT_LENGTH, &[1])]);
        for (record, piece) in [(16_384, usize::MAX), (16_384, 7), (70, 33)] {
            let bytes = [&alert[..], &fragmented(&hello, record)].concat();
            let flight = flight(&server, &bytes, piece);
            assert_eq!(longest_plaintext(&flight, version), 512, "{version:?}");
        }
    }
}

#[test]
fn shorter_limit_of_client_and_context_applies() {
    let limited = servers(|server| server.set_max_fragment(600).unwrap());
    check_flights(&limited, &[], [600, 600]);
    check_flights(&limited, &[(RECORD_SIZE_LIMIT, &[64, 1])], [600, 600]);
    check_flights(&limited, &[(MAX_FRAGMENT_LENGTH, &[4])], [600, 600]);
    check_flights(&limited, &[(MAX_FRAGMENT_LENGTH, &[1])], [512, 512]);
    check_flights(&limited, &[(RECORD_SIZE_LIMIT, &[0, 100])], [100, 99]);
}

#[test]
fn limit_of_one_client_does_not_apply_to_the_next() {
    for version in BOTH_VERSIONS {
        for server in servers(|_| {}) {
            let limited = hello_with(version, &[(RECORD_SIZE_LIMIT, &[0, 64])]);
            flight(&server, &fragmented(&limited, 16_384), usize::MAX);
            let flight = flight(&server, &fragmented(&hello(version), 16_384), usize::MAX);
            assert!(longest_plaintext(&flight, version) > 1_024);
        }
    }
}

#[test]
fn server_rejects_illegal_limits() {
    for (kind, content, alert) in [
        (RECORD_SIZE_LIMIT, &[0, 63][..], ILLEGAL_PARAMETER),
        (RECORD_SIZE_LIMIT, &[0, 0], ILLEGAL_PARAMETER),
        (MAX_FRAGMENT_LENGTH, &[0], ILLEGAL_PARAMETER),
        (MAX_FRAGMENT_LENGTH, &[5], ILLEGAL_PARAMETER),
        (RECORD_SIZE_LIMIT, &[64], DECODE_ERROR),
        (MAX_FRAGMENT_LENGTH, &[], DECODE_ERROR),
    ] {
        for version in BOTH_VERSIONS {
            let hello = hello_with(version, &[(kind, content)]);
            for server in servers(|_| {}) {
                for (record, piece) in [(16_384, usize::MAX), (70, 33)] {
                    let flight = flight(&server, &fragmented(&hello, record), piece);
                    assert_eq!(flight, [21, 3, 3, 0, 2, 2, alert], "{kind}: {content:?}");
                }
            }
        }
    }
}
