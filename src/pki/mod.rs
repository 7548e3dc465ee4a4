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
mod parts;
mod pem;
mod pkcs12;
mod request;
mod rules;
mod signature;
mod subject;
#[cfg(feature = "testing")]
mod unchecked;

use crate::text::quoted;
pub use authority::{gen_ca, issue_cert, self_signed, sign_csr};
pub use certificate::Certificate;
pub use crl::{Crl, CrlOptions, RevocationReason, Revoked, gen_crl};
pub use external::ExternalSigner;
pub use facts::{AlternativeName, NameParts};
pub(crate) use file::read_file;
pub use identity::Identity;
pub use key::PrivateKey;
pub use key_type::KeyType;
pub(crate) use moment::show as moment;
pub(crate) use name::host_to_ascii;
pub use name::split_names;
pub use options::{CertOptions, OwnExtension, Purpose, Usage};
pub use request::{Csr, gen_csr};
#[cfg(feature = "testing")]
pub use unchecked::{Weakness, issue_unchecked, mismatched, weak_key};
