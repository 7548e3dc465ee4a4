//! A certificate opened as far as anybody here looks into it or changes it.
//!
//! What is not looked into stays as the bytes that it is: names, times and keys
//! come out of certificates of every quality, and go into others unchanged.

use const_oid::ObjectIdentifier;
use der::Sequence;
use der::asn1::{Any, BitString, OctetString};
use spki::AlgorithmIdentifierOwned;

/// A Certificate (RFC 5280, section 4.1).
#[derive(Sequence)]
pub(super) struct Document {
    pub(super) to_be_signed: ToBeSigned,
    pub(super) algorithm: AlgorithmIdentifierOwned,
    pub(super) signature: BitString,
}

/// A TBSCertificate (RFC 5280, section 4.1).
#[derive(Sequence)]
pub(super) struct ToBeSigned {
    /// One less than the version that people speak of.
    #[asn1(
        context_specific = "0",
        tag_mode = "EXPLICIT",
        default = "Default::default"
    )]
    pub(super) version: u8,
    pub(super) serial: Any,
    pub(super) algorithm: AlgorithmIdentifierOwned,
    pub(super) issuer: Any,
    pub(super) validity: Validity,
    pub(super) subject: Any,
    pub(super) spki: Any,
    #[asn1(context_specific = "1", tag_mode = "IMPLICIT", optional = "true")]
    pub(super) issuer_id: Option<BitString>,
    #[asn1(context_specific = "2", tag_mode = "IMPLICIT", optional = "true")]
    pub(super) subject_id: Option<BitString>,
    #[asn1(context_specific = "3", tag_mode = "EXPLICIT", optional = "true")]
    pub(super) extensions: Option<Vec<Extension>>,
}

/// When it is valid: two times of either kind.
#[derive(Sequence)]
pub(super) struct Validity {
    pub(super) not_before: Any,
    pub(super) not_after: Any,
}

/// An Extension (RFC 5280, section 4.1.2.9).
#[derive(Sequence)]
pub(super) struct Extension {
    pub(super) oid: ObjectIdentifier,
    #[asn1(default = "Default::default")]
    pub(super) critical: bool,
    pub(super) value: OctetString,
}
