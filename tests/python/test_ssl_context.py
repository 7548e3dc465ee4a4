"""tlsmith.ssl: assigning another context to a connection, as OpenSSL's
SSL_set_SSL_CTX() has it."""

import ssl

import pytest
from conftest import shake_hands, socketpair, ssl_context, thread

import tlsmith
import tlsmith.ssl


@pytest.fixture(scope="module")
def other_ca():
    return tlsmith.CA()


def client_context(module, ca, mode=ssl.CERT_REQUIRED):
    context = module.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = mode
    context.load_verify_locations(cadata=ca.cert.pem.decode())
    return context


def server_context(module, identity, ca=None, mode=ssl.CERT_NONE):
    context = module.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    identity.configure(context)
    context.verify_mode = mode
    if ca is not None:
        context.load_verify_locations(cadata=ca.cert.pem.decode())
    return context


class Pair:
    """A client and a server in memory."""

    def __init__(self, client, server, name="localhost"):
        self.bios = [ssl.MemoryBIO() for _ in range(4)]
        near_in, near_out, far_in, far_out = self.bios
        self.client = client.wrap_bio(near_in, near_out, server_hostname=name)
        self.server = server.wrap_bio(far_in, far_out, server_side=True)

    def step(self):
        """Whether both sides are done."""
        near_in, near_out, far_in, far_out = self.bios
        done = True
        for side in (self.client, self.server):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                done = False
            far_in.write(near_out.read())
            near_in.write(far_out.read())
        return done

    def outcome(self):
        """ "accepted", or the reason of the side that refuses."""
        try:
            for _ in range(6):
                if self.step():
                    return "accepted"
        except ssl.SSLError as error:
            return getattr(error, "verify_code", error.reason)
        raise AssertionError("the handshake does not end")


MODULES = {"ssl": ssl, "tlsmith.ssl": tlsmith.ssl}
MODES = [ssl.CERT_NONE, ssl.CERT_REQUIRED]


@pytest.mark.parametrize("after", MODES)
@pytest.mark.parametrize("before", MODES)
@pytest.mark.parametrize("trusts", ["before", "after"])
def test_clients_verify_by_the_assigned_roots(ca, other_ca, identity, trusts, before, after):
    """Table of verify_mode of both contexts; tlsmith is stricter in one case."""
    outcomes = {}
    for name, module in MODULES.items():
        first, second = (ca, other_ca) if trusts == "before" else (other_ca, ca)
        pair = Pair(client_context(module, first, before), server_context(ssl, identity))
        pair.client.context = client_context(module, second, after)
        outcomes[name] = pair.outcome()
    is_stricter = (before, after) == (ssl.CERT_NONE, ssl.CERT_REQUIRED)
    if is_stricter and trusts == "before":
        # OpenSSL goes on without verification, although the context asks for it.
        assert outcomes == {"ssl": "accepted", "tlsmith.ssl": 20}
    else:
        assert outcomes["ssl"] == outcomes["tlsmith.ssl"]
    verifies = ssl.CERT_REQUIRED in (before, after)
    refuses = trusts == "before" and verifies
    assert outcomes["tlsmith.ssl"] == (20 if refuses else "accepted")


@pytest.mark.parametrize("place", ["before the handshake", "in the SNI callback"])
@pytest.mark.parametrize("after", MODES)
@pytest.mark.parametrize("before", MODES)
@pytest.mark.parametrize("trusts", ["before", "after"])
def test_servers_verify_by_the_assigned_roots(ca, other_ca, identity, trusts, before, after, place):
    outcomes = {}
    alice = ca.issue_client("alice@example.org")
    for name, module in MODULES.items():
        first, second = (ca, other_ca) if trusts == "before" else (other_ca, ca)
        client = client_context(ssl, ca)
        alice.configure(client)
        serving = server_context(module, identity, first, before)
        assigned = server_context(module, identity, second, after)
        if place == "in the SNI callback":
            serving.sni_callback = lambda sock, *_, to=assigned: setattr(sock, "context", to)
            pair = Pair(client, serving)
        else:
            pair = Pair(client, serving)
            pair.server.context = assigned
        outcomes[name] = pair.outcome()
        assert pair.server.context is assigned
    is_stricter = (before, after) == (ssl.CERT_NONE, ssl.CERT_REQUIRED)
    if is_stricter and trusts == "before":
        assert outcomes["ssl"] == "accepted"
    else:
        assert outcomes["ssl"] == outcomes["tlsmith.ssl"]
    verifies = ssl.CERT_REQUIRED in (before, after)
    refuses = trusts == "before" and verifies
    # The client sends its root, too.
    assert outcomes["tlsmith.ssl"] == (19 if refuses else "accepted")


