//! ASN.1 types of certificates that are written, and of requests and CRLs that are read or
//! written.
//!
//! Only the parts that this library examines or changes are decoded.  Names, times and keys
//! stay as bytes: in practice many are malformed, and they must be copied unchanged.

use der::asn1::{Any, BitString, OctetString};
use der::{Choice, Decode, DecodeValue, Encode, EncodeValue, Header, Length, Reader, Sequence};
use der::{Tag, Tagged, Writer};
use spki::AlgorithmIdentifierOwned;

use super::oid::Oid;
use super::raw_certificate;

/// The structure that all three share: the signed content, the algorithm and the signature.
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
    /// The version number minus 1.
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

/// The validity period: two times of either type.
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
    /// The content octets of a SET.  Their order is not checked, since many programs get it
    /// wrong.  Some requests omit even the empty SET.
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

/// One entry of revokedCertificates.
#[derive(Sequence)]
pub(super) struct RevokedEntry {
    pub(super) serial: Any,
    pub(super) time: Any,
    pub(super) extensions: Option<Vec<Extension>>,
}

/// A UTCTime or GeneralizedTime, with any content.
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

/// Returns the first extension that occurs twice in a list.  Of two, different readers
/// would use different ones.
pub(super) fn first_duplicate(extensions: &[Extension]) -> Option<&Extension> {
    raw_certificate::duplicates(extensions).next()
}
