//! Contexts: creation, trust anchors and identities.

use std::ffi::{c_char, c_int, c_void};
use std::sync::atomic::{AtomicU64, Ordering};

use tlsmith::{ClientAuth, Context, Error, Result, Version};

use crate::ffi::{self, InternedStrings};
use crate::identity::tlsmith_identity;

/// Settings that connections share.
pub struct tlsmith_ctx {
    pub(crate) context: Context,
    /// Unique, unlike its address: numbers are not reused.
    pub(crate) number: u64,
    strings: InternedStrings,
}

/// Request no client certificate: the default.
pub const TLSMITH_CLIENT_AUTH_NONE: c_int = 0;
/// Request one, and accept a client without one.
pub const TLSMITH_CLIENT_AUTH_OPTIONAL: c_int = 1;
/// Request one, and refuse a client without one.
pub const TLSMITH_CLIENT_AUTH_REQUIRED: c_int = 2;

/// Runs a setter.  A failure poisons the context, also one of its arguments.
pub(crate) fn set(ctx: *mut tlsmith_ctx, setter: impl FnOnce(&Context) -> Result<()>) -> c_int {
    ffi::status(ffi::guard(|| {
        let context = &ffi::need(ctx, "ctx")?.context;
        setter(context).inspect_err(|error| {
            context.poison(error.clone());
        })
    }))
}

/// Create a context with safe defaults: TLS 1.2 and 1.3, system roots, full verification.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_ctx_new() -> *mut tlsmith_ctx {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    ffi::handle(ffi::guard(|| {
        ffi::watch_forks()?;
        Ok(tlsmith_ctx {
            context: Context::new(),
            number: NEXT.fetch_add(1, Ordering::Relaxed),
            strings: InternedStrings::default(),
        })
    }))
}

/// Free a context.  Connections created from it keep working.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_ctx_free(ctx: *mut tlsmith_ctx) {
    ffi::free(ctx);
}

/// Return the error of the first setter that failed, which makes connections fail; "" if none did.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_ctx_error(ctx: *const tlsmith_ctx) -> *const c_char {
    ffi::string(ctx, |ctx| {
        let error = ctx.context.error().map(|error| error.to_string());
        ctx.strings.intern(&error.unwrap_or_default())
    })
}

/// Clear that error, after an optional setting failed.  A setter that failed has changed nothing.
/// TLSMITH_ERR_STATE once the context is in use: its error then stays.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_ctx_clear_error(ctx: *mut tlsmith_ctx) -> c_int {
    ffi::status(ffi::guard(|| ffi::need(ctx, "ctx")?.context.clear_error()))
}

/// Trust the roots in a PEM or DER file, or in a directory of them, instead of the system roots.
/// Every certificate of a file is added: a CA as a trust anchor, any other as a trusted end-entity
/// certificate.  Repeated calls add.  TLSMITH_ERR_FILE, TLSMITH_ERR_PARSE.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_ctx_add_roots(ctx: *mut tlsmith_ctx, path: *const c_char) -> c_int {
    set(ctx, |context| {
        context.add_roots(ffi::need_path(path, "path")?)
    })
}

/// Trust the roots in `len` bytes of PEM text or DER, instead of the system roots.
///
/// cbindgen:postfix=TLSMITH_READS(2, 3)
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_ctx_add_roots_mem(
    ctx: *mut tlsmith_ctx,
    pem: *const c_void,
    len: usize,
) -> c_int {
    set(ctx, |context| {
        context.add_roots_bytes(ffi::bytes(pem, len, "pem")?)
    })
}

/// Trust the system roots as well: those of $SSL_CERT_FILE and $SSL_CERT_DIR if set.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_ctx_add_system_roots(ctx: *mut tlsmith_ctx) -> c_int {
    set(ctx, Context::add_system_roots)
}

/// Trust Mozilla's roots, compiled into this library, instead of the system roots: for systems
/// without any.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_ctx_add_bundled_roots(ctx: *mut tlsmith_ctx) -> c_int {
    set(ctx, Context::add_bundled_roots)
}

