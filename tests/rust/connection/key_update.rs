//! Key updates (RFC 8446, section 4.6.3).

use support::*;
use tlsmith::{Status, Version};

#[test]
fn keys_change_again_and_again_while_data_flows() {
    let (client, server, sent) =
        recorded_pair(&client_context(), &server_context(localhost()), "localhost");
    let (ours, theirs) = shake_hands(&client, &server);
    ours.and(theirs).unwrap();
    for round in 0..20_u8 {
        let words = vec![round; 1 + usize::from(round) * 2_000];
        for (one, other) in [(&client, &server), (&server, &client)] {
            one.refresh_keys().unwrap();
            say(one, other, &words);
            say(other, one, &words);
            // Two in a row.
            one.refresh_keys().unwrap();
            one.refresh_keys().unwrap();
            say(one, other, &words);
        }
    }
    // What the server asked for last is answered with the data that is written next.
    say(&client, &server, b"an answer");
    // A key update is a record of its own, and goes out when it is told to.
    let count = || records(&sent.lock().unwrap(), 23).len();
    let before = count();
    client.refresh_keys().unwrap();
    client.flush().unwrap();
    assert_eq!(count(), before + 1);
    // The server is asked for the same, and answers at the latest with its data.
    say(&server, &client, b"old keys, perhaps");
    say(&client, &server, b"new ones");
    say(&server, &client, b"new ones, too");
}

#[test]
fn tls_1_2_has_no_key_updates() {
    let client = only(client_context(), Version::Tls12);
    let (client, server) = meet(&client, &server_context(localhost()), "localhost");
    assert_fails(client.refresh_keys(), Status::Unsupported, "TLS 1.3 alone");
    say(&client, &server, b"and it does no harm");
}
