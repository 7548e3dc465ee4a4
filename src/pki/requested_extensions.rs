//! The requested extensions that a certificate gets byte for byte, and those that no
//! request is granted.

use const_oid::ObjectIdentifier;
use der::Decode;
use der::asn1::BitStringRef;

use super::asn1::Extension;
use super::certificate::{
    ALTERNATIVE_NAMES, BASIC_CONSTRAINTS, BasicConstraints, CRL_DISTRIBUTION, EXTENDED_KEY_USAGE,
    ISSUER_KEY_ID, KEY_ID, KEY_USAGE, NAME_CONSTRAINTS, key_usage,
};
use super::distinguished_name::DistinguishedName;
use super::general_name::{AltName, GeneralName};
use super::options::CertOptions;
use super::request::Csr;
use super::{describe, requested_names};
use crate::{Error, Result, Status};

/// netscape-cert-type, which OpenSSL uses for CAs without basic constraints.
const NETSCAPE_TYPE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.113730.1.1");
/// Its CA bits: for TLS, e-mail and object signing.
const NETSCAPE_CA: u8 = 0b0000_0111;

/// The extensions of a request that go into the certificate.
pub(super) struct RequestedExtensions(Vec<Extension>);

impl RequestedExtensions {
    /// Selects the alternative names, unless others replace them, and with
    /// `copy_extensions` every other requested extension.
    pub(super) fn of(csr: &Csr, other_names: bool, options: &CertOptions) -> Result<Self> {
        check_role(csr, options)?;
        let goes_in = |extension: &&Extension| match &extension.oid {
            oid if *oid == ALTERNATIVE_NAMES => !other_names,
            oid if *oid == KEY_ID || *oid == ISSUER_KEY_ID => false,
            _ => options.copy_extensions,
        };
        let this = Self(csr.extensions().iter().filter(goes_in).cloned().collect());
        this.check_options(options)?;
        this.check_authority(options)?;
        this.check_grants(options)?;
        let names = this.general_names();
        if this.value(&ALTERNATIVE_NAMES).is_some() && names.is_empty() {
            return Err(refusal("its list of alternative names is empty"));
        }
        for name in names {
            requested_names::check_name(name, options.allow_other_names)
                .map_err(|problem| refusal(&problem))?;
        }
        Ok(this)
    }

    /// Marks the alternative names as critical, as required if the subject is empty (RFC
    /// 5280, section 4.2.1.6).
    pub(super) fn make_names_critical(&mut self) {
        let mut extensions = self.0.iter_mut();
        if let Some(names) = extensions.find(|extension| extension.oid == ALTERNATIVE_NAMES) {
            names.critical = true;
        }
    }

    /// Returns the alternative names of the types that users enter as text.
    pub(super) fn names(&self) -> Vec<AltName> {
        let names = self.general_names().into_iter();
        names.filter_map(GeneralName::known).collect()
    }

    /// Returns the alternative names that are directory names.
    pub(super) fn directories(&self) -> Vec<DistinguishedName> {
        let names = self.general_names().into_iter();
        names.filter_map(GeneralName::directory).collect()
    }

    /// Returns the types of the other alternative names, as tag numbers of GeneralName.
    pub(super) fn other_types(&self) -> Vec<u32> {
        let names = self.general_names().into_iter();
        names
            .filter(|name| !requested_names::is_in_names(*name))
            .map(GeneralName::number)
            .filter(|&number| number != requested_names::DIRECTORY)
            .collect()
    }

