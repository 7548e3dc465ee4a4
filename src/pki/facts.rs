//! What programs ask a certificate, beyond what people look at.

use der::asn1::Any;
use der::{Decode, Encode};
use spki::SubjectPublicKeyInfoRef;

use super::certificate::{ALTERNATIVE_NAMES, Certificate};
use super::describe;
use super::name::GeneralName;
use super::signature::{self, Rejected};
use super::subject::Subject;
use crate::{Error, Result, Status};

/// The parts of a distinguished name, the most general one first, each with its
/// attributes: an object identifier in dots, and the value as text.
pub type NameParts = Vec<Vec<(String, String)>>;

/// One alternative name (RFC 5280, section 4.2.1.6).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlternativeName {
    /// The number of its kind: 1 for e-mail, 2 for DNS, 4 for a directory name, 6
    /// for a URI, 7 for an address.
    pub kind: u32,
    /// As one would type it, or with its kind for those that nobody types.
    pub text: String,
    /// The parts of a directory name.
    pub parts: Option<NameParts>,
}

impl Certificate {
    /// Its version, as people say it: 1, 2 or 3.
    pub fn version(&self) -> u32 {
        u32::from(self.document().content.version) + 1
    }

    /// Its extensions in their order: the object identifier in dots, whether it
    /// is critical, and what it says, in DER.
    pub fn extensions(&self) -> Vec<(String, bool, &[u8])> {
        let all = self.document().content.extensions.iter().flatten();
        all.map(|one| (one.oid.to_string(), one.critical, one.value.as_bytes()))
            .collect()
    }

    /// The subject.
    pub fn subject_parts(&self) -> NameParts {
        parts(&self.document().content.subject)
    }

    /// The issuer.
    pub fn issuer_parts(&self) -> NameParts {
        parts(&self.document().content.issuer)
    }

    /// The alternative names of every kind, in their order.
    pub fn alternative_names(&self) -> Vec<AlternativeName> {
        let names = self.extension(&ALTERNATIVE_NAMES).map(GeneralName::all);
        let names = names.and_then(Result::ok).unwrap_or_default().into_iter();
        let each = names.map(|name| AlternativeName {
            kind: name.number(),
            text: name.typed().unwrap_or_else(|| name.to_string()),
            parts: name.directory().map(|name| name.attributes()),
        });
        each.collect()
    }

    /// Whether `issuer` issued it: it names it, and the signature is its key's.
    ///
    /// Fails with [`Status::Unsupported`] for a signature of a kind that cannot be
    /// checked.
    pub fn is_issued_by(&self, issuer: &Self) -> Result<bool> {
        let document = self.document();
        if document.content.issuer != issuer.document().content.subject {
            return Ok(false);
        }
        let broken = |error: der::Error| {
            let sentence = format!("the certificate cannot be written again: {error}");
            Error::new(Status::Internal, sentence)
        };
        let key = SubjectPublicKeyInfoRef::from_der(issuer.spki_der()).map_err(broken)?;
        let message = document.content.to_der().map_err(broken)?;
        let Some(signature) = document.signature.as_bytes() else {
            return Ok(false);
        };
        let algorithm = (&document.algorithm).into();
        match signature::verify(&key, &algorithm, &message, signature) {
            Ok(()) => Ok(true),
            Err(Rejected::Wrong) => Ok(false),
            Err(Rejected::Unsupported)
                if !signature::can_sign(&key.algorithm.oid, &document.algorithm.oid) =>
            {
                Ok(false)
            }
            Err(Rejected::Unsupported) => Err(Error::new(
                Status::Unsupported,
                format!(
                    "the certificate of '{}' is signed with {} by a key of type {}: such a \
                     signature cannot be checked here",
                    self.subject(),
                    describe::algorithm(&document.algorithm.oid),
                    issuer.key_type(),
                ),
            )),
        }
    }
}

fn parts(name: &Any) -> NameParts {
    // It parsed when the certificate was loaded.
    let der = name.to_der().unwrap_or_default();
    Subject::from_der(&der).map_or_else(|_| Vec::new(), |name| name.attributes())
}
