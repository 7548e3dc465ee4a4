//! Issuing certificates: the options become fields (`profile`), the CA's constraints are
//! checked (`issuance_policy`), and the result is encoded and signed (`encoding`).

use std::borrow::Cow;

use super::asn1::{Extension, first_duplicate};
use super::certificate::Certificate;
use super::distinguished_name::DistinguishedName;
use super::encoding::{self, ExactFields};
use super::general_name::AltName;
use super::identity::Identity;
use super::issuance_policy::{self, Request};
use super::key::PrivateKey;
use super::options::CertOptions;
use super::request::Csr;
use super::requested_extensions::RequestedExtensions;
use super::{custom_extensions, describe, profile, requested_extensions, requested_names};
use crate::{Error, Result, Status};

/// Generates a root CA with a self-signed certificate.
pub fn gen_ca(options: &CertOptions) -> Result<Identity> {
    let options = CertOptions {
        ca: true,
        ..options.clone()
    };
    self_sign(&[], &options)
}

/// Generates a self-signed certificate for `names` that is not a CA.
pub fn self_signed(names: &[String], options: &CertOptions) -> Result<Identity> {
    if options.ca {
        return Err(Error::argument(
            "to create a self-signed CA certificate, generate a CA",
        ));
    }
    self_sign(&AltName::parse_all(names)?, options)
}

fn self_sign(names: &[AltName], options: &CertOptions) -> Result<Identity> {
    require_name(names, options)?;
    custom_extensions::check(options)?;
    let subject = profile::subject(options, names, "tlsmith CA")?;
    // The subject is the issuer too, which must not be empty (RFC 5280, section 4.1.2.4).
    let subject = match subject.is_empty() {
        true => DistinguishedName::parse("O=tlsmith self-signed certificate")?,
        false => subject,
    };
    let certified =
        CertificateSubject::with_key(subject.to_der()?, PrivateKey::for_options(options)?);
    certify(None, &subject, names, certified, options)
}

/// Issues a certificate for `names`, with a new key unless the options provide one.  The
/// identity has the chain that peers need, without the root.
///
/// Fails with [`Status::Issue`] if the CA may not issue it, and names the rule: it is not a
/// CA, or its path length, name constraints or validity period forbid it.
pub fn issue_cert(ca: &Identity, names: &[String], options: &CertOptions) -> Result<Identity> {
    let options = &*with_path_len(options);
    let names = AltName::parse_all(names)?;
    require_name(&names, options)?;
    custom_extensions::check(options)?;
    let subject = profile::subject(options, &names, "tlsmith intermediate CA")?;
    let request = Request {
        subject: &subject,
        names: &names,
        directories: &[],
        other_types: &[],
        path_len: options.path_len,
        is_ca: options.ca,
    };
    issuance_policy::check(ca, &request)?;
    let certified =
        CertificateSubject::with_key(subject.to_der()?, PrivateKey::for_options(options)?);
    certify(Some(ca), &subject, &names, certified, options)
}

/// Issues the certificate that a request asks for, with its key, subject and alternative
/// names, each byte for byte.  `names` replaces the alternative names; a subject in the
/// options replaces the subject.  The other requested extensions are used as
/// [`CertOptions::copy_extensions`] says.
///
/// The identity has the private key if the request was generated here.
///
/// A request is untrusted input.  Its names must be valid for [`issue_cert`], without
/// wildcards inside, control characters or addresses as host names.  Names of types that
/// cannot be checked need [`CertOptions::allow_other_names`].
///
/// Fails with [`Status::Issue`], and names the rule, in the cases of [`issue_cert`], for
/// names that are refused, and for a request to be a CA unless [`CertOptions::ca`] is set.
pub fn sign_csr(
    ca: &Identity,
    csr: &Csr,
    names: Option<&[String]>,
    options: &CertOptions,
) -> Result<Identity> {
    if options.key.is_some() || options.key_type.is_some() {
        return Err(Error::argument(
            "the certificate for a request has the request's key: omit the key",
        ));
    }
    custom_extensions::check(options)?;
    let mut requested = RequestedExtensions::of(csr, names.is_some(), options)?;
    let options = &CertOptions {
        path_len: requested
            .path_len()
            .unwrap_or(with_path_len(options).path_len),
        ..options.clone()
    };
    let names = match names {
        Some(names) => AltName::parse_all(names)?,
        None => requested.names(),
    };
    let has_own_subject = options.subject.is_none() && options.common_name.is_none();
    let subject = match has_own_subject {
        true => {
            let subject = csr.parsed_subject();
            requested_names::check_subject(subject)
                .map_err(|problem| requested_extensions::refusal(&problem))?;
            subject.clone()
        }
        false => profile::subject(options, &names, "")?,
    };
    if subject.is_empty() && names.is_empty() {
        return Err(Error::argument(
            "the request has neither a subject nor a name to issue a certificate for: give names",
        ));
    }
    if subject.is_empty() {
        if options.ca {
            return Err(requested_extensions::refusal(
                "it has no subject, and a CA needs one (RFC 5280, 4.1.2.6)",
            ));
        }
        requested.make_names_critical();
    }
    let request = Request {
        subject: &subject,
        names: &names,
        directories: &requested.directories(),
        other_types: &requested.other_types(),
        path_len: options.path_len,
        is_ca: options.ca,
    };
    issuance_policy::check(ca, &request)?;
    let certified = CertificateSubject {
        subject: match has_own_subject {
            true => csr.subject_der()?,
            false => subject.to_der()?,
        },
        spki: csr.spki_der().to_vec(),
        key: csr.key().cloned(),
        extensions: requested.into_extensions(),
    };
    certify(Some(ca), &subject, &names, certified, options)
}

