//! What the handshake agreed on.

pub(crate) mod exporter;
