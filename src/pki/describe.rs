//! Human-readable descriptions: names of algorithms and purposes, and listings of whole
//! certificates, requests and CRLs.

use std::fmt::{self, Write};

use aws_lc_rs::digest;
use const_oid::{ObjectIdentifier, db};
use der::asn1::UintRef;
use der::{Decode, Sequence};

use super::asn1::Extension;
use super::certificate::Certificate;
use super::crl::Crl;
use super::oid::{self, Oid};
use super::request::Csr;
use super::tlv::{BIT_STRING, Elements, OBJECT_IDENTIFIER, SEQUENCE, only};
use super::{extensions, x509_time};
use crate::base::text::one_line;

pub(super) fn hex(bytes: &[u8]) -> String {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 0xf]);
    let digits = digits.map(|digit| b"0123456789abcdef"[usize::from(digit)]);
    digits.map(char::from).collect()
}

pub(super) fn sha256(bytes: &[u8]) -> String {
    hex(digest::digest(&digest::SHA256, bytes).as_ref())
}

pub(super) fn sha1(bytes: &[u8]) -> String {
    hex(&sha1_bytes(bytes))
}

pub(super) fn sha1_bytes(bytes: &[u8]) -> Vec<u8> {
    let digest = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, bytes);
    digest.as_ref().to_vec()
}

/// Formats a serial number, given the content octets of its INTEGER, in hex.  Omits the
/// leading zero byte of a positive number; a negative one gets a minus.
pub(super) fn serial(bytes: &[u8]) -> String {
    match bytes {
        [0, rest @ ..] if !rest.is_empty() => hex(rest),
        [first, ..] if first & 0x80 != 0 => {
            // Negates a two's complement number: inverts all bits and adds one.
            let mut digits: Vec<u8> = bytes.iter().map(|byte| !byte).collect();
            for digit in digits.iter_mut().rev() {
                let (sum, carried) = digit.overflowing_add(1);
                *digit = sum;
                if !carried {
                    break;
                }
            }
            let zeros = digits.iter().take_while(|digit| **digit == 0).count();
            format!("-{}", hex(&digits[zeros.min(digits.len() - 1)..]))
        }
        _ => hex(bytes),
    }
}

/// Returns the standard's name of an algorithm, or the dotted identifier.
pub(super) fn algorithm(oid: &ObjectIdentifier) -> String {
    match oid.to_string().as_str() {
        "1.2.840.10045.4.1" => "ecdsa-with-SHA1".to_owned(),
        "1.2.840.10045.4.3.2" => "ecdsa-with-SHA256".to_owned(),
        "1.2.840.10045.4.3.3" => "ecdsa-with-SHA384".to_owned(),
        "1.2.840.10045.4.3.4" => "ecdsa-with-SHA512".to_owned(),
        "1.2.840.113549.1.1.5" => "sha1WithRSAEncryption".to_owned(),
        "1.2.840.113549.1.1.10" => "rsassa-pss".to_owned(),
        "1.3.101.112" => "ed25519".to_owned(),
        "1.3.101.113" => "ed448".to_owned(),
        dotted => db::DB.by_oid(oid).unwrap_or(dotted).to_owned(),
    }
}

/// Names the algorithm of an AlgorithmIdentifier (DER), as [`algorithm`] does; `#` and hex
/// if it does not decode.
pub(super) fn algorithm_of(der: &[u8]) -> String {
    let identifier = only(der, SEQUENCE).and_then(|whole| {
        let mut inner = Elements(whole.content);
        inner.take(OBJECT_IDENTIFIER)
    });
    let Some(identifier) = identifier else {
        return format!("#{}", hex(der));
    };
    match ObjectIdentifier::from_bytes(identifier.content) {
        Ok(oid) => algorithm(&oid),
        Err(_) => oid::dotted(identifier.content),
    }
}

/// Names the purposes in an extended key usage (RFC 5280, section 4.2.1.12), or returns
/// their dotted identifiers.
pub(super) fn purposes(der: &[u8]) -> der::Result<Vec<String>> {
    let purpose = |oid: Oid| match oid.to_string().as_str() {
        "1.3.6.1.5.5.7.3.1" => "serverAuth".to_owned(),
        "1.3.6.1.5.5.7.3.2" => "clientAuth".to_owned(),
        "1.3.6.1.5.5.7.3.3" => "codeSigning".to_owned(),
        "1.3.6.1.5.5.7.3.4" => "emailProtection".to_owned(),
        "1.3.6.1.5.5.7.3.8" => "timeStamping".to_owned(),
        "1.3.6.1.5.5.7.3.9" => "OCSPSigning".to_owned(),
        "2.5.29.37.0" => "anyExtendedKeyUsage".to_owned(),
        dotted => dotted.to_owned(),
    };
    let all = Vec::<Oid>::from_der(der)?;
    Ok(all.into_iter().map(purpose).collect())
}

