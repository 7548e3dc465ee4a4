//! Server sessions in a store that the program provides.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tlsmith::{Context, SessionStore, Version};

use support::*;

/// A store in memory.
#[derive(Default)]
struct Store(Mutex<HashMap<Vec<u8>, Vec<u8>>>);

impl Store {
    fn keys(&self) -> Vec<Vec<u8>> {
        self.0.lock().unwrap().keys().cloned().collect()
    }
}

impl SessionStore for Store {
    fn put(&self, key: &[u8], value: &[u8], _lifetime: Duration) -> bool {
        self.0.lock().unwrap().insert(key.to_vec(), value.to_vec());
        true
    }

    fn take(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.0.lock().unwrap().remove(key)
    }
}

fn server_of(store: &Arc<Store>, ticket_key: &[u8; 32]) -> Context {
    server_with(|server| {
        server.add_ticket_key(ticket_key).unwrap();
        server.set_session_store(store.clone()).unwrap();
    })
}

/// Whether a connection resumes a session, after its server has sent new tickets.
fn resumes(client: &Context, server: &Context) -> bool {
    let (client, server) = connected_pair(client, server, "localhost");
    transfer(&server, &client, b"tickets");
    client.agreed().unwrap().resumed
}

const KEY: &[u8; 32] = b"an example of a key for tickets.";
const OTHER_KEY: &[u8; 32] = b"another example of such a key...";

#[test]
fn store_has_different_keys_for_both_versions() {
    let store = Arc::new(Store::default());
    let server = server_of(&store, KEY);
    let keys = BOTH_VERSIONS.map(|version| {
        let client = only(client_context(), version);
        let known = store.keys();
        assert!(!resumes(&client, &server));
        assert!(resumes(&client, &server), "{version:?}");
        let mut keys = store.keys();
        keys.retain(|key| !known.contains(key));
        assert!(!keys.is_empty());
        keys
    });
    // The policy is the same, and the names have 32 bytes.
    let places = |keys: &[Vec<u8>]| -> Vec<_> {
        let places = keys.iter().map(|key| key[..key.len() - 32].to_vec());
        places.collect()
    };
    let [one, other] = keys.map(|keys| places(&keys));
    assert!(one.iter().all(|place| !other.contains(place)));
}

#[test]
fn store_keeps_sessions_that_another_server_can_decrypt() {
    for version in BOTH_VERSIONS {
        let store = Arc::new(Store::default());
        let server = server_of(&store, KEY);
        let client = only(client_context(), version);
        assert!(!resumes(&client, &server));
        let kept = store.keys();
        assert!(!kept.is_empty());
        assert!(!resumes(&client, &server_of(&store, OTHER_KEY)));
        let now = store.keys();
        assert!(kept.iter().all(|key| now.contains(key)), "{version:?}");
    }
}

#[test]
fn store_does_not_get_expired_sessions_back() {
    let store = Arc::new(Store::default());
    let late = server_with(|server| {
        server.add_ticket_key(KEY).unwrap();
        server.set_session_store(store.clone()).unwrap();
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let in_a_day = i64::try_from(now.unwrap().as_secs()).unwrap() + 86_400;
        server.set_clock(Arc::new(move || in_a_day)).unwrap();
    });
    let client = only(client_context(), Version::Tls12);
    assert!(!resumes(&client, &server_of(&store, KEY)));
    let [ended] = &store.keys()[..] else {
        panic!("one session is expected");
    };
    assert!(!resumes(&client, &late));
    assert!(!store.keys().contains(ended));
}
