"""Sessions of tlsmith.ssl: those that a context resumes by itself, and those that a
program has in hand, as with the standard library."""

import asyncio
import contextlib
import ssl

import pytest
from conftest import shake_hands, socketpair, ssl_context, thread

import tlsmith
import tlsmith.ssl
from tlsmith.ssl import _settings

VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]


@pytest.fixture(params=VERSIONS, ids=lambda version: version.name)
def theirs(request, identity):
    """A server of OpenSSL."""
    return ssl_context(ssl.PROTOCOL_TLS_SERVER, identity, version=request.param)


def meet(context, server, session=None, name="localhost"):
    """Whether both sides resumed, and the session that the client has then."""
    near, far = socketpair()
    with thread(lambda: server.wrap_socket(far, server_side=True)) as accepting:
        client = context.wrap_socket(near, server_hostname=name, session=session)
    with client, accepting.result as peer:
        peer.sendall(b"x")
        assert client.recv(1) == b"x"
        assert client.session_reused is peer.session_reused
        return client.session_reused, client.session


def is_resumed(context, server):
    """The same of a client that never asks for its session."""
    client, peer = shake_hands(context, server)
    with client, peer:
        peer.sendall(b"x")
        assert client.recv(1) == b"x"
        return client.session_reused


# By itself.


def test_sessions_outlive_setters_that_change_nothing(ca, context, serving):
    assert not is_resumed(context, serving)
    pem = ca.cert.pem.decode()
    for _ in range(2):
        context.verify_mode = ssl.CERT_REQUIRED
        context.set_alpn_protocols([])
        context.load_verify_locations(cadata=pem)
        assert is_resumed(context, serving)
    assert context.session_stats()["hits"] == 2


def test_stricter_context_does_not_resume_laxer_session(context, serving):
    context.check_hostname = False
    assert not is_resumed(context, serving)
    assert is_resumed(context, serving)
    context.check_hostname = True
    assert not is_resumed(context, serving)


def test_context_without_resumption_resumes_given_session(ca, serving):
    context = tlsmith.Client(trust=ca, resume=False).ssl_context()
    assert [is_resumed(context, serving) for _ in range(2)] == [False, False]
    _, session = meet(context, serving)
    assert meet(context, serving, session)[0]


# Many contexts that are set up alike, as requests and urllib3 make them.


def alike(ca):
    return tlsmith.ssl.create_default_context(cadata=ca.cert.pem.decode())


def refuses(context, server):
    near, far = socketpair()
    with thread(lambda: pytest.raises(OSError, server.wrap_socket, far, server_side=True)):
        with pytest.raises(ssl.SSLCertVerificationError):
            context.wrap_socket(near, server_hostname="localhost")
    return True


def test_equal_contexts_share_native_context(ca, context):
    assert alike(ca)._native(False) is context._native(False)


def load_crl(ca, context):
    context.verify_flags |= ssl.VERIFY_CRL_CHECK_LEAF
    context.load_verify_locations(cadata=ca.crl().pem.decode())


OTHER_SETTINGS = {
    "check_hostname": lambda context, *_: setattr(context, "check_hostname", False),
    "common names": lambda context, *_: setattr(context, "hostname_checks_common_name", False),
    "crls": lambda context, ca, *_: load_crl(ca, context),
    "roots": lambda context, *_: tlsmith.CA().trust(context),
    "version": lambda context, *_: setattr(context, "maximum_version", ssl.TLSVersion.TLSv1_2),
    "truncation": lambda context, *_: setattr(
        context, "options", context.options | ssl.OP_IGNORE_UNEXPECTED_EOF
    ),
    "ciphers": lambda context, *_: context.set_ciphers("ECDHE+AESGCM"),
    "groups": lambda context, *_: context.set_ecdh_curve("prime256v1"),
    "alpn": lambda context, *_: context.set_alpn_protocols(["h2"]),
}
"""Each makes something different of a context."""


