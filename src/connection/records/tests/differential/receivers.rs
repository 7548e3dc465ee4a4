//! The two sides of the comparison: our engine, and rustls' buffered connection.

use std::io::{ErrorKind, Read, Write};

use rustls::{ClientConnection, ServerConnection};

use super::super::endpoint::Endpoint;
use super::super::peer::{Receiver, Terms, name};
use crate::Status;
use crate::connection::engine;
use crate::connection::engine::failure;

/// How a connection ended for its user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The peer's close_notify came.
    Closed,
    /// The transport ended without one.
    Truncated,
    /// It failed, perhaps with an alert from the peer.
    Failed(Status, Option<u8>),
}

/// One that is compared.
pub(super) trait Compared: Receiver {
    fn write(&mut self, data: &[u8]);
    fn refresh_keys(&mut self);
    fn close(&mut self);
    fn end_of_transport(&mut self);
    fn end(&self) -> Option<End>;
    fn plaintext(&self) -> &[u8];
}

/// Our engine, with its reader.
pub(super) struct Ours {
    endpoint: Endpoint,
    /// How long the pieces are that its user reads.
    pieces: fastrand::Rng,
    plaintext: Vec<u8>,
    end: Option<End>,
}

impl Ours {
    pub(super) fn new(terms: &Terms, is_client: bool, fragment: Option<usize>, seed: u64) -> Self {
        Self {
            endpoint: Endpoint::new(terms, is_client, fragment),
            pieces: fastrand::Rng::with_seed(seed),
            plaintext: Vec::new(),
            end: None,
        }
    }

    fn read(&mut self) {
        while self.end.is_none() {
            let most = [3, 100, 5_000, 16_400, 70_000][self.pieces.usize(..5)];
            let mut out = vec![0xa5; self.pieces.usize(1..=most)];
            if self.pieces.u8(..4) == 0 {
                self.endpoint.engine.pending();
            }
            match self.endpoint.engine.read(&mut out) {
                Ok(engine::Read::Plaintext(count)) => self.plaintext.extend(&out[..count]),
                Ok(engine::Read::Blocked) => return,
                Ok(engine::Read::Closed) => self.end = Some(End::Closed),
                Err(error) if error.status() == Status::Truncated => {
                    self.end = Some(End::Truncated);
                }
                Err(error) => {
                    assert!(
                        out.iter().all(|&byte| byte == 0xa5 || byte == 0),
                        "what a record held that failed is not shown"
                    );
                    self.end = Some(End::Failed(error.status(), error.alert()));
                }
            }
        }
    }
}

impl Receiver for Ours {
    fn receive(&mut self, records: &[u8]) {
        self.endpoint.feed(records);
        if self.endpoint.is_complete() {
            self.read();
        }
    }

    fn take_records(&mut self) -> Vec<u8> {
        self.endpoint.take_records()
    }
}

impl Compared for Ours {
    fn write(&mut self, data: &[u8]) {
        assert_eq!(self.endpoint.engine.encrypt(data, 0).unwrap(), data.len());
    }

    fn refresh_keys(&mut self) {
        self.endpoint.engine.refresh_keys().unwrap();
    }

    fn close(&mut self) {
        self.endpoint.engine.close_notify().unwrap();
    }

    fn end_of_transport(&mut self) {
        self.endpoint.engine.end_of_transport();
        self.read();
    }

    fn end(&self) -> Option<End> {
        self.end
    }

    fn plaintext(&self) -> &[u8] {
        &self.plaintext
    }
}

/// rustls' buffered connection.
pub(super) struct Theirs {
    tls: rustls::Connection,
    plaintext: Vec<u8>,
    end: Option<End>,
}

impl Theirs {
    pub(super) fn new(terms: &Terms, is_client: bool, fragment: Option<usize>) -> Self {
        let tls = if is_client {
            ClientConnection::new(terms.client(fragment), name()).map(rustls::Connection::from)
        } else {
            ServerConnection::new(terms.server(fragment)).map(rustls::Connection::from)
        };
        Self {
            tls: tls.unwrap(),
            plaintext: Vec::new(),
            end: None,
        }
    }

    fn read(&mut self) {
        let error = self.tls.process_new_packets().err();
        let read = self.tls.reader().read_to_end(&mut self.plaintext);
        self.end = match (error, read.map_err(|error| error.kind())) {
            (Some(error), _) => {
                let error = failure::of_rustls(error, None, &[]);
                Some(End::Failed(error.status(), error.alert()))
            }
            (None, Ok(_)) => Some(End::Closed),
            (None, Err(ErrorKind::UnexpectedEof)) => Some(End::Truncated),
            (None, Err(ErrorKind::WouldBlock)) => None,
            (None, Err(kind)) => panic!("{kind}"),
        };
    }
}

impl Receiver for Theirs {
    fn receive(&mut self, mut records: &[u8]) {
        while !records.is_empty() && self.end.is_none() {
            self.tls.read_tls(&mut records).unwrap();
            self.read();
        }
    }

    fn take_records(&mut self) -> Vec<u8> {
        let mut records = Vec::new();
        while self.tls.wants_write() {
            self.tls.write_tls(&mut records).unwrap();
        }
        records
    }
}

impl Compared for Theirs {
    fn write(&mut self, data: &[u8]) {
        self.tls.writer().write_all(data).unwrap();
    }

    fn refresh_keys(&mut self) {
        self.tls.refresh_traffic_keys().unwrap();
    }

    fn close(&mut self) {
        self.tls.send_close_notify();
    }

    fn end_of_transport(&mut self) {
        if self.end.is_none() {
            self.tls.read_tls(&mut std::io::empty()).unwrap();
            self.read();
        }
    }

    fn end(&self) -> Option<End> {
        self.end
    }

    fn plaintext(&self) -> &[u8] {
        &self.plaintext
    }
}
