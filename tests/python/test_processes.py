"""What takes a process of its own: forks, signals, subinterpreters, the end of the
interpreter, and what is left of ten thousand connections."""

import subprocess
import sys
import textwrap

import pytest
from conftest import PATIENCE

PRELUDE = """
import gc, os, signal, socket, sys, threading, time, weakref
import tlsmith
ca = tlsmith.CA()
server = tlsmith.Server(ca.issue("localhost", "127.0.0.1"))
client = tlsmith.Client(trust=ca)

def open_pair():
    near, far = socket.socketpair()
    made = []
    accepting = threading.Thread(target=lambda: made.append(server.wrap(far)))
    accepting.start()
    ours = client.wrap(near, "localhost")
    accepting.join()
    return ours, made[0]

def begun(function):
    started = threading.Event()
    def run():
        started.set()
        function()
    threading.Thread(target=run, daemon=True).start()
    started.wait()
"""


def run(program, status=0, patience=PATIENCE):
    """Runs a program to its end: what it prints."""
    command = [sys.executable, "-X", "faulthandler", "-c", PRELUDE + textwrap.dedent(program)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=patience)
    assert done.returncode == status, done.stderr
    for word in ("Fatal", "panicked", "FATAL", "abort", "Traceback", "Exception ignored"):
        assert word not in done.stderr, done.stderr
    return done.stdout


# Forks.


def test_exit_of_forked_child_keeps_the_connection():
    program = """
        ours, theirs = open_pair()
        listener = server.listen(("127.0.0.1", 0))
        child = os.fork()
        if child == 0:
            for call in (ours.recv, lambda: ours.send(b"x"), ours.close_write, theirs.unwrap):
                try:
                    call()
                except tlsmith.Error as error:
                    assert error.code == "state" and "forked" in str(error), error
                else:
                    os._exit(7)
            with ours:
                ours.makefile("rb").close()
            del theirs
            listener.close()
            gc.collect()
            sys.exit(3)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 3
        theirs.sendall(b"alive")
        assert ours.recv() == b"alive"
        accepting = threading.Thread(target=lambda: listener.accept(handshake=True))
        accepting.start()
        with client.connect(listener.address, timeout=20) as sock:
            assert sock.info.version == "1.3"
        accepting.join()
        ours.close()
        assert theirs.recv() == b""
        print("the parent went on")
    """
    assert run(program) == "the parent went on\n"


def test_forked_child_cannot_use_connections_of_its_parent():
    program = """
        import ssl
        import tlsmith.ssl

        near_context = tlsmith.ssl.create_default_context(cadata=ca.cert.pem.decode())
        far_context = tlsmith.ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        ca.issue("localhost").configure(far_context)
        near, far = socket.socketpair()
        made = []
        accepting = threading.Thread(
            target=lambda: made.append(far_context.wrap_socket(far, server_side=True)))
        accepting.start()
        ours = near_context.wrap_socket(near, server_hostname="localhost")
        accepting.join()
        theirs = made[0]
        bios = ssl.MemoryBIO(), ssl.MemoryBIO()
        in_bios = near_context.wrap_bio(*bios, server_hostname="localhost")
        memory, other = client.buffer("localhost"), server.buffer()
        for side, peer in ((memory, other), (other, memory)) * 3:
            while data := side.data_to_send():
                peer.receive_data(data)
        memory.write(b"x")
        child = os.fork()
        if child == 0:
            for error, calls in (
                (tlsmith.Error, (
                    memory.read, memory.data_to_send, lambda: memory.write(b"x"),
                    lambda: memory.receive_data(b"x"), lambda: memory.export("label", 32),
                    lambda: memory.info, memory.do_handshake, lambda: memory.peer_chain)),
                (ssl.SSLError, (
                    ours.recv, lambda: ours.send(b"x"), ours.unwrap, ours.do_handshake,
                    ours.pending, in_bios.do_handshake, in_bios.read)),
            ):
                for call in calls:
                    try:
                        call()
                    except error as raised:
                        assert "forked" in str(raised), raised
                    else:
                        os._exit(7)
            assert not bios[1].pending
            ours.close()
            theirs.close()
            del memory, other, in_bios
            gc.collect()
            sys.exit(3)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 3
        theirs.sendall(b"alive")
        assert ours.recv(100) == b"alive"
        ours.sendall(b"too")
        assert theirs.recv(100) == b"too"
        other.receive_data(memory.data_to_send())
        assert other.read() == b"x"
        print("the parent went on")
    """
    assert run(program) == "the parent went on\n"


