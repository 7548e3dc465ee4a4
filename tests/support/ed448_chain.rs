//! A chain with Ed448 keys in three steps: a CA, a certificate request, and the certificate
//! issued for it. OpenSSL or tlsmith does each step.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;
use tlsmith::{CertOptions, Context, Csr, Identity, KeyType, gen_ca, gen_csr, sign_csr};

use crate::openssl::openssl_in;

const TEN_YEARS: Duration = Duration::from_secs(3_650 * 86_400);

/// The files of such a chain.
pub struct Ed448Chain {
    folder: TempDir,
}

impl Ed448Chain {
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn run(&self, arguments: &[&str]) -> String {
        openssl_in(self.folder.path(), arguments)
    }

    pub fn by_openssl() -> Self {
        let folder = TempDir::new().unwrap();
        let chain = Self { folder };
        chain.run(&[
            "req",
            "-newkey",
            "ED448",
            "-x509",
            "-subj",
            "/CN=ROOT CA",
            "-addext",
            "basicConstraints=critical,CA:TRUE",
            "-days",
            "3650",
            "-noenc",
            "-keyout",
            "ca_keypair.pem",
            "-out",
            "ca_cert.pem",
        ]);
        chain.run(&[
            "req",
            "-newkey",
            "ED448",
            "-subj",
            "/CN=localhost",
            "-addext",
            "basicConstraints=critical,CA:FALSE",
            "-noenc",
            "-keyout",
            "server_keypair.pem",
            "-out",
            "server_csr.pem",
        ]);
        chain.issue_by_openssl();
        chain
    }

    pub fn issue_by_openssl(&self) {
        self.run(&[
            "x509",
            "-req",
            "-in",
            "server_csr.pem",
            "-copy_extensions",
            "copyall",
            "-CA",
            "ca_cert.pem",
            "-CAkey",
            "ca_keypair.pem",
            "-days",
            "3650",
            "-out",
            "server_cert.pem",
        ]);
    }

    pub fn by_tlsmith() -> Self {
        let folder = TempDir::new().unwrap();
        let chain = Self { folder };
        let ca = gen_ca(&CertOptions {
            subject: Some("/CN=ROOT CA".to_owned()),
            key_type: Some(KeyType::Ed448),
            lifetime: Some(TEN_YEARS),
            ..CertOptions::default()
        });
        let (cert, key) = (chain.path("ca_cert.pem"), chain.path("ca_keypair.pem"));
        ca.unwrap().save(Some(&cert), Some(&key)).unwrap();

        let csr = gen_csr(
            &["localhost".to_owned()],
            &CertOptions {
                subject: Some("/CN=localhost".to_owned()),
                key_type: Some(KeyType::Ed448),
                ..CertOptions::default()
            },
        );
        let (request, key) = (
            chain.path("server_csr.pem"),
            chain.path("server_keypair.pem"),
        );
        csr.unwrap().save(Some(&request), Some(&key), None).unwrap();

        chain.issue();
        chain
    }

    /// The third step, from the files of the two before it.
    pub fn issue(&self) {
        let ca_key = self.path("ca_keypair.pem");
        let ca = Identity::load(&self.path("ca_cert.pem"), Some(&ca_key)).unwrap();
        let csr = Csr::load(&self.path("server_csr.pem")).unwrap();
        let options = CertOptions {
            lifetime: Some(TEN_YEARS),
            copy_extensions: true,
            // The authority was made a moment before.
            outlive_ca: true,
            ..CertOptions::default()
        };
        let site = sign_csr(&ca, &csr, None, &options).unwrap();
        site.save(Some(&self.path("server_cert.pem")), None)
            .unwrap();
    }

    pub fn server(&self) -> Identity {
        let key = self.path("server_keypair.pem");
        Identity::load(&self.path("server_cert.pem"), Some(&key)).unwrap()
    }

    pub fn context(&self) -> Context {
        let context = Context::new();
        context.add_roots(&self.path("ca_cert.pem")).unwrap();
        context
    }
}
