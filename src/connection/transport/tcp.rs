//! TCP sockets by host name and port: connect, listen, accept.

use std::net::{IpAddr, SocketAddr, TcpListener, ToSocketAddrs};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::net::{SocketFlags, sockopt};

use super::poll::{Interest, does_not_wait, interrupted, pause, poll};
use super::race;
use super::{Deadline, Interrupt, Timeout, WaitMode};
use crate::base::text::{quoted, quoted_host};
use crate::{Error, Origin, Result, Status, trust};

/// A host name in the DNS has at most 253 characters (RFC 1035, section 2.3.4).
const LONGEST_HOST: usize = 253;

/// The time limit of calls without one, so that every wait has a deadline.
const FOR_EVER: Duration = Duration::from_secs(100 * 365 * 86_400);

/// The default time limit of a handshake with a client of a listener, in the C and Python APIs.  It
/// allows many round trips on a slow network, and limits how long the next client waits for one
/// that sends nothing.  In Rust, pass it to
/// [`Connection::set_handshake_timeout`](crate::Connection::set_handshake_timeout).
pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);

/// How many clients may wait for [`accept`]: more than any system allows, which then uses its own
/// maximum (`net.core.somaxconn` on Linux).
const BACKLOG: i32 = i32::MAX;

/// How long [`accept`] waits before it tries again when the system is out of descriptors or memory.
const PAUSE: Duration = Duration::from_millis(100);

/// Connects to `host`, a name or an address, and `port`, a decimal number.  Tries the addresses of
/// the host, with both families in turn, and does not wait long for one before it tries the next
/// (RFC 8305).  Returns a blocking socket.
///
/// `timeout` limits name resolution and connecting together.  The system's resolver has no time
/// limit of its own, so with a timeout it runs in a thread that may outlive the call.
/// [`Timeout::Never`] is refused.
pub fn connect(
    host: &str,
    port: &str,
    timeout: Timeout,
    interrupt: Option<&Interrupt>,
) -> Result<OwnedFd> {
    let port = match parse_port(port)? {
        0 => return Err(bad_port("0")),
        port => port,
    };
    if timeout == Timeout::Never {
        return Err(Error::argument(
            "connecting has to wait: set a time limit above 0, or connect the socket first",
        ));
    }
    let deadline = match timeout.start() {
        WaitMode::Until(deadline) => deadline,
        _ => Deadline {
            at: Instant::now() + FOR_EVER,
            limit: FOR_EVER,
        },
    };
    let addresses = match timeout {
        Timeout::After(_) => resolve_until(host, port, deadline)?,
        _ => resolve(host, port)?,
    };
    if addresses.is_empty() {
        return Err(Error::new(
            Status::Resolve,
            format!("{} has no address", quoted_host(host)),
        ));
    }
    let socket = race::connect(addresses, deadline, interrupt)?;
    let blocking = rustix::io::ioctl_fionbio(&socket, false);
    blocking.map_err(|error| Error::io("cannot set the socket up", error.into()))?;
    without_delay(&socket);
    Ok(socket)
}

/// Listens on `host` (`None` for every address of this machine) and `port`, a decimal number, 0 for
/// any free one.  As many clients as the system allows may wait to be accepted.
pub fn listen(host: Option<&str>, port: &str) -> Result<OwnedFd> {
    let port = parse_port(port)?;
    let addresses = match host {
        Some(host) => resolve(host, port)?,
        // IPv6 with IPv4 beside it, or IPv4 alone where there is no IPv6.
        None => vec![
            SocketAddr::from(([0_u16; 8], port)),
            SocketAddr::from(([0_u8; 4], port)),
        ],
    };
    let shown = host.unwrap_or("every address");
    let listener = TcpListener::bind(&*addresses).and_then(|listener| {
        // The standard library sets a backlog of 128, which a burst of clients exceeds.
        rustix::net::listen(&listener, BACKLOG)?;
        Ok(OwnedFd::from(listener))
    });
    listener.map_err(|error| Error::io(format!("cannot listen on {shown}, port {port}"), error))
}