/// RSAPublicKey (RFC 8017, appendix A.1.1).
#[derive(Sequence)]
pub(super) struct RsaPublicKey<'a> {
    pub(super) modulus: UintRef<'a>,
    pub(super) exponent: UintRef<'a>,
}

/// The fields of a SubjectPublicKeyInfo (RFC 5280, section 4.1) that are used here.
pub(super) struct PublicKey<'a> {
    /// The content octets of the algorithm's identifier, and its parameters in DER.
    algorithm: &'a [u8],
    parameters: &'a [u8],
    key: &'a [u8],
}

impl<'a> PublicKey<'a> {
    /// Returns `None` if it does not decode.
    pub(super) fn of(spki: &'a [u8]) -> Option<Self> {
        let mut inner = Elements(only(spki, SEQUENCE)?.content);
        let mut algorithm = inner.inside(SEQUENCE)?;
        let key = inner.take(BIT_STRING)?.content;
        inner.end()?;
        Some(Self {
            algorithm: algorithm.take(OBJECT_IDENTIFIER)?.content,
            parameters: algorithm.0,
            key: key.split_first()?.1,
        })
    }

    fn kind(&self) -> String {
        key_kind(self.algorithm, self.parameters)
    }

    fn modulus(&self) -> Option<usize> {
        let rsa = RsaPublicKey::from_der(self.key).ok()?;
        Some(bits(rsa.modulus.as_bytes()))
    }
}

/// Names the type and size of the key in a SubjectPublicKeyInfo (DER).  Returns the dotted
/// identifier of an unknown algorithm.
pub(super) fn key_type(spki: &[u8]) -> String {
    let Some(key) = PublicKey::of(spki) else {
        return "unknown".to_owned();
    };
    match (key.kind(), key.modulus()) {
        (kind, Some(bits)) if kind == "rsa" => format!("rsa-{bits}"),
        (kind, _) => kind,
    }
}

/// Returns the size of a key in bits; 0 if unknown.
pub(super) fn key_bits(spki: &[u8]) -> usize {
    let Some(key) = PublicKey::of(spki) else {
        return 0;
    };
    match key.kind().as_str() {
        "rsa" | "rsa-pss" => key.modulus().unwrap_or(0),
        "ecdsa-p256" | "ed25519" | "x25519" => 256,
        "ecdsa-p384" => 384,
        "ecdsa-p521" => 521,
        "ed448" | "x448" => 456,
        "ml-dsa-44" | "ml-dsa-65" | "ml-dsa-87" => key.key.len() * 8,
        _ => 0,
    }
}

/// Names the type of a key, without the size of an RSA key, given the content octets of the
/// algorithm's identifier, and its parameters in DER.
fn key_kind(algorithm: &[u8], parameters: &[u8]) -> String {
    let dotted = oid::dotted(algorithm);
    let curve = only(parameters, OBJECT_IDENTIFIER).map(|curve| oid::dotted(curve.content));
    let name = match (dotted.as_str(), curve) {
        ("1.2.840.113549.1.1.1", _) => "rsa",
        ("1.2.840.113549.1.1.10", _) => "rsa-pss",
        ("1.2.840.10040.4.1", _) => "dsa",
        ("1.2.840.10045.2.1", Some(curve)) => match curve.as_str() {
            "1.2.840.10045.3.1.7" => "ecdsa-p256",
            "1.3.132.0.34" => "ecdsa-p384",
            "1.3.132.0.35" => "ecdsa-p521",
            other => return format!("ecdsa-{other}"),
        },
        // Explicit curve parameters (RFC 3279, section 2.3.5).
        ("1.2.840.10045.2.1", None) => "ecdsa",
        ("1.3.101.110", _) => "x25519",
        ("1.3.101.111", _) => "x448",
        ("1.3.101.112", _) => "ed25519",
        ("1.3.101.113", _) => "ed448",
        ("2.16.840.1.101.3.4.3.17", _) => "ml-dsa-44",
        ("2.16.840.1.101.3.4.3.18", _) => "ml-dsa-65",
        ("2.16.840.1.101.3.4.3.19", _) => "ml-dsa-87",
        (other, _) => other,
    };
    name.to_owned()
}

/// Names the type of a key, given the content octets of its AlgorithmIdentifier; `None` if
/// it does not decode.
pub(super) fn algorithm_kind(content: &[u8]) -> Option<String> {
    let mut inner = Elements(content);
    let algorithm = inner.take(OBJECT_IDENTIFIER)?.content;
    Some(key_kind(algorithm, inner.0))
}

pub(super) fn bits(number: &[u8]) -> usize {
    let leading = number.first().map_or(0, |byte| byte.leading_zeros());
    number.len() * 8 - leading as usize
}