/// Check revocation with the CRLs in a PEM or DER file.  Repeated calls add.  Every certificate
/// below the root then needs a current CRL (TLSMITH_ERR_CERT_UNKNOWN_REVOCATION) that does not list
/// it (TLSMITH_ERR_CERT_REVOKED).
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_ctx_add_crl(ctx: *mut tlsmith_ctx, path: *const c_char) -> c_int {
    set(ctx, |context| {
        context.add_crls(ffi::need_path(path, "path")?)
    })
}

/// Check revocation with the CRLs in `len` bytes of PEM text or DER, likewise.
///
/// cbindgen:postfix=TLSMITH_READS(2, 3)
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_ctx_add_crl_mem(
    ctx: *mut tlsmith_ctx,
    pem: *const c_void,
    len: usize,
) -> c_int {
    set(ctx, |context| {
        context.add_crls_bytes(ffi::bytes(pem, len, "pem")?)
    })
}

/// Trust one certificate within its validity period, regardless of issuer, name, purpose and
/// extensions.  `certificate` is the SHA-256 of its DER in hex, or the path of a PEM or DER file
/// with that one certificate.  Intended for self-signed peers.  Like adding a root, this replaces
/// the system roots.  Key types as for tlsmith_ctx_insecure_no_verify().  TLSMITH_ERR_FILE;
/// TLSMITH_ERR_PARSE also for a file with several certificates.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_ctx_trust_certificate(
    ctx: *mut tlsmith_ctx,
    certificate: *const c_char,
) -> c_int {
    set(ctx, |context| {
        context.trust_certificate(ffi::need_text(certificate, "certificate")?)
    })
}

/// Allow at most `count` CAs between a peer's certificate and its root; 0 requires the root as
/// issuer.  By default path building stops after 6.  TLSMITH_ERR_CERT_PATH_TOO_LONG (RFC 5280,
/// section 6.1).
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_ctx_set_max_depth(ctx: *mut tlsmith_ctx, count: c_int) -> c_int {
    set(ctx, |context| {
        let negative = |_| {
            let sentence = format!("cannot allow {count} CAs: pass 0 or more");
            Error::argument(sentence)
        };
        context.set_max_depth(u32::try_from(count).map_err(negative)?)
    })
}

/// Require every key and signature in a peer's chain to have this security in bits (NIST SP
/// 800-57): 112 (the default), 128 (RSA 3072, P-256), 192 (RSA 7680, P-384) or 256 (P-521).
/// TLSMITH_ERR_CERT_WEAK_KEY for a weaker one.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_ctx_set_min_security(ctx: *mut tlsmith_ctx, bits: c_int) -> c_int {
    set(ctx, |context| {
        context.set_min_security(u16::try_from(bits).unwrap_or_default())
    })
}

/// Require every certificate in a peer's chain to follow RFC 5280 strictly, as OpenSSL's
/// X509_V_FLAG_X509_STRICT does: key identifiers, critical basic constraints and the key usage of
/// CAs.  TLSMITH_ERR_CERT_MALFORMED for one that does not.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_ctx_set_strict(ctx: *mut tlsmith_ctx) -> c_int {
    set(ctx, Context::set_strict)
}

/// Require, in addition to normal verification, a pinned public key somewhere in the verified
/// chain: the SHA-256 of its SubjectPublicKeyInfo in hex, as from tlsmith_cert_spki_sha256().
/// Repeated calls add.  TLSMITH_ERR_CERT_PIN_MISMATCH for a peer without any.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_ctx_add_pin(ctx: *mut tlsmith_ctx, sha256: *const c_char) -> c_int {
    set(ctx, |context| {
        context.add_pin(ffi::need_text(sha256, "sha256")?)
    })
}

/// Present this identity to peers.  A server with several selects by SNI; the first one is the
/// default.  TLSMITH_ERR_STATE if it has no private key.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_ctx_use(ctx: *mut tlsmith_ctx, id: *const tlsmith_identity) -> c_int {
    set(ctx, |context| {
        context.use_identity(&ffi::need(id, "id")?.identity)
    })
}

