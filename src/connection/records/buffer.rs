//! The buffers that records pass through on their way to and from the peer.
//!
//! A buffer has memory only while it holds bytes or is being filled.  The memory comes from a small
//! pool of the thread and returns to one, so that a busy connection does not allocate and an idle
//! one costs nothing.

use std::cell::RefCell;
use std::collections::VecDeque;

/// The largest record that a peer may send (RFC 8446, section 5.2).
const LARGEST_RECORD: usize = 5 + 16_384 + 256;

/// The capacity of a buffer, for one system call: five full records.  With more, received records
/// would leave the cache before they are opened.
const CAPACITY: usize = 5 * LARGEST_RECORD;

/// How much of the capacity is initialized at first.  Handshakes and small messages need no more,
/// and untouched pages use no memory.
const FIRST: usize = 4096;

/// How many buffers a thread keeps for later.
const POOLED: usize = 4;

thread_local! {
    static POOL: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

/// A queue of bytes: written at the end, taken from the front.
#[derive(Default)]
pub(crate) struct Buffer {
    /// Its length is the part that was ever used, its capacity what may be used.
    memory: Vec<u8>,
    start: usize,
    end: usize,
}

impl Buffer {
    pub(crate) fn len(&self) -> usize {
        self.end - self.start
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.start == self.end
    }

    pub(crate) fn filled(&self) -> &[u8] {
        &self.memory[self.start..self.end]
    }

    pub(crate) fn filled_mut(&mut self) -> &mut [u8] {
        &mut self.memory[self.start..self.end]
    }

    /// Removes `count` bytes from the front.  An empty buffer releases its memory.
    pub(crate) fn consume(&mut self, count: usize) {
        self.start += count;
        debug_assert!(self.start <= self.end);
        if self.is_empty() {
            self.release();
        }
    }

    /// Returns room for at least `least` bytes at the end, and often more.
    pub(crate) fn spare(&mut self, least: usize) -> &mut [u8] {
        if self.memory.capacity() < CAPACITY {
            self.grow();
        }
        if self.memory.capacity() - self.end < least {
            self.memory.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        let wanted = self.end + least;
        if self.memory.len() < wanted {
            let most = self.memory.capacity().max(wanted);
            self.memory
                .resize(wanted.next_multiple_of(FIRST).min(most), 0);
        }
        &mut self.memory[self.end..]
    }

    /// Marks the first `count` bytes of [`Self::spare`] as filled.
    pub(crate) fn commit(&mut self, count: usize) {
        self.end += count;
        debug_assert!(self.end <= self.memory.len());
        if self.is_empty() {
            self.release();
        } else if self.end == self.memory.len() && self.end < CAPACITY {
            // A writer that fills all room has more to come.
            self.memory.resize(CAPACITY, 0);
        }
    }

    pub(crate) fn append(&mut self, bytes: &[u8]) {
        self.spare(bytes.len())[..bytes.len()].copy_from_slice(bytes);
        self.commit(bytes.len());
    }

    /// Appends as much as fits without growing or moving, and returns how much.
    pub(crate) fn append_within(&mut self, bytes: &[u8]) -> usize {
        let free = self.memory.capacity().max(CAPACITY) - self.end;
        let count = bytes.len().min(free);
        self.append(&bytes[..count]);
        count
    }

    /// Moves as much as fits to the front of `out`, and returns how much.
    pub(crate) fn drain_into(&mut self, out: &mut [u8]) -> usize {
        let count = self.len().min(out.len());
        out[..count].copy_from_slice(&self.filled()[..count]);
        self.consume(count);
        count
    }

    /// Moves a few bytes to as much memory as they need, because the rest may never arrive:
    /// thousands of clients may begin a handshake and stop.
    pub(crate) fn shrink(&mut self) {
        let len = self.len();
        if (1..=FIRST).contains(&len) && self.memory.capacity() >= CAPACITY {
            let few = self.filled().to_vec();
            self.release();
            (self.memory, self.end) = (few, len);
        }
    }

    /// Replaces the memory with one of the usual size.
    fn grow(&mut self) {
        let few = std::mem::replace(&mut self.memory, lease());
        if self.memory.len() < self.end {
            self.memory.resize(self.end.next_multiple_of(FIRST), 0);
        }
        self.memory[self.start..self.end].copy_from_slice(&few[self.start..self.end]);
    }

    fn release(&mut self) {
        if self.memory.capacity() > 0 {
            give_back(std::mem::take(&mut self.memory));
        }
        self.start = 0;
        self.end = 0;
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        self.release();
    }
}

/// A longer queue of bytes, in buffers that do not grow and that can be taken whole.
#[derive(Default)]
pub(crate) struct Queue {
    buffers: VecDeque<Buffer>,
    len: usize,
}

impl Queue {
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Adds a copy of `bytes` at the end.
    pub(crate) fn append(&mut self, bytes: &[u8]) {
        self.len += bytes.len();
        let last = self.buffers.back_mut();
        let room = last.map_or(0, |last| last.append_within(bytes));
        for piece in bytes[room..].chunks(CAPACITY) {
            let mut buffer = Buffer::default();
            buffer.append(piece);
            self.buffers.push_back(buffer);
        }
    }

    /// Adds a buffer at the end, without copying its bytes unless the last one has room for them.
    pub(crate) fn push(&mut self, buffer: Buffer) {
        match self.buffers.back() {
            Some(last) if last.memory.capacity() - last.end >= buffer.len() => {
                self.append(buffer.filled());
            }
            _ => {
                self.len += buffer.len();
                self.buffers.push_back(buffer);
            }
        }
    }

    /// Takes the first buffer with its bytes.
    pub(crate) fn pop(&mut self) -> Option<Buffer> {
        let first = self.buffers.pop_front()?;
        self.len -= first.len();
        Some(first)
    }

    /// Moves as much as fits to the front of `out`.
    pub(crate) fn drain_into(&mut self, out: &mut [u8]) -> usize {
        let mut filled = 0;
        while let (true, Some(first)) = (filled < out.len(), self.buffers.front_mut()) {
            filled += first.drain_into(&mut out[filled..]);
            if first.is_empty() {
                self.buffers.pop_front();
            }
        }
        self.len -= filled;
        filled
    }
}

fn lease() -> Vec<u8> {
    let pooled = POOL.try_with(|pool| pool.borrow_mut().pop());
    let pooled = pooled.ok().flatten();
    pooled.unwrap_or_else(|| Vec::with_capacity(CAPACITY))
}

fn give_back(memory: Vec<u8>) {
    // Memory that had to grow has at least twice the capacity.
    if !(CAPACITY..2 * CAPACITY).contains(&memory.capacity()) {
        return;
    }
    // A thread that is ending has no pool any more; the memory is just freed.
    let _ = POOL.try_with(|pool| {
        let mut pool = pool.borrow_mut();
        if pool.len() < POOLED {
            pool.push(memory);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffer_keeps_the_order_of_bytes() {
        let mut buffer = Buffer::default();
        let (mut next_in, mut next_out) = (0_u8, 0_u8);
        for turn in 1..2_000_usize {
            for _ in 0..turn % 97 {
                buffer.append(&[next_in]);
                next_in = next_in.wrapping_add(1);
            }
            let mut out = [0; 41];
            let count = buffer.drain_into(&mut out);
            for byte in &out[..count] {
                assert_eq!(*byte, next_out);
                next_out = next_out.wrapping_add(1);
            }
        }
    }

    #[test]
    fn queue_keeps_the_order_of_bytes() {
        let mut queue = Queue::default();
        let bytes: Vec<u8> = (0..300_000).map(|n| (n % 251) as u8).collect();
        queue.append(&bytes[..10]);
        queue.append(&bytes[10..190_000]);
        for (start, end) in [(190_000, 200_000), (200_000, 200_100)] {
            let mut buffer = Buffer::default();
            buffer.append(&bytes[start..end]);
            queue.push(buffer);
        }
        queue.append(&bytes[200_100..]);
        assert_eq!(queue.len(), bytes.len());
        let mut first = queue.pop().unwrap();
        let mut out = vec![0; bytes.len()];
        let count = first.drain_into(&mut out);
        assert_eq!(queue.len() + count, bytes.len());
        let rest = queue.drain_into(&mut out[count..]);
        assert_eq!((count + rest, queue.len()), (bytes.len(), 0));
        assert_eq!(out, bytes);
        assert!(queue.pop().is_none());
    }

    #[test]
    fn empty_buffer_has_no_memory() {
        let mut buffer = Buffer::default();
        assert_eq!(buffer.memory.capacity(), 0);
        buffer.append(b"abc");
        buffer.consume(3);
        assert_eq!(buffer.memory.capacity(), 0);
        buffer.spare(10);
        buffer.commit(0);
        assert_eq!(buffer.memory.capacity(), 0);
        assert_eq!(buffer.append_within(b""), 0);
        assert_eq!(buffer.memory.capacity(), 0);
    }

    #[test]
    fn buffer_initializes_more_memory_only_when_full() {
        // A thread of its own, whose pool is empty.
        let thread = std::thread::spawn(|| {
            let mut buffer = Buffer::default();
            buffer.append(b"a small message");
            assert_eq!(buffer.memory.len(), FIRST);
            let room = buffer.spare(1).len();
            buffer.commit(room);
            assert_eq!(buffer.spare(1).len(), CAPACITY - FIRST);
            buffer.consume(FIRST);
            assert_eq!(lease().len(), CAPACITY);
        });
        thread.join().unwrap();
    }

    #[test]
    fn shrunk_buffer_has_only_the_memory_that_it_needs() {
        let mut buffer = Buffer::default();
        buffer.append(b"half a record");
        buffer.consume(5);
        buffer.shrink();
        assert_eq!(buffer.filled(), b"a record");
        assert!(buffer.memory.capacity() < 64);
        assert!(buffer.spare(1).len() >= FIRST / 2);
        buffer.append(b", and the rest");
        assert_eq!(buffer.filled(), b"a record, and the rest");
        buffer.consume(buffer.len());
        buffer.shrink();
        assert_eq!(buffer.memory.capacity(), 0);
        buffer.append(&[7; FIRST + 1]);
        buffer.shrink();
        assert!(buffer.memory.capacity() >= CAPACITY);
    }

    #[test]
    fn buffer_grows_beyond_its_usual_size_if_needed() {
        let mut buffer = Buffer::default();
        buffer.append(&[7; CAPACITY]);
        buffer.append(&[8; CAPACITY]);
        assert_eq!(buffer.len(), 2 * CAPACITY);
        assert_eq!(buffer.filled()[CAPACITY - 1..=CAPACITY], [7, 8]);
    }
}
