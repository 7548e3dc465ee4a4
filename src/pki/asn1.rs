//! Certificates that are written, and requests and CRLs that are read or written,
//! opened as far as anybody here looks into them or changes them.
//!
//! What is not looked into stays as the bytes that it is: names, times and keys
//! come out of documents of every quality, and go into others unchanged.

use der::asn1::{Any, BitString, OctetString};
use der::{Choice, Decode, DecodeValue, Encode, EncodeValue, Header, Length, Reader, Sequence};
use der::{Tag, Tagged, Writer};
use spki::AlgorithmIdentifierOwned;

use super::oid::Oid;
use super::raw_certificate;

/// What all three have in common: a content, and somebody's signature of it.
#[derive(Sequence)]
pub(super) struct Signed<T>
where
    T: for<'any> Decode<'any, Error = der::Error> + Encode,
{
    pub(super) content: T,
    pub(super) algorithm: AlgorithmIdentifierOwned,
    pub(super) signature: BitString,
}

/// A TBSCertificate (RFC 5280, section 4.1).
#[derive(Sequence)]
pub(super) struct TbsCertificate {
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
#[derive(Clone, Sequence)]
pub(super) struct Extension {
    pub(super) oid: Oid,
    #[asn1(default = "Default::default")]
    pub(super) critical: bool,
    pub(super) value: OctetString,
}

/// A CertificationRequestInfo (RFC 2986, section 4.1).
#[derive(Sequence)]
pub(super) struct CertificationRequestInfo {
    pub(super) version: u8,
    pub(super) subject: Any,
    pub(super) spki: Any,
    /// The content of a SET: its order is not checked, since many get it wrong.
    /// Some requests leave out even the empty one.
    pub(super) attributes: Option<Any>,
}

/// A TBSCertList (RFC 5280, section 5.1).
#[derive(Sequence)]
pub(super) struct TbsCertList {
    pub(super) version: Option<u8>,
    pub(super) algorithm: AlgorithmIdentifierOwned,
    pub(super) issuer: Any,
    pub(super) this_update: Any,
    pub(super) next_update: Option<Time>,
    pub(super) revoked: Option<Vec<RevokedEntry>>,
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT", optional = "true")]
    pub(super) extensions: Option<Vec<Extension>>,
}

/// One entry of its revokedCertificates.
#[derive(Sequence)]
pub(super) struct RevokedEntry {
    pub(super) serial: Any,
    pub(super) time: Any,
    pub(super) extensions: Option<Vec<Extension>>,
}

/// A time of either kind, whatever it holds.
pub(super) struct Time(pub(super) Any);

impl Choice<'_> for Time {
    fn can_decode(tag: Tag) -> bool {
        matches!(tag, Tag::UtcTime | Tag::GeneralizedTime)
    }
}

impl<'a> DecodeValue<'a> for Time {
    type Error = der::Error;

    fn decode_value<R: Reader<'a>>(reader: &mut R, header: Header) -> der::Result<Self> {
        Any::decode_value(reader, header).map(Self)
    }
}

impl<'a> Decode<'a> for Time {
    type Error = der::Error;

    fn decode<R: Reader<'a>>(reader: &mut R) -> der::Result<Self> {
        let header = Header::decode(reader)?;
        match Self::can_decode(header.tag()) {
            true => Self::decode_value(reader, header),
            false => Err(header.tag().unexpected_error(None).into()),
        }
    }
}

impl EncodeValue for Time {
    fn value_len(&self) -> der::Result<Length> {
        self.0.value_len()
    }

    fn encode_value(&self, writer: &mut impl Writer) -> der::Result<()> {
        self.0.encode_value(writer)
    }
}

impl Tagged for Time {
    fn tag(&self) -> Tag {
        self.0.tag()
    }
}

/// The first extension that stands twice in a list: each reader would believe
/// another one of them.
pub(super) fn first_duplicate(extensions: &[Extension]) -> Option<&Extension> {
    raw_certificate::duplicates(extensions).next()
}
