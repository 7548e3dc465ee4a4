//! Certificates in words: the names of algorithms and purposes, and a page
//! about every field.

use std::fmt::{self, Write};

use aws_lc_rs::digest;
use const_oid::{ObjectIdentifier, db};
use der::asn1::UintRef;
use der::{Decode, Sequence};
use spki::{AlgorithmIdentifierRef, SubjectPublicKeyInfoRef};

use super::certificate::Certificate;
use super::crl::Crl;
use super::document::Extension;
use super::request::Csr;
use super::{extensions, moment};

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

/// A serial number from the content of its INTEGER, without the byte that only
/// says that it is positive.
pub(super) fn serial(bytes: &[u8]) -> String {
    match bytes {
        [0, rest @ ..] if !rest.is_empty() => hex(rest),
        _ => hex(bytes),
    }
}

/// An algorithm by the name that its own standard gives it, or in dots.
pub(super) fn algorithm(oid: &ObjectIdentifier) -> String {
    match oid.to_string().as_str() {
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

/// What extended key usages are for (RFC 5280, section 4.2.1.12), by name or
/// in dots.
pub(super) fn purposes(der: &[u8]) -> der::Result<Vec<String>> {
    let purpose = |oid: ObjectIdentifier| match oid.to_string().as_str() {
        "1.3.6.1.5.5.7.3.1" => "serverAuth".to_owned(),
        "1.3.6.1.5.5.7.3.2" => "clientAuth".to_owned(),
        "1.3.6.1.5.5.7.3.3" => "codeSigning".to_owned(),
        "1.3.6.1.5.5.7.3.4" => "emailProtection".to_owned(),
        "1.3.6.1.5.5.7.3.8" => "timeStamping".to_owned(),
        "1.3.6.1.5.5.7.3.9" => "OCSPSigning".to_owned(),
        "2.5.29.37.0" => "anyExtendedKeyUsage".to_owned(),
        dotted => dotted.to_owned(),
    };
    let all = Vec::<ObjectIdentifier>::from_der(der)?;
    Ok(all.into_iter().map(purpose).collect())
}

/// RSAPublicKey (RFC 8017, appendix A.1.1).
#[derive(Sequence)]
pub(super) struct RsaPublicKey<'a> {
    pub(super) modulus: UintRef<'a>,
    pub(super) exponent: UintRef<'a>,
}

/// The kind of a key and its size, from a SubjectPublicKeyInfo in DER.
pub(super) fn key_type(spki: &[u8]) -> String {
    let Ok(key) = SubjectPublicKeyInfoRef::try_from(spki) else {
        return "unknown".to_owned();
    };
    let kind = key_algorithm(&key.algorithm);
    let rsa = RsaPublicKey::from_der(key.subject_public_key.raw_bytes());
    match (kind.as_str(), rsa) {
        ("rsa", Ok(rsa)) => format!("rsa-{}", bits(rsa.modulus.as_bytes())),
        _ => kind,
    }
}

/// How large a key is, in bits; 0 where that is not known.
pub(super) fn key_bits(spki: &[u8]) -> usize {
    let Ok(key) = SubjectPublicKeyInfoRef::try_from(spki) else {
        return 0;
    };
    let bytes = key.subject_public_key.raw_bytes();
    match key_algorithm(&key.algorithm).as_str() {
        "rsa" | "rsa-pss" => {
            let rsa = RsaPublicKey::from_der(bytes);
            rsa.map_or(0, |rsa| bits(rsa.modulus.as_bytes()))
        }
        "ecdsa-p256" | "ed25519" | "x25519" => 256,
        "ecdsa-p384" => 384,
        "ecdsa-p521" => 521,
        "ed448" | "x448" => 456,
        "ml-dsa-44" | "ml-dsa-65" | "ml-dsa-87" => bytes.len() * 8,
        _ => 0,
    }
}

/// The kind of a key, without the size of an RSA key.
pub(super) fn key_algorithm(algorithm: &AlgorithmIdentifierRef<'_>) -> String {
    let dotted = algorithm.oid.to_string();
    let name = match (dotted.as_str(), algorithm.parameters_oid()) {
        ("1.2.840.113549.1.1.1", _) => "rsa",
        ("1.2.840.113549.1.1.10", _) => "rsa-pss",
        ("1.2.840.10040.4.1", _) => "dsa",
        ("1.2.840.10045.2.1", Ok(curve)) => match curve.to_string().as_str() {
            "1.2.840.10045.3.1.7" => "ecdsa-p256",
            "1.3.132.0.34" => "ecdsa-p384",
            "1.3.132.0.35" => "ecdsa-p521",
            other => return format!("ecdsa-{other}"),
        },
        ("1.2.840.10045.2.1", Err(_)) => "ecdsa",
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

pub(super) fn bits(number: &[u8]) -> usize {
    let leading = number.first().map_or(0, |byte| byte.leading_zeros());
    number.len() * 8 - leading as usize
}

/// Every field and extension of a document, a line each.
fn page(write: impl FnOnce(&mut String) -> fmt::Result) -> String {
    let mut page = String::new();
    match write(&mut page) {
        Ok(()) => page,
        // Only writing can fail, and writing to a string does not.
        Err(fmt::Error) => page,
    }
}

pub(super) fn certificate_page(certificate: &Certificate) -> String {
    page(|out| write_certificate(out, certificate))
}

pub(super) fn request_page(csr: &Csr) -> String {
    page(|out| {
        let mut field = |name: &str, value: &str| writeln!(out, "{name:<21}{value}");
        field("Subject:", csr.subject())?;
        field("Key:", &csr.key_type())?;
        field("Signed with:", &csr.signature_type())?;
        field("SHA-256 of the key:", &sha256(csr.spki_der()))?;
        write_extensions(out, csr.extensions())
    })
}

pub(super) fn crl_page(crl: &Crl) -> String {
    page(|out| {
        let mut field = |name: &str, value: &str| writeln!(out, "{name:<21}{value}");
        field("Issuer:", crl.issuer())?;
        field("Made:", &moment::show(crl.this_update()))?;
        let next = crl.next_update().map(moment::show);
        field("Next:", next.as_deref().unwrap_or("not said"))?;
        field("Signed with:", &crl.signature_type())?;
        field("Revoked:", &crl.revoked().len().to_string())?;
        for revoked in crl.revoked() {
            let time = revoked.time.map(moment::show).unwrap_or_default();
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
    let content = &certificate.document().content;
    let mut field = |name: &str, value: &str| writeln!(out, "{name:<21}{value}");
    field("Subject:", certificate.subject())?;
    field("Issuer:", certificate.issuer())?;
    field("Version:", &(u16::from(content.version) + 1).to_string())?;
    field("Serial number:", certificate.serial())?;
    field("Valid from:", &moment::show(certificate.not_before()))?;
    field("Valid until:", &moment::show(certificate.not_after()))?;
    field("Key:", certificate.key_type())?;
    field("Signed with:", certificate.signature_type())?;
    field("SHA-1:", &certificate.sha1())?;
    field("SHA-256:", certificate.sha256())?;
    field("SHA-256 of the key:", certificate.spki_sha256())?;
    let ids = [
        ("Issuer's unique ID:", &content.issuer_id),
        ("Unique ID:", &content.subject_id),
    ];
    for (name, id) in ids {
        if let Some(id) = id {
            field(name, &hex(id.raw_bytes()))?;
        }
    }
    write_extensions(out, content.extensions.iter().flatten())?;
    let key = SubjectPublicKeyInfoRef::try_from(certificate.spki_der());
    let key = key.map_or(&[][..], |key| key.subject_public_key.raw_bytes());
    write_bytes(out, "Public key", key)?;
    write_bytes(
        out,
        "Signature",
        certificate.document().signature.raw_bytes(),
    )
}

fn write_bytes(out: &mut String, name: &str, bytes: &[u8]) -> fmt::Result {
    writeln!(out, "{name}:")?;
    bytes
        .chunks(32)
        .try_for_each(|line| writeln!(out, "    {}", hex(line)))
}