@pytest.mark.parametrize("place", ["before the handshake", "in the SNI callback"])
def test_context_switch_changes_the_same_settings_as_ssl(ca, identity, place):
    seen = {}
    second = ca.issue("localhost", "second.example")
    for name, module in MODULES.items():
        client = client_context(ssl, ca)
        client.set_alpn_protocols(["one", "two"])
        serving = server_context(module, identity)
        serving.maximum_version = ssl.TLSVersion.TLSv1_2
        serving.set_alpn_protocols(["one"])
        serving.set_ciphers("ECDHE+AES256+AESGCM")
        assigned = server_context(module, second)
        assigned.set_alpn_protocols(["two"])
        assigned.set_ciphers("ECDHE+CHACHA20")
        if place == "in the SNI callback":
            serving.sni_callback = lambda sock, *_, to=assigned: setattr(sock, "context", to)
            pair = Pair(client, serving)
        else:
            pair = Pair(client, serving)
            pair.server.context = assigned
        assert pair.outcome() == "accepted"
        near = pair.client
        seen[name] = (
            near.getpeercert(True) == second.cert.der,
            near.version(),
            near.cipher()[0],
            near.selected_alpn_protocol(),
        )
    assert seen["ssl"] == seen["tlsmith.ssl"]
    assert seen["ssl"] == (True, "TLSv1.2", "ECDHE-ECDSA-CHACHA20-POLY1305", "two")


def test_an_assigned_crl_is_checked(tmp_path):
    ca = tlsmith.CA()
    crl = tmp_path / "crl.pem"
    revoked = ca.issue("localhost")
    ca.revoke(revoked).crl().save(crl)
    for module in MODULES.values():
        checking = client_context(module, ca)
        checking.verify_flags |= ssl.VERIFY_CRL_CHECK_LEAF
        checking.load_verify_locations(crl)
        plain = client_context(module, ca)
        plain.verify_flags |= ssl.VERIFY_CRL_CHECK_LEAF
        pair = Pair(plain, server_context(ssl, revoked))
        pair.client.context = checking
        assert pair.outcome() == 23
    # OpenSSL keeps the flags of the first context, tlsmith checks what either asks for.
    plain = client_context(tlsmith.ssl, ca)
    pair = Pair(plain, server_context(ssl, revoked))
    pair.client.context = checking
    assert pair.outcome() == 23


def test_names_are_checked_if_either_context_does(ca, identity):
    lax = client_context(tlsmith.ssl, ca)
    strict = client_context(tlsmith.ssl, ca)
    strict.check_hostname = True
    for first, second in ((lax, strict), (strict, lax)):
        pair = Pair(first, server_context(ssl, identity), "other.example")
        pair.client.context = second
        assert pair.outcome() == 62
    pair = Pair(lax, server_context(ssl, identity), None)
    with pytest.raises(ValueError, match="check_hostname requires server_hostname"):
        pair.client.context = strict
    assert pair.client.context is lax


def test_sockets_switch_before_the_handshake(ca, other_ca, context, serving):
    near, far = socketpair()
    sock = context.wrap_socket(near, server_hostname="localhost", do_handshake_on_connect=False)
    stranger = tlsmith.ssl.create_default_context(cadata=other_ca.cert.pem.decode())
    sock.context = stranger
    assert sock.context is sock._sslobj.context is stranger

    def serve():
        with pytest.raises(OSError):
            serving.wrap_socket(far, server_side=True)

    with thread(serve), pytest.raises(ssl.SSLCertVerificationError):
        sock.do_handshake()
    sock.close()


def test_a_socket_that_is_not_connected_takes_a_context(ca, other_ca, context, serving):
    import socket

    with socket.create_server(("127.0.0.1", 0)) as listener:
        listening = server_context(tlsmith.ssl, other_ca.issue("localhost")).wrap_socket(
            listener, server_side=True
        )
        listening.context = serving

        def serve():
            sock, _ = listening.accept()
            sock.close()

        stranger = tlsmith.ssl.create_default_context(cadata=other_ca.cert.pem.decode())
        sock = stranger.wrap_socket(socket.socket(), server_hostname="localhost")
        with pytest.raises(TypeError):
            sock.context = ssl.create_default_context()
        sock.context = context
        with thread(serve), sock:
            sock.connect(listening.getsockname())
            assert sock.context is context
        listening.close()


