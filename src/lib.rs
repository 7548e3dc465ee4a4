//! TLS connections and certificates, safe by default.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod connection;
mod context;
mod error;
mod pki;
mod provider;
mod trust;

pub use connection::{
    Agreed, Connection, Events, Interrupt, Patience, SocketTransport, Timeout, Transport,
    alert_name, tcp,
};
pub use context::{ClientAuth, Context, Version};
pub use error::{CertificateProblem, Error, Result, Status};
pub use pki::*;
