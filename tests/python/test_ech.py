"""Encrypted ClientHellos (RFC 9849), against the server of Go's crypto/tls."""

import base64
import contextlib
import json
from pathlib import Path

import pytest
from commandline import cli
from conftest import PATIENCE
from processes import free_port, go_program, running

import tlsmith

__all__ = ["cli"]

SOURCE = Path(__file__).parent / "go" / "ech.go"
PUBLIC, SECRET = "public.example", "secret.example"


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    return go_program(SOURCE, tmp_path_factory)


@pytest.fixture
def serve(program, ca, tmp_path):
    """Starts the server with a certificate for these names: its port, and its list."""
    with contextlib.ExitStack() as stack:

        def start(*names, retry=True):
            port = free_port()
            site = ca.issue(*names)
            (tmp_path / "cert.pem").write_bytes(site.chain_pem)
            (tmp_path / "key.pem").write_bytes(site.key_pem)
            arguments = (port, "cert.pem", "key.pem", "list", str(retry).lower())
            stack.enter_context(running(program, *arguments, port=port, folder=tmp_path))
            return port, (tmp_path / "list").read_bytes()

        yield start


def outdated(configs):
    """A list that differs from `configs` in its key and its number."""
    key = bytes([9]) + bytes(31)
    return configs[:6] + b"\x05" + configs[7:11] + key + configs[43:]


def connect(client, port, name=SECRET):
    return client.connect(("127.0.0.1", port), server_name=name, timeout=PATIENCE)


def test_a_rejected_client_connects_with_the_retry_configs(client, serve):
    port, configs = serve(PUBLIC, SECRET)
    with pytest.raises(tlsmith.HandshakeError, match="sent new configurations") as rejected:
        connect(client.replace(ech=outdated(configs)), port)
    assert rejected.value.code == "handshake.ech_rejected"
    assert rejected.value.ech_retry_configs == configs
    with connect(client.replace(ech=rejected.value.ech_retry_configs), port) as sock:
        assert sock.info.ech == "accepted"
        assert sock.recv(100) == b"secret.example true"


def test_a_server_without_retry_configs_has_disabled_ech(client, serve):
    port, configs = serve(PUBLIC, SECRET, retry=False)
    with pytest.raises(tlsmith.HandshakeError, match="connect without ECH") as rejected:
        connect(client.replace(ech=outdated(configs)), port)
    assert rejected.value.code == "handshake.ech_rejected"
    assert rejected.value.ech_retry_configs is None


def test_retry_configs_of_a_server_of_another_name_are_dropped(client, serve):
    port, configs = serve(SECRET)
    with pytest.raises(tlsmith.VerifyError, match=PUBLIC) as refused:
        connect(client.replace(ech=outdated(configs)), port)
    assert refused.value.code == "verify.name_mismatch"
    assert refused.value.ech_retry_configs is None


def test_other_failures_have_no_retry_configs(client, serve):
    port, configs = serve(PUBLIC)
    with pytest.raises(tlsmith.VerifyError, match=SECRET) as refused:
        connect(client.replace(ech=configs), port)
    assert refused.value.ech_retry_configs is None


def test_the_command_line_prints_the_retry_configs(cli, ca, serve, tmp_path):
    port, configs = serve(PUBLIC, SECRET)
    (tmp_path / "ca.pem").write_bytes(ca.cert_pem)
    (tmp_path / "old").write_bytes(outdated(configs))
    address = ("connect", f"127.0.0.1:{port}", "--ca", "ca.pem", "--servername", SECRET)
    encoded = base64.b64encode(configs).decode()
    said = json.loads(cli.run(*address, "--ech", "old", "--json", code=1).stdout)
    assert (said["ech"], said["ech_retry_configs"]) == ("rejected", encoded)
    assert said["error"]["code"] == "handshake.ech_rejected"
    page = cli.run(*address, "--ech", "old", code=1).stderr
    assert encoded in page
    (tmp_path / "new").write_text(encoded)
    assert cli.json(*address, "--ech", "new")["ech"] == "accepted"
