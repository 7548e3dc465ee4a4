//! Who is believed: the roots, and the check of a peer's chain against them.

mod explain;
mod notes;
mod roots;
mod verifier;

pub(crate) use notes::Notes;
pub(crate) use roots::Roots;
pub(crate) use verifier::{NameCheck, Policy, Verifier};
