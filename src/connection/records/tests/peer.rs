//! The peer in tests of the record layer: rustls does its handshake, and the test decides what it
//! seals afterwards.

use std::sync::Arc;

use rustls::client::{Resumption, UnbufferedClientConnection};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::server::UnbufferedServerConnection;
use rustls::sign::SingleCertAndKey;
use rustls::version::{TLS12, TLS13};
use rustls::{
    ClientConfig, ContentType, HandshakeType, RootCertStore, ServerConfig, SupportedCipherSuite,
};
use rustls_pki_types::{CertificateDer, ServerName};

use crate::connection::engine::unbuffered::{Goal, Step, StepOutput, act};
use crate::connection::records::Buffer;
use crate::connection::records::protection::{self, HEADER, Header, Protection};
use crate::connection::records::{Schedule, record_length};
use crate::{CertOptions, gen_ca, issue_cert};

/// The configurations of both ends of a connection: one version, one cipher suite.
pub(crate) struct Terms {
    pub(crate) client: ClientConfig,
    pub(crate) server: ServerConfig,
    pub(crate) suite: SupportedCipherSuite,
}

/// The end that is tested.
pub(crate) trait Receiver {
    /// Takes records from the peer.
    fn receive(&mut self, records: &[u8]);

    /// Returns the records for the peer.
    fn take_records(&mut self) -> Vec<u8>;
}

/// What a receiver sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Sent {
    Data(Vec<u8>),
    Alert(u8, u8),
    KeyUpdate(u8),
    Ticket,
}

pub(crate) struct Peer {
    schedule: Schedule,
    sealing: Protection,
    opening: Protection,
    /// Records of the handshake that the receiver did not get yet.
    pub(crate) flight: Vec<u8>,
    /// Its ClientHello, without the record that it came in.
    pub(crate) hello: Vec<u8>,
    incoming: Buffer,
    /// The start of a message that is not complete.
    message: Vec<u8>,
}

impl Terms {
    pub(crate) fn new(suite: SupportedCipherSuite) -> Self {
        let ca = gen_ca(&CertOptions::default()).unwrap();
        let name = "localhost".to_owned();
        let identity = issue_cert(&ca, &[name], &CertOptions::default()).unwrap();
        let mut roots = RootCertStore::empty();
        let root = CertificateDer::from(ca.certificate().der().to_vec());
        roots.add(root).unwrap();

        let provider = Arc::new(CryptoProvider {
            cipher_suites: vec![suite],
            kx_groups: vec![aws_lc_rs::kx_group::X25519],
            ..aws_lc_rs::default_provider()
        });
        let versions = match suite.tls13() {
            Some(_) => &[&TLS13],
            None => &[&TLS12],
        };
        let client = ClientConfig::builder_with_provider(provider.clone());
        let mut client = client
            .with_protocol_versions(versions)
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let server = ServerConfig::builder_with_provider(provider);
        let certified = Arc::unwrap_or_clone(identity.certified_key().unwrap());
        let mut server = server
            .with_protocol_versions(versions)
            .unwrap()
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(SingleCertAndKey::from(certified)));
        client.enable_secret_extraction = true;
        server.enable_secret_extraction = true;
        Self {
            client,
            server,
            suite,
        }
    }

    pub(crate) fn is_tls13(&self) -> bool {
        self.suite.tls13().is_some()
    }

    /// The only version, by its number.
    pub(crate) fn version(&self) -> u16 {
        if self.is_tls13() { 0x0304 } else { 0x0303 }
    }

    /// The configuration of one client.  It gets tickets, and no two clients share some.
    pub(crate) fn client(&self, fragment: Option<usize>) -> Arc<ClientConfig> {
        let mut config = self.client.clone();
        config.resumption = Resumption::in_memory_sessions(8);
        config.max_fragment_size = fragment;
        Arc::new(config)
    }

    pub(crate) fn server(&self, fragment: Option<usize>) -> Arc<ServerConfig> {
        let mut config = self.server.clone();
        config.max_fragment_size = fragment;
        Arc::new(config)
    }
}

pub(crate) fn name() -> ServerName<'static> {
    ServerName::try_from("localhost").unwrap()
}

/// A peer in its handshake.
enum Handshaking {
    Client(Box<UnbufferedClientConnection>),
    Server(Box<UnbufferedServerConnection>),
}

impl Handshaking {
    fn act(&mut self, incoming: &mut Buffer, outgoing: &mut Buffer) {
        let mut output = StepOutput {
            goal: Goal::Nothing,
            out: &mut [],
            filled: 0,
            plaintext: &mut Buffer::default(),
            early_data: &mut None,
            outgoing,
            sent_end_of_early_data: false,
        };
        loop {
            let records = incoming.filled_mut();
            let (discard, step) = match self {
                Self::Client(tls) => {
                    let status = tls.process_tls_records(records);
                    act(status, &mut output)
                }
                Self::Server(tls) => {
                    let status = tls.process_tls_records(records);
                    act(status, &mut output)
                }
            };
            incoming.consume(discard);
            match step.unwrap() {
                Step::Again => {}
                Step::Ready | Step::Blocked => return,
                _ => panic!("the receiver continues before the handshake is complete"),
            }
        }
    }

