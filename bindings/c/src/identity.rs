//! Identities: certificate chains with their private keys.

use std::ffi::{c_char, c_int, c_void};
use std::ptr;
use std::sync::Arc;

use tlsmith::{Certificate, Error, ExternalSigner, Identity, Result};
use zeroize::Zeroizing;

use crate::cert::{self, tlsmith_cert};
use crate::cert_options::{self, tlsmith_cert_options};
use crate::ffi::{self, Callback, InternedStrings, LazyPerProcess, SignFn};
use crate::load_options::{self, tlsmith_load_options};

/// A certificate chain, perhaps with its key.
pub struct tlsmith_identity {
    pub(crate) identity: Identity,
    chain: Vec<tlsmith_cert>,
    strings: InternedStrings,
    /// Ends in NUL; wiped on drop.
    key_pem: LazyPerProcess<Zeroizing<Vec<u8>>>,
}

/// Returns a new handle, or NULL.
pub(crate) fn make(body: impl FnOnce() -> Result<Identity>) -> *mut tlsmith_identity {
    ffi::handle(ffi::guard(|| {
        let identity = body()?;
        Ok(tlsmith_identity {
            chain: cert::list(identity.chain()),
            identity,
            strings: InternedStrings::default(),
            key_pem: LazyPerProcess::default(),
        })
    }))
}

/// Create a certificate authority: a self-signed root.  `opt` may be NULL, here and below.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_gen_ca(opt: *const tlsmith_cert_options) -> *mut tlsmith_identity {
    make(|| tlsmith::gen_ca(&cert_options::read(opt)?))
}

/// Issue a certificate with a new key for comma-separated names: "localhost,127.0.0.1".  `names`
/// may be NULL with TLSMITH_CERT_CA.  TLSMITH_ERR_ISSUE if the CA may not issue it.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_issue_cert(
    ca: *const tlsmith_identity,
    names: *const c_char,
    opt: *const tlsmith_cert_options,
) -> *mut tlsmith_identity {
    make(|| {
        let ca = &ffi::need(ca, "ca")?.identity;
        let options = cert_options::read(opt)?;
        let names = if options.ca && names.is_null() {
            Vec::new()
        } else {
            tlsmith::split_names(ffi::need_text(names, "names")?)?
        };
        tlsmith::issue_cert(ca, &names, &options)
    })
}

/// Create a self-signed certificate that is not a CA.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_self_signed(
    names: *const c_char,
    opt: *const tlsmith_cert_options,
) -> *mut tlsmith_identity {
    make(|| {
        let names = tlsmith::split_names(ffi::need_text(names, "names")?)?;
        tlsmith::self_signed(&names, &cert_options::read(opt)?)
    })
}

/// Load a chain, leaf first, and its key from files: PEM, DER or PKCS#12.  One file may hold both
/// (key_file NULL).  The chain may be PKCS#7, the key PKCS#8, PKCS#1 or SEC1.  `opt` may be NULL if
/// nothing is encrypted.  TLSMITH_ERR_ARG for a wrong password, TLSMITH_ERR_PARSE for PKCS#12
/// without a MAC, TLSMITH_ERR_UNSUPPORTED for over 4 million rounds of key derivation.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_identity_load(
    cert_file: *const c_char,
    key_file: *const c_char,
    opt: *const tlsmith_load_options,
) -> *mut tlsmith_identity {
    make(|| {
        let cert_file = ffi::need_path(cert_file, "cert_file")?;
        let key_file = ffi::path(key_file);
        let (password, pkcs12) = load_options::read(opt)?;
        match pkcs12 {
            None => Identity::load_encrypted(cert_file, key_file, password),
            Some(_) if key_file.is_some() => Err(load_options::pkcs12_holds_key("key_file")),
            Some(options) => Identity::load_pkcs12_with(cert_file, password, &options),
        }
    })
}

/// Load them from memory.  `key` may be NULL if `cert` holds both.
///
/// cbindgen:postfix=TLSMITH_READS(1, 2) TLSMITH_READS(3, 4)
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_identity_load_mem(
    cert: *const c_void,
    cert_len: usize,
    key: *const c_void,
    key_len: usize,
    opt: *const tlsmith_load_options,
) -> *mut tlsmith_identity {
    make(|| {
        let cert = ffi::bytes(cert, cert_len, "cert")?;
        let key = ffi::some_bytes(key, key_len, "key")?;
        let (password, pkcs12) = load_options::read(opt)?;
        match pkcs12 {
            None => Identity::from_bytes(cert, key, password),
            Some(_) if key.is_some() => Err(load_options::pkcs12_holds_key("key")),
            Some(options) => Identity::from_pkcs12_with(cert, password, &options),
        }
    })
}

/// Load a chain, leaf first, from a PEM, DER or PKCS#7 file without its key.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_identity_load_chain(cert_file: *const c_char) -> *mut tlsmith_identity {
    make(|| Identity::load_chain(ffi::need_path(cert_file, "cert_file")?))
}

/// Load a chain without its key from `len` bytes of PEM text, DER or PKCS#7.
///
/// cbindgen:postfix=TLSMITH_READS(1, 2)
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_identity_load_chain_mem(
    pem: *const c_void,
    len: usize,
) -> *mut tlsmith_identity {
    make(|| {
        let chain = Certificate::all_from_bytes(ffi::bytes(pem, len, "pem")?)?;
        Identity::new(chain, None)
    })
}

