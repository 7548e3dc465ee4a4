//! Record protection: the keys of one direction, which seal and open single records.
//!
//! | | TLS 1.3 (RFC 8446, section 5.2) | TLS 1.2 (RFC 5246, section 6.2.3.3) |
//! |---|---|---|
//! | content type | sealed, behind the plaintext, padding behind it | in the header |
//! | additional data | the header | sequence number and header, with the length of the plaintext |
//! | nonce | IV xor sequence number (section 5.3) | ChaCha20-Poly1305: the same (RFC 7905, section 2); AES-GCM: 4 bytes of the key block, 8 in the record (RFC 5288, section 3) |

use aws_lc_rs::aead::{self, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use rustls::{ConnectionTrafficSecrets, ContentType, Error, PeerMisbehaved, SupportedCipherSuite};

use crate::base::limits::RECORD_PLAINTEXT;

/// Content type, version and length (RFC 8446, section 5.1).
pub(crate) const HEADER: usize = 5;

/// The tag of every AEAD that TLS uses here.
pub(crate) const TAG: usize = 16;

/// The length of the explicit nonce in records of TLS 1.2 with AES-GCM (RFC 5288, section 3).
const EXPLICIT_NONCE: usize = 8;

/// An upper bound on what a record adds to its plaintext, in bytes.
pub(crate) const OVERHEAD: usize = HEADER + EXPLICIT_NONCE + TAG + 1;

/// The opaque type and the version of every protected TLS 1.3 record (RFC 8446, section 5.2).
const OUTER: [u8; 3] = [23, 3, 3];

/// The last sequence number that is used: they must not wrap (RFC 8446, section 5.3).
const LAST_SEQUENCE: u64 = u64::MAX - 1;

/// The header of a record.
#[derive(Clone, Copy)]
pub(crate) struct Header {
    bytes: [u8; HEADER],
}

impl Header {
    /// Returns the header at the front of `records`, if it is complete.
    pub(crate) fn of(records: &[u8]) -> Option<Self> {
        let bytes = *records.first_chunk()?;
        Some(Self { bytes })
    }

    pub(crate) fn content_type(self) -> ContentType {
        ContentType::from(self.bytes[0])
    }

    /// Whether it may be the beginning of TLS, or of SSL 2.  Other protocols have neither a content
    /// type nor a version of TLS in their first bytes.
    pub(crate) fn may_be_tls(self) -> bool {
        let is_ssl2 = self.bytes[0] >= 0x80;
        is_ssl2 || self.bytes[1] == 3 || (20..=24).contains(&self.bytes[0])
    }

    /// The length of the fragment after it.
    pub(crate) fn length(self) -> usize {
        usize::from(u16::from_be_bytes([self.bytes[3], self.bytes[4]]))
    }
}

/// The content of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Opened {
    pub(super) content_type: ContentType,
    /// The length of its content, without padding.
    pub(super) length: usize,
}

/// One direction of a connection.
pub(super) struct Protection {
    key: LessSafeKey,
    iv: [u8; NONCE_LEN],
    /// The sequence number of the next record.
    sequence: u64,
    /// How many records may be sealed with the key (RFC 8446, section 5.5).
    limit: u64,
    is_tls13: bool,
    /// How many bytes of the nonce are in each record.
    explicit_nonce: usize,
}

impl Protection {
    /// Uses the secrets that rustls hands over, and the sequence number of the next record.
    pub(super) fn new(
        suite: SupportedCipherSuite,
        (sequence, secrets): (u64, ConnectionTrafficSecrets),
    ) -> Result<Self, Error> {
        let is_tls13 = suite.tls13().is_some();
        let (algorithm, key, iv) = match &secrets {
            ConnectionTrafficSecrets::Aes128Gcm { key, iv } => (&aead::AES_128_GCM, key, iv),
            ConnectionTrafficSecrets::Aes256Gcm { key, iv } => (&aead::AES_256_GCM, key, iv),
            ConnectionTrafficSecrets::Chacha20Poly1305 { key, iv } => {
                (&aead::CHACHA20_POLY1305, key, iv)
            }
            _ => return Err(unusable("an AEAD that is not known here")),
        };
        let is_gcm = !std::ptr::eq(algorithm, &aead::CHACHA20_POLY1305);
        let key = UnboundKey::new(algorithm, key.as_ref());
        let key = key.map_err(|_| unusable("a key of the wrong length"))?;
        let iv = iv.as_ref().try_into();
        let common = match suite {
            SupportedCipherSuite::Tls12(suite) => &suite.common,
            SupportedCipherSuite::Tls13(suite) => &suite.common,
        };
        Ok(Self {
            key: LessSafeKey::new(key),
            iv: iv.map_err(|_| unusable("an IV of the wrong length"))?,
            sequence,
            limit: common.confidentiality_limit.min(LAST_SEQUENCE),
            is_tls13,
            explicit_nonce: if is_gcm && !is_tls13 {
                EXPLICIT_NONCE
            } else {
                0
            },
        })
    }

