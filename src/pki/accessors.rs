//! What programs ask a certificate, beyond what people look at.

use der::Decode;
use spki::{AlgorithmIdentifierRef, SubjectPublicKeyInfoRef};

use super::certificate::Certificate;
use super::distinguished_name::DistinguishedName;
use super::signature::{self, Rejected};
use crate::{Error, Result, Status};

/// The parts of a distinguished name, the most general one first, each with its
/// attributes: an object identifier in dots, and the value as text.
pub type NameParts = Vec<Vec<(String, String)>>;

impl Certificate {
    /// Its version, as people say it: 1, 2 or 3.
    pub fn version(&self) -> u32 {
        self.raw().version + 1
    }

    /// Its extensions in their order: the object identifier in dots (in hex behind a
    /// `#` where it is none), whether it is critical, and what it says, in DER.
    pub fn extensions(&self) -> Vec<(String, bool, &[u8])> {
        let all = self.raw().extensions.iter();
        all.map(|one| (one.oid.to_string(), one.critical, one.value.as_bytes()))
            .collect()
    }

    /// The subject; empty where it does not decode.
    pub fn subject_parts(&self) -> NameParts {
        name_parts(self.subject_bytes())
    }

    /// The issuer; empty where it does not decode.
    pub fn issuer_parts(&self) -> NameParts {
        name_parts(self.issuer_bytes())
    }

    /// Whether `issuer` issued it: it names it, and the signature is its key's.
    ///
    /// Fails with [`Status::Unsupported`] for a signature of a kind that cannot be
    /// checked.
    pub fn is_issued_by(&self, issuer: &Self) -> Result<bool> {
        if self.issuer_bytes() != issuer.subject_bytes() {
            return Ok(false);
        }
        let unsupported = || {
            Error::new(
                Status::Unsupported,
                format!(
                    "the certificate of '{}' is signed with {} by a key of type {}: such a \
                     signature cannot be checked here",
                    self.subject(),
                    self.signature_type(),
                    issuer.key_type(),
                ),
            )
        };
        let parts = self.raw();
        let key = SubjectPublicKeyInfoRef::from_der(issuer.spki_der());
        let algorithm = AlgorithmIdentifierRef::from_der(&self.der()[parts.algorithm.clone()]);
        let (Ok(key), Ok(algorithm)) = (key, algorithm) else {
            return Err(unsupported());
        };
        // A signature is whole bytes: the first says that no bit is unused.
        let [0, signature @ ..] = &self.der()[parts.signature.clone()] else {
            return Ok(false);
        };
        let message = &self.der()[parts.content.clone()];
        match signature::verify(&key, &algorithm, message, signature) {
            Ok(()) => Ok(true),
            Err(Rejected::Wrong) => Ok(false),
            Err(Rejected::Unsupported)
                if !signature::can_sign(&key.algorithm.oid, &algorithm.oid) =>
            {
                Ok(false)
            }
            Err(Rejected::Unsupported) => Err(unsupported()),
        }
    }
}

fn name_parts(name: &[u8]) -> NameParts {
    DistinguishedName::from_der(name).map_or_else(|_| Vec::new(), |name| name.attributes())
}
