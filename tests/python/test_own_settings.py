"""Settings of one connection, in place of those of its Client or Server."""

import asyncio

import pytest
from conftest import exchange, memory_pair, open_pair, socketpair, thread

import tlsmith
from tlsmith import aio


@pytest.fixture
def guarded(ca, identity):
    """A server that requires client certificates."""
    return tlsmith.Server(identity, client_trust=ca, alpn=["h2", "imap"])


@pytest.fixture(scope="module")
def alice(ca):
    return ca.issue_client("alice@example.org")


@pytest.fixture(scope="module")
def bob(ca):
    return ca.issue_client("bob@example.org")


def connections(client, server, own, theirs):
    """Of every kind, each a pair after its handshake: without I/O, and over sockets."""
    near, far = client.buffer("localhost", **own), server.buffer(**theirs)
    exchange(near, far)
    yield near, far
    ours, peers = socketpair()
    with thread(lambda: server.wrap(peers, **theirs)) as accepting:
        tls = client.wrap(ours, "localhost", **own)
    with tls, accepting.result as accepted:
        yield tls, accepted
    with server.listen(("127.0.0.1", 0)) as listener:
        with thread(lambda: listener.accept(handshake=True, **theirs)) as accepting:
            tls = client.connect(listener.address, server_name="localhost", **own)
        with tls, accepting.result[0] as accepted:
            yield tls, accepted


def test_connection_offers_its_own_protocols(client, server):
    client, server = client.replace(alpn=["h3"]), server.replace(alpn=["h2", "pop3"])
    for own, theirs, agreed in (
        ({"alpn": ["h2"]}, {}, "h2"),
        ({"alpn": ("imap", "pop3")}, {"alpn": ["pop3"]}, "pop3"),
        ({"alpn": ()}, {}, None),
        ({"alpn": []}, {"alpn": ()}, None),
        ({}, {"alpn": ["h3"]}, "h3"),
    ):
        for near, far in connections(client, server, own, theirs):
            assert near.info.alpn == far.info.alpn == agreed
    # Both are as they were.
    near, _ = memory_pair(client, server)
    with pytest.raises(tlsmith.AlertError, match="no_application_protocol"):
        near.do_handshake()


def test_connection_presents_its_own_identity(client, guarded, ca, alice, bob):
    client = client.replace(identity=alice)
    other = ca.issue("localhost", "other.example")
    theirs = {"identity": other}
    for near, far in connections(client, guarded, {"identity": bob}, theirs):
        assert far.peer == bob.cert
        assert near.peer == other.cert
    near, far = memory_pair(client, guarded)
    assert (far.peer, near.peer) == (alice.cert, guarded._arguments["identity"].cert)


@pytest.mark.parametrize(
    ("sni", "requested"),
    [(None, "localhost"), (False, None), ("front.example", "front.example")],
)
def test_the_name_requested_is_apart_from_the_name_verified(client, server, sni, requested):
    for near, far in connections(client, server, {"sni": sni}, {}):
        assert far.info.server_name == requested
        assert near.peer.matches("localhost")


@pytest.mark.parametrize("sni", [False, "localhost", "front.example"])
def test_verified_name_is_server_name_not_sni(client, server, sni):
    near, far = client.buffer("wrong.example", sni=sni), server.buffer()
    exchange(near, far)
    with pytest.raises(tlsmith.VerifyError) as caught:
        near.do_handshake()
    assert (caught.value.reason, caught.value.hostname) == ("name_mismatch", "wrong.example")


def test_connect_function_takes_sni(ca, server):
    with server.listen(("127.0.0.1", 0)) as listener:
        with thread(lambda: listener.accept(handshake=True)) as accepting:
            host, port = listener.address
            tls = tlsmith.connect(host, port, trust=ca, sni="front.example")
        with tls, accepting.result[0] as accepted:
            assert accepted.info.server_name == "front.example"


WRONG_TYPES = [
    ({"alpn": "h2"}, "alpn must be"),
    ({"alpn": 5}, "alpn must be"),
    ({"alpn": [b"h2"]}, "each of alpn must be"),
    ({"identity": 5}, "identity must be"),
    ({"identity": "certs.pem"}, "identity must be"),
]
WRONG_NAMES = [({"sni": wrong}, "sni must be") for wrong in (True, 5, b"front.example", ["x"])]


