//! Peers whose certificates cannot be read, keys of every type, and signatures of every
//! scheme. rustls plays these peers, as OpenSSL and tlsmith send nothing of the kind.

use std::sync::{Arc, OnceLock};

use rustls::client::ResolvesClientCert;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::{CertifiedKey, Signer, SigningKey};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection,
    SignatureAlgorithm, SignatureScheme, SupportedProtocolVersion,
};
use rustls_pki_types::CertificateDer;
use tempfile::TempDir;
use tlsmith::{
    Certificate, ClientAuth, Connection, Context, Error, MemoryTransport, Result, Status, Version,
};

use support::*;

/// A certificate in DER and a way to sign with it.
#[derive(Clone, Debug)]
struct Peer {
    der: Vec<u8>,
    scheme: SignatureScheme,
    signature: Signature,
}

#[derive(Clone, Debug)]
enum Signature {
    /// One that no key made.
    Forged,
    /// That of a private key in a file, by `openssl dgst` with these options.
    Of(std::path::PathBuf, &'static [&'static str]),
}

impl Peer {
    fn new(der: &[u8], scheme: SignatureScheme) -> Arc<Self> {
        Arc::new(Self {
            der: der.to_vec(),
            scheme,
            signature: Signature::Forged,
        })
    }

    fn certified(self: &Arc<Self>) -> Arc<CertifiedKey> {
        let chain = vec![CertificateDer::from(self.der.clone())];
        Arc::new(CertifiedKey::new(chain, self.clone()))
    }
}

impl SigningKey for Peer {
    fn choose_scheme(&self, _offered: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        Some(Box::new(self.clone()))
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        match format!("{:?}", self.scheme).starts_with("RSA") {
            true => SignatureAlgorithm::RSA,
            false => SignatureAlgorithm::ECDSA,
        }
    }
}

impl Signer for Peer {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rustls::Error> {
        let Signature::Of(key, options) = &self.signature else {
            return Ok(vec![0x5a; 128]);
        };
        let sign = ["dgst", "-sign", key.to_str().unwrap()];
        Ok(openssl_reading(message, &[&sign[..], options].concat()))
    }

    fn scheme(&self) -> SignatureScheme {
        self.scheme
    }
}

#[derive(Debug)]
struct Resolver(Arc<CertifiedKey>);

impl ResolvesServerCert for Resolver {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.clone())
    }
}

impl ResolvesClientCert for Resolver {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(self.0.clone())
    }

    fn has_certs(&self) -> bool {
        true
    }
}

fn versions(version: Version) -> [&'static SupportedProtocolVersion; 1] {
    match version {
        Version::Tls12 => [&rustls::version::TLS12],
        Version::Tls13 => [&rustls::version::TLS13],
    }
}

/// A server of rustls that presents `peer`.
fn server(peer: &Arc<Peer>, version: Version) -> rustls::Connection {
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_protocol_versions(&versions(version))
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(Resolver(peer.certified())));
    ServerConnection::new(Arc::new(config)).unwrap().into()
}

/// A client of rustls that presents `peer` to a server of [`localhost`].
fn client(peer: &Arc<Peer>, version: Version) -> rustls::Connection {
    let mut roots = RootCertStore::empty();
    let root = ca().certificate().der().to_vec();
    roots.add(CertificateDer::from(root)).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_protocol_versions(&versions(version))
        .unwrap()
        .with_root_certificates(roots)
        .with_client_cert_resolver(Arc::new(Resolver(peer.certified())));
    let name = "localhost".try_into().unwrap();
    ClientConnection::new(Arc::new(config), name)
        .unwrap()
        .into()
}