    fn general_names(&self) -> Vec<GeneralName<'_>> {
        let names = self.value(&ALTERNATIVE_NAMES).map(GeneralName::all);
        // A request whose names do not parse cannot be loaded.
        names.and_then(Result::ok).unwrap_or_default()
    }

    /// Returns the path length, if basic constraints are copied.
    pub(super) fn path_len(&self) -> Option<Option<u32>> {
        let constraints = self
            .value(&BASIC_CONSTRAINTS)
            .map(BasicConstraints::from_der);
        Some(constraints?.ok()?.path_len)
    }

    pub(super) fn into_extensions(self) -> Vec<Extension> {
        self.0
    }

    fn find(&self, oid: &ObjectIdentifier) -> Option<&Extension> {
        self.0.iter().find(|extension| extension.oid == *oid)
    }

    fn value(&self, oid: &ObjectIdentifier) -> Option<&[u8]> {
        self.find(oid).map(|extension| extension.value.as_bytes())
    }

    /// Rejects options for a field that is copied.
    fn check_options(&self, options: &CertOptions) -> Result<()> {
        let options_set = [
            (
                EXTENDED_KEY_USAGE,
                options.usage.is_some() || !options.purposes.is_empty(),
                "the usage",
            ),
            (
                BASIC_CONSTRAINTS,
                options.path_len.is_some(),
                "the path length",
            ),
            (
                CRL_DISTRIBUTION,
                options.crl_url.is_some(),
                "the URL of its CRL",
            ),
        ];
        for (oid, is_set, what) in options_set {
            if is_set && self.find(&oid).is_some() {
                return Err(Error::argument(format!(
                    "the request says {what} itself, and its extensions are copied: \
                         omit the option, or do not copy extensions"
                )));
            }
        }
        Ok(())
    }

    /// Rejects extensions that no request may grant itself, even if copied.
    fn check_grants(&self, options: &CertOptions) -> Result<()> {
        if self.find(&NAME_CONSTRAINTS).is_some() {
            return Err(refusal(
                "it asks for name constraints, which are set by the options: \
                 do not copy its extensions",
            ));
        }
        let purposes = self.value(&EXTENDED_KEY_USAGE).map(describe::purposes);
        let purposes = purposes
            .transpose()
            .map_err(|_| refusal("its extended key usage does not parse"))?;
        for purpose in purposes.iter().flatten() {
            let problem = match purpose.as_str() {
                "OCSPSigning" => "could answer for the revocation of every other certificate",
                "anyExtendedKeyUsage" => "is good for every purpose",
                _ => continue,
            };
            return Err(refusal(&format!(
                "it asks for the purpose {purpose}, with which it {problem}: give its purposes \
                 as options, and do not copy its extensions",
            )));
        }
        let netscape = self.value(&NETSCAPE_TYPE).map(BitStringRef::from_der);
        let netscape = netscape
            .transpose()
            .map_err(|_| refusal("its Netscape certificate type does not parse"))?;
        let bits = netscape.and_then(|bits| bits.raw_bytes().first().copied());
        if !options.ca && bits.unwrap_or(0) & NETSCAPE_CA != 0 {
            return Err(refusal(
                "its Netscape certificate type is that of a CA, and it must not be one",
            ));
        }
        Ok(())
    }

    /// Checks what RFC 5280, sections 4.2.1.3 and 4.2.1.9, requires of CAs and forbids for
    /// others.
    fn check_authority(&self, options: &CertOptions) -> Result<()> {
        let usage = self.value(&KEY_USAGE).map(key_usage);
        let usage = usage
            .transpose()
            .map_err(|_| refusal("its key usage does not parse"))?;
        let revokes = usage
            .as_ref()
            .is_some_and(|usage| usage.contains(&"cRLSign"));
        let signs = usage.map(|usage| usage.contains(&"keyCertSign"));
        let constraints = self.find(&BASIC_CONSTRAINTS);
        let problem = match (options.ca, signs, self.path_len().flatten()) {
            (true, Some(false), _) => {
                "its key usage lacks keyCertSign, which a CA needs to issue (RFC 5280, 4.2.1.3)"
            }
            (true, ..) if constraints.is_some_and(|extension| !extension.critical) => {
                "its basic constraints are not critical, as those of a CA have to be (RFC 5280, \
                 4.2.1.9)"
            }
            (false, Some(true), _) => {
                "its key usage has keyCertSign, which only CAs may have (RFC 5280, 4.2.1.3)"
            }
            (false, ..) if revokes => {
                "its key usage has cRLSign, which only CAs may have (RFC 5280, 4.2.1.3)"
            }
            (false, _, Some(_)) => {
                "it has a path length, which only CAs may have (RFC 5280, 4.2.1.9)"
            }
            _ => return Ok(()),
        };
        Err(refusal(problem))
    }
}

/// Checks that the request asks to be a CA only if the options allow that, and the other
/// way round.
fn check_role(csr: &Csr, options: &CertOptions) -> Result<()> {
    match (csr.asks_to_be_ca(), options.ca) {
        (Some(true), false) => Err(refusal(
            "it asks to be a CA, which could issue certificates for every name: \
             set the option 'ca' if that is intended",
        )),
        (Some(false), true) => Err(Error::argument(
            "the request asks not to be a CA, and the options make it one: omit 'ca'",
        )),
        _ => Ok(()),
    }
}

pub(super) fn refusal(rule: &str) -> Error {
    let sentence = format!("no certificate is issued for this request: {rule}");
    Error::new(Status::Issue, sentence)
}
