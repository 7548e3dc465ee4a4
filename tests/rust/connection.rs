//! Connections between two ends of this library.

#[path = "../support/mod.rs"]
mod support;

#[path = "connection/believing.rs"]
mod believing;
#[path = "connection/binding.rs"]
mod binding;
#[path = "connection/callbacks.rs"]
mod callbacks;
#[path = "connection/choosing.rs"]
mod choosing;
#[path = "connection/clients.rs"]
mod clients;
#[path = "connection/contexts.rs"]
mod contexts;
#[path = "connection/data.rs"]
mod data;
#[path = "connection/deadlines.rs"]
mod deadlines;
#[path = "connection/early.rs"]
mod early;
#[path = "connection/expiry.rs"]
mod expiry;
#[path = "connection/external.rs"]
mod external;
#[path = "connection/facts.rs"]
mod facts;
#[path = "connection/first_message.rs"]
mod first_message;
#[path = "connection/handshake.rs"]
mod handshake;
#[path = "connection/lengths.rs"]
mod lengths;
#[path = "connection/limits.rs"]
mod limits;
#[path = "connection/naming.rs"]
mod naming;
#[path = "connection/own_settings.rs"]
mod own_settings;
#[path = "connection/peers.rs"]
mod peers;
#[path = "connection/policy.rs"]
mod policy;
#[path = "connection/record_limits.rs"]
mod record_limits;
#[path = "connection/sessions.rs"]
mod sessions;
#[path = "connection/signatures.rs"]
mod signatures;
#[path = "connection/sockets.rs"]
mod sockets;
#[path = "connection/stores.rs"]
mod stores;
#[path = "connection/threads.rs"]
mod threads;
#[path = "connection/timeouts.rs"]
mod timeouts;
#[path = "connection/transports.rs"]
mod transports;
#[path = "connection/trust.rs"]
mod trust;
#[path = "connection/unverified.rs"]
mod unverified;
