//! The digest of a server's certificate for the tls-server-end-point channel binding (RFC
//! 5929, section 4.1).

use aws_lc_rs::digest::{self, Algorithm};

use super::certificate::Certificate;
use super::oid;
use super::tlv::{Elements, OBJECT_IDENTIFIER, SEQUENCE, only};
use crate::{Error, Result, Status};

/// RSASSA-PSS, whose parameters name the hash function (RFC 4055, section 3.1).
const RSASSA_PSS: &str = "1.2.840.113549.1.1.10";

/// The tag of its first parameter: `[0] hashAlgorithm`, SHA-1 by default.
const PSS_HASH: u8 = 0xa0;

/// The digest for each signature algorithm: that of its hash function, but SHA-256 in place
/// of MD5 and SHA-1.
const SIGNATURES: [(&str, &Algorithm); 26] = [
    // RSA (RFC 8017, appendix C; NIST's registry).
    ("1.2.840.113549.1.1.4", &digest::SHA256),
    ("1.2.840.113549.1.1.5", &digest::SHA256),
    ("1.3.14.3.2.29", &digest::SHA256),
    ("1.2.840.113549.1.1.14", &digest::SHA224),
    ("1.2.840.113549.1.1.11", &digest::SHA256),
    ("1.2.840.113549.1.1.12", &digest::SHA384),
    ("1.2.840.113549.1.1.13", &digest::SHA512),
    ("1.2.840.113549.1.1.16", &digest::SHA512_256),
    ("2.16.840.1.101.3.4.3.14", &digest::SHA3_256),
    ("2.16.840.1.101.3.4.3.15", &digest::SHA3_384),
    ("2.16.840.1.101.3.4.3.16", &digest::SHA3_512),
    // ECDSA (RFC 5758, section 3.2; NIST's registry).
    ("1.2.840.10045.4.1", &digest::SHA256),
    ("1.2.840.10045.4.3.1", &digest::SHA224),
    ("1.2.840.10045.4.3.2", &digest::SHA256),
    ("1.2.840.10045.4.3.3", &digest::SHA384),
    ("1.2.840.10045.4.3.4", &digest::SHA512),
    ("2.16.840.1.101.3.4.3.10", &digest::SHA3_256),
    ("2.16.840.1.101.3.4.3.11", &digest::SHA3_384),
    ("2.16.840.1.101.3.4.3.12", &digest::SHA3_512),
    // DSA (RFC 3279, section 2.2.2; RFC 5758, section 3.1).
    ("1.2.840.10040.4.3", &digest::SHA256),
    ("2.16.840.1.101.3.4.3.1", &digest::SHA224),
    ("2.16.840.1.101.3.4.3.2", &digest::SHA256),
    ("2.16.840.1.101.3.4.3.3", &digest::SHA384),
    ("2.16.840.1.101.3.4.3.4", &digest::SHA512),
    ("2.16.840.1.101.3.4.3.6", &digest::SHA3_256),
    ("2.16.840.1.101.3.4.3.7", &digest::SHA3_384),
];

/// The digest for each hash function in RSASSA-PSS parameters.
const HASHES: [(&str, &Algorithm); 10] = [
    ("1.2.840.113549.2.5", &digest::SHA256),
    ("1.3.14.3.2.26", &digest::SHA256),
    ("2.16.840.1.101.3.4.2.4", &digest::SHA224),
    ("2.16.840.1.101.3.4.2.1", &digest::SHA256),
    ("2.16.840.1.101.3.4.2.2", &digest::SHA384),
    ("2.16.840.1.101.3.4.2.3", &digest::SHA512),
    ("2.16.840.1.101.3.4.2.6", &digest::SHA512_256),
    ("2.16.840.1.101.3.4.2.8", &digest::SHA3_256),
    ("2.16.840.1.101.3.4.2.9", &digest::SHA3_384),
    ("2.16.840.1.101.3.4.2.10", &digest::SHA3_512),
];

