"""Many clients at once, most of which never become any, while a good one is served."""

import contextlib
import os
import pathlib
import random
import resource
import socket
import struct
import subprocess
import tempfile
import time

import pytest
from conftest import ROOT

import tlsmith

HELLO = bytes.fromhex("1603010200010001fc0303") + bytes(32)
"""The beginning of a ClientHello: a record of 512 bytes."""

RESET = struct.pack("ii", 1, 0)

CROWD = 2_000
HALF_OPEN = 9_000
SECONDS = 30


class Server:
    """examples/c/epoll_echo.c, and what it uses of the system."""

    def __init__(self, program, environment, files):
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        command = [program, str(self.port), files / "cert.pem", files / "key.pem"]
        self.process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 20
        while True:
            with contextlib.suppress(ConnectionRefusedError):
                socket.create_connection(("127.0.0.1", self.port)).close()
                return
            assert self.process.poll() is None and time.monotonic() < deadline

    def memory(self):
        """KiB."""
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0])

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def settle(self, descriptors):
        """Wait until it has closed what its clients have."""
        deadline = time.monotonic() + 20
        while self.descriptors() > descriptors:
            assert time.monotonic() < deadline, f"{self.descriptors()} descriptors"
            time.sleep(0.01)


@pytest.fixture
def server(files):
    library = (ROOT / os.environ.get("OUT", "target/c")).resolve()
    with tempfile.TemporaryDirectory() as folder:
        program = pathlib.Path(folder) / "epoll_echo"
        subprocess.run(
            [os.environ.get("TEST_CC", "cc"), "-std=c11", "-O1", f"-I{ROOT / 'include'}"]
            + [ROOT / "examples/c/epoll_echo.c", "-o", program, f"-L{library}", "-ltlsmith"],
            check=True,
        )
        environment = {
            **os.environ,
            "LD_LIBRARY_PATH": str(library),
            # Its clients' buffers of 64 KiB go back to the system when they are free.
            "MALLOC_MMAP_THRESHOLD_": "32768",
        }
        server = Server(program, environment, files)
        yield server
        server.process.kill()
        server.process.wait()


@pytest.fixture(autouse=True)
def many_descriptors():
    most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = HALF_OPEN + 1_000
    assert most[1] >= wanted, f"{most[1]} descriptors are allowed, {wanted} are needed"
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, most)


def is_served(server, files):
    client = tlsmith.Client(trust=files / "ca.pem")
    address = ("127.0.0.1", server.port)
    with client.connect(address, timeout=20) as sock:
        sock.sendall(b"hello")
        return sock.recv() == b"hello"


def knock(port):
    """A client that says no more than the beginning of its ClientHello."""
    sock = socket.create_connection(("127.0.0.1", port))
    sock.sendall(HELLO)
    return sock


def leave(sock, how):
    if how == "reset":
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    sock.close()


def test_clients_that_come_and_go_leave_nothing(server, files):
    assert is_served(server, files)
    rng = random.Random(1)
    crowd = [knock(server.port) for _ in range(CROWD)]
    memory = []
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        for _ in range(100):
            place = rng.randrange(CROWD)
            leave(crowd[place], rng.choice(["reset", "close"]))
            crowd[place] = knock(server.port)
        assert is_served(server, files)
        memory.append(server.memory())
    for sock in crowd:
        leave(sock, rng.choice(["reset", "close"]))
    server.settle(10)
    third = len(memory) // 3
    early, late = max(memory[:third]), max(memory[-third:])
    assert late < early * 1.15, f"from {early} to {late} KiB in {len(memory)} rounds"


def test_a_good_client_is_served_beside_thousands_that_never_finish(server, files):
    with contextlib.ExitStack() as stack:
        for count in range(HALF_OPEN):
            stack.enter_context(knock(server.port))
            if count % 1_000 == 0:
                assert is_served(server, files)
        assert is_served(server, files)
    server.settle(10)
    assert is_served(server, files)
