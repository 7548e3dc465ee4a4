//! Sockets: connecting, listening, and their errors.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType};
use tlsmith::{Connection, MemoryTransport, SocketTransport, Status, Timeout, tcp};

use support::*;

#[test]
fn tcp_connects_by_name_and_accepts() {
    let listener = tcp::listen(Some("127.0.0.1"), "0").unwrap();
    let address = tcp::local_address(&listener).unwrap();
    let server = server_context(localhost());
    thread::scope(|scope| {
        scope.spawn(|| {
            let socket = tcp::accept(&listener, TEST_TIMEOUT, None).unwrap();
            let connection =
                Connection::server(&server, SocketTransport::new(socket).unwrap()).unwrap();
            assert_eq!(read_all(&connection).unwrap(), b"hello");
        });
        let socket = tcp::connect("localhost", &address.port().to_string(), TEST_TIMEOUT, None);
        let socket = socket.unwrap();
        assert_eq!(tcp::peer_address(&socket).unwrap(), address);
        let transport = SocketTransport::new(socket).unwrap();
        let connection =
            Connection::client(&client_context(), Some("localhost"), transport).unwrap();
        connection.write(b"hello").unwrap();
        connection.shutdown().unwrap();
    });
}

#[test]
fn zone_selects_the_link_of_an_address() {
    let listener = tcp::listen(Some("::1%1"), "0").unwrap();
    let address = tcp::local_address(&listener).unwrap();
    let port = address.port().to_string();
    for host in ["::1", "::1%1"] {
        let socket = tcp::connect(host, &port, TEST_TIMEOUT, None).unwrap();
        assert_eq!(tcp::peer_address(&socket).unwrap().port(), address.port());
    }
    // Only addresses of one link need it, and not every machine has one that is up.
    let error = tcp::connect("fe80::1%no-such-link", &port, TEST_TIMEOUT, None).unwrap_err();
    assert_eq!(error.status(), Status::Resolve, "{error}");
}

#[test]
fn transport_starts_with_bytes_received_before() {
    let (near, far) = UnixStream::pair().unwrap();
    let client = Connection::client(&client_context(), Some("localhost"), MemoryTransport);
    let client = client.unwrap();
    assert_fails(client.handshake(), Status::WantRead, "");
    let mut hello = vec![0; 65_536];
    let length = client.drain(&mut hello).unwrap();
    for split in [1, 5, length / 2, length] {
        let (near, far) = (near.try_clone().unwrap(), far.try_clone().unwrap());
        let transport = SocketTransport::new(far).unwrap();
        let transport = transport.with_received(&hello[..split]);
        let server = Connection::server(&server_context(localhost()), transport).unwrap();
        server.set_timeout(Timeout::Never);
        (&near).write_all(&hello[split..length]).unwrap();
        // The client's Finished is missing, and nothing of what came.
        assert_fails(server.handshake(), Status::WantRead, "");
        let mut answer = [0; 65_536];
        assert!((&near).read(&mut answer).unwrap() > 1_000);
    }
}

#[test]
fn connect_error_has_the_address_and_the_reason() {
    let connect = |host: &str, port: &str| tcp::connect(host, port, TEST_TIMEOUT, None);
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port().to_string();
    drop(free);
    let error = connect("127.0.0.1", &port).unwrap_err();
    assert_eq!(error.status(), Status::Io);
    assert_eq!(error.os_error(), Some(111), "{error}");
    assert!(error.to_string().contains(&port), "{error}");
    for port in ["http", "", "0", "65536", "-1", "+443", " 443"] {
        assert_fails(
            connect("127.0.0.1", port),
            Status::Argument,
            "is not a port",
        );
    }
    for host in ["", "a\0b", &"a".repeat(10_000)] {
        assert_fails(connect(host, "443"), Status::Argument, "is not a host name");
    }
    assert_fails(
        connect("name.invalid", "443"),
        Status::Resolve,
        "name.invalid",
    );
}

#[test]
fn listener_waits_for_its_timeout() {
    let listener = tcp::listen(None, "0").unwrap();
    assert_fails(
        tcp::accept(&listener, Timeout::Never, None),
        Status::WantRead,
        "",
    );
    let short = Timeout::After(Duration::from_millis(10));
    assert_fails(
        tcp::accept(&listener, short, None),
        Status::Timeout,
        "no client",
    );
    let taken = tcp::local_address(&listener).unwrap().port().to_string();
    assert_fails(tcp::listen(None, &taken), Status::Io, &taken);
}

#[test]
fn accept_skips_clients_that_gave_up() {
    let listener = tcp::listen(Some("127.0.0.1"), "0").unwrap();
    let address = tcp::local_address(&listener).unwrap();
    for _ in 0..3 {
        let client = TcpStream::connect(address).unwrap();
        reset_at_its_end(&client);
    }
    let patient = TcpStream::connect(address).unwrap();
    let accepted = tcp::accept(&listener, TEST_TIMEOUT, None).unwrap();
    let expected = patient.local_addr().unwrap();
    assert_eq!(tcp::peer_address(&accepted).unwrap(), expected);
}

