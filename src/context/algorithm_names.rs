//! IANA and OpenSSL names of cipher suites, key exchange groups and signature schemes.

use std::sync::LazyLock;

use rustls::crypto::SupportedKxGroup;
use rustls::{CipherSuite, NamedGroup, SignatureScheme, SupportedCipherSuite};

use crate::base::groups::{self, SECP384R1MLKEM1024_NUMBER};
use crate::base::provider::provider;
use crate::base::text::quoted;
use crate::{Error, Result};

/// The supported algorithms of one kind, with their IANA names.
type Named<T> = LazyLock<Vec<(String, T)>>;

static CIPHERS: Named<SupportedCipherSuite> = LazyLock::new(|| {
    let suites = provider().cipher_suites.iter();
    suites
        .map(|suite| (cipher(suite.suite()), *suite))
        .collect()
});

static GROUPS: Named<&'static dyn SupportedKxGroup> = LazyLock::new(|| {
    let groups = groups::every().into_iter();
    groups.map(|known| (group(known.name()), known)).collect()
});

static SCHEMES: Named<SignatureScheme> = LazyLock::new(|| {
    let algorithms = &provider().signature_verification_algorithms;
    let schemes = algorithms.supported_schemes().into_iter();
    schemes.map(|known| (scheme_name(known), known)).collect()
});

/// The registry has `TLS_…` where rustls has `TLS13_…`, for the suites of TLS 1.3.
fn cipher(suite: CipherSuite) -> String {
    format!("{suite:?}").replacen("TLS13_", "TLS_", 1)
}

fn group(group: NamedGroup) -> String {
    match group {
        NamedGroup::X25519
        | NamedGroup::X448
        | NamedGroup::FFDHE2048
        | NamedGroup::FFDHE3072
        | NamedGroup::FFDHE4096
        | NamedGroup::FFDHE6144
        | NamedGroup::FFDHE8192 => format!("{group:?}").to_ascii_lowercase(),
        NamedGroup::secp256r1MLKEM768 => "SecP256r1MLKEM768".to_owned(),
        NamedGroup::Unknown(SECP384R1MLKEM1024_NUMBER) => "SecP384r1MLKEM1024".to_owned(),
        other => format!("{other:?}"),
    }
}

/// The IANA name of a negotiated cipher suite, such as `"TLS_AES_128_GCM_SHA256"`.
pub(crate) fn cipher_name(suite: CipherSuite) -> &'static str {
    let named = CIPHERS.iter().find(|(_, known)| known.suite() == suite);
    named.map_or("", |(name, _)| name)
}

/// The IANA name of a negotiated group, such as `"x25519"` or `"X25519MLKEM768"`.
pub(crate) fn group_name(group: NamedGroup) -> &'static str {
    let named = GROUPS.iter().find(|(_, known)| known.name() == group);
    named.map_or("", |(name, _)| name)
}

/// The IANA name of a signature scheme, such as `"ecdsa_secp256r1_sha256"`.
pub(crate) fn scheme_name(scheme: SignatureScheme) -> String {
    let name = match scheme {
        SignatureScheme::RSA_PKCS1_SHA256 => "rsa_pkcs1_sha256",
        SignatureScheme::RSA_PKCS1_SHA384 => "rsa_pkcs1_sha384",
        SignatureScheme::RSA_PKCS1_SHA512 => "rsa_pkcs1_sha512",
        SignatureScheme::RSA_PSS_SHA256 => "rsa_pss_rsae_sha256",
        SignatureScheme::RSA_PSS_SHA384 => "rsa_pss_rsae_sha384",
        SignatureScheme::RSA_PSS_SHA512 => "rsa_pss_rsae_sha512",
        SignatureScheme::ECDSA_NISTP256_SHA256 => "ecdsa_secp256r1_sha256",
        SignatureScheme::ECDSA_NISTP384_SHA384 => "ecdsa_secp384r1_sha384",
        SignatureScheme::ECDSA_NISTP521_SHA512 => "ecdsa_secp521r1_sha512",
        SignatureScheme::ED25519 => "ed25519",
        SignatureScheme::ED448 => "ed448",
        // rustls has no names for these.
        SignatureScheme::Unknown(0x0809) => "rsa_pss_pss_sha256",
        SignatureScheme::Unknown(0x080a) => "rsa_pss_pss_sha384",
        SignatureScheme::Unknown(0x080b) => "rsa_pss_pss_sha512",
        other => return format!("{other:?}").to_ascii_lowercase(),
    };
    name.to_owned()
}

