//! How far a connection is, and the end of what the peer sends.

use std::sync::Arc;

use rustls::ServerConfig;

use crate::context::Context;

/// How far the connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// The result of the handshake was not taken yet.
    Handshaking,
    /// The result was taken: the next read or write hands the connection over to the record
    /// layer.
    Complete,
    /// close_notify was sent before any application data: rustls keeps the connection.
    ClosedEarly,
}

/// What is known of the end of the peer's records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum PeerEnd {
    #[default]
    None,
    /// The transport ended.  Records that were received may still hold close_notify.
    Transport,
    /// The peer sent close_notify.  What follows is not TLS.
    CloseNotify,
    /// The peer sent close_notify, and the transport ended.
    Both,
}

impl PeerEnd {
    pub(super) fn close_notify(&mut self) {
        *self = match self {
            Self::None | Self::CloseNotify => Self::CloseNotify,
            Self::Transport | Self::Both => Self::Both,
        };
    }

    /// Notes the end of the transport, and returns whether that is new.
    pub(super) fn end_transport(&mut self) -> bool {
        let is_new = !self.transport_ended();
        *self = match self {
            Self::None | Self::Transport => Self::Transport,
            Self::CloseNotify | Self::Both => Self::Both,
        };
        is_new
    }

    pub(super) fn is_closed(self) -> bool {
        matches!(self, Self::CloseNotify | Self::Both)
    }

    pub(super) fn transport_ended(self) -> bool {
        matches!(self, Self::Transport | Self::Both)
    }
}

/// Where a server gets its configuration from.
pub(super) enum ServerSetup {
    /// It has all that it needs, or is a client.
    Done,
    /// This configuration, adapted to the ClientHello when that is complete.
    Preset {
        config: Arc<ServerConfig>,
        /// The newest version that the server supports, by its number.
        newest: u16,
    },
    /// This context, which the ClientHello selected.
    Selected(Context),
}

impl ServerSetup {
    /// Takes the configuration to be adapted, if there is one.
    pub(super) fn take_preset(&mut self) -> Option<(Arc<ServerConfig>, u16)> {
        match std::mem::replace(self, Self::Done) {
            Self::Preset { config, newest } => Some((config, newest)),
            other => {
                *self = other;
                None
            }
        }
    }
}
