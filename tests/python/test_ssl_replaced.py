"""tlsmith.ssl beside libraries that replace parts of `ssl`: gevent, eventlet and
truststore, each in a process of its own, before and after tlsmith.ssl is imported."""

import subprocess
import sys
import textwrap

import pytest
from conftest import PATIENCE

PATCHES = {
    "gevent": "import gevent.monkey; gevent.monkey.patch_all()",
    "eventlet": "import eventlet; eventlet.monkey_patch()",
    "truststore": "import truststore; truststore.inject_into_ssl()",
}

SPAWN = {
    "gevent": "import gevent; spawn = gevent.spawn; sleep = gevent.sleep",
    "eventlet": "import eventlet; spawn = eventlet.spawn; sleep = eventlet.sleep",
    "truststore": """
import threading, time
sleep = time.sleep
def spawn(function):
    threading.Thread(target=function, daemon=True).start()
""",
}

IMPORTS = {
    "ssl first": "import ssl\n{patch}\nimport tlsmith.ssl",
    "patch first": "{patch}\nimport ssl\nimport tlsmith.ssl",
    "tlsmith first": "import tlsmith.ssl\n{patch}\nimport ssl",
}

PAIR = """
import socket, tlsmith
ca = tlsmith.CA()
serving = {module}.SSLContext(ssl.PROTOCOL_TLS_SERVER)
ca.issue("localhost").configure(serving)
client = {module}.create_default_context(cadata=ca.cert.pem.decode())
listener = socket.create_server(("127.0.0.1", 0))
address = listener.getsockname()
"""

TALK = """
ticks = []
def tick():
    while True:
        ticks.append(None)
        sleep(0.001)

def serve():
    plain, _ = listener.accept()
    with serving.wrap_socket(plain, server_side=True) as tls:
        # The client waits for as long as it takes the others to have had many turns.
        begun = len(ticks)
        while len(ticks) < begun + 20:
            sleep(0.001)
        tls.sendall(b"late")
        begun = len(ticks)
        while len(ticks) < begun + 20:
            sleep(0.001)
        left = {size}
        while left:
            left -= len(tls.recv(65_536))
        tls.sendall(b"all")

spawn(tick)
spawn(serve)
sock = client.wrap_socket(
    socket.create_connection(address, timeout={patience}), server_hostname="localhost"
)
assert isinstance(sock, tlsmith.ssl.SSLSocket) and sock.info.version == "1.3"
assert sock.recv(10) == b"late"
sock.sendall(bytes({size}))
assert sock.recv(10) == b"all"
sock.close()
"""