    fn is_done(&self) -> bool {
        match self {
            Self::Client(tls) => !tls.is_handshaking(),
            Self::Server(tls) => !tls.is_handshaking(),
        }
    }
}

impl Peer {
    /// Completes a handshake with a receiver, which may not have received the last flight.
    pub(crate) fn connect(terms: &Terms, is_client: bool, receiver: &mut dyn Receiver) -> Self {
        let (mut incoming, mut outgoing) = (Buffer::default(), Buffer::default());
        let mut handshaking = if is_client {
            let tls = UnbufferedClientConnection::new(terms.client(None), name()).unwrap();
            Handshaking::Client(Box::new(tls))
        } else {
            let tls = UnbufferedServerConnection::new(terms.server(None)).unwrap();
            Handshaking::Server(Box::new(tls))
        };
        let mut hello = None;
        loop {
            incoming.append(&receiver.take_records());
            handshaking.act(&mut incoming, &mut outgoing);
            if handshaking.is_done() {
                break;
            }
            let flight = std::mem::take(&mut outgoing);
            let flight = flight.filled();
            hello.get_or_insert_with(|| flight.get(HEADER..).unwrap_or_default().to_vec());
            receiver.receive(flight);
        }
        let (secrets, schedule) = match handshaking {
            Handshaking::Client(tls) => {
                let (secrets, kernel) = tls.dangerous_into_kernel_connection().unwrap();
                (secrets, Schedule::Client(kernel))
            }
            Handshaking::Server(tls) => {
                let (secrets, kernel) = tls.dangerous_into_kernel_connection().unwrap();
                (secrets, Schedule::Server(kernel))
            }
        };
        Self {
            sealing: Protection::new(schedule.suite(), secrets.tx).unwrap(),
            opening: Protection::new(schedule.suite(), secrets.rx).unwrap(),
            schedule,
            flight: outgoing.filled().to_vec(),
            hello: hello.unwrap_or_default(),
            incoming,
            message: Vec::new(),
        }
    }

    fn is_tls13(&self) -> bool {
        self.schedule.suite().tls13().is_some()
    }

    /// Seals one record, legal or not.
    pub(crate) fn seal(&mut self, kind: u8, content: &[u8]) -> Vec<u8> {
        let mut record = vec![0; content.len() + protection::OVERHEAD];
        let sealed = self
            .sealing
            .seal(ContentType::from(kind), content, &mut record);
        record.truncate(sealed.unwrap());
        record
    }

    /// One record with so much padding, where the version has padding: it ends in zeros,
    /// the last of which is a content type for [`Protection::seal`].
    pub(crate) fn seal_padded(&mut self, kind: u8, content: &[u8], padding: usize) -> Vec<u8> {
        if padding == 0 || !self.is_tls13() {
            return self.seal(kind, content);
        }
        let mut inner = content.to_vec();
        inner.push(kind);
        inner.resize(content.len() + padding, 0);
        self.seal(0, &inner)
    }

    /// Changes the keys that it seals with.
    pub(crate) fn update_keys(&mut self) {
        let next = self.schedule.next_sealing().unwrap();
        self.sealing = Protection::new(self.schedule.suite(), next).unwrap();
    }

    /// Opens these records of the receiver.
    pub(crate) fn open(&mut self, records: &[u8]) -> Vec<Sent> {
        self.incoming.append(records);
        let mut sent = Vec::new();
        while let Some(length) = record_length(self.incoming.filled()) {
            let record = &self.incoming.filled()[..length];
            let header = Header::of(record).unwrap();
            let mut content = vec![0; length];
            let opened = self
                .opening
                .open_into(header, &record[HEADER..], &mut content);
            let opened = opened.expect("what a receiver seals can be opened");
            content.truncate(opened.length);
            self.incoming.consume(length);
            match (opened.content_type, &content[..]) {
                (ContentType::ApplicationData, _) => sent.push(Sent::Data(content)),
                (ContentType::Alert, &[level, description]) => {
                    sent.push(Sent::Alert(level, description));
                }
                (ContentType::Handshake, messages) => self.open_messages(messages, &mut sent),
                other => panic!("no receiver sends {other:?}"),
            }
        }
        sent
    }

    fn open_messages(&mut self, content: &[u8], sent: &mut Vec<Sent>) {
        let messages = [std::mem::take(&mut self.message), content.to_vec()].concat();
        let mut rest = &messages[..];
        while let Some((&[kind, _, high, low], behind)) = rest.split_first_chunk() {
            let length = usize::from(u16::from_be_bytes([high, low]));
            let Some((body, behind)) = behind.split_at_checked(length) else {
                break;
            };
            match HandshakeType::from(kind) {
                HandshakeType::KeyUpdate => {
                    sent.push(Sent::KeyUpdate(body[0]));
                    let next = self.schedule.next_opening().unwrap();
                    self.opening = Protection::new(self.schedule.suite(), next).unwrap();
                }
                HandshakeType::NewSessionTicket => sent.push(Sent::Ticket),
                other => panic!("no receiver sends {other:?}"),
            }
            rest = behind;
        }
        self.message = rest.to_vec();
    }
}
