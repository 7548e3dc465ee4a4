//! Limits on what a peer can make one connection store or do, in one place for review.
//!
//! | limit | value | counts | when exceeded |
//! |---|---|---|---|
//! | [`CALL_INPUT`] | 256 KiB | input of one call without data for its caller | a non-blocking call returns WANT_READ; a blocking call checks its deadline after every receive |
//! | [`HANDSHAKE_INPUT`] | 512 KiB, and twice the early data a server accepts | every byte that a handshake receives | fatal, unexpected_message |
//! | [`SKIPPED_EARLY_DATA`] | 16 KiB, and twice the early data a server accepts | rejected early data, with record headers and tags (RFC 8446, section 4.2.10) | fatal, unexpected_message |
//! | early data a server accepts | `Context::set_early_data`, none by default | plaintext, stored until it is read | fatal |
//! | [`FRAGMENTED_MESSAGE`] | 256 KiB | the records of one unfinished handshake message | fatal |
//! | [`MAX_MESSAGE`] | 64 KiB - 1 | one handshake message | fatal, decode_error |
//! | [`CONTROL_RECORDS`] | 64 | KeyUpdates, tickets, warning alerts and empty records after the handshake, together; application data resets the count | fatal, unexpected_message |
//! | [`CONTROL_RECORDS_PER_KIND`] | 32 | KeyUpdates, and separately empty records; application data resets the count, and a KeyUpdate that we requested does not count | fatal, unexpected_message |
//! | [`WARNING_ALERTS`] | 4 | warning alerts of a whole connection | fatal, unexpected_message |
//! | [`RENEGOTIATIONS`] | 1 | renegotiation requests, TLS 1.2 only | fatal, unexpected_message |
//! | [`TICKETS`] | 16 | tickets that a connection lists | the oldest is dropped |
//! | [`AFTER_CLOSE_NOTIFY`] | 64 KiB | bytes after the peer's close_notify | feeding fails with ERR_STATE; a socket is not read any further |
//! | [`TRANSPORT_OUTPUT`] | 80 KiB | encrypted records that wait for the transport | writing waits, or returns WANT_WRITE |
//! | [`MEMORY_OUTPUT`] | 128 KiB | the same for a connection in memory, which the program drains | writing returns WANT_WRITE |
//!
//! A client stores 8 tickets per server, however many a connection lists (`context`).
//! Bytes fed by a program are not limited before they are processed: the program decides
//! when to feed more.
//!
//! Memory of one connection, measured (KiB):
//!
//! | state | memory |
//! |---|---|
//! | idle | 5 |
//! | an unfinished handshake message, while it grows | 470 to 633 |
//! | skipped early data | 163 |
//! | 1 MiB of accepted early data that nobody reads | 1,545 |
//! | 16 tickets | 8 |
//! | bytes after close_notify | 81 |
//! | records that nobody drains | 244 |

/// The maximum plaintext of one record (RFC 8446, section 5.1).
pub(crate) const RECORD_PLAINTEXT: usize = 16_384;

/// The minimum that the plaintext of a full record can be limited to.
pub(crate) const SHORTEST_FRAGMENT: usize = 512;

/// The input that one call processes without returning data, in bytes.  No normal peer
/// comes near it, so a program with edge-triggered events (EPOLLET) misses none.
pub(crate) const CALL_INPUT: u64 = 256 * 1024;

/// The input of one handshake, in bytes.  Its messages have at most 64 KiB each; peers that
/// split them into small records need room for the headers.
pub(crate) const HANDSHAKE_INPUT: usize = 512 * 1024;

/// The early data that is skipped in addition to the amount that the server accepts, in
/// bytes with headers and tags.
pub(crate) const SKIPPED_EARLY_DATA: usize = 16 * 1024;

/// The records with the fragments of one unfinished handshake message, in bytes.  A peer
/// that splits a message into many small records makes this larger.
pub(crate) const FRAGMENTED_MESSAGE: usize = 256 * 1024;

