//! Contexts: protocol settings and sessions.

use std::ffi::{c_char, c_int, c_uint, c_void};

use tlsmith::Context;

use crate::ctx::{set, tlsmith_ctx};
use crate::ffi;

/// Allow only these cipher suites, best first, separated by commas or colons, by IANA's or
/// OpenSSL's names: "TLS_AES_128_GCM_SHA256,ECDHE-RSA-AES128-GCM-SHA256".  A version without a
/// suite in the list keeps its defaults: tlsmith_ctx_set_versions() disables versions.
/// TLSMITH_ERR_ARG lists the supported names.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_ctx_set_ciphers(ctx: *mut tlsmith_ctx, names: *const c_char) -> c_int {
    set(ctx, |context| {
        let names = ffi::need_text(names, "names")?.split([',', ':']);
        context.set_ciphers(&names.map(str::trim).collect::<Vec<_>>())
    })
}

/// Have a server prefer its own order of cipher suites over the client's.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_ctx_prefer_own_ciphers(ctx: *mut tlsmith_ctx) -> c_int {
    set(ctx, Context::prefer_own_ciphers)
}

/// Have a server continue without ALPN if a client offers only unknown protocols, instead of
/// refusing it (RFC 7301, section 3.2).
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_ctx_ignore_unknown_alpn(ctx: *mut tlsmith_ctx) -> c_int {
    set(ctx, Context::ignore_unknown_alpn)
}

/// Allow only these key exchange groups, by their IANA names, best first: "X25519MLKEM768,x25519".
/// TLSMITH_ERR_ARG lists the supported names.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_ctx_set_groups(ctx: *mut tlsmith_ctx, names: *const c_char) -> c_int {
    set(ctx, |context| {
        context.set_groups(&ffi::need_list(names, "names")?)
    })
}

/// Limit the plaintext of each record sent to `bytes`, 512 to 16384 (the default), for peers with
/// little memory.  A server also obeys a client's record_size_limit (RFC 8449) or
/// max_fragment_length (RFC 6066).
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_ctx_set_max_fragment(ctx: *mut tlsmith_ctx, bytes: usize) -> c_int {
    set(ctx, |context| context.set_max_fragment(bytes))
}

/// Accept only these signature schemes from peers in the handshake (RFC 8446, section 4.2.3), best
/// first, by IANA name: "ecdsa_secp256r1_sha256,rsa_pss_rsae_sha256".  Does not limit the
/// signatures in certificates.  TLSMITH_ERR_ARG lists the supported names.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_ctx_set_verify_schemes(
    ctx: *mut tlsmith_ctx,
    names: *const c_char,
) -> c_int {
    set(ctx, |context| {
        context.set_verify_schemes(&ffi::need_list(names, "names")?)
    })
}

/// Sign handshakes of the most recently added identity only with these signature schemes, best
/// first.  For keys that may use only some of their algorithm's schemes, for example in an HSM.
/// TLSMITH_ERR_STATE without an identity, TLSMITH_ERR_ARG if its key can use none of them.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_ctx_set_signing_schemes(
    ctx: *mut tlsmith_ctx,
    names: *const c_char,
) -> c_int {
    set(ctx, |context| {
        context.set_signing_schemes(&ffi::need_list(names, "names")?)
    })
}

/// Present the most recently added identity only if the peer's certificate_authorities (RFC 8446,
/// section 4.2.4) name an issuer in its chain.  Clients send them in TLS 1.3 only.
/// TLSMITH_ERR_STATE without an identity.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_ctx_match_issuer(ctx: *mut tlsmith_ctx) -> c_int {
    set(ctx, Context::match_issuer)
}

/// Do not send the names of the trusted CAs when a server requests a client certificate (RFC 8446,
/// section 4.2.4).  A list of more than 64511 bytes is never sent.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_ctx_omit_certificate_authorities(ctx: *mut tlsmith_ctx) -> c_int {
    set(ctx, Context::omit_certificate_authorities)
}

/// Refuse clients whose SNI matches no identity (alert 112, RFC 6066, section 3), instead of
/// presenting the first identity.  Clients without SNI are accepted.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_ctx_require_known_name(ctx: *mut tlsmith_ctx) -> c_int {
    set(ctx, Context::require_known_name)
}

/// Staple this OCSP response (`len` bytes of DER, RFC 6960) to the most recently added identity.
/// TLSMITH_ERR_STATE without one.
///
/// cbindgen:postfix=TLSMITH_READS(2, 3)
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_ctx_set_ocsp(
    ctx: *mut tlsmith_ctx,
    der: *const c_void,
    len: usize,
) -> c_int {
    set(ctx, |context| {
        context.set_ocsp(ffi::bytes(der, len, "der")?)
    })
}

/// Encrypt the ClientHello of clients with an ECHConfigList of `len` bytes (RFC 9849); NULL sends
/// GREASE ECH.  Such a context negotiates only TLS 1.3.
///
/// cbindgen:postfix=TLSMITH_READS(2, 3)
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_ctx_set_ech(
    ctx: *mut tlsmith_ctx,
    list: *const c_void,
    len: usize,
) -> c_int {
    set(ctx, |context| {
        context.set_ech(ffi::some_bytes(list, len, "list")?)
    })
}

/// Cache up to `count` sessions; 0 turns resumption off.  By default a client caches 256 and a
/// server sends tickets instead.  Does not limit a session store.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_ctx_set_resumption(ctx: *mut tlsmith_ctx, count: usize) -> c_int {
    set(ctx, |context| context.set_resumption(count))
}

/// Set how many tickets a server sends after a TLS 1.3 handshake: 2 by default, at most 16.  With 0
/// it caches TLS 1.2 sessions instead of sending tickets.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_ctx_set_tickets(ctx: *mut tlsmith_ctx, count: c_uint) -> c_int {
    set(ctx, |context| {
        context.set_tickets(usize::try_from(count).unwrap_or(usize::MAX))
    })
}

/// Add a ticket key, 32 random bytes, that servers share: each resumes the sessions of the others,
/// if both have the same client-authentication policy.  New tickets are encrypted with the first
/// key; any key decrypts.  To rotate, add the new key first in new contexts and keep the old key
/// for two hours (the ticket lifetime).  Not with shared sessions and, without a session store, not
/// with early data or 0 tickets: such a server caches its sessions.
///
/// cbindgen:postfix=TLSMITH_READS(2, 3)
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_ctx_add_ticket_key(
    ctx: *mut tlsmith_ctx,
    key: *const c_void,
    len: usize,
) -> c_int {
    set(ctx, |context| {
        context.add_ticket_key(ffi::bytes(key, len, "key")?)
    })
}

/// Have a server share its session cache with `other`, which must not be in use yet.  Each resumes
/// the other's sessions, and one of them accepts the early data of a session, once.  `other` may be
/// freed afterwards.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_ctx_share_sessions(
    ctx: *mut tlsmith_ctx,
    other: *mut tlsmith_ctx,
) -> c_int {
    set(ctx, |context| {
        context.share_sessions(&ffi::need(other, "other")?.context)
    })
}

/// Enable early data (0-RTT, RFC 8446, section 2.3): a server accepts up to `max` bytes of it per
/// connection, and a client may send it.  0, the default, disables it.  An attacker can replay
/// early data: a server, or a group that shares its sessions, accepts it once.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_ctx_set_early_data(ctx: *mut tlsmith_ctx, max: u32) -> c_int {
    set(ctx, |context| context.set_early_data(max))
}