/// The subject of a new certificate and its key.
pub(super) struct CertificateSubject {
    /// The exact DER of the subject.
    subject: Vec<u8>,
    spki: Vec<u8>,
    key: Option<PrivateKey>,
    extensions: Vec<Extension>,
}

impl CertificateSubject {
    pub(super) fn with_key(subject: Vec<u8>, key: PrivateKey) -> Self {
        Self {
            subject,
            spki: key.spki_der().to_vec(),
            key: Some(key),
            extensions: Vec::new(),
        }
    }
}

/// Creates the certificate, signed by `ca` or self-signed.
pub(super) fn certify(
    ca: Option<&Identity>,
    subject: &DistinguishedName,
    names: &[AltName],
    certified: CertificateSubject,
    options: &CertOptions,
) -> Result<Identity> {
    let key_type = describe::key_type(&certified.spki);
    let issuer = ca.map(Identity::certificate);
    let mut params = profile::common(options, subject, names, &key_type)?;
    profile::add_issuer_fields(&mut params, options, issuer, &certified.spki)?;
    let (signer, issuer, issuer_key_id) = match (ca, &certified.key) {
        (Some(ca), _) => {
            let issuer = ca.certificate();
            let key_id = profile::issuer_key_id(issuer)?;
            (ca.require_key("issue with")?, issuer.subject_der()?, key_id)
        }
        (None, Some(key)) => (
            key,
            certified.subject.clone(),
            profile::key_id(&certified.spki)?,
        ),
        (None, None) => {
            let sentence = "a certificate cannot be self-signed without its key";
            return Err(Error::new(Status::Internal, sentence));
        }
    };
    let mut extensions = certified.extensions;
    extensions.extend(custom_extensions::extensions(options)?);
    if let Some(twice) = first_duplicate(&extensions) {
        let sentence = format!("the extension {} is requested twice", twice.oid);
        return Err(Error::argument(sentence));
    }
    let exact = ExactFields {
        issuer: &issuer,
        issuer_key_id: &issuer_key_id,
        subject: &certified.subject,
        spki: &certified.spki,
        extensions: &extensions,
    };
    let der = encoding::certificate(&params, &exact, signer)?;
    let above = ca.into_iter().flat_map(Identity::path).cloned();
    let (roots, above): (Vec<_>, Vec<_>) = above.partition(Certificate::looks_self_signed);
    let chain = std::iter::once(Certificate::from_der(der)?).chain(above);
    Identity::below(chain.collect(), roots, certified.key)
}

fn require_name(names: &[AltName], options: &CertOptions) -> Result<()> {
    let has_subject = options.common_name.is_some() || options.subject.is_some();
    let is_for_tls = options.usage.is_some() || options.purposes.is_empty();
    if options.ca || !names.is_empty() || (has_subject && !is_for_tls) {
        return Ok(());
    }
    Err(Error::argument(
        "a certificate needs at least one name: a host, an address, an e-mail address",
    ))
}

/// Sets the path length of an issued CA to 0 unless the options set another.
fn with_path_len(options: &CertOptions) -> Cow<'_, CertOptions> {
    if !options.ca || options.path_len.is_some() {
        return Cow::Borrowed(options);
    }
    Cow::Owned(CertOptions {
        path_len: Some(0),
        ..options.clone()
    })
}
