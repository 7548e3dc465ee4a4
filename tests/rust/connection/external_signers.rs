//! Keys that another process holds: `openssl pkeyutl` makes every signature.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tempfile::TempDir;
use tlsmith::{
    ClientAuth, Context, Error, ExternalSigner, Identity, KeyType, PrivateKey, Result, Status,
    Version, issue_cert,
};

use support::*;

/// Has OpenSSL sign with a key in a file.
struct OpenSsl {
    folder: TempDir,
    signed: AtomicUsize,
}

impl OpenSsl {
    /// Takes the key away from an identity.
    fn of(identity: &Identity) -> (Arc<Self>, Identity) {
        let folder = TempDir::new().unwrap();
        let signed = AtomicUsize::new(0);
        let this = Arc::new(Self { folder, signed });
        identity.key().unwrap().save(&this.path("key.pem")).unwrap();
        let external = Identity::external(identity.chain().to_vec(), this.clone()).unwrap();
        (this, external)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn signatures(&self) -> usize {
        self.signed.load(Ordering::SeqCst)
    }
}

impl ExternalSigner for OpenSsl {
    fn sign(&self, scheme: u16, message: &[u8]) -> Result<Vec<u8>> {
        const PSS: &[&str] = &[
            "-pkeyopt",
            "rsa_padding_mode:pss",
            "-pkeyopt",
            "rsa_pss_saltlen:digest",
        ];
        let (digest, more): (&[&str], &[&str]) = match scheme {
            0x0403 | 0x0401 => (&["-digest", "sha256"], &[]),
            0x0503 | 0x0501 => (&["-digest", "sha384"], &[]),
            0x0603 | 0x0601 => (&["-digest", "sha512"], &[]),
            0x0804 => (&["-digest", "sha256"], PSS),
            0x0805 => (&["-digest", "sha384"], PSS),
            0x0806 => (&["-digest", "sha512"], PSS),
            0x0807 | 0x0808 => (&[], &[]),
            other => {
                let sentence = format!("OpenSSL was asked for scheme {other:#06x}");
                return Err(Error::new(Status::Unsupported, sentence));
            }
        };
        let number = self.signed.fetch_add(1, Ordering::SeqCst);
        let (input, output) = (format!("message-{number}"), format!("signature-{number}"));
        std::fs::write(self.path(&input), message).unwrap();
        let sign = ["pkeyutl", "-sign", "-rawin", "-inkey", "key.pem"];
        let files = ["-in", &input, "-out", &output];
        let arguments = [&sign[..], &files, digest, more].concat();
        openssl_in(self.folder.path(), &arguments);
        Ok(std::fs::read(self.path(&output)).unwrap())
    }
}

#[test]
fn external_key_authenticates_both_sides() {
    for kind in FAST_KEY_TYPES {
        let options = tlsmith::CertOptions {
            key_type: Some(kind),
            ..for_both_sides()
        };
        let whole = issue(&["localhost"], &options);
        let (process, identity) = OpenSsl::of(&whole);
        assert!(identity.key().unwrap().is_external());
        let server = server_context(&identity);
        server.add_root(ca().certificate()).unwrap();
        server.set_client_auth(ClientAuth::Required).unwrap();
        for (version, count) in [(Version::Tls12, 2), (Version::Tls13, 4)] {
            let client = only(client_context(), version);
            client.use_identity(&identity).unwrap();
            let (client, server) = connected_pair(&client, &server, "localhost");
            assert_eq!(process.signatures(), count, "{kind}");
            for side in [&client, &server] {
                assert_eq!(side.peer_chain(), whole.chain());
            }
        }
    }
}

#[test]
fn external_key_issues_certificates() {
    let root = tlsmith::gen_ca(&with_key(KeyType::EcdsaP384)).unwrap();
    let (process, external) = OpenSsl::of(&root);
    let site = issue_cert(&external, &names(&["localhost"]), &Default::default()).unwrap();
    assert_eq!(process.signatures(), 1);
    let client = Context::new();
    client.add_root(root.certificate()).unwrap();
    connected_pair(&client, &server_context(&site), "localhost");
}

/// What a signer answers that does not sign.
struct Answering(Result<Vec<u8>>);

impl ExternalSigner for Answering {
    fn sign(&self, _scheme: u16, _message: &[u8]) -> Result<Vec<u8>> {
        self.0.clone()
    }
}

fn answering(answer: Result<Vec<u8>>) -> Identity {
    Identity::external(localhost().chain().to_vec(), Arc::new(Answering(answer))).unwrap()
}

#[test]
fn failing_signer_gives_the_connection_its_error() {
    let locked = || Err(Error::new(Status::Io, "the token is locked: enter its PIN"));
    for version in BOTH_VERSIONS {
        let client = only(client_context(), version);
        let (client, server) = pair(&client, &server_context(&answering(locked())), "localhost");
        let (ours, theirs) = handshake_and_hang_up(client, server);
        assert_fails(theirs, Status::Io, "the token is locked");
        let ours = ours.unwrap_err();
        assert!(
            matches!(
                ours.status(),
                Status::Alert | Status::Truncated | Status::Io
            ),
            "{ours}"
        );
    }
}

/// A server that failed hangs up, with an alert or without.
fn handshake_and_hang_up(
    client: tlsmith::Connection,
    server: tlsmith::Connection,
) -> (Result<()>, Result<()>) {
    std::thread::scope(|scope| {
        let server = scope.spawn(move || server.handshake());
        (client.handshake(), server.join().unwrap())
    })
}

#[test]
fn peer_rejects_invalid_signature_of_external_signer() {
    for version in BOTH_VERSIONS {
        for signature in [Vec::new(), vec![0; 64], b"not a signature".to_vec()] {
            let client = only(client_context(), version);
            let server = server_context(&answering(Ok(signature)));
            let (client, server) = pair(&client, &server, "localhost");
            let (ours, theirs) = run_handshake(&client, &server);
            let ours = ours.unwrap_err();
            assert_eq!(ours.status(), Status::CertificateBadSignature, "{ours}");
            let theirs = theirs.unwrap_err();
            assert_eq!(theirs.status(), Status::Alert, "{theirs}");
            assert_eq!(theirs.alert(), Some(51), "{theirs}");
        }
    }
}

#[test]
fn external_key_cannot_be_saved() {
    let identity = answering(Ok(Vec::new()));
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("key.pem");
    assert!(identity.key().unwrap().save(&path).is_err());
    assert!(!path.exists());
}

#[test]
fn external_key_needs_a_valid_public_key() {
    let signer = Arc::new(Answering(Ok(Vec::new())));
    for spki in [&b""[..], b"key", &[0x30, 0]] {
        assert!(PrivateKey::external(spki, signer.clone()).is_err());
    }
}