    /// Whether the next record is the last one that the key may seal, which is reserved for the
    /// KeyUpdate or alert.
    pub(super) fn is_at_aead_limit(&self) -> bool {
        self.sequence + 1 >= self.limit
    }

    /// Returns the longest fragment: 256 bytes more than the plaintext in TLS 1.3 (RFC 8446,
    /// section 5.2), 2048 in TLS 1.2 (RFC 5246, section 6.2.3).
    pub(super) fn longest(&self) -> usize {
        RECORD_PLAINTEXT + if self.is_tls13 { 256 } else { 2048 }
    }

    /// Returns how much room [`Self::open_into`] needs for such a record; `None` if the record is
    /// too short.
    pub(super) fn room_for(&self, header: Header) -> Option<usize> {
        header.length().checked_sub(self.explicit_nonce + TAG)
    }

    /// Returns the offset of the plaintext that [`Self::open_in_place`] leaves in a record.
    pub(super) fn offset(&self) -> usize {
        HEADER + self.explicit_nonce
    }

    /// Seals `content` as one record at the front of `out`, which has room for [`OVERHEAD`] bytes
    /// more, and returns the length of the record.
    pub(super) fn seal(
        &mut self,
        content_type: ContentType,
        content: &[u8],
        out: &mut [u8],
    ) -> Result<usize, Error> {
        let content_type = u8::from(content_type);
        let (outer, inner): (_, &[u8]) = match self.is_tls13 {
            true => (OUTER, &[content_type]),
            false => ([content_type, 3, 3], &[]),
        };
        let sealed = content.len() + inner.len() + TAG;
        let length = (self.explicit_nonce + sealed) as u16;
        let nonce = self.nonce();
        let (aad, aad_length) = self.additional_data(outer, content.len(), length);

        let (head, body) = out.split_at_mut(HEADER + self.explicit_nonce);
        let (header, explicit) = head.split_at_mut(HEADER);
        let [high, low] = length.to_be_bytes();
        header.copy_from_slice(&[outer[0], outer[1], outer[2], high, low]);
        explicit.copy_from_slice(&nonce[NONCE_LEN - self.explicit_nonce..]);
        let (ciphertext, rest) = body[..sealed].split_at_mut(content.len());
        self.key
            .seal_out_of_place_scatter(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(&aad[..aad_length]),
                content,
                ciphertext,
                inner,
                rest,
            )
            .map_err(|_| Error::EncryptError)?;
        self.sequence += 1;
        Ok(HEADER + usize::from(length))
    }

    /// Opens one record, without its header, to the front of `out`, which has [`Self::room_for`]
    /// it.
    pub(super) fn open_into(
        &mut self,
        header: Header,
        record: &[u8],
        out: &mut [u8],
    ) -> Result<Opened, Error> {
        let (nonce, sealed) = self.split(record)?;
        let (ciphertext, tag) = sealed.split_at(sealed.len() - TAG);
        let (aad, aad_length) = self.additional_data_of(header);
        let plaintext = &mut out[..ciphertext.len()];
        let outcome = self.key.open_separate_gather(
            Nonce::assume_unique_for_key(nonce),
            Aad::from(&aad[..aad_length]),
            ciphertext,
            tag,
            plaintext,
        );
        outcome.map_err(|_| Error::DecryptError)?;
        self.unpad(header, plaintext)
    }

