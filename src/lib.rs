//! TLS connections and certificates, safe by default.
//!
//! * [`Context`]: what connections share: trust, identities, the rules.
//! * [`Connection`]: one connection over a [`Transport`], such as a
//!   [`SocketTransport`] over what [`tcp`] connects or accepts.
//! * [`Identity`]: a certificate chain with its [`PrivateKey`];
//!   [`Certificate`]: one of them, with every field.
//! * [`gen_ca`], [`issue_cert`], [`self_signed`]: making them.
//! * [`Csr`], [`gen_csr`], [`sign_csr`]: having them made by somebody else.
//! * [`Crl`], [`gen_crl`]: taking them back.
//! * [`Error`]: a [`Status`] for programs, a sentence for people.
//! * [`cipher_names`], [`group_names`], [`scheme_names`]: what can be negotiated.
//! * [`random`], [`digest`]: random bytes and SHA-2.
//! * [`text`]: how text from outside is shown to people.
//!
//! The handshake is rustls', cryptography AWS-LC's, path building webpki's.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod base;
mod connection;
mod context;
mod pki;
mod trust;

pub use base::text;
pub use base::{
    DigestAlgorithm, Error, Origin, PerProcess, Result, Status, after_fork_in_child,
    after_fork_in_parent, before_fork, digest, random, without_cryptography,
};

pub use connection::{
    Agreed, Carrier, ChannelBinding, Connection, Deadline, EarlyData, Ech, Events, Interrupt,
    MAX_EXPORTED, MemoryTransport, PipeTransport, SocketTransport, Timeout, Transport, WaitMode,
    alert_name, tcp,
};
pub use context::{
    ClientAuth, ClientHello, ConnectionOptions, Context, HelloCallback, KeyLogLine, MOST_STORED,
    Now, Selection, Session, SessionCallback, SessionStore, Version, cipher_names, group_names,
    scheme_names,
};
pub use pki::*;
pub use trust::{Judge, KeyPurpose, RevocationRules, Verdict};

/// Does what the bytes say to both sides of a connection: for tests/fuzz alone.
#[cfg(fuzzing)]
#[doc(hidden)]
pub fn play_hostile_records(commands: &[u8]) {
    connection::play(commands);
}
