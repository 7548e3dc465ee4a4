"""Servers that look at what a client says first, and choose who answers."""

import ssl

import pytest
from conftest import memory_pair, open_pair, socketpair, ssl_context, thread

import tlsmith


@pytest.fixture
def sites(ca):
    return {name: ca.issue(name) for name in ("a.example", "b.example", "c.example")}


def refusal(server, client, name="localhost"):
    """What both sides raise over a socket."""
    near, far = socketpair()

    def serve():
        with pytest.raises(Exception) as caught:
            server.wrap(far)
        return caught.value

    with thread(serve) as serving:
        with pytest.raises(tlsmith.Error) as caught:
            client.wrap(near, name)
    return serving.result, caught.value


def test_sni_selects_among_identities(client, sites):
    server = tlsmith.Server(list(sites.values()))
    for name, site in sites.items():
        with open_pair(client, server, name) as (ours, theirs):
            assert ours.peer == site.cert
            assert theirs.info.server_name == name
    _, error = refusal(server, client, "d.example")
    assert error.reason == "name_mismatch"


def test_require_known_name_rejects_unknown_names(client, sites):
    server = tlsmith.Server(list(sites.values()), require_known_name=True)
    with open_pair(client, server, "b.example") as (ours, _):
        assert ours.peer == sites["b.example"].cert
    error, alert = refusal(server, client, "d.example")
    assert "d.example" in str(error)
    assert (alert.alert, alert.alert_number) == ("unrecognized_name", 112)


def test_on_hello_selects_identity_server_or_none(client, sites, identity):
    made = []

    def make(name):
        made.append(name)
        return ca.issue(name)

    ca = tlsmith.CA()
    issued = {}

    def choose(hello):
        if hello.server_name == "localhost":
            return None
        if hello.server_name == "b.example":
            return tlsmith.Server(sites["b.example"], alpn=["b"], max_version="1.2")
        if hello.server_name not in issued:
            issued[hello.server_name] = make(hello.server_name)
        return issued[hello.server_name]

    server = tlsmith.Server(identity, on_hello=choose, alpn=["a"])
    client = client.replace(alpn=["a", "b"], trust=tlsmith.Trust.roots(ca) | client_trust(client))
    with open_pair(client, server) as (ours, _):
        assert (ours.peer, ours.info.alpn) == (identity.cert, "a")
    with open_pair(client, server, "b.example") as (ours, _):
        assert ours.peer == sites["b.example"].cert
        assert (ours.info.alpn, ours.info.version) == ("b", "1.2")
    for resumed in (False, True):
        with open_pair(client, server, "d.example") as (ours, theirs):
            assert ours.info.alpn == "a", "all else is as the server has it"
            assert ours.peer == issued["d.example"].cert
            assert ours.info.resumed is resumed
            theirs.sendall(b"tickets are read with this")
            ours.recv()
    assert made == ["d.example"]


def client_trust(client):
    return client._arguments["trust"]


def test_handshake_raises_exception_of_on_hello(client, identity):
    def fail(hello):
        raise LookupError(f"no {hello.server_name} here")

    server = tlsmith.Server(identity, on_hello=fail)
    error, alert = refusal(server, client)
    assert type(error) is LookupError and str(error) == "no localhost here"
    assert alert.alert == "unrecognized_name"


@pytest.mark.parametrize("nonsense", ["b.example", True, b"", 1.5, (None, None), object()])
def test_on_hello_returning_nonsense_raises_type_error(client, identity, nonsense):
    server = tlsmith.Server(identity, on_hello=lambda hello: nonsense)
    error, _ = refusal(server, client)
    assert type(error) is TypeError
    assert type(nonsense).__name__ in str(error)


def test_non_callable_callback_raises_type_error(identity):
    with pytest.raises(TypeError, match="on_hello"):
        tlsmith.Server(identity, on_hello="b.example")


def test_on_hello_gets_the_hello_of_ssl_client(ca, identity):
    heard = []

    def listen(hello):
        heard.append(hello)

    context = ssl_context(ssl.PROTOCOL_TLS_CLIENT, ca=ca)
    context.set_alpn_protocols(["h2", "http/1.1"])
    context.set_ciphers("ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384")
    near, far = socketpair()

    def talk():
        with context.wrap_socket(near, server_hostname="localhost") as tls:
            assert tls.recv(10) == b""

    with thread(talk):
        tlsmith.Server(identity, on_hello=listen, alpn=["h2"]).wrap(far).close()
    (hello,) = heard
    assert hello.server_name == "localhost"
    assert hello.alpn == ("h2", "http/1.1")
    assert hello.versions == ("1.3", "1.2")
    assert hello.ciphers[:3] == (
        "TLS_AES_256_GCM_SHA384",
        "TLS_CHACHA20_POLY1305_SHA256",
        "TLS_AES_128_GCM_SHA256",
    )
    assert "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256" in hello.ciphers
    assert {"x25519", "x448", "secp256r1"} <= set(hello.groups)
    assert "ecdsa_secp256r1_sha256" in hello.signature_schemes
    assert hello == tuple(hello), "it is a tuple with names"


def test_client_offers_its_configured_versions(client, identity):
    heard = []
    server = tlsmith.Server(identity, on_hello=heard.append)
    for settings, versions in (
        ({}, ("1.3", "1.2")),
        ({"min_version": "1.3"}, ("1.3",)),
        ({"max_version": "1.2"}, ("1.2",)),
    ):
        memory_pair(client.replace(**settings), server)
        assert heard.pop().versions == versions


def test_client_without_server_name_sends_no_sni(ca, identity):
    heard = []
    server = tlsmith.Server(identity, on_hello=heard.append)
    memory_pair(tlsmith.Client(trust=ca), server, "127.0.0.1")
    assert heard[0].server_name is None and heard[0].alpn == ()


def test_on_hello_is_called_once_per_client(client, identity):
    heard = []
    server = tlsmith.Server(identity, on_hello=heard.append)
    near, far = memory_pair(client, server, chunk=1)
    assert near.info.version == far.info.version == "1.3"
    assert len(heard) == 1
    assert heard[0].versions == ("1.3", "1.2")
