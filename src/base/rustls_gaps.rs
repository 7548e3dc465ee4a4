//! What rustls 0.23 does not tell, and how we find it out all the same.
//!
//! Each function here rests on behaviour that rustls or AWS-LC does not promise.  Its
//! comment says what rustls would have to offer, and which test fails if that behaviour
//! changes.

use std::fmt;

/// For how many seconds a session of a client is good (`Tls12ClientSessionValue`,
/// `Tls13ClientSessionValue`); 0 where it cannot be found.
///
/// rustls shows it in the debug output alone.  That has the ticket in it, too, which is
/// passed over here and kept nowhere.  Wanted: a getter of both types.  Test:
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
                    // It is complete: what follows need not be written.
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

/// Whether a record that a client sends in its second flight is EndOfEarlyData, which it
/// sends if the server accepted its early data (RFC 8446, section 4.5).
///
/// Unbuffered connections of rustls do not say whether early data was accepted.  The
/// message is alone in its record, whose length no other message of that flight has.
/// Wanted: `is_early_data_accepted()` for `UnbufferedClientConnection`.  Tests:
/// `early_data_arrives_before_the_handshake_is_complete`,
/// `rejected_early_data_is_reported_and_never_in_the_stream`.
pub(crate) fn is_end_of_early_data(record: &[u8]) -> bool {
    const HEADER: &[u8] = &[23, 3, 3, 0, 4 + 1 + 16];
    record.starts_with(HEADER)
}

/// Whether the plaintext of a record that a server was given, without its tag, is that of
/// early data which rustls has rejected and skipped (RFC 8446, section 4.2.10).
///
/// rustls skips it, but neither reports nor remembers it: it would try to open it again
/// with every record that follows, and fail after some of them.  AWS-LC overwrites with
/// zeros what it cannot open.  An opened record, such as the start of a message, has a
/// content type that is not zero (section 5.2).  Wanted: that `discard` counts skipped
/// records.  Test: `server_skips_rejected_early_data_in_pieces_of_any_size`.
pub(crate) fn is_skipped_early_data(plaintext: &[u8]) -> bool {
    plaintext.iter().all(|&byte| byte == 0)
}
