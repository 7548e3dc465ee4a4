//! Options for new certificates and requests.

use std::time::Duration;

use super::key::PrivateKey;
use super::key_type::KeyType;

/// Options for a new certificate.  The defaults suit most uses.
#[derive(Clone, Debug, Default)]
pub struct CertOptions {
    /// The common name.  The default is the first host name or e-mail address of at most 64
    /// characters, if there is one.  Addresses and URIs are only alternative names.  The
    /// default for a CA without names is `"tlsmith CA"`, or `"tlsmith intermediate CA"` if
    /// it is issued.
    pub common_name: Option<String>,
    /// The whole subject, in place of a common name: `"CN=x,O=Example"` or
    /// `"/O=Example/CN=x"`.
    pub subject: Option<String>,
    /// The start of its validity, in seconds since the Unix epoch.  The default is an hour
    /// ago, so that peers with slow clocks accept it, or the start of the issuing CA if
    /// later.
    pub not_before: Option<i64>,
    /// The length of its validity.  The default is 397 days, 3650 for a CA, or until the
    /// end of the issuing CA if earlier.
    pub lifetime: Option<Duration>,
    /// What it is for in TLS.  The default is servers for hosts and addresses, and clients
    /// for e-mail addresses.
    pub usage: Option<Usage>,
    /// The type of key to generate.  The default is [`KeyType::EcdsaP256`].
    pub key_type: Option<KeyType>,
    /// The key to use in place of a new one.
    pub key: Option<PrivateKey>,
    /// The maximum number of CAs below this CA.  The default is 0 for an issued CA, and no
    /// limit for a root.
    pub path_len: Option<u32>,
    /// Issue a CA certificate, even for a request that asks to be a CA.
    pub ca: bool,
    /// The names that the CA may issue certificates for, such as `".example.com"`,
    /// `"10.0.0.0/8"`, `"@example.com"`.  The default is all names.
    ///
    /// Beware of constraints on e-mail addresses.  OpenSSL and this library check them, but
    /// other peers on rustls reject every certificate with an e-mail address below such a
    /// CA.
    pub permitted_names: Vec<String>,
    /// The names that the CA may not issue certificates for.
    pub excluded_names: Vec<String>,
    /// Purposes other than TLS.  Without [`Self::usage`], the certificate is only for
    /// these.
    pub purposes: Vec<Purpose>,
    /// The URL of the CRL that can revoke it.
    pub crl_url: Option<String>,
    /// The URL of its OCSP responder.
    pub ocsp_url: Option<String>,
    /// Require servers to staple an OCSP response (RFC 7633).  Clients that check this
    /// reject the certificate otherwise; clients of this library leave it to the verify
    /// callback.
    pub must_staple: bool,
    /// Its serial number in hex, positive, up to 20 bytes.  The default is random.
    pub serial: Option<String>,
    /// Extensions to encode exactly, in place of the default ones of the same type.
    ///
    /// Alternative names, basic constraints, name constraints and key identifiers are not
    /// allowed here: options or the issuer set them.  A key usage must fit [`Self::ca`].
    pub extensions: Vec<CustomExtension>,
    /// Let it outlive the issuing CA.  After the CA's end nobody accepts it, unless the CA
    /// is renewed.
    pub outlive_ca: bool,
    /// For requests: copy each requested extension byte for byte, and add only those that
    /// are not requested.  Key identifiers are always the issuer's.
    ///
    /// Refused are requests for name constraints, for the purposes OCSPSigning and
    /// anyExtendedKeyUsage and, unless [`Self::ca`] is set, for the key usages keyCertSign
    /// and cRLSign.  Also refused are extensions that contradict [`Self::ca`] (path length,
    /// basic constraints, Netscape type).  Everything else is up to the signer.
    pub copy_extensions: bool,
    /// For requests: accept alternative names of types that cannot be checked (otherName,
    /// x400Address, ediPartyName), such as the user principal names of Active Directory.
    /// [`Csr::other_names`](super::Csr::other_names) lists them.  By default such a request
    /// is refused.
    pub allow_other_names: bool,
}

/// A custom extension for a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CustomExtension {
    /// Its dotted object identifier: `"1.3.6.1.4.1.55555.1"`.
    pub oid: String,
    /// Whether programs that do not know it must reject the certificate.
    pub critical: bool,
    /// Its value, in DER.
    pub value: Vec<u8>,
}

/// A purpose other than TLS (RFC 5280, section 4.2.1.12).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Signing and encrypting e-mail.
    Email,
    /// Signing code.
    Code,
    /// Signing OCSP responses for the issuing CA.
    Ocsp,
}

/// The purposes of a certificate in TLS (RFC 5280, section 4.2.1.12).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// Authenticating servers.
    pub server: bool,
    /// Authenticating clients.
    pub client: bool,
}
