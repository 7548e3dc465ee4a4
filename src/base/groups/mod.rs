//! The key exchange groups: those of rustls' provider, and those that it lacks.

mod hybrid;
mod secp521r1;
mod x448;

use rustls::crypto::{SupportedKxGroup, aws_lc_rs};
use rustls::{Error, NamedGroup, PeerMisbehaved};

pub(crate) use hybrid::SECP384R1MLKEM1024_NUMBER;

/// The public key of a peer has the wrong form: illegal_parameter (RFC 8446, section 6.2).
const INVALID_KEY_SHARE: Error = Error::PeerMisbehaved(PeerMisbehaved::InvalidKeyShare);

/// Every group that can be negotiated.
pub(crate) fn every() -> Vec<&'static dyn SupportedKxGroup> {
    let mut groups = aws_lc_rs::ALL_KX_GROUPS.to_vec();
    let is_mlkem = |group: &&dyn SupportedKxGroup| group.name() == NamedGroup::MLKEM768;
    let alone = groups.iter().position(is_mlkem).unwrap_or(groups.len());
    groups.insert(alone, &hybrid::SECP384R1MLKEM1024);
    groups.push(&secp521r1::SECP521R1);
    groups.push(&x448::X448);
    groups
}

/// The groups that are offered where a context names none, the preferred first.
///
/// secp521r1 costs two bytes of the ClientHello.  In TLS 1.2 a server needs it in the
/// client's list to use a certificate on that curve (RFC 8422, section 5.1).  The other
/// groups are for programs that name them: each takes two bytes as well, and few peers have
/// nothing better.
pub(crate) fn default() -> Vec<&'static dyn SupportedKxGroup> {
    let mut groups = aws_lc_rs::DEFAULT_KX_GROUPS.to_vec();
    groups.push(&secp521r1::SECP521R1);
    groups
}