/// Signs `len` bytes of `data`, not a hash, with this signature scheme (RFC 8446, section 4.2.3),
/// such as 0x0403 for ECDSA on P-256 with SHA-256.  Writes the signature to `sig`, which has room
/// for `sig_max` bytes, at least 8192.  Returns its length, or -1 with errno set (TLSMITH_ERR_IO).
/// The scheme fits the certificate; for RSA it is PSS or PKCS #1 with SHA-512, 384 or 256.  ECDSA
/// signatures must be DER (Ecdsa-Sig-Value), not the raw r||s that PKCS #11 tokens return.
pub type tlsmith_sign_fn = Option<
    unsafe extern "C" fn(
        userdata: *mut c_void,
        scheme: u16,
        data: *const c_void,
        len: usize,
        sig: *mut c_void,
        sig_max: usize,
    ) -> isize,
>;

/// Create an identity whose key is elsewhere, in an HSM or an agent.  `cert` is its chain, leaf
/// first, PEM or DER.  `sign` signs handshakes and issued certificates, on several threads at once.
/// Does not check that the key is the certificate's.  `userdata` must outlive the identity and
/// everything that uses it.
///
/// cbindgen:postfix=TLSMITH_READS(1, 2)
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_identity_external(
    cert: *const c_void,
    cert_len: usize,
    sign: tlsmith_sign_fn,
    userdata: *mut c_void,
) -> *mut tlsmith_identity {
    make(|| {
        let chain = Certificate::all_from_bytes(ffi::bytes(cert, cert_len, "cert")?)?;
        let sign = Callback::new(sign, userdata, "sign")?;
        Identity::external(chain, Arc::new(CallbackSigner(sign)))
    })
}

struct CallbackSigner(Callback<SignFn>);

impl ExternalSigner for CallbackSigner {
    fn sign(&self, scheme: u16, message: &[u8]) -> Result<Vec<u8>> {
        // The longest TLS signature is ML-DSA-87's, with 4627 bytes.
        const MAX_LENGTH: usize = 8192;
        let mut signature = vec![0; MAX_LENGTH];
        let count = self.0.sign(scheme, message, &mut signature);
        match count.map_err(|error| Error::io("the sign callback failed", error))? {
            count @ 1..=MAX_LENGTH => signature.truncate(count),
            count => {
                let sentence = format!(
                    "the sign callback returned {count} bytes: 1 to {MAX_LENGTH} are allowed"
                );
                return Err(ffi::invalid_count(sentence));
            }
        }
        Ok(signature)
    }
}

/// Write the chain (mode 0644) and the key (mode 0600) as PEM, both or neither.  Either path may be
/// NULL; the same path twice makes one file, with mode 0600.  `password` encrypts the key (PKCS#8,
/// PBES2, AES-256); NULL leaves it unencrypted.
///
/// Replaces existing files, both or neither (TLSMITH_ERR_FILE).  Follows symbolic links, except
/// those of other users in directories such as /tmp.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_identity_save(
    id: *const tlsmith_identity,
    cert_file: *const c_char,
    key_file: *const c_char,
    password: *const c_char,
) -> c_int {
    ffi::status(ffi::guard(|| {
        let identity = &ffi::need(id, "id")?.identity;
        let (cert_file, key_file) = (ffi::path(cert_file), ffi::path(key_file));
        match ffi::password(password) {
            None => identity.save(cert_file, key_file),
            Some(password) => identity.save_encrypted(cert_file, key_file, password),
        }
    }))
}

/// Write PKCS#12 in the legacy form (3DES, SHA-1), for Windows Server 2016 or older, Java before
/// 8u301.  Its password is much cheaper to brute-force.
pub const TLSMITH_P12_LEGACY: u32 = 1;

/// Write the chain and the key as PKCS#12 (mode 0600), encrypted by a password with AES-256
/// (PBES2).  `name` is the friendly name; NULL: the common name, or the first name.  `flags` is 0
/// or TLSMITH_P12_LEGACY.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_identity_save_p12(
    id: *const tlsmith_identity,
    file: *const c_char,
    name: *const c_char,
    password: *const c_char,
    flags: u32,
) -> c_int {
    ffi::status(ffi::guard(|| {
        let identity = &ffi::need(id, "id")?.identity;
        let file = ffi::need_path(file, "file")?;
        let name = ffi::text(name, "name")?;
        let password = ffi::need_password_text(password)?;
        cert_options::check_bits("flags", flags, TLSMITH_P12_LEGACY)?;
        match flags {
            0 => identity.save_pkcs12(file, name, password),
            _ => identity.save_pkcs12_legacy(file, name, password),
        }
    }))
}

/// Return the chain as PEM, leaf first; "" for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_identity_cert_pem(id: *const tlsmith_identity) -> *const c_char {
    ffi::string(id, |id| id.strings.intern(id.identity.cert_pem()))
}

/// Return the key as PKCS#8 PEM, wiped when the identity is freed; "" if there is none.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_identity_key_pem(id: *const tlsmith_identity) -> *const c_char {
    ffi::string(id, |id| {
        let Some(key) = id.identity.key() else {
            return c"".as_ptr();
        };
        let text = id.key_pem.get_or_init(|| {
            let pem = key.to_pem();
            let mut bytes = Zeroizing::new(Vec::with_capacity(pem.len() + 1));
            bytes.extend_from_slice(pem.as_bytes());
            bytes.push(0);
            bytes
        });
        text.as_ptr().cast()
    })
}

/// Return certificate `index`, 0 being the leaf; NULL past the end.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_identity_cert(
    id: *const tlsmith_identity,
    index: usize,
) -> *const tlsmith_cert {
    ffi::borrow(id)
        .and_then(|id| id.chain.get(index))
        .map_or(ptr::null(), ptr::from_ref)
}

/// Free an identity.  Contexts that use it keep their reference.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_identity_free(id: *mut tlsmith_identity) {
    ffi::free(id);
}
