"""Arguments: what type checkers see of them, what help() shows, and complaints that
name them."""

import ast
import inspect
import os
import pydoc
import re
import subprocess
import sys
import typing

import pytest
from conftest import socketpair

import tlsmith

# What is wrong in a line comes behind it: what mypy says, and pyright.
PROGRAM = """
import asyncio
from typing import assert_type
import tlsmith

client, ca = tlsmith.Client(), tlsmith.CA()
site = ca.issue("localhost")
server = tlsmith.Server(site)

tlsmith.connect("h", 443, trsut="ca.pem")  # "trsut"
tlsmith.connect("h", alpn=5)  # "alpn"
tlsmith.listen(("", 1), site, client_trst="x")  # "client_trst"
tlsmith.Client(trsut="ca.pem")  # "trsut"
client.replace(trsut="ca.pem")  # "trsut"
server.replace(client_trst="ca.pem")  # "client_trst"
ca.issue_client("a@b.c", vald="1d")  # "vald"
ca.issue_client("a@b.c", valid=5)  # "valid"
ca.sign("request.pem", nmaes=["x"])  # "nmaes"
tlsmith.aio.open_connection("h", clinet=client)  # "clinet"
tlsmith.aio.start_server(print, ("", 1), server, backlgo=5)  # "backlgo"
wrong: int = client.connect(("h", 1)).info.version  # "int"
site.write("certs").crt  # "crt"
client.buffer("h", sni=True)  # "sni"
client.buffer("h", session=b"x")  # "session"
server.replace(session_store={})  # "session_store"
tlsmith.listen(("", 1), site, on_hello=lambda hello: "x")  # "on_hello"

info = client.connect(("h", 1)).info
assert_type(info.cipher, str)
assert_type(info.alpn, str | None)
assert_type(info.resumed, bool)
files = site.write("certs")
assert_type(files.cert, str)
assert_type(files.key, str | None)
assert_type(files, tlsmith.Files)


def choose(hello: tlsmith.ClientHello) -> tlsmith.Identity:
    assert_type(hello.server_name, str | None)
    assert_type(hello.alpn, tuple[str, ...])
    return site


class Store:
    def __init__(self) -> None:
        self.values: dict[bytes, bytes] = {}

    def put(self, id: bytes, value: bytes, lifetime: int) -> None:
        self.values[id] = value

    def take(self, id: bytes) -> bytes | None:
        return self.values.pop(id, None)


store: tlsmith.SessionStore = Store()
tlsmith.Server(site, ticket_keys=[bytes(32)], session_store=store)
session = client.connect(("h", 1)).session
assert_type(session, tlsmith.Session | None)
sessions: list[tlsmith.Session] = []
client.replace(on_session=sessions.append).connect(("h", 1), session=sessions[0])
assert_type(sessions[0].lifetime, int)
tlsmith.connect("h", trust=ca, alpn=["h2"], timeout=None, sni=False)
client.connect(("h", 1), sni="front", alpn=(), identity=site)
accepted, _ = tlsmith.listen(("", 1), site).accept(alpn=["h2"], identity=site)
assert_type(accepted.receive_hello(), tlsmith.ClientHello)
accepted.select(tlsmith.Selection(server, alpn=["h2"]))
accepted.refuse(40)
server.buffer(alpn=["h2"]).select(site)
tlsmith.listen(("", 1), site, on_hello=choose, client_trust="ca.pem")
assert_type(client.replace(trust="ca.pem", max_version="1.2"), tlsmith.Client)
assert_type(server.replace(identity=[site], tickets=0), tlsmith.Server)
ca.issue_client("a@b.c", valid="1d", key="ed25519")
tlsmith.testing.bad("expired")
tlsmith.ssl.install()


async def main() -> None:
    reader, writer = await tlsmith.aio.open_connection("h", client=client, family=0)
    reader, writer = await tlsmith.aio.start_tls(reader, writer, server)
    assert_type(reader, asyncio.StreamReader)
"""


def expected_complaints():
    """By the number of the line, a word of the complaint."""
    lines = enumerate(PROGRAM.splitlines(), 1)
    found = {number: re.search(r'# "(\w+)"$', line) for number, line in lines}
    return {number: match[1] for number, match in found.items() if match}


@pytest.fixture
def program(tmp_path):
    path = tmp_path / "program.py"
    path.write_text(PROGRAM)
    return path


