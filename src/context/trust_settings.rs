//! Settings of a context that say whom it trusts, and how much of a certificate it checks.

use std::path::Path;

use super::Context;
use super::settings::PeerCheck;
use crate::Result;
#[cfg(doc)]
use crate::Status;
use crate::pki::{Certificate, Crl};
use crate::trust::{RevocationRules, Roots};

impl Context {
    /// Trusts the roots in a file, PEM or DER, or in the files of a folder, instead of
    /// the system's.  Called again, it adds.
    pub fn add_roots(&self, path: &Path) -> Result<()> {
        self.set(|settings| settings.add_roots(&Roots::from_path(path)?))
    }

    /// Trusts the roots in PEM text or DER, instead of the system's.
    pub fn add_roots_bytes(&self, content: &[u8]) -> Result<()> {
        self.set(|settings| settings.add_roots(&Roots::from_bytes(content)?))
    }

    /// Trusts this one root, instead of the system's.
    pub fn add_root(&self, certificate: &Certificate) -> Result<()> {
        self.set(|settings| {
            let mut roots = Roots::default();
            roots.add(certificate)?;
            settings.add_roots(&roots)
        })
    }

    /// Trusts the system's roots as well as those that were added:
    /// `SSL_CERT_FILE` and `SSL_CERT_DIR` name them where they are set.
    pub fn add_system_roots(&self) -> Result<()> {
        self.set(|settings| settings.add_roots(&*Roots::system()?))
    }

    /// Trusts Mozilla's roots, as compiled into this library, instead of the
    /// system's: for systems that have none.
    pub fn add_bundled_roots(&self) -> Result<()> {
        self.set(|settings| settings.add_roots(&Roots::bundled()))
    }

    /// Trusts none of the system's roots, also where no other is added: nobody,
    /// then.
    pub fn ignore_system_roots(&self) -> Result<()> {
        self.set(|settings| {
            settings.ignore_system_roots();
            Ok(())
        })
    }

    /// Checks revocation with the CRLs in a file, PEM or DER.  Called again, it adds.
    ///
    /// From then on a chain is refused if a CRL lists a certificate below the root
    /// ([`Status::CertificateRevoked`]) or no current CRL is for it
    /// ([`Status::CertificateUnknownRevocation`]).
    pub fn add_crls(&self, path: &Path) -> Result<()> {
        self.set(|settings| settings.add_crls(&Crl::load_all(path)?))
    }

    /// Checks revocation with the CRLs in PEM text or DER, as [`Self::add_crls`]
    /// does.
    pub fn add_crls_bytes(&self, content: &[u8]) -> Result<()> {
        self.set(|settings| settings.add_crls(&Crl::all_from_bytes(content)?))
    }

    /// Checks revocation with this CRL, as [`Self::add_crls`] does.
    pub fn add_crl(&self, crl: &Crl) -> Result<()> {
        self.set(|settings| settings.add_crls(std::slice::from_ref(crl)))
    }

    /// Says how strictly the CRLs are applied.
    pub fn set_revocation(&self, rules: RevocationRules) -> Result<()> {
        self.set(|settings| settings.set_revocation(rules))
    }

    /// Trusts one certificate, whatever it says, within its validity period: regardless of
    /// issuer, names, purpose and extensions.  For self-signed peers.  Like adding a root,
    /// this replaces the system's roots.
    ///
    /// `certificate` is the SHA-256 of its DER in hex, with or without colons, or the path
    /// of a file that holds one certificate, PEM or DER.  Its key may be of every kind that
    /// [`insecure_no_verify`](Self::insecure_no_verify) allows.
    ///
    /// Fails with [`Status::Parse`] where a file holds several certificates, since each of
    /// them would be trusted.
    pub fn trust_certificate(&self, certificate: &str) -> Result<()> {
        self.set(|settings| settings.trust_certificate(certificate))
    }

    /// Trusts this certificate as the peer's own, for its names and purposes and within
    /// its validity period, whoever issued it.  Like adding a root, this replaces the
    /// system's roots.
    pub fn trust_end_entity(&self, certificate: &Certificate) -> Result<()> {
        self.set(|settings| settings.trust_end_entity(certificate))
    }