def test_a_handshake_that_has_begun_keeps_its_context(ca, other_ca, identity):
    pair = Pair(client_context(tlsmith.ssl, ca), server_context(tlsmith.ssl, identity))
    before = pair.client.context, pair.server.context
    assert not pair.step()
    with pytest.raises(NotImplementedError, match="before"):
        pair.client.context = client_context(tlsmith.ssl, other_ca)
    assert (pair.client.context, pair.server.context) == before
    assert pair.outcome() == "accepted"


def test_after_the_handshake_only_the_attribute_changes(ca, other_ca, context, serving):
    unverified = client_context(tlsmith.ssl, ca, ssl.CERT_NONE)
    for first, certificate in ((context, True), (unverified, False)):
        client, server = shake_hands(first, serving)
        other = tlsmith.ssl.create_default_context(cadata=other_ca.cert.pem.decode())
        with client, server:
            client.context = server.context = other
            assert client.context is client._sslobj.context is server.context is other
            server.sendall(b"x")
            assert client.recv(1) == b"x"
            # What was not verified does not look verified now.
            assert bool(client.getpeercert()) is certificate


def test_foreign_context_is_rejected(context, serving):
    client, server = shake_hands(context, serving)
    with client, server:
        for other in (None, 3, ssl.create_default_context()):
            with pytest.raises(TypeError):
                client.context = other
            assert client.context is context


def test_given_session_must_belong_to_the_context(ca, context, identity):
    serving = ssl_context(ssl.PROTOCOL_TLS_SERVER, identity, version=ssl.TLSVersion.TLSv1_2)
    client, server = shake_hands(context, serving)
    with client, server:
        session = client.session
    ours = context.wrap_bio(
        ssl.MemoryBIO(), ssl.MemoryBIO(), server_hostname="localhost", session=session
    )
    with pytest.raises(ValueError, match="Session refers to a different SSLContext"):
        ours.context = tlsmith.ssl.create_default_context()
    assert ours.context is context
    ours.context = context


def test_an_assigned_context_resumes_nothing_that_other_roots_verified(ca, other_ca, serving):
    trusting = client_context(tlsmith.ssl, ca)
    pair = Pair(trusting, serving)
    assert pair.outcome() == "accepted"
    pair.server.write(b"x")
    pair.step()
    assert pair.client.read(1) == b"x"
    pair = Pair(trusting, serving)
    pair.client.context = client_context(tlsmith.ssl, other_ca)
    assert pair.outcome() == 20


def test_sni_callback_of_assigned_context_is_called(ca, identity):
    asked = {}
    for name, module in MODULES.items():
        heard = asked[name] = []
        for own in (True, False):
            first, second = (server_context(module, identity) for _ in range(2))
            names = {id(first): "first", id(second): "second"}

            def note(_sock, server_name, context, names=names, heard=heard):
                heard.append((server_name, names[id(context)]))

            first.sni_callback = note
            if own:
                second.sni_callback = note
            pair = Pair(client_context(ssl, ca), first)
            pair.server.context = second
            assert pair.outcome() == "accepted"
    assert asked["ssl"] == asked["tlsmith.ssl"]
    assert asked["ssl"] == [("localhost", "second"), ("localhost", "first")]


def test_switching_again_and_again_makes_no_new_contexts(ca, identity):
    serving, other = (server_context(tlsmith.ssl, identity) for _ in range(2))
    serving.sni_callback = lambda sock, *_: setattr(sock, "context", other)
    natives = set()
    for _ in range(3):
        pair = Pair(client_context(ssl, ca), serving)
        assert pair.outcome() == "accepted"
        natives.add(pair.server._sslobj._native)
    assert len(natives) == 1
    other.set_alpn_protocols(["new"])
    pair = Pair(client_context(ssl, ca), serving)
    assert pair.outcome() == "accepted"
    assert pair.server._sslobj._native not in natives


def test_two_sets_of_pins_cannot_both_hold(ca, serving):
    pins = [tlsmith.Pin.spki(bytes([number] * 32)) for number in range(2)]
    first, second = (tlsmith.Client(trust=ca, pins=[pin]).ssl_context() for pin in pins)
    pair = Pair(first, serving)
    with pytest.raises(NotImplementedError, match="pin"):
        pair.client.context = second
    pair.client.context = tlsmith.Client(trust=ca).ssl_context()
    assert pair.outcome() != "accepted"
