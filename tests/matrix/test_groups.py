"""Each key exchange group with a peer of another kind, in both roles and versions."""

import functools
import threading

import pytest
from peer import announcing, finish
from processes import PATIENCE, go_program
from with_programs import PROGRAMS, Node

import tlsmith

OPENSSL_NAMES = {"secp256r1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521"}
"""What Node takes where it does not take the name of the registry."""

OF_GO = [
    "x25519",
    "secp256r1",
    "secp384r1",
    "secp521r1",
    "X25519MLKEM768",
    "SecP256r1MLKEM768",
    "SecP384r1MLKEM1024",
]


def _cells():
    for peer, groups in (("Go", OF_GO), ("Node", tlsmith.group_names())):
        for group in groups:
            for version in ("1.3",) if "MLKEM" in group else ("1.3", "1.2"):
                yield pytest.param(peer, group, version, id=f"{peer}-{group}-{version}")


CELLS = list(_cells())


def _command(peer, group, version, role, builds):
    if peer == "Go":
        build = functools.partial(go_program, PROGRAMS / "groups.go")
        return [builds.once("groups", build), role, group, version]
    name = OPENSSL_NAMES.get(group, group)
    return [Node().path(), PROGRAMS / "groups.mjs", role, name, version]


@pytest.fixture(scope="module")
def site(ca):
    """With a key that belongs to no group: a TLS 1.2 peer of OpenSSL's may refuse a
    certificate on a curve that is not among its groups (RFC 8422, section 5.1)."""
    return ca.issue("localhost", key="rsa-2048")


@pytest.fixture
def folder(tmp_path, ca, site):
    tmp_path.joinpath("cert.pem").write_bytes(site.chain_pem)
    tmp_path.joinpath("key.pem").write_bytes(site.key_pem)
    tmp_path.joinpath("ca.pem").write_bytes(ca.cert_pem)
    return tmp_path


@pytest.mark.parametrize(("peer", "group", "version"), CELLS)
def test_client_of_tlsmith_negotiates_the_group(peer, group, version, ca, folder, builds):
    command = _command(peer, group, version, "server", builds)
    client = tlsmith.Client(trust=ca, groups=[group])
    with (
        announcing(command, folder) as server,
        client.connect(("localhost", server.port), timeout=PATIENCE) as sock,
    ):
        assert sock.recv(2) == b"."
        assert (sock.info.group, sock.info.version) == (group, version)


@pytest.mark.parametrize(("peer", "group", "version"), CELLS)
def test_server_of_tlsmith_negotiates_the_group(peer, group, version, site, folder, builds):
    seen = []
    with tlsmith.Server(site, groups=[group]).listen(("127.0.0.1", 0)) as listener:

        def serve():
            sock, _ = listener.accept(handshake=True)
            with sock:
                seen.append((sock.info.group, sock.info.version))
                sock.sendall(b".")

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        command = _command(peer, group, version, "client", builds)
        finish([*command, listener.address[1]], folder)
        thread.join(PATIENCE)
    assert seen == [(group, version)]