#[test]
fn transport_rejects_descriptors_that_are_not_streams() {
    let file = std::fs::File::open("/dev/null").unwrap();
    assert_fails(
        SocketTransport::new(file).map(drop),
        Status::Argument,
        "not a socket",
    );
    let file = tempfile::tempfile().unwrap();
    assert_fails(
        SocketTransport::new(file).map(drop),
        Status::Argument,
        "a file",
    );
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    assert_fails(
        SocketTransport::new(listener).map(drop),
        Status::Argument,
        "listening",
    );
    let folder = tempfile::TempDir::new().unwrap();
    let listener = UnixListener::bind(folder.path().join("socket")).unwrap();
    assert_fails(
        SocketTransport::new(listener).map(drop),
        Status::Argument,
        "listening",
    );
    let datagram = UdpSocket::bind("127.0.0.1:0").unwrap();
    assert_fails(
        SocketTransport::new(datagram).map(drop),
        Status::Argument,
        "datagram",
    );
}

#[test]
fn listener_for_every_address_accepts_both_families() {
    let listener = tcp::listen(None, "0").unwrap();
    let port = tcp::local_address(&listener).unwrap().port().to_string();
    for host in ["127.0.0.1", "::1"] {
        let near = tcp::connect(host, &port, TEST_TIMEOUT, None).unwrap();
        let far = tcp::accept(&listener, TEST_TIMEOUT, None).unwrap();
        let (here, there) = (tcp::local_address(&near), tcp::peer_address(&far));
        assert_eq!(here.unwrap().port(), there.unwrap().port());
    }
}

fn unconnected(family: AddressFamily) -> Arc<OwnedFd> {
    let socket = rustix::net::socket(family, SocketType::STREAM, None);
    Arc::new(socket.unwrap())
}

#[test]
fn socket_can_connect_after_its_transport_exists() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let listener = UnixListener::bind(&path).unwrap();
    let socket = unconnected(AddressFamily::UNIX);
    let error = SocketTransport::new(socket.clone()).err().unwrap();
    assert_eq!(error.status(), Status::Argument);
    let later = SocketTransport::connected_later(socket.clone());
    let client = Connection::client(&client_context(), Some("localhost"), later).unwrap();
    let address = rustix::net::SocketAddrUnix::new(&path).unwrap();
    rustix::net::connect(&socket, &address).unwrap();
    let (far, _) = listener.accept().unwrap();
    let server = Connection::server(&server_context(localhost()), transport(far)).unwrap();
    client.set_timeout(TEST_TIMEOUT);
    server.set_timeout(TEST_TIMEOUT);
    let (ours, theirs) = run_handshake(&client, &server);
    ours.unwrap();
    theirs.unwrap();
}

#[test]
fn unconnected_socket_fails_with_its_system_call() {
    let file = Arc::new(OwnedFd::from(tempfile::tempfile().unwrap()));
    for (socket, errno) in [
        (file, Errno::NOTSOCK),
        (unconnected(AddressFamily::INET), Errno::NOTCONN),
    ] {
        let later = SocketTransport::connected_later(socket);
        let client = Connection::client(&client_context(), Some("localhost"), later).unwrap();
        client.set_timeout(TEST_TIMEOUT);
        let error = client.handshake().unwrap_err();
        assert_eq!(error.status(), Status::Io);
        assert_eq!(error.os_error(), Some(errno.raw_os_error()), "{error}");
    }
}

