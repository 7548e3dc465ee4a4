"""Servers in several processes that share their sessions in Redis: examples/c/fleet.c and
examples/python/fleet.py, alone and together, judged by OpenSSL's client."""

import contextlib
import os
import subprocess
import sys

import pytest
import redis
from conftest import PATIENCE
from processes import ROOT, c_program, free_port, running, tool


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """A Redis server of its own."""
    port = free_port()
    folder = tmp_path_factory.mktemp("redis")
    command = [tool("redis-server", "redis-server"), "--port", port, "--bind", "127.0.0.1"]
    with running(*command, "--save", "", "--dir", folder, port=port, folder=folder):
        with redis.Redis(port=port) as client:
            yield client


def server_in(language, folder):
    """The command of a server, and its environment."""
    if language == "python":
        return [sys.executable, ROOT / "examples/python/fleet.py"], None
    program, environment = c_program(ROOT / "examples/c/fleet.c", folder)
    return [program], environment


@pytest.fixture(
    scope="module",
    params=[("python", "python"), ("c", "c"), ("c", "python")],
    ids=["python", "c", "c-and-python"],
)
def fleet(request, localhost, store, tmp_path_factory):
    """The ports of two servers."""
    folder = tmp_path_factory.mktemp("fleet")
    files = localhost.write(folder, name="server")
    ticket_key = folder / "ticket.key"
    ticket_key.write_bytes(os.urandom(32))
    redis_port = store.connection_pool.connection_kwargs["port"]
    with contextlib.ExitStack() as servers:
        ports = []
        for name, language in zip(("one", "two"), request.param, strict=True):
            port = free_port()
            own = folder / name
            own.mkdir()
            program, environment = server_in(language, own)
            command = [*program, port, files.cert, files.key, ticket_key, redis_port]
            servers.enter_context(running(*command, port=port, folder=own, env=environment))
            ports.append(port)
        yield ports


class Client:
    """`openssl s_client`, whose session is in a file."""

    def __init__(self, folder, ca_file):
        self.session = folder / "session.pem"
        self.early = folder / "early"
        self.early.write_text("once")
        self.ca_file = ca_file

    def ask(self, port, *options):
        """What the server answers, and what the client says of the connection."""
        command = ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-CAfile", self.ca_file]
        command += ["-servername", "localhost", "-verify_return_error", "-ign_eof", *options]
        done = subprocess.run(
            list(map(str, command)), capture_output=True, timeout=PATIENCE, input=b"", check=False
        )
        text = done.stdout.decode()
        answer = [line for line in text.splitlines() if line.startswith("server ")]
        assert len(answer) == 1, (text, done.stderr)
        return answer[0], text


@pytest.fixture
def client(tmp_path, ca_file):
    return Client(tmp_path, ca_file)


def server_of(answer):
    return answer.split(",")[0]


def test_servers_resume_sessions_of_each_other(fleet, client):
    for version in ("-tls1_2", "-tls1_3"):
        first, _ = client.ask(fleet[0], version, "-sess_out", client.session)
        assert ", new," in first
        second, text = client.ask(fleet[1], version, "-sess_in", client.session)
        assert ", resumed," in second and "Reused, TLSv1." in text
        assert server_of(first) != server_of(second)


def test_tls13_session_is_resumed_once_across_servers(fleet, client):
    client.ask(fleet[0], "-tls1_3", "-sess_out", client.session)
    outcomes = [client.ask(port, "-sess_in", client.session)[0] for port in [*fleet, *fleet]]
    assert [", resumed," in answer for answer in outcomes] == [True, False, False, False]


def test_early_data_is_accepted_once_in_the_whole_fleet(fleet, client):
    for first, second in (fleet, reversed(fleet)):
        client.ask(first, "-tls1_3", "-sess_out", client.session)
        replay = ["-sess_in", client.session, "-early_data", client.early]
        answer, text = client.ask(second, *replay)
        assert answer.endswith("early data 'once'") and "Early data was accepted" in text
        for port in (first, second):
            answer, text = client.ask(port, *replay)
            assert answer.endswith("early data ''") and "Early data was rejected" in text


def test_stored_values_are_opaque_and_expire(fleet, store, client):
    store.flushall()
    client.ask(fleet[0], "-tls1_3", "-sess_out", client.session)
    keys = store.keys()
    assert len(keys) == 2, "one for each ticket"
    for key in keys:
        assert 7100 < store.ttl(key) <= 7200
        assert b"localhost" not in store.get(key)


def test_values_that_were_exchanged_or_changed_do_not_resume(fleet, store, client):
    store.flushall()
    client.ask(fleet[0], "-tls1_3", "-sess_out", client.session)
    (one, first), (other, second) = ((key, store.get(key)) for key in store.keys())
    store.set(one, second)
    store.set(other, first)
    assert ", new," in client.ask(fleet[1], "-sess_in", client.session)[0]
    for change in (lambda value: b"", lambda value: value[:-1], lambda value: b"\0" * 70_000):
        store.flushall()
        client.ask(fleet[0], "-tls1_3", "-sess_out", client.session)
        for key in store.keys():
            store.set(key, change(store.get(key)))
        assert ", new," in client.ask(fleet[1], "-sess_in", client.session)[0]