    /// Opens one record, without its header, in place: its content begins at [`Self::offset`] of
    /// the record with its header.
    pub(super) fn open_in_place(
        &mut self,
        header: Header,
        record: &mut [u8],
    ) -> Result<Opened, Error> {
        let (nonce, _) = self.split(record)?;
        let (aad, aad_length) = self.additional_data_of(header);
        let outcome = self.key.open_in_place(
            Nonce::assume_unique_for_key(nonce),
            Aad::from(&aad[..aad_length]),
            &mut record[self.explicit_nonce..],
        );
        let plaintext = outcome.map_err(|_| Error::DecryptError)?;
        self.unpad(header, plaintext)
    }

    /// Splits a record into its nonce and its ciphertext, which has at least a tag.
    fn split<'a>(&self, record: &'a [u8]) -> Result<([u8; NONCE_LEN], &'a [u8]), Error> {
        let (explicit, sealed) = record
            .split_at_checked(self.explicit_nonce)
            .filter(|(_, sealed)| sealed.len() >= TAG)
            .ok_or_else(|| Error::DecryptError)?;
        let mut nonce = self.nonce();
        nonce[NONCE_LEN - explicit.len()..].copy_from_slice(explicit);
        Ok((nonce, sealed))
    }

    /// Returns the nonce of the next record (RFC 8446, section 5.3), without the explicit part.  We
    /// also use it to seal with AES-GCM in TLS 1.2, which allows any nonce that is used only once
    /// (RFC 5288, section 3).
    fn nonce(&self) -> [u8; NONCE_LEN] {
        let [a, b, c, d, end @ ..] = self.iv;
        let [e, f, g, h, i, j, k, l] = (u64::from_be_bytes(end) ^ self.sequence).to_be_bytes();
        [a, b, c, d, e, f, g, h, i, j, k, l]
    }

    fn additional_data_of(&self, header: Header) -> ([u8; 13], usize) {
        let [kind, major, minor, ..] = header.bytes;
        let content = self.room_for(header).unwrap_or_default();
        // TLS 1.3 ignores the version of a record (section 5.1).
        let outer = match self.is_tls13 {
            true => OUTER,
            false => [kind, major, minor],
        };
        self.additional_data(outer, content, header.length() as u16)
    }

    /// Returns the additional data, and its length.
    fn additional_data(&self, outer: [u8; 3], content: usize, length: u16) -> ([u8; 13], usize) {
        let [kind, major, minor] = outer;
        if self.is_tls13 {
            let [high, low] = length.to_be_bytes();
            let data = [kind, major, minor, high, low, 0, 0, 0, 0, 0, 0, 0, 0];
            return (data, HEADER);
        }
        let [a, b, c, d, e, f, g, h] = self.sequence.to_be_bytes();
        let [high, low] = (content as u16).to_be_bytes();
        let data = [a, b, c, d, e, f, g, h, kind, major, minor, high, low];
        (data, data.len())
    }

    /// Removes the padding of a record that was opened (RFC 8446, section 5.4).
    fn unpad(&mut self, header: Header, plaintext: &[u8]) -> Result<Opened, Error> {
        self.sequence = self
            .sequence
            .checked_add(1)
            .ok_or_else(|| Error::DecryptError)?;
        if !self.is_tls13 {
            return within_limit(header.content_type(), plaintext.len());
        }
        if plaintext.len() > RECORD_PLAINTEXT + 1 {
            return Err(Error::PeerSentOversizedRecord);
        }
        match plaintext.iter().rposition(|&byte| byte != 0) {
            Some(length) => within_limit(ContentType::from(plaintext[length]), length),
            None => Err(PeerMisbehaved::IllegalTlsInnerPlaintext.into()),
        }
    }
}

/// Refuses content of more than 2^14 bytes (RFC 8446, section 5.1).
fn within_limit(content_type: ContentType, length: usize) -> Result<Opened, Error> {
    if length > RECORD_PLAINTEXT {
        return Err(Error::PeerSentOversizedRecord);
    }
    Ok(Opened {
        content_type,
        length,
    })
}

fn unusable(what: &str) -> Error {
    Error::General(format!("the handshake came to {what}"))
}
