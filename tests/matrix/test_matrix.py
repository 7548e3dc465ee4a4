"""tlsmith with each peer, in both roles: one test for each cell of the matrix.

pytest -n auto tests/matrix                 # all of it
pytest -n auto tests/matrix -m "not heavy"  # without what takes much to install
pytest tests/matrix -k "Go and resumed"     # some
"""

import pytest
from columns import COLUMNS, Limit
from ends import Seen, Server, client, connect
from peer import Errand, assert_agree, assert_is_pattern
from with_curl import Curl
from with_gnutls import GnuTLSClient, GnuTLSServer
from with_nss import NSSClient, NSSServer
from with_openssl import OpenSSLClient, OpenSSLServer
from with_programs import Go, Java, Node, ProgramClient, ProgramServer
from with_proxies import HAProxy, Nginx
from with_python import PythonClient, PythonServer

import tlsmith

LANGUAGES = [Go(), Java(), Node()]
CLIENTS = [
    NSSClient(),
    Curl(),
    GnuTLSClient(),
    OpenSSLClient(),
    PythonClient(),
    *map(ProgramClient, LANGUAGES),
]
SERVERS = [
    NSSServer(),
    HAProxy(),
    Nginx(),
    GnuTLSServer(),
    OpenSSLServer(),
    PythonServer(),
    *map(ProgramServer, LANGUAGES),
]


def cells(peers):
    return [
        pytest.param(
            peer,
            column,
            id=f"{peer}-{column.name.replace(' ', '-')}",
            marks=[pytest.mark.heavy] if peer.heavy else [],
        )
        for peer in peers
        for column in COLUMNS
    ]


def fill(cell, peer, column, record_property):
    """Runs a cell, or proves that a limit of the peer still holds."""
    record_property("version", peer.version())
    limit = peer.limits.get(column.name)
    if limit is None:
        cell()
        return
    if limit.expect is not None:
        failure = None
        try:
            cell()
        except (AssertionError, tlsmith.Error) as error:
            failure = str(error)
        assert failure is not None, f"this works, so it is no limit: {limit.reason}"
        assert limit.expect in failure, f"not for the reason that is given: {failure}"
    record_property("limit", limit.reason)


def write(folder, ca, identity):
    (folder / "ca.pem").write_bytes(ca.cert.pem)
    (folder / "cert.pem").write_bytes(identity.chain_pem)
    (folder / "key.pem").write_bytes(identity.key_pem)


@pytest.mark.parametrize(("peer", "column"), cells(CLIENTS))
def test_server_serves(peer, column, ca, site, user, tmp_path, builds, record_property):
    write(tmp_path, ca, user)
    trust = ca if column.mutual else None

    def cell():
        with Server(site, column.version, trust, peer.pages(column)) as server:
            try:
                words = peer.talk(Errand(column, tmp_path, builds, server.port))
            except AssertionError as error:
                raise AssertionError(f"{error} (tlsmith: {server.failures})") from error
            served = server.finished()
            assert not server.failures, server.failures
        assert len(words) == len(served) == column.times
        for number, (told, (seen, request)) in enumerate(zip(words, served, strict=True)):
            assert_agree(told.seen, seen)
            assert seen.version == column.version
            assert seen.resumed == (number > 0), f"connection {number + 1}: {seen}"
            assert (seen.client is not None) == column.mutual
            if request is not None:
                down, up = peer.sizes(column)
                assert_is_pattern(told.answer.body, down)
                assert_is_pattern(request.body, up)
        assert served[-1].request is not None

    fill(cell, peer, column, record_property)


@pytest.mark.parametrize(("peer", "column"), cells(SERVERS))
def test_client_connects(peer, column, ca, site, user, tmp_path, builds, record_property):
    write(tmp_path, ca, site)
    subject = user.cert.subject if column.mutual else None

    def cell():
        seen = []
        ours = client(ca, column.version, user if column.mutual else None)
        with peer.serving(Errand(column, tmp_path, builds)) as server:
            for number in range(column.times):
                with connect(ours, server.port) as sock:
                    info = sock.info
                    told = peer.exchange(server, sock, column)
                assert info.version == column.version
                assert info.resumed == (number > 0), f"connection {number + 1}: {info}"
                seen.append(Seen(info.version, info.resumed, subject))
                assert_agree(told, seen[-1])
        reported = peer.told_at_end(tmp_path)
        if reported is not None:
            for told, one in zip(reported, seen, strict=True):
                assert_agree(told, one)

    fill(cell, peer, column, record_property)


@pytest.mark.parametrize("peer", [*CLIENTS, *SERVERS], ids=repr)
def test_limits_are_of_columns(peer):
    assert peer.limits.keys() <= {column.name for column in COLUMNS}
    assert all(isinstance(limit, Limit) and limit.reason for limit in peer.limits.values())