/// Collects the lines of a listing.
fn text(write: impl FnOnce(&mut String) -> fmt::Result) -> String {
    let mut text = String::new();
    match write(&mut text) {
        Ok(()) => text,
        // Writing to a string never fails.
        Err(fmt::Error) => text,
    }
}

/// Writes one line of a listing: a label and a value.
fn field(out: &mut String, name: &str, value: &str) -> fmt::Result {
    writeln!(out, "{name:<21}{}", one_line(value))
}

pub(super) fn certificate_text(certificate: &Certificate) -> String {
    text(|out| write_certificate(out, certificate))
}

pub(super) fn request_text(csr: &Csr) -> String {
    text(|out| {
        field(out, "Subject:", csr.subject())?;
        field(out, "Key:", &csr.key_type())?;
        field(out, "Signed with:", &csr.signature_type())?;
        field(out, "SHA-256 of the key:", &sha256(csr.spki_der()))?;
        write_extensions(out, csr.extensions())
    })
}

pub(super) fn crl_text(crl: &Crl) -> String {
    text(|out| {
        field(out, "Issuer:", crl.issuer())?;
        field(out, "Made:", &x509_time::format_utc(crl.this_update()))?;
        let next = crl.next_update().map(x509_time::format_utc);
        field(out, "Next:", next.as_deref().unwrap_or("not said"))?;
        field(out, "Signed with:", &crl.signature_type())?;
        field(out, "Revoked:", &crl.revoked().len().to_string())?;
        for revoked in crl.revoked() {
            let time = revoked.time.map(x509_time::format_utc).unwrap_or_default();
            let reason = revoked.reason.map(|reason| format!(", {reason}"));
            writeln!(
                out,
                "    {} on {time}{}",
                revoked.serial,
                reason.unwrap_or_default()
            )?;
        }
        write_extensions(out, crl.extensions())
    })
}

fn write_extensions<'a>(
    out: &mut String,
    extensions: impl IntoIterator<Item = &'a Extension>,
) -> fmt::Result {
    for extension in extensions {
        let critical = if extension.critical {
            " (critical)"
        } else {
            ""
        };
        let (name, value) = extensions::describe(&extension.oid, extension.value.as_bytes());
        writeln!(out, "{name}{critical}: {value}")?;
    }
    Ok(())
}

fn write_certificate(out: &mut String, certificate: &Certificate) -> fmt::Result {
    let parts = certificate.raw();
    let der = certificate.der();
    field(out, "Subject:", certificate.subject())?;
    field(out, "Issuer:", certificate.issuer())?;
    field(out, "Version:", &(parts.version + 1).to_string())?;
    field(out, "Serial number:", certificate.serial())?;
    if certificate.undecodable().contains(&"validity") {
        let raw = hex(&der[parts.validity.clone()]);
        field(out, "Validity:", &format!("#{raw} (never valid)"))?;
    } else {
        field(
            out,
            "Valid from:",
            &x509_time::format_utc(certificate.not_before()),
        )?;
        field(
            out,
            "Valid until:",
            &x509_time::format_utc(certificate.not_after()),
        )?;
    }
    field(out, "Key:", certificate.key_type())?;
    field(out, "Signed with:", certificate.signature_type())?;
    let (outer, inner) = (&parts.algorithm, &parts.signed_algorithm);
    if der[outer.clone()] != der[inner.clone()] {
        // RFC 5280, section 4.1.1.2, requires them to be equal: only the inner one is
        // signed.
        let inner = algorithm_of(&der[inner.clone()]);
        field(out, "", &format!("its signed content says {inner}"))?;
    }
    field(out, "SHA-1:", &certificate.sha1())?;
    field(out, "SHA-256:", certificate.sha256())?;
    field(out, "SHA-256 of the key:", certificate.spki_sha256())?;
    let ids = [
        ("Issuer's unique ID:", &parts.issuer_id),
        ("Unique ID:", &parts.subject_id),
    ];
    for (name, id) in ids {
        if let Some([_unused, id @ ..]) = id.clone().map(|place| &der[place]) {
            field(out, name, &hex(id))?;
        }
    }
    write_extensions(out, &parts.extensions)?;
    let spki = certificate.spki_der();
    let key = PublicKey::of(spki).map_or(spki, |key| key.key);
    write_bytes(out, "Public key", key)?;
    let signature = &der[parts.signature.clone()];
    write_bytes(out, "Signature", signature.get(1..).unwrap_or_default())
}

fn write_bytes(out: &mut String, name: &str, bytes: &[u8]) -> fmt::Result {
    writeln!(out, "{name}:")?;
    bytes
        .chunks(32)
        .try_for_each(|line| writeln!(out, "    {}", hex(line)))
}
