//! One connection.
//!
//! Each layer is a directory, and imports only the layers below it:
//!
//! | layer | what it does |
//! |---|---|
//! | `api` | [`Connection`]: who may call what when, the handshake, reading and writing |
//! | `io` | moves bytes between the engine and the transport; work budgets, deadlines |
//! | `negotiated` | what is known when the handshake is complete |
//! | `engine` | TLS without I/O: rustls until the handshake is complete, then `records` |
//! | `records` | the record layer after the handshake |
//! | `transport` | sockets, pipes, memory, TCP connections |
//! | `reentrancy` | which connections a thread is in a call on |

mod api;
mod engine;
mod io;
mod negotiated;
mod records;
mod reentrancy;
mod transport;

pub use api::{ChannelBinding, Connection, Events};
pub use engine::failure::alert_name;
pub use engine::{Agreed, EarlyData};
pub use negotiated::{Ech, MAX_EXPORTED};
#[cfg(fuzzing)]
pub(crate) use records::play;
pub use transport::{
    Carrier, Deadline, Interrupt, MemoryTransport, PipeTransport, SocketTransport, Timeout,
    Transport, WaitMode, tcp,
};
