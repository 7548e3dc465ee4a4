"""Addresses with a zone, and names that no certificate can have."""

import asyncio
import socket
import warnings

import pytest
from conftest import PATIENCE, open_pair, refused, thread

import tlsmith
from tlsmith import aio

LOOPBACK = socket.if_nametoindex("lo")


def link_local():
    """An address of one link that this machine has, with the name of the link."""
    with open("/proc/net/if_inet6") as interfaces:
        for line in interfaces:
            digits, _index, _length, scope, _flags, name = line.split()
            if scope == "20":
                packed = bytes.fromhex(digits)
                return socket.inet_ntop(socket.AF_INET6, packed), name
    return None


# Zones.


@pytest.mark.parametrize("zone", ["in the host", "a number in the host", "in the tuple"])
def test_an_address_of_one_link_is_reached_by_its_zone(zone, ca):
    found = link_local()
    # Where there is none, the kernel takes the zone of the loopback address as well.
    host, link = found or ("::1", "lo")
    index = socket.if_nametoindex(link)
    if found is None and zone == "in the host":
        pytest.skip("only addresses of one link have zones with names")
    server, client = tlsmith.Server(ca.issue(host)), tlsmith.Client(trust=ca)

    def at(port):
        if zone == "in the tuple":
            return (host, port, 0, index)
        return (f"{host}%{link if zone == 'in the host' else index}", port)

    with server.listen(at(0)) as listener:
        with thread(lambda: listener.accept(handshake=True)) as accepting:
            ours = client.connect(at(listener.address[1]), timeout=PATIENCE)
        with ours, accepting.result[0] as theirs:
            assert ours.getpeername() == theirs.getsockname()
            assert theirs.info.server_name is None


def test_zone_is_not_part_of_the_verified_name(ca):
    site = ca.issue("fe80::1")
    server, client = tlsmith.Server(site), tlsmith.Client(trust=ca)
    with open_pair(client, server, "fe80::1%eth0") as (ours, theirs):
        assert ours.info.server_name == "fe80::1%eth0"
        assert theirs.info.server_name is None
    assert site.cert.matches("fe80::1%eth0")
    trust = tlsmith.Trust.roots(ca)
    assert trust.verify(site, hostname="fe80::1%eth0")[0] == site.cert
    with pytest.raises(tlsmith.VerifyError, match="'fe80::2'"):
        trust.verify(site, hostname="fe80::2%eth0")


def test_the_four_parts_of_an_address_are_those_of_getaddrinfo(client, server):
    with server.listen(("::1", 0, 0, LOOPBACK)) as listener:
        port = listener.address[1]
        found = socket.getaddrinfo(f"::1%{LOOPBACK}", port, type=socket.SOCK_STREAM)
        assert found[0][4] == ("::1", port, 0, LOOPBACK)
        for address in (found[0][4], ("::1", port, 0), listener.address):
            with thread(lambda: listener.accept(handshake=True)) as accepting:
                ours = client.connect(address, timeout=PATIENCE)
            with ours, accepting.result[0]:
                assert ours.getpeername()[:2] == ("::1", port)


def test_asyncio_connects_to_scoped_address(ca, identity):
    async def echo(reader, writer):
        writer.write(await reader.read(100))
        writer.close()

    async def main():
        address = ("::1", 0, 0, LOOPBACK)
        server = await aio.start_server(echo, address, tlsmith.Server(identity))
        async with server:
            port = server.sockets[0].getsockname()[1]
            reader, writer = await aio.open_connection(
                f"::1%{LOOPBACK}", port, client=tlsmith.Client(trust=ca)
            )
            writer.write(b"hello")
            assert await reader.read() == b"hello"
            writer.close()

    asyncio.run(asyncio.wait_for(main(), PATIENCE))


@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        (("::1", 1, 5), "has a flow label, which is not supported"),
        (("::1", 1, 5, 0), "has a flow label"),
        (("localhost", 1, 0, 1), "only IPv6 addresses have"),
        (("127.0.0.1", 1, 0, 1), "only IPv6 addresses have"),
        ((None, 1, 0, 1), "only IPv6 addresses have"),
    ],
)
def test_unsupported_address_part_is_rejected(client, server, address, sentence):
    for call in (client.connect, server.listen):
        with pytest.raises(tlsmith.ConfigError, match=sentence):
            call(address)
    for wrong in (("::1", 1, "x"), ("::1", 1, 0, None)):
        with pytest.raises(TypeError, match="must be ints"):
            client.connect(wrong)


# Names that no certificate can have.


def lenient(kind, identity):
    if kind == "pinned":
        return tlsmith.Client(trust=tlsmith.Trust.pinned(identity.cert))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", tlsmith.InsecureWarning)
        if kind == "insecure":
            return tlsmith.Client(trust=tlsmith.INSECURE)
        return tlsmith.Client(trust=identity._root, check_hostname=False)


@pytest.mark.parametrize("kind", ["insecure", "pinned", "no name"])
@pytest.mark.parametrize("name", ["a b", "host ", "-x.example", "a..example", "a_.example."])
def test_any_name_will_do_where_names_are_not_checked(kind, name, identity, server):
    with open_pair(lenient(kind, identity), server, name) as (ours, theirs):
        assert ours.info.server_name == name
        assert ours.peer == identity.cert
        if name != "a_.example.":
            assert theirs.info.server_name is None


def test_client_rejects_invalid_server_name(client):
    with pytest.raises(tlsmith.ConfigError, match="'a b'.* is not a DNS name or an address"):
        client.buffer("a b")


def test_pinned_certificate_does_not_relax_other_roots(ca, server):
    pinned = tlsmith.Trust.pinned(ca.issue("other.example").cert)
    error, _ = refused(tlsmith.Client(trust=pinned | ca), server, "a b")
    assert error.reason == "name_mismatch"
    assert "no certificate can have" in str(error)
