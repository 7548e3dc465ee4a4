//! A server that has not heard its client yet, and decides by what it says who
//! answers.

use std::sync::Arc;

use rustls::ServerConfig;
use rustls::server::Acceptor;

use super::buffer::Buffer;
use super::failure;
use crate::Error;
use crate::context::Answer;

/// Waits for a whole ClientHello.
pub(super) struct Listening {
    acceptor: Acceptor,
    answer: Answer,
    /// How many bytes from the client the acceptor has seen.
    heard: usize,
}

impl Listening {
    pub(super) fn new(answer: Answer) -> Self {
        Self {
            acceptor: Acceptor::default(),
            answer,
            heard: 0,
        }
    }

    /// Looks at the records that are here, and leaves them: the configuration
    /// that answers them, or `None` while the ClientHello is not complete.  An
    /// alert that tells the client why it is refused goes to `outgoing`.
    pub(super) fn hear(
        &mut self,
        records: &[u8],
        outgoing: &mut Buffer,
    ) -> Result<Option<Arc<ServerConfig>>, Error> {
        while self.heard < records.len() {
            // Memory does not fail, but it may be more than is taken at once.
            match self.acceptor.read_tls(&mut &records[self.heard..]) {
                Ok(0) | Err(_) => break,
                Ok(count) => self.heard += count,
            }
        }
        match self.acceptor.accept() {
            Ok(None) => Ok(None),
            Ok(Some(accepted)) => {
                let config = self.answer.config(&accepted.client_hello(), records);
                config.map(Some).map_err(|(error, number)| {
                    outgoing.append(&fatal_alert(number));
                    error
                })
            }
            Err((error, mut alert)) => {
                let mut words = Vec::new();
                // Memory does not fail.
                let _ = alert.write_all(&mut words);
                outgoing.append(&words);
                Err(failure::of_rustls(error, None, records))
            }
        }
    }
}

/// A record with a fatal alert (RFC 8446, section 6), before there are keys.
fn fatal_alert(number: u8) -> [u8; 7] {
    [21, 3, 3, 0, 2, 2, number]
}
