//! Certificate verification: trust anchors, path validation, names, revocation, and errors.
//! webpki builds the paths; the rules that it lacks are here.

mod certificate_policies;
mod handshake_signature;
mod key_policy;
mod name_constraints;
mod path;
mod path_errors;
mod path_validation;
mod peer_name;
mod policy;
mod purpose;
mod revocation;
mod roots;
mod signature;
mod unverified_keys;
mod verifier;
mod verify_error;
mod webpki_compat;
mod x509_strict;

pub(crate) use key_policy::MIN_SECURITY_BITS;
pub(crate) use peer_name::{ascii_host, parse as server_name, placeholder_name};
pub(crate) use policy::{NameCheck, PeerName, Policy, verification_disabled};
pub use policy::{VerificationResult, VerifyCallback};
pub use purpose::KeyPurpose;
pub(crate) use revocation::Crls;
pub use revocation::RevocationRules;
pub(crate) use roots::Roots;
pub(crate) use verifier::Verifier;
