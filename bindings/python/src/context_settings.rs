//! Creating a Context from the settings of a Client, Server, Trust or `tlsmith.ssl`.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::{PyTuple, PyWeakrefReference};
use tlsmith::text::quoted;
use tlsmith::{ClientAuth, Error, KeyPurpose, Result, RevocationRules, Version};

use crate::callback::Callback;
use crate::callbacks::CallbackStore;
use crate::certificate_class::Certificate;
use crate::certificates::Identity;
use crate::context::Context;
use crate::crl::Crl;
use crate::errors::{detached, to_python};
use crate::pending;

/// The settings; `tlsmith._context` has their defaults.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
struct Settings {
    // Trust and verification.
    /// Root certificates.
    roots: Vec<Py<Certificate>>,
    /// Whether to trust the system roots, too.
    system: bool,
    /// Whether to trust Mozilla's roots, too.
    bundled: bool,
    crls: Vec<Py<Crl>>,
    crls_leaf_only: bool,
    crls_allow_unknown: bool,
    crls_always: bool,
    /// Trusted end-entity certificates, whose names are verified.
    end_entities: Vec<Py<Certificate>>,
    /// The SHA-256 of certificates that are trusted regardless of issuer and name.
    pinned: Vec<String>,
    /// The SHA-256 of keys, one of which must be in the verified chain.
    pins: Vec<String>,
    /// How many CAs may be between the end-entity certificate and the root.
    max_depth: Option<u32>,
    /// The minimum security of keys and signatures, in bits.
    min_security: u16,
    /// Whether certificates must follow RFC 5280 strictly.
    strict: bool,
    verify: bool,
    check_hostname: bool,
    allow_common_name: bool,
    allow_truncation: bool,
    now: Option<Py<PyAny>>,
    // Negotiation.
    identities: Vec<Py<Identity>>,
    ocsp: Option<Vec<u8>>,
    alpn: Vec<String>,
    alpn_is_optional: bool,
    min_version: String,
    max_version: String,
    ciphers: Option<Vec<String>>,
    /// Whether a server selects by the order of its own cipher suites.
    prefer_own_ciphers: bool,
    groups: Option<Vec<String>>,
    /// The maximum plaintext of a sent record, in bytes.
    max_fragment: Option<usize>,
    /// Signature schemes that peers may use, and that the identities use.
    verify_schemes: Option<Vec<String>>,
    signing_schemes: Option<Vec<String>>,
    /// Whether an identity is presented only to peers that name one of its issuers.
    match_issuer: bool,
    client_auth: String,
    omit_certificate_authorities: bool,
    insecure_allow_unverified_clients: bool,
    on_hello: Option<Py<PyAny>>,
    require_known_name: bool,
    ech: Option<Ech>,
    // Sessions.
    /// How many sessions are cached.
    resumption: Option<usize>,
    /// The context of another server, whose session cache is shared.
    share_sessions: Option<Py<Context>>,
    tickets: Option<usize>,
    ticket_keys: Vec<Vec<u8>>,
    /// put() and take() of the program's session store.
    session_store: Option<(Py<PyAny>, Py<PyAny>)>,
    on_session: Option<Py<PyAny>>,
    early_data: u32,
    keylog: Option<KeyLog>,
}

#[derive(FromPyObject)]
enum Ech {
    /// "grease".
    Grease(String),
    List(Vec<u8>),
}

#[derive(FromPyObject)]
enum KeyLog {
    File(PathBuf),
    Function(Py<PyAny>),
}

#[pymethods]
impl Context {
    #[new]
    fn new(py: Python<'_>, settings: Settings) -> PyResult<Bound<'_, Self>> {
        let mut callbacks = Vec::new();
        let core = tlsmith::Context::new();
        let mut callback = |function: &Py<PyAny>| {
            let callback = Callback::new(function.bind(py));
            callbacks.push(callback.clone());
            callback
        };
        let now = settings.now.as_ref().map(&mut callback);
        let on_hello = settings.on_hello.as_ref().map(&mut callback);
        let keylog = match &settings.keylog {
            Some(KeyLog::Function(function)) => Some(callback(function)),
            _ => None,
        };
        let store = settings.session_store.as_ref();
        let store = store.map(|(put, take)| (callback(put), callback(take)));
        let on_session = settings.on_session.as_ref().map(&mut callback);
        let this = Arc::<OnceLock<Py<PyWeakrefReference>>>::default();
        detached(py, || {
            if let Some(now) = now {
                core.set_clock(now.now())?;
            }
            if let Some(on_hello) = on_hello {
                core.set_hello_callback(on_hello.hello())?;
            }
            if let Some(keylog) = keylog {
                core.set_keylog_callback(keylog.keylog())?;
            }
            if let Some((put, take)) = store {
                core.set_session_store(Arc::new(CallbackStore { put, take }))?;
            }
            if let Some(on_session) = on_session {
                core.set_session_callback(on_session.session(this.clone()))?;
            }
            settings.trust(&core)?;
            settings.protocol(&core)?;
            settings.sessions(&core)
        })?;
        let context = Bound::new(py, Self { core, callbacks })?;
        if settings.on_session.is_some() {
            let weak = PyWeakrefReference::new(&context)?.unbind();
            this.get_or_init(|| weak);
        }
        Ok(context)
    }

    /// Verify a chain, and return the verified chain up to the root.
    fn verify<'py>(
        &self,
        py: Python<'py>,
        chain: Vec<Py<Certificate>>,
        hostname: Option<&str>,
        usage: &str,
        time: Option<i64>,
    ) -> PyResult<Bound<'py, PyTuple>> {
        let chain: Vec<_> = chain.iter().map(|cert| cert.get().0.clone()).collect();
        let verify = || {
            let purpose = (usage != "any").then(|| usage.parse::<KeyPurpose>());
            self.core
                .verify(&chain, hostname, purpose.transpose()?, time)
        };
        let path = py.detach(verify);
        let path = pending::raise_or(path.map_err(|error| to_python(py, &error, hostname)))?;
        PyTuple::new(py, path.into_iter().map(Certificate).collect::<Vec<_>>())
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.callbacks
            .iter()
            .try_for_each(|callback| callback.traverse(&visit))
    }

    fn __clear__(&self) {
        self.callbacks.iter().for_each(Callback::clear);
    }
}

