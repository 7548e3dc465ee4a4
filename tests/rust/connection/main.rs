//! Connections between two ends of this library.

#[path = "../../support/mod.rs"]
mod support;

mod believing;
mod binding;
mod callbacks;
mod choosing;
mod clients;
mod contexts;
mod data;
mod deadlines;
mod early;
mod expiry;
mod external;
mod facts;
mod first_message;
mod handshake;
mod lengths;
mod limits;
mod naming;
mod own_settings;
mod peers;
mod policy;
mod record_limits;
mod sessions;
mod signatures;
mod sockets;
mod stores;
mod threads;
mod timeouts;
mod transports;
mod trust;
mod unverified;