@pytest.fixture(params=["mypy", "pyright"])
def complaints(request, program):
    """What a type checker says about each line."""
    if request.param == "mypy":
        command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", os.devnull]
        command.append("--disable-error-code=unused-coroutine")
    else:
        folder = os.path.dirname(sys.executable)
        command = [os.path.join(folder, "pyright"), "--pythonpath", sys.executable]
    package = os.path.dirname(os.path.dirname(tlsmith.__file__))
    path = {"MYPYPATH": package} if "site-packages" not in package else {}
    if path:
        (program.parent / "pyrightconfig.json").write_text(f'{{"extraPaths": ["{package}"]}}')
    done = subprocess.run(
        [*command, str(program)],
        env={**os.environ, **path},
        cwd=program.parent,
        capture_output=True,
        text=True,
    )
    found = {}
    for line in done.stdout.splitlines():
        if match := re.search(r"program\.py:(\d+):.*error: (.*)", line):
            found.setdefault(int(match[1]), []).append(match[2])
    assert found, done.stdout + done.stderr
    return found


def test_type_checkers_catch_what_is_misspelt_and_nothing_else(complaints):
    expected = expected_complaints()
    assert len(expected) == 17
    assert set(complaints) == set(expected), complaints
    for number, word in expected.items():
        assert any(word in sentence for sentence in complaints[number]), complaints[number]


# Functions that hand arguments on.


def parameters(function):
    return dict(inspect.signature(function).parameters)


@pytest.mark.parametrize(
    ("function", "target", "own", "less"),
    [
        (tlsmith.connect, tlsmith.Client, {"host", "port", "timeout", "server_name", "sni"}, set()),
        (tlsmith.listen, tlsmith.Server, {"address", "backlog", "handshake_timeout"}, set()),
        (tlsmith.CA.issue_client, tlsmith.CA.issue, set(), {"usage"}),
    ],
)
def test_arguments_are_handed_on_as_they_are(function, target, own, less):
    ours, theirs = parameters(function), parameters(target)
    assert set(ours) == (set(theirs) - less) | own
    for name in set(ours) - own:
        assert ours[name] == theirs[name], name
        assert name == "self" or f"{name}:" in pydoc.plain(pydoc.render_doc(function))


@pytest.mark.parametrize("side", ["Client", "Server"])
def test_replace_takes_the_constructor_arguments(side):
    # Only type checkers import it, so the words are compared.
    path = os.path.join(os.path.dirname(tlsmith.__file__), "_keywords.py")
    with open(path) as file:
        classes = [one for one in ast.parse(file.read()).body if isinstance(one, ast.ClassDef)]
    found = {
        line.target.id: ast.unparse(line.annotation)
        for one in classes
        if one.name in ("_BothArguments", f"{side}Arguments")
        for line in one.body
        if isinstance(line, ast.AnnAssign)
    }
    arguments = parameters(getattr(tlsmith, side))
    assert found == {name: one.annotation for name, one in arguments.items()}
    with pytest.raises(TypeError, match="trsut"):
        tlsmith.Client().replace(trsut="ca.pem")


def test_values_are_what_their_types_say():
    expected = {"Files": 5, "ClientHello": 6, "Info": 9, "Selection": 3}
    for name, count in expected.items():
        kind = getattr(tlsmith, name)
        assert kind.__name__ == name and len(kind._fields) == count
        assert all(re.search(rf"^    {field}\s", kind.__doc__, re.M) for field in kind._fields)
    assert typing.get_type_hints(tlsmith.Info) == {}


# Complaints.

PAIR = ("localhost", 443)


