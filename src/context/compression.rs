//! Certificate compression (RFC 8879), for large Certificate messages only.

use rustls::CertificateCompressionAlgorithm;
use rustls::compress::{CertCompressor, CompressionFailed, CompressionLevel, ZLIB_COMPRESSOR};

/// The compressors that servers and clients offer.
pub(super) const COMPRESSORS: &[&dyn CertCompressor] = &[&LargeMessagesOnly];

/// The shortest Certificate message that is compressed.  A shorter one fits in the
/// initial congestion window anyway (RFC 6928, section 2), and small certificates hardly
/// compress.  The peer would have to decompress it, and a program would take a quarter longer
/// to start and complete its first handshake.
const MIN_COMPRESSED_LENGTH: usize = 4096;

/// zlib, which declines small messages.
#[derive(Debug)]
struct LargeMessagesOnly;

impl CertCompressor for LargeMessagesOnly {
    /// On failure rustls sends the message uncompressed.
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
    fn compressor_declines_small_messages() {
        let compress =
            |length| LargeMessagesOnly.compress(vec![7; length], CompressionLevel::Amortized);
        assert!(compress(MIN_COMPRESSED_LENGTH - 1).is_err());
        assert!(compress(MIN_COMPRESSED_LENGTH).unwrap().len() < MIN_COMPRESSED_LENGTH);
    }
}
