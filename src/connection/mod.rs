//! One connection: the engine, the transport, and the pump between them.

mod buffer;
mod engine;
mod failure;
mod report;
mod stream;
pub mod tcp;
mod transport;

pub use failure::alert_name;
pub use report::Agreed;
pub use stream::{Connection, Events};
pub use transport::{Interrupt, Patience, SocketTransport, Timeout, Transport};
