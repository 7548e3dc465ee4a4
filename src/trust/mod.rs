//! Verification: trust anchors, path policy over webpki, names, revocation, reasons.

mod unverified_keys;
mod name_constraints;
mod path_errors;
mod verify_error;
mod handshake_signature;
mod key_policy;
mod peer_name;
mod path;
mod certificate_policies;
mod policy;
mod purpose;
mod revocation;
mod roots;
mod path_validation;
mod signature;
mod webpki_compat;
mod x509_strict;
mod verifier;

pub(crate) use key_policy::LEAST_SECURITY;
pub(crate) use peer_name::{ascii_host, nobody, parse as server_name};
pub use policy::{Judge, Verdict};
pub(crate) use policy::{NameCheck, PeerName, Policy, unchecked};
pub use purpose::KeyPurpose;
pub(crate) use revocation::Crls;
pub use revocation::RevocationRules;
pub(crate) use roots::Roots;
pub(crate) use verifier::Verifier;
