//! Certificates and keys: making, reading and keeping them.  Knows nothing of
//! connections.

mod authority;
mod certificate;
mod constraints;
mod describe;
mod document;
mod extensions;
mod file;
mod identity;
mod key;
mod layout;
mod moment;
mod name;
mod pem;
mod rules;
mod subject;

pub use authority::{CertOptions, Usage, gen_ca, issue_cert, self_signed};
pub use certificate::Certificate;
pub(crate) use file::read_file;
pub use identity::Identity;
pub use key::{KeyType, PrivateKey};
pub(crate) use moment::show as moment;
pub use name::split_names;

/// Text from outside as a sentence quotes it: on one line, and not for pages.
fn quoted(text: &str) -> String {
    const MOST: usize = 80;
    let shown: String = text.chars().take(MOST).collect();
    let more = if text.chars().nth(MOST).is_some() {
        "..."
    } else {
        ""
    };
    format!("'{}{more}'", shown.escape_debug())
}
