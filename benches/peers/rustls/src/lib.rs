//! rustls by its buffered API, as a Rust program would use it, for rustls.c.

use std::io::{ErrorKind, IoSlice, Read, Write};
use std::sync::Arc;

use rustls::client::Resumption;
use rustls::crypto::{aws_lc_rs, CryptoProvider};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::WebPkiClientVerifier;
use rustls::{
    ClientConfig, ClientConnection, Connection, HandshakeKind, RootCertStore, ServerConfig,
    ServerConnection,
};
use safer_ffi::prelude::*;

/// What C says of the connections to come: `peer_settings`, and the certificates as PEM.
#[derive_ReprC]
#[repr(C)]
pub struct Settings<'a> {
    cipher: Option<char_p::Ref<'a>>,
    group: Option<char_p::Ref<'a>>,
    ca: char_p::Ref<'a>,
    server_cert: char_p::Ref<'a>,
    server_key: char_p::Ref<'a>,
    client_cert: char_p::Ref<'a>,
    client_key: char_p::Ref<'a>,
    mutual: bool,
    resume: bool,
}

/// What connections share.
#[derive_ReprC]
#[repr(opaque)]
pub struct Ends {
    client: Arc<ClientConfig>,
    server: Arc<ServerConfig>,
}

/// One side of one connection.
#[derive_ReprC]
#[repr(opaque)]
pub struct Conn {
    tls: Connection,
    wire: Option<Wire>,
    /// In memory, what the other side sent and this one has not read: from `read` on.
    incoming: Vec<u8>,
    read: usize,
}

/// A socket, by functions of C.
#[derive_ReprC]
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Wire {
    fd: i32,
    recv: extern "C" fn(i32, *mut u8, usize) -> isize,
    /// Sends `usize` slices, each as a `struct iovec`.
    send: extern "C" fn(i32, *const u8, usize) -> isize,
}

impl Read for Wire {
    fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
        usize::try_from((self.recv)(self.fd, buf.as_mut_ptr(), buf.len()))
            .map_err(|_| std::io::Error::last_os_error())
    }
}

impl Write for Wire {
    fn write(&mut self, data: &[u8]) -> std::io::Result<usize> {
        self.write_vectored(&[IoSlice::new(data)])
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> std::io::Result<usize> {
        usize::try_from((self.send)(self.fd, slices.as_ptr().cast(), slices.len()))
            .map_err(|_| std::io::Error::last_os_error())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

// ---- Contexts ----

fn provider(settings: &Settings<'_>) -> Option<Arc<CryptoProvider>> {
    let mut provider = aws_lc_rs::default_provider();
    if let Some(cipher) = settings.cipher {
        let name = cipher.to_str().replacen("TLS_", "TLS13_", 1);
        provider
            .cipher_suites
            .retain(|suite| format!("{:?}", suite.suite()) == name);
    }
    if let Some(group) = settings.group {
        provider
            .kx_groups
            .retain(|known| format!("{:?}", known.name()) == group.to_str());
    }
    let complete = !provider.cipher_suites.is_empty() && !provider.kx_groups.is_empty();
    complete.then(|| Arc::new(provider))
}

fn roots(settings: &Settings<'_>) -> Arc<RootCertStore> {
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_slice(settings.ca.to_bytes()).expect("a root"))
        .expect("a root");
    Arc::new(roots)
}

fn identity(
    cert: char_p::Ref<'_>,
    key: char_p::Ref<'_>,
) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
    let cert = CertificateDer::from_pem_slice(cert.to_bytes()).expect("a certificate");
    let key = PrivateKeyDer::from_pem_slice(key.to_bytes()).expect("a key");
    (vec![cert], key)
}

fn client(settings: &Settings<'_>, provider: Arc<CryptoProvider>) -> Arc<ClientConfig> {
    let config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .expect("TLS 1.3")
        .with_root_certificates(roots(settings));
    let mut config = if settings.mutual {
        let (chain, key) = identity(settings.client_cert, settings.client_key);
        config.with_client_auth_cert(chain, key).expect("its key")
    } else {
        config.with_no_client_auth()
    };
    if !settings.resume {
        config.resumption = Resumption::disabled();
    }
    Arc::new(config)
}

fn server(settings: &Settings<'_>, provider: Arc<CryptoProvider>) -> Arc<ServerConfig> {
    let (chain, key) = identity(settings.server_cert, settings.server_key);
    let verifier = if settings.mutual {
        WebPkiClientVerifier::builder_with_provider(roots(settings), provider.clone())
            .build()
            .expect("a verifier")
    } else {
        WebPkiClientVerifier::no_client_auth()
    };
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .expect("TLS 1.3")
        .with_client_cert_verifier(verifier)
        .with_single_cert(chain, key)
        .expect("its key");
    config.ticketer = aws_lc_rs::Ticketer::new().expect("a ticket key");
    config.send_tls13_tickets = usize::from(settings.resume);
    Arc::new(config)
}

/// NULL where rustls has no such cipher suite or group.
#[ffi_export]
fn bench_rustls_open<'a>(settings: &'a Settings<'a>) -> Option<repr_c::Box<Ends>> {
    let provider = provider(settings)?;
    let ends = Ends {
        client: client(settings, provider.clone()),
        server: server(settings, provider),
    };
    Some(Box::new(ends).into())
}