def run(*parts):
    program = "\n".join(parts)
    command = [sys.executable, "-W", "ignore", "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, timeout=2 * PATIENCE)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("order", IMPORTS)
@pytest.mark.parametrize("library", PATCHES)
def test_contexts_work_in_any_import_order_and_yield(library, order):
    size = 4 << 20
    run(
        IMPORTS[order].format(patch=PATCHES[library]),
        SPAWN[library],
        PAIR.format(module="tlsmith.ssl"),
        TALK.format(size=size, patience=PATIENCE),
        "import _socket",
        "assert isinstance(sock, _socket.socket)",
        # The settings that the patches replace, too.
        "for context in (client, serving):",
        "    context.minimum_version = ssl.TLSVersion.TLSv1_3",
        "    context.options |= ssl.OP_NO_TICKET",
        "    context.verify_flags |= ssl.VERIFY_X509_STRICT",
        "    context.verify_mode = ssl.CERT_REQUIRED",
        "    assert type(context).__mro__[0] is tlsmith.ssl.SSLContext",
        "assert type(tlsmith.ssl._create_unverified_context()) is tlsmith.ssl.SSLContext",
    )


@pytest.mark.parametrize("library", ["gevent", "eventlet"])
def test_accept_and_timeouts_yield_to_green_threads(library):
    run(
        PATCHES[library],
        "import ssl, tlsmith.ssl",
        SPAWN[library],
        PAIR.format(module="tlsmith.ssl"),
        """
listening = serving.wrap_socket(listener, server_side=True)
got = []
def serve():
    tls, _ = listening.accept()
    got.append(tls.recv(10))
    tls.unwrap()
spawn(serve)
sock = client.wrap_socket(socket.create_connection(address), server_hostname="localhost")
sock.settimeout(0.05)
try:
    sock.recv(10)
except TimeoutError as error:
    assert str(error) == "The read operation timed out"
else:
    raise AssertionError("nothing was to be read")
sock.setblocking(False)
try:
    sock.recv(10)
except ssl.SSLWantReadError:
    pass
else:
    raise AssertionError("nothing was to be read")
sock.settimeout(30)
sock.sendall(b"hello")
assert sock.recv(10) == b"" and got == [b"hello"]
sock.unwrap()
""",
    )


@pytest.mark.parametrize("library", PATCHES)
def test_get_server_certificate_uses_tlsmith(library):
    run(
        PATCHES[library],
        "import ssl, tlsmith.ssl",
        SPAWN[library],
        PAIR.format(module="tlsmith.ssl"),
        """
def serve():
    plain, _ = listener.accept()
    serving.wrap_socket(plain, server_side=True).recv(1)
spawn(serve)
made = []
core = tlsmith.ssl.SSLContext._wrap
tlsmith.ssl.SSLContext._wrap = lambda *given: made.append(core(*given)) or made[-1]
assert "BEGIN CERTIFICATE" in tlsmith.ssl.get_server_certificate(address)
assert len(made) == 2
""",
    )


@pytest.mark.parametrize("library", PATCHES)
def test_install_refuses_a_module_that_is_replaced(library):
    run(
        PATCHES[library],
        f"""
import ssl, tlsmith, tlsmith.ssl
theirs = ssl.SSLContext
assert {library!r} in theirs.__module__
try:
    tlsmith.ssl.install()
except tlsmith.ConfigError as error:
    assert "ssl.SSLContext is {library}." in str(error), error
else:
    raise AssertionError("install() went through")
assert ssl.SSLContext is theirs
tlsmith.ssl.uninstall()
assert ssl.SSLContext is theirs
""",
    )


@pytest.mark.parametrize("library", PATCHES)
def test_replacement_after_install_derives_from_tlsmith(library):
    run(
        "import tlsmith.ssl; tlsmith.ssl.install()",
        PATCHES[library],
        "import ssl",
        SPAWN[library],
        PAIR.format(module="ssl"),
        """
def serve():
    plain, _ = listener.accept()
    tls = serving.wrap_socket(plain, server_side=True)
    tls.sendall(tls.recv(10))
    tls.close()
spawn(serve)
sock = client.wrap_socket(socket.create_connection(address), server_hostname="localhost")
assert isinstance(sock._sslobj, tlsmith.ssl._object.Core)
sock.sendall(b"hello")
assert sock.recv(10) == b"hello"
""",
    )


@pytest.mark.parametrize(
    ("library", "module"),
    [("gevent", "gevent.ssl"), ("eventlet", "eventlet.green.ssl"), ("truststore", "truststore")],
)
def test_undoing_install_emits_warning(library, module):
    run(
        f"""
import ssl, warnings, {module}
import tlsmith.ssl
tlsmith.ssl.install()
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always", RuntimeWarning)
    {PATCHES[library].replace("; ", chr(10) + "    ")}
told = [str(one.message) for one in caught if "tlsmith.ssl.install()" in str(one.message)]
assert len(told) == 1 and {library!r} in told[0], [str(one.message) for one in caught]
tlsmith.ssl.uninstall()
assert type(ssl) is type(warnings)
""",
    )


def test_ssl_wrap_socket_uses_tlsmith(identity):
    run(
        "import ssl, sys, tlsmith.ssl",
        "if hasattr(ssl, 'wrap_socket'):",
        "    import socket",
        "    sock = tlsmith.ssl.wrap_socket(socket.socket())",
        "    assert isinstance(sock, tlsmith.ssl.SSLSocket)",
        "else:",
        "    assert not hasattr(tlsmith.ssl, 'wrap_socket')",
    )


def test_non_class_replacement_after_install_warns():
    program = """
        import ssl, unittest.mock, warnings
        import tlsmith.ssl
        tlsmith.ssl.install()
        for stand_in in (unittest.mock.Mock(), lambda *arguments: None, None):
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                with unittest.mock.patch.object(ssl, "SSLContext", stand_in):
                    assert ssl.SSLContext is stand_in
            assert [one.category for one in caught] == [RuntimeWarning], caught
    """
    run(textwrap.dedent(program))
