"""Clients that a server accepts though their certificates fail verification."""

import asyncio
import ssl
import warnings

import pytest
from conftest import exchange, memory_pair, refused, shake_hands

import tlsmith
import tlsmith.ssl
from tlsmith import aio

VERSIONS = ["1.2", "1.3"]


@pytest.fixture(scope="module")
def mallory():
    return tlsmith.CA(name="Elsewhere CA").issue_client("mallory@example.org")


@pytest.fixture(scope="module")
def alice(ca):
    return ca.issue_client("alice@example.org")


def lenient(identity, **more):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", tlsmith.InsecureWarning)
        return tlsmith.Server(identity, insecure_allow_unverified_clients=True, **more)


def meet(client, server):
    """Both ends after a handshake and a byte each way, with which the tickets come."""
    near, far = memory_pair(client, server)
    for one, other in ((near, far), (far, near)):
        one.write(b"x")
        exchange(one, other)
        assert other.read() == b"x"
    return near, far


@pytest.mark.parametrize("version", VERSIONS)
def test_an_unverified_client_is_accepted_with_its_reason(ca, identity, mallory, version):
    client = tlsmith.Client(trust=ca, identity=mallory, max_version=version)
    server = lenient(identity, client_trust=ca)
    for _ in range(2):
        near, far = meet(client, server)
        error = far.verify_error
        assert isinstance(error, tlsmith.VerifyError)
        assert error.code == far.verify_status == "verify.unknown_issuer"
        assert error.reason == "unknown_issuer"
        assert "mallory@example.org" in str(error)
        assert error.chain == far.peer_chain == mallory.chain
        assert far.peer == mallory.cert and far.verified_chain == ()
        assert f"Verification:        FAILED: {error}" in far.report()
        assert near.tickets == () and not near.info.resumed
        assert near.verify_error is None and near.verify_status is None


@pytest.mark.parametrize("version", VERSIONS)
def test_verify_error_equals_the_rejecting_error(ca, identity, version):
    old = tlsmith.CA(valid="-3d..100d")
    expired = old.issue_client("a@b.example", valid="-2d..-1d")
    own = tlsmith.CA()
    revoked = own.issue_client("a@b.example")
    own.revoke(revoked)
    cases = [
        (expired, old, "expired"),
        (ca.issue("localhost"), ca, "wrong_usage"),
        (revoked, tlsmith.Trust.roots(own).with_crls(own.crl()), "revoked"),
    ]
    for who, trust, reason in cases:
        client = tlsmith.Client(trust=ca, identity=who, max_version=version)
        strict = tlsmith.Server(identity, client_trust=trust, client_auth="optional")
        refusal = refused(client, strict)[1]
        far = meet(client, lenient(identity, client_trust=trust))[1]
        assert far.verify_error.reason == refusal.reason == reason
        assert str(far.verify_error) == str(refusal)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_verified_client_stays_verified(ca, identity, alice, version):
    client = tlsmith.Client(trust=ca, identity=alice, max_version=version)
    server = lenient(identity, client_trust=ca)
    for resumed in (False, True):
        far = meet(client, server)[1]
        assert far.info.resumed is resumed
        assert far.verify_error is None and far.verify_status is None
        assert bool(far.verified_chain) is not resumed


@pytest.mark.parametrize("version", VERSIONS)
def test_a_client_without_a_certificate_is_not_verified(ca, identity, version):
    client = tlsmith.Client(trust=ca, max_version=version)
    near, far = meet(client, lenient(identity))
    assert near.certificate_requested and far.peer is None
    assert far.verify_status == far.verify_error.code == "verify.missing"
    required = lenient(identity, client_auth="required")
    assert refused(client, required)[1].code == "verify.missing"


