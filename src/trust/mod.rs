//! Verification: trust anchors, path policy over webpki, names, revocation, reasons.

mod any_key;
mod constraints;
mod explain;
mod finding;
mod handshake;
mod keys;
mod names;
mod path;
mod policies;
mod policy;
mod purpose;
mod revocation;
mod roots;
mod rules;
mod signature;
mod stand_in;
mod strict;
mod verifier;

pub(crate) use keys::LEAST_SECURITY;
pub(crate) use names::{ascii_host, nobody, parse as server_name};
pub use policy::{Judge, Verdict};
pub(crate) use policy::{NameCheck, PeerName, Policy, unchecked};
pub use purpose::KeyPurpose;
pub(crate) use revocation::Crls;
pub use revocation::RevocationRules;
pub(crate) use roots::Roots;
pub(crate) use verifier::Verifier;