impl Settings {
    fn trust(&self, context: &tlsmith::Context) -> Result<()> {
        context.ignore_system_roots()?;
        for root in &self.roots {
            context.add_root(&root.get().0)?;
        }
        if self.system {
            context.add_system_roots()?;
        }
        if self.bundled {
            context.add_bundled_roots()?;
        }
        for crl in &self.crls {
            context.add_crl(&crl.get().0)?;
        }
        context.set_revocation(RevocationRules {
            leaf_only: self.crls_leaf_only,
            allow_unknown: self.crls_allow_unknown,
            always: self.crls_always,
        })?;
        if let Some(count) = self.max_depth {
            context.set_max_depth(count)?;
        }
        context.set_min_security(self.min_security)?;
        if self.strict {
            context.set_strict()?;
        }
        for certificate in &self.end_entities {
            context.trust_end_entity(&certificate.get().0)?;
        }
        for sha256 in &self.pinned {
            context.trust_certificate(sha256)?;
        }
        for sha256 in &self.pins {
            context.add_pin(sha256)?;
        }
        if !self.verify {
            context.insecure_no_verify()?;
        }
        if !self.check_hostname {
            context.insecure_no_name()?;
        }
        if self.allow_common_name {
            context.allow_common_name()?;
        }
        if self.allow_truncation {
            context.insecure_allow_truncation()?;
        }
        Ok(())
    }

    fn protocol(&self, context: &tlsmith::Context) -> Result<()> {
        for identity in &self.identities {
            context.use_identity(&identity.get().0)?;
            if let Some(names) = &self.signing_schemes {
                context.set_signing_schemes(&strs(names))?;
            }
            if self.match_issuer {
                context.match_issuer()?;
            }
        }
        if let Some(response) = &self.ocsp {
            context.set_ocsp(response)?;
        }
        context.set_alpn(&strs(&self.alpn))?;
        if self.alpn_is_optional {
            context.ignore_unknown_alpn()?;
        }
        context.set_versions(version(&self.min_version)?, version(&self.max_version)?)?;
        if let Some(names) = &self.ciphers {
            context.set_ciphers(&strs(names))?;
        }
        if let Some(names) = &self.groups {
            context.set_groups(&strs(names))?;
        }
        if let Some(bytes) = self.max_fragment {
            context.set_max_fragment(bytes)?;
        }
        if let Some(names) = &self.verify_schemes {
            context.set_verify_schemes(&strs(names))?;
        }
        if self.prefer_own_ciphers {
            context.prefer_own_ciphers()?;
        }
        context.set_client_auth(client_auth(&self.client_auth)?)?;
        if self.omit_certificate_authorities {
            context.omit_certificate_authorities()?;
        }
        if self.insecure_allow_unverified_clients {
            context.insecure_allow_unverified_clients()?;
        }
        if self.require_known_name {
            context.require_known_name()?;
        }
        match &self.ech {
            None => Ok(()),
            Some(Ech::List(list)) => context.set_ech(Some(list)),
            Some(Ech::Grease(word)) if word == "grease" => context.set_ech(None),
            Some(Ech::Grease(word)) => Err(Error::argument(format!(
                "ech is {}: use an ECHConfigList as bytes, or \"grease\"",
                quoted(word)
            ))),
        }
    }

    fn sessions(&self, context: &tlsmith::Context) -> Result<()> {
        if let Some(count) = self.resumption {
            context.set_resumption(count)?;
        }
        if let Some(other) = &self.share_sessions {
            context.share_sessions(&other.get().core)?;
        }
        if let Some(tickets) = self.tickets {
            context.set_tickets(tickets)?;
        }
        for key in &self.ticket_keys {
            context.add_ticket_key(key)?;
        }
        context.set_early_data(self.early_data)?;
        if let Some(KeyLog::File(path)) = &self.keylog {
            context.set_keylog(Some(path))?;
        }
        Ok(())
    }
}

fn strs(names: &[String]) -> Vec<&str> {
    names.iter().map(String::as_str).collect()
}

fn version(name: &str) -> Result<Version> {
    match name {
        "1.2" => Ok(Version::Tls12),
        "1.3" => Ok(Version::Tls13),
        other => Err(Error::argument(format!(
            "{} is not a supported version: use \"1.2\" or \"1.3\"",
            quoted(other)
        ))),
    }
}

fn client_auth(name: &str) -> Result<ClientAuth> {
    match name {
        "none" => Ok(ClientAuth::None),
        "optional" => Ok(ClientAuth::Optional),
        "required" => Ok(ClientAuth::Required),
        other => Err(Error::argument(format!(
            "client_auth is {}: use \"none\", \"optional\" or \"required\"",
            quoted(other)
        ))),
    }
}
