"""Carries data over a bad link: `link.py LOSS MTU BYTES`, or `link.py dies`, in a network
namespace of its own, where it may change the link."""

import subprocess
import sys
import threading
import time

import tlsmith

PATIENCE = 60
"""Seconds that the whole may take."""


def command(*words):
    subprocess.run(words, check=True)


def drop(*condition):
    """Have the system drop what fits."""
    rules = (
        "add table inet faults",
        "add chain inet faults arriving { type filter hook input priority 0; }",
        " ".join(["add rule inet faults arriving meta l4proto tcp", *condition, "drop"]),
    )
    for rule in rules:
        command("nft", rule)


class Server(threading.Thread):
    """Sends one client back what it sends, and keeps how that ended."""

    def __init__(self, ca, timeout):
        super().__init__(daemon=True)
        self._listener = tlsmith.Server(ca.issue("localhost")).listen(("127.0.0.1", 0))
        self._timeout = timeout
        self.address = self._listener.address
        self.end = None

    def run(self):
        try:
            sock, _ = self._listener.accept(handshake=True)
            with sock:
                sock.settimeout(self._timeout)
                while data := sock.recv():
                    sock.sendall(data)
            self.end = "closed"
        except tlsmith.Error as error:
            self.end = error


def carry(loss, mtu, count):
    command("ip", "link", "set", "lo", "mtu", mtu)
    drop("numgen random mod 100 <", loss)
    ca = tlsmith.CA()
    server = Server(ca, PATIENCE)
    server.start()
    sent = bytes(range(256)) * (count // 256)
    got = bytearray()
    client = tlsmith.Client(trust=ca)
    with client.connect(server.address, server_name="localhost", timeout=PATIENCE) as sock:
        reader = threading.Thread(target=lambda: got.extend(receive(sock, len(sent))))
        reader.start()
        sock.sendall(sent)
        reader.join(PATIENCE)
        sock.close()
    server.join(PATIENCE)
    assert bytes(got) == sent, f"{len(got)} of {len(sent)} bytes, or others"
    assert server.end == "closed", server.end


def receive(sock, count):
    got = bytearray()
    while len(got) < count and (data := sock.recv()):
        got += data
    return got


def die():
    ca = tlsmith.CA()
    server = Server(ca, 1)
    server.start()
    client = tlsmith.Client(trust=ca)
    sock = client.connect(server.address, server_name="localhost", timeout=PATIENCE)
    sock.sendall(b"hello")
    assert sock.recv() == b"hello"
    drop()
    begun = time.monotonic()
    sock.settimeout(1)
    for call in (lambda: sock.recv(), lambda: sock.sendall(bytes(100_000_000))):
        try:
            call()
        except tlsmith.TimedOut:
            continue
        raise AssertionError("nothing said that the link is dead")
    sock.close()
    server.join(PATIENCE)
    assert isinstance(server.end, tlsmith.TimedOut), server.end
    assert time.monotonic() - begun < 10, "the dead link held somebody up"


if __name__ == "__main__":
    command("ip", "link", "set", "lo", "up")
    if sys.argv[1] == "dies":
        die()
    else:
        carry(sys.argv[1], sys.argv[2], int(sys.argv[3]))