/// Accepts one connection, and returns a blocking socket.  Fails with [`Status::WantRead`] if no
/// client waits and the call may not wait either.
///
/// No client can make it fail: it skips connections that were reset or failed while they waited.
/// When the system is out of descriptors or memory (EMFILE, ENFILE, ENOBUFS, ENOMEM), a call that
/// may wait tries again every 100 milliseconds; with a time limit, it then fails with
/// [`Status::Io`].
///
/// The handshake is a later step, which a client may never begin: limit it with
/// [`Connection::set_handshake_timeout`](crate::Connection::set_handshake_timeout).
pub fn accept(
    listener: impl AsFd,
    timeout: Timeout,
    interrupt: Option<&Interrupt>,
) -> Result<OwnedFd> {
    let (wait, origin) = (timeout.start(), Origin::here());
    loop {
        await_client(&listener, wait, interrupt)?;
        match rustix::net::accept_with(&listener, SocketFlags::CLOEXEC) {
            Ok(socket) if rustix::net::getpeername(&socket) != Err(Errno::NOTCONN) => {
                without_delay(&socket);
                return Ok(socket);
            }
            // The client gave up while it waited, which does not concern the caller.
            Ok(_) => {}
            Err(error) if is_of_one_client(error) => {}
            Err(Errno::INTR) => interrupted(interrupt, origin)?,
            Err(error) if is_shortage(error) && may_pause(&listener, wait) => {
                pause(PAUSE, interrupt, origin)?;
            }
            // Another thread accepted the client, or the listener does not block.
            Err(Errno::AGAIN) if !matches!(wait, WaitMode::Until(_)) => {
                return Err(Status::WantRead.into());
            }
            Err(Errno::AGAIN) => {}
            Err(error) => return Err(Error::io("cannot accept a connection", error.into())),
        }
    }
}

/// Whether accepting failed only for the connection at the head of the queue, which is removed.
/// Linux reports its network errors in this way (accept(2)).
fn is_of_one_client(error: Errno) -> bool {
    matches!(
        error,
        Errno::CONNABORTED
            | Errno::CONNRESET
            | Errno::PROTO
            | Errno::NOPROTOOPT
            | Errno::NETDOWN
            | Errno::NETUNREACH
            | Errno::HOSTDOWN
            | Errno::HOSTUNREACH
            | Errno::TIMEDOUT
    ) || is_of_no_network(error)
}

#[cfg(target_os = "linux")]
fn is_of_no_network(error: Errno) -> bool {
    error == Errno::NONET
}

#[cfg(not(target_os = "linux"))]
fn is_of_no_network(_error: Errno) -> bool {
    false
}

/// Whether the system is out of a resource, which other programs may release.
fn is_shortage(error: Errno) -> bool {
    matches!(
        error,
        Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM
    )
}

/// Whether this call may wait for the resource.  The client stays in the queue meanwhile, so that
/// the listener is readable: polling does not help.
fn may_pause(listener: impl AsFd, wait: WaitMode) -> bool {
    match wait {
        WaitMode::Until(deadline) => !deadline.has_passed(),
        wait => !does_not_wait(listener, wait),
    }
}

fn await_client(listener: impl AsFd, wait: WaitMode, interrupt: Option<&Interrupt>) -> Result<()> {
    match wait {
        WaitMode::Descriptor => Ok(()),
        WaitMode::Never => {
            let now = Instant::now();
            match poll(listener, Interest::Readable, now, interrupt)? {
                true => Ok(()),
                false => Err(Status::WantRead.into()),
            }
        }
        WaitMode::Until(deadline) => {
            match poll(listener, Interest::Readable, deadline.at, interrupt)? {
                true => Ok(()),
                false => Err(Error::new(
                    Status::Timeout,
                    format!("no client came within {:?}", deadline.limit),
                )),
            }
        }
    }
}

