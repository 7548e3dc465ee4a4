//! Moves bytes between the engine and the transport.

mod handshake_timeout;
mod pump;

pub(crate) use handshake_timeout::HandshakeTimeout;
pub(crate) use pump::*;
