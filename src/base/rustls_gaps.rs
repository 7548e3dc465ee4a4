//! What rustls 0.23 does not report, and how it is determined anyway.
//!
//! Each function relies on behaviour that rustls or AWS-LC does not promise.  Its comment
//! says what rustls would have to offer, and which test fails if the behaviour changes.

use std::fmt;

/// Returns the lifetime of a client's session in seconds (`Tls12ClientSessionValue`,
/// `Tls13ClientSessionValue`); 0 if it is not found.
///
/// rustls has it only in debug output.  That contains the ticket too, which is skipped here
/// and stored nowhere.  Wanted: a getter of both types.  Test:
/// `server_sends_the_configured_number_of_tickets`.
pub(crate) fn session_lifetime(session: &impl fmt::Debug) -> u32 {
    #[derive(Default)]
    struct Find {
        matched: usize,
        number: u32,
    }

    impl fmt::Write for Find {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            const LABEL: &[u8] = b"lifetime_secs: ";
            for byte in text.bytes() {
                if self.matched < LABEL.len() {
                    let continues = LABEL[self.matched] == byte;
                    self.matched = if continues {
                        self.matched + 1
                    } else {
                        usize::from(LABEL[0] == byte)
                    };
                } else if byte.is_ascii_digit() {
                    let digit = u32::from(byte - b'0');
                    self.number = self.number.saturating_mul(10).saturating_add(digit);
                } else {
                    // The number is complete: stop formatting.
                    return Err(fmt::Error);
                }
            }
            Ok(())
        }
    }

    let mut find = Find::default();
    let _ = fmt::Write::write_fmt(&mut find, format_args!("{session:?}"));
    find.number
}

/// Returns whether a record in a client's second flight is EndOfEarlyData, which the client
/// sends if the server accepted its early data (RFC 8446, section 4.5).
///
/// rustls' unbuffered connections do not report whether early data was accepted.  The
/// message is alone in its record, and no other message of that flight has its length.
/// Wanted: `is_early_data_accepted()` for `UnbufferedClientConnection`.  Tests:
/// `early_data_arrives_before_the_handshake_is_complete`,
/// `rejected_early_data_is_reported_and_never_in_the_stream`.
pub(crate) fn is_end_of_early_data(record: &[u8]) -> bool {
    const HEADER: &[u8] = &[23, 3, 3, 0, 4 + 1 + 16];
    record.starts_with(HEADER)
}

/// Returns whether the plaintext of a record, without its tag, is early data that rustls
/// has rejected and skipped (RFC 8446, section 4.2.10).
///
/// rustls skips it without reporting or remembering it.  It would try to decrypt it again
/// with every later record, and fail after some of them.  AWS-LC overwrites with zeros what
/// it cannot decrypt.  A decrypted record, such as the start of a message, has a content
/// type that is not zero (section 5.2).  Wanted: that `discard` counts skipped records.
/// Test: `server_skips_rejected_early_data_in_pieces_of_any_size`.
pub(crate) fn is_skipped_early_data(plaintext: &[u8]) -> bool {
    plaintext.iter().all(|&byte| byte == 0)
}