impl Certificate {
    /// Returns the digest of its DER for tls-server-end-point.
    ///
    /// Fails with [`Status::Unsupported`] if the signature algorithm has no separate hash
    /// function, such as Ed25519.  RFC 5929 leaves that case undefined; PostgreSQL on
    /// OpenSSL fails too.
    pub(crate) fn end_point(&self) -> Result<Vec<u8>> {
        let hash = hash_of(&self.der()[self.raw().algorithm.clone()]).ok_or_else(|| {
            let sentence = format!(
                "tls-server-end-point is not defined for the certificate of '{}', whose \
                 signature ({}) has no hash function that is known (RFC 5929, section 4.1): \
                 use tls-exporter",
                self.subject(),
                self.signature_type()
            );
            Error::new(Status::Unsupported, sentence)
        })?;
        Ok(digest::digest(hash, self.der()).as_ref().to_vec())
    }
}

fn hash_of(algorithm: &[u8]) -> Option<&'static Algorithm> {
    let mut inner = Elements(only(algorithm, SEQUENCE)?.content);
    let name = oid::dotted(inner.take(OBJECT_IDENTIFIER)?.content);
    if name != RSASSA_PSS {
        return find(&SIGNATURES, &name);
    }
    let mut parameters = Elements(inner.take(SEQUENCE)?.content);
    let Some(hash) = parameters.take(PSS_HASH) else {
        // SHA-1 is the default.
        return Some(&digest::SHA256);
    };
    let mut hash = Elements(only(hash.content, SEQUENCE)?.content);
    find(&HASHES, &oid::dotted(hash.take(OBJECT_IDENTIFIER)?.content))
}

fn find(known: &[(&str, &'static Algorithm)], name: &str) -> Option<&'static Algorithm> {
    let found = known.iter().find(|(known, _)| *known == name);
    found.map(|(_, hash)| *hash)
}

#[cfg(test)]
mod tests {
    use const_oid::ObjectIdentifier;

    use super::super::tlv::encode;
    use super::*;

    fn algorithm(name: &str, parameters: &[u8]) -> Vec<u8> {
        let name = ObjectIdentifier::new_unwrap(name);
        let name = encode(OBJECT_IDENTIFIER, name.as_bytes());
        encode(SEQUENCE, &[&name, parameters].concat())
    }

    #[test]
    fn server_end_point_uses_hash_of_signature_algorithm() {
        for (name, expected) in SIGNATURES {
            for parameters in [&[][..], &[5, 0]] {
                let found = hash_of(&algorithm(name, parameters));
                assert_eq!(found, Some(expected), "{name}");
            }
        }
        for (name, expected) in HASHES {
            let hash = encode(PSS_HASH, &algorithm(name, &[5, 0]));
            // The hash of the mask generation function does not matter.
            let mask = encode(0xa1, &algorithm("1.2.840.113549.1.1.8", &[]));
            let parameters = encode(SEQUENCE, &[hash, mask].concat());
            let found = hash_of(&algorithm(RSASSA_PSS, &parameters));
            assert_eq!(found, Some(expected), "{name}");
        }
        let by_default = hash_of(&algorithm(RSASSA_PSS, &encode(SEQUENCE, &[])));
        assert_eq!(by_default, Some(&digest::SHA256));
    }

    #[test]
    fn server_end_point_rejects_algorithms_without_hash() {
        let unknown_hash = encode(PSS_HASH, &algorithm("1.2.3.4", &[]));
        for wrong in [
            algorithm("1.3.101.112", &[]),
            algorithm("1.3.101.113", &[]),
            algorithm("2.16.840.1.101.3.4.3.17", &[]),
            algorithm("1.2.840.113549.1.1.2", &[5, 0]),
            algorithm("1.2.840.113549.1.1.1", &[5, 0]),
            algorithm(RSASSA_PSS, &[]),
            algorithm(RSASSA_PSS, &[5, 0]),
            algorithm(RSASSA_PSS, &encode(SEQUENCE, &unknown_hash)),
            algorithm(RSASSA_PSS, &encode(SEQUENCE, &[PSS_HASH, 0])),
            vec![SEQUENCE, 0],
            vec![SEQUENCE, 9, 6],
            Vec::new(),
        ] {
            assert_eq!(hash_of(&wrong), None, "{wrong:02x?}");
        }
    }
}