@pytest.mark.parametrize("change", OTHER_SETTINGS.values(), ids=OTHER_SETTINGS)
def test_different_settings_have_separate_native_contexts(ca, context, change):
    before = context._native(False)
    changed = alike(ca)
    assert changed._native(False) is before
    change(changed, ca)
    assert changed._native(False) is not before
    assert context._native(False) is before
    assert alike(ca)._native(False) is before


def test_unverified_context_is_not_shared_with_verified_one(ca, context):
    changed = alike(ca)
    changed.check_hostname = False
    half = changed._native(False)
    changed.verify_mode = ssl.CERT_NONE
    assert len({changed._native(False), half, context._native(False)}) == 3


def test_identities_functions_and_files_are_never_shared(ca, identity, tmp_path):
    def with_keylog():
        context = alike(ca)
        context.keylog_filename = tmp_path / "keys"
        return context

    def with_identity():
        context = alike(ca)
        identity.configure(context)
        return context

    client = tlsmith.Client(trust=ca, now=lambda: None)
    for make in (with_keylog, with_identity, client.ssl_context):
        assert make()._native(False) is not make()._native(False)


def test_servers_share_nothing():
    first, second = (tlsmith.ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER) for _ in range(2))
    assert first._native(True) is not second._native(True)


def test_a_new_context_has_the_server_verified_again(ca, serving):
    for _ in range(2):
        context = alike(ca)
        assert [is_resumed(context, serving) for _ in range(2)] == [False, True]


def test_changing_a_context_changes_no_other(ca, context, serving):
    assert not is_resumed(context, serving)
    strange = tlsmith.ssl.create_default_context(cadata=tlsmith.CA().cert.pem.decode())
    assert refuses(strange, serving)
    strange.check_hostname = False
    strange.verify_mode = ssl.CERT_NONE
    assert not is_resumed(strange, serving)
    strange.verify_mode = ssl.CERT_REQUIRED
    assert refuses(strange, serving)
    assert is_resumed(context, serving)


def test_contexts_that_are_alike_are_found_by_many_threads(ca):
    wanted = []

    def make():
        for number in range(40):
            context = alike(ca)
            context.set_alpn_protocols([f"protocol {number}"])
            wanted.append(context._native(False))

    with contextlib.ExitStack() as stack:
        for _ in range(4):
            stack.enter_context(thread(make))
    assert len(wanted) == 160
    assert len(_settings._shared) <= _settings._MAX_SHARED


# By the program.


def test_context_resumes_only_the_given_session(context, theirs):
    resumed, session = meet(context, theirs)
    assert not resumed
    for _ in range(5):
        resumed, again = meet(context, theirs, session)
        assert resumed
        assert again == session and again is not session
        assert again.time == session.time
    resumed, other = meet(context, theirs)
    assert not resumed
    assert other != session
    assert meet(context, theirs, session)[0]
    assert meet(context, theirs, other)[0]


def test_context_resumes_nothing_automatically_after_session_is_read(context, theirs):
    assert not is_resumed(context, theirs)
    resumed, session = meet(context, theirs)
    assert resumed, "by itself"
    assert [is_resumed(context, theirs) for _ in range(2)] == [False, False]
    assert meet(context, theirs, session)[0]


def test_session_has_its_parameters(context, theirs):
    near, far = socketpair()
    with thread(lambda: theirs.wrap_socket(far, server_side=True)) as accepting:
        client = context.wrap_socket(near, server_hostname="localhost")
    with client, accepting.result as peer:
        session = client.session
        assert session == client.session
        peer.sendall(b"x")
        client.recv(1)
        # In TLS 1.3 tickets come after the handshake.
        assert session.has_ticket
        assert session.ticket_lifetime_hint == session.timeout == 7200
        assert len(session.id) == 32
        assert session.time > 1_700_000_000
        assert session != "a session"
        with pytest.raises(TypeError, match="unhashable"):
            hash(session)