/// Completes a handshake in memory.  What becomes of the peer does not count.
fn handshake_with_peer(ours: Connection, mut peer: rustls::Connection) -> Result<Connection> {
    let mut buffer = [0; 65_536];
    for _ in 0..10 {
        match ours.handshake() {
            Ok(()) => return Ok(ours),
            Err(error) if error.status() == Status::WantRead => {}
            Err(error) => return Err(error),
        }
        let count = ours.drain(&mut buffer).unwrap();
        let mut sent = &buffer[..count];
        while !sent.is_empty() {
            peer.read_tls(&mut sent).unwrap();
            // It reports what it makes of ours, which is in its answer.
            let _ = peer.process_new_packets();
        }
        let mut answer = Vec::new();
        while peer.wants_write() {
            peer.write_tls(&mut answer).unwrap();
        }
        ours.feed(&answer).unwrap();
    }
    panic!("the handshake makes no progress");
}

/// What a client comes to with a server that presents `peer`.
fn connect(context: Context, peer: &Arc<Peer>, version: Version) -> Result<Connection> {
    let ours = Connection::client(&context, Some("localhost"), MemoryTransport)?;
    handshake_with_peer(ours, server(peer, version))
}

/// What a server that requires a certificate comes to with a client that presents `peer`.
fn accept(context: Context, peer: &Arc<Peer>, version: Version) -> Result<Connection> {
    context.use_identity(localhost()).unwrap();
    context.set_client_auth(ClientAuth::Required).unwrap();
    let ours = Connection::server(&context, MemoryTransport)?;
    handshake_with_peer(ours, client(peer, version))
}

fn insecure() -> Context {
    let context = Context::new();
    context.insecure_no_verify().unwrap();
    context
}

/// A server that accepts unverified clients.
fn lenient() -> Context {
    let context = client_context();
    context.insecure_allow_unverified_clients().unwrap();
    context
}

fn pinned(der: &[u8]) -> Context {
    let context = Context::new();
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, der);
    let digits = digest.as_ref().iter().map(|byte| format!("{byte:02x}"));
    context
        .trust_certificate(&digits.collect::<String>())
        .unwrap();
    context
}

/// In each of the ways in which a peer may be accepted.
fn contexts(der: &[u8]) -> [(&'static str, Context); 4] {
    let verified = client_context();
    if let Ok(certificate) = Certificate::from_der(der.to_vec()) {
        verified.add_root(&certificate).unwrap();
    }
    [
        ("verified", verified),
        ("insecure", insecure()),
        ("lenient", lenient()),
        ("pinned", pinned(der)),
    ]
}

const P256: SignatureScheme = SignatureScheme::ECDSA_NISTP256_SHA256;

// Certificates that cannot be read.

/// A certificate that is no certificate, or that two parsers would read in two ways.
fn unreadable() -> Vec<(&'static str, Vec<u8>, &'static str)> {
    let good = localhost().certificate().der();
    let cut = good[..good.len() - 1].to_vec();
    let mut dated = good.to_vec();
    // The month of notBefore, a UTCTime of 13 characters.
    let time = good.windows(2).position(|two| two == [0x17, 13]).unwrap();
    dated[time + 4..time + 6].copy_from_slice(b"13");
    vec![
        ("empty sequence", vec![0x30, 0], "does not parse"),
        ("text", b"certificate".to_vec(), "does not parse"),
        ("cut", cut, "does not parse"),
        ("month 13", dated, "a time or its key is malformed"),
    ]
}

#[test]
fn unreadable_peer_certificate_is_rejected_in_every_mode() {
    for (what, der, part) in unreadable() {
        let peer = Peer::new(&der, P256);
        for version in BOTH_VERSIONS {
            let attempts = contexts(&der).into_iter().zip(contexts(&der));
            for ((how, ours), (_, theirs)) in attempts {
                let outcomes = [
                    connect(ours, &peer, version),
                    accept(theirs, &peer, version),
                ];
                for outcome in outcomes {
                    let error = outcome.expect_err(what);
                    let sentence = error.to_string();
                    assert_eq!(
                        error.status(),
                        Status::CertificateMalformed,
                        "{what}, {how}: {sentence}"
                    );
                    let start = "the peer sent a certificate that cannot be read: ";
                    assert!(sentence.starts_with(start), "{what}, {how}: {sentence}");
                    assert!(sentence.contains(part), "{what}, {how}: {sentence}");
                }
            }
        }
    }
}

// Keys that are not supported, or not everywhere.

/// A certificate that signs itself, with its key, made by `openssl req`.
struct Made {
    _folder: TempDir,
    der: Vec<u8>,
    key: std::path::PathBuf,
}

fn made(key: &[&str]) -> Made {
    let folder = TempDir::new().unwrap();
    let extensions = [
        "subjectAltName=DNS:localhost",
        "basicConstraints=critical,CA:FALSE",
    ];
    openssl_self_signed(folder.path(), "odd", key, &extensions);
    let pem = std::fs::read(folder.path().join("odd.pem")).unwrap();
    Made {
        der: Certificate::from_pem(&pem).unwrap().der().to_vec(),
        key: folder.path().join("odd.key"),
        _folder: folder,
    }
}

fn curve(name: &str) -> Made {
    made(&["ec", "-pkeyopt", &format!("ec_paramgen_curve:{name}")])
}

fn rsa_1024() -> &'static Made {
    static MADE: OnceLock<Made> = OnceLock::new();
    MADE.get_or_init(|| made(&["rsa:1024"]))
}