/// The name of a version from a ClientHello, or its number.
pub(super) fn offered_version_name(number: u16) -> String {
    match number {
        0x0301 => "1.0".to_owned(),
        0x0302 => "1.1".to_owned(),
        0x0303 => "1.2".to_owned(),
        0x0304 => "1.3".to_owned(),
        other => format!("{other:#06x}"),
    }
}

/// The name of a cipher suite from a ClientHello, or its number.
pub(super) fn offered_cipher_name(suite: CipherSuite) -> String {
    match cipher_name(suite) {
        "" => number_or(u16::from(suite), &cipher(suite)),
        name => name.to_owned(),
    }
}

/// The name of a group from a ClientHello, or its number.
pub(super) fn offered_group_name(known: NamedGroup) -> String {
    number_or(u16::from(known), &group(known))
}

/// The name of a signature scheme from a ClientHello, or its number.
pub(super) fn offered_scheme_name(scheme: SignatureScheme) -> String {
    number_or(u16::from(scheme), &scheme_name(scheme))
}

/// rustls formats values that it does not know with a number in parentheses.
fn number_or(number: u16, name: &str) -> String {
    match name.contains('(') {
        true => format!("{number:#06x}"),
        false => name.to_owned(),
    }
}

/// Every supported signature scheme, with its name.
pub(super) fn every_scheme() -> impl Iterator<Item = (&'static str, SignatureScheme)> {
    let every = SCHEMES.iter();
    every.map(|(name, scheme)| (name.as_str(), *scheme))
}

/// The IANA names of the cipher suites that can be negotiated.
pub fn cipher_names() -> Vec<&'static str> {
    every(&CIPHERS)
}

/// The IANA names of the key exchange groups that can be negotiated.
pub fn group_names() -> Vec<&'static str> {
    every(&GROUPS)
}

/// The IANA names of the signature schemes that handshakes can be signed with.
pub fn scheme_names() -> Vec<&'static str> {
    every(&SCHEMES)
}

fn every<T>(known: &'static [(String, T)]) -> Vec<&'static str> {
    known.iter().map(|(name, _)| name.as_str()).collect()
}

/// OpenSSL's names of the TLS 1.2 cipher suites.  For TLS 1.3 it uses IANA's.
const OPENSSL_CIPHERS: [(&str, &str); 6] = [
    (
        "ECDHE-ECDSA-AES256-GCM-SHA384",
        "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
    ),
    (
        "ECDHE-ECDSA-AES128-GCM-SHA256",
        "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
    ),
    (
        "ECDHE-ECDSA-CHACHA20-POLY1305",
        "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
    ),
    (
        "ECDHE-RSA-AES256-GCM-SHA384",
        "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
    ),
    (
        "ECDHE-RSA-AES128-GCM-SHA256",
        "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
    ),
    (
        "ECDHE-RSA-CHACHA20-POLY1305",
        "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
    ),
];

/// NIST's names for groups.
const NIST_GROUPS: [(&str, &str); 3] = [
    ("P-256", "secp256r1"),
    ("P-384", "secp384r1"),
    ("P-521", "secp521r1"),
];

/// The cipher suites with these names, IANA's or OpenSSL's, in this order.
pub(super) fn ciphers(names: &[&str]) -> Result<Vec<SupportedCipherSuite>> {
    find(names, &CIPHERS, &OPENSSL_CIPHERS, "cipher suite")
}

/// The groups with these names, IANA's or NIST's, in this order.
pub(super) fn groups(names: &[&str]) -> Result<Vec<&'static dyn SupportedKxGroup>> {
    find(names, &GROUPS, &NIST_GROUPS, "key exchange group")
}