/// The maximum length of a handshake message, in bytes without its header.
pub(crate) const MAX_MESSAGE: usize = 0xffff;

/// The number of KeyUpdates, tickets, warning alerts and empty records without application
/// data between them.  It has room for two kinds, because a server's tickets come first.
pub(crate) const CONTROL_RECORDS: u8 = 2 * CONTROL_RECORDS_PER_KIND;

/// The number of these that may be KeyUpdates, and the number that may be empty records.
/// BoringSSL and rustls allow as many, but let other kinds reset their counts.
pub(crate) const CONTROL_RECORDS_PER_KIND: u8 = 32;

/// The number of warning alerts that a peer may send in total.
pub(crate) const WARNING_ALERTS: u8 = 4;

/// The number of renegotiation requests that a peer may send.  All are refused.
pub(crate) const RENEGOTIATIONS: u8 = 1;

/// The number of tickets that a connection lists: the most that our servers send.
pub(crate) const TICKETS: usize = 16;

/// The number of bytes after the peer's close_notify.
pub(crate) const AFTER_CLOSE_NOTIFY: usize = 64 * 1024;

/// The encrypted bytes that may wait to be sent: five full records, one system call.
pub(crate) const TRANSPORT_OUTPUT: usize = 5 * RECORD_PLAINTEXT;

/// The encrypted bytes that may wait to be drained.  They still fit into the processor's
/// cache then.
pub(crate) const MEMORY_OUTPUT: usize = 128 * 1024;

/// What a peer may still send without application data.
pub(crate) struct Allowance {
    together: u8,
    key_updates: u8,
    empty_records: u8,
    /// KeyUpdates that were requested and not received yet: they are free.
    requested: u32,
}

/// What a record without application data is charged as.
#[derive(Clone, Copy)]
pub(crate) enum Charge {
    KeyUpdate,
    EmptyRecord,
    /// Tickets, warning alerts, and everything that rustls does not distinguish.
    Other,
}

impl Default for Allowance {
    fn default() -> Self {
        Self {
            together: CONTROL_RECORDS,
            key_updates: CONTROL_RECORDS_PER_KIND,
            empty_records: CONTROL_RECORDS_PER_KIND,
            requested: 0,
        }
    }
}

impl Allowance {
    /// Charges one record or message.  Returns whether it is allowed.
    pub(crate) fn charge(&mut self, charge: Charge) -> bool {
        if let (Charge::KeyUpdate, Some(rest)) = (charge, self.requested.checked_sub(1)) {
            self.requested = rest;
            return true;
        }
        let take = |left: &mut u8| left.checked_sub(1).map(|rest| *left = rest).is_some();
        let of_its_kind = match charge {
            Charge::KeyUpdate => take(&mut self.key_updates),
            Charge::EmptyRecord => take(&mut self.empty_records),
            Charge::Other => true,
        };
        of_its_kind && take(&mut self.together)
    }

    /// Refills it.  Only for application data: a peer could send anything else forever.
    pub(crate) fn refill(&mut self) {
        *self = Self {
            requested: self.requested,
            ..Self::default()
        };
    }

    /// Makes one KeyUpdate free, because it was requested (RFC 8446, section 4.6.3).
    pub(crate) fn expect_key_update(&mut self) {
        self.requested = self.requested.saturating_add(1);
    }
}

#[cfg(test)]
mod tests {
    /// Returns the columns of a table row after the name.
    fn facts(row: &str) -> Option<&str> {
        let (_, facts) = row.strip_prefix("| ")?.split_once(" | ")?;
        Some(facts)
    }

    #[test]
    fn security_policy_lists_the_same_limits() {
        let policy = include_str!("../../SECURITY.md");
        let rows = include_str!("limits.rs").lines();
        let rows =
            rows.filter_map(|line| line.strip_prefix("//! ").filter(|row| row.contains("[`")));
        let mut count = 0;
        for row in rows.filter_map(facts) {
            assert!(policy.lines().any(|line| facts(line) == Some(row)), "{row}");
            count += 1;
        }
        assert_eq!(count, 13);
    }
}
