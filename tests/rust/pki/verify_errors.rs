//! Verification errors: chains that OpenSSL makes, and the sentence for each.

use super::*;

/// A folder with certificates, each in a file that has its name.
struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn openssl(&self, arguments: &[&str]) {
        openssl_in(self.0.path(), arguments);
    }

    /// A certificate that signs itself.
    fn own(&self, name: &str, extensions: &[&str]) {
        openssl_self_signed(self.0.path(), name, NEW_P256, extensions);
    }

    /// A leaf below a CA of this folder.
    fn leaf(&self, ca: &str, digest: &str) -> Vec<Certificate> {
        let extensions = "subjectAltName=DNS:localhost\nbasicConstraints=CA:FALSE\n";
        fs::write(self.at("leaf.ext"), extensions).unwrap();
        let mut request = vec!["req", "-noenc", "-subj", "/CN=leaf", "-newkey", "ec"];
        request.extend(["-pkeyopt", "ec_paramgen_curve:P-256"]);
        request.extend(["-keyout", "leaf.key", "-out", "leaf.csr"]);
        self.openssl(&request);
        let files = [format!("{ca}.pem"), format!("{ca}.key")];
        let mut sign = vec!["x509", "-req", "-in", "leaf.csr", "-days", "1", digest];
        sign.extend(["-CA", &files[0], "-CAkey", &files[1], "-CAcreateserial"]);
        sign.extend(["-extfile", "leaf.ext", "-out", "leaf.pem"]);
        self.openssl(&sign);
        self.read("leaf")
    }

    fn read(&self, name: &str) -> Vec<Certificate> {
        let text = fs::read(self.at(&format!("{name}.pem"))).unwrap();
        Certificate::all_from_pem(&text).unwrap()
    }

    /// The error of a client of `name` that trusts this file, for a chain.
    fn refusal(&self, trusted: &str, chain: &[Certificate], name: &str) -> String {
        let context = Context::new();
        let file = self.at(&format!("{trusted}.pem"));
        context.add_roots(&file).unwrap();
        let verified = context.verify(chain, Some(name), Some(KeyPurpose::SERVER_AUTH), None);
        verified.unwrap_err().to_string()
    }
}

#[test]
fn name_errors_list_the_names_of_the_certificate() {
    const NO_CA: &str = "basicConstraints=critical,CA:FALSE";
    for (extensions, asked, sentence) in [
        (
            &[NO_CA][..],
            "localhost",
            "certificate of 'CN=site' names no host (it has no subjectAltName), but you asked for \
             'localhost': reissue it for that name; its common name is different",
        ),
        (
            &[NO_CA],
            "site",
            "certificate of 'CN=site' names no host (it has no subjectAltName), but you asked for \
             'site': reissue it for that name, or allow the common name to be used",
        ),
        (
            &[NO_CA, "subjectAltName=DER:30:00"],
            "127.0.0.1",
            "certificate of 'CN=site' names no host (its subjectAltName is empty), but you asked \
             for '127.0.0.1': reissue it for that name",
        ),
        (
            &[NO_CA, "subjectAltName=DNS:127.0.0.1"],
            "127.0.0.1",
            "certificate of 'CN=site' has '127.0.0.1' as a DNS name, and it is an address: reissue \
             it with an iPAddress in its subjectAltName",
        ),
        (
            &[NO_CA, "subjectAltName=RID:1.2.3.4"],
            "localhost",
            "certificate of 'CN=site' names no host (its subjectAltName has only: identifier \
             1.2.3.4), but you asked for 'localhost': reissue it for that name",
        ),
    ] {
        let folder = Folder::new();
        folder.own("site", extensions);
        let chain = folder.read("site");
        assert_eq!(folder.refusal("site", &chain, asked), sentence);
    }
}

#[test]
fn issuer_errors_say_what_the_ca_may_do() {
    for (extension, sentence) in [
        (
            "extendedKeyUsage=clientAuth",
            "the CA 'CN=ca' may only issue certificates for clientAuth, not for serverAuth \
             (extended key usage)",
        ),
        (
            "extendedKeyUsage=DER:30:00",
            "the CA 'CN=ca' has an empty extended key usage, so it may not issue certificates",
        ),
        (
            "nameConstraints=critical,permitted;DNS:example.com",
            "certificate of 'CN=leaf' violates a constraint of the CA 'CN=ca': its name \
             constraints permit only example.com, and it has the name 'DNS localhost'",
        ),
        (
            "nameConstraints=critical,excluded;DNS:localhost",
            "certificate of 'CN=leaf' violates a constraint of the CA 'CN=ca': its name \
             constraints exclude localhost, and it has the name 'DNS localhost'",
        ),
        (
            "keyUsage=critical,cRLSign",
            "the CA 'CN=ca' may not sign certificates: its key usage does not include keyCertSign",
        ),
    ] {
        let folder = Folder::new();
        folder.own("ca", &[extension]);
        let chain = folder.leaf("ca", "-sha256");
        assert_eq!(folder.refusal("ca", &chain, "localhost"), sentence);
    }
}

#[test]
fn signature_errors_name_the_right_certificate() {
    let folder = Folder::new();
    folder.own("ca", &[]);
    folder.own("other", &["basicConstraints=critical,CA:FALSE"]);
    let old = folder.leaf("ca", "-sha1");
    assert_eq!(
        folder.refusal("ca", &old, "localhost"),
        "certificate of 'CN=leaf' is signed with ecdsa-with-SHA1, which is not accepted: have it \
         reissued with SHA-256 or better"
    );
    let stranger = folder.read("other");
    assert_eq!(
        folder.refusal("ca", &stranger, "localhost"),
        "certificate of 'CN=other' is self-signed and not one of the trusted roots (1 in all)"
    );
    let good = folder.leaf("ca", "-sha256");
    assert_eq!(
        folder.refusal("other", &good, "localhost"),
        "certificate of 'CN=leaf' chains to 'CN=ca', which is not one of the trusted roots (1 in \
         all): add that CA's certificate to the roots if you trust it, or have the peer send its \
         intermediate certificates"
    );
    // Another CA of the name.
    let namesake = Folder::new();
    namesake.own("ca", &[]);
    assert_eq!(
        namesake.refusal("ca", &good, "localhost"),
        "certificate of 'CN=leaf' names 'CN=ca' as its issuer, but the CA of that name in the chain \
         or among the roots did not sign it: another CA has the same name, or it is forged"
    );
}