@pytest.mark.parametrize(("own", "beginning"), WRONG_TYPES + WRONG_NAMES)
def test_wrap_with_wrong_types_keeps_the_socket(client, server, own, beginning):
    near, far = socketpair()
    calls = [
        lambda: client.buffer("localhost", **own),
        lambda: client.wrap(near, "localhost", **own),
        lambda: client.connect(("localhost", 1), **own),
    ]
    if "sni" not in own:
        with server.listen(("127.0.0.1", 0)) as listener:
            listener.settimeout(0)
            calls += [lambda: server.buffer(**own), lambda: server.wrap(far, **own)]
            calls.append(lambda: listener.accept(**own))
            for call in calls:
                with pytest.raises(TypeError) as caught:
                    call()
                assert str(caught.value).startswith(beginning)
    else:
        for call in calls:
            with pytest.raises(TypeError) as caught:
                call()
            assert str(caught.value).startswith(beginning)
    assert near.fileno() >= 0 and far.fileno() >= 0
    near.close()
    far.close()


@pytest.mark.parametrize(
    "own",
    [
        {"alpn": [""]},
        {"alpn": ["x" * 256]},
        {"alpn": ["x" * 255] * 300},
        {"sni": ""},
        {"sni": "127.0.0.1"},
        {"sni": "::1"},
        {"sni": "a b"},
        {"sni": "x..y"},
        {"sni": "x" * 300},
    ],
)
def test_settings_that_cannot_be_sent_are_refused(client, own):
    with pytest.raises(tlsmith.ConfigError):
        client.buffer("localhost", **own)


def test_an_identity_without_its_key_is_refused(client, server, ca):
    bare = ca.sign(tlsmith.CSR("localhost").pem)
    for make in (lambda **own: client.buffer("localhost", **own), server.buffer):
        with pytest.raises(tlsmith.Error, match="private key") as caught:
            make(identity=bare)
        assert caught.value.code == "state"


def test_sessions_are_of_the_identity_that_was_presented(client, guarded, alice, bob):
    client = client.replace(identity=alice)
    resumed = []
    for _ in range(2):
        for own in ({}, {"identity": bob}):
            near, peers = socketpair()
            with thread(lambda peers=peers: guarded.wrap(peers)) as accepting:
                tls = client.wrap(near, "localhost", **own)
            with tls, accepting.result as accepted:
                accepted.sendall(b"tickets come with this")
                tls.recv()
                assert accepted.peer == (bob if own else alice).cert
                resumed.append(tls.info.resumed)
    assert resumed == [False, False, True, True]


def test_streams_have_settings_of_their_own(client, guarded, alice, bob):
    async def main():
        met = asyncio.get_running_loop().create_future()

        def connected(reader, writer):
            connection = writer.get_extra_info("tlsmith")
            met.set_result((connection.peer, connection.info))
            writer.close()

        async with await aio.start_server(connected, ("127.0.0.1", 0), guarded) as listening:
            host, port = listening.sockets[0].getsockname()
            reader, writer = await aio.open_connection(
                host, port, client=client, sni="front.example", alpn=["imap"], identity=bob
            )
            peer, info = await met
            assert peer == bob.cert
            assert (info.server_name, info.alpn) == ("front.example", "imap")
            assert await reader.read() == b""
            writer.close()
            await writer.wait_closed()

    asyncio.run(asyncio.wait_for(main(), 30))


def test_streams_begin_tls_with_settings_of_their_own(client, server, ca):
    other = ca.issue("localhost", "other.example")

    async def main():
        met = asyncio.get_running_loop().create_future()

        async def serve(reader, writer):
            streams = await aio.start_tls(reader, writer, server, alpn=["pop3"], identity=other)
            met.set_result(streams[1].get_extra_info("tlsmith").info)
            streams[1].close()

        listening = await asyncio.start_server(serve, "127.0.0.1", 0)
        async with listening:
            plain = await asyncio.open_connection(*listening.sockets[0].getsockname())
            with pytest.raises(tlsmith.ConfigError, match="sni needs a Client"):
                await aio.start_tls(*plain, server, sni="front.example")
            _, writer = await aio.start_tls(
                *plain, client, server_name="localhost", sni=False, alpn=["pop3"]
            )
            connection = writer.get_extra_info("tlsmith")
            assert connection.peer == other.cert
            info = await met
            assert (info.alpn, info.server_name) == ("pop3", None)
            writer.close()
            await writer.wait_closed()

    asyncio.run(asyncio.wait_for(main(), 30))


def test_connection_without_options_uses_client_and_server_settings(client, server):
    with open_pair(client, server) as (near, far):
        assert far.info.server_name == "localhost"
        assert near.info.alpn is None
