//! Who is believed: the roots, and the check of a peer's chain against them.

mod explain;
mod name;
mod policy;
mod revocation;
mod roots;
mod verifier;

pub(crate) use name::{ascii_host, parse as server_name};
pub use policy::{Judge, Role, Verdict};
pub(crate) use policy::{NameCheck, Policy};
pub(crate) use revocation::Crls;
pub use revocation::RevocationRules;
pub(crate) use roots::Roots;
pub(crate) use verifier::Verifier;
