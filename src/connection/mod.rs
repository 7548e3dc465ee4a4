//! One connection: the engine, the transport, and the pump between them.

mod api;
mod engine;
mod io;
mod negotiated;
mod records;
mod reentrancy;
mod transport;

pub use api::{Agreed, ChannelBinding, Connection, Ech, Events, MemoryTransport};
pub use engine::EarlyData;
pub use engine::failure::alert_name;
pub use negotiated::exporter::MOST as MOST_EXPORTED;
#[cfg(fuzzing)]
pub(crate) use records::play;
pub use transport::{Interrupt, Patience, PipeTransport, SocketTransport, Timeout, Transport, tcp};
