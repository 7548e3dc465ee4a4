//! Keys, certificates and issuing, checked by OpenSSL.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use support::*;
use tempfile::TempDir;
use tlsmith::{
    CertOptions, Certificate, Connection, Context, Crl, CrlOptions, Csr, Identity, KeyPurpose,
    KeyType, MemoryTransport, Password, Pkcs12Options, PrivateKey, RevocationReason, Revoked,
    Status, Usage, gen_ca, gen_crl, gen_csr, issue_cert, self_signed, sign_csr, split_names,
};

mod certificates;
mod crls;
mod der_builder;
mod differential;
mod digests;
mod distribution_points;
mod ed448_chain;
mod encrypted_keys;
mod extensions;
mod file_formats;
mod files;
mod issuing;
mod key_material;
mod key_types;
mod keys;
mod nonconforming_certificates;
mod output_escaping;
mod parsing;
mod path_validation;
mod pkcs12;
mod pkcs12_from_others;
mod pkcs12_mac;
mod pkcs7;
mod random_requests;
mod rejected_requests;
mod requested_extensions;
mod requests;
mod revocation;
mod secrets;
mod subject_alt_names;
mod subjects;
mod untrusted_requests;
mod verify_errors;

const DAY: u64 = 86_400;

/// The kinds of key that OpenSSL 3.0 knows, which is all but ML-DSA.
const OPENSSL_KINDS: [KeyType; 8] = [
    KeyType::EcdsaP256,
    KeyType::EcdsaP384,
    KeyType::EcdsaP521,
    KeyType::Ed25519,
    KeyType::Ed448,
    KeyType::Rsa2048,
    KeyType::Rsa3072,
    KeyType::Rsa4096,
];

fn write(folder: &TempDir, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
    let path = folder.path().join(name);
    fs::write(&path, content).unwrap();
    path
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// `openssl verify -x509_strict` of an identity against its root.
pub(crate) fn assert_openssl_accepts(root: &Identity, identity: &Identity, purpose: &str) {
    let folder = TempDir::new().unwrap();
    let root = write(&folder, "root.pem", root.cert_pem());
    let chain = write(&folder, "chain.pem", identity.cert_pem());
    let out = openssl(&[
        "verify",
        "-x509_strict",
        "-purpose",
        purpose,
        "-CAfile",
        text(&root),
        "-untrusted",
        text(&chain),
        text(&chain),
    ]);
    assert!(out.status.success(), "{out:?}");
}

pub(crate) fn status_of<T: std::fmt::Debug>(result: tlsmith::Result<T>) -> (Status, String) {
    let error = result.unwrap_err();
    (error.status(), error.to_string())
}