def calls(ca, identity):
    """Calls with something of the wrong kind, by what their complaint begins with."""
    client, server, key, cert = tlsmith.Client(trust=ca), tlsmith.Server, identity.key, ca.cert
    trust, csr = tlsmith.Trust.roots(ca), tlsmith.CSR("localhost")
    yield "the host of an address must be", lambda: tlsmith.connect(PAIR, trust=ca)
    yield "the host of an address must be", lambda: client.connect((PAIR, 443))
    yield "the host of an address must be", lambda: server(identity).listen((b"localhost", 443))
    yield "timeout must be", lambda: client.connect(PAIR, timeout="5")
    yield "server_name must be", lambda: client.connect(PAIR, server_name=PAIR)
    yield "server_name must be", lambda: client.buffer(PAIR)
    yield "server_name must be", lambda: client.wrap(socketpair()[0], 5)
    yield "received must be", lambda: client.wrap(socketpair()[0], "x", received="x")
    yield "early_data must be", lambda: client.connect(PAIR, early_data="x")
    yield "backlog must be", lambda: server(identity).listen(("127.0.0.1", 0), backlog="x")
    yield "reuse_port must be", lambda: server(identity).listen(("127.0.0.1", 0), reuse_port=1)
    wrong = {
        "identity": (5, "x"),
        "min_version": (1.2,),
        "max_version": (PAIR,),
        "alpn": (5,),
        "groups": (5,),
        "ciphers": (5,),
        "verify_schemes": (5,),
        "signing_schemes": (5,),
        "match_issuer": (1,),
        "max_fragment": ("x", True),
        "check_hostname": (1,),
        "allow_common_name": (1,),
        "pins": (5,),
        "max_depth": ("x",),
        "min_security": ("x", 128.0),
        "strict": (1,),
        "ech": (5,),
        "resume": ("x", 1.5, None),
        "early_data": ("x",),
        "keylog": (5,),
        "now": ("x",),
    }
    for name, values in wrong.items():
        for value in values:
            arguments = {"trust": ca, name: value}
            yield f"{name} must be", lambda arguments=arguments: tlsmith.Client(**arguments)
    wrong = {
        "identity": (5,),
        "client_auth": (5,),
        "omit_certificate_authorities": (1,),
        "insecure_allow_unverified_clients": (1,),
        "ignore_unknown_alpn": (1,),
        "prefer_own_ciphers": (1,),
        "match_issuer": (1,),
        "require_known_name": ("x",),
        "resume": ("x",),
        "share_sessions": (5, identity),
        "tickets": ("x", True),
        "ticket_keys": (5,),
        "early_data": ("x",),
        "ocsp": ("x",),
        "on_hello": (5,),
    }
    for name, values in wrong.items():
        for value in values:
            arguments = {"identity": identity, name: value}
            yield f"{name} must be", lambda arguments=arguments: server(**arguments)
    yield "each of ticket_keys must be", lambda: server(identity, ticket_keys=["x"])
    yield "each of alpn must be", lambda: server(identity, alpn=[5])
    yield "each of identity must be", lambda: server([5])
    yield "each of pins must be", lambda: tlsmith.Client(trust=ca, pins=[5])
    wrong = {
        "key": 5,
        "valid": 5,
        "usage": 5,
        "common_name": 5,
        "organization": PAIR,
        "crl_url": 5,
        "ocsp_url": PAIR,
        "must_staple": 1,
        "serial": "x",
        "extensions": 5,
        "outlive_ca": "x",
    }
    for name, value in wrong.items():
        arguments = {name: value}
        yield f"{name} must be", lambda arguments=arguments: ca.issue("x", **arguments)
    yield "each of names must be", lambda: ca.issue(PAIR)
    yield "each of names must be", lambda: tlsmith.CSR(5)
    yield "each key of extensions must be", lambda: ca.issue("x", extensions={5: b""})
    yield "name must be", lambda: tlsmith.CA(5)
    yield "path_len must be", lambda: tlsmith.CA(path_len="x")
    yield "permit must be", lambda: ca.intermediate(permit=5)
    yield "ca must be", lambda: tlsmith.CSR("x", ca="x")
    yield "copy_extensions must be", lambda: ca.sign(csr, copy_extensions=1)
    yield "names must be", lambda: ca.sign(csr, names=5)
    yield "reason must be", lambda: ca.revoke(5, reason=5)
    yield "number must be", lambda: ca.crl(number="x")
    yield "the entry of a CRL must be", lambda: "x" in ca.crl()
    yield "hostname must be", lambda: cert.matches(5)
    yield "issuer must be", lambda: cert.issued_by(5)
    yield "type must be", lambda: tlsmith.Key.generate(5)
    for kind in (tlsmith.Certificate, tlsmith.Key, tlsmith.CRL):
        yield "pem must be", lambda kind=kind: kind.from_pem("x")
        yield "der must be", lambda kind=kind: kind.from_der("x")
    yield "a password must be", lambda: key.encrypted_pem(5)
    yield "name must be", lambda: identity.pkcs12("x", 5)
    yield "legacy must be", lambda: identity.pkcs12("x", legacy=1)
    yield "name must be", lambda: identity.write("certs", name=5)
    yield "hostname must be", lambda: trust.verify(identity, hostname=5)
    yield "usage must be", lambda: trust.verify(identity, usage=5)
    yield "chain must be", lambda: trust.verify(5)
    yield "each of chain must be", lambda: trust.verify([5])
    yield "roots must be", lambda: tlsmith.Trust(5)
    yield "max_depth must be", lambda: trust.verify(identity, max_depth="x")
    yield "label must be", lambda: client.buffer("x").export(5, 5)
    yield "timeout must be", lambda: tlsmith.inspect(PAIR, timeout="x")


def test_type_error_names_the_argument(ca, identity):
    for beginning, call in calls(ca, identity):
        with pytest.raises(TypeError) as caught:
            call()
        sentence = str(caught.value)
        assert sentence.startswith(beginning), sentence
        assert "not an instance of" not in sentence
