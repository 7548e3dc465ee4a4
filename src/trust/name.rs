//! The name of a peer, as somebody asks for it.

use std::borrow::Cow;

use rustls_pki_types::{CertificateDer, ServerName};
use webpki::EndEntityCert;

use crate::pki::{Certificate, host_to_ascii};
use crate::text::quoted;
use crate::{Error, Result, Status};

/// Reads a DNS name, in either spelling where it is not ASCII
/// (`"müller.example"`, `"xn--mller-kva.example"`), or an address.
pub(crate) fn parse(name: &str) -> Result<ServerName<'static>> {
    let parsed = ServerName::try_from(ascii_host(name).as_ref()).map(|name| name.to_owned());
    parsed.map_err(|_| {
        let (shown, length) = (quoted(name), name.len());
        let sentence = format!("{shown} ({length} bytes) is not a DNS name or an address");
        Error::new(Status::Argument, sentence)
    })
}

/// A host name as DNS has it (RFC 5891).  What cannot be one stays as it is, to
/// be refused where it is used.
pub(crate) fn ascii_host(name: &str) -> Cow<'_, str> {
    match name.is_ascii() {
        true => Cow::Borrowed(name),
        false => host_to_ascii(name).map_or(Cow::Borrowed(name), Cow::Owned),
    }
}

impl Certificate {
    /// Whether it is for this host: a DNS name, in either spelling where it is not
    /// ASCII, or an address.  Only alternative names count, and wildcards for one
    /// label, as for a connection (RFC 9525).
    ///
    /// Fails where `host` is neither, and with [`Status::Unsupported`] for a
    /// certificate that no connection accepts, such as one with a critical extension
    /// that is not known.
    pub fn matches(&self, host: &str) -> Result<bool> {
        let name = parse(host)?;
        let der = CertificateDer::from(self.der());
        match EndEntityCert::try_from(&der) {
            Ok(certificate) => Ok(certificate.verify_is_valid_for_subject_name(&name).is_ok()),
            // From before there were alternative names.
            Err(webpki::Error::UnsupportedCertVersion) => Ok(false),
            Err(error) => Err(Error::new(
                Status::Unsupported,
                format!(
                    "the certificate of '{}' is for nobody here, whatever its names: {error}",
                    self.subject()
                ),
            )
            .with_source(error)),
        }
    }
}
