//! Settings of a context for trust anchors and certificate verification.

use std::path::Path;

use super::Context;
use super::settings::PeerCheck;
use crate::Result;
#[cfg(doc)]
use crate::Status;
use crate::pki::{Certificate, Crl};
use crate::trust::{RevocationRules, Roots};

impl Context {
    /// Trusts the roots in a PEM or DER file, or in the files of a directory, instead of
    /// the system roots.  Repeated calls add.
    pub fn add_roots(&self, path: &Path) -> Result<()> {
        self.set(|settings| settings.add_roots(&Roots::from_path(path)?))
    }

    /// Trusts the roots in PEM text or DER, instead of the system roots.
    pub fn add_roots_bytes(&self, content: &[u8]) -> Result<()> {
        self.set(|settings| settings.add_roots(&Roots::from_bytes(content)?))
    }

    /// Trusts this root, instead of the system roots.
    pub fn add_root(&self, certificate: &Certificate) -> Result<()> {
        self.set(|settings| {
            let mut roots = Roots::default();
            roots.add(certificate)?;
            settings.add_roots(&roots)
        })
    }

    /// Trusts the system roots in addition to those that were added.  `SSL_CERT_FILE` and
    /// `SSL_CERT_DIR` name them if set.
    pub fn add_system_roots(&self) -> Result<()> {
        self.set(|settings| settings.add_roots(&*Roots::system()?))
    }

    /// Trusts Mozilla's roots, compiled into this library, instead of the system roots:
    /// for systems without any.
    pub fn add_bundled_roots(&self) -> Result<()> {
        self.set(|settings| settings.add_roots(&Roots::bundled()))
    }

    /// Does not trust the system roots.  If no root is added, the context trusts none.
    pub fn ignore_system_roots(&self) -> Result<()> {
        self.set(|settings| {
            settings.ignore_system_roots();
            Ok(())
        })
    }

    /// Checks revocation with the CRLs in a PEM or DER file.  Repeated calls add.
    ///
    /// From then on a chain is refused if a CRL lists a certificate below the root
    /// ([`Status::CertificateRevoked`]), or if no current CRL covers one
    /// ([`Status::CertificateUnknownRevocation`]).
    pub fn add_crls(&self, path: &Path) -> Result<()> {
        self.set(|settings| settings.add_crls(&Crl::load_all(path)?))
    }

    /// Checks revocation with the CRLs in PEM text or DER, as [`Self::add_crls`] does.
    pub fn add_crls_bytes(&self, content: &[u8]) -> Result<()> {
        self.set(|settings| settings.add_crls(&Crl::all_from_bytes(content)?))
    }

    /// Checks revocation with this CRL, as [`Self::add_crls`] does.
    pub fn add_crl(&self, crl: &Crl) -> Result<()> {
        self.set(|settings| settings.add_crls(std::slice::from_ref(crl)))
    }

    /// Sets how strictly the CRLs are applied.
    pub fn set_revocation(&self, rules: RevocationRules) -> Result<()> {
        self.set(|settings| settings.set_revocation(rules))
    }

    /// Trusts one certificate within its validity period, whatever it says.  Issuer, names,
    /// usage, extensions, strength and CRLs are not checked.  Pinned keys and the verify
    /// callback still apply.  Intended for self-signed peers.  Like adding a root, this
    /// replaces the system roots.
    ///
    /// `certificate` is the SHA-256 of its DER in hex, with or without colons, or the
    /// path of a PEM or DER file with one certificate.  Its key may have every type that
    /// [`insecure_no_verify`](Self::insecure_no_verify) allows.
    ///
    /// Fails with [`Status::Parse`] for a file with several certificates, because each
    /// would be trusted.
    pub fn trust_certificate(&self, certificate: &str) -> Result<()> {
        self.set(|settings| settings.trust_certificate(certificate))
    }

    /// Trusts this certificate as an end-entity certificate, for its names and purposes
    /// and within its validity period, regardless of its issuer.  Like adding a root,
    /// this replaces the system roots.
    pub fn trust_end_entity(&self, certificate: &Certificate) -> Result<()> {
        self.set(|settings| settings.trust_end_entity(certificate))
    }

