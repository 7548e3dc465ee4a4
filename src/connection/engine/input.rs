//! Records that were received and are not processed yet, and who has them.

use crate::connection::records::{Buffer, HEADER, begun_length, record_length};

/// The received records, in one buffer, with marks from its front.
#[derive(Default)]
pub(super) struct Input {
    buffer: Buffer,
    /// How many bytes rustls got: at most one record that it did not open, so that it opens
    /// none after the handshake.
    given: usize,
    /// How many bytes, in complete records, were checked as part of the peer's first message.
    checked: usize,
    /// How many bytes are plaintext that was opened in place and not read yet.
    opened: usize,
    /// How many bytes after `opened` belong to the same record.
    trailing: usize,
}

impl Input {
    /// Takes the buffer, so that it can be filled without a lock on the engine.
    /// [`Self::return_buffer`] has to follow.
    pub(super) fn take_buffer(&mut self) -> Buffer {
        // rustls knows the fragments of a handshake message by their offset here, and
        // plaintext that was opened in place is for the reader.
        if self.given > 0 || self.opened > 0 {
            return Buffer::default();
        }
        std::mem::take(&mut self.buffer)
    }

    pub(super) fn return_buffer(&mut self, buffer: Buffer) {
        if self.buffer.is_empty() {
            self.buffer = buffer;
        } else {
            self.buffer.append(buffer.filled());
        }
    }

    pub(super) fn len(&self) -> usize {
        self.buffer.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.buffer.is_empty()
    }

    /// All bytes.
    pub(super) fn bytes(&self) -> &[u8] {
        self.buffer.filled()
    }

    pub(super) fn buffer_mut(&mut self) -> &mut Buffer {
        &mut self.buffer
    }

    pub(super) fn shrink(&mut self) {
        self.buffer.shrink();
    }

    /// Discards bytes from the front that were processed.
    pub(super) fn consume(&mut self, count: usize) {
        self.buffer.consume(count);
        self.given -= count;
        self.checked = self.checked.saturating_sub(count);
    }

    /// Takes everything.
    pub(super) fn take_all(&mut self) -> Buffer {
        std::mem::take(&mut self.buffer)
    }

    // For rustls.

    /// How many bytes rustls has.
    pub(super) fn given(&self) -> usize {
        self.given
    }

    /// The bytes that rustls does not have.
    pub(super) fn not_given(&self) -> &[u8] {
        &self.bytes()[self.given..]
    }

    /// Gives rustls the next record, and returns whether it is complete.
    pub(super) fn give_record(&mut self) -> bool {
        let length = record_length(self.not_given());
        self.given += length.unwrap_or_default();
        length.is_some()
    }

    /// The bytes for rustls: those that it has and, if the next record is incomplete, that one,
    /// which rustls can refuse but not open.
    pub(super) fn for_rustls(&mut self) -> &mut [u8] {
        let end = match record_length(self.not_given()) {
            Some(_) => self.given,
            None => self.buffer.len(),
        };
        &mut self.buffer.filled_mut()[..end]
    }

    // The first message.

    /// The records that were checked.
    pub(super) fn checked(&self) -> &[u8] {
        &self.bytes()[..self.checked]
    }

    /// The bytes that were not checked.
    pub(super) fn not_checked(&self) -> &[u8] {
        &self.bytes()[self.checked..]
    }

    pub(super) fn add_checked(&mut self, count: usize) {
        self.checked += count;
    }

    // Over memory.

    /// How many bytes the record lacks that nothing processes before it is complete, or its
    /// header.
    pub(super) fn missing(&self) -> usize {
        let begun = &self.bytes()[self.given.max(self.checked)..];
        match begun_length(begun) {
            Some(length) => length.saturating_sub(begun.len()).max(1),
            None => HEADER - begun.len(),
        }
    }

    // Plaintext.

    /// How much plaintext was opened in place and not read yet.
    pub(super) fn opened(&self) -> usize {
        self.opened
    }

    /// Marks the front as plaintext that was opened in place.
    pub(super) fn set_opened(&mut self, plaintext: usize, trailing: usize) {
        (self.opened, self.trailing) = (plaintext, trailing);
    }

    /// Moves plaintext that was opened in place to the front of `out`, as much as fits.
    pub(super) fn drain_opened(&mut self, out: &mut [u8]) -> usize {
        // An empty record has no plaintext, but bytes after it.
        if (self.opened, self.trailing) == (0, 0) {
            return 0;
        }
        let count = self.opened.min(out.len());
        out[..count].copy_from_slice(&self.buffer.filled()[..count]);
        self.opened -= count;
        let behind = match self.opened {
            0 => std::mem::take(&mut self.trailing),
            _ => 0,
        };
        self.buffer.consume(count + behind);
        count
    }
}