/// Returns the local address of a socket.
pub fn local_address(socket: impl AsFd) -> Result<SocketAddr> {
    rustix::net::getsockname(socket)
        .and_then(SocketAddr::try_from)
        .map_err(|error| Error::io("cannot tell the socket's own address", error.into()))
}

/// Returns the peer's address of a socket.
pub fn peer_address(socket: impl AsFd) -> Result<SocketAddr> {
    rustix::net::getpeername(socket)
        .and_then(|address| address.ok_or(Errno::NOTCONN))
        .and_then(SocketAddr::try_from)
        .map_err(|error| Error::io("cannot tell the peer's address", error.into()))
}

/// Switches Nagle's algorithm off, which only adds delay, since records are sent whole.  A socket
/// that does not support that works all the same.
fn without_delay(socket: impl AsFd) {
    let _ = sockopt::set_tcp_nodelay(socket, true);
}

fn resolve(host: &str, port: u16) -> Result<Vec<SocketAddr>> {
    if host.is_empty() || host.len() > LONGEST_HOST || host.contains('\0') {
        let (shown, length) = (quoted_host(host), host.len());
        let sentence = format!("{shown} ({length} bytes) is not a host name or an address");
        return Err(Error::argument(sentence));
    }
    let in_dns = trust::ascii_host(host);
    let addresses = (in_dns.as_ref(), port).to_socket_addrs().map_err(|error| {
        Error::new(
            Status::Resolve,
            format!("cannot find the address of {}: {error}", quoted_host(host)),
        )
        .with_source(error)
    })?;
    Ok(addresses.collect())
}

/// Resolves in a thread, which is abandoned at the deadline.  Addresses need no thread.
fn resolve_until(host: &str, port: u16, deadline: Deadline) -> Result<Vec<SocketAddr>> {
    if let Ok(address) = host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::from((address, port))]);
    }
    let name = host.to_owned();
    in_time(host, deadline, move || resolve(&name, port))
}

fn in_time<T: Send + 'static>(
    host: &str,
    deadline: Deadline,
    find: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    let (answer, answered) = mpsc::channel();
    let thread = thread::Builder::new().name("tlsmith resolver".to_owned());
    let spawned = thread.spawn(move || {
        // After the deadline nobody receives it.
        let _ = answer.send(find());
    });
    spawned.map_err(|error| Error::io("cannot start looking the name up", error))?;
    answered
        .recv_timeout(deadline.remaining())
        .unwrap_or_else(|_| {
            let (host, limit) = (quoted_host(host), deadline.limit);
            let sentence = format!("the address of {host} was not found within {limit:?}");
            Err(Error::new(Status::Timeout, sentence))
        })
}

fn parse_port(port: &str) -> Result<u16> {
    let digits = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    match port.parse() {
        Ok(number) if digits => Ok(number),
        _ => Err(bad_port(port)),
    }
}

fn bad_port(port: &str) -> Error {
    let port = quoted(port);
    let sentence = format!("{port} is not a port: a number from 1 to 65535 is needed");
    Error::argument(sentence)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resolving_ends_at_the_deadline() {
        let limit = Duration::from_millis(20);
        let (finish, finished) = mpsc::channel::<()>();
        let silent = move || finished.recv().map_err(|_| Status::Internal.into());
        let error = in_time("slow.example", Deadline::after(limit).unwrap(), silent).unwrap_err();
        assert_eq!(error.status(), Status::Timeout);
        let sentence = error.to_string();
        assert!(
            sentence.contains("'slow.example'") && sentence.contains("20ms"),
            "{sentence}"
        );
        drop(finish);
    }

    #[test]
    fn resolving_returns_an_answer_before_the_deadline() {
        let deadline = Deadline::after(Duration::from_secs(60)).unwrap();
        assert_eq!(in_time("a.example", deadline, || Ok(7)).unwrap(), 7);
        let unknown = || Err::<(), _>(Status::Resolve.into());
        let error = in_time("a.example", deadline, unknown).unwrap_err();
        assert_eq!(error.status(), Status::Resolve);
    }
}
