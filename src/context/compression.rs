//! Compression of certificates (RFC 8879), where that is worth what it costs.

use rustls::CertificateCompressionAlgorithm;
use rustls::compress::{CertCompressor, CompressionFailed, CompressionLevel, ZLIB_COMPRESSOR};

/// What servers and clients compress their certificates with.
pub(super) const COMPRESSORS: &[&dyn CertCompressor] = &[&LargeMessagesOnly];

/// A shorter Certificate message fits in the first flight of segments anyway (RFC 6928,
/// section 2), and small certificates hold little that compresses.  For that each peer
/// would have to decompress, and starting a program with a first handshake takes a
/// quarter longer.
const MIN_COMPRESSED_LENGTH: usize = 4096;

/// zlib, for large Certificate messages alone.
#[derive(Debug)]
struct LargeMessagesOnly;

impl CertCompressor for LargeMessagesOnly {
    /// Where this fails, the message is sent as it is.
    fn compress(
        &self,
        input: Vec<u8>,
        level: CompressionLevel,
    ) -> Result<Vec<u8>, CompressionFailed> {
        match input.len() {
            0..MIN_COMPRESSED_LENGTH => Err(CompressionFailed),
            _ => ZLIB_COMPRESSOR.compress(input, level),
        }
    }

    fn algorithm(&self) -> CertificateCompressionAlgorithm {
        ZLIB_COMPRESSOR.algorithm()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_large_messages_are_compressed() {
        let compress =
            |length| LargeMessagesOnly.compress(vec![7; length], CompressionLevel::Amortized);
        assert!(compress(MIN_COMPRESSED_LENGTH - 1).is_err());
        assert!(compress(MIN_COMPRESSED_LENGTH).unwrap().len() < MIN_COMPRESSED_LENGTH);
    }
}