    /// Allows at most `count` CAs between a peer's certificate and its root; 0 demands
    /// that the root issued it.  By default path building ends after 6.
    pub fn set_max_depth(&self, count: u32) -> Result<()> {
        self.set(|settings| {
            settings.max_depth = Some(count);
            Ok(())
        })
    }

    /// Demands that every key and signature in a peer's path has at least this security
    /// in bits (NIST SP 800-57, part 1, table 2): 112, the default, 128 (RSA with 3072
    /// bits, P-256), 192 (RSA with 7680 bits, P-384) or 256 (P-521).
    pub fn set_min_security(&self, bits: u16) -> Result<()> {
        self.set(|settings| settings.set_min_security(bits))
    }

    /// Demands that every certificate in a peer's path follows RFC 5280 to the letter, as
    /// OpenSSL's X509_V_FLAG_X509_STRICT does: key identifiers present, basic constraints
    /// critical, the key usage of CAs present.
    pub fn set_strict(&self) -> Result<()> {
        self.set(|settings| {
            settings.strict = true;
            Ok(())
        })
    }

    /// Demands, beside all other checks, one of the pinned keys somewhere in the
    /// accepted path: the SHA-256 of its SubjectPublicKeyInfo, in hex.
    pub fn add_pin(&self, sha256: &str) -> Result<()> {
        self.set(|settings| settings.add_pin(sha256))
    }

    /// Where a certificate has no subjectAltName, or an empty one, accepts its only
    /// common name as a DNS name, if every name constraint of its path permits that.
    /// Never for an address (RFC 9525, section 1.4).
    pub fn allow_common_name(&self) -> Result<()> {
        self.set(|settings| {
            settings.allow_common_name = true;
            Ok(())
        })
    }

    /// Checks the chain of a server but not its name.  Insecure: anybody with
    /// any trusted certificate can be that server.
    pub fn insecure_no_name(&self) -> Result<()> {
        self.set(|settings| {
            settings.weaken(PeerCheck::NoName);
            Ok(())
        })
    }

    /// Accepts any certificate.  Insecure: anybody can be the peer.
    ///
    /// The peer still proves that it has the certificate's private key, which takes a
    /// kind of key that handshakes can be verified with: beside those of verified peers,
    /// RSA with 512 to 16384 bits, RSASSA-PSS in TLS 1.3, curves that are given by the
    /// numbers of P-256, P-384 or P-521, and secp256k1 in the certificates of TLS 1.2
    /// clients.  Other keys, and what is no X.509 certificate, make the handshake fail
    /// with [`Status::CertificateUnsupportedKey`] or [`Status::CertificateMalformed`].
    pub fn insecure_no_verify(&self) -> Result<()> {
        self.set(|settings| {
            settings.weaken(PeerCheck::Nothing);
            Ok(())
        })
    }

    /// Has a server ask clients for a certificate and accept one that fails verification.
    /// Insecure: anybody can be the client, so the program has to decide by
    /// [`Connection::verify_error`](crate::Connection::verify_error), which has the reason
    /// (`optional_no_ca` of nginx).
    ///
    /// A client without a certificate is accepted, too, unless the mode is
    /// [`ClientAuth::Required`](crate::ClientAuth::Required).  A certificate that passes is
    /// verified as ever.  Roots are optional; without any, every certificate fails.  Clients
    /// may present only certificates of the CAs that the server names:
    /// [`Self::omit_certificate_authorities`] names none.
    ///
    /// The client still proves that it has the private key (RFC 8446, section 4.4.3), which
    /// takes a kind of key as with [`Self::insecure_no_verify`].  A certificate that cannot
    /// be read is refused, and so is a client that the callback of [`Self::set_verify_callback`]
    /// refuses.  The session of a client that fails verification is never resumed, so it
    /// gets no tickets and sends no early data, and each such client is logged as a warning.
    pub fn insecure_allow_unverified_clients(&self) -> Result<()> {
        self.set(|settings| {
            settings.allows_unverified_clients = true;
            Ok(())
        })
    }
}
