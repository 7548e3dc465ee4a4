//! Extensions that rcgen does not encode, and custom extensions from the options.

use const_oid::ObjectIdentifier;
use der::asn1::{Any, AnyRef, Ia5StringRef, OctetString};
use der::{Decode, Encode, Sequence, Tag};

use super::asn1::Extension;
use super::certificate::{
    ALTERNATIVE_NAMES, AUTHORITY_INFORMATION, BASIC_CONSTRAINTS, ISSUER_KEY_ID, KEY_ID, KEY_USAGE,
    NAME_CONSTRAINTS, key_usage,
};
use super::general_name::AltName;
use super::options::{CertOptions, CustomExtension};
use super::quoted;
use crate::{Error, Result, Status};

const TLS_FEATURES: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.1.24");
const OCSP: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.48.1");

/// The number of the TLS extension status_request (RFC 6066).
const STATUS_REQUEST: u16 = 5;

/// Returns the extensions from the options.
pub(super) fn extensions(options: &CertOptions) -> Result<Vec<Extension>> {
    let mut all = Vec::new();
    if let Some(url) = &options.ocsp_url {
        all.push(plain(AUTHORITY_INFORMATION, &[access(url)?])?);
    }
    if options.must_staple {
        all.push(plain(TLS_FEATURES, &[STATUS_REQUEST])?);
    }
    for own in &options.extensions {
        all.push(parse(own)?);
    }
    Ok(all)
}

/// Rejects custom alternative names, basic constraints, name constraints and key
/// identifiers, which options or the issuer set.  Also rejects a key usage that does not
/// parse or does not fit `ca`.
pub(super) fn check(options: &CertOptions) -> Result<()> {
    for own in &options.extensions {
        let Extension { oid, value, .. } = parse(own)?;
        let problem = match &oid {
            oid if *oid == ALTERNATIVE_NAMES => "the names are given as names",
            oid if *oid == BASIC_CONSTRAINTS => "being a CA and its path length are options",
            oid if *oid == NAME_CONSTRAINTS => "permitted and excluded names are options",
            oid if *oid == KEY_ID || *oid == ISSUER_KEY_ID => "the issuer sets key identifiers",
            oid if *oid == KEY_USAGE => match key_usage(value.as_bytes()) {
                Err(_) => "it does not parse as a key usage",
                Ok(usage) if usage.contains(&"keyCertSign") != options.ca => {
                    "every CA needs keyCertSign, and only CAs may have it (RFC 5280, 4.2.1.3)"
                }
                Ok(_) => continue,
            },
            _ => continue,
        };
        let sentence = format!("the extension {oid} cannot be a custom extension: {problem}");
        return Err(Error::argument(sentence));
    }
    Ok(())
}

fn parse(own: &CustomExtension) -> Result<Extension> {
    let bad = |why: String| Error::argument(why);
    let oid = ObjectIdentifier::new(&own.oid).map_err(|_| {
        let oid = quoted(&own.oid);
        bad(format!(
            "{oid} is not an object identifier: '1.3.6.1.4.1.55555.1' is one"
        ))
    })?;
    AnyRef::from_der(&own.value).map_err(|error| {
        bad(format!(
            "the value of the extension {oid} is not DER: {error}"
        ))
    })?;
    Ok(Extension {
        oid: oid.into(),
        critical: own.critical,
        value: OctetString::new(&own.value[..]).map_err(|error| broken(&error))?,
    })
}

/// Creates an extension that is not critical.
fn plain(oid: ObjectIdentifier, value: &impl Encode) -> Result<Extension> {
    let value = value.to_der().and_then(OctetString::new);
    Ok(Extension {
        oid: oid.into(),
        critical: false,
        value: value.map_err(|error| broken(&error))?,
    })
}

/// An AccessDescription (RFC 5280, section 4.2.2.1).
#[derive(Sequence)]
struct Access {
    method: ObjectIdentifier,
    location: Any,
}

fn access(url: &str) -> Result<Access> {
    let Ok(AltName::Uri(url)) = url.parse() else {
        let sentence = format!("{} is not the URL of an OCSP responder", quoted(url));
        return Err(Error::argument(sentence));
    };
    let location = Ia5StringRef::new(&url).and_then(|url| {
        let uri = Tag::ContextSpecific {
            constructed: false,
            number: der::TagNumber(6),
        };
        Any::new(uri, url.as_bytes())
    });
    Ok(Access {
        method: OCSP,
        location: location.map_err(|error| broken(&error))?,
    })
}

fn broken(error: &der::Error) -> Error {
    let sentence = format!("an extension cannot be encoded: {error}");
    Error::new(Status::Internal, sentence)
}
