//! Certificates and keys: making, reading and keeping them.  Knows nothing of
//! connections.

mod authority;
mod certificate;
mod describe;
mod identity;
mod key;
mod layout;
mod name;
mod pem;

pub use authority::{CertOptions, Usage, gen_ca, issue_cert, self_signed};
pub use certificate::Certificate;
pub(crate) use describe::moment;
pub use identity::Identity;
pub use key::{KeyType, PrivateKey};
pub use name::split_names;
pub(crate) use pem::read_file;