def test_workers_of_multiprocessing_use_the_contexts_of_their_parent():
    program = """
        import multiprocessing

        def resumed(sock):
            with sock:
                sock.sendall(b"x")
                sock.recv()
                return sock.info.resumed

        def work(listener, answers):
            for _ in range(2):
                answers.put(resumed(listener.accept()[0]))

        forking = multiprocessing.get_context("fork")
        answers = forking.SimpleQueue()
        listener = server.listen(("127.0.0.1", 0))
        address = listener.address
        # The client has a ticket of the parent's, which the worker cannot open.
        ours, theirs = open_pair()
        theirs.sendall(b"x")
        assert ours.recv() == b"x"
        worker = forking.Process(target=work, args=(listener, answers))
        worker.start()
        for _ in range(2):
            with client.connect(address, timeout=20) as sock:
                assert sock.recv() == b"x"
        worker.join()
        assert worker.exitcode == 0
        print(answers.get(), answers.get())
    """
    assert run(program) == "False True\n"


def test_forked_child_serves_plain_socket():
    program = """
        near, far = socket.socketpair()
        child = os.fork()
        if child == 0:
            near.close()
            with server.wrap(far) as sock:
                sock.sendall(sock.recv().upper())
                assert sock.recv() == b""
            sys.exit(0)
        far.close()
        with client.wrap(near, "localhost") as sock:
            sock.sendall(b"hello")
            print(sock.recv().decode())
            sock.close_write()
        assert os.waitpid(child, 0)[1] == 0
    """
    assert run(program) == "HELLO\n"


def test_forked_workers_share_a_listener_that_the_parent_closes():
    program = """
        listener = server.listen(("127.0.0.1", 0))
        address = listener.address
        children = []
        for _ in range(2):
            children.append(os.fork())
            if children[-1] == 0:
                with listener.accept()[0] as sock:
                    sock.sendall(b"hello")
                    sock.recv()
                listener.close()
                os._exit(0)
        listener.close()
        for _ in children:
            with client.connect(address, timeout=20) as sock:
                assert sock.recv() == b"hello"
        for child in children:
            assert os.waitpid(child, 0)[1] == 0
        print("served")
    """
    assert run(program) == "served\n"


# The end of the interpreter.


@pytest.mark.parametrize("blocked_in", ["recv", "accept", "handshake", "sendall", "connect"])
@pytest.mark.parametrize("woken", [False, True])
def test_the_interpreter_ends_while_threads_are_blocked(blocked_in, woken):
    program = f"""
        blocked_in, woken = {blocked_in!r}, {woken!r}
        near, far = socket.socketpair()
        ours, theirs = open_pair()
        listener = server.listen(("127.0.0.1", 0))
        silent = socket.create_server(("127.0.0.1", 0))
        shaking = client.wrap(near, "localhost", handshake=False)
        begun({{
            "recv": ours.recv,
            "accept": listener.accept,
            "handshake": shaking.do_handshake,
            "sendall": lambda: ours.sendall(bytes(100_000_000)),
            "connect": lambda: client.connect(silent.getsockname()),
        }}[blocked_in])
        class Last:
            def __del__(self):
                # The module's objects go when threads cannot run any more.
                if woken:
                    far.sendall(b"nonsense" * 10)
                    theirs.close()
                    os.kill(os.getpid(), signal.SIGCHLD)
                    time.sleep(0.05)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        last = Last()
        sys.last = last
        sys.exit(5)
    """
    run(program, status=5)


def test_objects_of_all_kinds_outlive_the_module():
    program = """
        ours, theirs = open_pair()
        listener = server.listen(("127.0.0.1", 0))
        memory = client.buffer("localhost")
        class Holder: pass
        cycle = Holder()
        def hook(*_):
            return cycle
        cycle.all = [tlsmith.Server(ca.issue("x"), on_hello=hook, keylog=hook), ours, memory, cycle]
        cycle.file = theirs.makefile("rwb")
        cycle.file.write(b"not flushed")
        sys.modules["kept"] = cycle
        threading.local().kept = memory
        memory.data_to_send()
        print("done")
    """
    assert run(program) == "done\n"


