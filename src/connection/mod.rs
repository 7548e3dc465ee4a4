//! One connection: the engine, the transport, and the pump between them.

mod acceptor;
mod buffer;
mod call;
mod channel_binding;
mod client;
mod closing;
mod data;
mod early;
mod engine;
mod exporter;
mod facts;
mod failure;
mod handshake_timeout;
mod hello;
mod memory;
mod pipe;
mod progress;
mod pump;
mod race;
mod record;
mod report;
mod session;
mod steps;
mod stream;
pub mod tcp;
mod transport;

pub use channel_binding::ChannelBinding;
pub use engine::EarlyData;
pub use exporter::MOST as MOST_EXPORTED;
pub use facts::Ech;
pub use failure::alert_name;
pub use memory::MemoryTransport;
pub use pipe::PipeTransport;
#[cfg(fuzzing)]
pub(crate) use record::play;
pub use report::Agreed;
pub use stream::{Connection, Events};
pub use transport::{Interrupt, Patience, SocketTransport, Timeout, Transport};
