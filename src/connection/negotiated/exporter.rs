//! Exporters: keying material for other protocols (RFC 8446, section 7.5; RFC 5705).
//!
//! rustls exports it only from connections that it buffers itself.  Here the secret comes from
//! the key log, and the HKDF or PRF from the cipher suite.

use aws_lc_rs::digest::{self, Algorithm};
use rustls::crypto::hash::HashAlgorithm;
use rustls::crypto::tls13::{HkdfExpander, OkmBlock, OutputLengthError};
use rustls::{SupportedCipherSuite, Tls13CipherSuite};
use zeroize::Zeroizing;

use crate::base::observations::ExporterSecret;
use crate::{Error, Result, Status};

/// The label of the tls-exporter channel binding (RFC 9266, section 2).
pub(crate) const CHANNEL_BINDING_LABEL: &str = "EXPORTER-Channel-Binding";

/// The most bytes that [`Connection::export`](crate::Connection::export) returns at
/// once, so that every length fits its field.
pub const MAX: usize = 8_160;

/// A label has at most 255 bytes with its prefix "tls13 ".
const LONGEST_LABEL: usize = 249;

/// Fills `out` with keying material derived from the exporter secret.
pub(super) fn export(
    suite: SupportedCipherSuite,
    from: &ExporterSecret,
    label: &str,
    context: Option<&[u8]>,
    out: &mut [u8],
) -> Result<()> {
    check(label, context, out)?;
    match suite {
        SupportedCipherSuite::Tls13(suite) => export_tls13(suite, from, label, context, out),
        SupportedCipherSuite::Tls12(_) if label == CHANNEL_BINDING_LABEL && !from.is_bound => {
            let sentence = "tls-exporter (RFC 9266) does not bind this connection: it is TLS 1.2 \
                            without the extended master secret (RFC 7627), which the peer does \
                            not support";
            Err(Error::new(Status::Unsupported, sentence))
        }
        SupportedCipherSuite::Tls12(suite) => {
            let mut seed = from.randoms.clone();
            if let Some(context) = context {
                seed.extend((context.len() as u16).to_be_bytes());
                seed.extend(context);
            }
            let prf = suite.prf_provider;
            prf.for_secret(out, &from.secret, label.as_bytes(), &seed);
            Ok(())
        }
    }
}

fn check(label: &str, context: Option<&[u8]>, out: &[u8]) -> Result<()> {
    let longest = usize::from(u16::MAX);
    let sentence = if out.is_empty() || out.len() > MAX {
        format!("{} bytes cannot be exported: 1 to {MAX} can", out.len())
    } else if label.len() > LONGEST_LABEL {
        let length = label.len();
        format!("a label of {length} bytes cannot be used: {LONGEST_LABEL} is the most")
    } else if context.is_some_and(|context| context.len() > longest) {
        format!("a context of more than {longest} bytes cannot be used")
    } else {
        return Ok(());
    };
    Err(Error::argument(sentence))
}

fn export_tls13(
    suite: &Tls13CipherSuite,
    from: &ExporterSecret,
    label: &str,
    context: Option<&[u8]>,
    out: &mut [u8],
) -> Result<()> {
    let failed = |_| Error::new(Status::Internal, "cannot export keying material");
    let hash = hash(suite.common.hash_provider.algorithm())?;
    let expander = |secret: &[u8]| suite.hkdf_provider.expander_for_okm(&OkmBlock::new(secret));
    // Derive-Secret(secret, label, ""), and HKDF-Expand-Label of that.
    let nothing = digest::digest(hash, b"");
    let mut derived = Zeroizing::new(vec![0; hash.output_len()]);
    expand_label(
        &*expander(&from.secret),
        label,
        nothing.as_ref(),
        &mut derived,
    )
    .map_err(failed)?;
    let context = digest::digest(hash, context.unwrap_or_default());
    expand_label(&*expander(&derived), "exporter", context.as_ref(), out).map_err(failed)
}

/// HKDF-Expand-Label (RFC 8446, section 7.1).  The caller has checked the lengths.
fn expand_label(
    secret: &dyn HkdfExpander,
    label: &str,
    context: &[u8],
    out: &mut [u8],
) -> Result<(), OutputLengthError> {
    const PREFIX: &[u8] = b"tls13 ";
    let info: [&[u8]; 6] = [
        &(out.len() as u16).to_be_bytes(),
        &[(PREFIX.len() + label.len()) as u8],
        PREFIX,
        label.as_bytes(),
        &[context.len() as u8],
        context,
    ];
    secret.expand_slice(&info, out)
}

fn hash(algorithm: HashAlgorithm) -> Result<&'static Algorithm> {
    match algorithm {
        HashAlgorithm::SHA256 => Ok(&digest::SHA256),
        HashAlgorithm::SHA384 => Ok(&digest::SHA384),
        _ => Err(Error::new(
            Status::Internal,
            "a cipher suite with an unknown hash",
        )),
    }
}