    /// Allows at most `count` CAs between a peer's certificate and its root; 0 requires
    /// the root as issuer.  By default path building stops after 6.
    pub fn set_max_depth(&self, count: u32) -> Result<()> {
        self.set(|settings| {
            settings.max_depth = Some(count);
            Ok(())
        })
    }

    /// Requires every key and signature in a peer's chain to have this security strength
    /// in bits (NIST SP 800-57, part 1, table 2): 112 (the default), 128 (RSA 3072,
    /// P-256), 192 (RSA 7680, P-384) or 256 (P-521).
    pub fn set_min_security(&self, bits: u16) -> Result<()> {
        self.set(|settings| settings.set_min_security(bits))
    }

    /// Requires every certificate in a peer's chain to follow RFC 5280 strictly, as
    /// OpenSSL's X509_V_FLAG_X509_STRICT does: key identifiers, critical basic
    /// constraints and the key usage of CAs.
    pub fn set_strict(&self) -> Result<()> {
        self.set(|settings| {
            settings.strict = true;
            Ok(())
        })
    }

    /// Requires, in addition to normal verification, a pinned public key somewhere in the
    /// verified chain: the SHA-256 of its SubjectPublicKeyInfo in hex.  Repeated calls
    /// add.
    pub fn add_pin(&self, sha256: &str) -> Result<()> {
        self.set(|settings| settings.add_pin(sha256))
    }

    /// Accepts the only common name of a certificate as a DNS name, if subjectAltName is
    /// absent or empty and every name constraint of the chain permits it.  Never as an
    /// address (RFC 9525, section 1.4).
    pub fn allow_common_name(&self) -> Result<()> {
        self.set(|settings| {
            settings.allow_common_name = true;
            Ok(())
        })
    }

    /// Verifies the chain of a server but not its name.  Insecure: anyone with a trusted
    /// certificate can impersonate the server.
    pub fn insecure_no_name(&self) -> Result<()> {
        self.set(|settings| {
            settings.disable_check(PeerCheck::NoName);
            Ok(())
        })
    }

    /// Accepts any certificate.  Insecure: anyone can impersonate the peer.
    ///
    /// The peer must still prove possession of the private key, so its key must have a
    /// type that handshakes support.  Unverified peers may also have RSA keys with 512 to
    /// 16384 bits and, in TLS 1.3, RSASSA-PSS keys.  Keys on P-256, P-384 or P-521 may
    /// have explicit curve parameters.  TLS 1.2 clients may use secp256k1.
    ///
    /// For other keys, and for data that is not an X.509 certificate, the handshake fails
    /// with [`Status::CertificateUnsupportedKey`] or [`Status::CertificateMalformed`].
    pub fn insecure_no_verify(&self) -> Result<()> {
        self.set(|settings| {
            settings.disable_check(PeerCheck::Nothing);
            Ok(())
        })
    }

    /// Has a server request a client certificate and accept one that fails verification,
    /// like nginx's `optional_no_ca`.  Insecure: anyone can impersonate a client.  The
    /// program must check [`Connection::verify_error`](crate::Connection::verify_error),
    /// which returns the reason.
    ///
    /// A client without a certificate is also accepted, unless the mode is
    /// [`ClientAuth::Required`](crate::ClientAuth::Required).  A certificate that passes
    /// is verified as usual.  Roots are optional; without any, every certificate fails.
    /// Clients may present only certificates of the CAs that the server names:
    /// [`Self::omit_certificate_authorities`] names none.
    ///
    /// The client must still prove possession of the private key (RFC 8446, section
    /// 4.4.3), of a type as with [`Self::insecure_no_verify`].  A malformed certificate
    /// is refused, and so is a client that the callback of [`Self::set_verify_callback`]
    /// refuses.  The session of a client that fails verification is never resumed: it
    /// gets no tickets and sends no early data.  Each such client is logged as a warning.
    pub fn insecure_allow_unverified_clients(&self) -> Result<()> {
        self.set(|settings| {
            settings.allows_unverified_clients = true;
            Ok(())
        })
    }
}
