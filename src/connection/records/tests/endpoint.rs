//! Our engine as the receiver of records in tests.

use super::peer::{Peer, Receiver, Terms, name};
use crate::connection::engine::{Engine, Read};
use crate::context::ClientStart;

/// An engine in or after its handshake.  As a [`Receiver`] its user reads all that comes.
pub(crate) struct Endpoint {
    pub(crate) engine: Engine,
    /// Whether the handshake is complete.
    is_complete: bool,
}

impl Endpoint {
    /// One of these terms that has begun its handshake.
    pub(crate) fn new(terms: &Terms, is_client: bool, fragment: Option<usize>) -> Self {
        let engine = match is_client {
            true => Engine::client(ClientStart::new(terms.client(fragment), name())),
            false => Engine::server(terms.server(fragment), terms.version()),
        };
        Self::of(engine.unwrap())
    }

    pub(crate) fn of(mut engine: Engine) -> Self {
        engine.handshake().unwrap();
        Self {
            engine,
            is_complete: false,
        }
    }

    pub(crate) fn is_complete(&self) -> bool {
        self.is_complete
    }

    /// Takes records in, and makes the handshake with them.
    pub(crate) fn feed(&mut self, records: &[u8]) {
        let mut buffer = self.engine.take_receive_buffer();
        buffer.append(records);
        self.engine.return_receive_buffer(buffer);
        if !self.is_complete && self.engine.handshake().unwrap() {
            self.engine.agreed().unwrap();
            self.is_complete = true;
        }
    }

    pub(crate) fn take_records(&mut self) -> Vec<u8> {
        self.engine.take_outgoing().filled().to_vec()
    }
}

impl Receiver for Endpoint {
    fn receive(&mut self, records: &[u8]) {
        self.feed(records);
        let mut out = [0; 100];
        while self.is_complete && matches!(self.engine.read(&mut out), Ok(Read::Plaintext(_))) {}
    }

    fn take_records(&mut self) -> Vec<u8> {
        self.take_records()
    }
}

/// Completes the handshake of a receiver and gives its peer, which has not taken the last
/// records of the receiver: the tickets of a server.
pub(crate) fn connect(terms: &Terms, is_client: bool, receiver: &mut dyn Receiver) -> Peer {
    let peer = Peer::connect(terms, !is_client, receiver);
    receiver.receive(&peer.flight);
    peer
}
