//! A server that has not heard its client yet, and decides by what it says who
//! answers.

use rustls::server::Acceptor;

use super::buffer::Buffer;
use super::engine::fatal_alert;
use super::failure;
use super::record::alert_for;
use crate::Error;
use crate::context::{Adapted, Answer};

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
    ) -> Result<Option<Adapted>, Error> {
        let mut accepted = self.acceptor.accept();
        // It takes no more at once than it has room for until it looks at that.
        while matches!(accepted, Ok(None)) && self.heard < records.len() {
            match self.acceptor.read_tls(&mut &records[self.heard..]) {
                Ok(0) | Err(_) => break,
                Ok(count) => self.heard += count,
            }
            accepted = self.acceptor.accept();
        }
        match accepted {
            Ok(None) => Ok(None),
            Ok(Some(accepted)) => {
                let config = self.answer.config(&accepted.client_hello(), records);
                config.map(Some).map_err(|refusal| {
                    outgoing.append(&fatal_alert(refusal.alert));
                    refusal.error
                })
            }
            Err((error, mut alert)) => {
                let mut words = Vec::new();
                // Memory does not fail.
                let _ = alert.write_all(&mut words);
                if let (true, Some(alert)) = (words.is_empty(), alert_for(&error)) {
                    words.extend(fatal_alert(alert.into()));
                }
                outgoing.append(&words);
                Err(failure::of_rustls(error, None, records))
            }
        }
    }
}
