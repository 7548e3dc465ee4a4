//! Certificates and keys: making, reading and keeping them.  Knows nothing of
//! connections.

mod added;
mod attribute;
mod authority;
mod certificate;
mod constraints;
mod copied;
mod crl;
mod decoded;
mod describe;
mod document;
mod element;
mod encryption;
mod extensions;
mod external;
mod facts;
mod fields;
mod file;
mod identity;
mod key;
mod key_type;
mod layout;
mod moment;
mod name;
mod oid;
mod options;
mod outline;
mod parts;
mod pem;
mod pkcs12;
mod request;
mod requested;
mod rules;
mod signature;
mod subject;
#[cfg(feature = "testing")]
mod unchecked;
mod work;

pub(crate) use crate::text::quoted;
pub use authority::{gen_ca, issue_cert, self_signed, sign_csr};
pub use certificate::Certificate;
pub(crate) use constraints::{Constrained, Constraints, Reduced};
pub use crl::{Crl, CrlOptions, RevocationReason, Revoked, gen_crl};
pub use external::ExternalSigner;
pub use facts::{AlternativeName, NameParts};
pub(crate) use file::read_file;
pub use file::{Access, save_files};
pub use identity::Identity;
pub use key::PrivateKey;
pub use key_type::KeyType;
pub(crate) use moment::{show as moment, span};
pub use name::split_names;
pub(crate) use name::{AltName, host_to_ascii};
pub(crate) use oid::shown as dotted;
pub use options::{CertOptions, OwnExtension, Purpose, Usage};
pub(crate) use outline::{Outline, PublicKey, oid as extension_oid, signed_parts};
pub use request::{Csr, gen_csr};
#[cfg(feature = "testing")]
pub use unchecked::{Weakness, issue_unchecked, mismatched, weak_key};
