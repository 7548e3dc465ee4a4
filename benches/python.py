"""How much CPU time tlsmith.ssl takes for what the standard library's ssl does.

Each figure is the CPU time of one thread on one side of a socket; the other side
is a process with the standard library's ssl, the same for both.  Rounds of the two
take turns, and the ratio is taken within each round: the table has medians.

    python benches/python.py [--quick]
"""

import argparse
import contextlib
import functools
import os
import socket
import ssl
import statistics
import sys
import tempfile
import threading
import time

import tlsmith
import tlsmith.ssl

AUTHORITY = tlsmith.CA()
IDENTITY = AUTHORITY.issue("localhost")
CHUNK = 65_536
MODULES = {"ssl": ssl, "tlsmith": tlsmith.ssl}


def client_context(module):
    return module.create_default_context(cadata=AUTHORITY.cert.pem.decode())


def server_context(module):
    context = module.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    IDENTITY.configure(context)
    return context


@contextlib.contextmanager
def peer(serve):
    """A process that serves one socket: this side of it."""
    near, far = socket.socketpair()
    pid = os.fork()
    if pid == 0:
        near.close()
        try:
            serve(far)
        finally:
            os._exit(0)
    far.close()
    try:
        yield near
    finally:
        near.close()
        os.waitpid(pid, 0)


@contextlib.contextmanager
def acceptor(serve):
    """A process that serves every connection to an address: the address."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=512)
    pid = os.fork()
    if pid == 0:
        with contextlib.suppress(OSError):
            while True:
                sock, _ = listener.accept()
                with contextlib.suppress(OSError):
                    serve(prompt(sock))
        os._exit(0)
    address = listener.getsockname()
    try:
        yield address
    finally:
        os.kill(pid, 9)
        os.waitpid(pid, 0)
        listener.close()


def dial(address):
    return prompt(socket.create_connection(address))


def prompt(sock):
    """A socket that sends at once: a thread that waits meanwhile, cools down."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def cpu(work):
    """CPU seconds of this thread."""
    before = time.thread_time()
    work()
    return time.thread_time() - before


# Handshakes.


def as_client(module, count, resume):
    """Handshakes of a client, in seconds each; one byte comes with the tickets."""
    theirs = server_context(ssl)
    if not resume:
        theirs.num_tickets = 0

    def serve(sock):
        with theirs.wrap_socket(sock, server_side=True) as tls:
            tls.sendall(b"x")
            tls.recv(1)

    ours = client_context(module)
    session = None
    spent = 0.0
    with acceptor(serve) as address:
        for index in range(count + 1):
            sock = dial(address)
            before = time.thread_time()
            tls = ours.wrap_socket(sock, server_hostname="localhost", session=session)
            tls.recv(1)
            if index > 0:
                spent += time.thread_time() - before
                assert tls.session_reused == resume
            if resume and module is ssl:
                session = tls.session
            tls.close()
    return spent / count


def as_server(module, count, resume):
    """Handshakes of a server, in seconds each."""
    theirs = client_context(ssl)
    ours = server_context(module)
    listener = socket.create_server(("127.0.0.1", 0))
    pid = os.fork()
    if pid == 0:
        session = None
        for _ in range(count + 1):
            sock = dial(listener.getsockname())
            tls = theirs.wrap_socket(sock, server_hostname="localhost", session=session)
            tls.recv(1)
            session = tls.session if resume else None
            tls.close()
        os._exit(0)
    spent = 0.0
    for index in range(count + 1):
        sock = prompt(listener.accept()[0])
        before = time.thread_time()
        tls = ours.wrap_socket(sock, server_side=True)
        tls.sendall(b"x")
        if index > 0:
            spent += time.thread_time() - before
        with contextlib.suppress(OSError):
            tls.recv(1)
        tls.close()
    os.waitpid(pid, 0)
    listener.close()
    return spent / count


# Data.


@contextlib.contextmanager
def connected(module, is_server, serve):
    """Our side of a connection, whose other side `serve` has."""
    contexts = (server_context, client_context) if is_server else (client_context, server_context)
    ours, theirs = contexts[0](module), contexts[1](ssl)

    def options(server):
        return {"server_side": True} if server else {"server_hostname": "localhost"}

    def other(sock):
        with theirs.wrap_socket(sock, **options(not is_server)) as tls:
            serve(tls)

    with peer(other) as near, ours.wrap_socket(near, **options(is_server)) as tls:
        yield tls


def drain(tls):
    buffer = bytearray(CHUNK)
    while tls.recv_into(buffer):
        pass