def test_a_signal_handler_that_raises_ends_the_wait_and_nothing_else():
    program = """
        class Rung(Exception): pass
        def ring(*_):
            raise Rung
        signal.signal(signal.SIGALRM, ring)
        ours, theirs = open_pair()
        for timeout in (None, 20):
            ours.settimeout(timeout)
            signal.setitimer(signal.ITIMER_REAL, 0.05)
            try:
                ours.recv()
            except Rung:
                print("rung")
        theirs.sendall(b"still there")
        print(ours.recv().decode())
        signal.signal(signal.SIGALRM, lambda *_: theirs.sendall(b"later"))
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        print(ours.recv().decode())
    """
    assert run(program) == "rung\nrung\nstill there\nlater\n"


def test_signal_handler_cannot_use_the_handshaking_connection():
    program = """
        near, far = socket.socketpair()
        ours = client.wrap(near, "localhost", handshake=False)
        def ring(*_):
            for call in (ours.recv, ours.do_handshake, lambda: ours.send(b"x"), ours.close_write):
                try:
                    call()
                except tlsmith.Error as error:
                    print(error.code)
            ours.close()
        signal.signal(signal.SIGALRM, ring)
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        try:
            ours.do_handshake()
        except tlsmith.Error as error:
            print(error)
    """
    *codes, last = run(program).splitlines()
    assert codes == ["state"] * 4
    assert last == "the socket was closed during this call"


# Memory.


def test_ten_thousand_connections_leave_nothing():
    program = """
        import ctypes, resource, ssl
        import tlsmith.ssl

        anew = tlsmith.Client(trust=ca, resume=False)
        stranger = tlsmith.Client(trust=tlsmith.CA())
        near = tlsmith.ssl.create_default_context(cadata=ca.cert.pem.decode())
        far = tlsmith.ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        ca.issue("localhost").configure(far)

        def carry(*sides):
            for side, other in (sides, sides[::-1]) * 3:
                # No bytes would be the end of them.
                while data := side.data_to_send():
                    other.receive_data(data)

        def in_memory(client, resumed):
            ours, theirs = client.buffer("localhost"), server.buffer()
            carry(ours, theirs)
            ours.write(b"x")
            carry(ours, theirs)
            assert theirs.read() == b"x" and ours.info.resumed is resumed

        def refused():
            ours, theirs = stranger.buffer("localhost"), server.buffer()
            carry(ours, theirs)
            for side in (ours, theirs):
                try:
                    side.do_handshake()
                except tlsmith.Error:
                    continue
                raise AssertionError

        def as_ssl():
            ways = ssl.MemoryBIO(), ssl.MemoryBIO()
            ours = near.wrap_bio(*ways, server_hostname="localhost")
            theirs = far.wrap_bio(*reversed(ways), server_side=True)
            for side in (ours, theirs) * 2:
                try:
                    side.do_handshake()
                except ssl.SSLWantReadError:
                    pass
            ours.write(b"x")
            assert theirs.read() == b"x"

        def on_sockets():
            ours, theirs = open_pair()
            ours.close()
            assert theirs.recv() == b""

        def connect(count):
            for _ in range(count // 5):
                in_memory(anew, False)
                in_memory(client, True)
                refused()
                as_ssl()
                on_sockets()

        def kilobytes():
            gc.collect()
            ctypes.CDLL(None).malloc_trim(0)
            with open("/proc/self/statm") as file:
                return int(file.read().split()[1]) * resource.getpagesize() // 1024

        def descriptors():
            return len(os.listdir("/proc/self/fd"))

        in_memory(client, False)
        connect(1_000)
        before, open_before = kilobytes(), descriptors()
        connect(10_000)
        assert descriptors() == open_before
        print(kilobytes() - before)
    """
    grown = int(run(program, patience=10 * PATIENCE))
    assert grown < 512, f"{grown} KiB, {grown * 1024 // 10_000} bytes of each"