/// A listener whose backlog is full, the sockets in its backlog, and a socket whose
/// connect() stays in progress until they are accepted.
fn connecting() -> (TcpListener, Vec<OwnedFd>, Arc<OwnedFd>) {
    let socket = rustix::net::socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
    rustix::net::bind(&socket, &SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    rustix::net::listen(&socket, 0).unwrap();
    let listener = TcpListener::from(socket);
    let mut waiting = Vec::new();
    loop {
        let flags = SocketFlags::NONBLOCK;
        let socket =
            rustix::net::socket_with(AddressFamily::INET, SocketType::STREAM, flags, None).unwrap();
        match rustix::net::connect(&socket, &listener.local_addr().unwrap()) {
            Ok(()) | Err(Errno::INPROGRESS) => {}
            Err(error) => panic!("{error}"),
        }
        let mut polled = [PollFd::new(&socket, PollFlags::OUT)];
        let limit = Timespec::try_from(Duration::from_millis(50)).unwrap();
        if rustix::event::poll(&mut polled, Some(&limit)).unwrap() == 0 {
            return (listener, waiting, Arc::new(socket));
        }
        waiting.push(socket);
    }
}

#[test]
fn client_accepts_a_socket_whose_connect_is_in_progress() {
    for waits in [false, true] {
        let (listener, waiting, socket) = connecting();
        let transport = SocketTransport::new(socket.clone()).unwrap();
        let client = Connection::client(&client_context(), Some("localhost"), transport).unwrap();
        let error = client.handshake().unwrap_err();
        assert_eq!(error.status(), Status::WantWrite, "{error}");
        if waits {
            rustix::io::ioctl_fionbio(&socket, false).unwrap();
            client.set_timeout(Timeout::After(Duration::from_millis(50)));
            let error = client.handshake().unwrap_err();
            assert_eq!(error.status(), Status::Timeout, "{error}");
            client.set_timeout(TEST_TIMEOUT);
        }
        let count = waiting.len();
        thread::scope(|scope| {
            scope.spawn(|| {
                for _ in 0..count {
                    listener.accept().unwrap();
                }
                let (far, _) = listener.accept().unwrap();
                let server = server_context(localhost());
                let transport = SocketTransport::new(far).unwrap();
                let server = Connection::server(&server, transport).unwrap();
                server.set_timeout(TEST_TIMEOUT);
                server.handshake().unwrap();
            });
            while let Err(error) = client.handshake() {
                let flags = match error.status() {
                    Status::WantRead => PollFlags::IN,
                    Status::WantWrite => PollFlags::OUT,
                    _ => panic!("{error}"),
                };
                assert!(!waits, "{error}");
                rustix::event::poll(&mut [PollFd::new(&socket, flags)], None).unwrap();
            }
        });
    }
}

#[test]
fn handshake_reports_why_a_pending_connect_failed() {
    let (listener, _waiting, socket) = connecting();
    let transport = SocketTransport::new(socket.clone()).unwrap();
    let client = Connection::client(&client_context(), Some("localhost"), transport).unwrap();
    assert_eq!(client.handshake().unwrap_err().status(), Status::WantWrite);
    drop(listener);
    rustix::event::poll(&mut [PollFd::new(&socket, PollFlags::OUT)], None).unwrap();
    let error = client.handshake().unwrap_err();
    assert_eq!(error.status(), Status::Io);
    assert_eq!(
        error.os_error(),
        Some(Errno::CONNREFUSED.raw_os_error()),
        "{error}"
    );
}

/// Has the connection of this client reset when the client goes, instead of ended.
fn reset_at_its_end(client: &TcpStream) {
    rustix::net::sockopt::set_socket_linger(client, Some(Duration::ZERO)).unwrap();
}

#[test]
fn reset_before_the_first_byte_is_an_io_error() {
    for asks_before in [false, true] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        reset_at_its_end(&client);
        drop(client);
        let (far, _) = listener.accept().unwrap();
        assert_eq!(
            rustix::net::getpeername(&far).unwrap_err(),
            Errno::NOTCONN,
            "the reset has not come"
        );
        if asks_before {
            // As programs do that look for errors: the system reports this one once.
            rustix::net::sockopt::socket_error(&far)
                .unwrap()
                .unwrap_err();
        }
        let transport = SocketTransport::new(far).unwrap();
        let server = Connection::server(&server_context(localhost()), transport).unwrap();
        server.set_timeout(TEST_TIMEOUT);
        let error = server.handshake().unwrap_err();
        match asks_before {
            true => assert_eq!(error.status(), Status::Truncated, "{error}"),
            false => assert_eq!(error.os_error(), Some(104), "{error}"),
        }
    }
}

#[test]
fn listener_backlog_is_the_maximum_of_the_system() {
    let most = std::fs::read_to_string("/proc/sys/net/core/somaxconn").unwrap();
    let most: usize = most.trim().parse().unwrap();
    let listener = tcp::listen(Some("127.0.0.1"), "0").unwrap();
    let address = tcp::local_address(&listener).unwrap();
    // The standard library's 128 are too few for these.
    let clients: Vec<_> = (0..most.min(300))
        .map(|_| TcpStream::connect_timeout(&address, Duration::from_secs(10)).unwrap())
        .collect();
    drop(clients);
}

/// The number of descriptors that this process may have.
fn limit_descriptors(most: u64) {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = Some(most);
    setrlimit(Resource::Nofile, limit).unwrap();
}

#[test]
fn accept_recovers_from_a_lack_of_descriptors() {
    if !is_child() {
        let name = "sockets::accept_recovers_from_a_lack_of_descriptors";
        assert!(child(name).status().unwrap().success());
        return;
    }
    let listener = tcp::listen(Some("127.0.0.1"), "0").unwrap();
    let client = TcpStream::connect(tcp::local_address(&listener).unwrap()).unwrap();
    let spare = std::fs::File::open("/dev/null").unwrap();
    // The lowest free number is the first that is too high.
    let next = spare.try_clone().unwrap();
    limit_descriptors(next.as_raw_fd().try_into().unwrap());
    drop(next);
    let start = Instant::now();
    let limit = Duration::from_millis(250);
    let error = tcp::accept(&listener, Timeout::After(limit), None).unwrap_err();
    assert_eq!(error.os_error(), Some(24), "{error}");
    assert!(start.elapsed() >= limit);
    let error = tcp::accept(&listener, Timeout::Never, None).unwrap_err();
    assert_eq!(error.os_error(), Some(24), "{error}");
    thread::scope(|scope| {
        scope.spawn(|| {
            thread::sleep(Duration::from_millis(150));
            drop(spare);
        });
        let accepted = tcp::accept(&listener, Timeout::Descriptor, None).unwrap();
        assert_eq!(
            tcp::peer_address(&accepted).unwrap(),
            client.local_addr().unwrap()
        );
    });
}