/// Asserts that an error is about the key, and accuses no one.
fn assert_about_key(error: &Error, problem: Status, part: &str) {
    let sentence = error.to_string();
    assert_eq!(error.status(), problem, "{sentence}");
    assert!(sentence.contains(part), "{sentence}");
    for accusation in ["forged", "did not sign", "violated the TLS protocol"] {
        assert!(!sentence.contains(accusation), "{sentence}");
    }
}

#[test]
fn unsupported_key_is_named_in_connections_and_offline() {
    use Status::{CertificateUnsupportedKey as UnsupportedKey, CertificateWeakKey as WeakKey};
    let rsa = SignatureScheme::RSA_PSS_SHA256;
    let explicit = ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"];
    let explicit = [&explicit[..], &["-pkeyopt", "ec_param_enc:explicit"]].concat();
    let cases = [
        (
            curve("prime192v1"),
            P256,
            WeakKey,
            "too weak (ECDSA on P-192)",
        ),
        (
            curve("secp224r1"),
            P256,
            WeakKey,
            "too weak (ECDSA on P-224)",
        ),
        (
            curve("secp256k1"),
            P256,
            UnsupportedKey,
            "ECDSA on secp256k1",
        ),
        (
            curve("brainpoolP256r1"),
            P256,
            UnsupportedKey,
            "ECDSA on brainpool",
        ),
        (
            made(&explicit),
            P256,
            UnsupportedKey,
            "with explicit parameters",
        ),
        (made(&["rsa:1024"]), rsa, WeakKey, "too weak (rsa-1024)"),
        (made(&["rsa-pss"]), rsa, UnsupportedKey, "RSASSA-PSS"),
    ];
    for (made, scheme, problem, part) in cases {
        let certificate = Certificate::from_der(made.der.clone()).unwrap();
        let trusting = || {
            let context = Context::new();
            context.add_root(&certificate).unwrap();
            context
        };
        let chain = std::slice::from_ref(&certificate);
        let verified = trusting().verify(chain, Some("localhost"), None, None);
        let offline = verified.unwrap_err();
        assert_about_key(&offline, problem, part);
        let peer = Peer::new(&made.der, scheme);
        for version in BOTH_VERSIONS {
            let outcomes = [
                connect(trusting(), &peer, version),
                accept(trusting(), &peer, version),
            ];
            for outcome in outcomes {
                let error = outcome.unwrap_err();
                assert_eq!(error.to_string(), offline.to_string(), "{version:?}");
                assert_about_key(&error, problem, part);
            }
        }
    }
}

#[test]
fn unsupported_key_is_named_without_verification() {
    let curves = ["prime192v1", "secp224r1", "brainpoolP384r1"];
    for made in curves.map(curve) {
        let peer = Peer::new(&made.der, P256);
        for version in BOTH_VERSIONS {
            for context in [insecure(), pinned(&made.der)] {
                let error = connect(context, &peer, version).unwrap_err();
                let part = "a key of an unsupported type (ECDSA on";
                assert_about_key(&error, Status::CertificateUnsupportedKey, part);
            }
            let error = accept(lenient(), &peer, version).unwrap_err();
            assert_about_key(
                &error,
                Status::CertificateUnsupportedKey,
                "cannot verify handshakes",
            );
        }
    }
}

