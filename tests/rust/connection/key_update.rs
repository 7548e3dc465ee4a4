//! Key updates (RFC 8446, section 4.6.3).

use support::*;
use tlsmith::{Status, Version};

#[test]
fn key_updates_do_not_disturb_the_data() {
    let (client, server, sent) =
        recorded_pair(&client_context(), &server_context(localhost()), "localhost");
    let (ours, theirs) = run_handshake(&client, &server);
    ours.and(theirs).unwrap();
    for round in 0..20_u8 {
        let words = vec![round; 1 + usize::from(round) * 2_000];
        for (one, other) in [(&client, &server), (&server, &client)] {
            one.refresh_keys().unwrap();
            transfer(one, other, &words);
            transfer(other, one, &words);
            // Two in a row.
            one.refresh_keys().unwrap();
            one.refresh_keys().unwrap();
            transfer(one, other, &words);
        }
    }
    // What the server asked for last is answered with the data that is written next.
    transfer(&client, &server, b"an answer");
    // A key update is a record of its own, and is sent on request.
    let count = || records(&sent.lock().unwrap(), 23).len();
    let before = count();
    client.refresh_keys().unwrap();
    client.flush().unwrap();
    assert_eq!(count(), before + 1);
    // The server is asked for the same, and answers at the latest with its data.
    transfer(&server, &client, b"old keys, perhaps");
    transfer(&client, &server, b"new ones");
    transfer(&server, &client, b"new ones, too");
}

#[test]
fn tls_1_2_has_no_key_updates() {
    let client = only(client_context(), Version::Tls12);
    let (client, server) = connected_pair(&client, &server_context(localhost()), "localhost");
    assert_fails(client.refresh_keys(), Status::Unsupported, "TLS 1.3 alone");
    transfer(&client, &server, b"and it does no harm");
}
