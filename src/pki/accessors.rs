//! Accessors of certificates for programs: structured names, extensions, and the issuer
//! check.

use der::Decode;
use spki::{AlgorithmIdentifierRef, SubjectPublicKeyInfoRef};

use super::certificate::Certificate;
use super::distinguished_name::DistinguishedName;
use super::signature::{self, Rejected};
use crate::{Error, Result, Status};

/// The RDNs of a distinguished name, most general first.  Each has its attributes: the
/// dotted object identifier, and the value as text.
pub type NameParts = Vec<Vec<(String, String)>>;

impl Certificate {
    /// Returns the version: 1, 2 or 3.
    pub fn version(&self) -> u32 {
        self.raw().version + 1
    }

    /// Returns the extensions in order: the dotted object identifier (`#` and hex if it is
    /// malformed), whether it is critical, and the value in DER.
    pub fn extensions(&self) -> Vec<(String, bool, &[u8])> {
        let all = self.raw().extensions.iter();
        all.map(|one| (one.oid.to_string(), one.critical, one.value.as_bytes()))
            .collect()
    }

    /// Returns the subject; empty if it does not decode.
    pub fn subject_parts(&self) -> NameParts {
        name_parts(self.subject_bytes())
    }

    /// Returns the issuer; empty if it does not decode.
    pub fn issuer_parts(&self) -> NameParts {
        name_parts(self.issuer_bytes())
    }

    /// Returns whether `issuer` issued this certificate: the names match, and its key
    /// verifies the signature.
    ///
    /// Fails with [`Status::Unsupported`] if the signature algorithm is not supported.
    pub fn is_issued_by(&self, issuer: &Self) -> Result<bool> {
        if self.issuer_bytes() != issuer.subject_bytes() {
            return Ok(false);
        }
        let unsupported = || {
            Error::new(
                Status::Unsupported,
                format!(
                    "the certificate of '{}' is signed with {} by a key of type {}: such a \
                     signature is not supported",
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
        // The first byte of the BIT STRING is 0: a signature has no unused bits.
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