#[test]
fn signature_scheme_that_does_not_fit_the_key_is_named() {
    let koblitz = curve("secp256k1");
    let p384 = SignatureScheme::ECDSA_NISTP384_SHA384;
    let pkcs1 = SignatureScheme::RSA_PKCS1_SHA256;
    for (der, scheme, version, part) in [
        (&koblitz.der, P256, Version::Tls13, "scheme 0x0403"),
        (&koblitz.der, p384, Version::Tls12, "scheme 0x0503"),
        (&rsa_1024().der, p384, Version::Tls12, "scheme 0x0503"),
        (&rsa_1024().der, pkcs1, Version::Tls13, "scheme 0x0401"),
    ] {
        let peer = Peer::new(der, scheme);
        let error = connect(insecure(), &peer, version).unwrap_err();
        assert_about_key(&error, Status::CertificateUnsupportedKey, part);
    }
}

#[test]
fn signature_of_another_key_is_rejected_in_every_mode() {
    let explicit = ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"];
    let explicit = made(&[&explicit[..], &["-pkeyopt", "ec_param_enc:explicit"]].concat());
    let good = localhost().certificate().der();
    for (der, scheme) in [
        (good, P256),
        (&rsa_1024().der, SignatureScheme::RSA_PSS_SHA256),
        (&explicit.der, P256),
        (&made(&["rsa-pss"]).der, SignatureScheme::Unknown(0x0809)),
    ] {
        let peer = Peer::new(der, scheme);
        let mut contexts = vec![insecure(), pinned(der)];
        contexts.extend((der == good).then(client_context));
        for context in contexts {
            let error = connect(context, &peer, Version::Tls13).unwrap_err();
            assert_eq!(error.status(), Status::CertificateBadSignature, "{error}");
            let part = "did not sign the handshake with the private key of its certificate";
            assert!(error.to_string().contains(part), "{error}");
        }
        let error = accept(lenient(), &peer, Version::Tls13).unwrap_err();
        assert_eq!(error.status(), Status::CertificateBadSignature, "{error}");
    }
}

#[test]
fn every_scheme_of_a_weak_rsa_key_verifies_without_verification() {
    use SignatureScheme as S;
    const PSS: [&str; 4] = [
        "-sigopt",
        "rsa_padding_mode:pss",
        "-sigopt",
        "rsa_pss_saltlen:-1",
    ];
    const PSS_256: &[&str] = &["-sha256", PSS[0], PSS[1], PSS[2], PSS[3]];
    const PSS_384: &[&str] = &["-sha384", PSS[0], PSS[1], PSS[2], PSS[3]];
    let both = &BOTH_VERSIONS[..];
    let old = &[Version::Tls12][..];
    for (scheme, options, versions) in [
        (S::RSA_PSS_SHA256, PSS_256, both),
        (S::RSA_PSS_SHA384, PSS_384, both),
        (S::RSA_PKCS1_SHA256, &["-sha256"], old),
        (S::RSA_PKCS1_SHA384, &["-sha384"], old),
        (S::RSA_PKCS1_SHA512, &["-sha512"], old),
    ] {
        let peer = Arc::new(Peer {
            der: rsa_1024().der.clone(),
            scheme,
            signature: Signature::Of(rsa_1024().key.clone(), options),
        });
        for &version in versions {
            let ours = connect(insecure(), &peer, version).unwrap();
            assert_eq!(ours.peer_chain()[0].der(), peer.der, "{scheme:?}");
            let ours = accept(pinned(&peer.der), &peer, version).unwrap();
            assert_eq!(ours.peer_chain()[0].der(), peer.der, "{scheme:?}");
            assert_eq!(ours.verify_status(), None);
            let ours = accept(lenient(), &peer, version).unwrap();
            assert_eq!(ours.peer_chain()[0].der(), peer.der, "{scheme:?}");
            assert!(ours.verify_status().is_some());
        }
    }
}