/// The signature schemes with these names, in this order.
pub(super) fn schemes(names: &[&str]) -> Result<Vec<SignatureScheme>> {
    find(names, &SCHEMES, &[], "signature scheme")
}

/// Looks names up, in this order and without duplicates.
fn find<T: Copy>(
    names: &[&str],
    known: &[(String, T)],
    aliases: &[(&str, &str)],
    what: &str,
) -> Result<Vec<T>> {
    let list = || {
        let names: Vec<_> = known.iter().map(|(name, _)| name.as_str()).collect();
        names.join(", ")
    };
    if names.is_empty() {
        let sentence = format!("the list of {what}s is empty: choose from {}", list());
        return Err(Error::argument(sentence));
    }
    let mut found = Vec::with_capacity(names.len());
    for given in names {
        let mut others = aliases.iter();
        let alias = others.find(|(alias, _)| alias.eq_ignore_ascii_case(given));
        let name = alias.map_or(*given, |(_, name)| name);
        let index = known
            .iter()
            .position(|(known, _)| known.eq_ignore_ascii_case(name));
        let index = index.ok_or_else(|| {
            let name = quoted(given);
            let sentence = format!("{name} is not a supported {what}: choose from {}", list());
            Error::argument(sentence)
        })?;
        if !found.contains(&index) {
            found.push(index);
        }
    }
    Ok(found.into_iter().map(|index| known[index].1).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn algorithm_names_follow_the_iana_registry() {
        let suite = CipherSuite::TLS13_AES_128_GCM_SHA256;
        assert_eq!(cipher_name(suite), "TLS_AES_128_GCM_SHA256");
        let suite = CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256;
        assert_eq!(cipher_name(suite), "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256");
        for (group, name) in [
            (NamedGroup::X25519, "x25519"),
            (NamedGroup::secp256r1, "secp256r1"),
            (NamedGroup::X25519MLKEM768, "X25519MLKEM768"),
            (NamedGroup::secp256r1MLKEM768, "SecP256r1MLKEM768"),
        ] {
            assert_eq!(group_name(group), name);
        }
    }

    #[test]
    fn unknown_name_error_lists_supported_names() {
        let error = ciphers(&["TLS_RSA_WITH_AES_128_CBC_SHA"]).unwrap_err();
        assert!(
            error.to_string().contains("TLS_AES_128_GCM_SHA256, "),
            "{error}"
        );
        let error = groups(&["P-224"]).err().unwrap();
        assert!(error.to_string().contains("X25519MLKEM768, "), "{error}");
        assert_eq!(groups(&["P-256", "X25519", "p-521"]).unwrap().len(), 3);
        assert!(ciphers(&[]).is_err());
    }

    #[test]
    fn every_tls12_cipher_suite_has_an_openssl_name() {
        for (name, suite) in CIPHERS.iter().filter(|(name, _)| name.contains("_WITH_")) {
            let alias = OPENSSL_CIPHERS.iter().find(|(_, iana)| iana == name);
            let (openssl, _) = alias.unwrap_or_else(|| panic!("{name}"));
            for spelling in [(*openssl).to_owned(), openssl.to_ascii_lowercase()] {
                assert_eq!(ciphers(&[&spelling]).unwrap(), [*suite], "{spelling}");
            }
        }
    }

    #[test]
    fn lookup_removes_duplicate_names() {
        let both = [
            "TLS_AES_128_GCM_SHA256",
            "ECDHE-RSA-AES128-GCM-SHA256",
            "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
            "tls_aes_128_gcm_sha256",
        ];
        assert_eq!(ciphers(&both).unwrap().len(), 2);
        assert_eq!(groups(&["P-256", "secp256r1"]).unwrap().len(), 1);
        assert_eq!(schemes(&["ed25519", "Ed25519"]).unwrap().len(), 1);
    }

    #[test]
    fn lookup_accepts_every_listed_name() {
        assert_eq!(ciphers(&cipher_names()).unwrap().len(), CIPHERS.len());
        assert_eq!(groups(&group_names()).unwrap().len(), GROUPS.len());
        assert_eq!(schemes(&scheme_names()).unwrap().len(), SCHEMES.len());
    }
}
