//! Handshakes of both sides, in which one hears something else than the other says.

#![no_main]

use std::sync::OnceLock;

use tlsmith::{
    CertOptions, ClientAuth, Connection, Context, Identity, MemoryTransport, Version, gen_ca,
    issue_cert,
};

/// More flights than any handshake has.
const FLIGHTS: usize = 12;

fn identities() -> &'static (Identity, Identity) {
    static MADE: OnceLock<(Identity, Identity)> = OnceLock::new();
    MADE.get_or_init(|| {
        let ca = gen_ca(&CertOptions::default()).unwrap();
        let site = issue_cert(&ca, &["localhost".to_owned()], &CertOptions::default()).unwrap();
        (ca, site)
    })
}

/// Moves what one side says to the other, changed as the commands say.
fn carry(from: &Connection, to: &Connection, commands: &mut &[u8], changes: bool) {
    let mut flight = vec![0; 65_536];
    let count = from.drain(&mut flight).unwrap();
    flight.truncate(count);
    while let ([high, low, xor, rest @ ..], true) = (*commands, changes) {
        *commands = rest;
        if *xor == 0 || flight.is_empty() {
            break;
        }
        let place = usize::from(u16::from_be_bytes([*high, *low])) % flight.len();
        match xor {
            1 => flight.truncate(place),
            2 => flight.insert(place, *low),
            3 => drop(flight.remove(place)),
            _ => flight[place] ^= xor,
        }
    }
    if !flight.is_empty() {
        let _ = to.feed(&flight);
    }
}

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let Some((&first, mut commands)) = input.split_first() else {
        return;
    };
    let (ca, site) = identities();
    let (client, server) = (Context::new(), Context::new());
    client.add_root(ca.certificate()).unwrap();
    server.use_identity(site).unwrap();
    if first & 2 != 0 {
        client.set_versions(Version::Tls12, Version::Tls12).unwrap();
    }
    if first & 4 != 0 {
        server
            .set_hello_callback(std::sync::Arc::new(|_| Ok(tlsmith::Selection::default())))
            .unwrap();
    }
    if first & 8 != 0 {
        server.add_root(ca.certificate()).unwrap();
        server.set_client_auth(ClientAuth::Optional).unwrap();
    }
    let client = Connection::client(&client, Some("localhost"), MemoryTransport).unwrap();
    let server = Connection::server(&server, MemoryTransport).unwrap();
    let is_client_wrong = first & 1 != 0;
    for _ in 0..FLIGHTS {
        let done = (client.handshake(), server.handshake());
        carry(&client, &server, &mut commands, is_client_wrong);
        carry(&server, &client, &mut commands, !is_client_wrong);
        if matches!(done, (Ok(()), Ok(()))) {
            break;
        }
    }
    for side in [&client, &server] {
        let _ = side.write(b"data");
        let _ = side.read(&mut [0; 64]);
        let _ = side.report();
        let _ = side.shutdown();
    }
});