def flood(total, tls):
    for _ in range(total // CHUNK):
        tls.sendall(bytes(CHUNK))
    tls.recv(1)


def sending(module, megabytes, is_server):
    data = bytes(CHUNK)
    with connected(module, is_server, drain) as tls:

        def work():
            for _ in range(megabytes * 16):
                tls.sendall(data)

        return cpu(work)


def receiving(module, megabytes, is_server):
    total = megabytes << 20
    with connected(module, is_server, functools.partial(flood, total)) as tls:
        buffer = bytearray(CHUNK)

        def work():
            left = total
            while left:
                left -= tls.recv_into(buffer, min(left, CHUNK))

        spent = cpu(work)
        tls.sendall(b"x")
        return spent


def ping_pong(module, count):
    """Both sides in one thread, so that nobody waits: what is timed is our calls."""
    near, far = socket.socketpair()
    contexts = client_context(module), server_context(ssl)
    accepted = []
    accepting = threading.Thread(
        target=lambda: accepted.append(contexts[1].wrap_socket(far, server_side=True))
    )
    accepting.start()
    with contexts[0].wrap_socket(near, server_hostname="localhost") as tls:
        accepting.join()
        (peer,) = accepted
        data = bytes(100)
        spent = 0.0
        for _ in range(count):
            before = time.perf_counter()
            tls.sendall(data)
            between = time.perf_counter()
            peer.sendall(peer.recv(1024))
            after = time.perf_counter()
            tls.recv(1024)
            spent += between - before + time.perf_counter() - after
        peer.close()
        return spent


def like_requests(module, count):
    """What requests does for each connection: a new context with the big bundle,
    everything set anew."""
    theirs = server_context(ssl)

    def serve(sock):
        with theirs.wrap_socket(sock, server_side=True) as tls:
            tls.sendall(b"x")
            tls.recv(1)

    with tempfile.NamedTemporaryFile() as bundle, acceptor(serve) as address:
        with open("/etc/ssl/certs/ca-certificates.crt", "rb") as system:
            bundle.write(system.read() + AUTHORITY.cert.pem)
        bundle.flush()

        def work():
            for _ in range(count):
                context = module.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
                context.options |= ssl.OP_NO_COMPRESSION
                context.verify_mode = ssl.CERT_REQUIRED
                context.check_hostname = True
                context.load_verify_locations(bundle.name)
                context.set_alpn_protocols(["http/1.1"])
                sock = dial(address)
                with context.wrap_socket(sock, server_hostname="localhost") as tls:
                    tls.recv(1)

        work()
        return cpu(work) / count


def rows(scale):
    """What is measured: its name, the figure that it has to reach, the function."""
    handshakes, megabytes = 40 * scale, 32 * scale
    yield "handshake, client", 0.55, lambda m: as_client(m, handshakes, False)
    yield "handshake, server", 0.55, lambda m: as_server(m, handshakes, False)
    yield "resumed, client", 0.35, lambda m: as_client(m, handshakes, True)
    yield "resumed, server", None, lambda m: as_server(m, handshakes, True)
    yield "send 64 KiB, client", 0.6, lambda m: sending(m, megabytes, False)
    yield "send 64 KiB, server", 0.6, lambda m: sending(m, megabytes, True)
    yield "receive 64 KiB, client", 0.9, lambda m: receiving(m, megabytes, False)
    yield "receive 64 KiB, server", 0.9, lambda m: receiving(m, megabytes, True)
    yield "100 bytes there and back", 0.8, lambda m: ping_pong(m, 2_000 * scale)
    yield "connection as requests makes it", 0.2, lambda m: like_requests(m, 10 * scale)


def linear():
    """How much longer 64 MiB in one sendall() take than 16 times 4 MiB."""
    times = []
    for size in (4 << 20, 64 << 20):
        with connected(tlsmith.ssl, False, drain) as tls:
            data = bytes(size)
            times.append(cpu(lambda: tls.sendall(data)))  # noqa: B023
    return times[1] / (16 * times[0])


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="fewer rounds of less")
    quick = parser.parse_args().quick
    rounds, scale = (3, 1) if quick else (7, 4)
    python = sys.version.split()[0]
    print(f"tlsmith {tlsmith.__version__} against {ssl.OPENSSL_VERSION}, Python {python}")
    title = f"CPU time, medians of {rounds} rounds"
    print(f"{title:<34}{'ssl':>10}{'tlsmith':>10}{'ratio':>8}  goal")
    for name, goal, measure in rows(scale):
        found = {"ssl": [], "tlsmith": []}
        for turn in range(rounds):
            order = list(MODULES.items())
            for key, module in order if turn % 2 == 0 else reversed(order):
                found[key].append(measure(module))
        theirs, ours = (statistics.median(found[key]) * 1000 for key in ("ssl", "tlsmith"))
        ratios = (b / a for a, b in zip(found["ssl"], found["tlsmith"], strict=True))
        ratio = statistics.median(ratios)
        print(f"{name:<34}{theirs:>8.2f}ms{ours:>8.2f}ms{ratio:>8.2f}  {goal or ''}", flush=True)
    print(f"{'sendall of 64 MiB, per MiB of 4':<34}{linear():>28.2f}")


if __name__ == "__main__":
    assert threading.active_count() == 1
    main()
