//! Wireshark decrypts its capture with our key log.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::net::UnixStream;
use std::process::Command;
use std::sync::{Arc, Mutex};

use tempfile::TempDir;
use tlsmith::{Connection, SocketTransport, Transport, WaitMode};

use crate::peers::output;
use support::*;

/// What went over a wire: whether it was sent, and the bytes.
type Tape = Arc<Mutex<Vec<(bool, Vec<u8>)>>>;

/// A transport that is listened in on.
struct Tapped(SocketTransport<UnixStream>, Tape);

impl Transport for Tapped {
    fn receive(&self, buffer: &mut [u8], patience: WaitMode) -> tlsmith::Result<usize> {
        let count = self.0.receive(buffer, patience)?;
        self.1
            .lock()
            .unwrap()
            .push((false, buffer[..count].to_vec()));
        Ok(count)
    }

    fn send(&self, data: &[u8], patience: WaitMode) -> tlsmith::Result<usize> {
        let mut tape = self.1.lock().unwrap();
        let count = self.0.send(data, patience)?;
        tape.push((true, data[..count].to_vec()));
        Ok(count)
    }
}

/// The form that text2pcap reads: a direction, and a dump of each packet.
fn dump(tape: &[(bool, Vec<u8>)]) -> String {
    let mut text = String::new();
    for (sent, bytes) in tape {
        for packet in bytes.chunks(1_400) {
            text.push_str(if *sent { "O\n" } else { "I\n" });
            for (row, bytes) in packet.chunks(16).enumerate() {
                write!(text, "{:06x}", row * 16).unwrap();
                bytes
                    .iter()
                    .for_each(|byte| write!(text, " {byte:02x}").unwrap());
                text.push('\n');
            }
        }
    }
    text
}

#[test]
fn tshark_decrypts_a_capture_only_with_our_key_log() {
    for version in BOTH_VERSIONS {
        for logs_at_server in [false, true] {
            let folder = TempDir::new().unwrap();
            let at = |name: &str| folder.path().join(name);
            let (client, server) = (only(client_context(), version), server_context(localhost()));
            let side = if logs_at_server { &server } else { &client };
            side.set_keylog(Some(&at("keys"))).unwrap();

            let tape = Tape::default();
            let (near, far) = UnixStream::pair().unwrap();
            let tapped = Tapped(transport(near), tape.clone());
            let client = Connection::client(&client, Some("localhost"), tapped).unwrap();
            let server = Connection::server(&server, transport(far)).unwrap();
            let (ours, theirs) = run_handshake(&client, &server);
            ours.and(theirs).unwrap();
            transfer(
                &client,
                &server,
                b"GET /a-secret-page HTTP/1.1\r\nHost: localhost\r\n\r\n",
            );
            let page = b"HTTP/1.1 200 OK\r\nContent-Length: 12\r\nX-Mark: seen\r\n\r\nsecret words";
            transfer(&server, &client, page);

            fs::write(at("dump"), dump(&tape.lock().unwrap())).unwrap();
            fs::write(at("nothing"), "").unwrap();
            let mut command = Command::new("text2pcap");
            command
                .args(["-q", "-D", "-T", "443,40000"])
                .arg(at("dump"))
                .arg(at("capture"));
            let (fine, said) = output(&mut command);
            assert!(fine, "{said}");
            let read = |keys: &str| {
                let mut command = Command::new("tshark");
                command
                    .env("HOME", folder.path())
                    .arg("-r")
                    .arg(at("capture"))
                    .arg("-o")
                    .arg(format!("tls.keylog_file:{}", at(keys).display()))
                    .args(["-d", "tcp.port==443,tls", "-Y", "http", "-V"]);
                let (fine, said) = output(&mut command);
                assert!(fine, "{said}");
                said
            };
            let said = read("keys");
            for part in [
                "GET /a-secret-page HTTP/1.1",
                "X-Mark: seen",
                "secret words",
            ] {
                assert!(said.contains(part), "no '{part}' in {said}");
            }
            assert!(!read("nothing").contains("a-secret-page"));
        }
    }
}
