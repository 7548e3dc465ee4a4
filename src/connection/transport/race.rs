//! Connects to a host with many addresses: an attempt does not wait for the previous one to
//! fail (Happy Eyeballs, RFC 8305).

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, ipproto, sockopt};

use super::poll::interrupted;
use super::{Deadline, Interrupt};
use crate::{Error, Origin, Result, Status};

/// How long the next attempt waits (RFC 8305, section 5).
const HEAD_START: Duration = Duration::from_millis(250);

/// Connects to the first address that answers, and returns a non-blocking socket.
pub(crate) fn connect(
    addresses: Vec<SocketAddr>,
    deadline: Deadline,
    interrupt: Option<&Interrupt>,
) -> Result<OwnedFd> {
    let mut queue = interleave(addresses);
    let mut race = Race::default();
    while let Some(address) = queue.pop_front() {
        if let Some(winner) = race.enter(address) {
            return Ok(winner);
        }
        let pause = match queue.is_empty() {
            true => deadline.at,
            false => deadline.at.min(Instant::now() + HEAD_START),
        };
        if let Some(winner) = race.watch(pause, interrupt)? {
            return Ok(winner);
        }
        if deadline.has_passed() && !race.running.is_empty() {
            return Err(race.timed_out(deadline.limit));
        }
    }
    Err(race.latest_failure())
}

/// Interleaves the families, beginning with that of the first address, which the resolver prefers
/// (RFC 8305, section 4).
fn interleave(addresses: Vec<SocketAddr>) -> VecDeque<SocketAddr> {
    let prefers_v6 = addresses.first().is_some_and(SocketAddr::is_ipv6);
    let (mut one, mut other): (VecDeque<_>, VecDeque<_>) = addresses
        .into_iter()
        .partition(|address| address.is_ipv6() == prefers_v6);
    let mut queue = VecDeque::new();
    while !(one.is_empty() && other.is_empty()) {
        queue.extend(one.pop_front());
        queue.extend(other.pop_front());
    }
    queue
}

#[derive(Default)]
struct Race {
    running: Vec<(OwnedFd, SocketAddr)>,
    failure: Option<Error>,
}

impl Race {
    /// Starts an attempt, and returns the socket if it is connected at once.
    fn enter(&mut self, address: SocketAddr) -> Option<OwnedFd> {
        let family = match address {
            SocketAddr::V4(_) => AddressFamily::INET,
            SocketAddr::V6(_) => AddressFamily::INET6,
        };
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket =
            rustix::net::socket_with(family, SocketType::STREAM, flags, Some(ipproto::TCP));
        let started = socket.and_then(|socket| match rustix::net::connect(&socket, &address) {
            Ok(()) => Ok((socket, true)),
            Err(Errno::INPROGRESS | Errno::INTR) => Ok((socket, false)),
            Err(error) => Err(error),
        });
        match started {
            Ok((socket, true)) => return Some(socket),
            Ok((socket, false)) => self.running.push((socket, address)),
            Err(error) => self.lose(address, error),
        }
        None
    }

    /// Waits until an attempt succeeds, until `pause`, or until all have failed.
    fn watch(&mut self, pause: Instant, interrupt: Option<&Interrupt>) -> Result<Option<OwnedFd>> {
        let origin = Origin::here();
        while !self.running.is_empty() {
            let left = pause.saturating_duration_since(Instant::now());
            let left = Timespec::try_from(left).ok();
            let sockets = self.running.iter();
            let mut watched: Vec<_> = sockets
                .map(|(socket, _)| PollFd::new(socket, PollFlags::OUT))
                .collect();
            match rustix::event::poll(&mut watched, left.as_ref()) {
                Ok(0) => return Ok(None),
                Ok(_) => {}
                Err(Errno::INTR) => {
                    interrupted(interrupt, origin)?;
                    continue;
                }
                Err(error) => return Err(Error::io("cannot wait for the socket", error.into())),
            }
            let ready: Vec<_> = watched
                .iter()
                .map(|one| !one.revents().is_empty())
                .collect();
            if let Some(winner) = self.settle(&ready) {
                return Ok(Some(winner));
            }
        }
        Ok(None)
    }

    /// Removes the attempts that have ended, and returns one that succeeded.
    fn settle(&mut self, ready: &[bool]) -> Option<OwnedFd> {
        let running = std::mem::take(&mut self.running).into_iter();
        for ((socket, address), ready) in running.zip(ready) {
            match ready.then(|| sockopt::socket_error(&socket)) {
                None => self.running.push((socket, address)),
                Some(Ok(Ok(()))) => return Some(socket),
                Some(Ok(Err(error)) | Err(error)) => self.lose(address, error),
            }
        }
        None
    }

    fn lose(&mut self, address: SocketAddr, error: Errno) {
        let what = format!("cannot connect to {address}");
        self.failure = Some(Error::io(what, error.into()));
    }

    fn timed_out(&self, limit: Duration) -> Error {
        let addresses: Vec<_> = self.running.iter().map(|(_, a)| a.to_string()).collect();
        let addresses = addresses.join(" and ");
        let sentence = format!("{addresses} did not accept a connection within {limit:?}");
        Error::new(Status::Timeout, sentence)
    }

    fn latest_failure(self) -> Error {
        let none = || Error::new(Status::Resolve, "the host has no address");
        self.failure.unwrap_or_else(none)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interleave_alternates_families_beginning_with_the_first() {
        let addresses = |list: &[&str]| -> Vec<SocketAddr> {
            list.iter().map(|text| text.parse().unwrap()).collect()
        };
        let given = addresses(&["[::1]:1", "[::2]:1", "[::3]:1", "1.0.0.1:1", "1.0.0.2:1"]);
        let expected = addresses(&["[::1]:1", "1.0.0.1:1", "[::2]:1", "1.0.0.2:1", "[::3]:1"]);
        assert_eq!(interleave(given), expected);
        let given = addresses(&["1.0.0.1:1", "[::1]:1", "1.0.0.2:1"]);
        assert_eq!(interleave(given.clone()), given);
    }

    #[test]
    fn connect_does_not_wait_for_an_address_that_does_not_answer() {
        // Nothing answers where the queue of a listener is full.
        let full = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        rustix::net::listen(&full, 0).unwrap();
        let silent = full.local_addr().unwrap();
        let mut filling = Vec::new();
        let now = Instant::now;
        for _ in 0..3 {
            let mut race = Race::default();
            assert!(race.enter(silent).is_none() || race.running.is_empty());
            filling.push(race);
        }
        let open = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let addresses = vec![silent, open.local_addr().unwrap()];
        let limit = Duration::from_secs(30);
        let start = now();
        let socket = connect(addresses, Deadline::after(limit).unwrap(), None).unwrap();
        let peer = rustix::net::getpeername(&socket).unwrap().unwrap();
        assert_eq!(
            SocketAddr::try_from(peer).unwrap(),
            open.local_addr().unwrap()
        );
        assert!(start.elapsed() < Duration::from_secs(20));
        drop(filling);
    }
}
