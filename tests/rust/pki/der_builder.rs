//! Builds certificates from DER, part by part, as unusual as it allows.

use rustls_pki_types::CertificateDer;
use tlsmith::{Certificate, KeyType, PrivateKey};
use webpki::EndEntityCert;

pub(crate) const SEQUENCE: u8 = 0x30;
pub(crate) const SET: u8 = 0x31;

/// An element of DER.
pub(crate) fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len();
    let mut der = vec![tag];
    match length {
        0..0x80 => der.push(length as u8),
        0x80..0x100 => der.extend([0x81, length as u8]),
        0x100..0x1_0000 => der.extend([0x82, (length >> 8) as u8, length as u8]),
        _ => der.extend([
            0x83,
            (length >> 16) as u8,
            (length >> 8) as u8,
            length as u8,
        ]),
    }
    der.extend(content);
    der
}

pub(crate) fn all(parts: &[Vec<u8>]) -> Vec<u8> {
    parts.concat()
}

pub(crate) fn sequence(parts: &[Vec<u8>]) -> Vec<u8> {
    tlv(SEQUENCE, &all(parts))
}

pub(crate) fn oid(content: &[u8]) -> Vec<u8> {
    tlv(0x06, content)
}

const ECDSA_SHA256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02];
/// A UUID as an arc (X.667).
pub(crate) const BIG: &[u8] = &[
    0x69, 0x83, 0xf0, 0x9d, 0xa7, 0xeb, 0xcf, 0xde, 0xe0, 0xc7, 0xa1, 0xa7, 0xb2, 0xc0, 0x94, 0x8c,
    0xc8, 0xf9, 0xd7, 0x76,
];

pub(crate) const BIG_DOTTED: &str = "2.25.329800735698586629295641978511506172918";

/// A certificate part by part, as DER.
#[derive(Clone)]
pub(crate) struct Odd {
    pub(crate) version: Option<u8>,
    pub(crate) serial: Vec<u8>,
    pub(crate) algorithm: Vec<u8>,
    pub(crate) issuer: Vec<u8>,
    pub(crate) validity: Vec<u8>,
    pub(crate) subject: Vec<u8>,
    pub(crate) spki: Vec<u8>,
    pub(crate) ids: Vec<u8>,
    pub(crate) extensions: Option<Vec<Vec<u8>>>,
    pub(crate) signature: Vec<u8>,
}

pub(crate) fn attribute(kind: &[u8], tag: u8, value: &[u8]) -> Vec<u8> {
    tlv(SET, &sequence(&[oid(kind), tlv(tag, value)]))
}

pub(crate) fn name(tag: u8, value: &[u8]) -> Vec<u8> {
    sequence(&[attribute(&[0x55, 4, 3], tag, value)])
}

pub(crate) fn extension(kind: &[u8], critical: Option<u8>, value: &[u8]) -> Vec<u8> {
    let critical = critical.map(|flag| tlv(0x01, &[flag])).unwrap_or_default();
    sequence(&[oid(kind), critical, tlv(0x04, value)])
}

pub(crate) fn validity(start: &[u8], end: &[u8]) -> Vec<u8> {
    sequence(&[start.to_vec(), end.to_vec()])
}

pub(crate) fn utc(text: &str) -> Vec<u8> {
    tlv(0x17, text.as_bytes())
}

pub(crate) fn generalized(text: &str) -> Vec<u8> {
    tlv(0x18, text.as_bytes())
}

impl Odd {
    pub(crate) fn new() -> Self {
        let key = PrivateKey::generate(KeyType::EcdsaP256).unwrap();
        let dns = sequence(&[tlv(0x82, b"a.example")]);
        Self {
            version: Some(2),
            serial: tlv(0x02, &[0x47, 0x11]),
            algorithm: sequence(&[oid(ECDSA_SHA256)]),
            issuer: name(0x0c, b"Root"),
            validity: validity(&utc("260101000000Z"), &generalized("20600101000000Z")),
            subject: name(0x0c, b"odd"),
            spki: key.spki_der().to_vec(),
            ids: Vec::new(),
            extensions: Some(vec![extension(&[0x55, 0x1d, 0x11], None, &dns)]),
            signature: tlv(0x03, &[0, 0x30, 0]),
        }
    }

    pub(crate) fn with(mut self, extension: Vec<u8>) -> Self {
        self.extensions.get_or_insert_default().push(extension);
        self
    }

    pub(crate) fn der(&self) -> Vec<u8> {
        let version = self
            .version
            .map(|version| tlv(0xa0, &tlv(0x02, &[version])));
        let extensions = self.extensions.as_ref();
        let extensions = extensions.map(|list| tlv(0xa3, &sequence(list)));
        let content = sequence(&[
            version.unwrap_or_default(),
            self.serial.clone(),
            self.algorithm.clone(),
            self.issuer.clone(),
            self.validity.clone(),
            self.subject.clone(),
            self.spki.clone(),
            self.ids.clone(),
            extensions.unwrap_or_default(),
        ]);
        sequence(&[content, self.algorithm.clone(), self.signature.clone()])
    }
}

/// Parses it, and calls every accessor.
#[track_caller]
pub(crate) fn read(odd: &Odd) -> Certificate {
    let certificate = Certificate::from_der(odd.der()).unwrap();
    look_at(&certificate);
    certificate
}

/// Calls every accessor of a certificate.
pub(crate) fn look_at(certificate: &Certificate) {
    for text in [
        certificate.subject(),
        certificate.issuer(),
        certificate.serial(),
        certificate.key_type(),
        certificate.signature_type(),
        certificate.sha256(),
        certificate.spki_sha256(),
        certificate.pem(),
    ] {
        assert!(!text.contains('\u{fffd}'), "{text}");
    }
    let page = certificate.text();
    assert!(page.lines().count() > 10, "{page}");
    assert!(certificate.version() >= 1);
    let _ = (
        certificate.names(),
        certificate.key_usage(),
        certificate.key_bits(),
    );
    let _ = (certificate.common_names(), certificate.extended_key_usage());
    let _ = (
        certificate.crl_urls(),
        certificate.ocsp_urls(),
        certificate.issuer_urls(),
    );
    let _ = (certificate.sct_count(), certificate.name_constraints());
    let _ = (certificate.subject_parts(), certificate.issuer_parts());
    let _ = (certificate.alternative_names(), certificate.extensions());
    let _ = certificate.is_issued_by(certificate);
    let _ = certificate.matches("a.example");
}

pub(crate) fn webpki_accepts(der: &[u8]) -> bool {
    EndEntityCert::try_from(&CertificateDer::from(der)).is_ok()
}