/// Load an identity as tlsmith_identity_load() does, and present it to peers.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_ctx_use_cert(
    ctx: *mut tlsmith_ctx,
    cert_file: *const c_char,
    key_file: *const c_char,
) -> c_int {
    set(ctx, |context| {
        let cert_file = ffi::need_path(cert_file, "cert_file")?;
        context.use_cert(cert_file, ffi::path(key_file))
    })
}

/// Offer these ALPN protocols (RFC 7301), best first: "h2,http/1.1".
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_ctx_set_alpn(ctx: *mut tlsmith_ctx, protocols: *const c_char) -> c_int {
    set(ctx, |context| {
        context.set_alpn(&ffi::need_list(protocols, "protocols")?)
    })
}

/// Set whether a server requests client certificates: a TLSMITH_CLIENT_AUTH value.  They are
/// verified against the roots that were added to this context.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_ctx_set_client_auth(ctx: *mut tlsmith_ctx, mode: c_int) -> c_int {
    set(ctx, |context| {
        context.set_client_auth(match mode {
            TLSMITH_CLIENT_AUTH_NONE => ClientAuth::None,
            TLSMITH_CLIENT_AUTH_OPTIONAL => ClientAuth::Optional,
            TLSMITH_CLIENT_AUTH_REQUIRED => ClientAuth::Required,
            other => {
                return Err(Error::argument(format!(
                    "{other} is not a TLSMITH_CLIENT_AUTH value: pass 0, 1 or 2"
                )));
            }
        })
    })
}

/// Set the lowest and the highest version: TLSMITH_TLS1_2 or TLSMITH_TLS1_3.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_ctx_set_versions(ctx: *mut tlsmith_ctx, min: c_int, max: c_int) -> c_int {
    set(ctx, |context| {
        context.set_versions(version(min)?, version(max)?)
    })
}

fn version(number: c_int) -> Result<Version> {
    let known = u16::try_from(number).ok().and_then(Version::from_wire);
    known.ok_or_else(|| {
        Error::argument(format!(
            "{number:#06x} is not a supported version: pass TLSMITH_TLS1_2 or TLSMITH_TLS1_3"
        ))
    })
}

/// Accept the only common name of a certificate as a DNS name, if subjectAltName is absent or empty
/// and every name constraint of the chain permits it.  Never as an address (RFC 9525, section 1.4).
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_ctx_allow_common_name(ctx: *mut tlsmith_ctx) -> c_int {
    set(ctx, Context::allow_common_name)
}

/// Skip the name check.  Insecure: anyone with a trusted certificate can impersonate the server.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_ctx_insecure_no_name(ctx: *mut tlsmith_ctx) -> c_int {
    set(ctx, Context::insecure_no_name)
}

/// Accept any certificate.  Insecure: anyone can impersonate the peer.  The peer must still prove
/// possession of the private key.  TLSMITH_ERR_CERT_UNSUPPORTED_KEY for other key types than in
/// SECURITY.md, and if it is not an X.509 certificate.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_ctx_insecure_no_verify(ctx: *mut tlsmith_ctx) -> c_int {
    set(ctx, Context::insecure_no_verify)
}

/// Have a server request a client certificate and accept one that fails verification, like nginx's
/// optional_no_ca.  Insecure: the program must check tlsmith_conn_verify_status().  A client
/// without a certificate is refused only with TLSMITH_CLIENT_AUTH_REQUIRED.  Roots are optional.
/// Clients must still prove possession of the private key, as with
/// tlsmith_ctx_insecure_no_verify().  Malformed certificates, and those that a verify callback
/// refuses, are refused.  An unverified client is logged as a warning and cannot resume its
/// session, so it cannot send early data.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_ctx_insecure_allow_unverified_clients(ctx: *mut tlsmith_ctx) -> c_int {
    set(ctx, Context::insecure_allow_unverified_clients)
}

/// Treat TCP closed without close_notify as the end of data.  Insecure: attackers can cut it short.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_ctx_insecure_allow_truncation(ctx: *mut tlsmith_ctx) -> c_int {
    set(ctx, Context::insecure_allow_truncation)
}
