//! TLS connections and certificates, secure by default.
//!
//! * [`Context`]: the settings that connections share: trust, identities, versions.
//! * [`Connection`]: one connection over a [`Transport`], such as a [`SocketTransport`] with a
//!   socket of [`tcp`].
//! * [`Identity`]: a certificate chain with its [`PrivateKey`]; [`Certificate`]: one certificate
//!   with all its fields.
//! * [`gen_ca`], [`issue_cert`], [`self_signed`]: create certificates.
//! * [`Csr`], [`gen_csr`], [`sign_csr`]: create and sign certificate requests.
//! * [`Crl`], [`gen_crl`]: revoke certificates.
//! * [`Error`]: a [`Status`] for programs, and a sentence for people.
//! * [`cipher_names`], [`group_names`], [`scheme_names`]: what can be negotiated.
//! * [`random`], [`digest`]: random bytes and SHA-2.
//! * [`text`]: displays untrusted text safely.
//!
//! rustls performs the handshake, AWS-LC most of the cryptography, and webpki the path building.

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
    ClientAuth, ClientHello, ConnectionOptions, Context, HelloCallback, KeyLogCallback,
    MAX_STORED_SESSION, Now, Selection, Session, SessionCallback, SessionStore, Version,
    cipher_names, group_names, scheme_names,
};
pub use pki::*;
pub use trust::{KeyPurpose, RevocationRules, VerificationResult, VerifyCallback};

/// Runs the record layer against a hostile peer that `commands` control.  Only for tests/fuzz.
#[cfg(fuzzing)]
#[doc(hidden)]
pub fn play_hostile_records(commands: &[u8]) {
    connection::play(commands);
}
