//! What a certificate is to be like, as its maker says it.

use std::time::Duration;

use super::key::PrivateKey;
use super::key_type::KeyType;

/// What a certificate is to be like.  The default is what most people need.
#[derive(Clone, Debug, Default)]
pub struct CertOptions {
    /// The common name.  By default the first host name or e-mail address of at
    /// most 64 characters, and none if there is no such name: addresses and URIs
    /// are alternative names only.  A CA without names is `"tlsmith CA"`, or
    /// `"tlsmith intermediate CA"` when it is issued.
    pub common_name: Option<String>,
    /// The whole subject instead: `"CN=x,O=Example"` or `"/O=Example/CN=x"`.
    pub subject: Option<String>,
    /// When it starts to be valid, in seconds of the Unix epoch.  By default an
    /// hour ago, so that a clock that is a little behind accepts it, or with the
    /// CA that issues it if that starts later.
    pub not_before: Option<i64>,
    /// How long it is valid from then on.  By default 397 days, a CA 3650, or
    /// until the end of the CA that issues it if that is earlier.
    pub lifetime: Option<Duration>,
    /// What it is for.  By default hosts and addresses are servers, and e-mail
    /// addresses clients.
    pub usage: Option<Usage>,
    /// The kind of key to generate.  By default [`KeyType::EcdsaP256`].
    pub key_type: Option<KeyType>,
    /// The key to use instead of a new one.
    pub key: Option<PrivateKey>,
    /// How many CAs may stand below this CA.  By default none for one that is
    /// issued, and any number for a root.
    pub path_len: Option<u32>,
    /// Issue a CA, also where it is a request that asks to be one.
    pub ca: bool,
    /// The names that a CA may issue for, such as `".example.com"`,
    /// `"10.0.0.0/8"`, `"@example.com"`.  By default all.
    ///
    /// Beware of e-mail addresses here: OpenSSL checks them, but peers on rustls,
    /// this library among them, refuse every certificate with an e-mail address
    /// below a CA that limits them.
    pub permitted_names: Vec<String>,
    /// The names that a CA may not issue for.
    pub excluded_names: Vec<String>,
    /// What it is for beside TLS.  Without [`Self::usage`] it is for this alone.
    pub purposes: Vec<Purpose>,
    /// Where the CRL will be that can revoke it.
    pub crl_url: Option<String>,
    /// Who will answer questions about its revocation by OCSP, as a URL.
    pub ocsp_url: Option<String>,
    /// Have clients refuse it where the server does not staple an OCSP response
    /// (RFC 7633).
    pub must_staple: bool,
    /// Its serial number in hex, positive and of up to 20 bytes.  By default a
    /// random one.
    pub serial: Option<String>,
    /// Extensions that stand in it as they are, in place of those of the same
    /// kind that it would have.
    ///
    /// Names, basic constraints, name constraints and key identifiers are not
    /// among them: they have options of their own, and rules.
    pub extensions: Vec<CustomExtension>,
    /// Let it be valid beyond the end of the CA that issues it, after which
    /// nobody accepts it unless the CA is renewed.
    pub outlive_ca: bool,
    /// Signing a request: repeat each extension that it asks for, byte for
    /// byte, and add only those that it does not.  Key identifiers are always
    /// the issuer's business.
    ///
    /// A request is refused if it asks for name constraints, for the purposes
    /// OCSPSigning or anyExtendedKeyUsage, or, unless [`Self::ca`] is set, for the
    /// key usages keyCertSign and cRLSign.  All else is the signer's to judge.
    pub copy_extensions: bool,
    /// Signing a request: accept alternative names of kinds that cannot be checked
    /// (otherName, x400Address, ediPartyName), such as the user principal names of
    /// Active Directory.  [`Csr::other_names`](super::Csr::other_names) has them.
    /// By default such a request is refused.
    pub allow_other_names: bool,
}

/// An extension that somebody wants to have in a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CustomExtension {
    /// Its object identifier, in dots: `"1.3.6.1.4.1.55555.1"`.
    pub oid: String,
    /// Whether who does not know it has to refuse the certificate.
    pub critical: bool,
    /// What it says, in DER.
    pub value: Vec<u8>,
}

/// What a certificate may be for beside TLS (RFC 5280, section 4.2.1.12).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Signing and encrypting e-mail.
    Email,
    /// Signing programs.
    Code,
    /// Signing OCSP responses for the authority that issued it.
    Ocsp,
}

/// What a certificate is for in TLS (RFC 5280, section 4.2.1.12).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// Authenticating servers.
    pub server: bool,
    /// Authenticating clients.
    pub client: bool,
}