def test_insecure_trust_verifies_no_peer(identity, mallory):
    with pytest.warns(tlsmith.InsecureWarning):
        client = tlsmith.Client(trust=tlsmith.INSECURE, identity=mallory)
    with pytest.warns(tlsmith.InsecureWarning):
        server = tlsmith.Server(identity, client_trust=tlsmith.INSECURE)
    for resumed in (False, True):
        for end in meet(client, server):
            assert end.info.resumed is resumed
            assert end.verify_status == "verify.other"
            assert "insecure_no_verify" in str(end.verify_error)


def test_peer_is_not_verified_before_the_handshake(identity):
    with pytest.raises(tlsmith.Error) as caught:
        _ = lenient(identity).buffer().verify_error
    assert caught.value.code == "state"
    with pytest.raises(tlsmith.Error) as caught:
        _ = lenient(identity).buffer().verify_status
    assert caught.value.code == "state"


def test_the_server_warns_and_refuses_what_contradicts(ca, identity):
    with pytest.warns(tlsmith.InsecureWarning, match="an attacker may be the peer"):
        server = tlsmith.Server(identity, insecure_allow_unverified_clients=True)
    with pytest.warns(tlsmith.InsecureWarning):
        server = server.replace(client_trust=ca)
    with pytest.raises(tlsmith.ConfigError, match="no client certificate"):
        server.replace(client_auth="none")


# As the standard library shows it.


@pytest.mark.parametrize("version", VERSIONS)
def test_getpeercert_hides_unverified_client_certificate(ca, identity, mallory, alice, version):
    serving = lenient(identity, client_trust=ca).ssl_context()
    assert serving.verify_mode == ssl.CERT_OPTIONAL
    for who, verified in ((mallory, False), (alice, True)):
        client = tlsmith.Client(trust=ca, identity=who, max_version=version).ssl_context()
        near, far = shake_hands(client, serving)
        with near, far:
            assert far.getpeercert(True) == (who.cert.der if verified else None)
            sent = [one.public_bytes(2) for one in far._sslobj.get_unverified_chain()]
            assert sent == [one.der for one in who.chain]
            assert bool(far.getpeercert()) is verified
            assert bool(far._sslobj.get_verified_chain()) is verified
            assert near.getpeercert()["subjectAltName"][0] == ("DNS", "localhost")
    # Without asking, there is nothing to be lenient about.
    serving.verify_mode = ssl.CERT_NONE
    near, far = shake_hands(client, serving)
    with near, far:
        assert far.getpeercert(True) is None


def test_a_switch_to_a_stricter_context_refuses_unverified_clients(ca, identity, mallory):
    client = tlsmith.Client(trust=ca, identity=mallory).ssl_context()
    contexts = [
        lenient(identity, client_trust=ca).ssl_context(),
        tlsmith.Server(identity, client_trust=ca, client_auth="optional").ssl_context(),
    ]
    for first, second in (contexts, contexts[::-1]):
        first.sni_callback = lambda sock, name, context, to=second: setattr(sock, "context", to)
        with pytest.raises(ssl.SSLError, match="mallory"):
            shake_hands(client, first)


@pytest.mark.parametrize("selects", [False, True])
def test_asyncio_hides_unverified_client_certificate(ca, identity, mallory, selects):
    seen = []

    async def note(_reader, writer):
        seen.append(
            (
                writer.get_extra_info("peercert"),
                writer.get_extra_info("ssl_object").getpeercert(True),
                writer.get_extra_info("tlsmith").verify_status,
            )
        )
        writer.close()
        await writer.wait_closed()

    server = lenient(identity, client_trust=ca)
    if selects:
        chosen = server
        server = tlsmith.Server(identity, on_hello=lambda _hello: chosen)

    async def main():
        listening = await aio.start_server(note, ("127.0.0.1", 0), server)
        async with asyncio.timeout(30), listening:
            address = listening.sockets[0].getsockname()
            client = tlsmith.Client(trust=ca, identity=mallory)
            reader, writer = await aio.open_connection(
                *address, client=client, server_name="localhost"
            )
            assert await reader.read() == b""
            writer.close()

    asyncio.run(main())
    assert seen == [({}, None, "verify.unknown_issuer")]