def test_a_session_without_a_ticket_is_resumed_where_the_server_keeps_it(context, identity):
    server = tlsmith.ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    identity.configure(server)
    server.maximum_version = ssl.TLSVersion.TLSv1_2
    server.options |= ssl.OP_NO_TICKET
    _, session = meet(context, server)
    assert not session.has_ticket
    assert session.timeout == 7200
    assert meet(context, server, session)[0]


def test_unknown_session_causes_full_handshake(context, theirs, serving):
    _, session = meet(context, theirs)
    resumed, other = meet(context, serving, session)
    assert not resumed
    assert other != session


def test_a_session_is_given_until_the_handshake_begins(context, theirs):
    _, session = meet(context, theirs)
    near, far = socketpair()
    client = context.wrap_socket(near, server_hostname="localhost", do_handshake_on_connect=False)
    assert client.session is None
    client.session = session
    assert client.session is session
    with thread(lambda: theirs.wrap_socket(far, server_side=True)) as accepting:
        client.do_handshake()
    with client, accepting.result:
        assert client.session_reused
        assert client.session == session
        with pytest.raises(ValueError, match="^Cannot set session after handshake"):
            client.session = session


def test_a_session_is_given_to_an_object_without_a_socket(context, serving):
    _, session = meet(context, serving)
    for later in (False, True):
        ways = ssl.MemoryBIO(), ssl.MemoryBIO()
        given = None if later else session
        client = context.wrap_bio(*ways, server_hostname="localhost", session=given)
        if later:
            client.session = session
        server = serving.wrap_bio(*reversed(ways), server_side=True)
        finish(client, server)
        assert client.session_reused and server.session_reused


def finish(*sides):
    """Has both sides complete the handshake, in turn."""
    left = list(sides)
    while left:
        for side in list(left):
            try:
                side.do_handshake()
                left.remove(side)
            except ssl.SSLWantReadError:
                pass


def test_a_handshake_that_has_begun_takes_no_session(context, serving):
    _, session = meet(context, serving)
    client = context.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_hostname="localhost")
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    with pytest.raises(ValueError, match="^Cannot set session after handshake"):
        client.session = session


def test_a_session_that_does_not_fit_is_refused(ca, context, serving):
    def begin(session, name="localhost", context=context):
        ways = ssl.MemoryBIO(), ssl.MemoryBIO()
        context.wrap_bio(*ways, server_hostname=name, session=session)

    _, session = meet(context, serving)
    with pytest.raises(TypeError, match="Value is not a SSLSession"):
        begin("a session")
    with pytest.raises(ValueError, match="Session refers to a different SSLContext"):
        begin(session, context=tlsmith.ssl.create_default_context(cadata=ca.cert.pem.decode()))
    with pytest.raises(ValueError, match="'localhost', and this one is to '127.0.0.1'"):
        begin(session, "127.0.0.1")
    context.check_hostname = False
    with pytest.raises(ValueError, match="other settings"):
        begin(session)
    context.check_hostname = True
    begin(session)


def test_a_session_of_a_server_resumes_nothing(context, serving):
    client, server = shake_hands(context, serving)
    with client, server:
        session = server.session
        assert not session.has_ticket
        with pytest.raises(ValueError, match="Cannot set session for server-side"):
            server.session = session
    with pytest.raises(ValueError, match="Session refers to a different SSLContext"):
        meet(context, serving, session)


def test_asyncio_resumes_automatically(context, theirs):
    async def talk():
        async def answer(_reader, writer):
            writer.write(b"x")
            await writer.drain()
            writer.close()

        server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=theirs)
        port = server.sockets[0].getsockname()[1]
        resumed = []
        async with server:
            for _ in range(3):
                reader, writer = await asyncio.open_connection(
                    "127.0.0.1", port, ssl=context, server_hostname="localhost"
                )
                assert await reader.read() == b"x"
                resumed.append(writer.get_extra_info("ssl_object").session_reused)
                writer.close()
                await writer.wait_closed()
        return resumed

    assert asyncio.run(talk()) == [False, True, True]