#[ffi_export]
fn bench_rustls_close(ends: repr_c::Box<Ends>) {
    drop(ends);
}

/// A client's context with the system's roots, made and dropped.
#[ffi_export]
fn bench_rustls_roots() {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    drop(Arc::new(config));
}

// ---- Connections ----

fn new_conn(ends: &Ends, is_client: bool, wire: Option<Wire>) -> repr_c::Box<Conn> {
    let tls = if is_client {
        let name = ServerName::try_from("localhost").expect("a name");
        ClientConnection::new(ends.client.clone(), name)
            .expect("a client")
            .into()
    } else {
        ServerConnection::new(ends.server.clone())
            .expect("a server")
            .into()
    };
    Box::new(Conn {
        tls,
        wire,
        incoming: Vec::new(),
        read: 0,
    })
    .into()
}

#[ffi_export]
fn bench_rustls_memory(ends: &Ends, is_client: bool) -> repr_c::Box<Conn> {
    new_conn(ends, is_client, None)
}

#[ffi_export]
fn bench_rustls_socket(ends: &Ends, is_client: bool, wire: Wire) -> repr_c::Box<Conn> {
    new_conn(ends, is_client, Some(wire))
}

#[ffi_export]
fn bench_rustls_free(conn: repr_c::Box<Conn>) {
    drop(conn);
}

impl Conn {
    /// Over a socket: sends all there is.
    fn send(&mut self) {
        let Some(wire) = &mut self.wire else { return };
        while self.tls.wants_write() {
            self.tls.write_tls(wire).expect("sending");
        }
    }

    /// Takes what the peer sent: false where memory has nothing.
    fn receive(&mut self) -> bool {
        if let Some(wire) = &mut self.wire {
            let n = self.tls.read_tls(wire).expect("receiving");
            assert!(n > 0, "the peer is gone");
        } else {
            let mut rest = &self.incoming[self.read..];
            if rest.is_empty() {
                return false;
            }
            self.read += self.tls.read_tls(&mut rest).expect("receiving");
            if self.read == self.incoming.len() {
                self.incoming.clear();
                self.read = 0;
            }
        }
        self.tls.process_new_packets().expect("what is valid");
        true
    }
}

#[ffi_export]
fn bench_rustls_handshake(conn: &mut Conn) -> bool {
    conn.send();
    while conn.tls.is_handshaking() && conn.receive() {
        conn.send();
    }
    !conn.tls.is_handshaking()
}

#[ffi_export]
fn bench_rustls_resumed(conn: &Conn) -> bool {
    conn.tls.handshake_kind() == Some(HandshakeKind::Resumed)
}

/// 0 where memory has nothing.
#[ffi_export]
fn bench_rustls_read(conn: &mut Conn, mut buf: c_slice::Mut<'_, u8>) -> usize {
    loop {
        match conn.tls.reader().read(&mut buf) {
            Ok(n) => return n,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                if !conn.receive() {
                    return 0;
                }
            }
            Err(error) => panic!("reading: {error}"),
        }
    }
}

#[ffi_export]
fn bench_rustls_write(conn: &mut Conn, data: c_slice::Ref<'_, u8>) -> usize {
    let n = conn.tls.writer().write(&data).expect("writing");
    conn.send();
    n
}

#[ffi_export]
fn bench_rustls_carry(from: &mut Conn, to: &mut Conn) {
    while from.tls.wants_write() {
        from.tls.write_tls(&mut to.incoming).expect("writing");
    }
}
